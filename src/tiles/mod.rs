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
//! cache. So are the values and slopes that the lanes need, and for sums over all units the adjoints, wherever functions
//! are the same at every position and nothing outside of the tiles is curved; otherwise these are recorded before.
//!
//! Exact for every network that is accepted: a distance tells an input, also where an axis comes back to its beginning
//! (distances are then taken modulo its length). Lanes are zero where there is no unit, as what is padded with
//! constants has no derivative.

mod adjoints;
mod chained;
mod constant;
mod fans;
mod fold;
mod frame;
mod fused;
mod kernel;
mod linear;
mod lines;
mod locals;
mod offsets;
mod push;
mod readouts;
mod sums;
mod sweep;
mod values;
mod weights;

pub(crate) use sweep::{Point, Space};
pub(crate) use values::{Inputs, Values};
pub(crate) use weights::Weighted;

use crate::cost;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::Kind;
use crate::layer::stencil::{AXES, Position};
use crate::network::{Layer, LayerId, Network};
use crate::scalar::Scalar;
use adjoints::Adjoints;
use fans::Sums;
use frame::{Frame, Span};
use fused::Fused;
use lines::{Carried, Lines};
use locals::{Local, Needed};
use std::array::from_fn;

/// Most lanes of a channel.
const MOST_LANES: usize = 1 << 12;

/// Numbers of a line that take as long as to find what they are made of.
const SHORT: usize = 64;

/// What the lanes are carried for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// First-order lanes of the outputs, second-order lanes of the outputs, or both.
    Outputs { first: bool, second: bool },
    /// First-order lanes of what curved layers read, for weighted sums of their squares: a row of weights for each
    /// output, and adjoints of the inputs too if the Jacobian is wanted.
    Sums { rows: usize, jacobian: bool },
}

impl Wanted {
    /// Which orders of the outputs.
    pub(crate) fn orders(self) -> (bool, bool) {
        match self {
            Wanted::Outputs { first, second } => (first, second),
            Wanted::Sums { .. } => (false, false),
        }
    }

    /// Rows of weights for sums.
    fn rows(self) -> usize {
        if let Wanted::Sums { rows, .. } = self { rows } else { 0 }
    }

    /// Whether adjoints of the inputs are wanted, beside sums.
    fn reaches_inputs(self) -> bool {
        matches!(self, Wanted::Sums { jacobian: true, .. })
    }

    fn is_sums(self) -> bool {
        matches!(self, Wanted::Sums { .. })
    }
}

/// A local network, prepared.
#[derive(Clone, Debug)]
pub(crate) struct Tiles {
    frame: Frame,
    lanes: Lines,
    /// What the layers are in a box, where that can be made on the way.
    values: Option<Lines>,
    /// For sums, their slopes and adjoints: where values are made, so are these.
    adjoints: Option<Adjoints>,
    wanted: Wanted,
    /// The layers whose lanes are the result: outputs; for sums, inputs.
    targets: Vec<LayerId>,
    /// Lines of work space beside the layers' blocks.
    scratch: usize,
}

