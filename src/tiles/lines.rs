//! Blocks of lines: what a layer has at the positions of a box.

use super::Wanted;
use super::fans::Sums;
use super::fold;
use super::frame::{Frame, Span};
use super::fused::Fused;
use super::locals::{self, Local, Spans};
use super::offsets::{Lanes, Offset};
use crate::buffer::Buffer;
use crate::layer::Kind;
use crate::layer::stencil::{AXES, Place, Position};
use crate::network::{Layer, LayerId, Network};
use crate::scalar::Scalar;
use crate::schedule::Schedule;
use std::ops::Range;
use std::sync::Arc;

/// The blocks of all layers, and the buffers that they are in.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) layers: Vec<Option<Carried>>,
    pub(super) schedule: Schedule,
    /// Most numbers of work space for the weights of a fan.
    pub(super) weights: usize,
}

impl Lines {
    /// Lanes by offset; `keep` says of which layers the blocks are wanted in the end.
    pub(super) fn of_lanes<T: Scalar>(
        net: &Network<T>,
        locals: &[Option<Local>],
        wanted: Wanted,
        needed: &[bool],
        keep: impl Fn(LayerId) -> bool,
    ) -> Self {
        let folded = fold::folded(net, locals, wanted, needed);
        let (first, second) = locals::orders(net, wanted, needed, &folded);
        let fused_of = |id: LayerId| {
            let orders = [&first[..], &second];
            Fused::of(net, locals, wanted, needed, orders, id).filter(|_| needed[id.index()])
        };
        let of_layer = |id: LayerId| {
            let local = locals[id.index()].as_ref().filter(|_| needed[id.index()])?;
            let read = net.readers(id).any(|(r, _)| needed[r.index()] && first[r.index()]);
            let packed = net.output_layers().contains(&id) && matches!(wanted, Wanted::Outputs { first: true, .. });
            let (first, second, folded) = (first[id.index()], second[id.index()], folded[id.index()]);
            let spent = first && second && !read && !packed;
            let fused = fused_of(id);
            // Slopes are zero where there is no unit, and so are what functions make of any number there and the weights
            // of its square.
            let is_function = |(r, _): (LayerId, usize)| matches!(net.layer(r).kind(), Kind::Elementwise(_));
            let masked = net.layer(id).kind().linear().is_none() || !net.readers(id).all(is_function);
            let between = net.operands(id).iter().any(|&o| fused_of(o) == Some(Fused::Chained));
            let carried = Carried::new(local, local.lanes.clone(), [first, second], folded || between);
            Some(Carried { spent, fused, masked, ..carried })
        };
        Self::new(net, net.layers().map(|(id, _)| of_layer(id)).collect(), keep, true)
    }

    /// The value of each unit, as the only lane.
    pub(super) fn of_values<T: Scalar>(
        net: &Network<T>,
        locals: &[Option<Local>],
        keep: impl Fn(LayerId) -> bool,
    ) -> Self {
        let value = numbered(1);
        let of_layer =
            |local: &Local| Carried::new(local, vec![value.clone(); local.place.channels], [true, false], false);
        // A function reads what it was made of once more, where its slopes are made.
        Self::new(net, locals.iter().map(|local| local.as_ref().map(of_layer)).collect(), keep, false)
    }

    /// σ' of all functions, or σ'' of those that are `curved`, as the only lane; all are kept.
    pub(super) fn of_slopes<T: Scalar>(net: &Network<T>, locals: &[Option<Local>], curved: bool) -> Self {
        let slope = numbered(1);
        let of_layer = |(id, layer): (LayerId, &Layer<T>)| {
            let Kind::Elementwise(e) = layer.kind() else { return None };
            let local = locals[id.index()].as_ref().filter(|_| !curved || e.activation().is_curved())?;
            Some(Carried::new(local, vec![slope.clone(); local.place.channels], [true, false], false))
        };
        Self::new(net, net.layers().map(of_layer).collect(), |_| true, false)
    }

