//! [`Lowering`]: what operators are made of, on tensors of units: movements, affine maps, sums, products,
//! contractions, maxima.

use super::fold;
use super::movement::{Movement, broadcast_shape};
use super::tensor::{Shared, Tensor, array, check_size};
use super::value::{Units, Value, Variable};
use crate::activation::Activation;
use crate::error::{Result, bail, ensure};
use crate::layer::ConvOptions;
use crate::network::{LayerId, Network, NetworkBuilder};
use ndarray::{Array1, Array2, ArrayD, IxDyn};
use sprs::CsMat;
use std::collections::HashMap;

/// Numbers that one model may ask for in constants and movements, all together: a small file must not fill the
/// memory.
const BUDGET: usize = 1 << 29;

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
    settled: Vec<(Shared<u32>, LayerId)>,
}

/// Where the units of a variable come from, when they are all units of one layer, each once.
struct Source {
    layer: LayerId,
    /// For each unit of the layer its place in the variable; `None`: the same order.
    places: Option<Vec<u32>>,
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

    /// The moved value.
    pub(super) fn moved(&mut self, value: &Value, movement: &Movement) -> Result<Value> {
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
    pub(super) fn moved_variable(&mut self, variable: &Variable, movement: &Movement) -> Result<Variable> {
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
    pub(super) fn reshaped(&mut self, variable: &Variable, shape: &[usize]) -> Result<Variable> {
        self.moved_variable(variable, &Movement::Reshape(shape.to_vec()))
    }

    /// The variable with its axes in another order.
    pub(super) fn transposed(&mut self, variable: &Variable, order: &[usize]) -> Result<Variable> {
        self.moved_variable(variable, &Movement::Transpose(order.to_vec()))
    }

    /// The variable spread over a larger shape.
    pub(super) fn expanded(&mut self, variable: &Variable, shape: &[usize]) -> Result<Variable> {
        self.moved_variable(variable, &Movement::Expand(shape.to_vec()))
    }

    /// A variable of units of other ones.
    pub(super) fn of_numbers(&mut self, units: Shared<u32>) -> Result<Variable> {
        self.spend(units.len())?;
        Ok(Variable { shape: units.shape().to_vec(), units: Units::Moved(units) })
    }

    /// The layer in which a unit is.
    fn layer_of(&self, unit: u32) -> LayerId {
        LayerId::new(self.starts.partition_point(|&start| start <= unit as usize) - 1)
    }

    /// Operands whose concatenation holds all these units, and each unit's place in it.
    fn operands(&mut self, units: &Shared<u32>) -> Result<(Vec<LayerId>, Vec<u32>)> {
        self.spend(units.len())?;
        // For each layer that is met, where it begins in the concatenation.
        let mut begin: HashMap<LayerId, usize> = HashMap::new();
        let (mut operands, mut total) = (Vec::new(), 0);
        let mut last = (0..0, 0);
        let mut index = Vec::with_capacity(units.len());
        for &unit in units {
            if !last.0.contains(&(unit as usize)) {
                let layer = self.layer_of(unit);
                let range = self.units(layer);
                let at = *begin.entry(layer).or_insert_with(|| {
                    operands.push(layer);
                    total += range.len();
                    total - range.len()
                });
                last = (range, at);
            }
            index.push((last.1 + unit as usize - last.0.start) as u32);
        }
        Ok((operands, index))
    }

    /// A layer that holds a variable in C order; its own shape may be another.
    pub(super) fn layer(&mut self, variable: &Variable) -> Result<LayerId> {
        self.settled(variable, None)
    }

    /// A layer of exactly this shape that holds a variable in C order.
    pub(super) fn layer_of_shape(&mut self, variable: &Variable, shape: &[usize]) -> Result<LayerId> {
        self.settled(variable, Some(shape))
    }

    fn settled(&mut self, variable: &Variable, wanted: Option<&[usize]>) -> Result<LayerId> {
        let units = match &variable.units {
            Units::Layer(layer) => return self.shaped(*layer, wanted),
            Units::Moved(units) => units.clone(),
        };
        let same = |known: &Shared<u32>| {
            known.as_ptr() == units.as_ptr() && known.shape() == units.shape() && known.strides() == units.strides()
        };
        if let Some(&(_, layer)) = self.settled.iter().find(|(known, _)| same(known)) {
            return self.shaped(layer, wanted);
        }
        let whole = units.iter().next().map(|&first| self.layer_of(first)).filter(|&layer| {
            let range = self.units(layer);
            range.len() == units.len() && units.iter().zip(range).all(|(&u, k)| u as usize == k)
        });
        let layer = match whole {
            Some(layer) => self.shaped(layer, wanted)?,
            None => self.gathered(&units, wanted.unwrap_or(without_samples(&variable.shape)))?,
        };
        self.settled.push((units, layer));
        Ok(layer)
    }

    /// The layer itself, or a copy of it in another shape.
    fn shaped(&mut self, layer: LayerId, wanted: Option<&[usize]>) -> Result<LayerId> {
        match wanted {
            Some(shape) if self.stored_shape(layer) != shape => {
                let name = self.fresh();
                let copy = self.builder.reshape(&name, layer, shape)?;
                self.made(copy, shape.to_vec())?;
                Ok(copy)
            }
            _ => Ok(layer),
        }
    }

    /// A layer of these units.
    fn gathered(&mut self, units: &Shared<u32>, shape: &[usize]) -> Result<LayerId> {
        let (operands, index) = self.operands(units)?;
        let name = self.fresh();
        let layer = self.builder.gather(&name, &operands, index.into_iter().map(Some), shape, 0.0)?;
        self.made(layer, shape.to_vec())?;
        Ok(layer)
    }

    /// The layer whose units a variable holds, if it holds each of them once.
    fn source(&mut self, variable: &Variable) -> Result<Option<Source>> {
        let units = match &variable.units {
            Units::Layer(layer) => return Ok(Some(Source { layer: *layer, places: None })),
            Units::Moved(units) => units.clone(),
        };
        let Some(&first) = units.iter().next() else { return Ok(None) };
        let layer = self.layer_of(first);
        let range = self.units(layer);
        if range.len() != units.len() {
            return Ok(None);
        }
        self.spend(units.len())?;
        let mut places = vec![u32::MAX; range.len()];
        for (k, &unit) in units.iter().enumerate() {
            match (unit as usize).checked_sub(range.start).and_then(|u| places.get_mut(u)) {
                Some(place) if *place == u32::MAX => *place = k as u32,
                _ => return Ok(None),
            }
        }
        let ordered = places.iter().enumerate().all(|(u, &k)| u == k as usize);
        Ok(Some(Source { layer, places: (!ordered).then_some(places) }))
    }

    /// The variable with a layer that it holds whole, made if there is none.
    fn whole(&mut self, variable: &Variable) -> Result<(Variable, Source)> {
        if let Some(source) = self.source(variable)? {
            return Ok((variable.clone(), source));
        }
        let layer = self.layer(variable)?;
        Ok((Variable::of(layer, variable.shape.clone()), Source { layer, places: None }))
    }

    /// What a variable becomes when its layer is replaced by one of as many units.
    fn replaced(&mut self, variable: &Variable, old: &Source, new: LayerId) -> Result<Variable> {
        self.made(new, Vec::new())?;
        if old.places.is_none() {
            return Ok(Variable::of(new, variable.shape.clone()));
        }
        let Units::Moved(units) = &variable.units else { return Ok(Variable::of(new, variable.shape.clone())) };
        let (from, to) = (self.units(old.layer).start as u32, self.units(new).start as u32);
        self.spend(units.len())?;
        Ok(Variable { shape: variable.shape.clone(), units: Units::Moved(units.mapv(|u| u - from + to).into_shared()) })
    }

    /// A function of each unit.
    pub(super) fn activation(&mut self, variable: &Variable, activation: Activation) -> Result<Variable> {
        let (variable, source) = self.whole(variable)?;
        let name = self.fresh();
        let layer = self.builder.activation(&name, source.layer, activation)?;
        self.replaced(&variable, &source, layer)
    }

    /// A leaky rectifier with slopes of its own for each unit, broadcast.
    pub(super) fn prelu(&mut self, variable: &Variable, slope: &Shared<f64>) -> Result<Variable> {
        let shape = broadcast_shape(&variable.shape, slope.shape())?;
        let variable = self.expanded(variable, &shape)?;
        let (variable, source) = self.whole(&variable)?;
        let slope = self.arranged(slope, &shape, &source)?;
        let name = self.fresh();
        let layer = self.builder.activation(&name, source.layer, Activation::Prelu { slope })?;
        self.replaced(&variable, &source, layer)
    }

    /// The numbers of a constant spread over a shape, in the order of the units of a layer.
    fn arranged(&mut self, constant: &Shared<f64>, shape: &[usize], source: &Source) -> Result<Vec<f64>> {
        if constant.len() == 1 {
            return Ok(vec![constant.iter().copied().next().expect("one number")]);
        }
        let Some(spread) = constant.broadcast(IxDyn(shape)) else {
            bail!(Shape, "a constant of shape {:?} cannot be spread over the shape {shape:?}", constant.shape());
        };
        self.spend(spread.len())?;
        let numbers: Vec<f64> = spread.iter().copied().collect();
        let numbers = match &source.places {
            None => numbers,
            Some(places) => places.iter().map(|&k| numbers[k as usize]).collect(),
        };
        let channels = self.stored_shape(source.layer).first().copied().unwrap_or(1);
        Ok(shortened(numbers, channels))
    }

    /// `scale ⊙ x + shift`, broadcast; one layer with the linear map before it if `fold`, which needs that nothing
    /// else reads the variable.
    pub(super) fn affine(
        &mut self,
        variable: &Variable,
        scale: Option<&Shared<f64>>,
        shift: Option<&Shared<f64>>,
        fold: bool,
    ) -> Result<Variable> {
        let mut shape = variable.shape.clone();
        for constant in [scale, shift].into_iter().flatten() {
            shape = broadcast_shape(&shape, constant.shape())?;
        }
        let neutral = |constant: Option<&Shared<f64>>, one| constant.is_none_or(|c| c.iter().all(|&v| v == one));
        let variable = self.expanded(variable, &shape)?;
        if neutral(scale, 1.0) && neutral(shift, 0.0) {
            return Ok(variable);
        }
        let (variable, source) = self.whole(&variable)?;
        let mut arranged =
            |constant: Option<&Shared<f64>>| constant.map(|c| self.arranged(c, &shape, &source)).transpose();
        let (scale, shift) = (arranged(scale)?, arranged(shift)?);
        let name = self.fresh();
        let folded = if fold {
            fold::affine_after(&mut self.builder, &name, source.layer, scale.as_deref(), shift.as_deref())?
        } else {
            None
        };
        let layer = match folded {
            Some(layer) => layer,
            None => self.builder.weighted_sum(&name, &[source.layer], &[scale], shift)?,
        };
        self.replaced(&variable, &source, layer)
    }

    /// Scale by one number.
    pub(super) fn scaled(&mut self, variable: &Variable, scale: f64) -> Result<Variable> {
        self.affine(variable, Some(&array(&[], vec![scale])), None, false)
    }

    /// Variables broadcast to one shape, as layers whose units have the same order, that of the first which is a
    /// whole layer.
    fn aligned(&mut self, variables: &[&Variable]) -> Result<(Variable, Source, Vec<LayerId>)> {
        let mut shape = Vec::new();
        for variable in variables {
            shape = broadcast_shape(&shape, &variable.shape)?;
        }
        let variables: Vec<Variable> = variables.iter().map(|v| self.expanded(v, &shape)).collect::<Result<_>>()?;
        let mut sources: Vec<Option<Source>> = variables.iter().map(|v| self.source(v)).collect::<Result<_>>()?;
        let leader = sources.iter().position(Option::is_some).unwrap_or(0);
        let (variable, source) = match sources[leader].take() {
            Some(source) => (variables[leader].clone(), source),
            None => self.whole(&variables[leader])?,
        };
        let stored = self.stored_shape(source.layer);
        let mut layers = Vec::new();
        for (k, (other, theirs)) in variables.iter().zip(&sources).enumerate() {
            layers.push(match theirs {
                _ if k == leader => source.layer,
                Some(theirs) if theirs.places == source.places => {
                    // Axes of length one do not count.
                    let same = |shape: &[usize]| shape.iter().copied().filter(|&s| s > 1).collect::<Vec<_>>();
                    let alike = same(&self.stored_shape(theirs.layer)) == same(&stored);
                    if alike { theirs.layer } else { self.shaped(theirs.layer, Some(&stored))? }
                }
                _ => {
                    let units = self.numbers(&Value::Variable(other.clone()))?;
                    let units = match &source.places {
                        None => units,
                        Some(places) => {
                            let flat: Vec<u32> = units.iter().copied().collect();
                            array(&[places.len()], places.iter().map(|&k| flat[k as usize]).collect())
                        }
                    };
                    let other = self.of_numbers(units)?;
                    self.layer_of_shape(&other, &stored)?
                }
            });
        }
        Ok((variable, source, layers))
    }

    /// The entries at some positions of an axis; `None` is a constant.
    pub(super) fn selected_or(
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
    pub(super) fn joined(&mut self, values: &[Value], axis: usize) -> Result<Value> {
        fn join<T: Clone>(parts: &[Shared<T>], axis: usize) -> Result<Shared<T>> {
            let views: Vec<_> = parts.iter().map(|p| p.view()).collect();
            match ndarray::concatenate(ndarray::Axis(axis), &views) {
                Ok(joined) => Ok(joined.into_shared()),
                Err(e) => bail!(Shape, "tensors cannot be joined along axis {axis}: {e}"),
            }
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
                Some(ints) => Tensor::Int(join(&ints, axis)?),
                None => Tensor::Float(join(&constants.iter().map(|t| t.to_floats()).collect::<Vec<_>>(), axis)?),
            }));
        }
        // Constants without entries are no part of the result.
        let full = values.iter().filter(|v| v.shape().iter().all(|&s| s > 0));
        let parts: Vec<Shared<u32>> = full.map(|v| self.numbers(v)).collect::<Result<_>>()?;
        Ok(Value::Variable(self.of_numbers(join(&parts, axis)?)?))
    }

