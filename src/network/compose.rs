//! Layers that are compositions of others: reshapes, slices and pads are gathers, pooling is a convolution,
//! a sparse map or a selection, batch norm a weighted sum.

use super::builder::{MAX_UNITS, units_of};
use super::{LayerId, NetworkBuilder};
use crate::error::{Error, ErrorKind, Result, bail, ensure};
use crate::layer::{ConvOptions, FILL, Side, Window};
use ndarray::{ArrayD, IxDyn};
use sprs::CsMat;

/// What stands beyond the border of a padded axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// A number.
    Constant(f64),
    /// The other end (a periodic grid).
    Circular,
    /// The mirror image, without repeating the border.
    Reflect,
    /// The border itself.
    Edge,
}

/// A pooling window; one entry for each spatial axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Length of the window.
    pub kernel: Vec<usize>,
    /// Step between windows; empty: the kernel.
    pub stride: Vec<usize>,
    /// Positions added before and after; empty: none.
    pub padding: Vec<[usize; 2]>,
    /// Step between taps; empty: 1.
    pub dilation: Vec<usize>,
}

impl Pool {
    fn windows(&self, shape: &[usize]) -> Result<Vec<Window>> {
        let axes = self.kernel.len();
        ensure!(
            (1..=3).contains(&axes) && shape.len() == axes + 1,
            Shape,
            "a kernel {:?} does not fit an operand of shape {shape:?} (channels first)",
            self.kernel
        );
        let window = |axis: usize| {
            let kernel = self.kernel[axis];
            let stride = ConvOptions::on_axis(&self.stride, "stride", axes, axis, kernel)?;
            let dilation = ConvOptions::on_axis(&self.dilation, "dilation", axes, axis, 1)?;
            let padding = ConvOptions::on_axis(&self.padding, "padding", axes, axis, [0, 0])?;
            Window::new(shape[1 + axis], kernel, stride, dilation, padding)
        };
        (0..axes).map(window).collect()
    }
}

impl NetworkBuilder {
    /// The same units in another shape of the same size.
    pub fn reshape(&mut self, name: &str, operand: LayerId, shape: &[usize]) -> Result<LayerId> {
        let units = self.shape(operand).map_err(|e| e.in_layer(name))?.iter().product::<usize>();
        self.gather(name, &[operand], (0..units as u32).map(Some), shape, 0.0)
    }

    /// Operands of one shape but for one axis, along which they are joined.
    ///
    /// # Errors
    /// [`Shape`](ErrorKind::Shape) if they do not fit, [`InvalidParameter`](ErrorKind::InvalidParameter) for
    /// an axis that they do not have.
    pub fn concat(&mut self, name: &str, operands: &[LayerId], axis: usize) -> Result<LayerId> {
        let made = self.concat_index(operands, axis).map_err(|e| e.in_layer(name));
        let (index, shape) = made?;
        self.gather(name, operands, index, &shape, 0.0)
    }

    fn concat_index(&self, operands: &[LayerId], axis: usize) -> Result<(Vec<Option<u32>>, Vec<usize>)> {
        let shapes: Vec<&[usize]> = operands.iter().map(|&o| self.shape(o)).collect::<Result<_>>()?;
        let Some((first, rest)) = shapes.split_first() else { bail!(Empty, "the layer has no operand") };
        ensure!(axis < first.len(), InvalidParameter, "axis {axis} of operands of shape {first:?}");
        for shape in rest {
            let fits = shape.len() == first.len() && (0..first.len()).all(|a| a == axis || shape[a] == first[a]);
            ensure!(fits, Shape, "operands of shapes {first:?} and {shape:?} cannot be joined along axis {axis}");
        }
        let mut shape = first.to_vec();
        shape[axis] = shapes.iter().map(|s| s[axis]).sum();
        self.check_room(&shape)?;
        let outer: usize = first[..axis].iter().product();
        let blocks: Vec<usize> = shapes.iter().map(|s| s[axis..].iter().product()).collect();
        let mut index = Vec::new();
        for o in 0..outer {
            let mut start = 0;
            for &block in &blocks {
                index.extend((0..block).map(|k| Some((start + o * block + k) as u32)));
                start += outer * block;
            }
        }
        Ok((index, shape))
    }

    /// Axes in another order: axis `a` of the result is axis `permutation[a]` of the operand.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if it is not a permutation of the axes.
    pub fn transpose(&mut self, name: &str, operand: LayerId, permutation: &[usize]) -> Result<LayerId> {
        self.by_axes(name, operand, 0.0, |shape| {
            let mut sorted = permutation.to_vec();
            sorted.sort_unstable();
            ensure!(
                sorted.iter().copied().eq(0..shape.len()),
                InvalidParameter,
                "{permutation:?} is not a permutation of the axes of {shape:?}"
            );
            Ok(permutation.iter().map(|&a| (a, (0..shape[a] as u32).collect())).collect())
        })
    }

