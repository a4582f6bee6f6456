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

/// 1 for `z > 0`, else 0; NaN stays NaN.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Step;

impl Rule for Step {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, one) = (R::of(0.0), R::of(1.0));
        let flat = if z <= zero { zero } else { z };
        [if z > zero { one } else { flat }, zero, zero]
    }
}

/// `z` between the bounds, which it does not leave, with σ' = 0 at both.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Clip {
    pub low: f64,
    pub high: f64,
}

impl Rule for Clip {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, one, low, high) = (R::of(0.0), R::of(1.0), R::of(self.low), R::of(self.high));
        let inside = (z > low) & (z < high);
        [z.at_least(low).at_most(high), if inside { one } else { zero }, zero]
    }
}

/// `z` for `z > alpha`, else 0; at `alpha` the values from the left.
#[derive(Clone, Copy)]
pub(in crate::activation) struct ThresholdedRelu {
    pub alpha: f64,
}

impl Rule for ThresholdedRelu {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, one) = (R::of(0.0), R::of(1.0));
        // NaN is not off, and stays NaN.
        let off = z <= R::of(self.alpha);
        [if off { zero } else { z }, if off { zero } else { one }, zero]
    }
}

/// `z + bias` for `z < -lambda`, `z - bias` for `z > lambda`, and 0 between, both ends included.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Shrink {
    pub lambda: f64,
    pub bias: f64,
}

impl Rule for Shrink {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, one, bias) = (R::of(0.0), R::of(1.0), R::of(self.bias));
        let off = z.abs() <= R::of(self.lambda);
        let moved = if z < zero { z + bias } else { z - bias };
        [if off { zero } else { moved }, if off { zero } else { one }, zero]
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
