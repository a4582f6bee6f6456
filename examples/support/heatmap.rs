//! Fields of numbers as colors, side by side, with a scale to read them.

use crate::canvas::{Canvas, INK, text_height, text_width};
use crate::colormap::Scale;
use ndarray::Array2;

const MARGIN: usize = 24;
const GAP: usize = 16;
const LETTERS: usize = 3;
/// Every panel is at least that wide or high.
const PANEL: usize = 480;
/// A panel of one row is a strip of that height.
const STRIP: usize = 48;
const BAR: usize = 18;

/// Panels that share a scale.
pub struct Row {
    pub caption: String,
    pub panels: Vec<Array2<f64>>,
    pub scale: Scale,
}

/// The rows below each other; all numbers are upscaled to squares, not smoothed.
pub fn heatmap(rows: &[Row]) -> Canvas {
    let width = rows.iter().map(Row::width).max().unwrap_or(0);
    let height = rows.iter().map(|row| row.height() + GAP).sum::<usize>();
    let mut canvas = Canvas::new(width + 2 * MARGIN, height + 2 * MARGIN - GAP);
    let mut y = MARGIN;
    for row in rows {
        row.draw(&mut canvas, y);
        y += row.height() + GAP;
    }
    canvas
}

impl Row {
    fn caption_height(&self) -> usize {
        text_height(LETTERS) + GAP / 2
    }

    fn labels(&self) -> [String; 3] {
        let Scale { low, high, .. } = self.scale;
        [high, (low + high) / 2.0, low].map(short)
    }

    fn panels_width(&self) -> usize {
        self.panels.iter().map(|p| size(p).0 + GAP).sum()
    }

    fn width(&self) -> usize {
        let labels = self.labels().iter().map(|l| text_width(LETTERS, l)).max().unwrap_or(0);
        (self.panels_width() + BAR + GAP / 2 + labels).max(text_width(LETTERS, &self.caption))
    }

    fn panel_height(&self) -> usize {
        self.panels.iter().map(|p| size(p).1).max().unwrap_or(0)
    }

    fn height(&self) -> usize {
        self.caption_height() + self.panel_height()
    }

    fn draw(&self, canvas: &mut Canvas, top: usize) {
        canvas.text((MARGIN, top), LETTERS, &self.caption, INK);
        let top = top + self.caption_height();
        let mut left = MARGIN;
        for panel in &self.panels {
            let (width, height) = size(panel);
            let (dx, dy) = (width / panel.ncols(), height / panel.nrows());
            for ((i, j), &number) in panel.indexed_iter() {
                canvas.fill([left + j * dx, top + i * dy, dx, dy], self.scale.color(number));
            }
            canvas.frame([left, top, width, height], 1, INK);
            left += width + GAP;
        }
        self.draw_bar(canvas, left, top);
    }

    fn draw_bar(&self, canvas: &mut Canvas, left: usize, top: usize) {
        let height = self.panel_height();
        let Scale { low, high, .. } = self.scale;
        for y in 0..height {
            let t = 1.0 - y as f64 / (height - 1).max(1) as f64;
            canvas.fill([left, top + y, BAR, 1], self.scale.color(low + t * (high - low)));
        }
        canvas.frame([left, top, BAR, height], 1, INK);
        let [above, middle, below] = self.labels();
        let free = height - text_height(LETTERS);
        for (label, y) in [(above, 0), (middle, free / 2), (below, free)] {
            canvas.text((left + BAR + GAP / 2, top + y), LETTERS, &label, INK);
        }
    }
}

/// Width and height of a panel in pixels.
fn size(panel: &Array2<f64>) -> (usize, usize) {
    let (rows, columns) = panel.dim();
    if rows == 1 {
        return (columns * PANEL.div_ceil(columns), STRIP);
    }
    let zoom = PANEL.div_ceil(rows.max(columns));
    (columns * zoom, rows * zoom)
}

/// A number in a few letters.
pub fn short(number: f64) -> String {
    match number.abs() {
        0.0 => "0".into(),
        0.01..1000.0 => format!("{number:.3}"),
        _ => format!("{number:.2e}"),
    }
}
