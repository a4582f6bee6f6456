//! NumPy's files: `.npy`, one array, and `.npz`, a zip archive of them; sparse results as `scipy.sparse` reads them.
//!
//! Numbers are read from any type of real numbers, in either byte order, C or Fortran order and any shape, and
//! become `f64`. Nothing is allocated for what a header claims before the file is seen to hold it.

mod npy;
mod npz;

pub use npz::Npz;

use super::{place, read_file, write_file};
use crate::error::{Result, ensure};
use crate::pattern::Pattern;
use crate::scalar::Scalar;
use ndarray::{ArrayD, ArrayViewD};
use std::path::Path;

/// Reads the array in an `.npy` file. Integers beyond 2⁵³ are rounded to the nearest number.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) if the file cannot be read, [`Format`](crate::ErrorKind::Format) if it is truncated
/// or not what it should be, [`Unsupported`](crate::ErrorKind::Unsupported) for what is not real numbers,
/// [`TooLarge`](crate::ErrorKind::TooLarge) for more than fits into memory.
pub fn read(path: impl AsRef<Path>) -> Result<ArrayD<f64>> {
    let path = path.as_ref();
    let read = || npy::read(&read_file(path)?);
    read().map_err(|e| e.within(place(path)))
}

/// Reads an array from the contents of an `.npy` file.
///
/// # Errors
/// As [`read`], without [`Io`](crate::ErrorKind::Io).
pub fn read_bytes(bytes: &[u8]) -> Result<ArrayD<f64>> {
    npy::read(bytes)
}

/// Writes an array to an `.npy` file; one that is there already is replaced only when the new one is complete.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) if the file cannot be written, [`TooLarge`](crate::ErrorKind::TooLarge) if its
/// contents do not fit into memory.
pub fn write<T: Scalar>(path: impl AsRef<Path>, array: ArrayViewD<'_, T>) -> Result<()> {
    let path = path.as_ref();
    let write = || write_file(path, &npy::reals(array.shape(), array.iter().copied())?);
    write().map_err(|e| e.within(place(path)))
}

/// Writes values on a pattern as a dense `.npy` file: an array `rows × cols` for `values` of shape (entries),
/// `points × rows × cols` for (points × entries).
///
/// # Errors
/// As [`write()`]; [`Shape`](crate::ErrorKind::Shape) if `values` has another shape.
pub fn write_dense<T: Scalar>(path: impl AsRef<Path>, pattern: &Pattern, values: ArrayViewD<'_, T>) -> Result<()> {
    let path = path.as_ref();
    let write = || {
        check_values(pattern, &values)?;
        let values = values.as_standard_layout();
        let numbers = values.as_slice().expect("standard layout");
        let (rows, cols) = (pattern.rows(), pattern.cols());
        let points = if values.ndim() == 1 { 1 } else { values.shape()[0] };
        let row = |k: usize| {
            let (point, i) = (k / rows, k % rows);
            let mut row = vec![T::zero(); cols];
            for (entry, &j) in (pattern.indptr()[i]..).zip(pattern.row(i)) {
                row[j as usize] = numbers[point * pattern.nnz() + entry];
            }
            row
        };
        let mut shape = values.shape().to_vec();
        shape.pop();
        shape.extend([rows, cols]);
        write_file(path, &npy::reals(&shape, (0..points * rows).flat_map(row))?)
    };
    write().map_err(|e| e.within(place(path)))
}

/// Writes values on a pattern as an `.npz` file.
///
/// For `values` of shape (entries) it is what `scipy.sparse.load_npz` reads: a CSR matrix with sorted indices. For
/// (points × entries) it holds the arrays `indptr`, `indices`, `data` (points × entries) and `shape` (rows, cols).
///
/// # Errors
/// As [`write()`]; [`Shape`](crate::ErrorKind::Shape) if `values` has another shape.
pub fn write_sparse<T: Scalar>(path: impl AsRef<Path>, pattern: &Pattern, values: ArrayViewD<'_, T>) -> Result<()> {
    let path = path.as_ref();
    let write = || {
        check_values(pattern, &values)?;
        write_file(path, &npz::sparse(pattern, values)?)
    };
    write().map_err(|e| e.within(place(path)))
}

fn check_values<T>(pattern: &Pattern, values: &ArrayViewD<'_, T>) -> Result<()> {
    let (nnz, shape) = (pattern.nnz(), values.shape());
    let fits = matches!(shape.len(), 1 | 2) && shape.last() == Some(&nnz);
    ensure!(fits, Shape, "values of shape {shape:?} for a pattern of {nnz} entries");
    Ok(())
}
