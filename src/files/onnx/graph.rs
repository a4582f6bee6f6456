//! The nodes of a model, one after the other; functions, branches and loops are in `control`.

use super::lowering::Lowering;
use super::node::{Arguments, Node};
use super::ops::Call;
use super::proto::{FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto};
use super::tensor::{Tensor, data_type};
use super::value::Value;
use crate::error::{Error, ErrorKind, Result, bail, ensure, listed};
use crate::files::LoadOptions;
use crate::network::Network;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The operator sets whose operators are known.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=24;

/// Nodes, those of functions counted at each call: a small file must not take for ever.
const MAX_NODES: usize = 1 << 18;

/// Names of a graph or of one call of a function.
pub(super) type Scope = HashMap<String, Value>;

pub(super) struct Importer<'a> {
    pub(super) lowering: Lowering,
    /// By domain, name and overload.
    functions: HashMap<[&'a str; 3], &'a FunctionProto>,
    folder: Option<&'a Path>,
    /// Nodes followed so far.
    pub(super) nodes: usize,
}

/// The network of a model.
pub(super) fn network(model: &ModelProto, folder: Option<&Path>, options: &LoadOptions) -> Result<Network> {
    let Some(graph) = &model.graph else { bail!(Format, "the model has no graph") };
    let opset = opset_of(&model.opset_import)?;
    let functions = model.functions.iter().map(|f| ([&*f.domain, &*f.name, &*f.overload], f)).collect();
    let mut importer = Importer { lowering: Lowering::default(), functions, folder, nodes: 0 };
    let mut scope = importer.constants(graph)?;
    importer.inputs(graph, options, &mut scope)?;
    let mut wanted: Vec<&str> = options.outputs().iter().map(|o| &**o).collect();
    if wanted.is_empty() {
        wanted.extend(graph.output.iter().map(|o| &*o.name));
    }
    ensure!(!wanted.is_empty(), Empty, "the model has no outputs");
    if let Some(unknown) = wanted.iter().find(|&&name| !made(graph, &scope, name)) {
        let names = listed(graph.output.iter().map(|o| &*o.name));
        bail!(Dangling, "nothing in the model makes the tensor {unknown:?}; its outputs: {names}");
    }
    importer.run(&graph.node, &wanted, opset, &mut scope, &Arguments::new(), 0)?;
    let mut outputs = Vec::new();
    for name in wanted {
        let Some(value) = scope.get(name) else { bail!(Dangling, "nothing makes the output {name:?}") };
        importer.lowering.name = name.to_owned();
        let output = importer.lowering.variable(value).and_then(|v| importer.lowering.layer(&v));
        outputs.push(output.map_err(|e| e.within(format!("output {name:?}")))?);
    }
    importer.lowering.finish(&outputs)
}

/// Whether there is a tensor of this name.
fn made(graph: &GraphProto, scope: &Scope, name: &str) -> bool {
    scope.contains_key(name) || graph.node.iter().any(|node| node.output.iter().any(|output| output == name))
}

/// The version of the standard operators.
pub(super) fn opset_of(imports: &[OperatorSetIdProto]) -> Result<i64> {
    let standard = imports.iter().find(|o| matches!(&*o.domain, "" | "ai.onnx"));
    let Some(opset) = standard.map(|o| o.version) else { bail!(Format, "the model names no operator set") };
    ensure!(
        OPSETS.contains(&opset),
        Unsupported,
        "operator set {opset}: sets {} to {} are read; export the model with opset_version=18",
        OPSETS.start(),
        OPSETS.end()
    );
    Ok(opset)
}

impl<'a> Importer<'a> {
    /// The constants that stand beside the nodes.
    pub(super) fn constants(&mut self, graph: &GraphProto) -> Result<Scope> {
        let mut scope = Scope::new();
        for proto in &graph.initializer {
            let tensor = Tensor::read(proto, self.folder)?;
            scope.insert(proto.name.clone(), Value::Constant(tensor));
        }
        for proto in &graph.sparse_initializer {
            let size = proto.dims.iter().try_fold(1usize, |p, &d| p.checked_mul(usize::try_from(d).ok()?));
            self.lowering.spend(size.unwrap_or(usize::MAX))?;
            let (name, tensor) = Tensor::read_sparse(proto, self.folder)?;
            scope.insert(name, Value::Constant(tensor));
        }
        Ok(scope)
    }

