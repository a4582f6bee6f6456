//! Entries by constant indices: gathered from a tensor, scattered into one.

use super::Call;
use crate::error::{Result, bail, ensure};
use crate::files::onnx::movement::{Movement, axis};
use crate::files::onnx::tensor::{Tensor, check_size};
use crate::files::onnx::value::Value;
use sprs::CsMat;

/// Gather, GatherElements and GatherND.
pub(super) fn gather(call: &mut Call<'_>) -> Result<Value> {
    let value = call.value(0)?.clone();
    let shape = value.shape().to_vec();
    let indices = call.constant(1, "the indices")?.clone();
    let (places, result) = match call.node.operator() {
        "Gather" => {
            let along = axis(call.node.int("axis").unwrap_or(0), shape.len())?;
            let list = on_axis(&indices.to_ints()?, shape[along])?;
            let moved = call.lowering.moved(&value, &Movement::Select(along, list))?;
            let result = shape[..along].iter().chain(indices.shape()).chain(&shape[along + 1..]).copied().collect();
            return call.lowering.moved(&moved, &Movement::Reshape(result));
        }
        "GatherElements" => elements(call, &indices, &shape)?,
        _ => {
            let batch = usize::try_from(call.node.int("batch_dims").unwrap_or(0)).unwrap_or(usize::MAX);
            tails(call, &indices, &shape, batch)?
        }
    };
    call.lowering.moved(&value, &Movement::Pick(places, result))
}

/// ScatterElements, of old Scatter, and ScatterND: the updates take the place of entries, or are added to them,
/// or the larger or smaller one is taken.
pub(super) fn scatter(call: &mut Call<'_>) -> Result<Value> {
    let (data, updates) = (call.value(0)?.clone(), call.value(2)?.clone());
    let shape = data.shape().to_vec();
    let indices = call.constant(1, "the indices")?.clone();
    let (places, wanted) = match call.node.operator() {
        "ScatterND" => tails(call, &indices, &shape, 0)?,
        _ => elements(call, &indices, &shape)?,
    };
    ensure!(updates.shape() == wanted, Shape, "updates of shape {:?} instead of {wanted:?}", updates.shape());
    let count = check_size(&shape)?;
    call.lowering.spend(count)?;
    // The entries of the tensor, and behind them the updates.
    let [flat, behind] = [(&data, count), (&updates, places.len())].map(|(v, n)| {
        let flat = Movement::Reshape(vec![n]);
        call.lowering.moved(v, &flat)
    });
    let joined = call.lowering.joined(&[flat?, behind?], 0)?;
    let reduction = call.node.text("reduction")?.unwrap_or("none").to_owned();
    if reduction == "none" {
        // Of several updates of one entry, the standard allows any; here the last.
        let mut source: Vec<usize> = (0..count).collect();
        places.iter().enumerate().for_each(|(k, &place)| source[place] = count + k);
        return call.lowering.moved(&joined, &Movement::Pick(source, shape));
    }
    let terms = terms(&places, count)?;
    let joined = match joined {
        Value::Variable(joined) => joined,
        Value::Constant(joined) => return constant(call, &joined, &terms, &reduction, &shape),
    };
    let result = match &*reduction {
        "add" => call.lowering.mapped(&joined, terms, &shape)?,
        "max" => call.lowering.largest_of(&joined, &terms, &shape)?,
        "min" => {
            let opposite = call.lowering.scaled(&joined, -1.0)?;
            let largest = call.lowering.largest_of(&opposite, &terms, &shape)?;
            call.lowering.scaled(&largest, -1.0)?
        }
        other => return call.refuse(format!("the reduction {other:?}")),
    };
    Ok(Value::Variable(result))
}

fn constant(call: &Call<'_>, joined: &Tensor, terms: &CsMat<f64>, reduction: &str, shape: &[usize]) -> Result<Value> {
    let f: fn(f64, f64) -> f64 = match reduction {
        "add" => |a, b| a + b,
        "mul" => |a, b| a * b,
        "max" => f64::max,
        "min" => f64::min,
        other => return call.refuse(format!("the reduction {other:?}")),
    };
    let numbers: Vec<f64> = joined.to_floats().iter().copied().collect();
    let row = |row: sprs::CsVecView<'_, f64>| row.indices().iter().map(|&k| numbers[k]).reduce(f).unwrap_or(0.0);
    let reduced = terms.outer_iterator().map(row).collect();
    let reduced = Tensor::floats(shape, reduced);
    Ok(Value::Constant(match joined {
        Tensor::Float(_) => reduced,
        _ => Tensor::Int(reduced.to_floats().mapv(|v| v as i64).into_shared()),
    }))
}

