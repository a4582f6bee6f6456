//! Programs: what each strategy does, as data. A program is a list of independent tasks, each of which sweeps
//! blocks of lanes and reads entries out of them.

use crate::apart::Colors;
use crate::coloring::{Coloring, Order, distance1_coloring};
use crate::compress::{InputLanes, occupied_colors};
use crate::cost::{self, Passes, Points};
use crate::error::Result;
use crate::forward::{Forward, Second};
use crate::network::{LayerId, Network};
use crate::nodal::{Nodal, Recorded};
use crate::pattern::Pattern;
use crate::readout::{Readout, Source, unit_of};
use crate::reverse::{OutputSeed, Reverse};
use crate::scalar::Scalar;
use crate::sparsity::{Meeting, Sparsity};
use crate::tiles::Tiles;
use crate::vectors::Vectors;
use std::collections::HashMap;

/// Groups of outputs whose adjoints are carried side by side before their tangents.
const ROUND: usize = 16;

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
                if nodal.recorded.is_some() {
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

    /// Tangents carried beside the values at one point.
    pub(crate) fn recorded(&self) -> Option<&Recorded> {
        match self {
            Program::Nodal(nodal) => nodal.recorded.as_deref(),
            _ => None,
        }
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
        let kept = self.recorded().map_or(0, Recorded::size);
        (task * width, shared * width + kept)
    }

    /// Tangent lanes: `forward` for the Jacobian, `double-forward` for the Hessian diagonal, `forward-laplacian` for
    /// the sum of second order alone.
    ///
    /// Exact if no output sees two inputs of one color (first order: partial distance-2 on P_J), and if
    /// inputs of one color never meet in a curved unit that reaches an output (second order: on P_M, for every
    /// entry to be read; its sum: at the units alone, see [`apart`](crate::apart)).
    pub(crate) fn forward<T: Scalar>(
        net: &Network<T>,
        second: Second,
        with_jacobian: bool,
        (colors, count): &Colors,
        width: impl Fn(usize) -> usize,
    ) -> Self {
        if *count == 0 {
            return Program::Nothing;
        }
        let sweep = Self::forward_sweep(net, second, with_jacobian);
        // The lane of the sum is one of the lanes of a sweep.
        let sum = sweep.lanes(0);
        let inputs = InputLanes::new(net, colors, *count, (width(count + sum) - sum).max(1));
        Program::Forward { sweep, inputs, tiles: None }
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
            let (q, unit) = columns[j as usize];
            let (task, lane) = inputs.place(inputs.color(q as usize, unit as usize));
            let (layer, unit) = outputs[i];
            Source { task, stage: 0, layer, unit, lane }
        })
    }

    /// The readout of the lanes that hold sums: one number for each output that is curved in some input, from each
    /// task. The sums of the rows are the Laplacians.
    pub(crate) fn read_sums<T: Scalar>(net: &Network<T>, inputs: &InputLanes, diagonal: &Pattern) -> Target {
        let tasks = inputs.blocks();
        let row = |i: usize| if diagonal.row(i).is_empty() { 0..0 } else { 0..tasks as u32 };
        let pattern = Pattern::from_rows(tasks, (0..diagonal.rows()).map(row)).expect("tasks are numbered from zero");
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

/// The sweeps of [`ReverseOverForward`].
pub(crate) struct Sweeps {
    adjoints: Reverse,
    tangents: Forward,
    products: Reverse,
}

impl Sweeps {
    pub(crate) fn new<T: Scalar>(net: &Network<T>, with_jacobian: bool) -> Self {
        let curved = |id: LayerId| net.layer(id).kind().is_curved();
        let is_input = |id: LayerId| net.input_layers().contains(&id);
        let feeds_curved = |id: LayerId| net.readers(id).any(|(reader, _)| curved(reader));
        Sweeps {
            adjoints: Reverse::new(net, |id| curved(id) || (with_jacobian && is_input(id))),
            tangents: Forward::new(net, Second::None, true, feeds_curved, |_| false),
            products: Reverse::new(net, is_input),
        }
    }

    /// What they do, for the cost model.
    pub(crate) fn work<T: Scalar>(&self, net: &Network<T>, points: Points) -> cost::ReverseOverForward {
        let mut products = self.products.work(net, points);
        // A curved layer adds to a tangent of an adjoint what its slope changes by.
        for (_, layer) in net.layers().filter(|(_, layer)| layer.kind().is_curved()) {
            products.add(layer.units(), 1, cost::Work::function(layer.units() as u64));
        }
        let (tangents, adjoints) = (self.tangents.work(net, points), self.adjoints.work(net, points));
        cost::ReverseOverForward { tangents, adjoints, products }
    }
}

/// Colored groups of outputs: the choice that [`ReverseOverForward`] is built from.
pub(crate) struct Groups {
    /// Group of each output.
    of_output: Coloring,
    /// Input colors and their number, and which of these each group uses.
    colorings: Vec<(Vec<u32>, usize)>,
    coloring_of: Vec<usize>,
}

impl Groups {
    /// Groups outputs whose rows in `rows` are disjoint, and colors the inputs of each group at distance one on
    /// ∪P_H(i). Exact: (H e_S)_j = H_jj if no other member of S is adjacent to j, and an entry of the sum over a
    /// group belongs to the one output whose row has it.
    ///
    /// All groups share one coloring where that is cheaper: then their tangents are carried once.
    ///
    /// `None` as soon as the groups colored so far cost `limit` operations: whoever has something as cheap
    /// need not wait for the others.
    pub(crate) fn within<T: Scalar>(
        net: &Network<T>,
        sparsity: &Sparsity,
        of_output: Coloring,
        order: Order,
        cost: &cost::ReverseOverForward,
        limit: u64,
    ) -> Option<Self> {
        let mut known: HashMap<Vec<Meeting>, usize> = HashMap::new();
        let mut colorings = Vec::new();
        let mut color = |outputs: &[usize], colorings: &mut Vec<(Vec<u32>, usize)>| {
            let meetings = sparsity.meetings(net, outputs);
            *known.entry(meetings).or_insert_with_key(|meetings| {
                colorings.push(color_inputs(sparsity, meetings, net.inputs(), order));
                colorings.len() - 1
            })
        };
        let members: Vec<Vec<usize>> =
            of_output.groups().iter().map(|g| g.iter().map(|&i| i as usize).collect()).collect();
        let mut coloring_of = Vec::with_capacity(members.len());
        let mut spent = 0;
        for outputs in &members {
            let coloring = color(outputs, &mut colorings);
            coloring_of.push(coloring);
            // A coloring that all share has no fewer lanes, so this bounds both ways from below.
            spent += cost.of_group(colorings[coloring].1);
            if spent >= limit {
                return None;
            }
        }
        if colorings.len() > 1 {
            let all: Vec<usize> = (0..net.outputs()).collect();
            let shared = color(&all, &mut colorings);
            let common = Groups { of_output, coloring_of: vec![shared; members.len()], colorings: colorings.clone() };
            let own = Groups { coloring_of, of_output: common.of_output.clone(), colorings };
            return Some(if common.cost(cost) < own.cost(cost) { common } else { own });
        }
        Some(Groups { of_output, colorings, coloring_of })
    }

    /// In operations.
    pub(crate) fn cost(&self, cost: &cost::ReverseOverForward) -> u64 {
        let lanes = |&c: &usize| self.colorings[c].1;
        let tangents = self.coloring_of.chunks(ROUND).map(|round| distinct(round).iter().map(lanes).sum::<usize>());
        cost.of(tangents.sum(), self.coloring_of.iter().map(lanes))
    }

    /// The group of each output.
    pub(crate) fn of_output(&self) -> &Coloring {
        &self.of_output
    }

    /// Number of groups.
    pub(crate) fn count(&self) -> usize {
        self.coloring_of.len()
    }

    /// Fewest and most colors of a group.
    pub(crate) fn colors(&self) -> (usize, usize) {
        let counts = || self.coloring_of.iter().map(|&c| self.colorings[c].1);
        (counts().min().unwrap_or(0), counts().max().unwrap_or(0))
    }

    /// The program, with the readouts of the Hessian diagonal and, if wanted, of the Jacobian: the plain adjoints
    /// are its rows, if the groups are disjoint in P_J.
    pub(crate) fn program<T: Scalar>(
        &self,
        net: &Network<T>,
        diagonal: &Pattern,
        jacobian: Option<&Pattern>,
        width: impl Fn(usize) -> usize,
    ) -> (Program, Readout, Option<Readout>) {
        let lanes = |(colors, count): &(Vec<u32>, usize)| InputLanes::new(net, colors, *count, width(*count).max(1));
        let colorings: Vec<InputLanes> = self.colorings.iter().map(lanes).collect();
        let outputs = unit_of(net, net.output_layers());
        let columns = unit_of(net, net.input_layers());
        let members = self.of_output.groups();
        let mut rounds = Vec::new();
        let mut tasks = 0;
        // Number of the first task of each (round, coloring), and the stage of each group in its tasks.
        let mut first_task = HashMap::new();
        let mut stage_of = vec![0; self.count()];
        for (round, groups) in self.coloring_of.chunks(ROUND).enumerate() {
            let mut seeds = Vec::new();
            for lane in 0..groups.len() {
                for &i in &members[round * ROUND + lane] {
                    let (q, unit) = outputs[i as usize];
                    seeds.push((net.output_layers()[q as usize], unit, lane as u32));
                }
            }
            let mut list = Vec::new();
            for coloring in distinct(groups) {
                first_task.insert((round, coloring), tasks);
                let using: Vec<usize> = (0..groups.len()).filter(|&g| groups[g] == coloring).collect();
                using.iter().enumerate().for_each(|(stage, &g)| stage_of[round * ROUND + g] = stage);
                for block in 0..colorings[coloring].blocks() {
                    list.push(Task { coloring, block, groups: using.clone(), number: tasks });
                    tasks += 1;
                }
            }
            rounds.push(Round { seeds, lanes: groups.len(), tasks: list });
        }
        let read = Readout::new(diagonal, net.input_layers(), tasks, ROUND, |i, j| {
            let group = self.of_output.color(i) as usize;
            let coloring = self.coloring_of[group];
            let (layer, unit) = columns[j as usize];
            let (block, lane) = colorings[coloring].place(colorings[coloring].color(layer as usize, unit as usize));
            Source { task: first_task[&(group / ROUND, coloring)] + block, stage: stage_of[group], layer, unit, lane }
        });
        let read_jacobian = jacobian.map(|pattern| {
            Readout::new(pattern, net.input_layers(), rounds.len(), 1, |i, j| {
                let group = self.of_output.color(i) as usize;
                let (layer, unit) = columns[j as usize];
                Source { task: group / ROUND, stage: 0, layer, unit, lane: (group % ROUND) as u32 }
            })
        });
        let Sweeps { adjoints, tangents, products } = Sweeps::new(net, jacobian.is_some());
        let program = ReverseOverForward { adjoints, tangents, products, colorings, rounds };
        (Program::ReverseOverForward(program), read, read_jacobian)
    }
}

fn distinct(list: &[usize]) -> Vec<usize> {
    let mut distinct = list.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

/// Distance-1 colors of the inputs that meet; `u32::MAX` for the others.
fn color_inputs(sparsity: &Sparsity, meetings: &[Meeting], inputs: usize, order: Order) -> (Vec<u32>, usize) {
    let one_each = |members: &mut dyn Iterator<Item = u32>| {
        let mut colors = vec![u32::MAX; inputs];
        let mut count = 0;
        for j in members {
            colors[j as usize] = count;
            count += 1;
        }
        (colors, count as usize)
    };
    if let Some(clique) = sparsity.covering_clique(meetings) {
        return one_each(&mut clique.into_iter());
    }
    let colored = sparsity.graph_of(meetings).and_then(|graph| Ok((distance1_coloring(&graph, order)?, graph)));
    match colored {
        Ok((coloring, graph)) => occupied_colors(&graph, &coloring),
        // A graph beyond the memory allowed is not needed: one lane for every input is exact without it.
        Err(_) => one_each(&mut (0..inputs as u32)),
    }
}

/// Every entry of an `m × n` matrix, for the oracle.
pub(crate) fn full_pattern(rows: usize, cols: usize) -> Pattern {
    let indptr = (0..=rows).map(|i| i * cols).collect();
    let indices = (0..rows).flat_map(|_| 0..cols as u32).collect();
    Pattern::from_sorted_parts(cols, indptr, indices)
}
