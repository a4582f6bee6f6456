//! The forward sweep: tangent lanes from the inputs to the outputs, of first or of second order.
//!
//! A seed v gives ẏ = J v in its first-order lane. Second order, ÿ = d²/dt² y(x + t v), is carried beside it in a lane
//! for each seed or in one lane for the sum over all of them: every layer but a curved one is linear in ÿ, and a curved one adds
//! σ'' ż², or 2 ȧ ḃ, which can be added up as well.
//!
//! Second order begins at the first curved layer; before it it is zero and not carried. First order ends where
//! nothing curved follows, unless it is wanted itself.

mod recording;

pub(crate) use recording::Recorder;

use crate::buffer::Buffer;
use crate::cost::{self, Points, Work};
use crate::layer::{Elementwise, Kind, Lanes, Seeds, product};
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::Scalar;
use crate::schedule::Schedule;
use crate::tape::{Pass, with_rows};
use std::ops::Range;

/// Numbers that stay in the innermost cache.
const IN_CACHE: usize = 1 << 11;

/// What of second order is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Second {
    /// Nothing.
    None,
    /// ÿ for each lane.
    Each,
    /// Σ ÿ over the lanes.
    Sum,
    /// Nothing, but the values in its place, so that a layer makes both with one reading of its weights: see
    /// [`Recorder`].
    Values,
}

impl Second {
    /// Whether anything of second order is.
    fn is_carried(self) -> bool {
        matches!(self, Second::Each | Second::Sum)
    }
}

/// A forward sweep, prepared for the structure of a network.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    schedule: Schedule,
    second: Second,
    /// What each layer's block holds.
    parts: Vec<Parts>,
    /// Functions behind which nobody reads first order any more: it is left as it was.
    spent: Vec<bool>,
    /// Layers whose operands' blocks are looked at on the way.
    tapped: Vec<bool>,
}

/// What the rows of a block hold: `[J]`, `[J | S]` or `[S]`, or nothing. Values stand in the place of `S`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) first: bool,
    pub(crate) second: bool,
}

impl Parts {
    pub(crate) fn any(self) -> bool {
        self.first || self.second
    }
}

impl Forward {
    /// `keep` says which blocks are wanted when the sweep is over: second order, if it is carried, and first order
    /// if it is not, or if `with_first`. `tap` says for which layers the blocks of the operands are wanted on the way.
    pub(crate) fn new<T: Scalar>(
        net: &Network<T>,
        second: Second,
        with_first: bool,
        keep: impl Fn(LayerId) -> bool,
        tap: impl Fn(LayerId) -> bool,
    ) -> Self {
        let first_wanted = with_first || !second.is_carried();
        let mut parts = parts(net, second, first_wanted, &keep, &tap);
        let spent = |id: LayerId| {
            let both = parts[id.index()].first && parts[id.index()].second;
            let read = || net.readers(id).any(|(reader, _)| parts[reader.index()].first || tap(reader));
            let function = matches!(net.layer(id).kind(), Kind::Elementwise(_));
            function && both && !(keep(id) && first_wanted) && !read()
        };
        let spent = net.layers().map(|(id, _)| spent(id)).collect();
        // Layers that come straight from the seeds are written out only for readers that cannot take them row by row.
        let written = |id: LayerId| {
            let taken = |r: LayerId| match net.layer(id).kind() {
                Kind::Input => !tap(r) && net.layer(r).kind().takes_seeds(),
                _ => parts[r.index()].any() && matches!(net.layer(r).kind(), Kind::Elementwise(_)),
            };
            let seeded = is_input(net, id) || is_seeded(net, id);
            let read = |r: LayerId| parts[r.index()].any() || tap(r);
            let all_take = || net.readers(id).filter(|&(r, _)| read(r)).all(|(r, _)| taken(r));
            parts[id.index()].any() && !(seeded && !keep(id) && all_take())
        };
        let order: Vec<LayerId> = net.layers().map(|(id, _)| id).collect();
        let written: Vec<bool> = order.iter().map(|&id| written(id)).collect();
        for (parts, written) in parts.iter_mut().zip(&written) {
            if !written {
                *parts = Parts::default();
            }
        }
        // The lane of a sum is counted among the lanes of a sweep.
        let orders = |Parts { first, second: more }: Parts| match second {
            Second::Each => usize::from(first) + usize::from(more),
            Second::None | Second::Sum | Second::Values => usize::from(first || more),
        };
        let size = |id: LayerId| net.layer(id).units() * orders(parts[id.index()]);
        let in_place = |id: LayerId| match net.layer(id).kind() {
            Kind::Elementwise(_) => Some(net.operands(id)[0]).filter(|o| parts[o.index()] == parts[id.index()]),
            _ => None,
        };
        let schedule = Schedule::new(&order, size, |id| net.operands(id).to_vec(), &keep, in_place);
        Forward { schedule, second, parts, spent, tapped: order.iter().map(|&id| tap(id)).collect() }
    }

