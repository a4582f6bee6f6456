//! Recovery as a precomputed gather: `values[k] = packed[place[k]]`.

mod rows;

pub(crate) use rows::RowPlaces;

use crate::network::{LayerId, Network};
use crate::pattern::Pattern;
use crate::rows::Rows;
use crate::scalar::Scalar;
use std::ops::Range;

/// An entry for each task in every row of a diagonal that has entries: of its sums, of which each task makes a part.
pub(crate) fn pattern_of_sums(diagonal: &Pattern, tasks: usize) -> Pattern {
    let row = |i: usize| if diagonal.row(i).is_empty() { 0..0 } else { 0..tasks as u32 };
    Pattern::from_rows(tasks, (0..diagonal.rows()).map(row)).expect("tasks are numbered from zero")
}

/// Which unit of which layer a place among all inputs or outputs is.
pub(crate) fn unit_of<T: Scalar>(net: &Network<T>, layers: &[LayerId]) -> Vec<(u32, u32)> {
    let units = |(q, &layer): (usize, &LayerId)| (0..net.layer(layer).units() as u32).map(move |u| (q as u32, u));
    layers.iter().enumerate().flat_map(units).collect()
}

/// Where an entry of a pattern appears: in which task and stage of it, in which layer's block, unit and lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) task: usize,
    pub(crate) stage: usize,
    /// Which of the layers that are read.
    pub(crate) layer: u32,
    pub(crate) unit: u32,
    pub(crate) lane: u32,
}

/// How the entries of a pattern are read from the blocks of the sweeps.
///
/// Every task packs what it finds into a buffer of its own, so that tasks can run side by side; entry `k` of
/// the pattern is then number `place[k].1` of buffer `place[k].0`.
#[derive(Clone, Debug)]
pub(crate) struct Readout {
    /// Which layers are read.
    layers: Vec<LayerId>,
    /// Stages of a task times layers.
    buckets: usize,
    /// Entries of (task, stage, layer) are numbers `start[b]..start[b + 1]` of all that is packed, task by task.
    start: Vec<usize>,
    /// Those are read by `reads[first_read[b]..first_read[b + 1]]`.
    first_read: Vec<usize>,
    reads: Vec<Read>,
    place: Places,
}

/// Lanes of a unit that lie side by side, and so do their entries.
#[derive(Clone, Copy, Debug)]
struct Read {
    unit: u32,
    lane: u32,
    lanes: u32,
}

/// Where the entries of a pattern are in what the tasks packed.
#[derive(Clone, Debug)]
enum Places {
    /// Task and number of each entry.
    Each(Vec<(u32, u32)>),
    /// Entries that lie side by side, in most rows of a dense pattern: the first entry, its task and number.
    Runs(Vec<(usize, u32, u32)>),
    /// Entries of a row that lie as those of many others do.
    Rows(RowPlaces),
}

impl Places {
    /// In runs, if that takes no more memory.
    fn of(place: Vec<(u32, u32)>) -> Self {
        let begins = |k: usize| k == 0 || place[k] != (place[k - 1].0, place[k - 1].1 + 1);
        let runs = (0..place.len()).filter(|&k| begins(k)).count();
        if runs > place.len() / 2 {
            return Places::Each(place);
        }
        Places::Runs((0..place.len()).filter(|&k| begins(k)).map(|k| (k, place[k].0, place[k].1)).collect())
    }
}

impl Readout {
    /// `source(i, j)` tells where entry `(i, j)` of the pattern appears. Two passes over the pattern.
    pub(crate) fn new(
        pattern: &Pattern,
        layers: &[LayerId],
        tasks: usize,
        stages: usize,
        source: impl Fn(usize, u32) -> Source,
    ) -> Self {
        let bucket = |s: &Source| (s.task * stages + s.stage) * layers.len() + s.layer as usize;
        let entries = || (0..pattern.rows()).flat_map(|i| pattern.row(i).iter().map(move |&j| (i, j)));
        let mut start = vec![0usize; tasks * stages * layers.len() + 1];
        for (i, j) in entries() {
            start[bucket(&source(i, j)) + 1] += 1;
        }
        (1..start.len()).for_each(|b| start[b] += start[b - 1]);
        let mut next = start.clone();
        let mut single = vec![(0, 0); pattern.nnz()];
        let mut place = Vec::with_capacity(pattern.nnz());
        for (i, j) in entries() {
            let source = source(i, j);
            let at = &mut next[bucket(&source)];
            single[*at] = (source.unit, source.lane);
            let first = start[source.task * stages * layers.len()];
            place.push((source.task as u32, (*at - first) as u32));
            *at += 1;
        }
        let (mut reads, mut first_read): (Vec<Read>, _) = (Vec::new(), vec![0]);
        for bucket in start.windows(2) {
            let begin = reads.len();
            for &(unit, lane) in &single[bucket[0]..bucket[1]] {
                match reads[begin..].last_mut() {
                    Some(read) if (read.unit, read.lane + read.lanes) == (unit, lane) => read.lanes += 1,
                    _ => reads.push(Read { unit, lane, lanes: 1 }),
                }
            }
            first_read.push(reads.len());
        }
        reads.shrink_to_fit();
        let (layers, place) = (layers.to_vec(), Places::of(place));
        Readout { buckets: stages * layers.len(), layers, start, first_read, reads, place }
    }

