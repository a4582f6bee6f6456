//! Functions of a model, branches whose condition is known, and loops whose passes are.

use super::graph::{Importer, Scope, operands, opset_of};
use super::movement::Movement;
use super::node::{Arguments, Node};
use super::ops::is_true;
use super::proto::{FunctionProto, GraphProto};
use super::tensor::{Tensor, array};
use super::value::Value;
use crate::error::{Result, bail, ensure};

/// Functions, branches and loops may be nested this deep.
const MAX_DEPTH: usize = 32;

impl<'a> Importer<'a> {
    /// A function of the model itself: its nodes, with names of their own.
    pub(super) fn call(
        &mut self,
        function: &'a FunctionProto,
        node: &Node<'_>,
        inputs: Vec<Option<Value>>,
        depth: usize,
    ) -> Result<Vec<Value>> {
        ensure!(depth < MAX_DEPTH, Unsupported, "functions are nested more than {MAX_DEPTH} deep");
        ensure!(inputs.len() <= function.input.len(), Format, "{} operands are too many", inputs.len());
        let formal = function.input.iter().zip(inputs);
        let mut scope: Scope = formal.filter_map(|(name, value)| Some((name.clone(), value?))).collect();
        let mut arguments: Arguments<'_> = function.attribute_proto.iter().map(|a| (&*a.name, a)).collect();
        // Of two with one name the first counts, as everywhere.
        let given = node.proto.attribute.iter().rev();
        arguments.extend(given.filter_map(|a| Some((&*a.name, node.value_of(a)?))));
        let opset = if function.opset_import.is_empty() { node.opset } else { opset_of(&function.opset_import)? };
        let wanted: Vec<&str> = function.output.iter().map(|o| &**o).collect();
        self.run(&function.node, &wanted, opset, &mut scope, &arguments, depth + 1)?;
        results(&wanted, &scope)
    }

    /// One of two branches, by a condition that is known.
    pub(super) fn branch(
        &mut self,
        node: &Node<'_>,
        inputs: &[Option<Value>],
        scope: &Scope,
        depth: usize,
    ) -> Result<Vec<Value>> {
        let Some(condition) = inputs.first().and_then(Option::as_ref) else { bail!(Format, "it has no condition") };
        let name = if holds(condition)? { "then_branch" } else { "else_branch" };
        let Some(graph) = node.graph(name) else { bail!(Format, "the branch {name:?} is missing") };
        let inner = self.around(node, graph, scope)?;
        self.inside(node, graph, inner, depth)
    }

    /// A loop: its body once for each pass, whose number and condition are known.
    pub(super) fn passes(
        &mut self,
        node: &Node<'_>,
        mut inputs: Vec<Option<Value>>,
        scope: &Scope,
        depth: usize,
    ) -> Result<Vec<Value>> {
        let Some(body) = node.graph("body") else { bail!(Format, "the body is missing") };
        let mut carried: Vec<Option<Value>> = inputs.split_off(inputs.len().min(2));
        inputs.resize(2, None);
        let (count, condition) = (&inputs[0], &inputs[1]);
        let count = match count {
            None => None,
            Some(Value::Constant(tensor)) => tensor.to_ints()?.first().copied(),
            Some(Value::Variable(_)) => bail!(Unsupported, "the number of passes depends on the model's input"),
        };
        let mut goes_on = condition.as_ref().map_or(Ok(true), holds)?;
        let fits = body.input.len() == carried.len() + 2 && body.output.len() > carried.len();
        ensure!(
            fits,
            Format,
            "a body of {} inputs and {} outputs for {} values that are carried",
            body.input.len(),
            body.output.len(),
            carried.len()
        );
        let around = self.around(node, body, scope)?;
        // What every pass makes besides the values that are carried on.
        let mut made: Vec<Vec<Value>> = vec![Vec::new(); body.output.len() - 1 - carried.len()];
        let mut pass = 0;
        while goes_on && count.is_none_or(|count| pass < count) {
            let mut inner = around.clone();
            let number = Value::Constant(Tensor::ints(&[], vec![pass]));
            let condition = Value::Constant(Tensor::Bool(array(&[], vec![true])));
            let given = [Some(number), Some(condition)].into_iter().chain(carried.iter().cloned());
            inner.extend(body.input.iter().zip(given).filter_map(|(name, value)| Some((name.name.clone(), value?))));
            let mut results = self.inside(node, body, inner, depth)?;
            let mut extra = results.split_off(1 + carried.len());
            goes_on = holds(&results.remove(0))?;
            carried = results.into_iter().map(Some).collect();
            made.iter_mut().zip(extra.drain(..)).for_each(|(all, value)| all.push(value));
            pass += 1;
        }
        let mut outputs: Vec<Value> = Vec::new();
        for value in carried {
            let Some(value) = value else { bail!(Format, "a value that is carried is missing") };
            outputs.push(value);
        }
        for values in made {
            let mut rows = Vec::new();
            for value in values {
                let row = [1].iter().chain(value.shape()).copied().collect();
                rows.push(self.lowering.moved(&value, &Movement::Reshape(row))?);
            }
            ensure!(!rows.is_empty(), Unsupported, "a loop without a pass makes nothing");
            outputs.push(self.lowering.joined(&rows, 0)?);
        }
        Ok(outputs)
    }

    /// The names that a graph inside of a node may read: those around it, and its own constants.
    fn around(&mut self, node: &Node<'_>, graph: &GraphProto, scope: &Scope) -> Result<Scope> {
        // What is not read is not copied: there may be many such graphs.
        let read = operands(node.proto).into_iter();
        let mut inner: Scope = read.filter_map(|name| Some((name.to_owned(), scope.get(name)?.clone()))).collect();
        inner.extend(self.constants(graph)?);
        Ok(inner)
    }

    /// The outputs of a graph inside of a node.
    fn inside(&mut self, node: &Node<'_>, graph: &GraphProto, mut scope: Scope, depth: usize) -> Result<Vec<Value>> {
        ensure!(depth < MAX_DEPTH, Unsupported, "branches and loops are nested more than {MAX_DEPTH} deep");
        let wanted: Vec<&str> = graph.output.iter().map(|o| &*o.name).collect();
        self.run(&graph.node, &wanted, node.opset, &mut scope, node.arguments, depth + 1)?;
        results(&wanted, &scope)
    }
}

fn results(wanted: &[&str], scope: &Scope) -> Result<Vec<Value>> {
    let result = |name: &&str| match scope.get(*name) {
        Some(value) => Ok(value.clone()),
        None => bail!(Dangling, "no node makes the output {name:?}"),
    };
    wanted.iter().map(result).collect()
}

/// Whether a condition holds.
fn holds(condition: &Value) -> Result<bool> {
    ensure!(
        condition.constant().is_some(),
        Unsupported,
        "the condition depends on the model's input: export the branch or the passes that are meant"
    );
    Ok(is_true(Some(condition)))
}
