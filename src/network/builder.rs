//! [`NetworkBuilder`]: networks of any shape, layer by layer.

use super::{Layer, LayerId, Network};
use crate::activation::Activation;
use crate::error::{Error, ErrorKind, Result, bail, ensure};
use crate::layer::{Broadcast, Conv, ConvOptions, Dense, Elementwise, FILL, Gather, Kind, Select, Sparse, Sum};
use ndarray::{Array1, Array2, ArrayD};
#[cfg(feature = "onnx")]
use petgraph::Direction::Incoming;
use petgraph::graph::DiGraph;
#[cfg(feature = "onnx")]
use petgraph::graph::NodeIndex;
#[cfg(feature = "onnx")]
use petgraph::visit::EdgeRef;
use sprs::CsMat;
use std::collections::HashSet;

/// Units are counted in 32 bits, and a description of a few bytes (a padding, say) must not ask for more
/// memory than any machine has: this many units in the whole network.
pub(super) const MAX_UNITS: usize = 1 << 28;

/// Builds a [`Network`] layer by layer; every call infers the shape and checks its arguments at once.
///
/// ```
/// use colorjet::{Activation, Network};
/// use ndarray::array;
///
/// // A residual connection: y = x + tanh(W x).
/// let mut b = Network::builder();
/// let x = b.input("x", &[2])?;
/// let z = b.dense("z", x, array![[1.0, 2.0], [3.0, 4.0]], None)?;
/// let a = b.activation("a", z, Activation::Tanh)?;
/// let y = b.add("y", &[x, a])?;
/// let net = b.build(&[y])?;
/// # Ok::<(), colorjet::Error>(())
/// ```
///
/// # Errors
/// Every method names the layer: [`Shape`](ErrorKind::Shape), [`NonFinite`](ErrorKind::NonFinite),
/// [`DuplicateName`](ErrorKind::DuplicateName), [`Dangling`](ErrorKind::Dangling) for an operand that this builder
/// does not have, [`TooLarge`](ErrorKind::TooLarge) beyond 2²⁸ units, and what its own text says.
#[derive(Clone, Debug, Default)]
pub struct NetworkBuilder {
    graph: DiGraph<Layer<f64>, u32>,
    names: HashSet<String>,
    units: usize,
}

impl NetworkBuilder {
    /// An input of the given shape (`[]` is one number).
    pub fn input(&mut self, name: &str, shape: &[usize]) -> Result<LayerId> {
        self.push_any(name, &[], |_| Ok((shape.to_vec(), Kind::Input)))
    }

    /// `y = W x + b` on the flattened operand; the result has shape `[m]`.
    pub fn dense(
        &mut self,
        name: &str,
        operand: LayerId,
        weight: Array2<f64>,
        bias: impl Into<Option<Array1<f64>>>,
    ) -> Result<LayerId> {
        self.push(name, &[operand], |shapes| {
            let shape = vec![weight.nrows()];
            Ok((shape, Kind::Dense(Dense::new(weight, bias.into(), shapes[0])?)))
        })
    }

    /// `y = A x + b` on the flattened operand; the result has shape `[m]`. Stored entries are the structure.
    pub fn sparse(
        &mut self,
        name: &str,
        operand: LayerId,
        matrix: CsMat<f64>,
        bias: impl Into<Option<Array1<f64>>>,
    ) -> Result<LayerId> {
        self.push(name, &[operand], |shapes| {
            let shape = vec![matrix.rows()];
            Ok((shape, Kind::Sparse(Sparse::new(matrix, bias.into(), shapes[0])?)))
        })
    }

