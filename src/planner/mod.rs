//! The planner: which strategy, and why.
//!
//! Strategies are compared by their cost (see [`cost`](crate::cost)); the decision list stands in [`Planner::second_order`];
//! what a strategy is made of stands in `strategies`.

mod blocks;
mod strategies;

pub(crate) use blocks::{beside, lane_width, lane_width_of_sums, lane_width_with_sum, sample_block, sample_blocks};

use crate::apart;
use crate::coloring::{Coloring, Order, Side, partial_distance2_coloring};
use crate::compress::Colors;
use crate::cost::{self, Points, counted};
use crate::error::{ErrorKind, Result};
use crate::forward::Second;
use crate::network::Network;
use crate::nodal::{self, Beside, Units};
use crate::pattern::Pattern;
use crate::program::{Program, Sweeps, Target};
use crate::rotation::Rotation;
use crate::scalar::Scalar;
use crate::sparsity::Sparsity;
use crate::strategy::{LaneKind, Quantity, Strategy};
use crate::tiles;
use strategies::empty_readout;

/// What a plan for the Hessian diagonal is to find.
struct Wanted {
    diagonal: Pattern,
    jacobian: Option<Pattern>,
    /// Whether only the sums of the diagonal's rows are.
    sums_alone: bool,
    /// Of the inputs, where only sums over them are wanted.
    rotation: Option<Rotation>,
}

impl Wanted {
    /// The rows that adjoints of several outputs must leave apart.
    fn rows(&self) -> &Pattern {
        self.jacobian.as_ref().unwrap_or(&self.diagonal)
    }
}

/// The parts of a plan that depend on the strategy.
pub(crate) struct Made {
    pub(crate) strategy: Strategy,
    pub(crate) program: Program,
    pub(crate) jacobian: Option<Target>,
    pub(crate) diagonal: Option<Target>,
    /// P_D, if only the sums of its rows are computed.
    pub(crate) summed: Option<Pattern>,
    pub(crate) colors: usize,
    pub(crate) groups: usize,
    /// The outputs' colors, if they are colored.
    pub(crate) of_output: Option<Coloring>,
    pub(crate) reason: String,
}

pub(crate) struct Planner<'a, T> {
    pub(crate) net: &'a Network<T>,
    pub(crate) sparsity: &'a Sparsity,
    pub(crate) order: Order,
    pub(crate) with_jacobian: bool,
    pub(crate) points: Points,
    /// How many they are about; one if that is not known.
    pub(crate) count: usize,
    pub(crate) max_bytes: u64,
    pub(crate) lanes: Option<LaneKind>,
    pub(crate) tile: Option<usize>,
    /// Tasks that a large network is cut into, for all threads to have some.
    pub(crate) tasks: usize,
    /// Lanes of a block, of so many in all; see [`blocks`].
    pub(crate) lane_width: &'a dyn Fn(usize) -> usize,
    /// The same beside a lane for a sum.
    pub(crate) lane_width_with_sum: &'a dyn Fn(usize) -> usize,
    /// The same where lanes are summed on the way.
    pub(crate) lane_width_of_sums: &'a dyn Fn(usize) -> usize,
    /// Beside what, if anything, so many tangents of one point are carried, in so many blocks.
    pub(crate) beside: &'a dyn Fn(usize, usize) -> Option<Beside>,
}