    /// Lanes of a sweep: those of first order, and that of their sum or of the values.
    pub(crate) fn lanes(&self, count: usize) -> usize {
        count + usize::from(matches!(self.second, Second::Sum | Second::Values))
    }

    /// Whether values go along.
    pub(crate) fn has_values(&self) -> bool {
        self.second == Second::Values
    }

    /// Numbers of a row for each sample, if both orders are there.
    pub(crate) fn row(&self, count: usize) -> usize {
        if self.second == Second::Each { 2 * count } else { self.lanes(count) }
    }

    /// What it does, for the cost model.
    pub(crate) fn work<T: Scalar>(&self, net: &Network<T>, points: Points) -> cost::Sweep {
        let mut work = cost::Sweep::new(points);
        for (id, layer) in net.layers().filter(|(id, _)| self.parts[id.index()].any()) {
            let mut of_layer = net.work_of(id);
            if self.second == Second::Sum && layer.kind().is_curved() {
                of_layer = of_layer.and(Work::squared(layer.units() as u64));
            }
            let made = if is_seeded(net, id) { of_layer.seeded() } else { of_layer };
            let Parts { first, second } = self.parts[id.index()];
            // What is left as it was is still made here if it comes straight from the seeds.
            let left = self.spent[id.index()] && self.schedule.slot(net.operands(id)[0]).is_some();
            let first = first && !left;
            let (each, sum) = (second && self.second == Second::Each, second && self.second == Second::Sum);
            work.add_with_sum(layer.units(), usize::from(first) + usize::from(each), sum, made);
            // Rows that are made on the way and not written.
            for &o in net.operands(id).iter().filter(|&&o| self.schedule.slot(o).is_none()) {
                work.add(0, 1, net.work_of(o).seeded());
            }
        }
        work
    }

    /// Numbers that the buffers hold for each lane.
    pub(crate) fn size(&self) -> usize {
        self.schedule.total()
    }

    /// Makes the buffers large enough for a number of lanes.
    pub(crate) fn prepare<T: Scalar>(&self, buffers: &mut Vec<Buffer<T>>, lanes: usize) {
        self.schedule.prepare(buffers, lanes);
    }

