//! Resampling along axes: nearest entries are moved, linear and cubic interpolation are matrices.

use super::Call;
use super::constants::sizes;
use super::linear::along_axis;
use crate::error::{Result, bail, ensure};
use crate::files::onnx::movement::{Movement, axes};
use crate::files::onnx::tensor::check_size;
use crate::files::onnx::value::Value;
use ndarray::Array2;

/// Where a position of the result lies in the operand.
struct Coordinates<'a> {
    mode: &'a str,
    scale: f64,
    from: usize,
    to: usize,
}

impl Coordinates<'_> {
    /// The position in the operand, in units of its entries.
    fn at(&self, k: usize) -> Result<f64> {
        let (k, from, to) = (k as f64, self.from as f64, self.to as f64);
        Ok(match self.mode {
            "half_pixel" => (k + 0.5) / self.scale - 0.5,
            "pytorch_half_pixel" if self.to > 1 => (k + 0.5) / self.scale - 0.5,
            "pytorch_half_pixel" => 0.0,
            "align_corners" if self.to > 1 => k * (from - 1.0) / (to - 1.0),
            "align_corners" => 0.0,
            "asymmetric" => k / self.scale,
            "half_pixel_symmetric" => {
                let adjusted = to / (self.scale * from);
                from / 2.0 * (1.0 - adjusted) + (k + 0.5) / self.scale - 0.5
            }
            other => bail!(Unsupported, "the coordinate transformation {other:?}"),
        })
    }
}

pub(super) fn lower(call: &mut Call<'_>) -> Result<Value> {
    let upsample = call.node.operator() == "Upsample";
    let mut value = call.value(0)?.clone();
    let rank = value.shape().len();
    let over = match call.node.ints("axes") {
        Some(list) => axes(list, rank)?,
        None => (0..rank).collect(),
    };
    // Before operator set 11 the scales were the second operand, before 9 an attribute.
    let old = upsample || call.node.opset < 11;
    let scales = match (call.node.floats("scales"), old) {
        (Some(list), _) => Some(list.iter().map(|&s| s.into()).collect()),
        (None, true) => Some(call.floats(1, "the scales")?.iter().copied().collect::<Vec<f64>>()),
        (None, false) => call.optional_constant(2, "the scales")?.map(|t| t.to_floats().iter().copied().collect()),
    };
    let scales = scales.filter(|s: &Vec<f64>| !s.is_empty());
    let wanted = match (old, call.optional_constant(3, "the sizes")?) {
        (false, Some(tensor)) => Some(sizes(tensor)?),
        _ => None,
    };
    let policy = call.node.text("keep_aspect_ratio_policy")?.unwrap_or("stretch");
    call.refuse_unless(policy == "stretch", "an aspect ratio that is kept: give the sizes of every axis")?;
    call.refuse_unless(!call.node.flag("antialias"), "antialiasing")?;
    let mode = call.node.text("mode")?.unwrap_or("nearest").to_owned();
    let default = if old { "asymmetric" } else { "half_pixel" };
    let coordinates = call.node.text("coordinate_transformation_mode")?.unwrap_or(default).to_owned();
    let rounding = call.node.text("nearest_mode")?;
    let rounding = rounding.unwrap_or(if old { "floor" } else { "round_prefer_floor" }).to_owned();
    for (i, &axis) in over.iter().enumerate() {
        let from = value.shape()[axis];
        ensure!(from > 0, Empty, "there is nothing on axis {axis}");
        let (to, scale) = match (&wanted, &scales) {
            (Some(sizes), _) if sizes.len() == over.len() => (sizes[i], sizes[i] as f64 / from as f64),
            (None, Some(scales)) if scales.len() == over.len() => {
                ensure!(scales[i] > 0.0 && scales[i] < 1e6, InvalidParameter, "a scale of {}", scales[i]);
                ((from as f64 * scales[i]).floor() as usize, scales[i])
            }
            _ => bail!(Shape, "scales or sizes for {} axes are needed", over.len()),
        };
        ensure!(to > 0, Empty, "nothing is left of axis {axis}");
        check_size(&[to])?;
        if to == from && scale == 1.0 {
            continue;
        }
        let place = Coordinates { mode: &coordinates, scale, from, to };
        value = match mode.as_str() {
            "nearest" => {
                let nearest = |k| Ok(rounded(place.at(k)?, &rounding)?.clamp(0.0, from as f64 - 1.0) as usize);
                let places = (0..to).map(nearest).collect::<Result<_>>()?;
                call.lowering.moved(&value, &Movement::Select(axis, places))?
            }
            "linear" | "cubic" => {
                let cubic = mode == "cubic";
                let outside = call.node.flag("exclude_outside");
                let sharpness = call.node.float("cubic_coeff_a").unwrap_or(-0.75);
                call.lowering.spend(from.saturating_mul(to))?;
                let mut weights = Array2::zeros((to, from));
                for k in 0..to {
                    let at = place.at(k)?;
                    let taps = if cubic { cubic_taps(at, sharpness) } else { linear_taps(at, from) };
                    let inside = |i: &f64| (0.0..from as f64).contains(i);
                    let total: f64 = taps.iter().filter(|(i, _)| !outside || inside(i)).map(|(_, w)| w).sum();
                    for (i, w) in taps.into_iter().filter(|(i, _)| !(cubic && outside) || inside(i)) {
                        let weight = if cubic && outside { w / total } else { w };
                        weights[[k, i.clamp(0.0, from as f64 - 1.0) as usize]] += weight;
                    }
                }
                let x = call.lowering.variable(&value)?;
                Value::Variable(along_axis(call.lowering, &x, axis, weights)?)
            }
            other => return call.refuse(format!("the mode {other:?}")),
        };
    }
    Ok(value)
}

fn rounded(at: f64, mode: &str) -> Result<f64> {
    Ok(match mode {
        "round_prefer_floor" => (at - 0.5).ceil(),
        "round_prefer_ceil" => (at + 0.5).floor(),
        "floor" => at.floor(),
        "ceil" => at.ceil(),
        other => bail!(Unsupported, "the nearest mode {other:?}"),
    })
}

/// The entries beside a position and their weights.
fn linear_taps(at: f64, from: usize) -> Vec<(f64, f64)> {
    let at = at.clamp(0.0, from as f64 - 1.0);
    let (below, part) = (at.floor(), at - at.floor());
    vec![(below, 1.0 - part), (below + 1.0, part)]
}

/// Keys' convolution: four entries.
fn cubic_taps(at: f64, a: f64) -> Vec<(f64, f64)> {
    let (below, s) = (at.floor(), at - at.floor());
    let near = |s: f64| ((a + 2.0) * s - (a + 3.0)) * s * s + 1.0;
    let far = |s: f64| ((a * s - 5.0 * a) * s + 8.0 * a) * s - 4.0 * a;
    vec![(below - 1.0, far(s + 1.0)), (below, near(s)), (below + 1.0, near(1.0 - s)), (below + 2.0, far(2.0 - s))]
}
