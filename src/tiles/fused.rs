//! Linear layers without a block: what their lanes are wanted for is made of them while they are in registers.
//!
//! Where only a function reads a layer, its lanes are taken times the slopes of that function, or squared and weighed.
//!
//! Exact: nobody else reads the lanes, and each goes through the same operations as if it had been stored between them.
//! Where there is no unit, slopes and weights are zero.

use super::Wanted;
use super::chained;
use super::fans::{Pulled, Way};
use super::fold;
use super::kernel::{Factors, MOST_CHANNELS, Sloped, Squared, Sum};
use super::linear::{InBox, Read};
use super::locals::Local;
use super::offsets::Offset;
use super::push::MANY_CHANNELS;
use super::values::Function;
use super::weights::Units;
use crate::layer::stencil::Weights;
use crate::layer::{Elementwise, Kind};
use crate::network::{LayerId, Network};
use crate::scalar::{Scalar, vectorized_within};
use std::ops::Range;

/// What becomes of a layer's lanes as they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fused {
    /// They are its weights: see [`constant`](super::constant).
    Constant,
    /// Only their squares are wanted, at the inputs.
    Squared,
    /// Only its function's lanes are wanted, of first order alone.
    Sloped,
    /// Only a layer of few channels after its function is wanted: see [`chained`].
    Chained,
}

impl Fused {
    /// Of a layer and of its function, `needed` says whether lanes are wanted, `first` and `second` which.
    pub(super) fn of<T: Scalar>(
        net: &Network<T>,
        locals: &[Option<Local>],
        wanted: Wanted,
        needed: &[bool],
        [first, second]: [&[bool]; 2],
        id: LayerId,
    ) -> Option<Self> {
        let (reader, function) = only_function(net, id)?;
        let (k, r) = (id.index(), reader.index());
        if wanted.is_sums() && function.activation().is_curved() && fold::is_constant(net, locals, id) {
            // A line of weights for each row takes the place of one for each lane.
            let lanes = locals[id.index()].as_ref().map_or(0, |local| local.lanes[0].len());
            return (wanted.rows() <= lanes).then_some(Fused::Constant);
        }
        if !is_pulled(net, locals, id) {
            return None;
        }
        let is_result = !wanted.is_sums() && net.output_layers().contains(&id);
        let is_squared = wanted.is_sums() && function.activation().is_curved();
        if is_squared {
            return (wanted.rows() == 1 && !needed[r]).then_some(Fused::Squared);
        }
        if !needed[r] || !first[k] || !first[r] || second[k] || second[r] || is_result {
            return None;
        }
        let is_chained = chained::is_chained(net, locals, wanted, needed, [id, reader]);
        Some(if is_chained { Fused::Chained } else { Fused::Sloped })
    }
}

/// The only reader of a layer, if that is a function.
fn only_function<T: Scalar>(net: &Network<T>, id: LayerId) -> Option<(LayerId, &Elementwise)> {
    let reader = only_reader(net, id)?;
    if let Kind::Elementwise(function) = net.layer(reader).kind() { Some((reader, function)) } else { None }
}

/// Whether a layer reads one other with the same weights everywhere, for many channels: its sums are pulled.
fn is_pulled<T: Scalar>(net: &Network<T>, locals: &[Option<Local>], id: LayerId) -> bool {
    let (Some(local), Some(linear)) = (&locals[id.index()], net.layer(id).kind().linear()) else { return false };
    net.operands(id).len() == 1
        && linear.across_channels().is_none()
        && matches!(linear.weights(&local.place), Weights::Shared(_))
        && local.fans.iter().all(|fan| fan.channels.len() >= MANY_CHANNELS)
        && local.fans.iter().map(|fan| fan.channels.len()).sum::<usize>() == local.place.channels
}

/// The reader of a layer, if there is one alone.
pub(super) fn only_reader<T: Scalar>(net: &Network<T>, id: LayerId) -> Option<LayerId> {
    let mut readers = net.readers(id).map(|(reader, _)| reader);
    readers.next().filter(|_| readers.next().is_none())
}

