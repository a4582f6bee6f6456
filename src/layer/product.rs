//! The product of two operands, unit by unit: gates, squares, bilinear terms.

use super::Lanes;
use crate::rows::{Lane, Rows};
use crate::scalar::{Scalar, vectorized};
use std::ops::Range;

/// `c ← J_a b + a J_b` and, where rows have more, second order: a lane for each, `S_a b + 2 J_a J_b + a S_b`, or one
/// lane for the sum, `L_a b + 2 Σ J_a J_b + a L_b`.
///
/// An operand without lanes (a constant) has width zero; one without second order only the first.
pub(crate) fn forward<T: Scalar>(
    rows: Range<usize>,
    values: [Rows<'_, T>; 2],
    lanes: Lanes,
    operands: [Rows<'_, T>; 2],
    out: &mut [T],
    width: usize,
) {
    let len = lanes.len();
    vectorized(
        #[inline(always)]
        || {
            for (k, out) in rows.zip(out.chunks_exact_mut(width)) {
                out.fill(T::zero());
                for (value, operand) in [(values[1], operands[0]), (values[0], operands[1])] {
                    lanes.zip(value.row(k), operand.row(k), out, |f, t, o| t.mul_add(f, o));
                }
                if width > len && operands.iter().all(|o| o.width > 0) {
                    let [a, b] = operands.map(|o| &o.row(k)[..len]);
                    lanes.add_curvature(&[T::one() + T::one()], a, b, &mut out[len..]);
                }
            }
        },
    );
}

/// `ā += b c̄` for the operand whose partner has the value `partner`.
pub(crate) fn reverse<T: Scalar>(
    rows: Range<usize>,
    partner: Rows<'_, T>,
    lanes: Lanes,
    adjoint: Rows<'_, T>,
    out: &mut [T],
) {
    vectorized(
        #[inline(always)]
        || {
            for (k, out) in rows.zip(out.chunks_exact_mut(lanes.len())) {
                lanes.zip(partner.row(k), adjoint.row(k), out, |f, a, o| a.mul_add(f, o));
            }
        },
    );
}

/// The tangent of [`reverse`] beyond its linear part: `ǡ += ḃ c̄`; nothing if the partner is constant.
pub(crate) fn reverse_curvature<T: Scalar>(
    rows: Range<usize>,
    adjoint: Lane<'_, T>,
    lanes: Lanes,
    partner: Rows<'_, T>,
    out: &mut [T],
) {
    if partner.width == 0 {
        return;
    }
    vectorized(
        #[inline(always)]
        || {
            for (k, out) in rows.zip(out.chunks_exact_mut(lanes.len())) {
                lanes.zip(adjoint.row(k), &partner.row(k)[..lanes.len()], out, |a, t, o| t.mul_add(a, o));
            }
        },
    );
}
