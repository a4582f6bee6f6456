//! Matrix products.

use super::Call;
use crate::error::{Result, bail, ensure};
use crate::files::onnx::lowering::Lowering;
use crate::files::onnx::movement::{Movement, axis, broadcast_shape};
use crate::files::onnx::tensor::{Tensor, array};
use crate::files::onnx::value::{Value, Variable};
use ndarray::Array2;

/// `alpha A B + beta C`.
pub(super) fn gemm(call: &mut Call<'_>) -> Result<Variable> {
    let turn = |lowering: &mut Lowering, value: &Value, turned: bool| {
        ensure!(value.shape().len() == 2, Shape, "a matrix is needed, not a tensor of shape {:?}", value.shape());
        if turned { lowering.moved(value, &Movement::Transpose(vec![1, 0])) } else { Ok(value.clone()) }
    };
    let (a, b) = (call.value(0)?.clone(), call.value(1)?.clone());
    let [turn_a, turn_b] = ["transA", "transB"].map(|name| call.node.flag(name));
    let (a, b) = (turn(call.lowering, &a, turn_a)?, turn(call.lowering, &b, turn_b)?);
    let [alpha, beta] = ["alpha", "beta"].map(|name| array(&[], vec![call.node.float(name).unwrap_or(1.0)]));
    let product = multiplied(call.lowering, &a, &b)?;
    let product = call.lowering.affine(&product, Some(&alpha), None, true)?;
    let shape = product.shape.clone();
    let sum = match call.optional(2).cloned() {
        None => return Ok(product),
        Some(Value::Constant(c)) => {
            let shift = c.to_floats().mapv(|v| v * beta[[].as_slice()]).into_shared();
            call.lowering.affine(&product, None, Some(&shift), true)?
        }
        Some(Value::Variable(c)) => call.lowering.sum(&[&product, &c], &[1.0, beta[[].as_slice()]])?,
    };
    ensure!(sum.shape == shape, Shape, "C does not fit the product of shape {shape:?}");
    Ok(sum)
}

pub(super) fn matmul(call: &mut Call<'_>) -> Result<Variable> {
    let (a, b) = (call.value(0)?.clone(), call.value(1)?.clone());
    multiplied(call.lowering, &a, &b)
}

/// The matrix product of NumPy: vectors are rows or columns, leading axes are broadcast.
fn multiplied(lowering: &mut Lowering, a: &Value, b: &Value) -> Result<Variable> {
    let (rank_a, rank_b) = (a.shape().len(), b.shape().len());
    ensure!(rank_a > 0 && rank_b > 0, Shape, "a number cannot be multiplied as a matrix");
    // Vectors become matrices of one row or one column, which the result then loses.
    let as_matrix = |lowering: &mut Lowering, value: &Value, column: bool| match *value.shape() {
        [n] => lowering.moved(value, &Movement::Reshape(if column { vec![n, 1] } else { vec![1, n] })),
        _ => Ok(value.clone()),
    };
    let (a, b) = (as_matrix(lowering, a, false)?, as_matrix(lowering, b, true)?);
    let (shape_a, shape_b) = (a.shape().to_vec(), b.shape().to_vec());
    let (lead_a, [m, inner]) =
        (&shape_a[..shape_a.len() - 2], [shape_a[shape_a.len() - 2], shape_a[shape_a.len() - 1]]);
    let (lead_b, [inner_b, n]) =
        (&shape_b[..shape_b.len() - 2], [shape_b[shape_b.len() - 2], shape_b[shape_b.len() - 1]]);
    ensure!(inner == inner_b, Shape, "tensors of shapes {shape_a:?} and {shape_b:?} cannot be multiplied");
    let lead = broadcast_shape(lead_a, lead_b)?;
    let full: Vec<usize> = lead.iter().copied().chain([m, n]).collect();
    let single = |lead: &[usize]| lead.iter().all(|&s| s == 1);
    let rank = full.len();
    let result = match (&a, &b) {
        // x W: the last axis of x against the rows of W.
        (Value::Variable(x), Value::Constant(w)) if single(lead_b) => {
            let w = matrix(w, inner, n)?.reversed_axes();
            let last = x.shape.len() - 1;
            let product = lowering.contracted(x, &[last], w, &[n])?;
            let order: Vec<usize> = (1..=last).chain([0]).collect();
            let product = lowering.transposed(&product, &order)?;
            lowering.reshaped(&product, &full)?
        }
        // W x: the last axis but one.
        (Value::Constant(w), Value::Variable(x)) if single(lead_a) => {
            let w = matrix(w, m, inner)?;
            let last = x.shape.len() - 1;
            let product = lowering.contracted(x, &[last - 1], w, &[m])?;
            let order: Vec<usize> = (1..last).chain([0, last]).collect();
            let product = lowering.transposed(&product, &order)?;
            lowering.reshaped(&product, &full)?
        }
        _ => {
            // The terms of every sum, the axis of the sum first: [inner, lead…, m, n].
            let terms: Vec<usize> = [inner].into_iter().chain(full.iter().copied()).collect();
            let spread = |lowering: &mut Lowering, value: &Value, inner_at: usize, shape: [usize; 2]| {
                let mut order: Vec<usize> = (0..value.shape().len()).collect();
                let moved = order.remove(inner_at);
                order.insert(0, moved);
                let value = lowering.moved(value, &Movement::Transpose(order))?;
                let lead = &value.shape()[1..value.shape().len() - 1];
                let gap = vec![1; rank - 2 - lead.len()];
                let with_gap: Vec<usize> = [inner].iter().chain(&gap).chain(lead).chain(&shape).copied().collect();
                let value = lowering.moved(&value, &Movement::Reshape(with_gap))?;
                lowering.moved(&value, &Movement::Expand(terms.clone()))
            };
            let a = spread(lowering, &a, shape_a.len() - 1, [m, 1])?;
            let b = spread(lowering, &b, shape_b.len() - 2, [1, n])?;
            let product = terms_product(lowering, &a, &b)?;
            let product = lowering.variable(&product)?;
            lowering.summed(&product, &[0], 1.0)?
        }
    };
    let mut shape = lead;
    if rank_a > 1 {
        shape.push(m);
    }
    if rank_b > 1 {
        shape.push(n);
    }
    lowering.reshaped(&result, &shape)
}