    /// Of a pattern whose entries the tasks put into their packed buffers themselves, in the order of the pattern.
    pub(crate) fn placed(pattern: &Pattern, tasks: usize, task_of: impl Fn(u32) -> usize) -> Self {
        let mut start = vec![0usize; tasks + 1];
        let place = |&j: &u32| {
            let task = task_of(j);
            start[task + 1] += 1;
            (task as u32, start[task + 1] as u32 - 1)
        };
        let place = pattern.indices().iter().map(place).collect();
        (1..start.len()).for_each(|b| start[b] += start[b - 1]);
        Self::packed_by_tasks(start, Places::Each(place))
    }

    /// Of a pattern whose entry `k` is number `place[k].1` of what task `place[k].0` packs, `packed_len` numbers each.
    pub(crate) fn at(place: Vec<(u32, u32)>, tasks: usize, packed_len: usize) -> Self {
        Self::packed_alike(Places::of(place), tasks, packed_len)
    }

    /// The same with places by rows.
    pub(crate) fn by_rows(places: RowPlaces, tasks: usize, packed_len: usize) -> Self {
        Self::packed_alike(Places::Rows(places.of_tasks(tasks)), tasks, packed_len)
    }

    fn packed_alike(place: Places, tasks: usize, packed_len: usize) -> Self {
        Self::packed_by_tasks((0..=tasks).map(|task| task * packed_len).collect(), place)
    }

    fn packed_by_tasks(start: Vec<usize>, place: Places) -> Self {
        Readout { layers: Vec::new(), buckets: 1, start, first_read: Vec::new(), reads: Vec::new(), place }
    }

    /// Number of an entry of the pattern among those of its task.
    pub(crate) fn place(&self, entry: usize) -> u32 {
        match &self.place {
            Places::Each(place) => place[entry].1,
            _ => unreachable!("those who place entries themselves have a place for each"),
        }
    }

    /// Of a program that needs none.
    pub(crate) fn none() -> Self {
        Self::packed_alike(Places::Each(Vec::new()), 0, 0)
    }

    /// The first entry of each task, and the end, if tasks follow each other as the entries of the pattern do.
    pub(crate) fn follow(&self) -> Option<&[usize]> {
        match &self.place {
            Places::Rows(places) => places.follow(),
            Places::Each(_) | Places::Runs(_) => None,
        }
    }

    /// Numbers that a task packs for each sample.
    pub(crate) fn packed_len(&self, task: usize) -> usize {
        self.start[(task + 1) * self.buckets] - self.start[task * self.buckets]
    }

    /// Numbers that all tasks pack for each sample.
    pub(crate) fn packed(&self) -> usize {
        self.start[self.start.len() - 1]
    }

    /// Number of tasks.
    pub(crate) fn tasks(&self) -> usize {
        (self.start.len() - 1) / self.buckets
    }

