//! Convolution over one, two or three axes; the shared weights stay shared.

mod sweep;

use super::broadcast::cast;
use super::stencil::{AXES, Beyond, Fan, Link, Place, Stencil, Weights};
use super::window::{Links, Side, Window};
use super::{Connections, Linear};
use crate::error::{Result, ensure};
use crate::gemm::{self, Matrix};
use crate::rows::Rows;
use crate::scalar::{Scalar, vectorized, vectorized_within};
use crate::sets::{EMPTY, SetId, Sets};
use faer::Accum;
use std::array;
use std::ops::Range;
use std::sync::OnceLock;
use sweep::Sweep;

/// Cross-correlation `y[o, p] = b[o] + Σ_{i, t} w[o, i, t] · x[i, p·stride + t·dilation − before]`,
/// channels first, zeros beyond the border; output channel `o` sees the input channels of its group.
#[derive(Clone, Debug)]
pub struct Conv<T> {
    /// `[output channel][input channel of the group][tap]`.
    weight: Vec<T>,
    bias: Option<Vec<T>>,
    channels: [usize; 2],
    groups: usize,
    windows: [Window; AXES],
    axes: usize,
    /// The weights as they are read to make outputs, and inputs; each made when a sweep first asks for it.
    by_link: [OnceLock<Vec<T>>; 2],
}

/// Parameters of a convolution beside its weights; one entry for each spatial axis, or empty for the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConvOptions {
    /// Step between windows, default 1.
    pub stride: Vec<usize>,
    /// Zeros before and after each axis, default none.
    pub padding: Vec<[usize; 2]>,
    /// Step between taps, default 1.
    pub dilation: Vec<usize>,
    /// Groups of channels; 0 and 1 both mean one group.
    pub groups: usize,
}

impl ConvOptions {
    /// The value of `list` on `axis`, or the default if the list is empty.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the list is neither empty nor of one entry for each axis.
    pub(crate) fn on_axis<V: Copy>(list: &[V], name: &str, axes: usize, axis: usize, default: V) -> Result<V> {
        ensure!(list.is_empty() || list.len() == axes, Shape, "{} values of {name} for {axes} axes", list.len());
        Ok(list.get(axis).copied().unwrap_or(default))
    }
}

impl<T: Scalar> Conv<T> {
    /// `weight` of shape `[output channels, input channels / groups, kernel…]`, operand `[input channels, axes…]`.
    pub(crate) fn new(
        weight: Vec<T>,
        shape: &[usize],
        bias: Option<Vec<T>>,
        options: &ConvOptions,
        operand: &[usize],
    ) -> Result<Self> {
        ensure!(
            (3..=2 + AXES).contains(&shape.len()),
            Shape,
            "the weight has shape {shape:?}, but a convolution needs [out, in / groups, kernel…] with 1 to {AXES} axes"
        );
        let axes = shape.len() - 2;
        ensure!(operand.len() == axes + 1, Shape, "the operand has shape {operand:?}, the weight {shape:?}");
        ensure!(
            shape.iter().try_fold(1usize, |p, &s| p.checked_mul(s)) == Some(weight.len()),
            Shape,
            "{} numbers for a weight of shape {shape:?}",
            weight.len()
        );
        let (outputs, inputs, groups) = (shape[0], operand[0], options.groups.max(1));
        ensure!(
            outputs > 0 && outputs % groups == 0 && inputs % groups == 0 && shape[1] == inputs / groups,
            Shape,
            "a weight of shape {shape:?} in {groups} groups does not fit {inputs} input channels"
        );
        if let Some(b) = &bias {
            ensure!(b.len() == outputs, Shape, "the bias has {} numbers for {outputs} channels", b.len());
        }
        let mut windows = [Window::TRIVIAL; AXES];
        for axis in 0..axes {
            let stride = ConvOptions::on_axis(&options.stride, "stride", axes, axis, 1)?;
            let dilation = ConvOptions::on_axis(&options.dilation, "dilation", axes, axis, 1)?;
            let padding = ConvOptions::on_axis(&options.padding, "padding", axes, axis, [0, 0])?;
            windows[AXES - axes + axis] = Window::new(operand[1 + axis], shape[2 + axis], stride, dilation, padding)?;
        }
        let channels = [outputs, inputs];
        Ok(Conv { weight, bias, channels, groups, windows, axes, by_link: Default::default() })
    }

