//! Dependency sets: which inputs a unit depends on, each distinct set kept once.
//!
//! All channels of a pixel and all units of a dense layer depend on the same inputs, so units refer to sets
//! by number. A set is a sorted list of disjoint runs `[start, end)`: the window of a one-dimensional
//! convolution is one run, that of a two-dimensional one a run for each of its rows, everything is one run.

use hashbrown::HashTable;

/// Number of a set in its [`Sets`].
pub(crate) type SetId = u32;

/// The set without members; every [`Sets`] has it.
pub(crate) const EMPTY: SetId = 0;

/// A run of consecutive members, `start..end`.
pub(crate) type Run = (u32, u32);

/// Distinct sets of inputs, interned.
#[derive(Clone, Debug)]
pub(crate) struct Sets {
    /// Set `id` is `runs[starts[id]..starts[id + 1]]`.
    starts: Vec<usize>,
    runs: Vec<Run>,
    table: HashTable<SetId>,
    ids: Vec<SetId>,
    merged: Vec<Run>,
    max_runs: usize,
    overflowed: bool,
}

impl Sets {
    /// Only the empty set so far; at most `max_bytes` will be spent on runs.
    pub(crate) fn new(max_bytes: u64) -> Self {
        Sets {
            starts: vec![0, 0],
            runs: Vec::new(),
            table: HashTable::new(),
            ids: Vec::new(),
            merged: Vec::new(),
            max_runs: usize::try_from(max_bytes / size_of::<Run>() as u64).unwrap_or(usize::MAX),
            overflowed: false,
        }
    }

    /// Whether a union was refused because the memory allowed is used up; sets made since then are wrong.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// The set of one input.
    pub(crate) fn singleton(&mut self, input: u32) -> SetId {
        self.merged.clear();
        self.merged.push((input, input + 1));
        self.intern()
    }

    /// The union of any number of sets. O(r log r) for r runs in all.
    pub(crate) fn union(&mut self, of: impl IntoIterator<Item = SetId>) -> SetId {
        self.ids.clear();
        for id in of {
            if id != EMPTY && self.ids.last() != Some(&id) {
                self.ids.push(id);
            }
        }
        if self.ids.len() > 1 {
            self.ids.sort_unstable();
            self.ids.dedup();
        }
        match self.ids[..] {
            [] => return EMPTY,
            [id] => return id,
            _ => {}
        }
        self.merged.clear();
        for &id in &self.ids {
            let range = self.starts[id as usize]..self.starts[id as usize + 1];
            self.merged.extend_from_slice(&self.runs[range]);
        }
        coalesce(&mut self.merged);
        self.intern()
    }

    /// Members of both sets.
    pub(crate) fn intersection(&mut self, a: SetId, b: SetId) -> SetId {
        if a == b {
            return a;
        }
        self.merged.clear();
        let (mut x, mut y) = (self.starts[a as usize], self.starts[b as usize]);
        let (x_end, y_end) = (self.starts[a as usize + 1], self.starts[b as usize + 1]);
        while x < x_end && y < y_end {
            let (p, q) = (self.runs[x], self.runs[y]);
            let (start, end) = (p.0.max(q.0), p.1.min(q.1));
            if start < end {
                self.merged.push((start, end));
            }
            if p.1 <= q.1 {
                x += 1;
            } else {
                y += 1;
            }
        }
        self.intern()
    }

    /// Number of members. O(runs).
    pub(crate) fn len(&self, id: SetId) -> usize {
        self.runs(id).iter().map(|&(start, end)| (end - start) as usize).sum()
    }

