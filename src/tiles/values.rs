//! Values made on the way: what the layers are at the positions of a box, made just before the lanes need it.
//!
//! A value is carried as the only lane of its unit, with the constants that lanes do not have. Nothing is recorded for all
//! units, so what is made here is read while it is in the cache, and memory is that of a tile.
//!
//! Exact: the same sums as of whole layers, in another order. Where there is no unit a line is zero, which is what
//! layers read that are padded with zeros.

use super::adjoints::Ready;
use super::linear::InBox;
use super::locals::Local;
use crate::layer::{Elementwise, Kind, Slopes};
use crate::network::{LayerId, Network};
use crate::rows::Rows;
use crate::scalar::{Scalar, first_non_finite};
use crate::tape::{Outside, Tape};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The values at a point.
#[derive(Clone, Copy)]
pub(crate) enum Values<'a, T> {
    /// Recorded for all units.
    Recorded(&'a Tape<T>),
    /// To be made from the inputs.
    Made(Inputs<'a, T>),
}

/// What values are made from, and the first unit of all where that does not give a number.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) outside: &'a Mutex<Option<Outside<T>>>,
}

/// Whether the values can be made tile by tile: functions are the same at every position.
pub(super) fn can_be_made<T: Scalar>(net: &Network<T>, locals: &[Option<Local>]) -> bool {
    net.layers().all(|(id, layer)| match (layer.kind(), &locals[id.index()]) {
        (Kind::Elementwise(e), Some(local)) => e.is_by_channel(local.place.channels),
        _ => true,
    })
}

/// The same for the positions of a box.
#[derive(Clone, Copy)]
pub(super) enum Known<'a, T> {
    Recorded(&'a Tape<T>),
    /// The lines of the values so far.
    Made(Inputs<'a, T>, InBox<'a, T>),
    /// All values and slopes of the box.
    Ready(Ready<'a, T>),
}

impl<'a, T: Scalar> Known<'a, T> {
    /// Makes the values of a layer that is no function, if they are made here.
    pub(super) fn make(self, id: LayerId, out: &mut [T], scratch: &mut [T]) {
        if let Known::Made(inputs, in_box) = self {
            in_box.values(id, inputs, out, scratch);
        }
    }

    /// The slopes of a function, whose values are made with them, if they are made here.
    pub(super) fn function<'s>(
        self,
        lanes: InBox<'s, T>,
        id: LayerId,
        function: &'s Elementwise,
        second: bool,
        out: &'s mut [T],
    ) -> Function<'s, T>
    where
        'a: 's,
    {
        match self {
            Known::Recorded(tape) => Function::Recorded { slopes: tape.slopes(id), lanes, id },
            Known::Made(inputs, values) => {
                let curved = second && function.activation().is_curved();
                Function::Made { function, curved, id, values, inputs, out }
            }
            Known::Ready(ready) => Function::Ready { slopes: ready.slopes, id },
        }
    }

    /// The values that a layer reads of operand `q`, where it reads them.
    pub(super) fn operand<'s>(
        self,
        lanes: InBox<'_, T>,
        id: LayerId,
        q: usize,
        channel: usize,
        space: &'s mut [T],
    ) -> &'s [T]
    where
        'a: 's,
    {
        let (operand, shift, frame) = (lanes.net.operands(id)[q], lanes.carried(id).shifts[q], lanes.frame);
        match self {
            Known::Recorded(tape) => {
                let (place, there) = (&lanes.carried(operand).place, lanes.around.shifted(shift));
                frame.line_of(place, channel, tape.values(operand), 0, there, space)
            }
            Known::Made(_, values) | Known::Ready(Ready { values, .. }) => {
                let space = &mut space[..frame.line()];
                space.fill(T::zero());
                space[values.carried(id).run.clone()].copy_from_slice(values.shifted(id, q, channel));
                space
            }
        }
    }
}

impl<'a, T: Scalar> InBox<'a, T> {
    /// The numbers that a layer reads of operand `q`, from the first to the last that it needs.
    fn shifted(&self, id: LayerId, q: usize, channel: usize) -> &'a [T] {
        let layer = self.carried(id);
        let first = channel * self.frame.line() + layer.run.start;
        let first = first.checked_add_signed(self.frame.step(layer.shifts[q])).expect("within the box");
        &self.block(self.net.operands(id)[q])[first..][..layer.run.len()]
    }

    /// The values of a layer that is no function.
    pub(super) fn values(&self, id: LayerId, inputs: Inputs<'_, T>, out: &mut [T], scratch: &mut [T]) {
        let (net, layer) = (self.net, self.carried(id));
        let positions = layer.place.positions();
        let lines = |out: &mut [T], f: &mut dyn FnMut(usize, &mut [T])| {
            out.chunks_exact_mut(self.frame.line()).enumerate().for_each(|(channel, line)| f(channel, line));
        };
        match net.layer(id).kind() {
            Kind::Input => {
                let before = net.input_layers().iter().take_while(|&&input| input != id);
                let first: usize = before.map(|&input| net.layer(input).units()).sum();
                lines(out, &mut |channel, line| {
                    let units = &inputs.x[first + channel * positions..][..positions];
                    self.frame.load(&layer.place, units, 1, self.around, line);
                });
                // They have been looked at.
                return;
            }
            Kind::Product => {
                lines(out, &mut |channel, line| {
                    let [a, b] = [0, 1].map(|q| self.shifted(id, q, channel));
                    let out = line[layer.run.clone()].iter_mut();
                    out.zip(a.iter().zip(b)).for_each(|(o, (&a, &b))| *o = a * b);
                });
                self.clean(layer, layer.run.clone(), out);
            }
            kind => {
                self.linear(id, out, scratch);
                let linear = kind.linear().expect("all other kinds that are carried are linear");
                self.frame.stretches(&layer.place, self.around, |units, numbers| {
                    let Some(units) = units else { return };
                    lines(out, &mut |channel, line| {
                        let units = channel * positions + units.start..channel * positions + units.end;
                        linear.add_constant(units, &mut line[numbers.clone()], 1);
                    });
                });
            }
        }
        lines(out, &mut |channel, line| self.check(id, channel, 0, line, None, inputs));
    }

    /// Looks at a line of a channel, at the positions that are needed.
    fn check(
        &self,
        id: LayerId,
        channel: usize,
        order: usize,
        line: &[T],
        operand: Option<&[T]>,
        inputs: Inputs<'_, T>,
    ) {
        let layer = self.carried(id);
        // At once, and closely only if there is something to be seen.
        if first_non_finite(&line[layer.run.clone()]).is_none() {
            return;
        }
        for numbers in self.frame.rows(layer.span) {
            let Some((k, value)) = first_non_finite(&line[numbers.clone()]) else { continue };
            let at = numbers.start + k;
            // Where there is no unit the line is zero.
            let unit =
                self.frame.unit_at(&layer.place, self.around, at).expect("a unit") + channel * layer.place.positions();
            let found = Outside { layer: id, order, unit, value, operand: operand.map(|z| z[at]) };
            let mut outside = inputs.outside.lock().unwrap_or_else(PoisonError::into_inner);
            if outside.as_ref().is_none_or(|known| found.is_before(known)) {
                *outside = Some(found);
            }
            return;
        }
    }
}

