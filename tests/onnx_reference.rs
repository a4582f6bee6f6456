//! Public trained networks against values computed elsewhere, without any use of structure; skipped where the
//! reference data is not there.

#![cfg(all(feature = "onnx", feature = "numpy"))]

#[path = "support/npz.rs"]
mod npz;

use colorjet::numpy::Npz;
use colorjet::{LoadOptions, Network, Plan, PlanOptions, Quantity, Strategy};
use npz::{derivative, matrix};
use sprs::CsMat;
use std::path::{Path, PathBuf};

/// The folder of the reference data, if it is there.
fn reference() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    if !folder.is_dir() {
        println!("skipped: the reference data is not there");
    }
    folder.is_dir().then_some(folder)
}

/// Largest deviation of any entry.
fn deviation(found: &CsMat<f64>, expected: &CsMat<f64>) -> f64 {
    let mut worst = 0.0f64;
    assert_eq!(found.shape(), expected.shape());
    for (found, expected) in found.outer_iterator().zip(expected.outer_iterator()) {
        let mut row = vec![0.0; found.dim()];
        expected.iter().for_each(|(j, &v)| row[j] = v);
        found.iter().for_each(|(j, &v)| row[j] -= v);
        worst = row.iter().fold(worst, |w, v| w.max(v.abs()));
    }
    worst
}

fn check(name: &str, options: &LoadOptions) {
    let Some(folder) = reference() else { return };
    let net = Network::load_with(folder.join("models").join(name).with_extension("onnx"), options).unwrap();
    let mut golden = Npz::open(folder.join("golden").join(name).with_extension("npz")).unwrap();
    let (x, y) = (matrix(&mut golden, "x"), matrix(&mut golden, "y"));
    let shape = (net.outputs(), net.inputs());
    let largest = |numbers: &mut dyn Iterator<Item = f64>| numbers.fold(0.0f64, |l, v| l.max(v.abs()));
    let scale = largest(&mut y.iter().copied());
    for (x, y) in x.rows().into_iter().zip(y.rows()) {
        for (found, expected) in net.value(x).unwrap().iter().zip(y) {
            assert!((found - expected).abs() <= 1e-12 * scale, "{name}: value {found} for {expected}");
        }
    }
    for (quantity, key) in [(Quantity::Jacobian, "jacobian"), (Quantity::HessianDiagonal, "hessian_diagonal")] {
        let expected: Vec<_> = (0..x.nrows()).map(|k| derivative(&mut golden, key, k, shape)).collect();
        // Of all points: where a sigmoid is saturated at one of them, the expected values have lost digits.
        let scale = largest(&mut expected.iter().flat_map(|e| e.data()).copied());
        for strategy in Strategy::of(quantity) {
            // The oracle takes long where it has thousands of lanes in a deep network.
            if strategy == Strategy::Dense && net.inputs() > 1000 {
                continue;
            }
            let plan = Plan::with(&net, &PlanOptions::new(quantity).strategy(strategy)).unwrap();
            for (x, expected) in x.rows().into_iter().zip(&expected) {
                let deviation = deviation(&plan.run(&net, x).unwrap(), expected);
                assert!(deviation <= 1e-12 * scale, "{name}: {quantity} by {strategy} is off by {deviation:e}");
            }
        }
    }
}

#[test]
fn dense_networks() {
    for name in ["fc_2-2sigmoids-3", "mnist2x5_sigmoid", "softmax-last-layer", "mnist5x20_leaky_relu"] {
        check(name, &LoadOptions::new());
    }
}

#[test]
fn convolutional_networks() {
    for name in ["cifar_conv_small_sigmoid", "cifar_conv_small_sigmoid_features", "cnn_max_mninst2"] {
        check(name, &LoadOptions::new());
    }
}

#[test]
fn super_resolution() {
    check("espcn_x2", &LoadOptions::new().dim("H", 16).dim("W", 12));
}

#[test]
fn an_amplifier() {
    check("nam_wavenet_rf23", &LoadOptions::new().dim("T", 512));
    let Some(folder) = reference() else { return };
    let options = LoadOptions::new().dim("T", 96_000);
    let net = Network::load_with(folder.join("models/nam_wavenet_rf23.onnx"), &options).unwrap();
    let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
    // A band of 23 with two structural holes.
    assert_eq!(plan.pattern().row(50_000).len(), 21);
    assert_eq!((plan.pattern().rows(), plan.pattern().cols()), (96_000, 96_000));
}

/// One operator in each file: it loads, or is refused by name.
#[test]
fn every_layer_of_the_zoo() {
    let Some(folder) = reference() else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join("models/layer_zoo")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        match Network::load(&path) {
            Ok(net) => {
                assert_ne!(name, "dropout_training_mode_true");
                let x = ndarray::Array1::from_elem(net.inputs(), 0.3);
                let value = net.value(x.view()).unwrap();
                assert!(value.iter().all(|v| v.is_finite()), "{name}");
            }
            Err(error) => {
                assert_eq!(name, "dropout_training_mode_true", "{error}");
                assert!(error.to_string().contains("Dropout") && error.to_string().contains("training"), "{error}");
            }
        }
        count += 1;
    }
    assert!(count > 20);
}