    /// `[output channels, input channels / groups, kernel…]`.
    pub fn weight_shape(&self) -> Vec<usize> {
        let kernel = self.windows().iter().map(|w| w.kernel);
        [self.channels[0], self.channels[1] / self.groups].into_iter().chain(kernel).collect()
    }

    /// The weights in C order of [`weight_shape`](Self::weight_shape).
    pub fn weight(&self) -> &[T] {
        &self.weight
    }

    /// One constant for each output channel.
    pub fn bias(&self) -> Option<&[T]> {
        self.bias.as_deref()
    }

    /// Number of groups of channels.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The window on each spatial axis.
    pub fn windows(&self) -> &[Window] {
        &self.windows[AXES - self.axes..]
    }

    /// `[output channels, axes…]`.
    pub(crate) fn output_shape(&self) -> Vec<usize> {
        std::iter::once(self.channels[0]).chain(self.windows().iter().map(|w| w.output)).collect()
    }

    pub(crate) fn cast<U: Scalar>(&self) -> Conv<U> {
        Conv {
            weight: cast(&self.weight),
            bias: self.bias.as_deref().map(cast),
            channels: self.channels,
            groups: self.groups,
            windows: self.windows,
            axes: self.axes,
            by_link: Default::default(),
        }
    }

    pub(crate) fn parameters(&self) -> [&[T]; 2] {
        [&self.weight, self.bias.as_deref().unwrap_or(&[])]
    }

    /// Rows that are computed together best, for blocks of `width` lanes: blocks of whole channels.
    pub(crate) fn chunk_rows(&self, width: usize) -> usize {
        let positions = self.positions(Side::Output);
        let channels = match self.pointwise() {
            // As of a dense layer: pieces of about a million operations, and not too few rows.
            Some([_, inputs]) => ((1 << 20) / (inputs * positions * width).max(1)).clamp(16, 1 << 10),
            // One channel is cut along its positions.
            None if self.channels[0] == 1 => return positions.div_ceil(8).max(1 << 10).min(positions),
            None => 4,
        };
        channels * positions
    }

    /// Channels made and read, if every position is multiplied by one matrix large enough for matrix products.
    fn pointwise(&self) -> Option<[usize; 2]> {
        const LEAST: usize = 16;
        let alone = |w: &Window| w.kernel == 1 && w.stride == 1 && w.before == 0 && w.after == 0;
        let large = self.channels.iter().all(|&c| c >= LEAST);
        (self.groups == 1 && large && self.windows.iter().all(alone)).then_some(self.channels)
    }

