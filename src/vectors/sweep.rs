//! Carries the rows through the network, and reads results from those of the outputs.

use super::rules::{Row, RowMut, Sums};
use super::{Held, Vectors};
use crate::buffer::Buffer;
use crate::layer::{Connections, Kind};
use crate::network::{LayerId, Network};
use crate::pattern::Pattern;
use crate::scalar::{Scalar, vectorized};
use crate::spread::Spread;
use crate::tape::Tape;
use std::ops::Range;

/// Numbers that are worth another thread.
const PIECE: usize = 1 << 12;

/// What a thread needs.
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    sums: Vec<T>,
    links: Connections<T>,
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Scratch { sums: Vec::new(), links: Connections::new() }
    }
}

impl<T: Scalar> Scratch<T> {
    /// Large enough for a network, and zero.
    pub(crate) fn prepare(&mut self, inputs: usize) {
        self.sums.clear();
        self.sums.resize(2 * inputs, T::zero());
    }
}

/// What is carried, at one point; `lend` lends the scratch of a thread for the time of a call.
#[derive(Clone, Copy)]
pub(crate) struct At<'a, T, L> {
    pub(crate) net: &'a Network<T>,
    pub(crate) tape: &'a Tape<T>,
    pub(crate) spread: Spread,
    pub(crate) lend: L,
}

impl Vectors {
    /// Makes the buffers large enough.
    pub(crate) fn prepare<T: Scalar>(&self, buffers: &mut Vec<Buffer<T>>) {
        self.schedule.prepare(buffers, 1);
    }

    /// Carries the rows of all layers.
    pub(crate) fn sweep<T: Scalar, L>(&self, at: At<'_, T, L>, buffers: &mut Vec<Buffer<T>>)
    where
        L: Fn(&mut dyn FnMut(&mut Scratch<T>)) + Sync + Copy,
    {
        self.prepare(buffers);
        for (id, layer) in at.net.layers() {
            let (Some(held), Some(slot)) = (&self.layers[id.index()], self.schedule.slot(id)) else { continue };
            let mut buffer = std::mem::take(&mut buffers[slot]);
            let (first, rest) = buffer.split_at_mut(if held.parts.first { held.entries() } else { 0 });
            let second = if held.parts.second { &mut rest[..held.entries()] } else { &mut [] };
            match layer.kind() {
                Kind::Input => first.fill(T::one()),
                _ => self.units(at, id, 0..layer.units(), [first, second], buffers),
            }
            buffers[slot] = buffer;
        }
    }

    /// The rows of some units, in halves for as many threads as are there.
    fn units<T: Scalar, L>(
        &self,
        at: At<'_, T, L>,
        id: LayerId,
        units: Range<usize>,
        [first, second]: [&mut [T]; 2],
        buffers: &[Buffer<T>],
    ) where
        L: Fn(&mut dyn FnMut(&mut Scratch<T>)) + Sync + Copy,
    {
        let held = self.held(id);
        if at.spread == Spread::Threads && units.len() > 1 && first.len().max(second.len()) > PIECE {
            let middle = units.start.midpoint(units.end);
            let len = held.start[middle] - held.start[units.start];
            let first = first.split_at_mut(if held.parts.first { len } else { 0 });
            let second = second.split_at_mut(if held.parts.second { len } else { 0 });
            rayon::join(
                || self.units(at, id, units.start..middle, [first.0, second.0], buffers),
                || self.units(at, id, middle..units.end, [first.1, second.1], buffers),
            );
            return;
        }
        (at.lend)(&mut |scratch| {
            vectorized(
                #[inline(always)]
                || self.piece(at.net, at.tape, id, units.clone(), [&mut *first, &mut *second], buffers, scratch),
            );
        });
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "what a layer is made of")]
    fn piece<T: Scalar>(
        &self,
        net: &Network<T>,
        tape: &Tape<T>,
        id: LayerId,
        units: Range<usize>,
        [first, second]: [&mut [T]; 2],
        buffers: &[Buffer<T>],
        scratch: &mut Scratch<T>,
    ) {
        let (held, kind, operands) = (self.held(id), net.layer(id).kind(), net.operands(id));
        let slopes = tape.slopes(id);
        let Scratch { sums, links } = scratch;
        let (sums_first, sums_second) = sums.split_at_mut(net.inputs());
        let mut sums = Sums { first: sums_first, second: sums_second };
        let begin = held.start[units.start];
        for unit in units {
            let range = held.start[unit] - begin..held.start[unit + 1] - begin;
            let part = |has: bool| if has { range.clone() } else { 0..0 };
            let mut row = RowMut {
                set: held.set[unit],
                inputs: self.sets.row(held.set[unit] as usize),
                first: &mut first[part(held.parts.first)],
                second: &mut second[part(held.parts.second)],
            };
            let of = |operand: usize, unit: usize| self.row(operands[operand], unit, buffers);
            match kind {
                Kind::Elementwise(_) => {
                    let bend = slopes.second.data.get(unit).copied().unwrap_or_else(T::zero);
                    row.function([slopes.first.data[unit], bend], of(0, unit));
                }
                Kind::Product => {
                    let value = |q: usize| tape.values(operands[q]).data[unit];
                    row.product([0, 1].map(|q| (value(q), of(q, unit))), &mut sums);
                }
                _ => {
                    links.clear();
                    kind.connections(unit, tape.choice(id), links);
                    let rows = links.iter().map(|&(q, unit, weight)| (weight, of(q as usize, unit as usize)));
                    row.add_up(rows, &mut sums);
                }
            }
        }
    }

