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
//! cache. So are the values and slopes that the lanes need, unless sums over all units, which need adjoints, have them
//! recorded anyway.
//!
//! Exact for every network that is accepted: a distance tells an input, also where an axis comes back to its beginning
//! (distances are then taken modulo its length). Lanes are zero where there is no unit, as what is padded with
//! constants has no derivative.

mod fans;
mod fold;
mod frame;
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

pub(crate) use sums::Weighted;
pub(crate) use sweep::{Point, Space};
pub(crate) use values::{Inputs, Values};

use crate::cost;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::Kind;
use crate::layer::stencil::AXES;
use crate::network::{Layer, LayerId, Network};
use crate::scalar::Scalar;
use fans::Sums;
use frame::{Frame, Span};
use lines::Lines;
use locals::{Local, spans};

/// Most lanes of a channel.
const MOST_LANES: usize = 1 << 12;

/// Numbers of a line that take as long as to find what they are made of.
const SHORT: usize = 64;

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
    /// Which orders of the outputs.
    pub(crate) fn orders(self) -> (bool, bool) {
        match self {
            Wanted::Outputs { first, second } => (first, second),
            Wanted::Sums { .. } => (false, false),
        }
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
    wanted: Wanted,
    /// The layers whose lanes are the result: outputs; for sums, inputs.
    targets: Vec<LayerId>,
    /// Lines of work space beside the layers' blocks.
    scratch: usize,
}

impl Tiles {
    /// `positions` bounds the tiles; by default they fit the cache.
    ///
    /// # Errors
    /// [`WrongStrategy`](ErrorKind::WrongStrategy) naming a layer that is no stencil, or one with too wide a window.
    pub(crate) fn new<T: Scalar>(net: &Network<T>, wanted: Wanted, positions: Option<usize>) -> Result<Self> {
        let needed = locals::needed(net, wanted);
        let (locals, wrapped) = locals::locals(net, wanted, &needed)?;
        let targets = match wanted {
            Wanted::Outputs { .. } => net.output_layers(),
            Wanted::Sums { .. } => net.input_layers(),
        };
        // An input that reaches no output has no place.
        let targets: Vec<LayerId> = targets.iter().copied().filter(|t| locals[t.index()].is_some()).collect();
        let place = |id: LayerId| locals[id.index()].as_ref().map(|l| &l.place);
        let covered = targets.iter().filter_map(|&t| place(t)).map(Span::of).reduce(Span::and);
        let covered = covered.ok_or_else(|| Error::new(ErrorKind::WrongStrategy, "no output depends on an input"))?;
        let keep = |id: LayerId| !wanted.is_sums() && targets.contains(&id);
        let lanes = Lines::of_lanes(net, &locals, wanted, &needed, keep);
        let values = values::can_be_made(net, wanted, &locals).then(|| Lines::of_values(net, &locals, keep));
        let scratch = scratch(net, &lanes, &targets, wanted);
        let frame = Frame::new(covered, [1; AXES], wrapped, |t| t);
        let mut tiles = Tiles { frame, lanes, values, wanted, targets, scratch };
        tiles.cut(net, &locals, covered, wrapped, positions);
        tiles.lanes.prepare_sums(net, &locals, &tiles.frame, false)?;
        if let Some(values) = &mut tiles.values {
            values.prepare_sums(net, &locals, &tiles.frame, true)?;
        }
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
        self.lanes.cut(&self.frame, &spans);
        if let Some(values) = &mut self.values {
            values.cut(&self.frame, &spans);
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

    fn lines(&self) -> usize {
        self.lanes.schedule.total() + self.values.as_ref().map_or(0, |v| v.schedule.total()) + self.scratch
    }

    /// Numbers of work space for weights.
    fn weights(&self) -> usize {
        self.values.iter().fold(self.lanes.weights, |most, values| most.max(values.weights))
    }

    /// Numbers of work space for a tile.
    pub(crate) fn size(&self) -> usize {
        self.lines() * self.frame.line() + self.weights()
    }

    /// Of the cost model.
    pub(crate) fn cost<T: Scalar>(&self, net: &Network<T>) -> u64 {
        // Sums are made of most lanes once more.
        let rows = if let Wanted::Sums { rows } = self.wanted { rows as u64 } else { 0 };
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
            let numbers = in_all.saturating_mul((1 + rows) * layer.all_lines() as u64);
            work.numbers = work.numbers.saturating_add(numbers);
            work.layers += tiles;
        }
        cost::tiles(work)
    }

    /// Most lanes of a layer.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes.layers.iter().flatten().flat_map(|l| l.lanes.iter().map(|lanes| lanes.len())).max().unwrap_or(0)
    }
}

/// Numbers of a tile's lines that stay in a core's share of the caches: in smaller tiles the halo is a larger part, and
/// lines are read as streams, which the outer caches feed fast enough. And the shortest and the longest lines, whatever
/// that is.
const CACHE: usize = 3 << 17;
const LEAST_LINE: usize = 1 << 9;
const MOST_LINE: usize = 1 << 11;

/// Lines of work space: slopes or values of two operands, rows of two operands, sums of all inputs.
fn scratch<T: Scalar>(net: &Network<T>, lanes: &Lines, targets: &[LayerId], wanted: Wanted) -> usize {
    let rows = |(id, layer): (LayerId, &Layer<T>)| match (layer.kind(), &lanes.layers[id.index()]) {
        (Kind::Product, Some(carried)) => 2 * carried.lines.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0),
        _ => 0,
    };
    let channels: usize =
        targets.iter().filter_map(|t| lanes.layers[t.index()].as_ref()).map(|l| l.place.channels).sum();
    let sums = if let Wanted::Sums { rows } = wanted { rows * channels } else { 0 };
    3 + net.layers().map(rows).max().unwrap_or(0) + sums
}
