//! Adjoints made on the way: those of the units around a tile, from the layers that others outside of the tiles read.
//!
//! Where no layer outside is curved, the adjoints of the *heads*, which are read there, do not depend on a point. From
//! there they are carried down in the box: a local layer's reverse is a sum of shifted lines too,
//!
//! ```text
//! ā_in[i][p] = Σ_{o, t}  w[o, i, t] · ā_out[o][p − t].
//! ```
//!
//! So are the values and slopes made there that this and the lanes need, and nothing is recorded for all units.
//!
//! Exact where [`heads`] finds any: the same sums as of whole layers, in another order. Where there is no unit a line is
//! zero: what is padded with zeros takes no part.

use super::Wanted;
use super::fans::{Sums, Transposed};
use super::frame::{Frame, Span};
use super::kernel::Factor;
use super::linear::InBox;
use super::lines::{Carried, Lines};
use super::locals::{Local, Needed};
use super::sweep::{put, take};
use super::values::{Function, Inputs};
use super::weights::weigh;
use crate::buffer::Buffer;
use crate::layer::stencil::{AXES, Weights, minus};
use crate::layer::{Elementwise, Kind, Lanes, Slopes};
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::{Scalar, add_products, vectorized};
use faer::Accum;
use std::ops::Range;

/// Numbers of short lines that are made at a time: the innermost cache holds all that is read and written for them.
const PIECE: usize = 1 << 11;

/// Most links of a layer whose adjoints are made on the way.
const MOST_LINKS: usize = 1 << 20;

/// The adjoints of a local network, prepared.
#[derive(Clone, Debug)]
pub(super) struct Adjoints {
    /// The local layers that are outputs or that layers outside read.
    pub(super) heads: Vec<LayerId>,
    /// σ' and σ'' of each function.
    pub(super) slopes: [Lines; 2],
    pub(super) lines: Lines,
    /// What each layer's adjoint is made of.
    back: Vec<Vec<Back>>,
}

/// The adjoint of a reader, on its way to operand `place`; `sums` if it is linear and no matrix.
#[derive(Clone, Debug)]
struct Back {
    reader: LayerId,
    place: usize,
    sums: Vec<Sums>,
}

impl Back {
    /// Whether it is one product with a matrix.
    fn is_matrix<T: Scalar>(&self, net: &Network<T>) -> bool {
        net.layer(self.reader).kind().linear().is_some_and(|linear| linear.across_channels().is_some())
    }
}

/// Values, slopes and adjoints in a box, made before the lanes; of curved layers their [weights](super::weights), in place
/// of adjoints.
#[derive(Clone, Copy)]
pub(super) struct Ready<'a, T> {
    pub(super) values: InBox<'a, T>,
    /// σ' alone.
    pub(super) slopes: InBox<'a, T>,
    pub(super) adjoints: InBox<'a, T>,
}

/// Makes the adjoints of some units of a head, a row of all outputs for each.
pub(super) type OfHeads<'a, T> = &'a (dyn Fn(LayerId, Range<usize>, &mut [T]) + Sync);

/// The local layers that are outputs or that layers outside read, if adjoints can be made from theirs.
pub(super) fn heads<T: Scalar>(
    net: &Network<T>,
    wanted: Wanted,
    locals: &[Option<Local>],
    wrapped: [usize; AXES],
) -> Option<Vec<LayerId>> {
    let local = |id: LayerId| locals[id.index()].as_ref();
    let whole = |local: &Local| (0..AXES).all(|axis| [0, local.place.shape[axis]].contains(&wrapped[axis]));
    let mut heads = Vec::new();
    // Whether an adjoint is sent through the layer.
    let mut above = vec![false; locals.len()];
    for (id, layer) in net.layers() {
        let Some(here) = local(id) else {
            // From outside the adjoints come without a point, and values are told by them.
            layer.kind().linear()?;
            continue;
        };
        let sent = net.operands(id).iter().any(|o| above[o.index()]);
        let is_first = wanted.reaches_inputs() && matches!(layer.kind(), Kind::Input);
        above[id.index()] = sent || is_first || layer.kind().is_curved();
        let inside = net.readers(id).filter(|(reader, _)| local(*reader).is_some()).count();
        let is_head = net.output_layers().contains(&id) || inside < net.readers(id).count();
        // What is read inside too has an adjoint from both; and of copies each would have its own.
        if is_head && (inside > 0 || !whole(here)) {
            return None;
        }
        // Weights that differ from position to position are not told by a distance.
        let each = || layer.kind().linear().is_some_and(|l| matches!(l.weights(&here.place), Weights::Each(_)));
        let links = || here.fans.iter().map(|fan| fan.channels.len() * fan.links.len()).sum::<usize>();
        if sent && (each() || links() > MOST_LINKS) {
            return None;
        }
        if is_head {
            heads.push(id);
        }
    }
    wanted.is_sums().then_some(heads)
}

