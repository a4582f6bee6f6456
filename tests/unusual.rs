//! Unusual networks work, and unusual uses of plans: every strategy says the same of them.

#[path = "support/random.rs"]
mod random;

use colorjet::{
    Activation, ConvOptions, Network, Outputs, PadMode, Pattern, Plan, PlanOptions, Pool, Quantity, Strategy, Workspace,
};
use ndarray::{Array1, Array2, ArrayD, IxDyn, array};
use random::Random;
use sprs::TriMat;

const ALL: [Quantity; 3] = [Quantity::Jacobian, Quantity::HessianDiagonal, Quantity::Laplacian];

/// All strategies agree on a network that is unusual.
fn agree(net: &Network) {
    let x = Array1::from(Random(6).weights(net.inputs(), 1));
    for quantity in ALL {
        let dense = Plan::with(net, &PlanOptions::new(quantity).strategy(Strategy::Dense)).unwrap();
        let exact = dense.run(net, x.view()).unwrap().to_dense();
        for strategy in Strategy::of(quantity) {
            let plan = Plan::with(net, &PlanOptions::new(quantity).strategy(strategy)).unwrap();
            let ours = plan.run(net, x.view()).unwrap().to_dense();
            let error = (&ours - &exact).iter().fold(0.0, |s: f64, v| s.max(v.abs()));
            assert!(error < 1e-12, "{quantity} by {strategy}: {error}");
            assert!(!plan.to_string().is_empty());
        }
    }
}

#[test]
fn unusual_networks_work() {
    // Outputs that depend on nothing have empty rows.
    let mut rows = TriMat::new((3, 2));
    rows.add_triplet(1, 0, 2.0);
    let net =
        Network::chain([2]).sparse(rows.to_csr(), array![1.0, 2.0, 3.0]).activation(Activation::Exp).build().unwrap();
    agree(&net);
    let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
    assert_eq!(plan.pattern(), &Pattern::from_rows(2, [vec![], vec![0], vec![]]).unwrap());

    // Nothing depends on anything; the output is the input, twice; a layer times itself; one input is not used.
    let mut b = Network::builder();
    let x = b.input("x", &[3]).unwrap();
    let constant = b.gather("constant", &[x], [None, None], &[2], 4.0).unwrap();
    agree(&b.build(&[constant]).unwrap());
    let mut b = Network::builder();
    let x = b.input("x", &[3]).unwrap();
    b.input("unused", &[2]).unwrap();
    let square = b.product("square", x, x).unwrap();
    let cube = b.product("cube", square, x).unwrap();
    agree(&b.build(&[x, cube, square, x, cube]).unwrap());

    // One number, and a shape without axes.
    let mut b = Network::builder();
    let x = b.input("x", &[]).unwrap();
    let y = b.activation("y", x, Activation::Softplus).unwrap();
    agree(&b.build(&[y]).unwrap());
}

#[test]
fn deep_networks_do_not_overflow_the_stack() {
    let mut b = Network::builder();
    let mut last = b.input("x", &[2]).unwrap();
    for k in 0..5_000 {
        let f = if k % 1000 == 0 { Activation::Sin } else { Activation::Identity };
        last = b.activation(&format!("l{k}"), last, f).unwrap();
    }
    let net = b.build(&[last]).unwrap();
    agree(&net);
    let again = Network::from_bytes(&net.to_bytes().unwrap()).unwrap();
    assert_eq!(again.structure(), net.structure());
}

/// One work space for many networks, strategies and batch sizes, errors in between.
#[test]
fn a_work_space_can_be_used_by_everyone() {
    let mut b = Network::builder();
    let x = b.input("x", &[4]).unwrap();
    let log = b.activation("log", x, Activation::Log).unwrap();
    let most = b.max("most", &[log, x], [vec![0, 5], vec![1, 2, 7]], &[2]).unwrap();
    let p = b.product("p", most, most).unwrap();
    let pooled = b.build(&[p, log]).unwrap();
    let affine = Network::chain([4]).dense(Array2::from_elem((9, 4), 0.5), None).build().unwrap();
    let curved = Network::chain([3]).dense(array![[1.0, 0.5, -1.0], [0.3, 0.2, 0.1]], None);
    let curved = curved.activation(Activation::Tanh).build().unwrap();
    let mut workspace = Workspace::new();
    for round in 0..3 {
        for net in [&pooled, &affine, &curved] {
            for quantity in ALL {
                for strategy in Strategy::of(quantity) {
                    let plan = Plan::with(net, &PlanOptions::new(quantity).strategy(strategy)).unwrap();
                    let points = Array2::from_shape_fn((1 + 40 * round, net.inputs()), |(k, j)| 0.5 + (k + j) as f64);
                    let batch = plan.run_batch(net, points.view()).unwrap();
                    let mut value = vec![7.0; batch.value.len()];
                    let mut jacobian = vec![7.0; batch.jacobian.as_ref().map_or(0, |j| j.len())];
                    let mut diagonal = vec![7.0; batch.hessian_diagonal.as_ref().map_or(0, |d| d.len())];
                    let mut laplacian = vec![7.0; batch.laplacian.as_ref().map_or(0, |l| l.len())];
                    let outputs = Outputs {
                        value: &mut value,
                        jacobian: &mut jacobian,
                        hessian_diagonal: &mut diagonal,
                        laplacian: &mut laplacian,
                    };
                    plan.run_into(net, points.as_slice().unwrap(), outputs, &mut workspace).unwrap();
                    assert!(batch.value.iter().eq(&value));
                    assert!(batch.jacobian.iter().flatten().eq(&jacobian));
                    assert!(batch.hessian_diagonal.iter().flatten().eq(&diagonal));
                    assert!(batch.laplacian.iter().flatten().eq(&laplacian));
                    let bad = vec![-1.0; net.inputs()];
                    let result = plan.run_into(net, &bad, Outputs::default(), &mut workspace);
                    assert_eq!(result.is_err(), std::ptr::eq(net, &pooled), "log of -1");
                }
            }
        }
    }
}

