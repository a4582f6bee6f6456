//! Carries the lanes of one tile through the network.

use super::fans::{Pulled, Sums, Way};
use super::frame::Span;
use super::kernel::Sum;
use super::push::{Push, Pushed};
use super::sums::Weighted;
use super::{Carried, Tiles, Wanted};
use crate::buffer::Buffer;
use crate::layer::stencil::{AXES, Place, Weights, minus};
use crate::layer::{Elementwise, Kind, Lanes, Slopes, product};
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::{Scalar, vectorized};
use crate::tape::Tape;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use std::ops::Range;

/// What is carried, at one point.
#[derive(Clone, Copy)]
pub(crate) struct Point<'a, T> {
    pub(crate) net: &'a Network<T>,
    pub(crate) tape: &'a Tape<T>,
}

/// What the sums of a linear layer read, for one order.
struct Read<'a, T> {
    operands: &'a [LayerId],
    buffers: &'a [Buffer<T>],
    second: bool,
    /// The numbers of the lines that are made.
    run: Range<usize>,
}

/// A matrix times the rows of all channels.
fn multiply<T: Scalar>(matrix: MatRef<'_, T>, from: &[T], out: &mut [T]) {
    let (rows, columns) = matrix.shape();
    let width = out.len() / rows;
    let from = MatRef::from_row_major_slice(from, columns, width);
    matmul(MatMut::from_row_major_slice_mut(out, rows, width), Accum::Replace, matrix, from, T::one(), Par::Seq);
}

impl Tiles {
    /// Makes the work space large enough.
    pub(crate) fn prepare<T: Scalar>(&self, buffers: &mut Vec<Buffer<T>>, scratch: &mut Buffer<T>) {
        self.schedule.prepare(buffers, self.frame.line());
        scratch.fit(self.scratch * self.frame.line() + self.weights);
    }

    /// Carries the lanes of a tile to the outputs, and packs those wanted: `[channel][lane][position]`.
    pub(crate) fn outputs<T: Scalar>(
        &self,
        point: Point<'_, T>,
        tile: usize,
        buffers: &mut Vec<Buffer<T>>,
        scratch: &mut Buffer<T>,
        packed: [&mut [T]; 2],
    ) {
        self.prepare(buffers, scratch);
        self.sweep(point, tile, buffers, scratch, None);
        let Wanted::Outputs { first, second } = self.wanted else { return };
        for ((wanted, is_second), packed) in [(first, false), (second, true)].into_iter().zip(packed) {
            let mut rest = &mut packed[..];
            for &target in self.targets.iter().filter(|_| wanted) {
                let layer = self.carried(target);
                if !(if is_second { layer.second } else { layer.first }) {
                    continue;
                }
                let block = self.block(buffers, target);
                for (channel, lanes) in layer.lanes.iter().enumerate() {
                    let skipped = if is_second && layer.first { lanes.len() } else { 0 };
                    for lane in 0..lanes.len() {
                        let line = &block[(layer.line(channel, lane) + skipped) * self.frame.line()..];
                        let (here, after) = rest.split_at_mut(self.positions());
                        self.pack(line, here);
                        rest = after;
                    }
                }
            }
        }
    }

    /// Adds up weighted squares of lanes at the inputs of a tile: `[row][channel][position]`.
    pub(crate) fn sums<T: Scalar>(
        &self,
        point: Point<'_, T>,
        tile: usize,
        buffers: &mut Vec<Buffer<T>>,
        scratch: &mut Buffer<T>,
        weighted: Weighted<'_, T>,
        packed: &mut [T],
    ) {
        self.prepare(buffers, scratch);
        let line = self.frame.line();
        let channels = self.input_channels(point.net);
        let len = weighted.rows * channels * line;
        let (sums, scratch) = scratch.split_at_mut(len);
        sums.fill(T::zero());
        self.sweep(point, tile, buffers, scratch, Some((weighted, sums)));
        for (packed, sums) in packed.chunks_exact_mut(self.positions()).zip(sums.chunks_exact(line)) {
            self.pack(sums, packed);
        }
    }

    /// The positions of the tile out of a line.
    fn pack<T: Scalar>(&self, line: &[T], packed: &mut [T]) {
        let tile = self.frame.tile_at_zero();
        let [_, b, c] = self.frame.tile();
        for (row, packed) in packed.chunks_exact_mut(c).enumerate() {
            let mut start = tile.start;
            (start[0], start[1]) = (start[0] + (row / b) as i32, start[1] + (row % b) as i32);
            let first = self.frame.run(Span { start, end: start.map(|s| s + 1) }).start;
            packed.copy_from_slice(&line[first..first + c]);
        }
    }

