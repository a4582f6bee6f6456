//! The picture of a pattern: every entry in the color of its lane, or cells of many entries.

use super::axis::{Axis, SIDE};
use super::drawing::{Anchor, Drawing, LABEL, LINE, TITLE};
use super::palette::{GRID, INK, PAPER, PLAIN, RULE, Rgb};
use super::picture::Picture;
use super::raster::{MOST_RECTANGLES, Raster, coarser};
use super::text::{counted, thousands, width};
use crate::coloring::{Coloring, Side};
use crate::error::{Result, ensure};
use crate::pattern::Pattern;
use std::ops::Range;

/// Most cells along a side.
const FINEST: usize = 720;
/// Entries on a side of the detail of a pattern that is too large to show every entry.
const DETAIL: usize = 48;
/// Side of the detail in pixels.
const DETAIL_SIDE: f64 = 336.0;
/// Thickness of the strip of classes, and its distance from the matrix.
const STRIP: f64 = 8.0;
const STRIP_GAP: f64 = 4.0;
/// Most classes that are listed one by one.
const LEGEND: usize = 16;
/// Space between parts.
const GAP: f64 = 28.0;

/// The picture of a pattern; with a coloring, every entry has the color of its column's or row's lane.
///
/// A small pattern is drawn entry by entry. In a large one a cell stands for many entries, the darker the denser;
/// beside it is a detail in which every entry can be seen. A side far shorter than the other has its own scale.
/// The classes stand in a strip along the colored side.
///
/// # Errors
/// [`Empty`](crate::ErrorKind::Empty) without rows or columns; [`Shape`](crate::ErrorKind::Shape) if the coloring has
/// not one color for each column or row.
///
/// # Complexity
/// O(nnz + rows + cols) time; the picture itself is bounded.
///
/// ```
/// use colorjet::coloring::{Order, Side, partial_distance2_coloring};
/// use colorjet::{Pattern, plot};
///
/// let band = Pattern::from_rows(9, (0..9u32).map(|i| i.saturating_sub(1)..(i + 2).min(9)))?;
/// let coloring = partial_distance2_coloring(&band, Side::Columns, Order::Natural);
/// let picture = plot::pattern(&band, Some((&coloring, Side::Columns)))?;
/// assert!(picture.to_svg().contains("9 × 9, 25 entries, 3 colors instead of 9"));
/// # Ok::<(), colorjet::Error>(())
/// ```
pub fn pattern(pattern: &Pattern, coloring: Option<(&Coloring, Side)>) -> Result<Picture> {
    let classes = coloring.map(|(coloring, side)| Classes::new(coloring, side));
    let (drawing, title, note) = draw(pattern, classes.as_ref())?;
    Ok(Picture::of(&drawing.titled(TITLE, &title, &note)))
}

/// The classes of the columns or rows; `None` for one that takes no part.
pub(super) struct Classes {
    pub(super) side: Side,
    pub(super) of: Vec<Option<u32>>,
    pub(super) count: usize,
}

impl Classes {
    pub(super) fn new(coloring: &Coloring, side: Side) -> Self {
        Classes { side, of: coloring.colors().iter().map(|&c| Some(c)).collect(), count: coloring.count() }
    }
}

