//! Products of a matrix with lanes.

mod direct;
mod matrix;
mod pieces;

pub(crate) use matrix::Matrix;

use crate::rows::Rows;
use crate::scalar::{Registers, Scalar};
use faer::Accum;

/// `out ← A X` or `out += A X`, where the columns of `X` are lanes, in rows of `out` that are `stride` numbers apart. How a
/// sum is made depends on the shapes, on how far the rows of lanes are apart, and on the machine's registers: on no number
/// of threads, since these share rows of the matrix and whole blocks of lanes.
pub(crate) fn multiply<T: Scalar>(
    out: &mut [T],
    stride: usize,
    accum: Accum,
    matrix: Matrix<'_, T>,
    lanes: Rows<'_, T>,
) {
    match direct::is_better(Registers::here(), &matrix, &lanes) {
        true => direct::multiply(out, stride, accum, matrix, lanes),
        false => pieces::multiply(out, stride, accum, matrix, lanes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::test_number;

    /// A product with lanes that may be a part of longer rows, added to numbers that were there.
    #[derive(Debug)]
    pub(super) struct Case {
        pub(super) shape: [usize; 3],
        /// Numbers behind the lanes, of operand and result.
        pub(super) beside: [usize; 2],
        pub(super) transposed: bool,
        pub(super) accum: Accum,
    }

    impl Case {
        /// Checks every number of what `product` makes against the sum of its definition, and that it touches nothing beside
        /// the rows.
        pub(super) fn check<T: Scalar>(
            &self,
            product: impl FnOnce(&mut [T], usize, Accum, Matrix<'_, T>, Rows<'_, T>),
        ) -> Vec<T> {
            let ([rows, terms, width], [behind, beside]) = (self.shape, self.beside);
            let numbers = |count: usize, from| (from..from + count).map(|k| T::from_f64(test_number(k))).collect();
            let (matrix, x): (Vec<T>, Vec<T>) = (numbers(rows * terms, 0), numbers(terms * (width + behind), 7));
            let stride = width + beside;
            let before: Vec<T> = numbers(rows * stride, 3);
            let matrix = match self.transposed {
                true => Matrix::new(&matrix, terms, rows).transpose(),
                false => Matrix::new(&matrix, rows, terms),
            };
            // Behind the last lane of the last row there is nothing.
            let x = Rows { data: &x[..x.len() - behind.min(x.len())], width, stride: width + behind };
            let mut out = before.clone();
            product(&mut out, stride, self.accum, matrix, x);
            for (k, (&out, &before)) in out.iter().zip(&before).enumerate() {
                let (row, lane) = (k / stride, k % stride);
                if lane >= width {
                    assert_eq!(out, before, "{self:?}");
                    continue;
                }
                let terms = (0..terms).map(|k| matrix.at(row, k).to_f64() * x.row(k)[lane].to_f64());
                let start = if self.accum == Accum::Add { before.to_f64() } else { 0.0 };
                let error = (start + terms.clone().sum::<f64>() - out.to_f64()).abs();
                // Each of the two sums, in whatever order, is off by half of this at most.
                let size = start.abs() + terms.clone().map(f64::abs).sum::<f64>();
                let bound = (2 + terms.count()) as f64 * T::epsilon().to_f64() * size;
                assert!(error <= bound, "{self:?}, row {row}, lane {lane}: {error}");
            }
            out
        }
    }

    /// Without rows, terms or lanes, and some of each, from one on to more than any loop takes at a time.
    #[test]
    fn products_of_all_shapes_are_those_of_the_definition() {
        for rows in [0, 1, 2, 7, 8, 19] {
            for terms in [0, 1, 2, 33, 257] {
                for width in [0, 1, 7, 8, 15, 24, 32, 49, 130, 600] {
                    for (transposed, accum) in [(false, Accum::Replace), (true, Accum::Add)] {
                        for beside in [[0, 0], [3, 0], [0, 5]] {
                            let case = Case { shape: [rows, terms, width], beside, transposed, accum };
                            case.check::<f64>(multiply);
                            case.check::<f32>(multiply);
                        }
                    }
                }
            }
        }
    }
}
