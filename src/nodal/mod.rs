//! `nodal`: the Hessian diagonal as a sum over the curved units,
//!
//! ```text
//! D_ij = Σ_k  ∂y_i/∂a_k · σ''(z_k) · (∂z_k/∂x_j)²      and for a product c = a·b  2 ∂y_i/∂c · ∂a/∂x_j · ∂b/∂x_j.
//! ```
//!
//! The first factors come from adjoint lanes, one sweep for all outputs; the others from tangent lanes of first
//! order, which go no further than the last curved layer. Both are compressed.
//!
//! Exact if inputs of one color never meet in a curved unit that reaches an output (then a lane holds ∂z_k/∂x_j
//! itself), and if no curved unit reaches two outputs of one color. Of the sums of rows, the Laplacian, the inputs may be
//! rotated before: see [`rotation`](crate::rotation).

mod kept;
mod summing;
mod terms;

pub(crate) use kept::{Beside, Kept};
pub(crate) use summing::Summing;

use crate::apart;
use crate::buffer::Buffer;
use crate::coloring::{Coloring, Order, Side, partial_distance2_coloring};
use crate::compress::{Colors, InputLanes};
use crate::cost::{self, Points};
use crate::error::{Result, ensure};
use crate::forward::{Forward, Second};
use crate::influence::Influence;
use crate::layer::Linear;
use crate::memory;
use crate::network::{LayerId, Network};
use crate::pattern::Pattern;
use crate::readout::{Readout, pattern_of_sums, unit_of};
use crate::reverse::{OutputSeed, Reverse};
use crate::rotation::Rotation;
use crate::rows::Rows;
use crate::scalar::Scalar;
use crate::sets::{EMPTY, SetId};
use crate::sparsity::Sparsity;
use crate::tiles::Tiles;
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

/// The least that the strategy can cost, from two units alone: an adjoint lane for every output that one of the first
/// curved units reaches, a tangent lane for every input that some curved unit sees. (It may be more than that where the unit
/// reaches no output; then something else is chosen that might be dearer, and no less exact.)
pub(crate) fn least<T: Scalar>(
    net: &Network<T>,
    sparsity: &Sparsity,
    with_jacobian: bool,
    (added_up, rotation): (bool, Option<Rotation>),
    points: Points,
) -> u64 {
    let (curved, widest): (Vec<LayerId>, Vec<(usize, usize)>) = apart::widest(net, sparsity).into_iter().unzip();
    let Some(first) = widest.iter().position(|&(size, _)| size > 0) else { return 0 };
    let outputs = Influence::count(net, curved[first], widest[first].1);
    let inputs = widest.iter().map(|&(size, _)| size).max().unwrap_or(0);
    let tangent_lanes = rotation.map_or(inputs, |rotation| rotation.lanes);
    let (adjoints, tangents) = sweeps(net, &curved, with_jacobian);
    let units = curved.iter().map(|&id| net.layer(id).units() as u64).sum();
    let sums = cost::Sums { added_up, layers: curved.len() as u64, together: units, ..Default::default() };
    cost::nodal((outputs, &adjoints.work(net, points)), (tangent_lanes, &tangents.work(net, points)), sums)
}

fn sweeps<T: Scalar>(net: &Network<T>, curved: &[LayerId], with_jacobian: bool) -> (Reverse, Forward) {
    let wanted = |id: LayerId| curved.contains(&id) || with_jacobian && net.input_layers().contains(&id);
    (Reverse::new(net, wanted), Forward::new(net, Second::None, true, |_| false, |id| curved.contains(&id)))
}

/// The curved units of a network in classes: all units of a class see the same inputs and reach the same outputs,
/// so that their terms are summed before they are put in their places.
pub(crate) struct Units {
    influence: Influence,
    layers: Vec<(LayerId, Classes)>,
    /// For each list of classes that a layer has: inputs of both operands, and outputs.
    lists: Vec<Arc<Vec<Class>>>,
    /// For each list the entries that its classes add to.
    places: Vec<u64>,
    pub(crate) of_output: Coloring,
    /// Of the tangent lanes.
    pub(crate) input_colors: Colors,
    /// Whether the lanes of a unit are added up, for the sums of the rows alone, the Laplacian: `Σ_k ā_k σ''_k ‖J_k‖²`, or
    /// `2 Σ_k c̄_k a'_k · b'_k` of products. Exact without telling inputs apart, since no two that meet in a unit share a
    /// lane: what two rows have in one is of one input, or one of them has nothing there.
    added_up: bool,
}

/// Sets of inputs that the two operands see (of a function: twice the one), and of outputs that are reached.
type Class = (SetId, SetId, SetId);

