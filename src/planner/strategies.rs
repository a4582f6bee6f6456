//! The parts of a plan for each strategy: what it colors, what it sweeps, where its entries are read.

use super::{Made, Planner, Wanted};
use crate::apart;
use crate::coloring::{Coloring, Order, Side, partial_distance2_coloring};
use crate::compress::Colors;
use crate::error::{Result, bail, ensure};
use crate::forward::Second;
use crate::memory;
use crate::network::Network;
use crate::nodal::Units;
use crate::pattern::Pattern;
use crate::program::{Groups, Program, Target, full_pattern};
use crate::readout::Readout;
use crate::scalar::Scalar;
use crate::strategy::{LaneKind, Quantity, Strategy};
use crate::tiles::{self, Tiles};
use crate::vectors::{self, Vectors};

impl<T: Scalar> Planner<'_, T> {
    pub(super) fn double_forward(&self, wanted: &Wanted, reason: String) -> Result<Made> {
        let Wanted { diagonal, jacobian, .. } = wanted;
        // P_J ⊇ P_M ⊇ P_D, so whoever reads the Jacobian too colors P_J.
        let colored = match jacobian {
            Some(jacobian) => jacobian.clone(),
            None => self.sparsity.meeting()?,
        };
        let coloring = partial_distance2_coloring(&colored, Side::Columns, self.order);
        let second = if diagonal.nnz() > 0 { Second::Each } else { Second::None };
        let program = if diagonal.nnz() == 0 && jacobian.is_none() {
            Program::Nothing
        } else {
            let colors = Colors::occupied(&colored, &coloring);
            Program::forward(self.net, second, jacobian.is_some(), &colors, self.lane_width)
        };
        let colors = if let Program::Forward { inputs, .. } = &program { inputs.count() } else { 0 };
        let program =
            self.tiled(program, tiles::Wanted::Outputs { first: jacobian.is_some(), second: diagonal.nnz() > 0 })?;
        self.made(Strategy::DoubleForward, program, jacobian.clone(), Some(diagonal.clone()), colors, reason)
    }

    /// Whether a strategy can have the lanes that are forced, if some are.
    pub(super) fn may_be(&self, strategy: Strategy) -> bool {
        self.lanes.is_none_or(|kind| strategy.has_lanes(kind))
    }

    /// The same with lanes by offset, where the network is local, or by input, where that is cheaper; or as forced.
    pub(super) fn tiled(&self, program: Program, wanted: tiles::Wanted) -> Result<Program> {
        let by_color = self.forward_cost(&program);
        let Program::Forward { sweep, inputs, .. } = program else { return Ok(program) };
        let tiles = self.tiles(wanted, by_color)?;
        if tiles.is_none() && self.lanes != Some(LaneKind::Color) {
            let (first, second) = wanted.orders();
            let second = if second { Second::Each } else { Second::None };
            let forced = self.lanes == Some(LaneKind::Input);
            if forced || vectors::cost(self.net, self.sparsity, second, first) < by_color {
                let vectors = Vectors::new(self.net, self.sparsity, second, first, self.max_bytes);
                match vectors {
                    Ok(vectors) => return Ok(Program::Vectors(vectors)),
                    Err(error) if forced => return Err(error),
                    Err(_) => {}
                }
            }
        }
        Ok(Program::Forward { sweep, inputs, tiles })
    }

    /// Tiles, if they are cheaper than the same by color; or as forced.
    pub(super) fn tiles(&self, wanted: tiles::Wanted, by_color: u64) -> Result<Option<Tiles>> {
        match self.lanes {
            Some(LaneKind::Color | LaneKind::Input) => Ok(None),
            Some(LaneKind::Offset) => Tiles::new(self.net, wanted, self.tile, self.tasks).map(Some),
            None => Ok(Tiles::new(self.net, wanted, self.tile, self.tasks)
                .ok()
                .filter(|tiles| tiles.cost(self.net) < by_color)),
        }
    }

    /// Colors for the sum alone: those of rotated inputs, or such that keep the inputs apart at the units; if the Jacobian
    /// is wanted too, at the outputs, which see more.
    pub(super) fn colors_of_sum(&self, wanted: &Wanted, order: Order) -> Result<Colors> {
        if let Some(jacobian) = &wanted.jacobian {
            return Ok(Colors::occupied(jacobian, &partial_distance2_coloring(jacobian, Side::Columns, order)));
        }
        if let Some(rotation) = wanted.rotation {
            return Ok(Colors::rotated(self.net.inputs(), rotation));
        }
        let outputs: Vec<usize> = (0..self.net.outputs()).collect();
        apart::color(self.sparsity, self.sparsity.meetings(self.net, &outputs), order)
    }

    pub(super) fn forward_laplacian(&self, wanted: &Wanted, colors: &Colors, reason: String) -> Result<Made> {
        let Wanted { diagonal, jacobian, .. } = wanted;
        let program = Program::forward(self.net, Second::Sum, self.with_jacobian, colors, self.lane_width_with_sum);
        let sums = match &program {
            Program::Forward { inputs, .. } => Program::read_sums(self.net, inputs, diagonal),
            _ => unreachable!("inputs meet where the network is curved"),
        };
        let made = self.made(Strategy::ForwardLaplacian, program, jacobian.clone(), None, colors.count(), reason)?;
        Ok(Made { diagonal: Some(sums), summed: Some(diagonal.clone()), ..made })
    }

    pub(super) fn groups(&self, wanted: &Wanted, order: Order, limit: u64) -> Option<Groups> {
        // The sum over a group must leave every row readable.
        let of_output = partial_distance2_coloring(wanted.rows(), Side::Rows, order);
        Groups::within(self.net, self.sparsity, of_output, order, &self.sweeps_cost(), limit)
    }

    pub(super) fn reverse_over_forward(&self, wanted: &Wanted, groups: &Groups, reason: String) -> Made {
        let Wanted { diagonal, jacobian, .. } = wanted;
        let (program, read, read_jacobian) = groups.program(self.net, diagonal, jacobian.as_ref(), self.lane_width);
        Made {
            strategy: Strategy::ReverseOverForward,
            program,
            jacobian: jacobian.as_ref().zip(read_jacobian).map(|(pattern, read)| Target::new(pattern, read)),
            diagonal: Some(Target::new(diagonal, read)),
            summed: None,
            colors: groups.colors().1,
            groups: groups.count(),
            of_output: Some(groups.of_output().clone()),
            reason,
        }
    }

    pub(super) fn units(&self, wanted: &Wanted, order: Order) -> Result<Units> {
        let sums = (wanted.sums_alone, wanted.rotation);
        Units::new(self.net, self.sparsity, wanted.jacobian.as_ref(), sums, order, self.max_bytes)
    }

    pub(super) fn nodal(&self, wanted: &Wanted, units: &Units, reason: String) -> Result<Made> {
        let Wanted { diagonal, jacobian, .. } = wanted;
        let tiles = self.tiles_of_sums(units)?;
        let added_up = wanted.sums_alone && tiles.is_none();
        let (mut nodal, mut pattern, mut read) = units.program(
            self.net,
            self.sparsity,
            diagonal,
            self.with_jacobian,
            self.beside,
            self.lane_width_of_sums,
        )?;
        let row_of = |i: usize| units.of_output.color(i) as usize;
        let adjoints = [(nodal.rows, nodal.seeds.clone())];
        let mut read_jacobian = jacobian
            .as_ref()
            .map(|pattern| Program::read_reverse(self.net, &adjoints, &units.of_output, nodal.rows.max(1), pattern));
        if let Some(tiles) = tiles {
            pattern = diagonal.clone();
            read = tiles.read_sums(self.net, diagonal, nodal.rows, row_of)?;
            if let Some(pattern) = jacobian.as_ref().filter(|_| tiles.makes_values()) {
                read_jacobian = Some(tiles.read_sums(self.net, pattern, nodal.rows, row_of)?);
            }
            nodal.set_tiles(self.net, tiles);
        }
        Ok(Made {
            strategy: Strategy::Nodal,
            colors: nodal.inputs.count(),
            program: Program::Nodal(nodal),
            jacobian: jacobian.as_ref().zip(read_jacobian).map(|(pattern, read)| Target::new(pattern, read)),
            diagonal: Some(Target { pattern, readout: read }),
            summed: added_up.then(|| diagonal.clone()),
            groups: 0,
            of_output: Some(units.of_output.clone()),
            reason,
        })
    }

    /// Tangents of the nodal sums by offset, if they are cheaper than by color; or as forced.
    pub(super) fn tiles_of_sums(&self, units: &Units) -> Result<Option<Tiles>> {
        let Some(rows) = units.rows_of_outputs() else {
            ensure!(
                self.lanes != Some(LaneKind::Offset),
                WrongStrategy,
                "outputs that share an adjoint lane allow no lanes by offset"
            );
            return Ok(None);
        };
        if units.input_colors.are_rotated() {
            return Ok(None);
        }
        let adjoints = units.cost(self.net, self.with_jacobian, None, self.points);
        self.tiles(tiles::Wanted::Sums { rows, jacobian: self.with_jacobian }, adjoints)
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
        let second = if quantity == Quantity::Jacobian { Second::None } else { Second::Each };
        let colors = Colors::occupied(&pattern, &Coloring::trivial(n));
        let program = Program::forward(self.net, second, self.with_jacobian, &colors, self.lane_width);
        let (jacobian, diagonal) = match quantity {
            Quantity::Jacobian => (Some(pattern), None),
            Quantity::HessianDiagonal | Quantity::Laplacian => {
                (self.with_jacobian.then(|| pattern.clone()), Some(pattern))
            }
        };
        self.made(Strategy::Dense, program, jacobian, diagonal, n, "forced".into())
    }

    /// A plan that reads tangent lanes.
    pub(super) fn made(
        &self,
        strategy: Strategy,
        program: Program,
        jacobian: Option<Pattern>,
        diagonal: Option<Pattern>,
        colors: usize,
        reason: String,
    ) -> Result<Made> {
        let target = |pattern: Pattern, second| {
            let readout = match &program {
                Program::Forward { tiles: Some(tiles), .. } => tiles.read_outputs(self.net, &pattern, second)?,
                Program::Forward { inputs, .. } => Program::read_forward(self.net, inputs, &pattern),
                // Reads the rows of the outputs themselves.
                Program::Vectors(_) => Readout::none(),
                _ => empty_readout(self.net, &pattern),
            };
            Ok(Target { pattern, readout })
        };
        let jacobian = jacobian.map(|p| target(p, false)).transpose()?;
        let diagonal = diagonal.map(|p| target(p, true)).transpose()?;
        Ok(Made { strategy, program, jacobian, diagonal, summed: None, colors, groups: 0, of_output: None, reason })
    }
}

/// The readout of a pattern without entries.
pub(super) fn empty_readout<T: Scalar>(net: &Network<T>, pattern: &Pattern) -> Readout {
    debug_assert_eq!(pattern.nnz(), 0);
    let nowhere = |_, _| unreachable!("there is no entry");
    Readout::new(pattern, net.output_layers(), 0, 1, nowhere)
}