    fn held(&self, id: LayerId) -> &Held {
        self.layers[id.index()].as_ref().expect("carried")
    }

    /// The row of a unit; empty if it depends on nothing.
    #[inline(always)]
    fn row<'a, T: Scalar>(&'a self, id: LayerId, unit: usize, buffers: &'a [Buffer<T>]) -> Row<'a, T> {
        let (Some(held), Some(slot)) = (&self.layers[id.index()], self.schedule.slot(id)) else {
            return Row { set: u32::MAX, inputs: &[], first: &[], second: &[] };
        };
        let range = held.start[unit]..held.start[unit + 1];
        let (first, second) = buffers[slot].split_at(if held.parts.first { held.entries() } else { 0 });
        Row {
            set: held.set[unit],
            inputs: self.sets.row(held.set[unit] as usize),
            first: if held.parts.first { &first[range.clone()] } else { &[] },
            second: if held.parts.second { &second[range] } else { &[] },
        }
    }

    /// The entries of a pattern, out of the outputs' rows: of first order, or of second. `buffers` are those of a sweep.
    pub(crate) fn read<T: Scalar>(
        &self,
        net: &Network<T>,
        buffers: &[Buffer<T>],
        second: bool,
        pattern: &Pattern,
        values: &mut [T],
    ) {
        let units = net.output_layers().iter().flat_map(|&id| (0..net.layer(id).units()).map(move |unit| (id, unit)));
        let mut rest = values;
        for (i, (id, unit)) in units.enumerate() {
            let wanted = pattern.row(i);
            let (values, after) = rest.split_at_mut(wanted.len());
            rest = after;
            let row = self.row(id, unit, buffers);
            let numbers = if second { row.second } else { row.first };
            if numbers.is_empty() {
                values.fill(T::zero());
            } else if numbers.len() == values.len() {
                values.copy_from_slice(numbers);
            } else {
                // A subset of the row's inputs, in the same order.
                let mut entries = row.inputs.iter().zip(numbers);
                for (value, j) in values.iter_mut().zip(wanted) {
                    *value = *entries.find(|&(input, _)| input == j).expect("an output sees what it depends on").1;
                }
            }
        }
    }

    /// The sum of every output's second-order row. `buffers` are those of a sweep.
    pub(crate) fn sums<T: Scalar>(&self, net: &Network<T>, buffers: &[Buffer<T>], sums: &mut [T]) {
        let units = net.output_layers().iter().flat_map(|&id| (0..net.layer(id).units()).map(move |unit| (id, unit)));
        for (sum, (id, unit)) in sums.iter_mut().zip(units) {
            *sum = self.row(id, unit, buffers).second.iter().fold(T::zero(), |sum, &s| sum + s);
        }
    }
}
