//! Runs a plan: blocks of samples and of lanes on all cores, results assembled in order.
//!
//! Blocks and pieces are fixed by the plan; the number of threads decides only who computes them, so the bits
//! are the same for 1, 2 and 16 threads.

mod nodal;

use crate::buffer::Buffer;
use crate::compress::InputLanes;
use crate::cost::Passes;
use crate::error::Result;
use crate::forward::Recorder;
use crate::layer::{Lanes, Seeds};
use crate::network::{LayerId, Network};
use crate::nodal::{Beside, Kept, Nodal};
use crate::plan::Plan;
use crate::planner::sample_blocks;
use crate::program::{Program, ReverseOverForward, Target, Task};
use crate::reverse::Curvature;
use crate::rows::Rows;
use crate::scalar::Scalar;
use crate::spread::{Parts, Spread};
use crate::strategy::Quantity;
use crate::tape::{Pass, Tape};
use crate::tiles::{Inputs, Point, Tiles, Values};
use crate::vectors::{At, Scratch, Vectors};
use crate::workspace::{LaneSpace, Packed, PointSpace, Workspace, lend, lock};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Mutex;

/// Operations below which a run stays on the calling thread: waking another one takes some microseconds.
const WORTH_THREADS: u64 = 1 << 19;

/// One call of a plan.
pub(crate) struct Run<'a, T> {
    plan: &'a Plan,
    net: &'a Network<T>,
    points: &'a [T],
    workspace: &'a Workspace<T>,
    spread: Spread,
    blocks: Parts,
    /// Blocks of samples are shared out among the threads; otherwise they follow each other.
    samples_apart: bool,
    /// The tasks of a block are shared out among the threads; otherwise they follow each other, and the threads
    /// share the work inside.
    tasks_apart: bool,
    /// The weights that read the inputs, if these are rotated.
    rotated: Option<Rows<'a, T>>,
}

/// Buffers for value, Jacobian and Hessian diagonal, or Laplacian, of some samples.
pub(crate) type Buffers<'a, T> = [&'a mut [T]; 3];

impl<'a, T: Scalar> Run<'a, T> {
    /// Decides who does what.
    pub(crate) fn new(plan: &'a Plan, net: &'a Network<T>, points: &'a [T], workspace: &'a Workspace<T>) -> Self {
        let count = points.len() / plan.inputs;
        let lanes = plan.passes().lanes() as u64;
        let work = plan.operations.saturating_mul(1 + 2 * lanes).saturating_mul(count as u64);
        let threads = rayon::current_num_threads();
        let spread = if work > WORTH_THREADS && threads > 1 { Spread::Threads } else { Spread::Here };
        // Side by side only if there is enough to do, and memory for every thread.
        let needed = plan.workspace_of(threads, size_of::<T>());
        let roomy = spread == Spread::Threads && needed <= plan.max_bytes;
        let blocks = sample_blocks::<T>(count, plan.samples);
        let samples_apart = roomy && blocks.count >= threads;
        let tasks_apart = roomy && !samples_apart && plan.program.tasks() >= threads;
        Run { plan, net, points, workspace, spread, blocks, samples_apart, tasks_apart, rotated: None }
    }

    /// Computes all samples.
    pub(crate) fn all(&self, buffers: Buffers<'_, T>) -> Result<()> {
        let Some(rotation) = self.plan.program.rotation() else { return self.in_blocks(buffers) };
        lend(&self.workspace.rotated, |space| {
            let rotated = rotation.make(self.net, space);
            Run { rotated: Some(rotated), ..*self }.in_blocks(buffers)
        })
    }

    /// The seeds of a block on input layer `q`, with the weights for them if the inputs are rotated.
    fn seeds<'s>(&'s self, inputs: &'s InputLanes, block: usize, samples: usize, q: usize) -> Seeds<'s, T> {
        Seeds { rotated: self.rotated, ..inputs.seeds(block, samples, q) }
    }

    fn in_blocks(&self, buffers: Buffers<'_, T>) -> Result<()> {
        let blocks = 0..self.blocks.count;
        if self.spread == Spread::Threads {
            self.reserve(self.blocks.all.min(self.plan.samples));
            // Whoever is in the pool shares its work out more quickly.
            return rayon::scope(|_| self.samples(blocks, buffers));
        }
        self.samples(blocks, buffers)
    }

