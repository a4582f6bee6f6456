//! Convolutions.

use super::Call;
use crate::error::{Result, bail, ensure};
use crate::files::onnx::movement::Movement;
use crate::files::onnx::tensor::{Shared, array, check_size};
use crate::files::onnx::value::{Value, Variable};
use crate::layer::ConvOptions;
use ndarray::{Array1, ArrayD, Axis, IxDyn, Slice};

/// Where windows go, for convolutions and pools: one entry for each spatial axis.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) kernel: Vec<usize>,
    pub(super) stride: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    pub(super) padding: Vec<[usize; 2]>,
}

impl Windows {
    /// The attributes of a node, for windows over these axes.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for lists of another length, [`Unsupported`](crate::ErrorKind::Unsupported)
    /// for negative paddings.
    pub(super) fn of(call: &Call<'_>, kernel: Vec<usize>, axes: &[usize]) -> Result<Windows> {
        let count = axes.len();
        ensure!(
            kernel.len() == count && (1..=3).contains(&count),
            Shape,
            "a kernel {kernel:?} over the axes {axes:?}; one to three axes are supported"
        );
        let list = |name: &str| -> Result<Vec<usize>> {
            let list = call.node.sizes(name)?.unwrap_or_else(|| vec![1; count]);
            let fits = list.len() == count && list.iter().all(|&v| (1..1 << 31).contains(&v));
            ensure!(fits, InvalidParameter, "{name} {list:?} for {count} axes");
            Ok(list)
        };
        let (stride, dilation) = (list("strides")?, list("dilations")?);
        ensure!(kernel.iter().all(|&k| (1..1 << 31).contains(&k)), InvalidParameter, "a kernel {kernel:?}");
        let padding = match call.node.text("auto_pad")?.unwrap_or("NOTSET") {
            "NOTSET" | "" => {
                let pads = call.node.sizes("pads")?.unwrap_or_else(|| vec![0; 2 * count]);
                let fits = pads.len() == 2 * count && pads.iter().all(|&p| p < 1 << 31);
                ensure!(fits, InvalidParameter, "pads {pads:?} for {count} axes");
                (0..count).map(|a| [pads[a], pads[count + a]]).collect()
            }
            "VALID" => vec![[0, 0]; count],
            same @ ("SAME_UPPER" | "SAME_LOWER") => {
                let pad = |a: usize| {
                    // As many results as ⌈length / stride⌉; the odd one goes to the end, or to the start.
                    let outputs = axes[a].div_ceil(stride[a]);
                    let reach = (kernel[a] - 1).saturating_mul(dilation[a]).saturating_add(1);
                    let total = ((outputs.max(1) - 1) * stride[a]).saturating_add(reach).saturating_sub(axes[a]);
                    let (less, more) = (total / 2, total - total / 2);
                    if same == "SAME_UPPER" { [less, more] } else { [more, less] }
                };
                (0..count).map(pad).collect()
            }
            other => bail!(Unsupported, "auto_pad {other:?}"),
        };
        Ok(Windows { kernel, stride, dilation, padding })
    }
}

/// Samples, channels and spatial axes of an operand.
pub(super) fn image(x: &Variable) -> Result<(usize, usize, Vec<usize>)> {
    match &x.shape[..] {
        [samples, channels, axes @ ..] if !axes.is_empty() => Ok((*samples, *channels, axes.to_vec())),
        shape => bail!(Shape, "a tensor of samples, channels and at least one more axis is needed, not {shape:?}"),
    }
}

/// Checks that the attribute `kernel_shape`, if it is there, is that of the weight.
fn check_kernel(call: &Call<'_>, kernel: &[usize]) -> Result<()> {
    if let Some(shape) = call.node.sizes("kernel_shape")? {
        ensure!(shape == kernel, Shape, "the kernel shape {shape:?}, but the weight has {kernel:?}");
    }
    Ok(())
}

fn groups(call: &Call<'_>) -> Result<usize> {
    let group = call.node.int("group").unwrap_or(1);
    ensure!((1..1 << 31).contains(&group), InvalidParameter, "{group} groups");
    Ok(group as usize)
}

