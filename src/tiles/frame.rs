//! The frame: positions that all layers share, cut into tiles; a tile's box is the tile and the halo around it.

use crate::layer::stencil::{AXES, Place, Position, minus, plus};
use crate::rows::Rows;
use crate::scalar::Scalar;
use std::array::from_fn;
use std::ops::Range;

/// From the first position to the one behind the last, on each axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Position,
    pub(super) end: Position,
}

impl Span {
    /// Where a layer's units are.
    pub(super) fn of(place: &Place) -> Self {
        Span { start: place.origin, end: from_fn(|axis| place.origin[axis] + place.shape[axis] as i32) }
    }

    /// The least span with both.
    pub(super) fn and(self, other: Span) -> Span {
        Span {
            start: from_fn(|axis| self.start[axis].min(other.start[axis])),
            end: from_fn(|axis| self.end[axis].max(other.end[axis])),
        }
    }

    pub(super) fn shifted(self, by: Position) -> Span {
        Span { start: plus(self.start, by), end: plus(self.end, by) }
    }

    pub(super) fn len(self) -> [usize; AXES] {
        minus(self.end, self.start).map(|len| len.max(0) as usize)
    }

    pub(super) fn volume(self) -> usize {
        self.len().iter().product()
    }

    fn holds(self, other: Span) -> bool {
        (0..AXES).all(|axis| self.start[axis] <= other.start[axis] && other.end[axis] <= self.end[axis])
    }
}

/// How positions are cut into tiles. In a box positions are numbered row after row.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// What the tiles cover; the last ones may reach beyond.
    covered: Span,
    tile: [usize; AXES],
    tiles: [usize; AXES],
    /// The box of a tile that begins at zero.
    halo: Span,
    /// Positions after which an axis comes back to its beginning; 0 if it does not.
    wrapped: [usize; AXES],
}

impl Frame {
    /// `reach(tile)` is what is needed around a tile that begins at zero.
    pub(super) fn new(
        covered: Span,
        tile: [usize; AXES],
        wrapped: [usize; AXES],
        reach: impl Fn(Span) -> Span,
    ) -> Self {
        let len = covered.len();
        let tile: [usize; AXES] = from_fn(|axis| tile[axis].min(len[axis]).max(1));
        let tiles = from_fn(|axis| len[axis].div_ceil(tile[axis]));
        Frame { covered, tile, tiles, halo: reach(at_zero(tile)), wrapped }
    }

    /// Number of tiles.
    pub(super) fn tiles(&self) -> usize {
        self.tiles.iter().product()
    }

    /// Positions of a tile.
    pub(super) fn tile(&self) -> [usize; AXES] {
        self.tile
    }

    /// A tile that begins at zero.
    pub(super) fn tile_at_zero(&self) -> Span {
        at_zero(self.tile)
    }

    /// Numbers of a line: the positions of a box, and a few that stand for none.
    pub(super) fn line(&self) -> usize {
        spaced(self.positions())
    }

    /// Lines with so many numbers, but at least one.
    pub(super) fn lines_of(&self, numbers: usize) -> usize {
        (numbers / self.line()).max(1)
    }

    /// Positions of a box.
    pub(super) fn positions(&self) -> usize {
        self.halo.volume()
    }

    /// Numbers of a line of what is packed: the positions of a tile.
    pub(super) fn packed_line(&self) -> usize {
        spaced(self.tile.iter().product())
    }

    /// Where the positions of a tile begin in a line of the box, if they follow each other there.
    pub(super) fn tile_in_line(&self) -> Option<usize> {
        let [a, b, _] = self.halo.len();
        (a * b == 1).then(|| self.step(minus([0; AXES], self.halo.start)) as usize)
    }

    /// The box of a tile.
    pub(super) fn around(&self, tile: usize) -> Span {
        self.halo.shifted(self.start(tile))
    }

