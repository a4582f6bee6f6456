//! Products by faer, in pieces that suit the registers and the inner caches.
//!
//! faer's kernels hold a piece of the lanes in registers and go through the rows of the matrix; of more lanes they go
//! from piece to piece for every few rows, so that all lanes are read anew each time, from a cache further out. One
//! piece at a time is read from the innermost one: with vectors of 512 bits 100 × 100 times 400 lanes takes 4 to 6 % less
//! time, the transposed matrix 7 %, 512 × 512 transposed a fifth less. (Sums as short as those of 100 × 100 are made by
//! [`direct`](super::direct) by now, unless rows of lanes are longer than a page.)
//!
//! Pieces are alike, since a single vector that is left over cannot hide the latency of its multiplications: 104 lanes of
//! `f32` are four vectors and three, not six and one, which takes an eighth less time.
//!
//! With vectors of 256 bits multiplications take twice as long, and the innermost cache is fast enough. What matters is the
//! next one, whose size is half as much: sums of many terms are made in parts, whose lanes it holds. 768 × 768 times 1632
//! lanes takes a seventh less time, the transposed matrix, whose terms lie far apart, a third less with 48 lanes.

use super::Matrix;
use crate::rows::Rows;
use crate::scalar::{Registers, Scalar, vector};
use crate::spread::Parts;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use std::ops::Range;

/// `out ← A X` or `out += A X`.
pub(super) fn multiply<T: Scalar>(
    out: &mut [T],
    stride: usize,
    accum: Accum,
    matrix: Matrix<'_, T>,
    lanes: Rows<'_, T>,
) {
    let cut = Cut::of::<T>(Registers::here(), &matrix, lanes.width);
    multiply_cut(out, stride, accum, matrix, lanes, cut);
}

/// The same by pieces, or at once.
fn multiply_cut<T: Scalar>(
    out: &mut [T],
    stride: usize,
    accum: Accum,
    matrix: Matrix<'_, T>,
    lanes: Rows<'_, T>,
    cut: Option<Cut>,
) {
    let ([rows, terms], width) = (matrix.shape(), lanes.width);
    // By columns, since faer 0.24 takes the stride of mutable rows for that of columns.
    let out = MatMut::from_column_major_slice_with_stride_mut(out, width, rows, stride).transpose_mut();
    let lanes = MatRef::from_row_major_slice_with_stride(lanes.data, terms, width, lanes.stride);
    let matrix = matrix.to_faer();
    match cut {
        None => matmul(out, accum, matrix, lanes, T::one(), Par::Seq),
        Some(cut) => in_pieces(out, accum, matrix, lanes, cut),
    }
}

/// The most of a product that is made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    /// Rows of the matrix.
    rows: usize,
    /// Terms of a sum.
    terms: usize,
    /// Vectors of lanes.
    vectors: usize,
}

impl Cut {
    /// That of a product with so many lanes, unless it is best made at once.
    fn of<T: Scalar>(registers: Registers, matrix: &Matrix<'_, T>, lanes: usize) -> Option<Self> {
        let [rows, terms] = matrix.shape();
        match registers {
            Registers::Large => (lanes > held::<T>() * vector::<T>()).then(|| Cut {
                rows: rows_in_cache::<T>(terms),
                terms: usize::MAX,
                vectors: most::<T>(rows, terms),
            }),
            Registers::Small => {
                const LANES: usize = 48;
                // Terms of a transposed matrix lie in as many pages, of which few are known at a time.
                let (rows, most) = if matrix.transposed { (256, 128) } else { (usize::MAX, 384) };
                let cut = Cut { rows, terms: most, vectors: LANES / vector::<T>() };
                (terms > most && lanes >= vector::<T>()).then_some(cut)
            }
        }
    }
}

fn in_pieces<T: Scalar>(mut out: MatMut<'_, T>, accum: Accum, matrix: MatRef<'_, T>, lanes: MatRef<'_, T>, cut: Cut) {
    let (rows, terms) = matrix.shape();
    let pieces = pieces::<T>(lanes.ncols(), cut.vectors);
    for rows in steps(rows, cut.rows) {
        for terms in parts(terms, cut.terms).iter() {
            let accum = if terms.start == 0 { accum } else { Accum::Add };
            let matrix = matrix.submatrix(rows.start, terms.start, rows.len(), terms.len());
            for piece in pieces.iter() {
                let lanes = lanes.submatrix(terms.start, piece.start, terms.len(), piece.len());
                let out = out.as_mut().submatrix_mut(rows.start, piece.start, rows.len(), piece.len());
                matmul(out, accum, matrix, lanes, T::one(), Par::Seq);
            }
        }
    }
}

fn steps(all: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    (0..all).step_by(most).map(move |start| start..all.min(start.saturating_add(most)))
}

/// Parts of a sum, as even as can be.
fn parts(terms: usize, most: usize) -> Parts {
    Parts { all: terms, unit: 1, count: terms.div_ceil(most).max(1) }
}

