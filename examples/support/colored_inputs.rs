//! The colors of the inputs, laid out as the inputs are.

use crate::canvas::{Canvas, INK, WHITE, text_height, text_width};
use crate::oklab::Rgb;
use crate::oklab::to_lab;
use crate::palette::shade;
use ndarray::Array2;

const MARGIN: usize = 24;
const GAP: usize = 16;
const LETTERS: usize = 3;
/// The longer side of a channel.
const SIDE: usize = 760;
/// A cell with room for the number of its color.
const READABLE: usize = 17;

/// A cell for each input in its color, with the color's number if there is room; a panel for each channel.
pub fn colored_inputs(caption: &str, panels: &[Array2<Option<u32>>], palette: &[Rgb]) -> Canvas {
    let longest = panels.iter().map(|p| p.nrows().max(p.ncols())).max().unwrap_or(1);
    let cell = (SIDE / longest).clamp(2, 48);
    // All numbers in letters of one size, the largest in which the longest fits.
    let longest_number = palette.len().saturating_sub(1).to_string();
    let letters = (1..=LETTERS).rev().find(|&l| cell >= READABLE && text_width(l, &longest_number) + 2 < cell);
    let width = panels.iter().map(|p| p.ncols() * cell + GAP).sum::<usize>().saturating_sub(GAP);
    let height = panels.iter().map(|p| p.nrows() * cell).max().unwrap_or(0);
    let top = MARGIN + text_height(LETTERS) + GAP / 2;
    let mut canvas = Canvas::new(width.max(text_width(LETTERS, caption)) + 2 * MARGIN, top + height + MARGIN);
    canvas.text((MARGIN, MARGIN), LETTERS, caption, INK);
    let mut left = MARGIN;
    for panel in panels {
        for ((i, j), &color) in panel.indexed_iter() {
            let number = color.zip(letters);
            draw_cell(&mut canvas, [left + j * cell, top + i * cell, cell], shade(palette, color), number);
        }
        canvas.frame([left, top, panel.ncols() * cell, panel.nrows() * cell], 1, INK);
        left += panel.ncols() * cell + GAP;
    }
    canvas
}

/// A filled square with the number of its color in letters of the given size, if any.
fn draw_cell(canvas: &mut Canvas, [x, y, side]: [usize; 3], shade: Rgb, number: Option<(u32, usize)>) {
    canvas.fill([x, y, side, side], shade);
    if let Some((number, letters)) = number {
        let text = number.to_string();
        let (dx, dy) = ((side - text_width(letters, &text)) / 2, (side - text_height(letters)) / 2);
        let ink = if to_lab(shade)[0] > 0.62 { INK } else { WHITE };
        canvas.text((x + dx, y + dy), letters, &text, ink);
    }
}
