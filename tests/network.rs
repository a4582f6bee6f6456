//! The layer graph: words, pictures, connectivity; and a very wide network.

#[path = "support/random.rs"]
mod random;

use colorjet::{Activation, ConvOptions, ErrorKind, Network, Plan, Quantity, Sparsity};
use ndarray::{Array1, Array2, ArrayD, IxDyn, array};
use random::Random;

/// Two sub-networks that share nothing, one of them with two inputs and a skip.
fn two_parts() -> Network {
    let mut b = Network::builder();
    let x = b.input("x", &[2]).unwrap();
    let lonely = b.input("lonely", &[1]).unwrap();
    let y = b.input("y \"quoted\"", &[3]).unwrap();
    let a = b.activation("a", x, Activation::Tanh).unwrap();
    let skip = b.add("skip", &[a, x]).unwrap();
    let sum = b.dense("sum", lonely, array![[2.0], [1.0]], None).unwrap();
    let joined = b.product("joined", skip, sum).unwrap();
    let other = b.activation("other", y, Activation::Square).unwrap();
    b.build(&[joined, other]).unwrap()
}

#[test]
fn connectivity_finds_what_reaches_what() {
    let net = two_parts();
    let connectivity = net.connectivity();
    let name = |id| net.layer(id).name().to_owned();
    let reached: Vec<(String, Vec<String>)> = connectivity
        .reached_by
        .iter()
        .map(|(output, inputs)| (name(*output), inputs.iter().map(|&i| name(i)).collect()))
        .collect();
    let names = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
    assert_eq!(reached[0], ("joined".into(), names(&["x", "lonely"])));
    assert_eq!(reached[1], ("other".into(), names(&["y \"quoted\""])));
    assert_eq!(connectivity.components.len(), 2);
    assert_eq!(connectivity.components[1].layers.len(), 2);

    // By units: each output of `joined` has its own input of x and shares `lonely`; those of `other` stand alone.
    let blocks = Sparsity::of(&net).unwrap().independent_blocks();
    assert_eq!(blocks.len(), 1 + 3);
    assert_eq!(blocks[0], (vec![0, 1, 2], vec![0, 1]));
    assert_eq!(blocks[1], (vec![3], vec![2]));
}

#[test]
fn the_graph_is_drawn_and_described() {
    let net = two_parts();
    let dot = net.to_dot();
    assert!(dot.starts_with("digraph {"), "{dot}");
    assert_eq!(dot.matches("->").count(), 7, "{dot}");
    assert!(dot.contains("y \\\"quoted\\\""), "{dot}");
    let words = net.to_string();
    assert!(words.contains("6 inputs → 5 outputs, 8 layers"), "{words}");
    assert!(words.lines().any(|l| l.contains("skip") && l.contains("← a, x")), "{words}");
}

#[test]
fn axes_of_length_one_do_not_separate_operands() {
    let shapes: [&[usize]; 5] = [&[3], &[1, 3], &[3, 1], &[1, 3, 1], &[3, 1, 1, 1]];
    for first in shapes {
        for second in shapes {
            let mut b = Network::builder();
            let x = b.input("x", first).unwrap();
            let y = b.input("y", second).unwrap();
            let sum = b.weighted_sum("sum", &[x, y], &[None, Some(vec![2.0])], Some(vec![1.0, 2.0, 3.0])).unwrap();
            let product = b.product("product", x, y).unwrap();
            assert_eq!((b.shape(sum).unwrap(), b.shape(product).unwrap()), (first, first));
            let net = b.build(&[sum, product]).unwrap();
            let net = Network::from_bytes(&net.to_bytes().unwrap()).unwrap();
            let all = Plan::new(&net, Quantity::Jacobian)
                .unwrap()
                .run_all(&net, array![1.0, -2.0, 3.0, 5.0, 7.0, -11.0].view())
                .unwrap();
            assert_eq!(all.value, array![12.0, 14.0, -16.0, 5.0, -14.0, -33.0], "{first:?} and {second:?}");
            let jacobian = all.jacobian.unwrap().to_dense();
            let diagonals = array![
                [1.0, 0.0, 0.0, 2.0, 0.0, 0.0],
                [0.0, 1.0, 0.0, 0.0, 2.0, 0.0],
                [0.0, 0.0, 1.0, 0.0, 0.0, 2.0],
                [5.0, 0.0, 0.0, 1.0, 0.0, 0.0],
                [0.0, 7.0, 0.0, 0.0, -2.0, 0.0],
                [0.0, 0.0, -11.0, 0.0, 0.0, 3.0],
            ];
            assert_eq!(jacobian, diagonals, "{first:?} and {second:?}");
        }
    }
    // One number; and as many units in another order are not the same.
    let mut b = Network::builder();
    let one = b.input("one", &[]).unwrap();
    let also = b.input("also", &[1, 1]).unwrap();
    let sum = b.add("sum", &[also, one]).unwrap();
    assert_eq!(b.shape(sum).unwrap(), [1, 1]);
    let wide = b.input("wide", &[2, 3]).unwrap();
    let high = b.input("high", &[3, 2]).unwrap();
    let flat = b.input("flat", &[6]).unwrap();
    for (x, y) in [(wide, high), (wide, flat), (flat, one), (one, flat)] {
        for error in [b.add("z", &[x, y]).unwrap_err(), b.product("z", x, y).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Shape);
            assert!(error.to_string().starts_with("in layer \"z\": operands of shapes ["), "{error}");
        }
    }
}

fn convolutional(length: usize) -> Network {
    let mut random = Random(5);
    let mut chain = Network::chain([1, length]);
    for (i, o) in [(1, 4), (4, 4), (4, 1)] {
        let weight = ArrayD::from_shape_vec(IxDyn(&[o, i, 5]), random.weights(5 * i * o, 5 * i)).unwrap();
        chain = chain.conv(weight, None, &ConvOptions { padding: vec![[2, 2]], ..Default::default() });
        chain = chain.activation(Activation::Tanh);
    }
    chain.build().unwrap()
}

/// With equal inputs every row of the interior has the same numbers: 300,000 inputs, checked without an oracle.
#[test]
fn a_wide_network_is_done_within_memory() {
    const N: usize = 300_000;
    let net = convolutional(N);
    let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
    assert_eq!(plan.colors(), 13);
    let d = plan.run(&net, Array1::from_elem(N, 0.3).view()).unwrap();
    assert_eq!(d.nnz(), 13 * N - 2 * (6 + 5 + 4 + 3 + 2 + 1));
    let row = |i: usize| d.outer_view(i).unwrap().data().to_vec();
    let middle = row(N / 2);
    assert!(middle.iter().all(|v| *v != 0.0));
    let scale = middle.iter().fold(0.0f64, |s, v| s.max(v.abs()));
    for i in 6..N - 6 {
        for (a, b) in row(i).iter().zip(&middle) {
            assert!((a - b).abs() <= 1e-13 * scale, "row {i}");
        }
    }
    // The same window in a network that is small enough for the oracle.
    let small = convolutional(25);
    let options = colorjet::PlanOptions::new(Quantity::HessianDiagonal).strategy(colorjet::Strategy::Dense);
    let oracle = Plan::with(&small, &options).unwrap();
    let dense: Array2<f64> = oracle.run(&small, Array1::from_elem(25, 0.3).view()).unwrap().to_dense();
    for (k, v) in middle.iter().enumerate() {
        assert!((v - dense[[12, 6 + k]]).abs() <= 1e-12 * scale);
    }
}
