//! Linear layers in a box: sums of shifted lines, or a matrix times lines.

use super::fans::{Pulled, Sums, Way};
use super::frame::{Frame, Span};
use super::kernel::{Stored, Sum};
use super::lines::{Carried, Lines};
use super::push::{Push, Pushed};
use crate::buffer::Buffer;
use crate::gemm::{self, Matrix};
use crate::layer::stencil::{AXES, Weights, minus};
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::{Scalar, vectorized_within};
use faer::Accum;
use std::ops::Range;

/// The lines of a box: of lanes, or of values.
pub(super) struct InBox<'a, T> {
    pub(super) net: &'a Network<T>,
    pub(super) frame: &'a Frame,
    pub(super) lines: &'a Lines,
    pub(super) around: Span,
    /// The blocks of all layers but the one that is made.
    pub(super) buffers: &'a [Buffer<T>],
}

/// What sums read, for one order.
pub(super) struct Read<'a> {
    pub(super) operands: &'a [LayerId],
    pub(super) second: bool,
    /// The numbers of the lines that are made.
    pub(super) run: Range<usize>,
    /// Whether they are added to what is there.
    pub(super) add: bool,
}

impl<T> Clone for InBox<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for InBox<'_, T> {}

impl<'a, T: Scalar> InBox<'a, T> {
    /// A linear layer, without its constant part.
    pub(super) fn linear(&self, id: LayerId, out: &mut [T], scratch: &mut [T]) {
        let (net, layer) = (self.net, self.lines.carried(id));
        let operands = net.operands(id);
        let linear = net.layer(id).kind().linear().expect("a linear layer");
        if let Some(matrix) = linear.across_channels().filter(|_| layer.multiplied) {
            return multiply(matrix, self.block(operands[0]), Accum::Replace, out);
        }
        let weights = linear.weights(&layer.place);
        let mut run = layer.run.clone();
        let mut offset = 0;
        if let Weights::Each(_) = weights {
            // The units are one row of the box, or none; in other rows there are no weights.
            let first = minus(layer.place.origin, self.around.start);
            let here = (0..AXES - 1).all(|axis| (0..self.around.len()[axis] as i32).contains(&first[axis]));
            let units = if here { layer.place.positions() as i64 } else { 0 };
            offset = -(self.frame.step(first) as i64);
            let [start, end] = [-offset, units - offset].map(|at| at.clamp(run.start as i64, run.end as i64) as usize);
            run = start..end;
        }
        for fan in &layer.fans {
            for second in layer.each_order() {
                let (arranged, space) = scratch.split_at_mut(fan.numbers());
                let weights = match weights {
                    Weights::Shared(weights) => {
                        Weights::Shared(fan.weights(second, weights, self.constants_of(operands[0]), arranged))
                    }
                    weights => weights,
                };
                let read = Read { operands, second, run: run.clone(), add: false };
                match (&fan.way, weights) {
                    (Way::Push(pushed), Weights::Shared(weights)) => self.push(layer, fan, pushed, weights, &read, out),
                    (Way::Chain(chain), Weights::Shared(weights)) => {
                        self.chained(operands[0], chain, weights, [out, space]);
                    }
                    (Way::Push(_) | Way::Chain(_), _) => unreachable!("of shared weights alone"),
                    (Way::Pull(pulled), weights) => {
                        self.pull(layer, fan, pulled, (weights, offset), &read, [space, out])
                    }
                }
            }
        }
        self.clean(layer, run, out);
    }

    /// The adjoint of a layer, or a part of it, that a linear reader sends back.
    pub(super) fn reverse(
        &self,
        layer: &Carried,
        (reader, sums): (LayerId, &[Sums]),
        accum: Accum,
        out: &mut [T],
        scratch: &mut [T],
    ) {
        let linear = self.net.layer(reader).kind().linear().expect("a linear reader");
        if let Some(matrix) = linear.across_channels() {
            return multiply(matrix.transpose(), self.block(reader), accum, out);
        }
        let weights = linear.weights(&self.carried(reader).place);
        let read = Read { operands: &[reader], second: false, run: layer.run.clone(), add: accum == Accum::Add };
        for fan in sums {
            let Way::Pull(pulled) = &fan.way else { unreachable!("what is sent back is not pushed") };
            let (arranged, space) = scratch.split_at_mut(fan.numbers());
            let weights = match weights {
                Weights::Shared(weights) => Weights::Shared(fan.weights(false, weights, &[], arranged)),
                weights => weights,
            };
            self.pull(layer, fan, pulled, (weights, 0), &read, [space, out]);
        }
    }

