//! Who is in conflict with whom.

use crate::pattern::Pattern;
use std::borrow::Cow;
use std::collections::HashSet;

/// The graph whose edges are the conflicts, never stored.
pub(super) trait Conflicts {
    /// Number of vertices.
    fn len(&self) -> usize;

    /// Steps that one call of [`for_each`](Self::for_each) for every vertex takes.
    fn work(&mut self) -> u64;

    /// Visits every vertex in conflict with `v` once, always in the same order.
    fn for_each(&mut self, v: u32, visit: impl FnMut(u32));

    /// How many vertices each one is in conflict with.
    fn degrees(&mut self) -> Vec<u32> {
        let mut degrees = vec![0; self.len()];
        for (v, degree) in degrees.iter_mut().enumerate() {
            self.for_each(v as u32, |_| *degree += 1);
        }
        degrees
    }
}

/// Two vertices are in conflict if they have an entry in the symmetric pattern.
pub(super) struct Adjacent<'a>(pub(super) &'a Pattern);

impl Conflicts for Adjacent<'_> {
    fn len(&self) -> usize {
        self.0.rows()
    }

    fn work(&mut self) -> u64 {
        self.0.nnz() as u64
    }

    fn for_each(&mut self, v: u32, visit: impl FnMut(u32)) {
        self.0.row(v as usize).iter().copied().filter(|&u| u != v).for_each(visit);
    }
}

/// Two vertices are in conflict if they are members of one line (row, if columns are colored).
pub(super) struct SharedLine<'a> {
    /// The members of each line.
    lines: &'a Pattern,
    /// The lines of each vertex: the mirror of `lines`.
    lines_of: &'a Pattern,
    /// Both again, without the lines that repeat an earlier one; made when first needed, since the natural
    /// order needs no degrees.
    distinct: Option<(Cow<'a, Pattern>, Cow<'a, Pattern>)>,
    /// The vertex whose conflicts were visited when this one was seen last, as a running number.
    seen: Vec<u32>,
    visits: u32,
}

impl<'a> SharedLine<'a> {
    pub(super) fn new(lines: &'a Pattern, lines_of: &'a Pattern) -> Self {
        SharedLine { lines, lines_of, distinct: None, seen: Vec::new(), visits: 0 }
    }

    fn distinct(&mut self) -> &(Cow<'a, Pattern>, Cow<'a, Pattern>) {
        self.distinct.get_or_insert_with(|| match without_repeated_rows(self.lines) {
            Some(lines) => {
                let lines_of = lines.transpose();
                (Cow::Owned(lines), Cow::Owned(lines_of))
            }
            None => (Cow::Borrowed(self.lines), Cow::Borrowed(self.lines_of)),
        })
    }
}

impl Conflicts for SharedLine<'_> {
    fn len(&self) -> usize {
        self.lines.cols()
    }

    fn work(&mut self) -> u64 {
        let lines = &self.distinct().0;
        (0..lines.rows()).fold(0u64, |sum, l| {
            let length = lines.row(l).len() as u64;
            sum.saturating_add(length.saturating_mul(length))
        })
    }

    fn for_each(&mut self, v: u32, mut visit: impl FnMut(u32)) {
        self.distinct();
        let Some((lines, lines_of)) = &self.distinct else {
            return;
        };
        self.seen.resize(lines.cols(), 0);
        if self.visits == u32::MAX {
            self.seen.fill(0);
            self.visits = 0;
        }
        self.visits += 1;
        self.seen[v as usize] = self.visits;
        for &line in lines_of.row(v as usize) {
            for &u in lines.row(line as usize) {
                if self.seen[u as usize] != self.visits {
                    self.seen[u as usize] = self.visits;
                    visit(u);
                }
            }
        }
    }
}

/// The first of each set of equal rows, in order; `None` if all rows differ.
///
/// A repeated line adds no conflict. Since its first appearance stays, the conflicts of a vertex are still
/// visited in the same order, and the colors do not change.
fn without_repeated_rows(pattern: &Pattern) -> Option<Pattern> {
    let mut met = HashSet::with_capacity(pattern.rows());
    let first: Vec<bool> = (0..pattern.rows()).map(|i| met.insert(pattern.row(i))).collect();
    if met.len() == pattern.rows() {
        return None;
    }
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for (i, _) in first.iter().enumerate().filter(|&(_, &first)| first) {
        indices.extend_from_slice(pattern.row(i));
        indptr.push(indices.len());
    }
    Some(Pattern::from_sorted_parts(pattern.cols(), indptr, indices))
}
