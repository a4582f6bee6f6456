//! The forward sweep: tangent lanes from the inputs to the outputs, of first or of second order.
//!
//! A seed v gives ẏ = J v in its first-order lane and ÿ = d²/dt² y(x + t v) in its second-order lane. Second-order
//! lanes begin at the first curved layer; before it they are zero and not carried.

use crate::cost;
use crate::layer::{Elementwise, Kind, Lanes, Seeds, product};
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::Scalar;
use crate::schedule::Schedule;
use crate::tape::{Pass, with_rows};
use std::ops::Range;

/// Numbers that stay in the innermost cache.
const IN_CACHE: usize = 1 << 11;

/// A forward sweep, prepared for the structure of a network.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    schedule: Schedule,
    /// Orders of lanes in each layer's block, `[J]` or `[J | S]`; 0 without a block.
    orders: Vec<usize>,
    /// Layers whose operands' blocks are looked at on the way.
    tapped: Vec<bool>,
}

impl Forward {
    /// `order` is 1 or 2; `keep` says which blocks are wanted when the sweep is over, `tap` for which layers
    /// those of the operands are wanted on the way.
    pub(crate) fn new<T: Scalar>(
        net: &Network<T>,
        order: usize,
        keep: impl Fn(LayerId) -> bool,
        tap: impl Fn(LayerId) -> bool,
    ) -> Self {
        let mut orders: Vec<usize> = Vec::new();
        for (id, layer) in net.layers() {
            let operands = net.operands(id).iter().map(|o| orders[o.index()]);
            orders.push(match layer.kind() {
                Kind::Input => 1,
                kind if kind.is_curved() => order,
                _ => operands.max().unwrap_or(0),
            });
        }
        let count = orders.len();
        let mut needed = vec![false; count];
        for (id, _) in net.layers().rev() {
            needed[id.index()] = keep(id) || net.readers(id).any(|(r, _)| needed[r.index()] || tap(r));
        }
        // Layers that come straight from the seeds are written out only for readers that cannot take them row by row.
        let written = |id: LayerId| {
            let taken = |r: LayerId| match net.layer(id).kind() {
                Kind::Input => !tap(r) && net.layer(r).kind().takes_seeds(),
                _ => needed[r.index()] && matches!(net.layer(r).kind(), Kind::Elementwise(_)),
            };
            let is_input = |id: LayerId| matches!(net.layer(id).kind(), Kind::Input);
            let seeded =
                is_input(id) || net.layer(id).kind().takes_seeds() && net.operands(id).iter().all(|&o| is_input(o));
            let read = |r: LayerId| needed[r.index()] || tap(r);
            let all_take = || net.readers(id).filter(|&(r, _)| read(r)).all(|(r, _)| taken(r));
            needed[id.index()] && !(seeded && !keep(id) && all_take())
        };
        let order: Vec<LayerId> = net.layers().map(|(id, _)| id).collect();
        let written: Vec<bool> = order.iter().map(|&id| written(id)).collect();
        let size = |id: LayerId| if written[id.index()] { net.layer(id).units() * orders[id.index()] } else { 0 };
        let in_place = |id: LayerId| match net.layer(id).kind() {
            Kind::Elementwise(_) => Some(net.operands(id)[0]).filter(|o| orders[o.index()] == orders[id.index()]),
            _ => None,
        };
        let schedule = Schedule::new(&order, size, |id| net.operands(id).to_vec(), &keep, in_place);
        for &id in &order {
            if schedule.slot(id).is_none() {
                orders[id.index()] = 0;
            }
        }
        Forward { schedule, orders, tapped: order.iter().map(|&id| tap(id)).collect() }
    }

