//! Sums made line by line of what they read: where few channels are made of many, the lines of a result have too few
//! numbers at a position to keep a core's multipliers busy, but what is read at one position goes to many lanes. All
//! channels i of a lane are read with the same steps, so
//!
//! ```text
//! out[δ + t][q − t] += Σ_i w[i, t] · in[i, δ][q]
//! ```
//!
//! for several t at once is a product of a small matrix with a stretch of lines, each read once and at its place.
//!
//! Exact wherever the sums of the result are: these are the same products, added in another order, and what would fall
//! outside of the run is left out.

use super::kernel::{Factor, Product, Term};
use crate::scalar::{Registers, Scalar, add_product};
use crate::windows::Windows;
use std::collections::HashMap;
use std::ops::Range;

/// Channels that are made well line by line of the result.
pub(super) const MANY_CHANNELS: usize = 4;

/// Lines that must be read for each that is added to.
const LEAST_SOURCES: usize = 4;

/// Most products for which sources are compared.
const MOST_PRODUCTS: usize = 1 << 16;

/// Sums by what they read.
#[derive(Clone, Debug)]
pub(super) struct Pushed {
    groups: Vec<Group>,
    sources: Vec<Term>,
    targets: Vec<Target>,
}

/// Lines of an operand that are read for the same targets.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) operand: usize,
    sources: Range<usize>,
    targets: Range<usize>,
}

/// Where products go: a lane of one of a fan's channels, as many numbers before the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Target {
    channel: usize,
    lane: usize,
    step: isize,
}

/// What becomes of a line: the first product of it, and for all of them the targets and the weights.
struct Line {
    of: Product,
    targets: Vec<Target>,
    weights: Vec<Factor>,
}

impl Pushed {
    /// The sums, and the weights for each source and target; `None` if they are better made line by line of the
    /// result.
    pub(super) fn new(channels: usize, products: &[Product]) -> Option<(Self, Vec<Factor>)> {
        if channels >= MANY_CHANNELS || products.len() > MOST_PRODUCTS {
            return None;
        }
        // In the order of the first products.
        let mut lines: Vec<Line> = Vec::new();
        let mut found: HashMap<(usize, usize), usize> = HashMap::new();
        for product in products {
            let line = *found.entry((product.operand, product.line)).or_insert(lines.len());
            if line == lines.len() {
                lines.push(Line { of: *product, targets: Vec::new(), weights: Vec::new() });
            }
            for channel in 0..channels {
                lines[line].targets.push(Target { channel, lane: product.lane, step: product.step });
                let Factor { weight, constant } = product.factor;
                lines[line].weights.push(Factor { weight: weight + channel as u32, constant });
            }
        }
        let mut alike: HashMap<(usize, &[Target]), Vec<usize>> = HashMap::new();
        for (number, line) in lines.iter().enumerate() {
            alike.entry((line.of.operand, &line.targets)).or_default().push(number);
        }
        let mut alike: Vec<Vec<usize>> = alike.into_values().collect();
        alike.sort_unstable();
        let mut pushed = Pushed { groups: Vec::new(), sources: Vec::new(), targets: Vec::new() };
        let mut arranged = Vec::new();
        for group in alike {
            let (sources, targets) = (pushed.sources.len(), pushed.targets.len());
            let Line { of: Product { operand, .. }, targets: goals, .. } = &lines[group[0]];
            pushed.targets.extend(goals);
            for Line { of, weights, .. } in group.into_iter().map(|number| &lines[number]) {
                pushed.sources.push(Term { from: of.of_orders(0), weight: arranged.len() as u32 });
                arranged.extend(weights);
            }
            pushed.groups.push(Group {
                operand: *operand,
                sources: sources..pushed.sources.len(),
                targets: targets..pushed.targets.len(),
            });
        }
        (arranged.len() >= LEAST_SOURCES * pushed.targets.len()).then_some((pushed, arranged))
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }
}

/// What the lines of a push have in common.
pub(super) struct Push<'a, T> {
    pub(super) second: bool,
    pub(super) from: &'a [T],
    /// The numbers of the results that are made.
    pub(super) run: Range<usize>,
    pub(super) weights: &'a [T],
}

