//! Products whose sums are short: the numbers of the matrix and the lanes are read where they lie.
//!
//! faer packs the lanes of each piece before it multiplies, and copies what it made; of short sums that is a good part of the
//! time. But a piece of 24 lanes of `f64` (48 of `f32`) stays in the innermost cache as it lies, with all of its terms, and 8
//! rows by three vectors are as many sums as 32 registers of 512 bits hold beside what is multiplied: 24 multiplications
//! for 11 numbers and vectors that are read. 32 × 32 takes an eighth less time, 64 × 64 a fifteenth, 128 × 128 and 256 × 256 with
//! 48 lanes a fortieth (Zen 4): all sizes then multiply at one rate, by rows or by columns, in `f64` and in `f32`.

use super::Matrix;
use crate::rows::Rows;
use crate::scalar::{Registers, Scalar, add_product, vector, vectorized_within};
use crate::windows::Windows;
use faer::Accum;
use std::hint::black_box;

/// Terms of a sum, at most: of more, and of rows that are pages apart, lanes do not stay in the cache as they lie.
const SHORT: usize = 256;
const PAGE: usize = 1 << 12;

/// Whether a product is better made here: of whole vectors of lanes, where registers are many.
pub(super) fn is_better<T: Scalar>(registers: Registers, matrix: &Matrix<'_, T>, lanes: &Rows<'_, T>) -> bool {
    registers == Registers::Large
        && matrix.rows > 0
        && (1..=SHORT).contains(&matrix.terms)
        && lanes.width >= vector::<T>()
        && lanes.stride * size_of::<T>() < PAGE
}

/// `out ← A X` or `out += A X`; there is a row at least, a term, and a vector of lanes.
pub(super) fn multiply<T: Scalar>(
    out: &mut [T],
    stride: usize,
    accum: Accum,
    matrix: Matrix<'_, T>,
    lanes: Rows<'_, T>,
) {
    let to = Target { stride, add: accum == Accum::Add };
    vectorized_within(
        #[inline(always)]
        |registers| match (registers, vector::<T>()) {
            (Registers::Small, _) => unreachable!("nothing is better here then"),
            (_, 16) => by_pieces::<T, 16, 32, 48>(to, out, matrix, lanes),
            _ => by_pieces::<T, 8, 16, 24>(to, out, matrix, lanes),
        },
    );
}

/// How the result lies, and whether it is added to what is there.
#[derive(Clone, Copy)]
struct Target {
    stride: usize,
    add: bool,
}

/// Three vectors of lanes at a time; rather twice two than a single one, which cannot hide the latency of multiplications.
#[inline(always)]
fn by_pieces<T: Scalar, const ONE: usize, const TWO: usize, const THREE: usize>(
    to: Target,
    out: &mut [T],
    matrix: Matrix<'_, T>,
    lanes: Rows<'_, T>,
) {
    let mut start = 0;
    while start < lanes.width {
        let (lanes, out) = (lanes.after(start), &mut out[start..]);
        start += match lanes.width / ONE {
            0 => of_piece::<T, ONE, true>(to, out, matrix, lanes),
            1 => of_piece::<T, ONE, false>(to, out, matrix, lanes),
            2 | 4 => of_piece::<T, TWO, false>(to, out, matrix, lanes),
            _ => of_piece::<T, THREE, false>(to, out, matrix, lanes),
        };
    }
}

/// The first `N` lanes, or all if there are `FEWER`, of all rows. Returns `N`.
#[inline(always)]
fn of_piece<T: Scalar, const N: usize, const FEWER: bool>(
    to: Target,
    out: &mut [T],
    matrix: Matrix<'_, T>,
    lanes: Rows<'_, T>,
) -> usize {
    // Behind the lanes of the last term there may be no numbers. Behind those of others are the first of the next, as many as
    // a vector at least, since no row is shorter: a last piece that is no whole vector reads some of them, whose sums are
    // not written.
    let mut last = [T::zero(); N];
    let width = if FEWER { lanes.width } else { N };
    last[..width].copy_from_slice(&lanes.row(matrix.terms - 1)[..width]);
    let piece = Piece { lanes, last, width };
    let mut row = 0;
    while row < matrix.rows {
        let (rest, out) = (matrix.part_of_rows(row..matrix.rows), &mut out[row * to.stride..]);
        row += match rest.rows {
            8.. => block::<T, 8, N, FEWER>(to, out, rest, &piece),
            4.. => block::<T, 4, N, FEWER>(to, out, rest, &piece),
            2.. => block::<T, 2, N, FEWER>(to, out, rest, &piece),
            _ => block::<T, 1, N, FEWER>(to, out, rest, &piece),
        };
    }
    N
}

