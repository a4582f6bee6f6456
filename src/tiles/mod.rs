//! Local networks: lanes by offset, carried tile by tile.
//!
//! Where every layer is a [stencil](crate::layer::stencil), a unit depends on inputs at a few distances from it. A
//! lane can then belong to a *distance* in place of a color: lane δ of unit p holds ∂z_p / ∂x_{p + δ}. Every input has
//! a lane of its own at every unit that sees it, so nothing has to be recovered and no coloring is relied upon. Each
//! layer carries only as many lanes as its own window has inputs (5, then 9, then 13 for three kernels of 5), and
//! positions lie side by side: a layer is a sum of shifted lines of numbers,
//!
//! ```text
//! out[o, δ][p] = Σ_{i, t}  w[o, i, t] · in[i, δ − t][p + t].
//! ```
//!
//! Lines are carried through all layers for one tile of positions with the halo that it needs, while they stay in the
//! cache.
//!
//! Exact for every network that is accepted: a distance tells an input, also where an axis comes back to its beginning
//! (distances are then taken modulo its length). Lanes are zero where there is no unit, as what is padded with
//! constants has no derivative.

mod frame;
mod kernel;
mod offsets;
mod sums;
mod sweep;

pub(crate) use sums::Weighted;
pub(crate) use sweep::Point;

use crate::compress::{Readout, RowPlaces};
use crate::cost;
use crate::error::{Error, ErrorKind, Result, ensure};
use crate::layer::stencil::{AXES, Beyond, Fan, Place, Position, Stencil, minus};
use crate::layer::{Gather, Kind};
use crate::network::{Layer, LayerId, Network};
use crate::pattern::Pattern;
use crate::scalar::Scalar;
use crate::schedule::Schedule;
use frame::{Frame, Span, shortest};
use kernel::Term;
use offsets::{Interned, Lanes, Offset};
use std::ops::Range;
use std::sync::Arc;

/// Most lanes of a channel, and most products in all sums of a layer.
const MOST_LANES: usize = 1 << 12;
const MOST_TERMS: usize = 1 << 22;

/// What the lanes are carried for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// First-order lanes of the outputs, second-order lanes of the outputs, or both.
    Outputs { first: bool, second: bool },
    /// First-order lanes of what curved layers read, for weighted sums of their squares.
    /// How many rows of weights there are.
    Sums { rows: usize },
}

impl Wanted {
    fn is_sums(self) -> bool {
        matches!(self, Wanted::Sums { .. })
    }
}

/// A local network, prepared.
#[derive(Clone, Debug)]
pub(crate) struct Tiles {
    frame: Frame,
    layers: Vec<Option<Carried>>,
    schedule: Schedule,
    wanted: Wanted,
    /// The layers whose lanes are the result: outputs; for sums, inputs.
    targets: Vec<LayerId>,
    /// Lines of work space beside the layers' blocks.
    scratch: usize,
}

/// A layer whose lanes are carried. Its block is `[channel][order][lane][position]`.
#[derive(Clone, Debug)]
struct Carried {
    place: Place,
    lanes: Vec<Lanes>,
    /// Lines before each channel, and all.
    lines: Vec<usize>,
    first: bool,
    second: bool,
    /// Nobody reads first order any more: what is there is not what it should be.
    spent: bool,
    /// The numbers of a line that later layers need.
    run: Range<usize>,
    fans: Vec<Sums>,
    /// From a unit to what it reads of each operand, where layers read position by position.
    shifts: Vec<Position>,
}

/// The sums of a fan's channels.
#[derive(Clone, Debug)]
struct Sums {
    channels: Range<usize>,
    /// For each lane the operands and their terms.
    lanes: Vec<Vec<(usize, Range<usize>)>>,
    terms: Vec<Term>,
}

impl Carried {
    fn orders(&self) -> usize {
        usize::from(self.first) + usize::from(self.second)
    }

    /// First-order line of a lane; the second-order line comes after all of the first order.
    fn line(&self, channel: usize, lane: usize) -> usize {
        self.lines[channel] + lane
    }

