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
pub(crate) mod product;
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
pub use select::Select;
pub use sparse::Sparse;
pub use sum::Sum;
pub(crate) use window::Side;
pub use window::Window;

use crate::error::{Result, bail};
use crate::rows::Rows;
use crate::scalar::{Scalar, first_non_finite};
use crate::sets::{SetId, Sets};
use faer::MatRef;
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
    fn across_channels(&self) -> Option<MatRef<'_, T>> {
        None
    }

    /// The weights of the stencil's links; `place` is that of the stencil.
    fn weights(&self, place: &Place) -> Weights<'_, T>;
}

/// Operand, unit and weight of each term of a unit.
pub(crate) type Connections<T> = Vec<(u32, u32, T)>;

/// How the lanes of a row are laid out: `count` lanes, each with its `samples` side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lanes {
    pub(crate) count: usize,
    pub(crate) samples: usize,
}

impl Lanes {
    /// Numbers in a row of one order.
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        self.count * self.samples
    }

    /// `out ← f(factor of the sample, from, out)` on every lane.
    #[inline(always)]
    pub(crate) fn zip<T: Scalar>(self, factors: &[T], from: &[T], out: &mut [T], f: impl Fn(T, T, T) -> T) {
        if let [factor] = *factors {
            for (out, &from) in out.iter_mut().zip(from) {
                *out = f(factor, from, *out);
            }
            return;
        }
        let lanes = out.chunks_exact_mut(self.samples).zip(from.chunks_exact(self.samples));
        if let (factors, []) = factors.as_chunks::<8>() {
            // Whole vectors, of a length that the compiler knows.
            for (out, from) in lanes {
                let vectors = out.as_chunks_mut().0.iter_mut().zip(from.as_chunks().0);
                vectors.zip(factors).for_each(|((out, from), factors)| zip8(factors, from, out, &f));
            }
        } else {
            for (out, from) in lanes {
                for (out, (&from, &factor)) in out.iter_mut().zip(from.iter().zip(factors)) {
                    *out = f(factor, from, *out);
                }
            }
        }
    }

    /// `out += factor of the sample · a · b` on every lane.
    #[inline(always)]
    pub(crate) fn add_products<T: Scalar>(self, factors: &[T], a: &[T], b: &[T], out: &mut [T]) {
        if let [factor] = *factors {
            for (out, (&a, &b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *out = (a * b).mul_add(factor, *out);
            }
            return;
        }
        let terms = a.chunks_exact(self.samples).zip(b.chunks_exact(self.samples));
        let lanes = out.chunks_exact_mut(self.samples).zip(terms);
        if let (factors, []) = factors.as_chunks::<8>() {
            for (out, (a, b)) in lanes {
                let terms = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
                for ((out, (a, b)), f) in out.as_chunks_mut::<8>().0.iter_mut().zip(terms).zip(factors) {
                    *out = each8(|k| (a[k] * b[k]).mul_add(f[k], out[k]));
                }
            }
        } else {
            for (out, (a, b)) in lanes {
                for ((out, (&a, &b)), &f) in out.iter_mut().zip(a.iter().zip(b)).zip(factors) {
                    *out = (a * b).mul_add(f, *out);
                }
            }
        }
    }

    /// `second ← p · second + q · from²` on every lane, with the sample's factors.
    #[inline(always)]
    fn bend<T: Scalar>(self, p: &[T], q: &[T], from: &[T], second: &mut [T]) {
        let f = |p: T, q: T, j: T, s: T| (j * j).mul_add(q, p * s);
        if let ([p], [q]) = (p, q) {
            second.iter_mut().zip(from).for_each(|(s, &j)| *s = f(*p, *q, j, *s));
            return;
        }
        let lanes = second.chunks_exact_mut(self.samples).zip(from.chunks_exact(self.samples));
        if let ((p, []), (q, [])) = (p.as_chunks::<8>(), q.as_chunks::<8>()) {
            for (second, from) in lanes {
                let terms = from.as_chunks::<8>().0.iter().zip(p.iter().zip(q));
                for (s, (j, (p, q))) in second.as_chunks_mut::<8>().0.iter_mut().zip(terms) {
                    *s = each8(|k| f(p[k], q[k], j[k], s[k]));
                }
            }
        } else {
            for (second, from) in lanes {
                let terms = from.iter().zip(p.iter().zip(q));
                second.iter_mut().zip(terms).for_each(|(s, (&j, (&p, &q)))| *s = f(p, q, j, *s));
            }
        }
    }

    /// What a curved unit adds to second order: to a lane each its own `factor · a · b`, or to a single lane of all
    /// the sum of them.
    #[inline(always)]
    pub(crate) fn add_curvature<T: Scalar>(self, factors: &[T], a: &[T], b: &[T], second: &mut [T]) {
        if second.len() == self.len() {
            self.add_products(factors, a, b, second);
        } else {
            self.add_sums(factors, a, b, second);
        }
    }

    /// `sum += factor · Σ a · b` for every sample, the sum over the lanes.
    #[inline(always)]
    fn add_sums<T: Scalar>(self, factors: &[T], a: &[T], b: &[T], sum: &mut [T]) {
        let samples = self.samples;
        if samples == 1 {
            sum[0] = dot(a, b).mul_add(factors[0], sum[0]);
            return;
        }
        if let (vectors, []) = sum.as_chunks_mut::<8>() {
            for (v, sum) in vectors.iter_mut().enumerate() {
                let [a, b] = [a, b].map(|row| row[8 * v..].chunks(samples).map(|lane| &lane[..8]));
                let total = sum_of_products(a.zip(b));
                let factor: &[T; 8] = match *factors {
                    [factor] => &[factor; 8],
                    _ => &factors.as_chunks().0[v],
                };
                *sum = each8(|s| total[s].mul_add(factor[s], sum[s]));
            }
        } else {
            for (s, sum) in sum.iter_mut().enumerate() {
                let [a, b] = [a, b].map(|row| row[s..].iter().step_by(samples));
                let total = a.zip(b).fold(T::zero(), |total, (&a, &b)| a.mul_add(b, total));
                *sum = total.mul_add(if let [factor] = *factors { factor } else { factors[s] }, *sum);
            }
        }
    }

    /// `row ← f(factor of the sample, row)` on every lane.
    #[inline(always)]
    pub(crate) fn scale<T: Scalar>(self, factors: &[T], row: &mut [T], f: impl Fn(T, T) -> T) {
        if let [factor] = *factors {
            row.iter_mut().for_each(|v| *v = f(factor, *v));
            return;
        }
        if let (factors, []) = factors.as_chunks::<8>() {
            for row in row.chunks_exact_mut(self.samples) {
                for (row, factors) in row.as_chunks_mut::<8>().0.iter_mut().zip(factors) {
                    *row = each8(|b| f(factors[b], row[b]));
                }
            }
        } else {
            for row in row.chunks_exact_mut(self.samples) {
                row.iter_mut().zip(factors).for_each(|(v, &factor)| *v = f(factor, *v));
            }
        }
    }

    /// As [`zip`](Self::zip), with two factors for each sample.
    #[inline(always)]
    fn zip2<T: Scalar>(self, p: &[T], q: &[T], from: &[T], out: &mut [T], f: impl Fn(T, T, T, T) -> T) {
        if let ([p], [q]) = (p, q) {
            for (out, &from) in out.iter_mut().zip(from) {
                *out = f(*p, *q, from, *out);
            }
        } else {
            for (out, from) in out.chunks_exact_mut(self.samples).zip(from.chunks_exact(self.samples)) {
                for (b, (out, &from)) in out.iter_mut().zip(from).enumerate() {
                    *out = f(p[b], q[b], from, *out);
                }
            }
        }
    }
}

