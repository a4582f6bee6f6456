//! The planner: which strategy, and why.
//!
//! Strategies are compared by their cost (see [`cost`](crate::cost)); the decision list stands in [`Planner::hessian_diagonal`].

use crate::coloring::{Coloring, Order, Side, partial_distance2_coloring};
use crate::compress::Readout;
use crate::cost::{self, counted};
use crate::error::{Result, bail};
use crate::memory;
use crate::network::Network;
use crate::nodal::{self, Units};
use crate::pattern::Pattern;
use crate::program::{Groups, Program, Sweeps, Target, full_pattern};
use crate::scalar::Scalar;
use crate::sparsity::Sparsity;
use crate::strategy::{Quantity, Strategy};

/// Lanes in one sweep: wide enough for a matrix product to be fast, narrow enough to give every core a block.
///
/// A small network is swept at once.
pub(crate) fn lane_width(lanes: usize, operations: u64) -> usize {
    const SMALL: u64 = 1 << 20;
    if 2 * operations * lanes as u64 <= SMALL {
        return lanes.min(64);
    }
    lanes.div_ceil(4).next_multiple_of(8).min(128)
}

/// Samples in one sweep: as many as fill a block of lanes, as long as the buffers stay small.
pub(crate) fn sample_block(lanes: usize, numbers_per_sample: usize) -> usize {
    const LANES: usize = 256;
    const NUMBERS: usize = 1 << 22;
    // Whole vectors of samples.
    let samples = (LANES / lanes.max(1)).max(1).next_multiple_of(8);
    let fitting = (NUMBERS / numbers_per_sample.max(1)).clamp(1, 64);
    if fitting >= 8 { samples.min(fitting / 8 * 8) } else { samples.min(fitting) }
}

/// What a plan for the Hessian diagonal is to find.
struct Wanted {
    diagonal: Pattern,
    jacobian: Option<Pattern>,
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
    pub(crate) max_bytes: u64,
    pub(crate) width: &'a dyn Fn(usize) -> usize,
}