    /// Whether the rows of all channels are alike, and as those of another layer.
    fn rows_as(&self, other: &Carried) -> bool {
        let alike = |lanes: &Lanes| Arc::ptr_eq(lanes, &self.lanes[0]);
        let orders = (self.first, self.second) == (other.first, other.second);
        orders && self.lanes.iter().chain(&other.lanes).all(alike)
    }

    fn all_lines(&self) -> usize {
        *self.lines.last().expect("one more than channels")
    }
}

/// What is known of a layer before the frame.
struct Local {
    place: Place,
    fans: Vec<Fan>,
    shifts: Vec<Position>,
    lanes: Vec<Lanes>,
}

impl Tiles {
    /// `positions` bounds the tiles; by default they fit the cache.
    ///
    /// # Errors
    /// [`WrongStrategy`](ErrorKind::WrongStrategy) naming a layer that is no stencil, or one with too wide a window.
    pub(crate) fn new<T: Scalar>(net: &Network<T>, wanted: Wanted, positions: Option<usize>) -> Result<Self> {
        let needed = needed(net, wanted);
        let (locals, wrapped) = locals(net, wanted, &needed)?;
        let (first, second) = orders(net, wanted, &needed);
        let targets = match wanted {
            Wanted::Outputs { .. } => net.output_layers(),
            Wanted::Sums { .. } => net.input_layers(),
        };
        // An input that reaches no output has no place.
        let targets: Vec<LayerId> = targets.iter().copied().filter(|t| locals[t.index()].is_some()).collect();
        let place = |id: LayerId| locals[id.index()].as_ref().map(|l| &l.place);
        let covered = targets.iter().filter_map(|&t| place(t)).map(Span::of).reduce(Span::and);
        let covered = covered.ok_or_else(|| Error::new(ErrorKind::WrongStrategy, "no output depends on an input"))?;
        let layers: Vec<Option<Carried>> = net
            .layers()
            .map(|(id, _)| {
                let local = locals[id.index()].as_ref()?;
                let read = net.readers(id).any(|(r, _)| needed[r.index()] && first[r.index()]);
                let packed = net.output_layers().contains(&id) && matches!(wanted, Wanted::Outputs { first: true, .. });
                let (first, second) = (first[id.index()], second[id.index()]);
                let spent = first && second && !read && !packed;
                let of_channel = |lanes: &Lanes| lanes.len() * (usize::from(first) + usize::from(second));
                let mut lines = vec![0];
                local.lanes.iter().for_each(|lanes| lines.push(lines[lines.len() - 1] + of_channel(lanes)));
                Some(Carried {
                    place: local.place.clone(),
                    lanes: local.lanes.clone(),
                    lines,
                    first,
                    second,
                    spent,
                    run: 0..0,
                    fans: Vec::new(),
                    shifts: local.shifts.clone(),
                })
            })
            .collect();
        let order: Vec<LayerId> = net.layers().map(|(id, _)| id).collect();
        let carried = |id: LayerId| layers[id.index()].as_ref();
        let in_place = |id: LayerId| match net.layer(id).kind() {
            Kind::Elementwise(_) => Some(net.operands(id)[0]).filter(|&o| {
                let alike = |a: &Carried, b: &Carried| (a.first, a.second) == (b.first, b.second);
                carried(o).zip(carried(id)).is_some_and(|(a, b)| alike(a, b))
            }),
            _ => None,
        };
        let keep = |id: LayerId| !wanted.is_sums() && targets.contains(&id);
        let size = |id: LayerId| carried(id).map_or(0, Carried::all_lines);
        let schedule = Schedule::new(&order, size, |id| net.operands(id).to_vec(), keep, in_place);
        let scratch = scratch(net, &layers, &targets, wanted);
        let mut tiles =
            Tiles { frame: Frame::new(covered, [1; AXES], wrapped, |t| t), layers, schedule, wanted, targets, scratch };
        tiles.cut(net, &locals, covered, wrapped, positions);
        tiles.fans(net, &locals)?;
        Ok(tiles)
    }