/// The drawing, its title, and how it is to be read.
pub(super) fn draw(pattern: &Pattern, classes: Option<&Classes>) -> Result<(Drawing, String, String)> {
    let (rows, cols) = (pattern.rows(), pattern.cols());
    ensure!(rows > 0 && cols > 0, Empty, "a pattern of {rows} × {cols} has nothing to show");
    let entries = counted(pattern.nnz(), "entry", "entries");
    let mut title = format!("{} × {}, {entries}", thousands(rows), thousands(cols));
    if let Some(Classes { side, of, count }) = classes {
        let vertices = if *side == Side::Columns { cols } else { rows };
        ensure!(of.len() == vertices, Shape, "{} colors for {vertices} {side} of the pattern", of.len());
        title += &format!(", {} instead of {}", counted(*count, "color", "colors"), thousands(vertices));
    }
    let mut view = View::new(pattern, classes, 0..rows, 0..cols, (SIDE, FINEST));
    while view.raster.rectangles() > MOST_RECTANGLES {
        view = View::new(pattern, classes, 0..rows, 0..cols, (SIDE, coarser(view.finest(), view.raster.rectangles())));
    }
    let mut all = view.draw();
    let (across, down) = (view.x.per_cell, view.y.per_cell);
    let mut note = String::new();
    if across > 1 || down > 1 {
        note = format!("one cell for {} × {} entries", thousands(down), thousands(across));
        note += if classes.is_some() {
            ", darker where denser, in a color that occurs in it"
        } else {
            ", darker where denser"
        };
        put_detail(&mut all, &view);
    }
    if let Some(classes) = classes {
        let legend = legend(classes, all.width.max(360.0));
        all.put((0.0, (all.height + 16.0).round()), &legend);
    }
    Ok((all, title, note))
}

/// Marks a window of the view and puts it beside or below, entry by entry.
fn put_detail(all: &mut Drawing, view: &View) {
    let (detail, marked) = view.detail();
    // Where the detail is, seen even if it is smaller than a pixel.
    let [x, y, w, h] = marked;
    let (left, top) = view.corner();
    all.frame([left + x, top + y, w.max(3.0), h.max(3.0)], INK, 1.5);
    let place = if all.width > 1.6 * all.height { (0.0, all.height + GAP) } else { (all.width + GAP, 0.0) };
    let mut part = detail.draw();
    let span = |one: &str, range: &Range<usize>| match range.len() {
        1 => format!("{one} {}", thousands(range.start)),
        _ => format!("{one}s {} to {}", thousands(range.start), thousands(range.end - 1)),
    };
    let caption = format!("detail: {}, {}", span("row", &detail.rows), span("column", &detail.cols));
    let baseline = part.height + 1.6 * LABEL.size;
    part.text((detail.corner().0, baseline), LABEL, &caption);
    part.width = part.width.max(detail.corner().0 + width(&caption, LABEL.size));
    part.height = baseline + 4.0;
    all.put((place.0.round(), place.1.round()), &part);
}

/// What falls into a cell: how many entries, and a class that most of them have if there is such a class.
#[derive(Clone, Copy, Default)]
struct Cell {
    count: u32,
    /// Boyer and Moore's majority vote: no memory for each class is needed.
    candidate: Option<u32>,
    votes: u32,
}

impl Cell {
    fn add(&mut self, class: Option<u32>) {
        self.count = self.count.saturating_add(1);
        if self.votes == 0 {
            (self.candidate, self.votes) = (class, 1);
        } else if self.candidate == class {
            self.votes = self.votes.saturating_add(1);
        } else {
            self.votes -= 1;
        }
    }
}

/// A window of a pattern, and the cells it is drawn with.
struct View<'a> {
    pattern: &'a Pattern,
    classes: Option<&'a Classes>,
    rows: Range<usize>,
    cols: Range<usize>,
    x: Axis,
    y: Axis,
    raster: Raster,
}

impl<'a> View<'a> {
    fn new(
        pattern: &'a Pattern,
        classes: Option<&'a Classes>,
        rows: Range<usize>,
        cols: Range<usize>,
        (side, finest): (f64, usize),
    ) -> Self {
        let (x, y) = Axis::pair(cols.len(), rows.len(), side, finest);
        let (x, y) = (x.from(cols.start), y.from(rows.start));
        let mut cells = vec![Cell::default(); x.cells() * y.cells()];
        for i in rows.clone() {
            let line = &mut cells[y.cell(i) * x.cells()..][..x.cells()];
            let row = pattern.row(i);
            let start = row.partition_point(|&j| (j as usize) < cols.start);
            for &j in row[start..].iter().take_while(|&&j| (j as usize) < cols.end) {
                line[x.cell(j as usize)].add(class(classes, i, j as usize));
            }
        }
        let densest = cells.iter().map(|c| c.count).max().unwrap_or(0);
        let shades = cells.iter().map(|cell| (cell.count > 0).then(|| shade(cell, densest))).collect();
        View { pattern, classes, rows, cols, x, y, raster: Raster::new(x.cells(), shades) }
    }

