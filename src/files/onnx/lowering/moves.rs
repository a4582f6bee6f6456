//! Tensors whose units are moved: no layer is made for that.

use super::Lowering;
use crate::error::{Result, bail, ensure};
use crate::files::onnx::movement::Movement;
use crate::files::onnx::tensor::{Shared, Tensor, array, check_size};
use crate::files::onnx::value::{Units, Value, Variable};

impl Lowering {
    /// The moved value.
    pub(in crate::files::onnx) fn moved(&mut self, value: &Value, movement: &Movement) -> Result<Value> {
        match value {
            Value::Constant(tensor) => {
                let shape = movement.shape(tensor.shape())?;
                self.spend(shape.iter().product())?;
                Ok(Value::Constant(tensor.moved(movement)?))
            }
            Value::Variable(variable) => Ok(Value::Variable(self.moved_variable(variable, movement)?)),
        }
    }

    /// The moved variable.
    pub(in crate::files::onnx) fn moved_variable(
        &mut self,
        variable: &Variable,
        movement: &Movement,
    ) -> Result<Variable> {
        let shape = movement.shape(&variable.shape)?;
        if shape == variable.shape && matches!(movement, Movement::Reshape(_) | Movement::Expand(_)) {
            return Ok(variable.clone());
        }
        let reorders = match movement {
            Movement::Reshape(_) => false,
            // Axes of length one may go anywhere.
            Movement::Transpose(order) => !order.iter().filter(|&&a| variable.shape[a] > 1).is_sorted(),
            _ => shape.iter().product::<usize>() != variable.len() || !matches!(movement, Movement::Expand(_)),
        };
        if let (Units::Layer(layer), false) = (&variable.units, reorders) {
            return Ok(Variable::of(*layer, shape));
        }
        let numbers = self.numbers(&Value::Variable(variable.clone()))?;
        self.spend(shape.iter().product())?;
        Ok(Variable { shape, units: Units::Moved(movement.apply(&numbers)) })
    }

    /// The variable in another shape.
    pub(in crate::files::onnx) fn reshaped(&mut self, variable: &Variable, shape: &[usize]) -> Result<Variable> {
        self.moved_variable(variable, &Movement::Reshape(shape.to_vec()))
    }

    /// The variable with its axes in another order.
    pub(in crate::files::onnx) fn transposed(&mut self, variable: &Variable, order: &[usize]) -> Result<Variable> {
        self.moved_variable(variable, &Movement::Transpose(order.to_vec()))
    }

    /// The variable spread over a larger shape.
    pub(in crate::files::onnx) fn expanded(&mut self, variable: &Variable, shape: &[usize]) -> Result<Variable> {
        self.moved_variable(variable, &Movement::Expand(shape.to_vec()))
    }

    /// A variable of units of other ones.
    pub(in crate::files::onnx) fn of_numbers(&mut self, units: Shared<u32>) -> Result<Variable> {
        self.spend(units.len())?;
        Ok(Variable { shape: units.shape().to_vec(), units: Units::Moved(units) })
    }

    /// The entries at some positions of an axis; `None` is a constant.
    pub(in crate::files::onnx) fn selected_or(
        &mut self,
        value: &Value,
        axis: usize,
        places: &[Option<usize>],
        otherwise: f64,
    ) -> Result<Value> {
        if let Some(places) = places.iter().copied().collect::<Option<Vec<usize>>>() {
            return self.moved(value, &Movement::Select(axis, places));
        }
        // The constant stands behind the last position.
        let last = value.shape()[axis];
        let mut one = value.shape().to_vec();
        one[axis] = 1;
        let constant = Value::Constant(Tensor::floats(&[], vec![otherwise]));
        let constant = self.moved(&constant, &Movement::Expand(one))?;
        let joined = self.joined(&[value.clone(), constant], axis)?;
        let places = places.iter().map(|p| p.unwrap_or(last)).collect();
        self.moved(&joined, &Movement::Select(axis, places))
    }

    /// Tensors one after the other along an axis.
    pub(in crate::files::onnx) fn joined(&mut self, values: &[Value], axis: usize) -> Result<Value> {
        fn join<T: Clone>(parts: &[Shared<T>], axis: usize, shape: &[usize]) -> Shared<T> {
            let parts: Vec<_> = parts.iter().map(|p| p.as_standard_layout()).collect();
            let outer: usize = shape[..axis].iter().product();
            let mut joined = Vec::with_capacity(shape.iter().product());
            for k in 0..outer {
                for part in &parts {
                    let each = part.len() / outer;
                    joined.extend_from_slice(&part.as_slice().expect("C order")[k * each..][..each]);
                }
            }
            array(shape, joined)
        }
        let Some(first) = values.first() else { bail!(Empty, "nothing to join") };
        ensure!(axis < first.shape().len(), InvalidParameter, "axis {axis} of a tensor of shape {:?}", first.shape());
        let mut total = first.shape().to_vec();
        total[axis] = 0;
        for value in values {
            let shape = value.shape();
            let fits = shape.len() == total.len() && (0..shape.len()).all(|a| a == axis || shape[a] == total[a]);
            ensure!(
                fits,
                Shape,
                "tensors of shapes {:?} and {shape:?} cannot be joined along axis {axis}",
                first.shape()
            );
            total[axis] += shape[axis];
        }
        self.spend(check_size(&total)?)?;
        let constants: Option<Vec<&Tensor>> = values.iter().map(Value::constant).collect();
        if let Some(constants) = constants {
            let ints: Option<Vec<Shared<i64>>> = constants
                .iter()
                .map(|t| match t {
                    Tensor::Int(a) => Some(a.clone()),
                    _ => None,
                })
                .collect();
            return Ok(Value::Constant(match ints {
                Some(ints) => Tensor::Int(join(&ints, axis, &total)),
                None => Tensor::Float(join(&constants.iter().map(|t| t.to_floats()).collect::<Vec<_>>(), axis, &total)),
            }));
        }
        // Constants without entries are no part of the result.
        let full = values.iter().filter(|v| v.shape().iter().all(|&s| s > 0));
        let parts: Vec<Shared<u32>> = full.map(|v| self.numbers(v)).collect::<Result<_>>()?;
        Ok(Value::Variable(self.of_numbers(join(&parts, axis, &total))?))
    }
}
