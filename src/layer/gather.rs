//! Moving units: reshape, transpose, slice, concatenation, padding, depth-to-space are all gathers.

use super::Linear;
use crate::error::{Result, ensure};
use crate::pattern::Pattern;
use crate::rows::{Rows, add};
use crate::scalar::Scalar;
use crate::sets::{EMPTY, SetId, Sets};
use std::ops::Range;
use std::sync::OnceLock;

/// Unit `k` of the result is unit `index[k]` of the concatenated operands, or the constant `fill`.
#[derive(Clone, Debug)]
pub struct Gather<T> {
    index: Vec<u32>,
    fill: T,
    /// Where each operand begins in the concatenation, and its end.
    offsets: Vec<usize>,
    /// For each unit of the concatenation the results it goes to, made when a reverse sweep first asks for it.
    readers: OnceLock<Pattern>,
}

/// The index that stands for the constant.
pub(crate) const FILL: u32 = u32::MAX;

impl<T: Scalar> Gather<T> {
    pub(crate) fn new(index: Vec<u32>, fill: T, operand_units: impl IntoIterator<Item = usize>) -> Result<Self> {
        let offsets = offsets(operand_units);
        let units = offsets[offsets.len() - 1];
        if let Some(k) = index.iter().position(|&i| i != FILL && i as usize >= units) {
            ensure!(false, OutOfRange, "index[{k}] is {}, but the operands have {units} units", index[k]);
        }
        Ok(Gather { index, fill, offsets, readers: OnceLock::new() })
    }

    /// The source of each unit in the concatenated operands; `None` is the constant.
    pub fn index(&self) -> impl ExactSizeIterator<Item = Option<u32>> + '_ {
        self.index.iter().map(|&i| (i != FILL).then_some(i))
    }

    /// The constant.
    pub fn fill(&self) -> T {
        self.fill
    }

    pub(crate) fn cast<U: Scalar>(&self) -> Gather<U> {
        Gather {
            index: self.index.clone(),
            fill: U::from_f64(self.fill.to_f64()),
            offsets: self.offsets.clone(),
            readers: self.readers.clone(),
        }
    }

    pub(crate) fn propagate(&self, operands: &[&[SetId]]) -> Vec<SetId> {
        let set = |&i: &u32| {
            if i == FILL {
                return EMPTY;
            }
            let (q, unit) = locate(&self.offsets, i as usize);
            operands[q][unit]
        };
        self.index.iter().map(set).collect()
    }

    pub(crate) fn mark_operand(&self, live: &[bool], q: usize, operand: &mut [bool]) {
        let range = self.offsets[q]..self.offsets[q + 1];
        for (&i, _) in self.index.iter().zip(live).filter(|&(&i, &live)| live && range.contains(&(i as usize))) {
            operand[i as usize - range.start] = true;
        }
    }

    /// What each unit of operand `q` reaches through this layer.
    pub(crate) fn influence(&self, own: &[SetId], q: usize, sets: &mut Sets) -> Vec<SetId> {
        let readers = self.readers();
        let range = self.offsets[q]..self.offsets[q + 1];
        range.map(|unit| sets.union(readers.row(unit).iter().map(|&k| own[k as usize]))).collect()
    }

    fn readers(&self) -> &Pattern {
        let units = self.offsets[self.offsets.len() - 1];
        self.readers.get_or_init(|| readers(units, self.index.iter().map(std::slice::from_ref)))
    }
}

/// Running sums of the lengths, from 0.
pub(crate) fn offsets(lengths: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut offsets = vec![0];
    offsets.extend(lengths.into_iter().scan(0, |sum, len| {
        *sum += len;
        Some(*sum)
    }));
    offsets
}

/// Operand and unit of a place in the concatenation.
#[inline(always)]
pub(crate) fn locate(offsets: &[usize], index: usize) -> (usize, usize) {
    let mut q = 0;
    while index >= offsets[q + 1] {
        q += 1;
    }
    (q, index - offsets[q])
}

/// The mirror of lists of sources: for each of `units` sources the results that read it.
pub(crate) fn readers<'a>(units: usize, sources: impl Iterator<Item = &'a [u32]>) -> Pattern {
    let valid = |list: &'a [u32]| list.iter().copied().filter(|&i| i != FILL);
    let lists = Pattern::from_rows(units, sources.map(valid)).expect("indices were checked when the layer was made");
    lists.transpose()
}

impl<T: Scalar> Linear<T> for Gather<T> {
    fn forward(&self, rows: Range<usize>, operands: &[Rows<'_, T>], out: &mut [T], width: usize) {
        for (&i, out) in self.index[rows].iter().zip(out.chunks_exact_mut(width)) {
            let from = if i == FILL {
                &[]
            } else {
                let (q, unit) = locate(&self.offsets, i as usize);
                operands[q].row(unit)
            };
            let (lanes, rest) = out.split_at_mut(from.len());
            lanes.copy_from_slice(from);
            rest.fill(T::zero());
        }
    }

    fn add_constant(&self, rows: Range<usize>, out: &mut [T], width: usize) {
        if self.fill == T::zero() {
            return;
        }
        for (&i, out) in self.index[rows].iter().zip(out.chunks_exact_mut(width)) {
            if i == FILL {
                out.fill(self.fill);
            }
        }
    }

    fn reverse(&self, operand: usize, rows: Range<usize>, adjoint: Rows<'_, T>, out: &mut [T]) {
        let start = self.offsets[operand];
        for (unit, out) in rows.zip(out.chunks_exact_mut(adjoint.width)) {
            for &k in self.readers().row(start + unit) {
                add(out, adjoint.row(k as usize));
            }
        }
    }
}
