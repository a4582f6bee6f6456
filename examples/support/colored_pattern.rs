//! A pattern with each entry in the color of its column.

use crate::canvas::{Canvas, INK, WHITE, text_height, text_width};
use crate::oklab::{Lab, Rgb, mix, to_lab, to_rgb};
use crate::palette::shade;
use colorjet::Pattern;

const MARGIN: usize = 24;
const GAP: usize = 16;
const LETTERS: usize = 3;
/// The longer side of a picture of a pattern.
const SIDE: usize = 900;
/// Entries on a side of the detail.
const DETAIL: usize = 100;
/// How much of its color an entry keeps that is alone in a pixel.
const FAINTEST: f64 = 0.5;
/// A side of a pattern of few rows or columns is drawn longer than it is, to be seen at all.
const THIN: usize = 48;

/// The whole pattern and, if its entries are too small to be seen, its upper left corner enlarged.
pub fn colored_pattern(caption: &str, pattern: &Pattern, colors: &[Option<u32>], palette: &[Rgb]) -> Canvas {
    let shades: Vec<Lab> = colors.iter().map(|&c| to_lab(shade(palette, c))).collect();
    let longer = pattern.rows().max(pattern.cols()).max(1);
    let whole = Panel::new(pattern, pattern.rows(), pattern.cols());
    let corner = (longer > 2 * DETAIL).then(|| {
        let side = |n: usize| n.min(DETAIL);
        Panel::new(pattern, side(pattern.rows()), side(pattern.cols()))
    });
    let top = MARGIN + text_height(LETTERS) + GAP / 2;
    let panels = || [Some(&whole), corner.as_ref()].into_iter().flatten();
    let width = panels().map(|p| p.width + GAP).sum::<usize>() - GAP;
    let height = panels().map(|p| p.height).max().unwrap_or(0);
    let mut canvas = Canvas::new(width.max(text_width(LETTERS, caption)) + 2 * MARGIN, top + height + MARGIN);
    canvas.text((MARGIN, MARGIN), LETTERS, caption, INK);
    let mut left = MARGIN;
    for panel in panels() {
        panel.draw(&mut canvas, (left, top), &shades);
        left += panel.width + GAP;
    }
    if let Some(corner) = &corner {
        // Where the detail is in the whole.
        let at = |n: usize, of: usize, pixels: usize| (n * pixels).div_ceil(of.max(1));
        let (width, height) = (at(corner.cols, whole.cols, whole.width), at(corner.rows, whole.rows, whole.height));
        canvas.frame([MARGIN, top, width, height], 2, INK);
    }
    canvas
}

/// The upper left corner of a pattern on a rectangle of pixels.
struct Panel<'a> {
    pattern: &'a Pattern,
    rows: usize,
    cols: usize,
    width: usize,
    height: usize,
}

impl<'a> Panel<'a> {
    fn new(pattern: &'a Pattern, rows: usize, cols: usize) -> Self {
        let longer = rows.max(cols).max(1);
        let pixels = |n: usize| if longer <= SIDE { n * (SIDE / longer) } else { (n * SIDE).div_ceil(longer) };
        let (width, height) = (pixels(cols).max(THIN), pixels(rows).max(THIN));
        Panel { pattern, rows, cols, width, height }
    }

    fn draw(&self, canvas: &mut Canvas, (left, top): (usize, usize), shades: &[Lab]) {
        // For each pixel the sum of its entries' colors, and how many there are.
        let mut sums = vec![([0.0; 3], 0u32); self.width * self.height];
        let range = |k: usize, from: usize, to: usize| {
            let start = k * to / from;
            start..((k + 1) * to / from).max(start + 1)
        };
        for i in 0..self.rows {
            for &j in self.pattern.row(i).iter().take_while(|&&j| (j as usize) < self.cols) {
                for y in range(i, self.rows, self.height) {
                    for x in range(j as usize, self.cols, self.width) {
                        let (sum, count) = &mut sums[y * self.width + x];
                        (0..3).for_each(|k| sum[k] += shades[j as usize][k]);
                        *count += 1;
                    }
                }
            }
        }
        let per_pixel = |entries: usize, pixels: usize| (entries as f64 / pixels as f64).max(1.0);
        let cell = per_pixel(self.rows, self.height) * per_pixel(self.cols, self.width);
        let paper = to_lab(WHITE);
        for (place, &(sum, count)) in sums.iter().enumerate().filter(|(_, (_, count))| *count > 0) {
            let mean = sum.map(|s| s / f64::from(count));
            let share = (f64::from(count) / cell).min(1.0);
            let color = to_rgb(mix(paper, mean, share.sqrt().max(FAINTEST)));
            canvas.fill([left + place % self.width, top + place / self.width, 1, 1], color);
        }
        canvas.frame([left, top, self.width, self.height], 1, INK);
    }
}
