//! Layers: what a node of the network computes. One file for each kind, which holds everything that is
//! true of that kind: its shape, its dependencies, its values, and its derivative rules in both directions.
//!
//! All rules *pull*: they make any range of rows of their result from whole operands, so that a layer can be
//! computed in pieces, by any number of threads, with the same bits.

mod broadcast;
mod conv;
mod dense;
mod elementwise;
mod gather;
mod lanes;
pub(crate) mod product;
mod seeds;
mod select;
mod sparse;
pub(crate) mod stencil;
mod sum;
mod window;

pub use broadcast::Broadcast;
pub use conv::{Conv, ConvOptions};
pub use dense::Dense;
pub use elementwise::Elementwise;
pub(crate) use elementwise::Slopes;
pub(crate) use gather::FILL;
pub use gather::Gather;
pub(crate) use lanes::Lanes;
pub(crate) use seeds::{Seeds, Sharing};
pub use select::Select;
pub use sparse::Sparse;
pub use sum::Sum;
pub(crate) use window::Side;
pub use window::Window;

use crate::error::{Result, bail};
use crate::gemm::Matrix;
use crate::rows::Rows;
use crate::scalar::{Scalar, first_non_finite};
use crate::sets::{SetId, Sets};
use std::ops::Range;
use stencil::{Place, Stencil, Weights};

/// What a layer computes.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Kind<T> {
    /// Part of the network's input.
    Input,
    /// `y = W x + b`.
    Dense(Dense<T>),
    /// `y = A x + b`, `A` in compressed rows.
    Sparse(Sparse<T>),
    /// Convolution over one to three axes.
    Conv(Conv<T>),
    /// Units moved or repeated, or a constant.
    Gather(Gather<T>),
    /// Weighted sum of operands.
    Sum(Sum<T>),
    /// A function of each unit.
    Elementwise(Elementwise),
    /// Product of two operands, unit by unit.
    Product,
    /// The largest of several units.
    Select(Select),
}

/// A linear map with its rules: the same for values, first-order and second-order lanes.
pub(crate) trait Linear<T>: Sync {
    /// `out ← rows of L x`, without the constant part. Operands with fewer lanes than `width` count as zero beyond.
    fn forward(&self, rows: Range<usize>, operands: &[Rows<'_, T>], out: &mut [T], width: usize);

    /// Adds the constant part of the given rows to every lane.
    fn add_constant(&self, rows: Range<usize>, out: &mut [T], width: usize);

    /// `out += rows of Lᵀ ȳ` that belong to one operand.
    fn reverse(&self, operand: usize, rows: Range<usize>, adjoint: Rows<'_, T>, out: &mut [T]);

    /// Adds what makes a unit to a list: operand, unit of the operand, weight.
    fn connections(&self, unit: usize, list: &mut Connections<T>);

    /// The map as a stencil, if it is one, from the places of its operands and its own shape.
    fn stencil(&self, operands: &[&Place], shape: &[usize]) -> Option<Stencil>;

    /// The matrix that makes the channels of the result out of those of the operand, if it is the same at every position,
    /// reads nothing beside it, and is large enough for matrix products.
    fn across_channels(&self) -> Option<Matrix<'_, T>> {
        None
    }

    /// The weights of the stencil's links; `place` is that of the stencil.
    fn weights(&self, place: &Place) -> Weights<'_, T>;
}

/// Operand, unit and weight of each term of a unit.
pub(crate) type Connections<T> = Vec<(u32, u32, T)>;

impl<T: Scalar> Kind<T> {
    /// The kind's name in files, pictures and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Input => "input",
            Kind::Dense(_) => "dense",
            Kind::Sparse(_) => "sparse",
            Kind::Conv(_) => "conv",
            Kind::Gather(_) => "gather",
            Kind::Sum(_) => "sum",
            Kind::Elementwise(_) => "elementwise",
            Kind::Product => "product",
            Kind::Select(_) => "max",
        }
    }

    /// The linear map, if it is one.
    pub(crate) fn linear(&self) -> Option<&dyn Linear<T>> {
        match self {
            Kind::Dense(l) => Some(l),
            Kind::Sparse(l) => Some(l),
            Kind::Conv(l) => Some(l),
            Kind::Gather(l) => Some(l),
            Kind::Sum(l) => Some(l),
            Kind::Input | Kind::Elementwise(_) | Kind::Product | Kind::Select(_) => None,
        }
    }

    /// Adds the terms of a unit to a list, of a maximum the chosen candidate; only for kinds that add up.
    pub(crate) fn connections(&self, unit: usize, choice: &[u32], list: &mut Connections<T>) {
        match self {
            Kind::Select(select) => {
                let (q, from) = select.chosen(choice[unit]);
                list.push((q as u32, from as u32, T::one()));
            }
            kind => kind.linear().expect("all other kinds that add up are linear").connections(unit, list),
        }
    }

    /// Whether derivatives of order two can arise here.
    pub(crate) fn is_curved(&self) -> bool {
        match self {
            Kind::Elementwise(e) => e.activation().is_curved(),
            Kind::Product => true,
            _ => false,
        }
    }

    /// First-order lanes on an input can go through this layer, which has one operand, without being written out.
    pub(crate) fn takes_seeds(&self) -> bool {
        matches!(self, Kind::Dense(_) | Kind::Sparse(_))
    }

