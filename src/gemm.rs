//! Products of a matrix with lanes, in pieces of lanes that suit the registers and the innermost cache.
//!
//! faer's kernels hold a piece of the lanes in registers and go through the rows of the matrix; of more lanes they go
//! from piece to piece for every few rows, so that all lanes are read anew each time, from a cache further out. One
//! piece at a time is read from the innermost one: 100 × 100 times 400 lanes takes 4 to 6 % less time, the transposed
//! matrix 7 %, 512 × 512 transposed a fifth less.
//!
//! Pieces are alike, since a single vector that is left over cannot hide the latency of its multiplications: 104 lanes of
//! `f32` are four vectors and three, not six and one, which takes an eighth less time.
//!
//! All this is so of vectors of 512 bits. With those of 256, whose multiplications take twice as long, faer's own order is
//! as fast.

use crate::scalar::{Registers, Scalar, vector};
use crate::spread::Parts;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use std::ops::Range;

/// `out ← A X` or `out += A X`, where the columns of `X` are lanes. The order of each sum, and so its bits, do not depend
/// on the pieces.
pub(crate) fn multiply<T: Scalar>(out: MatMut<'_, T>, accum: Accum, matrix: MatRef<'_, T>, lanes: MatRef<'_, T>) {
    if lanes.ncols() <= held::<T>() * vector::<T>() || Registers::here() == Registers::Small {
        matmul(out, accum, matrix, lanes, T::one(), Par::Seq);
    } else {
        in_pieces(out, accum, matrix, lanes);
    }
}

fn in_pieces<T: Scalar>(mut out: MatMut<'_, T>, accum: Accum, matrix: MatRef<'_, T>, lanes: MatRef<'_, T>) {
    let (rows, depth) = matrix.shape();
    for block in blocks::<T>(rows, depth) {
        let matrix = matrix.subrows(block.start, block.len());
        for piece in pieces::<T>(block.len(), depth, lanes.ncols()).iter() {
            let lanes = lanes.subcols(piece.start, piece.len());
            let out = out.as_mut().submatrix_mut(block.start, piece.start, block.len(), piece.len());
            matmul(out, accum, matrix, lanes, T::one(), Par::Seq);
        }
    }
}

/// As many rows of the matrix as half of a core's cache holds, so that it is read from memory once for all pieces.
fn blocks<T>(rows: usize, depth: usize) -> impl Iterator<Item = Range<usize>> {
    const HELD: usize = 1 << 19;
    /// The rows that kernels make at a time.
    const AT_A_TIME: usize = 8;
    let of_row = (depth * size_of::<T>()).max(1);
    let most = (HELD / of_row / AT_A_TIME * AT_A_TIME).max(AT_A_TIME);
    (0..rows).step_by(most).map(move |start| start..rows.min(start + most))
}

/// Pieces as even as whole vectors can be, none wider than what registers hold, unless too little work is in one.
fn pieces<T>(rows: usize, depth: usize, lanes: usize) -> Parts {
    let vectors = lanes.div_ceil(vector::<T>());
    Parts { all: lanes, unit: vector::<T>(), count: vectors.div_ceil(most::<T>(rows, depth)).max(1) }
}

/// The most vectors of lanes in a piece.
fn most<T>(rows: usize, depth: usize) -> usize {
    /// Multiplications in a piece that are worth a call.
    const WORTH: usize = 64 * 64 * 24;
    /// Rows of the matrix that are longer had better serve several pieces, if the kernel is that of `f32`.
    const LONG: usize = 384;
    if size_of::<T>() < 8 && depth > LONG {
        return usize::MAX;
    }
    let of_vector = rows.saturating_mul(depth).saturating_mul(vector::<T>()).max(1);
    WORTH.div_ceil(of_vector).next_multiple_of(held::<T>())
}