/// Lanes that are made together, of which the first `width` are meant.
struct Piece<'a, T, const N: usize> {
    lanes: Rows<'a, T>,
    /// Those of the last term.
    last: [T; N],
    width: usize,
}

/// The first `R` rows of the product with a piece. Returns `R`.
#[inline(always)]
fn block<T: Scalar, const R: usize, const N: usize, const FEWER: bool>(
    to: Target,
    out: &mut [T],
    matrix: Matrix<'_, T>,
    piece: &Piece<'_, T, N>,
) -> usize {
    let sums = sums::<T, R, N>(matrix, piece);
    for r in 0..R {
        let out = &mut out[r * to.stride..];
        if FEWER {
            // A number of a sum that is told by a variable is one in memory.
            let sum = black_box(sums[r]);
            for (o, &s) in out[..piece.width].iter_mut().zip(&sum) {
                *o = if to.add { *o + s } else { s };
            }
            continue;
        }
        let out: &mut [T; N] = out.first_chunk_mut().expect("a row for each");
        if to.add {
            add_product(out, T::one(), &sums[r]);
        } else {
            *out = sums[r];
        }
    }
    R
}

#[inline(always)]
fn sums<T: Scalar, const R: usize, const N: usize>(matrix: Matrix<'_, T>, piece: &Piece<'_, T, N>) -> [[T; N]; R] {
    let (last, lanes) = (matrix.terms - 1, piece.lanes);
    // Of a transposed matrix too each row is told by where it begins. A number is loaded when it is used: those of eight rows
    // at once, which lie side by side there, the compiler loads as a vector, to take it apart.
    let [of_row, of_term] = matrix.strides();
    let mut rows = [matrix.numbers; R];
    for r in 0..R {
        rows[r] = &rows[r][r * of_row..][..last * of_term + 1];
    }
    let mut sums = [[T::zero(); N]; R];
    if last > 0 {
        let windows = Windows::new(lanes.data);
        for k in 0..last {
            let x = windows.at(k * lanes.stride);
            for r in 0..R {
                add_product(&mut sums[r], rows[r][k * of_term], x);
            }
        }
    }
    for r in 0..R {
        add_product(&mut sums[r], rows[r][last * of_term], &piece.last);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::tests::Case;
    use super::*;
    use proptest::prelude::*;

    /// As compiled for any machine.
    fn made<T: Scalar>(out: &mut [T], stride: usize, accum: Accum, matrix: Matrix<'_, T>, lanes: Rows<'_, T>) {
        let to = Target { stride, add: accum == Accum::Add };
        match vector::<T>() {
            16 => by_pieces::<T, 16, 32, 48>(to, out, matrix, lanes),
            _ => by_pieces::<T, 8, 16, 24>(to, out, matrix, lanes),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn products_are_those_of_the_definition(
            rows in 1usize..30,
            terms in 1usize..50,
            width in 16usize..130,
            beside in [0usize..4, 0usize..4],
            transposed: bool,
            adds: bool,
        ) {
            let accum = if adds { Accum::Add } else { Accum::Replace };
            let case = Case { shape: [rows, terms, width], beside, transposed, accum };
            case.check::<f32>(made);
            let out = case.check::<f64>(made);
            if Registers::here() == Registers::Large {
                prop_assert_eq!(case.check::<f64>(multiply), out);
            }
        }
    }

    /// Eight to fifteen numbers are a vector of `f64` and a part of one.
    #[test]
    fn narrow_products_are_those_of_the_definition() {
        for width in 8..16 {
            for transposed in [false, true] {
                Case { shape: [11, 5, width], beside: [0, 0], transposed, accum: Accum::Add }.check::<f64>(made);
            }
        }
    }
}
