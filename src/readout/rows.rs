//! Places of entries row by row, where most rows lie as the one before does.

use crate::scalar::{Scalar, vectorized};
use hashbrown::HashMap;
use std::ops::Range;

/// Entry `e` of row `i` is number `first_i + lists[list_i][e]` of what task `task_i` packed.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowPlaces {
    runs: Vec<Run>,
    rows: usize,
    lists: Vec<Vec<u32>>,
    known: HashMap<Vec<u32>, u32>,
    /// If tasks follow each other as the rows do, the first entry of each task.
    follow: Option<Vec<usize>>,
}

/// Rows that lie alike, each one number further on than the one before.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// The first row, and its first number.
    row: usize,
    first: u32,
    task: u32,
    list: u32,
}

impl RowPlaces {
    /// Adds the next row.
    pub(crate) fn push(&mut self, task: usize, first: usize, list: &[u32]) {
        let last = self.runs.last().map_or(0, |run| run.list);
        let list = if self.lists.get(last as usize).is_some_and(|l| l == list) {
            last
        } else {
            *self.known.entry_ref(list).or_insert_with(|| {
                self.lists.push(list.to_vec());
                self.lists.len() as u32 - 1
            })
        };
        let row = self.rows;
        let goes_on = |run: &Run| (run.task as usize, run.number(row), run.list) == (task, first, list);
        if !self.runs.last().is_some_and(goes_on) {
            self.runs.push(Run { row, first: first as u32, task: task as u32, list });
        }
        self.rows += 1;
    }

    /// Knows then whether so many tasks follow each other as the rows do.
    pub(super) fn of_tasks(self, tasks: usize) -> Self {
        let follow = self.first_of_tasks(tasks);
        RowPlaces { follow, ..self }
    }

    fn first_of_tasks(&self, tasks: usize) -> Option<Vec<usize>> {
        let (mut first, mut end) = (vec![0], 0);
        for (at, run) in self.runs.iter().enumerate() {
            let (task, len) = (run.task as usize, self.lists[run.list as usize].len());
            if len > 0 {
                if first.len() > task + 1 {
                    return None;
                }
                first.resize(task + 1, end);
                end += len * (self.end(at) - run.row);
            }
        }
        first.resize(tasks + 1, end);
        Some(first)
    }

    /// The first entry of each task, and the end, if tasks follow each other as the rows do.
    pub(super) fn follow(&self) -> Option<&[usize]> {
        self.follow.as_deref()
    }

    /// The row after a run.
    fn end(&self, run: usize) -> usize {
        self.runs.get(run + 1).map_or(self.rows, |next| next.row)
    }

    /// The run of a row.
    fn run_of(&self, row: usize) -> usize {
        self.runs.partition_point(|run| run.row <= row) - 1
    }

    /// The values of some entries, in order, for one sample; `indptr` are the first entries of the rows, and
    /// `packed(task)` is what a task packed.
    pub(super) fn unpack<'a, T: Scalar>(
        &self,
        indptr: &[usize],
        entries: Range<usize>,
        packed: impl Fn(usize) -> &'a [T],
        [samples, sample]: [usize; 2],
        values: &mut [T],
    ) {
        let mut row = indptr.partition_point(|&start| start <= entries.start) - 1;
        let mut at = self.run_of(row);
        let mut done = entries.start;
        while done < entries.end {
            let (run, end) = (self.runs[at], self.end(at));
            let list = &self.lists[run.list as usize];
            // A row without entries may be packed nowhere.
            let packed = packed(run.task as usize).get(run.number(row) * samples + sample..).unwrap_or_default();
            let whole = if done == indptr[row] { (end - row).min((entries.end - done) / list.len().max(1)) } else { 0 };
            let here;
            if samples == 1 && whole > 1 && !list.is_empty() {
                let values = &mut values[done - entries.start..][..whole * list.len()];
                vectorized(
                    #[inline(always)]
                    || transpose(packed, list, values),
                );
                (here, row) = (values.len(), row + whole);
            } else {
                let list = &list[done - indptr[row]..indptr[row + 1].min(entries.end) - indptr[row]];
                let values = &mut values[done - entries.start..][..list.len()];
                values.iter_mut().zip(list).for_each(|(value, &at)| *value = packed[at as usize * samples]);
                (here, row) = (values.len(), row + 1);
            }
            done += here;
            at += usize::from(row == end);
        }
    }

    /// The numbers of a row's entries, for one sample.
    pub(super) fn row<'a, T: Scalar>(
        &self,
        row: usize,
        packed: impl Fn(usize) -> &'a [T],
        [samples, sample]: [usize; 2],
    ) -> impl Iterator<Item = &'a T> {
        let run = self.runs[self.run_of(row)];
        let packed = packed(run.task as usize).get(run.number(row) * samples + sample..).unwrap_or_default();
        self.lists[run.list as usize].iter().map(move |&at| &packed[at as usize * samples])
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Run>() * self.runs.len() + 8 * self.lists.iter().map(Vec::len).sum::<usize>()
    }
}

