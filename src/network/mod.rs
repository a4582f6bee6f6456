//! [`Network`]: the layer graph, a directed acyclic graph in petgraph.

mod builder;
mod chain;
mod compose;
mod connectivity;
mod dot;
mod structure;

pub use builder::NetworkBuilder;
pub use chain::Chain;
pub use compose::{PadMode, Pool};
pub use connectivity::{Component, Connectivity};
pub use structure::Structure;

use crate::cost::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::{Kind, Sum};
use crate::scalar::Scalar;
use petgraph::Direction::Incoming;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use std::fmt;

/// Number of a layer in its network. Operands have smaller numbers than the layers that read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerId(u32);

impl LayerId {
    pub(crate) fn new(index: usize) -> Self {
        LayerId(index as u32)
    }

    /// The number as an index, `0..layers`.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn node(self) -> NodeIndex {
        NodeIndex::new(self.index())
    }
}

/// A node of the network: its name, the shape of its value, and what it computes.
#[derive(Clone, Debug)]
pub struct Layer<T> {
    name: String,
    shape: Vec<usize>,
    kind: Kind<T>,
}

impl<T> Layer<T> {
    /// The name, unique in the network.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape of the value, without a batch axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of units, the product of the shape.
    pub fn units(&self) -> usize {
        self.shape.iter().product()
    }

    /// What it computes.
    pub fn kind(&self) -> &Kind<T> {
        &self.kind
    }
}

impl<T: Scalar> Layer<T> {
    /// What it computes, in a word or two: `tanh`, `conv 3×3`.
    pub(crate) fn what(&self) -> String {
        match &self.kind {
            Kind::Elementwise(e) => e.activation().name().to_owned(),
            Kind::Conv(c) => {
                let kernel: Vec<String> = c.windows().iter().map(|w| w.kernel.to_string()).collect();
                format!("conv {}", kernel.join("×"))
            }
            kind => kind.name().to_owned(),
        }
    }
}

/// A trained network: layers in a directed acyclic graph, with one or more inputs and outputs.
///
/// Its inputs are the units of all input layers, one after the other (`n` in all); its outputs those of all
/// output layers (`m`). Made by [`Network::chain`], [`Network::builder`] or [`Network::load`], and valid from
/// then on: shapes fit, weights are finite, every layer is read.
///
/// ```
/// use colorjet::{Activation, Network};
/// use ndarray::array;
///
/// let net = Network::chain([2])
///     .dense(array![[1.0, -1.0], [0.5, 2.0]], array![0.1, 0.0])
///     .activation(Activation::Tanh)
///     .build()?;
/// assert_eq!((net.inputs(), net.outputs()), (2, 2));
/// # Ok::<(), colorjet::Error>(())
/// ```
#[derive(Clone)]
pub struct Network<T = f64> {
    /// Nodes in topological order; the weight of an edge is the operand's place.
    graph: DiGraph<Layer<T>, u32>,
    operands: Vec<Vec<LayerId>>,
    input_layers: Vec<LayerId>,
    output_layers: Vec<LayerId>,
    structure: Structure,
}

impl Network<f64> {
    /// Starts a network of one input and layers in a row.
    pub fn chain(input_shape: impl AsRef<[usize]>) -> Chain {
        Chain::new(input_shape.as_ref())
    }

    /// Starts a network of any shape.
    pub fn builder() -> NetworkBuilder {
        NetworkBuilder::default()
    }

    /// The same network in another precision.
    ///
    /// # Errors
    /// [`NonFinite`](ErrorKind::NonFinite) if a weight overflows.
    pub fn cast<U: Scalar>(&self) -> Result<Network<U>> {
        let layer = |_, layer: &Layer<f64>| Layer {
            name: layer.name.clone(),
            shape: layer.shape.clone(),
            kind: layer.kind.cast(),
        };
        let graph = self.graph.map(layer, |_, &place| place);
        for layer in graph.node_weights() {
            layer.kind.check_finite().map_err(|e| e.in_layer(&layer.name))?;
        }
        Ok(Network {
            graph,
            operands: self.operands.clone(),
            input_layers: self.input_layers.clone(),
            output_layers: self.output_layers.clone(),
            structure: self.structure.clone(),
        })
    }
}

