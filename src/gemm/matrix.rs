//! [`Matrix`]: the numbers of a matrix, as products read them.

use crate::scalar::Scalar;
use faer::MatRef;
use std::ops::Range;

/// A matrix, or a part of one, that lies in memory row by row, or, transposed, column by column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, T> {
    /// From the first of its numbers on.
    pub(super) numbers: &'a [T],
    pub(super) rows: usize,
    /// Numbers of a row: the terms of a sum.
    pub(super) terms: usize,
    /// Distance between the beginnings of two rows, or of two columns.
    pub(super) stride: usize,
    pub(super) transposed: bool,
}

impl<'a, T: Scalar> Matrix<'a, T> {
    /// One that lies row by row.
    pub(crate) fn new(numbers: &'a [T], rows: usize, terms: usize) -> Self {
        assert_eq!(numbers.len(), rows * terms, "as many numbers as a matrix of {rows} × {terms} has");
        Matrix { numbers, rows, terms, stride: terms, transposed: false }
    }

    pub(crate) fn transpose(self) -> Self {
        Matrix { rows: self.terms, terms: self.rows, transposed: !self.transposed, ..self }
    }

    /// Its rows and terms.
    pub(crate) fn shape(&self) -> [usize; 2] {
        [self.rows, self.terms]
    }

    /// From a row to the next, and from a term to the next.
    #[inline(always)]
    pub(super) fn strides(&self) -> [usize; 2] {
        if self.transposed { [1, self.stride] } else { [self.stride, 1] }
    }

    /// Some of its rows, and of these the terms.
    #[inline(always)]
    pub(crate) fn part(self, rows: Range<usize>, terms: Range<usize>) -> Self {
        assert!(rows.end <= self.rows && terms.end <= self.terms, "a part of the matrix");
        let [of_row, of_term] = self.strides();
        let start = rows.start * of_row + terms.start * of_term;
        // A part without numbers may begin behind the last.
        let numbers = &self.numbers[start.min(self.numbers.len())..];
        Matrix { numbers, rows: rows.len(), terms: terms.len(), ..self }
    }

    #[inline(always)]
    pub(crate) fn part_of_rows(self, rows: Range<usize>) -> Self {
        self.part(rows, 0..self.terms)
    }

    pub(super) fn to_faer(self) -> MatRef<'a, T> {
        match self.transposed {
            true => MatRef::from_column_major_slice_with_stride(self.numbers, self.rows, self.terms, self.stride),
            false => MatRef::from_row_major_slice_with_stride(self.numbers, self.rows, self.terms, self.stride),
        }
    }

    #[cfg(test)]
    pub(super) fn at(&self, row: usize, term: usize) -> T {
        self.to_faer()[(row, term)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_whole() {
        let numbers: Vec<f64> = (0..35).map(f64::from).collect();
        let matrix = Matrix::new(&numbers, 5, 7);
        for (matrix, rows, terms) in [(matrix, 1..4, 2..7), (matrix.transpose(), 3..7, 0..5)] {
            let part = matrix.part(rows.clone(), terms.clone());
            assert_eq!(part.shape(), [rows.len(), terms.len()]);
            for (r, row) in rows.enumerate() {
                for (t, term) in terms.clone().enumerate() {
                    assert_eq!(part.at(r, t), matrix.at(row, term));
                    assert_eq!(part.transpose().at(t, r), matrix.at(row, term));
                }
            }
        }
        assert_eq!(matrix.at(2, 3), 17.0);
        // Without numbers.
        assert_eq!(matrix.part(5..5, 0..7).shape(), [0, 7]);
        assert_eq!(matrix.part(0..5, 7..7).to_faer().shape(), (5, 0));
        assert_eq!(matrix.transpose().part_of_rows(7..7).to_faer().shape(), (0, 5));
    }
}
