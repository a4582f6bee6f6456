//! Lines of numbers as sums of shifted lines, while all of them are in the cache.

#![expect(clippy::needless_range_loop, reason = "sums that are told by iterators or in closures are kept in memory")]

use crate::scalar::{Registers, Scalar, add_product, add_products};
use crate::windows::Windows;
use std::ops::Range;

/// Most channels of a sum that are made together.
pub(super) const MOST_CHANNELS: usize = 8;

/// Most numbers of a channel that are made together.
pub(super) const MOST_NUMBERS: usize = 64;

/// A line of an operand times the weights of some channels, for one lane of theirs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    pub(super) lane: usize,
    pub(super) operand: usize,
    /// Where the first-order line begins, and how far from there the second-order line does.
    pub(super) line: usize,
    pub(super) rise: usize,
    /// From a number of the result to the number that it reads.
    pub(super) step: isize,
    pub(super) factor: Factor,
}

impl Product {
    /// Where the lines of both orders are read, `step` numbers on.
    pub(super) fn of_orders(&self, step: isize) -> [i64; 2] {
        let first = self.line as i64 + step as i64;
        [first, first + self.rise as i64]
    }
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
    /// Where the line of first and that of second order is read for number 0 of the result; before the block if the
    /// shift is.
    pub(super) from: [i64; 2],
    pub(super) weight: u32,
}

impl Term {
    /// Where numbers of a line are read, that begin with this one.
    #[inline(always)]
    pub(super) fn at(&self, second: bool, number: usize) -> usize {
        (self.from[usize::from(second)] + number as i64) as usize
    }
}

/// What becomes of the sums of some channels, from the `first` on, at some numbers of a line. They are handed on by value,
/// or the compiler keeps them in memory.
pub(super) trait Sink<T: Scalar> {
    fn take<const B: usize, const V: usize>(&mut self, first: usize, at: usize, sums: [[T; V]; B]);
}

/// Lines of their own, for each channel `stride` numbers further on.
pub(super) struct Stored<'a, T> {
    pub(super) out: &'a mut [T],
    pub(super) stride: usize,
    pub(super) accumulate: bool,
}

impl<T: Scalar> Sink<T> for Stored<'_, T> {
    #[inline(always)]
    fn take<const B: usize, const V: usize>(&mut self, first: usize, at: usize, sums: [[T; V]; B]) {
        for b in 0..B {
            let out = &mut self.out[(first + b) * self.stride + at..][..V];
            for v in 0..V {
                out[v] = if self.accumulate { out[v] + sums[b][v] } else { sums[b][v] };
            }
        }
    }
}

/// A line of factors for each channel, of so many numbers.
#[derive(Clone, Copy)]
pub(super) struct Factors<'a, T> {
    pub(super) numbers: &'a [T],
    pub(super) line: usize,
}

impl<T: Scalar> Factors<'_, T> {
    /// The factors of some numbers, times these.
    #[inline(always)]
    pub(super) fn times<const V: usize>(&self, channel: usize, at: usize, sum: [T; V]) -> [T; V] {
        let mut scaled = *Windows::new(self.numbers).at(channel * self.line + at);
        scaled.iter_mut().zip(&sum).for_each(|(factor, &s)| *factor *= s);
        scaled
    }
}

/// Times the slopes of a function, in lines of their own.
pub(super) struct Sloped<'a, T> {
    pub(super) out: &'a mut [T],
    pub(super) stride: usize,
    pub(super) slopes: Factors<'a, T>,
}

impl<T: Scalar> Sink<T> for Sloped<'_, T> {
    #[inline(always)]
    fn take<const B: usize, const V: usize>(&mut self, first: usize, at: usize, sums: [[T; V]; B]) {
        for b in 0..B {
            let out = self.out[(first + b) * self.stride + at..].first_chunk_mut().expect("a line for each");
            *out = self.slopes.times(first + b, at, sums[b]);
        }
    }
}

/// Squared, weighted and added up over the channels: `out[p + step] += Σ_k w_k[p] z_k[p]²`.
pub(super) struct Squared<'a, T> {
    pub(super) out: &'a mut [T],
    pub(super) step: isize,
    pub(super) weights: Factors<'a, T>,
}

impl<T: Scalar> Sink<T> for Squared<'_, T> {
    #[inline(always)]
    fn take<const B: usize, const V: usize>(&mut self, first: usize, at: usize, sums: [[T; V]; B]) {
        let out = self.out[(at as isize + self.step) as usize..].first_chunk_mut().expect("a line of the box");
        let mut all: [T; V] = *out;
        for b in 0..B {
            add_products(&mut all, &self.weights.times(first + b, at, sums[b]), &sums[b]);
        }
        *out = all;
    }
}

