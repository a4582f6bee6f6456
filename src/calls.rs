//! One-call helpers; who calls more than once prepares a [`Plan`].

use crate::error::Result;
use crate::network::Network;
use crate::plan::Plan;
use crate::scalar::Scalar;
use crate::strategy::Quantity;
use ndarray::ArrayView1;
use sprs::CsMat;

/// dy_i/dx_j for every output and input, m × n. Plans and runs once.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::run`].
pub fn jacobian<T: Scalar>(net: &Network<T>, x: ArrayView1<'_, T>) -> Result<CsMat<T>> {
    Plan::new(net, Quantity::Jacobian)?.run(net, x)
}

/// d²y_i/dx_j² for every output and input, m × n. Plans and runs once.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::run`].
pub fn hessian_diagonal<T: Scalar>(net: &Network<T>, x: ArrayView1<'_, T>) -> Result<CsMat<T>> {
    Plan::new(net, Quantity::HessianDiagonal)?.run(net, x)
}
