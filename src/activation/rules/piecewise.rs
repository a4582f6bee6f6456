//! Functions with a kink, and the identity.

use super::Rule;
use crate::activation::elementary::exp_and_expm1;
use crate::activation::real::Real;

/// `z`.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Identity;

impl Rule for Identity {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        [z, R::of(1.0), R::of(0.0)]
    }
}

/// `max(z, 0)`, with σ'(0) = 0.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Relu;

impl Rule for Relu {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, one) = (R::of(0.0), R::of(1.0));
        [z.at_least(zero), if z > zero { one } else { zero }, zero]
    }
}

/// `z` for `z > 0`, else `alpha z`.
#[derive(Clone, Copy)]
pub(in crate::activation) struct LeakyRelu {
    pub alpha: f64,
}

impl Rule for LeakyRelu {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, one, alpha) = (R::of(0.0), R::of(1.0), R::of(self.alpha));
        let slope = if z > zero { one } else { alpha };
        [slope * z, slope, zero]
    }
}

/// `|z|`, with σ'(0) = 0.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Abs;

impl Rule for Abs {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, one) = (R::of(0.0), R::of(1.0));
        [z.abs(), if z == zero { zero } else { one.copysign(z) }, zero]
    }
}

/// ELU and SELU: `scale z` for `z > 0`, else `factor (e^z - 1)`; at 0 the values from the left.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Elu {
    pub scale: f64,
    pub factor: f64,
}

impl Rule for Elu {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, scale, factor) = (R::of(0.0), R::of(self.scale), R::of(self.factor));
        let positive = z > zero;
        // On the right, where the result is not read, -|z| keeps it from overflowing.
        let [e, m] = exp_and_expm1(-z.abs());
        [
            if positive { scale * z } else { factor * m },
            if positive { scale } else { factor * e },
            if positive { zero } else { factor * e },
        ]
    }
}

/// `z` for `z > 0`, else `alpha (e^(z/alpha) - 1)`; at 0 the values from the left.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Celu {
    pub alpha: f64,
}

impl Rule for Celu {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, one, alpha) = (R::of(0.0), R::of(1.0), R::of(self.alpha));
        let positive = z > zero;
        // x = z / alpha and its rounding error, which matters where x is large: e^x (1 + rest).
        let left = -z.abs().at_most(R::of(1e3) * alpha.abs());
        let x = left / alpha;
        let rest = (-x).mul_add(alpha, left) * (one / alpha);
        let [e, m] = exp_and_expm1(x);
        // Only a negative alpha makes e large; then e - 1 = e, and the formulas have ∞ - ∞ and 0 · ∞.
        let huge = e > R::of(1e20);
        let (e, m) = if huge { (e, e) } else { (rest.mul_add(e, e), rest.mul_add(e, m)) };
        [if positive { z } else { alpha * m }, if positive { one } else { e }, if positive { zero } else { e / alpha }]
    }
}

/// `z / (1 + |z|)`, with σ''(0) = 0, the middle of +2 (from the left) and -2.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Softsign;

impl Rule for Softsign {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, one) = (R::of(0.0), R::of(1.0));
        let denominator = one + z.abs();
        let inverse = one / denominator;
        let first = inverse * inverse;
        let curve = (R::of(2.0) * first * inverse).copysign(-z);
        [z / denominator, first, if z == zero { zero } else { curve }]
    }
}
