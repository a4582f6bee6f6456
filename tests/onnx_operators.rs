//! Every ONNX operator in small models against values computed elsewhere, and what is refused by name.
//!
//! The models and values are made by `data/onnx/make_models.py`.

#![cfg(all(feature = "onnx", feature = "numpy"))]

use colorjet::numpy::Npz;
use colorjet::{LoadOptions, Network, Plan, PlanOptions, Quantity, Strategy};
use ndarray::{Array1, Array2};
use std::path::Path;

fn archive(name: &str) -> Npz {
    Npz::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/onnx").join(name)).unwrap()
}

/// The names of the models of an archive.
fn models(archive: &Npz) -> Vec<String> {
    archive.names().iter().filter_map(|n| n.strip_suffix(".onnx").map(str::to_owned)).collect()
}

fn bytes(archive: &mut Npz, name: &str) -> Vec<u8> {
    archive.array(name).unwrap().iter().map(|&v| v as u8).collect()
}

fn list(archive: &mut Npz, name: &str) -> Array1<f64> {
    archive.array(name).unwrap().iter().copied().collect()
}

fn largest<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> f64 {
    numbers.into_iter().fold(0.0, |l, v| l.max(v.abs()))
}

/// The largest difference of two tables relative to the largest entry, or to `least` where all are smaller;
/// infinite where one is no number.
fn deviation(found: &Array2<f64>, expected: &Array2<f64>, least: f64) -> f64 {
    assert_eq!(found.dim(), expected.dim());
    let difference = found - expected;
    if difference.iter().any(|v| v.is_nan()) {
        return f64::INFINITY;
    }
    largest(&difference) / largest(expected).max(least)
}

fn derivative(net: &Network, x: &Array1<f64>, quantity: Quantity, strategy: Strategy) -> Result<Array2<f64>, String> {
    let plan = Plan::with(net, &PlanOptions::new(quantity).strategy(strategy)).map_err(|e| e.to_string())?;
    Ok(plan.run(net, x.view()).map_err(|e| e.to_string())?.to_dense())
}

/// Central differences of the values.
fn differences(net: &Network, x: &Array1<f64>) -> Array2<f64> {
    let mut table = Array2::zeros((net.outputs(), net.inputs()));
    for (j, mut column) in table.columns_mut().into_iter().enumerate() {
        let step = 1e-6;
        let at = |sign: f64| {
            let mut moved = x.clone();
            moved[j] += sign * step;
            net.value(moved.view()).unwrap()
        };
        column.assign(&((at(1.0) - at(-1.0)) / (2.0 * step)));
    }
    table
}

/// What is wrong with a model.
fn faults(archive: &mut Npz, name: &str) -> Result<(), String> {
    let prefix = format!("{name}.dim.");
    let mut options = LoadOptions::new();
    for key in archive.names().iter().filter(|n| n.starts_with(&prefix)) {
        options = options.dim(&key[prefix.len()..], list(archive, key)[0] as usize);
    }
    let net =
        Network::from_bytes_with(&bytes(archive, &format!("{name}.onnx")), &options).map_err(|e| e.to_string())?;
    let [x, y, tolerance] = ["x", "y", "tolerance"].map(|key| list(archive, &format!("{name}.{key}")));
    if (net.inputs(), net.outputs()) != (x.len(), y.len()) {
        return Err(format!("{} to {} units, not {} to {}", net.inputs(), net.outputs(), x.len(), y.len()));
    }
    let row = |v: &Array1<f64>| v.view().insert_axis(ndarray::Axis(0)).to_owned();
    let value = net.value(x.view()).map_err(|e| e.to_string())?;
    let off = deviation(&row(&value), &row(&y), 1e-3);
    if off > tolerance[0] {
        return Err(format!("values are off by {off:.1e}\n  {value}\n  {y}"));
    }
    for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
        // A second derivative that cancels to nothing is rounding.
        let oracle = derivative(&net, &x, quantity, Strategy::Dense)?;
        if quantity == Quantity::Jacobian {
            let numeric = differences(&net, &x);
            let off = deviation(&numeric, &oracle, 1.0);
            if off > 1e-4 {
                return Err(format!("the Jacobian is off from differences by {off:.1e}\n{oracle}\n{numeric}"));
            }
        }
        for strategy in Strategy::of(quantity) {
            let off = deviation(&derivative(&net, &x, quantity, strategy)?, &oracle, 1e-3);
            if off > 1e-11 {
                return Err(format!("{quantity} by {strategy} is off by {off:.1e}"));
            }
        }
    }
    Ok(())
}

#[test]
fn every_operator() {
    let mut archive = archive("operators.npz");
    let names = models(&archive);
    assert!(names.len() > 600, "{} models", names.len());
    let wrong = |name: &String| faults(&mut archive, name).err().map(|fault| format!("{name}: {fault}"));
    let wrong: Vec<String> = names.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{} of {} models:\n{}", wrong.len(), names.len(), wrong.join("\n"));
}

#[test]
fn refused_models() {
    let mut archive = archive("refused.npz");
    let names = models(&archive);
    assert!(names.len() > 30, "{} models", names.len());
    for name in names {
        let words = String::from_utf8(bytes(&mut archive, &format!("{name}.words"))).unwrap();
        let Err(error) = Network::from_bytes(&bytes(&mut archive, &format!("{name}.onnx"))) else {
            panic!("{name} was read");
        };
        let error = error.to_string();
        for word in words.lines() {
            assert!(error.contains(word), "{name}: {word:?} is not in {error:?}");
        }
    }
}

#[test]
fn parts_of_a_model() {
    let mut archive = archive("operators.npz");
    let model = bytes(&mut archive, "Loop_of_steps.onnx");
    let x = list(&mut archive, "Loop_of_steps.x");
    let whole = Network::from_bytes(&model).unwrap().value(x.view()).unwrap();
    let select = |names: &[&str]| {
        let options = names.iter().fold(LoadOptions::new(), |options, name| options.select(*name));
        Network::from_bytes_with(&model, &options)
    };
    let value = |names: &[&str]| select(names).unwrap().value(x.view()).unwrap();
    assert_eq!(value(&["all"]), whole.slice(ndarray::s![3..]));
    assert_eq!(value(&["all", "y", "all"]).len(), 12 + 3 + 12);
    assert_eq!(value(&["x"]), x);
    let error = select(&["y", "z"]).unwrap_err().to_string();
    assert!(error.contains("\"z\"") && error.contains("y, all"), "{error}");
    // What is behind the selected tensor is not looked at.
    let refused = list(&mut self::archive("refused.npz"), "ArgMax.onnx").iter().map(|&v| v as u8).collect::<Vec<_>>();
    assert!(Network::from_bytes(&refused).is_err());
    assert!(Network::from_bytes_with(&refused, &LoadOptions::new().select("x")).is_ok());
}
