//! Archives of values computed elsewhere.

use colorjet::numpy::Npz;
use ndarray::{Array1, Array2, Axis, Ix1, Ix2};
use sprs::CsMat;

/// The rows of a matrix.
pub fn matrix(archive: &mut Npz, name: &str) -> Array2<f64> {
    archive.array(name).unwrap().into_dimensionality::<Ix2>().unwrap()
}

fn list(archive: &mut Npz, name: &str) -> Array1<f64> {
    archive.array(name).unwrap().into_dimensionality::<Ix1>().unwrap()
}

/// Derivatives at one point: a slice of an array of three axes, or a sparse matrix for each point.
pub fn derivative(archive: &mut Npz, name: &str, point: usize, shape: (usize, usize)) -> CsMat<f64> {
    if let Ok(dense) = archive.array(name) {
        let dense = dense.index_axis(Axis(0), point).to_owned().into_dimensionality::<Ix2>().unwrap();
        return CsMat::csr_from_dense(dense.view(), 0.0);
    }
    let part = |part: &str| format!("{name}_{point}_{part}");
    let mut integers = |name: &str| list(archive, name).iter().map(|&i| i as usize).collect::<Vec<_>>();
    let (indptr, indices) = (integers(&part("indptr")), integers(&part("indices")));
    let data = list(archive, &part("data"));
    CsMat::new_from_unsorted(shape, indptr, indices, data.to_vec()).unwrap()
}
