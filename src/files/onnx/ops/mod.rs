//! The operators: what each is made of.

mod arithmetic;
mod constants;
mod convolution;
mod einsum;
mod elementwise;
mod index;
mod linear;
mod logic;
mod normalize;
mod pool;
mod reduce;
mod resize;
mod shape;

use super::lowering::Lowering;
pub(super) use constants::is_true;

use super::node::Node;
use super::tensor::{Shared, Tensor};
use super::value::{Value, Variable};
use crate::error::{Error, ErrorKind, Result, bail};

/// One use of an operator: the node, its operands, and the network in the making.
pub(super) struct Call<'a> {
    pub(super) node: Node<'a>,
    pub(super) lowering: &'a mut Lowering,
    /// `None`: left out.
    pub(super) inputs: Vec<Option<Value>>,
    /// Whether nothing else reads the operand.
    pub(super) alone: Vec<bool>,
}

/// What the operator makes, one value for each of its outputs.
pub(super) type Outputs = Result<Vec<Value>>;

impl Call<'_> {
    /// Makes the node's outputs.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for an operator that is not known or a use of it that is not
    /// supported, and what goes wrong on the way.
    pub(super) fn lower(mut self) -> Outputs {
        if let Some(value) = constants::folded(&mut self)? {
            return Ok(vec![Value::Constant(value)]);
        }
        let constant = |value: &Option<Value>| value.as_ref().is_none_or(|v| v.constant().is_some());
        if !self.inputs.is_empty() && self.inputs.iter().all(constant) {
            return self.evaluated();
        }
        self.layers()
    }

    /// What the operator makes of constants: the values of a network of its own.
    fn evaluated(self) -> Outputs {
        let mut apart = self.lowering.apart()?;
        let outputs = Call { lowering: &mut apart, ..self }.layers()?;
        self.lowering.values_of(apart, outputs)
    }

    /// What the operator makes, as layers where operands are.
    fn layers(mut self) -> Outputs {
        let one = |value: Variable| Ok(vec![Value::Variable(value)]);
        match self.node.operator() {
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Sum" | "Mean" | "Max" | "Min" | "Where" => {
                one(arithmetic::lower(&mut self)?)
            }
            "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" | "Equal" | "And" | "Or" | "Xor" | "Not" | "Sign" => {
                one(logic::lower(&mut self)?)
            }
            "Conv" => one(convolution::conv(&mut self)?),
            "ConvTranspose" => one(convolution::conv_transpose(&mut self)?),
            "MaxPool" => one(pool::max(&mut self)?),
            "AveragePool" => one(pool::average(&mut self)?),
            "GlobalMaxPool" | "GlobalAveragePool" => one(pool::global(&mut self)?),
            "Gemm" => one(linear::gemm(&mut self)?),
            "MatMul" => one(linear::matmul(&mut self)?),
            "Einsum" => one(einsum::lower(&mut self)?),
            "CumSum" => one(linear::cumulative_sum(&mut self)?),
            "BatchNormalization" => one(normalize::batch(&mut self)?),
            "InstanceNormalization" => one(normalize::instance(&mut self)?),
            "GroupNormalization" => one(normalize::group(&mut self)?),
            "LayerNormalization" => one(normalize::layer(&mut self)?),
            "RMSNormalization" => one(normalize::root_mean_square(&mut self)?),
            "LpNormalization" => one(normalize::lp(&mut self)?),
            "Softmax" | "LogSoftmax" => one(normalize::softmax(&mut self)?),
            operator if operator.starts_with("Reduce") => one(reduce::lower(&mut self)?),
            "Resize" | "Upsample" => Ok(vec![resize::lower(&mut self)?]),
            "Gather" | "GatherElements" | "GatherND" => Ok(vec![index::gather(&mut self)?]),
            "Scatter" | "ScatterElements" | "ScatterND" => Ok(vec![index::scatter(&mut self)?]),
            operator if shape::MOVES.contains(&operator) => shape::lower(&mut self),
            _ => one(elementwise::lower(&mut self)?),
        }
    }

    /// An operand that may be left out.
    fn optional(&self, k: usize) -> Option<&Value> {
        self.inputs.get(k)?.as_ref()
    }

    fn value(&self, k: usize) -> Result<&Value> {
        let missing = || Error::new(ErrorKind::Format, format!("operand {k} is missing"));
        self.optional(k).ok_or_else(missing)
    }

    /// An operand as units of layers.
    fn variable(&mut self, k: usize) -> Result<Variable> {
        let value = self.value(k)?.clone();
        self.lowering.variable(&value)
    }

    /// An operand that must be known when the model is loaded; `what` names it.
    fn constant(&self, k: usize, what: &str) -> Result<&Tensor> {
        match self.value(k)? {
            Value::Constant(tensor) => Ok(tensor),
            Value::Variable(_) => bail!(
                Unsupported,
                "{what} depends on the model's input; colorjet needs a constant: fix it when exporting the model"
            ),
        }
    }

    /// As [`constant`](Self::constant), of an operand that may be left out.
    fn optional_constant(&self, k: usize, what: &str) -> Result<Option<&Tensor>> {
        self.optional(k).is_some().then(|| self.constant(k, what)).transpose()
    }

    fn floats(&self, k: usize, what: &str) -> Result<Shared<f64>> {
        Ok(self.constant(k, what)?.to_floats())
    }

    /// One number.
    fn number(&self, k: usize, what: &str) -> Result<Option<f64>> {
        let Some(tensor) = self.optional_constant(k, what)? else { return Ok(None) };
        let numbers = tensor.to_floats();
        match (numbers.len(), numbers.iter().next()) {
            (1, Some(&number)) => Ok(Some(number)),
            (count, _) => bail!(Shape, "{what} should be one number, not {count}"),
        }
    }

    /// A list of integers in operand `k`, where newer operator sets have it, or in an attribute.
    fn integers(&self, k: usize, attribute: &str) -> Result<Option<Vec<i64>>> {
        match self.optional_constant(k, attribute)? {
            Some(tensor) => Ok(Some(tensor.to_list()?)),
            None => Ok(self.node.ints(attribute).map(<[i64]>::to_vec)),
        }
    }

    /// Whether nothing but this node reads an operand.
    fn alone(&self, k: usize) -> bool {
        self.alone.get(k).copied().unwrap_or(false)
    }

    /// An error for a use of the operator that is not supported.
    fn refuse<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(self.node.unsupported(message))
    }

    /// Refuses an attribute that is set to anything but its harmless value.
    fn refuse_unless(&self, holds: bool, message: &str) -> Result<()> {
        if holds { Ok(()) } else { self.refuse(message) }
    }
}
