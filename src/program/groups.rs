//! Colored groups of outputs, and the program that reverse-over-forward makes of them.

use super::{Program, ReverseOverForward, Round, Task};
use crate::coloring::{Coloring, Order, distance1_coloring};
use crate::compress::{Colors, InputLanes};
use crate::cost::{self, Points};
use crate::forward::{Forward, Second};
use crate::network::{LayerId, Network};
use crate::pattern::Pattern;
use crate::readout::{Readout, Source, unit_of};
use crate::reverse::Reverse;
use crate::scalar::Scalar;
use crate::sparsity::{Meeting, Sparsity};
use std::collections::HashMap;

/// Groups of outputs whose adjoints are carried side by side before their tangents.
const ROUND: usize = 16;

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
    colorings: Vec<Colors>,
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
        let mut color = |outputs: &[usize], colorings: &mut Vec<Colors>| {
            let meetings = sparsity.meetings(net, outputs);
            *known.entry(meetings).or_insert_with_key(|meetings| {
                colorings.push(color_inputs(sparsity, meetings, net.inputs(), order));
                colorings.len() - 1
            })
        };
        let members: Vec<Vec<usize>> =
            of_output.groups().iter().map(|g| g.iter().map(|&i| i as usize).collect()).collect();
        let mut coloring_of = Vec::with_capacity(members.len());
        let mut spent: u64 = 0;
        for outputs in &members {
            let coloring = color(outputs, &mut colorings);
            coloring_of.push(coloring);
            // A coloring that all share has more lanes, as a rule, so this bounds both ways from below.
            spent = spent.saturating_add(cost.of_group(colorings[coloring].count()));
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
        let lanes = |&c: &usize| self.colorings[c].count();
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
        let counts = || self.coloring_of.iter().map(|&c| self.colorings[c].count());
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
        let lanes = |colors: &Colors| InputLanes::new(net, colors, width(colors.count()));
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
            let (block, lane) = colorings[coloring].place((layer, unit));
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

/// Distance-1 colors of the inputs that meet.
fn color_inputs(sparsity: &Sparsity, meetings: &[Meeting], inputs: usize, order: Order) -> Colors {
    if let Some(clique) = sparsity.covering_clique(meetings) {
        return Colors::apart(inputs, clique);
    }
    let colored = sparsity.graph_of(meetings).and_then(|graph| Ok((distance1_coloring(&graph, order)?, graph)));
    match colored {
        Ok((coloring, graph)) => Colors::occupied(&graph, &coloring),
        // A graph beyond the memory allowed is not needed: one lane for every input is exact without it.
        Err(_) => Colors::apart(inputs, 0..inputs as u32),
    }
}