fn bias(call: &Call<'_>) -> Result<Option<Vec<f64>>> {
    let bias = call.optional_constant(2, "the bias")?;
    Ok(bias.map(|b| b.to_floats().iter().copied().collect()))
}

pub(super) fn conv(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    let weight = call.floats(1, "the weight")?;
    let (_, _, axes) = image(&x)?;
    ensure!(weight.ndim() == axes.len() + 2, Shape, "a weight of shape {:?} for {:?}", weight.shape(), x.shape);
    let kernel = weight.shape()[2..].to_vec();
    check_kernel(call, &kernel)?;
    let windows = Windows::of(call, kernel, &axes)?;
    let (groups, bias) = (groups(call)?, bias(call)?);
    convolved(call, &x, weight, bias, windows, groups)
}

/// The convolution of every sample; several samples are groups of channels of one.
fn convolved(
    call: &mut Call<'_>,
    x: &Variable,
    weight: Shared<f64>,
    bias: Option<Vec<f64>>,
    windows: Windows,
    groups: usize,
) -> Result<Variable> {
    let (samples, channels, axes) = image(x)?;
    call.lowering.spend(weight.len().saturating_mul(samples))?;
    let mut weight: ArrayD<f64> = weight.as_standard_layout().into_owned();
    let mut bias = bias;
    if samples > 1 {
        let copies = vec![weight.view(); samples];
        weight = ndarray::concatenate(Axis(0), &copies).expect("copies of one weight");
        bias = bias.map(|b| b.repeat(samples));
    }
    let options = ConvOptions {
        stride: windows.stride,
        padding: windows.padding,
        dilation: windows.dilation,
        groups: groups.saturating_mul(samples),
    };
    let stored: Vec<usize> = [samples * channels].into_iter().chain(axes).collect();
    let (layer, shape) = call.lowering.built(x, &stored, |builder, name, operand| {
        builder.conv(name, operand, weight, bias.map(Array1::from), &options)
    })?;
    let shape = [samples, shape[0] / samples].into_iter().chain(shape[1..].iter().copied()).collect();
    Ok(Variable::of(layer, shape))
}

