//! Laplacians by rotated inputs: fewer tangent lanes, and zeros in them.
//!
//! A rotation of the inputs leaves the Laplacian as it is. Where one dense layer alone reads them, z = W x + b with W = L Q,
//! L lower trapezoidal and the rows of Q orthonormal, every layer behind sees the inputs through W, so that J_k = K_k L Q
//! and ‖J_k‖² = ‖K_k L‖²: the tangents may begin as the columns of L in place of those of W. There are no more of them
//! than units in the layer, and column c is zero before row c, which a product with a block of lanes leaves out.
//!
//! Exact: L Lᵀ = W Wᵀ, and `Σ_j a_j b_j` over the inputs of two rows K_a W, K_b W is K_a W Wᵀ K_bᵀ: all that the nodal sums
//! and the lane of forward-laplacian take from the tangents is such a sum over all lanes. L is made of the weights
//! by Householder reflections (a QR factorization of Wᵀ), as exactly as a product with W is: ‖W − L Q‖ is some ulp of ‖W‖.

use crate::buffer::Buffer;
use crate::cost::Points;
use crate::layer::Kind;
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::Scalar;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::qr::no_pivoting::factor::{qr_in_place, qr_in_place_scratch, recommended_block_size};
use faer::{MatMut, Par, Spec};
use std::fmt;

/// The layer whose weights are made triangular, and the lanes that are left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    pub(crate) layer: LayerId,
    pub(crate) lanes: usize,
    /// Numbers of the layer's weights, of which every call has a copy.
    pub(crate) weights: usize,
}

impl Rotation {
    /// Of a network whose inputs one dense layer alone reads; if it pays at so many points, for each of which as many products
    /// are spared, while L is made once.
    pub(crate) fn of<T: Scalar>(net: &Network<T>, count: usize) -> Option<Self> {
        /// Products that take as long as the begin of applying a reflection to a row, and as one number of it.
        const ROW: usize = 2500;
        const NUMBER: usize = 2;
        let &[input] = net.input_layers() else { return None };
        let mut readers = net.readers(input);
        let (Some((layer, _)), None) = (readers.next(), readers.next()) else { return None };
        let Kind::Dense(dense) = net.layer(layer).kind() else { return None };
        if Points::of(Some(count)) != Points::Many || net.output_layers().contains(&input) {
            return None;
        }
        let (units, inputs) = dense.weight().dim();
        let lanes = units.min(inputs);
        let applied = lanes * units - lanes * lanes / 2;
        let made = applied * (ROW + NUMBER * inputs);
        // Lanes that there are not, and half of the numbers of the others where the next layer reads them.
        let behind = net.layers().filter(|&(id, _)| id != layer);
        let behind: usize = behind.map(|(id, _)| net.operations_of(id) as usize / 2).sum();
        let saved = (inputs - lanes) * behind + lanes * lanes / 2 * next(net, layer);
        (count.saturating_mul(saved) > made).then_some(Rotation { layer, lanes, weights: units * inputs })
    }

    /// The rows that stand in the place of the layer's weights.
    pub(crate) fn make<'a, T: Scalar>(&self, net: &Network<T>, space: &'a mut RotationSpace<T>) -> Rows<'a, T> {
        let Kind::Dense(dense) = net.layer(self.layer).kind() else { unreachable!("the layer is dense") };
        let [weight, _] = dense.parameters();
        let columns = dense.weight().ncols();
        space.lower.resize(weight.len());
        space.lower.copy_from_slice(weight);
        space.make_lower(columns);
        Rows { data: &space.lower, width: self.lanes, stride: columns }
    }
}

/// Units of the dense layer that reads the functions of a layer, if there is one.
fn next<T: Scalar>(net: &Network<T>, layer: LayerId) -> usize {
    let of = |(reader, _)| match net.layer(reader).kind() {
        Kind::Dense(dense) => dense.weight().nrows(),
        Kind::Elementwise(_) => next(net, reader),
        _ => 0,
    };
    net.readers(layer).map(of).sum()
}

/// The memory of a rotation, kept for the next one.
pub(crate) struct RotationSpace<T> {
    lower: Buffer<T>,
    factors: Buffer<T>,
    stack: (usize, MemBuffer),
}

impl<T> Default for RotationSpace<T> {
    fn default() -> Self {
        RotationSpace {
            lower: Buffer::default(),
            factors: Buffer::default(),
            stack: (0, MemBuffer::new(StackReq::EMPTY)),
        }
    }
}

impl<T> fmt::Debug for RotationSpace<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotationSpace")
    }
}

impl<T: Scalar> RotationSpace<T> {
    /// Turns the rows of the matrix, of so many numbers each, until row k has nothing behind number k: `W ← L`. By columns it
    /// is Wᵀ = Qᵀ Lᵀ, a QR factorization.
    fn make_lower(&mut self, columns: usize) {
        let RotationSpace { lower, factors, stack: (bytes, stack) } = self;
        let rows = lower.len() / columns;
        let (rank, block) = (rows.min(columns), recommended_block_size::<T>(columns, rows));
        factors.resize(block * rank);
        let request = qr_in_place_scratch::<T>(columns, rows, block, Par::Seq, Spec::default());
        let needed = request.unaligned_bytes_required();
        if *bytes < needed {
            (*bytes, *stack) = (needed, MemBuffer::new(request));
        }
        let transposed = MatMut::from_column_major_slice_mut(&mut lower[..], columns, rows);
        let factors = MatMut::from_column_major_slice_mut(&mut factors[..], block, rank);
        qr_in_place(transposed, factors, Par::Seq, MemStack::new(stack), Spec::default());
        for (k, row) in lower.chunks_exact_mut(columns).enumerate() {
            // The reflections lie here.
            row[columns.min(k + 1)..].fill(T::zero());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::test_number;

    /// `L Lᵀ = W Wᵀ`, and nothing behind the diagonal; of matrices of all shapes, with rows that are zero or alike, and numbers
    /// whose squares overflow.
    #[test]
    fn rows_keep_their_products() {
        for (rows, columns) in
            [(1, 1), (1, 5), (5, 1), (4, 9), (9, 4), (30, 64), (64, 30), (17, 17), (100, 70), (70, 200)]
        {
            for scale in [1.0, 1e-200, 1e200] {
                for kind in 0..4 {
                    let number = |k: usize, j: usize| match kind {
                        1 if k.is_multiple_of(2) => 0.0,
                        2 => test_number(j) * scale,
                        3 if j >= 2 => 0.0,
                        _ => test_number(k * columns + j) * scale,
                    };
                    let matrix: Vec<f64> = (0..rows * columns).map(|at| number(at / columns, at % columns)).collect();
                    let mut space = RotationSpace::default();
                    space.lower.resize(matrix.len());
                    space.lower.copy_from_slice(&matrix);
                    space.make_lower(columns);
                    let lower = &space.lower[..];
                    let product = |matrix: &[f64], a: usize, b: usize| -> f64 {
                        (0..columns).map(|j| matrix[a * columns + j] / scale * (matrix[b * columns + j] / scale)).sum()
                    };
                    for (a, b) in (0..rows).flat_map(|a| (0..rows).map(move |b| (a, b))) {
                        let (made, exact) = (product(lower, a, b), product(&matrix, a, b));
                        assert!((made - exact).abs() < 1e-13, "{rows}×{columns}, kind {kind}: {made} for {exact}");
                    }
                    assert!((0..rows * columns).all(|at| at % columns <= at / columns || lower[at] == 0.0));
                }
            }
        }
    }
}