/// Sizes of one everywhere, and every kind of layer that only moves numbers.
#[test]
fn tiny_and_linear_networks_work() {
    let mut b = Network::builder();
    let x = b.input("x", &[1, 1]).unwrap();
    let one = ArrayD::from_elem(IxDyn(&[1, 1, 1]), 2.0);
    let conv = b.conv("conv", x, one, Array1::from(vec![0.5]), &ConvOptions::default()).unwrap();
    let pool = Pool { kernel: vec![1], ..Default::default() };
    let mean = b.avg_pool("mean", conv, &pool, false).unwrap();
    let most = b.max_pool("most", mean, &pool).unwrap();
    let flat = b.reshape("flat", most, &[]).unwrap();
    let turned = b.transpose("turned", flat, &[]).unwrap();
    let dense = b.dense("dense", turned, array![[3.0]], None).unwrap();
    let mut entry = TriMat::new((1, 1));
    entry.add_triplet(0, 0, 1.5);
    let sparse = b.sparse("sparse", dense, entry.to_csc(), None).unwrap();
    let normal = b.batch_norm("normal", sparse, [&[1.0]; 4], 0.0).unwrap();
    agree(&b.clone().build(&[normal]).unwrap());
    let square = b.product("square", normal, normal).unwrap();
    agree(&b.build(&[square, x, square]).unwrap());

    let mut b = Network::builder();
    let x = b.input("x", &[2, 3]).unwrap();
    agree(&b.clone().build(&[x]).unwrap());
    let padded = b.pad("padded", x, &[[1, 0], [2, 2]], PadMode::Reflect).unwrap();
    let cut = b.slice("cut", padded, &[[0, 3, 2], [1, 7, 3]]).unwrap();
    let joined = b.concat("joined", &[cut, cut], 1).unwrap();
    agree(&b.clone().build(&[joined]).unwrap());
    let all_padding = Pool { kernel: vec![2], padding: vec![[4, 0]], ..Default::default() };
    let means = b.avg_pool("means", x, &all_padding, false).unwrap();
    agree(&b.build(&[joined, means]).unwrap());

    // Many operands, many outputs.
    let mut b = Network::builder();
    let inputs: Vec<_> = (0..300).map(|k| b.input(&format!("x{k}"), &[1]).unwrap()).collect();
    let joined = b.concat("joined", &inputs, 0).unwrap();
    let sum = b.add("sum", &inputs).unwrap();
    let bent = b.activation("bent", sum, Activation::Sin).unwrap();
    agree(&b.build(&[vec![bent, joined], inputs.clone()].concat()).unwrap());
}

/// More lanes in a block than samples are ever swept with.
#[test]
fn wide_blocks_work() {
    let weight =
        |m: usize, k: usize| Array2::from_shape_fn((m, k), |(i, j)| ((3 * i + 5 * j) % 11) as f64 / 11.0 - 0.4);
    for [inputs, outputs] in [[5, 300], [300, 5]] {
        let net = Network::chain([inputs])
            .dense(weight(7, inputs), None)
            .activation(Activation::Tanh)
            .dense(weight(outputs, 7), None)
            .build()
            .unwrap();
        let points = Array2::from_shape_fn((3, inputs), |(k, j)| 0.1 * k as f64 - 0.01 * j as f64);
        for quantity in ALL {
            let options = |s| PlanOptions::new(quantity).strategy(s);
            let run =
                |options: &PlanOptions| Plan::with(&net, options).unwrap().run_batch(&net, points.view()).unwrap();
            let exact = run(&options(Strategy::Dense));
            for strategy in Strategy::of(quantity) {
                let batch = run(&options(strategy).lane_block(1000));
                let pairs = [
                    (&batch.jacobian, &exact.jacobian),
                    (&batch.hessian_diagonal, &exact.hessian_diagonal),
                    (&batch.laplacian, &exact.laplacian),
                ];
                for (ours, exact) in pairs {
                    let pairs = ours.iter().flatten().zip(exact.iter().flatten());
                    pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{quantity} by {strategy}: {a}, {b}"));
                }
            }
        }
    }
}