    /// The network's inputs: what the graph reads and no constant stands for.
    fn inputs(&mut self, graph: &GraphProto, options: &LoadOptions, scope: &mut Scope) -> Result<()> {
        let mut free = HashSet::new();
        let mut count = 0;
        for proto in &graph.input {
            if scope.contains_key(&proto.name) {
                continue;
            }
            let place = |e: Error| e.within(format!("input {:?}", proto.name));
            let shape = input_shape(proto, options, &mut free).map_err(place)?;
            let variable = self.lowering.input(&proto.name, &shape).map_err(place)?;
            scope.insert(proto.name.clone(), Value::Variable(variable));
            count += 1;
        }
        ensure!(count > 0, Empty, "the model has no inputs");
        if let Some(unknown) = options.dims().keys().find(|name| !free.contains(*name)) {
            let mut free: Vec<String> = free.into_iter().collect();
            free.sort();
            let names = listed(free);
            bail!(InvalidParameter, "there is no free dimension {unknown:?}; the model's inputs have: {names}");
        }
        Ok(())
    }

    /// Makes the wanted values; nodes that they do not need are not looked at.
    pub(super) fn run(
        &mut self,
        nodes: &[NodeProto],
        wanted: &[&str],
        opset: i64,
        scope: &mut Scope,
        arguments: &Arguments<'_>,
        depth: usize,
    ) -> Result<()> {
        self.nodes = self.nodes.saturating_add(nodes.len() + 1);
        ensure!(self.nodes <= MAX_NODES, TooLarge, "more than {MAX_NODES} nodes, those of functions at each call");
        let order = needed(nodes, wanted)?;
        // How often each value is read.
        let mut reads: HashMap<&str, usize> = wanted.iter().map(|&name| (name, 1)).collect();
        for name in order.iter().flat_map(|&k| operands(&nodes[k])) {
            *reads.entry(name).or_insert(0) += 1;
        }
        for node in order.into_iter().map(|k| &nodes[k]) {
            let at = Node { proto: node, opset, arguments, folder: self.folder };
            let values = self.node(at, &reads, scope, depth).map_err(|e| e.within(at.place()))?;
            for (name, value) in node.output.iter().zip(values).filter(|(name, _)| !name.is_empty()) {
                scope.insert(name.clone(), value);
            }
            if let Some(name) = node.output.iter().find(|o| reads.contains_key(&***o) && !scope.contains_key(*o)) {
                let message = format!("its output {name:?} is read by the model, but is not supported");
                return Err(Error::new(ErrorKind::Unsupported, message).within(at.place()));
            }
            // What nobody reads any more is let go.
            for name in &node.input {
                if let Some(count) = reads.get_mut(&**name) {
                    *count -= 1;
                    if *count == 0 && depth == 0 {
                        scope.remove(name);
                    }
                }
            }
        }
        Ok(())
    }

    fn node(
        &mut self,
        node: Node<'_>,
        reads: &HashMap<&str, usize>,
        scope: &Scope,
        depth: usize,
    ) -> Result<Vec<Value>> {
        let proto = node.proto;
        let mut inputs = Vec::new();
        for name in &proto.input {
            inputs.push(match name.as_str() {
                "" => None,
                name => match scope.get(name) {
                    Some(value) => Some(value.clone()),
                    None => bail!(Dangling, "it reads {name:?}, which nothing before it makes"),
                },
            });
        }
        self.lowering.name = proto.output.iter().find(|o| !o.is_empty()).cloned().unwrap_or_default();
        if let Some(&function) = self.functions.get(&[&*proto.domain, &*proto.op_type, &*proto.overload]) {
            return self.call(function, &node, inputs, depth);
        }
        if proto.op_type == "If" && is_standard(&proto.domain) {
            return self.branch(&node, &inputs, scope, depth);
        }
        if proto.op_type == "Loop" && is_standard(&proto.domain) {
            return self.passes(&node, inputs, scope, depth);
        }
        let known = is_standard(&proto.domain) || proto.domain == "com.microsoft" && proto.op_type == "Gelu";
        if !known {
            bail!(
                Unsupported,
                "the operator {} of the domain {:?} is not one of ONNX: export the model without fused or custom \
                 operators",
                proto.op_type,
                proto.domain
            );
        }
        let alone = proto.input.iter().map(|name| reads.get(&**name) == Some(&1)).collect();
        Call { node, lowering: &mut self.lowering, inputs, alone }.lower()
    }
}

