//! Linear layers as stencils: every channel is a sum of channels at fixed distances, the same at all positions.
//!
//! Where all layers are stencils, units can be told by channel and position, and what a unit depends on by its
//! distance from the unit.

use std::ops::Range;

/// Axes of positions; layers of fewer have trivial ones in front.
pub(crate) const AXES: usize = 3;

/// A position in the frame that all layers share, or a distance between two.
pub(crate) type Position = [i32; AXES];

/// Where the units of a layer are: unit `(channel, u)` at the position `u + origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) channels: usize,
    pub(crate) shape: [usize; AXES],
    pub(crate) origin: Position,
}

/// A layer at every position `p`: for the channels of each fan, with weights of their own,
/// `out[channel, p] = Σ_links weight · operand[link's channel, p + shift]`.
#[derive(Clone, Debug)]
pub(crate) struct Stencil {
    pub(crate) place: Place,
    pub(crate) fans: Vec<Fan>,
    /// What is read of operands beyond their border, on each axis.
    pub(crate) beyond: [Beyond; AXES],
}

/// Channels that read the same.
#[derive(Clone, Debug)]
pub(crate) struct Fan {
    pub(crate) channels: Range<usize>,
    pub(crate) links: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) operand: usize,
    pub(crate) channel: usize,
    pub(crate) shift: Position,
    /// Place of the first channel's weight in the layer's [`Weights`].
    pub(crate) weight: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// Nothing.
    Unread,
    /// Zeros.
    Zeros,
    /// The other end, after so many positions.
    Wrapped(usize),
}

/// The numbers of a stencil's links.
#[derive(Clone, Copy)]
pub(crate) enum Weights<'a, T> {
    /// All are one.
    Ones,
    /// `numbers[weight + k]` for channel `k` of the fan.
    Shared(&'a [T]),
    /// `numbers[weight · positions + u]` at position `u` of the layer's only channel.
    Each(&'a [T]),
}

impl Place {
    /// Channels first, then at most three axes; one axis alone is one channel.
    pub(crate) fn of_shape(shape: &[usize]) -> Option<Self> {
        let (channels, axes) = match shape {
            [] => return None,
            [positions] => (1, std::slice::from_ref(positions)),
            [channels, axes @ ..] => (*channels, axes),
        };
        let mut place = Place { channels, shape: [1; AXES], origin: [0; AXES] };
        let first = AXES.checked_sub(axes.len())?;
        place.shape[first..].copy_from_slice(axes);
        (place.positions() < 1 << 31).then_some(place)
    }

    pub(crate) fn positions(&self) -> usize {
        self.shape.iter().product()
    }

    /// Channel and position of a unit.
    pub(crate) fn locate(&self, unit: usize) -> (usize, Position) {
        let [_, b, c] = self.shape;
        let (channel, u) = (unit / self.positions(), unit % self.positions());
        let at = [u / (b * c), u / c % b, u % c];
        (channel, std::array::from_fn(|axis| at[axis] as i32 + self.origin[axis]))
    }
}

/// `a + b`.
pub(crate) fn plus(a: Position, b: Position) -> Position {
    std::array::from_fn(|axis| a[axis] + b[axis])
}

/// `a - b`.
pub(crate) fn minus(a: Position, b: Position) -> Position {
    std::array::from_fn(|axis| a[axis] - b[axis])
}
