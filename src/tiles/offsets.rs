//! Lanes by offset: which inputs a unit depends on, told by their distance from the unit.

use super::frame::shortest;
use crate::layer::stencil::{AXES, Fan, Position, minus, plus};
use std::collections::HashMap;
use std::sync::Arc;

/// One input: its channel among those of all input layers, and its distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Offset {
    pub(super) channel: u32,
    pub(super) distance: Position,
}

/// The lanes of a channel, ascending; channels with the same share the list.
pub(super) type Lanes = Arc<Vec<Offset>>;

impl Offset {
    /// The same input, seen from a unit at a distance from this one.
    pub(super) fn seen_at(self, shift: Position, wrapped: [usize; AXES]) -> Offset {
        Offset { distance: shortest(plus(self.distance, shift), wrapped), ..self }
    }

    /// The same input, seen from the unit that is read at a distance.
    pub(super) fn seen_from(self, shift: Position, wrapped: [usize; AXES]) -> Offset {
        Offset { distance: shortest(minus(self.distance, shift), wrapped), ..self }
    }
}

/// A list of lanes once, whoever has it.
#[derive(Default)]
pub(super) struct Interned(HashMap<Vec<Offset>, Lanes>);

impl Interned {
    pub(super) fn list(&mut self, mut lanes: Vec<Offset>) -> Lanes {
        lanes.sort_unstable();
        lanes.dedup();
        self.0.entry(lanes).or_insert_with_key(|lanes| Arc::new(lanes.clone())).clone()
    }

    /// The lanes of a fan's channels: all that it reads, seen from there. `of(operand, channel)` are those that it reads.
    ///
    /// `None` if there are more than `most`.
    pub(super) fn fan<'a>(
        &mut self,
        fan: &Fan,
        of: impl Fn(usize, usize) -> &'a Lanes,
        wrapped: [usize; AXES],
        most: usize,
    ) -> Option<Lanes> {
        // Many links read channels with the same list at the same distance.
        let mut read: Vec<(&Lanes, Position)> = Vec::new();
        for link in &fan.links {
            let lanes = of(link.operand, link.channel);
            if !read.iter().any(|(other, shift)| Arc::ptr_eq(other, lanes) && *shift == link.shift) {
                read.push((lanes, link.shift));
            }
        }
        let mut all = Vec::new();
        for (lanes, shift) in read {
            all.extend(lanes.iter().map(|lane| lane.seen_at(shift, wrapped)));
            if all.len() > 4 * most {
                all.sort_unstable();
                all.dedup();
                if all.len() > most {
                    return None;
                }
            }
        }
        let lanes = self.list(all);
        (lanes.len() <= most).then_some(lanes)
    }
}
