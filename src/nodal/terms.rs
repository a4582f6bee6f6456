//! Loops over the terms of some units of a curved layer, which are compiled for the machine by whoever calls them.

use crate::layer::Lanes;
use crate::rows::Rows;
use crate::scalar::Scalar;
use crate::windows::Windows;
use std::ops::Range;

/// `ā σ''` of a function, `2 c̄` of a product, for every adjoint lane and sample.
#[inline(always)]
pub(super) fn weigh<T: Scalar>(second: Option<&[T]>, adjoint: &[T], weights: &mut [T]) {
    match second {
        None => weights.iter_mut().zip(adjoint).for_each(|(w, &a)| *w = a + a),
        Some(second) if second.len() == weights.len() => {
            weights.iter_mut().zip(adjoint.iter().zip(second)).for_each(|(w, (&a, &s))| *w = a * s);
        }
        Some(second) => {
            for (weights, adjoint) in weights.chunks_exact_mut(second.len()).zip(adjoint.chunks_exact(second.len())) {
                for (w, (&a, &s)) in weights.iter_mut().zip(adjoint.iter().zip(second)) {
                    *w = a * s;
                }
            }
        }
    }
}

/// `a · b` of every unit, `width` numbers each.
#[inline(always)]
pub(super) fn multiply<T: Scalar>(operands: [Rows<'_, T>; 2], width: usize, terms: &mut [T]) {
    for (k, terms) in terms.chunks_exact_mut(width).enumerate() {
        let [a, b] = operands.map(|o| &o.row(k)[..width]);
        terms.iter_mut().zip(a.iter().zip(b)).for_each(|(t, (&a, &b))| *t = a * b);
    }
}

/// The sums of a unit's class, if it has one.
#[inline(always)]
fn sums_of<'a, T>(class_of: Option<&[u32]>, k: usize, len: usize, sums: &'a mut [T]) -> Option<&'a mut [T]> {
    match class_of.map_or(0, |of| of[k]) {
        u32::MAX => None,
        class => Some(&mut sums[class as usize * len..][..len]),
    }
}