/// The mirror of a convolution: zeros between the entries, then a convolution with the kernel turned around.
pub(super) fn conv_transpose(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    let weight = call.floats(1, "the weight")?;
    let (_, channels, axes) = image(&x)?;
    let count = axes.len();
    ensure!(
        weight.ndim() == count + 2 && weight.shape()[0] == channels,
        Shape,
        "a weight of shape {:?} for {:?}",
        weight.shape(),
        x.shape
    );
    let kernel = weight.shape()[2..].to_vec();
    check_kernel(call, &kernel)?;
    // `auto_pad` speaks of the result here; it is worked out below.
    let (stride, dilation) = (sizes(call, "strides", count, 1)?, sizes(call, "dilations", count, 1)?);
    ensure!(stride.iter().chain(&dilation).all(|&v| v > 0), InvalidParameter, "a stride or dilation of zero");
    let extra = sizes(call, "output_padding", count, 0)?;
    let pads = sizes(call, "pads", 2 * count, 0)?;
    let groups = groups(call)?;
    let reach: Vec<usize> = (0..count).map(|a| (kernel[a].max(1) - 1) * dilation[a] + 1).collect();
    let mut full: Vec<usize> = (0..count).map(|a| stride[a] * (axes[a].max(1) - 1) + extra[a] + reach[a]).collect();
    let auto = call.node.text("auto_pad")?.unwrap_or("NOTSET");
    let wanted = call.node.sizes("output_shape")?.map(|s| s[s.len().saturating_sub(count)..].to_vec());
    let padding: Vec<[usize; 2]> = match (wanted, auto) {
        (None, "NOTSET" | "" | "VALID") => (0..count).map(|a| [pads[a], pads[count + a]]).collect(),
        (wanted, auto) => {
            let wanted = wanted.unwrap_or_else(|| (0..count).map(|a| axes[a] * stride[a]).collect());
            ensure!(wanted.len() == count, Shape, "the output shape {wanted:?} for {count} axes");
            // What the kernel does not reach is zero.
            let fits = full.iter().zip(&wanted).all(|(full, wanted)| wanted.saturating_sub(*full) < 1 << 20);
            ensure!(fits, TooLarge, "the output shape {wanted:?}, where the kernel reaches {full:?}");
            full.iter_mut().zip(&wanted).for_each(|(full, &wanted)| *full = wanted.max(*full));
            let pad = |a: usize| {
                let total = full[a] - wanted[a];
                let (less, more) = (total / 2, total - total / 2);
                if auto == "SAME_UPPER" { [less, more] } else { [more, less] }
            };
            (0..count).map(pad).collect()
        }
    };

    // Zeros between the entries, and as many around them as the turned kernel needs; cut where that is negative.
    let mut spread = Value::Variable(x);
    for a in 0..count {
        spread = with_zeros(call, &spread, 2 + a, stride[a], padding[a], reach[a], full[a])?;
    }
    let Value::Variable(spread) = spread else { return call.refuse("a constant operand") };

    // [in, out / groups, kernel…] to [out, in / groups, kernel…], each kernel turned around.
    let (inputs, outputs) = (channels / groups.max(1), weight.shape()[1]);
    ensure!(inputs * groups == channels, Shape, "{channels} channels in {groups} groups");
    let mut split = vec![groups, inputs, outputs];
    split.extend(&kernel);
    let mut turned = weight.as_standard_layout().into_owned().into_shape_with_order(IxDyn(&split));
    let turned = turned.as_mut().expect("as many weights");
    for a in 0..count {
        turned.slice_axis_inplace(Axis(3 + a), Slice::new(0, None, -1));
    }
    let mut order: Vec<usize> = (0..split.len()).collect();
    order.swap(1, 2);
    let shape: Vec<usize> = [groups * outputs, inputs].iter().chain(&kernel).copied().collect();
    check_size(&shape)?;
    let numbers = turned.view().permuted_axes(IxDyn(&order)).iter().copied().collect();
    let bias = bias(call)?;
    let windows = Windows { kernel, stride: vec![1; count], dilation, padding: vec![[0, 0]; count] };
    convolved(call, &spread, array(&shape, numbers), bias, windows, groups)
}

fn sizes(call: &Call<'_>, name: &str, count: usize, default: usize) -> Result<Vec<usize>> {
    let list = call.node.sizes(name)?.unwrap_or_else(|| vec![default; count]);
    let fits = list.len() == count && list.iter().all(|&v| v < 1 << 20);
    ensure!(fits, InvalidParameter, "{name} {list:?}: {count} numbers below 2²⁰ are needed");
    Ok(list)
}

/// One axis with `stride − 1` zeros between its entries and the zeros around that a transposed convolution needs.
fn with_zeros(
    call: &mut Call<'_>,
    value: &Value,
    axis: usize,
    stride: usize,
    [before, after]: [usize; 2],
    reach: usize,
    full: usize,
) -> Result<Value> {
    let length = value.shape()[axis];
    let Some(results) = full.checked_sub(before + after).filter(|&r| r > 0) else {
        bail!(InvalidParameter, "pads {before} and {after} leave nothing of axis {axis}");
    };
    // Position `p` of the operand of the turned kernel holds entry `(p + before − reach + 1) / stride`.
    let padded = results + reach - 1;
    check_size(&[padded])?;
    let place = |p: usize| {
        let at = (p + before).checked_sub(reach - 1)?;
        (at % stride == 0 && at / stride < length).then_some(at / stride)
    };
    let places: Vec<Option<usize>> = (0..padded).map(place).collect();
    call.lowering.selected_or(value, axis, &places, 0.0)
}

/// The movement that merges samples and channels, for windows that treat every channel alike.
pub(super) fn merged(samples: usize, channels: usize, axes: &[usize]) -> Movement {
    Movement::Reshape([samples * channels].iter().chain(axes).copied().collect())
}
