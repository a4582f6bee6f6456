//! The rules: value, first and second derivative of each function, as one branch-free formula.

pub(super) mod gated;
pub(super) mod hyperbolic;
pub(super) mod piecewise;
pub(super) mod powers;
pub(super) mod saturating;
pub(super) mod trigonometric;

use super::real::{Arithmetic, Real};

/// One elementwise function with its parameters.
pub(super) trait Rule: Copy {
    /// Beyond this magnitude [`far`](Self::far) is asked instead of [`at`](Self::at).
    const REACH: f64 = f64::INFINITY;

    /// `[σ(z), σ'(z), σ''(z)]`; what the caller does not read is not computed.
    fn at<R: Real>(self, z: R) -> [R; 3];

    /// The same, outside of the reach of the vectorized formula.
    fn far(self, z: f64) -> [f64; 3] {
        self.at(z)
    }
}

/// A rule whose every step is arithmetic, which several numbers can take together.
pub(super) trait Formula: Copy {
    /// As [`Rule::at`].
    fn of<A: Arithmetic>(self, z: A) -> [A; 3];
}

impl<F: Formula> Rule for F {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        self.of(z)
    }
}