    /// Convolution: `weight` of shape `[out, in / groups, kernel…]`, operand and result `[channels, axes…]`.
    pub fn conv(
        &mut self,
        name: &str,
        operand: LayerId,
        weight: ArrayD<f64>,
        bias: impl Into<Option<Array1<f64>>>,
        options: &ConvOptions,
    ) -> Result<LayerId> {
        self.push(name, &[operand], |shapes| {
            let shape = weight.shape().to_vec();
            let bias = bias.into().map(|b| b.to_vec());
            let conv = Conv::new(weight.iter().copied().collect(), &shape, bias, options, shapes[0])?;
            Ok((conv.output_shape(), Kind::Conv(conv)))
        })
    }

    /// Units of the flattened, concatenated operands moved into a layer of the given shape; `None` is `fill`.
    ///
    /// # Errors
    /// [`OutOfRange`](ErrorKind::OutOfRange) for an index beyond the operands,
    /// [`TooLarge`](ErrorKind::TooLarge) for operands of more than 2³² − 2 units in all.
    pub fn gather(
        &mut self,
        name: &str,
        operands: &[LayerId],
        index: impl IntoIterator<Item = Option<u32>>,
        shape: &[usize],
        fill: f64,
    ) -> Result<LayerId> {
        // The mark of the constant is no index.
        let mut marked = None;
        let index = index.into_iter().enumerate().map(|(k, i)| {
            if i == Some(FILL) {
                marked = marked.or(Some(k));
            }
            i.unwrap_or(FILL)
        });
        let index: Vec<u32> = index.collect();
        self.push(name, operands, |operands| {
            check_concatenation(operands)?;
            let units = operands.iter().map(|s| s.iter().product());
            ensure!(Some(index.len()) == units_of(shape), Shape, "{} indices for shape {shape:?}", index.len());
            if let Some(k) = marked {
                bail!(OutOfRange, "index[{k}] is {FILL}, more than any index can be");
            }
            Ok((shape.to_vec(), Kind::Gather(Gather::new(index, fill, units)?)))
        })
    }

    /// `y = Σ x_q`, a residual connection; shapes as in [`weighted_sum`](Self::weighted_sum).
    pub fn add(&mut self, name: &str, operands: &[LayerId]) -> Result<LayerId> {
        self.weighted_sum(name, operands, &vec![None; operands.len()], None)
    }

    /// `y = Σ scale_q ⊙ x_q + shift`; scales and shift hold one number, one for each channel (first axis), or
    /// one for each unit; `None` is 1 and 0.
    ///
    /// The operands have one shape up to axes of length one (`[C]`, `[1, C]`, `[C, 1]`); the result, its channels and
    /// its units are those of the first.
    pub fn weighted_sum(
        &mut self,
        name: &str,
        operands: &[LayerId],
        scales: &[Option<Vec<f64>>],
        shift: Option<Vec<f64>>,
    ) -> Result<LayerId> {
        self.push(name, operands, |shapes| {
            let shape = shapes[0].to_vec();
            let spread = |values: &Vec<f64>| Broadcast::over(&shape, values.clone());
            let scales = scales.iter().map(|s| s.as_ref().map(spread).transpose()).collect::<Result<_>>()?;
            let shift = shift.as_ref().map(spread).transpose()?;
            check_same(shapes, "added")?;
            let sum = Sum::new(scales, shift, shapes.len())?;
            Ok((shape, Kind::Sum(sum)))
        })
    }

    /// `a = σ(z)`, unit by unit.
    pub fn activation(&mut self, name: &str, operand: LayerId, activation: Activation) -> Result<LayerId> {
        self.push(name, &[operand], |shapes| {
            let layer = Elementwise::new(activation, shapes[0])?;
            Ok((shapes[0].to_vec(), Kind::Elementwise(layer)))
        })
    }

    /// `c = a ⊙ b`, unit by unit; of one shape up to axes of length one, the result has that of `a`.
    pub fn product(&mut self, name: &str, a: LayerId, b: LayerId) -> Result<LayerId> {
        self.push(name, &[a, b], |shapes| {
            check_same(shapes, "multiplied")?;
            Ok((shapes[0].to_vec(), Kind::Product))
        })
    }

