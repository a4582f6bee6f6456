//! Layers that hold the units of a variable.

use super::Lowering;
use crate::error::Result;
use crate::files::onnx::movement::broadcast_shape;
use crate::files::onnx::tensor::{Shared, array};
use crate::files::onnx::value::{Units, Value, Variable};
use crate::network::LayerId;
use std::collections::HashMap;

/// Layers made for moved units, by where these are stored and how they are read; the units are kept, so that
/// nothing else is stored there.
pub(super) type Settled = HashMap<(usize, Vec<usize>, Vec<isize>), (Shared<u32>, LayerId)>;

/// Where the units of a variable come from, when they are all units of one layer, each once.
pub(super) struct Source {
    pub(super) layer: LayerId,
    /// For each unit of the layer its place in the variable; `None`: the same order.
    pub(super) places: Option<Vec<u32>>,
}

impl Lowering {
    /// Operands whose concatenation holds all these units, and each unit's place in it.
    pub(super) fn operands(&mut self, units: &Shared<u32>) -> Result<(Vec<LayerId>, Vec<u32>)> {
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
    pub(in crate::files::onnx) fn layer(&mut self, variable: &Variable) -> Result<LayerId> {
        self.settled(variable, None)
    }

    /// A layer of exactly this shape that holds a variable in C order.
    pub(in crate::files::onnx) fn layer_of_shape(&mut self, variable: &Variable, shape: &[usize]) -> Result<LayerId> {
        self.settled(variable, Some(shape))
    }

    pub(super) fn settled(&mut self, variable: &Variable, wanted: Option<&[usize]>) -> Result<LayerId> {
        let units = match &variable.units {
            Units::Layer(layer) => return self.shaped(*layer, wanted),
            Units::Moved(units) => units.clone(),
        };
        let key = (units.as_ptr() as usize, units.shape().to_vec(), units.strides().to_vec());
        if let Some(&(_, layer)) = self.settled.get(&key) {
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
        self.settled.insert(key, (units, layer));
        Ok(layer)
    }

    /// The layer itself, or a copy of it in another shape.
    pub(super) fn shaped(&mut self, layer: LayerId, wanted: Option<&[usize]>) -> Result<LayerId> {
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
    pub(super) fn gathered(&mut self, units: &Shared<u32>, shape: &[usize]) -> Result<LayerId> {
        let (operands, index) = self.operands(units)?;
        let name = self.fresh();
        let layer = self.builder.gather(&name, &operands, index.into_iter().map(Some), shape, 0.0)?;
        self.made(layer, shape.to_vec())?;
        Ok(layer)
    }

    /// The layer whose units a variable holds, if it holds each of them once.
    pub(super) fn source(&mut self, variable: &Variable) -> Result<Option<Source>> {
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
    pub(super) fn whole(&mut self, variable: &Variable) -> Result<(Variable, Source)> {
        if let Some(source) = self.source(variable)? {
            return Ok((variable.clone(), source));
        }
        let layer = self.layer(variable)?;
        Ok((Variable::of(layer, variable.shape.clone()), Source { layer, places: None }))
    }

    /// What a variable becomes when its layer is replaced by one of as many units.
    pub(super) fn replaced(&mut self, variable: &Variable, old: &Source, new: LayerId) -> Result<Variable> {
        self.made(new, Vec::new())?;
        if old.places.is_none() {
            return Ok(Variable::of(new, variable.shape.clone()));
        }
        let Units::Moved(units) = &variable.units else { return Ok(Variable::of(new, variable.shape.clone())) };
        let (from, to) = (self.units(old.layer).start as u32, self.units(new).start as u32);
        self.spend(units.len())?;
        Ok(Variable { shape: variable.shape.clone(), units: Units::Moved(units.mapv(|u| u - from + to).into_shared()) })
    }

    /// Variables broadcast to one shape, as layers whose units have the same order, that of the first which is a
    /// whole layer.
    pub(super) fn aligned(&mut self, variables: &[&Variable]) -> Result<(Variable, Source, Vec<LayerId>)> {
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
}

/// A shape without the axis of the samples, if there is but one.
pub(super) fn without_samples(shape: &[usize]) -> &[usize] {
    match shape {
        [1, rest @ ..] if !rest.is_empty() => rest,
        _ => shape,
    }
}