impl<T: Scalar> Planner<'_, T> {
    /// The Jacobian: a lane for every color of the columns, or of the rows.
    pub(crate) fn jacobian(&self, forced: Option<Strategy>) -> Result<Made> {
        let pattern = self.sparsity.jacobian()?;
        let color = |side| partial_distance2_coloring(&pattern, side, self.order);
        let swept = |coloring: &Coloring| {
            let colors = Colors::occupied(&pattern, coloring);
            let program = Program::forward(self.net, Second::None, true, &colors, self.lane_width);
            self.tiled(program, tiles::Wanted::Outputs { first: true, second: false })
        };
        let forward = |program, coloring: &Coloring, reason| {
            self.made(Strategy::Forward, program, Some(pattern.clone()), None, coloring.count(), reason)
        };
        let reverse = |coloring: &Coloring, reason| {
            let program = Program::reverse(self.net, &pattern, coloring, self.lane_width);
            let read = match &program {
                Program::Reverse { blocks, .. } => {
                    Program::read_reverse(self.net, blocks, coloring, (self.lane_width)(coloring.count()), &pattern)
                }
                _ => empty_readout(self.net, &pattern),
            };
            let jacobian = Some(Target { pattern: pattern.clone(), readout: read });
            let (strategy, colors) = (Strategy::Reverse, coloring.count());
            let of_output = Some(coloring.clone());
            Ok(Made { strategy, program, jacobian, diagonal: None, summed: None, colors, groups: 0, of_output, reason })
        };
        match forced {
            Some(Strategy::Reverse) => reverse(&color(Side::Rows), "forced".into()),
            Some(_) => {
                let columns = color(Side::Columns);
                forward(swept(&columns)?, &columns, "forced".into())
            }
            None => {
                let columns = color(Side::Columns);
                let program = swept(&columns)?;
                if let Some(kind) = self.lanes.filter(|&kind| !Strategy::Reverse.has_lanes(kind)) {
                    return forward(program, &columns, format!("lanes {kind} are forced"));
                }
                let rows = color(Side::Rows);
                let costs = [
                    self.forward_cost(&program),
                    Program::reverse_sweep(self.net).work(self.net, self.points).cost(rows.count()),
                ];
                let words = |count, what, cost| format!("{} worth {}", counted(count, what), self.evaluations(cost));
                let words =
                    [words(columns.count(), "column color", costs[0]), words(rows.count(), "row color", costs[1])];
                // If they are equal, forward, since it keeps nothing.
                if costs[0] <= costs[1] {
                    forward(program, &columns, words.join("; "))
                } else {
                    reverse(&rows, format!("{}; {}", words[1], words[0]))
                }
            }
        }
    }

    /// The Hessian diagonal or the Laplacian: the strategy of least cost.
    pub(crate) fn second_order(&self, quantity: Quantity, forced: Option<Strategy>) -> Result<Made> {
        let diagonal = self.sparsity.hessian_diagonal()?;
        let jacobian = if self.with_jacobian { Some(self.sparsity.jacobian()?) } else { None };
        let sums_alone = quantity == Quantity::Laplacian;
        let rotation = if sums_alone && self.lanes.is_none() { Rotation::of(self.net, self.count) } else { None };
        let wanted = Wanted { diagonal, jacobian, sums_alone, rotation };
        match forced {
            Some(Strategy::ReverseOverForward) => {
                let groups = self.groups(&wanted, self.order, u64::MAX).expect("no limit");
                return Ok(self.reverse_over_forward(&wanted, &groups, "forced".into()));
            }
            Some(Strategy::Nodal) if wanted.diagonal.nnz() > 0 => {
                let units = self.units(&wanted, self.order)?;
                return self.nodal(&wanted, &units, "forced".into());
            }
            Some(Strategy::ForwardLaplacian) if wanted.diagonal.nnz() > 0 => {
                let colors = self.colors_of_sum(&wanted, self.order)?;
                return self.forward_laplacian(&wanted, &colors, "forced".into());
            }
            Some(strategy) => {
                let made = self.double_forward(&wanted, "forced".into())?;
                return Ok(Made { strategy, ..made });
            }
            None => {}
        }
        // 1. Without curvature there is nothing to choose.
        if wanted.diagonal.nnz() == 0 {
            return self.double_forward(&wanted, "no output is curved in any input".into());
        }
        // 2. Second-order lanes need nothing but a coloring, and keep nothing.
        let double_forward = match self.double_forward(&wanted, String::new()) {
            // Lanes by offset are forced, and not all layers up to the outputs can have them; up to the last curved one
            // perhaps they can.
            Err(error) if error.kind() == ErrorKind::WrongStrategy => {
                let units = self.units(&wanted, self.order)?;
                let reason = format!("lanes {} are forced", LaneKind::Offset);
                return self.nodal(&wanted, &units, reason).map_err(|_| error);
            }
            result => result?,
        };
        let forward_cost = self.forward_cost(&double_forward.program);
        let forward_words =
            format!("{} worth {}", counted(double_forward.colors, "second-order lane"), self.evaluations(forward_cost));
        // 3. If only the sum is wanted, one lane for it in place of one for each color; the inputs need be apart at the
        // units alone. Not if the unit that sees the most of them tells that it cannot be cheaper.
        let (mut sum_cost, mut sum_words) = (u64::MAX, String::new());
        let may_sum = sums_alone && self.may_be(Strategy::ForwardLaplacian);
        if may_sum && self.least_forward_laplacian(&wanted) < forward_cost {
            match self.colors_of_sum(&wanted, Order::Natural) {
                Ok(colors) => (sum_cost, sum_words) = self.lanes_of_sums(&colors),
                Err(_) => sum_words = "forward-laplacian needs too much memory".into(),
            }
        }
        let simple = forward_cost.min(sum_cost);
        // 4. The sum over the units: as many tangent lanes of first order, and adjoints.
        let (nodal_cost, nodal_words) = match self.may_be(Strategy::Nodal) {
            true => self.weighed_nodal(&wanted, simple),
            false => (u64::MAX, String::new()),
        };
        // 5. The least that reverse-over-forward can cost is known from the number of groups alone; otherwise its lanes
        // are counted, until they are as many.
        let (best, rof) = (simple.min(nodal_cost), self.sweeps_cost());
        let least = rof.least(rows_lower_bound(wanted.rows()));
        let mut rof_words = format!("reverse-over-forward at least {}", self.evaluations(least));
        if !self.may_be(Strategy::ReverseOverForward) {
            rof_words.clear();
        } else if least < best {
            let groups = self.groups(&wanted, Order::Natural, best);
            if groups.is_some_and(|groups| groups.cost(&rof) < best) {
                let groups = self.groups(&wanted, self.order, u64::MAX).expect("no limit");
                let (few, many) = groups.colors();
                let lanes = if few == many { format!("{few}") } else { format!("{few} to {many}") };
                let worth = self.evaluations(groups.cost(&rof));
                let groups_words =
                    format!("{} with {lanes} lanes worth {worth}", counted(groups.count(), "output group"));
                let reason = in_words([groups_words, forward_words, sum_words, nodal_words]);
                return Ok(self.reverse_over_forward(&wanted, &groups, reason));
            }
            rof_words = "reverse-over-forward no fewer".into();
        }
        if nodal_cost < simple {
            let units = self.units(&wanted, self.order)?;
            let words = self.nodal_words(&units, self.nodal_cost(&units)?);
            let reason = in_words([words, forward_words, sum_words, rof_words]);
            return self.nodal(&wanted, &units, reason);
        }
        if sum_cost < forward_cost {
            let colors = self.colors_of_sum(&wanted, self.order)?;
            let reason = in_words([self.lanes_of_sums(&colors).1, forward_words, nodal_words, rof_words]);
            return self.forward_laplacian(&wanted, &colors, reason);
        }
        Ok(Made { reason: in_words([forward_words, sum_words, nodal_words, rof_words]), ..double_forward })
    }

    /// The cost of nodal and the words for it; not worked out if two units tell that it is not below the limit, nor is it
    /// by offset, or if that takes too much memory. Coloring in the natural order is quick and seldom far off; whoever is
    /// close by it is colored again as the options say.
    fn weighed_nodal(&self, wanted: &Wanted, limit: u64) -> (u64, String) {
        let sums = (wanted.sums_alone, wanted.rotation);
        let least = nodal::least(self.net, self.sparsity, self.with_jacobian, sums, self.points);
        let rows = self.net.outputs();
        let cheap_by_offset = || {
            // Every row of sums is of one output.
            let tiles = if rows_lower_bound(wanted.rows()) == rows {
                self.tiles(tiles::Wanted::Sums { rows, jacobian: self.with_jacobian }, limit)
            } else {
                Ok(None)
            };
            tiles.is_ok_and(|tiles| tiles.is_some())
        };
        if least >= limit && !cheap_by_offset() {
            return (u64::MAX, format!("nodal at least {}", self.evaluations(least)));
        }
        let weighed = |order| {
            let units = self.units(wanted, order)?;
            let cost = self.nodal_cost(&units)?;
            Ok((cost, self.nodal_words(&units, cost)))
        };
        let quick: Result<(u64, String)> = weighed(Order::Natural);
        let made = match quick {
            Ok((cost, _)) if cost >= limit && cost - limit < limit / 4 => weighed(self.order),
            quick => quick,
        };
        made.unwrap_or_else(|error| {
            let wrong = error.kind() == ErrorKind::WrongStrategy;
            (u64::MAX, if wrong { "nodal has no such lanes" } else { "nodal needs too much memory" }.into())
        })
    }

    /// A cost in units of one plain evaluation.
    fn evaluations(&self, cost: u64) -> String {
        let mut one = cost::Sweep::new(self.points);
        for (id, layer) in self.net.layers() {
            one.add(layer.units(), 1, self.net.work_of(id));
        }
        format!("{:.1} evaluations", cost as f64 / one.cost(1) as f64)
    }

    fn nodal_cost(&self, units: &Units) -> Result<u64> {
        let tiles = self.tiles_of_sums(units)?;
        Ok(units.cost(self.net, self.with_jacobian, tiles.as_ref(), self.points))
    }

    fn nodal_words(&self, units: &Units, cost: u64) -> String {
        let (adjoints, tangents) = (counted(units.of_output.count(), "adjoint lane"), tangents(&units.input_colors));
        format!("{adjoints} and {tangents} worth {}", self.evaluations(cost))
    }

    /// The cost of lanes from the inputs to the outputs.
    fn forward_cost(&self, program: &Program) -> u64 {
        match program {
            Program::Forward { tiles: Some(tiles), .. } => tiles.cost(self.net),
            Program::Forward { sweep, inputs, .. } => sweep.work(self.net, self.points).cost(inputs.count()),
            Program::Vectors(vectors) => vectors.cost(),
            _ => 0,
        }
    }

    /// The least that forward-laplacian can cost: a lane for every input that some curved unit sees, or as many as there are
    /// of rotated inputs, and one for the sum.
    fn least_forward_laplacian(&self, wanted: &Wanted) -> u64 {
        let seen = || apart::widest(self.net, self.sparsity).into_iter().map(|(_, (size, _))| size).max();
        let rotation = wanted.rotation.filter(|_| wanted.jacobian.is_none());
        let lanes = rotation.map_or_else(|| seen().unwrap_or(0), |rotation| rotation.lanes);
        let sweep = Program::forward_sweep(self.net, Second::Sum, self.with_jacobian);
        sweep.work(self.net, self.points).cost(lanes)
    }

    /// The cost of forward-laplacian, and its lanes in words.
    fn lanes_of_sums(&self, colors: &Colors) -> (u64, String) {
        let program = Program::forward(self.net, Second::Sum, self.with_jacobian, colors, self.lane_width_with_sum);
        let Program::Forward { sweep, inputs, .. } = &program else { return (0, "no lane".into()) };
        let cost = sweep.work(self.net, self.points).cost(inputs.count());
        let (tangents, worth) = (tangents(colors), self.evaluations(cost));
        (cost, format!("{tangents} and {} for their sum worth {worth}", inputs.blocks()))
    }

    fn sweeps_cost(&self) -> cost::ReverseOverForward {
        Sweeps::new(self.net, self.with_jacobian).work(self.net, self.points)
    }
}

/// The words for tangent lanes of so many colors.
fn tangents(colors: &Colors) -> String {
    let rotated = if colors.are_rotated() { " of rotated inputs" } else { "" };
    format!("{}{rotated}", counted(colors.count(), "tangent lane"))
}

/// The words of the strategies that were compared, what was chosen first.
fn in_words(compared: [String; 4]) -> String {
    compared.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join("; ")
}

/// No grouping of rows can have fewer groups than the entries of the fullest column.
fn rows_lower_bound(pattern: &Pattern) -> usize {
    let mut count = vec![0usize; pattern.cols()];
    pattern.indices().iter().for_each(|&j| count[j as usize] += 1);
    count.into_iter().max().unwrap_or(0)
}