    /// Carries one block of lanes through the network; `seeds(q)` are those of input layer `q`. Before a tapped layer
    /// is computed, `tap` sees those rows of its operands, the first and the last, that have the given numbers; they have one
    /// number for each lane where all samples have the same, and none where they are zero since inputs are rotated.
    pub(crate) fn sweep<'s, T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        seeds: impl Fn(usize) -> Seeds<'s, T> + Copy + Sync,
        buffers: &mut Vec<Buffer<T>>,
        mut tap: impl FnMut(LayerId, Range<usize>, [Rows<'_, T>; 2]),
    ) {
        let Pass { net, lanes, .. } = pass;
        self.prepare(buffers, self.lanes(lanes.count) * lanes.samples);
        for (id, _) in net.layers() {
            self.step(pass, seeds, id, buffers, &mut tap);
        }
    }

    /// One layer of a sweep.
    fn step<'s, T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        seeds: impl Fn(usize) -> Seeds<'s, T> + Copy + Sync,
        id: LayerId,
        buffers: &mut [Buffer<T>],
        tap: &mut impl FnMut(LayerId, Range<usize>, [Rows<'_, T>; 2]),
    ) {
        let Pass { net, lanes, .. } = pass;
        let layer = net.layer(id);
        let operands = net.operands(id);
        let slot = self.schedule.slot(id);
        let elementwise = matches!(layer.kind(), Kind::Elementwise(_));
        if self.tapped[id.index()] && !(elementwise && slot.is_some()) {
            let whole = [0, operands.len() - 1].map(|q| self.block(net, buffers, operands[q], lanes));
            tap(id, 0..layer.units(), whole);
        }
        let Some(slot) = slot else { return };
        // The buffer leaves its place, so that the operands can be borrowed meanwhile.
        let mut buffer = std::mem::take(&mut buffers[slot]);
        let width = self.width(id, lanes);
        let out = &mut buffer[..layer.units() * width];
        if let Kind::Input = layer.kind() {
            seeds(input_number(net, id)).write(out, width);
        } else if elementwise {
            let here = self.schedule.slot(operands[0]) == Some(slot);
            let from = if here { None } else { Some(self.operand(net, buffers, id, operands[0], lanes)) };
            self.elementwise(pass, seeds, id, from, out, tap);
        } else {
            let get = |q: usize| self.operand(net, buffers, id, operands[q], lanes);
            with_rows(operands.len(), get, |blocks| self.layer(pass, seeds, id, blocks, out));
        }
        buffers[slot] = buffer;
    }

    /// A function of each unit; `from` holds the operand, unless `out` does already.
    fn elementwise<'s, T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        seeds: impl Fn(usize) -> Seeds<'s, T> + Copy + Sync,
        id: LayerId,
        from: Option<Rows<'_, T>>,
        out: &mut [T],
        tap: &mut impl FnMut(LayerId, Range<usize>, [Rows<'_, T>; 2]),
    ) {
        let Pass { net, tape, lanes, spread } = pass;
        let width = self.width(id, lanes);
        // Second order alone goes through a function without curvature as if it were of first.
        let lanes = if self.parts[id.index()].first { lanes } else { Lanes { count: width / lanes.samples, ..lanes } };
        let operand = net.operands(id)[0];
        let mut slopes = tape.slopes(id);
        if self.second == Second::Values {
            // What stands in the place of second order has no curvature.
            slopes.second = Rows::none();
        }
        let fetch = |rows: Range<usize>, out: &mut [T]| match from {
            None => {}
            // Not written out: its rows are made here.
            Some(_) if self.schedule.slot(operand).is_none() => {
                let seeds = seeds(input_number(net, net.operands(operand)[0]));
                net.layer(operand).kind().forward_seeds(rows, &seeds, out, width);
            }
            Some(from) => {
                for (k, out) in rows.zip(out.chunks_exact_mut(width)) {
                    let (lanes, rest) = out.split_at_mut(from.width);
                    lanes.copy_from_slice(from.row(k));
                    rest.fill(T::zero());
                }
            }
        };
        let is_made_here = from.is_some() && self.schedule.slot(operand).is_none();
        if is_made_here && width == lanes.len() && lanes.samples > 1 {
            // Straight from the seeds: the same for all samples.
            let seeds = seeds(input_number(net, net.operands(operand)[0]));
            let seeds = Seeds { lanes: Lanes { samples: 1, ..lanes }, ..seeds };
            let make = |rows: Range<usize>, out: &mut [T]| {
                let alike = out.len() - rows.len() * lanes.count;
                net.layer(operand).kind().forward_seeds(rows, &seeds, &mut out[alike..], lanes.count);
                alike
            };
            let chunk = (IN_CACHE / lanes.count).max(1);
            if !self.tapped[id.index()] {
                return spread.rows(out, width, chunk, |rows, out| {
                    make(rows.clone(), out);
                    Elementwise::forward_alike(rows, slopes.first, lanes, out);
                });
            }
            // What is zero and not read.
            let is_dense = |(reader, _): (LayerId, usize)| matches!(net.layer(reader).kind(), Kind::Dense(_));
            let skipped = if net.readers(id).all(is_dense) { seeds.zero_rows() } else { 0 };
            if skipped > 0 {
                tap(id, 0..skipped, [Rows::none(); 2]);
            }
            for (k, out) in out[skipped * width..].chunks_mut(chunk * width).enumerate() {
                let first = skipped + k * chunk;
                let rows = first..first + out.len() / width;
                let alike = make(rows.clone(), out);
                tap(id, rows.clone(), [Rows::new(&out[alike..], lanes.count); 2]);
                Elementwise::forward_alike(rows, slopes.first, lanes, out);
            }
        } else if self.tapped[id.index()] {
            // Few rows at a time, so that they are still in the cache.
            let chunk = (IN_CACHE / width).max(1);
            for (k, out) in out.chunks_mut(chunk * width).enumerate() {
                let rows = k * chunk..k * chunk + out.len() / width;
                fetch(rows.clone(), out);
                tap(id, rows.clone(), [Rows::new(out, width); 2]);
                Elementwise::forward(rows, slopes, lanes, out, width);
            }
        } else if let Some(from) = from.filter(|from| !self.second.is_carried() && from.width == width) {
            spread.rows(out, width, net.layer(id).kind().chunk_rows(net.layer(id).units(), width), |rows, out| {
                Elementwise::forward_from(rows, slopes.first, lanes, from, out, width);
            });
        } else {
            let function = if self.spent[id.index()] { Elementwise::forward_second } else { Elementwise::forward };
            spread.rows(out, width, net.layer(id).kind().chunk_rows(net.layer(id).units(), width), |rows, out| {
                fetch(rows.clone(), out);
                function(rows, slopes, lanes, out, width);
            });
        }
    }

    /// The block of a layer after the sweep; of width 0 if it has none.
    pub(crate) fn block<'a, T: Scalar>(
        &self,
        net: &Network<T>,
        buffers: &'a [Buffer<T>],
        id: LayerId,
        lanes: Lanes,
    ) -> Rows<'a, T> {
        let width = self.width(id, lanes);
        match self.schedule.slot(id) {
            Some(slot) => Rows::new(&buffers[slot][..net.layer(id).units() * width], width),
            None => Rows::none(),
        }
    }

    /// What the block of a layer holds of second order after the sweep; of width 0 if nothing.
    pub(crate) fn second<'a, T: Scalar>(
        &self,
        net: &Network<T>,
        buffers: &'a [Buffer<T>],
        id: LayerId,
        lanes: Lanes,
    ) -> Rows<'a, T> {
        let block = self.block(net, buffers, id, lanes);
        if self.parts[id.index()].first { block.after(lanes.len()) } else { block }
    }

    /// What a layer reads of an operand's block.
    fn operand<'a, T: Scalar>(
        &self,
        net: &Network<T>,
        buffers: &'a [Buffer<T>],
        reader: LayerId,
        id: LayerId,
        lanes: Lanes,
    ) -> Rows<'a, T> {
        if self.parts[reader.index()].first {
            self.block(net, buffers, id, lanes)
        } else {
            self.second(net, buffers, id, lanes)
        }
    }

    /// Numbers in a row of a layer's block.
    fn width(&self, id: LayerId, lanes: Lanes) -> usize {
        let Parts { first, second } = self.parts[id.index()];
        let more = match self.second {
            Second::None => 0,
            Second::Each => lanes.len(),
            Second::Sum | Second::Values => lanes.samples,
        };
        usize::from(first) * lanes.len() + usize::from(second) * more
    }

    fn layer<'s, T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        seeds: impl Fn(usize) -> Seeds<'s, T> + Copy + Sync,
        id: LayerId,
        operands: &[Rows<'_, T>],
        out: &mut [T],
    ) {
        let Pass { net, tape, lanes, spread } = pass;
        let width = self.width(id, lanes);
        let kind = net.layer(id).kind();
        let sources = net.operands(id);
        spread.rows(out, width, kind.chunk_rows(net.layer(id).units(), width), |rows, out| match kind {
            Kind::Input | Kind::Elementwise(_) => {}
            Kind::Product => {
                let values = [tape.values(sources[0]), tape.values(sources[1])];
                product::forward(rows, values, lanes, [operands[0], operands[1]], out, width);
            }
            Kind::Select(select) => select.forward(rows, tape.choice(id), lanes, operands, out, width),
            kind if is_seeded(net, id) => {
                kind.forward_seeds(rows, &seeds(input_number(net, sources[0])), out, width);
            }
            Kind::Dense(dense) => {
                dense.forward_behind(zero_rows(net, sources[0], seeds), rows, operands[0], out, width);
            }
            kind => kind.linear().expect("all other kinds are linear").forward(rows, operands, out, width),
        });
    }
}

