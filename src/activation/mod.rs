//! [`Activation`]: the elementwise functions, each with its first and second derivative.
//!
//! Accuracy: a few ulp of each of the three numbers, in the tails too, except next to a zero of a
//! derivative (there a few ulp of the terms that cancel). Every formula is in the docs of its rule.
//!
//! | level | file | what |
//! |---|---|---|
//! | 1 | `real` | the arithmetic that the formulas need |
//! | 2 | `elementary` | vectorized exp, expm1, ln1p, sin, cos, normal tail |
//! | 3 | `rules/…` | σ, σ', σ'' of each function |
//! | 3 | `custom` | functions of the user |
//! | 4 | `sweep` | the loops over slices |

mod custom;
mod elementary;
mod real;
mod rules;
mod sweep;
mod together;

pub use custom::Custom;

use crate::error::{Result, bail, ensure};

/// An elementwise function σ.
///
/// # Kinks
/// Where a derivative jumps, the convention is the one of PyTorch and ONNX Runtime:
///
/// | function | σ'(0) | σ''(0) |
/// |---|---|---|
/// | [`Relu`](Self::Relu) | 0 | 0 |
/// | [`LeakyRelu`](Self::LeakyRelu), [`Prelu`](Self::Prelu) | alpha | 0 |
/// | [`Abs`](Self::Abs) | 0 | 0 |
/// | [`Step`](Self::Step) | 0, as everywhere | 0 |
/// | [`Elu`](Self::Elu) | alpha | alpha, the value from the left |
/// | [`Selu`](Self::Selu) | λα | λα, from the left |
/// | [`Celu`](Self::Celu) | 1 | 1/alpha, from the left |
/// | [`Softsign`](Self::Softsign) | 1 | 0, the middle of +2 and -2 |
///
/// [`Clip`](Self::Clip) has σ' = 0 at both bounds, [`ThresholdedRelu`](Self::ThresholdedRelu) σ = σ' = 0 at alpha,
/// [`Shrink`](Self::Shrink) σ = σ' = 0 at ±lambda.
///
/// # Special values
/// NaN gives NaN where σ is not piecewise linear, an infinite input the limits. Where σ is not defined
/// ([`Log`](Self::Log) of a negative number, [`Asin`](Self::Asin) beyond ±1), the value is NaN and the derivatives
/// are unspecified; where it ends with a vertical slope (±1 for asin), they are infinite.
///
/// ```
/// use colorjet::Activation;
/// let [value, slope, curve] = Activation::Tanh.eval(0.5f64);
/// assert!((value - 0.5f64.tanh()).abs() < 1e-15);
/// assert!((slope - (1.0 - value * value)).abs() < 1e-15);
/// assert!((curve + 2.0 * value * slope).abs() < 1e-15);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// `z`.
    Identity,
    /// `max(z, 0)`.
    Relu,
    /// `z` for `z > 0`, else `alpha z`.
    LeakyRelu {
        /// The slope on the left.
        alpha: f64,
    },
    /// [`LeakyRelu`](Self::LeakyRelu) with trained slopes: one, or one for each channel or unit.
    ///
    /// The layer gives each unit its own; evaluated here, the first slope counts.
    Prelu {
        /// The slopes on the left.
        slope: Vec<f64>,
    },
    /// `z` for `z > 0`, else `alpha (e^z - 1)`.
    Elu {
        /// Minus the limit on the left.
        alpha: f64,
    },
    /// λ times ELU with α: the self-normalizing constants 1.0507… and 1.6733….
    Selu,
    /// `z` for `z > 0`, else `alpha (e^(z/alpha) - 1)`.
    Celu {
        /// Not zero.
        alpha: f64,
    },
    /// `tanh z`.
    Tanh,
    /// `1 / (1 + e^-z)`.
    Sigmoid,
    /// `ln(1 + e^z)`.
    Softplus,
    /// `z / (1 + |z|)`.
    Softsign,
    /// `z Φ(z)` with the normal distribution Φ, exact (by erf).
    Gelu,
    /// GELU's approximation `½ z (1 + tanh(√(2/π) (z + 0.044715 z³)))`.
    GeluTanh,
    /// `z / (1 + e^-z)`, also called swish.
    Silu,
    /// `z tanh(ln(1 + e^z))`.
    Mish,
    /// `sin z`.
    Sin,
    /// `cos z`.
    Cos,
    /// `tan z`.
    Tan,
    /// `asin z`, the angle in [-π/2, π/2] with the sine `z`.
    Asin,
    /// `acos z`, the angle in [0, π] with the cosine `z`.
    Acos,
    /// `atan z`, the angle in [-π/2, π/2] with the tangent `z`.
    Atan,
    /// `sinh z = (e^z - e^-z) / 2`.
    Sinh,
    /// `cosh z = (e^z + e^-z) / 2`.
    Cosh,
    /// `asinh z = ln(z + √(z² + 1))`.
    Asinh,
    /// `acosh z = ln(z + √(z² - 1))`.
    Acosh,
    /// `atanh z = ½ ln((1 + z) / (1 - z))`.
    Atanh,
    /// `e^z`.
    Exp,
    /// `ln z`.
    Log,
    /// `√z`.
    Sqrt,
    /// `z²`.
    Square,
    /// `z^n`.
    Powi(i32),
    /// `z^p`; NaN for `z < 0` unless `p` is an integer.
    Powf(f64),
    /// `1 / z`.
    Reciprocal,
    /// `erf z`.
    Erf,
    /// `|z|`.
    Abs,
    /// 1 for `z > 0`, else 0: what comparisons are made of.
    Step,
    /// `min(max(z, low), high)`: ReLU6 and hard tanh, for example.
    Clip {
        /// The least value; `-∞` for none.
        low: f64,
        /// The largest value, not below `low`; `∞` for none.
        high: f64,
    },
    /// `z` for `z > alpha`, else 0.
    ThresholdedRelu {
        /// Where σ jumps.
        alpha: f64,
    },
    /// `z + bias` for `z < -lambda`, `z - bias` for `z > lambda`, else 0: hard shrinkage with `bias` 0, soft
    /// shrinkage with `bias` lambda.
    Shrink {
        /// Half the width of the gap, not negative.
        lambda: f64,
        /// The step toward 0.
        bias: f64,
    },
    /// A function of the caller.
    Custom(Custom),
}

