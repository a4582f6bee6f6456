//! A pattern as a picture for the terminal.

use crate::pattern::Pattern;

/// Dots of a braille character, across and down.
const DOTS: (usize, usize) = (2, 4);

/// The braille character without dots; the others follow it, one bit for each dot.
const BLANK: u32 = 0x2800;

/// The bit of each dot, by its row and column in the character.
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

impl Pattern {
    /// The pattern as a picture of at most `columns × rows` braille characters, lines separated by `\n`.
    ///
    /// A character has 2 × 4 dots. A dot stands for one entry if the pattern is small enough, and otherwise for
    /// a square cell of the matrix; it is set if any entry falls into it. A matrix that is much wider than tall
    /// still gets one row of dots, and one that is much taller one column. Without rows or columns, of the
    /// pattern or of the picture, the result is empty.
    ///
    /// # Complexity
    /// O(nnz + rows + characters).
    ///
    /// ```
    /// use colorjet::Pattern;
    /// let arrow = Pattern::from_rows(6, (0..6).map(|i| if i == 0 { (0..6).collect() } else { vec![0, i] }))?;
    /// assert_eq!(arrow.to_braille(40, 10), "⡟⢍⠉\n⠃⠀⠑");
    /// # Ok::<(), colorjet::Error>(())
    /// ```
    pub fn to_braille(&self, columns: usize, rows: usize) -> String {
        let room = (columns.saturating_mul(DOTS.0), rows.saturating_mul(DOTS.1));
        let Some((width, height)) = dots((self.cols(), self.rows()), room) else { return String::new() };
        let line = width.div_ceil(DOTS.0);
        let mut cells = vec![0u8; line * height.div_ceil(DOTS.1)];
        for i in 0..self.rows() {
            let y = scaled(i, height, self.rows());
            for &j in self.row(i) {
                let x = scaled(j as usize, width, self.cols());
                cells[y / DOTS.1 * line + x / DOTS.0] |= BITS[y % DOTS.1][x % DOTS.0];
            }
        }
        let character = |&cell: &u8| char::from_u32(BLANK + u32::from(cell)).expect("256 braille characters");
        let lines: Vec<String> = cells.chunks(line).map(|line| line.iter().map(character).collect()).collect();
        lines.join("\n")
    }
}

/// Dots across and down for a matrix of `(cols, rows)`, in its own proportions; `None` if there is nothing to show.
fn dots((cols, rows): (usize, usize), (width, height): (usize, usize)) -> Option<(usize, usize)> {
    if cols.min(rows).min(width).min(height) == 0 {
        return None;
    }
    if cols <= width && rows <= height {
        return Some((cols, rows));
    }
    // Too wide for the room, in its proportions, or too tall?
    Some(if cols as u128 * height as u128 >= rows as u128 * width as u128 {
        (width, scaled_round(rows, width, cols))
    } else {
        (scaled_round(cols, height, rows), height)
    })
}

/// ⌊`k · to / from`⌋.
fn scaled(k: usize, to: usize, from: usize) -> usize {
    (k as u128 * to as u128 / from as u128) as usize
}

/// `k · to / from`, rounded, at least 1.
fn scaled_round(k: usize, to: usize, from: usize) -> usize {
    (((k as u128 * to as u128 + from as u128 / 2) / from as u128) as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagonal(n: u32) -> Pattern {
        Pattern::from_rows(n as usize, (0..n).map(|i| [i])).unwrap()
    }

    #[test]
    fn nothing_to_show() {
        assert_eq!(Pattern::empty(0, 5).unwrap().to_braille(10, 10), "");
        assert_eq!(Pattern::empty(5, 0).unwrap().to_braille(10, 10), "");
        assert_eq!(diagonal(3).to_braille(0, 10), "");
        assert_eq!(diagonal(3).to_braille(10, 0), "");
        assert_eq!(Pattern::empty(3, 3).unwrap().to_braille(10, 10), "⠀⠀");
    }

    #[test]
    fn small_patterns_are_shown_entry_by_entry() {
        assert_eq!(diagonal(1).to_braille(10, 10), "⠁");
        assert_eq!(diagonal(4).to_braille(10, 10), "⠑⢄");
        assert_eq!(diagonal(8).to_braille(10, 10), "⠑⢄⠀⠀\n⠀⠀⠑⢄");
    }

    #[test]
    fn large_patterns_keep_their_proportions() {
        assert_eq!(diagonal(80_000).to_braille(4, 2), diagonal(8).to_braille(4, 2));
        assert_eq!(diagonal(8_000).to_braille(4, 100), diagonal(8).to_braille(4, 2), "as wide as the room");
        assert_eq!(diagonal(8_000).to_braille(100, 2), diagonal(8).to_braille(4, 2), "as tall as the room");
    }

    #[test]
    fn very_wide_and_very_tall_patterns_are_lines() {
        let wide = Pattern::from_rows(100_000, std::iter::once(0..100_000)).unwrap();
        assert_eq!(wide.to_braille(5, 5), "⠉⠉⠉⠉⠉");
        assert_eq!(wide.transpose().to_braille(5, 3), "⡇\n⡇\n⡇");
        let last = Pattern::from_rows(100_000, [[99_999]]).unwrap();
        assert_eq!(last.to_braille(3, 1), "⠀⠀⠈");
    }

    #[test]
    fn the_picture_fits_and_shows_every_entry() {
        for (rows, cols) in [(1, 1), (1, 7), (7, 1), (5, 9), (33, 17), (64, 1000), (1000, 64)] {
            let pattern = Pattern::from_rows(cols, (0..rows).map(|i| [(i * 7 % cols) as u32])).unwrap();
            for room in [(1, 1), (3, 2), (10, 10), (80, 24)] {
                let picture = pattern.to_braille(room.0, room.1);
                let lines: Vec<Vec<char>> = picture.split('\n').map(|l| l.chars().collect()).collect();
                assert!(lines.len() <= room.1 && lines.iter().all(|l| l.len() <= room.0 && l.len() == lines[0].len()));
                assert!(picture.chars().any(|c| c as u32 > BLANK), "{rows}×{cols} in {room:?}");
            }
        }
    }
}
