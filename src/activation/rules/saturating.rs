//! Functions of one exponential of `-|z|`: every tail keeps its relative accuracy.

use super::{Formula, Rule};
use crate::activation::elementary::{Halves, erf_near_zero, exp, scaled_tail};
use crate::activation::real::{Arithmetic, Real};
use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

/// `s(z)`, `s(-z)` for the logistic `s`, `s s(-z)` and `tanh(z/2) = s(z) - s(-z)`; none of them by a difference that
/// cancels.
#[inline(always)]
pub(super) fn logistic<R: Arithmetic>(z: R) -> [R; 4] {
    let e = exponential(z);
    quotients(z, e, R::of(1.0) / e.sum())
}

/// `e^(-|z|)`.
#[inline(always)]
fn exponential<R: Arithmetic>(z: R) -> Halves<R> {
    Halves::new(R::of(0.5) * z.abs())
}

/// Those of [`logistic`], from `e = e^(-|z|)` and the inverse of its sum.
#[inline(always)]
fn quotients<R: Arithmetic>(z: R, e: Halves<R>, inverse: R) -> [R; 4] {
    let tail = e.parts()[0] * inverse;
    let head = R::of(1.0) - tail;
    let zero = R::of(0.0);
    let [s, rest] = [z.if_above(zero, head, tail), z.if_above(zero, tail, head)];
    [s, rest, tail * head, e.difference().signed(z) * inverse]
}

/// `tanh z = (1 - e) / (1 + e)` with `e = e^(-2|z|)`; σ' = sech² = 4e / (1 + e)², σ'' = -2 tanh sech².
#[derive(Clone, Copy)]
pub(in crate::activation) struct Tanh;

impl Formula for Tanh {
    #[inline(always)]
    fn of<R: Arithmetic>(self, z: R) -> [R; 3] {
        let e = Halves::new(z.abs());
        let (sum, difference, [a, b]) = (e.sum(), e.difference().signed(z), e.factors());
        let inverse = R::of(1.0) / sum;
        // The error of the quotient is put back, so that it is 1 where both are the same.
        let t = difference * inverse;
        let t = (-t).mul_add(sum, difference).mul_add(inverse, t);
        let first = (R::of(4.0) * a * inverse) * (b * inverse);
        [t, first, R::of(-2.0) * first * t]
    }
}

/// `s(z) = 1 / (1 + e^-z)`; σ' = s(z) s(-z), σ'' = -σ' tanh(z/2).
#[derive(Clone, Copy)]
pub(in crate::activation) struct Sigmoid;

impl Formula for Sigmoid {
    #[inline(always)]
    fn of<R: Arithmetic>(self, z: R) -> [R; 3] {
        let [s, _, first, t] = logistic(z);
        [s, first, -(first * t)]
    }
}

/// `ln(1 + e^z) = max(z, 0) + ln(1 + e^-|z|)`; σ' = s, σ'' = s(z) s(-z).
#[derive(Clone, Copy)]
pub(in crate::activation) struct Softplus;

impl Formula for Softplus {
    #[inline(always)]
    fn of<R: Arithmetic>(self, z: R) -> [R; 3] {
        let e = exponential(z);
        let [log, inverse] = e.ln_1p_and_inverse();
        let [s, _, second, _] = quotients(z, e, inverse);
        [z.at_least(R::of(0.0)) + log, s, second]
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