impl Adjoints {
    /// The sums are prepared when the frame is known.
    pub(super) fn new<T: Scalar>(
        net: &Network<T>,
        locals: &[Option<Local>],
        rows: usize,
        heads: Vec<LayerId>,
        needed: &Needed,
    ) -> Self {
        let slopes = [false, true].map(|curved| Lines::of_slopes(net, locals, curved));
        let lines = Lines::of_adjoints(net, locals, rows, |id| needed.adjoints.has(id));
        Adjoints { heads, slopes, lines, back: Vec::new() }
    }

    /// Numbers of lines.
    pub(super) fn total(&self) -> usize {
        self.slopes.iter().chain([&self.lines]).map(|lines| lines.schedule.total()).sum()
    }

    pub(super) fn cut(&mut self, frame: &Frame, needed: &Needed) {
        self.slopes.iter_mut().for_each(|slopes| slopes.cut(frame, &needed.values));
        self.lines.cut(frame, &needed.adjoints);
    }

    /// Prepares the sums of all readers.
    pub(super) fn prepare_sums<T: Scalar>(&mut self, net: &Network<T>, locals: &[Option<Local>], frame: &Frame) {
        self.back = net.layers().map(|(id, _)| self.back(net, locals, frame, id)).collect();
        let sums = self.back.iter().flatten().flat_map(|back| &back.sums);
        self.lines.weights = sums.map(|sums| sums.numbers() + sums.numbers_of_sum(true)).max().unwrap_or(0);
    }

    fn back<T: Scalar>(&self, net: &Network<T>, locals: &[Option<Local>], frame: &Frame, id: LayerId) -> Vec<Back> {
        let Some(layer) = &self.lines.layers[id.index()] else { return Vec::new() };
        let of_reader = |(reader, place): (LayerId, usize)| {
            self.lines.layers[reader.index()].as_ref()?;
            let local = locals[reader.index()].as_ref()?;
            let sums = match net.layer(reader).kind().linear() {
                Some(linear) if linear.across_channels().is_none() => {
                    let shared = matches!(linear.weights(&local.place), Weights::Shared(_));
                    let (channels, rows, line) = (layer.place.channels, layer.orders_of(0), frame.line());
                    let factor = |weight| Factor { weight, constant: None };
                    Transposed { local, place, channels, rows, line, shared }.sums(|l| -frame.step(l.shift), factor)
                }
                _ => Vec::new(),
            };
            Some(Back { reader, place, sums })
        };
        net.readers(id).filter_map(of_reader).collect()
    }

    /// Lines made.
    pub(super) fn numbers(&self) -> usize {
        let lines = self.slopes.iter().chain([&self.lines]);
        lines.flat_map(|lines| lines.layers.iter().flatten()).map(Carried::all_lines).sum()
    }

    /// Numbers multiplied and added, in sums of shifted lines and in products with a matrix.
    pub(super) fn products<T: Scalar>(&self, net: &Network<T>) -> [usize; 2] {
        let mut products = [0; 2];
        for (layer, back) in self.lines.layers.iter().zip(&self.back) {
            let Some(layer) = layer else { continue };
            for back in back {
                products[0] += back.sums.iter().map(|sums| sums.products).sum::<usize>();
                if back.is_matrix(net) {
                    products[1] += layer.place.channels * self.lines.carried(back.reader).all_lines();
                }
            }
        }
        products
    }
}

impl Adjoints {
    /// Makes values and slopes of a box.
    pub(super) fn values<T: Scalar>(
        &self,
        values: InBox<'_, T>,
        inputs: Inputs<'_, T>,
        made: &mut [Buffer<T>],
        [first, second]: [&mut [Buffer<T>]; 2],
        scratch: &mut [T],
    ) {
        let InBox { net, frame, lines, .. } = values;
        let slot_of = |order: usize, id: LayerId| self.slopes[order].schedule.slot(id);
        for (id, layer) in net.layers() {
            let Some(carried) = &lines.layers[id.index()] else { continue };
            let slot = lines.schedule.slot(id);
            let mut value = take(made, slot);
            let out = &mut value[..carried.all_lines() * frame.line()];
            let values = InBox { buffers: made, ..values };
            if let Kind::Elementwise(e) = layer.kind() {
                let curved = e.activation().is_curved();
                let mut slopes = [take(first, slot_of(0, id)), take(second, slot_of(1, id))];
                let mut function = Function::Made { function: e, curved, id, values, inputs, out };
                let together = if e.is_alike() { frame.lines_of(PIECE) } else { 1 };
                for channels in pieces(carried.place.channels, together) {
                    let numbers = channels.start * frame.line()..channels.end * frame.line();
                    let [first, second] =
                        slopes.each_mut().map(|lines| lines.get_mut(numbers.clone()).unwrap_or_default());
                    function.write(channels, first, second);
                }
                let [of_first, of_second] = slopes;
                put(first, slot_of(0, id), of_first);
                put(second, slot_of(1, id), of_second);
            } else {
                values.values(id, inputs, out, scratch);
            }
            put(made, slot, value);
        }
    }