    /// Chooses the tiles: as large as the lines of a box may be long, longer along the last axis, not more than an
    /// eighth of all.
    fn cut<T: Scalar>(
        &mut self,
        net: &Network<T>,
        locals: &[Option<Local>],
        covered: Span,
        wrapped: [usize; AXES],
        positions: Option<usize>,
    ) {
        let frame = |tile: [usize; AXES]| {
            let reach = |tile| spans(net, locals, self.wanted, tile).into_iter().flatten().fold(tile, Span::and);
            Frame::new(covered, tile, wrapped, reach)
        };
        let limit = match positions {
            Some(positions) => positions,
            None => (CACHE / self.lines().max(1)).clamp(LEAST_LINE, MOST_LINE),
        };
        let (len, volume) = (covered.len(), covered.volume());
        let mut tile = [1; AXES];
        let share = if positions.is_some() { volume } else { volume.div_ceil(8).max(64) };
        let fits = |tile: [usize; AXES]| {
            let positions_of = if positions.is_some() { tile.iter().product() } else { frame(tile).line() };
            positions_of <= limit && tile.iter().product::<usize>() <= share
        };
        // Doubles the shortest side that can still grow, the last axis being counted as half as long.
        loop {
            let grown = |axis: usize| {
                let mut grown = tile;
                grown[axis] = (2 * tile[axis]).min(len[axis]);
                grown
            };
            let length = |axis: usize| if axis == AXES - 1 { tile[axis] } else { 2 * tile[axis] };
            let next = (0..AXES).filter(|&axis| tile[axis] < len[axis] && fits(grown(axis))).min_by_key(|&a| length(a));
            match next {
                Some(axis) => tile = grown(axis),
                None => break,
            }
        }
        self.frame = frame(tile);
        let spans = spans(net, locals, self.wanted, self.frame.tile_at_zero());
        for (layer, span) in self.layers.iter_mut().zip(spans) {
            if let (Some(layer), Some(span)) = (layer, span) {
                layer.run = self.frame.run(span);
            }
        }
    }

    /// Prepares the sums of all linear layers.
    fn fans<T: Scalar>(&mut self, net: &Network<T>, locals: &[Option<Local>]) -> Result<()> {
        let line = self.frame.line() as i64;
        for (id, layer) in net.layers() {
            let Some(local) = &locals[id.index()] else { continue };
            let operands = net.operands(id);
            let mut fans = Vec::with_capacity(local.fans.len());
            let mut count = 0;
            for fan in &local.fans {
                let mut terms = Vec::new();
                let lanes = local.lanes[fan.channels.start].iter().map(|lane| {
                    let mut parts: Vec<(usize, Range<usize>)> = Vec::new();
                    for link in &fan.links {
                        let from = self.layers[operands[link.operand].index()].as_ref().expect("needed, so carried");
                        let seen = lane.seen_from(link.shift, self.frame.wrapped());
                        let Ok(at) = from.lanes[link.channel].binary_search(&seen) else { continue };
                        match parts.last_mut() {
                            Some((q, _)) if *q == link.operand => {}
                            _ => parts.push((link.operand, terms.len()..terms.len())),
                        }
                        let rise = if from.first { from.lanes[link.channel].len() as i64 * line } else { 0 };
                        terms.push(Term {
                            from: from.line(link.channel, at) as i64 * line + self.frame.step(link.shift) as i64,
                            rise: u32::try_from(rise).unwrap_or(u32::MAX),
                            weight: link.weight as u32,
                        });
                        parts.last_mut().expect("pushed above").1.end = terms.len();
                    }
                    parts
                });
                let lanes = lanes.collect();
                count += terms.len();
                if count > MOST_TERMS {
                    return Err(refused(layer, "has too wide a window for lanes by offset"));
                }
                fans.push(Sums { channels: fan.channels.clone(), lanes, terms });
            }
            self.layers[id.index()].as_mut().expect("local, so carried").fans = fans;
        }
        Ok(())
    }

