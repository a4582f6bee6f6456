//! The kernel of convolutions, in both directions.

use super::Conv;
use crate::layer::stencil::AXES;
use crate::layer::window::{Links, Side, Window};
use crate::rows::Rows;
use crate::scalar::{Registers, Scalar, add_product};
use crate::windows::Windows;
use std::ops::Range;

/// One application of the convolution or of its transpose. Both are the same sum over links:
/// the rows of `to` are made of rows of `from`.
pub(super) struct Sweep<'a, T> {
    windows: &'a [Window; AXES],
    side: Side,
    /// `[group][channel of from][tap][channel of to]`.
    weight: &'a [T],
    from: Rows<'a, T>,
    accumulate: bool,
    /// Channels of a group, on the side that is made and on the side that is read.
    made: usize,
    read: usize,
    /// Axis lengths on both sides, and the kernel.
    to_len: [usize; AXES],
    from_len: [usize; AXES],
    kernel: [usize; AXES],
}

impl<'a, T: Scalar> Sweep<'a, T> {
    pub(super) fn new(conv: &'a Conv<T>, side: Side, from: Rows<'a, T>, accumulate: bool) -> Self {
        let [outputs, inputs] = conv.channels.map(|c| c / conv.groups);
        let (other, made, read) = match side {
            Side::Output => (Side::Input, outputs, inputs),
            Side::Input => (Side::Output, inputs, outputs),
        };
        Sweep {
            windows: &conv.windows,
            side,
            weight: conv.by_link(side),
            from,
            accumulate,
            made,
            read,
            to_len: conv.windows.each_ref().map(|w| w.len(side)),
            from_len: conv.windows.each_ref().map(|w| w.len(other)),
            kernel: conv.windows.each_ref().map(|w| w.kernel),
        }
    }

    /// Several channels at a time where they are asked for whole: each number read serves all of them.
    #[inline(always)]
    pub(super) fn run(&self, registers: Registers, rows: Range<usize>, out: &mut [T]) {
        match registers.numbers::<T>() {
            256.. => self.rows::<32, 64, 16, 8>(rows, out),
            128.. => self.rows::<16, 48, 16, 8>(rows, out),
            _ => self.rows::<8, 24, 8, 4>(rows, out),
        }
    }

    /// `V4` numbers of each of four channels in accumulators, `V` where there are fewer channels: as many as hide the
    /// latency of a multiplication and leave registers for what is read. Then `M`, then `W`, then single numbers.
    #[inline(always)]
    fn rows<const V4: usize, const V: usize, const M: usize, const W: usize>(&self, rows: Range<usize>, out: &mut [T]) {
        let positions: usize = self.to_len.iter().product();
        let mut row = rows.start;
        while row < rows.end {
            let (channel, position) = (row / positions, row % positions);
            let out = &mut out[(row - rows.start) * self.from.width..];
            let whole = if position == 0 { (rows.end - row) / positions } else { 0 };
            let in_group = self.made - channel % self.made;
            match whole.min(in_group) {
                0 => {
                    let end = positions.min(position + rows.end - row);
                    self.channels::<1, V, M, W>(channel, position..end, out);
                    row += end - position;
                }
                1 => {
                    self.channels::<1, V, M, W>(channel, 0..positions, out);
                    row += positions;
                }
                2 | 3 => {
                    self.channels::<2, V, M, W>(channel, 0..positions, out);
                    row += 2 * positions;
                }
                _ => {
                    self.channels::<4, V4, M, W>(channel, 0..positions, out);
                    row += 4 * positions;
                }
            }
        }
    }

    /// `B` channels from `channel` on, at the given positions.
    #[inline(always)]
    fn channels<const B: usize, const V: usize, const M: usize, const W: usize>(
        &self,
        channel: usize,
        positions: Range<usize>,
        out: &mut [T],
    ) {
        let width = self.from.width;
        let stride = positions.len() * width;
        let [_, b, c] = self.to_len;
        let mut at = positions.start;
        while at < positions.end {
            let (x, y, z) = (at / (b * c), at / c % b, at % c);
            let run = self.windows[2].run(self.side, z).min(positions.end - at);
            let links = [
                self.windows[0].links(self.side, x),
                self.windows[1].links(self.side, y),
                self.windows[2].links(self.side, z),
            ];
            let out = &mut out[(at - positions.start) * width..];
            self.segment::<B, V, M, W>(channel, links, run * width, stride, out);
            at += run;
        }
    }

    /// `len` consecutive numbers that have the same links, for `B` channels that lie `stride` apart in `out`.
    #[inline(always)]
    fn segment<const B: usize, const V: usize, const M: usize, const W: usize>(
        &self,
        channel: usize,
        links: [Links; AXES],
        len: usize,
        stride: usize,
        out: &mut [T],
    ) {
        let done = self.lanes::<B, V>(channel, links, 0, len, stride, out);
        let done = self.lanes::<B, M>(channel, links, done, len, stride, out);
        let done = self.lanes::<B, W>(channel, links, done, len, stride, out);
        self.lanes::<B, 1>(channel, links, done, len, stride, out);
    }

    #[inline(always)]
    fn lanes<const B: usize, const V: usize>(
        &self,
        channel: usize,
        links: [Links; AXES],
        mut done: usize,
        len: usize,
        stride: usize,
        out: &mut [T],
    ) -> usize {
        let width = self.from.width;
        let taps = self.kernel[0] * self.kernel[1] * self.kernel[2];
        let group = channel / self.made;
        if done + V > len {
            return done;
        }
        let weight = Windows::<T, B>::new(&self.weight[group * self.read * taps * self.made + channel % self.made..]);
        let from = Windows::new(self.from.data);
        let first = group * self.read;
        let [_, from_b, from_c] = self.from_len;
        let from_positions = self.from_len[0] * from_b * from_c;
        while done + V <= len {
            let mut sum = [[T::zero(); V]; B];
            for (p0, t0) in links[0].iter() {
                for (p1, t1) in links[1].iter() {
                    let row = first * from_positions + (p0 * from_b + p1) * from_c;
                    let tap = (t0 * self.kernel[1] + t1) * self.kernel[2];
                    for (p2, t2) in links[2].iter() {
                        let (row, tap) = (row + p2, tap + t2);
                        // Innermost, since here nothing has to be found.
                        for read in 0..self.read {
                            let from = from.at((row + read * from_positions) * width + done);
                            let weight = weight.at((read * taps + tap) * self.made);
                            for b in 0..B {
                                add_product(&mut sum[b], weight[b], from);
                            }
                        }
                    }
                }
            }
            for (b, sum) in sum.iter().enumerate() {
                let out = &mut out[b * stride + done..][..V];
                for v in 0..V {
                    out[v] = if self.accumulate { out[v] + sum[v] } else { sum[v] };
                }
            }
            done += V;
        }
        done
    }
}