    /// The adjoints of `rows` outputs, as lanes, of the layers that `carried` names; those of inputs and curved
    /// layers are kept.
    pub(super) fn of_adjoints<T: Scalar>(
        net: &Network<T>,
        locals: &[Option<Local>],
        rows: usize,
        carried: impl Fn(LayerId) -> bool,
    ) -> Self {
        let rows = numbered(rows);
        let of_layer = |(id, _): (LayerId, &Layer<T>)| {
            let local = locals[id.index()].as_ref().filter(|_| carried(id))?;
            Some(Carried::new(local, vec![rows.clone(); local.place.channels], [true, false], false))
        };
        let layers: Vec<Option<Carried>> = net.layers().map(of_layer).collect();
        let order: Vec<LayerId> = net.layers().rev().map(|(id, _)| id).collect();
        let size = |id: LayerId| layers[id.index()].as_ref().map_or(0, Carried::all_lines);
        let readers = |id: LayerId| net.readers(id).map(|(reader, _)| reader).collect();
        let keep = |id: LayerId| net.layer(id).kind().is_curved() || matches!(net.layer(id).kind(), Kind::Input);
        let schedule = Schedule::new(&order, size, readers, keep, |_| None);
        Lines { layers, schedule, weights: 0 }
    }

    fn new<T: Scalar>(
        net: &Network<T>,
        layers: Vec<Option<Carried>>,
        keep: impl Fn(LayerId) -> bool,
        functions_in_place: bool,
    ) -> Self {
        let order: Vec<LayerId> = net.layers().map(|(id, _)| id).collect();
        let carried = |id: LayerId| layers[id.index()].as_ref();
        let in_place = |id: LayerId| match net.layer(id).kind() {
            Kind::Elementwise(_) if functions_in_place => Some(net.operands(id)[0]).filter(|&o| {
                let alike = |a: &Carried, b: &Carried| (a.first, a.second) == (b.first, b.second) && !b.folded;
                carried(o).zip(carried(id)).is_some_and(|(a, b)| alike(a, b))
            }),
            _ => None,
        };
        let size = |id: LayerId| carried(id).map_or(0, Carried::block_lines);
        // Lanes that are made of a fused layer's are made of what that one reads.
        let reads = |id: LayerId| {
            let operands = net.operands(id);
            let fused = |o: &LayerId| carried(*o).and_then(|layer| layer.fused);
            let before = operands.first().and_then(|&o| net.operands(o).first());
            match (operands.first(), before) {
                (Some(operand), _) if fused(operand).is_some() => net.operands(*operand).to_vec(),
                (Some(operand), Some(before)) if fused(before) == Some(Fused::Chained) => {
                    [&[*operand], net.operands(*before)].concat()
                }
                _ => operands.to_vec(),
            }
        };
        let schedule = Schedule::new(&order, size, reads, keep, in_place);
        Lines { layers, schedule, weights: 0 }
    }

    /// Which numbers of the lines are made, from the positions of each layer that a tile needs.
    pub(super) fn cut(&mut self, frame: &Frame, spans: &Spans) {
        for (layer, span) in self.layers.iter_mut().zip(spans.each()) {
            if let (Some(layer), Some(span)) = (layer, span) {
                (layer.span, layer.run) = (span, frame.run(span));
            }
        }
    }

    /// The layer before the function that a layer reads, if its lanes are made there.
    pub(super) fn chained<T: Scalar>(&self, net: &Network<T>, id: LayerId) -> Option<LayerId> {
        let first = *net.operands(*net.operands(id).first()?).first()?;
        let layer = self.layers[first.index()].as_ref()?;
        (layer.fused == Some(Fused::Chained)).then_some(first)
    }

    pub(super) fn carried(&self, id: LayerId) -> &Carried {
        self.layers[id.index()].as_ref().expect("only layers that are carried are asked for")
    }

    /// The block of a layer; empty if it has none.
    pub(super) fn block<'a, T>(&self, frame: &Frame, buffers: &'a [Buffer<T>], id: LayerId) -> &'a [T] {
        match self.schedule.slot(id) {
            Some(slot) => &buffers[slot][..self.carried(id).all_lines() * frame.line()],
            None => &[],
        }
    }
}