    /// Whether it is a matrix product at every position.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.pointwise().is_some()
    }

    /// All channels of a group see the same inputs at a position, so each set is united once for the group.
    pub(crate) fn propagate(&self, operand: &[SetId], sets: &mut Sets) -> Vec<SetId> {
        self.united(Side::Output, operand, sets)
    }

    /// What each unit of the operand reaches: the mirror.
    pub(crate) fn influence(&self, own: &[SetId], sets: &mut Sets) -> Vec<SetId> {
        self.united(Side::Input, own, sets)
    }

    /// The sets of one side from those of the other.
    fn united(&self, to: Side, from: &[SetId], sets: &mut Sets) -> Vec<SetId> {
        let [outputs, inputs] = self.channels.map(|c| c / self.groups);
        let (other, made, read) = match to {
            Side::Output => (Side::Input, outputs, inputs),
            Side::Input => (Side::Output, inputs, outputs),
        };
        let (there, here) = (self.positions(other), self.positions(to));
        let mut result = vec![EMPTY; self.groups * made * here];
        let mut united = vec![EMPTY; there];
        for group in 0..self.groups {
            for (position, united) in united.iter_mut().enumerate() {
                *united = sets.union((0..read).map(|c| from[(group * read + c) * there + position]));
            }
            for position in 0..here {
                let set = sets.union(self.neighbors(to, position).map(|(p, _)| united[p]));
                for c in 0..made {
                    result[(group * made + c) * here + position] = set;
                }
            }
        }
        result
    }

    pub(crate) fn mark_operands(&self, live: &[bool], operand: &mut [bool]) {
        let [outputs, inputs] = self.channels.map(|c| c / self.groups);
        let (seen, made) = (self.positions(Side::Input), self.positions(Side::Output));
        for group in 0..self.groups {
            for position in 0..made {
                if (0..outputs).any(|c| live[(group * outputs + c) * made + position]) {
                    for (p, _) in self.neighbors(Side::Output, position) {
                        (0..inputs).for_each(|c| operand[(group * inputs + c) * seen + p] = true);
                    }
                }
            }
        }
    }

    fn positions(&self, side: Side) -> usize {
        self.windows.iter().map(|w| w.len(side)).product()
    }

    /// `position` as coordinates on the given side.
    fn coordinates(&self, side: Side, position: usize) -> [usize; AXES] {
        let [_, b, c] = self.windows.each_ref().map(|w| w.len(side));
        [position / (b * c), position / c % b, position % c]
    }

    /// `(position on the other side, tap)` of everything linked with `position`.
    fn neighbors(&self, side: Side, position: usize) -> impl Iterator<Item = (usize, usize)> {
        let other = if side == Side::Output { Side::Input } else { Side::Output };
        let at = self.coordinates(side, position);
        let links: [Links; AXES] = array::from_fn(|a| self.windows[a].links(side, at[a]));
        let [_, b, c] = self.windows.each_ref().map(|w| w.len(other));
        let [_, kb, kc] = self.windows.each_ref().map(|w| w.kernel);
        links[0].iter().flat_map(move |(p0, t0)| {
            links[1].iter().flat_map(move |(p1, t1)| {
                links[2].iter().map(move |(p2, t2)| ((p0 * b + p1) * c + p2, (t0 * kb + t1) * kc + t2))
            })
        })
    }

    /// The weights that a channel of the operand has, one after the other: `[group][channel read][tap][channel made]`.
    fn by_link(&self, side: Side) -> &[T] {
        let [outputs, inputs] = self.channels.map(|c| c / self.groups);
        let taps: usize = self.windows.iter().map(|w| w.kernel).product();
        let weight = move |output: usize, input: usize, tap: usize| self.weight[(output * inputs + input) * taps + tap];
        let arranged = |read: usize, made: usize, weight: &dyn Fn(usize, usize, usize, usize) -> T| {
            let mut numbers = Vec::with_capacity(self.weight.len());
            for (group, read) in (0..self.groups).flat_map(|group| (0..read).map(move |read| (group, read))) {
                for tap in 0..taps {
                    numbers.extend((0..made).map(|made| weight(group, read, tap, made)));
                }
            }
            numbers
        };
        match side {
            Side::Output => self.by_link[0].get_or_init(|| {
                arranged(inputs, outputs, &|group, read, tap, made| weight(group * outputs + made, read, tap))
            }),
            Side::Input => self.by_link[1].get_or_init(|| {
                arranged(outputs, inputs, &|group, read, tap, made| weight(group * outputs + read, made, tap))
            }),
        }
    }
}

impl<T: Scalar> Conv<T> {
    /// Rows of the product of a matrix with the channels at every position, whose numbers lie side by side. Rows that
    /// are not whole channels take what is needed of the first and the last.
    fn at_every_position(
        &self,
        matrix: Matrix<'_, T>,
        rows: Range<usize>,
        from: Rows<'_, T>,
        accumulate: Accum,
        out: &mut [T],
    ) {
        let (positions, width) = (self.positions(Side::Output), from.width);
        let mut row = rows.start;
        let mut rest = out;
        while row < rows.end {
            let (channel, position) = (row / positions, row % positions);
            let whole = if position == 0 { (rows.end - row) / positions } else { 0 };
            // Whole channels, or some positions of one.
            let (channels, count) =
                if whole > 0 { (whole, positions) } else { (1, positions.min(position + rows.end - row) - position) };
            let (made, others) = rest.split_at_mut(channels * count * width);
            let rows = matrix.part_of_rows(channel..channel + channels);
            let from = Rows::new(from.data, positions * width).after(position * width);
            gemm::multiply(made, count * width, accumulate, rows, Rows { width: count * width, ..from });
            (row, rest) = (row + channels * count, others);
        }
    }
}

