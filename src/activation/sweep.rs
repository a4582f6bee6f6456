//! The loops: one function over a slice, compiled for the vector instructions of the machine.
//!
//! Each element gets the same arithmetic wherever it stands: the loops have no reduction, every fused
//! multiplication is written as such, and rules are branch-free.

use super::Activation;
use super::custom::Custom;
use super::real::Real;
use super::rules::gated::{Gelu, GeluTanh, Mish, Silu};
use super::rules::hyperbolic::{Acosh, Asinh, Atanh, Cosh, Sinh};
use super::rules::piecewise::{
    Abs, Celu, Clip, Elu, Identity, LeakyRelu, Relu, Shrink, Softsign, Step, ThresholdedRelu,
};
use super::rules::powers::{Exp, Log, Monomial, Power, Reciprocal, Sqrt};
use super::rules::saturating::{Erf, Sigmoid, Softplus, Tanh};
use super::rules::trigonometric::{Acos, Asin, Atan, Cos, Sin, Tan};
use super::rules::{Formula, Rule};
use super::together::Together;
use crate::scalar::{Scalar, vectorized};

/// λ and λα of SELU (Klambauer et al. 2017, rounded as in PyTorch).
const SELU: Elu = Elu { scale: 1.0507009873554805, factor: 1.0507009873554805 * 1.6732632423543772 };

/// What is to be done with a function once it is known which it is.
trait Visitor {
    type Output;

    /// A built-in function.
    fn rule<F: Rule>(self, rule: F) -> Self::Output;

    /// One of those whose steps are arithmetic.
    fn formula<F: Formula>(self, formula: F) -> Self::Output;

    /// A function of the user.
    fn custom(self, custom: &Custom) -> Self::Output;
}

impl Activation {
    /// σ(z), σ'(z) and σ''(z); the same bits as from the slices.
    pub fn eval<T: Scalar>(&self, z: T) -> [T; 3] {
        self.visit(Point(z))
    }

    /// `value[k] = σ(z[k])`. The slices have one length.
    pub fn eval_slice<T: Scalar>(&self, z: &[T], value: &mut [T]) {
        debug_assert_eq!(z.len(), value.len());
        self.visit(Value(z, value));
    }

    /// As [`eval_slice`](Self::eval_slice), with `slope[k] = σ'(z[k])`.
    pub fn eval_slice_first<T: Scalar>(&self, z: &[T], value: &mut [T], slope: &mut [T]) {
        debug_assert!(z.len() == value.len() && z.len() == slope.len());
        self.visit(First(z, value, slope));
    }

    /// As [`eval_slice_first`](Self::eval_slice_first), with `curve[k] = σ''(z[k])`.
    pub fn eval_slice_second<T: Scalar>(&self, z: &[T], value: &mut [T], slope: &mut [T], curve: &mut [T]) {
        debug_assert!(z.len() == value.len() && z.len() == slope.len() && z.len() == curve.len());
        self.visit(Second(z, value, slope, curve));
    }

    fn visit<V: Visitor>(&self, visitor: V) -> V::Output {
        match *self {
            Activation::Identity => visitor.rule(Identity),
            Activation::Relu => visitor.rule(Relu),
            Activation::LeakyRelu { alpha } => visitor.rule(LeakyRelu { alpha }),
            Activation::Prelu { ref slope } => visitor.rule(LeakyRelu { alpha: slope.first().copied().unwrap_or(0.0) }),
            Activation::Elu { alpha } => visitor.rule(Elu { scale: 1.0, factor: alpha }),
            Activation::Selu => visitor.rule(SELU),
            Activation::Celu { alpha } => visitor.rule(Celu { alpha }),
            Activation::Tanh => visitor.formula(Tanh),
            Activation::Sigmoid => visitor.formula(Sigmoid),
            Activation::Softplus => visitor.formula(Softplus),
            Activation::Softsign => visitor.rule(Softsign),
            Activation::Gelu => visitor.rule(Gelu),
            Activation::GeluTanh => visitor.rule(GeluTanh),
            Activation::Silu => visitor.formula(Silu),
            Activation::Mish => visitor.rule(Mish),
            Activation::Sin => visitor.rule(Sin),
            Activation::Cos => visitor.rule(Cos),
            Activation::Tan => visitor.rule(Tan),
            Activation::Asin => visitor.rule(Asin),
            Activation::Acos => visitor.rule(Acos),
            Activation::Atan => visitor.rule(Atan),
            Activation::Sinh => visitor.rule(Sinh),
            Activation::Cosh => visitor.rule(Cosh),
            Activation::Asinh => visitor.rule(Asinh),
            Activation::Acosh => visitor.rule(Acosh),
            Activation::Atanh => visitor.rule(Atanh),
            Activation::Exp => visitor.rule(Exp),
            Activation::Log => visitor.rule(Log),
            Activation::Sqrt => visitor.rule(Sqrt),
            Activation::Square => visitor.rule(Monomial::<2>),
            Activation::Powi(n) => visit_power(f64::from(n), visitor),
            Activation::Powf(p) => visit_power(p, visitor),
            Activation::Reciprocal => visitor.rule(Reciprocal),
            Activation::Erf => visitor.rule(Erf),
            Activation::Abs => visitor.rule(Abs),
            Activation::Step => visitor.rule(Step),
            Activation::Clip { low, high } => visitor.rule(Clip { low, high }),
            Activation::ThresholdedRelu { alpha } => visitor.rule(ThresholdedRelu { alpha }),
            Activation::Shrink { lambda, bias } => visitor.rule(Shrink { lambda, bias }),
            Activation::Custom(ref custom) => visitor.custom(custom),
        }
    }
}