impl Tiles {
    /// `positions` bounds the tiles; by default they fit the cache, and a large network has at least so many `tasks`.
    ///
    /// # Errors
    /// [`WrongStrategy`](ErrorKind::WrongStrategy) naming a layer that is no stencil, or one with too wide a window.
    pub(crate) fn new<T: Scalar>(
        net: &Network<T>,
        wanted: Wanted,
        positions: Option<usize>,
        tasks: usize,
    ) -> Result<Self> {
        let needed = locals::needed(net, wanted);
        let (locals, wrapped) = locals::locals(net, wanted, &needed)?;
        let targets = match wanted {
            Wanted::Outputs { .. } => net.output_layers(),
            Wanted::Sums { .. } => net.input_layers(),
        };
        // An input that reaches no curved layer has no place.
        let targets: Vec<LayerId> = targets.iter().copied().filter(|t| locals[t.index()].is_some()).collect();
        let heads = adjoints::heads(net, wanted, &locals, wrapped);
        let made = values::can_be_made(net, &locals) && (heads.is_some() || !wanted.is_sums());
        let heads = heads.filter(|_| made);
        let covered = covered(&locals, &targets, heads.as_deref(), wrapped);
        let covered = covered.ok_or_else(|| Error::new(ErrorKind::WrongStrategy, "no output depends on an input"))?;
        let around = |tile| Needed::around(net, &locals, wanted, heads.as_deref(), tile);
        let keep = |id: LayerId| !wanted.is_sums() && targets.contains(&id);
        let lanes = Lines::of_lanes(net, &locals, wanted, &needed, keep);
        let read_later = |id: LayerId| {
            let by_product = net.readers(id).any(|(reader, _)| matches!(net.layer(reader).kind(), Kind::Product));
            keep(id) || heads.as_ref().is_some_and(|heads| by_product || heads.contains(&id))
        };
        let values = made.then(|| Lines::of_values(net, &locals, read_later));
        let frame = Frame::new(covered, [1; AXES], wrapped, |tile| tile);
        let unit = || around(frame.tile_at_zero());
        let adjoints = heads.clone().map(|heads| Adjoints::new(net, &locals, wanted.rows(), heads, &unit()));
        let scratch = scratch(net, &lanes, &targets, wanted, adjoints.is_none());
        let mut tiles = Tiles { frame, lanes, values, adjoints, wanted, targets, scratch };
        tiles.cut::<T>(covered, wrapped, (positions, tasks), around);
        tiles.lanes.prepare_sums(net, &locals, &tiles.frame, Some(wanted.rows()))?;
        if let Some(values) = &mut tiles.values {
            values.prepare_sums(net, &locals, &tiles.frame, None)?;
        }
        if let Some(adjoints) = &mut tiles.adjoints {
            adjoints.prepare_sums(net, &locals, &tiles.frame);
        }
        Ok(tiles)
    }

    /// Chooses the tiles: as large as the lines of a box may be long, longer along the last axis, and not so large that
    /// there are fewer tasks.
    fn cut<T>(
        &mut self,
        covered: Span,
        wrapped: [usize; AXES],
        (positions, tasks): (Option<usize>, usize),
        around: impl Fn(Span) -> Needed,
    ) {
        let frame =
            |tile: [usize; AXES]| Frame::new(covered, tile, wrapped, |tile| around(tile).all().fold(tile, Span::and));
        let limit = match positions {
            Some(positions) => positions,
            None => {
                let of_f64 = size_of::<f64>() / size_of::<T>();
                (CACHE * of_f64 / self.lines().max(1)).clamp(LEAST_LINE, MOST_LINE * of_f64)
            }
        };
        let (len, volume) = (covered.len(), covered.volume());
        let mut tile = [1; AXES];
        let share = if positions.is_some() { volume } else { volume.div_ceil(tasks).max(64) };
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
        // As many tiles, all as long.
        tile = from_fn(|axis| len[axis].div_ceil(len[axis].div_ceil(tile[axis])));
        self.frame = frame(tile);
        let needed = around(self.frame.tile_at_zero());
        self.lanes.cut(&self.frame, &needed.lanes);
        if let Some(values) = &mut self.values {
            values.cut(&self.frame, &needed.values);
        }
        if let Some(adjoints) = &mut self.adjoints {
            adjoints.cut(&self.frame, &needed);
        }
    }

    /// Number of tiles.
    pub(crate) fn count(&self) -> usize {
        self.frame.tiles()
    }

    /// Positions of a tile.
    pub(crate) fn positions(&self) -> usize {
        self.frame.tile().iter().product()
    }

    /// Whether a layer has no place in the tiles.
    pub(crate) fn is_outside(&self, id: LayerId) -> bool {
        self.values.as_ref().is_some_and(|values| values.layers[id.index()].is_none())
    }

    fn lines(&self) -> usize {
        let values = self.values.as_ref().map_or(0, |values| values.schedule.total());
        self.lanes.schedule.total() + values + self.adjoints.as_ref().map_or(0, Adjoints::total) + self.scratch
    }

    /// Numbers of work space for weights.
    fn weights(&self) -> usize {
        let adjoints = self.adjoints.as_ref().map(|adjoints| &adjoints.lines);
        self.values.iter().chain(adjoints).fold(self.lanes.weights, |most, lines| most.max(lines.weights))
    }

    /// Numbers of work space for a tile.
    pub(crate) fn size(&self) -> usize {
        self.lines() * self.frame.line() + self.weights()
    }