    /// What it does, for the cost model.
    pub(crate) fn work<T: Scalar>(&self, net: &Network<T>) -> cost::Sweep {
        let mut work = cost::Sweep::default();
        for (id, layer) in net.layers().filter(|(id, _)| self.orders[id.index()] > 0) {
            let seeded = net.operands(id).iter().any(|&o| matches!(net.layer(o).kind(), Kind::Input));
            let of_layer = net.work_of(id);
            let made = if seeded && layer.kind().takes_seeds() { of_layer.seeded() } else { of_layer };
            work.add(layer.units(), self.orders[id.index()], made);
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
    pub(crate) fn prepare<T: Scalar>(&self, buffers: &mut Vec<Vec<T>>, lanes: usize) {
        self.schedule.prepare(buffers, lanes);
    }

    /// Carries one block of lanes through the network; `seeds(q)` are those of input layer `q`. Before a tapped layer
    /// is computed, `tap` sees those rows of its operands, the first and the last, that have the given numbers.
    pub(crate) fn sweep<'s, T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        seeds: impl Fn(usize) -> Seeds<'s> + Copy + Sync,
        buffers: &mut Vec<Vec<T>>,
        mut tap: impl FnMut(LayerId, Range<usize>, [&[T]; 2]),
    ) {
        let Pass { net, lanes, .. } = pass;
        self.prepare(buffers, lanes.len());
        for (id, layer) in net.layers() {
            let operands = net.operands(id);
            let slot = self.schedule.slot(id);
            let elementwise = matches!(layer.kind(), Kind::Elementwise(_));
            if self.tapped[id.index()] && !(elementwise && slot.is_some()) {
                let whole = [0, operands.len() - 1].map(|q| self.block(net, buffers, operands[q], lanes).data);
                tap(id, 0..layer.units(), whole);
            }
            let Some(slot) = slot else { continue };
            // The buffer leaves its place, so that the operands can be borrowed meanwhile.
            let mut buffer = std::mem::take(&mut buffers[slot]);
            let width = self.orders[id.index()] * lanes.len();
            let out = &mut buffer[..layer.units() * width];
            if let Kind::Input = layer.kind() {
                seeds(input_number(net, id)).write(out);
            } else if elementwise {
                let here = self.schedule.slot(operands[0]) == Some(slot);
                let from = if here { None } else { Some(self.block(net, buffers, operands[0], lanes)) };
                self.elementwise(pass, seeds, id, from, out, &mut tap);
            } else {
                let get = |q: usize| self.block(net, buffers, operands[q], lanes);
                with_rows(operands.len(), get, |blocks| self.layer(pass, seeds, id, blocks, out));
            }
            buffers[slot] = buffer;
        }
    }

    /// A function of each unit; `from` holds the operand, unless `out` does already.
    fn elementwise<'s, T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        seeds: impl Fn(usize) -> Seeds<'s> + Copy + Sync,
        id: LayerId,
        from: Option<Rows<'_, T>>,
        out: &mut [T],
        tap: &mut impl FnMut(LayerId, Range<usize>, [&[T]; 2]),
    ) {
        let Pass { net, tape, lanes, spread } = pass;
        let width = self.orders[id.index()] * lanes.len();
        let operand = net.operands(id)[0];
        let slopes = tape.slopes(id);
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
        if self.tapped[id.index()] {
            // Few rows at a time, so that they are still in the cache.
            let chunk = (IN_CACHE / width).max(1);
            for (k, out) in out.chunks_mut(chunk * width).enumerate() {
                let rows = k * chunk..k * chunk + out.len() / width;
                fetch(rows.clone(), out);
                tap(id, rows.clone(), [out, out]);
                Elementwise::forward(rows, slopes, lanes, out, width);
            }
        } else {
            spread.rows(out, width, net.layer(id).kind().chunk_rows(width), |rows, out| {
                fetch(rows.clone(), out);
                Elementwise::forward(rows, slopes, lanes, out, width);
            });
        }
    }

    /// The block of a layer after the sweep; of width 0 if it has none.
    pub(crate) fn block<'a, T: Scalar>(
        &self,
        net: &Network<T>,
        buffers: &'a [Vec<T>],
        id: LayerId,
        lanes: Lanes,
    ) -> Rows<'a, T> {
        let width = self.orders[id.index()] * lanes.len();
        match self.schedule.slot(id) {
            Some(slot) => Rows::new(&buffers[slot][..net.layer(id).units() * width], width),
            None => Rows { data: &[], width: 0 },
        }
    }

    fn layer<'s, T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        seeds: impl Fn(usize) -> Seeds<'s> + Copy + Sync,
        id: LayerId,
        operands: &[Rows<'_, T>],
        out: &mut [T],
    ) {
        let Pass { net, tape, lanes, spread } = pass;
        let width = self.orders[id.index()] * lanes.len();
        let kind = net.layer(id).kind();
        let sources = net.operands(id);
        let from_input = matches!(net.layer(sources[0]).kind(), Kind::Input);
        spread.rows(out, width, kind.chunk_rows(width), |rows, out| match kind {
            Kind::Input | Kind::Elementwise(_) => {}
            Kind::Product => {
                let values = [tape.values(sources[0]), tape.values(sources[1])];
                product::forward(rows, values, lanes, [operands[0], operands[1]], out, width);
            }
            Kind::Select(select) => select.forward(rows, tape.choice(id), lanes, operands, out, width),
            kind if from_input && kind.takes_seeds() => {
                kind.forward_seeds(rows, &seeds(input_number(net, sources[0])), out, width);
            }
            kind => kind.linear().expect("all other kinds are linear").forward(rows, operands, out, width),
        });
    }
}

/// Which of the input layers this is.
fn input_number<T: Scalar>(net: &Network<T>, input: LayerId) -> usize {
    let number = net.input_layers().iter().position(|&l| l == input);
    number.expect("only inputs are seeded")
}
