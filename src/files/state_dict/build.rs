//! From an architecture and tensors to a network.

use super::arch::{Arch, Body, Step, Window};
use super::tensors::Tensors;
use crate::activation::Activation;
use crate::error::{Result, bail, ensure};
use crate::layer::ConvOptions;
use crate::network::{LayerId, Network, NetworkBuilder, Pool};
use ndarray::{Array1, Array2, Ix2};

/// Puts the tensors together; layers are named by kind and place, `linear1`, `tanh2`, ….
///
/// # Errors
/// Of the builder, and those of mis-fits, which name the layer, the tensor and both shapes.
pub(super) fn network(arch: Arch, tensors: &Tensors) -> Result<Network> {
    let Arch { input, body } = arch;
    let steps = match body {
        Body::Layers(steps) => steps,
        Body::Mlp { between, output } => {
            let layers = tensors.linear_layers();
            ensure!(!layers.is_empty(), Dangling, "there is no matrix of weights; its tensors: {}", tensors.listed());
            let mut steps = Vec::new();
            for layer in layers {
                if !steps.is_empty() {
                    steps.push(Step::Activation(between.clone()));
                }
                steps.push(Step::Linear(layer.to_owned()));
            }
            steps.extend(output.map(Step::Activation));
            steps
        }
    };
    let input = match (input, steps.first()) {
        (Some(shape), _) => shape,
        (None, Some(Step::Linear(layer))) => {
            let first = linear(layer, tensors).map_err(|e| e.in_layer("linear1"))?;
            vec![first.weight.ncols()]
        }
        _ => bail!(Format, "unless the first layer is linear, the shape of the input must be given: \"input 1x28x28\""),
    };
    let mut builder = NetworkBuilder::default();
    let mut last = builder.input("x", &input)?;
    for (number, step) in steps.into_iter().enumerate() {
        let name = format!("{}{}", word(&step), number + 1);
        last = add(&mut builder, &name, last, step, tensors).map_err(|e| e.in_layer(&name))?;
    }
    tensors.check_all_used()?;
    builder.build(&[last])
}

fn word(step: &Step) -> &str {
    match step {
        Step::Linear(_) => "linear",
        Step::Conv { .. } => "conv",
        Step::BatchNorm { .. } => "batch_norm",
        Step::Prelu(_) => "prelu",
        Step::Activation(activation) => activation.name(),
        Step::Flatten => "flatten",
        Step::MaxPool { .. } => "max_pool",
        Step::AvgPool { .. } => "avg_pool",
    }
}

