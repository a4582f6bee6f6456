//! Products of a matrix with lanes, in pieces of lanes that suit the registers and the innermost cache.
//!
//! faer's kernels hold a piece of the lanes in registers and go through the rows of the matrix; of more lanes they go
//! from piece to piece for every few rows, so that all lanes are read anew each time, from a cache further out. One piece at
//! a time is read from the innermost one: 100 × 100 times 400 lanes takes 4 to 8 % less time, its transpose as much, and
//! 512 × 512 transposed a fifth less.
//!
//! Pieces are alike, since a single vector that is left over cannot hide the latency of its multiplications: 104 lanes of
//! `f32` are four vectors and three, not six and one, which takes an eighth less time.

use crate::scalar::{Scalar, vector};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use std::ops::Range;

/// `out ← A X` or `out += A X`, where the columns of `X` are lanes. The order of each sum, and so its bits, do not depend on
/// the pieces.
pub(crate) fn multiply<T: Scalar>(mut out: MatMut<'_, T>, accum: Accum, matrix: MatRef<'_, T>, lanes: MatRef<'_, T>) {
    let (rows, depth) = matrix.shape();
    for piece in pieces::<T>(rows, depth, lanes.ncols()) {
        let lanes = lanes.subcols(piece.start, piece.len());
        let out = out.as_mut().subcols_mut(piece.start, piece.len());
        matmul(out, accum, matrix, lanes, T::one(), Par::Seq);
    }
}

/// Pieces as even as whole vectors can be, none wider than what registers hold, unless too little work is in one.
fn pieces<T>(rows: usize, depth: usize, lanes: usize) -> impl Iterator<Item = Range<usize>> {
    let most = most::<T>(rows, depth);
    let vectors = lanes.div_ceil(vector::<T>());
    let count = vectors.div_ceil(most).max(1);
    let at = move |piece: usize| (piece * vectors / count * vector::<T>()).min(lanes);
    (0..count).map(move |piece| at(piece)..at(piece + 1))
}

/// The most vectors of lanes in a piece.
fn most<T>(rows: usize, depth: usize) -> usize {
    /// Multiplications in a piece that are worth a call.
    const WORTH: usize = 64 * 64 * 24;
    /// Rows of the matrix longer than these come from further out than the lanes, and better serve several pieces.
    const LONG: usize = 384;
    // The kernels: 3 vectors × 8 rows of f64, 6 × 4 of f32.
    let (held, longest) = if size_of::<T>() == 8 { (3, usize::MAX) } else { (6, LONG) };
    if depth > longest {
        return usize::MAX;
    }
    let of_vector = rows.saturating_mul(depth).saturating_mul(vector::<T>()).max(1);
    WORTH.div_ceil(of_vector).next_multiple_of(held)
}
