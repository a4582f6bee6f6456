//! Products with few lanes: dot products of the matrix' rows with each lane.
//!
//! Products of wide blocks hold vectors of lanes, and one or two lanes that are left over cost as much as a whole vector, or
//! more, since a vector alone cannot hide the latency of its multiplications: with 512 bits 51 lanes take as long as 56, with
//! 256 bits 25 as long as 34. As dot products they cost little more than the reading of the matrix; 256 × 256 with 51
//! lanes is faster by a fifth, with two or three lanes alone more than twice as fast.

use crate::rows::Rows;
use crate::scalar::{Registers, Scalar, add_products, vector, vectorized_within};
use std::hint::black_box;

/// More are left to whole vectors.
const MOST: usize = 3;
/// Of shorter rows the sums across a vector take too long.
const LEAST_DEPTH: usize = 128;
/// Numbers of each lane that are used at a time, from the innermost cache.
const PIECE: usize = 256;
/// Rows that are read at a time.
const ROWS: usize = 4;

/// How many of the lanes, the last ones, are better made here. A single lane of its own is not: that is a product with a
/// vector, which is bound by the reading of the matrix anyway.
pub(super) fn lanes<T>(depth: usize, width: usize) -> usize {
    let last = width % Registers::here().vector::<T>();
    if depth >= LEAST_DEPTH && width > 1 && (1..=MOST).contains(&last) { last } else { 0 }
}

/// As many rows of the matrix as the second cache holds: after the product with the other lanes they are read from there.
/// Of matrices that no cache holds a pass is bound by reading; 768 × 768 with 51 lanes takes a twelfth less time.
pub(super) fn rows_in_cache<T>(depth: usize) -> usize {
    const HELD: usize = 1 << 19;
    (HELD / size_of::<T>() / depth / ROWS * ROWS).max(ROWS)
}

/// `out ← W x` for all lanes of `x`, up to three, in rows of `out` that are `stride` numbers apart; `matrix` holds the rows
/// of `W`.
pub(super) fn multiply<T: Scalar>(matrix: &[T], depth: usize, x: Rows<'_, T>, out: &mut [T], stride: usize) {
    match vector::<T>() {
        16 => multiply_by_vectors::<T, 16, 8>(matrix, depth, x, out, stride),
        _ => multiply_by_vectors::<T, 8, 4>(matrix, depth, x, out, stride),
    }
}

fn multiply_by_vectors<T: Scalar, const V: usize, const HALF: usize>(
    matrix: &[T],
    depth: usize,
    x: Rows<'_, T>,
    out: &mut [T],
    stride: usize,
) {
    vectorized_within(
        #[inline(always)]
        |registers| match (x.width, registers) {
            (1, _) => by_pieces::<T, V, 1>(matrix, depth, x, out, stride),
            (2, Registers::Large) => by_pieces::<T, V, 2>(matrix, depth, x, out, stride),
            (_, Registers::Large) => by_pieces::<T, V, MOST>(matrix, depth, x, out, stride),
            // As many sums as fit.
            (2, Registers::Small) => by_pieces::<T, HALF, 2>(matrix, depth, x, out, stride),
            (_, Registers::Small) => by_pieces::<T, HALF, MOST>(matrix, depth, x, out, stride),
        },
    );
}

#[inline(always)]
fn by_pieces<T: Scalar, const V: usize, const N: usize>(
    matrix: &[T],
    depth: usize,
    x: Rows<'_, T>,
    out: &mut [T],
    stride: usize,
) {
    let mut vectors = [[[T::zero(); V]; N]; PIECE / 4];
    for start in (0..depth).step_by(PIECE) {
        let length = PIECE.min(depth - start);
        let vectors = &mut vectors[..length.div_ceil(V)];
        for (q, vector) in vectors.iter_mut().enumerate() {
            for (i, k) in (q * V..).take(V).enumerate() {
                let row = if k < length { x.row(start + k) } else { &[T::zero(); N] };
                (0..N).for_each(|n| vector[n][i] = row[n]);
            }
        }
        for (rows, out) in matrix.chunks(ROWS * depth).zip(out.chunks_mut(ROWS * stride)) {
            let last = rows.len() / depth - 1;
            let piece = |r: usize| &rows[r.min(last) * depth + start..][..length];
            let sums = dots([piece(0), piece(1), piece(2), piece(3)], vectors);
            for (sums, out) in sums.iter().zip(out.chunks_mut(stride)) {
                for (&sum, o) in sums.iter().zip(out) {
                    *o = if start == 0 { sum } else { *o + sum };
                }
            }
        }
    }
}

