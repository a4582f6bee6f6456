//! Sliding windows along one axis: which input positions an output position sees, and the mirror.

use crate::error::{Result, bail, ensure};

/// One spatial axis of a convolution or pooling: output `o` sees the inputs `o·stride + t·dilation − before`
/// for the taps `t < kernel`, as far as they exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Positions of the operand.
    pub input: usize,
    /// Positions of the result.
    pub output: usize,
    /// Number of taps.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Step between taps.
    pub dilation: usize,
    /// Padding before the first position.
    pub before: usize,
    /// Padding after the last position.
    pub after: usize,
}

/// From which side a window is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// From an output position to the inputs it sees.
    Output,
    /// From an input position to the outputs that see it.
    Input,
}

/// The taps that link one position with positions of the other side: an arithmetic progression of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) count: usize,
    pub(crate) tap: usize,
    pub(crate) tap_step: usize,
    pub(crate) position: usize,
    pub(crate) position_step: isize,
}

impl Links {
    /// `(position, tap)` of every link.
    #[inline(always)]
    pub(crate) fn iter(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.count).map(move |k| {
            let position = self.position as isize + k as isize * self.position_step;
            (position as usize, self.tap + k * self.tap_step)
        })
    }
}

impl Window {
    /// An axis of length one that takes no part.
    pub(crate) const TRIVIAL: Window =
        Window { input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };

    /// Checks the parameters and infers the number of outputs,
    /// `⌊(input + before + after − (kernel − 1)·dilation − 1) / stride⌋ + 1`.
    ///
    /// # Errors
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for a zero or an absurdly large parameter,
    /// [`Shape`](crate::ErrorKind::Shape) if the kernel does not fit into the padded input.
    pub(crate) fn new(
        input: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        padding: [usize; 2],
    ) -> Result<Self> {
        let named = [("kernel", kernel), ("stride", stride), ("dilation", dilation)];
        for (name, value) in named {
            ensure!(value > 0, InvalidParameter, "the {name} is zero");
        }
        let [before, after] = padding;
        let all = named.into_iter().chain([("padding", before), ("padding", after), ("axis", input)]);
        for (name, value) in all {
            ensure!(value < 1 << 31, InvalidParameter, "the {name} is {value}, more than 2^31");
        }
        let padded = input + before + after;
        let Some(reach) = (kernel - 1).checked_mul(dilation).map(|r| r + 1) else {
            bail!(InvalidParameter, "a kernel of {kernel} with dilation {dilation} is too wide");
        };
        ensure!(
            reach <= padded,
            Shape,
            "a kernel of {kernel} with dilation {dilation} spans {reach} positions, but the axis has {input} and padding {before} + {after}"
        );
        Ok(Window { input, output: (padded - reach) / stride + 1, kernel, stride, dilation, before, after })
    }

    /// The links of position `at` on the given side.
    #[inline(always)]
    pub(crate) fn links(&self, side: Side, at: usize) -> Links {
        match side {
            Side::Output => self.inputs_of(at),
            Side::Input => self.outputs_of(at),
        }
    }

    #[inline(always)]
    fn inputs_of(&self, output: usize) -> Links {
        let base = (output * self.stride) as isize - self.before as isize;
        let first = if base < 0 { (-base as usize).div_ceil(self.dilation) } else { 0 };
        let room = (self.input as isize - base).max(0) as usize;
        let end = self.kernel.min(room.div_ceil(self.dilation));
        Links {
            count: end.saturating_sub(first),
            tap: first,
            tap_step: 1,
            position: (base + (first * self.dilation) as isize).max(0) as usize,
            position_step: self.dilation as isize,
        }
    }

    /// `o·stride = input + before − t·dilation`: every `stride / gcd` th tap gives an integer `o`.
    fn outputs_of(&self, input: usize) -> Links {
        let divisor = gcd(self.stride, self.dilation);
        let (tap_step, position_step) = (self.stride / divisor, self.dilation / divisor);
        let offset = input + self.before;
        let none = Links { count: 0, tap: 0, tap_step, position: 0, position_step: 0 };
        // Taps below `least` would need an output after the last one.
        let least = offset.saturating_sub((self.output - 1) * self.stride).div_ceil(self.dilation);
        let most = (offset / self.dilation).min(self.kernel - 1);
        let hits = |t: usize| (offset - t * self.dilation).is_multiple_of(self.stride);
        let Some(tap) = (least..=most).take(tap_step).find(|&t| hits(t)) else { return none };
        Links {
            count: (most - tap) / tap_step + 1,
            tap,
            tap_step,
            position: (offset - tap * self.dilation) / self.stride,
            position_step: -(position_step as isize),
        }
    }

    /// How many positions from `at` on have the same links, each shifted by one: there the axis can be
    /// treated as one long vector. At least one.
    #[inline(always)]
    pub(crate) fn run(&self, side: Side, at: usize) -> usize {
        if self.stride != 1 {
            return 1;
        }
        let reach = (self.kernel - 1) * self.dilation;
        // The interior is where every tap has its position.
        let (start, end) = match side {
            Side::Output => (self.before, (self.input + self.before).saturating_sub(reach).min(self.output)),
            Side::Input => (reach.saturating_sub(self.before), self.output.saturating_sub(self.before).min(self.input)),
        };
        if at >= start && at < end { end - at } else { 1 }
    }

    /// Number of positions on a side.
    pub(crate) fn len(&self, side: Side) -> usize {
        match side {
            Side::Output => self.output,
            Side::Input => self.input,
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every link by trying all taps; both sides must agree with it, and runs with the links.
    #[test]
    fn links_and_runs_follow_the_definition() {
        for input in 1..9 {
            for kernel in 1..5 {
                for (stride, dilation, before, after) in
                    [(1, 1, 0, 0), (1, 1, 2, 1), (1, 2, 3, 0), (2, 1, 1, 1), (2, 3, 4, 2), (3, 2, 0, 5), (4, 2, 6, 6)]
                {
                    let Ok(w) = Window::new(input, kernel, stride, dilation, [before, after]) else { continue };
                    let see =
                        |o: usize, t: usize| (o * stride + t * dilation).checked_sub(before).filter(|&i| i < input);
                    for o in 0..w.output {
                        let expected: Vec<_> = (0..kernel).filter_map(|t| see(o, t).map(|i| (i, t))).collect();
                        assert_eq!(w.links(Side::Output, o).iter().collect::<Vec<_>>(), expected, "{w:?} output {o}");
                    }
                    for i in 0..input {
                        let expected: Vec<_> = (0..kernel)
                            .flat_map(|t| (0..w.output).filter(move |&o| see(o, t) == Some(i)).map(move |o| (o, t)))
                            .collect();
                        assert_eq!(w.links(Side::Input, i).iter().collect::<Vec<_>>(), expected, "{w:?} input {i}");
                    }
                    for side in [Side::Output, Side::Input] {
                        for at in 0..w.len(side) {
                            let here: Vec<_> = w.links(side, at).iter().collect();
                            for k in 1..w.run(side, at) {
                                let there: Vec<_> = w.links(side, at + k).iter().map(|(p, t)| (p - k, t)).collect();
                                assert_eq!(there, here, "{w:?} {side:?} {at} + {k}");
                            }
                        }
                    }
                }
            }
        }
    }
}
