//! [`Together`]: several numbers that take every step of a formula together.
//!
//! Most steps of a formula wait for the one before, for as long as a core takes to begin ten others, and a core looks
//! ahead for only about two evaluations. Written next to each other, the steps of several evaluations fill the wait.

use super::real::Arithmetic;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Each operation is that of every number by itself, with the same bits.
#[derive(Clone, Copy)]
pub(super) struct Together<R, const N: usize>(pub(super) [R; N]);

impl<R: Arithmetic, const N: usize> Together<R, N> {
    #[inline(always)]
    fn each(mut self, step: impl Fn(R, usize) -> R) -> Self {
        for (k, x) in self.0.iter_mut().enumerate() {
            *x = step(*x, k);
        }
        self
    }
}

macro_rules! operator {
    ($Operator:ident, $method:ident) => {
        impl<R: Arithmetic, const N: usize> $Operator for Together<R, N> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.each(
                    #[inline(always)]
                    |x, k| x.$method(other.0[k]),
                )
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<R: Arithmetic, const N: usize> Neg for Together<R, N> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        self.each(
            #[inline(always)]
            |x, _| -x,
        )
    }
}

impl<R: Arithmetic, const N: usize> Arithmetic for Together<R, N> {
    const SINGLE: bool = R::SINGLE;
    const LN_2: [Self; 2] = [Together([R::LN_2[0]; N]), Together([R::LN_2[1]; N])];
    const LEAST_POWER: Self = Together([R::LEAST_POWER; N]);

    #[inline(always)]
    fn of(value: f64) -> Self {
        Together([R::of(value); N])
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        self.each(
            #[inline(always)]
            |x, k| x.mul_add(a.0[k], b.0[k]),
        )
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.each(
            #[inline(always)]
            |x, _| x.abs(),
        )
    }

    #[inline(always)]
    fn signed(self, sign: Self) -> Self {
        self.each(
            #[inline(always)]
            |x, k| x.signed(sign.0[k]),
        )
    }

    #[inline(always)]
    fn power(self, factor: Self) -> (Self, Self) {
        let (mut exponents, mut powers) = (self, self);
        for k in 0..N {
            (exponents.0[k], powers.0[k]) = self.0[k].power(factor.0[k]);
        }
        (exponents, powers)
    }

    #[inline(always)]
    fn if_above(self, bound: Self, above: Self, other: Self) -> Self {
        self.each(
            #[inline(always)]
            |x, k| x.if_above(bound.0[k], above.0[k], other.0[k]),
        )
    }
}
