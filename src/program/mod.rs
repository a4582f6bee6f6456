//! Programs: what each strategy does, as data. A program is a list of independent tasks, each of which sweeps
//! blocks of lanes and reads entries out of them.

mod groups;

pub(crate) use groups::{Groups, Sweeps};

use crate::coloring::Coloring;
use crate::compress::{Colors, InputLanes};
use crate::cost::Passes;
use crate::error::Result;
use crate::forward::{Forward, Second};
use crate::network::Network;
use crate::nodal::{Beside, Kept, Nodal};
use crate::pattern::Pattern;
use crate::readout::{Readout, Source, pattern_of_sums, unit_of};
use crate::reverse::{OutputSeed, Reverse};
use crate::rotation::Rotation;
use crate::scalar::Scalar;
use crate::tiles::Tiles;
use crate::vectors::Vectors;

/// What is done for a block of samples once the tape is recorded.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// Nothing is nonzero.
    Nothing,
    /// Tangent lanes, a task for each block of colors; or by offset, a task for each tile.
    Forward { sweep: Forward, inputs: InputLanes, tiles: Option<Tiles> },
    /// Tangents as sparse vectors, layer by layer.
    Vectors(Vectors),
    /// Adjoint lanes, a task for each block.
    Reverse { sweep: Reverse, blocks: Vec<(usize, Vec<OutputSeed>)> },
    /// Hessian-vector products.
    ReverseOverForward(ReverseOverForward),
    /// Sums over the curved units.
    Nodal(Nodal),
}

/// Adjoints of groups of outputs, then their tangents along the colored inputs.
#[derive(Clone, Debug)]
pub(crate) struct ReverseOverForward {
    /// Carries the adjoints of a round and keeps them where the network is curved.
    pub(crate) adjoints: Reverse,
    /// Carries the tangents and keeps them where the network is curved.
    pub(crate) tangents: Forward,
    /// Carries the adjoints' tangents.
    pub(crate) products: Reverse,
    pub(crate) colorings: Vec<InputLanes>,
    pub(crate) rounds: Vec<Round>,
}

/// Groups that are treated together, a lane for each.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) seeds: Vec<OutputSeed>,
    pub(crate) lanes: usize,
    pub(crate) tasks: Vec<Task>,
}

/// One block of tangent lanes, used for every group of the round that has its coloring.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) coloring: usize,
    pub(crate) block: usize,
    /// Lanes of the round's adjoints; group `s` of the list is stage `s` of the readout.
    pub(crate) groups: Vec<usize>,
    /// Number of the task in the readout.
    pub(crate) number: usize,
}

/// A pattern and how its entries are read.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) pattern: Pattern,
    pub(crate) readout: Readout,
}

impl Target {
    pub(crate) fn new(pattern: &Pattern, readout: Readout) -> Self {
        Target { pattern: pattern.clone(), readout }
    }
}

impl Program {
    /// Sweeps and lanes for one point.
    pub(crate) fn passes(&self) -> Passes {
        let mut passes = Passes::default();
        match self {
            Program::Nothing => {}
            Program::Forward { tiles: Some(tiles), .. } => passes += Passes::forward(tiles.lanes()),
            Program::Forward { sweep, inputs, .. } => {
                (0..inputs.blocks()).for_each(|b| passes += Passes::forward(sweep.lanes(inputs.lanes(b, 1).count)));
            }
            Program::Vectors(vectors) => passes += Passes::forward(vectors.lanes()),
            Program::Reverse { blocks, .. } => blocks.iter().for_each(|b| passes += Passes::reverse(b.0)),
            Program::ReverseOverForward(rof) => {
                for round in &rof.rounds {
                    passes += Passes::reverse(round.lanes);
                    for task in &round.tasks {
                        let lanes = rof.colorings[task.coloring].lanes(task.block, 1).count;
                        passes += Passes::forward(lanes);
                        task.groups.iter().for_each(|_| passes += Passes::reverse(lanes));
                    }
                }
            }
            Program::Nodal(nodal) => {
                passes += Passes::reverse(nodal.rows);
                if let Some(tiles) = &nodal.tiles {
                    passes += Passes::forward(tiles.lanes());
                    return passes;
                }
                if self.kept().is_some_and(|kept| kept.beside() == Beside::Values) {
                    passes += Passes::forward(nodal.inputs.count());
                    return passes;
                }
                (0..nodal.inputs.blocks()).for_each(|b| passes += Passes::forward(nodal.inputs.lanes(b, 1).count));
            }
        }
        passes
    }

