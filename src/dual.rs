//! [`Jet2`]: second-order dual numbers, for activations written by the user.
//!
//! The chain rule of every method: `(f∘g)' = f' g'`, `(f∘g)'' = f'' g'² + f' g''`.

use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LN_10};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number with its first and second derivative with respect to one variable.
///
/// Derivatives, not Taylor coefficients: `second` is f'', not f''/2.
///
/// ```
/// use colorjet::Jet2;
/// let x = Jet2::variable(3.0);
/// let y = x * x * x + 1.0;
/// assert_eq!((y.value, y.first, y.second), (28.0, 27.0, 18.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Jet2 {
    /// f.
    pub value: f64,
    /// f'.
    pub first: f64,
    /// f''.
    pub second: f64,
}

impl Jet2 {
    /// A number that does not depend on the variable.
    pub const fn constant(value: f64) -> Self {
        Jet2 { value, first: 0.0, second: 0.0 }
    }

    /// The variable itself.
    pub const fn variable(value: f64) -> Self {
        Jet2 { value, first: 1.0, second: 0.0 }
    }

    /// Applies a function whose value and derivatives at `self.value` are given.
    pub fn chain(self, value: f64, first: f64, second: f64) -> Self {
        Jet2 { value, first: first * self.first, second: second * self.first * self.first + first * self.second }
    }

    /// `e^x`.
    pub fn exp(self) -> Self {
        let e = self.value.exp();
        self.chain(e, e, e)
    }

    /// `e^x - 1`.
    pub fn exp_m1(self) -> Self {
        let e = self.value.exp();
        self.chain(self.value.exp_m1(), e, e)
    }

    /// `2^x`.
    pub fn exp2(self) -> Self {
        let e = self.value.exp2();
        self.chain(e, LN_2 * e, LN_2 * LN_2 * e)
    }

    /// Natural logarithm.
    pub fn ln(self) -> Self {
        let r = self.value.recip();
        self.chain(self.value.ln(), r, -r * r)
    }

    /// `ln(1 + x)`.
    pub fn ln_1p(self) -> Self {
        let r = (1.0 + self.value).recip();
        self.chain(self.value.ln_1p(), r, -r * r)
    }

    /// Logarithm to the base 2.
    pub fn log2(self) -> Self {
        let r = self.value.recip();
        self.chain(self.value.log2(), r / LN_2, -r * r / LN_2)
    }

    /// Logarithm to the base 10.
    pub fn log10(self) -> Self {
        let r = self.value.recip();
        self.chain(self.value.log10(), r / LN_10, -r * r / LN_10)
    }

