//! Runs a plan: blocks of samples and of lanes on all cores, results assembled in order.
//!
//! Blocks and pieces are fixed by the plan; the number of threads decides only who computes them, so the bits
//! are the same for 1, 2 and 16 threads.

use crate::buffer::Buffer;
use crate::cost::Passes;
use crate::error::{Result, bail, ensure};
use crate::layer::Lanes;
use crate::memory;
use crate::network::{LayerId, Network};
use crate::nodal::{Nodal, Summing};
use crate::plan::Plan;
use crate::planner::sample_block;
use crate::program::{Program, ReverseOverForward, Target, Task};
use crate::reverse::Curvature;
use crate::rows::Rows;
use crate::scalar::{Scalar, first_non_finite};
use crate::spread::Spread;
use crate::strategy::Quantity;
use crate::tape::{Pass, Tape, tape_size};
use crate::tiles::{Point, Tiles, Weighted};
use crate::vectors::{At, Scratch, Vectors};
use crate::workspace::{LaneSpace, Packed, PointSpace, Workspace, lend, lock};
use bytemuck::{cast_slice, cast_slice_mut};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;
use sprs::CsMat;
use std::any::Any;
use std::ops::Range;

/// Operations below which a run stays on the calling thread: waking another one takes some microseconds.
const WORTH_THREADS: u64 = 1 << 19;

/// Everything that a plan computes at one point.
#[derive(Clone, Debug)]
pub struct Derivatives<T> {
    /// y, m numbers.
    pub value: Array1<T>,
    /// dy_i/dx_j, m × n, if the plan computes it.
    pub jacobian: Option<CsMat<T>>,
    /// d²y_i/dx_j², m × n, if the plan computes it.
    pub hessian_diagonal: Option<CsMat<T>>,
    /// Σ_j d²y_i/dx_j², m numbers, if the plan computes it.
    pub laplacian: Option<Array1<T>>,
}

/// Everything that a plan computes at a batch of points: one pattern, values for each point.
#[derive(Clone, Debug)]
pub struct BatchDerivatives<T> {
    /// y, points × m.
    pub value: Array2<T>,
    /// The entries of the Jacobian in the order of [`Plan::jacobian_pattern`], points × entries.
    pub jacobian: Option<Array2<T>>,
    /// The entries of the Hessian diagonal in the order of [`Plan::pattern`], points × entries.
    pub hessian_diagonal: Option<Array2<T>>,
    /// The Laplacians of the outputs, points × m.
    pub laplacian: Option<Array2<T>>,
}

impl<T: Scalar> BatchDerivatives<T> {
    /// Zeros, for the results of a plan at `count` points.
    ///
    /// # Errors
    /// [`TooLarge`](crate::ErrorKind::TooLarge) if they do not fit into the memory that is left.
    pub fn zeros(plan: &Plan, count: usize) -> Result<Self> {
        let numbers = plan.outputs + nnz(&plan.jacobian) + plan.second_order_numbers();
        let bytes = (count as u64).saturating_mul(numbers as u64).saturating_mul(size_of::<T>() as u64);
        if bytes > 1 << 28 {
            let available = memory::available_bytes();
            ensure!(
                bytes <= available,
                TooLarge,
                "the results of {count} points need {}, of {} available",
                memory::in_words(bytes),
                memory::in_words(available)
            );
        }
        let zeros = |wanted: bool, numbers| wanted.then(|| Array2::zeros((count, numbers)));
        let second = |quantity| zeros(plan.quantity == quantity, plan.second_order_numbers());
        Ok(BatchDerivatives {
            value: Array2::zeros((count, plan.outputs)),
            jacobian: zeros(plan.jacobian.is_some(), nnz(&plan.jacobian)),
            hessian_diagonal: second(Quantity::HessianDiagonal),
            laplacian: second(Quantity::Laplacian),
        })
    }

