//! First layers without a block: the lanes of a sum of inputs, `z_c(p) = Σ_δ k_{cδ} x(p + δ)`, are its weights. What is made of
//! them where a function reads it:
//!
//! ```text
//! out[x] += Σ_{c,δ} k_{cδ}² w_c[x − δ]        the weighted squares at the inputs, sums of a line for each channel
//! J_{cδ}[p] = σ'_c[p] k_{cδ}                  the function's lanes
//! ```
//!
//! Exact: an input that is not there has a lane, but no place at which that is added; where there is no unit, weights and
//! slopes are zero.

use super::fans::Way;
use super::kernel::{Stored, Sum};
use super::linear::InBox;
use super::offsets::Offset;
use super::values::Function;
use super::weights::Units;
use crate::network::LayerId;
use crate::scalar::{Scalar, vectorized, vectorized_within};

impl<T: Scalar> InBox<'_, T> {
    /// Adds the weighted squares of a constant layer's lanes to the sums at their inputs, of which there are so many channels.
    pub(super) fn add_constant_squares(
        &self,
        id: LayerId,
        units: Units<'_, T>,
        inputs: usize,
        sums: &mut [T],
        scratch: &mut [T],
    ) {
        let (layer, line) = (self.carried(id), self.frame.line());
        let Offset { channel: first, .. } = self.carried(self.net.operands(id)[0]).lanes[0][0];
        let constants = self.shared_weights(id);
        let run = self.frame.run(self.frame.tile_at_zero());
        let (space, scratch) = scratch.split_at_mut(units.space(layer.place.channels) * line);
        let from = units.of(0..layer.place.channels, space);
        for fan in &layer.fans {
            let Way::Pull(pulled) = &fan.way else { unreachable!("what is sent back is not pushed") };
            let (arranged, space) = scratch.split_at_mut(fan.numbers());
            let squares = fan.weights(false, constants, constants, arranged);
            for (row, parts) in pulled.lanes.iter().enumerate() {
                let out = &mut sums[(row * inputs + first as usize + fan.channels.start) * line..];
                let mut sink = Stored { out, stride: line, accumulate: true };
                for (_, terms) in parts {
                    let sum = Sum { terms: &pulled.terms[terms.clone()], second: false, from, run: run.clone() };
                    vectorized_within(
                        #[inline(always)]
                        |registers| sum.shared(registers, squares, fan.channels.len(), space, &mut sink),
                    );
                }
            }
        }
    }

    /// The lanes of the function of a constant layer, `out = σ' k`, of first order.
    pub(super) fn scaled(&self, id: LayerId, mut function: Function<'_, T>, [out, scratch]: [&mut [T]; 2]) {
        let (layer, line) = (self.carried(id), self.frame.line());
        let constants = self.shared_weights(id);
        let (first, second) = scratch.split_at_mut(line);
        for (channel, places) in layer.constants.iter().enumerate() {
            let out = &mut out[layer.lines[channel] * line..layer.lines[channel + 1] * line];
            let [slopes, _] = function.slopes(channel, first, &mut second[..line]);
            for (out, &place) in out.chunks_exact_mut(line).zip(places) {
                let constant = constants[place as usize];
                vectorized(
                    #[inline(always)]
                    || out.iter_mut().zip(slopes).for_each(|(o, &s)| *o = s * constant),
                );
            }
        }
    }
}
