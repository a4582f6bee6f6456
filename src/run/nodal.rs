//! The nodal sums of a block of samples: adjoints first, then tangents whose squares they weigh.

use super::{Run, pack, sum_rows};
use crate::buffer::Buffer;
use crate::cost::Passes;
use crate::error::Result;
use crate::layer::Lanes;
use crate::network::{LayerId, Network};
use crate::nodal::{Beside, Kept, Nodal, Summing};
use crate::rows::Rows;
use crate::scalar::{Scalar, first_non_finite};
use crate::spread::Spread;
use crate::tape::{Outside, Pass, Tape};
use crate::tiles::{Point, Tiles, Values, Weighted};
use crate::workspace::{LaneSpace, Packed};
use std::ops::Range;
use std::sync::OnceLock;

/// Where tangents are weighed.
#[derive(Clone, Copy)]
struct At<'a, T> {
    nodal: &'a Nodal,
    tape: &'a Tape<T>,
    adjoints: &'a [Buffer<T>],
}

impl<'a, T: Scalar> At<'a, T> {
    fn lanes(&self) -> Lanes {
        Lanes { count: self.nodal.rows, samples: self.tape.samples() }
    }

    /// The adjoints of a layer.
    fn adjoint(&self, net: &Network<T>, id: LayerId) -> Rows<'a, T> {
        self.nodal.adjoints.block(net, self.adjoints, id, self.lanes())
    }

    /// No terms yet.
    fn summing<'s>(
        &self,
        pass: Pass<'s, T>,
        task: usize,
        space: &'s mut Buffer<T>,
        diagonal: &'s mut [T],
    ) -> Summing<'s, T>
    where
        'a: 's,
    {
        self.nodal.prepare(space, pass.lanes.len().max(self.lanes().len()));
        diagonal.fill(T::zero());
        Summing { nodal: self.nodal, task, pass, space, packed: diagonal }
    }
}