/// Frequent powers by faster rules, the others by the standard library.
fn visit_power<V: Visitor>(p: f64, visitor: V) -> V::Output {
    match p {
        0.0 => visitor.rule(Monomial::<0>),
        1.0 => visitor.rule(Monomial::<1>),
        2.0 => visitor.rule(Monomial::<2>),
        3.0 => visitor.rule(Monomial::<3>),
        4.0 => visitor.rule(Monomial::<4>),
        0.5 => visitor.rule(Sqrt),
        -1.0 => visitor.rule(Reciprocal),
        _ => visitor.rule(Power { exponent: p }),
    }
}

struct Point<T>(T);
struct Value<'a, T>(&'a [T], &'a mut [T]);
struct First<'a, T>(&'a [T], &'a mut [T], &'a mut [T]);
struct Second<'a, T>(&'a [T], &'a mut [T], &'a mut [T], &'a mut [T]);

/// Runs the body with `R` as the type of 32 or of 64 bits that `T` is. The conversions there and back
/// are exact and the compiler removes them; the test is decided at compile time.
macro_rules! in_precision_of {
    ($T:ty, $R:ident => $body:expr) => {
        if size_of::<$T>() == size_of::<f32>() {
            type $R = f32;
            vectorized(
                #[inline(always)]
                || $body,
            )
        } else {
            type $R = f64;
            vectorized(
                #[inline(always)]
                || $body,
            )
        }
    };
}

#[inline(always)]
fn at<T: Scalar, R: Real, F: Rule>(rule: F, z: T) -> [T; 3] {
    rule.at(R::of(z.to_f64())).map(
        #[inline(always)]
        |v| T::from_f64(v.wide()),
    )
}

/// Numbers whose steps are taken together: so many of each number of a vector as long as a cache line, which the compiler
/// makes two of where the machine's are half as long.
const TOGETHER: usize = 4;
const LINE: usize = 64;

/// The loops for so many results: of any rule number by number, and of a formula in blocks of numbers.
///
/// Each result is an argument of its own, so that the compiler knows that they do not overlap. The rule is taken by value:
/// read through a reference inside the loop, its parameters would have to be loaded, and converted, again for every
/// element, and the loops would not be vectorized.
macro_rules! sweeps {
    ($one_by_one:ident, $in_blocks:ident, $($out:ident: $index:literal),+) => {
        #[inline(always)]
        fn $one_by_one<T: Scalar, R: Real, F: Rule>(rule: F, z: &[T], $($out: &mut [T]),+) {
            $(let $out = &mut $out[..z.len()];)+
            for k in 0..z.len() {
                let results = at::<T, R, F>(rule, z[k]);
                $($out[k] = results[$index];)+
            }
        }

        #[inline(always)]
        fn $in_blocks<T: Scalar, R: Real, F: Formula>(formula: F, z: &[T], $($out: &mut [T]),+) {
            let width = const { LINE / size_of::<R>() };
            let block = TOGETHER * width;
            let blocks = z.len() / block;
            for b in 0..blocks {
                let z = &z[b * block..][..block];
                $(let $out = &mut $out[b * block..][..block];)+
                for k in 0..width {
                    let mut numbers = [R::of(0.0); TOGETHER];
                    for i in 0..TOGETHER {
                        numbers[i] = R::of(z[i * width + k].to_f64());
                    }
                    let results = formula.of(Together(numbers));
                    for i in 0..TOGETHER {
                        $($out[i * width + k] = T::from_f64(results[$index].0[i].wide());)+
                    }
                }
            }
            let rest = blocks * block;
            $one_by_one::<T, R, F>(formula, &z[rest..], $(&mut $out[rest..]),+);
        }
    };
}

