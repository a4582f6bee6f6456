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
        [
            z.abs(),
            if z == zero { zero } else { one.copysign(z) },
            zero,
        ]
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
        let [e, m] = exp_and_expm1(z.at_most(zero));
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
        let [e, m] = exp_and_expm1(z.at_most(zero) / alpha);
        // Only a negative alpha makes e large; e - 1 = e there, and the formula of m has ∞ - ∞.
        let m = if e > R::of(1e20) { e } else { m };
        [
            if positive { z } else { alpha * m },
            if positive { one } else { e },
            if positive { zero } else { e / alpha },
        ]
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
