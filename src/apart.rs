//! Inputs kept apart at the curved units: colors such that a tangent lane holds ∂z_k/∂x_j itself, for one j, at every
//! curved unit k that reaches an output.
//!
//! Then the square of a lane is the square of a derivative, and the sum of the squares over all lanes is
//! Σ_j (∂z_k/∂x_j)². Of a product a·b the inputs of both operands count, R(a) ∪ R(b), so that the product of two lanes is
//! that of two derivatives by the same input.

use crate::coloring::{Order, Side, partial_distance2_coloring};
use crate::compress::Colors;
use crate::error::Result;
use crate::network::{LayerId, Network};
use crate::scalar::Scalar;
use crate::sparsity::{Meeting, Sparsity};

/// Colors of which the inputs of no meeting share one.
///
/// # Errors
/// [`TooLarge`](crate::ErrorKind::TooLarge) if the meetings need more memory than allowed.
pub(crate) fn color(sparsity: &Sparsity, mut meetings: Vec<Meeting>, order: Order) -> Result<Colors> {
    meetings.sort_unstable();
    let together = sparsity.unions(&meetings)?;
    let coloring = partial_distance2_coloring(&together, Side::Columns, order);
    Ok(Colors::occupied(&together, &coloring))
}

/// The curved layers, each with the most inputs that one of its units sees, and that unit: no fewer colors will do, if it
/// reaches an output.
pub(crate) fn widest<T: Scalar>(net: &Network<T>, sparsity: &Sparsity) -> Vec<(LayerId, (usize, usize))> {
    let curved = net.layers().filter(|(_, layer)| layer.kind().is_curved());
    curved.map(|(id, layer)| (id, sparsity.widest(net.operands(id)[0], layer.shape()))).collect()
}
