//! Two linear layers with a function between them, the second of few channels: its sums
//!
//! ```text
//! out[o, δ + t][q − t] += Σ_i w[o, i, t] · σ'_i[q] · z[i, δ][q]
//! ```
//!
//! are made of the first one's lanes z while these are in registers, so that neither those nor the function's have a
//! block; it holds the slopes alone. What [push](super::push) does with lines of the cache.
//!
//! Exact: nobody else reads the lanes, each goes through the same operations as if it had been stored between them, and
//! is added wherever the second layer reads it. Where there is no unit of the function, slopes are zero.

use super::Wanted;
use super::frame::Frame;
use super::fused::only_reader;
use super::kernel::{Factor, Factors, MOST_NUMBERS, Sink, Sum};
use super::linear::{InBox, Read};
use super::lines::Carried;
use super::locals::Local;
use super::push::MANY_CHANNELS;
use crate::layer::stencil::{Fan, Position, Weights};
use crate::network::{LayerId, Network};
use crate::scalar::{Scalar, add_product, vectorized_within};
use crate::windows::Windows;
use std::ops::Range;

/// Whether the only reader of a function makes its lanes, those of a fused layer, on the way: all its channels, few of
/// them, read all channels of that layer at the same distances.
pub(super) fn is_chained<T: Scalar>(
    net: &Network<T>,
    locals: &[Option<Local>],
    wanted: Wanted,
    needed: &[bool],
    [first, function]: [LayerId; 2],
) -> bool {
    let is_result = !wanted.is_sums() && net.output_layers().contains(&function);
    let Some(second) = only_reader(net, function).filter(|second| needed[second.index()] && !is_result) else {
        return false;
    };
    let (Some(of_first), Some(of_second)) = (&locals[first.index()], &locals[second.index()]) else { return false };
    let (Some(linear), [_], [fan]) = (net.layer(second).kind().linear(), &of_first.fans[..], &of_second.fans[..])
    else {
        return false;
    };
    let few = fan.channels.len() < MANY_CHANNELS && fan.channels.len() == of_second.place.channels;
    let shared = matches!(linear.weights(&of_second.place), Weights::Shared(_)) && linear.across_channels().is_none();
    few && shared && net.operands(second).len() == 1 && by_distance(fan, of_first.place.channels).is_some()
}

/// The distances at which a fan reads, with the weights of all channels; `None` if it does not read each of them once.
fn by_distance(fan: &Fan, channels: usize) -> Option<Vec<(Position, Vec<u32>)>> {
    let mut links: Vec<_> = fan.links.iter().map(|link| (link.shift, link.channel, link.weight as u32)).collect();
    links.sort_unstable();
    let of_distance = |links: &[(Position, usize, u32)]| {
        let each_once = links.iter().map(|&(_, channel, _)| channel).eq(0..channels);
        each_once.then(|| (links[0].0, links.iter().map(|&(.., weight)| weight).collect()))
    };
    links.chunk_by(|a, b| a.0 == b.0).map(of_distance).collect()
}

/// Where the lanes of the first layer go.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// For each lane, which of the targets.
    lanes: Vec<Range<usize>>,
    targets: Vec<Target>,
    /// Numbers of work space for the first layer's sums.
    pub(super) space: usize,
}

/// A line of the second layer, as many numbers before the one that is read, and the first of the weights.
#[derive(Clone, Copy, Debug)]
struct Target {
    line: usize,
    step: isize,
    weights: usize,
}

impl Chain {
    /// Of the layers `[first, function, second]`, the only fan of the second; also its weights in the order of the targets,
    /// and how many products it takes.
    pub(super) fn new(
        [first, function, second]: [&Carried; 3],
        fan: &Fan,
        frame: &Frame,
    ) -> (Self, Vec<Factor>, usize) {
        let channels = first.place.channels;
        let distances = by_distance(fan, channels).expect("as was asked before");
        let mut arranged = Vec::new();
        let mut of_lane = vec![Vec::new(); first.lanes[0].len()];
        for (shift, weights) in &distances {
            for (k, channel) in fan.channels.clone().enumerate() {
                let weights_at = arranged.len();
                arranged.extend(weights.iter().map(|&weight| Factor { weight: weight + k as u32, constant: None }));
                for (lane, offset) in second.lanes[channel].iter().enumerate() {
                    let seen = offset.seen_from(*shift, frame.wrapped());
                    let Ok(read) = function.lanes[0].binary_search(&seen) else { continue };
                    let line = second.line(channel, lane) * frame.line();
                    of_lane[read].push(Target { line, step: frame.step(*shift), weights: weights_at });
                }
            }
        }
        let mut chain = Chain { lanes: Vec::new(), targets: Vec::new(), space: 0 };
        for targets in of_lane {
            let start = chain.targets.len();
            chain.targets.extend(targets);
            chain.lanes.push(start..chain.targets.len());
        }
        chain.space = first.fans.iter().map(|fan| fan.numbers() + fan.numbers_of_sum(true)).max().unwrap_or(0);
        let products = chain.targets.len() * channels;
        (chain, arranged, products)
    }
}

