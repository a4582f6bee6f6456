//! Vectorized elementary functions: exponential, logarithm of `1 + e`, sine and cosine, the normal tail.

use super::real::{Arithmetic, Real, horner};

/// `e^x` and `e^x - 1`, each within about 1 ulp (the second for `x ≤ 0`).
///
/// With `k` the integer nearest to `x / ln 2` and `r = x - k ln 2`,
/// `e^x = 2^k (1 + p)` and `e^x - 1 = 2^k p + (2^k - 1)`, where `p = e^r - 1 = r + r² Q(r)`.
#[inline(always)]
pub(super) fn exp_and_expm1<R: Real>(x: R) -> [R; 2] {
    let x = x.at_least(R::EXP_RANGE[0]).at_most(R::EXP_RANGE[1]);
    let (k, [a, b]) = (x * R::of(std::f64::consts::LOG2_E)).split_power();
    let r = (-k).mul_add(R::LN_2[1], (-k).mul_add(R::LN_2[0], x));
    let p = (r * r).mul_add(exp_remainder(r), r);
    let power = a * b;
    [(R::of(1.0) + p) * a * b, power.mul_add(p, power - R::of(1.0))]
}

// The polynomials are Chebyshev interpolants at 60 digits, rounded; the errors are relative to the
// function that is made of them.

/// `(e^r - 1 - r) / r²` for `|r| ≤ ½ ln 2`. Error below 2^-56; single 2^-26.
#[inline(always)]
fn exp_remainder<R: Real>(r: R) -> R {
    if R::SINGLE {
        horner!(R, r;
            0.5000000013485558, 0.16666576899508787, 0.04166646474300243, 0.008363192819449364,
            0.0013933669393387117)
    } else {
        horner!(R, r;
            0.5, 0.1666666666666667, 0.04166666666662406, 0.008333333333326124,
            0.001388888891724766, 0.00019841269874860298, 2.480152124363816e-05,
            2.7557255350162843e-06, 2.762011317689975e-07, 2.5105237742245692e-08)
    }
}

/// `r coth r` as a function of `w = r²`, for `|r| ≤ ¼ ln 2`. Error below 2^-57 beside the rounding; single 2^-27.
///
/// The terms are summed two by two (Estrin), so that few steps wait for each other.
#[inline(always)]
fn r_coth_r<R: Arithmetic>(w: R) -> R {
    let square = w * w;
    if R::SINGLE {
        let near = w.mul_add(R::of(0.33333309072975453), R::of(1.0));
        return square.mul_add(R::of(-0.022158204608017255), near);
    }
    let near = w.mul_add(R::of(0.3333333333333332), R::of(1.0));
    let middle = w.mul_add(R::of(0.0021164020695725446), R::of(-0.022222222222044744));
    let far = w.mul_add(R::of(2.121450674414811e-05), R::of(-0.00021163588515127452));
    far.mul_add(square, middle).mul_add(square, near)
}

/// `(2 atanh(s) - 2s) / s³` as a function of `w = s²`, for `0 ≤ w ≤ 0.0295`. Error below 2^-57; single 2^-28.
#[inline(always)]
fn log_remainder<R: Arithmetic>(w: R) -> R {
    if R::SINGLE {
        horner!(R, w; 0.6666668515713098, 0.3998874783886144, 0.2958108437226502)
    } else {
        horner!(R, w;
            0.666666666666667, 0.39999999999898955, 0.2857142862619623, 0.22222211102348335,
            0.18182891280109284, 0.15331655663402047, 0.14617206088074544)
    }
}

/// `e^x` within about 1 ulp.
#[inline(always)]
pub(super) fn exp<R: Real>(x: R) -> R {
    exp_and_expm1(x)[0]
}

