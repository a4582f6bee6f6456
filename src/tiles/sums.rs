//! The terms of curved layers at the inputs of a tile: `out[x] += Σ_k w_k · (∂z_k/∂x)²`, over all units k that see x.

use super::Tiles;
use super::adjoints::Ready;
use super::linear::InBox;
use super::lines::Carried;
use super::values::Known;
use crate::layer::Kind;
use crate::layer::stencil::minus;
use crate::network::LayerId;
use crate::rows::Rows;
use crate::scalar::{Scalar, vectorized};
use std::ops::Range;

/// Adjoints, times σ'' of a function or 2 of a product the weights of the units.
#[derive(Clone, Copy)]
pub(crate) struct Weighted<'a, T> {
    /// Outputs.
    pub(crate) rows: usize,
    /// Those of the curved layers that are summed, where values are recorded; of the [heads](Tiles::heads), where they
    /// are made.
    pub(crate) adjoint: &'a (dyn Fn(LayerId) -> Option<Rows<'a, T>> + Sync),
}

impl Tiles {
    pub(super) fn add_squares<T: Scalar>(
        &self,
        lanes_in: InBox<'_, T>,
        id: LayerId,
        known: Known<'_, T>,
        weighted: Weighted<'_, T>,
        sums: &mut [T],
        scratch: &mut [T],
    ) {
        let InBox { net, around, .. } = lanes_in;
        let units = match known {
            Known::Recorded(tape) => {
                let Some(adjoint) = (weighted.adjoint)(id) else { return };
                Units::Recorded { adjoint, second: tape.slopes(id).second }
            }
            Known::Ready(ready) if ready.adjoints.lines.layers[id.index()].is_some() => Units::Ready(ready),
            Known::Ready(_) => return,
            Known::Made(..) => unreachable!("sums are made of what is recorded or ready"),
        };
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
            let second = match units {
                _ if !is_function => &[],
                Units::Recorded { second: slopes, .. } => {
                    self.frame.line_of(place, channel, slopes, 0, around, second)
                }
                Units::Ready(ready) => ready.slopes.line(id, channel, 0, true),
            };
            for row in 0..weighted.rows {
                let adjoint = match units {
                    Units::Recorded { adjoint, .. } => {
                        self.frame.line_of(place, channel, adjoint, row, around, third)
                    }
                    Units::Ready(ready) => ready.adjoints.line(id, channel, row, false),
                };
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

/// Adjoints and σ'' of a curved layer's units.
#[derive(Clone, Copy)]
enum Units<'a, T> {
    Recorded { adjoint: Rows<'a, T>, second: Rows<'a, T> },
    Ready(Ready<'a, T>),
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
