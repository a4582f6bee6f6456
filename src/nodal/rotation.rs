//! Laplacians by rotated inputs: fewer tangent lanes, and zeros in them.
//!
//! A rotation of the inputs leaves the Laplacian as it is. Where one dense layer alone reads them, z = W x + b with W = L Q,
//! L lower trapezoidal and the rows of Q orthonormal, every layer behind sees the inputs through W, so that J_k = K_k L Q
//! and ‖J_k‖² = ‖K_k L‖²: the tangents may begin as the columns of L in place of those of W. There are no more of them
//! than units in the layer, and column c is zero before row c, which a product with a block of lanes leaves out.
//!
//! Exact: L Lᵀ = W Wᵀ, and `Σ_j a_j b_j` over the inputs of two rows K_a W, K_b W is K_a W Wᵀ K_bᵀ. L is made of the weights
//! by Householder reflections, as exactly as a product with W is: ‖W − L Q‖ is some ulp of ‖W‖.

use crate::buffer::Buffer;
use crate::cost::Points;
use crate::layer::Kind;
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::{Scalar, vectorized};
use crate::spread::Spread;

/// The layer whose weights are made triangular, and the lanes that are left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    pub(crate) layer: LayerId,
    pub(crate) lanes: usize,
}

impl Rotation {
    /// Of a network whose inputs one dense layer alone reads; if it pays at so many points.
    pub(crate) fn of<T: Scalar>(net: &Network<T>, points: Points) -> Option<Self> {
        /// Points that come at least where there are many.
        const MANY: usize = 64;
        /// Operations of a product that take as long as one of a reflection, which reads its numbers anew each time.
        const SLOWER: usize = 4;
        let &[input] = net.input_layers() else { return None };
        let mut readers = net.readers(input);
        let (Some((layer, _)), None) = (readers.next(), readers.next()) else { return None };
        let Kind::Dense(dense) = net.layer(layer).kind() else { return None };
        if points != Points::Many || net.output_layers().contains(&input) {
            return None;
        }
        let (units, inputs) = dense.weight().dim();
        let lanes = units.min(inputs);
        // Half of the reflections' numbers are zero, and half of the lanes' numbers where the next product reads them.
        let made = SLOWER * lanes * units * inputs;
        let behind = net.layers().filter(|&(id, _)| id != layer);
        let behind: usize = behind.map(|(id, _)| net.operations_of(id) as usize / 2).sum();
        let saved = (inputs - lanes) * behind + lanes * lanes / 2 * next(net, layer);
        (MANY.saturating_mul(saved) > made).then_some(Rotation { layer, lanes })
    }

    /// The rows that stand in the place of the layer's weights.
    pub(crate) fn make<'a, T: Scalar>(
        &self,
        net: &Network<T>,
        space: &'a mut Buffer<T>,
        spread: Spread,
    ) -> Rows<'a, T> {
        let Kind::Dense(dense) = net.layer(self.layer).kind() else { unreachable!("the layer is dense") };
        let [weight, _] = dense.parameters();
        let columns = dense.weight().ncols();
        space.resize(weight.len());
        space.copy_from_slice(weight);
        make_lower(space, columns, spread);
        Rows { data: space, width: self.lanes, stride: columns }
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

/// Turns the rows of a matrix, of `columns` numbers each, so that row k has nothing behind number k: `W ← L`.
fn make_lower<T: Scalar>(matrix: &mut [T], columns: usize, spread: Spread) {
    let rows = matrix.len() / columns;
    for c in 0..rows.min(columns) {
        let (above, below) = matrix.split_at_mut((c + 1) * columns);
        let v = &mut above[c * columns + c..];
        let Some(reflection) = Reflection::of(v) else { continue };
        spread.rows(below, columns, (1 << 14) / columns + 1, |_, rows| {
            vectorized(
                #[inline(always)]
                || rows.chunks_exact_mut(columns).for_each(|row| reflection.apply(v, &mut row[c..])),
            );
        });
        v.fill(T::zero());
        v[0] = reflection.length;
    }
}

/// `x ← x + factor (v · x) v`, which turns what v has been to `(length, 0, …, 0)`.
struct Reflection<T> {
    factor: T,
    length: T,
}

impl<T: Scalar> Reflection<T> {
    /// Makes v of the row that is to be turned; none if it is zero behind its first number.
    fn of(v: &mut [T]) -> Option<Self> {
        if v[1..].iter().all(|x| x.is_zero()) {
            return None;
        }
        // Scaled, or the squares overflow.
        let largest = v.iter().fold(T::zero(), |largest, x| largest.max(x.abs()));
        v.iter_mut().for_each(|x| *x /= largest);
        let norm = v.iter().fold(T::zero(), |sum, &x| x.mul_add(x, sum)).sqrt();
        // The sign that adds up.
        let length = if v[0] > T::zero() { -norm } else { norm };
        v[0] -= length;
        // vᵀ v = -2 length v₀.
        Some(Reflection { factor: (length * v[0]).recip(), length: length * largest })
    }

    #[inline(always)]
    fn apply(&self, v: &[T], x: &mut [T]) {
        let (vectors, rest) = v.as_chunks::<8>();
        let (of_x, rest_of_x) = x.as_chunks::<8>();
        let mut sums = [T::zero(); 8];
        for (v, x) in vectors.iter().zip(of_x) {
            for i in 0..8 {
                sums[i] = v[i].mul_add(x[i], sums[i]);
            }
        }
        let sum =
            sums.into_iter().chain(rest.iter().zip(rest_of_x).map(|(&v, &x)| v * x)).fold(T::zero(), |s, t| s + t);
        let scale = sum * self.factor;
        x.iter_mut().zip(v).for_each(|(x, &v)| *x = v.mul_add(scale, *x));
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
        for (rows, columns) in [(1, 1), (1, 5), (5, 1), (4, 9), (9, 4), (30, 64), (64, 30), (17, 17)] {
            for scale in [1.0, 1e-200, 1e200] {
                for kind in 0..4 {
                    let number = |k: usize, j: usize| match kind {
                        1 if k.is_multiple_of(2) => 0.0,
                        2 => test_number(j) * scale,
                        3 if j >= 2 => 0.0,
                        _ => test_number(k * columns + j) * scale,
                    };
                    let matrix: Vec<f64> = (0..rows * columns).map(|at| number(at / columns, at % columns)).collect();
                    let mut lower = matrix.clone();
                    make_lower(&mut lower, columns, Spread::Here);
                    let product = |matrix: &[f64], a: usize, b: usize| -> f64 {
                        (0..columns).map(|j| matrix[a * columns + j] / scale * (matrix[b * columns + j] / scale)).sum()
                    };
                    for (a, b) in (0..rows).flat_map(|a| (0..rows).map(move |b| (a, b))) {
                        let (made, exact) = (product(&lower, a, b), product(&matrix, a, b));
                        assert!((made - exact).abs() < 1e-13, "{rows}×{columns}, kind {kind}: {made} for {exact}");
                    }
                    assert!((0..rows * columns).all(|at| at % columns <= at / columns || lower[at] == 0.0));
                }
            }
        }
    }

    /// The same bits whoever makes the rows.
    #[test]
    fn threads_make_the_same() {
        let matrix: Vec<f32> = (0..200 * 300).map(|at| test_number(at) as f32).collect();
        let made = [Spread::Here, Spread::Threads].map(|spread| {
            let mut lower = matrix.clone();
            make_lower(&mut lower, 300, spread);
            lower
        });
        assert_eq!(made[0], made[1]);
    }
}