/// The class of each unit of a layer.
#[derive(Clone, Debug)]
struct Classes {
    /// `None`: all units are of one class. `u32::MAX`: the unit adds nothing.
    of: Option<Vec<u32>>,
    list: usize,
}

impl Units {
    /// Classes and colors. `jacobian`, if it is wanted too, must be readable from the adjoint lanes. Where only sums over the
    /// inputs are wanted, these may be rotated.
    pub(crate) fn new<T: Scalar>(
        net: &Network<T>,
        sparsity: &Sparsity,
        jacobian: Option<&Pattern>,
        (added_up, rotation): (bool, Option<Rotation>),
        order: Order,
        max_bytes: u64,
    ) -> Result<Self> {
        let influence = Influence::within(net, max_bytes)?;
        let mut layers = Vec::new();
        let mut lists: Vec<Arc<Vec<Class>>> = Vec::new();
        let mut known = HashMap::new();
        let (mut meetings, mut reached) = (HashSet::new(), HashSet::new());
        for (id, layer) in net.layers().filter(|(_, layer)| layer.kind().is_curved()) {
            let operands = net.operands(id);
            let (a, b) = (sparsity.reach(operands[0]), sparsity.reach(operands[operands.len() - 1]));
            let outputs = influence.of(id);
            let mut list: Vec<Class> = Vec::new();
            let mut number = HashMap::new();
            let of: Vec<u32> = (0..layer.units())
                .map(|k| {
                    let class = (a[k], b[k], outputs[k]);
                    if class.0 == EMPTY || class.1 == EMPTY || class.2 == EMPTY {
                        return u32::MAX;
                    }
                    *number.entry(class).or_insert_with(|| {
                        list.push(class);
                        list.len() as u32 - 1
                    })
                })
                .collect();
            if list.is_empty() {
                continue;
            }
            for &(a, b, outputs) in &list {
                meetings.insert((a.min(b), a.max(b)));
                reached.insert(outputs);
            }
            let list = *known.entry(list).or_insert_with_key(|list| {
                lists.push(Arc::new(list.clone()));
                lists.len() - 1
            });
            let one = lists[list].len() == 1 && !of.contains(&u32::MAX);
            layers.push((id, Classes { of: (!one).then_some(of), list }));
        }
        let input_colors = match rotation {
            Some(rotation) => Colors::rotated(net.inputs(), rotation),
            None => apart::color(sparsity, meetings.into_iter().collect(), order)?,
        };
        let entries = |&(a, b, outputs): &Class| {
            let lanes = if added_up { 1 } else { sparsity.seen(a).min(sparsity.seen(b)) };
            lanes as u64 * influence.sets.len(outputs) as u64
        };
        let places: Vec<u64> = lists.iter().map(|list| list.iter().map(entries).sum()).collect();
        let bytes = places.iter().sum::<u64>().saturating_mul(size_of::<(u32, u32)>() as u64);
        ensure!(
            bytes <= max_bytes,
            TooLarge,
            "the places of the nodal sums need {}, of {} allowed",
            memory::in_words(bytes),
            memory::in_words(max_bytes)
        );
        let mut reached: Vec<SetId> = reached.into_iter().collect();
        reached.sort_unstable();
        let mut rows: Vec<Vec<u32>> = reached.iter().map(|&set| influence.sets.members(set).collect()).collect();
        if let Some(jacobian) = jacobian {
            let columns = jacobian.transpose();
            rows.extend((0..columns.rows()).map(|j| columns.row(j).to_vec()));
        }
        let of_output = Pattern::from_rows(net.outputs(), rows).expect("outputs are numbered from zero");
        let of_output = partial_distance2_coloring(&of_output, Side::Columns, order);
        Ok(Units { influence, layers, lists, places, input_colors, added_up, of_output })
    }

    /// Rows of weights for tangents by offset, if every row of sums is of one output: the entries of an input are then
    /// told apart without classes.
    pub(crate) fn rows_of_outputs(&self) -> Option<usize> {
        let outputs = self.of_output.colors().len();
        (self.of_output.count() == outputs).then_some(outputs)
    }

    /// Of the cost model; the tangents may be by offset.
    pub(crate) fn cost<T: Scalar>(
        &self,
        net: &Network<T>,
        with_jacobian: bool,
        tiles: Option<&Tiles>,
        points: Points,
    ) -> u64 {
        let (adjoints, tangents) = self.sweeps(net, with_jacobian);
        let (adjoints, tangents) = (adjoints.work(net, points), tangents.work(net, points));
        if let Some(tiles) = tiles {
            let adjoints = (!tiles.makes_values()).then_some((self.of_output.count(), &adjoints));
            return cost::nodal_by_offset(adjoints, tiles.cost(net));
        }
        let mut sums = cost::Sums { added_up: self.added_up, ..Default::default() };
        for (id, classes) in &self.layers {
            let units = net.layer(*id).units() as u64;
            if classes.of.is_none() {
                sums.together += units
            } else {
                sums.scattered += units
            }
            sums.layers += 1;
            sums.places += self.places[classes.list];
        }
        cost::nodal((self.of_output.count(), &adjoints), (self.input_colors.count(), &tangents), sums)
    }