/// A layer whose lanes are carried. Its block is `[channel][order][lane][position]`.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub(super) place: Place,
    pub(super) lanes: Vec<Lanes>,
    /// Lines before each channel, and all.
    pub(super) lines: Vec<usize>,
    pub(super) first: bool,
    pub(super) second: bool,
    /// Nobody reads first order any more: what is there is not what it should be.
    pub(super) spent: bool,
    /// Its block has the slopes alone, a line for each channel and order; the readers' weights have the constants, or the
    /// only reader makes the lanes of a [chained](super::chained) layer.
    pub(super) folded: bool,
    /// Its lines must be zero where there is no unit.
    pub(super) masked: bool,
    /// It has no block: what becomes of its lanes.
    pub(super) fused: Option<Fused>,
    /// Of a constant layer which of its weights the lanes are, for each channel.
    pub(super) constants: Vec<Vec<u32>>,
    /// Its block is one matrix product of the operand's, and its fans are not listed.
    pub(super) multiplied: bool,
    /// The positions that later layers need, around a tile that begins at zero; and all numbers of a line between them.
    pub(super) span: Span,
    pub(super) run: Range<usize>,
    pub(super) fans: Vec<Sums>,
    /// From a unit to what it reads of each operand, where layers read position by position.
    pub(super) shifts: Vec<Position>,
}

impl Carried {
    fn new(local: &Local, lanes: Vec<Lanes>, [first, second]: [bool; 2], folded: bool) -> Self {
        let mut lines = vec![0];
        for lanes in &lanes {
            let lanes = if folded { lanes.len().min(1) } else { lanes.len() };
            lines.push(lines[lines.len() - 1] + lanes * (usize::from(first) + usize::from(second)));
        }
        Carried {
            place: local.place.clone(),
            lanes,
            lines,
            first,
            second,
            spent: false,
            folded,
            masked: true,
            fused: None,
            constants: Vec::new(),
            multiplied: false,
            span: Span { start: [0; AXES], end: [0; AXES] },
            run: 0..0,
            fans: Vec::new(),
            shifts: local.shifts.clone(),
        }
    }

    pub(super) fn orders(&self) -> usize {
        usize::from(self.first) + usize::from(self.second)
    }

    /// Whether second order, for each order that is carried.
    pub(super) fn each_order(&self) -> impl Iterator<Item = bool> + use<> {
        [(self.first, false), (self.second, true)].into_iter().filter(|(carried, _)| *carried).map(|(_, second)| second)
    }

    /// First-order line of a lane; the second-order line comes after all of the first order.
    pub(super) fn line(&self, channel: usize, lane: usize) -> usize {
        self.lines[channel] + lane
    }

    /// The line of a lane, of first or of second order.
    pub(super) fn line_of(&self, channel: usize, lane: usize, second: bool) -> usize {
        let skipped = if second && self.first { self.orders_of(channel) } else { 0 };
        self.line(channel, lane) + skipped
    }

    /// Whether the rows of all channels are alike, and as those of another layer.
    pub(super) fn rows_as(&self, other: &Carried) -> bool {
        let alike = |lanes: &Lanes| Arc::ptr_eq(lanes, &self.lanes[0]);
        let orders = (self.first, self.second) == (other.first, other.second);
        orders && !other.folded && self.lanes.iter().chain(&other.lanes).all(alike)
    }

    /// Lines of a channel for each order.
    pub(super) fn orders_of(&self, channel: usize) -> usize {
        if self.folded { 1 } else { self.lanes[channel].len() }
    }

    /// Whether all channels have as many lines.
    pub(super) fn is_even(&self) -> bool {
        self.lines.windows(2).all(|lines| lines[1] - lines[0] == self.lines[1])
    }

    /// Whether nothing is made of its lanes but the squares.
    pub(super) fn is_squared(&self) -> bool {
        matches!(self.fused, Some(Fused::Constant | Fused::Squared))
    }

    /// Lines of its block.
    pub(super) fn block_lines(&self) -> usize {
        if self.fused.is_some() { 0 } else { self.all_lines() }
    }

    pub(super) fn all_lines(&self) -> usize {
        *self.lines.last().expect("one more than channels")
    }
}

/// So many lanes that are told by their number alone.
fn numbered(count: usize) -> Lanes {
    Arc::new((0..count as u32).map(|channel| Offset { channel, distance: [0; AXES] }).collect())
}
