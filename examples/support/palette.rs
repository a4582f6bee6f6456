//! Colors that can be told apart, as many as are needed.

use crate::oklab::{Lab, Rgb, to_lab};

/// Colors are repeated beyond this many: nobody can tell more apart.
const MOST: usize = 256;

/// `count` colors, each as far as possible from those before it, and readable on white.
pub fn palette(count: usize) -> Vec<Rgb> {
    let candidates: Vec<(Rgb, Lab)> =
        grid().map(|rgb| (rgb, to_lab(rgb))).filter(|(_, lab)| is_pleasant(lab)).collect();
    let mut distance = vec![f64::INFINITY; candidates.len()];
    let mut chosen: Vec<Rgb> = Vec::new();
    let mut next = 0;
    while chosen.len() < count.min(MOST) {
        let (rgb, lab) = candidates[next];
        chosen.push(rgb);
        for (d, (_, other)) in distance.iter_mut().zip(&candidates) {
            *d = d.min(squared_distance(&lab, other));
        }
        next = (0..candidates.len()).max_by(|&a, &b| distance[a].total_cmp(&distance[b])).unwrap_or(0);
    }
    chosen.iter().copied().cycle().take(count).collect()
}

/// Every 17th shade of each primary color.
fn grid() -> impl Iterator<Item = Rgb> {
    let shades = || (0..=255u8).step_by(17);
    shades().flat_map(move |r| shades().flat_map(move |g| shades().map(move |b| [r, g, b])))
}

/// Neither close to white and black, nor gray, nor glaring.
fn is_pleasant(&[lightness, a, b]: &Lab) -> bool {
    (0.35..0.88).contains(&lightness) && (0.06..0.23).contains(&a.hypot(b))
}

fn squared_distance(p: &Lab, q: &Lab) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p - q) * (p - q)).sum()
}

/// The color of an input; gray if it takes no part.
pub fn shade(palette: &[Rgb], color: Option<u32>) -> Rgb {
    color.map_or([206, 206, 202], |c| palette[c as usize])
}
