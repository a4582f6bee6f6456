//! Tangents beside the values: blocks `[J | v]`, so that a layer makes both with one reading of its weights.
//!
//! Exact as the two sweeps are that it joins: values obey the linear rules of tangents, but for the constants; functions are
//! evaluated where values are recorded, and have their slopes ready for the tangents.

use super::{Forward, Second, is_seeded};
use crate::buffer::Buffer;
use crate::layer::{Lanes, Seeds};
use crate::network::{LayerId, Network};
use crate::scalar::Scalar;
use crate::spread::Spread;
use crate::tape::{Companion, Pass, Tape};

/// A sweep of one block of lanes that goes along with the value pass.
pub(crate) struct Recorder<'a, T, S> {
    forward: &'a Forward,
    net: &'a Network<T>,
    lanes: Lanes,
    spread: Spread,
    seeds: S,
    buffers: &'a mut Vec<Buffer<T>>,
}

impl<'a, 's, T: Scalar, S: Fn(usize) -> Seeds<'s, T> + Copy + Sync> Recorder<'a, T, S> {
    /// `seeds(q)` are those of input layer `q`; what the sweep keeps is in the buffers when the tape is recorded.
    pub(crate) fn new(
        forward: &'a Forward,
        net: &'a Network<T>,
        lanes: Lanes,
        spread: Spread,
        seeds: S,
        buffers: &'a mut Vec<Buffer<T>>,
    ) -> Self {
        debug_assert!(forward.second == Second::Values);
        forward.prepare(buffers, forward.lanes(lanes.count) * lanes.samples);
        Recorder { forward, net, lanes, spread, seeds, buffers }
    }

    /// Whether a linear layer is made of blocks that all have values, and not of the seeds.
    fn makes_values(&self, id: LayerId) -> bool {
        let is_made = |id: LayerId| self.forward.schedule.slot(id).is_some();
        is_made(id) && !is_seeded(self.net, id) && self.net.operands(id).iter().all(|&o| is_made(o))
    }

    fn step(&mut self, id: LayerId, tape: &Tape<T>) {
        let pass = Pass { net: self.net, tape, lanes: self.lanes, spread: self.spread };
        self.forward.step(pass, self.seeds, id, self.buffers, &mut |_, _, _| ());
    }

    /// Rows of a layer, with their values.
    fn rows(&mut self, id: LayerId) -> impl Iterator<Item = (usize, &mut [T])> {
        let slot = self.forward.schedule.slot(id).expect("a layer with a block");
        let (width, lanes) = (self.forward.width(id, self.lanes), self.lanes.len());
        let units = self.net.layer(id).units();
        self.buffers[slot][..units * width].chunks_exact_mut(width).map(move |row| &mut row[lanes..]).enumerate()
    }
}

impl<'s, T: Scalar, S: Fn(usize) -> Seeds<'s, T> + Copy + Sync> Companion<T> for Recorder<'_, T, S> {
    fn values(&mut self, id: LayerId, tape: &Tape<T>, values: &mut [T]) -> bool {
        if !self.makes_values(id) {
            return false;
        }
        self.step(id, tape);
        let samples = self.lanes.samples;
        self.rows(id).for_each(|(k, row)| values[k * samples..][..samples].copy_from_slice(row));
        true
    }

    fn follow(&mut self, id: LayerId, tape: &Tape<T>) {
        if self.forward.schedule.slot(id).is_none() {
            return;
        }
        let is_linear = |id: LayerId| self.net.layer(id).kind().linear().is_some();
        if !(is_linear(id) && self.makes_values(id)) {
            self.step(id, tape);
        }
        // Nobody else reads values here.
        if self.net.readers(id).any(|(reader, _)| is_linear(reader)) {
            let values = tape.values(id);
            self.rows(id).for_each(|(k, row)| row.copy_from_slice(values.row(k)));
        }
    }
}