    /// The block of a layer.
    pub(super) fn block<'a, T>(&self, buffers: &'a [Buffer<T>], id: LayerId) -> &'a [T] {
        match self.schedule.slot(id) {
            Some(slot) => &buffers[slot][..self.carried(id).all_lines() * self.frame.line()],
            None => &[],
        }
    }

    fn sweep<T: Scalar>(
        &self,
        point: Point<'_, T>,
        tile: usize,
        buffers: &mut [Buffer<T>],
        scratch: &mut [T],
        mut weighted: Option<(Weighted<'_, T>, &mut [T])>,
    ) {
        let net = point.net;
        let around = self.frame.around(tile);
        for (id, layer) in net.layers() {
            if let Some((weighted, sums)) = &mut weighted
                && layer.kind().is_curved()
            {
                self.add_squares(point, id, around, buffers, *weighted, sums, scratch);
            }
            let (Some(carried), Some(slot)) = (&self.layers[id.index()], self.schedule.slot(id)) else { continue };
            let mut buffer = std::mem::take(&mut buffers[slot]);
            let out = &mut buffer[..carried.all_lines() * self.frame.line()];
            match layer.kind() {
                Kind::Input => {
                    out.fill(T::one());
                    self.clean(carried, 0..self.frame.line(), around, out);
                }
                Kind::Elementwise(_) if carried.folded => self.slopes(point, id, carried, around, out),
                Kind::Elementwise(_) => {
                    let operand = net.operands(id)[0];
                    let here = self.schedule.slot(operand) == Some(slot);
                    let from = if here { None } else { Some(self.block(buffers, operand)) };
                    self.function(point, id, carried, around, from, out, scratch);
                }
                Kind::Product => self.product(point, id, carried, around, buffers, out, scratch),
                kind => {
                    let linear = kind.linear().expect("all other kinds that are carried are linear");
                    let operand = net.operands(id)[0];
                    if let Some(matrix) = linear.across_channels().filter(|_| carried.multiplied) {
                        multiply(matrix, self.block(buffers, operand), out);
                    } else {
                        let weights = linear.weights(&carried.place);
                        self.linear(net, id, carried, around, weights, buffers, out, scratch);
                    }
                }
            }
            buffers[slot] = buffer;
        }
    }

    /// Zeros beside the run and where there is no unit.
    fn clean<T: Scalar>(&self, layer: &Carried, run: Range<usize>, around: Span, out: &mut [T]) {
        let inside = self.frame.inside(&layer.place, around);
        for line in out.chunks_exact_mut(self.frame.line()) {
            line[..run.start].fill(T::zero());
            line[run.end..].fill(T::zero());
            if !inside {
                self.frame.mask(&layer.place, around, line);
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what a layer is made of")]
    fn linear<T: Scalar>(
        &self,
        net: &Network<T>,
        id: LayerId,
        layer: &Carried,
        around: Span,
        weights: Weights<'_, T>,
        buffers: &[Buffer<T>],
        out: &mut [T],
        scratch: &mut [T],
    ) {
        let operands = net.operands(id);
        let mut run = layer.run.clone();
        let mut offset = 0;
        if let Weights::Each(_) = weights {
            // The units are one row of the box, or none; in other rows there are no weights.
            let first = minus(layer.place.origin, around.start);
            let here = (0..AXES - 1).all(|axis| (0..around.len()[axis] as i32).contains(&first[axis]));
            let units = if here { layer.place.positions() as i64 } else { 0 };
            offset = -(self.frame.step(first) as i64);
            let [start, end] = [-offset, units - offset].map(|at| at.clamp(run.start as i64, run.end as i64) as usize);
            run = start..end;
        }
        for fan in &layer.fans {
            for second in layer.each_order() {
                let weights = match weights {
                    Weights::Shared(weights) if !fan.arranged.is_empty() => {
                        let space = &mut scratch[..fan.numbers()];
                        fan.arrange(second, weights, self.constants_of(net, operands[0]), space);
                        Weights::Shared(space)
                    }
                    weights => weights,
                };
                let read = Read { operands, buffers, second, run: run.clone() };
                match (&fan.way, weights) {
                    (Way::Push(pushed), Weights::Shared(weights)) => self.push(layer, fan, pushed, weights, &read, out),
                    (Way::Push(_), _) => unreachable!("only shared weights are pushed"),
                    (Way::Pull(pulled), weights) => self.pull(layer, fan, pulled, (weights, offset), &read, out),
                }
            }
        }
        self.clean(layer, run, around, out);
    }

    /// One order of a fan's sums, line by line of the result.
    fn pull<T: Scalar>(
        &self,
        layer: &Carried,
        fan: &Sums,
        pulled: &Pulled,
        (weights, offset): (Weights<'_, T>, i64),
        read: &Read<'_, T>,
        out: &mut [T],
    ) {
        let line = self.frame.line();
        let (first, channels) = (fan.channels.start, fan.channels.len());
        let stride = (layer.lines[first + 1] - layer.lines[first]) * line;
        for (lane, parts) in pulled.lanes.iter().enumerate() {
            let out = &mut out[layer.line_of(first, lane, read.second) * line..];
            let mut made = false;
            for (operand, terms) in parts {
                let Some(from) = self.source(read, *operand) else { continue };
                let terms = &pulled.terms[terms.clone()];
                let sum = Sum { terms, second: read.second, from, run: read.run.clone(), accumulate: made };
                vectorized(
                    #[inline(always)]
                    || match weights {
                        Weights::Ones => sum.ones(out),
                        Weights::Shared(weights) => sum.shared(weights, channels, stride, out),
                        Weights::Each(weights) => sum.each(weights, layer.place.positions(), offset, out),
                    },
                );
                made = true;
            }
            if !made {
                (0..channels).for_each(|k| out[k * stride..][..line].fill(T::zero()));
            }
        }
    }

    /// The same line by line of what is read.
    fn push<T: Scalar>(
        &self,
        layer: &Carried,
        fan: &Sums,
        pushed: &Pushed,
        weights: &[T],
        read: &Read<'_, T>,
        out: &mut [T],
    ) {
        let line = self.frame.line();
        let first = |channel, lane| layer.line_of(fan.channels.start + channel, lane, read.second) * line;
        for channel in 0..fan.channels.len() {
            let lanes = layer.orders_of(fan.channels.start + channel);
            out[first(channel, 0)..][..lanes * line].fill(T::zero());
        }
        for group in pushed.groups() {
            let Some(from) = self.source(read, group.operand) else { continue };
            let push = Push { second: read.second, from, run: read.run.clone(), weights };
            vectorized(
                #[inline(always)]
                || push.add(pushed, group, first, out),
            );
        }
    }

    /// The block of an operand, if it has the order.
    fn source<'a, T>(&self, read: &Read<'a, T>, operand: usize) -> Option<&'a [T]> {
        let id = read.operands[operand];
        let layer = self.carried(id);
        (if read.second { layer.second } else { layer.first }).then(|| self.block(read.buffers, id))
    }

    /// The weights of a folded layer's operand; none if it is not folded.
    fn constants_of<'a, T: Scalar>(&self, net: &'a Network<T>, folded: LayerId) -> &'a [T] {
        if !self.carried(folded).folded {
            return &[];
        }
        let first = net.operands(folded)[0];
        let place = &self.carried(first).place;
        match net.layer(first).kind().linear().map(|l| l.weights(place)) {
            Some(Weights::Shared(weights)) => weights,
            _ => unreachable!("what is folded reads shared weights"),
        }
    }

    /// The slopes of a folded layer, as lines.
    fn slopes<T: Scalar>(&self, point: Point<'_, T>, id: LayerId, layer: &Carried, around: Span, out: &mut [T]) {
        let line = self.frame.line();
        let slopes = point.tape.slopes(id);
        for (channel, lines) in layer.lines.windows(2).enumerate() {
            let lines = out[lines[0] * line..lines[1] * line].chunks_exact_mut(line);
            let orders = [(layer.first, slopes.first), (layer.second, slopes.second)];
            for (line, (_, slopes)) in lines.zip(orders.into_iter().filter(|(has, _)| *has)) {
                let there = &slopes.data[channel * layer.place.positions() * slopes.width..];
                self.frame.load(&layer.place, there, slopes.width, around, line);
            }
        }
        self.clean(layer, layer.run.clone(), around, out);
    }

    #[allow(clippy::too_many_arguments, reason = "what a layer is made of")]
    fn function<T: Scalar>(
        &self,
        point: Point<'_, T>,
        id: LayerId,
        layer: &Carried,
        around: Span,
        from: Option<&[T]>,
        out: &mut [T],
        scratch: &mut [T],
    ) {
        let line = self.frame.line();
        let slopes = point.tape.slopes(id);
        let (first, rest) = scratch.split_at_mut(line);
        let second = &mut rest[..line];
        let operand = self.carried(point.net.operands(id)[0]);
        for (channel, lanes) in layer.lanes.iter().enumerate().filter(|(_, lanes)| !lanes.is_empty()) {
            let row = &mut out[layer.lines[channel] * line..layer.lines[channel + 1] * line];
            let curved = layer.second && slopes.second.width > 0;
            let of_first = self.load(&layer.place, channel, slopes.first, 0, around, first);
            let of_second =
                if curved { self.load(&layer.place, channel, slopes.second, 0, around, second) } else { &[] };
            let slopes = Slopes { first: Rows::new(of_first, line), second: Rows::new(of_second, of_second.len()) };
            let shape = Lanes { count: lanes.len(), samples: line };
            if let Some(from) = from {
                let from = &from[operand.lines[channel] * line..operand.lines[channel + 1] * line];
                if curved && !operand.second {
                    Elementwise::begin(0, slopes, shape, from, row);
                    continue;
                }
                // All orders that are carried, or the last of them.
                let from = if operand.first && !layer.first { &from[lanes.len() * line..] } else { from };
                row.copy_from_slice(&from[..row.len()]);
            }
            let width = row.len();
            let function = if layer.spent { Elementwise::forward_second } else { Elementwise::forward };
            function(0..1, slopes, shape, row, width);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what a layer is made of")]
    fn product<T: Scalar>(
        &self,
        point: Point<'_, T>,
        id: LayerId,
        layer: &Carried,
        around: Span,
        buffers: &[Buffer<T>],
        out: &mut [T],
        scratch: &mut [T],
    ) {
        let line = self.frame.line();
        let operands = point.net.operands(id);
        let (values, rest) = scratch.split_at_mut(2 * line);
        let (left_value, right_value) = values.split_at_mut(line);
        for (channel, lanes) in layer.lanes.iter().enumerate().filter(|(_, lanes)| !lanes.is_empty()) {
            let row = &mut out[layer.lines[channel] * line..layer.lines[channel + 1] * line];
            let width = row.len();
            let (left, rest) = rest.split_at_mut(width);
            let right = &mut rest[..width];
            for (q, space) in [&mut *left, &mut *right].into_iter().enumerate() {
                self.align(layer, channel, q, operands[q], buffers, space);
            }
            let value = |q: usize, space| {
                let there = around.shifted(layer.shifts[q]);
                let values = point.tape.values(operands[q]);
                self.load(&self.carried(operands[q]).place, channel, values, 0, there, space)
            };
            let values = [Rows::new(value(0, left_value), line), Rows::new(value(1, right_value), line)];
            // A constant has no lanes.
            let block = |q: usize, data| {
                let constant = self.carried(operands[q]).lanes[channel].is_empty();
                if constant { Rows::none() } else { Rows::new(data, width) }
            };
            let blocks = [block(0, &*left), block(1, &*right)];
            product::forward(0..1, values, Lanes { count: lanes.len(), samples: line }, blocks, row, width);
        }
        self.clean(layer, layer.run.clone(), around, out);
    }

    /// The lanes of an operand's channel in the places that they have in the product's.
    fn align<T: Scalar>(
        &self,
        layer: &Carried,
        channel: usize,
        q: usize,
        operand: LayerId,
        buffers: &[Buffer<T>],
        space: &mut [T],
    ) {
        let line = self.frame.line();
        let (operand, block) = (self.carried(operand), self.block(buffers, operand));
        let (lanes, theirs) = (&layer.lanes[channel], &operand.lanes[channel]);
        let shift = layer.shifts[q];
        let (run, step) = (&layer.run, self.frame.step(shift));
        space.fill(T::zero());
        for (at, &lane) in lanes.iter().enumerate() {
            let Ok(from) = theirs.binary_search(&lane.seen_from(shift, self.frame.wrapped())) else { continue };
            for (has, to, order) in [(operand.first, 0, 0), (operand.second, lanes.len(), theirs.len())] {
                if has && (order == 0 || layer.second) {
                    let from = &block[(operand.line(channel, from) + order) * line..];
                    let first = run.start.checked_add_signed(step).expect("within the box");
                    space[(at + to) * line..][run.clone()].copy_from_slice(&from[first..first + run.len()]);
                }
            }
        }
    }

    /// Number `at` of each row of a channel, at the positions of a box; copied into a line only if they must be.
    pub(super) fn load<'a, T: Scalar>(
        &self,
        place: &Place,
        channel: usize,
        units: Rows<'a, T>,
        at: usize,
        around: Span,
        line: &'a mut [T],
    ) -> &'a [T] {
        let positions = place.positions();
        let numbers = &units.data[channel * positions * units.width..(channel + 1) * positions * units.width];
        if let (1, Some(direct)) = (units.width, self.frame.direct(place, numbers, around)) {
            return direct;
        }
        let line = &mut line[..self.frame.line()];
        self.frame.load(place, &numbers[at..], units.width, around, line);
        line
    }
}