    /// `Σ factor_q · x_q`, broadcast.
    pub(super) fn sum(&mut self, variables: &[&Variable], factors: &[f64]) -> Result<Variable> {
        let (variable, source, layers) = self.aligned(variables)?;
        let scales: Vec<_> = factors.iter().map(|&f| (f != 1.0).then(|| vec![f])).collect();
        let name = self.fresh();
        let layer = self.builder.weighted_sum(&name, &layers, &scales, None)?;
        self.replaced(&variable, &source, layer)
    }

    /// `a ⊙ b`, broadcast.
    pub(super) fn product(&mut self, a: &Variable, b: &Variable) -> Result<Variable> {
        let (variable, source, layers) = self.aligned(&[a, b])?;
        let name = self.fresh();
        let layer = match fold::one_function(&self.builder, layers[0], layers[1]) {
            Some((operand, function)) => self.builder.activation(&name, operand, function)?,
            None => self.builder.product(&name, layers[0], layers[1])?,
        };
        self.replaced(&variable, &source, layer)
    }

    /// `y[m, rest…] = Σ_k matrix[m, k] x[k…, rest…]`, where `k` counts the named axes of `x` and the result has
    /// the shape `[rows…, rest…]`, `rows` being that of `m`.
    pub(super) fn contracted(
        &mut self,
        variable: &Variable,
        axes: &[usize],
        matrix: Array2<f64>,
        rows: &[usize],
    ) -> Result<Variable> {
        let rest: Vec<usize> = (0..variable.shape.len()).filter(|a| !axes.contains(a)).collect();
        let order: Vec<usize> = axes.iter().chain(&rest).copied().collect();
        let rest: Vec<usize> = rest.iter().map(|&a| variable.shape[a]).collect();
        let (count, positions) = (matrix.nrows(), rest.iter().product::<usize>());
        let inner = matrix.ncols();
        ensure!(
            inner.checked_mul(positions) == Some(variable.len()),
            Shape,
            "a matrix of {count}×{inner} does not fit a tensor of shape {:?}",
            variable.shape
        );
        let operand = self.transposed(variable, &order)?;
        let shape: Vec<usize> = rows.iter().chain(&rest).copied().collect();
        let name = self.fresh();
        let layer = if mostly_zeros(&matrix) {
            let entries = matrix.iter().filter(|&&v| v != 0.0).count();
            self.spend(entries.saturating_mul(positions))?;
            let operand = self.layer(&operand)?;
            let layer = self.builder.sparse(&name, operand, repeated(&matrix, positions)?, None)?;
            self.made(layer, Vec::new())?;
            layer
        } else if positions == 1 {
            // The columns may as well follow the units.
            let (operand, matrix) = match self.source(&operand)? {
                Some(Source { layer, places: Some(places) }) => {
                    let places: Vec<usize> = places.iter().map(|&k| k as usize).collect();
                    (layer, matrix.select(ndarray::Axis(1), &places))
                }
                _ => (self.layer(&operand)?, matrix),
            };
            self.builder.dense(&name, operand, matrix, None)?
        } else {
            // A convolution with kernels of one tap: the matrix at every position.
            let layer = self.layer(&operand)?;
            let stored = self.stored_shape(layer);
            let fits = (2..=4).contains(&stored.len()) && stored[0] == inner;
            let stored = if fits { stored } else { vec![inner, positions] };
            let layer = self.layer_of_shape(&operand, &stored)?;
            let kernel: Vec<usize> = [count, inner].into_iter().chain(stored[1..].iter().map(|_| 1)).collect();
            let weight = ArrayD::from_shape_vec(IxDyn(&kernel), matrix.iter().copied().collect());
            let weight = weight.expect("a kernel of one tap has as many numbers as the matrix");
            self.builder.conv(&name, layer, weight, None, &ConvOptions::default())?
        };
        self.made(layer, shape)
    }

