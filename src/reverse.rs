//! The reverse sweep: adjoint lanes from the outputs to the inputs, and their tangents.
//!
//! A seed w gives x̄ = Jᵀ w, the gradient of wᵀy. Its tangent along v is ẋ̄ = H v, H the Hessian of wᵀy
//! (reverse-over-forward). The tangent obeys the same linear rules; a curved layer adds what its slope changes
//! by: `ż̄ += σ'' ā ż`, and for a product `ǡ += ḃ c̄`.

use crate::buffer::Buffer;
use crate::cost::{self, Points};
use crate::forward::Forward;
use crate::layer::{Elementwise, Kind, Lanes, Slopes, product};
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::Scalar;
use crate::schedule::Schedule;
use crate::tape::Pass;
use faer::Accum;
use std::ops::Range;

/// An adjoint seed: layer, unit, lane.
pub(crate) type OutputSeed = (LayerId, u32, u32);

/// A reverse sweep, prepared for the structure of a network.
#[derive(Clone, Debug)]
pub(crate) struct Reverse {
    schedule: Schedule,
}

/// What the tangent of an adjoint needs beside the adjoint's own rules.
pub(crate) struct Curvature<'a, T> {
    /// The forward sweep that carried the tangents, and its buffers.
    pub(crate) forward: &'a Forward,
    pub(crate) tangents: &'a [Buffer<T>],
    /// The reverse sweep that carried the plain adjoints, its buffers, and the one of its lanes.
    pub(crate) reverse: &'a Reverse,
    pub(crate) adjoints: &'a [Buffer<T>],
    pub(crate) adjoint_lanes: Lanes,
    pub(crate) lane: usize,
}

impl Reverse {
    /// `keep` says which blocks are wanted when the sweep is over; the sweep goes no further than these.
    pub(crate) fn new<T: Scalar>(net: &Network<T>, keep: impl Fn(LayerId) -> bool) -> Self {
        let mut needed: Vec<bool> = Vec::new();
        for (id, _) in net.layers() {
            needed.push(keep(id) || net.operands(id).iter().any(|o| needed[o.index()]));
        }
        let mut order: Vec<LayerId> = net.layers().map(|(id, _)| id).collect();
        order.reverse();
        let readers = |id: LayerId| net.readers(id).map(|(reader, _)| reader).collect();
        let size = |id: LayerId| if needed[id.index()] { net.layer(id).units() } else { 0 };
        Reverse { schedule: Schedule::new(&order, size, readers, keep, |_| None) }
    }

    /// What it does, for the cost model.
    pub(crate) fn work<T: Scalar>(&self, net: &Network<T>, points: Points) -> cost::Sweep {
        let mut work = cost::Sweep::new(points);
        for (id, layer) in net.layers().filter(|&(id, _)| self.schedule.slot(id).is_some()) {
            let pulled = net.readers(id).map(|(reader, _)| net.work_of(reader));
            work.add(layer.units(), 1, pulled.fold(cost::Work::default(), cost::Work::and));
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

    /// Carries one block of lanes from the outputs to the inputs; `seeds` are `(layer, unit, lane)` with weight one.
    pub(crate) fn adjoints<T: Scalar>(&self, pass: Pass<'_, T>, seeds: &[OutputSeed], buffers: &mut Vec<Buffer<T>>) {
        self.sweep(pass, buffers, None, |id, out| start(seeds, id, 0..pass.net.layer(id).units(), pass.lanes, out));
    }

    /// The adjoints of some units of a layer that only layers carried here read: one whose block the sweep has not made.
    pub(crate) fn rows<T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        seeds: &[OutputSeed],
        buffers: &[Buffer<T>],
        (id, units): (LayerId, Range<usize>),
        out: &mut [T],
    ) {
        let Pass { net, lanes, .. } = pass;
        let mut accum = begin(net, id, out, |out| start(seeds, id, units.clone(), lanes, out));
        for (reader, place) in net.readers(id) {
            pull(pass, reader, place, units.clone(), self.block(net, buffers, reader, lanes), accum, out);
            accum = Accum::Add;
        }
    }

    /// Carries the tangents of one adjoint lane along all lanes of a forward sweep.
    pub(crate) fn tangents<T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        curvature: &Curvature<'_, T>,
        buffers: &mut Vec<Buffer<T>>,
    ) {
        self.sweep(pass, buffers, Some(curvature), |_, _| {});
    }