/// The product of two tensors of one shape.
pub(super) fn terms_product(lowering: &mut Lowering, a: &Value, b: &Value) -> Result<Value> {
    Ok(match (a, b) {
        (Value::Variable(x), Value::Constant(c)) | (Value::Constant(c), Value::Variable(x)) => {
            Value::Variable(lowering.affine(x, Some(&c.to_floats()), None, false)?)
        }
        (Value::Constant(a), Value::Constant(b)) => {
            Value::Constant(Tensor::Float((&a.to_floats() * &b.to_floats()).into_shared()))
        }
        (Value::Variable(a), Value::Variable(b)) => Value::Variable(lowering.product(a, b)?),
    })
}

pub(super) fn matrix(tensor: &Tensor, rows: usize, columns: usize) -> Result<Array2<f64>> {
    let numbers = tensor.to_floats();
    match Array2::from_shape_vec((rows, columns), numbers.iter().copied().collect()) {
        Ok(matrix) => Ok(matrix),
        Err(_) => bail!(Shape, "a tensor of shape {:?} is not a matrix of {rows}×{columns}", numbers.shape()),
    }
}

/// Running sums along an axis: a triangular matrix.
pub(super) fn cumulative_sum(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    let Some(along) = call.number(1, "the axis")? else { bail!(Format, "the axis is missing") };
    let along = axis(along as i64, x.shape.len())?;
    let len = x.shape[along];
    call.lowering.spend(len.saturating_mul(len))?;
    let [exclusive, reverse] = ["exclusive", "reverse"].map(|name| call.node.flag(name));
    let triangle = Array2::from_shape_fn((len, len), |(to, from)| {
        let (first, last) = if reverse { (to, from) } else { (from, to) };
        f64::from(u8::from(first < last || first == last && !exclusive))
    });
    along_axis(call.lowering, &x, along, triangle)
}

/// A matrix against one axis, which keeps its place.
pub(super) fn along_axis(lowering: &mut Lowering, x: &Variable, axis: usize, w: Array2<f64>) -> Result<Variable> {
    let rows = w.nrows();
    let product = lowering.contracted(x, &[axis], w, &[rows])?;
    let order: Vec<usize> = (1..=axis).chain([0]).chain(axis + 1..x.shape.len()).collect();
    lowering.transposed(&product, &order)
}
