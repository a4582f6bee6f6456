//! Products whose sums are short: the numbers of the matrix and the lanes are read where they lie.
//!
//! faer packs the lanes of each piece before it multiplies, and copies what it made; of short sums that is a good part of the
//! time. But a piece of three vectors of lanes stays in the innermost cache as it lies, with all of its terms.
//!
//! With 32 registers of 512 bits, 8 rows by 24 lanes of `f64` (48 of `f32`) are as many sums as fit beside what is multiplied:
//! 24 multiplications for 11 numbers and vectors that are read. 32 × 32 takes an eighth less time, 64 × 64 a fifteenth,
//! 128 × 128 and 256 × 256 with 48 lanes a fortieth (Zen 4): all sizes then multiply at one rate, by rows or by columns, in `f64`
//! and in `f32`.
//!
//! With 16 registers of 256 bits they are 4 rows by 12 lanes (24). 32 × 32 takes a tenth less time, 64 × 64 a twentieth, by
//! columns a tenth (Zen 3). Longer sums gain nothing, nor do those of lanes whose rows meet in few sets of the cache, so that it
//! cannot hold them.

use super::Matrix;
use crate::rows::Rows;
use crate::scalar::{Registers, Scalar, add_product, vector, vectorized_within};
use crate::windows::Windows;
use faer::Accum;
use std::hint::black_box;

/// Whether a product is better made here: of whole vectors of lanes, and of as few terms as the innermost cache holds as they
/// lie.
pub(super) fn is_better<T: Scalar>(registers: Registers, matrix: &Matrix<'_, T>, lanes: &Rows<'_, T>) -> bool {
    const PAGE: usize = 1 << 12;
    /// Rows that begin in one set and stay there, beside the matrix and the result.
    const HELD: usize = 4;
    let apart = lanes.stride * size_of::<T>();
    let most = match registers {
        Registers::Large if apart < PAGE => 256,
        Registers::Large => 0,
        Registers::Small => 64.min(HELD * sets(apart)),
    };
    matrix.rows > 0 && (1..=most).contains(&matrix.terms) && lanes.width >= registers.vector::<T>()
}

/// In how many sets of the innermost cache rows begin that are so many bytes apart: of 64, which the address of a line of 64
/// bytes tells.
fn sets(apart: usize) -> usize {
    const SETS: usize = 64;
    const LINE: usize = 64;
    if apart.is_multiple_of(LINE) { SETS >> (apart / LINE).trailing_zeros().min(SETS.ilog2()) } else { SETS }
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
        |registers| of_registers(registers, to, out, matrix, lanes),
    );
}

/// How the result lies, and whether it is added to what is there.
#[derive(Clone, Copy)]
struct Target {
    stride: usize,
    add: bool,
}

#[inline(always)]
fn of_registers<T: Scalar>(registers: Registers, to: Target, out: &mut [T], matrix: Matrix<'_, T>, lanes: Rows<'_, T>) {
    match (registers, vector::<T>()) {
        (Registers::Large, 16) => by_pieces::<T, 8, 16, 32, 48>(to, out, matrix, lanes),
        (Registers::Large, _) => by_pieces::<T, 8, 8, 16, 24>(to, out, matrix, lanes),
        (Registers::Small, 16) => by_pieces::<T, 4, 8, 16, 24>(to, out, matrix, lanes),
        (Registers::Small, _) => by_pieces::<T, 4, 4, 8, 12>(to, out, matrix, lanes),
    }
}

/// Up to `ROWS` rows by three vectors of lanes at a time; rather twice two than a single one, which cannot hide the latency
/// of multiplications.
#[inline(always)]
fn by_pieces<T: Scalar, const ROWS: usize, const ONE: usize, const TWO: usize, const THREE: usize>(
    to: Target,
    out: &mut [T],
    matrix: Matrix<'_, T>,
    lanes: Rows<'_, T>,
) {
    let mut start = 0;
    while start < lanes.width {
        let (lanes, out) = (lanes.after(start), &mut out[start..]);
        start += match lanes.width / ONE {
            0 => of_piece::<T, ROWS, ONE, true>(to, out, matrix, lanes),
            1 => of_piece::<T, ROWS, ONE, false>(to, out, matrix, lanes),
            2 | 4 => of_piece::<T, ROWS, TWO, false>(to, out, matrix, lanes),
            _ => of_piece::<T, ROWS, THREE, false>(to, out, matrix, lanes),
        };
    }
}

