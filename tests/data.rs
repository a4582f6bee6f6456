//! Every strategy on the networks of `data/`, against the oracle.

use colorjet::{Network, Plan, PlanOptions, Quantity, Scalar, Strategy};
use ndarray::{Array1, Array2};
use safetensors::SafeTensors;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

fn state(name: &str) -> Array1<f64> {
    let bytes = std::fs::read(path(name)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    tensors.tensor("x").unwrap().data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
}

/// All strategies against the oracle, at one point.
fn compare<T: Scalar>(net: &Network<T>, oracle_net: &Network, x: &Array1<f64>, bound: f64) {
    let point = x.mapv(T::from_f64);
    let exact_point = point.mapv(|v| v.to_f64());
    for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
        let oracle = Plan::with(oracle_net, &PlanOptions::new(quantity).strategy(Strategy::Dense)).unwrap();
        let exact: Array2<f64> = oracle.run(oracle_net, exact_point.view()).unwrap().to_dense();
        let scale = exact.iter().fold(0.0, |s: f64, v| s.max(v.abs()));
        assert!(scale > 0.0);
        for strategy in Strategy::of(quantity) {
            let plan = Plan::with(net, &PlanOptions::new(quantity).strategy(strategy)).unwrap();
            let ours = plan.run(net, point.view()).unwrap().map(|&v| v.to_f64()).to_dense();
            let error = (&ours - &exact).iter().fold(0.0, |s: f64, v| s.max(v.abs())) / scale;
            println!("{quantity} by {strategy}, {}: {error:.1e}", T::NAME);
            assert!(error < bound, "{quantity} by {strategy}, {}: {error:e}", T::NAME);
        }
    }
}

fn both_precisions(file: &str, x: Array1<f64>) {
    let net = Network::load(path(file)).unwrap();
    compare(&net, &net, &x, 1e-12);
    compare(&net.cast::<f32>().unwrap(), &net, &x, 1e-4);
}

#[test]
fn burgers() {
    both_precisions("burgers.safetensors", Array1::from(vec![0.3, 0.4]));
}

#[test]
fn gray_scott() {
    both_precisions("gray_scott.safetensors", state("gray_scott_state.safetensors"));
}

#[test]
fn lattice_energy() {
    let x = state("lattice_state.safetensors");
    both_precisions("lattice_energy.safetensors", x);
    let net = Network::load(path("lattice_energy.safetensors")).unwrap();
    let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
    assert_eq!(plan.strategy(), Strategy::Nodal);
    assert!(plan.colors() < 60, "{plan}");
}
