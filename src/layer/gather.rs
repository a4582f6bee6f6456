//! Moving units: reshape, transpose, slice, concatenation, padding, depth-to-space are all gathers.

use super::stencil::{AXES, Beyond, Fan, Link, Place, Position, Stencil, Weights, minus, plus};
use super::{Connections, Linear};
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

    /// Whether the units stay in order, all of them, and only get another shape.
    pub(crate) fn is_reshape(&self) -> bool {
        self.offsets == [0, self.index.len()] && self.index.iter().enumerate().all(|(k, &i)| i as usize == k)
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

    fn connections(&self, unit: usize, list: &mut Connections<T>) {
        let index = self.index[unit];
        if index != FILL {
            let (q, from) = locate(&self.offsets, index as usize);
            list.push((q as u32, from as u32, T::one()));
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

    /// If every channel of the result is a channel of an operand, shifted: slices, pads with constants or with the
    /// other end, concatenated channels; or if the units only get another shape.
    fn stencil(&self, operands: &[&Place], shape: &[usize]) -> Option<Stencil> {
        if self.is_reshape() {
            let place = operands[0].clone();
            let link = |channel| Link { operand: 0, channel, shift: [0; AXES], weight: 0 };
            let fans = (0..place.channels).map(|c| Fan { channels: c..c + 1, links: vec![link(c)] }).collect();
            return Some(Stencil { place, fans, beyond: [Beyond::Unread; AXES] });
        }
        let mut place = Place::of_shape(shape)?;
        let positions = place.positions();
        let mut origin = None;
        let mut fans = Vec::new();
        let mut borders = Borders::default();
        for (channel, index) in self.index.chunks_exact(positions).enumerate() {
            let mut links = Vec::new();
            // The middle is far from what is padded.
            let probe = (positions / 2..positions).chain(0..positions / 2).find(|&u| index[u] != FILL);
            if let Some(u) = probe {
                let (q, unit) = locate(&self.offsets, index[u] as usize);
                let (from, at) = operands[q].locate(unit);
                let shift = minus(at, place.locate(u).1);
                borders.check(index, &place, operands[q], from, self.offsets[q], shift)?;
                // The first shift becomes the layer's origin.
                let origin = *origin.get_or_insert(shift);
                links.push(Link { operand: q, channel: from, shift: minus(shift, origin), weight: 0 });
            }
            fans.push(Fan { channels: channel..channel + 1, links });
        }
        place.origin = origin.unwrap_or_default();
        Some(Stencil { place, fans, beyond: borders.beyond()? })
    }

    fn weights(&self, _place: &Place) -> Weights<'_, T> {
        Weights::Ones
    }
}

/// What the channels of a gather read beyond the borders of the operands.
#[derive(Default)]
struct Borders {
    wrapped: [Option<usize>; AXES],
    /// For each constant, on which axes it is beyond.
    filled: Vec<[bool; AXES]>,
}

impl Borders {
    /// Whether unit `u` of a channel reads position `u + shift` of channel `from` of an operand, for all `u`.
    fn check(
        &mut self,
        index: &[u32],
        place: &Place,
        operand: &Place,
        from: usize,
        offset: usize,
        shift: Position,
    ) -> Option<()> {
        let [_, b, c] = operand.shape;
        for (u, &unit) in index.iter().enumerate() {
            let at = minus(plus(place.locate(u).1, shift), operand.origin);
            let within = |axis: usize| at[axis] >= 0 && at[axis] < operand.shape[axis] as i32;
            let beyond: [bool; AXES] = std::array::from_fn(|axis| !within(axis));
            if unit == FILL {
                if beyond == [false; AXES] {
                    return None;
                }
                if !self.filled.contains(&beyond) {
                    self.filled.push(beyond);
                }
                continue;
            }
            let at: [usize; AXES] =
                std::array::from_fn(|axis| at[axis].rem_euclid(operand.shape[axis] as i32) as usize);
            if unit as usize != offset + from * operand.positions() + (at[0] * b + at[1]) * c + at[2] {
                return None;
            }
            for axis in (0..AXES).filter(|&axis| beyond[axis]) {
                if *self.wrapped[axis].get_or_insert(operand.shape[axis]) != operand.shape[axis] {
                    return None;
                }
            }
        }
        Some(())
    }

    /// A constant beyond a wrapped axis only is not there by a rule.
    fn beyond(&self) -> Option<[Beyond; AXES]> {
        let mut result = self.wrapped.map(|w| w.map_or(Beyond::Unread, Beyond::Wrapped));
        for filled in &self.filled {
            let mut zeros = (0..AXES).filter(|&axis| filled[axis] && self.wrapped[axis].is_none()).peekable();
            zeros.peek()?;
            zeros.for_each(|axis| result[axis] = Beyond::Zeros);
        }
        Some(result)
    }
}