    /// Makes spaces for all threads, as large as they can become: how many of them a run takes at a time is
    /// chance, and a later run must not allocate.
    fn reserve(&self, samples: usize) {
        let (plan, net) = (self.plan, self.net);
        let threads = rayon::current_num_threads();
        let mut points = lock(&self.workspace.points);
        let count = points.len().max(if self.samples_apart { threads } else { 1 });
        points.resize_with(count, PointSpace::default);
        for space in points.iter_mut() {
            if plan.value.is_none() {
                space.tape.reserve(net, samples, plan.order());
            }
            if let Program::Vectors(vectors) = &plan.program {
                vectors.prepare(&mut space.adjoints);
            }
            if plan.in_order().is_none() {
                self.prepare(&mut space.packed, samples);
            }
            match &plan.program {
                Program::ReverseOverForward(rof) => {
                    rof.adjoints.prepare(&mut space.adjoints, plan.program.width() * samples);
                }
                Program::Nodal(nodal) => {
                    nodal.adjoints.prepare(&mut space.adjoints, nodal.rows * samples);
                    match nodal.kept.as_ref().filter(|_| samples == 1) {
                        Some(kept) if kept.beside() == Beside::Values => kept.prepare(0, &mut space.tangents),
                        Some(kept) => (0..kept.inputs.blocks())
                            .zip(&mut space.packed)
                            .for_each(|(block, packed)| kept.prepare(block, &mut packed.tangents)),
                        None => {}
                    }
                }
                Program::Nothing | Program::Forward { .. } | Program::Reverse { .. } | Program::Vectors(_) => {}
            }
        }
        let mut lanes = lock(&self.workspace.lanes);
        let apart = self.samples_apart || self.tasks_apart || matches!(plan.program, Program::Vectors(_));
        let count = lanes.len().max(if apart { threads } else { 1 });
        lanes.resize_with(count, LaneSpace::default);
        let width = plan.program.width() * samples;
        for space in lanes.iter_mut() {
            match &plan.program {
                Program::Nothing => {}
                Program::Vectors(_) => space.scratch.prepare(plan.inputs),
                Program::Forward { tiles: Some(tiles), .. } | Program::Nodal(Nodal { tiles: Some(tiles), .. }) => {
                    tiles.prepare(&mut space.tiles);
                    if plan.in_order().is_some_and(|tiles| tiles.there().is_none()) {
                        self.fit(0, &mut space.packed, samples);
                    }
                }
                Program::Forward { sweep, .. } => sweep.prepare(&mut space.forward, width),
                Program::Reverse { sweep, .. } => sweep.prepare(&mut space.reverse, width),
                Program::ReverseOverForward(rof) => {
                    rof.tangents.prepare(&mut space.forward, width);
                    rof.products.prepare(&mut space.reverse, width);
                }
                Program::Nodal(nodal) => {
                    nodal.tangents.prepare(&mut space.forward, width);
                    nodal.prepare(&mut space.sums, width);
                }
            }
        }
    }

    /// Halves the blocks until one is left.
    fn samples(&self, blocks: Range<usize>, buffers: Buffers<'_, T>) -> Result<()> {
        let samples = self.blocks.of(blocks.clone());
        if blocks.len() == 1 {
            let spread = if self.samples_apart { Spread::Here } else { self.spread };
            return lend(&self.workspace.points, |space| self.block(samples, buffers, space, spread));
        }
        let middle = blocks.start + blocks.len() / 2;
        let (low, high) = (blocks.start..middle, middle..blocks.end);
        let of_low = self.blocks.of(low.clone()).len();
        let [value, jacobian, diagonal] = buffers.map(|b| {
            let per_sample = b.len() / samples.len();
            b.split_at_mut(per_sample * of_low)
        });
        let low = || self.samples(low, [value.0, jacobian.0, diagonal.0]);
        let high = || self.samples(high, [value.1, jacobian.1, diagonal.1]);
        let (low, high) = if self.samples_apart { rayon::join(low, high) } else { (low(), high()) };
        // The first error in the order of the samples, whoever finished first.
        low.and(high)
    }