    /// Every `step`-th position from `start` to before `end`, on each axis: `[start, end, step]`.
    ///
    /// # Errors
    /// [`OutOfRange`](ErrorKind::OutOfRange) for a range beyond its axis,
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for a step of zero.
    pub fn slice(&mut self, name: &str, operand: LayerId, ranges: &[[usize; 3]]) -> Result<LayerId> {
        self.by_axes(name, operand, 0.0, |shape| {
            ensure!(ranges.len() == shape.len(), Shape, "{} ranges for shape {shape:?}", ranges.len());
            let axis = |(a, &[start, end, step]): (usize, &[usize; 3])| {
                ensure!(step > 0, InvalidParameter, "the step of axis {a} is zero");
                ensure!(
                    start <= end && end <= shape[a],
                    OutOfRange,
                    "range {start}..{end} of axis {a}, which has {}",
                    shape[a]
                );
                Ok((a, (start..end).step_by(step).map(|k| k as u32).collect()))
            };
            ranges.iter().enumerate().map(axis).collect()
        })
    }

    /// Positions added before and after every axis.
    ///
    /// # Errors
    /// [`Shape`](ErrorKind::Shape) if there are not as many paddings as axes,
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if a reflection or a period is longer than its axis.
    pub fn pad(&mut self, name: &str, operand: LayerId, padding: &[[usize; 2]], mode: PadMode) -> Result<LayerId> {
        let fill = if let PadMode::Constant(fill) = mode { fill } else { 0.0 };
        self.by_axes(name, operand, fill, |shape| {
            ensure!(padding.len() == shape.len(), Shape, "{} paddings for shape {shape:?}", padding.len());
            let total = |(&[before, after], &len): (&[usize; 2], &usize)| before.checked_add(after)?.checked_add(len);
            let padded: Option<Vec<usize>> = padding.iter().zip(shape).map(total).collect();
            let padded = padded.as_deref().and_then(units_of);
            ensure!(padded.is_some_and(|u| u <= MAX_UNITS), TooLarge, "padding {padding:?} of shape {shape:?}");
            let axis = |(a, &[before, after]): (usize, &[usize; 2])| {
                let len = shape[a];
                let most = match mode {
                    PadMode::Constant(_) | PadMode::Edge => usize::MAX,
                    PadMode::Circular => len,
                    PadMode::Reflect => len - 1,
                };
                ensure!(
                    before <= most && after <= most,
                    InvalidParameter,
                    "padding [{before}, {after}] of axis {a}, which has {len}, in mode {mode:?}"
                );
                let source = |k: usize| match (k.checked_sub(before), mode) {
                    (Some(k), _) if k < len => k as u32,
                    (_, PadMode::Constant(_)) => FILL,
                    (_, PadMode::Circular) => ((k + len - before) % len) as u32,
                    (None, PadMode::Reflect) => (before - k) as u32,
                    (Some(k), PadMode::Reflect) => (2 * (len - 1) - k) as u32,
                    (None, PadMode::Edge) => 0,
                    (Some(_), PadMode::Edge) => (len - 1) as u32,
                };
                Ok((a, (0..before + len + after).map(source).collect()))
            };
            padding.iter().enumerate().map(axis).collect()
        })
    }

    /// A gather that treats axes one by one: for each axis of the result the operand's axis, and where on it
    /// each position comes from, [`FILL`] for nowhere.
    fn by_axes(
        &mut self,
        name: &str,
        operand: LayerId,
        fill: f64,
        sources: impl FnOnce(&[usize]) -> Result<Vec<(usize, Vec<u32>)>>,
    ) -> Result<LayerId> {
        let shape = self.shape(operand).map_err(|e| e.in_layer(name))?;
        let sources = sources(shape).map_err(|e| e.in_layer(name))?;
        let stride = |axis: usize| shape[axis + 1..].iter().product::<usize>();
        let mut index = vec![0u32];
        for (axis, positions) in &sources {
            let stride = stride(*axis) as u32;
            let mut longer = Vec::with_capacity(index.len() * positions.len());
            for &base in &index {
                let at = |&p: &u32| if base == FILL || p == FILL { FILL } else { base + p * stride };
                longer.extend(positions.iter().map(at));
            }
            index = longer;
        }
        let index = index.into_iter().map(|i| (i != FILL).then_some(i));
        let shape: Vec<usize> = sources.iter().map(|(_, positions)| positions.len()).collect();
        self.gather(name, &[operand], index, &shape, fill)
    }

    /// The largest number of each window; padding never wins, and of equal numbers the first does.
    pub fn max_pool(&mut self, name: &str, operand: LayerId, pool: &Pool) -> Result<LayerId> {
        let (shape, windows) = self.pooled(operand, pool, true).map_err(|e| e.in_layer(name))?;
        let units = shape.iter().product();
        self.max(name, &[operand], (0..units).map(|k| members(&windows, k)), &shape)
    }

