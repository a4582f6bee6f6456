//! Blocks of lanes: `units × width` numbers, one row for each unit, its lanes side by side.

use crate::scalar::Scalar;

/// A block that is read: row `k` holds the lanes of unit `k`.
///
/// A row may hold first-order lanes followed by what is carried of second order, `[J | S]`. A block without second
/// order is then the prefix of one that has it, which is how layers add blocks of different width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) width: usize,
    /// Distance between the beginnings of two rows: the width, unless these are parts of longer rows.
    pub(crate) stride: usize,
}

/// One lane of a block: its samples, unit by unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane<'a, T> {
    rows: Rows<'a, T>,
    start: usize,
    samples: usize,
}

impl<'a, T: Scalar> Lane<'a, T> {
    #[inline(always)]
    pub(crate) fn row(&self, k: usize) -> &'a [T] {
        &self.rows.row(k)[self.start..self.start + self.samples]
    }
}

impl<'a, T: Scalar> Rows<'a, T> {
    pub(crate) fn new(data: &'a [T], width: usize) -> Self {
        debug_assert!(width == 0 || data.len().is_multiple_of(width));
        Rows { data, width, stride: width }
    }

    /// A block without lanes: all of them are zero.
    pub(crate) fn none() -> Self {
        Rows { data: &[], width: 0, stride: 0 }
    }

    #[inline(always)]
    pub(crate) fn row(&self, k: usize) -> &'a [T] {
        &self.data[k * self.stride..k * self.stride + self.width]
    }

    /// The same without the first rows.
    pub(crate) fn skip(self, k: usize) -> Self {
        Rows { data: &self.data[k * self.stride..], ..self }
    }

    /// What the rows hold from the `start`-th number on.
    pub(crate) fn after(self, start: usize) -> Self {
        if start >= self.width {
            return Rows::none();
        }
        Rows { data: &self.data[start..], width: self.width - start, stride: self.stride }
    }

    pub(crate) fn lane(self, lane: usize, samples: usize) -> Lane<'a, T> {
        Lane { rows: self, start: lane * samples, samples }
    }
}

/// `out += factor · row` on the lanes that `row` has.
#[inline(always)]
pub(crate) fn add_scaled<T: Scalar>(out: &mut [T], factor: T, row: &[T]) {
    for (o, &r) in out.iter_mut().zip(row) {
        *o = r.mul_add(factor, *o);
    }
}

/// Adds to every lane of each row its constant.
#[inline(always)]
pub(crate) fn add_constants<T: Scalar>(out: &mut [T], width: usize, constants: impl Iterator<Item = T>) {
    for (out, constant) in out.chunks_exact_mut(width).zip(constants) {
        out.iter_mut().for_each(|o| *o += constant);
    }
}

/// `out += row` on the lanes that `row` has.
#[inline(always)]
pub(crate) fn add<T: Scalar>(out: &mut [T], row: &[T]) {
    for (o, &r) in out.iter_mut().zip(row) {
        *o += r;
    }
}
