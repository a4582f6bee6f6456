//! Functions of each unit.

use super::Call;
use crate::activation::Activation;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::files::onnx::node::Node;
use crate::files::onnx::tensor::{Shared, array};
use crate::files::onnx::value::Variable;

/// SELU's own constants, as operator sets write them.
const SELU: [f32; 2] = [1.673_263_2, 1.050_701];

/// The function of an operator that has one, with its attributes.
pub(super) fn function(node: &Node<'_>) -> Result<Option<Activation>> {
    let float = |name: &str, default: f64| node.float(name).unwrap_or(default);
    // An attribute holds 32 bits: the defaults are rounded as if they were written out.
    let short = |name: &str, default: f32| float(name, default.into());
    Ok(Some(match node.operator() {
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::LeakyRelu { alpha: short("alpha", 0.01) },
        "Elu" => Activation::Elu { alpha: float("alpha", 1.0) },
        "Celu" => Activation::Celu { alpha: float("alpha", 1.0) },
        "Selu" if SELU.map(f64::from) == [short("alpha", SELU[0]), short("gamma", SELU[1])] => Activation::Selu,
        "ThresholdedRelu" => Activation::ThresholdedRelu { alpha: float("alpha", 1.0) },
        "Shrink" => Activation::Shrink { lambda: short("lambd", 0.5), bias: float("bias", 0.0) },
        "Tanh" => Activation::Tanh,
        "Sigmoid" => Activation::Sigmoid,
        "Softplus" => Activation::Softplus,
        "Softsign" => Activation::Softsign,
        "Mish" => Activation::Mish,
        "Gelu" => match node.text("approximate")?.unwrap_or("none") {
            "none" => Activation::Gelu,
            "tanh" => Activation::GeluTanh,
            other => bail!(Unsupported, "the approximation {other:?}"),
        },
        "Swish" if float("alpha", 1.0) == 1.0 => Activation::Silu,
        "Sin" => Activation::Sin,
        "Cos" => Activation::Cos,
        "Tan" => Activation::Tan,
        "Asin" => Activation::Asin,
        "Acos" => Activation::Acos,
        "Atan" => Activation::Atan,
        "Sinh" => Activation::Sinh,
        "Cosh" => Activation::Cosh,
        "Asinh" => Activation::Asinh,
        "Acosh" => Activation::Acosh,
        "Atanh" => Activation::Atanh,
        "Exp" => Activation::Exp,
        "Log" => Activation::Log,
        "Sqrt" => Activation::Sqrt,
        "Reciprocal" => Activation::Reciprocal,
        "Erf" => Activation::Erf,
        "Abs" => Activation::Abs,
        _ => return Ok(None),
    }))
}

/// Operators that make one tensor of one, number by number.
pub(super) fn lower(call: &mut Call<'_>) -> Result<Variable> {
    if let Some(function) = function(&call.node)? {
        let x = call.variable(0)?;
        return call.lowering.activation(&x, function);
    }
    let number = |v: f64| array(&[], vec![v]);
    match call.node.operator() {
        "Neg" => {
            let x = call.variable(0)?;
            call.lowering.affine(&x, Some(&number(-1.0)), None, call.alone(0))
        }
        "Selu" => {
            let [alpha, gamma] = ["alpha", "gamma"].map(|name| call.node.float(name));
            let x = call.variable(0)?;
            let elu = call.lowering.activation(&x, Activation::Elu { alpha: alpha.unwrap_or(SELU[0].into()) })?;
            call.lowering.scaled(&elu, gamma.unwrap_or(SELU[1].into()))
        }
        "Swish" => {
            let alpha = call.node.float("alpha").unwrap_or(1.0);
            let x = call.variable(0)?;
            let scaled = call.lowering.scaled(&x, alpha)?;
            let gate = call.lowering.activation(&scaled, Activation::Sigmoid)?;
            call.lowering.product(&x, &gate)
        }
        "HardSigmoid" => {
            let [alpha, beta] = [("alpha", 0.2f32), ("beta", 0.5)].map(|(n, d)| call.node.float(n).unwrap_or(d.into()));
            let x = call.variable(0)?;
            hard_sigmoid(call, &x, alpha, beta)
        }
        "HardSwish" => {
            let x = call.variable(0)?;
            let gate = hard_sigmoid(call, &x, 1.0 / 6.0, 0.5)?;
            call.lowering.product(&x, &gate)
        }
        "PRelu" => {
            let x = call.variable(0)?;
            let slope = call.floats(1, "the slope")?;
            call.lowering.prelu(&x, &slope)
        }
        "Clip" => {
            let bound = |k, attribute: &str, default| match call.number(k, "a bound")? {
                Some(number) => Ok::<f64, Error>(number),
                None => Ok(call.node.float(attribute).unwrap_or(default)),
            };
            let low = bound(1, "min", f64::NEG_INFINITY)?;
            let high = bound(2, "max", f64::INFINITY)?;
            let x = call.variable(0)?;
            // Where the bounds cross, the upper one holds.
            call.lowering.activation(&x, Activation::Clip { low: low.min(high), high })
        }
        operator => {
            let why = match operator {
                "LSTM" | "GRU" | "RNN" | "Scan" => {
                    "recurrence is not supported: unroll or trace the model when exporting it"
                }
                "Floor" | "Ceil" | "Round" | "ArgMax" | "ArgMin" | "TopK" | "Mod" | "Hardmax" | "NonZero"
                | "OneHot" => {
                    "its result jumps, so that it has no derivatives: select the tensor before it, or leave it out of \
                     the exported model"
                }
                "QLinearConv"
                | "QLinearMatMul"
                | "QuantizeLinear"
                | "DequantizeLinear"
                | "ConvInteger"
                | "MatMulInteger"
                | "DynamicQuantizeLinear" => {
                    "quantized models are not supported: export the model with floating-point weights"
                }
                "RandomNormal" | "RandomUniform" | "RandomNormalLike" | "RandomUniformLike" | "Bernoulli"
                | "Multinomial" => "random numbers have no derivatives: export the model for inference",
                _ => {
                    "the operator is not supported: rewrite this part with the operators in colorjet's table, or \
                     select the tensor before it"
                }
            };
            let domain = &call.node.proto.domain;
            let of = if domain.is_empty() { String::new() } else { format!(" (domain {domain:?})") };
            Err(Error::new(ErrorKind::Unsupported, format!("{operator}{of}: {why}")))
        }
    }
}

/// `min(max(alpha x + beta, 0), 1)`.
fn hard_sigmoid(call: &mut Call<'_>, x: &Variable, alpha: f64, beta: f64) -> Result<Variable> {
    let [alpha, beta]: [Shared<f64>; 2] = [alpha, beta].map(|v| array(&[], vec![v]));
    let line = call.lowering.affine(x, Some(&alpha), Some(&beta), false)?;
    call.lowering.activation(&line, Activation::Clip { low: 0.0, high: 1.0 })
}
