//! Affine maps, sums and contractions.

use super::settle::Source;
use super::{Lowering, fold};
use crate::error::{Result, bail, ensure};
use crate::files::onnx::movement::broadcast_shape;
use crate::files::onnx::tensor::{Shared, array};
use crate::files::onnx::value::Variable;
use crate::layer::ConvOptions;
use crate::network::{LayerId, NetworkBuilder};
use ndarray::{Array2, ArrayD, IxDyn};
use sprs::CsMat;

impl Lowering {
    /// The numbers of a constant spread over a shape, in the order of the units of a layer.
    pub(super) fn arranged(&mut self, constant: &Shared<f64>, shape: &[usize], source: &Source) -> Result<Vec<f64>> {
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
    pub(in crate::files::onnx) fn affine(
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
    pub(in crate::files::onnx) fn scaled(&mut self, variable: &Variable, scale: f64) -> Result<Variable> {
        self.affine(variable, Some(&array(&[], vec![scale])), None, false)
    }

    /// `Σ factor_q · x_q`, broadcast.
    pub(in crate::files::onnx) fn sum(&mut self, variables: &[&Variable], factors: &[f64]) -> Result<Variable> {
        let (variable, source, layers) = self.aligned(variables)?;
        let scales: Vec<_> = factors.iter().map(|&f| (f != 1.0).then(|| vec![f])).collect();
        let name = self.fresh();
        let layer = self.builder.weighted_sum(&name, &layers, &scales, None)?;
        self.replaced(&variable, &source, layer)
    }

    /// `y[m, rest…] = Σ_k matrix[m, k] x[k…, rest…]`, where `k` counts the named axes of `x` and the result has
    /// the shape `[rows…, rest…]`, `rows` being that of `m`.
    pub(in crate::files::onnx) fn contracted(
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
            self.builder.sparse(&name, operand, repeated(&matrix, positions)?, None)?
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
    pub(in crate::files::onnx) fn summed(
        &mut self,
        variable: &Variable,
        axes: &[usize],
        factor: f64,
    ) -> Result<Variable> {
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

    /// `y = T x` for a sparse matrix, whose columns follow the entries of `x`.
    pub(in crate::files::onnx) fn mapped(
        &mut self,
        variable: &Variable,
        terms: CsMat<f64>,
        shape: &[usize],
    ) -> Result<Variable> {
        let operand = self.layer(variable)?;
        let name = self.fresh();
        let layer = self.builder.sparse(&name, operand, terms, None)?;
        self.made(layer, shape.to_vec())
    }

    /// A layer that the builder makes of one of a certain shape; the result has the shape that the layer gets
    /// behind the axis of the samples.
    pub(in crate::files::onnx) fn built(
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
