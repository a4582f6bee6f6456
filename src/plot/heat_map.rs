//! The picture of numbers that are arranged as an input is: images around zero, or a series.

use super::axis::Axis;
use super::drawing::{Drawing, LABEL, LINE, TITLE};
use super::palette::{RULE, Rgb};
use super::picture::Picture;
use super::raster::{MOST_RECTANGLES, Raster, coarser};
use super::series::series;
use super::text::{counted, number, thousands, width};
use crate::error::{Result, bail, ensure};

/// Steps of the color scale on each side of zero: enough for the eye, few enough for neighbors to be merged.
const STEPS: f64 = 24.0;
/// Most channels that are shown.
const CHANNELS: usize = 64;
/// Width and height that the channels share, in pixels.
const ROOM: f64 = 960.0;
/// A single image is not larger than this.
const LARGEST: f64 = 560.0;
/// Most cells along a side of a channel.
const FINEST: usize = 480;
const GAP: f64 = 16.0;

/// The picture of numbers, one for each unit of `shape`: a row of a Hessian diagonal, a gradient, the input itself.
///
/// A list (`[n]`, `[1, n]`, one axis longer than one) is drawn as a series. Otherwise the last two axes are an image, `[.., H, W]`, and
/// what comes before them are channels, side by side (the first 64). Colors diverge from zero, equally far on both
/// sides; their bar has the numbers' own units. Where a cell stands for several numbers it shows the one farthest
/// from zero.
///
/// # Errors
/// [`Empty`](crate::ErrorKind::Empty) for an axis of length zero, [`Shape`](crate::ErrorKind::Shape) if there is not
/// one number for each unit, [`NonFinite`](crate::ErrorKind::NonFinite) for NaN and infinity.
///
/// # Complexity
/// O(numbers) time; the picture itself is bounded.
pub fn heat_map(values: &[f64], shape: &[usize], title: &str) -> Result<Picture> {
    let written = || shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
    ensure!(!shape.contains(&0), Empty, "the shape {} has an axis of length zero", written());
    let units = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
    ensure!(units == Some(values.len()), Shape, "{} numbers for the shape {}", values.len(), written());
    if let Some(k) = values.iter().position(|v| !v.is_finite()) {
        bail!(NonFinite, "number {k} is {}", values[k]);
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range =
        if low == high { format!("all {}", number(low)) } else { format!("{} to {}", number(low), number(high)) };
    let list = shape.len() < 2 || shape.iter().filter(|&&n| n > 1).count() == 1;
    let (drawing, note) = match *shape {
        _ if list => (series(values, low, high), format!("{}, {range}", counted(values.len(), "number", "numbers"))),
        [.., rows, cols] => {
            let (drawing, hidden) = images(values, (rows, cols), low.abs().max(high.abs()));
            (drawing, format!("{}, {range}{hidden}", written()))
        }
        _ => unreachable!("fewer than two axes are a list"),
    };
    Ok(Picture::of(&drawing.titled(TITLE, title, &note)))
}

/// Images of the channels in rows, the color bar at their right, and what is not shown, in words.
fn images(values: &[f64], (rows, cols): (usize, usize), most: f64) -> (Drawing, String) {
    let channels = values.len() / (rows * cols);
    let shown = channels.min(CHANNELS);
    // As many side by side as make the whole about square.
    let across = (1..=shown).find(|&k| k as f64 * cols as f64 >= shown.div_ceil(k) as f64 * rows as f64 * 1.2);
    let across = across.unwrap_or(shown).min(8);
    let down = shown.div_ceil(across);
    let side = |parts: usize| ((ROOM - GAP * (parts - 1) as f64) / parts as f64).min(LARGEST);
    let side = side(if cols >= rows { across } else { down }).max(24.0);
    let (mut axes, mut rasters) = channel_rasters(values, (rows, cols), most, (side, FINEST, shown));
    loop {
        let rectangles = rasters.iter().map(Raster::rectangles).sum();
        if rectangles <= MOST_RECTANGLES {
            break;
        }
        let finest = coarser(axes.0.cells().max(axes.1.cells()), rectangles);
        (axes, rasters) = channel_rasters(values, (rows, cols), most, (side, finest, shown));
    }
    let (x, y) = axes;
    let (w, h) = (x.length(), y.length());
    let caption = if channels > 1 { LINE * LABEL.size } else { 0.0 };
    let mut d = Drawing::new(0.0, 0.0);
    for (k, raster) in rasters.iter().enumerate() {
        let (left, top) = ((k % across) as f64 * (w + GAP), (k / across) as f64 * (h + GAP + caption));
        if channels > 1 {
            d.text((left, top + LABEL.size), LABEL, &if w >= 60.0 { format!("channel {k}") } else { k.to_string() });
        }
        raster.draw(&mut d, (left, top + caption.ceil()), (x.pixels, y.pixels));
        d.frame([left, top + caption.ceil(), w, h], RULE, 1.0);
        d.width = d.width.max(left + w);
        d.height = d.height.max(top + caption.ceil() + h);
    }
    let bar = color_bar(most, (d.height - caption.ceil()).clamp(110.0, 320.0));
    // Level with the images; half of its first label stands above them.
    d.put((d.width + 24.0, caption.ceil() - LABEL.size / 2.0), &bar);
    let mut hidden = String::new();
    if x.per_cell > 1 || y.per_cell > 1 {
        hidden += &format!("; a cell shows the number farthest from zero of {} × {}", y.per_cell, x.per_cell);
    }
    if channels > shown {
        hidden += &format!("; {shown} of {} channels", thousands(channels));
    }
    (d, hidden)
}

fn channel_rasters(
    values: &[f64],
    (rows, cols): (usize, usize),
    most: f64,
    (side, finest, shown): (f64, usize, usize),
) -> ((Axis, Axis), Vec<Raster>) {
    let (x, y) = Axis::pair(cols, rows, side, finest);
    let raster = |channel: &[f64]| {
        let mut farthest = vec![0.0f64; x.cells() * y.cells()];
        for (i, row) in channel.chunks(cols).enumerate() {
            let line = &mut farthest[y.cell(i) * x.cells()..][..x.cells()];
            for (j, &value) in row.iter().enumerate() {
                let cell = &mut line[x.cell(j)];
                if value.abs() > cell.abs() {
                    *cell = value;
                }
            }
        }
        Raster::new(x.cells(), farthest.iter().map(|&v| Some(color(v, most))).collect())
    };
    ((x, y), values.chunks(rows * cols).take(shown).map(raster).collect())
}

/// The color of a number, if `most` is the largest magnitude.
fn color(value: f64, most: f64) -> Rgb {
    let t = if most > 0.0 { value / most } else { 0.0 };
    Rgb::diverging((t * STEPS).round() / STEPS)
}

/// The scale from −`most` to `most`, with numbers at its ends, at zero and between.
fn color_bar(most: f64, height: f64) -> Drawing {
    const THICK: f64 = 14.0;
    // Half a label stands above the bar, and half below.
    let top = LABEL.size / 2.0;
    let cells = 2 * STEPS as usize + 1;
    let step = height / cells as f64;
    let mut d = Drawing::new(0.0, height + 2.0 * top);
    for k in 0..cells {
        let t = 1.0 - k as f64 / STEPS;
        // A little overlap: no paper shines through between two steps.
        let tall = if k + 1 < cells { step + 0.5 } else { step };
        d.rect([0.0, top + k as f64 * step, THICK, tall], Rgb::diverging(t));
    }
    d.frame([0.0, top, THICK, height], RULE, 1.0);
    let marks: &[f64] = if most > 0.0 { &[1.0, 0.5, 0.0, -0.5, -1.0] } else { &[0.0] };
    for &t in marks {
        let y = top + height * (1.0 - t) / 2.0;
        d.line([THICK + 1.0, y, THICK + 5.0, y], RULE, 1.0);
        let label = number(t * most);
        d.text((THICK + 8.0, y + 0.36 * LABEL.size), LABEL, &label);
        d.width = d.width.max(THICK + 8.0 + width(&label, LABEL.size));
    }
    d
}
