//! What is known of each layer before the positions are cut into tiles: its place, what it reads, its lanes.

use super::frame::Span;
use super::offsets::{Interned, Lanes, Offset};
use super::{MOST_LANES, Wanted};
use crate::activation::Activation;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::stencil::{AXES, Beyond, Fan, Place, Position, Stencil, minus};
use crate::layer::{Gather, Kind};
use crate::network::{Layer, LayerId, Network};
use crate::scalar::Scalar;

/// What is known of a layer before the frame.
pub(super) struct Local {
    pub(super) place: Place,
    pub(super) fans: Vec<Fan>,
    pub(super) shifts: Vec<Position>,
    pub(super) lanes: Vec<Lanes>,
    /// The distances at which each operand is read.
    reads: Vec<Vec<Position>>,
}

/// The layers whose lanes the targets need.
pub(super) fn needed<T: Scalar>(net: &Network<T>, wanted: Wanted) -> Vec<bool> {
    let mut needed = vec![false; net.layers().len()];
    for (id, _) in net.layers().rev() {
        let target = match wanted {
            Wanted::Outputs { .. } => net.output_layers().contains(&id),
            Wanted::Sums { .. } => net.readers(id).any(|(r, _)| net.layer(r).kind().is_curved()),
        };
        needed[id.index()] = target || net.readers(id).any(|(r, _)| needed[r.index()]);
    }
    needed
}

/// Places, links and lanes of all needed layers, and for sums of the last curved ones; and the axes that come back to
/// their beginning.
pub(super) fn locals<T: Scalar>(
    net: &Network<T>,
    wanted: Wanted,
    needed: &[bool],
) -> Result<(Vec<Option<Local>>, [usize; AXES])> {
    let mut places: Vec<Option<Place>> = Vec::new();
    let mut parts = Vec::new();
    let (mut wrapped, mut zeros) = ([0; AXES], [false; AXES]);
    for (id, layer) in net.layers() {
        let operands: Vec<&Place> = net.operands(id).iter().filter_map(|o| places[o.index()].as_ref()).collect();
        let alike = || operands.iter().all(|o| o.channels == operands[0].channels && o.shape == operands[0].shape);
        let none = || refused(layer, "is not the same sum at every position, which lanes by offset need");
        // The terms of the last curved layers are summed, though their lanes are not carried.
        let summed = wanted.is_sums() && layer.kind().is_curved();
        if !needed[id.index()] && !summed {
            places.push(None);
            parts.push((Vec::new(), Vec::new()));
            continue;
        }
        let shifts = |place: &Place| operands.iter().map(|o| minus(o.origin, place.origin)).collect::<Vec<_>>();
        let (place, fans) = match layer.kind() {
            Kind::Input => (Place::of_shape(&input_shape(net, id)).ok_or_else(none)?, Vec::new()),
            Kind::Elementwise(_) => (operands[0].clone(), Vec::new()),
            Kind::Product => (alike().then(|| operands[0].clone()).ok_or_else(none)?, Vec::new()),
            kind => {
                let Stencil { place, fans, beyond } =
                    kind.linear().and_then(|l| l.stencil(&operands, layer.shape())).ok_or_else(none)?;
                for (axis, beyond) in beyond.into_iter().enumerate() {
                    match beyond {
                        Beyond::Unread => {}
                        Beyond::Zeros => zeros[axis] = true,
                        Beyond::Wrapped(around) if [0, around].contains(&wrapped[axis]) => wrapped[axis] = around,
                        Beyond::Wrapped(_) => return Err(none()),
                    }
                }
                (place, fans)
            }
        };
        parts.push((fans, shifts(&place)));
        places.push(Some(place));
    }
    // An axis comes back to its beginning for all layers or for none.
    for axis in (0..AXES).filter(|&axis| wrapped[axis] > 0) {
        let around = wrapped[axis];
        for ((id, layer), place) in net.layers().zip(&places) {
            let Some(place) = place else { continue };
            // Where units are summed over, each counts once.
            let summed = wanted.is_sums() && net.readers(id).any(|(r, _)| net.layer(r).kind().is_curved());
            // Copies, and the same function of them, repeat themselves; a layer's own numbers may differ from one time
            // around to the next.
            let copies = match layer.kind() {
                Kind::Gather(_) => true,
                Kind::Elementwise(e) => !matches!(e.activation(), Activation::Prelu { .. }),
                _ => false,
            };
            let repeats = copies && !summed;
            let whole = place.shape[axis] == around || place.shape[axis] > around && repeats;
            if zeros[axis] || !whole {
                return Err(refused(layer, "has ends on an axis that elsewhere comes back to its beginning"));
            }
        }
    }
    let mut locals: Vec<Option<Local>> = Vec::new();
    let mut interned = Interned::default();
    let mut channels = 0;
    for (((id, layer), place), (fans, shifts)) in net.layers().zip(places).zip(parts) {
        let Some(place) = place else {
            locals.push(None);
            continue;
        };
        let operands = net.operands(id);
        let of = |q: usize, channel: usize| &locals[operands[q].index()].as_ref().expect("needed").lanes[channel];
        let lanes: Vec<Lanes> = match layer.kind() {
            Kind::Input => {
                let first = channels;
                channels += place.channels as u32;
                (first..channels).map(|channel| interned.list(vec![Offset { channel, distance: [0; AXES] }])).collect()
            }
            Kind::Elementwise(_) => (0..place.channels).map(|c| of(0, c).clone()).collect(),
            Kind::Product => {
                let both = |c: usize| {
                    let seen = |q: usize| of(q, c).iter().map(move |l| (q, l));
                    let all = seen(0).chain(seen(1)).map(|(q, lane)| lane.seen_at(shifts[q], wrapped)).collect();
                    interned.list(all)
                };
                (0..place.channels).map(both).collect()
            }
            _ => {
                let mut lanes = vec![interned.list(Vec::new()); place.channels];
                for fan in &fans {
                    let list = interned.fan(fan, of, wrapped, MOST_LANES);
                    let list = list.ok_or_else(|| refused(layer, "has too wide a window for lanes by offset"))?;
                    lanes[fan.channels.clone()].fill(list);
                }
                lanes
            }
        };
        let reads = (0..operands.len()).map(|q| reads(&fans, &shifts, q)).collect();
        locals.push(Some(Local { place, fans, shifts, lanes, reads }));
    }
    Ok((locals, wrapped))
}