    fn sweeps<T: Scalar>(&self, net: &Network<T>, with_jacobian: bool) -> (Reverse, Forward) {
        let curved: Vec<LayerId> = self.layers.iter().map(|&(id, _)| id).collect();
        sweeps(net, &curved, with_jacobian)
    }

    /// The program, and how its results are read. `beside` says what, if anything, so many tangents of one
    /// point are carried beside, in so many blocks.
    ///
    /// # Errors
    /// [`TooLarge`](crate::ErrorKind::TooLarge) if there are more than 2³² sums.
    pub(crate) fn program<T: Scalar>(
        &self,
        net: &Network<T>,
        sparsity: &Sparsity,
        diagonal: &Pattern,
        with_jacobian: bool,
        beside: impl Fn(usize, usize) -> Option<Beside>,
        width: impl Fn(usize) -> usize,
    ) -> Result<(Nodal, Pattern, Readout)> {
        let lanes = self.input_colors.count();
        let inputs = InputLanes::new(net, &self.input_colors, width(lanes));
        let rows = self.of_output.count();
        let sums = self.lists.iter().map(|l| l.len()).max().unwrap_or(0) * rows;
        ensure!(
            (sums as u64).saturating_mul(inputs.width() as u64) <= u64::from(u32::MAX),
            TooLarge,
            "the nodal sums of {sums} rows"
        );
        let columns = unit_of(net, net.input_layers());
        let task_of = |j: u32| inputs.place(columns[j as usize]);
        let (pattern, readout) = if self.added_up {
            let pattern = pattern_of_sums(diagonal, inputs.blocks());
            let readout = Readout::placed(&pattern, inputs.blocks(), |task| task as usize);
            (pattern, readout)
        } else {
            (diagonal.clone(), Readout::placed(diagonal, inputs.blocks(), |j| task_of(j).0))
        };
        let scatter = |list: &Arc<Vec<Class>>| {
            let mut tasks: Vec<Vec<(u32, u32)>> = vec![Vec::new(); inputs.blocks()];
            for (class, &(a, b, outputs)) in list.iter().enumerate() {
                let seen = if self.added_up { Vec::new() } else { sparsity.common(a, b) };
                for i in self.influence.sets.members(outputs) {
                    let sum = class * rows + self.of_output.color(i as usize) as usize;
                    let entries = pattern.row(i as usize);
                    let first = pattern.indptr()[i as usize];
                    if self.added_up {
                        for (at, &task) in entries.iter().enumerate() {
                            tasks[task as usize].push((sum as u32, readout.place(first + at)));
                        }
                        continue;
                    }
                    let mut at = 0;
                    for &j in &seen {
                        at += entries[at..].partition_point(|&entry| entry < j);
                        let (task, lane) = task_of(j);
                        let lanes = inputs.lanes(task, 1).count;
                        let from = sum * lanes + lane as usize;
                        tasks[task].push((from as u32, readout.place(first + at)));
                    }
                }
            }
            Arc::new(tasks)
        };
        let lists: Vec<_> = self.lists.iter().map(scatter).collect();
        let list_of = |k: usize| self.layers.get(k).map(|(_, classes)| classes.list);
        let sums = self.layers.iter().enumerate().map(|(k, (layer, classes))| Sum {
            layer: *layer,
            class_of: classes.of.clone(),
            sums: self.lists[classes.list].len(),
            places: lists[classes.list].clone(),
            // Layers in a row with the same classes are summed together.
            begins: k.checked_sub(1).and_then(list_of) != Some(classes.list),
            ends: list_of(k + 1) != Some(classes.list),
        });
        let sums: Vec<Sum> = sums.collect();
        let mut seeds = Vec::new();
        for (i, &(q, unit)) in unit_of(net, net.output_layers()).iter().enumerate() {
            seeds.push((net.output_layers()[q as usize], unit, self.of_output.color(i)));
        }
        let (adjoints, tangents) = self.sweeps(net, with_jacobian);
        let read = |id: LayerId| self.layers.iter().any(|(curved, _)| net.operands(*curved).contains(&id));
        // Kept tangents have seeds of their own, which know nothing of rotated weights.
        let beside = beside(lanes, inputs.blocks()).filter(|_| !self.input_colors.are_rotated());
        let kept = beside.map(|beside| Kept::new(net, beside, &self.input_colors, &inputs, read));
        let kept = kept.filter(Kept::is_worth_it).map(Box::new);
        let added_up = self.added_up;
        let nodal = Nodal { adjoints, tangents, kept, inputs, rows, seeds, sums, added_up, tiles: None };
        Ok((nodal, pattern, readout))
    }
}