/// The first `N` lanes, or all if there are `FEWER`, of all rows. Returns `N`.
#[inline(always)]
fn of_piece<T: Scalar, const ROWS: usize, const N: usize, const FEWER: bool>(
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
            8.. if ROWS == 8 => block::<T, 8, N, FEWER>(to, out, rest, &piece),
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
    // Added up: to multiply for each place takes as long as multiplications of 256 bits do.
    let (mut at, mut from) = (0, 0);
    if last > 0 {
        let windows = Windows::new(lanes.data);
        for _ in 0..last {
            let x = windows.at(from);
            for r in 0..R {
                add_product(&mut sums[r], rows[r][at], x);
            }
            (at, from) = (at + of_term, from + lanes.stride);
        }
    }
    for r in 0..R {
        add_product(&mut sums[r], rows[r][at], &piece.last);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::tests::Case;
    use super::*;
    use proptest::prelude::*;

    /// As for registers of a kind, compiled for any machine.
    fn made<T: Scalar>(
        registers: Registers,
        out: &mut [T],
        stride: usize,
        accum: Accum,
        matrix: Matrix<'_, T>,
        lanes: Rows<'_, T>,
    ) {
        of_registers(registers, Target { stride, add: accum == Accum::Add }, out, matrix, lanes);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// The same bits for all registers: a sum is made term by term, however many are made together.
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
            let [large, small] = Registers::ALL.map(|registers| {
                case.check::<f32>(|out, stride, accum, a, x| made(registers, out, stride, accum, a, x))
            });
            prop_assert_eq!(&large, &small);
            prop_assert_eq!(case.check::<f32>(multiply), small);
            let [large, small] = Registers::ALL.map(|registers| {
                case.check::<f64>(|out, stride, accum, a, x| made(registers, out, stride, accum, a, x))
            });
            prop_assert_eq!(&large, &small);
            prop_assert_eq!(case.check::<f64>(multiply), small);
        }
    }

    /// A vector of lanes and a part of one.
    #[test]
    fn narrow_products_are_those_of_the_definition() {
        for (registers, widths) in [(Registers::Large, 8..16), (Registers::Small, 4..8)] {
            for width in widths {
                for transposed in [false, true] {
                    let case = Case { shape: [11, 5, width], beside: [0, 0], transposed, accum: Accum::Add };
                    case.check::<f64>(|out, stride, accum, a, x| made(registers, out, stride, accum, a, x));
                }
            }
        }
    }

    #[test]
    fn lanes_stay_in_the_cache_as_they_lie() {
        // In bytes: no whole line, one, 2, 24, 64 of them.
        assert_eq!([40, 64, 128, 24 * 64, 4096].map(sets), [64, 64, 32, 8, 1]);
        let numbers = vec![0.0; 257 * 257];
        let better = |registers, terms, width| {
            let matrix = Matrix::new(&numbers[..2 * terms], 2, terms);
            is_better(registers, &matrix, &Rows { data: &numbers, width, stride: width })
        };
        assert_eq!([1, 256, 257].map(|terms| better(Registers::Large, terms, 24)), [true, true, false]);
        assert_eq!([7, 8, 511, 512].map(|width| better(Registers::Large, 64, width)), [false, true, true, false]);
        assert_eq!([1, 64, 65].map(|terms| better(Registers::Small, terms, 24)), [true, true, false]);
        assert_eq!([3, 4, 192, 256].map(|width| better(Registers::Small, 32, width)), [false, true, true, false]);
        assert!(!better(Registers::Large, 0, 24));
    }
}
