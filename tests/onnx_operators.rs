//! Every operator and way of using it, against ONNX's own reference evaluator (`data/onnx/make_models.py`).

#![cfg(all(feature = "onnx", feature = "numpy"))]

use colorjet::numpy::Npz;
use colorjet::{ErrorKind, Network, Plan, PlanOptions, Quantity, Strategy};
use ndarray::{Array1, ArrayView1, Ix1};
use std::path::Path;

fn list(archive: &mut Npz, name: &str) -> Array1<f64> {
    archive.array(name).unwrap().into_dimensionality::<Ix1>().unwrap()
}

fn largest(numbers: impl IntoIterator<Item = f64>) -> f64 {
    numbers.into_iter().fold(0.0, |l, v| l.max(v.abs()))
}

/// Largest difference to the oracle, relative to its largest entry.
fn deviation(net: &Network, x: ArrayView1<'_, f64>, quantity: Quantity, strategy: Strategy) -> colorjet::Result<f64> {
    let run = |strategy| Plan::with(net, &PlanOptions::new(quantity).strategy(strategy))?.run(net, x);
    let (found, oracle) = (run(strategy)?.to_dense(), run(Strategy::Dense)?.to_dense());
    let worst = largest((&found - &oracle).iter().copied());
    Ok(if worst == 0.0 { 0.0 } else { worst / largest(oracle.iter().copied()) })
}

#[test]
fn every_operator_agrees_with_the_reference_evaluator() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/onnx/operators.npz");
    let mut archive = Npz::open(path).unwrap();
    let mut names: Vec<String> =
        archive.names().iter().filter_map(|n| Some(n.strip_suffix(".model")?.to_owned())).collect();
    names.sort();
    assert!(names.len() > 300);
    let mut wrong = Vec::new();
    for name in &names {
        let bytes: Vec<u8> = list(&mut archive, &format!("{name}.model")).iter().map(|&b| b as u8).collect();
        let (x, y) = (list(&mut archive, &format!("{name}.x")), list(&mut archive, &format!("{name}.y")));
        let tolerance = list(&mut archive, &format!("{name}.tolerance"))[0];
        let check = || {
            let net = Network::from_bytes(&bytes)?;
            let value = net.value(x.view())?;
            if value.len() != y.len() {
                return Ok(Some(format!("{} outputs instead of {}", value.len(), y.len())));
            }
            let off = largest((&value - &y).iter().copied());
            if off > tolerance * largest(y.iter().copied()) {
                return Ok(Some(format!("the value is off by {off:e}: {value:.4} for {y:.4}")));
            }
            for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
                for strategy in Strategy::of(quantity) {
                    let off = deviation(&net, x.view(), quantity, strategy)?;
                    if off > 1e-11 {
                        return Ok(Some(format!("{quantity} by {strategy} is off by {off:e}")));
                    }
                }
            }
            // Central differences: the oracle shares its rules with the strategies.
            let jacobian = colorjet::jacobian(&net, x.view())?.to_dense();
            for j in 0..x.len() {
                let moved = |by: f64| {
                    let mut x = x.clone();
                    x[j] += by;
                    net.value(x.view())
                };
                let h = 1e-5;
                let difference = (moved(h)? - moved(-h)?) / (2.0 * h);
                let off = largest((&difference - &jacobian.column(j)).iter().copied());
                if off > 1e-6 * (1.0 + largest(difference.iter().copied())) {
                    return Ok(Some(format!("column {j} of the Jacobian is off by {off:e} from differences")));
                }
            }
            Ok(None)
        };
        match check() {
            Ok(None) => {}
            Ok(Some(message)) => wrong.push(format!("{name}: {message}")),
            Err(error) => {
                let error: colorjet::Error = error;
                wrong.push(format!("{name}: {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} models:\n{}", wrong.len(), names.len(), wrong.join("\n"));
}

/// Models that are refused say which node, which operator, which operator set.
#[test]
fn what_is_not_supported_is_refused_by_name() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/onnx/refused.npz");
    let mut archive = Npz::open(path).unwrap();
    let names = archive.names();
    assert!(names.len() >= 15);
    for name in &names {
        let bytes: Vec<u8> = list(&mut archive, name).iter().map(|&b| b as u8).collect();
        let error = Network::from_bytes(&bytes).expect_err(name);
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {text}");
        // The name of the model begins with what its error must name.
        let what = name.split('.').next().unwrap();
        assert!(text.contains(what), "{name}: {text}");
        assert!(text.contains("opset") || text.contains("operator set") || text.contains("input"), "{name}: {text}");
    }
}
