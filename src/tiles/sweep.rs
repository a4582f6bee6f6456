//! Carries the lanes of one tile through the network.

use super::linear::InBox;
use super::lines::{Carried, Lines};
use super::sums::Weighted;
use super::values::{Function, Known, Values};
use super::{Tiles, Wanted};
use crate::buffer::Buffer;
use crate::layer::{Elementwise, Kind, Lanes, Slopes, product};
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::Scalar;

/// What is carried, at one point.
#[derive(Clone, Copy)]
pub(crate) struct Point<'a, T> {
    pub(crate) net: &'a Network<T>,
    pub(crate) values: Values<'a, T>,
}

/// Work space for a tile.
#[derive(Debug)]
pub(crate) struct Space<T> {
    lanes: Vec<Buffer<T>>,
    values: Vec<Buffer<T>>,
    scratch: Buffer<T>,
}

impl<T> Default for Space<T> {
    fn default() -> Self {
        Space { lanes: Vec::new(), values: Vec::new(), scratch: Buffer::default() }
    }
}

impl Tiles {
    /// Whether it makes the values itself.
    pub(crate) fn makes_values(&self) -> bool {
        self.values.is_some()
    }

    /// Makes the work space large enough.
    pub(crate) fn prepare<T: Scalar>(&self, space: &mut Space<T>) {
        let line = self.frame.line();
        self.lanes.schedule.prepare(&mut space.lanes, line);
        if let Some(values) = &self.values {
            values.schedule.prepare(&mut space.values, line);
        }
        space.scratch.fit(self.scratch * line + self.weights());
    }

    /// Carries the lanes of a tile to the outputs, and packs what is wanted: values `[channel][position]`, if they are made
    /// here, lanes of first and of second order `[channel][lane][position]`.
    pub(crate) fn outputs<T: Scalar>(
        &self,
        point: Point<'_, T>,
        tile: usize,
        space: &mut Space<T>,
        packed: [&mut [T]; 3],
    ) {
        self.prepare(space);
        let Space { lanes, values, scratch } = space;
        self.sweep(point, tile, [lanes, values], scratch, None);
        let Wanted::Outputs { first, second } = self.wanted else { return };
        let [value, jacobian, diagonal] = packed;
        if let (Values::Made(_), Some(made)) = (point.values, &self.values) {
            self.pack_lanes(made, values, false, value);
        }
        if first {
            self.pack_lanes(&self.lanes, lanes, false, jacobian);
        }
        if second {
            self.pack_lanes(&self.lanes, lanes, true, diagonal);
        }
    }

    /// One order of the outputs' lanes.
    fn pack_lanes<T: Scalar>(&self, lines: &Lines, buffers: &[Buffer<T>], second: bool, packed: &mut [T]) {
        let mut packed = packed.chunks_exact_mut(self.frame.packed_line());
        for &target in &self.targets {
            let layer = lines.carried(target);
            if !(if second { layer.second } else { layer.first }) {
                continue;
            }
            let block = lines.block(&self.frame, buffers, target);
            for (channel, lanes) in layer.lanes.iter().enumerate() {
                let lanes = (0..lanes.len()).map(|lane| layer.line_of(channel, lane, second));
                for (line, packed) in lanes.zip(&mut packed) {
                    self.pack(&block[line * self.frame.line()..], packed);
                }
            }
        }
    }

    /// Adds up weighted squares of lanes at the inputs of a tile: `[row][channel][position]`.
    pub(crate) fn sums<T: Scalar>(
        &self,
        point: Point<'_, T>,
        tile: usize,
        space: &mut Space<T>,
        weighted: Weighted<'_, T>,
        packed: &mut [T],
    ) {
        self.prepare(space);
        let Space { lanes, values, scratch } = space;
        let line = self.frame.line();
        let channels = self.input_channels(point.net);
        let len = weighted.rows * channels * line;
        let (sums, scratch) = scratch.split_at_mut(len);
        sums.fill(T::zero());
        self.sweep(point, tile, [lanes, values], scratch, Some((weighted, sums)));
        for (packed, sums) in packed.chunks_exact_mut(self.frame.packed_line()).zip(sums.chunks_exact(line)) {
            self.pack(sums, packed);
        }
    }

    /// The positions of the tile out of a line.
    fn pack<T: Scalar>(&self, line: &[T], packed: &mut [T]) {
        let [_, _, along] = self.frame.tile();
        for (numbers, packed) in self.frame.rows(self.frame.tile_at_zero()).zip(packed.chunks_exact_mut(along)) {
            packed.copy_from_slice(&line[numbers]);
        }
    }

