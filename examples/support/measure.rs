//! Plans and runs, with a stopwatch.

use crate::clock::timed;
use colorjet::{Network, Outputs, Plan, PlanOptions, Quantity, Result, Scalar, Workspace};
use std::time::{Duration, Instant};

/// Runs are repeated at most so often, and no longer than [`PATIENCE`].
const REPEATS: usize = 7;
const PATIENCE: Duration = Duration::from_millis(500);

/// What a plan computed at one point, and the least time it took.
pub struct Measured {
    pub value: Vec<f64>,
    /// In the order of the plan's pattern.
    pub entries: Vec<f64>,
    pub time: Duration,
}

/// A plan and the time it took.
pub fn prepare<T: Scalar>(net: &Network<T>, options: &PlanOptions) -> Result<(Plan, Duration)> {
    let (time, plan) = timed(|| Plan::with(net, options));
    Ok((plan?, time))
}

/// Runs a plan several times, in memory that is allocated by the first run.
pub fn measure<T: Scalar>(plan: &Plan, net: &Network<T>, x: &[T]) -> Result<Measured> {
    let mut value = vec![T::zero(); plan.outputs()];
    let mut entries = vec![T::zero(); plan.pattern().nnz()];
    let mut workspace = Workspace::new();
    let mut least = Duration::MAX;
    let start = Instant::now();
    for _ in 0..REPEATS {
        let mut outputs = Outputs { value: &mut value, ..Outputs::default() };
        match plan.quantity() {
            Quantity::Jacobian => outputs.jacobian = &mut entries,
            _ => outputs.hessian_diagonal = &mut entries,
        }
        let (time, result) = timed(|| plan.run_into(net, x, outputs, &mut workspace));
        result?;
        least = least.min(time);
        if start.elapsed() > PATIENCE {
            break;
        }
    }
    let exact = |numbers: Vec<T>| numbers.into_iter().map(Scalar::to_f64).collect();
    Ok(Measured { value: exact(value), entries: exact(entries), time: least })
}
