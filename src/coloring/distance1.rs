//! Distance-1 coloring of a symmetric pattern.

use super::conflicts::Adjacent;
use super::order::{Order, color_in_order};
use super::{Coloring, UNCOLORED};
use crate::error::{Result, bail, ensure};
use crate::pattern::Pattern;

/// Colors the vertices of a symmetric pattern so that two with an entry get different colors (a *distance-1
/// coloring*).
///
/// For a Hessian, the product with the sum of the unit vectors of one color then has the diagonal entries of its
/// members unspoiled. Entries on the diagonal are ignored. Vertices without conflicts have color 0.
///
/// ```
/// use colorjet::{Pattern, coloring::{Order, distance1_coloring}};
/// let path = Pattern::from_rows(3, [vec![1], vec![0, 2], vec![1]])?;
/// assert_eq!(distance1_coloring(&path, Order::Natural)?.colors(), [0, 1, 0]);
/// # Ok::<(), colorjet::Error>(())
/// ```
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) if the pattern is not square, [`NotSymmetric`](crate::ErrorKind::NotSymmetric) if
/// `(i, j)` is stored without `(j, i)`.
///
/// # Complexity
/// O(n + nnz) time and extra space, for every order.
///
/// # References
/// Gebremedhin, Manne, Pothen (2005), Algorithm 3.1.
pub fn distance1_coloring(graph: &Pattern, order: Order) -> Result<Coloring> {
    ensure!(
        graph.rows() == graph.cols(),
        Shape,
        "distance-1 coloring of a {}×{} pattern, which is not square",
        graph.rows(),
        graph.cols()
    );
    if let Some((i, j)) = first_asymmetry(graph) {
        bail!(NotSymmetric, "entry ({i}, {j}) is stored without ({j}, {i})");
    }
    let has_edge = (0..graph.rows()).any(|v| graph.row(v).iter().any(|&u| u as usize != v));
    let lower_bound = if has_edge { 2 } else { 1 };
    let color = |sequence: &[u32]| Coloring::from_consecutive(greedy(graph, sequence));
    Ok(color_in_order(order, &mut Adjacent(graph), lower_bound, &color))
}

/// An entry of a square pattern whose mirror is missing.
fn first_asymmetry(graph: &Pattern) -> Option<(usize, usize)> {
    let mirrored = graph.transpose();
    let i = (0..graph.rows()).find(|&i| graph.row(i) != mirrored.row(i))?;
    let missing =
        |from: &Pattern, other: &Pattern| from.row(i).iter().map(|&j| j as usize).find(|&j| !other.contains(i, j));
    match missing(graph, &mirrored) {
        Some(j) => Some((i, j)),
        None => missing(&mirrored, graph).map(|j| (j, i)),
    }
}

/// The smallest color that no neighbor has, for each vertex of `sequence` in turn.
fn greedy(graph: &Pattern, sequence: &[u32]) -> Vec<u32> {
    let mut colors = vec![UNCOLORED; graph.rows()];
    // The vertex for which a color was forbidden last: nothing has to be cleared between vertices.
    let mut forbidden_for = vec![UNCOLORED; graph.rows()];
    for &v in sequence {
        for &u in graph.row(v as usize) {
            // A vertex with an entry on the diagonal does not see itself: it has no color yet.
            if let Some(vertex) = forbidden_for.get_mut(colors[u as usize] as usize) {
                *vertex = v;
            }
        }
        let mut color = 0;
        while forbidden_for[color as usize] == v {
            color += 1;
        }
        colors[v as usize] = color;
    }
    colors
}
