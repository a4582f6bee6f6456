//! [`Real`]: what the formulas need from `f32` and `f64`, all of it branch-free and always inlined.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A precision that the formulas are written for.
///
/// [`Scalar`](crate::Scalar) has no access to the bits of a number, and its methods come from several
/// traits; this one is private, and a loop over any of it turns into vector instructions.
pub(super) trait Real:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// `ln 2` rounded, and the rest of it.
    const LN_2: [Self; 2];

    /// `e^x` is 0 below the first and infinite above the second.
    const EXP_RANGE: [Self; 2];

    /// The exponent below the least of a normal number.
    const LEAST_POWER: Self;

    /// Rounds to this precision.
    fn of(value: f64) -> Self;

    /// Exact; for the formulas that need 64 bits even in single precision.
    fn wide(self) -> f64;

    /// `self · a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;

    fn abs(self) -> Self;

    fn sqrt(self) -> Self;

    /// The magnitude of `self`, the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;

    /// `k`, the integer nearest to `self`, and two powers of two with the product `2^k`.
    ///
    /// One power alone would overflow or flush to zero at the ends of the range of `e^x`.
    fn split_power(self) -> (Self, [Self; 2]);

    /// `k`, the integer nearest to `self · factor`, and `2^k`; zero below the normal numbers, for `k` down to
    /// [`LEAST_POWER`](Self::LEAST_POWER).
    fn power(self, factor: Self) -> (Self, Self);

    /// `(r coth r - 1) / w` as a function of `w = r²`, for `|r| ≤ ¼ ln 2`.
    fn coth_remainder(w: Self) -> Self;

    /// `(e^r - 1 - r) / r²` for `|r| ≤ ½ ln 2`.
    fn exp_remainder(r: Self) -> Self;

    /// `(2 atanh(s) - 2s) / s³` as a function of `w = s²`, for `0 ≤ w ≤ 0.0295`.
    fn log_remainder(w: Self) -> Self;

    /// The larger of the two; NaN stays NaN.
    #[inline(always)]
    fn at_least(self, low: Self) -> Self {
        if self < low { low } else { self }
    }

    /// The smaller of the two; NaN stays NaN.
    #[inline(always)]
    fn at_most(self, high: Self) -> Self {
        if self > high { high } else { self }
    }
}

/// `c0 + x (c1 + x (c2 + …))` with one rounding for each step, unrolled by the compiler.
macro_rules! horner {
    ($R:ty, $x:expr; $c:expr) => { <$R>::of($c) };
    ($R:ty, $x:expr; $c:expr, $($rest:expr),+) => {
        <$R as $crate::activation::real::Real>::mul_add(
            $crate::activation::real::horner!($R, $x; $($rest),+),
            $x,
            <$R>::of($c),
        )
    };
}
pub(super) use horner;

/// The methods that are the same text for both precisions.
macro_rules! common {
    ($R:ty, $U:ty, $mantissa:expr, $bias:expr) => {
        #[inline(always)]
        fn of(value: f64) -> Self {
            value as $R
        }

        #[inline(always)]
        fn wide(self) -> f64 {
            f64::from(self)
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
        fn sqrt(self) -> Self {
            <$R>::sqrt(self)
        }

        #[inline(always)]
        fn copysign(self, sign: Self) -> Self {
            <$R>::copysign(self, sign)
        }

        #[inline(always)]
        fn split_power(self) -> (Self, [Self; 2]) {
            // Adding 1.5 · 2^mantissa rounds to an integer and leaves it in the low bits; the added
            // 2 · bias makes it positive. Bits above the exponent field fall off in the left shifts.
            const SHIFT: $R = (3u64 << ($mantissa - 1)) as $R + (2 * $bias) as $R;
            let shifted = self + SHIFT;
            let sum: $U = shifted.to_bits();
            let half = sum >> 1;
            let power = |exponent: $U| <$R>::from_bits(exponent << $mantissa);
            (shifted - SHIFT, [power(half), power(sum.wrapping_sub(half))])
        }

        #[inline(always)]
        fn power(self, factor: Self) -> (Self, Self) {
            // The same with one bias: an exponent field of zero is the number zero.
            const SHIFT: $R = (3u64 << ($mantissa - 1)) as $R + $bias as $R;
            let shifted = Real::mul_add(self, factor, SHIFT);
            (shifted - SHIFT, <$R>::from_bits(shifted.to_bits() << $mantissa))
        }
    };
}

// The polynomials are Chebyshev interpolants at 60 digits, rounded; the errors are relative to the
// function that is made of them.

impl Real for f64 {
    common!(f64, u64, 52, 1023);

    const LN_2: [f64; 2] = [std::f64::consts::LN_2, 2.3190468138462996e-17];
    const EXP_RANGE: [f64; 2] = [-746.0, 710.0];
    const LEAST_POWER: f64 = -1023.0;

    /// Error below 2^-57.
    #[inline(always)]
    fn coth_remainder(w: f64) -> f64 {
        horner!(f64, w;
            0.3333333333333332, -0.022222222222044744, 0.0021164020695725446, -0.00021163588515127452,
            2.121450674414811e-05)
    }

    /// Error below 2^-56.
    #[inline(always)]
    fn exp_remainder(r: f64) -> f64 {
        horner!(f64, r;
            0.5, 0.1666666666666667, 0.04166666666662406, 0.008333333333326124,
            0.001388888891724766, 0.00019841269874860298, 2.480152124363816e-05,
            2.7557255350162843e-06, 2.762011317689975e-07, 2.5105237742245692e-08)
    }

    /// Error below 2^-57.
    #[inline(always)]
    fn log_remainder(w: f64) -> f64 {
        horner!(f64, w;
            0.666666666666667, 0.39999999999898955, 0.2857142862619623, 0.22222211102348335,
            0.18182891280109284, 0.15331655663402047, 0.14617206088074544)
    }
}

impl Real for f32 {
    common!(f32, u32, 23, 127);

    const LN_2: [f32; 2] = [std::f32::consts::LN_2, -1.9046542e-9];
    const EXP_RANGE: [f32; 2] = [-104.0, 89.0];
    const LEAST_POWER: f32 = -127.0;

    /// Error below 2^-27.
    #[inline(always)]
    fn coth_remainder(w: f32) -> f32 {
        horner!(f32, w; 0.33333309072975453, -0.022158204608017255)
    }

    /// Error below 2^-26.
    #[inline(always)]
    fn exp_remainder(r: f32) -> f32 {
        horner!(f32, r;
            0.5000000013485558, 0.16666576899508787, 0.04166646474300243, 0.008363192819449364,
            0.0013933669393387117)
    }

    /// Error below 2^-28.
    #[inline(always)]
    fn log_remainder(w: f32) -> f32 {
        horner!(f32, w; 0.6666668515713098, 0.3998874783886144, 0.2958108437226502)
    }
}
