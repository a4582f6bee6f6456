//! Archives of arrays, as NumPy writes them.

use ndarray::{Array1, Array2, Array3, Ix1, Ix2, Ix3};
use ndarray_npy::NpzReader;
use sprs::CsMat;
use std::cell::RefCell;
use std::fs::File;
use std::path::Path;

/// An archive of values computed elsewhere.
pub struct Npz(RefCell<NpzReader<File>>);

impl Npz {
    pub fn open(path: impl AsRef<Path>) -> Npz {
        Npz(RefCell::new(NpzReader::new(File::open(path).unwrap()).unwrap()))
    }

    pub fn matrix(&self, name: &str) -> Array2<f64> {
        self.0.borrow_mut().by_name::<ndarray::OwnedRepr<f64>, Ix2>(name).unwrap()
    }

    fn integers(&self, name: &str) -> Vec<usize> {
        let list: Array1<i32> = self.0.borrow_mut().by_name::<ndarray::OwnedRepr<i32>, Ix1>(name).unwrap();
        list.iter().map(|&i| i as usize).collect()
    }

    /// Derivatives at one point: a slice of an array of three axes, or a sparse matrix for each point.
    pub fn derivative(&self, name: &str, point: usize, shape: (usize, usize)) -> CsMat<f64> {
        let dense = self.0.borrow_mut().by_name::<ndarray::OwnedRepr<f64>, Ix3>(name);
        if let Ok(all) = dense {
            let all: Array3<f64> = all;
            return CsMat::csr_from_dense(all.index_axis(ndarray::Axis(0), point), 0.0);
        }
        let part = |part: &str| format!("{name}_{point}_{part}");
        let data: Array1<f64> =
            self.0.borrow_mut().by_name::<ndarray::OwnedRepr<f64>, Ix1>(&part("data")).unwrap();
        CsMat::new_from_unsorted(shape, self.integers(&part("indptr")), self.integers(&part("indices")), data.to_vec())
            .unwrap()
    }
}