    fn block(
        &self,
        range: Range<usize>,
        buffers: Buffers<'_, T>,
        space: &mut PointSpace<T>,
        spread: Spread,
    ) -> Result<()> {
        let (plan, net) = (self.plan, self.net);
        let (n, samples) = (plan.inputs, range.len());
        let points = &self.points[range.start * n..range.end * n];
        let [value, jacobian, second] = buffers;
        let PointSpace { tape, tangents, adjoints, packed } = space;
        let outside = Mutex::new(None);
        let is_made = plan.value.is_some();
        let kept = plan.program.kept().filter(|_| samples == 1);
        if !is_made {
            let (first, order) = (range.start, plan.order());
            match kept.filter(|kept| kept.beside() == Beside::Values) {
                None => tape.record(net, points, first, order, spread, &mut ())?,
                Some(Kept { sweep, inputs }) => {
                    let (lanes, seeds) = (inputs.lanes(0, samples), |q| inputs.seeds(0, samples, q));
                    let mut recorder = Recorder::new(sweep, net, lanes, spread, seeds, tangents);
                    tape.record(net, points, first, order, spread, &mut recorder)?;
                    self.workspace.count(Passes::forward(lanes.count));
                }
            }
            if !value.is_empty() {
                tape.outputs(net, value);
            }
        }
        let tape = &*tape;
        let values =
            if is_made { Values::Made(Inputs { x: points, outside: &outside }) } else { Values::Recorded(tape) };
        let all_inside = || lock(&outside).map_or(Ok(()), |outside| Err(outside.error(net, range.start)));
        if let Some(tiles) = plan.in_order() {
            self.in_order(tiles, 0..tiles.count(), Point { net, values }, [value, jacobian, second]);
            all_inside()?;
            self.workspace.count(plan.program.passes());
            self.workspace.finished(samples);
            return Ok(());
        }
        if let Program::Vectors(vectors) = &plan.program {
            self.vectors(vectors, tape, adjoints, [jacobian, second], spread);
            return Ok(());
        }
        self.prepare(packed, samples);
        match &plan.program {
            Program::Nothing | Program::Vectors(_) => {}
            Program::Forward { tiles: Some(tiles), .. } => {
                self.tasks(spread, &mut packed[..tiles.count()], |tile, _, space, packed| {
                    tiles.outputs(Point { net, values }, tile, &mut space.tiles, packed.parts());
                });
                all_inside()?;
                self.workspace.count(plan.program.passes());
            }
            Program::Forward { sweep, inputs, .. } => {
                self.tasks(spread, &mut packed[..inputs.blocks()], |task, spread, lane_space, packed| {
                    let lanes = inputs.lanes(task, samples);
                    let pass = Pass { net, tape, lanes, spread };
                    let seeds = |q| self.seeds(inputs, task, samples, q);
                    sweep.sweep(pass, seeds, &mut lane_space.forward, |_, _, _| ());
                    self.workspace.count(Passes::forward(sweep.lanes(lanes.count)));
                    let first = |id| sweep.block(net, &lane_space.forward, id, lanes);
                    pack(&plan.jacobian, task, 0, samples, first, &mut packed.jacobian);
                    let second = |id| sweep.second(net, &lane_space.forward, id, lanes);
                    pack(&plan.diagonal, task, 0, samples, second, &mut packed.diagonal);
                });
            }
            Program::Reverse { sweep, blocks } => {
                self.tasks(spread, &mut packed[..blocks.len()], |task, spread, lane_space, packed| {
                    let (count, seeds) = &blocks[task];
                    let lanes = Lanes { count: *count, samples };
                    sweep.adjoints(Pass { net, tape, lanes, spread }, seeds, &mut lane_space.reverse);
                    self.workspace.count(Passes::reverse(*count));
                    let block = |id| sweep.block(net, &lane_space.reverse, id, lanes);
                    pack(&plan.jacobian, task, 0, samples, block, &mut packed.jacobian);
                });
            }
            Program::Nodal(nodal @ Nodal { tiles: Some(tiles), .. }) => {
                let point = Point { net, values };
                self.nodal_by_offset(nodal, tiles, point, adjoints, packed, spread);
                if is_made {
                    all_inside()?;
                    self.sum_outputs(nodal, adjoints, packed, value, range.start)?;
                }
            }
            Program::Nodal(nodal) => {
                let kept = kept.map(|kept| (kept, &tangents[..]));
                self.nodal(nodal, tape, kept, adjoints, packed, spread);
            }
            Program::ReverseOverForward(rof) => {
                for number in 0..rof.rounds.len() {
                    self.round(rof, number, tape, adjoints, packed, spread);
                }
            }
        }
        let packed = &*packed;
        // The nodal sums of outputs are there.
        if !matches!(plan.program, Program::Nodal(_)) {
            unpack(&plan.value, |task| &packed[task].value, samples, value, spread);
        }
        unpack(&plan.jacobian, |task| &packed[task].jacobian, samples, jacobian, spread);
        let diagonal = |task: usize| &packed[task].diagonal[..];
        if plan.quantity == Quantity::Laplacian {
            sum_rows(&plan.diagonal, diagonal, samples, second);
        } else {
            unpack(&plan.diagonal, diagonal, samples, second, spread);
        }
        self.workspace.finished(samples);
        Ok(())
    }