fn add(builder: &mut NetworkBuilder, name: &str, operand: LayerId, step: Step, tensors: &Tensors) -> Result<LayerId> {
    let shape = builder.shape(operand)?.to_vec();
    match step {
        Step::Linear(layer) => {
            let Linear { tensor, weight, bias } = linear(&layer, tensors)?;
            // Elsewhere a linear layer acts on the last axis; here it would take all of them.
            ensure!(shape.len() == 1, Shape, "tensor {tensor}, but the operand has shape {shape:?}: flatten it before");
            ensure!(weight.ncols() == shape[0], Shape, "tensor {tensor} does not fit an operand of shape {shape:?}");
            builder.dense(name, operand, weight, bias)
        }
        Step::Conv { name: layer, options, groups } => {
            if let Some((tensor, kernel)) = tensors.find(&layer, "kernel") {
                bail!(
                    Unsupported,
                    "tensor {tensor:?} {:?} is a kernel [k…, in, out] for channels-last values; a convolution needs \
                     a weight [out, in / groups, k…] and channels first: transpose it, or export to ONNX",
                    kernel.shape()
                );
            }
            let (tensor, weight) = tensors.get(&layer, "weight")?;
            let axes = weight.ndim().saturating_sub(2);
            ensure!(
                (1..=3).contains(&axes)
                    && shape.len() == axes + 1
                    && shape[0].checked_div(groups) == Some(weight.shape()[1]),
                Shape,
                "tensor {tensor:?} {:?}, [out, in / groups, kernel…] in {groups} groups, does not fit an operand of shape {shape:?}",
                weight.shape()
            );
            let bias = constants(&layer, tensors, "bias", weight.shape()[0])?;
            let options = ConvOptions {
                stride: spread(&options.stride, axes),
                padding: symmetric(&options.padding, axes),
                dilation: spread(&options.dilation, axes),
                groups,
            };
            builder.conv(name, operand, weight.clone(), bias, &options)
        }
        Step::BatchNorm { name: layer, epsilon } => {
            let channels = shape[0];
            let given = |role, default: f64| {
                let list = constants(&layer, tensors, role, channels)?;
                Ok(list.map_or_else(|| vec![default; channels], |list| list.to_vec()))
            };
            let needed = |role| tensors.get(&layer, role).and_then(|_| given(role, 0.0));
            // Scale and shift are not stored if they were not trained.
            let [scale, shift] = [given("weight", 1.0)?, given("bias", 0.0)?];
            let [mean, variance] = [needed("running_mean")?, needed("running_var")?];
            builder.batch_norm(name, operand, [&scale, &shift, &mean, &variance], epsilon)
        }
        Step::Prelu(layer) => {
            let (tensor, slope) = tensors.get(&layer, "weight")?;
            let fits = slope.ndim() == 1 && (slope.len() == 1 || slope.len() == shape[0]);
            ensure!(fits, Shape, "tensor {tensor:?} {:?} does not fit an operand of shape {shape:?}", slope.shape());
            let slope = slope.iter().copied().collect();
            builder.activation(name, operand, Activation::Prelu { slope })
        }
        Step::Activation(activation) => builder.activation(name, operand, activation),
        Step::Flatten => builder.reshape(name, operand, &[shape.iter().product()]),
        Step::MaxPool { kernel, options } => builder.max_pool(name, operand, &pool(&kernel, &options, shape.len())),
        Step::AvgPool { kernel, options } => {
            builder.avg_pool(name, operand, &pool(&kernel, &options, shape.len()), true)
        }
    }
}

/// A linear layer with its weight as [out, in].
struct Linear {
    /// Name and shape, for errors.
    tensor: String,
    weight: Array2<f64>,
    bias: Option<Array1<f64>>,
}

/// `weight` is [out, in]; `kernel` is [in, out] and turned around.
fn linear(layer: &str, tensors: &Tensors) -> Result<Linear> {
    let (found, turned) = match tensors.find(layer, "weight") {
        Some(found) => (found, false),
        None => match tensors.find(layer, "kernel") {
            Some(found) => (found, true),
            None => (tensors.get(layer, "weight")?, false),
        },
    };
    let (name, array) = found;
    let axes = if turned { "[in, out]" } else { "[out, in]" };
    let tensor = format!("{name:?} {:?}, {axes},", array.shape());
    let Ok(matrix) = array.view().into_dimensionality::<Ix2>() else {
        bail!(Shape, "tensor {name:?} has shape {:?}, but a linear layer needs {axes}", array.shape());
    };
    let weight = if turned { matrix.reversed_axes() } else { matrix };
    let bias = constants(layer, tensors, "bias", weight.nrows())?;
    Ok(Linear { tensor, weight: weight.as_standard_layout().into_owned(), bias })
}

/// A list of one number for each channel, if there is one.
fn constants(layer: &str, tensors: &Tensors, role: &str, channels: usize) -> Result<Option<Array1<f64>>> {
    let Some((name, list)) = tensors.find(layer, role) else { return Ok(None) };
    ensure!(
        list.shape() == [channels],
        Shape,
        "tensor {name:?} has shape {:?}, but the layer needs [{channels}]",
        list.shape()
    );
    Ok(Some(list.iter().copied().collect()))
}

/// One number serves all axes.
fn spread(list: &[usize], axes: usize) -> Vec<usize> {
    if let [one] = *list { vec![one; axes] } else { list.to_vec() }
}

/// As much padding after as before.
fn symmetric(list: &[usize], axes: usize) -> Vec<[usize; 2]> {
    spread(list, axes).into_iter().map(|p| [p, p]).collect()
}

fn pool(kernel: &[usize], options: &Window, rank: usize) -> Pool {
    let axes = rank.saturating_sub(1);
    Pool {
        kernel: spread(kernel, axes),
        stride: spread(&options.stride, axes),
        padding: symmetric(&options.padding, axes),
        dilation: spread(&options.dilation, axes),
    }
}