pub(super) fn refused<T: Scalar>(layer: &Layer<T>, why: &str) -> Error {
    Error::new(ErrorKind::WrongStrategy, format!("the layer {why}")).in_layer(layer.name())
}

/// The shape that an input is used in, where it is only reshaped.
pub(super) fn input_shape<T: Scalar>(net: &Network<T>, id: LayerId) -> Vec<usize> {
    let reshaped = |(reader, _): (LayerId, usize)| match net.layer(reader).kind() {
        Kind::Gather(g) if Gather::is_reshape(g) => Some(net.layer(reader).shape()),
        _ => None,
    };
    let mut shapes = net.readers(id).map(reshaped);
    match shapes.next().flatten() {
        Some(shape) if shapes.all(|s| s == Some(shape)) => shape.to_vec(),
        _ => net.layer(id).shape().to_vec(),
    }
}

/// Whether first-order and second-order lanes of each layer are carried.
pub(super) fn orders<T: Scalar>(
    net: &Network<T>,
    wanted: Wanted,
    needed: &[bool],
    folded: &[bool],
) -> (Vec<bool>, Vec<bool>) {
    let count = needed.len();
    let (mut first, mut second) = (vec![false; count], vec![false; count]);
    let (of_outputs, curves) = wanted.orders();
    for (id, layer) in net.layers().filter(|(id, _)| needed[id.index()]) {
        let above = net.operands(id).iter().any(|o| second[o.index()]);
        second[id.index()] = curves && (above || layer.kind().is_curved());
    }
    for (id, _) in net.layers().rev().filter(|(id, _)| needed[id.index()]) {
        let k = id.index();
        let read = |(r, _): (LayerId, usize)| {
            let curved = net.layer(r).kind().is_curved();
            // A folded layer has the constants of what it reads from the weights; squares are made of rows.
            let carried = !folded[r.index()];
            curved && (second[r.index()] && carried || wanted.is_sums())
                || needed[r.index()] && first[r.index()] && carried
        };
        // A curved layer makes both orders of one row.
        let curved = net.layer(id).kind().is_curved() && second[k] && !folded[k];
        first[k] = of_outputs && net.output_layers().contains(&id) || curved || net.readers(id).any(read);
    }
    (first, second)
}