impl<T: Scalar> Linear<T> for Conv<T> {
    fn forward(&self, rows: Range<usize>, operands: &[Rows<'_, T>], out: &mut [T], _width: usize) {
        if let Some(weight) = self.across_channels() {
            return self.at_every_position(weight, rows, operands[0], Accum::Replace, out);
        }
        let sweep = Sweep::new(self, Side::Output, operands[0], false);
        vectorized_within(
            #[inline(always)]
            |registers| sweep.run(registers, rows, out),
        );
    }

    fn connections(&self, unit: usize, list: &mut Connections<T>) {
        let [made, read] = self.channels.map(|c| c / self.groups);
        let lens = [Side::Output, Side::Input].map(|side| self.windows.iter().map(|w| w.len(side)).product::<usize>());
        let taps: usize = self.windows.iter().map(|w| w.kernel).product();
        let (channel, position) = (unit / lens[0], unit % lens[0]);
        for link in 0..read {
            let from = (channel / made * read + link) * lens[1];
            let weights = &self.weight[(channel * read + link) * taps..][..taps];
            let near = self.neighbors(Side::Output, position);
            list.extend(near.map(|(p, tap)| (0, (from + p) as u32, weights[tap])));
        }
    }

    fn add_constant(&self, rows: Range<usize>, out: &mut [T], width: usize) {
        let Some(bias) = &self.bias else { return };
        let positions = self.positions(Side::Output);
        vectorized(
            #[inline(always)]
            || {
                let (mut row, mut rest) = (rows.start, out);
                while row < rows.end {
                    let count = (positions - row % positions).min(rows.end - row);
                    let (channel, others) = rest.split_at_mut(count * width);
                    let constant = bias[row / positions];
                    channel.iter_mut().for_each(|o| *o += constant);
                    (row, rest) = (row + count, others);
                }
            },
        );
    }

    fn reverse(&self, _operand: usize, rows: Range<usize>, adjoint: Rows<'_, T>, out: &mut [T]) {
        if let Some(weight) = self.across_channels() {
            return self.at_every_position(weight.transpose(), rows, adjoint, Accum::Add, out);
        }
        let sweep = Sweep::new(self, Side::Input, adjoint, true);
        vectorized_within(
            #[inline(always)]
            |registers| sweep.run(registers, rows, out),
        );
    }

    fn across_channels(&self) -> Option<Matrix<'_, T>> {
        self.pointwise().map(|[outputs, inputs]| Matrix::new(&self.weight, outputs, inputs))
    }

    /// Unless a stride skips positions.
    fn stencil(&self, operands: &[&Place], _shape: &[usize]) -> Option<Stencil> {
        let [inputs, outputs] = [Side::Input, Side::Output].map(|side| self.windows.each_ref().map(|w| w.len(side)));
        let place = operands[0];
        let fits = place.channels == self.channels[1] && place.shape == inputs;
        if !fits || self.windows.iter().any(|w| w.stride != 1) {
            return None;
        }
        let [made, read] = self.channels.map(|c| c / self.groups);
        let [ka, kb, kc] = self.windows.each_ref().map(|w| w.kernel);
        let fan = |group: usize| {
            let mut links = Vec::with_capacity(read * ka * kb * kc);
            for channel in 0..read {
                for (tap, [a, b, c]) in taps([ka, kb, kc]).enumerate() {
                    let shift = |axis: usize, t: usize| {
                        let w = &self.windows[axis];
                        (t * w.dilation) as i32 - w.before as i32
                    };
                    links.push(Link {
                        operand: 0,
                        channel: group * read + channel,
                        shift: [shift(0, a), shift(1, b), shift(2, c)],
                        weight: ((group * read + channel) * ka * kb * kc + tap) * made,
                    });
                }
            }
            Fan { channels: group * made..(group + 1) * made, links }
        };
        let padded = |w: &Window| if w.before + w.after > 0 { Beyond::Zeros } else { Beyond::Unread };
        Some(Stencil {
            place: Place { channels: self.channels[0], shape: outputs, origin: place.origin },
            fans: (0..self.groups).map(fan).collect(),
            beyond: self.windows.each_ref().map(padded),
        })
    }

    fn weights(&self, _place: &Place) -> Weights<'_, T> {
        Weights::Shared(self.by_link(Side::Output))
    }
}