/// What the lines of a sum have in common.
pub(super) struct Sum<'a, T> {
    pub(super) terms: &'a [Term],
    pub(super) second: bool,
    pub(super) from: &'a [T],
    /// The numbers of the result that are made.
    pub(super) run: Range<usize>,
}

impl<T: Scalar> Sum<'_, T> {
    /// `out[p] = Σ_terms line[p]`, or added to what is there.
    #[inline(always)]
    pub(super) fn ones(&self, accumulate: bool, out: &mut [T]) {
        for (k, term) in self.terms.iter().enumerate() {
            let out = &mut out[self.run.clone()];
            let from = &self.from[term.at(self.second, self.run.start)..][..out.len()];
            if k > 0 || accumulate {
                out.iter_mut().zip(from).for_each(|(o, &f)| *o += f);
            } else {
                out.copy_from_slice(from);
            }
        }
    }

    /// `Σ_terms weights[weight + k] · line[p]` for `channels` channels `k`.
    ///
    /// As many sums at a time as hide the latency of a multiplication and leave registers for what is read.
    ///
    /// `space` is for the weights of [`MOST_CHANNELS`] channels.
    #[inline(always)]
    pub(super) fn shared<S: Sink<T>>(
        &self,
        registers: Registers,
        weights: &[T],
        channels: usize,
        space: &mut [T],
        sink: &mut S,
    ) {
        let mut done = 0;
        while done < channels {
            let (weights, space, sink) = ((weights, done), &mut *space, &mut *sink);
            done += match (registers.numbers::<T>(), channels - done) {
                (512.., 8..) => self.channels::<8, 32, 16, 8>(weights, space, sink),
                (256.., 8..) => self.channels::<8, 24, 16, 8>(weights, space, sink),
                (256.., 4..) => self.channels::<4, 32, 16, 8>(weights, space, sink),
                (256.., 2..) => self.channels::<2, 64, 16, 8>(weights, space, sink),
                (256.., _) => self.channels::<1, 64, 16, 8>(weights, space, sink),
                (128.., 5 | 8..) => self.channels::<5, 16, 8, 8>(weights, space, sink),
                (128.., 3 | 6) => self.channels::<3, 24, 16, 8>(weights, space, sink),
                (128.., 4..) => self.channels::<4, 16, 8, 8>(weights, space, sink),
                (128.., 2..) => self.channels::<2, 32, 16, 8>(weights, space, sink),
                (128.., _) => self.channels::<1, 64, 16, 8>(weights, space, sink),
                (_, 5 | 8..) => self.channels::<5, 8, 4, 4>(weights, space, sink),
                (_, 3 | 6) => self.channels::<3, 12, 8, 4>(weights, space, sink),
                (_, 4..) => self.channels::<4, 8, 4, 4>(weights, space, sink),
                (_, 2..) => self.channels::<2, 16, 8, 4>(weights, space, sink),
                (..) => self.channels::<1, 32, 16, 4>(weights, space, sink),
            };
        }
    }

    /// `B` channels, with `V` numbers of each in accumulators; then `M`, then `W`, then single numbers.
    #[inline(always)]
    fn channels<const B: usize, const V: usize, const M: usize, const W: usize>(
        &self,
        (weights, first): (&[T], usize),
        space: &mut [T],
        sink: &mut impl Sink<T>,
    ) -> usize {
        const { assert!(B <= MOST_CHANNELS && V <= MOST_NUMBERS) };
        // Side by side in the order in which they are needed: the loops below have no time to look for them.
        let (space, _) = space.as_chunks_mut::<B>();
        for (of_term, term) in space.iter_mut().zip(self.terms) {
            *of_term = *weights[term.weight as usize + first..].first_chunk().expect("a weight for each channel");
        }
        let weights = &space[..self.terms.len()];
        let at = self.vectors::<B, V>(self.run.start, weights, first, sink);
        let at = self.vectors::<B, M>(at, weights, first, sink);
        let at = self.vectors::<B, W>(at, weights, first, sink);
        self.vectors::<B, 1>(at, weights, first, sink);
        B
    }

    #[inline(always)]
    fn vectors<const B: usize, const V: usize>(
        &self,
        mut at: usize,
        weights: &[[T; B]],
        first: usize,
        sink: &mut impl Sink<T>,
    ) -> usize {
        let Sum { terms, second, from, ref run } = *self;
        if at + V > run.end {
            return at;
        }
        let from = Windows::new(from);
        while at + V <= run.end {
            let mut sum = [[T::zero(); V]; B];
            for (term, weights) in terms.iter().zip(weights) {
                let line = from.at(term.at(second, at));
                for b in 0..B {
                    add_product(&mut sum[b], weights[b], line);
                }
            }
            sink.take(first, at, sum);
            at += V;
        }
        at
    }

    /// `Σ_terms weights[weight · positions + p + offset] · line[p]`, for one channel.
    #[inline(always)]
    pub(super) fn each(&self, weights: &[T], positions: usize, offset: i64, sink: &mut impl Sink<T>) {
        let at = self.each_vectors::<32>(self.run.start, weights, positions, offset, sink);
        let at = self.each_vectors::<8>(at, weights, positions, offset, sink);
        self.each_vectors::<1>(at, weights, positions, offset, sink);
    }

    #[inline(always)]
    fn each_vectors<const V: usize>(
        &self,
        mut at: usize,
        weights: &[T],
        positions: usize,
        offset: i64,
        sink: &mut impl Sink<T>,
    ) -> usize {
        if at + V > self.run.end {
            return at;
        }
        let [from, weights] = [self.from, weights].map(Windows::new);
        while at + V <= self.run.end {
            let mut sum = [T::zero(); V];
            let first = (at as i64 + offset) as usize;
            for term in self.terms {
                let weights = weights.at(term.weight as usize * positions + first);
                add_products(&mut sum, weights, from.at(term.at(self.second, at)));
            }
            sink.take(0, at, [sum]);
            at += V;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::test_number as number;

    /// All numbers of channels, long runs and short ones, first and second order, for the registers of every machine, in
    /// both precisions, against the formula.
    #[test]
    fn sums_are_the_formula() {
        for registers in Registers::ALL {
            for channels in 1..=17 {
                for run in [3..4, 2..21, 5..160] {
                    sums::<f64>(registers, channels, run.clone(), 1e-13);
                    sums::<f32>(registers, channels, run, 1e-5);
                }
            }
        }
    }

    fn sums<T: Scalar>(registers: Registers, channels: usize, run: Range<usize>, tolerance: f64) {
        let (stride, rise) = (170, 400);
        let mut space = vec![T::zero(); 4 * MOST_CHANNELS];
        let numbers = |count: usize| (0..count).map(|k| T::from_f64(number(k))).collect::<Vec<_>>();
        let from = numbers(1000);
        let terms =
            [(-2, 3), (0, 0), (3, 20), (170, 31)].map(|(from, weight)| Term { from: [from, from + rise], weight });
        let weights = numbers(31 + channels);
        for (second, accumulate) in [(false, false), (true, true)] {
            let mut out = vec![T::one(); channels * stride];
            let sum = Sum { terms: &terms, second, from: &from, run: run.clone() };
            let mut sink = Stored { out: &mut out, stride, accumulate };
            sum.shared(registers, &weights, channels, &mut space, &mut sink);
            let of_channels = numbers(channels * stride);
            let mut squares = vec![T::one(); stride + 3];
            let factors = Factors { numbers: &of_channels, line: stride };
            let mut sink = Squared { out: &mut squares, step: 3, weights: factors };
            sum.shared(registers, &weights, channels, &mut space, &mut sink);
            let mut scaled = vec![T::one(); channels * stride];
            let mut sink = Sloped { out: &mut scaled, stride, slopes: factors };
            sum.shared(registers, &weights, channels, &mut space, &mut sink);
            let before = if accumulate { 1.0 } else { 0.0 };
            for (at, (&found, (&slope, &sum))) in scaled.iter().zip(of_channels.iter().zip(&out)).enumerate() {
                let made = run.contains(&(at % stride));
                let exact = if made { slope.to_f64() * (sum.to_f64() - before) } else { 1.0 };
                assert!((found.to_f64() - exact).abs() < tolerance, "{channels} channels by slopes: {found}, {exact}");
            }
            let square = |p: usize, k: usize| {
                of_channels[k * stride + p].to_f64() * (out[k * stride + p].to_f64() - before).powi(2)
            };
            for (at, &found) in squares.iter().enumerate() {
                let p = at.checked_sub(3).filter(|p| run.contains(p));
                let exact = 1.0 + p.map_or(0.0, |p| (0..channels).map(|k| square(p, k)).sum::<f64>());
                assert!((found.to_f64() - exact).abs() < tolerance, "squares of {channels} channels: {found}, {exact}");
            }
            for (at, &found) in out.iter().enumerate() {
                let (channel, p) = (at / stride, at % stride);
                let product = |term: &Term| {
                    let line = term.from[usize::from(second)] + p as i64;
                    weights[term.weight as usize + channel].to_f64() * from[line as usize].to_f64()
                };
                let exact = match run.contains(&p) {
                    true => terms.iter().map(product).sum::<f64>() + if accumulate { 1.0 } else { 0.0 },
                    false => 1.0,
                };
                let found = found.to_f64();
                assert!(
                    (found - exact).abs() < tolerance,
                    "{registers:?}, {channels} channels, {run:?}: {found}, {exact}"
                );
            }
        }
    }
}
