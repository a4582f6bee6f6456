//! From a network to a file. Compositions are written as what they are made of.

use super::description::{Description, Entry, Function, LayerEntry, Numbers};
use super::{KEY, VERSION};
use crate::activation::Activation;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::{Broadcast, Kind};
use crate::network::{Layer, Network};
use crate::scalar::Scalar;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::HashMap;

/// A tensor to be written: name, type, shape, bytes.
type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// The contents of a network file.
pub(super) fn network<T: Scalar>(net: &Network<T>) -> Result<Vec<u8>> {
    let mut writer = Writer { tensors: Vec::new() };
    let name = |id: &crate::network::LayerId| net.layer(*id).name().to_owned();
    let mut layers = Vec::new();
    for (id, layer) in net.layers() {
        let entry = writer.layer(layer).map_err(|e| e.in_layer(layer.name()))?;
        let from = net.operands(id).iter().map(name).collect();
        layers.push(Entry { name: layer.name().to_owned(), from, layer: entry }.into_map());
    }
    let outputs = net.output_layers().iter().map(name).collect();
    let description = Description { version: VERSION, layers, outputs };
    let text = serde_json::to_string(&description).expect("plain data");
    let views = writer.tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).expect("as many bytes as the shape says");
        (name.as_str(), view)
    });
    let metadata = HashMap::from([(KEY.to_owned(), text)]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| Error::new(ErrorKind::Format, e.to_string()))
}

struct Writer {
    tensors: Vec<Tensor>,
}

impl Writer {
    fn layer<T: Scalar>(&mut self, layer: &Layer<T>) -> Result<LayerEntry> {
        let name = layer.name();
        let shape = layer.shape().to_vec();
        Ok(match layer.kind() {
            Kind::Input => LayerEntry::Input { shape },
            Kind::Dense(l) => {
                let weight = l.weight();
                LayerEntry::Dense {
                    weight: self.reals(name, "weight", &[weight.nrows(), weight.ncols()], weight.iter().copied()),
                    bias: l.bias().map(|b| self.reals(name, "bias", &[b.len()], b.iter().copied())),
                }
            }
            Kind::Sparse(l) => {
                let matrix = l.matrix();
                let indptr = matrix.indptr().to_proper().to_vec();
                LayerEntry::Sparse {
                    indptr: self.indices(name, "indptr", indptr.into_iter().map(|p| p as i64)),
                    indices: self.indices(name, "indices", matrix.indices().iter().map(|&j| j as i64)),
                    data: self.reals(name, "data", &[matrix.nnz()], matrix.data().iter().copied()),
                    shape: [matrix.rows(), matrix.cols()],
                    bias: l.bias().map(|b| self.reals(name, "bias", &[b.len()], b.iter().copied())),
                }
            }
            Kind::Conv(l) => LayerEntry::Conv {
                weight: self.reals(name, "weight", &l.weight_shape(), l.weight().iter().copied()),
                bias: l.bias().map(|b| self.reals(name, "bias", &[b.len()], b.iter().copied())),
                stride: l.windows().iter().map(|w| w.stride).collect(),
                padding: l.windows().iter().map(|w| [w.before, w.after]).collect(),
                dilation: l.windows().iter().map(|w| w.dilation).collect(),
                groups: l.groups(),
            },
            Kind::Gather(l) => LayerEntry::Gather {
                index: self.indices(name, "index", l.index().map(|i| i.map_or(-1, i64::from))),
                shape,
                fill: l.fill().to_f64(),
            },
            Kind::Sum(l) => {
                let mut numbers = |part: &str, b: &Broadcast<T>| {
                    let values = b.values();
                    Numbers::Tensor(self.reals(name, part, &[values.len()], values.iter().copied()))
                };
                let scale =
                    |(q, s): (usize, &Option<Broadcast<T>>)| s.as_ref().map(|s| numbers(&format!("scale{q}"), s));
                LayerEntry::Sum {
                    scales: l.scales().iter().enumerate().map(scale).collect(),
                    shift: l.shift().map(|s| numbers("shift", s)),
                }
            }
            Kind::Elementwise(l) => self.elementwise(name, l.activation())?,
            Kind::Product => LayerEntry::Product {},
            Kind::Select(l) => {
                let (mut ptr, mut index) = (vec![0], Vec::new());
                for candidates in l.candidates() {
                    index.extend(candidates.iter().map(|&i| i64::from(i)));
                    ptr.push(index.len() as i64);
                }
                let (ptr, index) = (self.indices(name, "ptr", ptr), self.indices(name, "index", index));
                LayerEntry::Max { ptr, index, shape }
            }
        })
    }

    fn elementwise(&mut self, name: &str, activation: &Activation) -> Result<LayerEntry> {
        let mut entry = Function { function: activation.name().to_owned(), ..Default::default() };
        match *activation {
            Activation::LeakyRelu { alpha }
            | Activation::Elu { alpha }
            | Activation::Celu { alpha }
            | Activation::ThresholdedRelu { alpha } => entry.alpha = Some(alpha),
            Activation::Powi(exponent) => entry.exponent = Some(f64::from(exponent)),
            Activation::Powf(exponent) => entry.exponent = Some(exponent),
            Activation::Clip { low, high } => {
                // JSON has no infinity: an absent bound is not written.
                [entry.low, entry.high] = [low, high].map(|bound| bound.is_finite().then_some(bound));
            }
            Activation::Shrink { lambda, bias } => [entry.lambda, entry.bias] = [Some(lambda), Some(bias)],
            Activation::Prelu { slope: ref s } => {
                entry.slope = Some(self.reals(name, "slope", &[s.len()], s.iter().copied()));
            }
            Activation::Custom(ref custom) => {
                let message = format!("the custom function {:?} has no name in a file", custom.name());
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            _ => {}
        }
        Ok(LayerEntry::Elementwise(entry))
    }

    fn reals<T: Scalar>(
        &mut self,
        layer: &str,
        part: &str,
        shape: &[usize],
        numbers: impl IntoIterator<Item = T>,
    ) -> String {
        // Exact: numbers of 32 bits are written as such, and back from 64 bits they are the same.
        let (dtype, bytes) = if T::NAME == "f32" {
            (Dtype::F32, numbers.into_iter().flat_map(|v| (v.to_f64() as f32).to_le_bytes()).collect())
        } else {
            (Dtype::F64, numbers.into_iter().flat_map(|v| v.to_f64().to_le_bytes()).collect())
        };
        self.push(layer, part, dtype, shape.to_vec(), bytes)
    }

    fn indices(&mut self, layer: &str, part: &str, indices: impl IntoIterator<Item = i64>) -> String {
        let bytes: Vec<u8> = indices.into_iter().flat_map(i64::to_le_bytes).collect();
        self.push(layer, part, Dtype::I64, vec![bytes.len() / 8], bytes)
    }

    fn push(&mut self, layer: &str, part: &str, dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8>) -> String {
        let name = format!("{layer}.{part}");
        self.tensors.push((name.clone(), dtype, shape, bytes));
        name
    }
}