impl<T: Scalar> Run<'_, T> {
    /// Tangents by color, adjoints before; unless tangents are kept, of which there are those beside values.
    pub(super) fn nodal(
        &self,
        nodal: &Nodal,
        tape: &Tape<T>,
        kept: Option<(&Kept, &[Buffer<T>])>,
        adjoints: &mut Vec<Buffer<T>>,
        packed: &mut [Packed<T>],
        spread: Spread,
    ) {
        let tasks = &mut packed[..nodal.inputs.blocks()];
        let at = match kept {
            None => {
                let at = self.adjoints(nodal, tape, adjoints, spread);
                self.tasks(spread, tasks, |task, spread, space, packed| {
                    self.sum_on_the_way(at, task, spread, space, packed)
                });
                at
            }
            Some((kept, tangents)) if kept.beside() == Beside::Values => {
                let at = self.adjoints(nodal, tape, adjoints, spread);
                self.tasks(spread, tasks, |task, _, space, packed| {
                    let (all, first) = (kept.inputs.lanes(0, 1), nodal.inputs.first(task));
                    let rows = |id| kept.sweep.block(self.net, tangents, id, all).after(first);
                    self.sum_kept(at, task, rows, &mut space.sums, &mut packed.diagonal);
                });
                at
            }
            Some((kept, _)) => self.beside_adjoints(kept, (nodal, tape), adjoints, tasks, spread),
        };
        if self.plan.jacobian.is_some() {
            let adjoint = |id| at.adjoint(self.net, id);
            pack(&self.plan.jacobian, 0, 0, tape.samples(), adjoint, &mut packed[0].jacobian);
        }
    }

    /// The terms of a block of tangents, on their way.
    fn sum_on_the_way(
        &self,
        at: At<'_, T>,
        task: usize,
        spread: Spread,
        space: &mut LaneSpace<T>,
        packed: &mut Packed<T>,
    ) {
        let At { nodal, tape, .. } = at;
        let lanes = nodal.inputs.lanes(task, tape.samples());
        let pass = Pass { net: self.net, tape, lanes, spread };
        let mut summing = at.summing(pass, task, &mut space.sums, &mut packed.diagonal);
        nodal.tangents.sweep(
            pass,
            |q| self.seeds(&nodal.inputs, task, lanes.samples, q),
            &mut space.forward,
            |id, rows, operands| summing.add(id, rows, at.adjoint(self.net, id), operands),
        );
        self.workspace.count(Passes::forward(lanes.count));
    }

    /// The same of a block that is kept at one point, whose rows in a layer are given.
    fn sum_kept<'r>(
        &self,
        at: At<'_, T>,
        task: usize,
        rows: impl Fn(LayerId) -> Rows<'r, T>,
        space: &mut Buffer<T>,
        diagonal: &mut [T],
    ) {
        let (net, At { nodal, tape, .. }) = (self.net, at);
        let pass = Pass { net, tape, lanes: nodal.inputs.lanes(task, 1), spread: Spread::Here };
        let mut summing = at.summing(pass, task, space, diagonal);
        for id in nodal.layers() {
            let operands = net.operands(id);
            let of_operands = [0, operands.len() - 1].map(|q| rows(operands[q]));
            summing.add(id, 0..net.layer(id).units(), at.adjoint(net, id), of_operands);
        }
    }

    /// Tangents while one thread carries adjoints. Whoever has made a block sums its terms, if there are adjoints by then:
    /// it has the tangents in its cache.
    fn beside_adjoints<'a>(
        &self,
        kept: &Kept,
        (nodal, tape): (&'a Nodal, &'a Tape<T>),
        adjoints: &'a mut Vec<Buffer<T>>,
        tasks: &mut [Packed<T>],
        spread: Spread,
    ) -> At<'a, T> {
        let (net, made) = (self.net, OnceLock::new());
        let sum = |at, task: usize, space: &mut LaneSpace<T>, packed: &mut Packed<T>| {
            let lanes = nodal.inputs.lanes(task, 1);
            let rows = |id| kept.sweep.block(net, &packed.tangents, id, lanes);
            self.sum_kept(at, task, rows, &mut space.sums, &mut packed.diagonal);
        };
        let carry_tangents = |tasks: &mut [Packed<T>]| {
            self.tasks(spread, tasks, |task, spread, space, packed| {
                let lanes = nodal.inputs.lanes(task, 1);
                let seeds = |q| nodal.inputs.seeds(task, 1, q);
                kept.sweep.sweep(Pass { net, tape, lanes, spread }, seeds, &mut packed.tangents, |_, _, _| ());
                self.workspace.count(Passes::forward(lanes.count));
                let at = made.get();
                packed.waits = at.is_none();
                at.into_iter().for_each(|&at| sum(at, task, space, packed));
            });
        };
        if !self.tasks_apart {
            let at = *made.get_or_init(|| self.adjoints(nodal, tape, adjoints, spread));
            carry_tangents(tasks);
            return at;
        }
        let (at, ()) = rayon::join(
            || *made.get_or_init(|| self.adjoints(nodal, tape, adjoints, Spread::Here)),
            || carry_tangents(tasks),
        );
        if tasks.iter().any(|packed| packed.waits) {
            self.tasks(spread, tasks, |task, _, space, packed| {
                if packed.waits {
                    sum(at, task, space, packed);
                }
            });
        }
        at
    }

    /// All adjoint lanes.
    fn adjoints<'a>(
        &self,
        nodal: &'a Nodal,
        tape: &'a Tape<T>,
        adjoints: &'a mut Vec<Buffer<T>>,
        spread: Spread,
    ) -> At<'a, T> {
        let lanes = Lanes { count: nodal.rows, samples: tape.samples() };
        nodal.adjoints.adjoints(Pass { net: self.net, tape, lanes, spread }, &nodal.seeds, adjoints);
        self.workspace.count(Passes::reverse(nodal.rows));
        At { nodal, tape, adjoints }
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
