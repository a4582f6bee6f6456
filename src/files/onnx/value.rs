//! [`Value`]: a tensor of the model, a constant or units of layers made so far.

use super::movement::Movement;
use super::tensor::{Shared, Tensor};
use crate::error::Result;
use crate::network::LayerId;

/// What a name of the model stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Constant(Tensor),
    Variable(Variable),
}

/// A tensor of units. Operators that only move numbers change which units it names; no layer is made for them
/// until one needs the units in a layer of their own.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) shape: Vec<usize>,
    pub(super) units: Units,
}

/// The units of a variable.
#[derive(Clone, Debug)]
pub(super) enum Units {
    /// All units of a layer, in their order.
    Layer(LayerId),
    /// The number of each unit, counted through all layers.
    Moved(Shared<u32>),
}

impl Value {
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Value::Constant(tensor) => tensor.shape(),
            Value::Variable(variable) => &variable.shape,
        }
    }

    pub(super) fn constant(&self) -> Option<&Tensor> {
        match self {
            Value::Constant(tensor) => Some(tensor),
            Value::Variable(_) => None,
        }
    }
}

impl Variable {
    pub(super) fn of(layer: LayerId, shape: Vec<usize>) -> Variable {
        Variable { shape, units: Units::Layer(layer) }
    }

    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Tensor {
    /// The moved constant.
    pub(super) fn moved(&self, movement: &Movement) -> Result<Tensor> {
        movement.shape(self.shape())?;
        Ok(match self {
            Tensor::Float(a) => Tensor::Float(movement.apply(a)),
            Tensor::Int(a) => Tensor::Int(movement.apply(a)),
            Tensor::Bool(a) => Tensor::Bool(movement.apply(a)),
        })
    }
}
