//! The terms of curved units, weighed and added up: `Σ_k ā_k σ''_k a_k b_k`, class by class.

use super::Nodal;
use super::terms::{
    add_alike_in_registers, add_at_point, add_in_registers, add_squares, add_terms, add_terms_alike, add_terms_of_rows,
    multiply, weigh,
};
use crate::cost;
use crate::gemm::{self, Matrix};
use crate::layer::{Kind, Lanes};
use crate::network::LayerId;
use crate::rows::Rows;
use crate::scalar::{Scalar, vector, vectorized};
use crate::tape::Pass;
use faer::Accum;
use std::ops::Range;

/// Units whose terms are made before they are summed.
pub(super) const CHUNK: usize = 64;

/// The sums of one task on the way.
pub(crate) struct Summing<'a, T> {
    pub(crate) nodal: &'a Nodal,
    pub(crate) task: usize,
    pub(crate) pass: Pass<'a, T>,
    /// Work space of [`Nodal::size`] numbers for each lane.
    pub(crate) space: &'a mut [T],
    /// The entries of the task.
    pub(crate) packed: &'a mut [T],
}

impl<T: Scalar> Summing<'_, T> {
    /// Adds the terms of some rows of a curved layer; `adjoint` is the layer's own block, `operands` are the rows of
    /// the tangents of what it reads, the first and the last, with one number for each lane where all samples have the same,
    /// without any where the first rows are zero. All rows of a layer come in order.
    pub(crate) fn add(&mut self, layer: LayerId, rows: Range<usize>, adjoint: Rows<'_, T>, operands: [Rows<'_, T>; 2]) {
        let Summing { nodal, task, pass, space, packed } = self;
        let Some(sum) = nodal.sums.iter().find(|s| s.layer == layer) else { return };
        let Pass { net, tape, lanes, .. } = *pass;
        let (samples, width) = (lanes.samples, lanes.len());
        let (weight_len, units) = (nodal.rows * samples, net.layer(layer).units());
        // The lanes of the sums: those of the tangents, or one for all of them.
        let summed = if nodal.added_up { Lanes { count: 1, ..lanes } } else { lanes };
        let (sums, rest) = space.split_at_mut(sum.sums * nodal.rows * summed.len());
        let (weights, rest) = rest.split_at_mut(CHUNK * weight_len);
        let terms = &mut rest[..CHUNK * summed.len()];
        if sum.begins && rows.start == 0 {
            sums.fill(T::zero());
        }
        if operands[0].width == 0 {
            debug_assert!(rows.end < units);
            return;
        }
        let second = match net.layer(layer).kind() {
            Kind::Elementwise(_) => Some(tape.slopes(layer).second),
            _ => None,
        };
        // One class and many outputs at one point: a matrix product.
        let as_product = sum.class_of.is_none() && samples == 1 && nodal.rows >= cost::PRODUCT_ROWS;
        let class_of = sum.class_of.as_deref();
        let alike = samples > 1 && operands[0].width == lanes.count;
        for start in rows.clone().step_by(CHUNK) {
            let chunk = start..rows.end.min(start + CHUNK);
            let operands = operands.map(|o| o.skip(start - rows.start));
            vectorized(
                #[inline(always)]
                || {
                    // Lanes so short that a loop over them takes longer than their sums.
                    if let (1, None, Some(second), false) = (nodal.rows, class_of, second, nodal.added_up || alike)
                        && (samples == vector::<T>() || samples == 2 * vector::<T>())
                    {
                        let chunk = chunk.clone();
                        match vector::<T>() {
                            16 => add_in_registers::<T, 16>(chunk, second, adjoint, lanes, operands, sums),
                            _ => add_in_registers::<T, 8>(chunk, second, adjoint, lanes, operands, sums),
                        }
                        return;
                    }
                    let weights = &mut weights[..chunk.len() * weight_len];
                    for (k, weights) in chunk.clone().zip(weights.chunks_exact_mut(weight_len)) {
                        weigh(second.map(|s| s.row(k)), adjoint.row(k), weights);
                    }
                    // One number for all samples of a lane: a sum is made of whole vectors, however many these are.
                    if alike && class_of.is_none() && !nodal.added_up && samples.is_multiple_of(vector::<T>()) {
                        let terms = &mut terms[..chunk.len() * lanes.count];
                        multiply(operands, lanes.count, terms);
                        match vector::<T>() {
                            16 => add_alike_in_registers::<T, 16>(nodal.rows, lanes, weights, terms, sums),
                            _ => add_alike_in_registers::<T, 8>(nodal.rows, lanes, weights, terms, sums),
                        }
                        return;
                    }
                    if alike {
                        let lanes = [lanes, summed];
                        return add_terms_alike(chunk.clone(), class_of, lanes, nodal.rows, weights, operands, sums);
                    }
                    match (nodal.rows, class_of, samples, width) {
                        (1, None, 1, 16..) if !nodal.added_up && vector::<T>() == 16 => {
                            return add_at_point::<T, 16>(weights, operands, sums);
                        }
                        (1, None, 1, 8..) if !nodal.added_up => {
                            return add_at_point::<T, 8>(weights, operands, sums);
                        }
                        (1, None, 8.., _) if second.is_some() && !nodal.added_up && samples.is_multiple_of(8) => {
                            return add_squares(lanes, weights, operands[0], sums);
                        }
                        (1, ..) => {
                            let lanes = [lanes, summed];
                            return add_terms(chunk.clone(), class_of, lanes, weights, operands, sums);
                        }
                        _ => {}
                    }
                    if nodal.added_up {
                        for (k, terms) in terms.chunks_exact_mut(summed.len()).take(chunk.len()).enumerate() {
                            let [a, b] = operands.map(|o| &o.row(k)[..width]);
                            terms.fill(T::zero());
                            lanes.add_curvature(&[T::one()], a, b, terms);
                        }
                    } else {
                        multiply(operands, width, &mut terms[..chunk.len() * width]);
                    }
                    if !as_product {
                        add_terms_of_rows(chunk.clone(), class_of, summed, nodal.rows, weights, terms, sums);
                    }
                },
            );
            if as_product {
                let count = chunk.len();
                let weights = Matrix::new(&weights[..count * weight_len], count, weight_len);
                let terms = Rows::new(&terms[..count * summed.len()], summed.len());
                gemm::multiply(sums, summed.len(), Accum::Add, weights.transpose(), terms);
            }
        }
        if sum.ends && rows.end == units {
            for &(from, to) in &sum.places[*task] {
                let from = &sums[from as usize * samples..][..samples];
                let to = &mut packed[to as usize * samples..][..samples];
                to.iter_mut().zip(from).for_each(|(t, &f)| *t += f);
            }
        }
    }
}
