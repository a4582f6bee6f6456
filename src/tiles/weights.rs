//! The weights of curved layers' units: `ā σ''` of a function, `2 ā` of a product.
//!
//! Zero where there is no unit, so that lanes may be anything there.

use super::adjoints::{OfHeads, Ready};
use super::kernel::MOST_CHANNELS;
use super::linear::InBox;
use super::values::Known;
use crate::layer::{Kind, Lanes};
use crate::network::LayerId;
use crate::rows::Rows;
use crate::scalar::{Scalar, vectorized};
use std::ops::Range;

/// Numbers for which it does not matter how many lines they are.
const PIECE: usize = 1 << 14;

/// Adjoints, times σ'' of a function or 2 of a product the weights of the units; where they come from.
#[derive(Clone, Copy)]
pub(crate) enum Weighted<'a, T> {
    /// Those of all units of the layers that are summed, a row of all outputs for each.
    Carried(&'a (dyn Fn(LayerId) -> Option<Rows<'a, T>> + Sync)),
    /// Made here, with the values, from those of the heads, which are made for some units as they are needed.
    OfHeads(OfHeads<'a, T>),
}

/// The weights of a curved layer, in a box.
#[derive(Clone, Copy)]
pub(super) struct Units<'a, T> {
    lanes: InBox<'a, T>,
    id: LayerId,
    rows: usize,
    origin: Origin<'a, T>,
}

#[derive(Clone, Copy)]
enum Origin<'a, T> {
    Recorded {
        adjoint: Rows<'a, T>,
        second: Rows<'a, T>,
    },
    /// In place of the adjoints that were made here.
    Made(InBox<'a, T>),
}

impl<'a, T: Scalar> Units<'a, T> {
    /// Those of a layer whose adjoint is known, for so many rows.
    pub(super) fn new<'w: 'a>(
        lanes: InBox<'a, T>,
        id: LayerId,
        rows: usize,
        known: Known<'a, T>,
        weighted: Weighted<'w, T>,
    ) -> Option<Self> {
        let origin = match (known, weighted) {
            (Known::Recorded(tape), Weighted::Carried(adjoint)) => {
                Origin::Recorded { adjoint: adjoint(id)?, second: tape.slopes(id).second }
            }
            (Known::Ready(Ready { adjoints, .. }), _) => {
                adjoints.lines.layers[id.index()].as_ref()?;
                Origin::Made(adjoints)
            }
            _ => unreachable!("sums are made of what is recorded or ready"),
        };
        Some(Units { lanes, id, rows, origin })
    }

    /// Channels that are well taken together: of as many lines as there is work space for, or many of short lines.
    pub(super) fn together(&self) -> usize {
        match self.origin {
            Origin::Recorded { .. } => (MOST_CHANNELS / self.rows).max(1),
            Origin::Made(_) => self.lanes.frame.lines_of(PIECE).max(MOST_CHANNELS),
        }
    }

    /// Lines of work space for so many channels.
    pub(super) fn space(&self, channels: usize) -> usize {
        if let Origin::Recorded { .. } = self.origin { space(channels, self.rows) } else { 0 }
    }

    /// The lines of some channels, `[channel][row][position]`; in the work space unless they are there already.
    pub(super) fn of<'s>(&self, channels: Range<usize>, space: &'s mut [T]) -> &'s [T]
    where
        'a: 's,
    {
        let (line, rows) = (self.lanes.frame.line(), self.rows);
        match self.origin {
            Origin::Made(adjoints) => {
                &adjoints.block(self.id)[channels.start * rows * line..channels.end * rows * line]
            }
            Origin::Recorded { adjoint, second } => {
                let (first_line, space) = space.split_at_mut(line);
                let (second_line, space) = space.split_at_mut(line);
                let InBox { net, frame, around, .. } = self.lanes;
                let place = &self.lanes.carried(net.operands(self.id)[0]).place;
                let is_function = matches!(net.layer(self.id).kind(), Kind::Elementwise(_));
                let space = &mut space[..channels.len() * rows * line];
                for (channel, of_channel) in channels.zip(space.chunks_exact_mut(rows * line)) {
                    let slopes =
                        is_function.then(|| frame.line_of(place, channel, second, 0, around, &mut *second_line));
                    for (row, weights) in of_channel.chunks_exact_mut(line).enumerate() {
                        weights.copy_from_slice(frame.line_of(place, channel, adjoint, row, around, first_line));
                    }
                    weigh(slopes, Lanes { count: rows, samples: line }, of_channel);
                }
                space
            }
        }
    }
}

/// Lines of work space for the weights of so many channels, if adjoints are not made here.
pub(super) const fn space(channels: usize, rows: usize) -> usize {
    2 + channels * rows
}

/// Adjoints of units, in place: times σ'' of a function, a line for all lanes of a channel, or twice those of a product.
pub(super) fn weigh<T: Scalar>(second: Option<&[T]>, lanes: Lanes, adjoint: &mut [T]) {
    vectorized(
        #[inline(always)]
        || match second {
            Some(second) => {
                let channels = adjoint.chunks_exact_mut(lanes.len()).zip(second.chunks_exact(lanes.samples));
                for (adjoint, second) in channels {
                    for adjoint in adjoint.chunks_exact_mut(lanes.samples) {
                        adjoint.iter_mut().zip(second).for_each(|(a, &s)| *a *= s);
                    }
                }
            }
            None => adjoint.iter_mut().for_each(|a| *a += *a),
        },
    );
}
