//! A dense linear map, `y = W x + b`.

mod few;

use super::broadcast::cast;
use super::stencil::{Place, Stencil, Weights};
use super::{Connections, Linear, Seeds};
use crate::error::{Result, ensure};
use crate::gemm::{self, Matrix};
use crate::rows::{Rows, add_constants};
use crate::scalar::{Scalar, vectorized};
use crate::sets::{SetId, Sets};
use faer::Accum;
use ndarray::{Array1, Array2};
use std::ops::Range;

/// `y = W x + b` with `W` of shape `m × k`, row-major.
#[derive(Clone, Debug)]
pub struct Dense<T> {
    weight: Array2<T>,
    bias: Option<Array1<T>>,
}

impl<T: Scalar> Dense<T> {
    pub(crate) fn new(weight: Array2<T>, bias: Option<Array1<T>>, operand: &[usize]) -> Result<Self> {
        let (m, k) = weight.dim();
        let units: usize = operand.iter().product();
        ensure!(k == units, Shape, "the weight is {m}×{k}, but the operand has shape {operand:?} ({units} units)");
        if let Some(b) = &bias {
            ensure!(b.len() == m, Shape, "the bias has {} numbers, the weight {m} rows", b.len());
        }
        // Kernels index rows as slices, so the memory must be row-major.
        let bias = bias.map(|b| b.as_standard_layout().into_owned());
        Ok(Dense { weight: weight.as_standard_layout().into_owned(), bias })
    }

    /// The matrix, `m × k`.
    pub fn weight(&self) -> &Array2<T> {
        &self.weight
    }

    /// The `m` constants.
    pub fn bias(&self) -> Option<&Array1<T>> {
        self.bias.as_ref()
    }

    pub(crate) fn cast<U: Scalar>(&self) -> Dense<U> {
        Dense {
            weight: self.weight.mapv(|v| U::from_f64(v.to_f64())),
            bias: self.bias.as_ref().map(|b| Array1::from(cast(b.as_slice().unwrap_or(&b.to_vec())))),
        }
    }

    fn matrix(&self) -> Matrix<'_, T> {
        let (m, k) = self.weight.dim();
        Matrix::new(self.weight.as_slice().expect("standard layout"), m, k)
    }

    /// The constants as the numbers that must be finite.
    pub(crate) fn parameters(&self) -> [&[T]; 2] {
        let bias = self.bias.as_ref().and_then(|b| b.as_slice());
        [self.weight.as_slice().expect("standard layout"), bias.unwrap_or(&[])]
    }

    /// Every output unit depends on what any operand unit depends on: one set for all.
    pub(crate) fn propagate(&self, operand: &[SetId], sets: &mut Sets) -> Vec<SetId> {
        vec![sets.union(operand.iter().copied()); self.weight.nrows()]
    }

    /// Every operand unit reaches what any output unit reaches.
    pub(crate) fn influence(&self, own: &[SetId], sets: &mut Sets) -> Vec<SetId> {
        vec![sets.union(own.iter().copied()); self.weight.ncols()]
    }

    pub(crate) fn mark_operands(&self, live: &[bool], operand: &mut [bool]) {
        if live.contains(&true) {
            operand.fill(true);
        }
    }

    /// `out += rows of Wᵀ ȳ`, or `out ← rows of Wᵀ ȳ`.
    pub(crate) fn send(&self, rows: Range<usize>, adjoint: Rows<'_, T>, accum: Accum, out: &mut [T]) {
        gemm::multiply(out, adjoint.width, accum, self.matrix().transpose().part_of_rows(rows), adjoint);
    }

    /// `out ← W x`, where the first rows of `x` are zero and not looked at.
    pub(crate) fn forward_behind(&self, zeros: usize, rows: Range<usize>, x: Rows<'_, T>, out: &mut [T], width: usize) {
        let depth = self.weight.ncols();
        // Whole vectors of lanes, and what is left over.
        let few = if zeros == 0 { few::lanes::<T>(depth, width) } else { 0 };
        let whole = width - few;
        let at_a_time = if few > 0 && whole > 0 { few::rows_in_cache::<T>(depth) } else { rows.len().max(1) };
        for (start, out) in rows.clone().step_by(at_a_time).zip(out.chunks_mut((at_a_time * width).max(1))) {
            let rows = start..rows.end.min(start + at_a_time);
            if whole > 0 {
                let weight = self.matrix().part(rows.clone(), zeros..depth);
                let x = Rows { width: whole, ..x.skip(zeros) };
                gemm::multiply(&mut *out, width, Accum::Replace, weight, x);
            }
            if few > 0 {
                let weight = &self.weight.as_slice().expect("standard layout")[rows.start * depth..rows.end * depth];
                few::multiply(weight, depth, x.after(whole), &mut out[whole..], width);
            }
        }
    }

    /// One-hot lanes need no product: lane `c` of the result is the sum of the columns of `W` in color `c`.
    pub(crate) fn forward_seeds(&self, rows: Range<usize>, seeds: &Seeds<'_, T>, out: &mut [T], width: usize) {
        vectorized(
            #[inline(always)]
            || {
                for (k, out) in rows.zip(out.chunks_exact_mut(width)) {
                    let weight = match &seeds.rotated {
                        Some(rotated) => rotated.row(k),
                        None => self.weight.row(k).to_slice().expect("standard layout"),
                    };
                    let (out, second) = out.split_at_mut(seeds.lanes.len());
                    seeds.make(out, weight);
                    second.fill(T::zero());
                }
            },
        );
    }
}

