//! Seeds from colors, and recovery as a precomputed gather `values[k] = packed[place[k]]`.

use crate::coloring::Coloring;
use crate::layer::{Lanes, Seeds};
use crate::network::{LayerId, Network};
use crate::pattern::Pattern;
use crate::rows::Rows;
use crate::scalar::Scalar;
use hashbrown::HashMap;
use std::ops::Range;

/// The inputs' colors, cut into blocks of lanes: color `c` is lane `c mod width` of block `c / width`.
#[derive(Clone, Debug)]
pub(crate) struct InputLanes {
    /// For each input layer the color of each unit; `u32::MAX` for a unit that takes no part.
    colors: Vec<Vec<u32>>,
    count: usize,
    width: usize,
    /// For each block and input layer the units in it, ascending.
    members: Vec<Vec<Vec<u32>>>,
}

impl InputLanes {
    /// `colors[j]` is the color of input `j`, `u32::MAX` if it takes no part; `count` colors in all.
    pub(crate) fn new<T: Scalar>(net: &Network<T>, colors: &[u32], count: usize, width: usize) -> Self {
        let mut members = vec![vec![Vec::new(); net.input_layers().len()]; count.div_ceil(width)];
        let mut of_layer = Vec::new();
        let mut rest = colors;
        for (q, &layer) in net.input_layers().iter().enumerate() {
            let (here, after) = rest.split_at(net.layer(layer).units());
            for (unit, &color) in here.iter().enumerate().filter(|&(_, &c)| c != u32::MAX) {
                members[color as usize / width][q].push(unit as u32);
            }
            of_layer.push(here.to_vec());
            rest = after;
        }
        InputLanes { colors: of_layer, count, width, members }
    }

    /// Number of colors, which is the number of lanes in all blocks.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Most lanes in a block.
    pub(crate) fn width(&self) -> usize {
        self.width.min(self.count)
    }

    /// Number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.members.len()
    }

    /// The lanes of a block, for a number of samples.
    pub(crate) fn lanes(&self, block: usize, samples: usize) -> Lanes {
        Lanes { count: self.width.min(self.count - block * self.width), samples }
    }

    /// The seeds of a block on input layer `q`.
    pub(crate) fn seeds(&self, block: usize, samples: usize, q: usize) -> Seeds<'_> {
        Seeds {
            colors: &self.colors[q],
            units: &self.members[block][q],
            first: (block * self.width) as u32,
            lanes: self.lanes(block, samples),
        }
    }

    /// The color of a unit of input layer `q`.
    pub(crate) fn color(&self, q: usize, unit: usize) -> u32 {
        self.colors[q][unit]
    }

    /// The colors of all inputs, in order.
    pub(crate) fn colors(&self) -> impl Iterator<Item = u32> + '_ {
        self.colors.iter().flatten().copied()
    }

    /// Block and lane of a color.
    pub(crate) fn place(&self, color: u32) -> (usize, u32) {
        (color as usize / self.width, color % self.width as u32)
    }
}

/// Colors of the columns that have an entry; the others get `u32::MAX`, and the count is what is left.
pub(crate) fn occupied_colors(pattern: &Pattern, coloring: &Coloring) -> (Vec<u32>, usize) {
    let mut colors = vec![u32::MAX; pattern.cols()];
    for &j in pattern.indices() {
        colors[j as usize] = coloring.color(j as usize);
    }
    let count = colors.iter().filter(|&&c| c != u32::MAX).max().map_or(0, |&c| c as usize + 1);
    (colors, count)
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
    /// Entries of (task, stage, layer) are `reads[start[b]..start[b + 1]]`.
    start: Vec<usize>,
    /// Unit and lane.
    reads: Vec<(u32, u32)>,
    place: Places,
}

/// Where the entries of a pattern are in what the tasks packed.
#[derive(Clone, Debug)]
enum Places {
    /// Task and number of each entry.
    Each(Vec<(u32, u32)>),
    /// Entries of a row that lie as those of many others do.
    Rows(RowPlaces),
}

/// Entry `e` of row `i` is number `first_i + lists[list_i][e]` of what task `task_i` packed.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowPlaces {
    /// Task, first number, list of each row.
    rows: Vec<[u32; 3]>,
    lists: Vec<Vec<u32>>,
    known: HashMap<Vec<u32>, u32>,
    /// If tasks follow each other as the rows do, the first entry of each task.
    follow: Option<Vec<usize>>,
}

impl RowPlaces {
    /// Adds the next row.
    pub(crate) fn push(&mut self, task: usize, first: usize, list: &[u32]) {
        let last = self.rows.last().map_or(0, |row| row[2]);
        let list = if self.lists.get(last as usize).is_some_and(|l| l == list) {
            last
        } else {
            *self.known.entry_ref(list).or_insert_with(|| {
                self.lists.push(list.to_vec());
                self.lists.len() as u32 - 1
            })
        };
        self.rows.push([task as u32, first as u32, list]);
    }

