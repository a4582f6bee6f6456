//! Operators that move entries, and those that leave them as they are.

use super::constants::{is_true, sizes};
use super::logic::nonzero;
use super::{Call, Outputs};
use crate::error::{Result, bail, ensure};
use crate::files::onnx::movement::{Movement, axes, axis, broadcast_shape};
use crate::files::onnx::tensor::{MAX_AXES, check_size, data_type};
use crate::files::onnx::value::Value;

/// The operators of this file.
pub(super) const MOVES: [&str; 18] = [
    "Identity",
    "Dropout",
    "Cast",
    "CastLike",
    "Reshape",
    "Flatten",
    "Transpose",
    "Squeeze",
    "Unsqueeze",
    "Concat",
    "Split",
    "Slice",
    "Pad",
    "Expand",
    "Tile",
    "DepthToSpace",
    "SpaceToDepth",
    "Trilu",
];

pub(super) fn lower(call: &mut Call<'_>) -> Outputs {
    let value = call.value(0)?.clone();
    let shape = value.shape().to_vec();
    let rank = shape.len();
    let movement = match call.node.operator() {
        "Identity" => return Ok(vec![value]),
        "Dropout" => {
            let training = is_true(call.optional(2));
            call.refuse_unless(!training, "training mode: export the model for inference (model.eval())")?;
            return Ok(vec![value]);
        }
        "Cast" | "CastLike" => return cast(call, value),
        "Concat" => return concat(call),
        "Split" => return split(call, &value),
        "Pad" => return Ok(vec![pad(call, &value)?]),
        "Trilu" => return Ok(vec![triangle(call, &value)?]),
        "Reshape" => Movement::Reshape(reshape(call, &shape)?),
        "Flatten" => {
            let at = call.node.int("axis").unwrap_or(1);
            let at = if at == rank as i64 { rank } else { axis(at, rank)? };
            Movement::Reshape(vec![shape[..at].iter().product(), shape[at..].iter().product()])
        }
        "Transpose" => match call.node.ints("perm") {
            Some(list) => Movement::Transpose(axes(list, rank)?),
            None => Movement::Transpose((0..rank).rev().collect()),
        },
        "Squeeze" => {
            let list = match call.integers(1, "axes")? {
                Some(list) => axes(&list, rank)?,
                None => (0..rank).filter(|&a| shape[a] == 1).collect(),
            };
            if let Some(a) = list.iter().find(|&&a| shape[a] != 1) {
                bail!(Shape, "axis {a} of {shape:?} has not the length one");
            }
            Movement::Reshape((0..rank).filter(|a| !list.contains(a)).map(|a| shape[a]).collect())
        }
        "Unsqueeze" => {
            let Some(list) = call.integers(1, "axes")? else { bail!(Format, "the axes are missing") };
            let total = rank + list.len();
            ensure!(total <= MAX_AXES, TooLarge, "a tensor of {total} axes; {MAX_AXES} is the limit");
            let list = axes(&list, total)?;
            let mut rest = shape.iter();
            let length = |a| if list.contains(&a) { 1 } else { rest.next().copied().unwrap_or(1) };
            Movement::Reshape((0..total).map(length).collect())
        }
        "Expand" => {
            let wanted = sizes(call.constant(1, "the shape")?)?;
            Movement::Expand(broadcast_shape(&shape, &wanted)?)
        }
        "Slice" => return Ok(vec![slice(call, &value)?]),
        "Tile" => return Ok(vec![tile(call, &value)?]),
        "DepthToSpace" | "SpaceToDepth" => return Ok(vec![blocks(call, &value)?]),
        other => return call.refuse(format!("{other}: the operator is not supported")),
    };
    Ok(vec![call.lowering.moved(&value, &movement)?])
}

/// Real numbers of any precision are computed with 64 bits; a truth value is whether a number is not zero.
fn cast(call: &mut Call<'_>, value: Value) -> Outputs {
    let to = call.node.int("to").unwrap_or(data_type::FLOAT.into());
    let real = call.node.operator() == "CastLike" || data_type::REAL.iter().any(|&t| i64::from(t) == to);
    match &value {
        Value::Variable(variable) if to == i64::from(data_type::BOOL) => {
            Ok(vec![Value::Variable(nonzero(call.lowering, variable)?)])
        }
        Value::Variable(_) if !real => {
            call.refuse("a cast to integers jumps, so that it has no derivatives: leave it out of the exported model")
        }
        _ => Ok(vec![value]),
    }
}

fn concat(call: &mut Call<'_>) -> Outputs {
    let values: Vec<Value> = (0..call.inputs.len()).map(|k| call.value(k).cloned()).collect::<Result<_>>()?;
    let rank = call.value(0)?.shape().len();
    let Some(along) = call.node.int("axis") else { bail!(Format, "the axis is missing") };
    let along = axis(along, rank)?;
    Ok(vec![call.lowering.joined(&values, along)?])
}