impl<T: Scalar> Push<'_, T> {
    /// `out[first(target)..][q − step] += Σ_sources weight · line[q]` for all targets of a group.
    ///
    /// As many sums at a time as hide the latency of a multiplication and leave registers for what is read.
    #[inline(always)]
    pub(super) fn add(
        &self,
        registers: Registers,
        pushed: &Pushed,
        group: &Group,
        first: impl Fn(usize, usize) -> usize,
        out: &mut [T],
    ) {
        match registers.numbers::<T>() {
            256.. => self.group::<32, 8>(pushed, group, first, out),
            128.. => self.group::<16, 8>(pushed, group, first, out),
            _ => self.group::<8, 4>(pushed, group, first, out),
        }
    }

    /// Several targets at a time, with `V` numbers of each in accumulators; then `W`, then single numbers.
    #[inline(always)]
    fn group<const V: usize, const W: usize>(
        &self,
        pushed: &Pushed,
        group: &Group,
        first: impl Fn(usize, usize) -> usize,
        out: &mut [T],
    ) {
        let sources = &pushed.sources[group.sources.clone()];
        let targets = &pushed.targets[group.targets.clone()];
        let mut done = 0;
        while done < targets.len() {
            done += match targets.len() - done {
                5 | 9.. => self.targets::<5, V, W>(sources, targets, done, &first, out),
                4 | 7 | 8 => self.targets::<4, V, W>(sources, targets, done, &first, out),
                3 | 6 => self.targets::<3, V, W>(sources, targets, done, &first, out),
                2 => self.targets::<2, V, W>(sources, targets, done, &first, out),
                _ => self.targets::<1, V, W>(sources, targets, done, &first, out),
            };
        }
    }

    #[inline(always)]
    fn targets<const B: usize, const V: usize, const W: usize>(
        &self,
        sources: &[Term],
        targets: &[Target],
        done: usize,
        first: &impl Fn(usize, usize) -> usize,
        out: &mut [T],
    ) -> usize {
        let targets: [Target; B] = std::array::from_fn(|b| targets[done + b]);
        let steps = targets.map(|target| target.step);
        let lines = targets.map(|target| first(target.channel, target.lane));
        let least = steps.iter().fold(isize::MAX, |least, &step| least.min(step));
        let most = steps.iter().fold(isize::MIN, |most, &step| most.max(step));
        let shifted = |at: usize, step: isize| at.checked_add_signed(step).expect("within the box");
        let block = Block { sources, done, lines, steps };
        // Where all targets are in the run; and beside it.
        let whole = shifted(self.run.start, most)..shifted(self.run.end, least).max(shifted(self.run.start, most));
        let at = self.vectors::<B, V>(whole.clone(), &block, out);
        let at = self.vectors::<B, W>(at..whole.end, &block, out);
        self.edge(shifted(self.run.start, least)..whole.start, &block, out);
        self.edge(at..shifted(self.run.end, most), &block, out);
        B
    }

    /// `V` numbers of each line together; returns how far that went.
    #[inline(always)]
    fn vectors<const B: usize, const V: usize>(
        &self,
        read: Range<usize>,
        block: &Block<'_, B>,
        out: &mut [T],
    ) -> usize {
        let mut at = read.start;
        while at + V <= read.end {
            let sum = self.sum::<B, V>(at, block);
            for b in 0..B {
                let out = out[(block.lines[b] + at).wrapping_add_signed(-block.steps[b])..].first_chunk_mut::<V>();
                let out = out.expect("within the run");
                let mut new = *out;
                (0..V).for_each(|v| new[v] += sum[b][v]);
                *out = new;
            }
            at += V;
        }
        at
    }

    /// Number by number, where some targets are outside of the run.
    #[inline(always)]
    fn edge<const B: usize>(&self, read: Range<usize>, block: &Block<'_, B>, out: &mut [T]) {
        for at in read {
            let sum = self.sum::<B, 1>(at, block);
            for b in 0..B {
                let p = at.wrapping_add_signed(-block.steps[b]);
                if self.run.contains(&p) {
                    out[block.lines[b] + p] += sum[b][0];
                }
            }
        }
    }

    #[inline(always)]
    fn sum<const B: usize, const V: usize>(&self, at: usize, block: &Block<'_, B>) -> [[T; V]; B] {
        let mut sum = [[T::zero(); V]; B];
        let (from, weights) = (Windows::new(self.from), Windows::<T, B>::new(self.weights));
        for source in block.sources {
            let from = from.at(source.at(self.second, at));
            let weights = weights.at(source.weight as usize + block.done);
            for b in 0..B {
                add_product(&mut sum[b], weights[b], from);
            }
        }
        sum
    }
}

/// Targets that are added to together.
struct Block<'a, const B: usize> {
    sources: &'a [Term],
    /// Targets of the group before these.
    done: usize,
    lines: [usize; B],
    steps: [isize; B],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::test_number as number;

    /// Few channels of many, for the registers of every machine, in both precisions, against the formula.
    #[test]
    fn pushed_sums_are_the_formula() {
        for registers in Registers::ALL {
            for (channels, taps) in [(1, 1), (1, 2), (1, 5), (2, 3), (3, 3), (3, 4)] {
                for run in [6..8, 6..27, 6..150] {
                    pushed::<f64>(registers, [channels, taps], run.clone(), 1e-12);
                    pushed::<f32>(registers, [channels, taps], run, 1e-4);
                }
            }
        }
    }

    /// One lane of one operand, whose lines are those of 16 channels: a convolution.
    fn pushed<T: Scalar>(registers: Registers, [channels, taps]: [usize; 2], run: Range<usize>, tolerance: f64) {
        let (line, read, rise) = (160, 16, 16 * 160);
        let mut products = Vec::new();
        for channel in 0..read {
            for tap in 0..taps {
                products.push(Product {
                    lane: tap,
                    operand: 0,
                    line: channel * line,
                    rise,
                    step: tap as isize - 2,
                    factor: Factor { weight: ((channel * taps + tap) * channels) as u32, constant: None },
                });
            }
        }
        let (pushed, arranged) = Pushed::new(channels, &products).expect("few channels of many");
        let weights: Vec<T> = arranged.iter().map(|factor| T::from_f64(number(factor.weight as usize))).collect();
        let from: Vec<T> = (0..2 * rise).map(|k| T::from_f64(number(k + 5))).collect();
        for second in [false, true] {
            let mut out = vec![T::one(); channels * taps * line];
            let push = Push { second, from: &from, run: run.clone(), weights: &weights };
            for group in pushed.groups() {
                push.add(registers, &pushed, group, |channel, lane| (channel * taps + lane) * line, &mut out);
            }
            for (at, &found) in out.iter().enumerate() {
                let (channel, tap, p) = (at / line / taps, at / line % taps, at % line);
                let product = |i: usize| {
                    let q = (p + tap).wrapping_sub(2) + i * line + if second { rise } else { 0 };
                    number((i * taps + tap) * channels + channel) * from[q].to_f64()
                };
                let exact = 1.0 + if run.contains(&p) { (0..read).map(product).sum::<f64>() } else { 0.0 };
                let found = found.to_f64();
                assert!(
                    (found - exact).abs() < tolerance,
                    "{registers:?}, {channels}×{taps}, {run:?}: {found}, {exact}"
                );
            }
        }
    }
}
