//! The value pass: y for some samples, and what every sweep needs of it: σ', σ'', factors, selections.
//!
//! Computed once for each sample and shared by all of its lanes.

use crate::buffer::Buffer;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::{Kind, Lanes, Slopes};
use crate::network::{Layer, LayerId, Network};
use crate::rows::Rows;
use crate::scalar::{Scalar, first_non_finite};
use crate::spread::Spread;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Values of all layers for a block of samples, and the derivatives of the nonlinear ones.
#[derive(Debug)]
pub(crate) struct Tape<T> {
    samples: usize,
    values: Vec<Buffer<T>>,
    first: Vec<Buffer<T>>,
    second: Vec<Buffer<T>>,
    choice: Vec<Vec<u32>>,
}

impl<T> Default for Tape<T> {
    fn default() -> Self {
        Tape { samples: 0, values: Vec::new(), first: Vec::new(), second: Vec::new(), choice: Vec::new() }
    }
}

/// Numbers that a tape of the network holds for each sample.
pub(crate) fn tape_size<T: Scalar>(net: &Network<T>) -> usize {
    let of = |(_, layer): (LayerId, &Layer<T>)| match layer.kind() {
        Kind::Elementwise(e) => layer.units() * if e.activation().is_curved() { 3 } else { 2 },
        Kind::Select(_) => layer.units() * 2,
        _ => layer.units(),
    };
    net.layers().map(of).sum()
}

impl<T: Scalar> Tape<T> {
    /// Evaluates the network at the rows of `points` (samples × n, row-major) and records derivatives up to `order`;
    /// `companion` goes along.
    ///
    /// # Errors
    /// [`NonFinite`](ErrorKind::NonFinite) if a function is evaluated outside of its domain or overflows.
    pub(crate) fn record(
        &mut self,
        net: &Network<T>,
        points: &[T],
        first_sample: usize,
        order: usize,
        spread: Spread,
        companion: &mut impl Companion<T>,
    ) -> Result<()> {
        let n = net.inputs();
        let samples = points.len() / n;
        self.reserve(net, samples, order);
        let mut column = 0;
        for (id, layer) in net.layers() {
            let k = id.index();
            let mut out = std::mem::take(&mut self.values[k]);
            let operands = net.operands(id);
            // Whoever makes numbers looks at them while they are in the cache.
            let sound = AtomicBool::new(true);
            let check = |numbers: &[T]| {
                if first_non_finite(numbers).is_some() {
                    sound.store(false, Ordering::Relaxed);
                }
            };
            match layer.kind() {
                Kind::Input => {
                    for (unit, row) in out.chunks_exact_mut(samples).enumerate() {
                        for (b, value) in row.iter_mut().enumerate() {
                            *value = points[b * n + column + unit];
                        }
                    }
                    column += layer.units();
                }
                Kind::Elementwise(e) => {
                    let (mut first, mut second) =
                        (std::mem::take(&mut self.first[k]), std::mem::take(&mut self.second[k]));
                    let z = self.values(operands[0]);
                    let buffers = [&mut out[..], &mut first, &mut second];
                    pieces(spread, 0..layer.units(), samples, buffers, &|rows, mut buffers| {
                        e.value(rows, z, buffers.each_mut().map(|numbers| &mut **numbers));
                        // What it reads has been looked at.
                        if !e.activation().is_finite_everywhere() {
                            buffers.iter().for_each(|numbers| check(numbers));
                        }
                    });
                    (self.first[k], self.second[k]) = (first, second);
                }
                Kind::Product => {
                    let [a, b] = [self.values(operands[0]), self.values(operands[1])];
                    out.iter_mut().zip(a.data.iter().zip(b.data)).for_each(|(o, (&a, &b))| *o = a * b);
                    check(&out);
                }
                Kind::Select(select) => {
                    let mut choice = std::mem::take(&mut self.choice[k]);
                    let units = 0..layer.units();
                    let get = |q: usize| self.values(operands[q]);
                    with_rows(operands.len(), get, |x| select.value(units, x, &mut out, &mut choice, samples));
                    self.choice[k] = choice;
                }
                kind => {
                    let linear = kind.linear().expect("all other kinds are linear");
                    if companion.values(id, self, &mut out) {
                        linear.add_constant(0..layer.units(), &mut out, samples);
                        check(&out);
                    } else {
                        let get = |q: usize| self.values(operands[q]);
                        with_rows(operands.len(), get, |operands| {
                            spread.rows(&mut out, samples, kind.chunk_rows(layer.units(), samples), |rows, out| {
                                linear.forward(rows.clone(), operands, out, samples);
                                linear.add_constant(rows, out, samples);
                                check(out);
                            });
                        });
                    }
                }
            }
            self.values[k] = out;
            if !sound.into_inner() {
                let numbers = [&self.values[k], &self.first[k], &self.second[k]];
                let bad = (0..).zip(numbers).find_map(|(order, numbers)| Some((order, first_non_finite(numbers)?)));
                let (order, (at, value)) = bad.expect("some number is not finite");
                let unit = at / samples;
                // Other layers may have more units than what they read.
                let operand = match layer.kind() {
                    Kind::Elementwise(_) => Some(self.values(operands[0]).row(unit)[at % samples]),
                    _ => None,
                };
                return Err(Outside { layer: id, order, unit, value, operand }.error(net, first_sample + at % samples));
            }
            companion.follow(id, self);
        }
        Ok(())
    }