    /// Packs what one stage of a task finds; `block` gives the lanes of a layer that are read.
    pub(crate) fn pack<'a, T: Scalar>(
        &self,
        task: usize,
        stage: usize,
        samples: usize,
        block: impl Fn(LayerId) -> Rows<'a, T>,
        packed: &mut [T],
    ) {
        let first = self.start[task * self.buckets];
        for (q, &layer) in self.layers.iter().enumerate() {
            let bucket = task * self.buckets + stage * self.layers.len() + q;
            let block = block(layer);
            let mut rest = &mut packed[(self.start[bucket] - first) * samples..];
            for read in &self.reads[self.first_read[bucket]..self.first_read[bucket + 1]] {
                let (at, len) = (read.lane as usize * samples, read.lanes as usize * samples);
                let (packed, after) = rest.split_at_mut(len);
                rest = after;
                // A block without these lanes has zeros there.
                match block.row(read.unit as usize).get(at..at + len) {
                    Some(numbers) => packed.copy_from_slice(numbers),
                    None => packed.fill(T::zero()),
                }
            }
        }
    }

    /// The values of some entries, in the pattern's order, for one sample; `packed(task)` is what a task packed.
    pub(crate) fn unpack<'a, T: Scalar>(
        &self,
        pattern: &Pattern,
        entries: Range<usize>,
        packed: impl Fn(usize) -> &'a [T],
        samples: usize,
        sample: usize,
        values: &mut [T],
    ) {
        match &self.place {
            Places::Each(place) => {
                for (value, &(task, at)) in values.iter_mut().zip(&place[entries]) {
                    *value = packed(task as usize)[at as usize * samples + sample];
                }
            }
            Places::Runs(runs) => {
                for (here, task, at) in side_by_side(runs, entries.clone()) {
                    let values = &mut values[here.start - entries.start..here.end - entries.start];
                    let packed = &packed(task)[at * samples..];
                    if samples == 1 {
                        values.copy_from_slice(&packed[..values.len()]);
                    } else {
                        let numbers = packed.iter().skip(sample).step_by(samples);
                        values.iter_mut().zip(numbers).for_each(|(value, &number)| *value = number);
                    }
                }
            }
            Places::Rows(places) => places.unpack(pattern.indptr(), entries, packed, [samples, sample], values),
        }
    }

    /// The sum of a row's entries, for one sample.
    pub(crate) fn sum<'a, T: Scalar>(
        &self,
        pattern: &Pattern,
        row: usize,
        packed: impl Fn(usize) -> &'a [T],
        samples: usize,
        sample: usize,
    ) -> T {
        let add = |sum, number: &T| sum + *number;
        match &self.place {
            Places::Each(place) => {
                let entries = &place[pattern.indptr()[row]..pattern.indptr()[row + 1]];
                let number = |&(task, at): &(u32, u32)| &packed(task as usize)[at as usize * samples + sample];
                entries.iter().map(number).fold(T::zero(), add)
            }
            Places::Runs(runs) => {
                let entries = pattern.indptr()[row]..pattern.indptr()[row + 1];
                side_by_side(runs, entries).fold(T::zero(), |sum, (here, task, at)| {
                    let numbers = packed(task)[at * samples..].iter().skip(sample).step_by(samples);
                    numbers.take(here.len()).fold(sum, add)
                })
            }
            Places::Rows(places) => places.row(row, packed, [samples, sample]).fold(T::zero(), add),
        }
    }

    /// Bytes of the precomputed indices.
    pub(crate) fn bytes(&self) -> u64 {
        let places = match &self.place {
            Places::Each(place) => 8 * place.len(),
            Places::Runs(runs) => 16 * runs.len(),
            Places::Rows(places) => places.bytes(),
        };
        (places + 12 * self.reads.len() + 8 * (self.start.len() + self.first_read.len())) as u64
    }
}

/// The runs of some entries: entries, task, and number of the first.
fn side_by_side(
    runs: &[(usize, u32, u32)],
    entries: Range<usize>,
) -> impl Iterator<Item = (Range<usize>, usize, usize)> + '_ {
    let mut next = runs.partition_point(|&(first, ..)| first <= entries.start).saturating_sub(1);
    let mut done = entries.start;
    std::iter::from_fn(move || {
        let &(first, task, at) = runs.get(next).filter(|_| done < entries.end)?;
        next += 1;
        let here = done..runs.get(next).map_or(entries.end, |run| run.0.min(entries.end));
        done = here.end;
        let at = at as usize + here.start - first;
        Some((here, task as usize, at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs give what single places give, from any entry to any other, at every sample; and so do their sums.
    #[test]
    fn runs_are_places_side_by_side() {
        let rows = [(0..8).collect(), vec![], (1..7).collect(), vec![0, 7], (0..8).collect()];
        let pattern = Pattern::from_rows(8, rows).unwrap();
        // The columns are cut into blocks of five and three, as tasks have them.
        let mut packed_by = [0, 0];
        let place: Vec<(u32, u32)> = pattern
            .indices()
            .iter()
            .map(|&j| {
                let task = j as usize / 5;
                packed_by[task] += 1;
                (task as u32, packed_by[task] - 1)
            })
            .collect();
        let readout = |place| Readout::packed_alike(place, 2, 16);
        let runs = Places::of(place.clone());
        assert!(matches!(&runs, Places::Runs(runs) if runs.len() == 8));
        let (runs, each) = (readout(runs), readout(Places::Each(place)));
        for samples in [1, 3] {
            let packed: [Vec<f64>; 2] =
                [1.0, 1000.0].map(|first| (0..16 * samples).map(|k| first + k as f64).collect());
            let of = |task: usize| &packed[task][..];
            for sample in 0..samples {
                for start in 0..=pattern.nnz() {
                    for end in start..=pattern.nnz() {
                        let [ours, expected] = [&runs, &each].map(|readout| {
                            let mut values = vec![0.0; end - start];
                            readout.unpack(&pattern, start..end, of, samples, sample, &mut values);
                            values
                        });
                        assert_eq!(ours, expected, "{start}..{end} of sample {sample}");
                    }
                }
                for row in 0..pattern.rows() {
                    let [ours, expected] =
                        [&runs, &each].map(|readout| readout.sum(&pattern, row, of, samples, sample));
                    assert_eq!(ours, expected, "row {row} of sample {sample}");
                }
            }
        }
    }
}
