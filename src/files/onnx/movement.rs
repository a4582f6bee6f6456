//! [`Movement`]: operators that only move numbers, for constants and for the units of layers alike.

use super::tensor::{Shared, check_size};
use crate::error::{Result, bail, ensure};
use ndarray::{ArrayD, IxDyn};

/// A tensor made of the entries of another.
#[derive(Clone, Debug)]
pub(super) enum Movement {
    /// The same entries in another shape.
    Reshape(Vec<usize>),
    /// Axis `a` of the result is axis `order[a]`.
    Transpose(Vec<usize>),
    /// The entries at these positions of an axis, which may repeat.
    Select(usize, Vec<usize>),
    /// Broadcast to a shape, as NumPy does.
    Expand(Vec<usize>),
    /// The entries at these places of the flattened tensor.
    Pick(Vec<usize>, Vec<usize>),
}

impl Movement {
    /// The shape of the result.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape), [`OutOfRange`](crate::ErrorKind::OutOfRange),
    /// [`TooLarge`](crate::ErrorKind::TooLarge) if the movement does not fit a tensor of this shape.
    pub(super) fn shape(&self, from: &[usize]) -> Result<Vec<usize>> {
        let shape = match self {
            Movement::Reshape(shape) => {
                let same = check_size(shape)? == check_size(from)?;
                ensure!(same, Shape, "a tensor of shape {from:?} cannot have the shape {shape:?}");
                shape.clone()
            }
            Movement::Transpose(order) => {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                let permutes = sorted.iter().copied().eq(0..from.len());
                ensure!(permutes, Shape, "{order:?} is not an order of the axes of {from:?}");
                order.iter().map(|&a| from[a]).collect()
            }
            Movement::Select(axis, positions) => {
                let Some(&len) = from.get(*axis) else { bail!(Shape, "axis {axis} of a tensor of shape {from:?}") };
                if let Some(p) = positions.iter().find(|&&p| p >= len) {
                    bail!(OutOfRange, "position {p} of axis {axis}, which has {len}");
                }
                let mut shape = from.to_vec();
                shape[*axis] = positions.len();
                shape
            }
            Movement::Expand(shape) => {
                ensure!(
                    broadcast_shape(from, shape)? == *shape,
                    Shape,
                    "a tensor of shape {from:?} cannot be spread over the shape {shape:?}"
                );
                shape.clone()
            }
            Movement::Pick(places, shape) => {
                let (len, picked) = (check_size(from)?, check_size(shape)?);
                ensure!(picked == places.len(), Shape, "{} places for the shape {shape:?}", places.len());
                ensure!(places.iter().all(|&p| p < len), OutOfRange, "a place beyond the {len} numbers of {from:?}");
                shape.clone()
            }
        };
        check_size(&shape)?;
        Ok(shape)
    }

    /// The moved tensor; [`shape`](Self::shape) has been asked.
    pub(super) fn apply<T: Clone>(&self, x: &Shared<T>) -> Shared<T> {
        let in_order = |x: ArrayD<T>, shape: &[usize]| {
            x.into_shape_with_order(IxDyn(shape)).expect("as many entries").into_shared()
        };
        match self {
            Movement::Reshape(shape) if x.is_standard_layout() => {
                x.clone().into_shape_with_order(IxDyn(shape)).expect("as many entries")
            }
            Movement::Reshape(shape) => in_order(x.as_standard_layout().into_owned(), shape),
            Movement::Transpose(order) => x.clone().permuted_axes(IxDyn(order)),
            Movement::Select(axis, positions) => {
                let mut shape = x.shape().to_vec();
                let inner: usize = shape[axis + 1..].iter().product();
                let each = shape[*axis] * inner;
                shape[*axis] = positions.len();
                let flat = x.as_standard_layout();
                let flat = flat.as_slice().expect("C order");
                let mut selected = Vec::with_capacity(shape.iter().product());
                for outer in flat.chunks(each.max(1)) {
                    positions.iter().for_each(|p| selected.extend_from_slice(&outer[p * inner..][..inner]));
                }
                super::tensor::array(&shape, selected)
            }
            Movement::Expand(shape) => {
                x.broadcast(IxDyn(shape)).expect("shapes were checked").as_standard_layout().into_owned().into_shared()
            }
            Movement::Pick(places, shape) => {
                let flat = x.as_standard_layout();
                let flat = flat.as_slice().expect("C order");
                let picked: Vec<T> = places.iter().map(|&p| flat[p].clone()).collect();
                super::tensor::array(shape, picked)
            }
        }
    }
}

/// The shape of two tensors broadcast together, as NumPy does.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) if lengths other than one differ.
pub(super) fn broadcast_shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |k| shape[k]);
    let length = |axis| match (at(a, axis), at(b, axis)) {
        (x, y) if x == y => Ok(x),
        (1, y) => Ok(y),
        (x, 1) => Ok(x),
        _ => bail!(Shape, "tensors of shapes {a:?} and {b:?} do not fit together"),
    };
    (0..rank).map(length).collect()
}

/// An axis counted from the front; negative ones count from the back.
///
/// # Errors
/// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for an axis that a tensor of this rank does not have.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize> {
    let rank_signed = rank as i64;
    ensure!((-rank_signed..rank_signed).contains(&axis), InvalidParameter, "axis {axis} of a tensor with {rank} axes");
    Ok(axis.rem_euclid(rank_signed) as usize)
}

/// Different axes counted from the front.
///
/// # Errors
/// As [`axis`], and for an axis named twice.
pub(super) fn axes(list: &[i64], rank: usize) -> Result<Vec<usize>> {
    let axes: Vec<usize> = list.iter().map(|&a| axis(a, rank)).collect::<Result<_>>()?;
    for (k, a) in axes.iter().enumerate() {
        ensure!(!axes[..k].contains(a), InvalidParameter, "axis {a} is named twice in {list:?}");
    }
    Ok(axes)
}
