//! Functions of one exponential of `-|z|`: every tail keeps its relative accuracy.

use super::Rule;
use crate::activation::elementary::{erf_near_zero, exp, exp_and_expm1, ln_1p_unit, scaled_tail};
use crate::activation::real::Real;
use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

/// `s(z)`, `s(-z)` for the logistic `s`, `s s(-z)` and `tanh(z/2) = s(z) - s(-z)`,
/// from `e = e^(-|z|)` and `d = 1 / (1 + e)`; none of them by a difference that cancels.
#[inline(always)]
pub(super) fn logistic<R: Real>(z: R) -> [R; 4] {
    let one = R::of(1.0);
    let [e, m] = exp_and_expm1(-z.abs());
    let d = one / (one + e);
    let tail = e * d;
    let positive = z > R::of(0.0);
    let [s, rest] = if positive { [d, tail] } else { [tail, d] };
    [s, rest, tail * d, (m * d).copysign(z)]
}

/// `tanh z`; σ' = sech² = 4e / (1 + e)² with `e = e^(-2|z|)`, σ'' = -2 tanh sech².
#[derive(Clone, Copy)]
pub(in crate::activation) struct Tanh;

impl Rule for Tanh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let one = R::of(1.0);
        let [e, m] = exp_and_expm1(R::of(-2.0) * z.abs());
        let d = one / (one + e);
        let t = (m * d).copysign(z);
        let first = R::of(4.0) * (e * d) * d;
        [t, first, R::of(-2.0) * t * first]
    }
}

/// `s(z) = 1 / (1 + e^-z)`; σ' = s(z) s(-z), σ'' = -σ' tanh(z/2).
#[derive(Clone, Copy)]
pub(in crate::activation) struct Sigmoid;

impl Rule for Sigmoid {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let [s, _, first, t] = logistic(z);
        [s, first, -(first * t)]
    }
}

/// `ln(1 + e^z) = max(z, 0) + ln(1 + e^-|z|)`; σ' = s, σ'' = s(z) s(-z).
#[derive(Clone, Copy)]
pub(in crate::activation) struct Softplus;

impl Rule for Softplus {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let [s, _, second, _] = logistic(z);
        let value = z.at_least(R::of(0.0)) + ln_1p_unit(exp(-z.abs()));
        [value, s, second]
    }
}

/// `erf z`; σ' = 2/√π e^(-z²), σ'' = -2 z σ'.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Erf;

impl Rule for Erf {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide().at_least(-30.0).at_most(30.0); // constant beyond
        let x = z.abs();
        // e^(-x²) with the rounding error of the square put back.
        let square = x * x;
        let e = exp(-square);
        let e = (-x.mul_add(x, -square)).mul_add(e, e);
        let far = (1.0 - e * scaled_tail(SQRT_2 * x)).copysign(z);
        let first = FRAC_2_SQRT_PI * e;
        let value = if x < 1.0 { erf_near_zero(z) } else { far };
        [R::of(value), R::of(first), R::of(-2.0 * z * first)]
    }
}
