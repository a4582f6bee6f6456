//! The nodal sums of a block of samples: adjoints first, then tangents whose squares they weigh.

use super::{Run, pack, sum_rows};
use crate::buffer::Buffer;
use crate::cost::Passes;
use crate::error::Result;
use crate::layer::Lanes;
use crate::nodal::{Nodal, Recorded, Summing};
use crate::scalar::{Scalar, first_non_finite};
use crate::spread::Spread;
use crate::tape::{Outside, Pass, Tape};
use crate::tiles::{Point, Tiles, Values, Weighted};
use crate::workspace::{LaneSpace, Packed};
use std::ops::Range;

impl<T: Scalar> Run<'_, T> {
    /// Tangents by color, adjoints before; unless the tangents are there already, with the tape.
    pub(super) fn nodal(
        &self,
        nodal: &Nodal,
        tape: &Tape<T>,
        tangents: Option<(&Recorded, &[Buffer<T>])>,
        adjoints: &mut Vec<Buffer<T>>,
        packed: &mut [Packed<T>],
        spread: Spread,
    ) {
        let (net, samples) = (self.net, tape.samples());
        let adjoint_lanes = Lanes { count: nodal.rows, samples };
        nodal.adjoints.adjoints(Pass { net, tape, lanes: adjoint_lanes, spread }, &nodal.seeds, adjoints);
        self.workspace.count(Passes::reverse(nodal.rows));
        let adjoint = |id| nodal.adjoints.block(net, adjoints, id, adjoint_lanes);
        if self.plan.jacobian.is_some() {
            pack(&self.plan.jacobian, 0, 0, samples, adjoint, &mut packed[0].jacobian);
        }
        self.tasks(spread, &mut packed[..nodal.inputs.blocks()], |task, spread, lane_space, packed| {
            let lanes = nodal.inputs.lanes(task, samples);
            let pass = Pass { net, tape, lanes, spread };
            let LaneSpace { forward, sums, .. } = lane_space;
            nodal.prepare(sums, lanes.len().max(adjoint_lanes.len()));
            packed.diagonal.fill(T::zero());
            let mut summing = Summing { nodal, task, pass, space: sums, packed: &mut packed.diagonal };
            if let Some((recorded, tangents)) = tangents {
                let all = recorded.inputs.lanes(0, samples);
                for id in nodal.layers() {
                    let operands = net.operands(id);
                    let block = |q: usize| recorded.sweep.block(net, tangents, operands[q], all);
                    let of_task = [0, operands.len() - 1].map(|q| block(q).after(nodal.inputs.first(task)));
                    summing.add(id, 0..net.layer(id).units(), adjoint(id), of_task);
                }
                return;
            }
            nodal.tangents.sweep(
                pass,
                |q| self.seeds(&nodal.inputs, task, samples, q),
                forward,
                |id, rows, operands| {
                    summing.add(id, rows, adjoint(id), operands);
                },
            );
            self.workspace.count(Passes::forward(lanes.count));
        });
    }

    /// The same with tangents by offset, of one point.
    pub(super) fn nodal_by_offset(
        &self,
        nodal: &Nodal,
        tiles: &Tiles,
        point: Point<'_, T>,
        adjoints: &mut Vec<Buffer<T>>,
        packed: &mut [Packed<T>],
        spread: Spread,
    ) {
        let net = self.net;
        let lanes = Lanes { count: nodal.rows, samples: 1 };
        // Where values are made, no layer of these adjoints needs any.
        let none = Tape::default();
        let tape = if let Values::Recorded(tape) = point.values { tape } else { &none };
        nodal.adjoints.adjoints(Pass { net, tape, lanes, spread }, &nodal.seeds, adjoints);
        self.workspace.count(Passes::reverse(nodal.rows));
        let adjoint = |id| nodal.adjoints.block(net, adjoints, id, lanes);
        let of_layers = |id| nodal.sums(id).then(|| adjoint(id));
        let of_heads = |id, units: Range<usize>, out: &mut [T]| {
            nodal.adjoints.rows(
                Pass { net, tape, lanes, spread: Spread::Here },
                &nodal.seeds,
                adjoints,
                (id, units),
                out,
            );
        };
        let weighted = if tiles.makes_values() { Weighted::OfHeads(&of_heads) } else { Weighted::Carried(&of_layers) };
        if self.plan.jacobian.is_some() && !tiles.makes_values() {
            pack(&self.plan.jacobian, 0, 0, 1, adjoint, &mut packed[0].jacobian);
        }
        self.tasks(spread, &mut packed[..tiles.count()], |tile, _, space, packed| {
            tiles.sums(point, tile, &mut space.tiles, weighted, packed.parts());
        });
        self.workspace.count(Passes::forward(tiles.lanes()));
    }

    /// The outputs, where tiles made what each has of their units.
    ///
    /// # Errors
    /// [`NonFinite`](crate::ErrorKind::NonFinite) if one overflows.
    pub(super) fn sum_outputs(
        &self,
        nodal: &Nodal,
        adjoints: &[Buffer<T>],
        packed: &[Packed<T>],
        outputs: &mut [T],
        sample: usize,
    ) -> Result<()> {
        let net = self.net;
        let lanes = Lanes { count: nodal.rows, samples: 1 };
        sum_rows(&self.plan.value, |task| &packed[task].value[..], 1, outputs);
        for (id, layer) in net.layers() {
            if let Some(linear) = layer.kind().linear().filter(|_| nodal.is_outside(id)) {
                nodal.add_constants(linear, nodal.adjoints.block(net, adjoints, id, lanes), outputs);
            }
        }
        match first_non_finite(outputs) {
            None => Ok(()),
            Some((at, value)) => {
                let (layer, unit) = nodal.output(at);
                Err(Outside { layer, order: 0, unit, value, operand: None }.error(net, sample))
            }
        }
    }
}