/// Adds the terms of some units, times their weights, to the sums of their classes, which have the lanes of the tangents or
/// one for all of them; one adjoint lane.
#[inline(always)]
pub(super) fn add_terms<T: Scalar>(
    units: Range<usize>,
    class_of: Option<&[u32]>,
    [lanes, summed]: [Lanes; 2],
    weights: &[T],
    operands: [Rows<'_, T>; 2],
    sums: &mut [T],
) {
    for (at, (k, weights)) in units.zip(weights.chunks_exact(lanes.samples)).enumerate() {
        if let Some(sums) = sums_of(class_of, k, summed.len(), sums) {
            let [a, b] = operands.map(|o| &o.row(at)[..lanes.len()]);
            lanes.add_curvature(weights, a, b, sums);
        }
    }
}

/// The same for functions of one class, `sums += Σ_k ā σ'' a²`, each lane apart and samples in whole vectors of eight: a sum
/// is read and written once for four units.
#[inline(always)]
pub(super) fn add_squares<T: Scalar>(lanes: Lanes, weights: &[T], operand: Rows<'_, T>, sums: &mut [T]) {
    const TOGETHER: usize = 4;
    let units = weights.len() / lanes.samples;
    let weights = Rows::new(weights, lanes.samples);
    let mut k = 0;
    while k < units {
        k += match units - k {
            TOGETHER.. => add_squares_of::<T, TOGETHER>(lanes, k, weights, operand, sums),
            _ => add_squares_of::<T, 1>(lanes, k, weights, operand, sums),
        };
    }
}

/// The terms of `U` units from the given one on; returns `U`.
#[expect(clippy::needless_range_loop, reason = "by numbers alone one comparison is enough for all slices")]
#[inline(always)]
fn add_squares_of<T: Scalar, const U: usize>(
    lanes: Lanes,
    k: usize,
    weights: Rows<'_, T>,
    operand: Rows<'_, T>,
    sums: &mut [T],
) -> usize {
    let vectors = lanes.samples / 8;
    let all = lanes.count * vectors;
    let sums = &mut sums.as_chunks_mut::<8>().0[..all];
    let (mut of_unit, mut factors) = ([&[][..]; U], [&[][..]; U]);
    for u in 0..U {
        of_unit[u] = &operand.row(k + u).as_chunks::<8>().0[..all];
        factors[u] = &weights.row(k + u).as_chunks::<8>().0[..vectors];
    }
    for lane in 0..lanes.count {
        for v in 0..vectors {
            let at = lane * vectors + v;
            let mut sum = sums[at];
            for u in 0..U {
                add_term(&mut sum, &factors[u][v], &of_unit[u][at], &of_unit[u][at]);
            }
            sums[at] = sum;
        }
    }
    U
}

/// The same for any number of adjoint lanes, where the operands' rows are alike for all samples, with a number for each lane.
#[inline(always)]
pub(super) fn add_terms_alike<T: Scalar>(
    units: Range<usize>,
    class_of: Option<&[u32]>,
    [lanes, summed]: [Lanes; 2],
    rows: usize,
    weights: &[T],
    operands: [Rows<'_, T>; 2],
    sums: &mut [T],
) {
    for (at, (k, weights)) in units.zip(weights.chunks_exact(rows * lanes.samples)).enumerate() {
        let Some(sums) = sums_of(class_of, k, rows * summed.len(), sums) else { continue };
        let [a, b] = operands.map(|o| o.row(at));
        for (weights, sums) in weights.chunks_exact(lanes.samples).zip(sums.chunks_exact_mut(summed.len())) {
            lanes.add_curvature_alike(weights, a, b, sums);
        }
    }
}

/// The same at one point for units of one class, and at least a vector of lanes: their sums stay in registers.
#[inline(always)]
pub(super) fn add_at_point<T: Scalar, const V: usize>(weights: &[T], operands: [Rows<'_, T>; 2], sums: &mut [T]) {
    let mut first = 0;
    while first < sums.len() {
        let rest = &mut sums[first..];
        first += match rest.len() / V {
            4.. => add_vectors::<T, V, 4>(weights, operands, first, rest),
            2 | 3 => add_vectors::<T, V, 2>(weights, operands, first, rest),
            1 => add_vectors::<T, V, 1>(weights, operands, first, rest),
            // A whole vector with lanes that have their sums already, which are kept.
            _ => {
                let (rest, first) = (rest.len(), sums.len() - V);
                let mut last = [T::zero(); V];
                last.copy_from_slice(&sums[first..]);
                add_vectors::<T, V, 1>(weights, operands, first, &mut last);
                sums[first..][V - rest..].copy_from_slice(&last[V - rest..]);
                rest
            }
        };
    }
}

/// The first `L` vectors of sums, those of the lanes from `first` on; returns how many lanes.
#[inline(always)]
fn add_vectors<T: Scalar, const V: usize, const L: usize>(
    weights: &[T],
    operands: [Rows<'_, T>; 2],
    first: usize,
    sums: &mut [T],
) -> usize {
    let sums = &mut sums.as_chunks_mut::<V>().0[..L];
    let mut of_vector = [[T::zero(); V]; L];
    of_vector.copy_from_slice(sums);
    let [a, b] = operands;
    for (at, &weight) in weights.iter().enumerate() {
        let (a, b) = (a.row(at)[first..].as_chunks::<V>().0, b.row(at)[first..].as_chunks::<V>().0);
        for (sum, (a, b)) in of_vector.iter_mut().zip(a[..L].iter().zip(&b[..L])) {
            add_term(sum, &[weight; V], a, b);
        }
    }
    sums.copy_from_slice(&of_vector);
    L * V
}

/// The same for units of one class of functions, `sums += Σ_k ā σ'' a b`, a vector of samples at a time: weights and sums
/// stay in registers.
#[inline(always)]
pub(super) fn add_in_registers<T: Scalar, const V: usize>(
    units: Range<usize>,
    second: Rows<'_, T>,
    adjoint: Rows<'_, T>,
    lanes: Lanes,
    operands: [Rows<'_, T>; 2],
    sums: &mut [T],
) {
    let mut first = 0;
    while first < lanes.count {
        first += match lanes.count - first {
            4.. => add_of_lanes::<T, V, 4>(units.clone(), second, adjoint, lanes, first, operands, sums),
            2 | 3 => add_of_lanes::<T, V, 2>(units.clone(), second, adjoint, lanes, first, operands, sums),
            _ => add_of_lanes::<T, V, 1>(units.clone(), second, adjoint, lanes, first, operands, sums),
        };
    }
}

/// The sums of `L` lanes from the `first` on; returns `L`.
#[inline(always)]
fn add_of_lanes<T: Scalar, const V: usize, const L: usize>(
    units: Range<usize>,
    second: Rows<'_, T>,
    adjoint: Rows<'_, T>,
    lanes: Lanes,
    first: usize,
    operands: [Rows<'_, T>; 2],
    sums: &mut [T],
) -> usize {
    let [a, b] = operands;
    for sample in (0..lanes.samples).step_by(V) {
        let place = |lane: usize| (first + lane) * lanes.samples + sample;
        let mut of_lane = [[T::zero(); V]; L];
        for (lane, sum) in of_lane.iter_mut().enumerate() {
            sum.copy_from_slice(&sums[place(lane)..][..V]);
        }
        for (at, k) in units.clone().enumerate() {
            let mut weight = *at_place(adjoint.row(k), sample);
            weight.iter_mut().zip(at_place::<T, V>(second.row(k), sample)).for_each(|(w, &s)| *w *= s);
            let (a, b) = (a.row(at), b.row(at));
            for (lane, sum) in of_lane.iter_mut().enumerate() {
                add_term(sum, &weight, at_place(a, place(lane)), at_place(b, place(lane)));
            }
        }
        for (lane, sum) in of_lane.iter().enumerate() {
            sums[place(lane)..][..V].copy_from_slice(sum);
        }
    }
    L
}

/// As [`add_in_registers`], where the operands' rows are alike for all samples, from their products, a number for each lane;
/// for any number of adjoint lanes, whose weights are there.
#[inline(always)]
pub(super) fn add_alike_in_registers<T: Scalar, const V: usize>(
    rows: usize,
    lanes: Lanes,
    weights: &[T],
    terms: &[T],
    sums: &mut [T],
) {
    for (row, sums) in sums.chunks_exact_mut(lanes.len()).enumerate() {
        let weights =
            Rows { data: &weights[row * lanes.samples..], width: lanes.samples, stride: rows * lanes.samples };
        let mut first = 0;
        while first < lanes.count {
            first += match lanes.count - first {
                4.. => add_alike_of_lanes::<T, V, 4>(lanes, first, weights, terms, sums),
                2 | 3 => add_alike_of_lanes::<T, V, 2>(lanes, first, weights, terms, sums),
                _ => add_alike_of_lanes::<T, V, 1>(lanes, first, weights, terms, sums),
            };
        }
    }
}

/// The sums of `L` lanes from the `first` on; returns `L`.
#[inline(always)]
fn add_alike_of_lanes<T: Scalar, const V: usize, const L: usize>(
    lanes: Lanes,
    first: usize,
    weights: Rows<'_, T>,
    terms: &[T],
    sums: &mut [T],
) -> usize {
    for sample in (0..lanes.samples).step_by(V) {
        let place = |lane: usize| (first + lane) * lanes.samples + sample;
        let mut of_lane = [[T::zero(); V]; L];
        for (lane, sum) in of_lane.iter_mut().enumerate() {
            sum.copy_from_slice(&sums[place(lane)..][..V]);
        }
        for (k, terms) in terms.chunks_exact(lanes.count).enumerate() {
            let weight = at_place::<T, V>(weights.row(k), sample);
            let terms = at_place::<T, L>(terms, first);
            for lane in 0..L {
                let mut new = of_lane[lane];
                for s in 0..V {
                    new[s] = terms[lane].mul_add(weight[s], new[s]);
                }
                of_lane[lane] = new;
            }
        }
        for (lane, sum) in of_lane.iter().enumerate() {
            sums[place(lane)..][..V].copy_from_slice(sum);
        }
    }
    L
}

/// The vector that begins at a number of a row.
#[inline(always)]
fn at_place<T, const V: usize>(row: &[T], place: usize) -> &[T; V] {
    Windows::new(row).at(place)
}

/// `sum += weight · a · b`. The sum is copied out and back, or the compiler splits it into single numbers.
#[inline(always)]
fn add_term<T: Scalar, const V: usize>(sum: &mut [T; V], weight: &[T; V], a: &[T; V], b: &[T; V]) {
    let mut new = *sum;
    for (s, n) in new.iter_mut().enumerate() {
        *n = (a[s] * b[s]).mul_add(weight[s], *n);
    }
    *sum = new;
}

/// The same for several adjoint lanes, from the products of the operands.
#[inline(always)]
pub(super) fn add_terms_of_rows<T: Scalar>(
    units: Range<usize>,
    class_of: Option<&[u32]>,
    lanes: Lanes,
    rows: usize,
    weights: &[T],
    terms: &[T],
    sums: &mut [T],
) {
    let width = lanes.len();
    let weights = weights.chunks_exact(rows * lanes.samples);
    for (k, (weights, terms)) in units.zip(weights.zip(terms.chunks_exact(width))) {
        let Some(sums) = sums_of(class_of, k, rows * width, sums) else { continue };
        for (weight, sums) in weights.chunks_exact(lanes.samples).zip(sums.chunks_exact_mut(width)) {
            lanes.zip(weight, terms, sums, |w, t, s| t.mul_add(w, s));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::test_number;

    fn numbers<T: Scalar>(count: usize, step: usize) -> Vec<T> {
        (0..count).map(|k| T::from_f64(test_number(k * step))).collect()
    }

    /// Every loop, lanes apart or in one sum, whole vectors of lanes and samples and others, against the formula.
    #[test]
    fn sums_are_the_formula() {
        for count in (1..=20).chain([31, 33, 50, 71]) {
            for samples in [1, 3, 8, 16, 32] {
                sums::<f64, 8>(Lanes { count, samples }, 1e-13);
                sums::<f32, 16>(Lanes { count, samples }, 1e-4);
            }
        }
    }

    fn sums<T: Scalar, const V: usize>(lanes: Lanes, tolerance: f64) {
        const UNITS: usize = 5;
        let (samples, width) = (lanes.samples, lanes.len());
        let (a, b) = (numbers::<T>(UNITS * (width + 2), 37), numbers::<T>(UNITS * width, 29));
        // The first operand is a part of longer rows.
        let operands = [Rows { data: &a, width, stride: width + 2 }, Rows::new(&b, width)];
        let (adjoint, second) = (numbers::<T>(UNITS * samples, 5), numbers::<T>(UNITS * samples, 3));
        let mut weights = vec![T::zero(); UNITS * samples];
        weigh(Some(&second[..]), &adjoint, &mut weights);
        let term = |k: usize, at: usize| {
            let factor = adjoint[k * samples + at % samples].to_f64() * second[k * samples + at % samples].to_f64();
            factor * operands[0].row(k)[at].to_f64() * operands[1].row(k)[at].to_f64()
        };
        let exact: Vec<f64> = (0..width).map(|at| 1.0 + (0..UNITS).map(|k| term(k, at)).sum::<f64>()).collect();
        let check = |found: &[T], exact: &[f64], what: &str| {
            let sound =
                found.iter().zip(exact).all(|(&found, exact)| (Scalar::to_f64(found) - exact).abs() < tolerance);
            assert!(sound && found.len() == exact.len(), "{what}, {lanes:?}: {found:?}, {exact:?}");
        };
        let together = Lanes { count: 1, samples };
        let mut found = vec![T::one(); width];
        add_terms(0..UNITS, None, [lanes, lanes], &weights, operands, &mut found);
        check(&found, &exact, "lanes apart");
        let mut found = vec![T::one(); samples];
        add_terms(0..UNITS, None, [lanes, together], &weights, operands, &mut found);
        let of_samples = |exact: &[f64]| -> Vec<f64> {
            let of_sample = |s: usize| exact.iter().skip(s).step_by(samples).map(|sum| sum - 1.0).sum::<f64>();
            (0..samples).map(|s| 1.0 + of_sample(s)).collect()
        };
        check(&found, &of_samples(&exact), "lanes together");
        if samples == 1 && width >= V {
            let mut found = vec![T::one(); width];
            add_at_point::<T, V>(&weights, operands, &mut found);
            check(&found, &exact, "at a point");
        }
        if samples.is_multiple_of(V) {
            let mut found = vec![T::one(); width];
            let [adjoint, second] = [&adjoint, &second].map(|numbers| Rows::new(numbers, samples));
            add_in_registers::<T, V>(0..UNITS, second, adjoint, lanes, operands, &mut found);
            check(&found, &exact, "in registers");
        }
        if samples.is_multiple_of(8) {
            let term = |k: usize, at: usize| {
                weights[k * samples + at % samples].to_f64() * operands[0].row(k)[at].to_f64().powi(2)
            };
            let exact: Vec<f64> = (0..width).map(|at| 1.0 + (0..UNITS).map(|k| term(k, at)).sum::<f64>()).collect();
            let mut found = vec![T::one(); width];
            add_squares(lanes, &weights, operands[0], &mut found);
            check(&found, &exact, "squares");
        }
        // The same for all samples: the first number of each lane.
        let of_lanes = |rows: Rows<'_, T>| -> Vec<T> {
            (0..UNITS).flat_map(|k| rows.row(k).iter().step_by(samples).copied().collect::<Vec<_>>()).collect()
        };
        let numbers_of = operands.map(of_lanes);
        let alike = numbers_of.each_ref().map(|numbers| Rows::new(numbers, lanes.count));
        let term = |k: usize, at: usize| {
            let factor = weights[k * samples + at % samples].to_f64();
            factor * alike[0].row(k)[at / samples].to_f64() * alike[1].row(k)[at / samples].to_f64()
        };
        let exact: Vec<f64> = (0..width).map(|at| 1.0 + (0..UNITS).map(|k| term(k, at)).sum::<f64>()).collect();
        let mut found = vec![T::one(); width];
        add_terms_alike(0..UNITS, None, [lanes, lanes], 1, &weights, alike, &mut found);
        check(&found, &exact, "alike, lanes apart");
        if samples.is_multiple_of(V) {
            let products: Vec<T> = numbers_of[0].iter().zip(&numbers_of[1]).map(|(&a, &b)| a * b).collect();
            let mut found = vec![T::one(); width];
            add_alike_in_registers::<T, V>(1, lanes, &weights, &products, &mut found);
            check(&found, &exact, "alike, in registers");
            // The second of two adjoint lanes.
            let of_two: Vec<T> =
                weights.chunks(samples).flat_map(|w| vec![T::zero(); samples].into_iter().chain(w.to_vec())).collect();
            let mut found = vec![T::one(); 2 * width];
            add_alike_in_registers::<T, V>(2, lanes, &of_two, &products, &mut found);
            assert!(found[..width].iter().all(|&sum| sum == T::one()));
            check(&found[width..], &exact, "alike, in registers, of two");
        }
        let mut found = vec![T::one(); samples];
        add_terms_alike(0..UNITS, None, [lanes, together], 1, &weights, alike, &mut found);
        check(&found, &of_samples(&exact), "alike, lanes together");
    }
}
