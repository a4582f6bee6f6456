//! A list of numbers as a line.

use super::axis::round_step;
use super::drawing::{Anchor, Drawing, LABEL, short};
use super::palette::{GRID, MUTED, PLAIN, RULE};
use super::text::{number, thousands, width};
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
/// As many numbers as this are dots on stems; more are a line.
const STEMS: usize = 64;

/// The numbers over their index, between the lines of `low`, `high` and zero. At least one number, all finite.
///
/// Where several numbers share a pixel, the line goes through the least and the greatest of them.
pub(super) fn series(values: &[f64], low: f64, high: f64) -> Drawing {
    let (low, high) = if low == 0.0 && high == 0.0 { (-1.0, 1.0) } else { (low.min(0.0), high.max(0.0)) };
    // In units of the farthest: the difference of the largest numbers is no number of the machine any more.
    let most = high.max(-low);
    let share = |v: f64| (v / most - low / most) / (high / most - low / most);
    let marks = round_marks(low, high);
    let left = marks.iter().map(|&v| width(&number(v), LABEL.size)).fold(0.0, f64::max).ceil() + 12.0;
    let (top, pad) = (8.0, 12.0);
    let x =
        |k: f64| left + pad + (WIDTH - 2.0 * pad) * if values.len() > 1 { k / (values.len() - 1) as f64 } else { 0.5 };
    let y = |v: f64| top + pad + (HEIGHT - 2.0 * pad) * (1.0 - share(v));
    let mut d = Drawing::new(left + WIDTH + 8.0, top + HEIGHT + 40.0);
    for &mark in &marks {
        d.line([left, y(mark), left + WIDTH, y(mark)], GRID, 1.0);
        d.text((left - 8.0, y(mark) + 0.36 * LABEL.size), LABEL.at(Anchor::End), &number(mark));
    }
    d.line([left, y(0.0), left + WIDTH, y(0.0)], MUTED, 1.0);
    d.frame([left, top, WIDTH, HEIGHT], RULE, 1.0);
    for k in (0..values.len()).step_by(round_step(|s| values.len().div_ceil(s) <= 12)) {
        let place = x(k as f64);
        d.line([place, top + HEIGHT, place, top + HEIGHT + 4.0], RULE, 1.0);
        d.text((place, top + HEIGHT + 17.0), LABEL.at(Anchor::Middle), &thousands(k));
    }
    d.text((left + WIDTH / 2.0, top + HEIGHT + 34.0), LABEL.at(Anchor::Middle), "index");
    if values.len() <= STEMS {
        for (k, &v) in values.iter().enumerate() {
            let (px, py) = (x(k as f64), y(v));
            d.line([px, y(0.0), px, py], PLAIN.mix(GRID, 0.4), 1.5);
            let [px, py] = [px, py].map(short);
            d.raw(&format!(r#"<circle cx="{px}" cy="{py}" r="3.5" fill="{PLAIN}"/>"#));
        }
        return d;
    }
    let mut path = String::new();
    let mut point = |k: usize, v: f64| {
        let letter = if path.is_empty() { 'M' } else { 'L' };
        write!(path, "{letter}{} {}", short(x(k as f64)), short(y(v))).expect("strings take all");
    };
    let chunk = values.len().div_ceil(2 * WIDTH as usize);
    for (c, part) in values.chunks(chunk).enumerate() {
        let extreme = |sign: f64| (0..part.len()).max_by(|&a, &b| (sign * part[a]).total_cmp(&(sign * part[b])));
        let mut ends = [extreme(-1.0), extreme(1.0)].map(|k| k.expect("chunks are not empty"));
        ends.sort_unstable();
        point(c * chunk + ends[0], part[ends[0]]);
        if ends[0] != ends[1] {
            point(c * chunk + ends[1], part[ends[1]]);
        }
    }
    d.raw(&format!(r#"<path d="{path}" fill="none" stroke="{PLAIN}" stroke-width="1.5" stroke-linejoin="round"/>"#));
    d
}

/// Round numbers between two, at most about seven, zero among them; `low ≤ 0 ≤ high`, not both zero.
fn round_marks(low: f64, high: f64) -> Vec<f64> {
    let most = high.max(-low);
    let power = 10f64.powi(most.log10().floor() as i32);
    // At the ends of the number range there are no round numbers.
    if !power.is_normal() || most > 1e300 {
        return if low == 0.0 || high == 0.0 { vec![low, high] } else { vec![low, 0.0, high] };
    }
    let marks = |step: f64| ((low / step).ceil() as i64..=(high / step).floor() as i64).map(move |k| k as f64 * step);
    let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0].map(|k| k * power);
    let step = steps.into_iter().find(|&s| marks(s).count() <= 7).unwrap_or(10.0 * power);
    marks(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_few_and_inside() {
        let ends = [0.0, 5e-324, 1e-310, 1e-3, 0.7, 1.0, 3.3, 1e9, 1e300, f64::MAX];
        for low in ends {
            for high in ends.into_iter().filter(|&h| low + h > 0.0) {
                let marks = round_marks(-low, high);
                assert!((2..=7).contains(&marks.len()), "{low} {high} {marks:?}");
                assert!(
                    marks.iter().all(|&m| -low <= m * 0.999_999 && m * 0.999_999 <= high),
                    "{low} {high} {marks:?}"
                );
                assert!(marks.contains(&0.0));
            }
        }
    }
}