fn reshape(call: &Call<'_>, shape: &[usize]) -> Result<Vec<usize>> {
    let wanted = match call.optional_constant(1, "the shape")? {
        Some(tensor) => tensor.to_list()?,
        None => call.node.ints("shape").unwrap_or_default().to_vec(),
    };
    let keeps_zero = call.node.flag("allowzero");
    let mut result = Vec::with_capacity(wanted.len());
    let mut free = None;
    for (a, &length) in wanted.iter().enumerate() {
        result.push(match length {
            -1 if free.is_none() => {
                free = Some(a);
                1
            }
            0 if !keeps_zero => match shape.get(a) {
                Some(&s) => s,
                None => bail!(Shape, "length 0 of axis {a} takes that of a tensor of shape {shape:?}"),
            },
            _ => match usize::try_from(length) {
                Ok(length) => length,
                Err(_) => bail!(InvalidParameter, "the shape {wanted:?}"),
            },
        });
    }
    if let Some(a) = free {
        let (total, known) = (check_size(shape)?, check_size(&result)?);
        ensure!(known > 0 && total % known == 0, Shape, "{shape:?} cannot have the shape {wanted:?}");
        result[a] = total / known;
    }
    Ok(result)
}

fn split(call: &mut Call<'_>, value: &Value) -> Outputs {
    let along = axis(call.node.int("axis").unwrap_or(0), value.shape().len())?;
    let length = value.shape()[along];
    let parts = call.node.proto.output.len().max(1);
    let lengths: Vec<usize> = match call.integers(1, "split")? {
        Some(list) => {
            let lengths: Option<Vec<usize>> = list.iter().map(|&s| usize::try_from(s).ok()).collect();
            match lengths.filter(|l| l.iter().try_fold(0usize, |sum, &s| sum.checked_add(s)) == Some(length)) {
                Some(lengths) => lengths,
                None => bail!(Shape, "parts {list:?} of an axis of length {length}"),
            }
        }
        None => {
            // The last part may be smaller.
            let each = length.div_ceil(parts);
            (0..parts).map(|k| each.min(length.saturating_sub(k * each))).collect()
        }
    };
    let mut start = 0;
    let mut part = |len: usize| {
        start += len;
        call.lowering.moved(value, &Movement::Select(along, (start - len..start).collect()))
    };
    lengths.into_iter().map(&mut part).collect()
}

