//! What a plan computes, and the buffers that it is written into.

use crate::error::{Result, ensure};
use crate::memory;
use crate::plan::Plan;
use crate::scalar::Scalar;
use crate::strategy::Quantity;
use ndarray::{Array1, Array2};
use sprs::CsMat;

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
        let [value, jacobian, second] = plan.numbers();
        let numbers = (value + jacobian + second) as u64;
        let bytes = (count as u64).saturating_mul(numbers).saturating_mul(size_of::<T>() as u64);
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
        Ok(BatchDerivatives {
            value: Array2::zeros((count, value)),
            jacobian: zeros(plan.jacobian.is_some(), jacobian),
            hessian_diagonal: zeros(plan.quantity == Quantity::HessianDiagonal, second),
            laplacian: zeros(plan.quantity == Quantity::Laplacian, second),
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
