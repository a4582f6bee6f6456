//! [`Axis`]: how the places along one side of a matrix become cells of a picture.

use super::text::{thousands, width};

/// Longest side of a matrix in a picture, in pixels.
pub(super) const SIDE: f64 = 720.0;

/// A side that would be drawn thinner than this gets a scale of its own.
const THIN: f64 = 120.0;

/// Cells are not drawn larger than this.
const LARGEST: f64 = 28.0;

/// One side of a matrix: `entries` places from `first` on, `per_cell` of them in a cell of `pixels`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) first: usize,
    pub(super) entries: usize,
    pub(super) per_cell: usize,
    pub(super) pixels: f64,
}

impl Axis {
    /// As many places as fit into `side` pixels and `finest` cells; `entries ≥ 1`.
    fn fit(entries: usize, side: f64, finest: usize, largest: f64) -> Self {
        let per_cell = entries.div_ceil(finest.max(1));
        let cells = entries.div_ceil(per_cell);
        // Whole pixels of a PNG, which has two for one.
        let pixels = ((2.0 * side / cells as f64).floor() / 2.0).clamp(0.5, largest);
        Axis { first: 0, entries, per_cell, pixels }
    }

    /// Columns and rows of a matrix: square cells in its own proportions, unless one side would become too thin.
    pub(super) fn pair(cols: usize, rows: usize, side: f64, finest: usize) -> (Self, Self) {
        let (long, short) = (cols.max(rows), cols.min(rows));
        let along = Axis::fit(long, side, finest, LARGEST);
        let proportional = Axis { entries: short, ..along };
        let across = if proportional.length() >= THIN.min(along.length()) || along.pixels >= 6.0 {
            proportional
        } else {
            Axis::fit(short, THIN, finest.min(THIN as usize), 24.0)
        };
        if cols >= rows { (along, across) } else { (across, along) }
    }

    /// The same places, counted from `first`.
    pub(super) fn from(self, first: usize) -> Self {
        Axis { first, ..self }
    }

    /// Number of cells.
    pub(super) fn cells(&self) -> usize {
        self.entries.div_ceil(self.per_cell)
    }

    /// Length in pixels.
    pub(super) fn length(&self) -> f64 {
        self.cells() as f64 * self.pixels
    }

    /// The cell of a place.
    pub(super) fn cell(&self, place: usize) -> usize {
        (place - self.first) / self.per_cell
    }

    /// The middle of a place, in pixels.
    pub(super) fn middle(&self, place: usize) -> f64 {
        ((place - self.first) as f64 + 0.5) / self.per_cell as f64 * self.pixels
    }

    /// Round places that can be labeled, `room(label)` pixels apart.
    pub(super) fn ticks(&self, room: impl Fn(&str) -> f64) -> Vec<usize> {
        let last = self.first + self.entries - 1;
        let per_place = self.pixels / self.per_cell as f64;
        // A few labels read better than as many as there is room for.
        let apart = room(&thousands(last)).max(self.length() / 12.0) / per_place;
        let step = round_step(|step| step as f64 >= apart);
        let mut ticks = Vec::new();
        let mut tick = self.first.div_ceil(step).checked_mul(step);
        while let Some(place) = tick.filter(|&t| t <= last) {
            ticks.push(place);
            tick = place.checked_add(step);
        }
        ticks
    }

    /// Width of the widest label.
    pub(super) fn label_width(&self, size: f64) -> f64 {
        width(&thousands(self.first + self.entries - 1), size)
    }
}

/// The least of 1, 2, 5, 10, 20, … that is large enough.
pub(super) fn round_step(is_enough: impl Fn(usize) -> bool) -> usize {
    let mut steps = (0..20).flat_map(|e| [1, 2, 5].map(|k| 10usize.saturating_pow(e).saturating_mul(k)));
    steps.find(|&s| is_enough(s)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_matrix_fits_and_can_be_seen() {
        let sizes = [1, 2, 7, 119, 120, 121, 719, 720, 721, 3_200, 100_000, 4_294_967_295];
        for cols in sizes {
            for rows in sizes {
                let (x, y) = Axis::pair(cols, rows, SIDE, 720);
                for (axis, entries) in [(x, cols), (y, rows)] {
                    assert!(axis.length() <= SIDE && axis.length() >= 0.5, "{cols} × {rows}: {axis:?}");
                    assert!(axis.cell(entries - 1) < axis.cells(), "{cols} × {rows}: {axis:?}");
                    let ticks = axis.ticks(|_| 30.0);
                    assert!(ticks.len() <= 15 && ticks.iter().all(|&t| t < entries));
                    assert_eq!(ticks.first(), Some(&0));
                }
                assert!(x.length().max(y.length()) >= 300.0 || x.entries.max(y.entries) < 120, "{cols} × {rows}");
            }
        }
    }

    #[test]
    fn cells_are_square_unless_a_side_is_thin() {
        let (x, y) = Axis::pair(3_200, 1_600, SIDE, 720);
        assert_eq!((x.per_cell, x.pixels), (y.per_cell, y.pixels));
        let (x, y) = Axis::pair(100_000, 10, SIDE, 720);
        assert_eq!((x.per_cell, y.per_cell), (139, 1));
        assert!(y.length() >= 100.0);
    }
}