    /// The largest of several units of the concatenated operands; unit `k` chooses among `candidates[k]`, of
    /// equal ones the first.
    ///
    /// # Errors
    /// [`Empty`](ErrorKind::Empty) for a unit without candidates, [`OutOfRange`](ErrorKind::OutOfRange) for a
    /// candidate beyond the operands, [`TooLarge`](ErrorKind::TooLarge) as [`gather`](Self::gather).
    pub fn max(
        &mut self,
        name: &str,
        operands: &[LayerId],
        candidates: impl IntoIterator<Item = Vec<u32>>,
        shape: &[usize],
    ) -> Result<LayerId> {
        let (mut ptr, mut index) = (vec![0], Vec::new());
        for list in candidates {
            index.extend(list);
            ptr.push(index.len());
        }
        self.push(name, operands, |operands| {
            check_concatenation(operands)?;
            let select = Select::new(ptr, index, operands.iter().map(|s| s.iter().product()))?;
            ensure!(
                Some(select.units()) == units_of(shape),
                Shape,
                "{} lists of candidates for shape {shape:?}",
                select.units()
            );
            Ok((shape.to_vec(), Kind::Select(select)))
        })
    }

    /// Closes the network with its output layers, in order.
    ///
    /// # Errors
    /// [`Empty`](ErrorKind::Empty) without inputs or outputs, [`Dangling`](ErrorKind::Dangling) if no output
    /// depends on a layer (inputs may be unused).
    pub fn build(self, outputs: &[LayerId]) -> Result<Network> {
        for output in outputs {
            self.known(*output)?;
        }
        Network::from_graph(self.graph, outputs.to_vec())
    }

    /// As [`build`](Self::build), without the layers that no output depends on; inputs stay. Of the layers called
    /// `name`, `name#2`, … the first that stays is called `name`.
    #[cfg(feature = "onnx")]
    pub(crate) fn build_reached(mut self, outputs: &[LayerId]) -> Result<Network> {
        for output in outputs {
            self.known(*output)?;
        }
        let mut reached = vec![false; self.graph.node_count()];
        outputs.iter().for_each(|id| reached[id.index()] = true);
        for v in self.graph.node_indices().rev().filter(|v| matches!(self.graph[*v].kind, Kind::Input)) {
            reached[v.index()] = true;
        }
        for v in self.graph.node_indices().rev() {
            if reached[v.index()] {
                self.graph.neighbors_directed(v, Incoming).for_each(|o| reached[o.index()] = true);
            }
        }
        let outputs: Vec<LayerId> =
            outputs.iter().map(|id| LayerId::new(reached[..id.index()].iter().filter(|&&r| r).count())).collect();
        let keep = |v: NodeIndex, layer: Layer<f64>| reached[v.index()].then_some(layer);
        self.graph = self.graph.filter_map_owned(keep, |_, place| Some(place));
        let mut names: HashSet<String> = self.graph.node_weights().map(|layer| layer.name.clone()).collect();
        for layer in self.graph.node_weights_mut() {
            let plain = layer.name.rsplit_once('#').map(|(name, _)| name.to_owned());
            if let Some(plain) = plain.filter(|name| names.insert(name.clone())) {
                layer.name = plain;
            }
        }
        self.build(&outputs)
    }

    /// What a layer made so far computes, how many units it has, and what it reads.
    #[cfg(feature = "onnx")]
    pub(crate) fn parts(&self, layer: LayerId) -> (&Kind<f64>, usize, Vec<LayerId>) {
        let mut operands: Vec<_> = self.graph.edges_directed(layer.node(), Incoming).collect();
        operands.sort_unstable_by_key(|e| *e.weight());
        let operands = operands.iter().map(|e| LayerId::new(e.source().index())).collect();
        let layer = &self.graph[layer.node()];
        (&layer.kind, layer.units(), operands)
    }