    /// Of the cost model.
    pub(crate) fn cost<T: Scalar>(&self, net: &Network<T>) -> u64 {
        // Sums are made of most lanes once more.
        let rows = self.wanted.rows() as u64;
        let tiles = self.count() as u64;
        let mut work = cost::Tiles::default();
        for (id, layer) in net.layers().filter_map(|(id, _)| Some((id, self.lanes.layers[id.index()].as_ref()?))) {
            // However short a line is, its terms must be found.
            let in_all = tiles.saturating_mul(layer.run.len().max(SHORT) as u64);
            let of_fan = |fan: &Sums| (fan.products * layer.orders()) as u64;
            let shifted = in_all.saturating_mul(layer.fans.iter().map(of_fan).sum());
            work.shifted = work.shifted.saturating_add(shifted);
            if layer.multiplied {
                let operand = self.lanes.carried(net.operands(id)[0]).place.channels;
                let products = tiles.saturating_mul((self.frame.line() * operand * layer.all_lines()) as u64);
                work.products = work.products.saturating_add(products);
            }
            let lines = if layer.fused == Some(Fused::Constant) { 0 } else { layer.all_lines() };
            let numbers = in_all.saturating_mul((1 + rows) * lines as u64);
            work.numbers = work.numbers.saturating_add(numbers);
            work.layers += tiles;
        }
        if let Some(adjoints) = &self.adjoints {
            let all = (self.frame.line() as u64).saturating_mul(tiles);
            let [shifted, products] = adjoints.products(net).map(|products| all.saturating_mul(products as u64));
            work.shifted = work.shifted.saturating_add(shifted);
            work.products = work.products.saturating_add(products);
            work.numbers = work.numbers.saturating_add(all.saturating_mul(adjoints.numbers() as u64));
        }
        cost::tiles(work)
    }

    /// Most lanes of a layer.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes.layers.iter().flatten().flat_map(|l| l.lanes.iter().map(|lanes| lanes.len())).max().unwrap_or(0)
    }
}

/// What the tiles cover: all targets, and for sums the heads, whose units are summed. On an axis that comes back to its
/// beginning the targets have all positions once.
fn covered(
    locals: &[Option<Local>],
    targets: &[LayerId],
    heads: Option<&[LayerId]>,
    wrapped: [usize; AXES],
) -> Option<Span> {
    let span = |&id: &LayerId| locals[id.index()].as_ref().map(|local| Span::of(&local.place));
    let covered = targets.iter().filter_map(span).reduce(Span::and)?;
    let all = heads.into_iter().flatten().filter_map(span).fold(covered, Span::and);
    let pick = |all: Position, covered: Position| from_fn(|k| if wrapped[k] > 0 { covered[k] } else { all[k] });
    Some(Span { start: pick(all.start, covered.start), end: pick(all.end, covered.end) })
}

/// Most numbers of a tile's lines, which bounds tiles of two and three axes: in smaller ones the halo is a larger part, and
/// lines are read as streams, which the outer caches feed fast enough. And the shortest and the longest lines, whatever that
/// is; these bound tiles of one axis, whose halo is small. Of `f64`; of numbers half as long twice as many.
const CACHE: usize = 3 << 18;
const LEAST_LINE: usize = 1 << 9;
const MOST_LINE: usize = 1 << 11;

/// Lines of work space: slopes or values of two operands; rows of two operands; sums of all inputs; slopes of channels that
/// are made together, or weights of units if adjoints are `recorded`.
fn scratch<T: Scalar>(net: &Network<T>, lanes: &Lines, targets: &[LayerId], wanted: Wanted, recorded: bool) -> usize {
    let rows = |(id, layer): (LayerId, &Layer<T>)| match (layer.kind(), &lanes.layers[id.index()]) {
        (Kind::Product, Some(carried)) => 2 * carried.lines.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0),
        _ => 0,
    };
    let channels: usize =
        targets.iter().filter_map(|t| lanes.layers[t.index()].as_ref()).map(|l| l.place.channels).sum();
    let sums = if wanted.is_sums() { wanted.rows() * channels } else { 0 };
    let together = |layer: &Carried| match layer.fused {
        Some(Fused::Sloped) => kernel::MOST_CHANNELS,
        Some(Fused::Constant) if recorded => weights::space(layer.place.channels, wanted.rows()),
        _ if wanted.is_sums() && recorded => weights::space(1, wanted.rows().max(kernel::MOST_CHANNELS)),
        _ => 0,
    };
    let together = lanes.layers.iter().flatten().map(together).max().unwrap_or(0);
    3 + net.layers().map(rows).max().unwrap_or(0) + sums + together
}
