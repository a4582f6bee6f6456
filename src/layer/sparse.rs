//! A sparse linear map, `y = A x + b`, in compressed rows.

use super::broadcast::cast;
use super::stencil::{AXES, Beyond, Fan, Link, Place, Stencil, Weights};
use super::{Connections, Linear, Seeds};
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
    /// The matrix by diagonals, made when a stencil first asks for it.
    diagonals: OnceLock<Option<Diagonals<T>>>,
}

/// Entry `(i, i + shifts[d])` is `numbers[d · rows + i]`; zero where nothing is stored.
#[derive(Clone, Debug)]
struct Diagonals<T> {
    shifts: Vec<i32>,
    numbers: Vec<T>,
}

/// Rows that are made at once.
const CHUNK: usize = 512;

impl<T: Scalar> Diagonals<T> {
    /// `out += rows of A x`.
    #[inline(always)]
    fn multiply(&self, rows: Range<usize>, x: &[T], out: &mut [T]) {
        // All diagonals while the numbers are in the nearest cache.
        for (k, out) in out.chunks_mut(CHUNK).enumerate() {
            let start = rows.start + k * CHUNK;
            self.multiply_chunk(start..start + out.len(), x, out);
        }
    }

    #[inline(always)]
    fn multiply_chunk(&self, rows: Range<usize>, x: &[T], out: &mut [T]) {
        let count = self.numbers.len() / self.shifts.len().max(1);
        for (&shift, numbers) in self.shifts.iter().zip(self.numbers.chunks_exact(count.max(1))) {
            // Where the diagonal has columns.
            let [start, end] = [0, x.len() as i64].map(|column| (column - i64::from(shift)).max(0) as usize);
            let (start, end) = (start.max(rows.start), end.min(rows.end));
            if start < end {
                let x = &x[(start as i64 + i64::from(shift)) as usize..][..end - start];
                let out = &mut out[start - rows.start..end - rows.start];
                for (out, (&x, &a)) in out.iter_mut().zip(x.iter().zip(&numbers[start..end])) {
                    *out = x.mul_add(a, *out);
                }
            }
        }
    }
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
        Ok(Sparse { matrix, bias, transpose: OnceLock::new(), diagonals: OnceLock::new() })
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
            diagonals: OnceLock::new(),
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

    /// The diagonals, if they are few and well filled.
    fn diagonals(&self) -> Option<&Diagonals<T>> {
        let make = || {
            let (matrix, rows) = (&self.matrix, self.matrix.rows());
            // Padding to diagonals may cost no more than twice the entries.
            let most = (2 * matrix.nnz()).div_ceil(rows.max(1));
            let mut shifts: Vec<i32> = Vec::new();
            for i in 0..rows {
                for &j in row(matrix, i).0 {
                    let shift = j as i32 - i as i32;
                    if let Err(at) = shifts.binary_search(&shift) {
                        if shifts.len() == most {
                            return None;
                        }
                        shifts.insert(at, shift);
                    }
                }
            }
            let mut numbers = vec![T::zero(); shifts.len() * rows];
            for i in 0..rows {
                let (indices, values) = row(matrix, i);
                for (&j, &v) in indices.iter().zip(values) {
                    let at = shifts.binary_search(&(j as i32 - i as i32)).expect("found above");
                    // Duplicates add up.
                    numbers[at * rows + i] += v;
                }
            }
            Some(Diagonals { shifts, numbers })
        };
        self.diagonals.get_or_init(make).as_ref()
    }

    pub(crate) fn mark_operands(&self, live: &[bool], operand: &mut [bool]) {
        for i in (0..live.len()).filter(|&i| live[i]) {
            row(&self.matrix, i).0.iter().for_each(|&j| operand[j] = true);
        }
    }

    pub(crate) fn forward_seeds(&self, rows: Range<usize>, seeds: &Seeds<'_, T>, out: &mut [T], width: usize) {
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
        let diagonals = self.diagonals.get().and_then(Option::as_ref).filter(|_| operands[0].stride == 1);
        vectorized(
            #[inline(always)]
            || match diagonals {
                // The same sums, side by side.
                Some(diagonals) => diagonals.multiply(rows, operands[0].data, out),
                None => multiply(&self.matrix, rows, operands[0], out),
            },
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

    fn connections(&self, unit: usize, list: &mut Connections<T>) {
        if let Some(row) = self.matrix.outer_view(unit) {
            list.extend(row.iter().map(|(k, &a)| (0, k as u32, a)));
        }
    }

    /// A matrix of few diagonals is a stencil with weights that differ from position to position.
    fn stencil(&self, operands: &[&Place], _shape: &[usize]) -> Option<Stencil> {
        let place = operands[0];
        if place.channels != 1 || place.shape != [1, 1, self.matrix.cols()] {
            return None;
        }
        let shifts = &self.diagonals()?.shifts;
        let link = |(weight, &shift)| Link { operand: 0, channel: 0, shift: [0, 0, shift], weight };
        Some(Stencil {
            place: Place { shape: [1, 1, self.matrix.rows()], ..place.clone() },
            fans: vec![Fan { channels: 0..1, links: shifts.iter().enumerate().map(link).collect() }],
            // There the diagonals end.
            beyond: [Beyond::Zeros; AXES],
        })
    }

    fn weights(&self, _place: &Place) -> Weights<'_, T> {
        Weights::Each(self.diagonals().map_or(&[], |d| &d.numbers))
    }
}
