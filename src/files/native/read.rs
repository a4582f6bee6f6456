//! From a file to a network: the description is ordered, and every layer is given to the builder.

use super::description::{Description, Entry, LayerEntry, Mode, Numbers, activation};
use super::tensors::Tensors;
use super::{KEY, VERSION};
use crate::error::{Error, ErrorKind, Result, bail, ensure};
use crate::layer::ConvOptions;
use crate::network::{LayerId, Network, NetworkBuilder, PadMode, Pool};
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use safetensors::SafeTensors;
use sprs::CsMat;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The description in the metadata of a safetensors file, unless it holds tensors only.
///
/// # Errors
/// [`Format`](ErrorKind::Format) if it is not a whole safetensors file.
pub(in crate::files) fn description(bytes: &[u8]) -> Result<Option<String>> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    Ok(metadata.metadata().as_ref().and_then(|m| m.get(KEY)).cloned())
}

/// What is wrong with a file that should be in the format safetensors.
pub(in crate::files) fn broken(e: safetensors::SafeTensorError) -> Error {
    Error::new(ErrorKind::Format, format!("not a whole safetensors file: {e}"))
}

/// Makes the network that the text describes, from the tensors of the file.
pub(in crate::files) fn network(bytes: &[u8], text: &str) -> Result<Network> {
    let format = |message: String| Error::new(ErrorKind::Format, message);
    let tensors = Tensors(SafeTensors::deserialize(bytes).map_err(broken)?);
    let version = serde_json::from_str::<serde_json::Value>(text)
        .map_err(|e| format(format!("the description is not JSON: {e}")))?
        .get("version")
        .and_then(serde_json::Value::as_u64);
    ensure!(
        version == Some(VERSION),
        Unsupported,
        "the description has {}, this program reads version {VERSION}",
        version.map_or("no version".into(), |v| format!("version {v}"))
    );
    let description: Description =
        serde_json::from_str(text).map_err(|e| format(format!("the description is malformed: {e}")))?;
    let entries: Vec<Entry> = description
        .layers
        .into_iter()
        .enumerate()
        .map(|(number, map)| Entry::parse(map, number))
        .collect::<Result<_>>()?;
    let mut builder = NetworkBuilder::default();
    let mut made: HashMap<&str, LayerId> = HashMap::new();
    for number in order(&entries)? {
        let Entry { name, from, layer } = &entries[number];
        let operands: Vec<LayerId> = from.iter().map(|name| made[name.as_str()]).collect();
        let id = add(&mut builder, name, &operands, layer, &tensors).map_err(|e| e.in_layer(name))?;
        made.insert(name, id);
    }
    let output = |name: &String| match made.get(name.as_str()) {
        Some(&id) => Ok(id),
        None => bail!(Dangling, "there is no layer {name:?}, which is named as an output"),
    };
    let outputs: Vec<LayerId> = description.outputs.iter().map(output).collect::<Result<_>>()?;
    builder.build(&outputs)
}

