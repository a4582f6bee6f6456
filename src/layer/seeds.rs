//! Seeds: what the inputs have in their lanes.

use super::Lanes;
use crate::rows::Rows;
use crate::scalar::Scalar;
use std::ops::Range;

/// Compressed seeds of one block of lanes, on one input layer: lane `c` holds the sum of the unit vectors of
/// the inputs of color `first + c`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds<'a, T> {
    /// Color of each unit of the layer; `u32::MAX` for a unit that takes no part.
    pub(crate) colors: &'a [u32],
    /// The units whose color is in this block, ascending.
    pub(crate) units: &'a [u32],
    pub(crate) first: u32,
    pub(crate) lanes: Lanes,
    pub(crate) sharing: Sharing,
    /// What stands in the place of the weights of the layer that reads them, where the inputs are rotated: row k
    /// has nothing behind number k.
    pub(crate) rotated: Option<Rows<'a, T>>,
}

/// How the units of a block of lanes share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Some have a lane together, or there are lanes of none of them.
    Mixed,
    /// Each lane is that of exactly one: nothing is summed.
    Apart,
    /// The same, and the lanes follow each other as the units do, one by one: nothing is looked up.
    InOrder,
}

impl<T: Scalar> Seeds<'_, T> {
    /// The first rows of the layer that reads rotated inputs, which have nothing in these lanes.
    pub(crate) fn zero_rows(&self) -> usize {
        if self.rotated.is_some() { self.first as usize } else { 0 }
    }

    /// The numbers of a row that belong to the lane of this unit.
    #[inline(always)]
    pub(super) fn lanes_of(&self, unit: usize) -> Option<Range<usize>> {
        let lane = self.colors[unit].wrapping_sub(self.first) as usize;
        (lane < self.lanes.count).then(|| lane * self.lanes.samples..(lane + 1) * self.lanes.samples)
    }

    /// Every unit that takes part, with its numbers.
    #[inline(always)]
    fn members(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.units.iter().map(|&u| (u as usize, self.lanes_of(u as usize).expect("a unit of this block")))
    }

    /// Makes a row of what every unit that takes part has in its lane, of the numbers of all units: the sum, where several
    /// have the same.
    #[inline(always)]
    pub(crate) fn make(&self, row: &mut [T], numbers: &[T]) {
        match (self.sharing, self.units) {
            (Sharing::InOrder, &[first, ..]) if self.lanes.samples == 1 => {
                row.copy_from_slice(&numbers[first as usize..][..row.len()]);
            }
            (Sharing::InOrder | Sharing::Apart, _) => self.each(row, numbers, |_, number| number),
            (Sharing::Mixed, _) => {
                row.fill(T::zero());
                self.each(row, numbers, |sum, number| sum + number);
            }
        }
    }

    /// `row ← f(row, number of the unit)` for every unit that takes part.
    #[inline(always)]
    fn each(&self, row: &mut [T], numbers: &[T], f: impl Fn(T, T) -> T) {
        if self.lanes.samples == 1 {
            for &unit in self.units {
                let v = &mut row[(self.colors[unit as usize] - self.first) as usize];
                *v = f(*v, numbers[unit as usize]);
            }
        } else if let (row, []) = row.as_chunks_mut::<8>()
            && self.lanes.samples.is_multiple_of(8)
        {
            let each = self.lanes.samples / 8;
            for &unit in self.units {
                let lane = (self.colors[unit as usize] - self.first) as usize;
                let number = numbers[unit as usize];
                row[lane * each..][..each].iter_mut().for_each(|v| v.iter_mut().for_each(|v| *v = f(*v, number)));
            }
        } else {
            for (unit, lanes) in self.members() {
                let number = numbers[unit];
                row[lanes].iter_mut().for_each(|v| *v = f(*v, number));
            }
        }
    }

    /// The seeds as a block of lanes, in rows of `width` numbers.
    pub(crate) fn write(&self, out: &mut [T], width: usize) {
        out.fill(T::zero());
        for (unit, lanes) in self.members() {
            out[unit * width..][lanes].fill(T::one());
        }
    }
}