    /// The sum over some axes times a factor; the shape of the rest.
    pub(super) fn summed(&mut self, variable: &Variable, axes: &[usize], factor: f64) -> Result<Variable> {
        let inner: usize = axes.iter().map(|&a| variable.shape[a]).product();
        if inner == 1 {
            let kept: Vec<usize> = (0..variable.shape.len()).filter(|a| !axes.contains(a)).collect();
            let shape: Vec<usize> = kept.iter().map(|&a| variable.shape[a]).collect();
            let flat = self.reshaped(variable, &shape)?;
            return self.scaled(&flat, factor);
        }
        self.spend(inner)?;
        self.contracted(variable, axes, Array2::from_elem((1, inner), factor), &[])
    }

    /// The largest over some axes, of equal ones the first; the shape of the rest.
    pub(super) fn largest(&mut self, variable: &Variable, axes: &[usize]) -> Result<Variable> {
        let rest: Vec<usize> = (0..variable.shape.len()).filter(|a| !axes.contains(a)).collect();
        let order: Vec<usize> = rest.iter().chain(axes).copied().collect();
        let shape: Vec<usize> = rest.iter().map(|&a| variable.shape[a]).collect();
        let moved = self.transposed(variable, &order)?;
        let each = variable.len() / shape.iter().product::<usize>().max(1);
        let units = self.numbers(&Value::Variable(moved))?;
        let (operands, index) = self.operands(&units)?;
        let name = self.fresh();
        let stored = without_samples(&shape);
        let candidates = index.chunks(each.max(1)).map(<[u32]>::to_vec);
        let layer = self.builder.max(&name, &operands, candidates, stored)?;
        self.made(layer, shape.clone())
    }