    /// The first entry of each of `tasks` tasks, and the end, if tasks follow each other as the rows do.
    fn follow(&self, tasks: usize) -> Option<Vec<usize>> {
        let (mut first, mut end) = (vec![0], 0);
        for &[task, _, list] in &self.rows {
            let (task, len) = (task as usize, self.lists[list as usize].len());
            if len > 0 {
                if first.len() > task + 1 {
                    return None;
                }
                first.resize(task + 1, end);
                end += len;
            }
        }
        first.resize(tasks + 1, end);
        Some(first)
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
        let mut reads = vec![(0, 0); pattern.nnz()];
        let mut place = Vec::with_capacity(pattern.nnz());
        for (i, j) in entries() {
            let source = source(i, j);
            let at = &mut next[bucket(&source)];
            reads[*at] = (source.unit, source.lane);
            let first = start[source.task * stages * layers.len()];
            place.push((source.task as u32, (*at - first) as u32));
            *at += 1;
        }
        Readout { layers: layers.to_vec(), buckets: stages * layers.len(), start, reads, place: Places::Each(place) }
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
        Readout { layers: Vec::new(), buckets: 1, start, reads: Vec::new(), place: Places::Each(place) }
    }

    /// Of a pattern whose entry `k` is number `place[k].1` of what task `place[k].0` packs, `packed_len` numbers each.
    pub(crate) fn at(place: Vec<(u32, u32)>, tasks: usize, packed_len: usize) -> Self {
        Self::packed_alike(Places::Each(place), tasks, packed_len)
    }

    /// The same with places by rows.
    pub(crate) fn by_rows(mut place: RowPlaces, tasks: usize, packed_len: usize) -> Self {
        place.follow = place.follow(tasks);
        Self::packed_alike(Places::Rows(place), tasks, packed_len)
    }

    fn packed_alike(place: Places, tasks: usize, packed_len: usize) -> Self {
        let start = (0..=tasks).map(|task| task * packed_len).collect();
        Readout { layers: Vec::new(), buckets: 1, start, reads: Vec::new(), place }
    }

    /// Number of an entry of the pattern among those of its task.
    pub(crate) fn place(&self, entry: usize) -> u32 {
        match &self.place {
            Places::Each(place) => place[entry].1,
            Places::Rows(_) => unreachable!("those who place entries themselves have a place for each"),
        }
    }

    /// Of a program that needs none.
    pub(crate) fn none() -> Self {
        Self::packed_alike(Places::Each(Vec::new()), 0, 0)
    }

    /// The first entry of each task, and the end, if tasks follow each other as the entries of the pattern do.
    pub(crate) fn follow(&self) -> Option<&[usize]> {
        match &self.place {
            Places::Rows(places) => places.follow.as_deref(),
            Places::Each(_) => None,
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
            let range = self.start[bucket]..self.start[bucket + 1];
            let block = block(layer);
            let packed = &mut packed[(range.start - first) * samples..];
            for (&(unit, lane), packed) in self.reads[range].iter().zip(packed.chunks_exact_mut(samples)) {
                let at = lane as usize * samples;
                // A block without these lanes has zeros there.
                match block.row(unit as usize).get(at..at + samples) {
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
            Places::Rows(RowPlaces { rows, lists, .. }) => {
                let indptr = pattern.indptr();
                let mut row = indptr.partition_point(|&start| start <= entries.start) - 1;
                let mut done = entries.start;
                while done < entries.end {
                    let end = indptr[row + 1].min(entries.end);
                    let [task, first, list] = rows[row].map(|k| k as usize);
                    let packed = packed(task).get(first * samples + sample..).unwrap_or_default();
                    let list = &lists[list][done - indptr[row]..end - indptr[row]];
                    let values = &mut values[done - entries.start..end - entries.start];
                    for (value, &at) in values.iter_mut().zip(list) {
                        *value = packed[at as usize * samples];
                    }
                    (row, done) = (row + 1, end);
                }
            }
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
            Places::Rows(RowPlaces { rows, lists, .. }) => {
                let [task, first, list] = rows[row].map(|k| k as usize);
                // A row without entries may be packed nowhere.
                let packed = packed(task).get(first * samples + sample..).unwrap_or_default();
                lists[list].iter().map(|&at| &packed[at as usize * samples]).fold(T::zero(), add)
            }
        }
    }

    /// Bytes of the precomputed indices.
    pub(crate) fn bytes(&self) -> u64 {
        let places = match &self.place {
            Places::Each(place) => 8 * place.len(),
            Places::Rows(places) => 12 * places.rows.len() + 8 * places.lists.iter().map(Vec::len).sum::<usize>(),
        };
        (places + 8 * (self.reads.len() + self.start.len())) as u64
    }
}
