//! Normalizations and softmax: compositions of means, products and powers.

use super::Call;
use super::reduce::keeping;
use crate::activation::Activation;
use crate::error::{Result, bail, ensure};
use crate::files::onnx::movement::axis;
use crate::files::onnx::tensor::{Shared, array};
use crate::files::onnx::value::Variable;

fn epsilon(call: &Call<'_>) -> f64 {
    call.node.float("epsilon").unwrap_or(1e-5f32.into())
}

/// Numbers of the channels, shaped to be broadcast over a tensor whose second axis they are.
fn of_channels(numbers: &Shared<f64>, what: &str, shape: &[usize]) -> Result<Shared<f64>> {
    ensure!(shape.len() > 1, Shape, "a tensor of shape {shape:?} has no axis of channels");
    ensure!(numbers.len() == shape[1], Shape, "{} numbers of {what} for {} channels", numbers.len(), shape[1]);
    let mut spread = vec![1; shape.len() - 1];
    spread[0] = shape[1];
    Ok(array(&spread, numbers.iter().copied().collect()))
}

/// With the statistics of the training, a scale and a shift for each channel.
pub(super) fn batch(call: &mut Call<'_>) -> Result<Variable> {
    let training = call.node.flag("training_mode") || call.node.int("spatial") == Some(0);
    call.refuse_unless(!training, "training mode: export the model for inference (model.eval())")?;
    let x = call.variable(0)?;
    let names = ["scale", "shift", "mean", "variance"];
    let mut numbers = Vec::new();
    for (k, what) in names.iter().enumerate() {
        numbers.push(of_channels(&call.floats(1 + k, what)?, what, &x.shape)?);
    }
    let [scale, shift, mean, variance] = &numbers[..] else { bail!(Format, "four operands are needed") };
    let epsilon = epsilon(call);
    let positive = variance.iter().all(|v| v + epsilon > 0.0);
    ensure!(positive, InvalidParameter, "variance + epsilon must be positive");
    let factor = (scale / &variance.mapv(|v| (v + epsilon).sqrt())).into_shared();
    let constant = (shift - &(mean * &factor)).into_shared();
    let alone = call.alone(0);
    call.lowering.affine(&x, Some(&factor), Some(&constant), alone)
}

/// `(x − mean) / √(variance + epsilon)` over some axes; without the mean, the root of the mean square.
fn standardized(call: &mut Call<'_>, x: &Variable, axes: &[usize], centered: bool) -> Result<Variable> {
    let epsilon = epsilon(call);
    let count: usize = axes.iter().map(|&a| x.shape[a]).product();
    let (weight, kept) = (1.0 / count.max(1) as f64, keeping(&x.shape, axes));
    let lowering = &mut *call.lowering;
    let x = if centered {
        let mean = lowering.summed(x, axes, weight)?;
        let mean = lowering.reshaped(&mean, &kept)?;
        lowering.sum(&[x, &mean], &[1.0, -1.0])?
    } else {
        x.clone()
    };
    let squares = lowering.activation(&x, Activation::Square)?;
    let variance = lowering.summed(&squares, axes, weight)?;
    let shifted = lowering.affine(&variance, None, Some(&array(&[], vec![epsilon])), true)?;
    let inverse = lowering.activation(&shifted, Activation::Powf(-0.5))?;
    let inverse = lowering.reshaped(&inverse, &kept)?;
    lowering.product(&x, &inverse)
}

/// Over the spatial axes of each channel.
pub(super) fn instance(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    ensure!(x.shape.len() > 2, Shape, "a tensor of shape {:?} has no spatial axes", x.shape);
    let scale = of_channels(&call.floats(1, "the scale")?, "scale", &x.shape)?;
    let shift = of_channels(&call.floats(2, "the shift")?, "shift", &x.shape)?;
    let axes: Vec<usize> = (2..x.shape.len()).collect();
    let normal = standardized(call, &x, &axes, true)?;
    call.lowering.affine(&normal, Some(&scale), Some(&shift), false)
}

