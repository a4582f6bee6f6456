//! Every strategy against values made elsewhere: `data/golden`, computed in JAX and mpmath without any structure.

use colorjet::{Network, Plan, PlanOptions, Quantity, Strategy};
use ndarray::{Array2, ArrayView1, Axis};
use safetensors::SafeTensors;
use sprs::CsMat;
use std::fs;
use std::path::{Path, PathBuf};

/// A golden tensor, flattened to two axes: points and the rest.
fn tensor(file: &SafeTensors<'_>, name: &str) -> Array2<f64> {
    let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    let numbers: Vec<f64> = view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    let points = view.shape()[0];
    Array2::from_shape_vec((points, numbers.len() / points), numbers).unwrap()
}

fn networks() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/golden");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|p| {
            let name = p.file_name().unwrap().to_str().unwrap();
            name.ends_with(".safetensors") && !name.ends_with(".golden.safetensors")
        })
        .collect();
    paths.sort();
    assert!(paths.len() > 40, "the golden networks are missing");
    paths
}

/// Largest deviation of a sparse result from a dense row, relative to the largest entry.
fn deviation(sparse: &CsMat<f64>, dense: ArrayView1<'_, f64>) -> f64 {
    let ours = sparse.to_dense();
    let scale = dense.iter().fold(0.0f64, |s, v| s.max(v.abs())).max(f64::MIN_POSITIVE);
    ours.iter().zip(dense).fold(0.0f64, |s, (a, b)| s.max((a - b).abs())) / scale
}

#[test]
fn every_strategy_agrees_with_jax() {
    let mut failures = Vec::new();
    for path in networks() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let net = Network::load(&path).unwrap();
        let bytes = fs::read(path.with_file_name(format!("{name}.golden.safetensors"))).unwrap();
        let golden = SafeTensors::deserialize(&bytes).unwrap();
        let (x, y) = (tensor(&golden, "x"), tensor(&golden, "y"));
        let quantities = [
            (Quantity::Jacobian, tensor(&golden, "jacobian")),
            (Quantity::HessianDiagonal, tensor(&golden, "hessian_diagonal")),
        ];
        for (quantity, expected) in quantities {
            let automatic = Plan::new(&net, quantity).unwrap();
            let forced =
                Strategy::of(quantity).map(|s| Plan::with(&net, &PlanOptions::new(quantity).strategy(s)).unwrap());
            for plan in [automatic].into_iter().chain(forced) {
                for (point, x) in x.axis_iter(Axis(0)).enumerate() {
                    let all = plan.run_all(&net, x).unwrap();
                    let value = all.value.iter().zip(y.row(point)).fold(0.0f64, |s, (a, b)| s.max((a - b).abs()));
                    let scale = y.row(point).iter().fold(f64::MIN_POSITIVE, |s, v| s.max(v.abs()));
                    let result = if quantity == Quantity::Jacobian { all.jacobian } else { all.hessian_diagonal };
                    let error = deviation(&result.unwrap(), expected.row(point)).max(value / scale);
                    if error.is_nan() || error > 1e-12 {
                        failures.push(format!("{name}, {quantity} by {}: {error:.1e}", plan.strategy()));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
