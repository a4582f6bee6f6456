//! [`Pattern`]: the structure of a sparse matrix, without values.

use crate::error::{Result, ensure};
use sprs::CsMatI;

/// Which entries of a `rows × cols` matrix may be nonzero: compressed rows, column indices of 32 bits,
/// sorted and without repetition in every row.
///
/// Memory: 4 bytes for each entry and 8 for each row.
///
/// ```
/// use colorjet::Pattern;
/// let p = Pattern::from_rows(3, [vec![0, 2], vec![], vec![1]])?;
/// assert_eq!(p.row(0), &[0, 2]);
/// assert_eq!(p.transpose().row(2), &[0]);
/// # Ok::<(), colorjet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    cols: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
}

impl Pattern {
    /// From any iterator of rows; indices are sorted and repetitions dropped.
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) if an index is `≥ cols`,
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for more than 2³² − 1 rows or columns.
    pub fn from_rows<R>(cols: usize, rows: impl IntoIterator<Item = R>) -> Result<Self>
    where
        R: IntoIterator<Item = u32>,
    {
        check_size("columns", cols)?;
        let (mut indptr, mut indices) = (vec![0], Vec::new());
        for (i, row) in rows.into_iter().enumerate() {
            let start = indices.len();
            indices.extend(row);
            indices[start..].sort_unstable();
            let mut kept = start;
            for k in start..indices.len() {
                if k == start || indices[k] != indices[kept - 1] {
                    indices[kept] = indices[k];
                    kept += 1;
                }
            }
            indices.truncate(kept);
            if let Some(&last) = indices[start..].last() {
                ensure!((last as usize) < cols, OutOfRange, "row {i} has column {last}, but there are {cols} columns");
            }
            indptr.push(indices.len());
        }
        check_size("rows", indptr.len() - 1)?;
        Ok(Pattern { cols, indptr, indices })
    }

    /// From parts that already obey the rules of the type.
    pub(crate) fn from_sorted_parts(cols: usize, indptr: Vec<usize>, indices: Vec<u32>) -> Self {
        debug_assert_eq!(*indptr.last().unwrap(), indices.len());
        debug_assert!(indptr.windows(2).all(|w| {
            let row = &indices[w[0]..w[1]];
            row.windows(2).all(|p| p[0] < p[1]) && row.last().is_none_or(|&j| (j as usize) < cols)
        }));
        Pattern { cols, indptr, indices }
    }

    /// The structure of a sparse matrix; entries that are stored count, whatever their value.
    ///
    /// # Errors
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for more than 2³² − 1 rows or columns.
    pub fn of<N>(matrix: &CsMatI<N, usize>) -> Result<Self>
    where
        N: Clone + Default,
    {
        check_size("rows", matrix.rows())?;
        check_size("columns", matrix.cols())?;
        let csr = matrix.to_csr();
        let indptr = csr.indptr().to_proper().to_vec();
        let indices = csr.indices().iter().map(|&j| j as u32).collect();
        Ok(Pattern { cols: csr.cols(), indptr, indices })
    }

    /// No entry at all.
    ///
    /// # Errors
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for more than 2³² − 1 rows or columns.
    pub fn empty(rows: usize, cols: usize) -> Result<Self> {
        check_size("rows", rows)?;
        Self::from_rows(cols, (0..rows).map(|_| []))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of entries.
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// The column indices of row `i`, ascending.
    ///
    /// # Panics
    /// If `i ≥ rows`.
    pub fn row(&self, i: usize) -> &[u32] {
        &self.indices[self.indptr[i]..self.indptr[i + 1]]
    }

    /// Where each row begins in [`indices`](Self::indices); `rows + 1` numbers.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// All column indices, row after row.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Whether `(i, j)` is an entry. O(log of the row's length).
    pub fn contains(&self, i: usize, j: usize) -> bool {
        i < self.rows() && u32::try_from(j).is_ok_and(|j| self.row(i).binary_search(&j).is_ok())
    }

    /// The mirrored pattern. O(nnz + cols).
    pub fn transpose(&self) -> Self {
        let mut indptr = vec![0usize; self.cols + 1];
        for &j in &self.indices {
            indptr[j as usize + 1] += 1;
        }
        for j in 0..self.cols {
            indptr[j + 1] += indptr[j];
        }
        let mut next = indptr.clone();
        let mut indices = vec![0u32; self.nnz()];
        for i in 0..self.rows() {
            for &j in self.row(i) {
                let slot = &mut next[j as usize];
                indices[*slot] = i as u32;
                *slot += 1;
            }
        }
        Pattern { cols: self.rows(), indptr, indices }
    }

    /// Entries of either pattern. O(nnz of both).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn union(&self, other: &Pattern) -> Result<Self> {
        ensure!(
            self.rows() == other.rows() && self.cols == other.cols,
            Shape,
            "union of a {}×{} and a {}×{} pattern",
            self.rows(),
            self.cols,
            other.rows(),
            other.cols
        );
        Self::from_rows(self.cols, (0..self.rows()).map(|i| self.row(i).iter().chain(other.row(i)).copied()))
    }

    /// The pattern of the matrix product `self · other`. O(Σ over entries (i, k) of the length of row k).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if `self.cols() ≠ other.rows()`.
    pub fn product(&self, other: &Pattern) -> Result<Self> {
        ensure!(
            self.cols == other.rows(),
            Shape,
            "product of a {}×{} and a {}×{} pattern",
            self.rows(),
            self.cols,
            other.rows(),
            other.cols
        );
        let row = |i| self.row(i).iter().flat_map(|&k| other.row(k as usize).iter().copied());
        Self::from_rows(other.cols, (0..self.rows()).map(row))
    }

    /// Number of columns that have an entry. O(nnz + cols).
    pub fn occupied_cols(&self) -> usize {
        let mut seen = vec![false; self.cols];
        self.indices.iter().for_each(|&j| seen[j as usize] = true);
        seen.iter().filter(|&&s| s).count()
    }
}

/// Indices have 32 bits.
fn check_size(what: &str, size: usize) -> Result<()> {
    ensure!(u32::try_from(size).is_ok(), TooLarge, "a pattern of {size} {what}: they are counted in 32 bits");
    Ok(())
}