    /// The buffers for [`Plan::run_into`].
    pub fn outputs(&mut self) -> Outputs<'_, T> {
        fn slice<T>(numbers: &mut Option<Array2<T>>) -> &mut [T] {
            numbers.as_mut().and_then(|n| n.as_slice_mut()).unwrap_or_default()
        }
        Outputs {
            value: self.value.as_slice_mut().unwrap_or_default(),
            jacobian: slice(&mut self.jacobian),
            hessian_diagonal: slice(&mut self.hessian_diagonal),
            laplacian: slice(&mut self.laplacian),
        }
    }
}

/// Buffers that results are written into; what the plan does not compute is left alone.
#[derive(Debug, Default)]
pub struct Outputs<'a, T> {
    /// points × m, or empty if not wanted.
    pub value: &'a mut [T],
    /// points × entries of the Jacobian, or empty if not wanted.
    pub jacobian: &'a mut [T],
    /// points × entries of the Hessian diagonal, or empty if not wanted.
    pub hessian_diagonal: &'a mut [T],
    /// points × m, or empty if not wanted.
    pub laplacian: &'a mut [T],
}

impl Plan {
    /// The plan's quantity at one point, m × n; the Laplacian m × 1.
    ///
    /// # Errors
    /// [`PlanMismatch`](crate::ErrorKind::PlanMismatch) for a network of another structure, naming both;
    /// [`Shape`](crate::ErrorKind::Shape) if `x` does not have n numbers; [`NonFinite`](crate::ErrorKind::NonFinite) if one of
    /// them is NaN or infinite, or if a function of the network is not finite there (log at 0, say).
    pub fn run<T: Scalar>(&self, net: &Network<T>, x: ArrayView1<'_, T>) -> Result<CsMat<T>> {
        let all = self.run_all(net, x)?;
        let wanted = match self.quantity {
            Quantity::Jacobian => all.jacobian,
            Quantity::HessianDiagonal => all.hessian_diagonal,
            Quantity::Laplacian => all.laplacian.map(|column| {
                let m = column.len();
                CsMat::new((m, 1), (0..=m).collect(), vec![0; m], column.to_vec())
            }),
        };
        Ok(wanted.expect("a plan computes its quantity"))
    }