#[inline(always)]
fn zip8<T: Scalar>(factors: &[T; 8], from: &[T; 8], out: &mut [T; 8], f: &impl Fn(T, T, T) -> T) {
    *out = each8(|b| f(factors[b], from[b], out[b]));
}

/// Eight numbers, made before any is written: number by number, the compiler would fear that one write changes what the
/// next reads.
#[inline(always)]
fn each8<T: Scalar>(number: impl Fn(usize) -> T) -> [T; 8] {
    let mut numbers = [T::zero(); 8];
    for (k, n) in numbers.iter_mut().enumerate() {
        *n = number(k);
    }
    numbers
}

/// `Σ a · b`, in vectors: the order of the terms is that of the memory, modulo 32.
#[inline(always)]
fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let total = sum_of_products(a.iter().map(|a| &a[..]).zip(b.iter().map(|b| &b[..])));
    let rest = a_rest.iter().zip(b_rest).fold(T::zero(), |sum, (&a, &b)| a.mul_add(b, sum));
    total.iter().fold(rest, |sum, &t| sum + t)
}

/// The sum of products of vectors of eight, four sums at a time so that none waits for another.
#[inline(always)]
fn sum_of_products<'a, T: Scalar>(mut terms: impl Iterator<Item = (&'a [T], &'a [T])>) -> [T; 8] {
    let mut sums = [[T::zero(); 8]; 4];
    'all: loop {
        for sum in &mut sums {
            let Some((a, b)) = terms.next() else { break 'all };
            *sum = each8(|k| a[k].mul_add(b[k], sum[k]));
        }
    }
    let [p, q, r, s] = sums;
    each8(|k| (p[k] + q[k]) + (r[k] + s[k]))
}

