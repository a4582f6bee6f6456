//! Lines of numbers as sums of shifted lines, while all of them are in the cache.

use crate::scalar::{Scalar, add_product, add_products};
use std::ops::Range;

/// A line of an operand times the weights of some channels, for one lane of theirs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    pub(super) lane: usize,
    pub(super) operand: usize,
    /// Where the first-order line begins, and how far from there the second-order line does.
    pub(super) line: usize,
    pub(super) rise: u32,
    /// From a number of the result to the number that it reads.
    pub(super) step: isize,
    pub(super) factor: Factor,
}

/// A weight: its place among those of its layer, and that of the constant folded into it among those of the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor {
    pub(super) weight: u32,
    pub(super) constant: Option<u32>,
}

/// One product of a line's sum: weight times a shifted line of the operand's block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    /// Where the line is read for number 0 of the result; before the block if the shift is.
    pub(super) from: i64,
    /// Numbers from the first-order line to the second-order line of the same lane.
    pub(super) rise: u32,
    pub(super) weight: u32,
}

impl Term {
    #[inline(always)]
    pub(super) fn at(&self, second: bool, number: usize) -> usize {
        let rise = if second { i64::from(self.rise) } else { 0 };
        (self.from + rise + number as i64) as usize
    }
}

/// What the lines of a sum have in common.
pub(super) struct Sum<'a, T> {
    pub(super) terms: &'a [Term],
    pub(super) second: bool,
    pub(super) from: &'a [T],
    /// The numbers of the result that are made.
    pub(super) run: Range<usize>,
    pub(super) accumulate: bool,
}

impl<T: Scalar> Sum<'_, T> {
    /// `out[p] = Σ_terms line[p]`.
    #[inline(always)]
    pub(super) fn ones(&self, out: &mut [T]) {
        for (k, term) in self.terms.iter().enumerate() {
            let out = &mut out[self.run.clone()];
            let from = &self.from[term.at(self.second, self.run.start)..][..out.len()];
            if k > 0 || self.accumulate {
                out.iter_mut().zip(from).for_each(|(o, &f)| *o += f);
            } else {
                out.copy_from_slice(from);
            }
        }
    }

    /// `out[k · stride + p] = Σ_terms weights[weight + k] · line[p]` for `channels` channels `k`.
    #[inline(always)]
    pub(super) fn shared(&self, weights: &[T], channels: usize, stride: usize, out: &mut [T]) {
        let mut done = 0;
        while done < channels {
            let (weights, out) = (&weights[done..], &mut out[done * stride..]);
            done += match channels - done {
                8.. if size_of::<T>() == 4 => self.channels::<8, 32>(weights, stride, out),
                8.. => self.channels::<8, 16>(weights, stride, out),
                4..=7 => self.channels::<4, 32>(weights, stride, out),
                2 | 3 => self.channels::<2, 64>(weights, stride, out),
                _ => self.channels::<1, 64>(weights, stride, out),
            };
        }
    }

    /// `B` channels, with `V` numbers of each in accumulators: as many vectors of 512 bits as hide the latency of a
    /// multiplication; then fewer, then single numbers.
    #[inline(always)]
    fn channels<const B: usize, const V: usize>(&self, weights: &[T], stride: usize, out: &mut [T]) -> usize {
        let mut at = self.vectors::<B, V>(self.run.start, weights, stride, out);
        if V > 16 {
            at = self.vectors::<B, 16>(at, weights, stride, out);
        }
        at = self.vectors::<B, 8>(at, weights, stride, out);
        self.vectors::<B, 1>(at, weights, stride, out);
        B
    }

    #[inline(always)]
    fn vectors<const B: usize, const V: usize>(
        &self,
        mut at: usize,
        weights: &[T],
        stride: usize,
        out: &mut [T],
    ) -> usize {
        while at + V <= self.run.end {
            let mut sum = [[T::zero(); V]; B];
            for term in self.terms {
                let from = self.from[term.at(self.second, at)..].first_chunk().expect("a line of the block");
                let weights: &[T; B] =
                    weights[term.weight as usize..].first_chunk().expect("a weight for each channel");
                for b in 0..B {
                    add_product(&mut sum[b], weights[b], from);
                }
            }
            for (b, sum) in sum.iter().enumerate() {
                let out = &mut out[b * stride + at..][..V];
                for v in 0..V {
                    out[v] = if self.accumulate { out[v] + sum[v] } else { sum[v] };
                }
            }
            at += V;
        }
        at
    }

    /// `out[p] = Σ_terms weights[weight · positions + p + offset] · line[p]`.
    #[inline(always)]
    pub(super) fn each(&self, weights: &[T], positions: usize, offset: i64, out: &mut [T]) {
        let at = self.each_vectors::<32>(self.run.start, weights, positions, offset, out);
        let at = self.each_vectors::<8>(at, weights, positions, offset, out);
        self.each_vectors::<1>(at, weights, positions, offset, out);
    }

    #[inline(always)]
    fn each_vectors<const V: usize>(
        &self,
        mut at: usize,
        weights: &[T],
        positions: usize,
        offset: i64,
        out: &mut [T],
    ) -> usize {
        while at + V <= self.run.end {
            let mut sum = [T::zero(); V];
            let first = (at as i64 + offset) as usize;
            for term in self.terms {
                let from: &[T; V] = self.from[term.at(self.second, at)..].first_chunk().expect("a line of the block");
                let weights = weights[term.weight as usize * positions + first..].first_chunk().expect("a weight");
                add_products(&mut sum, weights, from);
            }
            let out = &mut out[at..][..V];
            for v in 0..V {
                out[v] = if self.accumulate { out[v] + sum[v] } else { sum[v] };
            }
            at += V;
        }
        at
    }
}