    /// Value, Jacobian (if planned) and Hessian diagonal (if planned) at one point, from the same passes.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_all<T: Scalar>(&self, net: &Network<T>, x: ArrayView1<'_, T>) -> Result<Derivatives<T>> {
        let point = x.to_shape((1, x.len())).expect("a row of the same length");
        let batch = self.run_batch(net, point.view())?;
        let matrix = |target: &Option<Target>, values: Option<Array2<T>>| {
            target.as_ref().zip(values).map(|(t, v)| {
                let indices = t.pattern.indices().iter().map(|&j| j as usize).collect();
                let (data, _) = v.into_raw_vec_and_offset();
                CsMat::new((self.outputs, self.inputs), t.pattern.indptr().to_vec(), indices, data)
            })
        };
        Ok(Derivatives {
            value: batch.value.row(0).to_owned(),
            jacobian: matrix(&self.jacobian, batch.jacobian),
            hessian_diagonal: matrix(&self.diagonal, batch.hessian_diagonal),
            laplacian: batch.laplacian.map(|l| l.row(0).to_owned()),
        })
    }

    /// The same at many points, the rows of `points` (B × n).
    ///
    /// # Errors
    /// As [`run`](Self::run), [`Empty`](crate::ErrorKind::Empty) without points, and
    /// [`TooLarge`](crate::ErrorKind::TooLarge) if the results do not fit into the memory that is left.
    pub fn run_batch<T: Scalar>(&self, net: &Network<T>, points: ArrayView2<'_, T>) -> Result<BatchDerivatives<T>> {
        let count = points.nrows();
        let mut result = BatchDerivatives::zeros(self, count)?;
        let points = points.as_standard_layout();
        let points = points.as_slice().expect("standard layout");
        if self.inputs * count != points.len() {
            bail!(Shape, "points of {} numbers for a network of {} inputs", points.len() / count.max(1), self.inputs);
        }
        self.run_into(net, points, result.outputs(), &mut Workspace::new())?;
        Ok(result)
    }

    /// The same, into buffers and with a work space of the caller: nothing is allocated after the first run.
    ///
    /// `points` holds B × n numbers, row after row; entries are written in the order of the plan's patterns.
    /// On any error the buffers hold nothing of use.
    ///
    /// # Errors
    /// As [`run_batch`](Self::run_batch); [`Shape`](crate::ErrorKind::Shape) also for a buffer that is neither empty nor
    /// of the right length.
    pub fn run_into<T: Scalar>(
        &self,
        net: &Network<T>,
        points: &[T],
        outputs: Outputs<'_, T>,
        workspace: &mut Workspace<T>,
    ) -> Result<()> {
        self.structure.check("plan", net.structure())?;
        let n = self.inputs;
        check_points(points, n)?;
        let count = points.len() / n;
        let per_point = [self.outputs, nnz(&self.jacobian), self.second_order_numbers()];
        let (second, name) = match self.quantity {
            Quantity::Laplacian => (outputs.laplacian, "laplacian"),
            _ => (outputs.hessian_diagonal, "hessian_diagonal"),
        };
        let buffers = [outputs.value, outputs.jacobian, second];
        for ((buffer, per_point), what) in buffers.iter().zip(per_point).zip(["value", "jacobian", name]) {
            ensure!(
                buffer.is_empty() || buffer.len() == count * per_point,
                Shape,
                "the buffer for {what} has {} numbers, not {count} × {per_point}",
                buffer.len()
            );
        }
        self.dispatch(net, points, buffers, workspace)
    }

    /// [`compute`](Self::compute) for each type. The library holds them compiled; what is generic up to the kernels would be
    /// compiled again by every user.
    fn dispatch<T: Scalar>(
        &self,
        net: &Network<T>,
        points: &[T],
        buffers: Buffers<'_, T>,
        workspace: &mut Workspace<T>,
    ) -> Result<()> {
        #[inline(never)]
        fn double(plan: &Plan, net: &Network<f64>, x: &[f64], out: Buffers<'_, f64>, w: &Workspace<f64>) -> Result<()> {
            plan.compute(net, x, out, w)
        }
        #[inline(never)]
        fn single(plan: &Plan, net: &Network<f32>, x: &[f32], out: Buffers<'_, f32>, w: &Workspace<f32>) -> Result<()> {
            plan.compute(net, x, out, w)
        }
        let (net, workspace): (&dyn Any, &dyn Any) = (net, workspace);
        if let (Some(net), Some(workspace)) = (net.downcast_ref(), workspace.downcast_ref()) {
            double(self, net, cast_slice(points), buffers.map(cast_slice_mut), workspace)
        } else {
            let of_type = "there are two types";
            let (net, workspace) = (net.downcast_ref().expect(of_type), workspace.downcast_ref().expect(of_type));
            single(self, net, cast_slice(points), buffers.map(cast_slice_mut), workspace)
        }
    }

    /// Runs what has been checked.
    fn compute<T: Scalar>(
        &self,
        net: &Network<T>,
        points: &[T],
        buffers: Buffers<'_, T>,
        workspace: &Workspace<T>,
    ) -> Result<()> {
        let count = points.len() / self.inputs;
        let lanes = self.passes().lanes() as u64;
        let work = self.operations.saturating_mul(1 + 2 * lanes).saturating_mul(count as u64);
        let spread =
            if work > WORTH_THREADS && rayon::current_num_threads() > 1 { Spread::Threads } else { Spread::Here };
        // Side by side only if there is enough to do, and memory for every thread.
        let threads = rayon::current_num_threads();
        let needed = self.workspace_bytes(size_of::<T>()).saturating_mul(threads as u64);
        let roomy = spread == Spread::Threads && needed <= self.max_bytes;
        let samples_apart = roomy && count.div_ceil(self.samples) >= threads;
        let tasks_apart = roomy && !samples_apart && self.program.tasks() >= threads;
        let run = Run { plan: self, net, points, workspace, spread, samples_apart, tasks_apart };
        if spread == Spread::Threads {
            run.reserve(count.min(self.samples));
        }
        run.samples(0..count, buffers)
    }
}

