//! [`Raster`]: colored cells as merged rectangles.

use super::drawing::{Drawing, short};
use super::palette::Rgb;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Most rectangles of a raster: about half a megabyte of SVG.
pub(super) const MOST_RECTANGLES: usize = 50_000;

/// Cells along a side with which a raster of too many rectangles will have few enough, or nearly so.
pub(super) fn coarser(finest: usize, rectangles: usize) -> usize {
    let share = (MOST_RECTANGLES as f64 / rectangles as f64).sqrt();
    ((finest as f64 * 0.95 * share.min(1.0)) as usize).max(1)
}

/// Cells of equal size, line after line; `None` shows the paper.
#[derive(Clone, Debug)]
pub(super) struct Raster {
    columns: usize,
    cells: Vec<Option<Rgb>>,
}

impl Raster {
    /// `columns ≥ 1`, `cells` of whole lines.
    pub(super) fn new(columns: usize, cells: Vec<Option<Rgb>>) -> Self {
        debug_assert!(cells.len().is_multiple_of(columns));
        Raster { columns, cells }
    }

    /// Neighbors of one color in a line: color, line, first column, length.
    fn runs(&self) -> impl Iterator<Item = (Rgb, usize, usize, usize)> {
        self.cells.chunks(self.columns).enumerate().flat_map(|(y, line)| {
            let mut x = 0;
            line.chunk_by(|a, b| a == b).filter_map(move |run| {
                let start = x;
                x += run.len();
                run[0].map(|color| (color, y, start, run.len()))
            })
        })
    }

    /// Number of rectangles it is drawn with.
    pub(super) fn rectangles(&self) -> usize {
        self.runs().count()
    }

    /// Draws cells of `(width, height)` pixels from `(x, y)` on: a path of strokes for each color.
    pub(super) fn draw(&self, drawing: &mut Drawing, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let mut paths: BTreeMap<Rgb, String> = BTreeMap::new();
        for (color, line, start, length) in self.runs() {
            write!(paths.entry(color).or_default(), "M{start} {line}h{length}").expect("strings take all");
        }
        let [x, y, width, height] = [x, y + height / 2.0, width, height].map(short);
        drawing.raw(&format!(
            r#"<g transform="translate({x} {y})scale({width} {height})" shape-rendering="crispEdges" fill="none">"#
        ));
        for (color, path) in paths {
            drawing.raw(&format!(r#"<path stroke="{color}" d="{path}"/>"#));
        }
        drawing.raw("</g>");
    }
}
