//! Powers, exponential, logarithm.

use super::Rule;
use crate::activation::elementary::exp;
use crate::activation::real::Real;

/// `e^z`.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Exp;

impl Rule for Exp {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        [exp(z); 3]
    }
}

/// `ln z`.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Log;

impl Rule for Log {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let inverse = R::of(1.0) / z;
        [R::of(z.wide().ln()), inverse, -(inverse * inverse)]
    }
}

/// `√z`; σ' = 1/(2√z), σ'' = -1/(4 z √z).
#[derive(Clone, Copy)]
pub(in crate::activation) struct Sqrt;

impl Rule for Sqrt {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let root = z.sqrt();
        let first = R::of(0.5) / root;
        [root, first, R::of(-0.5) * first / z]
    }
}

/// `1/z`; σ' = -1/z², σ'' = 2/z³.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Reciprocal;

impl Rule for Reciprocal {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let inverse = R::of(1.0) / z;
        let square = inverse * inverse;
        [inverse, -square, R::of(2.0) * square * inverse]
    }
}

/// `z^N` for N ∈ 0..=4, by multiplication.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Monomial<const N: u32>;

impl<const N: u32> Rule for Monomial<N> {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (zero, one, two) = (R::of(0.0), R::of(1.0), R::of(2.0));
        let square = z * z;
        match N {
            0 => [one, zero, zero],
            1 => [z, one, zero],
            2 => [square, two * z, two],
            3 => [square * z, R::of(3.0) * square, R::of(6.0) * z],
            _ => [square * square, R::of(4.0) * (square * z), R::of(12.0) * square],
        }
    }
}

/// `z^p` for any other `p`, by the standard library: NaN for `z < 0` unless `p` is an integer.
#[derive(Clone, Copy)]
pub(in crate::activation) struct Power {
    pub exponent: f64,
}

impl Rule for Power {
    #[inline(always)]
    fn at<R: Real>(self, z: R) -> [R; 3] {
        let (z, p) = (z.wide(), self.exponent);
        [R::of(z.powf(p)), R::of(p * z.powf(p - 1.0)), R::of(p * (p - 1.0) * z.powf(p - 2.0))]
    }
}
