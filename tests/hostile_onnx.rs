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
use onnx::{Message, Numbers, Value, attribute, declared, model, node, tensor};
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
        node("Gather", &["n", "one"], &["m"], std::slice::from_ref(&axis)),
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

/// A model of one input `x` of shape 1×2×3×3 and these nodes, the last of which makes `y`, with an error of this kind.
fn refused(nodes: &[Message], constants: &[Message], kind: ErrorKind, words: &str) {
    let file = model(18, nodes, constants, &[declared("x", &[1, 2, 3, 3])], &[declared("y", &[])]);
    let error = use_file(&file).expect_err(words);
    assert!(error.kind() == kind && error.to_string().contains(words), "{error:?}");
    assert!(error.to_string().len() < 100_000, "a sentence of {} bytes", error.to_string().len());
}

fn list(name: &str, numbers: &[i64]) -> Message {
    tensor(name, &[numbers.len() as i64], &Numbers::Int(numbers.to_vec()))
}

/// `x[:, :, 0:0]`.
fn nothing() -> Message {
    node("Slice", &["x", "zero", "zero", "two"], &["e"], &[])
}

#[test]
fn axes_without_entries_are_no_place_to_take_from() {
    let constants = [
        list("zero", &[0]),
        list("two", &[2]),
        list("sizes", &[1, 2, 3, 3]),
        list("pads", &[0, 0, 1, 1, 0, 0, 1, 1]),
        tensor("ones", &[2], &floats(2)),
    ];
    for mode in ["edge", "wrap", "reflect"] {
        let pad = node("Pad", &["e", "pads"], &["y"], &[attribute("mode", &Value::Text(mode.to_owned()))]);
        refused(&[nothing(), pad], &constants, ErrorKind::Empty, "nothing of axis 2");
    }
    for mode in ["nearest", "linear", "cubic"] {
        let mode = attribute("mode", &Value::Text(mode.to_owned()));
        let resize = node("Resize", &["e", "", "", "sizes"], &["y"], &[mode]);
        refused(&[nothing(), resize], &constants, ErrorKind::Empty, "nothing on axis 2");
    }
    // Zero channels are a multiple of any number of groups.
    let none = node("Slice", &["x", "zero", "zero", "one"], &["e"], &[]);
    let ones = tensor("ones", &[0], &floats(0));
    let groups = attribute("num_groups", &Value::Int(i64::MAX));
    let normal = node("GroupNormalization", &["e", "ones", "ones"], &["y"], &[groups]);
    refused(&[none, normal], &[list("zero", &[0]), list("one", &[1]), ones], ErrorKind::InvalidParameter, "groups");
}

#[test]
fn pads_have_bounds() {
    for pad in [i64::MIN, i64::MAX, 1 << 31, -(1 << 31) - 1] {
        let pads = list("pads", &[0, 0, 0, pad, 0, 0, 0, 0]);
        refused(&[node("Pad", &["x", "pads"], &["y"], &[])], &[pads], ErrorKind::TooLarge, "pads");
    }
}

/// Few bytes that would take minutes or gigabytes.
#[test]
fn a_small_file_does_not_take_for_ever() {
    let numbers = |count: i64| {
        [tensor("from", &[], &Numbers::Int(vec![0])), tensor("to", &[], &Numbers::Int(vec![count])), list("one", &[1])]
    };
    let range = || node("Range", &["from", "to", "one"], &["many"], &[]);
    let with = |operator, operands: &[&str], words| {
        refused(&[range(), node(operator, operands, &["y"], &[])], &numbers(1 << 20), ErrorKind::TooLarge, words);
    };
    with("Unsqueeze", &["x", "many"], "integers");
    with("Reshape", &["x", "many"], "integers");
    with("Expand", &["x", "many"], "integers");
    with("Tile", &["x", "many"], "integers");
    let axes: Vec<i64> = (0..100).collect();
    refused(&[node("Unsqueeze", &["x", "axes"], &["y"], &[])], &[list("axes", &axes)], ErrorKind::TooLarge, "axes");

    // A loop that never ends, of one node or none.
    let condition = [tensor("yes", &[], &Numbers::Bool(vec![true]))];
    for nodes in [vec![], vec![node("Relu", &["h"], &["next"], &[])]] {
        let outputs = [declared("go", &[]), declared(if nodes.is_empty() { "h" } else { "next" }, &[])];
        let inputs = ["k", "go", "h"].map(|name| declared(name, &[]));
        let body = Message::new().messages(1, &nodes).messages(11, &inputs).messages(12, &outputs);
        let endless = node("Loop", &["", "yes", "x"], &["y"], &[attribute("body", &Value::Graph(body))]);
        refused(&[endless], &condition, ErrorKind::TooLarge, "nodes");
    }

    // Rows of indices without an index, into nothing.
    let constants = [tensor("rows", &[1 << 28, 0], &Numbers::Int(Vec::new())), tensor("none", &[0], &floats(0))];
    refused(&[node("GatherND", &["none", "rows"], &["y"], &[])], &constants, ErrorKind::Empty, "no entries");
}

/// Names that the layers of another node would take next.
#[test]
fn taken_names_are_stepped_over() {
    let count = 30_000;
    let mut nodes: Vec<Message> = vec![node("Relu", &["x"], &["y#2"], &[])];
    for k in 3..count {
        nodes.push(node("Relu", &[format!("y#{}", k - 1)], &[&format!("y#{k}")], &[]));
    }
    nodes.push(node("Softmax", &[format!("y#{}", count - 1)], &["y"], &[attribute("axis", &Value::Int(1))]));
    let file = model(18, &nodes, &[], &[declared("x", &[1, 2])], &[declared("y", &[1, 2])]);
    let net = Network::from_bytes(&file).unwrap();
    assert_eq!(net.layer(net.output_layers()[0]).units(), 2);
}

/// A branch within a branch reads what stands outside of both.
#[test]
fn nested_branches_read_what_is_around_them() {
    let branch = |nodes: &[Message], output| Message::new().messages(1, nodes).message(12, &declared(output, &[]));
    let choose = |inner: &Message, output| {
        node("If", &["yes"], &[output], &[Message::new().bytes(1, "then_branch").message(6, inner).int(20, 5)])
    };
    let inner = branch(&[node("Tanh", &["a"], &["t"], &[])], "t");
    let outer = branch(&[choose(&inner, "s")], "s");
    let nodes = [node("Neg", &["x"], &["a"], &[]), choose(&outer, "y")];
    let yes = tensor("yes", &[], &Numbers::Bool(vec![true]));
    let file = model(18, &nodes, &[yes], &[declared("x", &[1, 3])], &[declared("y", &[1, 3])]);
    let net = Network::from_bytes(&file).unwrap();
    let value = net.value(Array1::from_elem(3, 0.5).view()).unwrap();
    assert!(value.iter().all(|&v| (v - (-0.5f64).tanh()).abs() < 1e-15), "{value}");
}
