//! The terms of curved layers at the inputs of a tile: `out[x] += Σ_k w_k · (∂z_k/∂x)²`, over all units k that see x.

use super::Tiles;
use super::linear::InBox;
use super::lines::Carried;
use crate::layer::Kind;
use crate::layer::stencil::minus;
use crate::network::LayerId;
use crate::rows::Rows;
use crate::scalar::{Scalar, vectorized};
use crate::tape::Tape;
use std::ops::Range;

/// The weights of the units: adjoints of all rows, times σ'' of a function or 2 of a product.
#[derive(Clone, Copy)]
pub(crate) struct Weighted<'a, T> {
    pub(crate) tape: &'a Tape<T>,
    pub(crate) rows: usize,
    pub(crate) adjoint: &'a (dyn Fn(LayerId) -> Option<Rows<'a, T>> + Sync),
}

impl Tiles {
    pub(super) fn add_squares<T: Scalar>(
        &self,
        lanes_in: InBox<'_, T>,
        id: LayerId,
        weighted: Weighted<'_, T>,
        sums: &mut [T],
        scratch: &mut [T],
    ) {
        let Some(adjoint) = (weighted.adjoint)(id) else { return };
        let InBox { net, around, .. } = lanes_in;
        let operands = net.operands(id);
        let [a, b] = [operands[0], operands[operands.len() - 1]].map(|o| (lanes_in.carried(o), lanes_in.block(o)));
        let place = &a.0.place;
        // The layer lies where its first operand does.
        let shift = minus(b.0.place.origin, place.origin);
        let line = self.frame.line();
        let (weights, rest) = scratch.split_at_mut(line);
        let (second, rest) = rest.split_at_mut(line);
        let third = &mut rest[..line];
        let run = self.frame.run(self.frame.tile_at_zero());
        let channels = self.input_channels(net);
        for channel in 0..place.channels {
            let lanes = &a.0.lanes[channel];
            if lanes.is_empty() || b.0.lanes[channel].is_empty() {
                continue;
            }
            let is_function = matches!(net.layer(id).kind(), Kind::Elementwise(_));
            let slopes = weighted.tape.slopes(id).second;
            let second = if is_function { self.frame.line_of(place, channel, slopes, 0, around, second) } else { &[] };
            for row in 0..weighted.rows {
                let adjoint = self.frame.line_of(place, channel, adjoint, row, around, third);
                vectorized(
                    #[inline(always)]
                    || {
                        let terms = weights.iter_mut().zip(adjoint);
                        if is_function {
                            terms.zip(second).for_each(|((w, &a), &s)| *w = a * s);
                        } else {
                            terms.for_each(|(w, &a)| *w = a + a);
                        }
                    },
                );
                for (at, &lane) in lanes.iter().enumerate() {
                    let Ok(other) = b.0.lanes[channel].binary_search(&lane.seen_from(shift, self.frame.wrapped()))
                    else {
                        continue;
                    };
                    let out = &mut sums[(row * channels + lane.channel as usize) * line..][..line];
                    let step = self.frame.step(lane.distance);
                    let read = |numbers: &[T], more: isize| {
                        let start = run.start.checked_add_signed(more - step).expect("within the box");
                        start..start + run.len().min(numbers.len() - start)
                    };
                    let left = line_of(a, channel, at, line);
                    let right = line_of(b, channel, other, line);
                    let weights = &weights[read(weights, 0)];
                    let left = &left[read(left, 0)];
                    let right = &right[read(right, self.frame.step(shift))];
                    add(weights, left, right, &mut out[run.clone()]);
                }
            }
        }
    }
}

fn line_of<'a, T>((layer, block): (&Carried, &'a [T]), channel: usize, lane: usize, line: usize) -> &'a [T] {
    let numbers: Range<usize> = layer.line(channel, lane) * line..(layer.line(channel, lane) + 1) * line;
    &block[numbers]
}

/// `out += w a b`.
fn add<T: Scalar>(weights: &[T], a: &[T], b: &[T], out: &mut [T]) {
    vectorized(
        #[inline(always)]
        || {
            for (out, (&w, (&a, &b))) in out.iter_mut().zip(weights.iter().zip(a.iter().zip(b))) {
                *out = (w * a).mul_add(b, *out);
            }
        },
    );
}
