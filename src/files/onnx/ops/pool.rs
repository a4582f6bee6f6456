//! Pools: the largest or the mean of windows.

use super::Call;
use super::convolution::{Windows, image, merged};
use crate::error::{Result, bail};
use crate::files::onnx::value::Variable;
use crate::network::Pool;

pub(super) fn max(call: &mut Call<'_>) -> Result<Variable> {
    let (x, windows, _) = windows(call)?;
    pooled(call, &x, windows, None)
}

pub(super) fn average(call: &mut Call<'_>) -> Result<Variable> {
    let (x, windows, ceil) = windows(call)?;
    let count_padding = call.node.flag("count_include_pad");
    if count_padding && ceil.iter().any(|&c| c > 0) {
        return call.refuse("ceil_mode together with count_include_pad: export with ceil_mode=False");
    }
    pooled(call, &x, windows, Some(count_padding))
}

/// The windows, and what `ceil_mode` adds to the end of each axis.
fn windows(call: &mut Call<'_>) -> Result<(Variable, Windows, Vec<usize>)> {
    let x = call.variable(0)?;
    let (_, _, axes) = image(&x)?;
    let Some(kernel) = call.node.sizes("kernel_shape")? else { bail!(Format, "the kernel shape is missing") };
    let mut windows = Windows::of(call, kernel, &axes)?;
    let mut ceil = vec![0; axes.len()];
    if call.node.flag("ceil_mode") {
        for a in 0..axes.len() {
            let (stride, [before, after]) = (windows.stride[a], windows.padding[a]);
            let reach = (windows.kernel[a] - 1) * windows.dilation[a] + 1;
            let Some(free) = (axes[a] + before + after).checked_sub(reach) else { continue };
            let last = free.div_ceil(stride) * stride;
            // A window that would begin in the padding behind the end is left out.
            if last < axes[a] + before {
                ceil[a] = last - free.min(last);
                windows.padding[a][1] += ceil[a];
            }
        }
    }
    Ok((x, windows, ceil))
}

fn pooled(call: &mut Call<'_>, x: &Variable, windows: Windows, mean: Option<bool>) -> Result<Variable> {
    let (samples, channels, axes) = image(x)?;
    let x = call.lowering.moved_variable(x, &merged(samples, channels, &axes))?;
    let stored = x.shape.clone();
    let Windows { kernel, stride, dilation, padding } = windows;
    let pool = Pool { kernel, stride, padding, dilation };
    let (layer, shape) = call.lowering.built(&x, &stored, |builder, name, operand| match mean {
        None => builder.max_pool(name, operand, &pool),
        Some(count_padding) => builder.avg_pool(name, operand, &pool, count_padding),
    })?;
    Ok(Variable::of(layer, [samples, channels].into_iter().chain(shape[1..].iter().copied()).collect()))
}

/// The largest or the mean of all positions of a channel.
pub(super) fn global(call: &mut Call<'_>) -> Result<Variable> {
    let x = call.variable(0)?;
    let (samples, channels, axes) = image(&x)?;
    let over: Vec<usize> = (2..x.shape.len()).collect();
    let pooled = match call.node.operator() {
        "GlobalMaxPool" => call.lowering.largest(&x, &over)?,
        _ => call.lowering.summed(&x, &over, 1.0 / axes.iter().product::<usize>() as f64)?,
    };
    let shape: Vec<usize> = [samples, channels].into_iter().chain(axes.iter().map(|_| 1)).collect();
    call.lowering.reshaped(&pooled, &shape)
}
