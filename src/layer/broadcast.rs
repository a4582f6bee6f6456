//! [`Broadcast`]: one number for all units, for each channel, or for each unit.

use crate::error::{Result, ensure};
use crate::scalar::Scalar;

/// Numbers shared by the units of a layer: unit `k` has `values[k / repeat]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Broadcast<T> {
    values: Vec<T>,
    repeat: usize,
}

impl<T: Scalar> Broadcast<T> {
    /// Spreads `values` over a layer of the given shape: one number for all units, one for each channel
    /// (the first axis), or one for each unit.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if there are neither 1, nor as many as channels, nor as many as units.
    pub fn over(shape: &[usize], values: Vec<T>) -> Result<Self> {
        let units = shape.iter().fold(1usize, |p, &s| p.saturating_mul(s));
        let channels = shape.first().copied().unwrap_or(1);
        ensure!(
            !values.is_empty() && [1, channels, units].contains(&values.len()),
            Shape,
            "{} numbers cannot be spread over shape {shape:?}: it takes 1, {channels} (channels) or {units} (units)",
            values.len()
        );
        let repeat = (units / values.len()).max(1);
        Ok(Broadcast { values, repeat })
    }

    /// The number of unit `k`.
    #[inline(always)]
    pub fn get(&self, k: usize) -> T {
        self.values[k / self.repeat]
    }

    /// Whether the numbers differ at most from channel to channel.
    pub(crate) fn by_channel(&self, channels: usize) -> bool {
        self.values.len() == 1 || self.values.len() == channels
    }

    /// The distinct numbers, in the order of the units.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    pub(crate) fn cast<U: Scalar>(&self) -> Broadcast<U> {
        Broadcast { values: cast(&self.values), repeat: self.repeat }
    }
}

/// Rounds numbers to another precision.
pub(crate) fn cast<T: Scalar, U: Scalar>(values: &[T]) -> Vec<U> {
    values.iter().map(|&v| U::from_f64(v.to_f64())).collect()
}
