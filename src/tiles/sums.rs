//! The terms of curved layers at the inputs of a tile: `out[x] += Σ_k w_k · (∂z_k/∂x)²`, over all units k that see x.

use super::Tiles;
use super::fused::Fused;
use super::linear::InBox;
use super::lines::Carried;
use super::values::Known;
use super::weights::{Units, Weighted};
use crate::layer::Kind;
use crate::layer::stencil::minus;
use crate::network::LayerId;
use crate::scalar::{Scalar, add_products, vectorized};
use crate::windows::Windows;
use std::sync::Arc;

impl Tiles {
    /// Adds the terms of a curved layer.
    pub(super) fn add_squares<'a, 'w: 'a, T: Scalar>(
        &self,
        lanes_in: InBox<'a, T>,
        id: LayerId,
        known: Known<'a, T>,
        weighted: Weighted<'w, T>,
        sums: &mut [T],
        scratch: &mut [T],
    ) {
        let net = lanes_in.net;
        let (operands, rows, line) = (net.operands(id), self.wanted.rows(), self.frame.line());
        let Some(units) = Units::new(lanes_in, id, rows, known, weighted) else { return };
        let inputs = self.input_channels(net);
        match lanes_in.carried(operands[0]).fused {
            None => {}
            Some(Fused::Constant) => {
                return lanes_in.add_constant_squares(operands[0], units, inputs, sums, scratch);
            }
            Some(_) => return lanes_in.add_squares(operands[0], units, sums, scratch),
        }
        let [a, b] = [operands[0], operands[operands.len() - 1]].map(|o| (lanes_in.carried(o), lanes_in.block(o)));
        let place = &a.0.place;
        // The layer lies where its first operand does.
        let shift = minus(b.0.place.origin, place.origin);
        let run = self.frame.run(self.frame.tile_at_zero());
        let is_function = matches!(net.layer(id).kind(), Kind::Elementwise(_));
        let mut start = 0;
        while start < place.channels {
            let [of_a, of_b] = [&a.0.lanes, &b.0.lanes].map(|lanes| &lanes[start]);
            let alike = |&c: &usize| Arc::ptr_eq(&a.0.lanes[c], of_a) && Arc::ptr_eq(&b.0.lanes[c], of_b);
            let end = place.channels.min(start + units.together());
            let channels = start..start + (start..end).take_while(alike).count();
            start = channels.end;
            if of_a.is_empty() || of_b.is_empty() {
                continue;
            }
            let weights = units.of(channels.clone(), scratch);
            for row in 0..rows {
                for (at, &lane) in of_a.iter().enumerate() {
                    let Ok(other) = of_b.binary_search(&lane.seen_from(shift, self.frame.wrapped())) else { continue };
                    let step = self.frame.step(lane.distance);
                    let number = |more: isize| run.start.checked_add_signed(more - step).expect("within the box");
                    let (first, second) = (number(0), number(self.frame.step(shift)));
                    let of = |(layer, block): (&Carried, &'a [T]), lane: usize, number: usize| {
                        let stride = (layer.lines[channels.start + 1] - layer.lines[channels.start]) * line;
                        Strided { numbers: &block[layer.line(channels.start, lane) * line + number..], stride }
                    };
                    let terms = Terms {
                        count: channels.len(),
                        weights: Strided { numbers: &weights[row * line + first..], stride: rows * line },
                        left: of(a, at, first),
                        right: (!is_function).then(|| of(b, other, second)),
                    };
                    let out = &mut sums[(row * inputs + lane.channel as usize) * line..][run.clone()];
                    vectorized(
                        #[inline(always)]
                        || terms.add(out),
                    );
                }
            }
        }
    }
}

/// Numbers of some channels, from the first that is read; those of the next channel are `stride` further on.
#[derive(Clone, Copy)]
struct Strided<'a, T> {
    numbers: &'a [T],
    stride: usize,
}

impl<'a, T> Strided<'a, T> {
    #[inline(always)]
    fn at<const V: usize>(&self, channel: usize, number: usize) -> &'a [T; V] {
        Windows::new(self.numbers).at(channel * self.stride + number)
    }
}

/// What some channels add to the sums of a lane's inputs.
struct Terms<'a, T> {
    count: usize,
    weights: Strided<'a, T>,
    left: Strided<'a, T>,
    /// As the left ones, if none.
    right: Option<Strided<'a, T>>,
}

impl<T: Scalar> Terms<'_, T> {
    /// `out[p] += Σ_k w_k[p] a_k[p] b_k[p]`.
    #[inline(always)]
    fn add(&self, out: &mut [T]) {
        match self.right {
            None => self.add_of(out, self.left),
            Some(right) => self.add_of(out, right),
        }
    }

    #[inline(always)]
    fn add_of(&self, out: &mut [T], right: Strided<'_, T>) {
        let at = self.vectors::<32>(0, right, out);
        let at = self.vectors::<8>(at, right, out);
        let at = self.vectors::<4>(at, right, out);
        self.vectors::<1>(at, right, out);
    }

    #[inline(always)]
    fn vectors<const V: usize>(&self, mut at: usize, right: Strided<'_, T>, out: &mut [T]) -> usize {
        while at + V <= out.len() {
            let sum: &mut [T; V] = out[at..].first_chunk_mut().expect("as many are left");
            let mut new = *sum;
            for k in 0..self.count {
                let (weights, left, right) = (self.weights.at(k, at), self.left.at::<V>(k, at), right.at(k, at));
                let mut weighted: [T; V] = *weights;
                weighted.iter_mut().zip(left).for_each(|(w, &a)| *w *= a);
                add_products(&mut new, &weighted, right);
            }
            *sum = new;
            at += V;
        }
        at
    }
}