fn slice(call: &mut Call<'_>, value: &Value) -> Result<Value> {
    let rank = value.shape().len();
    let (Some(starts), Some(ends)) = (call.integers(1, "starts")?, call.integers(2, "ends")?) else {
        bail!(Format, "starts and ends are missing");
    };
    let list = match call.integers(3, "axes")? {
        Some(list) => axes(&list, rank)?,
        None => (0..starts.len().min(rank)).collect(),
    };
    let steps = call.integers(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    let fits = starts.len() == ends.len() && list.len() == starts.len() && steps.len() == starts.len();
    ensure!(fits, Shape, "{} starts, {} ends, {} axes", starts.len(), ends.len(), list.len());
    let mut value = value.clone();
    for (k, &a) in list.iter().enumerate() {
        let (len, step) = (value.shape()[a] as i64, steps[k]);
        ensure!(step != 0, InvalidParameter, "a step of zero");
        let from_front = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
        let places: Vec<usize> = if step > 0 {
            let (start, end) = (from_front(starts[k]).clamp(0, len), from_front(ends[k]).clamp(0, len));
            (start..end.max(start)).step_by(step as usize).map(|p| p as usize).collect()
        } else {
            let (start, end) = (from_front(starts[k]).clamp(-1, len - 1), from_front(ends[k]).clamp(-1, len - 1));
            let step = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
            (end + 1..=start).rev().step_by(step).map(|p| p as usize).collect()
        };
        value = call.lowering.moved(&value, &Movement::Select(a, places))?;
    }
    Ok(value)
}

fn tile(call: &mut Call<'_>, value: &Value) -> Result<Value> {
    let repeats = sizes(call.constant(1, "the repeats")?)?;
    ensure!(repeats.len() == value.shape().len(), Shape, "{repeats:?} repeats of a tensor {:?}", value.shape());
    let mut value = value.clone();
    for (a, &count) in repeats.iter().enumerate().filter(|(_, c)| **c != 1) {
        let len = value.shape()[a];
        let Some(total) = len.checked_mul(count) else { bail!(TooLarge, "{count} repeats of axis {a}") };
        check_size(&[total])?;
        value = call.lowering.moved(&value, &Movement::Select(a, (0..total).map(|p| p % len).collect()))?;
    }
    Ok(value)
}

fn pad(call: &mut Call<'_>, value: &Value) -> Result<Value> {
    let rank = value.shape().len();
    let Some(pads) = call.integers(1, "pads")? else { bail!(Format, "the pads are missing") };
    let list = match call.integers(3, "axes")? {
        Some(list) => axes(&list, rank)?,
        None => (0..rank).collect(),
    };
    ensure!(pads.len() == 2 * list.len(), Shape, "{} pads for {} axes", pads.len(), list.len());
    let constant = match call.number(2, "the value")? {
        Some(number) => number,
        None => call.node.float("value").unwrap_or(0.0),
    };
    let mode = call.node.text("mode")?.unwrap_or("constant").to_owned();
    let mut value = value.clone();
    for (k, &a) in list.iter().enumerate() {
        let [before, after] = [pads[k], pads[list.len() + k]];
        if before == 0 && after == 0 {
            continue;
        }
        let len = value.shape()[a] as i64;
        let bound = -1 << 31..1 << 31;
        ensure!(bound.contains(&before) && bound.contains(&after), TooLarge, "pads {before} and {after} of axis {a}");
        let end = len + after;
        // Negative pads cut first; the other modes repeat what is left.
        let (first, last) = ((-before).max(0), end.min(len) - 1);
        let kept = last - first + 1;
        let left = end + before > 0 && (kept > 0 || mode == "constant");
        ensure!(left, Empty, "pads {before} and {after} leave nothing of axis {a}, which has {len}");
        check_size(&[(end + before) as usize])?;
        let source = |p: i64| {
            if (first..=last).contains(&p) {
                return Ok(Some(p as usize));
            }
            let place = match mode.as_str() {
                "constant" => return Ok(None),
                "edge" => p,
                "wrap" => first + (p - first).rem_euclid(kept),
                // Back and forth between the ends, which stand once.
                "reflect" => {
                    let period = (2 * (kept - 1)).max(1);
                    last - ((p - first).rem_euclid(period) - (kept - 1)).abs()
                }
                other => bail!(Unsupported, "the mode {other:?}"),
            };
            Ok(Some(place.clamp(first, last) as usize))
        };
        let places: Vec<Option<usize>> = (-before..end).map(source).collect::<Result<_>>()?;
        value = call.lowering.selected_or(&value, a, &places, constant)?;
    }
    Ok(value)
}

/// The upper or lower triangle of matrices; zero elsewhere.
fn triangle(call: &mut Call<'_>, value: &Value) -> Result<Value> {
    let shape = value.shape().to_vec();
    let [.., rows, columns] = shape[..] else { bail!(Shape, "a tensor of shape {shape:?} holds no matrices") };
    let shift = call.number(1, "the diagonal")?.unwrap_or(0.0) as i64;
    let upper = call.node.int("upper").unwrap_or(1) != 0;
    let inside = |k: usize| {
        let (i, j) = ((k / columns % rows) as i64, (k % columns) as i64);
        let beyond = j.saturating_sub(i.saturating_add(shift));
        if upper { beyond >= 0 } else { beyond <= 0 }
    };
    let total = check_size(&shape)?;
    call.lowering.spend(total)?;
    let flat = call.lowering.moved(value, &Movement::Reshape(vec![total]))?;
    let places: Vec<Option<usize>> = (0..total).map(|k| inside(k).then_some(k)).collect();
    let cut = call.lowering.selected_or(&flat, 0, &places, 0.0)?;
    call.lowering.moved(&cut, &Movement::Reshape(shape))
}

/// Blocks of pixels to channels and back.
fn blocks(call: &mut Call<'_>, value: &Value) -> Result<Value> {
    let &[n, c, h, w] = value.shape() else { bail!(Shape, "four axes are needed, not {:?}", value.shape()) };
    let b = usize::try_from(call.node.int("blocksize").unwrap_or(0)).unwrap_or(0);
    ensure!(b > 0 && b < 1 << 16, InvalidParameter, "a block size of {b}");
    let (split, order, shape) = if call.node.operator() == "SpaceToDepth" {
        ensure!(h % b == 0 && w % b == 0, Shape, "{h}×{w} pixels in blocks of {b}");
        (vec![n, c, h / b, b, w / b, b], vec![0, 3, 5, 1, 2, 4], vec![n, c * b * b, h / b, w / b])
    } else {
        ensure!(c % (b * b) == 0, Shape, "{c} channels in blocks of {b}×{b}");
        let d = c / (b * b);
        let shape = vec![n, d, h * b, w * b];
        match call.node.text("mode")?.unwrap_or("DCR") {
            "DCR" => (vec![n, b, b, d, h, w], vec![0, 3, 4, 1, 5, 2], shape),
            "CRD" => (vec![n, d, b, b, h, w], vec![0, 1, 4, 2, 5, 3], shape),
            other => return call.refuse(format!("the mode {other:?}")),
        }
    };
    let value = call.lowering.moved(value, &Movement::Reshape(split))?;
    let value = call.lowering.moved(&value, &Movement::Transpose(order))?;
    call.lowering.moved(&value, &Movement::Reshape(shape))
}