    /// Tiles that make stretches of the results: what a tile makes is put into its place while it is in the cache.
    fn in_order(&self, tiles: &Tiles, range: Range<usize>, point: Point<'_, T>, results: Buffers<'_, T>) {
        let targets = [&self.plan.value, &self.plan.jacobian, &self.plan.diagonal];
        // What is not wanted, or known, has no numbers here.
        let entries = |target: &Option<Target>, tiles: Range<usize>, result: &[T]| match target {
            Some(target) if !result.is_empty() => {
                let first = target.readout.follow().expect("results in order");
                first[tiles.start]..first[tiles.end]
            }
            _ => 0..0,
        };
        if range.len() > 1 {
            let middle = range.start.midpoint(range.end);
            let low = range.start..middle;
            let mut targets = targets.into_iter();
            let [value, jacobian, second] = results.map(|result| {
                let at = entries(targets.next().expect("one for each result"), low.clone(), result).len();
                result.split_at_mut(at)
            });
            let low = || self.in_order(tiles, low, point, [value.0, jacobian.0, second.0]);
            let mut high = || self.in_order(tiles, middle..range.end, point, [value.1, jacobian.1, second.1]);
            if self.tasks_apart {
                rayon::join(low, high);
            } else {
                low();
                high();
            }
            return;
        }
        lend(&self.workspace.lanes, |space| {
            let LaneSpace { tiles: space, packed, .. } = space;
            if tiles.there().is_none() {
                self.fit(range.start, packed, 1);
            }
            let made = tiles.outputs_there(point, range.start, space, packed.parts());
            for ((target, result), made) in targets.into_iter().zip(results).zip(made) {
                let entries = entries(target, range.clone(), result);
                if let Some(target) = target.as_ref().filter(|_| !entries.is_empty()) {
                    target.readout.unpack(&target.pattern, entries, |_| made, 1, 0, result);
                }
            }
        });
    }

    /// Sparse vectors, whose last rows are those of the results.
    fn vectors(
        &self,
        vectors: &Vectors,
        tape: &Tape<T>,
        buffers: &mut Vec<Buffer<T>>,
        [jacobian, second]: [&mut [T]; 2],
        spread: Spread,
    ) {
        let lend_scratch = |f: &mut dyn FnMut(&mut Scratch<T>)| {
            lend(&self.workspace.lanes, |space| {
                space.scratch.prepare(self.plan.inputs);
                f(&mut space.scratch);
            });
        };
        vectors.sweep(At { net: self.net, tape, spread, lend: &lend_scratch }, buffers);
        for (target, is_second, values) in [(&self.plan.jacobian, false, jacobian), (&self.plan.diagonal, true, second)]
        {
            let Some(target) = target.as_ref().filter(|_| !values.is_empty()) else { continue };
            if is_second && self.plan.quantity == Quantity::Laplacian {
                vectors.sums(self.net, buffers, values);
            } else {
                vectors.read(self.net, buffers, is_second, &target.pattern, values);
            }
        }
        self.workspace.count(self.plan.program.passes());
        self.workspace.finished(1);
    }