/// What is done for a block of samples.
#[derive(Clone, Debug)]
pub(crate) struct Nodal {
    /// Carries the adjoints of all outputs and keeps them where the network is curved.
    pub(crate) adjoints: Reverse,
    /// Carries the tangents to the last curved layer.
    pub(crate) tangents: Forward,
    /// The same at one point, if that is better than to use them on the way.
    pub(crate) kept: Option<Box<Kept>>,
    pub(crate) inputs: InputLanes,
    /// Adjoint lanes.
    pub(crate) rows: usize,
    pub(crate) seeds: Vec<OutputSeed>,
    sums: Vec<Sum>,
    /// Whether the lanes of a unit are added up, as of [`Units`].
    added_up: bool,
    /// The tangents by offset, where that is cheaper.
    pub(crate) tiles: Option<Tiles>,
}

/// The terms of one curved layer.
#[derive(Clone, Debug)]
struct Sum {
    layer: LayerId,
    class_of: Option<Vec<u32>>,
    /// Number of classes.
    sums: usize,
    /// For each task, which sum (class, adjoint lane, tangent lane) belongs to which of its entries.
    places: Arc<Vec<Vec<(u32, u32)>>>,
    begins: bool,
    ends: bool,
}

impl Nodal {
    /// Carries the tangents by offset; where the tiles make the adjoints too, only those from outside of them are left.
    pub(crate) fn set_tiles<T: Scalar>(&mut self, net: &Network<T>, tiles: Tiles) {
        if tiles.makes_values() {
            self.adjoints = Reverse::new(net, |id| tiles.is_outside(id));
        }
        self.kept = None;
        self.tiles = Some(tiles);
    }

    /// Whether a layer is outside of tiles that make the values.
    pub(crate) fn is_outside(&self, layer: LayerId) -> bool {
        self.tiles.as_ref().is_some_and(|tiles| tiles.is_outside(layer))
    }

    /// Layer and unit of an output.
    pub(crate) fn output(&self, number: usize) -> (LayerId, usize) {
        (self.seeds[number].0, self.seeds[number].1 as usize)
    }

    /// How the outputs are read where the tiles make the values: each is a sum of what it has of all tiles.
    pub(crate) fn values(&self) -> Option<(Pattern, Readout)> {
        let tiles = self.tiles.as_ref().filter(|tiles| tiles.makes_values())?.count();
        let rows = self.seeds.iter().map(|&(.., row)| row);
        let indptr = (0..=self.seeds.len()).map(|i| i * tiles).collect();
        let pattern = Pattern::from_sorted_parts(tiles, indptr, rows.clone().flat_map(|_| 0..tiles as u32).collect());
        let places = rows.flat_map(|row| (0..tiles as u32).map(move |tile| (tile, row))).collect();
        Some((pattern, Readout::at(places, tiles, self.rows)))
    }

    /// Adds what an output has of the constants of a layer outside of the tiles, to each: `Σ ā c`.
    pub(crate) fn add_constants<T: Scalar>(&self, linear: &dyn Linear<T>, adjoint: Rows<'_, T>, outputs: &mut [T]) {
        let mut constants = [T::zero(); 64];
        let units = adjoint.data.len() / self.rows;
        for first in (0..units).step_by(constants.len()) {
            let units = first..units.min(first + constants.len());
            let constants = &mut constants[..units.len()];
            constants.fill(T::zero());
            linear.add_constant(units.clone(), constants, 1);
            for (output, &(.., row)) in outputs.iter_mut().zip(&self.seeds) {
                let terms = units.clone().zip(&*constants).map(|(unit, &c)| c * adjoint.row(unit)[row as usize]);
                *output = terms.fold(*output, |sum, term| sum + term);
            }
        }
    }

    /// The layers that have terms, in order.
    pub(crate) fn layers(&self) -> impl Iterator<Item = LayerId> {
        self.sums.iter().map(|sum| sum.layer)
    }

    /// Whether a layer has terms.
    pub(crate) fn sums(&self, layer: LayerId) -> bool {
        self.sums.iter().any(|s| s.layer == layer)
    }

    /// Numbers of work space for each lane, beside the sweeps' buffers.
    pub(crate) fn size(&self) -> usize {
        self.sums.iter().map(|s| s.sums * self.rows).max().unwrap_or(0) + summing::CHUNK * (self.rows + 1)
    }

    /// Makes the work space large enough for a number of lanes.
    pub(crate) fn prepare<T: Scalar>(&self, space: &mut Buffer<T>, lanes: usize) {
        space.fit(self.size() * lanes);
    }
}
