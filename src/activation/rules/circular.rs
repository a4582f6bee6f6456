//! Tangent, the hyperbolic functions, and the inverses of both kinds.
//!
//! All of it in 64 bits. The inverses have slopes that are algebraic in `z`; where `z²` would overflow, they
//! are written in `1/z`.

use super::Rule;
use crate::activation::elementary::{SIN_COS_LIMIT, sin_cos};
use crate::activation::real::Real;

/// Rounds the three numbers.
#[inline(always)]
fn rounded<R: Real>(numbers: [f64; 3]) -> [R; 3] {
    numbers.map(
        #[inline(always)]
        |v| R::of(v),
    )
}

/// `tan z`; σ' = 1 + tan², σ'' = 2 tan σ'.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Tan;

#[inline(always)]
fn of_tangent(t: f64) -> [f64; 3] {
    let first = t.mul_add(t, 1.0);
    [t, first, 2.0 * t * first]
}

impl Rule for Tan {
    const REACH: f64 = SIN_COS_LIMIT;

    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let [s, c] = sin_cos(z.wide());
        rounded(of_tangent(s / c))
    }

    fn far(self, z: f64) -> [f64; 3] {
        of_tangent(z.tan())
    }
}

/// σ' and σ'' of the inverse sine: `1 / √(1 - z²)` and `z / (1 - z²)^(3/2)`.
#[inline(always)]
fn asin_slopes(z: f64) -> [f64; 2] {
    let square = (1.0 - z) * (1.0 + z); // 1 - z² without cancellation at the ends
    let first = 1.0 / square.sqrt();
    [first, z * first / square]
}

/// Inverse sine.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Asin;

impl Rule for Asin {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let [first, second] = asin_slopes(z);
        rounded([z.asin(), first, second])
    }
}

/// Inverse cosine: the derivatives are those of the inverse sine, negated.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Acos;

impl Rule for Acos {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let [first, second] = asin_slopes(z);
        rounded([z.acos(), -first, -second])
    }
}

/// Inverse tangent; σ' = 1 / (1 + z²), σ'' = -2z / (1 + z²)².
///
/// With `q = z` for `|z| ≤ 1`, else `1/z`, and `w = 1 / (1 + q²)`: σ' = w or q² w, and σ'' = -2 q w σ'.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Atan;

impl Rule for Atan {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let large = z.abs() > 1.0;
        let q = if large { 1.0 / z } else { z };
        let w = 1.0 / q.mul_add(q, 1.0);
        let first = if large { q * q * w } else { w };
        rounded([z.atan(), first, -2.0 * q * w * first])
    }
}

/// `sinh z`; σ' = cosh z, σ'' = sinh z.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Sinh;

impl Rule for Sinh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (s, c) = (z.wide().sinh(), z.wide().cosh());
        rounded([s, c, s])
    }
}

/// `cosh z`; σ' = sinh z, σ'' = cosh z.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Cosh;

impl Rule for Cosh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (s, c) = (z.wide().sinh(), z.wide().cosh());
        rounded([c, s, c])
    }
}

/// Inverse hyperbolic sine; σ' = 1 / √(1 + z²), σ'' = -z / (1 + z²)^(3/2) = -(z σ') σ'².
///
/// With `q` as for the inverse tangent and `r = 1 / √(1 + q²)`: σ' = r and z σ' = q r for `|z| ≤ 1`, else
/// σ' = |q| r and z σ' = ±r.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Asinh;

impl Rule for Asinh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let large = z.abs() > 1.0;
        let q = if large { 1.0 / z } else { z };
        let r = 1.0 / q.mul_add(q, 1.0).sqrt();
        let [first, lean] = if large { [q.abs() * r, r.copysign(z)] } else { [r, q * r] };
        // The standard library's overflows before z does.
        rounded([libm::asinh(z), first, -(lean * first) * first])
    }
}

/// Inverse hyperbolic cosine; σ' = 1 / √(z² - 1), σ'' = -z / (z² - 1)^(3/2) = -(z σ') σ'².
#[derive(Clone, Copy)]
pub(in crate::activation) struct Acosh;

impl Rule for Acosh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        // Two roots: z² may overflow. Left of 1 the first is NaN.
        let first = 1.0 / ((z - 1.0).sqrt() * (z + 1.0).sqrt());
        let value = if z < 1.0 { f64::NAN } else { libm::acosh(z) };
        let lean = z.at_most(f64::MAX) * first; // not ∞ · 0
        rounded([value, first, -(lean * first) * first])
    }
}

/// Inverse hyperbolic tangent; σ' = 1 / (1 - z²), σ'' = 2z σ'².
#[derive(Clone, Copy)]
pub(in crate::activation) struct Atanh;

impl Rule for Atanh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let first = 1.0 / ((1.0 - z) * (1.0 + z));
        rounded([libm::atanh(z), first, 2.0 * z * first * first])
    }
}
