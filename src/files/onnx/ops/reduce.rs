//! Sums, means, norms and maxima over axes.

use super::Call;
use crate::activation::Activation;
use crate::error::Result;
use crate::files::onnx::movement::{Movement, axes};
use crate::files::onnx::value::{Value, Variable};

pub(super) fn lower(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    let rank = x.shape.len();
    let list = call.integers(1, "axes")?.unwrap_or_default();
    let list = match (list.is_empty(), call.node.flag("noop_with_empty_axes")) {
        // Nothing is summed, but the functions before and after the sum remain.
        (true, true) => Vec::new(),
        (true, false) => (0..rank).collect(),
        (false, _) => axes(&list, rank)?,
    };
    let count: usize = list.iter().map(|&a| x.shape[a]).product();
    let over = &list[..];
    let lowering = &mut *call.lowering;
    let reduced = match call.node.operator() {
        "ReduceSum" => lowering.summed(&x, over, 1.0)?,
        "ReduceMean" => lowering.summed(&x, over, 1.0 / count.max(1) as f64)?,
        "ReduceSumSquare" => {
            let squares = lowering.activation(&x, Activation::Square)?;
            lowering.summed(&squares, over, 1.0)?
        }
        "ReduceL1" => {
            let sizes = lowering.activation(&x, Activation::Abs)?;
            lowering.summed(&sizes, over, 1.0)?
        }
        "ReduceL2" => {
            let squares = lowering.activation(&x, Activation::Square)?;
            let sum = lowering.summed(&squares, over, 1.0)?;
            lowering.activation(&sum, Activation::Sqrt)?
        }
        "ReduceLogSum" => {
            let sum = lowering.summed(&x, over, 1.0)?;
            lowering.activation(&sum, Activation::Log)?
        }
        "ReduceLogSumExp" => {
            // ln Σ eˣ = m + ln Σ e^(x − m) for any m; with the largest x nothing overflows.
            let largest = lowering.largest(&x, over)?;
            let kept = lowering.reshaped(&largest, &keeping(&x.shape, over))?;
            let shifted = lowering.sum(&[&x, &kept], &[1.0, -1.0])?;
            let powers = lowering.activation(&shifted, Activation::Exp)?;
            let sum = lowering.summed(&powers, over, 1.0)?;
            let logarithm = lowering.activation(&sum, Activation::Log)?;
            lowering.sum(&[&logarithm, &largest], &[1.0, 1.0])?
        }
        "ReduceMax" => lowering.largest(&x, over)?,
        "ReduceMin" => {
            let opposite = lowering.scaled(&x, -1.0)?;
            let largest = lowering.largest(&opposite, over)?;
            lowering.scaled(&largest, -1.0)?
        }
        "ReduceProd" => product(call, &x, over)?,
        other => return call.refuse(format!("{other}: the operator is not supported")),
    };
    if call.node.int("keepdims").unwrap_or(1) != 0 {
        return call.lowering.reshaped(&reduced, &keeping(&x.shape, over));
    }
    Ok(reduced)
}

/// The shape with length one for the reduced axes.
pub(super) fn keeping(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    shape.iter().enumerate().map(|(a, &s)| if axes.contains(&a) { 1 } else { s }).collect()
}

/// The product over axes, in halves: as many layers as the logarithm of their length.
fn product(call: &mut Call<'_>, x: &Variable, over: &[usize]) -> Result<Variable> {
    let rest: Vec<usize> = (0..x.shape.len()).filter(|a| !over.contains(a)).collect();
    let order: Vec<usize> = over.iter().chain(&rest).copied().collect();
    let shape: Vec<usize> = rest.iter().map(|&a| x.shape[a]).collect();
    let mut count: usize = over.iter().map(|&a| x.shape[a]).product();
    let flat: Vec<usize> = [count].iter().chain(&shape).copied().collect();
    let x = call.lowering.transposed(x, &order)?;
    let mut x = call.lowering.reshaped(&x, &flat)?;
    while count > 1 {
        let half = count / 2;
        let part = |range: std::ops::Range<usize>| Movement::Select(0, range.collect());
        let first = call.lowering.moved_variable(&x, &part(0..half))?;
        let second = call.lowering.moved_variable(&x, &part(half..2 * half))?;
        let product = call.lowering.product(&first, &second)?;
        if count % 2 == 1 {
            let last = call.lowering.moved_variable(&x, &part(count - 1..count))?;
            let joined = call.lowering.joined(&[Value::Variable(product), Value::Variable(last)], 0)?;
            x = call.lowering.variable(&joined)?;
        } else {
            x = product;
        }
        count = half + count % 2;
    }
    call.lowering.reshaped(&x, &shape)
}