    /// Number of tiles.
    pub(crate) fn count(&self) -> usize {
        self.frame.tiles()
    }

    /// Positions of a tile.
    pub(crate) fn positions(&self) -> usize {
        self.frame.tile().iter().product()
    }

    fn lines(&self) -> usize {
        self.schedule.total() + self.scratch
    }

    /// Numbers of work space for a tile.
    pub(crate) fn size(&self) -> usize {
        self.lines() * self.frame.line()
    }

    /// Of the cost model.
    pub(crate) fn cost(&self) -> u64 {
        // Sums are made of most lanes once more.
        let rows = if let Wanted::Sums { rows } = self.wanted { rows as u64 } else { 0 };
        let (mut products, mut numbers) = (0, 0);
        for layer in self.layers.iter().flatten() {
            let run = layer.run.len() as u64;
            let of_fan = |fan: &Sums| (fan.terms.len() * fan.channels.len() * layer.orders()) as u64;
            products += run * layer.fans.iter().map(of_fan).sum::<u64>();
            numbers += run * (1 + rows) * layer.all_lines() as u64;
        }
        let tiles = self.count() as u64;
        cost::tiles(products.saturating_mul(tiles), numbers.saturating_mul(tiles))
    }

    /// Most lanes of a layer.
    pub(crate) fn lanes(&self) -> usize {
        self.layers.iter().flatten().flat_map(|l| l.lanes.iter().map(|lanes| lanes.len())).max().unwrap_or(0)
    }

    /// How the entries of a pattern are read: first- or second-order lanes of the outputs.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge) if a tile has more than 2³² numbers.
    pub(crate) fn read_outputs<T: Scalar>(&self, net: &Network<T>, pattern: &Pattern, second: bool) -> Result<Readout> {
        let inputs = self.inputs(net)?;
        // Lines before each channel of each target, in the order of packing.
        let mut lines = Vec::new();
        let mut count = 0;
        for &target in &self.targets {
            let layer = self.carried(target);
            let packed = if second { layer.second } else { layer.first };
            for lanes in &layer.lanes {
                lines.push((count, lanes));
                count += if packed { lanes.len() } else { 0 };
            }
        }
        let positions = self.positions();
        let mut places = RowPlaces::default();
        let mut list = Vec::new();
        let mut row = 0;
        for &target in net.output_layers() {
            let Some(place) = self.layers[target.index()].as_ref().map(|l| &l.place) else {
                // Depends on nothing.
                (0..net.layer(target).units()).for_each(|_| places.push(0, 0, &[]));
                row += net.layer(target).units();
                continue;
            };
            let before: usize =
                self.targets.iter().take_while(|&&t| t != target).map(|&t| self.carried(t).lanes.len()).sum();
            for unit in 0..net.layer(target).units() {
                let (channel, at) = place.locate(unit);
                let (first, lanes) = lines[before + channel];
                let (tile, inner) = self.frame.find(at);
                list.clear();
                let mut guess = 0;
                for &j in pattern.row(row) {
                    let (channel, position) = inputs[j as usize];
                    let lane = Offset { channel, distance: shortest(minus(position, at), self.frame.wrapped()) };
                    // Entries follow each other as the lanes do, but for the borders.
                    if lanes.get(guess) != Some(&lane) {
                        guess = lanes.binary_search(&lane).expect("an output has a lane for every input it depends on");
                    }
                    list.push(((first + guess) * positions) as u32);
                    guess += 1;
                }
                places.push(tile, inner, &list);
                row += 1;
            }
        }
        Ok(Readout::by_rows(places, self.count(), count * positions))
    }

