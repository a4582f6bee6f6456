//! Rows of lanes, and the loops over them.

use crate::scalar::{Scalar, add_products};

/// How the lanes of a row are laid out: `count` lanes, each with its `samples` side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lanes {
    pub(crate) count: usize,
    pub(crate) samples: usize,
}

impl Lanes {
    /// Numbers in a row of one order.
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        self.count * self.samples
    }

    /// `out ← f(factor of the sample, from, out)` on every lane.
    #[inline(always)]
    pub(crate) fn zip<T: Scalar>(self, factors: &[T], from: &[T], out: &mut [T], f: impl Fn(T, T, T) -> T) {
        if let [factor] = *factors {
            for (out, &from) in out.iter_mut().zip(from) {
                *out = f(factor, from, *out);
            }
            return;
        }
        let lanes = out.chunks_exact_mut(self.samples).zip(from.chunks_exact(self.samples));
        if let (factors, []) = factors.as_chunks::<8>() {
            // Whole vectors, of a length that the compiler knows.
            for (out, from) in lanes {
                let vectors = out.as_chunks_mut().0.iter_mut().zip(from.as_chunks().0);
                vectors.zip(factors).for_each(|((out, from), factors)| zip8(factors, from, out, &f));
            }
        } else {
            for (out, from) in lanes {
                for (out, (&from, &factor)) in out.iter_mut().zip(from.iter().zip(factors)) {
                    *out = f(factor, from, *out);
                }
            }
        }
    }

    /// `out ← f(factor of the sample, number, out)` on the lane that comes first.
    #[inline(always)]
    pub(crate) fn of_lane<T: Scalar>(self, factors: &[T], number: T, out: &mut [T], f: impl Fn(T, T, T) -> T) {
        out[..self.samples].iter_mut().zip(factors).for_each(|(out, &factor)| *out = f(factor, number, *out));
    }

    /// `out += factor of the sample · a · b` on every lane.
    #[inline(always)]
    pub(crate) fn add_products<T: Scalar>(self, factors: &[T], a: &[T], b: &[T], out: &mut [T]) {
        if let [factor] = *factors {
            for (out, (&a, &b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *out = (a * b).mul_add(factor, *out);
            }
            return;
        }
        let terms = a.chunks_exact(self.samples).zip(b.chunks_exact(self.samples));
        let lanes = out.chunks_exact_mut(self.samples).zip(terms);
        if let (factors, []) = factors.as_chunks::<8>() {
            for (out, (a, b)) in lanes {
                let terms = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
                for ((out, (a, b)), f) in out.as_chunks_mut::<8>().0.iter_mut().zip(terms).zip(factors) {
                    *out = each8(|k| (a[k] * b[k]).mul_add(f[k], out[k]));
                }
            }
        } else {
            for (out, (a, b)) in lanes {
                for ((out, (&a, &b)), &f) in out.iter_mut().zip(a.iter().zip(b)).zip(factors) {
                    *out = (a * b).mul_add(f, *out);
                }
            }
        }
    }

    /// `second ← p · second + q · from²` on every lane, with the sample's factors.
    #[inline(always)]
    pub(super) fn bend<T: Scalar>(self, p: &[T], q: &[T], from: &[T], second: &mut [T]) {
        let f = |p: T, q: T, j: T, s: T| (j * j).mul_add(q, p * s);
        if let ([p], [q]) = (p, q) {
            second.iter_mut().zip(from).for_each(|(s, &j)| *s = f(*p, *q, j, *s));
            return;
        }
        let lanes = second.chunks_exact_mut(self.samples).zip(from.chunks_exact(self.samples));
        if let ((p, []), (q, [])) = (p.as_chunks::<8>(), q.as_chunks::<8>()) {
            for (second, from) in lanes {
                let terms = from.as_chunks::<8>().0.iter().zip(p.iter().zip(q));
                for (s, (j, (p, q))) in second.as_chunks_mut::<8>().0.iter_mut().zip(terms) {
                    *s = each8(|k| f(p[k], q[k], j[k], s[k]));
                }
            }
        } else {
            for (second, from) in lanes {
                let terms = from.iter().zip(p.iter().zip(q));
                second.iter_mut().zip(terms).for_each(|(s, (&j, (&p, &q)))| *s = f(p, q, j, *s));
            }
        }
    }

    /// What a curved unit adds to second order: to a lane each its own `factor · a · b`, or to a single lane of all
    /// the sum of them.
    #[inline(always)]
    pub(crate) fn add_curvature<T: Scalar>(self, factors: &[T], a: &[T], b: &[T], second: &mut [T]) {
        if second.len() == self.len() {
            self.add_products(factors, a, b, second);
        } else {
            self.add_sums(factors, a, b, second);
        }
    }

    /// The same of rows that are alike for all samples, with a number for each lane.
    #[inline(always)]
    pub(crate) fn add_curvature_alike<T: Scalar>(self, factors: &[T], a: &[T], b: &[T], second: &mut [T]) {
        if second.len() == self.len() {
            for (second, (&a, &b)) in second.chunks_exact_mut(self.samples).zip(a.iter().zip(b)) {
                self.of_lane(factors, a * b, second, |factor, term, sum| term.mul_add(factor, sum));
            }
        } else {
            self.of_lane(factors, dot(a, b), second, |factor, term, sum| term.mul_add(factor, sum));
        }
    }

    /// `sum += factor · Σ a · b` for every sample, the sum over the lanes.
    #[inline(always)]
    pub(super) fn add_sums<T: Scalar>(self, factors: &[T], a: &[T], b: &[T], sum: &mut [T]) {
        let samples = self.samples;
        if samples == 1 {
            sum[0] = dot(a, b).mul_add(factors[0], sum[0]);
            return;
        }
        if size_of::<T>() == 4 && samples.is_multiple_of(16) {
            self.add_sums_of_vectors::<T, 16>(factors, a, b, sum);
        } else if samples.is_multiple_of(8) {
            self.add_sums_of_vectors::<T, 8>(factors, a, b, sum);
        } else {
            for (s, sum) in sum.iter_mut().enumerate() {
                let [a, b] = [a, b].map(|row| row[s..].iter().step_by(samples));
                let total = a.zip(b).fold(T::zero(), |total, (&a, &b)| a.mul_add(b, total));
                *sum = total.mul_add(if let [factor] = *factors { factor } else { factors[s] }, *sum);
            }
        }
    }

    /// The same in vectors of samples: two sums at a time, so that not every term waits for the one before.
    #[inline(always)]
    fn add_sums_of_vectors<T: Scalar, const V: usize>(self, factors: &[T], a: &[T], b: &[T], sum: &mut [T]) {
        let stride = self.samples / V;
        let (a, b) = (a.as_chunks::<V>().0, b.as_chunks::<V>().0);
        for (v, sum) in sum.as_chunks_mut::<V>().0.iter_mut().enumerate() {
            let (mut even, mut odd) = ([T::zero(); V], [T::zero(); V]);
            let mut at = v;
            for _ in 0..self.count / 2 {
                add_products(&mut even, &a[at], &b[at]);
                add_products(&mut odd, &a[at + stride], &b[at + stride]);
                at += 2 * stride;
            }
            if !self.count.is_multiple_of(2) {
                add_products(&mut even, &a[at], &b[at]);
            }
            even.iter_mut().zip(&odd).for_each(|(even, &odd)| *even += odd);
            match *factors {
                [factor] => add_products(sum, &[factor; V], &even),
                _ => add_products(sum, &factors.as_chunks::<V>().0[v], &even),
            }
        }
    }

    /// `row ← f(factor of the sample, row)` on every lane.
    #[inline(always)]
    pub(crate) fn scale<T: Scalar>(self, factors: &[T], row: &mut [T], f: impl Fn(T, T) -> T) {
        if let [factor] = *factors {
            row.iter_mut().for_each(|v| *v = f(factor, *v));
            return;
        }
        if let (factors, []) = factors.as_chunks::<8>() {
            for row in row.chunks_exact_mut(self.samples) {
                for (row, factors) in row.as_chunks_mut::<8>().0.iter_mut().zip(factors) {
                    *row = each8(|b| f(factors[b], row[b]));
                }
            }
        } else {
            for row in row.chunks_exact_mut(self.samples) {
                row.iter_mut().zip(factors).for_each(|(v, &factor)| *v = f(factor, *v));
            }
        }
    }

    /// As [`zip`](Self::zip), with two factors for each sample.
    #[inline(always)]
    pub(super) fn zip2<T: Scalar>(self, p: &[T], q: &[T], from: &[T], out: &mut [T], f: impl Fn(T, T, T, T) -> T) {
        if let ([p], [q]) = (p, q) {
            for (out, &from) in out.iter_mut().zip(from) {
                *out = f(*p, *q, from, *out);
            }
        } else {
            for (out, from) in out.chunks_exact_mut(self.samples).zip(from.chunks_exact(self.samples)) {
                for (b, (out, &from)) in out.iter_mut().zip(from).enumerate() {
                    *out = f(p[b], q[b], from, *out);
                }
            }
        }
    }
}

