//! [`Arithmetic`] and [`Real`]: what the formulas need from `f32` and `f64`, all of it branch-free and always inlined.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number that the formulas are written for, or several of them that take every step
/// [together](super::together::Together).
///
/// [`Scalar`](crate::Scalar) has no access to the bits of a number, and its methods come from several
/// traits; this one is private, and a loop over any of it turns into vector instructions.
pub(super) trait Arithmetic:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// Whether 24 bits are enough.
    const SINGLE: bool;

    /// `ln 2` rounded, and the rest of it.
    const LN_2: [Self; 2];

    /// The exponent below the least of a normal number.
    const LEAST_POWER: Self;

    /// Rounds to this precision.
    fn of(value: f64) -> Self;

    /// `self · a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;

    fn abs(self) -> Self;

    /// `self`, which is not negative, with the sign of `sign`.
    fn signed(self, sign: Self) -> Self;

    /// `k`, the integer nearest to `self · factor`, and `2^k`; zero below the normal numbers, for `k` down to
    /// [`LEAST_POWER`](Self::LEAST_POWER).
    fn power(self, factor: Self) -> (Self, Self);

    /// The first if `self` is above the bound, else, and for NaN, the second.
    fn if_above(self, bound: Self, above: Self, other: Self) -> Self;

    /// The larger of the two; NaN stays NaN.
    #[inline(always)]
    fn at_least(self, low: Self) -> Self {
        low.if_above(self, low, self)
    }

    /// The smaller of the two; NaN stays NaN.
    #[inline(always)]
    fn at_most(self, high: Self) -> Self {
        self.if_above(high, high, self)
    }
}

/// One number, `f32` or `f64`.
pub(super) trait Real: Arithmetic + PartialOrd {
    /// `e^x` is 0 below the first and infinite above the second.
    const EXP_RANGE: [Self; 2];

    /// Exact; for the formulas that need 64 bits even in single precision.
    fn wide(self) -> f64;

    fn sqrt(self) -> Self;

    /// The magnitude of `self`, the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;

    /// `k`, the integer nearest to `self`, and two powers of two with the product `2^k`.
    ///
    /// One power alone would overflow or flush to zero at the ends of the range of `e^x`.
    fn split_power(self) -> (Self, [Self; 2]);
}

/// `c0 + x (c1 + x (c2 + …))` with one rounding for each step, unrolled by the compiler.
macro_rules! horner {
    ($R:ty, $x:expr; $c:expr) => { <$R>::of($c) };
    ($R:ty, $x:expr; $c:expr, $($rest:expr),+) => {
        <$R as $crate::activation::real::Arithmetic>::mul_add(
            $crate::activation::real::horner!($R, $x; $($rest),+),
            $x,
            <$R>::of($c),
        )
    };
}
pub(super) use horner;

/// Both precisions: the same text with other constants.
macro_rules! number {
    ($R:ty, $U:ty, $mantissa:expr, $bias:expr, $ln_2_rest:expr, $exp_range:expr) => {
        impl Arithmetic for $R {
            const SINGLE: bool = $mantissa < 52;
            const LN_2: [$R; 2] = [std::f64::consts::LN_2 as $R, $ln_2_rest];
            const LEAST_POWER: $R = -($bias as $R);

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $R
            }

            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                <$R>::mul_add(self, a, b)
            }

            #[inline(always)]
            fn abs(self) -> Self {
                <$R>::abs(self)
            }

            #[inline(always)]
            fn signed(self, sign: Self) -> Self {
                <$R>::from_bits(self.to_bits() | sign.to_bits() & (-0.0 as $R).to_bits())
            }

            #[inline(always)]
            fn power(self, factor: Self) -> (Self, Self) {
                // Adding 1.5 · 2^mantissa rounds to an integer and leaves it in the low bits; the added bias makes it an
                // exponent field, of which zero is the number zero. What is above the field falls off in the left shift.
                const SHIFT: $R = (3u64 << ($mantissa - 1)) as $R + $bias as $R;
                let shifted = self.mul_add(factor, SHIFT);
                (shifted - SHIFT, <$R>::from_bits(shifted.to_bits() << $mantissa))
            }

            #[inline(always)]
            fn if_above(self, bound: Self, above: Self, other: Self) -> Self {
                if self > bound { above } else { other }
            }
        }

        impl Real for $R {
            const EXP_RANGE: [$R; 2] = $exp_range;

            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                <$R>::sqrt(self)
            }

            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                <$R>::copysign(self, sign)
            }

            #[inline(always)]
            fn split_power(self) -> (Self, [Self; 2]) {
                // As in `power`, with 2 · bias, which makes halves of it positive.
                const SHIFT: $R = (3u64 << ($mantissa - 1)) as $R + (2 * $bias) as $R;
                let shifted = self + SHIFT;
                let sum: $U = shifted.to_bits();
                let half = sum >> 1;
                let power = |exponent: $U| <$R>::from_bits(exponent << $mantissa);
                (shifted - SHIFT, [power(half), power(sum.wrapping_sub(half))])
            }
        }
    };
}

number!(f64, u64, 52, 1023, 2.3190468138462996e-17, [-746.0, 710.0]);
number!(f32, u32, 23, 127, -1.9046542e-9, [-104.0, 89.0]);