/// The terms of each entry: itself, and what is scattered to its place, which stands behind all entries.
fn terms(places: &[usize], count: usize) -> Result<CsMat<f64>> {
    let mut ends = vec![1; count + 1];
    ends[0] = 0;
    places.iter().for_each(|&place| ends[place + 1] += 1);
    (0..count).for_each(|i| ends[i + 1] += ends[i]);
    let mut columns = vec![0; count + places.len()];
    let mut next = ends[..count].to_vec();
    let sources = (0..count).map(|i| (i, i)).chain(places.iter().enumerate().map(|(k, &place)| (place, count + k)));
    for (place, column) in sources {
        columns[next[place]] = column;
        next[place] += 1;
    }
    let ones = vec![1.0; columns.len()];
    match CsMat::try_new((count, count + places.len()), ends, columns, ones) {
        Ok(terms) => Ok(terms),
        Err((.., e)) => bail!(Shape, "{e}"),
    }
}

/// Places on an axis; negative ones count from the end.
fn on_axis(list: &[i64], length: usize) -> Result<Vec<usize>> {
    let place = |&p: &i64| {
        let from_front = if p < 0 { p.saturating_add(length as i64) } else { p };
        match usize::try_from(from_front) {
            Ok(place) if place < length => Ok(place),
            _ => bail!(OutOfRange, "index {p} of an axis of length {length}"),
        }
    };
    list.iter().map(place).collect()
}

/// Places in a flattened tensor, with their shape: each index replaces one coordinate of its own position.
fn elements(call: &Call<'_>, indices: &Tensor, shape: &[usize]) -> Result<(Vec<usize>, Vec<usize>)> {
    let along = axis(call.node.int("axis").unwrap_or(0), shape.len())?;
    let wanted = indices.shape().to_vec();
    let fits = wanted.len() == shape.len() && (0..shape.len()).all(|a| a == along || wanted[a] <= shape[a]);
    ensure!(fits, Shape, "indices of shape {wanted:?} for a tensor {shape:?}");
    let list = on_axis(&indices.to_ints()?, shape[along])?;
    let places = list.iter().enumerate().map(|(k, &place)| {
        let mut at = coordinates(k, &wanted);
        at[along] = place;
        flat(&at, shape)
    });
    Ok((places.collect(), wanted))
}

/// Places in a flattened tensor, with their shape: the last axis of the indices holds the first coordinates behind
/// the batch axes, and stands for all that follows them.
fn tails(call: &mut Call<'_>, indices: &Tensor, shape: &[usize], batch: usize) -> Result<(Vec<usize>, Vec<usize>)> {
    let wanted = indices.shape().to_vec();
    let Some((&depth, outer)) = wanted.split_last() else { bail!(Shape, "indices that are one number") };
    let fits = batch <= outer.len()
        && batch.checked_add(depth).is_some_and(|d| d <= shape.len())
        && outer[..batch.min(outer.len())] == shape[..batch.min(shape.len())];
    ensure!(fits, Shape, "indices of shape {wanted:?} for a tensor {shape:?} with {batch} batch axes");
    let tail = &shape[batch + depth..];
    let result: Vec<usize> = outer.iter().chain(tail).copied().collect();
    let size = check_size(&result)?;
    let list = indices.to_ints()?;
    call.lowering.spend(size)?;
    let inner: usize = tail.iter().product();
    let mut places = Vec::with_capacity(size);
    // There may be any number of rows where none picks anything.
    let rows = if size > 0 { outer.iter().product() } else { 0 };
    for k in 0..rows {
        let mut at = coordinates(k, outer)[..batch].to_vec();
        for (i, index) in list[k * depth..(k + 1) * depth].iter().enumerate() {
            at.extend(on_axis(&[*index], shape[batch + i])?);
        }
        let first = flat(&at, shape) * inner;
        places.extend(first..first + inner);
    }
    Ok((places, result))
}

/// The coordinates of entry `k` in C order.
fn coordinates(k: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = k;
    let mut at: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&len| {
            let i = rest % len.max(1);
            rest /= len.max(1);
            i
        })
        .collect();
    at.reverse();
    at
}

/// The number of an entry of the first axes, as many as there are coordinates.
fn flat(at: &[usize], shape: &[usize]) -> usize {
    at.iter().zip(shape).fold(0, |sum, (&i, &len)| sum * len + i)
}