    /// The largest of several tensors, broadcast; of equal ones the first.
    pub(super) fn maximum(&mut self, variables: &[Variable]) -> Result<Variable> {
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

    /// A layer that the builder makes of one of a certain shape; the result has the shape that the layer gets
    /// behind the axis of the samples.
    pub(super) fn built(
        &mut self,
        variable: &Variable,
        stored: &[usize],
        make: impl FnOnce(&mut NetworkBuilder, &str, LayerId) -> Result<LayerId>,
    ) -> Result<(LayerId, Vec<usize>)> {
        let operand = self.layer_of_shape(variable, stored)?;
        let name = self.fresh();
        let layer = make(&mut self.builder, &name, operand)?;
        self.made(layer, Vec::new())?;
        Ok((layer, self.stored_shape(layer)))
    }
}

/// A shape without the axis of the samples, if there is but one.
fn without_samples(shape: &[usize]) -> &[usize] {
    match shape {
        [1, rest @ ..] if !rest.is_empty() => rest,
        _ => shape,
    }
}

/// One number if all are equal, one for each channel if they are equal on each.
fn shortened(numbers: Vec<f64>, channels: usize) -> Vec<f64> {
    let equal = |block: &[f64]| block.iter().all(|v| v.to_bits() == block[0].to_bits());
    if numbers.len() > 1 && equal(&numbers) {
        return vec![numbers[0]];
    }
    let length = numbers.len() / channels.max(1);
    if channels > 1 && length > 1 && numbers.len().is_multiple_of(channels) && numbers.chunks(length).all(equal) {
        return numbers.chunks(length).map(|block| block[0]).collect();
    }
    numbers
}

/// Whether a weight matrix is better kept by its entries: more than half of it is zero. Its zeros are then known
/// to the patterns.
fn mostly_zeros(matrix: &Array2<f64>) -> bool {
    let zeros = matrix.iter().filter(|&&v| v == 0.0).count();
    zeros > matrix.len() / 2 && zeros < matrix.len()
}

/// The matrix at each of several positions: `y[m, p] = Σ_k matrix[m, k] x[k, p]`.
fn repeated(matrix: &Array2<f64>, positions: usize) -> Result<CsMat<f64>> {
    let (mut indptr, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
    for row in matrix.rows() {
        for p in 0..positions {
            for (k, &v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                indices.push(k * positions + p);
                data.push(v);
            }
            indptr.push(indices.len());
        }
    }
    let shape = (matrix.nrows() * positions, matrix.ncols() * positions);
    match CsMat::try_new(shape, indptr, indices, data) {
        Ok(matrix) => Ok(matrix),
        Err((.., e)) => bail!(Shape, "{e}"),
    }
}
