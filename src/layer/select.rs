//! The largest of several units: max-pooling, the maximum of operands.

use super::Lanes;
use super::gather::{locate, offsets, readers};
use crate::error::{Result, ensure};
use crate::pattern::Pattern;
use crate::rows::Rows;
use crate::scalar::Scalar;
use crate::sets::{SetId, Sets};
use std::ops::Range;
use std::sync::OnceLock;

/// Unit `k` is the largest of its candidates in the concatenated operands; of equal ones the first.
///
/// Derivatives pass through the selected candidate only; there is no curvature.
#[derive(Clone, Debug)]
pub struct Select {
    /// The candidates of unit `k` are `index[ptr[k]..ptr[k + 1]]`, at least one.
    ptr: Vec<usize>,
    index: Vec<u32>,
    offsets: Vec<usize>,
    readers: OnceLock<Pattern>,
}

impl Select {
    pub(crate) fn new(
        ptr: Vec<usize>,
        index: Vec<u32>,
        operand_units: impl IntoIterator<Item = usize>,
    ) -> Result<Self> {
        let offsets = offsets(operand_units);
        let units = offsets[offsets.len() - 1];
        let proper = ptr.first() == Some(&0) && ptr.last() == Some(&index.len());
        ensure!(proper, Shape, "ptr must rise from 0 to the number of candidates, {}", index.len());
        if let Some(k) = ptr.windows(2).position(|p| p[0] >= p[1]) {
            ensure!(false, Empty, "unit {k} has no candidate");
        }
        if let Some(&i) = index.iter().find(|&&i| i as usize >= units) {
            ensure!(false, OutOfRange, "candidate {i}, but the operands have {units} units");
        }
        Ok(Select { ptr, index, offsets, readers: OnceLock::new() })
    }

    /// The candidates of each unit, as places in the concatenated operands.
    pub fn candidates(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.ptr.windows(2).map(|p| &self.index[p[0]..p[1]])
    }

    pub(crate) fn units(&self) -> usize {
        self.ptr.len() - 1
    }

    /// Operand and unit of a candidate.
    pub(crate) fn chosen(&self, candidate: u32) -> (usize, usize) {
        locate(&self.offsets, candidate as usize)
    }

    fn of(&self, k: usize) -> &[u32] {
        &self.index[self.ptr[k]..self.ptr[k + 1]]
    }

    pub(crate) fn propagate(&self, operands: &[&[SetId]], sets: &mut Sets) -> Vec<SetId> {
        let set = |&i: &u32| {
            let (q, unit) = locate(&self.offsets, i as usize);
            operands[q][unit]
        };
        self.candidates().map(|c| sets.union(c.iter().map(set))).collect()
    }

    /// What each unit of operand `q` reaches through this layer.
    pub(crate) fn influence(&self, own: &[SetId], q: usize, sets: &mut Sets) -> Vec<SetId> {
        let readers = self.readers();
        let range = self.offsets[q]..self.offsets[q + 1];
        range.map(|unit| sets.union(readers.row(unit).iter().map(|&k| own[k as usize]))).collect()
    }

    fn readers(&self) -> &Pattern {
        self.readers.get_or_init(|| readers(self.offsets[self.offsets.len() - 1], self.candidates()))
    }

    pub(crate) fn mark_operand(&self, live: &[bool], q: usize, operand: &mut [bool]) {
        let range = self.offsets[q]..self.offsets[q + 1];
        for (candidates, _) in self.candidates().zip(live).filter(|&(_, &live)| live) {
            for &i in candidates.iter().filter(|&&i| range.contains(&(i as usize))) {
                operand[i as usize - range.start] = true;
            }
        }
    }

    /// The largest candidate of each unit and sample, and which one it is.
    pub(crate) fn value<T: Scalar>(
        &self,
        rows: Range<usize>,
        operands: &[Rows<'_, T>],
        out: &mut [T],
        choice: &mut [u32],
        samples: usize,
    ) {
        let rows = rows.zip(out.chunks_exact_mut(samples).zip(choice.chunks_exact_mut(samples)));
        for (k, (out, choice)) in rows {
            for (c, &i) in self.of(k).iter().enumerate() {
                let (q, unit) = locate(&self.offsets, i as usize);
                for (b, &v) in operands[q].row(unit).iter().enumerate() {
                    // NaN wins, so that it is seen and not lost.
                    if c == 0 || v > out[b] || (v.is_nan() && !out[b].is_nan()) {
                        (out[b], choice[b]) = (v, i);
                    }
                }
            }
        }
    }

    /// The lanes of the selected candidates.
    pub(crate) fn forward<T: Scalar>(
        &self,
        rows: Range<usize>,
        choice: &[u32],
        lanes: Lanes,
        operands: &[Rows<'_, T>],
        out: &mut [T],
        width: usize,
    ) {
        let choice = &choice[rows.start * lanes.samples..rows.end * lanes.samples];
        for (out, choice) in out.chunks_exact_mut(width).zip(choice.chunks_exact(lanes.samples)) {
            for (b, &i) in choice.iter().enumerate() {
                let (q, unit) = locate(&self.offsets, i as usize);
                let from = operands[q].row(unit);
                for lane in (b..width).step_by(lanes.samples) {
                    out[lane] = from.get(lane).copied().unwrap_or(T::zero());
                }
            }
        }
    }

    /// Adds the adjoint of every unit that selected the operand's unit.
    pub(crate) fn reverse<T: Scalar>(
        &self,
        operand: usize,
        rows: Range<usize>,
        choice: &[u32],
        lanes: Lanes,
        adjoint: Rows<'_, T>,
        out: &mut [T],
    ) {
        let start = self.offsets[operand];
        let readers = self.readers();
        for (unit, out) in rows.zip(out.chunks_exact_mut(lanes.len())) {
            for &k in readers.row(start + unit) {
                let choice = &choice[k as usize * lanes.samples..][..lanes.samples];
                let adjoint = adjoint.row(k as usize);
                for (b, _) in choice.iter().enumerate().filter(|&(_, &i)| i as usize == start + unit) {
                    for lane in (b..lanes.len()).step_by(lanes.samples) {
                        out[lane] += adjoint[lane];
                    }
                }
            }
        }
    }
}
