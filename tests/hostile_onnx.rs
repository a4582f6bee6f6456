//! Damaged and hostile ONNX files: an error that says what and where, or a network that can be run; never a panic,
//! never memory without bounds.

#![cfg(feature = "onnx")]

#[path = "support/onnx.rs"]
mod onnx;
#[path = "support/onnx_graph.rs"]
mod onnx_graph;

use arbitrary::Unstructured;
use colorjet::{Error, ErrorKind, Network, Plan, PlanOptions, Quantity};
use ndarray::Array1;
use onnx::{Numbers, Value, attribute, declared, model, node, tensor};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// What a user does with a file; any panic fails the test.
fn use_file(bytes: &[u8]) -> Result<(), Error> {
    let net = Network::from_bytes(bytes)?;
    // Networks of more units are left to those who have the time.
    if net.layers().map(|(_, layer)| layer.units()).sum::<usize>() > 1 << 14 {
        return Ok(());
    }
    let x = Array1::from_shape_fn(net.inputs(), |k| 0.3 + 0.01 * k as f64);
    for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
        let plan = Plan::with(&net, &PlanOptions::new(quantity).max_bytes(1 << 26))?;
        let derivatives = plan.run(&net, x.view())?;
        assert_eq!(derivatives.shape(), (net.outputs(), net.inputs()));
    }
    Ok(())
}

/// Kinds that tell of the file, or of the point at which its network is evaluated.
fn makes_sense(error: &Error) {
    use ErrorKind::*;
    let of_files = [
        Shape,
        NonFinite,
        Empty,
        Cycle,
        Dangling,
        DuplicateName,
        InvalidParameter,
        OutOfRange,
        Unsupported,
        TooLarge,
        Format,
    ];
    assert!(of_files.contains(&error.kind()), "{error:?}");
    assert!(!error.message().is_empty());
}

fn floats(count: usize) -> Numbers {
    Numbers::Float((0..count).map(|k| (k as f32 * 0.7).sin()).collect())
}

/// A dense network of two layers.
fn dense() -> Vec<u8> {
    let nodes = [
        node("Gemm", &["x", "w", "b"], &["z"], &[attribute("transB", &Value::Int(1))]),
        node("Tanh", &["z"], &["a"], &[]),
        node("MatMul", &["a", "v"], &["y"], &[]),
    ];
    let initializers =
        [tensor("w", &[4, 3], &floats(12)), tensor("b", &[4], &floats(4)), tensor("v", &[4, 2], &floats(8))];
    model(18, &nodes, &initializers, &[declared("x", &[1, 3])], &[declared("y", &[1, 2])])
}

/// A convolution, a pool and a softmax.
fn image() -> Vec<u8> {
    let pads = attribute("pads", &Value::Ints(vec![1, 1, 1, 1]));
    let kernel = attribute("kernel_shape", &Value::Ints(vec![2, 2]));
    let strides = attribute("strides", &Value::Ints(vec![2, 2]));
    let nodes = [
        node("Conv", &["x", "w"], &["c"], &[pads]),
        node("Sigmoid", &["c"], &["s"], &[]),
        node("AveragePool", &["s"], &["p"], &[kernel, strides]),
        node("Reshape", &["p", "shape"], &["r"], &[]),
        node("Softmax", &["r"], &["y"], &[attribute("axis", &Value::Int(-1))]),
    ];
    let initializers = [tensor("w", &[2, 1, 3, 3], &floats(18)), tensor("shape", &[2], &Numbers::Int(vec![1, -1]))];
    model(13, &nodes, &initializers, &[declared("x", &[1, 1, 4, 4])], &[declared("y", &[1, 8])])
}

/// Shapes that are computed, and movements.
fn moves() -> Vec<u8> {
    let axis = attribute("axis", &Value::Int(0));
    let nodes = [
        node("Shape", &["x"], &["n"], &[]),
        node("Gather", &["n", "one"], &["m"], &[axis.clone()]),
        node("Concat", &["minus", "m"], &["shape"], &[axis]),
        node("Reshape", &["x", "shape"], &["r"], &[]),
        node("Transpose", &["r"], &["t"], &[attribute("perm", &Value::Ints(vec![1, 0]))]),
        node("Slice", &["t", "one", "m", "zero"], &["s"], &[]),
        node("Mul", &["s", "s"], &["q"], &[]),
        node("ReduceSum", &["q", "one"], &["y"], &[]),
    ];
    let ints = |name: &str, v: i64| tensor(name, &[1], &Numbers::Int(vec![v]));
    let initializers = [ints("one", 1), ints("minus", -1), ints("zero", 0)];
    model(18, &nodes, &initializers, &[declared("x", &[2, 3, 2])], &[declared("y", &[2, 1])])
}

fn files() -> [Vec<u8>; 3] {
    [dense(), image(), moves()]
}

#[test]
fn the_files_themselves_are_read() {
    files().iter().for_each(|file| use_file(file).unwrap());
}

#[test]
fn every_truncation_is_refused() {
    for file in files() {
        // A part that ends between two fields is a file without the later ones: without graph or operator set.
        for length in 0..file.len() {
            let error = use_file(&file[..length]).expect_err("a part of a file");
            assert_eq!(error.kind(), ErrorKind::Format, "{length}: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn damaged_bytes_do_no_harm(
        which in 0..3usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 1..5),
    ) {
        let mut file = files()[which].clone();
        for (place, how, byte) in damage {
            let at = place.index(file.len());
            match how {
                0 => file[at] = byte,
                1 => file[at] ^= 1 << (byte % 8),
                2 => file.insert(at, byte),
                _ => _ = file.remove(at),
            }
        }
        if let Err(error) = use_file(&file) {
            makes_sense(&error);
        }
    }

    #[test]
    fn any_graph_of_known_operators_does_no_harm(choices in prop::collection::vec(any::<u8>(), 0..600)) {
        let file = onnx_graph::random_model(&mut Unstructured::new(&choices)).expect("choices never end");
        if let Err(error) = use_file(&file) {
            makes_sense(&error);
        }
    }
}

/// What the random graphs are worth: many of them load.
#[test]
fn random_graphs_are_read_often_enough() {
    let mut random = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(any::<u8>(), 400..600);
    let files = (0..300).map(|_| {
        let choices = strategy.new_tree(&mut random).unwrap().current();
        onnx_graph::random_model(&mut Unstructured::new(&choices)).unwrap()
    });
    let read = files.filter(|file| Network::from_bytes(file).is_ok()).count();
    assert!((60..290).contains(&read), "{read} of 300");
}