/// An order in which every layer comes after those it reads; otherwise that of the file, which decides the
/// order of the inputs.
fn order(entries: &[Entry]) -> Result<Vec<usize>> {
    let mut numbers = HashMap::new();
    let mut graph = DiGraph::<(), ()>::new();
    for (number, entry) in entries.iter().enumerate() {
        graph.add_node(());
        if numbers.insert(entry.name.as_str(), number).is_some() {
            let twice = Error::new(ErrorKind::DuplicateName, "two layers have this name");
            return Err(twice.in_layer(&entry.name));
        }
    }
    for (number, entry) in entries.iter().enumerate() {
        for operand in &entry.from {
            let Some(&from) = numbers.get(operand.as_str()) else {
                let missing = format!("it reads {operand:?}, which does not exist");
                return Err(Error::new(ErrorKind::Dangling, missing).in_layer(&entry.name));
            };
            graph.add_edge(NodeIndex::new(from), NodeIndex::new(number), ());
        }
    }
    if let Err(cycle) = toposort(&graph, None) {
        let name = &entries[cycle.node_id().index()].name;
        return Err(Error::new(ErrorKind::Cycle, "it depends on itself").in_layer(name));
    }
    let mut missing: Vec<usize> = entries.iter().map(|e| e.from.len()).collect();
    let mut ready: BinaryHeap<_> = (0..entries.len()).filter(|&k| missing[k] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(entries.len());
    while let Some(Reverse(number)) = ready.pop() {
        order.push(number);
        for reader in graph.neighbors(NodeIndex::new(number)) {
            missing[reader.index()] -= 1;
            if missing[reader.index()] == 0 {
                ready.push(Reverse(reader.index()));
            }
        }
    }
    Ok(order)
}

fn add(
    builder: &mut NetworkBuilder,
    name: &str,
    operands: &[LayerId],
    layer: &LayerEntry,
    tensors: &Tensors<'_>,
) -> Result<LayerId> {
    let arity = match layer {
        LayerEntry::Input { .. } => Some(0),
        LayerEntry::Product {} => Some(2),
        LayerEntry::Gather { .. } | LayerEntry::Sum { .. } | LayerEntry::Max { .. } | LayerEntry::Concat { .. } => None,
        _ => Some(1),
    };
    match arity {
        Some(count) => ensure!(operands.len() == count, Shape, "it reads {} layers, not {count}", operands.len()),
        None => ensure!(!operands.is_empty(), Empty, "it reads no layer"),
    }
    let numbers = |n: &Numbers| match n {
        Numbers::One(value) => Ok(vec![*value]),
        Numbers::Tensor(name) => tensors.list(name),
    };
    match layer {
        LayerEntry::Input { shape } => builder.input(name, shape),
        LayerEntry::Dense { weight, bias } => {
            builder.dense(name, operands[0], tensors.matrix(weight)?, tensors.bias(bias)?)
        }
        LayerEntry::Sparse { indptr, indices, data, shape, bias } => {
            let [rows, cols] = *shape;
            let (indptr, indices, data) = (tensors.offsets(indptr)?, tensors.offsets(indices)?, tensors.list(data)?);
            check_rises(&indptr, indices.len())?;
            ensure!(indptr.len() - 1 == rows, Shape, "{} rows of entries for {rows} rows", indptr.len() - 1);
            let matrix = CsMat::new_from_unsorted((rows, cols), indptr, indices, data)
                .map_err(|(.., e)| Error::new(ErrorKind::Format, format!("not a CSR matrix of {rows}×{cols}: {e}")))?;
            builder.sparse(name, operands[0], matrix, tensors.bias(bias)?)
        }
        LayerEntry::Conv { weight, bias, stride, padding, dilation, groups } => {
            let options = ConvOptions {
                stride: stride.clone(),
                padding: padding.clone(),
                dilation: dilation.clone(),
                groups: *groups,
            };
            builder.conv(name, operands[0], tensors.reals(weight)?, tensors.bias(bias)?, &options)
        }
        LayerEntry::Gather { index, shape, fill } => {
            let source = |i: i64| match i {
                -1 => Ok(None),
                i => match u32::try_from(i) {
                    Ok(i) if i < u32::MAX => Ok(Some(i)),
                    _ => bail!(OutOfRange, "index {i}"),
                },
            };
            let index: Vec<Option<u32>> = tensors.indices(index)?.into_iter().map(source).collect::<Result<_>>()?;
            builder.gather(name, operands, index, shape, *fill)
        }
        LayerEntry::Sum { scales, shift } => {
            let mut scales: Vec<Option<Vec<f64>>> =
                scales.iter().map(|s| s.as_ref().map(numbers).transpose()).collect::<Result<_>>()?;
            if scales.is_empty() {
                scales.resize(operands.len(), None);
            }
            let shift = shift.as_ref().map(numbers).transpose()?;
            builder.weighted_sum(name, operands, &scales, shift)
        }
        LayerEntry::Elementwise(function) => {
            let slope = function.slope.as_ref().map(|s| tensors.list(s)).transpose()?;
            builder.activation(name, operands[0], activation(function, slope)?)
        }
        LayerEntry::Product {} => builder.product(name, operands[0], operands[1]),
        LayerEntry::Max { ptr, index, shape } => {
            let (ptr, index) = (tensors.offsets(ptr)?, tensors.offsets(index)?);
            let unit =
                |&i: &usize| u32::try_from(i).map_err(|_| Error::new(ErrorKind::OutOfRange, format!("candidate {i}")));
            let index: Vec<u32> = index.iter().map(unit).collect::<Result<_>>()?;
            check_rises(&ptr, index.len())?;
            builder.max(name, operands, ptr.windows(2).map(|p| index[p[0]..p[1]].to_vec()), shape)
        }
        LayerEntry::Reshape { shape } => builder.reshape(name, operands[0], shape),
        LayerEntry::Flatten {} => {
            let units = builder.shape(operands[0])?.iter().product();
            builder.reshape(name, operands[0], &[units])
        }
        LayerEntry::Concat { axis } => builder.concat(name, operands, *axis),
        LayerEntry::Transpose { perm } => builder.transpose(name, operands[0], perm),
        LayerEntry::Slice { starts, ends, steps } => {
            let axes = starts.len();
            let fits = ends.len() == axes && (steps.is_empty() || steps.len() == axes);
            ensure!(fits, Shape, "{axes} starts, {} ends, {} steps", ends.len(), steps.len());
            let range = |a: usize| [starts[a], ends[a], steps.get(a).copied().unwrap_or(1)];
            builder.slice(name, operands[0], &(0..axes).map(range).collect::<Vec<_>>())
        }
        LayerEntry::Pad { padding, mode, fill } => {
            let mode = match mode {
                Mode::Constant => PadMode::Constant(*fill),
                Mode::Circular => PadMode::Circular,
                Mode::Reflect => PadMode::Reflect,
                Mode::Edge => PadMode::Edge,
            };
            builder.pad(name, operands[0], padding, mode)
        }
        LayerEntry::AvgPool { kernel, stride, padding, count_include_pad } => {
            let pool = pool(kernel, stride, padding, &[]);
            builder.avg_pool(name, operands[0], &pool, *count_include_pad)
        }
        LayerEntry::MaxPool { kernel, stride, padding, dilation } => {
            builder.max_pool(name, operands[0], &pool(kernel, stride, padding, dilation))
        }
        LayerEntry::BatchNorm { scale, shift, mean, variance, epsilon } => {
            let [scale, shift, mean, variance] = [scale, shift, mean, variance].map(|t| tensors.list(t));
            builder.batch_norm(name, operands[0], [&scale?, &shift?, &mean?, &variance?], *epsilon)
        }
    }
}

/// Lists in compressed form need starts that rise from 0 to the number of entries.
fn check_rises(starts: &[usize], entries: usize) -> Result<()> {
    let rises =
        starts.first() == Some(&0) && starts.windows(2).all(|p| p[0] <= p[1]) && starts.last() == Some(&entries);
    ensure!(rises, Format, "the starts of the lists must rise from 0 to the number of entries, {entries}");
    Ok(())
}

fn pool(kernel: &[usize], stride: &[usize], padding: &[[usize; 2]], dilation: &[usize]) -> Pool {
    Pool { kernel: kernel.to_vec(), stride: stride.to_vec(), padding: padding.to_vec(), dilation: dilation.to_vec() }
}