impl<T: Scalar> Planner<'_, T> {
    /// The Jacobian: a lane for every color of the columns, or of the rows.
    pub(crate) fn jacobian(&self, forced: Option<Strategy>) -> Result<Made> {
        let pattern = self.sparsity.jacobian()?;
        let color = |side| partial_distance2_coloring(&pattern, side, self.order);
        let forward = |coloring: &Coloring, reason| {
            let program = Program::forward(self.net, 1, &pattern, coloring, self.width);
            self.made(Strategy::Forward, program, Some(pattern.clone()), None, coloring.count(), reason)
        };
        let reverse = |coloring: &Coloring, reason| {
            let program = Program::reverse(self.net, &pattern, coloring, self.width);
            let read = match &program {
                Program::Reverse { blocks, .. } => {
                    Program::read_reverse(self.net, blocks, coloring, (self.width)(coloring.count()), &pattern)
                }
                _ => empty_readout(self.net, &pattern),
            };
            let jacobian = Some(Target { pattern: pattern.clone(), readout: read });
            let (strategy, colors) = (Strategy::Reverse, coloring.count());
            Made {
                strategy,
                program,
                jacobian,
                diagonal: None,
                colors,
                groups: 0,
                of_output: Some(coloring.clone()),
                reason,
            }
        };
        Ok(match forced {
            Some(Strategy::Reverse) => reverse(&color(Side::Rows), "forced".into()),
            Some(_) => forward(&color(Side::Columns), "forced".into()),
            None => {
                let (columns, rows) = (color(Side::Columns), color(Side::Rows));
                let costs = [
                    cost::forward(columns.count(), &Program::forward_sweep(self.net, 1).work(self.net)),
                    cost::reverse(rows.count(), &Program::reverse_sweep(self.net).work(self.net)),
                ];
                let words = |count, what, cost| format!("{} worth {}", counted(count, what), self.evaluations(cost));
                let words =
                    [words(columns.count(), "column color", costs[0]), words(rows.count(), "row color", costs[1])];
                // If they are equal, forward, since it keeps nothing.
                if costs[0] <= costs[1] {
                    forward(&columns, words.join("; "))
                } else {
                    reverse(&rows, format!("{}; {}", words[1], words[0]))
                }
            }
        })
    }

    /// The Hessian diagonal: the strategy of least cost.
    pub(crate) fn hessian_diagonal(&self, forced: Option<Strategy>) -> Result<Made> {
        let diagonal = self.sparsity.hessian_diagonal()?;
        let jacobian = if self.with_jacobian { Some(self.sparsity.jacobian()?) } else { None };
        let wanted = Wanted { diagonal, jacobian };
        match forced {
            Some(Strategy::ReverseOverForward) => {
                let groups = self.groups(&wanted, self.order, u64::MAX).expect("no limit");
                return Ok(self.reverse_over_forward(&wanted, &groups, "forced".into()));
            }
            Some(Strategy::Nodal) if wanted.diagonal.nnz() > 0 => {
                let units = self.units(&wanted, self.order)?;
                return self.nodal(&wanted, &units, "forced".into());
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
        let double_forward = self.double_forward(&wanted, String::new())?;
        let forward_cost = match &double_forward.program {
            Program::Forward { sweep, .. } => cost::double_forward(double_forward.colors, &sweep.work(self.net)),
            _ => 0,
        };
        let forward_words =
            format!("{} worth {}", counted(double_forward.colors, "second-order lane"), self.evaluations(forward_cost));
        // 3. The sum over the units: as many tangent lanes of first order, and adjoints.
        let (nodal_cost, nodal_words) = self.weighed_nodal(&wanted, forward_cost);
        // 4. The least that reverse-over-forward can cost is known from the number of groups alone; otherwise its lanes
        // are counted, until they are as many.
        let (best, rof) = (forward_cost.min(nodal_cost), self.sweeps_cost());
        let least = rof.least(rows_lower_bound(wanted.rows()));
        let mut rof_words = format!("reverse-over-forward at least {}", self.evaluations(least));
        if least < best {
            let groups = self.groups(&wanted, Order::Natural, best);
            if groups.is_some_and(|groups| groups.cost(&rof) < best) {
                let groups = self.groups(&wanted, self.order, u64::MAX).expect("no limit");
                let (few, many) = groups.colors();
                let lanes = if few == many { format!("{few}") } else { format!("{few} to {many}") };
                let reason = format!(
                    "{} with {lanes} lanes worth {}; {forward_words}; {nodal_words}",
                    counted(groups.count(), "output group"),
                    self.evaluations(groups.cost(&rof)),
                );
                return Ok(self.reverse_over_forward(&wanted, &groups, reason));
            }
            rof_words = "reverse-over-forward no fewer".into();
        }
        if nodal_cost < forward_cost {
            let units = self.units(&wanted, self.order)?;
            let reason = format!("{}; {forward_words}; {rof_words}", self.nodal_words(&units));
            return self.nodal(&wanted, &units, reason);
        }
        Ok(Made { reason: format!("{forward_words}; {nodal_words}; {rof_words}"), ..double_forward })
    }

    /// The cost of nodal and the words for it; not worked out if two units tell that it is not below the limit, or if that
    /// takes too much memory. Coloring in the natural order is quick and seldom far off; whoever is close by it is
    /// colored again as the options say.
    fn weighed_nodal(&self, wanted: &Wanted, limit: u64) -> (u64, String) {
        let least = nodal::least(self.net, self.sparsity, self.with_jacobian);
        if least >= limit {
            return (u64::MAX, format!("nodal at least {}", self.evaluations(least)));
        }
        let weighed = |order| {
            let units = self.units(wanted, order)?;
            Ok((units.cost(self.net, self.with_jacobian), self.nodal_words(&units)))
        };
        let quick: Result<(u64, String)> = weighed(Order::Natural);
        let made = match quick {
            Ok((cost, _)) if cost >= limit && cost - limit < limit / 4 => weighed(self.order),
            quick => quick,
        };
        made.unwrap_or_else(|_| (u64::MAX, "nodal needs too much memory".into()))
    }

    /// A cost in units of one plain evaluation.
    fn evaluations(&self, cost: u64) -> String {
        let mut one = cost::Sweep::default();
        for (id, layer) in self.net.layers() {
            one.add(layer.units(), 1, self.net.work_of(id));
        }
        format!("{:.1} evaluations", cost as f64 / one.cost(1) as f64)
    }

    fn nodal_words(&self, units: &Units) -> String {
        let (adjoints, tangents) = (units.of_output.count(), units.tangent_lanes());
        let worth = self.evaluations(units.cost(self.net, self.with_jacobian));
        format!("{} and {} worth {worth}", counted(adjoints, "adjoint lane"), counted(tangents, "tangent lane"))
    }

    fn double_forward(&self, wanted: &Wanted, reason: String) -> Result<Made> {
        let Wanted { diagonal, jacobian } = wanted;
        // P_J ⊇ P_M ⊇ P_D, so whoever reads the Jacobian too colors P_J.
        let colored = match jacobian {
            Some(jacobian) => jacobian.clone(),
            None => self.sparsity.meeting()?,
        };
        let coloring = partial_distance2_coloring(&colored, Side::Columns, self.order);
        let order = if diagonal.nnz() > 0 { 2 } else { 1 };
        let program = if diagonal.nnz() == 0 && jacobian.is_none() {
            Program::Nothing
        } else {
            Program::forward(self.net, order, &colored, &coloring, self.width)
        };
        let colors = if let Program::Forward { inputs, .. } = &program { inputs.count() } else { 0 };
        Ok(self.made(Strategy::DoubleForward, program, jacobian.clone(), Some(diagonal.clone()), colors, reason))
    }

    fn sweeps_cost(&self) -> cost::ReverseOverForward {
        Sweeps::new(self.net, self.with_jacobian).work(self.net)
    }

    fn groups(&self, wanted: &Wanted, order: Order, limit: u64) -> Option<Groups> {
        // The sum over a group must leave every row readable.
        let of_output = partial_distance2_coloring(wanted.rows(), Side::Rows, order);
        Groups::within(self.net, self.sparsity, of_output, order, &self.sweeps_cost(), limit)
    }

    fn reverse_over_forward(&self, wanted: &Wanted, groups: &Groups, reason: String) -> Made {
        let Wanted { diagonal, jacobian } = wanted;
        let (program, read, read_jacobian) = groups.program(self.net, diagonal, jacobian.as_ref(), self.width);
        let target = |(pattern, readout): (&Pattern, _)| Target { pattern: pattern.clone(), readout };
        Made {
            strategy: Strategy::ReverseOverForward,
            program,
            jacobian: jacobian.as_ref().zip(read_jacobian).map(target),
            diagonal: Some(target((diagonal, read))),
            colors: groups.colors().1,
            groups: groups.count(),
            of_output: Some(groups.of_output().clone()),
            reason,
        }
    }

    fn units(&self, wanted: &Wanted, order: Order) -> Result<Units> {
        Units::new(self.net, self.sparsity, wanted.jacobian.as_ref(), order, self.max_bytes)
    }

    fn nodal(&self, wanted: &Wanted, units: &Units, reason: String) -> Result<Made> {
        let Wanted { diagonal, jacobian } = wanted;
        let (nodal, read) = units.program(self.net, self.sparsity, diagonal, self.with_jacobian, self.width)?;
        let adjoints = [(nodal.rows, nodal.seeds.clone())];
        let jacobian = jacobian.as_ref().map(|pattern| Target {
            pattern: pattern.clone(),
            readout: Program::read_reverse(self.net, &adjoints, &units.of_output, nodal.rows.max(1), pattern),
        });
        Ok(Made {
            strategy: Strategy::Nodal,
            colors: nodal.inputs.count(),
            program: Program::Nodal(nodal),
            jacobian,
            diagonal: Some(Target { pattern: diagonal.clone(), readout: read }),
            groups: 0,
            of_output: Some(units.of_output.clone()),
            reason,
        })
    }

    /// The oracle: every entry, one lane for every input.
    pub(crate) fn dense(&self, quantity: Quantity) -> Result<Made> {
        let (n, m) = (self.net.inputs(), self.net.outputs());
        let entries = m as u128 * n as u128;
        // Pattern, readout, column indices and values.
        let bytes = entries * (4 + 16 + 8 + 2 * size_of::<T>()) as u128;
        if bytes > u128::from(self.max_bytes) {
            bail!(
                TooLarge,
                "a dense {m} × {n} {quantity} has {entries} entries and needs {}, of {} allowed",
                memory::in_words(u64::try_from(bytes).unwrap_or(u64::MAX)),
                memory::in_words(self.max_bytes)
            );
        }
        let pattern = full_pattern(m, n);
        let (order, coloring) = (if quantity == Quantity::Jacobian { 1 } else { 2 }, Coloring::trivial(n));
        let program = Program::forward(self.net, order, &pattern, &coloring, self.width);
        let (jacobian, diagonal) = match quantity {
            Quantity::Jacobian => (Some(pattern), None),
            Quantity::HessianDiagonal | Quantity::Laplacian => {
                (self.with_jacobian.then(|| pattern.clone()), Some(pattern))
            }
        };
        Ok(self.made(Strategy::Dense, program, jacobian, diagonal, n, "forced".into()))
    }

    /// A plan that reads tangent lanes.
    fn made(
        &self,
        strategy: Strategy,
        program: Program,
        jacobian: Option<Pattern>,
        diagonal: Option<Pattern>,
        colors: usize,
        reason: String,
    ) -> Made {
        let target = |pattern: Pattern| {
            let readout = match &program {
                Program::Forward { inputs, .. } => Program::read_forward(self.net, inputs, &pattern),
                _ => empty_readout(self.net, &pattern),
            };
            Target { pattern, readout }
        };
        let (jacobian, diagonal) = (jacobian.map(target), diagonal.map(target));
        Made { strategy, program, jacobian, diagonal, colors, groups: 0, of_output: None, reason }
    }
}

/// The readout of a pattern without entries.
fn empty_readout<T: Scalar>(net: &Network<T>, pattern: &Pattern) -> Readout {
    debug_assert_eq!(pattern.nnz(), 0);
    let nowhere = |_, _| unreachable!("there is no entry");
    Readout::new(pattern, net.output_layers(), 0, 1, nowhere)
}

/// No grouping of rows can have fewer groups than the entries of the fullest column.
fn rows_lower_bound(pattern: &Pattern) -> usize {
    let mut count = vec![0usize; pattern.cols()];
    pattern.indices().iter().for_each(|&j| count[j as usize] += 1);
    count.into_iter().max().unwrap_or(0)
}
