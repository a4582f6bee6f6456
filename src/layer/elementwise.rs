//! A nonlinear function of each unit, `a = σ(z)`.

use super::Lanes;
use super::broadcast::Broadcast;
use crate::activation::Activation;
use crate::error::Result;
use crate::rows::{Lane, Rows};
use crate::scalar::{Scalar, vectorized};
use std::ops::Range;

/// `a_k = σ(z_k)`; the slope of a PReLU may differ from channel to channel or from unit to unit.
#[derive(Clone, Debug)]
pub struct Elementwise {
    activation: Activation,
    slope: Option<Broadcast<f64>>,
}

/// σ'(z) and σ''(z) of some units for each sample, `units × samples`; σ'' is empty where it is not needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slopes<'a, T> {
    pub(crate) first: Rows<'a, T>,
    pub(crate) second: Rows<'a, T>,
}

impl Elementwise {
    pub(crate) fn new(activation: Activation, operand: &[usize]) -> Result<Self> {
        activation.validate()?;
        let slope = match &activation {
            Activation::Prelu { slope } => Some(Broadcast::over(operand, slope.clone())?),
            _ => None,
        };
        Ok(Elementwise { activation, slope })
    }

    /// The function.
    pub fn activation(&self) -> &Activation {
        &self.activation
    }

    /// σ and, where their buffers are not empty, σ' and σ'' of the given rows.
    pub(crate) fn value<T: Scalar>(&self, rows: Range<usize>, z: Rows<'_, T>, [out, first, second]: [&mut [T]; 3]) {
        let eval = |activation: &Activation, z: &[T], out: &mut [T], first: &mut [T], second: &mut [T]| {
            if first.is_empty() {
                activation.eval_slice(z, out);
            } else if second.is_empty() {
                activation.eval_slice_first(z, out, first);
            } else {
                activation.eval_slice_second(z, out, first, second);
            }
        };
        let Some(slope) = &self.slope else {
            return eval(&self.activation, &z.data[rows.start * z.width..rows.end * z.width], out, first, second);
        };
        for (i, k) in rows.enumerate() {
            // A PReLU is piecewise linear, so `second` is empty.
            let range = i * z.width..(i + 1) * z.width;
            let first = if first.is_empty() { &mut [] } else { &mut first[range.clone()] };
            eval(&Activation::LeakyRelu { alpha: slope.get(k) }, z.row(k), &mut out[range], first, &mut []);
        }
    }

    /// `J ← σ' J`, and `S ← σ' S + σ'' J²` if `out` has room for second-order lanes.
    pub(crate) fn forward<T: Scalar>(
        rows: Range<usize>,
        slopes: Slopes<'_, T>,
        lanes: Lanes,
        z: Rows<'_, T>,
        out: &mut [T],
        width: usize,
    ) {
        let len = lanes.len();
        vectorized(
            #[inline(always)]
            || {
                for (k, out) in rows.zip(out.chunks_exact_mut(width)) {
                    let (z_first, z_second) = z.row(k).split_at(len);
                    let (out_first, out_second) = out.split_at_mut(len);
                    let first = slopes.first.row(k);
                    lanes.zip(first, z_first, out_first, |s, j, _| s * j);
                    if out_second.is_empty() {
                        continue;
                    }
                    if z_second.is_empty() {
                        out_second.fill(T::zero());
                    } else {
                        lanes.zip(first, z_second, out_second, |s, d, _| s * d);
                    }
                    if slopes.second.width > 0 {
                        lanes.zip(slopes.second.row(k), z_first, out_second, |c, j, o| (c * j).mul_add(j, o));
                    }
                }
            },
        );
    }

    /// `z̄ += σ' ā`.
    pub(crate) fn reverse<T: Scalar>(
        rows: Range<usize>,
        slopes: Slopes<'_, T>,
        lanes: Lanes,
        adjoint: Rows<'_, T>,
        out: &mut [T],
    ) {
        vectorized(
            #[inline(always)]
            || {
                for (k, out) in rows.zip(out.chunks_exact_mut(lanes.len())) {
                    lanes.zip(slopes.first.row(k), adjoint.row(k), out, |s, a, o| a.mul_add(s, o));
                }
            },
        );
    }

    /// The tangent of [`reverse`](Self::reverse) beyond its linear part: `ż̄ += σ'' ā ż`.
    pub(crate) fn reverse_curvature<T: Scalar>(
        rows: Range<usize>,
        second: Rows<'_, T>,
        lanes: Lanes,
        adjoint: Lane<'_, T>,
        tangent: Rows<'_, T>,
        out: &mut [T],
    ) {
        vectorized(
            #[inline(always)]
            || {
                for (k, out) in rows.zip(out.chunks_exact_mut(lanes.len())) {
                    let tangent = &tangent.row(k)[..lanes.len()];
                    lanes.zip2(second.row(k), adjoint.row(k), tangent, out, |c, a, t, o| t.mul_add(c * a, o));
                }
            },
        );
    }
}
