//! The smallest color that no line of a vertex uses.

use super::UNCOLORED;
use crate::pattern::Pattern;

/// Colors every vertex of `sequence` with the smallest color that is free in all of its lines.
///
/// `lines_of` is the mirror of `lines`; `sequence` has every vertex once.
///
/// The colors used in a line are kept as a bit set, and with it how many of its first words are full. To color
/// a vertex is to unite the sets of its lines, starting where they are not all taken, and to find a zero. For
/// few colors this looks at one word for each entry of the pattern, where the textbook's algorithm looks at
/// all members of all lines, and one long line costs no more than its length.
///
/// A set has room for eight colors for each member of its line: it takes a quarter of the memory of the
/// pattern. Colors beyond (a short line, all of whose members have high colors on account of longer lines) are
/// looked up in the members themselves.
///
/// # Complexity
/// O(nnz · (1 + colors / 64)) time if no line has colors beyond; those that do add the square of their
/// lengths. O(nnz / 4 + n) extra space.
///
/// # References
/// Gebremedhin, Manne, Pothen (2005), Algorithm 3.2 (the colors, not the way to find them).
pub(super) fn first_fit(lines: &Pattern, lines_of: &Pattern, sequence: &[u32]) -> Vec<u32> {
    let mut colors = vec![UNCOLORED; lines_of.rows()];
    let mut used = UsedColors::new(lines);
    // The vertex for which a color was last found beyond the sets.
    let mut forbidden_for = vec![UNCOLORED; colors.len()];
    for &v in sequence {
        let lines_of_v = lines_of.row(v as usize);
        let mut beyond = false;
        for &l in lines_of_v {
            let line = &used.lines[l as usize];
            if line.beyond {
                beyond = true;
                for &u in lines.row(l as usize) {
                    let color = colors[u as usize];
                    if color != UNCOLORED && color >= line.capacity() {
                        forbidden_for[color as usize] = v;
                    }
                }
            }
        }
        let color = used.smallest_free(lines_of_v, |c| !beyond || forbidden_for.get(c as usize) != Some(&v));
        lines_of_v.iter().for_each(|&l| used.insert(l, color));
        colors[v as usize] = color;
    }
    colors
}

/// The colors used in every line.
struct UsedColors {
    lines: Vec<Line>,
    words: Vec<u64>,
}

/// The set of one line: `words[start..start + length]`.
struct Line {
    start: usize,
    length: u32,
    /// So many of the first words have no zero.
    full: u32,
    /// Whether a color did not fit.
    beyond: bool,
}

impl Line {
    /// Colors below fit into the set.
    fn capacity(&self) -> u32 {
        self.length.saturating_mul(u64::BITS)
    }
}

impl UsedColors {
    fn new(lines: &Pattern) -> Self {
        let mut start = 0;
        let lines = (0..lines.rows())
            .map(|l| {
                let length = lines.row(l).len().div_ceil(8);
                start += length;
                Line { start: start - length, length: length as u32, full: 0, beyond: false }
            })
            .collect();
        UsedColors { lines, words: vec![0; start] }
    }

    /// The smallest color that is in no set of `lines` and `allowed`.
    fn smallest_free(&self, lines: &[u32], allowed: impl Fn(u32) -> bool) -> u32 {
        let mut w = lines.iter().map(|&l| self.lines[l as usize].full).max().unwrap_or(0);
        loop {
            let mut free = !lines.iter().fold(0, |used, &l| used | self.word(l, w));
            while free != 0 {
                let color = w * u64::BITS + free.trailing_zeros();
                if allowed(color) {
                    return color;
                }
                free &= free - 1;
            }
            w += 1;
        }
    }

    fn word(&self, l: u32, w: u32) -> u64 {
        let line = &self.lines[l as usize];
        if w < line.length { self.words[line.start + w as usize] } else { 0 }
    }

    fn insert(&mut self, l: u32, color: u32) {
        let line = &mut self.lines[l as usize];
        if color >= line.capacity() {
            line.beyond = true;
            return;
        }
        let words = &mut self.words[line.start..line.start + line.length as usize];
        words[(color / u64::BITS) as usize] |= 1 << (color % u64::BITS);
        while words.get(line.full as usize) == Some(&u64::MAX) {
            line.full += 1;
        }
    }
}
