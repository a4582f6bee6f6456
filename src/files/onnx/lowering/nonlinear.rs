//! Functions, products and maxima.

use super::settle::without_samples;
use super::{Lowering, fold};
use crate::activation::Activation;
use crate::error::Result;
use crate::files::onnx::movement::broadcast_shape;
use crate::files::onnx::tensor::{Shared, array};
use crate::files::onnx::value::{Value, Variable};
use sprs::CsMat;

impl Lowering {
    /// A function of each unit.
    pub(in crate::files::onnx) fn activation(
        &mut self,
        variable: &Variable,
        activation: Activation,
    ) -> Result<Variable> {
        let (variable, source) = self.whole(variable)?;
        let name = self.fresh();
        let layer = self.builder.activation(&name, source.layer, activation)?;
        self.replaced(&variable, &source, layer)
    }

    /// A leaky rectifier with slopes of its own for each unit, broadcast.
    pub(in crate::files::onnx) fn prelu(&mut self, variable: &Variable, slope: &Shared<f64>) -> Result<Variable> {
        let shape = broadcast_shape(&variable.shape, slope.shape())?;
        let variable = self.expanded(variable, &shape)?;
        let (variable, source) = self.whole(&variable)?;
        let slope = self.arranged(slope, &shape, &source)?;
        let name = self.fresh();
        let layer = self.builder.activation(&name, source.layer, Activation::Prelu { slope })?;
        self.replaced(&variable, &source, layer)
    }

    /// `a ⊙ b`, broadcast.
    pub(in crate::files::onnx) fn product(&mut self, a: &Variable, b: &Variable) -> Result<Variable> {
        let (variable, source, layers) = self.aligned(&[a, b])?;
        let name = self.fresh();
        let layer = match fold::one_function(&self.builder, layers[0], layers[1]) {
            Some((operand, function)) => self.builder.activation(&name, operand, function)?,
            None => self.builder.product(&name, layers[0], layers[1])?,
        };
        self.replaced(&variable, &source, layer)
    }

    /// The largest over some axes, of equal ones the first; the shape of the rest.
    pub(in crate::files::onnx) fn largest(&mut self, variable: &Variable, axes: &[usize]) -> Result<Variable> {
        let rest: Vec<usize> = (0..variable.shape.len()).filter(|a| !axes.contains(a)).collect();
        let order: Vec<usize> = rest.iter().chain(axes).copied().collect();
        let shape: Vec<usize> = rest.iter().map(|&a| variable.shape[a]).collect();
        let moved = self.transposed(variable, &order)?;
        let each = variable.len() / shape.iter().product::<usize>().max(1);
        let units = self.numbers(&Value::Variable(moved))?;
        let count = shape.iter().product::<usize>();
        self.candidates(&units, std::iter::repeat_n(each, count), &shape)
    }

    /// For each row of the pattern the largest of the entries in its columns, of equal ones the first.
    pub(in crate::files::onnx) fn largest_of(
        &mut self,
        variable: &Variable,
        pattern: &CsMat<f64>,
        shape: &[usize],
    ) -> Result<Variable> {
        let units: Vec<u32> = self.numbers(&Value::Variable(variable.clone()))?.iter().copied().collect();
        self.spend(pattern.nnz())?;
        let candidates = array(&[pattern.nnz()], pattern.indices().iter().map(|&k| units[k]).collect());
        let lengths = pattern.outer_iterator().map(|row| row.nnz());
        self.candidates(&candidates, lengths, shape)
    }

    /// The largest of the first few units, of the next few, and so on.
    fn candidates(
        &mut self,
        units: &Shared<u32>,
        lengths: impl Iterator<Item = usize>,
        shape: &[usize],
    ) -> Result<Variable> {
        let (operands, index) = self.operands(units)?;
        let mut rest = &index[..];
        let mut next = |length: usize| {
            let (few, others) = rest.split_at(length);
            rest = others;
            few.to_vec()
        };
        let name = self.fresh();
        let layer = self.builder.max(&name, &operands, lengths.map(&mut next), without_samples(shape))?;
        self.made(layer, shape.to_vec())
    }

    /// The largest of several tensors, broadcast; of equal ones the first.
    pub(in crate::files::onnx) fn maximum(&mut self, variables: &[Variable]) -> Result<Variable> {
        let mut shape = Vec::new();
        for variable in variables {
            shape = broadcast_shape(&shape, &variable.shape)?;
        }
        let mut stacked = Vec::new();
        for variable in variables {
            let spread = self.expanded(variable, &shape)?;
            let units = self.numbers(&Value::Variable(spread))?;
            stacked.push(units.insert_axis(ndarray::Axis(0)));
        }
        let views: Vec<_> = stacked.iter().map(|s| s.view()).collect();
        let units = ndarray::concatenate(ndarray::Axis(0), &views).expect("tensors of one shape");
        let stacked = self.of_numbers(units.into_shared())?;
        self.largest(&stacked, &[0])
    }
}