    /// Makes the adjoints of a box, and adds `Σ ā h` over the tile's own units of all heads to the number of each row:
    /// what the outputs have of them.
    pub(super) fn adjoints<T: Scalar>(
        &self,
        values: InBox<'_, T>,
        slopes: [InBox<'_, T>; 2],
        (of_heads, own): (OfHeads<'_, T>, Span),
        adjoints: &mut [Buffer<T>],
        outputs: &mut [T],
        scratch: &mut [T],
    ) {
        let InBox { net, frame, .. } = values;
        let (line, rows) = (frame.line(), outputs.len());
        for (id, _) in net.layers().rev() {
            if let Some(layer) = &self.lines.layers[id.index()] {
                let slot = self.lines.schedule.slot(id);
                let mut block = take(adjoints, slot);
                let out = &mut block[..layer.all_lines() * line];
                let (mut accum, mut whole) = (Accum::Replace, true);
                if self.heads.contains(&id) {
                    self.load(values, id, of_heads, rows, out, scratch);
                    (accum, whole) = (Accum::Add, false);
                    let of_channels = out.chunks_exact(rows * line).zip(values.block(id).chunks_exact(line));
                    for (adjoints, value) in of_channels {
                        for (output, adjoint) in outputs.iter_mut().zip(adjoints.chunks_exact(line)) {
                            let rows = frame.rows(own);
                            *output = rows.fold(*output, |sum, at| sum + dot(&adjoint[at.clone()], &value[at]));
                        }
                    }
                }
                for back in &self.back[id.index()] {
                    if let Kind::Elementwise(_) = net.layer(back.reader).kind() {
                        self.function(slopes, back.reader, adjoints, Some((&mut *out, accum)));
                    } else {
                        whole &= back.is_matrix(net);
                        let adjoints = InBox { lines: &self.lines, buffers: adjoints, ..values };
                        adjoints.send_back(values, layer, back, accum, out, scratch);
                    }
                    accum = Accum::Add;
                }
                if accum == Accum::Replace {
                    // No reader has a link to it.
                    out.fill(T::zero());
                }
                if whole {
                    values.clean_whole(layer, out);
                } else {
                    values.clean(layer, layer.run.clone(), out);
                }
                put(adjoints, slot, block);
            }
            // Readers that have now sent their adjoints to all operands.
            for (reader, place) in net.readers(id) {
                let operands = net.operands(reader).iter().enumerate();
                match net.layer(reader).kind() {
                    Kind::Elementwise(_) if self.lines.layers[id.index()].is_none() => {
                        self.function(slopes, reader, adjoints, None);
                    }
                    Kind::Product if operands.min_by_key(|(_, o)| o.index()) == Some((place, &id)) => {
                        if let Some(layer) = &self.lines.layers[reader.index()] {
                            let slot = self.lines.schedule.slot(reader);
                            let mut block = take(adjoints, slot);
                            weigh(None, Lanes { count: rows, samples: line }, &mut block[..layer.all_lines() * line]);
                            put(adjoints, slot, block);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// What a function sends back to its operand, in place of what is there or added to it, if that has an adjoint; and
    /// its own adjoints become weights.
    fn function<T: Scalar>(
        &self,
        [first, second]: [InBox<'_, T>; 2],
        id: LayerId,
        adjoints: &mut [Buffer<T>],
        mut operand: Option<(&mut [T], Accum)>,
    ) {
        let Some(layer) = &self.lines.layers[id.index()] else { return };
        let (frame, slot) = (first.frame, self.lines.schedule.slot(id));
        let (line, rows) = (frame.line(), layer.orders_of(0));
        let lanes = Lanes { count: rows, samples: line };
        let (first, second) = (Rows::new(first.block(id), line), Rows::new(second.block(id), line));
        let mut block = take(adjoints, slot);
        for channels in pieces(layer.place.channels, frame.lines_of(PIECE)) {
            let numbers = channels.start * rows * line..channels.end * rows * line;
            let adjoint = &mut block[numbers.clone()];
            if let Some((out, accum)) = &mut operand {
                let slopes = Slopes { first: first.skip(channels.start), second: Rows::none() };
                let adjoint = Rows::new(adjoint, rows * line);
                Elementwise::reverse(0..channels.len(), slopes, lanes, adjoint, *accum, &mut out[numbers]);
            }
            if !second.data.is_empty() {
                weigh(Some(&second.data[channels.start * line..channels.end * line]), lanes, adjoint);
            }
        }
        put(adjoints, slot, block);
    }

    /// The adjoints of a head, as lines.
    fn load<T: Scalar>(
        &self,
        values: InBox<'_, T>,
        head: LayerId,
        of_heads: OfHeads<'_, T>,
        rows: usize,
        out: &mut [T],
        scratch: &mut [T],
    ) {
        let InBox { frame, around, .. } = values;
        let (line, place) = (frame.line(), &self.lines.carried(head).place);
        for (channel, out) in out.chunks_exact_mut(rows * line).enumerate() {
            frame.stretches(place, around, |units, numbers| {
                let Some(units) = units else {
                    return out.chunks_exact_mut(line).for_each(|line| line[numbers.clone()].fill(T::zero()));
                };
                let first = channel * place.positions();
                let units = first + units.start..first + units.end;
                if rows == 1 {
                    return of_heads(head, units, &mut out[numbers]);
                }
                let there = &mut scratch[..units.len() * rows];
                of_heads(head, units, there);
                for (row, out) in out.chunks_exact_mut(line).enumerate() {
                    let of_row = there.iter().skip(row).step_by(rows);
                    out[numbers.clone()].iter_mut().zip(of_row).for_each(|(o, &a)| *o = a);
                }
            });
        }
    }
}

impl<T: Scalar> InBox<'_, T> {
    /// What a reader that is no function sends back, in place of what is there or added to it; of adjoints.
    fn send_back(
        &self,
        values: InBox<'_, T>,
        layer: &Carried,
        back: &Back,
        accum: Accum,
        out: &mut [T],
        scratch: &mut [T],
    ) {
        let &Back { reader, place, ref sums } = back;
        let (net, line, rows) = (self.net, self.frame.line(), layer.orders_of(0));
        if !matches!(net.layer(reader).kind(), Kind::Product) {
            return self.reverse(layer, (reader, sums), accum, out, scratch);
        }
        // ā_q[p + s_q] += z_{1-q}[p + s_{1-q}] ā[p].
        let shifts = &self.carried(reader).shifts;
        let (here, there) = (shifts[place], shifts[1 - place]);
        let [from, partner] = [minus([0; AXES], here), minus(there, here)].map(|s| self.frame.step(s));
        let run = |by: isize| {
            let start = layer.run.start.checked_add_signed(by).expect("within the box");
            start..start + layer.run.len()
        };
        let block = self.block(reader).chunks_exact(rows * line);
        for (channel, (out, adjoint)) in out.chunks_exact_mut(rows * line).zip(block).enumerate() {
            let value = &values.line(net.operands(reader)[1 - place], channel, 0, false)[run(partner)];
            for (out, adjoint) in out.chunks_exact_mut(line).zip(adjoint.chunks_exact(line)) {
                let out = &mut out[layer.run.clone()];
                if accum == Accum::Replace {
                    out.fill(T::zero());
                }
                add_products_of(value, &adjoint[run(from)], out);
            }
        }
    }
}

/// Channels from the first to the last, so many together.
fn pieces(channels: usize, together: usize) -> impl Iterator<Item = Range<usize>> {
    (0..channels).step_by(together).map(move |first| first..channels.min(first + together))
}

/// `out += a b`.
fn add_products_of<T: Scalar>(a: &[T], b: &[T], out: &mut [T]) {
    vectorized(
        #[inline(always)]
        || out.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (&a, &b))| *o = a.mul_add(b, *o)),
    );
}

/// `Σ a b`.
fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
    vectorized(
        #[inline(always)]
        || {
            let mut sums = [T::zero(); 32];
            let ((a, more_a), (b, more_b)) = (a.as_chunks(), b.as_chunks());
            a.iter().zip(b).for_each(|(a, b)| add_products(&mut sums, a, b));
            let rest = more_a.iter().zip(more_b).fold(T::zero(), |sum, (&a, &b)| a.mul_add(b, sum));
            sums.into_iter().fold(rest, |sum, part| sum + part)
        },
    )
}
