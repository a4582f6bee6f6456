//! The forward sweep: tangent lanes from the inputs to the outputs, of first or of second order.
//!
//! A seed v gives ẏ = J v in its first-order lane and ÿ = d²/dt² y(x + t v) in its second-order lane. Second-order
//! lanes begin at the first curved layer; before it they are zero and not carried.

use crate::cost;
use crate::layer::{Elementwise, Kind, Lanes, Seeds, product};
use crate::network::{Layer, LayerId, Network};
use crate::rows::Rows;
use crate::scalar::Scalar;
use crate::schedule::Schedule;
use crate::tape::{Pass, with_rows};

/// A forward sweep, prepared for the structure of a network.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    schedule: Schedule,
    /// Orders of lanes in each layer's block, `[J]` or `[J | S]`; 0 without a block.
    orders: Vec<usize>,
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
        // Inputs are written out only for readers that cannot take seeds.
        let written = |id: LayerId| {
            let is_input = matches!(net.layer(id).kind(), Kind::Input);
            let unseeded = |r: LayerId| tap(r) || needed[r.index()] && !net.layer(r).kind().takes_seeds();
            needed[id.index()] && (!is_input || keep(id) || net.readers(id).any(|(r, _)| unseeded(r)))
        };
        let order: Vec<LayerId> = net.layers().map(|(id, _)| id).collect();
        let size = |id: LayerId| if written(id) { net.layer(id).units() * orders[id.index()] } else { 0 };
        let schedule = Schedule::new(&order, size, |id| net.operands(id).to_vec(), &keep);
        for &id in &order {
            if schedule.slot(id).is_none() {
                orders[id.index()] = 0;
            }
        }
        Forward { schedule, orders }
    }

    /// Operations for each lane, with those that its numbers are worth where they are written.
    pub(crate) fn operations<T: Scalar>(&self, net: &Network<T>) -> u64 {
        let of = |(id, layer): (LayerId, &Layer<T>)| {
            let seeded = net.operands(id).iter().any(|&o| matches!(net.layer(o).kind(), Kind::Input));
            let made = if seeded && layer.kind().takes_seeds() { 0 } else { net.operations_of(id) };
            self.orders[id.index()] as u64 * (made + cost::WRITE * layer.units() as u64)
        };
        net.layers().map(of).sum()
    }

    /// Numbers that the buffers hold for each lane.
    pub(crate) fn size(&self) -> usize {
        self.schedule.total()
    }

    /// Makes the buffers large enough for a number of lanes.
    pub(crate) fn prepare<T: Scalar>(&self, buffers: &mut Vec<Vec<T>>, lanes: usize) {
        self.schedule.prepare(buffers, lanes);
    }

    /// Carries one block of lanes through the network; `seeds(q)` are those of input layer `q`. Before a
    /// curved layer, `tap` may look at the blocks of its operands, the first and the last.
    pub(crate) fn sweep<'s, T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        seeds: impl Fn(usize) -> Seeds<'s> + Copy + Sync,
        buffers: &mut Vec<Vec<T>>,
        mut tap: impl FnMut(LayerId, [Rows<'_, T>; 2]),
    ) {
        let Pass { net, lanes, .. } = pass;
        self.prepare(buffers, lanes.len());
        for (id, layer) in net.layers() {
            let operands = net.operands(id);
            if layer.kind().is_curved() {
                tap(id, [0, operands.len() - 1].map(|q| self.block(net, buffers, operands[q], lanes)));
            }
            let Some(slot) = self.schedule.slot(id) else { continue };
            // The buffer leaves its place, so that the operands can be borrowed meanwhile.
            let mut buffer = std::mem::take(&mut buffers[slot]);
            let width = self.orders[id.index()] * lanes.len();
            let out = &mut buffer[..layer.units() * width];
            if let Kind::Input = layer.kind() {
                seeds(input_number(net, id)).write(out);
            } else {
                let get = |q: usize| self.block(net, buffers, operands[q], lanes);
                with_rows(operands.len(), get, |blocks| self.layer(pass, seeds, id, blocks, out));
            }
            buffers[slot] = buffer;
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
            Kind::Input => {}
            Kind::Elementwise(_) => Elementwise::forward(rows, tape.slopes(id), lanes, operands[0], out, width),
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