    /// How the entries of a pattern are read from the sums: row `row_of(i)` of the sums at input j.
    ///
    /// # Errors
    /// As [`read_outputs`](Self::read_outputs).
    pub(crate) fn read_sums<T: Scalar>(
        &self,
        net: &Network<T>,
        pattern: &Pattern,
        rows: usize,
        row_of: impl Fn(usize) -> usize,
    ) -> Result<Readout> {
        let inputs = self.inputs(net)?;
        let (positions, channels) = (self.positions(), self.input_channels(net));
        let place = |i: usize, j: u32| {
            let (channel, at) = inputs[j as usize];
            let (tile, inner) = self.frame.find(at);
            (tile as u32, ((row_of(i) * channels + channel as usize) * positions + inner) as u32)
        };
        let row = |i: usize| pattern.row(i).iter().map(move |&j| (i, j));
        let places = (0..pattern.rows()).flat_map(row).map(|(i, j)| place(i, j)).collect();
        Ok(Readout::at(places, self.count(), rows * channels * positions))
    }

    fn carried(&self, id: LayerId) -> &Carried {
        self.layers[id.index()].as_ref().expect("a target is carried")
    }

    /// Channels of all input layers.
    fn input_channels<T: Scalar>(&self, net: &Network<T>) -> usize {
        net.input_layers().iter().filter_map(|l| self.layers[l.index()].as_ref()).map(|l| l.place.channels).sum()
    }

    /// Channel and position of every input.
    fn inputs<T: Scalar>(&self, net: &Network<T>) -> Result<Vec<(u32, Position)>> {
        ensure!(self.size() <= u32::MAX as usize, TooLarge, "a tile of {} numbers", self.size());
        let mut inputs = Vec::with_capacity(net.inputs());
        let mut channels = 0;
        for &input in net.input_layers() {
            let Some(layer) = &self.layers[input.index()] else {
                // Reaches nothing.
                inputs.extend(std::iter::repeat_n((u32::MAX, [0; AXES]), net.layer(input).units()));
                continue;
            };
            inputs.extend((0..net.layer(input).units()).map(|unit| {
                let (channel, at) = layer.place.locate(unit);
                (channels + channel as u32, at)
            }));
            channels += layer.place.channels as u32;
        }
        Ok(inputs)
    }
}

/// Numbers of a tile's lines that stay in a core's cache; and the shortest and the longest lines, whatever that is.
const CACHE: usize = 3 << 16;
const LEAST_LINE: usize = 1 << 9;
const MOST_LINE: usize = 1 << 11;