    fn round(
        &self,
        rof: &ReverseOverForward,
        number: usize,
        tape: &Tape<T>,
        adjoints: &mut Vec<Buffer<T>>,
        packed: &mut [Packed<T>],
        spread: Spread,
    ) {
        let net = self.net;
        let (round, samples) = (&rof.rounds[number], tape.samples());
        let adjoint_lanes = Lanes { count: round.lanes, samples };
        let pass = Pass { net, tape, lanes: adjoint_lanes, spread };
        rof.adjoints.adjoints(pass, &round.seeds, adjoints);
        self.workspace.count(Passes::reverse(round.lanes));
        if self.plan.jacobian.is_some() {
            let block = |id| rof.adjoints.block(net, adjoints, id, adjoint_lanes);
            pack(&self.plan.jacobian, number, 0, samples, block, &mut packed[number].jacobian);
        }
        let Some(first) = round.tasks.first().map(|t| t.number) else { return };
        let adjoints = &*adjoints;
        self.tasks(spread, &mut packed[first..first + round.tasks.len()], |index, spread, lane_space, packed| {
            let Task { coloring, block, groups, number } = &round.tasks[index];
            let inputs = &rof.colorings[*coloring];
            let lanes = inputs.lanes(*block, samples);
            let pass = Pass { net, tape, lanes, spread };
            rof.tangents.sweep(pass, |q| inputs.seeds(*block, samples, q), &mut lane_space.forward, |_, _, _| ());
            self.workspace.count(Passes::forward(lanes.count));
            for (stage, &lane) in groups.iter().enumerate() {
                let curvature = Curvature {
                    forward: &rof.tangents,
                    tangents: &lane_space.forward,
                    reverse: &rof.adjoints,
                    adjoints,
                    adjoint_lanes,
                    lane,
                };
                rof.products.tangents(pass, &curvature, &mut lane_space.reverse);
                self.workspace.count(Passes::reverse(lanes.count));
                let block = |id| rof.products.block(net, &lane_space.reverse, id, lanes);
                pack(&self.plan.diagonal, *number, stage, samples, block, &mut packed.diagonal);
            }
        });
    }

    /// Runs tasks side by side if there are enough of them for all threads; otherwise one after the other, each
    /// spread over the threads.
    fn tasks(
        &self,
        spread: Spread,
        packed: &mut [Packed<T>],
        f: impl Fn(usize, Spread, &mut LaneSpace<T>, &mut Packed<T>) + Sync,
    ) {
        let call = |spread| {
            let f = &f;
            move |(task, packed): (usize, &mut Packed<T>)| {
                lend(&self.workspace.lanes, |space| f(task, spread, space, packed));
            }
        };
        if self.tasks_apart {
            packed.par_iter_mut().enumerate().for_each(call(Spread::Here));
        } else {
            packed.iter_mut().enumerate().for_each(call(spread));
        }
    }

    /// Makes the buffers of all tasks as long as they must be.
    fn prepare(&self, packed: &mut Vec<Packed<T>>, samples: usize) {
        let tasks = self.plan.targets().map(|t| t.readout.tasks()).max().unwrap_or(0);
        packed.resize_with(packed.len().max(tasks), Packed::default);
        packed.iter_mut().enumerate().for_each(|(task, packed)| self.fit(task, packed, samples));
    }

    /// Makes the buffers of a task as long as they must be.
    fn fit(&self, task: usize, packed: &mut Packed<T>, samples: usize) {
        let len = |target: &Option<Target>| match target {
            Some(t) if task < t.readout.tasks() => t.readout.packed_len(task) * samples,
            _ => 0,
        };
        packed.value.resize(len(&self.plan.value), T::zero());
        packed.jacobian.resize(len(&self.plan.jacobian), T::zero());
        packed.diagonal.resize(len(&self.plan.diagonal), T::zero());
    }
}

/// Packs one stage of a task, if the plan has the target.
fn pack<'a, T: Scalar>(
    target: &Option<Target>,
    task: usize,
    stage: usize,
    samples: usize,
    block: impl Fn(LayerId) -> Rows<'a, T>,
    packed: &mut [T],
) {
    if let Some(target) = target {
        target.readout.pack(task, stage, samples, block, packed);
    }
}

/// Puts what the tasks packed into the order of the pattern, sample by sample.
fn unpack<'a, T: Scalar>(
    target: &Option<Target>,
    packed: impl Fn(usize) -> &'a [T] + Sync,
    samples: usize,
    values: &mut [T],
    spread: Spread,
) {
    const PIECE: usize = 1 << 15;
    let Some(target) = target else { return };
    let nnz = target.pattern.nnz();
    if values.is_empty() || nnz == 0 {
        return;
    }
    for (sample, values) in values.chunks_exact_mut(nnz).enumerate() {
        spread.rows(values, 1, PIECE, |entries, values| {
            target.readout.unpack(&target.pattern, entries, &packed, samples, sample, values);
        });
    }
}

/// The sum of each row of the pattern, in the order of its entries, sample by sample.
fn sum_rows<'a, T: Scalar>(target: &Option<Target>, packed: impl Fn(usize) -> &'a [T], samples: usize, sums: &mut [T]) {
    let Some(target) = target else { return };
    let rows = target.pattern.rows();
    for (sample, sums) in sums.chunks_exact_mut(rows).enumerate() {
        for (row, sum) in sums.iter_mut().enumerate() {
            *sum = target.readout.sum(&target.pattern, row, &packed, samples, sample);
        }
    }
}
