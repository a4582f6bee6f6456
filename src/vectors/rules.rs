//! The rules of each kind of layer for the row of one unit.

use crate::scalar::Scalar;

/// A row of a unit: the inputs that it depends on, and its numbers of each order; without those that are not carried.
#[derive(Clone, Copy)]
pub(super) struct Row<'a, T> {
    pub(super) set: u32,
    pub(super) inputs: &'a [u32],
    pub(super) first: &'a [T],
    pub(super) second: &'a [T],
}

/// The row that is made.
pub(super) struct RowMut<'a, T> {
    pub(super) set: u32,
    pub(super) inputs: &'a [u32],
    pub(super) first: &'a mut [T],
    pub(super) second: &'a mut [T],
}

/// Sums of every input, zero outside of a rule.
pub(super) struct Sums<'a, T> {
    pub(super) first: &'a mut [T],
    pub(super) second: &'a mut [T],
}

impl<T: Scalar> RowMut<'_, T> {
    /// `Σ weight · row`.
    #[inline(always)]
    pub(super) fn add_up<'a>(&mut self, rows: impl Iterator<Item = (T, Row<'a, T>)>, sums: &mut Sums<'_, T>)
    where
        T: 'a,
    {
        self.first.fill(T::zero());
        self.second.fill(T::zero());
        let mut scattered = false;
        for (weight, row) in rows {
            if row.set == self.set {
                // The same inputs in the same order.
                add(self.first, weight, row.first);
                add(self.second, weight, row.second);
            } else {
                scatter(sums.first, weight, row.inputs, if self.first.is_empty() { &[] } else { row.first });
                scatter(sums.second, weight, row.inputs, if self.second.is_empty() { &[] } else { row.second });
                scattered = true;
            }
        }
        if scattered {
            self.gather(sums);
        }
    }

    /// `σ' row`, and `σ'' row²` in second order.
    #[inline(always)]
    pub(super) fn function(&mut self, [slope, bend]: [T; 2], row: Row<'_, T>) {
        self.first.iter_mut().zip(row.first).for_each(|(o, &j)| *o = slope * j);
        if row.second.is_empty() {
            self.second.iter_mut().zip(row.first).for_each(|(o, &j)| *o = bend * j * j);
        } else if row.first.is_empty() {
            self.second.iter_mut().zip(row.second).for_each(|(o, &s)| *o = slope * s);
        } else {
            let terms = row.first.iter().zip(row.second);
            self.second.iter_mut().zip(terms).for_each(|(o, (&j, &s))| *o = (bend * j).mul_add(j, slope * s));
        }
    }

    /// `b row(a) + a row(b)`, and `2 row(a) row(b)` in second order.
    #[inline(always)]
    pub(super) fn product(&mut self, [a, b]: [(T, Row<'_, T>); 2], sums: &mut Sums<'_, T>) {
        self.add_up([(b.0, a.1), (a.0, b.1)].into_iter(), sums);
        let (a, b) = (a.1, b.1);
        if self.second.is_empty() || a.first.is_empty() || b.first.is_empty() {
            return;
        }
        let two = T::one() + T::one();
        if a.set == self.set && b.set == self.set {
            let terms = a.first.iter().zip(b.first);
            self.second.iter_mut().zip(terms).for_each(|(o, (&a, &b))| *o = (two * a).mul_add(b, *o));
            return;
        }
        // Of the inputs of both.
        scatter(sums.first, two, a.inputs, a.first);
        for (&j, &b) in b.inputs.iter().zip(b.first) {
            sums.second[j as usize] = sums.first[j as usize] * b;
        }
        a.inputs.iter().for_each(|&j| sums.first[j as usize] = T::zero());
        self.gather(sums);
    }

    /// Adds the sums, and sets them to zero.
    #[inline(always)]
    fn gather(&mut self, sums: &mut Sums<'_, T>) {
        for (out, sums) in [(&mut *self.first, &mut *sums.first), (&mut *self.second, &mut *sums.second)] {
            for (out, &j) in out.iter_mut().zip(self.inputs) {
                let sum = &mut sums[j as usize];
                *out += *sum;
                *sum = T::zero();
            }
        }
    }
}

#[inline(always)]
fn add<T: Scalar>(out: &mut [T], weight: T, row: &[T]) {
    out.iter_mut().zip(row).for_each(|(o, &r)| *o = r.mul_add(weight, *o));
}

#[inline(always)]
fn scatter<T: Scalar>(sums: &mut [T], weight: T, inputs: &[u32], row: &[T]) {
    for (&j, &r) in inputs.iter().zip(row) {
        let sum = &mut sums[j as usize];
        *sum = r.mul_add(weight, *sum);
    }
}