/// Over groups of channels.
pub(super) fn group(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    ensure!(x.shape.len() > 1, Shape, "a tensor of shape {:?} has no axis of channels", x.shape);
    let groups = usize::try_from(call.node.int("num_groups").unwrap_or(1)).unwrap_or(0);
    let channels = x.shape[1];
    ensure!(
        (1..=channels).contains(&groups) && channels % groups == 0,
        InvalidParameter,
        "{groups} groups of {channels} channels"
    );
    let grouped: Vec<usize> = [x.shape[0], groups, x.len() / (x.shape[0] * groups).max(1)].to_vec();
    let split = call.lowering.reshaped(&x, &grouped)?;
    let normal = standardized(call, &split, &[2], true)?;
    let normal = call.lowering.reshaped(&normal, &x.shape)?;
    let mut numbers = Vec::new();
    for (k, what) in ["scale", "shift"].into_iter().enumerate() {
        let given = call.floats(1 + k, what)?;
        // Until operator set 21 there was one number for each group.
        let each = if given.len() == groups && groups != channels { channels / groups } else { 1 };
        let spread: Vec<f64> = given.iter().flat_map(|&v| std::iter::repeat_n(v, each)).collect();
        numbers.push(of_channels(&array(&[spread.len()], spread), what, &x.shape)?);
    }
    call.lowering.affine(&normal, Some(&numbers[0]), Some(&numbers[1]), false)
}

/// The axes from `axis` to the last.
fn trailing(call: &Call<'_>, rank: usize) -> Result<Vec<usize>> {
    Ok((axis(call.node.int("axis").unwrap_or(-1), rank)?..rank).collect())
}

/// Over the last axes.
pub(super) fn layer(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    let axes = trailing(call, x.shape.len())?;
    let normal = standardized(call, &x, &axes, true)?;
    let scale = call.floats(1, "the scale")?;
    let shift = call.optional_constant(2, "the shift")?.map(|t| t.to_floats());
    scaled(call, &normal, &scale, shift.as_ref())
}

pub(super) fn root_mean_square(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    let axes = trailing(call, x.shape.len())?;
    let normal = standardized(call, &x, &axes, false)?;
    let scale = call.floats(1, "the scale")?;
    scaled(call, &normal, &scale, None)
}

fn scaled(call: &mut Call<'_>, x: &Variable, scale: &Shared<f64>, shift: Option<&Shared<f64>>) -> Result<Variable> {
    let result = call.lowering.affine(x, Some(scale), shift, false)?;
    ensure!(result.shape == x.shape, Shape, "a scale of shape {:?} for a tensor {:?}", scale.shape(), x.shape);
    Ok(result)
}

/// `x / |x|` along an axis.
pub(super) fn lp(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    let along = [axis(call.node.int("axis").unwrap_or(-1), x.shape.len())?];
    let (inner, outer) = match call.node.int("p").unwrap_or(2) {
        1 => (Activation::Abs, Activation::Reciprocal),
        2 => (Activation::Square, Activation::Powf(-0.5)),
        p => return call.refuse(format!("the norm with p = {p}; 1 and 2 are supported")),
    };
    let sizes = call.lowering.activation(&x, inner)?;
    let sum = call.lowering.summed(&sizes, &along, 1.0)?;
    let inverse = call.lowering.activation(&sum, outer)?;
    let inverse = call.lowering.reshaped(&inverse, &keeping(&x.shape, &along))?;
    call.lowering.product(&x, &inverse)
}

/// `e^(x − m) / Σ e^(x − m)`, or its logarithm.
///
/// m is the largest x, so that nothing overflows. Neither function depends on m, and what flows through it cancels
/// exactly: to differentiate it like any other unit gives the same derivatives as to hold it constant.
pub(super) fn softmax(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    let rank = x.shape.len();
    // Before operator set 13 all axes from the given one on were one.
    let axes: Vec<usize> = if call.node.opset < 13 {
        (axis(call.node.int("axis").unwrap_or(1), rank)?..rank).collect()
    } else {
        vec![axis(call.node.int("axis").unwrap_or(-1), rank)?]
    };
    let kept = keeping(&x.shape, &axes);
    let lowering = &mut *call.lowering;
    let largest = lowering.largest(&x, &axes)?;
    let largest = lowering.reshaped(&largest, &kept)?;
    let shifted = lowering.sum(&[&x, &largest], &[1.0, -1.0])?;
    let powers = lowering.activation(&shifted, Activation::Exp)?;
    let sum = lowering.summed(&powers, &axes, 1.0)?;
    if call.node.operator() == "Softmax" {
        let inverse = lowering.activation(&sum, Activation::Reciprocal)?;
        let inverse = lowering.reshaped(&inverse, &kept)?;
        lowering.product(&powers, &inverse)
    } else {
        let logarithm = lowering.activation(&sum, Activation::Log)?;
        let logarithm = lowering.reshaped(&logarithm, &kept)?;
        lowering.sum(&[&shifted, &logarithm], &[1.0, -1.0])
    }
}
