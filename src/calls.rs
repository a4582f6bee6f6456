//! One-call helpers; who calls more than once prepares a [`Plan`].

use crate::error::Result;
use crate::network::Network;
use crate::plan::{Plan, PlanOptions};
use crate::scalar::Scalar;
use crate::strategy::Quantity;
use ndarray::{Array1, ArrayView1};
use sprs::CsMat;

/// dy_i/dx_j for every output and input, m × n. Plans and runs once.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::run`].
pub fn jacobian<T: Scalar>(net: &Network<T>, x: ArrayView1<'_, T>) -> Result<CsMat<T>> {
    at_one_point(net, Quantity::Jacobian)?.run(net, x)
}

/// d²y_i/dx_j² for every output and input, m × n. Plans and runs once.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::run`].
pub fn hessian_diagonal<T: Scalar>(net: &Network<T>, x: ArrayView1<'_, T>) -> Result<CsMat<T>> {
    at_one_point(net, Quantity::HessianDiagonal)?.run(net, x)
}

/// Σ_j d²y_i/dx_j² for every output, m numbers. Plans and runs once.
///
/// ```
/// use colorjet::{Activation, Network, laplacian};
/// use ndarray::array;
///
/// // y = (x₀ + x₁)² + (x₀ − x₁)²: the Laplacian is 8.
/// let net = Network::chain([2])
///     .dense(array![[1.0, 1.0], [1.0, -1.0]], None)
///     .activation(Activation::Square)
///     .dense(array![[1.0, 1.0]], None)
///     .build()?;
/// assert_eq!(laplacian(&net, array![0.3, -0.7].view())?, array![8.0]);
/// # Ok::<(), colorjet::Error>(())
/// ```
///
/// # Errors
/// As [`Plan::new`] and [`Plan::run_all`].
pub fn laplacian<T: Scalar>(net: &Network<T>, x: ArrayView1<'_, T>) -> Result<Array1<T>> {
    let all = at_one_point(net, Quantity::Laplacian)?.run_all(net, x)?;
    Ok(all.laplacian.expect("a plan computes its quantity"))
}

fn at_one_point<T: Scalar>(net: &Network<T>, quantity: Quantity) -> Result<Plan> {
    Plan::with(net, &PlanOptions::new(quantity).points(1))
}