/// Pieces as even as whole vectors can be, none of more than so many.
fn pieces<T>(lanes: usize, vectors: usize) -> Parts {
    Parts { all: lanes, unit: vector::<T>(), count: lanes.div_ceil(vector::<T>()).div_ceil(vectors).max(1) }
}

/// As many rows of the matrix as half of a core's cache holds, so that it is read from memory once for all pieces.
fn rows_in_cache<T>(terms: usize) -> usize {
    const HELD: usize = 1 << 19;
    /// The rows that kernels make at a time.
    const AT_A_TIME: usize = 8;
    let of_row = (terms * size_of::<T>()).max(1);
    (HELD / of_row / AT_A_TIME * AT_A_TIME).max(AT_A_TIME)
}

/// The most vectors of lanes in a piece, where they come from the innermost cache: as many as registers hold, unless too
/// little work is in one.
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
    use super::super::tests::Case;
    use super::*;
    use proptest::prelude::*;

    fn widths<T>(rows: usize, depth: usize, lanes: usize) -> Vec<usize> {
        pieces::<T>(lanes, most::<T>(rows, depth)).iter().map(|piece| piece.len()).collect()
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

    #[test]
    fn long_sums_are_made_in_even_parts() {
        let lengths = |terms, most| parts(terms, most).iter().map(|part| part.len()).collect::<Vec<_>>();
        assert_eq!([lengths(768, 384), lengths(384, 384), lengths(0, 384)], [vec![384, 384], vec![384], vec![0]]);
        assert_eq!(lengths(1024, 384), [341, 341, 342]);
    }

    /// What is made at once by kernels of 512 bits, and of 256.
    #[test]
    fn products_are_cut_for_the_machine() {
        let numbers = vec![0.0; 768 * 768];
        let by_rows = Matrix::new(&numbers, 768, 768);
        // As the adjoints read it.
        let by_columns = by_rows.transpose();
        let of = |registers, matrix: Matrix<'_, f64>, lanes| Cut::of(registers, &matrix, lanes);
        let large = Cut { rows: 80, terms: usize::MAX, vectors: 3 };
        assert_eq!([24, 25].map(|lanes| of(Registers::Large, by_rows, lanes)), [None, Some(large)]);
        let small = Cut { rows: usize::MAX, terms: 384, vectors: 6 };
        assert_eq!([7, 8].map(|lanes| of(Registers::Small, by_rows, lanes)), [None, Some(small)]);
        let transposed = Cut { rows: 256, terms: 128, vectors: 6 };
        assert_eq!(of(Registers::Small, by_columns, 200), Some(transposed));
        assert_eq!(of(Registers::Small, by_rows.part(0..768, 0..384), 200), None);
        assert_eq!(of(Registers::Small, by_columns.part(0..768, 0..128), 200), None);
    }

    /// The product by pieces is that of the definition; its bits are those of the `same` product cut otherwise.
    fn check<T: Scalar>(case: &Case, [cut, same]: [Cut; 2]) {
        let made = |cut| case.check::<T>(|out, stride, accum, a, x| multiply_cut(out, stride, accum, a, x, Some(cut)));
        assert!(made(cut) == made(same), "{case:?}: the bits depend on pieces");
    }

    /// A single call.
    const WHOLE: Cut = Cut { rows: usize::MAX, terms: usize::MAX, vectors: usize::MAX };

    /// Of more rows than a block holds, in both precisions.
    #[test]
    fn blocks_of_rows_make_one_product() {
        fn of_shape<T: Scalar>(shape: [usize; 3], beside: [usize; 2], transposed: bool, accum: Accum) {
            let cut = Cut { rows: rows_in_cache::<T>(shape[1]), vectors: held::<T>(), ..WHOLE };
            assert!(cut.rows < shape[0]);
            check::<T>(&Case { shape, beside, transposed, accum }, [cut, WHOLE]);
        }
        of_shape::<f64>([130, 515, 49], [2, 0], false, Accum::Replace);
        of_shape::<f64>([130, 515, 49], [0, 3], true, Accum::Add);
        of_shape::<f32>([250, 560, 101], [0, 0], true, Accum::Replace);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn products_are_those_of_the_definition(
            shape in [1usize..70, 1usize..300, 1usize..260],
            beside in [0usize..3, 0usize..3],
            transposed: bool,
            adds: bool,
            whole: bool,
            cut in [1usize..80, 1usize..320, 2usize..8],
        ) {
            let accum = if adds { Accum::Add } else { Accum::Replace };
            let [rows, terms, vectors] = cut;
            let cut = if whole { Cut { vectors, ..WHOLE } } else { Cut { rows, terms, vectors } };
            let same = Cut { vectors: usize::MAX, ..cut };
            let case = Case { shape, beside, transposed, accum };
            check::<f64>(&case, [cut, same]);
            check::<f32>(&case, [cut, same]);
        }
    }
}
