//! A sparse linear map, `y = A x + b`, in compressed rows.

use super::broadcast::cast;
use super::{Linear, Seeds};
use crate::error::{Result, ensure};
use crate::rows::{Rows, add_constants, add_scaled};
use crate::scalar::{Scalar, vectorized};
use crate::sets::{SetId, Sets};
use ndarray::Array1;
use sprs::CsMat;
use std::ops::Range;
use std::sync::OnceLock;

/// `y = A x + b` with `A` of shape `m × k`. What is stored is the structure: a stored zero counts.
#[derive(Clone, Debug)]
pub struct Sparse<T> {
    matrix: CsMat<T>,
    bias: Option<Array1<T>>,
    /// `Aᵀ` in compressed rows, made when a reverse sweep first asks for it.
    transpose: OnceLock<CsMat<T>>,
}

impl<T: Scalar> Sparse<T> {
    pub(crate) fn new(matrix: CsMat<T>, bias: Option<Array1<T>>, operand: &[usize]) -> Result<Self> {
        let (m, k) = matrix.shape();
        let units: usize = operand.iter().product();
        ensure!(k == units, Shape, "the matrix is {m}×{k}, but the operand has shape {operand:?} ({units} units)");
        if let Some(b) = &bias {
            ensure!(b.len() == m, Shape, "the bias has {} numbers, the matrix {m} rows", b.len());
        }
        let bias = bias.map(|b| b.as_standard_layout().into_owned());
        let matrix = if matrix.is_csr() { matrix } else { matrix.to_csr() };
        Ok(Sparse { matrix, bias, transpose: OnceLock::new() })
    }

    /// The matrix, `m × k`, in compressed rows.
    pub fn matrix(&self) -> &CsMat<T> {
        &self.matrix
    }

    /// The `m` constants.
    pub fn bias(&self) -> Option<&Array1<T>> {
        self.bias.as_ref()
    }

    pub(crate) fn cast<U: Scalar>(&self) -> Sparse<U> {
        Sparse {
            matrix: self.matrix.map(|&v| U::from_f64(v.to_f64())),
            bias: self.bias.as_ref().map(|b| Array1::from(cast(&b.to_vec()))),
            transpose: OnceLock::new(),
        }
    }

    pub(crate) fn parameters(&self) -> [&[T]; 2] {
        [self.matrix.data(), self.bias.as_ref().and_then(|b| b.as_slice()).unwrap_or(&[])]
    }

    pub(crate) fn propagate(&self, operand: &[SetId], sets: &mut Sets) -> Vec<SetId> {
        (0..self.matrix.rows()).map(|i| sets.union(row(&self.matrix, i).0.iter().map(|&j| operand[j]))).collect()
    }

    pub(crate) fn influence(&self, own: &[SetId], sets: &mut Sets) -> Vec<SetId> {
        let transpose = self.transposed();
        (0..transpose.rows()).map(|j| sets.union(row(transpose, j).0.iter().map(|&i| own[i]))).collect()
    }

    fn transposed(&self) -> &CsMat<T> {
        self.transpose.get_or_init(|| self.matrix.transpose_view().to_csr())
    }

    pub(crate) fn mark_operands(&self, live: &[bool], operand: &mut [bool]) {
        for i in (0..live.len()).filter(|&i| live[i]) {
            row(&self.matrix, i).0.iter().for_each(|&j| operand[j] = true);
        }
    }

    pub(crate) fn forward_seeds(&self, rows: Range<usize>, seeds: &Seeds<'_>, out: &mut [T], width: usize) {
        for (i, out) in rows.zip(out.chunks_exact_mut(width)) {
            out.fill(T::zero());
            let (indices, values) = row(&self.matrix, i);
            for (&j, &v) in indices.iter().zip(values) {
                if let Some(lanes) = seeds.lanes_of(j) {
                    out[lanes].iter_mut().for_each(|o| *o += v);
                }
            }
        }
    }
}

/// Column indices and values of row `i` of a matrix in compressed rows.
#[inline(always)]
fn row<T>(matrix: &CsMat<T>, i: usize) -> (&[usize], &[T]) {
    let range = matrix.indptr().outer_inds_sz(i);
    (&matrix.indices()[range.clone()], &matrix.data()[range])
}

#[inline(always)]
fn multiply<T: Scalar>(matrix: &CsMat<T>, rows: Range<usize>, x: Rows<'_, T>, out: &mut [T]) {
    for (i, out) in rows.zip(out.chunks_exact_mut(x.width)) {
        let (indices, values) = row(matrix, i);
        for (&j, &v) in indices.iter().zip(values) {
            add_scaled(out, v, x.row(j));
        }
    }
}

impl<T: Scalar> Linear<T> for Sparse<T> {
    fn forward(&self, rows: Range<usize>, operands: &[Rows<'_, T>], out: &mut [T], _width: usize) {
        out.fill(T::zero());
        vectorized(
            #[inline(always)]
            || multiply(&self.matrix, rows, operands[0], out),
        );
    }

    fn add_constant(&self, rows: Range<usize>, out: &mut [T], width: usize) {
        let Some(bias) = &self.bias else { return };
        vectorized(
            #[inline(always)]
            || add_constants(out, width, rows.map(|k| bias[k])),
        );
    }

    fn reverse(&self, _operand: usize, rows: Range<usize>, adjoint: Rows<'_, T>, out: &mut [T]) {
        let transpose = self.transposed();
        vectorized(
            #[inline(always)]
            || multiply(transpose, rows, adjoint, out),
        );
    }
}