impl Plan {
    /// Numbers of second order in the result of one point.
    fn second_order_numbers(&self) -> usize {
        if self.quantity == Quantity::Laplacian { self.outputs } else { nnz(&self.diagonal) }
    }
}

impl<T: Scalar> Network<T> {
    /// y, the outputs at one point.
    ///
    /// # Errors
    /// As [`Plan::run`], without the plan's.
    pub fn value(&self, x: ArrayView1<'_, T>) -> Result<Array1<T>> {
        let x = x.to_vec();
        check_points(&x, self.inputs())?;
        ensure!(x.len() == self.inputs(), Shape, "x has {} numbers, but the network has {}", x.len(), self.inputs());
        let mut tape = Tape::default();
        tape.record(self, &x, 0, 0, Spread::Threads)?;
        let mut value = vec![T::zero(); self.outputs()];
        copy_values(self, &tape, &mut value);
        Ok(Array1::from(value))
    }

    /// The outputs at many points, the rows of `points` (B × n): B × m.
    ///
    /// # Errors
    /// As [`value`](Self::value), and [`Empty`](crate::ErrorKind::Empty) without points.
    pub fn values(&self, points: ArrayView2<'_, T>) -> Result<Array2<T>> {
        let (n, m) = (self.inputs(), self.outputs());
        ensure!(points.ncols() == n, Shape, "points of {} numbers for a network of {n} inputs", points.ncols());
        let points = points.as_standard_layout();
        check_points(points.as_slice().expect("standard layout"), n)?;
        let mut values = Array2::zeros((points.nrows(), m));
        let block = sample_block(1, tape_size(self));
        let mut tape = Tape::default();
        let blocks = points.axis_chunks_iter(Axis(0), block).zip(values.axis_chunks_iter_mut(Axis(0), block));
        for (number, (points, mut values)) in blocks.enumerate() {
            tape.record(self, points.as_slice().expect("whole rows"), number * block, 0, Spread::Threads)?;
            copy_values(self, &tape, values.as_slice_mut().expect("whole rows"));
        }
        Ok(values)
    }
}

/// Points must be whole and finite.
fn check_points<T: Scalar>(points: &[T], inputs: usize) -> Result<()> {
    ensure!(!points.is_empty(), Empty, "there is no point");
    let whole = points.len().is_multiple_of(inputs);
    ensure!(whole, Shape, "x has {} numbers, but the network has {inputs} inputs", points.len());
    if let Some((at, value)) = first_non_finite(points) {
        bail!(NonFinite, "x[{}] is {value}, in sample {}", at % inputs, at / inputs);
    }
    Ok(())
}

/// The outputs of all samples on the tape, samples × m.
fn copy_values<T: Scalar>(net: &Network<T>, tape: &Tape<T>, value: &mut [T]) {
    let outputs = value.len() / tape.samples();
    let mut column = 0;
    for &output in net.output_layers() {
        let rows = tape.values(output);
        for unit in 0..net.layer(output).units() {
            for (sample, &v) in rows.row(unit).iter().enumerate() {
                value[sample * outputs + column + unit] = v;
            }
        }
        column += net.layer(output).units();
    }
}

fn nnz(target: &Option<Target>) -> usize {
    target.as_ref().map_or(0, |t| t.pattern.nnz())
}

