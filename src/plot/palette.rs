//! Colors: of classes, and of numbers around zero.

use std::f64::consts::PI;
use std::fmt;

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rgb(pub(super) [u8; 3]);

pub(super) const INK: Rgb = Rgb([0x22, 0x26, 0x2b]);
pub(super) const MUTED: Rgb = Rgb([0x63, 0x6b, 0x74]);
pub(super) const RULE: Rgb = Rgb([0xc9, 0xce, 0xd4]);
pub(super) const GRID: Rgb = Rgb([0xeb, 0xed, 0xf0]);
pub(super) const PAPER: Rgb = Rgb([0xff, 0xff, 0xff]);
/// What has no class: entries without a coloring, the line of a series.
pub(super) const PLAIN: Rgb = Rgb([0x2b, 0x5c, 0x8a]);

/// Classes beyond this many repeat the colors: nobody can tell more apart.
const MOST: u32 = 64;

/// The first classes, told apart by eyes of every kind: Okabe and Ito (2008), yellow darkened for white paper.
const FIRST: [Rgb; 7] = [
    Rgb([0x00, 0x72, 0xb2]),
    Rgb([0xe6, 0x9f, 0x00]),
    Rgb([0x00, 0x9e, 0x73]),
    Rgb([0xd5, 0x5e, 0x00]),
    Rgb([0xcc, 0x79, 0xa7]),
    Rgb([0x56, 0xb4, 0xe9]),
    Rgb([0xc9, 0xbb, 0x1f]),
];

/// Stops of a diverging scale from −1 to 1: blue, nearly white at zero, red; of equal lightness on both sides.
const DIVERGING: [Rgb; 7] = [
    Rgb([0x1b, 0x4f, 0x91]),
    Rgb([0x4e, 0x93, 0xc3]),
    Rgb([0xae, 0xd1, 0xe6]),
    Rgb([0xf7, 0xf7, 0xf6]),
    Rgb([0xf8, 0xbf, 0xa4]),
    Rgb([0xd9, 0x6b, 0x58]),
    Rgb([0x9c, 0x1b, 0x2f]),
];

impl Rgb {
    /// The color of a class: a short list, then hues at the golden angle in three lightnesses.
    pub(super) fn class(class: u32) -> Self {
        let class = class % MOST;
        if let Some(&color) = FIRST.get(class as usize) {
            return color;
        }
        let hue = 2.0 * PI * (f64::from(class) * 0.381_966_011_250_105).fract();
        let lightness = [0.44, 0.60, 0.74][class as usize % 3];
        oklch(lightness, 0.115, hue)
    }

    /// The color of `t` in [−1, 1] on the diverging scale; what is outside has the color of the end.
    pub(super) fn diverging(t: f64) -> Self {
        let place = (t.clamp(-1.0, 1.0) + 1.0) / 2.0 * (DIVERGING.len() - 1) as f64;
        let stop = (place as usize).min(DIVERGING.len() - 2);
        DIVERGING[stop].mix(DIVERGING[stop + 1], place - stop as f64)
    }

    /// This color for `t = 0`, the other for `t = 1`.
    pub(super) fn mix(self, other: Self, t: f64) -> Self {
        let channel = |k: usize| f64::from(self.0[k]) * (1.0 - t) + f64::from(other.0[k]) * t;
        Rgb([0, 1, 2].map(|k| channel(k).round() as u8))
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

/// A color by its perceived lightness, chroma and hue (Ottosson's OKLCH), the chroma cut to what a screen can show.
fn oklch(lightness: f64, chroma: f64, hue: f64) -> Rgb {
    let (a, b) = (chroma * hue.cos(), chroma * hue.sin());
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ];
    Rgb(linear.map(|c| {
        let c = c.clamp(0.0, 1.0);
        let encoded = if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
        (255.0 * encoded).round() as u8
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_differ_from_each_other_and_from_the_paper() {
        let all: Vec<Rgb> = (0..MOST).map(Rgb::class).collect();
        for (k, a) in all.iter().enumerate() {
            assert!(all[..k].iter().all(|b| a != b), "class {k}");
            assert!(a.0.iter().map(|&c| u32::from(c)).sum::<u32>() < 3 * 220, "class {k} can be seen on paper");
        }
        assert_eq!(Rgb::class(MOST), all[0]);
    }

    #[test]
    fn the_scale_is_white_at_zero_and_ends_at_its_ends() {
        assert_eq!(Rgb::diverging(0.0), DIVERGING[3]);
        assert_eq!(Rgb::diverging(-1.0), DIVERGING[0]);
        assert_eq!(Rgb::diverging(1.0), DIVERGING[6]);
        assert_eq!(Rgb::diverging(7.0), DIVERGING[6]);
    }

    #[test]
    fn a_gray_has_no_hue() {
        assert_eq!(oklch(1.0, 0.0, 1.0), PAPER);
        assert_eq!(oklch(0.0, 0.0, 1.0), Rgb([0; 3]));
    }
}