    /// Makes the buffers as long as they must be for a number of samples and an order of derivatives.
    pub(crate) fn reserve(&mut self, net: &Network<T>, samples: usize, order: usize) {
        self.samples = samples;
        let layers = net.layers().len();
        for buffers in [&mut self.values, &mut self.first, &mut self.second] {
            buffers.resize_with(layers, Buffer::default);
        }
        self.choice.resize_with(layers, Vec::new);
        for (id, layer) in net.layers() {
            let (k, len) = (id.index(), layer.units() * samples);
            self.values[k].resize(len);
            match layer.kind() {
                Kind::Elementwise(e) => {
                    let curved = order > 1 && e.activation().is_curved();
                    self.first[k].resize(if order > 0 { len } else { 0 });
                    self.second[k].resize(if curved { len } else { 0 });
                }
                Kind::Select(_) => self.choice[k].resize(len, 0),
                _ => {}
            }
        }
    }

    /// Samples recorded.
    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// Values of a layer, units × samples.
    pub(crate) fn values(&self, layer: LayerId) -> Rows<'_, T> {
        Rows::new(&self.values[layer.index()], self.samples)
    }

    /// The outputs of the network, samples × m.
    pub(crate) fn outputs(&self, net: &Network<T>, outputs: &mut [T]) {
        let per_sample = outputs.len() / self.samples;
        let mut column = 0;
        for &layer in net.output_layers() {
            let rows = self.values(layer);
            for unit in 0..net.layer(layer).units() {
                for (sample, &v) in rows.row(unit).iter().enumerate() {
                    outputs[sample * per_sample + column + unit] = v;
                }
            }
            column += net.layer(layer).units();
        }
    }

    /// σ' and σ'' of an elementwise layer.
    pub(crate) fn slopes(&self, layer: LayerId) -> Slopes<'_, T> {
        let [first, second] = [&self.first, &self.second].map(|numbers| match &numbers[layer.index()][..] {
            [] => Rows::none(),
            numbers => Rows::new(numbers, self.samples),
        });
        Slopes { first, second }
    }

    /// The selected candidates of a max layer, units × samples.
    pub(crate) fn choice(&self, layer: LayerId) -> &[u32] {
        &self.choice[layer.index()]
    }
}

/// Who goes through the network with the value pass.
pub(crate) trait Companion<T> {
    /// Makes the values of a linear layer beside its own numbers, without the constants, unless it has none of the
    /// layer's.
    fn values(&mut self, id: LayerId, tape: &Tape<T>, values: &mut [T]) -> bool;

    /// The layer is recorded.
    fn follow(&mut self, id: LayerId, tape: &Tape<T>);
}

/// Nobody.
impl<T> Companion<T> for () {
    fn values(&mut self, _id: LayerId, _tape: &Tape<T>, _values: &mut [T]) -> bool {
        false
    }

    fn follow(&mut self, _id: LayerId, _tape: &Tape<T>) {}
}

/// A unit whose value or derivative is not finite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside<T> {
    pub(crate) layer: LayerId,
    /// Of the derivative.
    pub(crate) order: usize,
    pub(crate) unit: usize,
    pub(crate) value: T,
    /// What a function was evaluated at.
    pub(crate) operand: Option<T>,
}

impl<T: Scalar> Outside<T> {
    /// Whether it is found before another one.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        let place = |o: &Self| (o.layer.index(), o.order, o.unit);
        place(self) < place(other)
    }

    pub(crate) fn error(&self, net: &Network<T>, sample: usize) -> Error {
        let Outside { layer, unit, value, .. } = *self;
        let layer = net.layer(layer);
        let message = match (layer.kind(), self.operand) {
            (Kind::Elementwise(e), Some(z)) => {
                format!("{} or a derivative of it is {value} at {z}", e.activation().name())
            }
            _ => format!("the value is {value}"),
        };
        let message = format!("{message}, in unit {unit} of sample {sample}");
        Error::new(ErrorKind::NonFinite, message).in_layer(layer.name())
    }
}

/// What every sweep works with.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a, T> {
    pub(crate) net: &'a Network<T>,
    pub(crate) tape: &'a Tape<T>,
    pub(crate) lanes: Lanes,
    pub(crate) spread: Spread,
}

/// Calls `f` with a list of `count` blocks; lists of up to four live on the stack.
pub(crate) fn with_rows<'a, T: Scalar, R>(
    count: usize,
    get: impl Fn(usize) -> Rows<'a, T>,
    f: impl FnOnce(&[Rows<'a, T>]) -> R,
) -> R {
    if count <= 4 {
        let mut rows = [Rows::none(); 4];
        (0..count).for_each(|q| rows[q] = get(q));
        f(&rows[..count])
    } else {
        f(&(0..count).map(get).collect::<Vec<_>>())
    }
}

/// Pieces of three buffers at once, split in halves; the derivative buffers may be empty.
fn pieces<T: Scalar>(
    spread: Spread,
    rows: Range<usize>,
    width: usize,
    [out, first, second]: [&mut [T]; 3],
    f: &(impl Fn(Range<usize>, [&mut [T]; 3]) + Sync),
) {
    const PIECE: usize = 1 << 14;
    if spread == Spread::Here || rows.len() < 2 || out.len() <= PIECE {
        return f(rows, [out, first, second]);
    }
    let half = rows.len() / 2;
    let split = |buffer: &[T]| if buffer.is_empty() { 0 } else { half * width };
    let (first_at, second_at) = (split(first), split(second));
    let (out, out_rest) = out.split_at_mut(half * width);
    let (first, first_rest) = first.split_at_mut(first_at);
    let (second, second_rest) = second.split_at_mut(second_at);
    let (head, tail) = (rows.start..rows.start + half, rows.start + half..rows.end);
    rayon::join(
        || pieces(spread, head, width, [out, first, second], f),
        || pieces(spread, tail, width, [out_rest, first_rest, second_rest], f),
    );
}
