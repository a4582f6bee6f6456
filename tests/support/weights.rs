//! Weights of a small network, and what networks that are made of them must agree in.

use crate::random::Random;
use colorjet::{Activation, Chain, LoadOptions, Network, Plan, PlanOptions, Quantity, jacobian};
use ndarray::{Array1, Array2, ArrayD, IxDyn};
use safetensors::Dtype;
use std::fs;
use std::path::PathBuf;

/// Numbers that F64, F32, F16 and BF16 all hold exactly.
pub fn exact(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut random = Random(seed);
    ArrayD::from_shape_fn(IxDyn(shape), |_| (random.next() % 129) as f64 / 64.0 - 1.0)
}

pub fn matrix(array: &ArrayD<f64>) -> Array2<f64> {
    array.clone().into_dimensionality().unwrap()
}

pub fn list(array: &ArrayD<f64>) -> Array1<f64> {
    array.clone().into_dimensionality().unwrap()
}

/// The bytes of a number: its upper ones are the number itself in less precision.
pub fn bytes_of(value: f64, dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F64 => value.to_le_bytes().to_vec(),
        Dtype::F32 => (value as f32).to_le_bytes().to_vec(),
        Dtype::BF16 => (value as f32).to_le_bytes()[2..].to_vec(),
        Dtype::F16 => half_bits(value).to_le_bytes().to_vec(),
        other => panic!("{other:?}"),
    }
}

/// A number that half precision holds exactly, and normally.
pub fn half_bits(value: f64) -> u16 {
    if value == 0.0 {
        return 0;
    }
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i64 - 1023 + 15;
    assert!((1..31).contains(&exponent) && bits & ((1 << 42) - 1) == 0, "{value} is no short number");
    ((bits >> 63 << 15) | (exponent as u64) << 10 | (bits >> 42 & 0x3ff)) as u16
}

pub fn load(bytes: &[u8], arch: &str) -> colorjet::Result<Network> {
    Network::from_bytes_with(bytes, &LoadOptions::new().arch(arch))
}

/// Value, Jacobian and Hessian diagonal are equal, bit for bit.
pub fn assert_same(a: &Network, b: &Network) {
    assert_eq!((a.inputs(), a.outputs()), (b.inputs(), b.outputs()));
    let x = Array1::from(Random(7).weights(a.inputs(), 1));
    let run = |net: &Network| {
        let plan = Plan::with(net, &PlanOptions::new(Quantity::HessianDiagonal).with_jacobian()).unwrap();
        plan.run_all(net, x.view()).unwrap()
    };
    let (ours, theirs) = (run(a), run(b));
    assert_eq!(ours.value, theirs.value);
    assert_eq!(ours.jacobian, theirs.jacobian);
    assert_eq!(ours.hessian_diagonal, theirs.hessian_diagonal);
    assert!(jacobian(a, x.view()).unwrap().data().iter().any(|&v| v != 0.0), "the comparison sees something");
}

/// An empty folder of this test.
pub fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Weights of 4 → 5 → 3 → 2, named so that the order of characters is wrong.
pub fn perceptron() -> [ArrayD<f64>; 5] {
    [exact(&[5, 4], 1), exact(&[5], 2), exact(&[3, 5], 3), exact(&[3], 4), exact(&[2, 3], 5)]
}

pub const NAMES: [&str; 5] = ["net.2.weight", "net.2.bias", "net.10.weight", "net.10.bias", "net.12.weight"];

/// The layers of [`perceptron`] by hand, with these functions between and after.
pub fn perceptron_chain(between: &Activation, output: Option<Activation>) -> Network {
    let [w1, b1, w2, b2, w3] = perceptron();
    let chain = Network::chain([4])
        .dense(matrix(&w1), list(&b1))
        .activation(between.clone())
        .dense(matrix(&w2), list(&b2))
        .activation(between.clone())
        .dense(matrix(&w3), None);
    output.into_iter().fold(chain, Chain::activation).build().unwrap()
}