impl<T: Scalar> Linear<T> for Dense<T> {
    fn forward(&self, rows: Range<usize>, operands: &[Rows<'_, T>], out: &mut [T], width: usize) {
        self.forward_behind(0, rows, operands[0], out, width);
    }

    fn connections(&self, unit: usize, list: &mut Connections<T>) {
        list.extend((0..).zip(self.weight.row(unit)).map(|(k, &w)| (0, k, w)));
    }

    fn add_constant(&self, rows: Range<usize>, out: &mut [T], width: usize) {
        let Some(bias) = &self.bias else { return };
        vectorized(
            #[inline(always)]
            || add_constants(out, width, rows.map(|k| bias[k])),
        );
    }

    fn reverse(&self, _operand: usize, rows: Range<usize>, adjoint: Rows<'_, T>, out: &mut [T]) {
        self.send(rows, adjoint, Accum::Add, out);
    }

    /// Everything is linked with everything.
    fn stencil(&self, _operands: &[&Place], _shape: &[usize]) -> Option<Stencil> {
        None
    }

    fn weights(&self, _place: &Place) -> Weights<'_, T> {
        Weights::Ones
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::test_number;

    /// Of more rows than are made at a time where lanes are left over, from any row on, in both precisions.
    #[test]
    fn blocks_of_rows_make_one_product() {
        fn agree<T: Scalar>(depth: usize, tolerance: f64) {
            let count = 2 * few::rows_in_cache::<T>(depth) + 7;
            let number = |k: usize| T::from_f64(test_number(k));
            let weight = Array2::from_shape_fn((count, depth), |(r, k)| number(r * depth + k));
            let dense = Dense::new(weight, None, &[depth]).expect("shapes agree");
            for (width, rows) in [(35, 0..count), (18, 5..count), (3, 2..count - 1), (32, 1..count)] {
                let x: Vec<T> = (0..depth * width).map(|k| number(k + 7)).collect();
                let mut out = vec![T::one(); rows.len() * width];
                dense.forward_behind(0, rows.clone(), Rows::new(&x, width), &mut out, width);
                for (at, &made) in out.iter().enumerate() {
                    let (row, lane) = (rows.start + at / width, at % width);
                    let product = |k: usize| dense.weight[(row, k)].to_f64() * x[k * width + lane].to_f64();
                    let sum: f64 = (0..depth).map(product).sum();
                    assert!((made.to_f64() - sum).abs() < tolerance, "row {row}, {width} lanes: {made} for {sum}");
                }
            }
        }
        agree::<f64>(600, 1e-12);
        agree::<f32>(600, 1e-3);
    }
}
