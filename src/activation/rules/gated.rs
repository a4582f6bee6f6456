//! `z` times a gate between 0 and 1: SiLU, the two GELUs, Mish.
//!
//! A derivative here is an exponential times a polynomial in `z`. The gate is constant beyond
//! |z| = 10^3, so there `z` is clamped in the polynomial, which keeps ∞ · 0 away.

use super::saturating::logistic;
use super::{Formula, Rule};
use crate::activation::elementary::{exp_and_expm1, exp_of_half_square, scaled_tail};
use crate::activation::real::{Arithmetic, Real};

/// `z s(z)`; σ' = s(z) (1 + z s(-z)), σ'' = s(z) s(-z) (2 - z tanh(z/2)).
#[derive(Clone, Copy)]
pub(in crate::activation) struct Silu;

impl Formula for Silu {
    #[inline(always)]
    fn of<R: Arithmetic>(self, z: R) -> [R; 3] {
        let above = z.at_least(R::of(-1e3));
        let near = above.at_most(R::of(1e3));
        let [s, rest, first, t] = logistic(z);
        let second = first * (-near).mul_add(t, R::of(2.0));
        [above * s, s * near.mul_add(rest, R::of(1.0)), second]
    }
}

/// `z Φ(z)`; σ' = Φ + z φ, σ'' = φ (2 - z²).
///
/// With `w = |z|`, `u = e^(-w²/2)` and `h = scaled_tail(w)`: Φ(-w) = ½ u h, φ = u / √(2π), and for
/// `z < 0` σ' = u (½ h - w / √(2π)); no tail is taken from 1.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Gelu;

impl Rule for Gelu {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        const INVERSE_SQRT_2_PI: f64 = 0.3989422804014327;
        let z = z.wide();
        let above = z.at_least(-40.0); // Φ(-40) < 10^-349
        let w = above.abs().at_most(40.0);
        let (u, half) = (exp_of_half_square(w), 0.5 * scaled_tail(w));
        let tail = u * half;
        let left = u * (-w).mul_add(INVERSE_SQRT_2_PI, half);
        let positive = z > 0.0;
        let gate = if positive { 1.0 - tail } else { tail };
        let first = if positive { 1.0 - left } else { left };
        let second = u * INVERSE_SQRT_2_PI * (-w).mul_add(w, 2.0);
        [R::of(above * gate), R::of(first), R::of(second)]
    }
}

/// `z s(v)`, `v = 2√(2/π) (z + 0.044715 z³)`, which is ½ z (1 + tanh(v/2)).
///
/// σ' = s(v) (1 + z v' s(-v)), σ'' = s(v) s(-v) (2v' + z v'' - z v'² tanh(v/2)).
#[derive(Clone, Copy)]
pub(in crate::activation) struct GeluTanh;

impl Rule for GeluTanh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        // 2√(2/π) and 0.044715 times it, each with the rest of it.
        const C: [f64; 2] = [1.5957691216057308, -9.96930880911092e-17];
        const K: [f64; 2] = [0.07135481627260025, -6.175149918155315e-19];
        let z = z.wide();
        let above = z.at_least(-30.0); // e^v = 0 there
        let z = above.at_most(30.0);
        // v + rest, in twice the precision: the tail is e^v, and |v| reaches 700.
        let square = z * z;
        let cubic = K[0] * square;
        let sum = C[0] + cubic;
        let part = sum - C[0];
        let sum_rest = (C[0] - (sum - part)) + (cubic - part);
        let cubic_rest = K[0].mul_add(square, -cubic) + K[0] * z.mul_add(z, -square);
        let v = z * sum;
        let rest = z.mul_add(sum, -v) + z * (sum_rest + cubic_rest + K[1].mul_add(square, C[1]));

        let [s, other, product, t] = logistic(v);
        // d ln s(v) / dv = s(-v), and of the other factors likewise.
        let s = (rest * other).mul_add(s, s);
        let product = (-rest * t).mul_add(product, product);
        let d1 = (3.0 * K[0]).mul_add(square, C[0]);
        let z_d2 = 6.0 * K[0] * square;
        let first = s * (z * d1).mul_add(other, 1.0);
        let second = product * (2.0 * d1 + z_d2 - z * d1 * d1 * t);
        [R::of(above * s), R::of(first), R::of(second)]
    }
}

/// `z T(z)`, `T = tanh(ln(1 + e^z))`; σ' = T + z T', σ'' = T' (2 + z L), `L = T''/T'`.
///
/// With `x = e^(-|z|)`, `D = 2 + 2x + x²` for `z ≤ 0` and `D = 1 + 2x + 2x²` for `z > 0`:
///
/// | | T D | T' D² / 4 | L |
/// |---|---|---|---|
/// | z ≤ 0 | x (2 + x) | x (1 + x) | 1 + x/(1 + x) - 4x (1 + x)/D |
/// | z > 0 | 1 + 2x | x² (1 + x) | 1 + 1/(1 + x) - 4 (1 + x)/D |
#[derive(Clone, Copy)]
pub(in crate::activation) struct Mish;

impl Rule for Mish {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (one, two, four) = (R::of(1.0), R::of(2.0), R::of(4.0));
        let above = z.at_least(R::of(-1e3));
        let near = above.at_most(R::of(1e3));
        let [x, _] = exp_and_expm1(-z.abs());
        let positive = z > R::of(0.0);
        let (c, a, g) = if positive { (one, two, one) } else { (two, one, x) };
        // g is 1 or x; c and a are the outer coefficients of D.
        let denominator = (a * x + two).mul_add(x, c);
        let numerator = if positive { one + two * x } else { x * (two + x) };
        let plus = one + x;
        let inverse = one / (denominator * plus);
        let (by_d, by_plus) = (inverse * plus, inverse * denominator);
        let gate = numerator * by_d;
        // T' = 4 x (1 + x) / D² for z ≤ 0, with another factor x for z > 0.
        let slope = four * (plus * by_d) * (by_d * x) * if positive { x } else { one };
        let log_curve = one + g * by_plus - four * g * (plus * by_d);
        let first = near.mul_add(slope, gate);
        let second = slope * near.mul_add(log_curve, two);
        [above * gate, first, second]
    }
}
