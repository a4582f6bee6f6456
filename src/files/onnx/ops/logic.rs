//! Comparisons and what is made of them: 1 for true, 0 for false, flat on both sides.

use super::Call;
use crate::activation::Activation;
use crate::error::Result;
use crate::files::onnx::lowering::Lowering;
use crate::files::onnx::tensor::array;
use crate::files::onnx::value::Variable;

/// The operator; at least one operand is no constant.
pub(super) fn lower(call: &mut Call<'_>) -> Result<Variable> {
    let a = call.variable(0)?;
    match call.node.operator() {
        "Not" => return opposite(call.lowering, &a),
        "Sign" => return sides(call.lowering, &a, -1.0),
        _ => {}
    }
    let b = call.variable(1)?;
    let lowering = &mut *call.lowering;
    let above = |lowering: &mut Lowering, a: &Variable, b: &Variable| {
        let difference = lowering.sum(&[a, b], &[1.0, -1.0])?;
        lowering.activation(&difference, Activation::Step)
    };
    match call.node.operator() {
        "Greater" => above(lowering, &a, &b),
        "Less" => above(lowering, &b, &a),
        "GreaterOrEqual" => {
            let less = above(lowering, &b, &a)?;
            opposite(lowering, &less)
        }
        "LessOrEqual" => {
            let greater = above(lowering, &a, &b)?;
            opposite(lowering, &greater)
        }
        "Equal" => {
            let difference = lowering.sum(&[&a, &b], &[1.0, -1.0])?;
            let differs = nonzero(lowering, &difference)?;
            opposite(lowering, &differs)
        }
        "And" => lowering.product(&a, &b),
        operator => {
            // a + b − ab, and a + b − 2ab for one of the two only.
            let both = lowering.product(&a, &b)?;
            lowering.sum(&[&a, &b, &both], &[1.0, 1.0, if operator == "Or" { -1.0 } else { -2.0 }])
        }
    }
}

/// Whether a number is not zero.
pub(super) fn nonzero(lowering: &mut Lowering, a: &Variable) -> Result<Variable> {
    sides(lowering, a, 1.0)
}

/// 1 above zero, another number below.
fn sides(lowering: &mut Lowering, a: &Variable, below: f64) -> Result<Variable> {
    let opposite = lowering.scaled(a, -1.0)?;
    let [positive, negative] = [a, &opposite].map(|v| lowering.activation(v, Activation::Step));
    lowering.sum(&[&positive?, &negative?], &[1.0, below])
}

/// `1 − c`.
pub(super) fn opposite(lowering: &mut Lowering, c: &Variable) -> Result<Variable> {
    let [minus, one] = [-1.0, 1.0].map(|v| array(&[], vec![v]));
    lowering.affine(c, Some(&minus), Some(&one), false)
}