    /// One order of a fan's sums, line by line of the result.
    fn pull(
        &self,
        layer: &Carried,
        fan: &Sums,
        pulled: &Pulled,
        (weights, offset): (Weights<'_, T>, i64),
        read: &Read<'_>,
        [space, out]: [&mut [T]; 2],
    ) {
        let line = self.frame.line();
        let (first, channels) = (fan.channels.start, fan.channels.len());
        let stride = (layer.lines[first + 1] - layer.lines[first]) * line;
        for (lane, parts) in pulled.lanes.iter().enumerate() {
            let out = &mut out[layer.line_of(first, lane, read.second) * line..];
            let mut made = read.add;
            for (operand, terms) in parts {
                let Some(from) = self.source(read, *operand) else { continue };
                let terms = &pulled.terms[terms.clone()];
                let sum = Sum { terms, second: read.second, from, run: read.run.clone() };
                vectorized_within(
                    #[inline(always)]
                    |registers| match weights {
                        Weights::Ones => sum.ones(made, out),
                        Weights::Shared(weights) => {
                            let mut sink = Stored { out, stride, accumulate: made };
                            sum.shared(registers, weights, channels, space, &mut sink);
                        }
                        Weights::Each(weights) => {
                            let mut sink = Stored { out, stride, accumulate: made };
                            sum.each(weights, layer.place.positions(), offset, &mut sink);
                        }
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
    fn push(&self, layer: &Carried, fan: &Sums, pushed: &Pushed, weights: &[T], read: &Read<'_>, out: &mut [T]) {
        let line = self.frame.line();
        let first = |channel, lane| layer.line_of(fan.channels.start + channel, lane, read.second) * line;
        for channel in 0..fan.channels.len() {
            let lanes = layer.orders_of(fan.channels.start + channel);
            out[first(channel, 0)..][..lanes * line].fill(T::zero());
        }
        for group in pushed.groups() {
            let Some(from) = self.source(read, group.operand) else { continue };
            let push = Push { second: read.second, from, run: read.run.clone(), weights };
            vectorized_within(
                #[inline(always)]
                |registers| push.add(registers, pushed, group, first, out),
            );
        }
    }

    /// The block of an operand, if it has the order.
    pub(super) fn source(&self, read: &Read<'_>, operand: usize) -> Option<&'a [T]> {
        let id = read.operands[operand];
        let layer = self.lines.carried(id);
        (if read.second { layer.second } else { layer.first }).then(|| self.block(id))
    }

    /// The weights of a folded layer's operand; none if it is not folded.
    pub(super) fn constants_of(&self, folded: LayerId) -> &'a [T] {
        if !self.lines.carried(folded).folded {
            return &[];
        }
        self.shared_weights(self.net.operands(folded)[0])
    }

    /// The weights of a layer that has the same at every position, as all have that are folded or fused.
    pub(super) fn shared_weights(&self, id: LayerId) -> &'a [T] {
        match self.net.layer(id).kind().linear().map(|linear| linear.weights(&self.carried(id).place)) {
            Some(Weights::Shared(weights)) => weights,
            _ => unreachable!("its weights are shared"),
        }
    }

    /// Zeros beside the run and, if that matters, where there is no unit.
    pub(super) fn clean(&self, layer: &Carried, run: Range<usize>, out: &mut [T]) {
        for line in out.chunks_exact_mut(self.frame.line()) {
            line[..run.start].fill(T::zero());
            line[run.end..].fill(T::zero());
        }
        self.mask(layer, out);
    }

    /// The same where whole lines were made of whole lines. Behind the positions of the box, where nothing is read, are then
    /// numbers that were made anew of zeros there, and did not grow from run to run.
    pub(super) fn clean_whole(&self, layer: &Carried, out: &mut [T]) {
        if layer.run == (0..self.frame.positions()) {
            self.mask(layer, out);
        } else {
            self.clean(layer, layer.run.clone(), out);
        }
    }

    fn mask(&self, layer: &Carried, out: &mut [T]) {
        if layer.masked && !self.frame.inside(&layer.place, self.around) {
            self.frame.mask(&layer.place, self.around, out);
        }
    }

    pub(super) fn block(&self, id: LayerId) -> &'a [T] {
        self.lines.block(self.frame, self.buffers, id)
    }

    /// The line of a lane, of first or of second order.
    pub(super) fn line(&self, id: LayerId, channel: usize, lane: usize, second: bool) -> &'a [T] {
        let line = self.frame.line();
        &self.block(id)[self.carried(id).line_of(channel, lane, second) * line..][..line]
    }

    pub(super) fn carried(&self, id: LayerId) -> &'a Carried {
        self.lines.carried(id)
    }
}

/// A matrix times the rows of all channels.
fn multiply<T: Scalar>(matrix: Matrix<'_, T>, from: &[T], accum: Accum, out: &mut [T]) {
    let [rows, _] = matrix.shape();
    let width = out.len() / rows;
    gemm::multiply(out, width, accum, matrix, Rows::new(from, width));
}