impl Activation {
    /// The name in messages and plans: `"leaky_relu"`; of a custom function, its own.
    pub fn name(&self) -> &str {
        match self {
            Activation::Identity => "identity",
            Activation::Relu => "relu",
            Activation::LeakyRelu { .. } => "leaky_relu",
            Activation::Prelu { .. } => "prelu",
            Activation::Elu { .. } => "elu",
            Activation::Selu => "selu",
            Activation::Celu { .. } => "celu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
            Activation::Softplus => "softplus",
            Activation::Softsign => "softsign",
            Activation::Gelu => "gelu",
            Activation::GeluTanh => "gelu_tanh",
            Activation::Silu => "silu",
            Activation::Mish => "mish",
            Activation::Sin => "sin",
            Activation::Cos => "cos",
            Activation::Tan => "tan",
            Activation::Asin => "asin",
            Activation::Acos => "acos",
            Activation::Atan => "atan",
            Activation::Sinh => "sinh",
            Activation::Cosh => "cosh",
            Activation::Asinh => "asinh",
            Activation::Acosh => "acosh",
            Activation::Atanh => "atanh",
            Activation::Exp => "exp",
            Activation::Log => "log",
            Activation::Sqrt => "sqrt",
            Activation::Square => "square",
            Activation::Powi(_) => "powi",
            Activation::Powf(_) => "powf",
            Activation::Reciprocal => "reciprocal",
            Activation::Erf => "erf",
            Activation::Abs => "abs",
            Activation::Step => "step",
            Activation::Clip { .. } => "clip",
            Activation::ThresholdedRelu { .. } => "thresholded_relu",
            Activation::Shrink { .. } => "shrink",
            Activation::Custom(custom) => custom.name(),
        }
    }

    /// Whether σ, σ' and σ'' are known to be finite at every finite number: no domain to leave, nothing to overflow.
    pub fn is_finite_everywhere(&self) -> bool {
        use Activation::*;
        matches!(self, Identity | Relu | Tanh | Sigmoid | Softplus | Softsign | Silu | Gelu | Sin | Cos | Atan | Erf)
    }

    /// Whether σ'' is nonzero somewhere: such units make second derivatives.
    ///
    /// ELU counts for any alpha, by structure and not by the value of a parameter.
    pub fn is_curved(&self) -> bool {
        match self {
            Activation::Identity
            | Activation::Relu
            | Activation::LeakyRelu { .. }
            | Activation::Prelu { .. }
            | Activation::Abs
            | Activation::Step
            | Activation::Clip { .. }
            | Activation::ThresholdedRelu { .. }
            | Activation::Shrink { .. } => false,
            Activation::Powi(_) | Activation::Powf(_) => !self.is_affine(),
            Activation::Custom(custom) => custom.is_curved(),
            _ => true,
        }
    }

    /// Whether σ is `a z + b` by its kind: the identity, or a power 0 or 1.
    pub fn is_affine(&self) -> bool {
        match *self {
            Activation::Identity => true,
            Activation::Powi(n) => n == 0 || n == 1,
            Activation::Powf(p) => p == 0.0 || p == 1.0,
            _ => false,
        }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`NonFinite`](crate::ErrorKind::NonFinite) for NaN or an infinite number other than an absent bound of clip;
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for CELU with alpha 0, bounds in the wrong order,
    /// shrink with a negative lambda;
    /// [`Empty`](crate::ErrorKind::Empty) for PReLU without slopes.
    pub fn validate(&self) -> Result<()> {
        let name = self.name();
        let finite = |parameter: &str, number: f64| {
            ensure!(number.is_finite(), NonFinite, "{name} has the {parameter} {number}");
            Ok(())
        };
        match *self {
            Activation::LeakyRelu { alpha } | Activation::Elu { alpha } | Activation::ThresholdedRelu { alpha } => {
                finite("alpha", alpha)
            }
            Activation::Celu { alpha } => {
                finite("alpha", alpha)?;
                ensure!(alpha != 0.0, InvalidParameter, "celu needs an alpha other than 0");
                Ok(())
            }
            Activation::Prelu { ref slope } => {
                ensure!(!slope.is_empty(), Empty, "prelu has no slope");
                slope.iter().try_for_each(|&s| finite("slope", s))
            }
            Activation::Powf(p) => finite("exponent", p),
            Activation::Clip { low, high } => {
                // An infinite bound is an absent one, on its own side only.
                ensure!(low.is_finite() || low == f64::NEG_INFINITY, NonFinite, "clip has the low {low}");
                ensure!(high.is_finite() || high == f64::INFINITY, NonFinite, "clip has the high {high}");
                if low > high {
                    bail!(InvalidParameter, "clip needs low ≤ high, not {low} and {high}");
                }
                Ok(())
            }
            Activation::Shrink { lambda, bias } => {
                finite("lambda", lambda)?;
                finite("bias", bias)?;
                if lambda < 0.0 {
                    bail!(InvalidParameter, "shrink needs a lambda of 0 or more, not {lambda}");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
