//! Colors for numbers: a way through OKLab, evenly spaced to the eye.

use crate::oklab::{Rgb, mix, to_lab, to_rgb};

/// Numbers around zero: blue below, near white at zero, red above.
const DIVERGING: [Rgb; 5] = [[14, 38, 99], [66, 146, 208], [246, 245, 242], [230, 122, 74], [116, 14, 36]];

/// Sizes: dark for none, bright for large.
const SEQUENTIAL: [Rgb; 5] = [[12, 10, 38], [84, 26, 116], [192, 58, 98], [247, 146, 70], [252, 246, 186]];

/// A range of numbers with its colors; numbers beyond get the last color.
pub struct Scale {
    pub low: f64,
    pub high: f64,
    anchors: [Rgb; 5],
}

impl Scale {
    /// Zero in the middle; ends such that one number in 200 lies beyond.
    pub fn diverging<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> Self {
        let limit = high_percentile(numbers);
        Scale { low: -limit, high: limit, anchors: DIVERGING }
    }

    /// From the least to nearly the largest number.
    pub fn sequential<'a>(numbers: impl IntoIterator<Item = &'a f64> + Clone) -> Self {
        let low = numbers.clone().into_iter().copied().fold(f64::INFINITY, f64::min);
        let above: Vec<f64> = numbers.into_iter().map(|v| v - low).collect();
        Scale { low, high: low + high_percentile(&above), anchors: SEQUENTIAL }
    }

    pub fn color(&self, number: f64) -> Rgb {
        let last = self.anchors.len() - 1;
        let t = ((number - self.low) / (self.high - self.low)).clamp(0.0, 1.0) * last as f64;
        let k = (t as usize).min(last - 1);
        to_rgb(mix(to_lab(self.anchors[k]), to_lab(self.anchors[k + 1]), t - k as f64))
    }
}

/// The size that one number in 200 exceeds; 1 if all are zero.
fn high_percentile<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> f64 {
    let mut sizes: Vec<f64> = numbers.into_iter().map(|v| v.abs()).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let at = sizes.len().saturating_sub(1 + sizes.len() / 200);
    let largest = sizes.last().copied().unwrap_or(0.0);
    [sizes.get(at).copied().unwrap_or(0.0), largest].into_iter().find(|&s| s > 0.0).unwrap_or(1.0)
}
