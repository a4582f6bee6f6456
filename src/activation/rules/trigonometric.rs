//! Sine, cosine, tangent and their inverses.

use super::Rule;
use crate::activation::elementary::{SIN_COS_LIMIT, sin_cos};
use crate::activation::real::Real;

/// `sin z`; σ' = cos z, σ'' = -sin z.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Sin;

impl Rule for Sin {
    const REACH: f64 = SIN_COS_LIMIT;

    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let [s, c] = sin_cos(z.wide());
        [R::of(s), R::of(c), R::of(-s)]
    }

    fn far(self, z: f64) -> [f64; 3] {
        let (s, c) = z.sin_cos();
        [s, c, -s]
    }
}

/// `cos z`; σ' = -sin z, σ'' = -cos z.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Cos;

impl Rule for Cos {
    const REACH: f64 = SIN_COS_LIMIT;

    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let [s, c] = sin_cos(z.wide());
        [R::of(c), R::of(-s), R::of(-c)]
    }

    fn far(self, z: f64) -> [f64; 3] {
        let (s, c) = z.sin_cos();
        [c, -s, -c]
    }
}

/// `tan z`; σ' = 1/cos², σ'' = 2 tan/cos².
#[derive(Clone, Copy)]
pub(in crate::activation) struct Tan;

impl Rule for Tan {
    const REACH: f64 = SIN_COS_LIMIT;

    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let [s, c] = sin_cos(z.wide());
        let secant = 1.0 / c;
        let (tangent, first) = (s * secant, secant * secant);
        [R::of(tangent), R::of(first), R::of(2.0 * tangent * first)]
    }

    fn far(self, z: f64) -> [f64; 3] {
        let secant = z.cos().recip();
        let (tangent, first) = (z.tan(), secant * secant);
        [tangent, first, 2.0 * tangent * first]
    }
}

/// `asin z`, NaN beyond ±1; σ' = 1/√(1 - z²), σ'' = z / (1 - z²)^(3/2), both infinite at ±1.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Asin;

impl Rule for Asin {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let [first, second] = arc_slopes(z);
        [R::of(z.asin()), R::of(first), R::of(second)]
    }
}

/// `acos z`; the derivatives are minus those of [`Asin`].
#[derive(Clone, Copy)]
pub(in crate::activation) struct Acos;

impl Rule for Acos {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let [first, second] = arc_slopes(z);
        [R::of(z.acos()), R::of(-first), R::of(-second)]
    }
}

/// The derivatives of asin; `1 - z²` as a product does not cancel near ±1.
#[inline(always)]
fn arc_slopes(z: f64) -> [f64; 2] {
    let square = (1.0 - z) * (1.0 + z);
    let first = 1.0 / square.sqrt();
    [first, z * first / square]
}

/// `atan z`; with the cosine c and the sine s of this angle, σ' = c², σ'' = -2 s c³.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Atan;

impl Rule for Atan {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let [c, s] = cos_sin_of_atan(z);
        let first = c * c;
        [R::of(z.atan()), R::of(first), R::of(-2.0 * (s * c) * first)]
    }
}

/// `1/√(1 + z²)` and `z/√(1 + z²)`, the cosine and sine of `atan z`, for any size of `z`: what is
/// squared is the smaller of |z| and 1/|z|.
#[inline(always)]
pub(super) fn cos_sin_of_atan(z: f64) -> [f64; 2] {
    let steep = z.abs() > 1.0;
    let w = if steep { 1.0 / z.abs() } else { z.abs() };
    let larger = 1.0 / w.mul_add(w, 1.0).sqrt();
    let smaller = w * larger;
    let [c, s] = if steep { [smaller, larger] } else { [larger, smaller] };
    [c, s.copysign(z)]
}