/// The coordinates of all taps, in order.
fn taps([a, b, c]: [usize; AXES]) -> impl Iterator<Item = [usize; AXES]> {
    (0..a * b * c).map(move |tap| [tap / (b * c), tap / c % b, tap % c])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::{Registers, test_number as number};

    /// One tap, many channels: matrix products at every position, on any rows.
    #[test]
    fn pointwise_convolutions_are_sums_over_channels() {
        let (outputs, inputs, positions, width) = (18, 21, 5, 3);
        let weight: Vec<f64> = (0..outputs * inputs).map(number).collect();
        let shape = [outputs, inputs, 1];
        let conv = Conv::new(weight.clone(), &shape, None, &ConvOptions::default(), &[inputs, positions]).unwrap();
        assert!(conv.pointwise().is_some());
        let x: Vec<f64> = (0..inputs * positions * width).map(|k| number(k + 5)).collect();
        let y: Vec<f64> = (0..outputs * positions * width).map(|k| number(k + 9)).collect();
        let span = positions * width;
        for rows in [0..outputs * positions, 3..4, 2..23, 5..40, 7..84] {
            let mut out = vec![1.0; rows.len() * width];
            conv.forward(rows.clone(), &[Rows::new(&x, width)], &mut out, width);
            for (k, &found) in out.iter().enumerate() {
                let at = rows.start * width + k;
                let exact: f64 = (0..inputs).map(|i| weight[at / span * inputs + i] * x[i * span + at % span]).sum();
                assert!((found - exact).abs() < 1e-13);
            }
            let mut out = vec![1.0; rows.len() * width];
            conv.reverse(0, rows.clone(), Rows::new(&y, width), &mut out);
            for (k, &found) in out.iter().enumerate() {
                let at = rows.start * width + k;
                let exact: f64 = (0..outputs).map(|o| weight[o * inputs + at / span] * y[o * span + at % span]).sum();
                assert!((found - 1.0 - exact).abs() < 1e-13);
            }
        }
    }

    /// Every number of channels made at a time, long runs and short ones, both directions, for the registers of every
    /// machine, against the list of links.
    #[test]
    fn kernels_follow_the_connections() {
        for (made, read, groups) in [(1, 3, 1), (2, 1, 2), (3, 2, 1), (7, 3, 2), (9, 8, 1)] {
            let shape = [made * groups, read, 5];
            let weight: Vec<f64> = (0..shape.iter().product()).map(number).collect();
            let options = ConvOptions { padding: vec![[3, 1]], groups, ..ConvOptions::default() };
            for (positions, width) in [(150, 1), (9, 3), (40, 13)] {
                let operand = [read * groups, positions];
                let conv = Conv::new(weight.clone(), &shape, None, &options, &operand).unwrap();
                let [units, inputs] = [conv.output_shape().iter().product::<usize>(), operand.iter().product()];
                let x: Vec<f64> = (0..inputs * width).map(|k| number(k + 5)).collect();
                let y: Vec<f64> = (0..units * width).map(|k| number(k + 9)).collect();
                let (mut exact, mut adjoint) = (vec![0.0; units * width], vec![1.0; inputs * width]);
                let mut links = Connections::new();
                for unit in 0..units {
                    links.clear();
                    conv.connections(unit, &mut links);
                    for (&(_, from, weight), k) in links.iter().flat_map(|link| (0..width).map(move |k| (link, k))) {
                        let (here, there) = (unit * width + k, from as usize * width + k);
                        exact[here] += weight * x[there];
                        adjoint[there] += weight * y[here];
                    }
                }
                let close = |found: &[f64], exact: &[f64]| found.iter().zip(exact).all(|(f, e)| (f - e).abs() < 1e-12);
                let mut out = vec![1.0; units * width];
                conv.forward(0..units, &[Rows::new(&x, width)], &mut out, width);
                assert!(close(&out, &exact), "{shape:?} forward, {positions} positions of {width}");
                let mut out = vec![1.0; inputs * width];
                conv.reverse(0, 0..inputs, Rows::new(&y, width), &mut out);
                assert!(close(&out, &adjoint), "{shape:?} reverse, {positions} positions of {width}");
                for registers in Registers::ALL {
                    let what = format!("{shape:?}, {positions} positions of {width}, {registers:?}");
                    let mut out = vec![1.0; units * width];
                    let forward = Sweep::new(&conv, Side::Output, Rows::new(&x, width), false);
                    forward.run(registers, 0..units, &mut out);
                    assert!(close(&out, &exact), "forward {what}");
                    let mut out = vec![1.0; inputs * width];
                    let reverse = Sweep::new(&conv, Side::Input, Rows::new(&y, width), true);
                    reverse.run(registers, 0..inputs, &mut out);
                    assert!(close(&out, &adjoint), "reverse {what}");
                }
            }
        }
    }
}