    /// Most tasks that can run side by side for one block of samples.
    pub(crate) fn tasks(&self) -> usize {
        match self {
            Program::Nothing => 0,
            Program::Forward { tiles: Some(tiles), .. } => tiles.count(),
            Program::Forward { inputs, .. } => inputs.blocks(),
            Program::Vectors(_) => 1,
            Program::Reverse { blocks, .. } => blocks.len(),
            Program::ReverseOverForward(rof) => rof.rounds.iter().map(|r| r.tasks.len()).max().unwrap_or(0),
            Program::Nodal(nodal) => nodal.tiles.as_ref().map_or(nodal.inputs.blocks(), Tiles::count),
        }
    }

    /// The tiles, if lanes are carried by offset.
    pub(crate) fn tiles(&self) -> Option<&Tiles> {
        match self {
            Program::Forward { tiles, .. } => tiles.as_ref(),
            Program::Nodal(nodal) => nodal.tiles.as_ref(),
            Program::Nothing | Program::Vectors(_) | Program::Reverse { .. } | Program::ReverseOverForward(_) => None,
        }
    }

    /// Tangents of one point that are kept.
    pub(crate) fn kept(&self) -> Option<&Kept> {
        match self {
            Program::Nodal(nodal) => nodal.kept.as_deref(),
            _ => None,
        }
    }

    /// The lanes of the inputs, where there is one set of them.
    pub(crate) fn inputs(&self) -> Option<&InputLanes> {
        match self {
            Program::Forward { inputs, .. } => Some(inputs),
            Program::ReverseOverForward(rof) => match &rof.colorings[..] {
                [inputs] => Some(inputs),
                _ => None,
            },
            Program::Nodal(nodal) => Some(&nodal.inputs),
            Program::Nothing | Program::Vectors(_) | Program::Reverse { .. } => None,
        }
    }

    /// How the inputs are rotated, if the tangents are those of rotated ones.
    pub(crate) fn rotation(&self) -> Option<Rotation> {
        self.inputs().and_then(InputLanes::rotation)
    }

    /// How the outputs are read, where the values are made with the lanes.
    pub(crate) fn values<T: Scalar>(&self, net: &Network<T>) -> Result<Option<Target>> {
        match self {
            Program::Forward { tiles: Some(tiles), .. } if tiles.makes_values() => {
                let outputs = net.outputs();
                let pattern = Pattern::from_sorted_parts(1, (0..=outputs).collect(), vec![0; outputs]);
                Ok(Some(Target { pattern, readout: tiles.read_values(net)? }))
            }
            Program::Nodal(nodal) => Ok(nodal.values().map(|(pattern, readout)| Target { pattern, readout })),
            _ => Ok(None),
        }
    }

    /// Whether points are treated one by one.
    pub(crate) fn is_at_a_point(&self) -> bool {
        self.tiles().is_some() || matches!(self, Program::Vectors(_))
    }

    /// Most lanes in one sweep.
    pub(crate) fn width(&self) -> usize {
        match self {
            Program::Nothing | Program::Vectors(_) => 1,
            Program::Forward { tiles: Some(_), .. } => 1,
            Program::Forward { sweep, inputs, .. } => sweep.lanes(inputs.width()),
            Program::Reverse { blocks, .. } => blocks.iter().map(|b| b.0).max().unwrap_or(1),
            Program::ReverseOverForward(rof) => {
                let adjoints = rof.rounds.iter().map(|r| r.lanes);
                rof.colorings.iter().map(InputLanes::width).chain(adjoints).max().unwrap_or(1)
            }
            Program::Nodal(nodal) if nodal.tiles.is_some() => nodal.rows,
            Program::Nodal(nodal) => nodal.inputs.width().max(nodal.rows),
        }
    }

    /// Most numbers of a row for each sample: lanes, of both orders if they are carried.
    pub(crate) fn row(&self) -> usize {
        match self {
            Program::Forward { tiles: None, sweep, inputs, .. } => sweep.row(inputs.width()),
            _ => self.width(),
        }
    }

    /// Numbers that one task's buffers hold for each sample, and those that all tasks share.
    pub(crate) fn buffer_sizes(&self) -> (usize, usize) {
        let width = self.width();
        let (task, shared) = match self {
            Program::Nothing => (0, 0),
            Program::Forward { tiles: Some(tiles), .. } => return (tiles.size(), 0),
            Program::Forward { sweep, .. } => (sweep.size(), 0),
            Program::Vectors(vectors) => (0, vectors.size()),
            Program::Reverse { sweep, .. } => (sweep.size(), 0),
            Program::ReverseOverForward(rof) => (rof.tangents.size() + rof.products.size(), rof.adjoints.size()),
            Program::Nodal(Nodal { tiles: Some(tiles), adjoints, rows, .. }) => {
                return (tiles.size(), adjoints.size() * rows);
            }
            Program::Nodal(nodal) => (nodal.tangents.size() + nodal.size(), nodal.adjoints.size()),
        };
        let kept = self.kept().map_or(0, Kept::size);
        (task * width, shared * width + kept)
    }

