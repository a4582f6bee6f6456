//! Whether a coloring is valid, from the definitions alone.

use super::{Coloring, Side};
use crate::pattern::Pattern;
use std::fmt;

/// Why a coloring is not valid, with a witness.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Violation {
    /// The number of vertices and that of colored vertices differ.
    Length {
        /// Vertices of the pattern.
        vertices: usize,
        /// Vertices of the coloring.
        colored: usize,
    },
    /// The rows and the columns of the pattern cannot be the same vertices.
    NotSquare {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        cols: usize,
    },
    /// Two vertices with an entry have one color.
    Edge {
        /// The row and the column of the entry.
        vertices: [u32; 2],
        /// The color of both.
        color: u32,
    },
    /// Two columns with a common row, or rows with a common column, have one color.
    SharedLine {
        /// Whether they are columns or rows.
        side: Side,
        /// The two, ascending.
        vertices: [u32; 2],
        /// The color of both.
        color: u32,
        /// The row that the columns (the column that the rows) have in common.
        line: u32,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Length { vertices, colored } => {
                write!(f, "{vertices} vertices, but colors for {colored}")
            }
            Violation::NotSquare { rows, cols } => write!(f, "a {rows}×{cols} pattern is no graph"),
            Violation::Edge { vertices: [a, b], color } => {
                write!(f, "vertices {a} and {b} share color {color} and are joined by entry ({a}, {b})")
            }
            Violation::SharedLine { side, vertices: [a, b], color, line } => {
                let line_kind = match side {
                    Side::Columns => "row",
                    Side::Rows => "column",
                };
                write!(f, "{side} {a} and {b} share color {color} and meet in {line_kind} {line}")
            }
        }
    }
}

impl std::error::Error for Violation {}

/// Verifies that no entry off the diagonal joins two vertices of one color.
///
/// # Errors
/// The first [`Violation`], by rows.
///
/// # Complexity
/// O(nnz) time, no extra space.
pub fn check_distance1(graph: &Pattern, coloring: &Coloring) -> Result<(), Violation> {
    if graph.rows() != graph.cols() {
        return Err(Violation::NotSquare { rows: graph.rows(), cols: graph.cols() });
    }
    check_length(graph.rows(), coloring)?;
    for i in 0..graph.rows() {
        let color = coloring.color(i);
        if let Some(&j) = graph.row(i).iter().find(|&&j| j as usize != i && coloring.color(j as usize) == color) {
            return Err(Violation::Edge { vertices: [i as u32, j], color });
        }
    }
    Ok(())
}

/// Verifies that no row has two entries in columns of one color, or the mirror of it for [`Side::Rows`].
///
/// # Errors
/// The first [`Violation`], by rows (columns).
///
/// # Complexity
/// O(nnz + colors) time, O(colors) extra space; for [`Side::Rows`] O(nnz) extra space.
pub fn check_partial_distance2(pattern: &Pattern, side: Side, coloring: &Coloring) -> Result<(), Violation> {
    let mirrored;
    let lines = match side {
        Side::Columns => pattern,
        Side::Rows => {
            mirrored = pattern.transpose();
            &mirrored
        }
    };
    check_length(lines.cols(), coloring)?;
    // For every color the last line that had it, and in which vertex.
    let mut last_met: Vec<Option<(u32, u32)>> = vec![None; coloring.count()];
    for l in 0..lines.rows() {
        let line = l as u32;
        for &v in lines.row(l) {
            let color = coloring.color(v as usize);
            match last_met[color as usize].replace((line, v)) {
                Some((before, u)) if before == line => {
                    return Err(Violation::SharedLine { side, vertices: [u, v], color, line });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn check_length(vertices: usize, coloring: &Coloring) -> Result<(), Violation> {
    let colored = coloring.colors().len();
    if colored == vertices { Ok(()) } else { Err(Violation::Length { vertices, colored }) }
}

/// A number of colors that every partial distance-2 coloring needs: the length of the longest row (column), and
/// one if there is any vertex at all. O(nnz + rows + columns).
pub fn lower_bound(pattern: &Pattern, side: Side) -> usize {
    let (longest, vertices) = match side {
        Side::Columns => ((0..pattern.rows()).map(|i| pattern.row(i).len()).max(), pattern.cols()),
        Side::Rows => {
            let mut lengths = vec![0; pattern.cols()];
            pattern.indices().iter().for_each(|&j| lengths[j as usize] += 1);
            (lengths.into_iter().max(), pattern.rows())
        }
    };
    longest.unwrap_or(0).max(vertices.min(1))
}