impl<T: Scalar> InBox<'_, T> {
    /// The lanes of the function of a linear layer, `out = σ' z`.
    pub(super) fn sloped(&self, id: LayerId, mut function: Function<'_, T>, out: &mut [T], scratch: &mut [T]) {
        let (layer, line) = (self.carried(id), self.frame.line());
        let read = Read { operands: self.net.operands(id), second: false, run: layer.run.clone(), add: false };
        let from = self.source(&read, 0).expect("what is read by a layer with first order has it too");
        let (slopes, scratch) = scratch.split_at_mut(MOST_CHANNELS * line);
        self.groups(id, scratch, |channels, pulled, weights, space| {
            let slopes = &mut slopes[..channels.len() * line];
            let of_channels = slopes.chunks_exact_mut(line).zip(channels.clone());
            of_channels.for_each(|(slopes, channel)| function.write(channel..channel + 1, slopes, &mut []));
            let stride = layer.orders_of(channels.start) * line;
            for (lane, parts) in pulled.lanes.iter().enumerate() {
                let out = &mut out[layer.line(channels.start, lane) * line..];
                let mut sink = Sloped { out, stride, slopes: Factors { numbers: slopes, line } };
                // Of one operand; a lane that reads nothing of it is zero.
                let terms = parts.first().map_or(&[][..], |(_, terms)| &pulled.terms[terms.clone()]);
                let sum = Sum { terms, second: false, from, run: read.run.clone() };
                vectorized_within(
                    #[inline(always)]
                    |registers| sum.shared(registers, weights, channels.len(), space, &mut sink),
                );
            }
        });
        self.clean(layer, read.run, out);
    }

    /// Adds the weighted squares of a linear layer's lanes to the sums at their inputs; of one row.
    pub(super) fn add_squares(&self, id: LayerId, units: Units<'_, T>, sums: &mut [T], scratch: &mut [T]) {
        let (layer, line) = (self.carried(id), self.frame.line());
        let run = self.frame.run(self.frame.tile_at_zero());
        let read = Read { operands: self.net.operands(id), second: false, run, add: false };
        let Some(from) = self.source(&read, 0) else { return };
        let (of_units, scratch) = scratch.split_at_mut(units.space(MOST_CHANNELS) * line);
        self.groups(id, scratch, |channels, pulled, weights, space| {
            let of_units = units.of(channels.clone(), of_units);
            for (lane, parts) in pulled.lanes.iter().enumerate() {
                let Offset { channel, distance } = layer.lanes[channels.start][lane];
                let step = self.frame.step(distance);
                let at = |end: usize| end.checked_add_signed(-step).expect("within the box");
                let run = at(read.run.start)..at(read.run.end);
                let out = &mut sums[channel as usize * line..][..line];
                for (_, terms) in parts {
                    let sum = Sum { terms: &pulled.terms[terms.clone()], second: false, from, run: run.clone() };
                    let mut sink = Squared { out: &mut *out, step, weights: Factors { numbers: of_units, line } };
                    vectorized_within(
                        #[inline(always)]
                        |registers| sum.shared(registers, weights, channels.len(), space, &mut sink),
                    );
                }
            }
        });
    }

    /// Of a layer that is fused, some channels at a time: their numbers, the sums of first order, the weights from those
    /// of the first channel on, and work space.
    pub(super) fn groups(
        &self,
        id: LayerId,
        scratch: &mut [T],
        mut f: impl FnMut(Range<usize>, &Pulled, &[T], &mut [T]),
    ) {
        let (net, layer) = (self.net, self.carried(id));
        let numbers = self.shared_weights(id);
        let constants = self.constants_of(net.operands(id)[0]);
        for fan in &layer.fans {
            let Way::Pull(pulled) = &fan.way else { unreachable!("fused only if pulled") };
            let (arranged, space) = scratch.split_at_mut(fan.numbers());
            let weights = fan.weights(false, numbers, constants, arranged);
            for first in fan.channels.clone().step_by(MOST_CHANNELS) {
                let channels = first..fan.channels.end.min(first + MOST_CHANNELS);
                f(channels, pulled, &weights[first - fan.channels.start..], &mut *space);
            }
        }
    }
}