impl<T: Scalar> InBox<'_, T> {
    /// The lanes of a layer that reads a function of a fused layer; `weights` are in the order of the chain.
    pub(super) fn chained(&self, function: LayerId, chain: &Chain, weights: &[T], [out, scratch]: [&mut [T]; 2]) {
        let (net, line) = (self.net, self.frame.line());
        let first = net.operands(function)[0];
        let (slopes, run) = (self.block(function), self.carried(first).run.clone());
        let read = Read { operands: net.operands(first), second: false, run, add: false };
        let from = self.source(&read, 0).expect("what is read by a layer with first order has it too");
        out.fill(T::zero());
        self.groups(first, scratch, |channels, pulled, of_first, space| {
            for (parts, targets) in pulled.lanes.iter().zip(&chain.lanes) {
                // Of one operand; a lane that reads nothing of it is zero, and one that nothing reads is not made.
                let Some((_, terms)) = parts.first().filter(|_| !targets.is_empty()) else { continue };
                let sum = Sum { terms: &pulled.terms[terms.clone()], second: false, from, run: read.run.clone() };
                let mut sink = Chained {
                    out: &mut *out,
                    targets: &chain.targets[targets.clone()],
                    weights: &weights[channels.start..],
                    beside: [T::zero(); MOST_NUMBERS],
                    slopes: Factors { numbers: &slopes[channels.start * line..], line },
                };
                vectorized_within(
                    #[inline(always)]
                    |registers| sum.shared(registers, of_first, channels.len(), space, &mut sink),
                );
            }
        });
    }
}

/// Adds lanes times slopes to sums of the second layer.
struct Chained<'a, T> {
    out: &'a mut [T],
    targets: &'a [Target],
    weights: &'a [T],
    slopes: Factors<'a, T>,
    /// Where what does not lie within a line is summed before it is brought there; zero between.
    beside: [T; MOST_NUMBERS],
}

impl<T: Scalar> Sink<T> for Chained<'_, T> {
    #[expect(clippy::needless_range_loop, reason = "as in the kernel")]
    #[inline(always)]
    fn take<const B: usize, const V: usize>(&mut self, first: usize, at: usize, mut sums: [[T; V]; B]) {
        let (line, out) = (self.slopes.line, &mut *self.out);
        let weights = Windows::<T, B>::new(self.weights);
        // As with windows, a single comparison for each line that is written.
        let last = out.len().checked_sub(V).expect("a line for each target");
        let last_within = line.checked_sub(V).expect("numbers of a line");
        for b in 0..B {
            sums[b] = self.slopes.times(first + b, at, sums[b]);
        }
        for target in self.targets {
            let weights = weights.at(target.weights + first);
            let there = at.wrapping_add_signed(-target.step);
            let within = there <= last_within;
            let sum = if within {
                let there = target.line + there;
                assert!(there <= last, "a line for each target");
                out[there..].first_chunk_mut().expect("a line for each target")
            } else {
                self.beside.first_chunk_mut().expect("as many numbers")
            };
            let mut new: [T; V] = *sum;
            for b in 0..B {
                add_product(&mut new, weights[b], &sums[b]);
            }
            *sum = new;
            if !within {
                bring(&mut self.beside[..V], at as isize - target.step, &mut out[target.line..][..line]);
            }
        }
    }
}

/// Adds those numbers that lie within a line, and clears them all.
#[cold]
#[inline(never)]
fn bring<T: Scalar>(numbers: &mut [T], first: isize, line: &mut [T]) {
    for (number, there) in numbers.iter_mut().zip(first..) {
        if let Some(out) = usize::try_from(there).ok().and_then(|there| line.get_mut(there)) {
            *out += *number;
        }
        *number = T::zero();
    }
}