    /// The positions of a tile that are covered, as if it began at zero: the last tiles may reach beyond.
    pub(super) fn own(&self, tile: usize) -> Span {
        let (start, end) = (self.start(tile), self.covered.end);
        Span { start: [0; AXES], end: from_fn(|axis| (end[axis] - start[axis]).min(self.tile[axis] as i32)) }
    }

    fn start(&self, tile: usize) -> Position {
        let [_, b, c] = self.tiles;
        let number = [tile / (b * c), tile / c % b, tile % c];
        from_fn(|axis| self.covered.start[axis] + (number[axis] * self.tile[axis]) as i32)
    }

    /// Tile of a covered position, and its number among the positions of the tile.
    pub(super) fn find(&self, at: Position) -> (usize, usize) {
        let at = minus(at, self.covered.start).map(|p| p as usize);
        let ([_, b, c], [_, y, z]) = (self.tiles, self.tile);
        let tile: [usize; AXES] = from_fn(|axis| at[axis] / self.tile[axis]);
        let inner: [usize; AXES] = from_fn(|axis| at[axis] % self.tile[axis]);
        ((tile[0] * b + tile[1]) * c + tile[2], (inner[0] * y + inner[1]) * z + inner[2])
    }

    /// The distance in a line that belongs to a distance in space.
    pub(super) fn step(&self, shift: Position) -> isize {
        let [_, b, c] = self.halo.len().map(|len| len as isize);
        let [x, y, z] = shift.map(|s| s as isize);
        (x * b + y) * c + z
    }

    /// The numbers of a line from the first to the last position of a span around a tile that begins at zero. Between
    /// them there may be some beside the span.
    pub(super) fn run(&self, span: Span) -> Range<usize> {
        let first = self.step(minus(span.start, self.halo.start)) as usize;
        let last = self.step(minus(span.end.map(|end| end - 1), self.halo.start)) as usize;
        first..last + 1
    }

    /// Positions after which an axis comes back to its beginning; 0 if it does not.
    pub(super) fn wrapped(&self) -> [usize; AXES] {
        self.wrapped
    }

    /// Whether all positions of a box are units of a layer.
    pub(super) fn inside(&self, place: &Place, around: Span) -> bool {
        let mut units = Span::of(place);
        for axis in (0..AXES).filter(|&axis| self.wrapped[axis] > 0) {
            (units.start[axis], units.end[axis]) = (i32::MIN, i32::MAX);
        }
        units.holds(around)
    }

    /// Copies a channel's numbers, one for each unit, into a line; zero where there is no unit.
    pub(super) fn load<T: Scalar>(&self, place: &Place, channel: &[T], stride: usize, around: Span, line: &mut [T]) {
        self.stretches(place, around, |units, numbers| {
            let line = &mut line[numbers];
            match units {
                None => line.fill(T::zero()),
                Some(units) if stride == 1 => line.copy_from_slice(&channel[units]),
                Some(units) => {
                    let channel = channel[units.start * stride..].iter().step_by(stride);
                    line.iter_mut().zip(channel).for_each(|(l, &number)| *l = number);
                }
            }
        });
        line[self.positions()..].fill(T::zero());
    }