    /// Cells along the longer side.
    fn finest(&self) -> usize {
        self.x.cells().max(self.y.cells())
    }

    /// The matrix' upper left corner in the drawing: labels and strip come before it.
    fn corner(&self) -> (f64, f64) {
        let strip = |side| if self.classes.is_some_and(|c| c.side == side) { STRIP + STRIP_GAP } else { 0.0 };
        let left = 22.0 + self.y.label_width(LABEL.size) + 8.0 + strip(Side::Rows);
        let top = 18.0 + LINE * LABEL.size + 6.0 + strip(Side::Columns);
        (left.ceil(), top.ceil())
    }

    fn draw(&self) -> Drawing {
        let (left, top) = self.corner();
        let (x, y) = (&self.x, &self.y);
        let (w, h) = (x.length(), y.length());
        let mut d = Drawing::new(left + w + 1.0, top + h + 1.0);
        let lines = |d: &mut Drawing, color| {
            (1..x.cells())
                .map(|k| k as f64 * x.pixels)
                .for_each(|k| d.line([left + k, top, left + k, top + h], color, 1.0));
            (1..y.cells())
                .map(|k| k as f64 * y.pixels)
                .for_each(|k| d.line([left, top + k, left + w, top + k], color, 1.0));
        };
        let roomy = x.pixels.min(y.pixels) >= 6.0 && x.cells() * y.cells() <= 6_400;
        if roomy {
            lines(&mut d, GRID);
        }
        self.raster.draw(&mut d, (left, top), (x.pixels, y.pixels));
        if roomy {
            // Entries of one color do not run into each other.
            lines(&mut d, PAPER.mix(GRID, 0.5));
        }
        d.frame([left, top, w, h], RULE, 1.0);
        self.strip(&mut d, (left, top));
        self.labels(&mut d, (left, top));
        d
    }

    /// The classes along the colored side.
    fn strip(&self, d: &mut Drawing, (left, top): (f64, f64)) {
        let Some(classes) = self.classes else { return };
        let (axis, range) = match classes.side {
            Side::Columns => (&self.x, self.cols.clone()),
            Side::Rows => (&self.y, self.rows.clone()),
        };
        let mut cells = vec![Cell::default(); axis.cells()];
        range.for_each(|v| cells[axis.cell(v)].add(classes.of[v]));
        let colors = cells.iter().map(|cell| Some(cell.candidate.map_or(RULE, Rgb::class))).collect();
        match classes.side {
            Side::Columns => {
                let strip = Raster::new(axis.cells(), colors);
                strip.draw(d, (left, top - STRIP - STRIP_GAP), (axis.pixels, STRIP));
            }
            Side::Rows => {
                let strip = Raster::new(1, colors);
                strip.draw(d, (left - STRIP - STRIP_GAP, top), (STRIP, axis.pixels));
            }
        }
    }

    fn labels(&self, d: &mut Drawing, (left, top): (f64, f64)) {
        let strip = |side| if self.classes.is_some_and(|c| c.side == side) { STRIP + STRIP_GAP } else { 0.0 };
        let (above, before) = (top - strip(Side::Columns), left - strip(Side::Rows));
        for tick in self.x.ticks(|label| width(label, LABEL.size) + 14.0) {
            let place = left + self.x.middle(tick);
            d.line([place, above - 4.0, place, above - 1.0], RULE, 1.0);
            d.text((place, above - 7.0), LABEL.at(Anchor::Middle), &thousands(tick));
        }
        for tick in self.y.ticks(|_| 1.6 * LABEL.size) {
            let place = top + self.y.middle(tick);
            d.line([before - 4.0, place, before - 1.0, place], RULE, 1.0);
            d.text((before - 7.0, place + 0.36 * LABEL.size), LABEL.at(Anchor::End), &thousands(tick));
        }
        let (w, h) = (self.x.length(), self.y.length());
        // Beside a short side there is no room for a word.
        if w >= 60.0 {
            d.text((left + w / 2.0, 10.0), LABEL.at(Anchor::Middle), "column");
        }
        if h >= 40.0 {
            d.turned_text((10.0, top + h / 2.0), -90.0, LABEL.at(Anchor::Middle), "row");
        }
    }