/// The layers whose lanes the targets need.
fn needed<T: Scalar>(net: &Network<T>, wanted: Wanted) -> Vec<bool> {
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

/// Places, links and lanes of all needed layers; and the axes that come back to their beginning.
fn locals<T: Scalar>(net: &Network<T>, wanted: Wanted, needed: &[bool]) -> Result<(Vec<Option<Local>>, [usize; AXES])> {
    let mut places: Vec<Option<Place>> = Vec::new();
    let mut parts = Vec::new();
    let (mut wrapped, mut zeros) = ([0; AXES], [false; AXES]);
    for (id, layer) in net.layers() {
        let operands: Vec<&Place> = net.operands(id).iter().filter_map(|o| places[o.index()].as_ref()).collect();
        let alike = || operands.iter().all(|o| o.channels == operands[0].channels && o.shape == operands[0].shape);
        let none = || refused(layer, "is not the same sum at every position, which lanes by offset need");
        if !needed[id.index()] {
            // The terms of the last products are summed, though their lanes are not carried.
            let summed = wanted.is_sums() && matches!(layer.kind(), Kind::Product);
            if summed && !alike() {
                return Err(none());
            }
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
        let is_input = |id: LayerId| matches!(net.layer(id).kind(), Kind::Input);
        for ((id, layer), place) in net.layers().zip(&places) {
            let Some(place) = place else { continue };
            // Where units are summed over, each counts once.
            let summed = wanted.is_sums() && net.readers(id).any(|(r, _)| net.layer(r).kind().is_curved());
            let repeats = !is_input(id) && !summed;
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
        locals.push(Some(Local { place, fans, shifts, lanes }));
    }
    Ok((locals, wrapped))
}

fn refused<T: Scalar>(layer: &Layer<T>, why: &str) -> Error {
    Error::new(ErrorKind::WrongStrategy, format!("the layer {why}")).in_layer(layer.name())
}

/// The shape that an input is used in, where it is only reshaped.
fn input_shape<T: Scalar>(net: &Network<T>, id: LayerId) -> Vec<usize> {
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
fn orders<T: Scalar>(net: &Network<T>, wanted: Wanted, needed: &[bool]) -> (Vec<bool>, Vec<bool>) {
    let count = needed.len();
    let (mut first, mut second) = (vec![false; count], vec![false; count]);
    let (of_outputs, curves) = match wanted {
        Wanted::Outputs { first, second } => (first, second),
        Wanted::Sums { .. } => (false, false),
    };
    for (id, layer) in net.layers().filter(|(id, _)| needed[id.index()]) {
        let above = net.operands(id).iter().any(|o| second[o.index()]);
        second[id.index()] = curves && (above || layer.kind().is_curved());
    }
    for (id, _) in net.layers().rev().filter(|(id, _)| needed[id.index()]) {
        let k = id.index();
        let read = |(r, _): (LayerId, usize)| {
            let curved = net.layer(r).kind().is_curved();
            curved && (second[r.index()] || wanted.is_sums()) || needed[r.index()] && first[r.index()]
        };
        // A curved layer makes both orders of one row.
        let curved = net.layer(id).kind().is_curved() && second[k];
        first[k] = of_outputs && net.output_layers().contains(&id) || curved || net.readers(id).any(read);
    }
    (first, second)
}

/// The positions of each layer that a tile needs.
fn spans<T: Scalar>(net: &Network<T>, locals: &[Option<Local>], wanted: Wanted, tile: Span) -> Vec<Option<Span>> {
    let mut spans: Vec<Option<Span>> = vec![None; locals.len()];
    let add = |spans: &mut Vec<Option<Span>>, id: LayerId, span: Span| {
        let here = &mut spans[id.index()];
        *here = Some(here.map_or(span, |s| s.and(span)));
    };
    for (id, layer) in net.layers().rev() {
        if !wanted.is_sums() && net.output_layers().contains(&id) {
            add(&mut spans, id, tile);
        }
        let operands = net.operands(id);
        if wanted.is_sums() && layer.kind().is_curved() {
            // Whatever sees an input of the tile.
            for &operand in operands {
                let lanes = locals[operand.index()].iter().flat_map(|l| l.lanes.iter().flat_map(|lanes| lanes.iter()));
                for lane in lanes {
                    add(&mut spans, operand, tile.shifted(minus([0; AXES], lane.distance)));
                }
            }
        }
        let (Some(local), Some(span)) = (&locals[id.index()], spans[id.index()]) else { continue };
        for fan in &local.fans {
            for link in &fan.links {
                add(&mut spans, operands[link.operand], span.shifted(link.shift));
            }
        }
        if local.fans.is_empty() {
            for (&operand, &shift) in operands.iter().zip(&local.shifts) {
                add(&mut spans, operand, span.shifted(shift));
            }
        }
    }
    spans
}

/// Lines of work space: slopes or values of two operands, rows of two operands, sums of all inputs.
fn scratch<T: Scalar>(net: &Network<T>, layers: &[Option<Carried>], targets: &[LayerId], wanted: Wanted) -> usize {
    let rows = |(id, layer): (LayerId, &Layer<T>)| match (layer.kind(), &layers[id.index()]) {
        (Kind::Product, Some(carried)) => 2 * carried.lines.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0),
        _ => 0,
    };
    let channels: usize = targets.iter().filter_map(|t| layers[t.index()].as_ref()).map(|l| l.place.channels).sum();
    let sums = if let Wanted::Sums { rows } = wanted { rows * channels } else { 0 };
    3 + net.layers().map(rows).max().unwrap_or(0) + sums
}