/// Compressed seeds of one block of lanes, on one input layer: lane `c` holds the sum of the unit vectors of
/// the inputs of color `first + c`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds<'a> {
    /// Color of each unit of the layer; `u32::MAX` for a unit that takes no part.
    pub(crate) colors: &'a [u32],
    /// The units whose color is in this block, ascending.
    pub(crate) units: &'a [u32],
    pub(crate) first: u32,
    pub(crate) lanes: Lanes,
    /// Whether each lane belongs to one unit.
    pub(crate) apart: bool,
}

impl Seeds<'_> {
    /// The numbers of a row that belong to the lane of this unit.
    #[inline(always)]
    fn lanes_of(&self, unit: usize) -> Option<Range<usize>> {
        let lane = self.colors[unit].wrapping_sub(self.first) as usize;
        (lane < self.lanes.count).then(|| lane * self.lanes.samples..(lane + 1) * self.lanes.samples)
    }

    /// Every unit that takes part, with its numbers.
    #[inline(always)]
    fn members(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.units.iter().map(|&u| (u as usize, self.lanes_of(u as usize).expect("a unit of this block")))
    }

    /// Makes a row of what every unit that takes part has in its lane: the sum, where several have the same.
    #[inline(always)]
    pub(crate) fn make<T: Scalar>(&self, row: &mut [T], number: impl Fn(usize) -> T) {
        if self.apart {
            self.each(row, number, |_, number| number);
        } else {
            row.fill(T::zero());
            self.add_to(row, number);
        }
    }

    /// Adds to a row what every unit that takes part has in its lane.
    #[inline(always)]
    pub(crate) fn add_to<T: Scalar>(&self, row: &mut [T], number: impl Fn(usize) -> T) {
        self.each(row, number, |sum, number| sum + number);
    }

    /// `row ← f(row, number of the unit)` for every unit that takes part.
    #[inline(always)]
    fn each<T: Scalar>(&self, row: &mut [T], number: impl Fn(usize) -> T, f: impl Fn(T, T) -> T) {
        if self.lanes.samples == 1 {
            for &unit in self.units {
                let v = &mut row[(self.colors[unit as usize] - self.first) as usize];
                *v = f(*v, number(unit as usize));
            }
        } else if let (row, []) = row.as_chunks_mut::<8>()
            && self.lanes.samples.is_multiple_of(8)
        {
            let each = self.lanes.samples / 8;
            for &unit in self.units {
                let lane = (self.colors[unit as usize] - self.first) as usize;
                let number = number(unit as usize);
                row[lane * each..][..each].iter_mut().for_each(|v| v.iter_mut().for_each(|v| *v = f(*v, number)));
            }
        } else {
            for (unit, lanes) in self.members() {
                let number = number(unit);
                row[lanes].iter_mut().for_each(|v| *v = f(*v, number));
            }
        }
    }

    /// The seeds as a block of lanes.
    pub(crate) fn write<T: Scalar>(&self, out: &mut [T]) {
        out.fill(T::zero());
        for (unit, lanes) in self.members() {
            out[unit * self.lanes.len()..][lanes].fill(T::one());
        }
    }
}

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

    /// First-order lanes on an input can go through this layer without being written out.
    pub(crate) fn takes_seeds(&self) -> bool {
        matches!(self, Kind::Dense(_) | Kind::Sparse(_))
    }

    /// First-order lanes straight from the seeds; only for kinds that take them.
    pub(crate) fn forward_seeds(&self, rows: Range<usize>, seeds: &Seeds<'_>, out: &mut [T], width: usize) {
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

    /// How many rows to compute at a time, for blocks of `width` lanes: pieces of about a million operations.
    pub(crate) fn chunk_rows(&self, width: usize) -> usize {
        let per_row = match self {
            Kind::Dense(l) => l.weight().ncols() * width,
            Kind::Conv(l) => return l.chunk_rows(width),
            _ => 8 * width,
        };
        // Blocks of fewer rows would not pay for packing the operand of a matrix product.
        ((1usize << 20) / per_row.max(1)).clamp(64, 1 << 16)
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
