//! Weighted sums: residual connections, differences, scaling, batch norm.

use super::broadcast::Broadcast;
use super::stencil::{AXES, Beyond, Fan, Link, Place, Stencil, Weights, minus};
use super::{Connections, Linear};
use crate::error::{Result, ensure};
use crate::rows::{Rows, add, add_constants, add_scaled};
use crate::scalar::{Scalar, vectorized};
use crate::sets::{SetId, Sets};
use std::ops::Range;
use std::sync::OnceLock;

/// `y = Σ_q scale_q ⊙ x_q + shift`, operands of as many units each.
#[derive(Clone, Debug)]
pub struct Sum<T> {
    scales: Vec<Option<Broadcast<T>>>,
    shift: Option<Broadcast<T>>,
    /// `[operand][channel]`, made when a stencil first asks for it.
    by_channel: OnceLock<Vec<T>>,
}

impl<T: Scalar> Sum<T> {
    pub(crate) fn new(scales: Vec<Option<Broadcast<T>>>, shift: Option<Broadcast<T>>, operands: usize) -> Result<Self> {
        ensure!(scales.len() == operands, Shape, "{} scales for {operands} operands", scales.len());
        Ok(Sum { scales, shift, by_channel: OnceLock::new() })
    }

    /// The factor of each operand; `None` is 1.
    pub fn scales(&self) -> &[Option<Broadcast<T>>] {
        &self.scales
    }

    /// The constant; `None` is 0.
    pub fn shift(&self) -> Option<&Broadcast<T>> {
        self.shift.as_ref()
    }

    pub(crate) fn cast<U: Scalar>(&self) -> Sum<U> {
        Sum {
            scales: self.scales.iter().map(|s| s.as_ref().map(Broadcast::cast)).collect(),
            shift: self.shift.as_ref().map(Broadcast::cast),
            by_channel: OnceLock::new(),
        }
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = &[T]> {
        self.scales.iter().flatten().chain(&self.shift).map(Broadcast::values)
    }

    pub(crate) fn propagate(&self, operands: &[&[SetId]], sets: &mut Sets) -> Vec<SetId> {
        (0..operands[0].len()).map(|k| sets.union(operands.iter().map(|o| o[k]))).collect()
    }
}

impl<T: Scalar> Linear<T> for Sum<T> {
    fn forward(&self, rows: Range<usize>, operands: &[Rows<'_, T>], out: &mut [T], width: usize) {
        out.fill(T::zero());
        vectorized(
            #[inline(always)]
            || {
                for (k, out) in rows.zip(out.chunks_exact_mut(width)) {
                    for (x, scale) in operands.iter().zip(&self.scales) {
                        match scale {
                            Some(scale) => add_scaled(out, scale.get(k), x.row(k)),
                            None => add(out, x.row(k)),
                        }
                    }
                }
            },
        );
    }

    fn connections(&self, unit: usize, list: &mut Connections<T>) {
        let scale = |s: &Option<Broadcast<T>>| s.as_ref().map_or(T::one(), |s| s.get(unit));
        list.extend((0..).zip(&self.scales).map(|(q, s)| (q, unit as u32, scale(s))));
    }

    fn add_constant(&self, rows: Range<usize>, out: &mut [T], width: usize) {
        let Some(shift) = &self.shift else { return };
        vectorized(
            #[inline(always)]
            || add_constants(out, width, rows.map(|k| shift.get(k))),
        );
    }

    fn reverse(&self, operand: usize, rows: Range<usize>, adjoint: Rows<'_, T>, out: &mut [T]) {
        vectorized(
            #[inline(always)]
            || {
                for (k, out) in rows.zip(out.chunks_exact_mut(adjoint.width)) {
                    match &self.scales[operand] {
                        Some(scale) => add_scaled(out, scale.get(k), adjoint.row(k)),
                        None => add(out, adjoint.row(k)),
                    }
                }
            },
        );
    }

    /// Unless a scale differs from position to position.
    fn stencil(&self, operands: &[&Place], _shape: &[usize]) -> Option<Stencil> {
        let place = operands[0].clone();
        let alike = |o: &&Place| o.channels == place.channels && o.shape == place.shape;
        if !operands.iter().all(alike) || !self.scales.iter().flatten().all(|s| s.by_channel(place.channels)) {
            return None;
        }
        let link = |operand: usize, channel: usize| Link {
            operand,
            channel,
            shift: minus(operands[operand].origin, place.origin),
            weight: operand * place.channels + channel,
        };
        let fan = |c: usize| Fan { channels: c..c + 1, links: (0..operands.len()).map(|q| link(q, c)).collect() };
        let fans = (0..place.channels).map(fan).collect();
        Some(Stencil { place, fans, beyond: [Beyond::Unread; AXES] })
    }

    fn weights(&self, place: &Place) -> Weights<'_, T> {
        Weights::Shared(self.by_channel.get_or_init(|| {
            let scale =
                |s: &Option<Broadcast<T>>, c: usize| s.as_ref().map_or(T::one(), |s| s.get(c * place.positions()));
            self.scales.iter().flat_map(|s| (0..place.channels).map(move |c| scale(s, c))).collect()
        }))
    }
}