/// `e = e^(-2y) = p (c + r) / (c - r)` for `y ≥ 0`, so that a quotient of such exponentials takes no more than one division
/// and the polynomial half of the terms.
///
/// With `k` the integer nearest to `-2y / ln 2`, `p = 2^k` and `r = -y - ½ k ln 2`, `c = r coth r`, which is even in `r`:
/// `(c + r) / (c - r) = (coth r + 1) / (coth r - 1) = e^(2r)`. Below the normal numbers it is zero.
#[derive(Clone, Copy)]
pub(super) struct Halves<R> {
    power: R,
    c: R,
    r: R,
}

impl<R: Arithmetic> Halves<R> {
    #[inline(always)]
    pub(super) fn new(y: R) -> Self {
        let half = R::of(0.5);
        let y = y.at_most(R::LEAST_POWER * R::of(-0.5 * std::f64::consts::LN_2));
        let (k, power) = y.power(R::of(-2.0 * std::f64::consts::LOG2_E));
        let r = (-k).mul_add(half * R::LN_2[1], (-k).mul_add(half * R::LN_2[0], -y));
        Halves { power, c: r_coth_r(r * r), r }
    }

    /// `p (c + r)` and `c - r`, which are to each other as the exponential to 1.
    #[inline(always)]
    pub(super) fn parts(self) -> [R; 2] {
        [self.power * (self.c + self.r), self.c - self.r]
    }

    /// The sum of the [`parts`](Self::parts), `1 + e` times the second.
    #[inline(always)]
    pub(super) fn sum(self) -> R {
        let one = R::of(1.0);
        self.c.mul_add(one + self.power, -(self.r * (one - self.power)))
    }

    /// The second of the parts less the first, `1 - e` times the second, without cancellation.
    #[inline(always)]
    pub(super) fn difference(self) -> R {
        let one = R::of(1.0);
        self.c.mul_add(one - self.power, -(self.r * (one + self.power)))
    }

    /// `p` and `c² - r²`, whose product is that of the parts.
    #[inline(always)]
    pub(super) fn factors(self) -> [R; 2] {
        [self.power, self.c.mul_add(self.c, -(self.r * self.r))]
    }

    /// `ln(1 + e)` and the inverse of the [`sum`](Self::sum), with one division for both.
    ///
    /// `1 + e = 2^k (1 + f)` with k ∈ {0, 1} and f ∈ [1/√2 - 1, √2 - 1], and with `s = f / (2 + f)`
    /// `ln(1 + f) = 2 atanh(s)`, where `s` is `e / (e + 2)` or `(e - 1) / (e + 3)`.
    #[inline(always)]
    pub(super) fn ln_1p_and_inverse(self) -> [R; 2] {
        let ([e, one], sum) = (self.parts(), self.sum());
        let bound = R::of(std::f64::consts::SQRT_2 - 1.0) * one;
        let numerator = e.if_above(bound, -self.difference(), e);
        let count = e.if_above(bound, R::of(3.0), R::of(2.0));
        let ln = e.if_above(bound, R::LN_2[0], R::of(0.0));
        let denominator = count.mul_add(one, e);
        let inverse = R::of(1.0) / (sum * denominator);
        let s = numerator * (sum * inverse);
        let w = s * s;
        [ln + (s * w).mul_add(log_remainder(w), R::of(2.0) * s), denominator * inverse]
    }
}

/// `e^(-x²/2)` within about 2 ulp: the rounding error of the square, multiplied by up to 700 in the
/// tail, is put back.
#[inline(always)]
pub(super) fn exp_of_half_square(x: f64) -> f64 {
    let square = x * x;
    let rest = x.mul_add(x, -square);
    let e = exp(-0.5 * square);
    (-0.5 * rest).mul_add(e, e)
}

/// Up to here [`sin_cos`] holds; beyond, three numbers for π/2 are not enough.
pub(super) const SIN_COS_LIMIT: f64 = 1e5;

