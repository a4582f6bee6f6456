//! Carries the lanes of one tile through the network.

use super::Tiles;
use super::adjoints::{Adjoints, Ready};
use super::fused::Fused;
use super::linear::InBox;
use super::lines::{Carried, Lines};
use super::values::{Function, Inputs, Known, Values};
use super::weights::Weighted;
use crate::buffer::Buffer;
use crate::layer::{Elementwise, Kind, Lanes, Slopes, product};
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::Scalar;
use crate::tape::Tape;

/// What is carried, at one point.
#[derive(Clone, Copy)]
pub(crate) struct Point<'a, T> {
    pub(crate) net: &'a Network<T>,
    pub(crate) values: Values<'a, T>,
}

/// Lanes of one order of the outputs.
#[derive(Clone, Copy)]
struct OfOutputs<'a, T> {
    lines: &'a Lines,
    buffers: &'a [Buffer<T>],
    second: bool,
}

/// Work space for a tile.
#[derive(Debug)]
pub(crate) struct Space<T> {
    lanes: Vec<Buffer<T>>,
    values: Vec<Buffer<T>>,
    slopes: [Vec<Buffer<T>>; 2],
    adjoints: Vec<Buffer<T>>,
    scratch: Buffer<T>,
}

impl<T> Default for Space<T> {
    fn default() -> Self {
        let [lanes, values, first, second, adjoints] = [(); 5].map(|()| Vec::new());
        Space { lanes, values, slopes: [first, second], adjoints, scratch: Buffer::default() }
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
        if let Some(Adjoints { slopes, lines, .. }) = &self.adjoints {
            slopes.iter().zip(&mut space.slopes).for_each(|(lines, space)| lines.schedule.prepare(space, line));
            lines.schedule.prepare(&mut space.adjoints, line);
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
        self.carry(point, tile, space);
        for (lanes, packed) in self.of_outputs(space).into_iter().zip(packed) {
            lanes.into_iter().for_each(|lanes| self.pack_lanes(lanes, packed));
        }
    }

    /// The same for those who read it at once: [as they lie](Self::there), or in `packed`.
    pub(crate) fn outputs_there<'a, T: Scalar>(
        &'a self,
        point: Point<'_, T>,
        tile: usize,
        space: &'a mut Space<T>,
        packed: [&'a mut [T]; 3],
    ) -> [&'a [T]; 3] {
        self.carry(point, tile, space);
        let mut all = self.of_outputs(space).into_iter();
        packed.map(|packed| match (all.next().flatten(), self.there()) {
            (None, _) => &*packed,
            (Some(OfOutputs { lines, buffers, .. }), Some((target, first))) => {
                &lines.block(&self.frame, buffers, target)[first..]
            }
            (Some(lanes), None) => {
                self.pack_lanes(lanes, packed);
                packed
            }
        })
    }

    /// The output whose lines lie as they would be packed, and where its tile begins in a line: the only one, with one order
    /// of lanes, of one channel or in one tile, so that no tile waits for another.
    ///
    /// Exact: then lines are in the order of packing, channel by channel and lane by lane (values have one a channel), as far
    /// apart as [`packed_line`](Self::packed_line) says, and an output's block is kept until the tile is done.
    pub(crate) fn there(&self) -> Option<(LayerId, usize)> {
        let (false, [target]) = (self.wanted.is_sums(), &self.targets[..]) else { return None };
        let layer = self.lanes.carried(*target);
        let alone = layer.first != layer.second;
        let in_order = layer.place.channels == 1 || self.count() == 1;
        self.frame.tile_in_line().filter(|_| alone && in_order).map(|first| (*target, first))
    }

    /// Numbers of a line of what is packed, or would be.
    pub(super) fn packed_line(&self) -> usize {
        if self.there().is_some() { self.frame.line() } else { self.frame.packed_line() }
    }

    fn carry<T: Scalar>(&self, point: Point<'_, T>, tile: usize, space: &mut Space<T>) {
        self.prepare(space);
        let Space { lanes, values, scratch, .. } = space;
        let source = match point.values {
            Values::Recorded(tape) => Source::Recorded(tape),
            Values::Made(inputs) => Source::Made(inputs, values),
        };
        self.sweep(point.net, tile, lanes, source, scratch, None);
    }

    /// What has been carried to the outputs: values, lanes of first and of second order.
    fn of_outputs<'a, T>(&'a self, space: &'a Space<T>) -> [Option<OfOutputs<'a, T>>; 3] {
        let (first, second) = self.wanted.orders();
        let lanes = |second| OfOutputs { lines: &self.lanes, buffers: &space.lanes, second };
        let values = self.values.as_ref().map(|lines| OfOutputs { lines, buffers: &space.values, second: false });
        [values, first.then(|| lanes(false)), second.then(|| lanes(true))]
    }

