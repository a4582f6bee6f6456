//! Colorings: which inputs (or outputs) may share a lane.
//!
//! A derivative is computed in lanes, and one lane can serve several inputs if what they contribute can be
//! told apart afterwards. Inputs that cannot share are *in conflict*; a coloring gives two inputs in conflict
//! two different colors, and every color becomes one lane. The fewer the colors, the fewer the lanes.
//!
//! | problem | vertices | in conflict are | function |
//! |---|---|---|---|
//! | distance-1 | rows = columns of a symmetric pattern | two vertices with an entry | [`distance1_coloring`] |
//! | partial distance-2 | columns | two columns with a common row | [`partial_distance2_coloring`], [`Side::Columns`] |
//! | partial distance-2 | rows | two rows with a common column | [`partial_distance2_coloring`], [`Side::Rows`] |
//!
//! All of them are greedy: the vertices are taken in an [`Order`], and each gets the smallest color that no
//! vertex in conflict with it has. What the algorithms claim, [`check_distance1`] and
//! [`check_partial_distance2`] verify from the definitions alone.
//!
//! From the bottom up: `conflicts` enumerates who is in conflict with whom, `dynamic` and `order` arrange the
//! vertices, `first_fit` finds the smallest free color, `distance1` and `distance2` put them together.

mod check;
mod conflicts;
mod distance1;
mod distance2;
mod dynamic;
mod first_fit;
mod order;

pub use check::{Violation, check_distance1, check_partial_distance2, lower_bound};
pub use distance1::distance1_coloring;
pub use distance2::partial_distance2_coloring;
pub use order::Order;

use std::fmt;

/// Mark of a vertex that has no color yet.
const UNCOLORED: u32 = u32::MAX;

/// Which vertices of the bipartite graph of rows and columns are colored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The columns; two with an entry in the same row are in conflict.
    Columns,
    /// The rows; two with an entry in the same column are in conflict.
    Rows,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Columns => "columns",
            Side::Rows => "rows",
        })
    }
}

/// A color for every vertex; the colors in use are `0..count`, without a gap.
///
/// Whether it suits a pattern is not part of the type: see [`check_distance1`] and [`check_partial_distance2`].
///
/// ```
/// use colorjet::coloring::Coloring;
/// let coloring = Coloring::from_colors(vec![7, 2, 7]);
/// assert_eq!(coloring.colors(), [1, 0, 1]);
/// assert_eq!(coloring.groups(), [vec![1], vec![0, 2]]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coloring {
    colors: Vec<u32>,
    count: usize,
}

impl Coloring {
    /// A color of its own for each of `n ≤ u32::MAX` vertices.
    pub fn trivial(n: usize) -> Self {
        Coloring { colors: (0..n).map(|v| v as u32).collect(), count: n }
    }

    /// From any numbers; they are renumbered to `0..count` in their own order. O(n log n).
    pub fn from_colors(mut colors: Vec<u32>) -> Self {
        let mut distinct = colors.clone();
        distinct.sort_unstable();
        distinct.dedup();
        for color in &mut colors {
            *color = distinct.partition_point(|d| d < color) as u32;
        }
        Coloring { colors, count: distinct.len() }
    }

    /// From colors without a gap, as every greedy coloring has them.
    fn from_consecutive(colors: Vec<u32>) -> Self {
        let count = colors.iter().max().map_or(0, |&c| c as usize + 1);
        Coloring { colors, count }
    }

    /// Number of colors; zero only if there are no vertices.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The color of vertex `v`.
    ///
    /// # Panics
    /// If `v ≥ colors().len()`.
    pub fn color(&self, v: usize) -> u32 {
        self.colors[v]
    }

    /// The colors of all vertices.
    pub fn colors(&self) -> &[u32] {
        &self.colors
    }

    /// The vertices of every color, ascending.
    pub fn groups(&self) -> Vec<Vec<u32>> {
        let mut sizes = vec![0; self.count];
        self.colors.iter().for_each(|&c| sizes[c as usize] += 1);
        let mut groups: Vec<_> = sizes.into_iter().map(Vec::with_capacity).collect();
        for (v, &c) in self.colors.iter().enumerate() {
            groups[c as usize].push(v as u32);
        }
        groups
    }
}