    /// The members, ascending.
    pub(crate) fn members(&self, id: SetId) -> impl Iterator<Item = u32> + '_ {
        self.runs(id).iter().flat_map(|&(start, end)| start..end)
    }

    /// Number of distinct sets, the empty one included.
    pub(crate) fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// The union of sets as runs, without making it one of the sets.
    pub(crate) fn merge_into(&self, of: &[SetId], merged: &mut Vec<Run>) {
        merged.clear();
        of.iter().for_each(|&id| merged.extend_from_slice(self.runs(id)));
        coalesce(merged);
    }

    /// The runs of members, ascending.
    pub(crate) fn runs(&self, id: SetId) -> &[Run] {
        &self.runs[self.starts[id as usize]..self.starts[id as usize + 1]]
    }

    /// The number of the set in `merged`, new or known.
    fn intern(&mut self) -> SetId {
        if self.merged.is_empty() {
            return EMPTY;
        }
        let Sets { starts, runs, table, merged, .. } = self;
        let of = |id: SetId| &runs[starts[id as usize]..starts[id as usize + 1]];
        let hash = hash(merged);
        if let Some(&id) = table.find(hash, |&id| of(id) == merged.as_slice()) {
            return id;
        }
        if runs.len() + merged.len() > self.max_runs || starts.len() > SetId::MAX as usize {
            self.overflowed = true;
            return EMPTY;
        }
        let id = (starts.len() - 1) as SetId;
        table.insert_unique(hash, id, |&id| self::hash(of(id)));
        runs.extend_from_slice(merged);
        starts.push(runs.len());
        id
    }
}

/// Sorts runs and joins those that touch.
fn coalesce(runs: &mut Vec<Run>) {
    runs.sort_unstable();
    let mut kept = 0;
    for k in 0..runs.len() {
        let (start, end) = runs[k];
        if kept > 0 && start <= runs[kept - 1].1 {
            runs[kept - 1].1 = runs[kept - 1].1.max(end);
        } else {
            runs[kept] = (start, end);
            kept += 1;
        }
    }
    runs.truncate(kept);
}

/// The shape of a set is mixed well; where it begins moves it by a few places only.
///
/// The sets of a convolution have one shape and begin one after the other, so they are looked up next to each other:
/// with millions of them, a random place each would cost a miss of the cache each. The sets come from structure, and a
/// collision costs time, never correctness.
fn hash(runs: &[Run]) -> u64 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    // The table takes its tags from the bits on top, and the place from those at the bottom.
    const TAG: u64 = 0x7f << 57;
    let first = runs[0].0;
    let word = |(start, end): Run| (u64::from(start - first) << 32) | u64::from(end - first);
    let shape = runs.iter().fold(runs.len() as u64, |h, &run| (h.rotate_left(5) ^ word(run)).wrapping_mul(MIX));
    let place = (shape ^ (shape >> 29)).wrapping_add(5 * u64::from(first));
    let tag = shape ^ u64::from(first).wrapping_mul(MIX);
    (place & !TAG) | (tag & TAG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn unions_and_intersections_are_those_of_ordered_sets() {
        let mut sets = Sets::new(1 << 20);
        let single: Vec<SetId> = (0..40).map(|j| sets.singleton(j)).collect();
        let pick = |k: u32| (0..40u32).filter(move |j| (j * j + k * j) % 7 < 3 + k % 3).collect::<BTreeSet<_>>();
        for (p, q) in [(0, 1), (2, 5), (3, 3), (4, 9)] {
            let a = sets.union(pick(p).iter().map(|&j| single[j as usize]));
            let b = sets.union(pick(q).iter().rev().map(|&j| single[j as usize]));
            let union = sets.union([a, b]);
            let meet = sets.intersection(a, b);
            assert!(sets.members(union).eq(pick(p).union(&pick(q)).copied()));
            assert!(sets.members(meet).eq(pick(p).intersection(&pick(q)).copied()));
            assert_eq!(sets.union([b, EMPTY, a]), union, "equal sets have one number");
            assert_eq!(sets.len(union), pick(p).union(&pick(q)).count());
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut sets = Sets::new(16);
        let a = sets.singleton(0);
        let b = sets.singleton(5);
        assert!(!sets.overflowed());
        sets.union([a, b]);
        assert!(sets.overflowed());
    }
}