/// Every distance at which operand `q` is read: through the links, or position by position.
fn reads(fans: &[Fan], shifts: &[Position], q: usize) -> Vec<Position> {
    if fans.is_empty() {
        return vec![shifts[q]];
    }
    let links = fans.iter().flat_map(|fan| &fan.links).filter(|link| link.operand == q);
    let mut reads: Vec<Position> = links.map(|link| link.shift).collect();
    reads.sort_unstable();
    reads.dedup();
    reads
}

impl Local {
    /// Where the layer's units see an input of a tile.
    pub(super) fn seers(&self, tile: Span) -> impl Iterator<Item = Span> {
        let lanes = self.lanes.iter().flat_map(|lanes| lanes.iter());
        lanes.map(move |lane| tile.shifted(minus([0; AXES], lane.distance)))
    }
}

/// Positions of each layer, around a tile that begins at zero.
#[derive(Clone, Debug)]
pub(super) struct Spans(Vec<Option<Span>>);

/// Where lanes, adjoints and values are made for a tile.
pub(super) struct Needed {
    pub(super) lanes: Spans,
    pub(super) adjoints: Spans,
    pub(super) values: Spans,
}

impl Needed {
    /// `heads` are the layers whose adjoints are known, if adjoints are made.
    pub(super) fn around<T: Scalar>(
        net: &Network<T>,
        locals: &[Option<Local>],
        wanted: Wanted,
        heads: Option<&[LayerId]>,
        tile: Span,
    ) -> Self {
        let (mut lanes, mut adjoints) = (Spans(vec![None; locals.len()]), Spans(vec![None; locals.len()]));
        for (id, layer) in net.layers() {
            if !wanted.is_sums() && net.output_layers().contains(&id) {
                lanes.add(id, tile);
            }
            if wanted.reaches_inputs() && heads.is_some() && matches!(layer.kind(), Kind::Input) {
                adjoints.add(id, tile);
            }
            if wanted.is_sums() && layer.kind().is_curved() {
                let operands = net.operands(id);
                let seers = |operand: LayerId| locals[operand.index()].iter().flat_map(|local| local.seers(tile));
                operands.iter().for_each(|&operand| seers(operand).for_each(|span| lanes.add(operand, span)));
                // It lies where its first operand does.
                if heads.is_some() {
                    seers(operands[0]).for_each(|span| adjoints.add(id, span));
                }
            }
        }
        lanes.down(net, locals);
        heads.into_iter().flatten().for_each(|&head| adjoints.add(head, tile));
        adjoints.up(net, locals);
        let mut values = lanes.clone();
        adjoints.each().zip(net.layers()).for_each(|(span, (id, _))| span.into_iter().for_each(|s| values.add(id, s)));
        values.down(net, locals);
        Needed { lanes, adjoints, values }
    }

    /// All positions.
    pub(super) fn all(&self) -> impl Iterator<Item = Span> {
        self.lanes.each().chain(self.values.each()).chain(self.adjoints.each()).flatten()
    }
}

impl Spans {
    pub(super) fn each(&self) -> impl Iterator<Item = Option<Span>> {
        self.0.iter().copied()
    }

    pub(super) fn has(&self, id: LayerId) -> bool {
        self.0[id.index()].is_some()
    }

    fn add(&mut self, id: LayerId, span: Span) {
        let here = &mut self.0[id.index()];
        *here = Some(here.map_or(span, |s| s.and(span)));
    }

    /// Also what the layers read of others.
    fn down<T: Scalar>(&mut self, net: &Network<T>, locals: &[Option<Local>]) {
        for (id, _) in net.layers().rev() {
            let (Some(local), Some(span)) = (&locals[id.index()], self.0[id.index()]) else { continue };
            for (q, &operand) in net.operands(id).iter().enumerate() {
                local.reads[q].iter().for_each(|&shift| self.add(operand, span.shifted(shift)));
            }
        }
    }

    /// Also what reads the layers.
    fn up<T: Scalar>(&mut self, net: &Network<T>, locals: &[Option<Local>]) {
        for (id, _) in net.layers() {
            let Some(span) = self.0[id.index()] else { continue };
            for (reader, q) in net.readers(id) {
                let shifts = locals[reader.index()].iter().flat_map(|local| &local.reads[q]);
                shifts.for_each(|&shift| self.add(reader, span.shifted(minus([0; AXES], shift))));
            }
        }
    }
}