    /// First-order lanes straight from the seeds; only for kinds that take them.
    pub(crate) fn forward_seeds(&self, rows: Range<usize>, seeds: &Seeds<'_, T>, out: &mut [T], width: usize) {
        match self {
            Kind::Dense(l) => l.forward_seeds(rows, seeds, out, width),
            Kind::Sparse(l) => l.forward_seeds(rows, seeds, out, width),
            _ => unreachable!("guarded by takes_seeds"),
        }
    }

    /// Refuses weights that are NaN or infinite.
    pub(crate) fn check_finite(&self) -> Result<()> {
        let check = |what: &str, numbers: &[T]| match first_non_finite(numbers) {
            Some((k, v)) => bail!(NonFinite, "{what} number {k} is {v}"),
            None => Ok(()),
        };
        let weight_and_bias = |[weight, bias]: [&[T]; 2]| check("weight", weight).and(check("bias", bias));
        match self {
            Kind::Dense(l) => weight_and_bias(l.parameters()),
            Kind::Sparse(l) => weight_and_bias(l.parameters()),
            Kind::Conv(l) => weight_and_bias(l.parameters()),
            Kind::Gather(l) => check("fill", &[l.fill()]),
            Kind::Sum(l) => l.parameters().try_for_each(|p| check("scale or shift", p)),
            Kind::Input | Kind::Elementwise(_) | Kind::Product | Kind::Select(_) => Ok(()),
        }
    }

    /// Dependency sets through the layer: the set of a unit is the union over the units it reads.
    ///
    /// An input has no operands and is not asked.
    pub(crate) fn propagate(&self, operands: &[&[SetId]], sets: &mut Sets) -> Vec<SetId> {
        match self {
            Kind::Input => Vec::new(),
            Kind::Dense(l) => l.propagate(operands[0], sets),
            Kind::Sparse(l) => l.propagate(operands[0], sets),
            Kind::Conv(l) => l.propagate(operands[0], sets),
            Kind::Gather(l) => l.propagate(operands),
            Kind::Sum(l) => l.propagate(operands, sets),
            Kind::Elementwise(_) => operands[0].to_vec(),
            Kind::Product => (0..operands[0].len()).map(|k| sets.union([operands[0][k], operands[1][k]])).collect(),
            Kind::Select(l) => l.propagate(operands, sets),
        }
    }

    /// Sets of what units reach, backwards through the layer: those of operand `q`, from the layer's own.
    pub(crate) fn influence(&self, own: &[SetId], q: usize, sets: &mut Sets) -> Vec<SetId> {
        match self {
            Kind::Dense(l) => l.influence(own, sets),
            Kind::Sparse(l) => l.influence(own, sets),
            Kind::Conv(l) => l.influence(own, sets),
            Kind::Gather(l) => l.influence(own, q, sets),
            Kind::Select(l) => l.influence(own, q, sets),
            Kind::Input | Kind::Sum(_) | Kind::Elementwise(_) | Kind::Product => own.to_vec(),
        }
    }

    /// Marks the units of operand `q` that a live unit reads.
    pub(crate) fn mark_operand(&self, live: &[bool], q: usize, operand: &mut [bool]) {
        match self {
            Kind::Input => {}
            Kind::Dense(l) => l.mark_operands(live, operand),
            Kind::Sparse(l) => l.mark_operands(live, operand),
            Kind::Conv(l) => l.mark_operands(live, operand),
            Kind::Gather(l) => l.mark_operand(live, q, operand),
            Kind::Select(l) => l.mark_operand(live, q, operand),
            Kind::Sum(_) | Kind::Elementwise(_) | Kind::Product => {
                operand.iter_mut().zip(live).for_each(|(o, &l)| *o |= l);
            }
        }
    }

    /// How many of a block's rows to compute at a time, for `width` lanes: pieces of at most about a million operations,
    /// one as long as the other.
    pub(crate) fn chunk_rows(&self, rows: usize, width: usize) -> usize {
        /// With fewer lanes it is the reading of the matrix that takes time, and worth sharing.
        const FEW: usize = 32;
        /// Operations that take as long as reading and writing a number.
        const MOVE: usize = 32;
        let per_row = match self {
            Kind::Dense(l) => l.weight().ncols() * width.max(FEW),
            Kind::Conv(l) => return l.chunk_rows(width),
            _ => MOVE * width,
        };
        // Blocks of fewer rows would not pay for packing the operand of a matrix product.
        let most = ((1usize << 20) / per_row.max(1)).clamp(128, 1 << 16);
        rows.div_ceil(rows.div_ceil(most).max(1)).max(1)
    }

    /// The same layer in another precision.
    pub(crate) fn cast<U: Scalar>(&self) -> Kind<U> {
        match self {
            Kind::Input => Kind::Input,
            Kind::Dense(l) => Kind::Dense(l.cast()),
            Kind::Sparse(l) => Kind::Sparse(l.cast()),
            Kind::Conv(l) => Kind::Conv(l.cast()),
            Kind::Gather(l) => Kind::Gather(l.cast()),
            Kind::Sum(l) => Kind::Sum(l.cast()),
            Kind::Elementwise(l) => Kind::Elementwise(l.clone()),
            Kind::Product => Kind::Product,
            Kind::Select(l) => Kind::Select(l.clone()),
        }
    }
}