    /// The shape of a layer made so far.
    ///
    /// # Errors
    /// [`Dangling`](ErrorKind::Dangling) if the layer is not of this builder.
    pub fn shape(&self, layer: LayerId) -> Result<&[usize]> {
        self.known(layer)?;
        Ok(&self.graph[layer.node()].shape)
    }

    fn known(&self, layer: LayerId) -> Result<()> {
        ensure!(
            layer.index() < self.graph.node_count(),
            Dangling,
            "layer number {} is not of this network",
            layer.index()
        );
        Ok(())
    }

    /// Whether a layer of this shape can be added; asked before anything of its size is made.
    pub(super) fn check_room(&self, shape: &[usize]) -> Result<()> {
        if shape.contains(&0) {
            return Err(Error::new(ErrorKind::Empty, format!("shape {shape:?} has an axis of length zero")));
        }
        let fits = units_of(shape).is_some_and(|units| self.units.saturating_add(units) <= MAX_UNITS);
        ensure!(fits, TooLarge, "shape {shape:?}: the network would have more than {MAX_UNITS} units");
        Ok(())
    }

    /// A layer that reads at least one other.
    fn push(
        &mut self,
        name: &str,
        operands: &[LayerId],
        make: impl FnOnce(&[&[usize]]) -> Result<(Vec<usize>, Kind<f64>)>,
    ) -> Result<LayerId> {
        self.push_any(name, operands, |shapes| {
            ensure!(!shapes.is_empty(), Empty, "the layer has no operand");
            make(shapes)
        })
    }

    /// Checks, infers, and adds a layer; every error gets its name.
    fn push_any(
        &mut self,
        name: &str,
        operands: &[LayerId],
        make: impl FnOnce(&[&[usize]]) -> Result<(Vec<usize>, Kind<f64>)>,
    ) -> Result<LayerId> {
        let layer = self.checked(name, operands, make).map_err(|e| e.in_layer(name))?;
        self.names.insert(name.to_owned());
        self.units += layer.units();
        let node = self.graph.add_node(layer);
        for (place, operand) in operands.iter().enumerate() {
            self.graph.add_edge(operand.node(), node, place as u32);
        }
        Ok(LayerId::new(node.index()))
    }

    fn checked(
        &self,
        name: &str,
        operands: &[LayerId],
        make: impl FnOnce(&[&[usize]]) -> Result<(Vec<usize>, Kind<f64>)>,
    ) -> Result<Layer<f64>> {
        ensure!(!self.names.contains(name), DuplicateName, "there is a layer of this name already");
        let shapes: Vec<&[usize]> = operands.iter().map(|&o| self.shape(o)).collect::<Result<_>>()?;
        let (shape, kind) = make(&shapes)?;
        self.check_room(&shape)?;
        kind.check_finite()?;
        Ok(Layer { name: name.to_owned(), shape, kind })
    }
}

/// Operands that are taken unit by unit have equal shapes up to axes of length one, which leave the order of the
/// units as it is.
fn check_same(shapes: &[&[usize]], done: &str) -> Result<()> {
    let long = |shape: &[usize]| shape.iter().copied().filter(|&len| len != 1).collect::<Vec<_>>();
    let first = long(shapes[0]);
    for shape in &shapes[1..] {
        ensure!(long(shape) == first, Shape, "operands of shapes {:?} and {shape:?} cannot be {done}", shapes[0]);
    }
    Ok(())
}

/// The units of concatenated operands are counted in 32 bits, and the largest number marks a constant.
fn check_concatenation(operands: &[&[usize]]) -> Result<()> {
    let units: usize = operands.iter().map(|s| s.iter().product::<usize>()).sum();
    ensure!(units < FILL as usize, TooLarge, "the operands have {units} units in all");
    Ok(())
}

/// The product of a shape, unless it overflows.
pub(super) fn units_of(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |p, &s| p.checked_mul(s))
}