    /// The mean of each window. With `count_padding` (the default of PyTorch and Flux) padding counts as zeros,
    /// without it a window at the border is the mean of what it sees.
    pub fn avg_pool(&mut self, name: &str, operand: LayerId, pool: &Pool, count_padding: bool) -> Result<LayerId> {
        let as_conv = count_padding || pool.padding.iter().flatten().all(|&p| p == 0);
        let (shape, windows) = self.pooled(operand, pool, !as_conv).map_err(|e| e.in_layer(name))?;
        if as_conv {
            let channels = shape[0];
            let kernel: Vec<usize> = [channels, 1].into_iter().chain(windows.iter().map(|w| w.kernel)).collect();
            let window: f64 = windows.iter().map(|w| w.kernel as f64).product();
            let weight = ArrayD::from_elem(IxDyn(&kernel), 1.0 / window);
            let options = ConvOptions {
                stride: windows.iter().map(|w| w.stride).collect(),
                padding: pool.padding.clone(),
                dilation: pool.dilation.clone(),
                groups: channels,
            };
            return self.conv(name, operand, weight, None, &options);
        }
        let columns = self.shape(operand)?.iter().product();
        let rows = shape.iter().product();
        let (mut indptr, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
        for members in (0..rows).map(|k| members(&windows, k)) {
            indices.extend(members.iter().map(|&i| i as usize));
            data.extend(members.iter().map(|_| 1.0 / members.len() as f64));
            indptr.push(indices.len());
        }
        let matrix = CsMat::try_new((rows, columns), indptr, indices, data)
            .map_err(|(.., e)| Error::new(ErrorKind::Shape, e.to_string()).in_layer(name))?;
        let flat = self.sparse(&format!("{name}.flat"), operand, matrix, None)?;
        self.reshape(name, flat, &shape)
    }

    /// The shape of a pooled layer and its windows, which are not too large: neither the kernels of all channels
    /// nor, if they are to be listed, what all windows see.
    fn pooled(&self, operand: LayerId, pool: &Pool, listed: bool) -> Result<(Vec<usize>, Vec<Window>)> {
        let operand = self.shape(operand)?;
        let windows = pool.windows(operand)?;
        let shape: Vec<usize> = [operand[0]].into_iter().chain(windows.iter().map(|w| w.output)).collect();
        self.check_room(&shape)?;
        let seen = shape.iter().copied().chain(windows.iter().map(|w| w.kernel.min(w.input)));
        let kernels = [operand[0]].into_iter().chain(windows.iter().map(|w| w.kernel));
        let numbers = units_of(&if listed { seen.collect::<Vec<_>>() } else { kernels.collect() });
        ensure!(
            numbers.is_some_and(|n| n <= MAX_UNITS),
            TooLarge,
            "windows of {:?} for shape {shape:?} have more than {MAX_UNITS} numbers",
            pool.kernel
        );
        Ok((shape, windows))
    }

    /// Batch norm at inference, `scale · (x − mean) / √(variance + epsilon) + shift` for each channel.
    ///
    /// # Errors
    /// [`Shape`](ErrorKind::Shape) unless all four have one number for each channel;
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) if `variance + epsilon` is not positive.
    pub fn batch_norm(
        &mut self,
        name: &str,
        operand: LayerId,
        [scale, shift, mean, variance]: [&[f64]; 4],
        epsilon: f64,
    ) -> Result<LayerId> {
        let factors = || {
            let shape = self.shape(operand)?;
            let channels = shape.first().copied().unwrap_or(1);
            let named = [("scale", scale), ("shift", shift), ("mean", mean), ("variance", variance)];
            for (what, numbers) in named {
                let count = numbers.len();
                ensure!(count == channels, Shape, "{count} numbers of {what} for shape {shape:?} (channels first)");
                let bad = numbers.iter().find(|v| !v.is_finite());
                ensure!(bad.is_none(), NonFinite, "one of the numbers of {what} is {}", bad.unwrap_or(&0.0));
            }
            if let Some(v) = variance.iter().find(|&&v| (v + epsilon).is_nan() || v + epsilon <= 0.0) {
                bail!(InvalidParameter, "variance {v} + epsilon {epsilon} is not positive");
            }
            let factor: Vec<f64> = scale.iter().zip(variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
            let shift = shift.iter().zip(mean).zip(&factor).map(|((s, m), f)| s - m * f).collect();
            Ok((factor, shift))
        };
        let (factor, shift): (Vec<f64>, Vec<f64>) = factors().map_err(|e| e.in_layer(name))?;
        self.weighted_sum(name, &[operand], &[Some(factor)], Some(shift))
    }
}

/// The operand's units in the window of unit `k` of a pooled layer, ascending.
fn members(windows: &[Window], k: usize) -> Vec<u32> {
    let mut rest: usize = windows.iter().map(|w| w.output).product();
    let mut members = vec![(k / rest) as u32];
    for window in windows {
        let position = k % rest;
        rest /= window.output;
        let links = window.links(Side::Output, position / rest);
        let along = |base: u32| links.iter().map(move |(p, _)| base * window.input as u32 + p as u32);
        members = members.into_iter().flat_map(along).collect();
    }
    members
}