/// Of four pieces of rows with each of `N` lanes; behind the lanes' last numbers are zeros.
///
/// Sums have a name for each row: of an array that is told by a number the compiler keeps some in memory.
#[inline(always)]
fn dots<T: Scalar, const V: usize, const N: usize>(rows: [&[T]; ROWS], vectors: &[[[T; V]; N]]) -> [[T; N]; ROWS] {
    let [a, b, c, d] = rows;
    let ((a, of_a), (b, of_b), (c, of_c), (d, of_d)) = (a.as_chunks(), b.as_chunks(), c.as_chunks(), d.as_chunks());
    let [mut to_a, mut to_b, mut to_c, mut to_d] = [[[T::zero(); V]; N]; ROWS];
    for ((((x, a), b), c), d) in vectors.iter().zip(a).zip(b).zip(c).zip(d) {
        add_to_each(&mut to_a, a, x);
        add_to_each(&mut to_b, b, x);
        add_to_each(&mut to_c, c, x);
        add_to_each(&mut to_d, d, x);
    }
    if let Some(x) = vectors.get(a.len()) {
        add_to_each(&mut to_a, &padded(of_a), x);
        add_to_each(&mut to_b, &padded(of_b), x);
        add_to_each(&mut to_c, &padded(of_c), x);
        add_to_each(&mut to_d, &padded(of_d), x);
    }
    [totals(to_a), totals(to_b), totals(to_c), totals(to_d)]
}

#[inline(always)]
fn add_to_each<T: Scalar, const V: usize, const N: usize>(sums: &mut [[T; V]; N], row: &[T; V], x: &[[T; V]; N]) {
    for n in 0..N {
        add_products(&mut sums[n], row, &x[n]);
    }
}

/// The last numbers of a row with zeros behind them.
#[inline(always)]
fn padded<T: Scalar, const V: usize>(rest: &[T]) -> [T; V] {
    let mut vector = [T::zero(); V];
    vector[..rest.len()].copy_from_slice(rest);
    vector
}

/// The sum across each vector. These pass through memory: otherwise the compiler makes them all along the rows, number by
/// number, and the products are several times as slow.
#[inline(always)]
fn totals<T: Scalar, const V: usize, const N: usize>(vectors: [[T; V]; N]) -> [T; N] {
    let vectors = black_box(vectors);
    let mut totals = [T::zero(); N];
    for n in 0..N {
        totals[n] = total(vectors[n]);
    }
    totals
}

/// The sum of a vector's numbers, by halves.
#[inline(always)]
fn total<T: Scalar, const V: usize>(mut vector: [T; V]) -> T {
    let mut half = V / 2;
    while half > 0 {
        for i in 0..half {
            vector[i] += vector[i + half];
        }
        half /= 2;
    }
    vector[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::test_number;

    /// Every number of lanes and of rows in a group, rows that end anywhere in a vector and in a piece; what lies beside the
    /// lanes stays.
    #[test]
    fn dots_are_sums_of_products() {
        fn agree<T: Scalar>(tolerance: f64) {
            let stride = MOST + 1;
            for (rows, depth) in (1..=9).flat_map(|rows| [1, 7, 64, 131, 256, 257, 530].map(|depth| (rows, depth))) {
                let numbers = |count: usize| (0..count).map(|k| T::from_f64(test_number(k))).collect::<Vec<T>>();
                let (matrix, lanes) = (numbers(rows * depth), numbers(depth * stride));
                for few in 1..=MOST {
                    let mut out = vec![T::one(); rows * stride];
                    let x = Rows::new(&lanes, stride).after(stride - few);
                    multiply(&matrix, depth, x, &mut out[stride - few..], stride);
                    for (at, &made) in out.iter().enumerate() {
                        let (row, lane) = (at / stride, at % stride);
                        let product = |k: usize| matrix[row * depth + k].to_f64() * lanes[k * stride + lane].to_f64();
                        let sum = if lane < stride - few { 1.0 } else { (0..depth).map(product).sum() };
                        assert!(
                            (made.to_f64() - sum).abs() < tolerance,
                            "{rows}×{depth}, {few} lanes: {made} for {sum}"
                        );
                    }
                }
            }
        }
        agree::<f64>(1e-13);
        agree::<f32>(1e-4);
    }

    #[test]
    fn only_lanes_beside_whole_vectors_are_taken() {
        let taken = [1, 2, 3, 4, 8, 9, 13, 24, 26, 27, 28, 51].map(|width| lanes::<f64>(256, width));
        let small = usize::from(Registers::here() == Registers::Small);
        assert_eq!(taken, [0, 2, 3, 0, 0, 1, small, 0, 2, 3, 0, 3]);
        assert_eq!(lanes::<f64>(LEAST_DEPTH - 1, 51), 0);
    }
}