#[inline(always)]
fn zip8<T: Scalar>(factors: &[T; 8], from: &[T; 8], out: &mut [T; 8], f: &impl Fn(T, T, T) -> T) {
    *out = each8(|b| f(factors[b], from[b], out[b]));
}

/// Eight numbers, made before any is written: number by number, the compiler would fear that one write changes what the
/// next reads.
#[inline(always)]
fn each8<T: Scalar>(number: impl Fn(usize) -> T) -> [T; 8] {
    let mut numbers = [T::zero(); 8];
    for (k, n) in numbers.iter_mut().enumerate() {
        *n = number(k);
    }
    numbers
}

/// `Σ a · b`, in vectors: the order of the terms is that of the memory, modulo 32.
#[inline(always)]
fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let total = sum_of_products(a.iter().map(|a| &a[..]).zip(b.iter().map(|b| &b[..])));
    let rest = a_rest.iter().zip(b_rest).fold(T::zero(), |sum, (&a, &b)| a.mul_add(b, sum));
    total.iter().fold(rest, |sum, &t| sum + t)
}

/// The sum of products of vectors of eight, four sums at a time so that none waits for another.
#[inline(always)]
fn sum_of_products<'a, T: Scalar>(mut terms: impl Iterator<Item = (&'a [T], &'a [T])>) -> [T; 8] {
    let mut sums = [[T::zero(); 8]; 4];
    'all: loop {
        for sum in &mut sums {
            let Some((a, b)) = terms.next() else { break 'all };
            *sum = each8(|k| a[k].mul_add(b[k], sum[k]));
        }
    }
    let [p, q, r, s] = sums;
    each8(|k| (p[k] + q[k]) + (r[k] + s[k]))
}