    /// The window around the entry in the middle of the list, entry by entry, and where it is in this view.
    fn detail(&self) -> (View<'a>, [f64; 4]) {
        let (rows, cols) = (self.pattern.rows(), self.pattern.cols());
        let middle = self.pattern.nnz() / 2;
        let i = self.pattern.indptr().partition_point(|&start| start <= middle).saturating_sub(1).min(rows - 1);
        let j = self.pattern.indices().get(middle).map_or(0, |&j| j as usize);
        let window = |center: usize, size: usize| {
            let start = center.saturating_sub(DETAIL / 2).min(size.saturating_sub(DETAIL));
            start..size.min(start + DETAIL)
        };
        let (r, c) = (window(i, rows), window(j, cols));
        let scaled = |axis: &Axis, place: usize| place as f64 / axis.per_cell as f64 * axis.pixels;
        let (x, y) = (scaled(&self.x, c.start), scaled(&self.y, r.start));
        let marked = [x, y, scaled(&self.x, c.len()), scaled(&self.y, r.len())];
        (View::new(self.pattern, self.classes, r, c, (DETAIL_SIDE, DETAIL)), marked)
    }
}

fn class(classes: Option<&Classes>, i: usize, j: usize) -> Option<u32> {
    classes.and_then(|c| c.of[if c.side == Side::Columns { j } else { i }])
}

/// The color of a cell, in one of a few steps of density so that neighbors can be merged.
fn shade(cell: &Cell, densest: u32) -> Rgb {
    let color = cell.candidate.map_or(PLAIN, Rgb::class);
    if densest == 1 {
        return color;
    }
    let density = (f64::from(cell.count) / f64::from(densest)).sqrt();
    let step = (density * 4.0).ceil() / 4.0;
    PAPER.mix(color, 0.3 + 0.7 * step)
}

/// A swatch for each class with the number of its members, or one line if there are too many classes.
fn legend(classes: &Classes, room: f64) -> Drawing {
    let mut sizes = vec![0; classes.count];
    classes.of.iter().flatten().for_each(|&c| sizes[c as usize] += 1);
    let (one, many) = if classes.side == Side::Columns { ("column", "columns") } else { ("row", "rows") };
    let mut items: Vec<(Option<Rgb>, String)> = Vec::new();
    if sizes.len() <= LEGEND {
        let swatch = |(class, &size)| (Some(Rgb::class(class as u32)), counted(size, one, many));
        items.extend(sizes.iter().enumerate().map(swatch));
    } else if let (Some(&least), Some(&most)) = (sizes.iter().min(), sizes.iter().max()) {
        let from = if least < most { format!("{} to ", thousands(least)) } else { String::new() };
        items.push((None, format!("each color for {from}{}", counted(most, one, many))));
    }
    let idle = classes.of.iter().filter(|c| c.is_none()).count();
    if idle > 0 {
        items.push((Some(RULE), format!("{} without an entry", counted(idle, one, many))));
    }
    let line = 20.0;
    let mut d = Drawing::new(0.0, line);
    let (mut x, mut y): (f64, f64) = (0.0, 0.0);
    let step = items.iter().map(|(_, text)| width(text, LABEL.size)).fold(0.0, f64::max) + 34.0;
    for (swatch, text) in items {
        if x > 0.0 && x + step > room {
            (x, y) = (0.0, y + line);
        }
        let indent = if let Some(color) = swatch {
            d.rect([x, y + 3.0, 11.0, 11.0], color);
            17.0
        } else {
            0.0
        };
        d.text((x + indent, y + 12.5), LABEL, &text);
        x += step;
        d.width = d.width.max(x);
        d.height = y + line;
    }
    d
}
