//! [`Lowering`]: what operators are made of, on tensors of units: movements, affine maps, sums, products,
//! contractions, maxima. Here are the units and their numbers.

mod fold;
mod linear;
mod moves;
mod nonlinear;
mod settle;

use super::tensor::{Shared, Tensor, array};
use super::value::{Units, Value, Variable};
use crate::error::{Result, ensure};
use crate::network::{LayerId, Network, NetworkBuilder};
use ndarray::Array1;
use settle::Settled;
use sprs::CsMat;
use std::collections::HashMap;

/// Numbers that one model may ask for in constants and movements, all together: a small file must not fill the
/// memory.
const BUDGET: usize = 1 << 28;

/// A network in the making.
#[derive(Default)]
pub(super) struct Lowering {
    builder: NetworkBuilder,
    /// The number of the first unit of each layer, counted through all layers, and the end.
    starts: Vec<usize>,
    spent: usize,
    /// The name of the output of the node at hand; its layers take it.
    pub(super) name: String,
    /// How many layers there are of each name.
    named: HashMap<String, usize>,
    /// Layers made for moved units.
    settled: Settled,
}

impl Lowering {
    /// An input of the network.
    pub(super) fn input(&mut self, name: &str, shape: &[usize]) -> Result<Variable> {
        self.name = name.to_owned();
        let name = self.fresh();
        // The axis of the samples is no axis of a layer: convolutions have their channels first.
        let stored = if shape.len() > 1 && shape[0] == 1 { &shape[1..] } else { shape };
        let layer = self.builder.input(&name, stored)?;
        self.made(layer, shape.to_vec())
    }

    /// Closes the network; layers that no output reads are left out.
    pub(super) fn finish(self, outputs: &[LayerId]) -> Result<Network> {
        self.builder.build_reached(outputs)
    }

    /// Counts numbers against the budget.
    ///
    /// # Errors
    /// [`TooLarge`](crate::ErrorKind::TooLarge) when it is spent.
    pub(super) fn spend(&mut self, numbers: usize) -> Result<()> {
        self.spent = self.spent.saturating_add(numbers);
        ensure!(self.spent <= BUDGET, TooLarge, "constants and movements of more than {BUDGET} numbers in all");
        Ok(())
    }

    /// A network for constants only; it counts against the same budget.
    pub(super) fn apart(&self) -> Result<Lowering> {
        let mut apart = Lowering { spent: self.spent, ..Lowering::default() };
        // Every network reads something.
        apart.input("", &[1])?;
        apart.name.clone_from(&self.name);
        Ok(apart)
    }

    /// The constants that a network [`apart`](Self::apart) makes.
    pub(super) fn values_of(&mut self, mut apart: Lowering, values: Vec<Value>) -> Result<Vec<Value>> {
        let mut layers = Vec::new();
        for value in &values {
            if let Value::Variable(variable) = value {
                layers.push(apart.layer(variable)?);
            }
        }
        self.spent = apart.spent;
        if layers.is_empty() {
            return Ok(values);
        }
        let numbers = apart.finish(&layers)?.value(Array1::zeros(1).view())?.to_vec();
        let mut rest = &numbers[..];
        let constant = |value: Value| match value {
            Value::Constant(_) => value,
            Value::Variable(variable) => {
                let (own, others) = rest.split_at(variable.len());
                rest = others;
                Value::Constant(Tensor::floats(&variable.shape, own.to_vec()))
            }
        };
        Ok(values.into_iter().map(constant).collect())
    }

    fn fresh(&mut self) -> String {
        let mut count = self.named.get(&self.name).map_or(1, |count| count + 1);
        let mut name = if count == 1 { self.name.clone() } else { format!("{}#{count}", self.name) };
        // A tensor of the model may have this very name.
        while count > 1 && self.named.contains_key(&name) {
            count += 1;
            name = format!("{}#{count}", self.name);
        }
        self.named.insert(self.name.clone(), count);
        if count > 1 {
            self.named.insert(name.clone(), 1);
        }
        name
    }

    /// A variable of all units of a layer just made.
    fn made(&mut self, layer: LayerId, shape: Vec<usize>) -> Result<Variable> {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        while self.starts.len() < layer.index() + 2 {
            let id = LayerId::new(self.starts.len() - 1);
            let units: usize = self.builder.shape(id)?.iter().product();
            self.starts.push(self.starts[self.starts.len() - 1] + units);
        }
        Ok(Variable::of(layer, shape))
    }

    fn units(&self, layer: LayerId) -> std::ops::Range<usize> {
        self.starts[layer.index()]..self.starts[layer.index() + 1]
    }

    fn stored_shape(&self, layer: LayerId) -> Vec<usize> {
        self.builder.shape(layer).expect("a layer of this network").to_vec()
    }

    /// The number of each unit of a value; constants become units of a layer that reads nothing.
    pub(super) fn numbers(&mut self, value: &Value) -> Result<Shared<u32>> {
        let variable = self.variable(value)?;
        match &variable.units {
            Units::Moved(units) => Ok(units.clone()),
            Units::Layer(layer) => {
                let units = self.units(*layer);
                self.spend(units.len())?;
                Ok(array(&variable.shape, (units.start as u32..units.end as u32).collect()))
            }
        }
    }

    /// The value as a variable; a constant becomes units of a layer that reads nothing.
    pub(super) fn variable(&mut self, value: &Value) -> Result<Variable> {
        let tensor = match value {
            Value::Variable(variable) => return Ok(variable.clone()),
            Value::Constant(tensor) => tensor.to_floats(),
        };
        // One unit for each distinct number.
        let mut places = HashMap::new();
        let mut distinct = Vec::new();
        self.spend(tensor.len())?;
        let index = tensor.mapv(|v: f64| {
            *places.entry(v.to_bits()).or_insert_with(|| {
                distinct.push(v);
                distinct.len() as u32 - 1
            })
        });
        ensure!(!distinct.is_empty(), Empty, "a tensor of shape {:?} has no entries", tensor.shape());
        let name = self.fresh();
        let first = LayerId::new(0);
        let columns = self.units(first).len();
        let matrix = CsMat::zero((distinct.len(), columns));
        let layer = self.builder.sparse(&name, first, matrix, Array1::from(distinct))?;
        self.made(layer, Vec::new())?;
        let start = self.units(layer).start as u32;
        Ok(Variable { shape: tensor.shape().to_vec(), units: Units::Moved((index + start).into_shared()) })
    }

    /// The layer in which a unit is.
    fn layer_of(&self, unit: u32) -> LayerId {
        LayerId::new(self.starts.partition_point(|&start| start <= unit as usize) - 1)
    }
}