/// Vectors of lanes that registers hold: those of 8 rows of `f64`, of 4 of `f32`.
const fn held<T>() -> usize {
    if size_of::<T>() == 8 { 3 } else { 6 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn widths<T>(rows: usize, depth: usize, lanes: usize) -> Vec<usize> {
        pieces::<T>(rows, depth, lanes).iter().map(|piece| piece.len()).collect()
    }

    #[test]
    fn pieces_are_even_and_whole_vectors() {
        assert_eq!(widths::<f64>(100, 100, 104), [16, 24, 16, 24, 24]);
        assert_eq!(widths::<f64>(512, 512, 51), [16, 16, 19]);
        assert_eq!(widths::<f32>(100, 100, 104), [48, 56]);
        assert_eq!(widths::<f32>(1000, 1000, 104), [104]);
        // Small matrices have work for wide ones only.
        assert_eq!(widths::<f64>(32, 32, 192), [96, 96]);
        assert_eq!(widths::<f64>(1, 30, 192), [192]);
        assert_eq!([widths::<f64>(0, 0, 50), widths::<f64>(700, 7, 0)], [vec![50], vec![0]]);
    }

    /// Every number of a product against the sum of its definition, its bits against those of a single call, and nothing
    /// beside the rows is touched.
    fn check<T: Scalar>([rows, depth, lanes]: [usize; 3], beside: usize, transposed: bool, accum: Accum) {
        let number = |k: usize| T::from_f64(crate::scalar::test_number(k));
        let (matrix, x): (Vec<T>, Vec<T>) =
            ((0..rows * depth).map(number).collect(), (0..depth * lanes).map(|k| number(k + 7)).collect());
        let stride = lanes + beside;
        let before: Vec<T> = (0..rows * stride).map(|k| number(k + 3)).collect();
        let matrix = match transposed {
            true => MatRef::from_column_major_slice(&matrix, rows, depth),
            false => MatRef::from_row_major_slice(&matrix, rows, depth),
        };
        let x = MatRef::from_row_major_slice(&x, depth, lanes);
        let mut out = before.clone();
        let view = MatMut::from_column_major_slice_with_stride_mut(&mut out, lanes, rows, stride).transpose_mut();
        in_pieces(view, accum, matrix, x);
        let mut at_once = before.clone();
        let view = MatMut::from_column_major_slice_with_stride_mut(&mut at_once, lanes, rows, stride).transpose_mut();
        matmul(view, accum, matrix, x, T::one(), Par::Seq);
        assert!(out == at_once, "{rows} × {depth} × {lanes}: the bits depend on pieces");
        for (k, (&out, &before)) in out.iter().zip(&before).enumerate() {
            let (row, lane) = (k / stride, k % stride);
            if lane >= lanes {
                assert_eq!(out, before);
                continue;
            }
            let terms = (0..depth).map(|d| matrix[(row, d)].to_f64() * x[(d, lane)].to_f64());
            let start = if accum == Accum::Add { before.to_f64() } else { 0.0 };
            let error = (start + terms.sum::<f64>() - out.to_f64()).abs();
            let bound = (1 + depth) as f64 * T::epsilon().to_f64();
            assert!(error <= bound, "{rows} × {depth} × {lanes}: {error}");
        }
    }

    /// Of more rows than a block holds, in both precisions.
    #[test]
    fn blocks_of_rows_make_one_product() {
        assert!(blocks::<f64>(130, 515).count() > 1 && blocks::<f32>(250, 560).count() > 1);
        check::<f64>([130, 515, 49], 0, false, Accum::Replace);
        check::<f64>([130, 515, 49], 3, true, Accum::Add);
        check::<f32>([250, 560, 101], 0, true, Accum::Replace);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn products_are_those_of_the_definition(
            shape in [1usize..70, 1usize..300, 1usize..260],
            beside in 0usize..3,
            transposed: bool,
            adds: bool,
        ) {
            let accum = if adds { Accum::Add } else { Accum::Replace };
            check::<f64>(shape, beside, transposed, accum);
            check::<f32>(shape, beside, transposed, accum);
        }
    }
}