/// Every name that a node reads, those of its branches too, but for what these make themselves.
pub(super) fn operands(node: &NodeProto) -> Vec<&str> {
    let mut names: Vec<&str> = node.input.iter().map(|name| &**name).collect();
    for graph in node.attribute.iter().filter_map(|a| a.g.as_ref()) {
        let mut own: HashSet<&str> = graph.input.iter().map(|i| &*i.name).collect();
        own.extend(graph.initializer.iter().map(|t| &*t.name));
        own.extend(graph.node.iter().flat_map(|n| &n.output).map(|name| &**name));
        let read = graph.node.iter().flat_map(operands).chain(graph.output.iter().map(|o| &*o.name));
        names.extend(read.filter(|name| !own.contains(name)));
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The nodes that the wanted values need, each after those that it reads; files do not always keep that order.
fn needed(nodes: &[NodeProto], wanted: &[&str]) -> Result<Vec<usize>> {
    let mut maker = HashMap::new();
    for (k, node) in nodes.iter().enumerate() {
        for name in node.output.iter().filter(|o| !o.is_empty()) {
            if maker.insert(&**name, k).is_some() {
                bail!(DuplicateName, "two nodes make {name:?}");
            }
        }
    }
    let mut order = Vec::new();
    // Not seen; on the way from a wanted value to here; done.
    let mut state = vec![0u8; nodes.len()];
    for &name in wanted {
        let Some(&start) = maker.get(name) else { continue };
        let mut stack = vec![(start, false)];
        while let Some((k, done)) = stack.pop() {
            if done {
                state[k] = 2;
                order.push(k);
                continue;
            }
            match state[k] {
                0 => {}
                1 => bail!(Cycle, "the nodes form a cycle through {:?}", nodes[k].output.first()),
                _ => continue,
            }
            state[k] = 1;
            stack.push((k, true));
            let makers = operands(&nodes[k]).into_iter().filter_map(|name| maker.get(name).copied());
            // The first operand is made first.
            let first = stack.len();
            stack.extend(makers.filter(|&m| state[m] != 2).map(|m| (m, false)));
            stack[first..].reverse();
        }
    }
    Ok(order)
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// The shape of an input, with the lengths that the caller sets; `free` collects the names of free dimensions.
fn input_shape(proto: &ValueInfoProto, options: &LoadOptions, free: &mut HashSet<String>) -> Result<Vec<usize>> {
    let Some(tensor) = proto.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
        bail!(Unsupported, "it is no tensor");
    };
    if !data_type::REAL.contains(&tensor.elem_type) {
        let name = data_type::describe(tensor.elem_type).map_or("unknown", |(name, _)| name);
        bail!(
            Unsupported,
            "it has numbers of type {name}; derivatives are taken with respect to real numbers: make it a constant of \
             the exported model"
        );
    }
    let Some(shape) = &tensor.shape else { bail!(Unsupported, "it has no shape: export the model with one") };
    let rank = shape.dim.len();
    let length = |(a, dim): (usize, &super::proto::DimensionProto)| {
        if let Some(length) = dim.dim_value.filter(|&v| v > 0) {
            return match usize::try_from(length) {
                Ok(length) => Ok(length),
                Err(_) => bail!(Format, "axis {a} has the length {length}"),
            };
        }
        // A dimension without a name is called after its place.
        let name = match dim.dim_param.as_deref() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("{}.{a}", proto.name),
        };
        free.insert(name.clone());
        match options.dims().get(&name) {
            Some(0) => bail!(InvalidParameter, "the dimension {name:?} is set to zero"),
            Some(&length) => Ok(length),
            // The first of several axes is that of the samples; a plan takes one at a time.
            None if a == 0 && rank > 1 => Ok(1),
            None => bail!(
                InvalidParameter,
                "the dimension {name:?} is free: set its length with --dim {name}=SIZE or LoadOptions::dim"
            ),
        }
    };
    shape.dim.iter().enumerate().map(length).collect()
}