sweeps!(value_one_by_one, value_in_blocks, value: 0);
sweeps!(first_one_by_one, first_in_blocks, value: 0, slope: 1);
sweeps!(second_one_by_one, second_in_blocks, value: 0, slope: 1, curve: 2);

#[inline(always)]
fn is_far<T: Scalar, F: Rule>(z: T) -> bool {
    z.to_f64().abs() > F::REACH
}

fn far<T: Scalar, F: Rule>(rule: F, z: T) -> [T; 3] {
    rule.far(z.to_f64()).map(T::from_f64)
}

impl<T: Scalar> Visitor for Point<T> {
    type Output = [T; 3];

    fn rule<F: Rule>(self, rule: F) -> [T; 3] {
        if is_far::<T, F>(self.0) {
            return far(rule, self.0);
        }
        in_precision_of!(T, R => at::<T, R, F>(rule, self.0))
    }

    fn formula<F: Formula>(self, formula: F) -> [T; 3] {
        self.rule(formula)
    }

    fn custom(self, custom: &Custom) -> [T; 3] {
        custom.second(self.0.to_f64()).map(T::from_f64)
    }
}

impl<T: Scalar> Visitor for Value<'_, T> {
    type Output = ();

    fn rule<F: Rule>(self, rule: F) {
        let Value(z, value) = self;
        in_precision_of!(T, R => value_one_by_one::<T, R, F>(rule, z, value));
        if F::REACH < f64::INFINITY {
            for (&z, v) in z.iter().zip(value).filter(|(z, _)| is_far::<T, F>(**z)) {
                [*v, _, _] = far(rule, z);
            }
        }
    }

    fn formula<F: Formula>(self, formula: F) {
        let Value(z, value) = self;
        in_precision_of!(T, R => value_in_blocks::<T, R, F>(formula, z, value));
    }

    fn custom(self, custom: &Custom) {
        for (&z, v) in self.0.iter().zip(self.1) {
            *v = T::from_f64(custom.value(z.to_f64()));
        }
    }
}

impl<T: Scalar> Visitor for First<'_, T> {
    type Output = ();

    fn rule<F: Rule>(self, rule: F) {
        let First(z, value, slope) = self;
        in_precision_of!(T, R => first_one_by_one::<T, R, F>(rule, z, value, slope));
        if F::REACH < f64::INFINITY {
            for ((&z, v), s) in z.iter().zip(value).zip(slope) {
                if is_far::<T, F>(z) {
                    [*v, *s, _] = far(rule, z);
                }
            }
        }
    }

    fn formula<F: Formula>(self, formula: F) {
        let First(z, value, slope) = self;
        in_precision_of!(T, R => first_in_blocks::<T, R, F>(formula, z, value, slope));
    }

    fn custom(self, custom: &Custom) {
        for ((&z, v), s) in self.0.iter().zip(self.1).zip(self.2) {
            [*v, *s] = custom.first(z.to_f64()).map(T::from_f64);
        }
    }
}

impl<T: Scalar> Visitor for Second<'_, T> {
    type Output = ();

    fn rule<F: Rule>(self, rule: F) {
        let Second(z, value, slope, curve) = self;
        in_precision_of!(T, R => second_one_by_one::<T, R, F>(rule, z, value, slope, curve));
        if F::REACH < f64::INFINITY {
            for (((&z, v), s), c) in z.iter().zip(value).zip(slope).zip(curve) {
                if is_far::<T, F>(z) {
                    [*v, *s, *c] = far(rule, z);
                }
            }
        }
    }

    fn formula<F: Formula>(self, formula: F) {
        let Second(z, value, slope, curve) = self;
        in_precision_of!(T, R => second_in_blocks::<T, R, F>(formula, z, value, slope, curve));
    }

    fn custom(self, custom: &Custom) {
        for (((&z, v), s), c) in self.0.iter().zip(self.1).zip(self.2).zip(self.3) {
            [*v, *s, *c] = custom.second(z.to_f64()).map(T::from_f64);
        }
    }
}
