//! Partial distance-2 coloring of the columns or rows of a pattern.

use super::check::lower_bound;
use super::conflicts::SharedLine;
use super::first_fit::first_fit;
use super::order::{Order, color_in_order};
use super::{Coloring, Side};
use crate::pattern::Pattern;

/// Colors the columns (rows) so that two with an entry in the same row (column) get different colors: a *partial
/// distance-2 coloring* of the bipartite graph of rows and columns.
///
/// For a Jacobian, the product with the sum of the unit vectors of one color then has each entry of its members by
/// itself. Vertices without conflicts have color 0. If one line contains every vertex that has an entry
/// at all, each of those has a color of its own, numbered by index, whatever the order: nothing is gained over
/// the dense computation.
///
/// ```
/// use colorjet::{Pattern, coloring::{Order, Side, partial_distance2_coloring}};
/// let band = Pattern::from_rows(4, [vec![0, 1], vec![1, 2], vec![2, 3]])?;
/// assert_eq!(partial_distance2_coloring(&band, Side::Columns, Order::Natural).colors(), [0, 1, 0, 1]);
/// # Ok::<(), colorjet::Error>(())
/// ```
///
/// # Complexity
/// With c colors, O(nnz · (1 + c / 64)) time for natural and random order, if no line is shorter than c / 8;
/// lines that are add the squares of their lengths. The orders which need degrees take O(Σ |line|²) over distinct
/// lines. O(nnz + n) extra space for every order: the graph of the conflicts is never made.
///
/// # References
/// Gebremedhin, Manne, Pothen (2005), Algorithm 3.2; Curtis, Powell, Reid (1974); Coleman and Moré (1983).
pub fn partial_distance2_coloring(pattern: &Pattern, side: Side, order: Order) -> Coloring {
    let mirrored = pattern.transpose();
    let (lines, lines_of) = match side {
        Side::Columns => (pattern, &mirrored),
        Side::Rows => (&mirrored, pattern),
    };
    let bound = lower_bound(pattern, side);
    let is_occupied = |v| !lines_of.row(v).is_empty();
    if (0..lines_of.rows()).filter(|&v| is_occupied(v)).count() <= bound {
        return one_each(lines_of.rows(), is_occupied);
    }
    let color = |sequence: &[u32]| Coloring::from_consecutive(first_fit(lines, lines_of, sequence));
    color_in_order(order, &mut SharedLine::new(lines, lines_of), bound, &color)
}

/// A color of its own for each occupied vertex, by index, and color 0 for the others.
fn one_each(n: usize, is_occupied: impl Fn(usize) -> bool) -> Coloring {
    let mut next = 0;
    let color = |v| {
        if !is_occupied(v) {
            return 0;
        }
        next += 1;
        next - 1
    };
    Coloring::from_consecutive((0..n).map(color).collect())
}