/// Sine and cosine within about 1 ulp for `|x| ≤ SIN_COS_LIMIT`.
///
/// `r = x - k π/2` in three steps (Cody and Waite); the first is exact, as `k` has 16 bits and the
/// multiplication is fused.
#[inline(always)]
pub(super) fn sin_cos(x: f64) -> [f64; 2] {
    const HALF_PI: [f64; 3] = [std::f64::consts::FRAC_PI_2, 6.123233995736766e-17, -1.4973849048591698e-33];
    const SHIFT: f64 = 6755399441055744.0; // 1.5 · 2^52: k in the low bits
    let shifted = x.mul_add(std::f64::consts::FRAC_2_PI, SHIFT);
    let k = shifted - SHIFT;
    let quadrant = shifted.to_bits();
    let r = (-k).mul_add(HALF_PI[0], x);
    let r = (-k).mul_add(HALF_PI[1], r);
    let r = (-k).mul_add(HALF_PI[2], r);
    let w = r * r;
    let sin = horner!(f64, w;
        -0.16666666666666666, 0.008333333333330946, -0.00019841269836755204,
        2.7557316100725207e-06, -2.5051131451409264e-08, 1.591810020281011e-10);
    let sin = (r * w).mul_add(sin, r);
    let cos = horner!(f64, w;
        0.041666666666666664, -0.0013888888888887395, 2.4801587298763494e-05,
        -2.7557317270548193e-07, 2.087614601504191e-09, -1.1382613763314446e-11);
    // 1 - w/2 with its rounding error put back.
    let top = 1.0 - 0.5 * w;
    let cos = top + (w * w).mul_add(cos, (1.0 - top) - 0.5 * w);
    let (s, c) = if quadrant & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let s = if quadrant & 2 == 0 { s } else { -s };
    let c = if quadrant.wrapping_add(1) & 2 == 0 { c } else { -c };
    [s, c]
}

/// `e^(w²/2) erfc(w/√2)` for `0 ≤ w ≤ 1e100`, within about 2 ulp: twice the normal tail, scaled.
///
/// `(1 + w/2)` times this function is a polynomial in `t = (w - 5) / (w + 5)` on the whole half-axis
/// (the idea of Shepherd and Laframboise, Math. Comp. 36, 1981), here of degree 23.
#[inline(always)]
pub(super) fn scaled_tail(w: f64) -> f64 {
    let (plus, scale) = (w + 5.0, 0.5f64.mul_add(w, 1.0));
    let inverse = 1.0 / (plus * scale); // one division for both quotients
    let t = (w - 5.0) * (inverse * scale);
    let p = horner!(f64, t;
        0.538435134825044, -0.235009837098021, 0.14709918031196792, -0.07088152487889832,
        0.021454309317817565, 0.0011230627559910848, -0.006179044851077638, 0.004143156311093302,
        -0.0014565216153527348, 0.00014206844015039497, 0.00012190671175388441, -5.264626781729903e-05,
        -3.2518601394784877e-06, 7.789708889399783e-06, -7.449795310445511e-07, -1.0639721299735955e-06,
        2.0427782707854667e-07, 1.568514365424983e-07, -3.656887644698307e-08, -2.494922501204277e-08,
        5.039300432935236e-09, 3.6187136985768996e-09, -4.0801725676091545e-10, -3.19466488272739e-10);
    p * (inverse * plus)
}

/// `erf(x)` for `|x| < 1`: `x P(x²)`.
#[inline(always)]
pub(super) fn erf_near_zero(x: f64) -> f64 {
    let w = x * x;
    x * horner!(f64, w;
        std::f64::consts::FRAC_2_SQRT_PI, -0.37612638903183543, 0.1128379167094513, -0.026866170643256995,
        0.005223977607269946, -0.0008548325982543225, 0.00012055295112667001,
        -1.4924740785377576e-05, 1.6447471190594618e-06, -1.6208829856810202e-07,
        1.3721520406351094e-08, -7.798543850549947e-10)
}