impl<T: Scalar> Network<T> {
    /// Every layer, operands before the layers that read them.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = (LayerId, &Layer<T>)> + DoubleEndedIterator {
        (0..self.graph.node_count()).map(|k| (LayerId::new(k), self.layer(LayerId::new(k))))
    }

    /// One layer.
    ///
    /// # Panics
    /// If the number is not of this network: `id.index() ≥ layers`.
    pub fn layer(&self, id: LayerId) -> &Layer<T> {
        &self.graph[id.node()]
    }

    /// What a layer reads, in the order of its operands.
    ///
    /// # Panics
    /// As [`layer`](Self::layer).
    pub fn operands(&self, id: LayerId) -> &[LayerId] {
        &self.operands[id.index()]
    }

    /// Who reads a layer, as which operand.
    pub(crate) fn readers(&self, id: LayerId) -> impl Iterator<Item = (LayerId, usize)> {
        let edges = self.graph.edges(id.node());
        edges.map(|e| (LayerId::new(e.target().index()), *e.weight() as usize))
    }

    /// The graph itself; the weight of an edge is the operand's place.
    pub fn graph(&self) -> &DiGraph<Layer<T>, u32> {
        &self.graph
    }

    /// The input layers, in the order in which their units are concatenated.
    pub fn input_layers(&self) -> &[LayerId] {
        &self.input_layers
    }

    /// The output layers, in the order in which their units are concatenated.
    pub fn output_layers(&self) -> &[LayerId] {
        &self.output_layers
    }

    /// n, the number of inputs.
    pub fn inputs(&self) -> usize {
        self.units_of(&self.input_layers)
    }

    /// m, the number of outputs.
    pub fn outputs(&self) -> usize {
        self.units_of(&self.output_layers)
    }

    /// Number of multiplications and additions of one evaluation, about: twice the weights used.
    pub fn operations(&self) -> u64 {
        self.layers().map(|(id, _)| self.operations_of(id)).sum()
    }

    /// Those of one layer.
    pub(crate) fn operations_of(&self, id: LayerId) -> u64 {
        let layer = self.layer(id);
        let units = layer.units() as u64;
        match &layer.kind {
            Kind::Input | Kind::Gather(_) => 0,
            Kind::Dense(l) => 2 * l.weight().len() as u64,
            Kind::Sparse(l) => 2 * l.matrix().nnz() as u64,
            Kind::Conv(l) => {
                let per_unit: usize = l.weight_shape()[1..].iter().product();
                2 * units * per_unit as u64
            }
            Kind::Sum(l) => 2 * units * Sum::scales(l).len() as u64,
            Kind::Elementwise(_) | Kind::Product | Kind::Select(_) => units * self.operands(id).len() as u64,
        }
    }

    /// What the lanes of one layer cost, for each operand.
    pub(crate) fn work_of(&self, id: LayerId) -> Work {
        let (layer, operations) = (self.layer(id), self.operations_of(id));
        match &layer.kind {
            Kind::Dense(_) => Work::products(operations),
            Kind::Conv(l) if l.is_pointwise() => Work::products(operations),
            Kind::Conv(_) => Work::shifted(operations),
            Kind::Sparse(l) => Work::added(l.matrix().nnz() as u64),
            Kind::Elementwise(_) | Kind::Product => Work::function(layer.units() as u64),
            Kind::Input | Kind::Gather(_) | Kind::Sum(_) | Kind::Select(_) => Work::default(),
        }
    }

    /// What a plan depends on, and nothing else: everything but the values of the weights.
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    fn units_of(&self, layers: &[LayerId]) -> usize {
        layers.iter().map(|&id| self.layer(id).units()).sum()
    }

    /// Checks what can only be checked on the whole graph, and seals it.
    fn from_graph(graph: DiGraph<Layer<T>, u32>, outputs: Vec<LayerId>) -> Result<Self> {
        let empty = |what: &str| Error::new(ErrorKind::Empty, format!("the network has no {what}"));
        let input_layers: Vec<LayerId> = graph
            .node_indices()
            .filter(|&v| matches!(graph[v].kind, Kind::Input))
            .map(|v| LayerId::new(v.index()))
            .collect();
        if input_layers.is_empty() {
            return Err(empty("inputs"));
        }
        if outputs.is_empty() {
            return Err(empty("outputs"));
        }
        let mut read = vec![false; graph.node_count()];
        outputs.iter().for_each(|id| read[id.index()] = true);
        for v in graph.node_indices().rev() {
            let layer = &graph[v];
            if !read[v.index()] && !matches!(layer.kind, Kind::Input) {
                let dangling = Error::new(ErrorKind::Dangling, "no output depends on this layer");
                return Err(dangling.in_layer(&layer.name));
            }
            if read[v.index()] {
                graph.neighbors_directed(v, Incoming).for_each(|o| read[o.index()] = true);
            }
        }
        let operands: Vec<Vec<LayerId>> = graph
            .node_indices()
            .map(|v| {
                let mut operands: Vec<_> = graph.edges_directed(v, Incoming).collect();
                operands.sort_unstable_by_key(|e| *e.weight());
                operands.iter().map(|e| LayerId::new(e.source().index())).collect()
            })
            .collect();
        let structure = Structure::of(&graph, &operands, &outputs);
        Ok(Network { graph, operands, input_layers, output_layers: outputs, structure })
    }
}

impl<T: Scalar> fmt::Debug for Network<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network<{}> {}", T::NAME, self.structure)
    }
}

/// The layer graph in words: a line for each layer with its shape and what it reads.
impl<T: Scalar> fmt::Display for Network<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} inputs → {} outputs, {} layers", self.inputs(), self.outputs(), self.graph.node_count())?;
        let name_width = self.graph.node_weights().map(|l| l.name.chars().count()).max().unwrap_or(0);
        for (id, layer) in self.layers() {
            let what = layer.what();
            let shape: Vec<String> = layer.shape.iter().map(usize::to_string).collect();
            write!(f, "  {:<name_width$}  {what:<12} {:>14}", layer.name, shape.join("×"))?;
            let operands: Vec<&str> = self.operands(id).iter().map(|&o| self.layer(o).name()).collect();
            if !operands.is_empty() {
                write!(f, "  ← {}", operands.join(", "))?;
            }
            if self.output_layers.contains(&id) {
                write!(f, "  → output")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