    /// Square root.
    pub fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        let first = 0.5 / root;
        self.chain(root, first, -0.5 * first / self.value)
    }

    /// Cube root.
    pub fn cbrt(self) -> Self {
        let root = self.value.cbrt();
        let first = (3.0 * root * root).recip();
        self.chain(root, first, -2.0 / 3.0 * first / self.value)
    }

    /// `1 / x`.
    pub fn recip(self) -> Self {
        let r = self.value.recip();
        self.chain(r, -r * r, 2.0 * r * r * r)
    }

    /// `x^n` for an integer.
    pub fn powi(self, n: i32) -> Self {
        self.powf(f64::from(n))
    }

    /// `x^p` for a constant `p`; NaN for `x < 0` unless `p` is an integer.
    pub fn powf(self, p: f64) -> Self {
        let x = self.value;
        // A factor 0 wins over x^negative at x = 0.
        let term = |factor: f64, power: f64| {
            if factor == 0.0 { 0.0 } else { factor * x.powf(power) }
        };
        self.chain(x.powf(p), term(p, p - 1.0), term(p * (p - 1.0), p - 2.0))
    }

    /// Sine.
    pub fn sin(self) -> Self {
        let (s, c) = self.value.sin_cos();
        self.chain(s, c, -s)
    }

    /// Cosine.
    pub fn cos(self) -> Self {
        let (s, c) = self.value.sin_cos();
        self.chain(c, -s, -c)
    }

    /// Tangent.
    pub fn tan(self) -> Self {
        let t = self.value.tan();
        let first = t.mul_add(t, 1.0);
        self.chain(t, first, 2.0 * t * first)
    }

    /// Inverse sine.
    pub fn asin(self) -> Self {
        let x = self.value;
        let square = (1.0 - x) * (1.0 + x);
        let first = square.sqrt().recip();
        self.chain(x.asin(), first, x * first / square)
    }

    /// Inverse cosine.
    pub fn acos(self) -> Self {
        let asin = self.asin();
        Jet2 { value: self.value.acos(), first: -asin.first, second: -asin.second }
    }

    /// Inverse tangent.
    pub fn atan(self) -> Self {
        let x = self.value;
        let first = x.mul_add(x, 1.0).recip();
        // x · first first: x² may overflow, and then first is 0.
        self.chain(x.atan(), first, -2.0 * (x * first) * first)
    }

    /// Hyperbolic sine.
    pub fn sinh(self) -> Self {
        let (s, c) = (self.value.sinh(), self.value.cosh());
        self.chain(s, c, s)
    }

    /// Hyperbolic cosine.
    pub fn cosh(self) -> Self {
        let (s, c) = (self.value.sinh(), self.value.cosh());
        self.chain(c, s, c)
    }

    /// Hyperbolic tangent; `1 - tanh²` as `4e / (1 + e)²` with `e = e^(-2|x|)`.
    pub fn tanh(self) -> Self {
        let t = self.value.tanh();
        let e = (-2.0 * self.value.abs()).exp();
        let first = 4.0 * e / ((1.0 + e) * (1.0 + e));
        self.chain(t, first, -2.0 * t * first)
    }

    /// `1 / (1 + e^-x)`.
    pub fn sigmoid(self) -> Self {
        let [s, rest] = logistic(self.value);
        let first = s * rest;
        self.chain(s, first, -first * (0.5 * self.value).tanh())
    }

    /// `ln(1 + e^x)`.
    pub fn softplus(self) -> Self {
        let x = self.value;
        let [s, rest] = logistic(x);
        self.chain(x.max(0.0) + (-x.abs()).exp().ln_1p(), s, s * rest)
    }

    /// The error function.
    pub fn erf(self) -> Self {
        let x = self.value;
        let first = FRAC_2_SQRT_PI * (-x * x).exp();
        self.chain(libm::erf(x), first, -2.0 * x * first)
    }

    /// `1 - erf(x)`, accurate where it is small.
    pub fn erfc(self) -> Self {
        let x = self.value;
        let first = -FRAC_2_SQRT_PI * (-x * x).exp();
        self.chain(libm::erfc(x), first, -2.0 * x * first)
    }

    /// `|x|`; at 0 the derivative is 0.
    pub fn abs(self) -> Self {
        let sign = if self.value == 0.0 { 0.0 } else { self.value.signum() };
        self.chain(self.value.abs(), sign, 0.0)
    }

    /// The larger of the two; `self` if they are equal.
    pub fn max(self, other: Self) -> Self {
        if other.value > self.value { other } else { self }
    }

    /// The smaller of the two; `self` if they are equal.
    pub fn min(self, other: Self) -> Self {
        if other.value < self.value { other } else { self }
    }
}

/// `s(x)` and `s(-x)`, both without cancellation.
fn logistic(x: f64) -> [f64; 2] {
    let e = (-x.abs()).exp();
    let [large, small] = [1.0 / (1.0 + e), e / (1.0 + e)];
    if x > 0.0 { [large, small] } else { [small, large] }
}

impl From<f64> for Jet2 {
    fn from(value: f64) -> Self {
        Jet2::constant(value)
    }
}

impl Neg for Jet2 {
    type Output = Jet2;
    fn neg(self) -> Jet2 {
        Jet2 { value: -self.value, first: -self.first, second: -self.second }
    }
}

impl Add for Jet2 {
    type Output = Jet2;
    fn add(self, b: Jet2) -> Jet2 {
        Jet2 { value: self.value + b.value, first: self.first + b.first, second: self.second + b.second }
    }
}

impl Sub for Jet2 {
    type Output = Jet2;
    fn sub(self, b: Jet2) -> Jet2 {
        self + -b
    }
}

/// `(a b)'' = a'' b + 2 a' b' + a b''`.
impl Mul for Jet2 {
    type Output = Jet2;
    fn mul(self, b: Jet2) -> Jet2 {
        Jet2 {
            value: self.value * b.value,
            first: self.first * b.value + self.value * b.first,
            second: self.second * b.value + 2.0 * self.first * b.first + self.value * b.second,
        }
    }
}

/// From `a = q b`: `q' = (a' - q b') / b`, `q'' = (a'' - 2 q' b' - q b'') / b`.
impl Div for Jet2 {
    type Output = Jet2;
    fn div(self, b: Jet2) -> Jet2 {
        let value = self.value / b.value;
        let first = (self.first - value * b.first) / b.value;
        let second = (self.second - 2.0 * first * b.first - value * b.second) / b.value;
        Jet2 { value, first, second }
    }
}

macro_rules! with_constant {
    ($($Trait:ident $method:ident),+) => {$(
        impl $Trait<f64> for Jet2 {
            type Output = Jet2;
            fn $method(self, b: f64) -> Jet2 {
                self.$method(Jet2::constant(b))
            }
        }

        impl $Trait<Jet2> for f64 {
            type Output = Jet2;
            fn $method(self, b: Jet2) -> Jet2 {
                Jet2::constant(self).$method(b)
            }
        }
    )+};
}

with_constant!(Add add, Sub sub, Mul mul, Div div);
