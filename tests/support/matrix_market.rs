//! Just enough MatrixMarket for the reference matrices: coordinate format, general or symmetric.

use colorjet::Pattern;
use std::path::Path;

/// The structure of the matrix in the file, without entries whose stored value is zero.
pub fn read_pattern(path: &Path) -> Pattern {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let header = text.lines().next().unwrap();
    assert!(header.starts_with("%%MatrixMarket matrix coordinate"), "{header}");
    let symmetric = header.ends_with("symmetric");
    let mut lines = text.lines().filter(|l| !l.starts_with('%') && !l.trim().is_empty());
    let sizes: Vec<usize> = lines.next().unwrap().split_whitespace().map(|w| w.parse().unwrap()).collect();
    let mut rows = vec![Vec::new(); sizes[0]];
    for line in lines {
        let mut words = line.split_whitespace();
        let mut index = || words.next().unwrap().parse::<usize>().unwrap() - 1;
        let (i, j) = (index(), index());
        if words.next().is_some_and(|v| v.parse::<f64>().unwrap() == 0.0) {
            continue;
        }
        rows[i].push(j as u32);
        if symmetric {
            rows[j].push(i as u32);
        }
    }
    Pattern::from_rows(sizes[1], rows).unwrap()
}