    /// A channel's numbers themselves, if they lie as the line would.
    fn direct<'a, T>(&self, place: &Place, channel: &'a [T], around: Span) -> Option<&'a [T]> {
        let along = AXES - 1;
        let one_axis = place.positions() == place.shape[along] && around.volume() == around.len()[along];
        if !one_axis || self.wrapped[along] > 0 || !self.inside(place, around) {
            return None;
        }
        let first = (around.start[along] - place.origin[along]) as usize;
        channel.get(first..first + self.line())
    }

    /// Number `at` of each row of a channel as a line; copied only if they must be.
    pub(super) fn line_of<'a, T: Scalar>(
        &self,
        place: &Place,
        channel: usize,
        units: Rows<'a, T>,
        at: usize,
        around: Span,
        line: &'a mut [T],
    ) -> &'a [T] {
        let positions = place.positions();
        let numbers = &units.data[channel * positions * units.width..(channel + 1) * positions * units.width];
        if let (1, Some(direct)) = (units.width, self.direct(place, numbers, around)) {
            return direct;
        }
        let line = &mut line[..self.line()];
        self.load(place, &numbers[at..], units.width, around, line);
        line
    }

    /// Sets lines to zero where there is no unit.
    pub(super) fn mask<T: Scalar>(&self, place: &Place, around: Span, lines: &mut [T]) {
        self.stretches(place, around, |units, numbers| {
            if units.is_none() {
                lines.chunks_exact_mut(self.line()).for_each(|line| line[numbers.clone()].fill(T::zero()));
            }
        });
    }

    /// Calls `f(units of a channel, numbers of the line)` for stretches of a box where units follow each other, and with
    /// no units where there are none.
    pub(super) fn stretches(&self, place: &Place, around: Span, mut f: impl FnMut(Option<Range<usize>>, Range<usize>)) {
        let [_, b, c] = place.shape;
        let [_, rows, along] = around.len();
        for row in 0..self.positions() / along {
            let numbers = row * along..(row + 1) * along;
            let [i, j] = [(0, row / rows), (1, row % rows)].map(|(axis, k)| {
                let at = around.start[axis] + k as i32 - place.origin[axis];
                self.stretch(axis, at, place.shape[axis], 1).0
            });
            let Some((i, j)) = i.zip(j) else {
                f(None, numbers);
                continue;
            };
            let mut done = 0;
            while done < along {
                let at = around.start[AXES - 1] + done as i32 - place.origin[AXES - 1];
                let (from, count) = self.stretch(AXES - 1, at, c, along - done);
                let first = from.map(|from| (i * b + j) * c + from);
                f(first.map(|first| first..first + count), numbers.start + done..numbers.start + done + count);
                done += count;
            }
        }
    }

    /// The unit of a channel at number `at` of a line.
    pub(super) fn unit_at(&self, place: &Place, around: Span, at: usize) -> Option<usize> {
        let mut unit = None;
        self.stretches(place, around, |units, numbers| {
            if let Some(units) = units.filter(|_| numbers.contains(&at)) {
                unit = Some(units.start + at - numbers.start);
            }
        });
        unit
    }

    /// The numbers of a line in each row of a span around a tile that begins at zero.
    pub(super) fn rows(&self, span: Span) -> impl Iterator<Item = Range<usize>> + use<'_> {
        let [a, b, c] = span.len();
        (0..a * b).map(move |row| {
            let [x, y, z] = span.start;
            let start = [x + (row / b) as i32, y + (row % b) as i32, z];
            let first = self.step(minus(start, self.halo.start)) as usize;
            first..first + c
        })
    }

    /// The unit at a position of one axis, and how many positions from there on, at most `most`, go on like that.
    fn stretch(&self, axis: usize, at: i32, units: usize, most: usize) -> (Option<usize>, usize) {
        let (at, end) = match self.wrapped[axis] {
            0 => (at, units),
            around => (at.rem_euclid(around as i32), around),
        };
        if at < 0 {
            (None, most.min(at.unsigned_abs() as usize))
        } else if (at as usize) < end {
            (Some(at as usize), most.min(end - at as usize))
        } else {
            (None, most)
        }
    }
}

/// So many numbers and a few more, in an odd number of vectors: where lines lie at a power of two from each other, the same
/// number of all of them falls on the same few places of the cache.
fn spaced(numbers: usize) -> usize {
    8 * (numbers.div_ceil(8) | 1)
}

fn at_zero(tile: [usize; AXES]) -> Span {
    Span { start: [0; AXES], end: tile.map(|len| len as i32) }
}

/// The least distance: where an axis comes back to its beginning, there are two ways.
pub(super) fn shortest(distance: Position, wrapped: [usize; AXES]) -> Position {
    from_fn(|axis| match wrapped[axis] as i32 {
        0 => distance[axis],
        around => {
            let positive = distance[axis].rem_euclid(around);
            if positive > around / 2 { positive - around } else { positive }
        }
    })
}