    fn pack_lanes<T: Scalar>(&self, OfOutputs { lines, buffers, second }: OfOutputs<'_, T>, packed: &mut [T]) {
        let mut packed = packed.chunks_exact_mut(self.packed_line());
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

    /// Adds up weighted squares of lanes at the inputs of a tile: `[row][channel][position]`. Where values are made
    /// here, also what each output has of the tile's units, see [`Adjoints::adjoints`], and if the Jacobian is wanted,
    /// the adjoints of the inputs.
    pub(crate) fn sums<T: Scalar>(
        &self,
        point: Point<'_, T>,
        tile: usize,
        space: &mut Space<T>,
        weighted: Weighted<'_, T>,
        [value, jacobian, packed]: [&mut [T]; 3],
    ) {
        self.prepare(space);
        let Space { lanes, values, slopes, adjoints, scratch } = space;
        let rows = self.wanted.rows();
        let source = match (point.values, weighted, &self.values, &self.adjoints) {
            (Values::Made(inputs), Weighted::OfHeads(of_heads), Some(lines), Some(made)) => {
                let (net, frame, around) = (point.net, &self.frame, self.frame.around(tile));
                let in_box = |lines, buffers| InBox { net, frame, lines, around, buffers };
                let [first, second] = slopes;
                made.values(in_box(lines, &[]), inputs, values, [&mut *first, &mut *second], scratch);
                let values = in_box(lines, values);
                let [first, second] = [in_box(&made.slopes[0], first), in_box(&made.slopes[1], second)];
                value.fill(T::zero());
                made.adjoints(values, [first, second], (of_heads, frame.own(tile)), adjoints, value, scratch);
                let ready = Ready { values, slopes: first, adjoints: in_box(&made.lines, adjoints) };
                if self.wanted.reaches_inputs() {
                    self.pack_adjoints(ready.adjoints, rows, jacobian);
                }
                Source::Ready(ready)
            }
            (Values::Recorded(tape), ..) => Source::Recorded(tape),
            _ => unreachable!("only tiles that make values are asked to"),
        };
        let line = self.frame.line();
        let (sums, scratch) = scratch.split_at_mut(rows * self.input_channels(point.net) * line);
        sums.fill(T::zero());
        self.sweep(point.net, tile, lanes, source, scratch, Some((weighted, sums)));
        for (packed, sums) in packed.chunks_exact_mut(self.packed_line()).zip(sums.chunks_exact(line)) {
            self.pack(sums, packed);
        }
    }

    /// The adjoints of all input channels, row by row.
    fn pack_adjoints<T: Scalar>(&self, adjoints: InBox<'_, T>, rows: usize, packed: &mut [T]) {
        let of_input = |&id: &LayerId| (0..adjoints.carried(id).place.channels).map(move |channel| (id, channel));
        let channels = || self.targets.iter().flat_map(of_input);
        let lines =
            (0..rows).flat_map(|row| channels().map(move |(id, channel)| adjoints.line(id, channel, row, false)));
        for (line, packed) in lines.zip(packed.chunks_exact_mut(self.packed_line())) {
            self.pack(line, packed);
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
        net: &Network<T>,
        tile: usize,
        lanes: &mut [Buffer<T>],
        mut source: Source<'_, T>,
        scratch: &mut [T],
        mut weighted: Option<(Weighted<'_, T>, &mut [T])>,
    ) {
        let (frame, around) = (&self.frame, self.frame.around(tile));
        for (id, layer) in net.layers() {
            let made = self.values.as_ref().filter(|_| matches!(source, Source::Made(..)));
            if let Some((weighted, sums)) = &mut weighted
                && let Some(curved) = self.added_at(net, id)
            {
                let in_box = InBox { net, frame, lines: &self.lanes, around, buffers: lanes };
                self.add_squares(in_box, curved, source.known(made, in_box), *weighted, sums, scratch);
            }
            let Some(carried) = self.lanes.layers[id.index()].as_ref().filter(|c| !c.is_squared()) else { continue };
            // Blocks that are made leave their places, so that the others can be read meanwhile.
            let slots = [self.lanes.schedule.slot(id), made.and_then(|made| made.schedule.slot(id))];
            let (mut block, mut value) = (take(lanes, slots[0]), source.take(slots[1]));
            let out = &mut block[..carried.block_lines() * frame.line()];
            let value_out = &mut value[..made.map_or(0, |made| made.carried(id).all_lines()) * frame.line()];
            let in_box = InBox { net, frame, lines: &self.lanes, around, buffers: lanes };
            let known = source.known(made, in_box);
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
            source.put(slots[1], value);
        }
    }

    /// The curved layer whose terms are added when a layer is come to: itself, or the only reader of lanes that are
    /// squared as they are made.
    fn added_at<T: Scalar>(&self, net: &Network<T>, id: LayerId) -> Option<LayerId> {
        let is_squared = |id: LayerId| self.lanes.layers[id.index()].as_ref().is_some_and(Carried::is_squared);
        if is_squared(id) {
            return net.readers(id).next().map(|(reader, _)| reader);
        }
        (net.layer(id).kind().is_curved() && !is_squared(net.operands(id)[0])).then_some(id)
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
                in_box.clean(layer, 0..self.frame.positions(), out);
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
        match operand.fused {
            Some(Fused::Sloped) => return in_box.sloped(in_box.net.operands(id)[0], function, out, scratch),
            Some(Fused::Constant) if !layer.folded => {
                return in_box.scaled(in_box.net.operands(id)[0], function, [out, scratch]);
            }
            _ => {}
        }
        if let Function::Ready { slopes, .. } = &function
            && layer.is_even()
            && (layer.folded || operand.lines == layer.lines)
        {
            return self.even_function(slopes.block(id), layer, from, out);
        }
        let (first, rest) = scratch.split_at_mut(line);
        let second = &mut rest[..line];
        for (channel, lanes) in layer.lanes.iter().enumerate() {
            let row = &mut out[layer.lines[channel] * line..layer.lines[channel + 1] * line];
            if layer.folded && !row.is_empty() {
                let of_first = row.len().min(line) * usize::from(layer.first);
                let (of_first, of_second) = row.split_at_mut(of_first);
                let of_first = if layer.first { of_first } else { &mut *first };
                function.write(channel..channel + 1, of_first, of_second);
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

    /// The same of all channels together, with as many lanes of first order alone.
    fn even_function<T: Scalar>(&self, slopes: &[T], layer: &Carried, from: Option<&[T]>, out: &mut [T]) {
        let (line, width) = (self.frame.line(), layer.lines[1] * self.frame.line());
        if layer.folded {
            return out.copy_from_slice(&slopes[..out.len()]);
        }
        if let Some(from) = from {
            out.copy_from_slice(&from[..out.len()]);
        }
        if width > 0 {
            let slopes = Slopes { first: Rows::new(slopes, line), second: Rows::none() };
            let lanes = Lanes { count: layer.lines[1], samples: line };
            Elementwise::forward(0..layer.place.channels, slopes, lanes, out, width);
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

/// Where the values and slopes in a box come from.
enum Source<'a, T> {
    Recorded(&'a Tape<T>),
    /// To be made in these buffers, layer by layer before the lanes.
    Made(Inputs<'a, T>, &'a mut [Buffer<T>]),
    /// Made before all lanes.
    Ready(Ready<'a, T>),
}

impl<T: Scalar> Source<'_, T> {
    /// The buffer of the values of a layer, if they are made now.
    fn take(&mut self, slot: Option<usize>) -> Buffer<T> {
        match self {
            Source::Made(_, values) => take(values, slot),
            Source::Recorded(_) | Source::Ready(_) => Buffer::default(),
        }
    }

    fn put(&mut self, slot: Option<usize>, buffer: Buffer<T>) {
        if let Source::Made(_, values) = self {
            put(values, slot, buffer);
        }
    }

    /// What is known when a layer is come to.
    fn known<'s>(&'s self, made: Option<&'s Lines>, lanes: InBox<'s, T>) -> Known<'s, T> {
        match (self, made) {
            (Source::Recorded(tape), _) => Known::Recorded(tape),
            (Source::Made(inputs, values), Some(lines)) => {
                Known::Made(*inputs, InBox { lines, buffers: values, ..lanes })
            }
            (Source::Made(..), None) => unreachable!("only tiles that make values are asked to"),
            (Source::Ready(ready), _) => Known::Ready(*ready),
        }
    }
}

/// The buffer of a layer, if it has one.
pub(super) fn take<T>(buffers: &mut [Buffer<T>], slot: Option<usize>) -> Buffer<T> {
    slot.map(|slot| std::mem::take(&mut buffers[slot])).unwrap_or_default()
}

pub(super) fn put<T>(buffers: &mut [Buffer<T>], slot: Option<usize>, buffer: Buffer<T>) {
    if let Some(slot) = slot {
        buffers[slot] = buffer;
    }
}