    /// Tangent lanes: `forward` for the Jacobian, `double-forward` for the Hessian diagonal, `forward-laplacian` for
    /// the sum of second order alone.
    ///
    /// Exact if no output sees two inputs of one color (first order: partial distance-2 on P_J), and if
    /// inputs of one color never meet in a curved unit that reaches an output (second order: on P_M, for every
    /// entry to be read; its sum: at the units alone, see [`apart`](crate::apart), or if they are
    /// [rotated](crate::rotation)).
    pub(crate) fn forward<T: Scalar>(
        net: &Network<T>,
        second: Second,
        with_jacobian: bool,
        colors: &Colors,
        width: impl Fn(usize) -> usize,
    ) -> Self {
        if colors.count() == 0 {
            return Program::Nothing;
        }
        let inputs = InputLanes::new(net, colors, width(colors.count()));
        Program::Forward { sweep: Self::forward_sweep(net, second, with_jacobian), inputs, tiles: None }
    }

    /// Tangent lanes from the inputs to the outputs.
    pub(crate) fn forward_sweep<T: Scalar>(net: &Network<T>, second: Second, with_jacobian: bool) -> Forward {
        Forward::new(net, second, with_jacobian, |id| net.output_layers().contains(&id), |_| false)
    }

    /// Adjoint lanes for the Jacobian. Exact if no input is seen by two outputs of one color.
    pub(crate) fn reverse<T: Scalar>(
        net: &Network<T>,
        pattern: &Pattern,
        coloring: &Coloring,
        width: impl Fn(usize) -> usize,
    ) -> Self {
        if pattern.nnz() == 0 {
            return Program::Nothing;
        }
        let width = width(coloring.count());
        let mut blocks = vec![(0, Vec::new()); coloring.count().div_ceil(width)];
        for (i, &(q, unit)) in unit_of(net, net.output_layers()).iter().enumerate() {
            let color = coloring.color(i) as usize;
            let (lanes, seeds) = &mut blocks[color / width];
            *lanes = (color % width + 1).max(*lanes);
            seeds.push((net.output_layers()[q as usize], unit, (color % width) as u32));
        }
        Program::Reverse { sweep: Program::reverse_sweep(net), blocks }
    }

    /// The sweep of adjoint lanes to the inputs.
    pub(crate) fn reverse_sweep<T: Scalar>(net: &Network<T>) -> Reverse {
        Reverse::new(net, |id| net.input_layers().contains(&id))
    }

    /// The readout of first-order (`J`) or second-order entries from tangent lanes.
    pub(crate) fn read_forward<T: Scalar>(net: &Network<T>, inputs: &InputLanes, pattern: &Pattern) -> Readout {
        let outputs = unit_of(net, net.output_layers());
        let columns = unit_of(net, net.input_layers());
        Readout::new(pattern, net.output_layers(), inputs.blocks(), 1, |i, j| {
            let (task, lane) = inputs.place(columns[j as usize]);
            let (layer, unit) = outputs[i];
            Source { task, stage: 0, layer, unit, lane }
        })
    }

    /// The readout of the lanes that hold sums: one number for each output that is curved in some input, from each
    /// task. The sums of the rows are the Laplacians.
    pub(crate) fn read_sums<T: Scalar>(net: &Network<T>, inputs: &InputLanes, diagonal: &Pattern) -> Target {
        let tasks = inputs.blocks();
        let pattern = pattern_of_sums(diagonal, tasks);
        let outputs = unit_of(net, net.output_layers());
        let readout = Readout::new(&pattern, net.output_layers(), tasks, 1, |i, task| {
            let (layer, unit) = outputs[i];
            Source { task: task as usize, stage: 0, layer, unit, lane: 0 }
        });
        Target { pattern, readout }
    }

    /// The readout of the Jacobian from adjoint lanes.
    pub(crate) fn read_reverse<T: Scalar>(
        net: &Network<T>,
        blocks: &[(usize, Vec<OutputSeed>)],
        coloring: &Coloring,
        width: usize,
        pattern: &Pattern,
    ) -> Readout {
        let columns = unit_of(net, net.input_layers());
        Readout::new(pattern, net.input_layers(), blocks.len(), 1, |i, j| {
            let color = coloring.color(i) as usize;
            let (layer, unit) = columns[j as usize];
            Source { task: color / width, stage: 0, layer, unit, lane: (color % width) as u32 }
        })
    }
}

/// Every entry of an `m × n` matrix, for the oracle.
pub(crate) fn full_pattern(rows: usize, cols: usize) -> Pattern {
    let indptr = (0..=rows).map(|i| i * cols).collect();
    let indices = (0..rows).flat_map(|_| 0..cols as u32).collect();
    Pattern::from_sorted_parts(cols, indptr, indices)
}
