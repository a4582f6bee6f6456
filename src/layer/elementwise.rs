//! A nonlinear function of each unit, `a = σ(z)`.

use super::Lanes;
use super::broadcast::Broadcast;
use crate::activation::Activation;
use crate::error::Result;
use crate::rows::{Lane, Rows};
use crate::scalar::{Scalar, vectorized};
use faer::Accum;
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

    /// The slopes of a PReLU.
    pub(crate) fn slope(&self) -> Option<&Broadcast<f64>> {
        self.slope.as_ref()
    }

    /// σ and, where their buffers are not empty, σ' and σ'' of the given rows.
    pub(crate) fn value<T: Scalar>(&self, rows: Range<usize>, z: Rows<'_, T>, [out, first, second]: [&mut [T]; 3]) {
        if self.slope.is_none() {
            let z = &z.data[rows.start * z.width..rows.end * z.width];
            return self.of_unit(0, z, [out, first, second]);
        }
        for (i, k) in rows.enumerate() {
            // A PReLU is piecewise linear, so `second` is empty.
            let range = i * z.width..(i + 1) * z.width;
            let first = if first.is_empty() { &mut [] } else { &mut first[range.clone()] };
            self.of_unit(k, z.row(k), [&mut out[range], first, &mut []]);
        }
    }

    /// The same with the function of one unit.
    pub(crate) fn of_unit<T: Scalar>(&self, unit: usize, z: &[T], [out, first, second]: [&mut [T]; 3]) {
        let of_unit = self.slope.as_ref().map(|slope| Activation::LeakyRelu { alpha: slope.get(unit) });
        let activation = of_unit.as_ref().unwrap_or(&self.activation);
        if first.is_empty() {
            activation.eval_slice(z, out);
        } else if second.is_empty() {
            activation.eval_slice_first(z, out, first);
        } else {
            activation.eval_slice_second(z, out, first, second);
        }
    }

    /// Whether all units have the same function.
    pub(crate) fn is_alike(&self) -> bool {
        self.slope.is_none()
    }

    /// Whether the units of a channel have the same function.
    pub(crate) fn is_by_channel(&self, channels: usize) -> bool {
        self.slope.as_ref().is_none_or(|slope| slope.by_channel(channels))
    }

    /// `J ← σ' J` and, where rows have more, second order: a lane for each, `S ← σ' S + σ'' J²`, or one lane for the
    /// sum, `L ← σ' L + σ'' Σ J²`. In place.
    pub(crate) fn forward<T: Scalar>(
        rows: Range<usize>,
        slopes: Slopes<'_, T>,
        lanes: Lanes,
        block: &mut [T],
        width: usize,
    ) {
        vectorized(
            #[inline(always)]
            || {
                if lanes.samples == 1 && slopes.second.width == 1 && width == 2 * lanes.count {
                    match lanes.count {
                        1 => return Self::forward_few::<T, 1>(rows, slopes, block),
                        2 => return Self::forward_few::<T, 2>(rows, slopes, block),
                        3 => return Self::forward_few::<T, 3>(rows, slopes, block),
                        4 => return Self::forward_few::<T, 4>(rows, slopes, block),
                        _ => {}
                    }
                }
                for (k, row) in rows.zip(block.chunks_exact_mut(width)) {
                    Self::bend(k, slopes, lanes, row);
                    lanes.scale(slopes.first.row(k), &mut row[..lanes.len()], |s, j| s * j);
                }
            },
        );
    }

    /// The same of `N` lanes of one sample with second order for each: loops over so few numbers take longer than these.
    #[inline(always)]
    fn forward_few<T: Scalar, const N: usize>(rows: Range<usize>, slopes: Slopes<'_, T>, block: &mut [T]) {
        let orders = block.as_chunks_mut::<N>().0.as_chunks_mut::<2>().0;
        for (k, [first, second]) in rows.zip(orders) {
            let (p, q, j, s) = (slopes.first.row(k)[0], slopes.second.row(k)[0], *first, *second);
            for n in 0..N {
                second[n] = (j[n] * j[n]).mul_add(q, p * s[n]);
                first[n] = p * j[n];
            }
        }
    }

    /// First order alone of rows that are the same for all samples, `J ← σ' j`: they are at the end of the block, one after
    /// the other with a number for each lane.
    pub(crate) fn forward_alike<T: Scalar>(rows: Range<usize>, first: Rows<'_, T>, lanes: Lanes, block: &mut [T]) {
        vectorized(
            #[inline(always)]
            || {
                // A lane is written after its number was read, and ends before that of the next one.
                let alike = block.len() - rows.len() * lanes.count;
                for (at, k) in rows.enumerate() {
                    for lane in at * lanes.count..(at + 1) * lanes.count {
                        let number = block[alike + lane];
                        lanes.of_lane(first.row(k), number, &mut block[lane * lanes.samples..], |s, j, _| s * j);
                    }
                }
            },
        );
    }

    /// First order alone, out of place: `J ← σ' J`. What rows have beside it is left.
    pub(crate) fn forward_from<T: Scalar>(
        rows: Range<usize>,
        first: Rows<'_, T>,
        lanes: Lanes,
        from: Rows<'_, T>,
        block: &mut [T],
        width: usize,
    ) {
        vectorized(
            #[inline(always)]
            || {
                for (k, row) in rows.zip(block.chunks_exact_mut(width)) {
                    lanes.zip(first.row(k), &from.row(k)[..lanes.len()], &mut row[..lanes.len()], |s, j, _| s * j);
                }
            },
        );
    }

    /// The same where second order begins, out of place: `S ← σ'' J²`, `J ← σ' J` of one unit.
    pub(crate) fn begin<T: Scalar>(unit: usize, slopes: Slopes<'_, T>, lanes: Lanes, from: &[T], row: &mut [T]) {
        vectorized(
            #[inline(always)]
            || {
                let (first_order, second_order) = row.split_at_mut(lanes.len());
                lanes.zip(slopes.second.row(unit), from, second_order, |c, j, _| (c * j) * j);
                lanes.zip(slopes.first.row(unit), from, first_order, |s, j, _| s * j);
            },
        );
    }

    /// The same for second order alone; first order stays as it was.
    pub(crate) fn forward_second<T: Scalar>(
        rows: Range<usize>,
        slopes: Slopes<'_, T>,
        lanes: Lanes,
        block: &mut [T],
        width: usize,
    ) {
        vectorized(
            #[inline(always)]
            || {
                for (k, row) in rows.zip(block.chunks_exact_mut(width)) {
                    Self::bend(k, slopes, lanes, row);
                }
            },
        );
    }

    /// Second order of a row, if it has any.
    #[inline(always)]
    fn bend<T: Scalar>(k: usize, slopes: Slopes<'_, T>, lanes: Lanes, row: &mut [T]) {
        let (first_order, second_order) = row.split_at_mut(lanes.len());
        if second_order.is_empty() {
            return;
        }
        let first = slopes.first.row(k);
        if slopes.second.width == 0 {
            lanes.scale(first, second_order, |s, d| s * d);
        } else if second_order.len() == lanes.len() {
            lanes.bend(first, slopes.second.row(k), first_order, second_order);
        } else {
            lanes.scale(first, second_order, |s, d| s * d);
            lanes.add_sums(slopes.second.row(k), first_order, first_order, second_order);
        }
    }

    /// `z̄ += σ' ā`, or `z̄ ← σ' ā`.
    pub(crate) fn reverse<T: Scalar>(
        rows: Range<usize>,
        slopes: Slopes<'_, T>,
        lanes: Lanes,
        adjoint: Rows<'_, T>,
        accum: Accum,
        out: &mut [T],
    ) {
        match accum {
            Accum::Add => Self::send(rows, slopes, lanes, adjoint, out, |s, a, o| a.mul_add(s, o)),
            Accum::Replace => Self::send(rows, slopes, lanes, adjoint, out, |s, a, _| a * s),
        }
    }

    fn send<T: Scalar>(
        rows: Range<usize>,
        slopes: Slopes<'_, T>,
        lanes: Lanes,
        adjoint: Rows<'_, T>,
        out: &mut [T],
        f: impl Fn(T, T, T) -> T + Copy,
    ) {
        vectorized(
            #[inline(always)]
            || {
                if lanes.count == 1 {
                    // Rows are as long as those of the slopes: one long row.
                    let numbers = rows.start * lanes.samples..rows.end * lanes.samples;
                    let terms = slopes.first.data[numbers.clone()].iter().zip(&adjoint.data[numbers]);
                    out.iter_mut().zip(terms).for_each(|(o, (&s, &a))| *o = f(s, a, *o));
                    return;
                }
                for (k, out) in rows.zip(out.chunks_exact_mut(lanes.len())) {
                    lanes.zip(slopes.first.row(k), adjoint.row(k), out, f);
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