/// One call of a plan.
struct Run<'a, T> {
    plan: &'a Plan,
    net: &'a Network<T>,
    points: &'a [T],
    workspace: &'a Workspace<T>,
    spread: Spread,
    /// Blocks of samples are shared out among the threads; otherwise they follow each other.
    samples_apart: bool,
    /// The tasks of a block are shared out among the threads; otherwise they follow each other, and the threads
    /// share the work inside.
    tasks_apart: bool,
}

/// Buffers for value, Jacobian and Hessian diagonal, or Laplacian, of some samples.
type Buffers<'a, T> = [&'a mut [T]; 3];

impl<T: Scalar> Run<'_, T> {
    /// Makes spaces for all threads, as large as they can become: how many of them a run takes at a time is
    /// chance, and a later run must not allocate.
    fn reserve(&self, samples: usize) {
        let (plan, net) = (self.plan, self.net);
        let threads = rayon::current_num_threads();
        let mut points = lock(&self.workspace.points);
        let count = points.len().max(if self.samples_apart { threads } else { 1 });
        points.resize_with(count, PointSpace::default);
        for space in points.iter_mut() {
            space.tape.reserve(net, samples, plan.order());
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
                Program::Nodal(nodal) => nodal.adjoints.prepare(&mut space.adjoints, nodal.rows * samples),
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
                    tiles.prepare(&mut space.forward, &mut space.sums);
                    if plan.in_order().is_some() {
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

    /// Halves the samples at a multiple of the block until one block is left.
    fn samples(&self, samples: Range<usize>, buffers: Buffers<'_, T>) -> Result<()> {
        let block = self.plan.samples;
        if samples.len() <= block {
            let spread = if self.samples_apart { Spread::Here } else { self.spread };
            return lend(&self.workspace.points, |space| self.block(samples, buffers, space, spread));
        }
        let blocks = samples.len().div_ceil(block);
        let middle = samples.start + blocks / 2 * block;
        let count = (samples.len(), middle - samples.start);
        let [value, jacobian, diagonal] = buffers.map(|b| {
            let per_sample = b.len() / count.0;
            b.split_at_mut(per_sample * count.1)
        });
        let (low, high) = (samples.start..middle, middle..samples.end);
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
        space.tape.record(net, &self.points[range.start * n..range.end * n], range.start, plan.order(), spread)?;
        let [value, jacobian, second] = buffers;
        if !value.is_empty() {
            copy_values(net, &space.tape, value);
        }
        let PointSpace { tape, adjoints, packed } = space;
        let tape = &*tape;
        if let Some(tiles) = plan.in_order() {
            self.in_order(tiles, 0..tiles.count(), tape, [jacobian, second]);
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
                let point = Point { net, tape };
                self.tasks(spread, &mut packed[..tiles.count()], |tile, _, space, packed| {
                    let packed = [&mut packed.jacobian[..], &mut packed.diagonal];
                    tiles.outputs(point, tile, &mut space.forward, &mut space.sums, packed);
                });
                self.workspace.count(plan.program.passes());
            }
            Program::Forward { sweep, inputs, .. } => {
                self.tasks(spread, &mut packed[..inputs.blocks()], |task, spread, lane_space, packed| {
                    let lanes = inputs.lanes(task, samples);
                    let pass = Pass { net, tape, lanes, spread };
                    sweep.sweep(pass, |q| inputs.seeds(task, samples, q), &mut lane_space.forward, |_, _, _| ());
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
            Program::Nodal(nodal) => self.nodal(nodal, tape, adjoints, packed, spread),
            Program::ReverseOverForward(rof) => {
                for number in 0..rof.rounds.len() {
                    self.round(rof, number, tape, adjoints, packed, spread);
                }
            }
        }
        let packed = &*packed;
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

    /// Tiles that make stretches of the results: what a tile packs is put into its place while it is in the cache.
    fn in_order(&self, tiles: &Tiles, range: Range<usize>, tape: &Tape<T>, results: [&mut [T]; 2]) {
        let targets = [&self.plan.jacobian, &self.plan.diagonal];
        // A result that is not wanted has no numbers.
        let entries = |target: &Option<Target>, tiles: Range<usize>, result: &[T]| match target {
            Some(target) if !result.is_empty() => {
                let first = target.readout.follow().expect("results in order");
                first[tiles.start]..first[tiles.end]
            }
            _ => 0..0,
        };
        let [jacobian, second] = results;
        if range.len() > 1 {
            let middle = range.start.midpoint(range.end);
            let low = range.start..middle;
            let at = entries(targets[0], low.clone(), jacobian).len();
            let jacobian = jacobian.split_at_mut(at);
            let at = entries(targets[1], low.clone(), second).len();
            let second = second.split_at_mut(at);
            let low = || self.in_order(tiles, low, tape, [jacobian.0, second.0]);
            let mut high = || self.in_order(tiles, middle..range.end, tape, [jacobian.1, second.1]);
            if self.tasks_apart {
                rayon::join(low, high);
            } else {
                low();
                high();
            }
            return;
        }
        lend(&self.workspace.lanes, |space| {
            let LaneSpace { forward, sums, packed, .. } = space;
            self.fit(range.start, packed, 1);
            let point = Point { net: self.net, tape };
            tiles.outputs(point, range.start, forward, sums, [&mut packed.jacobian, &mut packed.diagonal]);
            for (target, result, packed) in
                [(targets[0], jacobian, &packed.jacobian), (targets[1], second, &packed.diagonal)]
            {
                let entries = entries(target, range.clone(), result);
                if let Some(target) = target.as_ref().filter(|_| !entries.is_empty()) {
                    target.readout.unpack(&target.pattern, entries, |_| packed, 1, 0, result);
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

    fn nodal(
        &self,
        nodal: &Nodal,
        tape: &Tape<T>,
        adjoints: &mut Vec<Buffer<T>>,
        packed: &mut [Packed<T>],
        spread: Spread,
    ) {
        let (net, samples) = (self.net, tape.samples());
        let adjoint_lanes = Lanes { count: nodal.rows, samples };
        nodal.adjoints.adjoints(Pass { net, tape, lanes: adjoint_lanes, spread }, &nodal.seeds, adjoints);
        self.workspace.count(Passes::reverse(nodal.rows));
        let adjoint = |id| nodal.adjoints.block(net, adjoints, id, adjoint_lanes);
        if self.plan.jacobian.is_some() {
            pack(&self.plan.jacobian, 0, 0, samples, adjoint, &mut packed[0].jacobian);
        }
        if let Some(tiles) = &nodal.tiles {
            let (point, adjoint) = (Point { net, tape }, |id| nodal.sums(id).then(|| adjoint(id)));
            let weighted = Weighted { rows: nodal.rows, adjoint: &adjoint };
            self.tasks(spread, &mut packed[..tiles.count()], |tile, _, space, packed| {
                tiles.sums(point, tile, &mut space.forward, &mut space.sums, weighted, &mut packed.diagonal);
            });
            self.workspace.count(Passes::forward(tiles.lanes()));
            return;
        }
        self.tasks(spread, &mut packed[..nodal.inputs.blocks()], |task, spread, lane_space, packed| {
            let lanes = nodal.inputs.lanes(task, samples);
            let pass = Pass { net, tape, lanes, spread };
            let LaneSpace { forward, sums, .. } = lane_space;
            nodal.prepare(sums, lanes.len().max(adjoint_lanes.len()));
            packed.diagonal.fill(T::zero());
            let mut summing = Summing { nodal, task, pass, space: sums, packed: &mut packed.diagonal };
            let seeds = |q| nodal.inputs.seeds(task, samples, q);
            nodal.tangents.sweep(pass, seeds, forward, |id, rows, operands| {
                summing.add(id, rows, adjoint(id), operands);
            });
            self.workspace.count(Passes::forward(lanes.count));
        });
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