impl Run {
    /// The first number of one of its rows.
    fn number(&self, row: usize) -> usize {
        self.first as usize + row - self.row
    }
}

/// Rows side by side of what is packed entry by entry: number `r` after place `list[e]` is entry `e` of row `r`. Four
/// entries of many rows are woven together first, which is done in whole vectors; then each row's go to their place. Fewer
/// than four are copied one by one.
#[inline(always)]
fn transpose<T: Scalar>(packed: &[T], list: &[u32], values: &mut [T]) {
    const ROWS: usize = 64;
    if list.len() < 4 {
        for (e, &place) in list.iter().enumerate() {
            let values = values[e..].iter_mut().step_by(list.len());
            values.zip(&packed[place as usize..]).for_each(|(value, &v)| *value = v);
        }
        return;
    }
    let mut woven = [[T::zero(); 4]; ROWS];
    for (block, values) in values.chunks_mut(ROWS * list.len()).enumerate() {
        let rows = values.len() / list.len();
        let line = |e: usize| &packed[list[e] as usize + block * ROWS..][..rows];
        for e in (0..list.len()).step_by(4) {
            // The last four may share entries with the four before.
            let e = e.min(list.len() - 4);
            weave(&mut woven[..rows], [line(e), line(e + 1), line(e + 2), line(e + 3)]);
            for (row, woven) in values.chunks_exact_mut(list.len()).zip(&woven) {
                row[e..e + 4].copy_from_slice(woven);
            }
        }
    }
}

#[inline(always)]
fn weave<T: Scalar>(woven: &mut [[T; 4]], [a, b, c, d]: [&[T]; 4]) {
    let rows = woven.len();
    let (a, b, c, d) = (&a[..rows], &b[..rows], &c[..rows], &d[..rows]);
    for r in 0..rows {
        woven[r] = [a[r], b[r], c[r], d[r]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From any entry to any other, at every sample, rows of all kinds against the formula; and whether tasks follow.
    #[test]
    fn rows_are_where_they_were_put() {
        // Task, first number, and list of some rows: alike, of another list, none, of the task before.
        let lists: [&[u32]; 4] = [&[0, 40, 80, 120, 160], &[40, 0, 9], &[], &[7]];
        let mut rows: Vec<(usize, usize, usize)> = (0..70).map(|k| (0, 3 + k, 0)).collect();
        rows.extend((0..5).map(|_| (1, 0, 2)));
        rows.extend((0..9).map(|k| (1, k, 1)));
        rows.extend([(1, 20, 0), (1, 22, 0), (1, 23, 3), (2, 0, 0)]);
        for last in [2, 0] {
            let mut places = RowPlaces::default();
            let rows: Vec<_> = rows.iter().copied().chain([(last, 9, 3)]).collect();
            rows.iter().for_each(|&(task, first, list)| places.push(task, first, lists[list]));
            let places = places.of_tasks(3);
            let mut indptr = vec![0];
            rows.iter().for_each(|&(.., list)| indptr.push(indptr[indptr.len() - 1] + lists[list].len()));
            let first = |task: usize| indptr[rows.iter().position(|row| row.0 == task && row.2 != 2).unwrap()];
            let expected = (last == 2).then(|| vec![0, first(1), first(2), indptr[rows.len()]]);
            assert_eq!(places.follow(), expected.as_deref());
            for samples in [1, 3] {
                let packed: Vec<Vec<f64>> =
                    (0..3).map(|task| (0..300 * samples).map(|k| (1000 * task + k) as f64).collect()).collect();
                let packed = &packed;
                let of = |task: usize| &packed[task][..];
                for sample in 0..samples {
                    let row = |&(task, first, list): &(usize, usize, usize)| {
                        lists[list].iter().map(move |&at| packed[task][(first + at as usize) * samples + sample])
                    };
                    let exact: Vec<f64> = rows.iter().flat_map(row).collect();
                    for start in 0..exact.len() {
                        for end in start..=exact.len() {
                            let mut values = vec![0.0; end - start];
                            places.unpack(&indptr, start..end, of, [samples, sample], &mut values);
                            assert_eq!(values, exact[start..end], "{start}..{end} of sample {sample}");
                        }
                    }
                    for (i, of_row) in rows.iter().enumerate() {
                        assert!(places.row(i, of, [samples, sample]).copied().eq(row(of_row)), "row {i}");
                    }
                }
            }
        }
    }
}
