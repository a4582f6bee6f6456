//! The calls of a plan and of a network: what is given is checked, and run for its type.

use crate::error::{Result, bail, ensure};
use crate::network::Network;
use crate::plan::Plan;
use crate::planner::sample_block;
use crate::program::Target;
use crate::results::{BatchDerivatives, Derivatives, Outputs};
use crate::run::{Buffers, Run};
use crate::scalar::{Scalar, first_non_finite};
use crate::spread::Spread;
use crate::strategy::Quantity;
use crate::tape::{Tape, tape_size};
use crate::workspace::Workspace;
use bytemuck::{cast_slice, cast_slice_mut};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use sprs::CsMat;
use std::any::Any;

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
        let per_point = self.numbers();
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

    /// Runs what has been checked. The library holds this compiled for each type; what is generic up to the kernels would
    /// be compiled again by every user.
    fn dispatch<T: Scalar>(
        &self,
        net: &Network<T>,
        points: &[T],
        buffers: Buffers<'_, T>,
        workspace: &mut Workspace<T>,
    ) -> Result<()> {
        #[inline(never)]
        fn double(plan: &Plan, net: &Network<f64>, x: &[f64], out: Buffers<'_, f64>, w: &Workspace<f64>) -> Result<()> {
            Run::new(plan, net, x, w).all(out)
        }
        #[inline(never)]
        fn single(plan: &Plan, net: &Network<f32>, x: &[f32], out: Buffers<'_, f32>, w: &Workspace<f32>) -> Result<()> {
            Run::new(plan, net, x, w).all(out)
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
        tape.record(self, &x, 0, 0, Spread::Threads, &mut ())?;
        let mut value = vec![T::zero(); self.outputs()];
        tape.outputs(self, &mut value);
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
        let block = sample_block::<T>(1, 1, self.operations(), tape_size(self));
        let mut tape = Tape::default();
        let blocks = points.axis_chunks_iter(Axis(0), block).zip(values.axis_chunks_iter_mut(Axis(0), block));
        for (number, (points, mut values)) in blocks.enumerate() {
            tape.record(self, points.as_slice().expect("whole rows"), number * block, 0, Spread::Threads, &mut ())?;
            tape.outputs(self, values.as_slice_mut().expect("whole rows"));
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