    /// The block of a layer after the sweep.
    pub(crate) fn block<'a, T: Scalar>(
        &self,
        net: &Network<T>,
        buffers: &'a [Buffer<T>],
        id: LayerId,
        lanes: Lanes,
    ) -> Rows<'a, T> {
        let slot = self.schedule.slot(id).expect("the reader of a needed layer is needed");
        Rows::new(&buffers[slot][..net.layer(id).units() * lanes.len()], lanes.len())
    }

    fn sweep<T: Scalar>(
        &self,
        pass: Pass<'_, T>,
        buffers: &mut Vec<Buffer<T>>,
        curvature: Option<&Curvature<'_, T>>,
        start: impl Fn(LayerId, &mut [T]),
    ) {
        let Pass { net, lanes, spread, .. } = pass;
        let width = lanes.len();
        self.prepare(buffers, width);
        for (id, layer) in net.layers().rev() {
            let Some(slot) = self.schedule.slot(id) else { continue };
            let mut buffer = std::mem::take(&mut buffers[slot]);
            let out = &mut buffer[..layer.units() * width];
            let mut accum = begin(net, id, out, |out| start(id, out));
            for (reader, place) in net.readers(id) {
                let adjoint = self.block(net, buffers, reader, lanes);
                let chunk = net.layer(reader).kind().chunk_rows(layer.units(), width);
                spread.rows(out, width, chunk, |rows, out| {
                    pull(pass, reader, place, rows.clone(), adjoint, accum, out);
                    if let Some(curvature) = curvature {
                        curvature.pull(pass, reader, place, rows, out);
                    }
                });
                accum = Accum::Add;
            }
            buffers[slot] = buffer;
        }
    }
}

/// Adds the seeds of some units of a layer.
fn start<T: Scalar>(seeds: &[OutputSeed], id: LayerId, units: Range<usize>, lanes: Lanes, out: &mut [T]) {
    for &(layer, unit, lane) in seeds {
        if layer == id && units.contains(&(unit as usize)) {
            let at = (unit as usize - units.start) * lanes.len() + lane as usize * lanes.samples;
            out[at..at + lanes.samples].iter_mut().for_each(|o| *o += T::one());
        }
    }
}

/// The seeds of an output. Of other layers nothing: then what the first reader sends replaces what was there.
fn begin<T: Scalar>(net: &Network<T>, id: LayerId, out: &mut [T], start: impl FnOnce(&mut [T])) -> Accum {
    let is_output = net.output_layers().contains(&id);
    if is_output || net.readers(id).next().is_none() {
        out.fill(T::zero());
        start(out);
        return Accum::Add;
    }
    Accum::Replace
}

/// Adds to the adjoint of an operand what one of its readers sends back, or replaces it by that.
fn pull<T: Scalar>(
    pass: Pass<'_, T>,
    reader: LayerId,
    place: usize,
    rows: Range<usize>,
    adjoint: Rows<'_, T>,
    accum: Accum,
    out: &mut [T],
) {
    let Pass { net, tape, lanes, .. } = pass;
    match net.layer(reader).kind() {
        Kind::Elementwise(_) => return Elementwise::reverse(rows, tape.slopes(reader), lanes, adjoint, accum, out),
        Kind::Dense(dense) => return dense.send(rows, adjoint, accum, out),
        _ => {}
    }
    // The other kinds can only add.
    if accum == Accum::Replace {
        out.fill(T::zero());
    }
    match net.layer(reader).kind() {
        Kind::Product => {
            let partner = net.operands(reader)[1 - place];
            product::reverse(rows, tape.values(partner), lanes, adjoint, out);
        }
        Kind::Select(select) => select.reverse(place, rows, tape.choice(reader), lanes, adjoint, out),
        kind => kind.linear().expect("all other kinds that read are linear").reverse(place, rows, adjoint, out),
    }
}

impl<T: Scalar> Curvature<'_, T> {
    /// Adds to the adjoint's tangent of an operand what the reader's change of slope sends back.
    fn pull(&self, pass: Pass<'_, T>, reader: LayerId, place: usize, rows: Range<usize>, out: &mut [T]) {
        let Pass { net, tape, lanes, .. } = pass;
        let operands = net.operands(reader);
        let tangent = |id: LayerId| self.forward.block(net, self.tangents, id, lanes);
        let adjoint = || {
            let block = self.reverse.block(net, self.adjoints, reader, self.adjoint_lanes);
            block.lane(self.lane, self.adjoint_lanes.samples)
        };
        match net.layer(reader).kind() {
            Kind::Elementwise(e) if e.activation().is_curved() => {
                let Slopes { second, .. } = tape.slopes(reader);
                Elementwise::reverse_curvature(rows, second, lanes, adjoint(), tangent(operands[0]), out);
            }
            Kind::Product => {
                product::reverse_curvature(rows, adjoint(), lanes, tangent(operands[1 - place]), out);
            }
            _ => {}
        }
    }
}