/// The slopes of a function at the positions of a box, asked for channel by channel.
pub(super) enum Function<'a, T> {
    Recorded {
        slopes: Slopes<'a, T>,
        lanes: InBox<'a, T>,
        id: LayerId,
    },
    /// Made before; of σ'' the weights were made.
    Ready {
        slopes: InBox<'a, T>,
        id: LayerId,
    },
    /// Values are made with the slopes.
    Made {
        function: &'a Elementwise,
        curved: bool,
        id: LayerId,
        values: InBox<'a, T>,
        inputs: Inputs<'a, T>,
        out: &'a mut [T],
    },
}

impl<T: Scalar> Function<'_, T> {
    /// Whether values are to be made, where there are no lanes too.
    pub(super) fn is_made(&self) -> bool {
        matches!(self, Function::Made { .. })
    }

    /// Whether there is a second derivative.
    pub(super) fn is_curved(&self) -> bool {
        match self {
            Function::Recorded { slopes, .. } => slopes.second.width > 0,
            Function::Ready { .. } => false,
            Function::Made { curved, .. } => *curved,
        }
    }

    /// σ' and, where it is curved, σ'' of a channel, as lines; copied only if they must be.
    pub(super) fn slopes<'s>(&'s mut self, channel: usize, first: &'s mut [T], second: &'s mut [T]) -> [&'s [T]; 2] {
        if let Function::Recorded { slopes, lanes, id } = self {
            let (frame, place, around) = (lanes.frame, &lanes.carried(*id).place, lanes.around);
            let line = |slopes: Rows<'s, T>, space| frame.line_of(place, channel, slopes, 0, around, space);
            let curved = slopes.second.width > 0;
            return [line(slopes.first, first), if curved { line(slopes.second, second) } else { &[] }];
        }
        if let Function::Ready { slopes, id } = self {
            return [slopes.line(*id, channel, 0, false), &[]];
        }
        let second = if self.is_curved() { second } else { &mut [] };
        self.write(channel..channel + 1, first, second);
        [first, second]
    }

    /// The same of some channels into lines of the caller; no σ'' if there are no lines for it. If there is more than one
    /// channel, all have the same function.
    pub(super) fn write(&mut self, channels: Range<usize>, first: &mut [T], second: &mut [T]) {
        match self {
            Function::Recorded { slopes, lanes, id } => {
                let (frame, place, around) = (lanes.frame, &lanes.carried(*id).place, lanes.around);
                for (lines, slopes) in [(first, slopes.first), (second, slopes.second)] {
                    for (channel, line) in channels.clone().zip(lines.chunks_exact_mut(frame.line())) {
                        let there = &slopes.data[channel * place.positions() * slopes.width..];
                        frame.load(place, there, slopes.width, around, line);
                    }
                }
            }
            Function::Ready { slopes, id } => {
                let line = slopes.frame.line();
                first.copy_from_slice(&slopes.block(*id)[channels.start * line..channels.end * line]);
            }
            Function::Made { function, id, values, inputs, out, .. } => {
                let (line, layer) = (values.frame.line(), values.carried(*id));
                let numbers = channels.start * line..channels.end * line;
                let z = &values.block(values.net.operands(*id)[0])[numbers.clone()];
                let mut lines = [&mut out[numbers], first, second];
                // Of several lines also what is between the numbers that are needed.
                let made = layer.run.start..z.len() - (line - layer.run.end);
                let parts = lines.each_mut().map(|l| if l.is_empty() { &mut [][..] } else { &mut l[made.clone()] });
                function.of_unit(channels.start * layer.place.positions(), &z[made], parts);
                for (order, lines) in lines.into_iter().enumerate().filter(|(_, lines)| !lines.is_empty()) {
                    if channels.len() > 1 {
                        values.clean_whole(layer, lines);
                    } else {
                        values.clean(layer, layer.run.clone(), lines);
                    }
                    // What it reads has been looked at.
                    if !function.activation().is_finite_everywhere() {
                        let of_channels = channels.clone().zip(lines.chunks_exact(line).zip(z.chunks_exact(line)));
                        of_channels.for_each(|(c, (line, z))| values.check(*id, c, order, line, Some(z), *inputs));
                    }
                }
            }
        }
    }
}
