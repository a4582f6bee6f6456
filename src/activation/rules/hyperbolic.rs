//! Hyperbolic sine and cosine, and the inverses of the hyperbolic functions.
//!
//! The inverses come from `libm`: those of the standard library lose digits of acosh next to 1, and
//! overflow for the largest arguments of asinh.

use super::Rule;
use super::trigonometric::cos_sin_of_atan;
use crate::activation::real::{Arithmetic, Real};

/// `sinh z`; σ' = cosh z, σ'' = sinh z.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Sinh;

impl Rule for Sinh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let [s, c] = [z.wide().sinh(), z.wide().cosh()];
        [R::of(s), R::of(c), R::of(s)]
    }
}

/// `cosh z`; σ' = sinh z, σ'' = cosh z.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Cosh;

impl Rule for Cosh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let [s, c] = [z.wide().sinh(), z.wide().cosh()];
        [R::of(c), R::of(s), R::of(c)]
    }
}

/// `asinh z`; with the cosine c and the sine s of `atan z`, σ' = c = 1/√(1 + z²), σ'' = -s c².
#[derive(Clone, Copy)]
pub(in crate::activation) struct Asinh;

impl Rule for Asinh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let [c, s] = cos_sin_of_atan(z);
        [R::of(libm::asinh(z)), R::of(c), R::of(-s * (c * c))]
    }
}

/// `acosh z`, NaN below 1; σ' = 1/√(z² - 1), σ'' = -z / (z² - 1)^(3/2), both infinite at 1.
///
/// `z² - 1` is kept as the product of `z - 1` and `z + 1`: it neither cancels nor overflows.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Acosh;

impl Rule for Acosh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let [minus, plus] = [z - 1.0, z + 1.0];
        let first = 1.0 / (minus.sqrt() * plus.sqrt());
        // z / (z + 1), which is 1 from 10^20 on and not ∞/∞.
        let near = z.at_most(1e20);
        let second = -(first / minus) * (near / (near + 1.0));
        [R::of(libm::acosh(z)), R::of(first), R::of(second)]
    }
}

/// `atanh z`, NaN beyond ±1; σ' = 1/(1 - z²), σ'' = 2z / (1 - z²)², both infinite at ±1.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Atanh;

impl Rule for Atanh {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let z = z.wide();
        let first = 1.0 / ((1.0 - z) * (1.0 + z));
        [R::of(libm::atanh(z)), R::of(first), R::of(2.0 * z * first * first)]
    }
}