/// The first rows of a layer's block that are zero, since its inputs are rotated: of second order too, which in a function is
/// σ'' times squares of what is zero, and the sum over the lanes of this block alone.
fn zero_rows<'s, T: Scalar>(net: &Network<T>, id: LayerId, seeds: impl Fn(usize) -> Seeds<'s, T>) -> usize {
    match net.layer(id).kind() {
        Kind::Elementwise(_) => zero_rows(net, net.operands(id)[0], seeds),
        Kind::Dense(_) if is_seeded(net, id) => seeds(input_number(net, net.operands(id)[0])).zero_rows(),
        _ => 0,
    }
}

/// What must be carried in each layer, so that what is kept and tapped can be made. Second order alone is enough
/// where nothing curved follows and first order is not wanted itself.
pub(crate) fn parts<T: Scalar>(
    net: &Network<T>,
    second: Second,
    first_wanted: bool,
    keep: &impl Fn(LayerId) -> bool,
    tap: &impl Fn(LayerId) -> bool,
) -> Vec<Parts> {
    let curved = |id: LayerId| second.is_carried() && net.layer(id).kind().is_curved();
    // What is not zero.
    let mut parts: Vec<Parts> = Vec::new();
    for (id, layer) in net.layers() {
        let operands = || net.operands(id).iter().map(|o| parts[o.index()]);
        let is_input = matches!(layer.kind(), Kind::Input);
        parts.push(Parts {
            first: is_input || operands().any(|o| o.first),
            second: operands().any(|o| o.second) || curved(id) && operands().all(|o| o.first),
        });
    }
    // What is needed of it.
    for (id, _) in net.layers().rev() {
        let readers = || net.readers(id).map(|(reader, _)| (reader, parts[reader.index()]));
        let needed = keep(id) || readers().any(|(r, p)| p.any() || tap(r));
        let first = keep(id) && first_wanted || readers().any(|(r, p)| p.first || tap(r));
        let Parts { first: has_first, second: has_second } = parts[id.index()];
        let second = has_second && needed;
        parts[id.index()] = Parts { first: has_first && (first || second && curved(id)), second };
    }
    if second == Second::Values {
        parts.iter_mut().for_each(|parts| parts.second = parts.first);
    }
    // Convolutions read whole rows.
    for (id, layer) in net.layers() {
        let whole = net.operands(id).first().is_some_and(|o| parts[o.index()].first);
        if matches!(layer.kind(), Kind::Conv(_)) && whole && parts[id.index()].second {
            parts[id.index()].first = true;
        }
    }
    parts
}

/// Whether the lanes of a layer come straight from the seeds.
fn is_seeded<T: Scalar>(net: &Network<T>, id: LayerId) -> bool {
    net.layer(id).kind().takes_seeds() && is_input(net, net.operands(id)[0])
}

fn is_input<T: Scalar>(net: &Network<T>, id: LayerId) -> bool {
    matches!(net.layer(id).kind(), Kind::Input)
}

/// Which of the input layers this is.
fn input_number<T: Scalar>(net: &Network<T>, input: LayerId) -> usize {
    let number = net.input_layers().iter().position(|&l| l == input);
    number.expect("only inputs are seeded")
}