    fn sweep<T: Scalar>(
        &self,
        point: Point<'_, T>,
        tile: usize,
        [lanes, values]: [&mut [Buffer<T>]; 2],
        scratch: &mut [T],
        mut weighted: Option<(Weighted<'_, T>, &mut [T])>,
    ) {
        let net = point.net;
        let around = self.frame.around(tile);
        for (id, layer) in net.layers() {
            let frame = &self.frame;
            if let Some((weighted, sums)) = &mut weighted
                && layer.kind().is_curved()
            {
                let in_box = InBox { net, frame, lines: &self.lanes, around, buffers: lanes };
                self.add_squares(in_box, id, *weighted, sums, scratch);
            }
            let Some(carried) = &self.lanes.layers[id.index()] else { continue };
            // Blocks that are made leave their places, so that the others can be read meanwhile.
            let made = self.values.as_ref().filter(|_| matches!(point.values, Values::Made(_)));
            let slots = [self.lanes.schedule.slot(id), made.and_then(|made| made.schedule.slot(id))];
            let (mut block, mut value) = (take(lanes, slots[0]), take(values, slots[1]));
            let out = &mut block[..carried.all_lines() * frame.line()];
            let value_out = &mut value[..made.map_or(0, |made| made.carried(id).all_lines()) * frame.line()];
            let in_box = InBox { net, frame, lines: &self.lanes, around, buffers: lanes };
            let known = match (point.values, made) {
                (Values::Made(inputs), Some(lines)) => Known::Made(inputs, InBox { lines, buffers: values, ..in_box }),
                (Values::Recorded(tape), _) => Known::Recorded(tape),
                (Values::Made(_), None) => unreachable!("only tiles that make values are asked to"),
            };
            if let Kind::Elementwise(e) = layer.kind() {
                let function = known.function(in_box, id, e, self.wanted.orders().1, value_out);
                let operand = net.operands(id)[0];
                let here = slots[0].is_some() && self.lanes.schedule.slot(operand) == slots[0];
                let from = if here { None } else { Some(in_box.block(operand)) };
                self.function(in_box, id, function, from, out, scratch);
            } else {
                known.make(id, value_out, scratch);
                self.layer(in_box, id, known, out, scratch);
            }
            put(lanes, slots[0], block);
            put(values, slots[1], value);
        }
    }

    /// The lanes of a layer that is no function.
    fn layer<T: Scalar>(
        &self,
        in_box: InBox<'_, T>,
        id: LayerId,
        known: Known<'_, T>,
        out: &mut [T],
        scratch: &mut [T],
    ) {
        if out.is_empty() {
            return;
        }
        let layer = in_box.carried(id);
        match in_box.net.layer(id).kind() {
            Kind::Input => {
                out.fill(T::one());
                in_box.clean(layer, 0..self.frame.line(), out);
            }
            Kind::Product => self.product(in_box, id, known, out, scratch),
            _ => in_box.linear(id, out, scratch),
        }
    }

    /// The lanes of a function, made of `from` unless they are in place; of a folded one the slopes.
    fn function<T: Scalar>(
        &self,
        in_box: InBox<'_, T>,
        id: LayerId,
        mut function: Function<'_, T>,
        from: Option<&[T]>,
        out: &mut [T],
        scratch: &mut [T],
    ) {
        let line = self.frame.line();
        let (layer, operand) = (in_box.carried(id), in_box.carried(in_box.net.operands(id)[0]));
        let (first, rest) = scratch.split_at_mut(line);
        let second = &mut rest[..line];
        for (channel, lanes) in layer.lanes.iter().enumerate() {
            let row = &mut out[layer.lines[channel] * line..layer.lines[channel + 1] * line];
            if layer.folded && !row.is_empty() {
                let of_first = row.len().min(line) * usize::from(layer.first);
                let (of_first, of_second) = row.split_at_mut(of_first);
                let of_first = if layer.first { of_first } else { &mut *first };
                function.write(channel, of_first, of_second);
                continue;
            }
            if row.is_empty() && !function.is_made() {
                continue;
            }
            let curved = layer.second && function.is_curved();
            let [of_first, of_second] = function.slopes(channel, first, second);
            if row.is_empty() {
                continue;
            }
            let of_second = if curved { of_second } else { &[] };
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
        if layer.folded {
            in_box.clean(layer, layer.run.clone(), out);
        }
    }

    fn product<T: Scalar>(
        &self,
        in_box: InBox<'_, T>,
        id: LayerId,
        known: Known<'_, T>,
        out: &mut [T],
        scratch: &mut [T],
    ) {
        let line = self.frame.line();
        let (layer, operands) = (in_box.carried(id), in_box.net.operands(id));
        let (values, rest) = scratch.split_at_mut(2 * line);
        let (left_value, right_value) = values.split_at_mut(line);
        for (channel, lanes) in layer.lanes.iter().enumerate().filter(|(_, lanes)| !lanes.is_empty()) {
            let row = &mut out[layer.lines[channel] * line..layer.lines[channel + 1] * line];
            let width = row.len();
            let (left, rest) = rest.split_at_mut(width);
            let right = &mut rest[..width];
            for (q, space) in [&mut *left, &mut *right].into_iter().enumerate() {
                self.align(in_box, layer, channel, q, operands[q], space);
            }
            let [left_value, right_value] = [(0, &mut *left_value), (1, &mut *right_value)]
                .map(|(q, space)| known.operand(in_box, id, q, channel, space));
            let values = [Rows::new(left_value, line), Rows::new(right_value, line)];
            // A constant has no lanes.
            let block = |q: usize, data| {
                let constant = in_box.carried(operands[q]).lanes[channel].is_empty();
                if constant { Rows::none() } else { Rows::new(data, width) }
            };
            let blocks = [block(0, &*left), block(1, &*right)];
            product::forward(0..1, values, Lanes { count: lanes.len(), samples: line }, blocks, row, width);
        }
        in_box.clean(layer, layer.run.clone(), out);
    }

    /// The lanes of an operand's channel in the places that they have in the product's.
    fn align<T: Scalar>(
        &self,
        in_box: InBox<'_, T>,
        layer: &Carried,
        channel: usize,
        q: usize,
        operand: LayerId,
        space: &mut [T],
    ) {
        let line = self.frame.line();
        let (operand, block) = (in_box.carried(operand), in_box.block(operand));
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
}

/// The buffer of a layer, if it has one.
fn take<T>(buffers: &mut [Buffer<T>], slot: Option<usize>) -> Buffer<T> {
    slot.map(|slot| std::mem::take(&mut buffers[slot])).unwrap_or_default()
}

fn put<T>(buffers: &mut [Buffer<T>], slot: Option<usize>, buffer: Buffer<T>) {
    if let Some(slot) = slot {
        buffers[slot] = buffer;
    }
}
