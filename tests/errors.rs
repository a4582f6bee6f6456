//! Bad input gets a clear error with its place; unusual networks work.

#[path = "support/random.rs"]
mod random;

use colorjet::coloring::{Coloring, Side, check_distance1, check_partial_distance2, distance1_coloring};
use colorjet::{Activation, ConvOptions, ErrorKind, Network, Order, Outputs, PadMode, Pattern};
use colorjet::{Plan, PlanOptions, Pool, Quantity, Strategy, Workspace, hessian_diagonal};
use ndarray::{Array1, Array2, ArrayD, IxDyn, array};
use random::Random;
use sprs::{CsMat, TriMat};

const BOTH: [Quantity; 2] = [Quantity::Jacobian, Quantity::HessianDiagonal];

fn small() -> Network {
    Network::chain([3])
        .dense(array![[1.0, 0.5, -1.0], [0.3, 0.2, 0.1]], None)
        .activation(Activation::Tanh)
        .build()
        .unwrap()
}

/// The error has the kind and all the words.
fn says<T>(result: colorjet::Result<T>, kind: ErrorKind, words: &[&str]) {
    let Err(error) = result else { panic!("no error, but {words:?} was expected") };
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{error:?} does not say {word:?}");
    }
}

#[test]
fn points_are_checked() {
    let net = small();
    for quantity in BOTH {
        let plan = Plan::new(&net, quantity).unwrap();
        says(plan.run(&net, array![1.0, 2.0].view()), ErrorKind::Shape, &["2 numbers", "3 inputs"]);
        says(plan.run(&net, array![1.0, 2.0, 3.0, 4.0, 5.0, 6.0].view()), ErrorKind::Shape, &["6 numbers"]);
        says(plan.run(&net, Array1::<f64>::zeros(0).view()), ErrorKind::Shape, &["0 numbers"]);
        says(plan.run(&net, array![1.0, f64::NAN, 3.0].view()), ErrorKind::NonFinite, &["x[1]", "NaN"]);
        says(plan.run(&net, array![1.0, 2.0, f64::INFINITY].view()), ErrorKind::NonFinite, &["x[2]", "inf"]);
        let mut batch = Array2::zeros((4, 3));
        batch[[2, 0]] = f64::NEG_INFINITY;
        says(plan.run_batch(&net, batch.view()), ErrorKind::NonFinite, &["x[0]", "sample 2"]);
        says(plan.run_batch(&net, Array2::<f64>::zeros((0, 3)).view()), ErrorKind::Empty, &["no point"]);
        says(plan.run_batch(&net, Array2::<f64>::zeros((4, 2)).view()), ErrorKind::Shape, &["2 numbers", "3 inputs"]);
    }
    says(net.value(array![1.0].view()), ErrorKind::Shape, &["1 numbers"]);
    assert_eq!(net.value(array![0.0, 0.0, 0.0].view()).unwrap(), array![0.0, 0.0]);
}

#[test]
fn buffers_and_options_are_checked() {
    let net = small();
    let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
    let mut short = vec![0.0; 5];
    let outputs = Outputs { hessian_diagonal: &mut short, ..Default::default() };
    let result = plan.run_into(&net, &[0.1, 0.2, 0.3], outputs, &mut Workspace::new());
    says(result, ErrorKind::Shape, &["hessian_diagonal", "5 numbers"]);
    let options = PlanOptions::new(Quantity::Jacobian);
    says(Plan::with(&net, &options.clone().lane_block(0)), ErrorKind::InvalidParameter, &["zero"]);
    let wrong = options.strategy(Strategy::DoubleForward);
    says(Plan::with(&net, &wrong), ErrorKind::WrongStrategy, &["double-forward", "Jacobian"]);
}

#[test]
fn a_plan_refuses_another_structure_and_takes_other_weights() {
    let net = small();
    let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
    let other = Network::chain([3]).activation(Activation::Tanh).build().unwrap();
    let result = plan.run(&other, array![0.1, 0.2, 0.3].view());
    says(result, ErrorKind::PlanMismatch, &["3 → 2, 3 layers", "3 → 3, 2 layers"]);
    let trained = Network::chain([3])
        .dense(array![[2.0, 0.5, -1.0], [0.3, 0.9, 0.1]], None)
        .activation(Activation::Tanh)
        .build()
        .unwrap();
    let x = array![0.1, 0.2, 0.3];
    assert_eq!(plan.run(&trained, x.view()).unwrap(), hessian_diagonal(&trained, x.view()).unwrap());
}

#[test]
fn what_does_not_fit_into_memory_is_refused_before_it_is_allocated() {
    let weight = ArrayD::from_elem(IxDyn(&[1, 1, 3]), 0.3);
    let options = ConvOptions { padding: vec![[1, 1]], ..Default::default() };
    let net = Network::chain([1, 1_000_000]).conv(weight, None, &options).activation(Activation::Tanh).build().unwrap();
    for quantity in BOTH {
        let dense = PlanOptions::new(quantity).strategy(Strategy::Dense);
        says(Plan::with(&net, &dense), ErrorKind::TooLarge, &["1000000 × 1000000", "1000000000000 entries"]);
        let little = PlanOptions::new(quantity).max_bytes(1 << 20);
        says(Plan::with(&net, &little), ErrorKind::TooLarge, &["MiB"]);
    }
    let units = Network::chain([1 << 27]).activation(Activation::Tanh).activation(Activation::Tanh).build();
    says(units, ErrorKind::TooLarge, &["layer \"tanh2\"", "units"]);
}

#[test]
fn functions_outside_of_their_domain_are_named() {
    for (activation, bad) in [
        (Activation::Log, 0.0),
        (Activation::Log, -1.0),
        (Activation::Sqrt, 0.0),
        (Activation::Reciprocal, 0.0),
        (Activation::Powf(0.5), -2.0),
        (Activation::Exp, 1000.0),
    ] {
        let net = Network::chain([2]).activation(activation).build().unwrap();
        let mut xs = Array2::from_elem((5, 2), 1.5);
        xs[[3, 1]] = bad;
        let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
        says(plan.run_batch(&net, xs.view()), ErrorKind::NonFinite, &["in layer", "unit 1", "sample 3"]);
        assert!(plan.run_batch(&net, xs.slice(ndarray::s![..3, ..])).is_ok());
    }
}

#[test]
fn the_builder_names_the_layer() {
    let mut b = Network::builder();
    let x = b.input("x", &[2, 6]).unwrap();
    let line = b.input("line", &[4]).unwrap();
    says(b.input("x", &[1]), ErrorKind::DuplicateName, &["layer \"x\""]);
    says(b.input("none", &[3, 0]), ErrorKind::Empty, &["layer \"none\"", "length zero"]);
    says(b.dense("d", x, Array2::zeros((3, 5)), None), ErrorKind::Shape, &["layer \"d\"", "3×5", "[2, 6]"]);
    says(b.dense("d", x, Array2::zeros((3, 12)), Array1::zeros(2)), ErrorKind::Shape, &["layer \"d\"", "bias"]);
    says(b.dense("d", x, Array2::zeros((0, 12)), None), ErrorKind::Empty, &["layer \"d\""]);
    says(b.dense("d", x, Array2::from_elem((1, 12), f64::NAN), None), ErrorKind::NonFinite, &["layer \"d\"", "NaN"]);
    says(b.sparse("s", x, CsMat::zero((3, 5)), None), ErrorKind::Shape, &["layer \"s\""]);
    says(b.add("sum", &[x, line]), ErrorKind::Shape, &["layer \"sum\"", "[2, 6]", "[4]"]);
    says(b.add("sum", &[]), ErrorKind::Empty, &["layer \"sum\""]);
    says(b.weighted_sum("sum", &[x], &[Some(vec![1.0; 5])], None), ErrorKind::Shape, &["5 numbers"]);
    says(b.weighted_sum("sum", &[x], &[], None), ErrorKind::Shape, &["0 scales"]);
    says(b.product("p", x, line), ErrorKind::Shape, &["layer \"p\""]);
    says(b.max("m", &[x], [vec![]], &[1]), ErrorKind::Empty, &["no candidate"]);
    says(b.max("m", &[x], [vec![12]], &[1]), ErrorKind::OutOfRange, &["candidate 12"]);
    says(b.gather("g", &[x], [Some(12)], &[1], 0.0), ErrorKind::OutOfRange, &["12"]);
    says(b.gather("g", &[], [None], &[1], 0.0), ErrorKind::Empty, &["layer \"g\""]);
    says(b.gather("g", &[x], [None], &[1], f64::NAN), ErrorKind::NonFinite, &["layer \"g\""]);
    says(b.concat("c", &[x, line], 0), ErrorKind::Shape, &["layer \"c\""]);
    says(b.concat("c", &[], 0), ErrorKind::Empty, &["layer \"c\""]);
    says(b.reshape("r", x, &[5]), ErrorKind::Shape, &["layer \"r\""]);
    says(b.slice("s", x, &[[0, 2, 1]]), ErrorKind::Shape, &["layer \"s\""]);
    says(b.pad("p", x, &[[0, 0], [7, 0]], PadMode::Circular), ErrorKind::InvalidParameter, &["layer \"p\""]);
    says(b.max_pool("p", x, &Pool { kernel: vec![9], ..Default::default() }), ErrorKind::Shape, &["layer \"p\""]);
    says(b.max_pool("p", x, &Pool::default()), ErrorKind::Shape, &["layer \"p\""]);
    says(b.avg_pool("p", line, &Pool { kernel: vec![2], ..Default::default() }, true), ErrorKind::Shape, &["\"p\""]);
    says(
        b.batch_norm("n", x, [&[1.0; 2], &[0.0; 2], &[0.0; 2], &[-1.0; 2]], 0.1),
        ErrorKind::InvalidParameter,
        &["\"n\""],
    );
    says(b.batch_norm("n", x, [&[1.0; 2], &[0.0; 2], &[0.0; 2], &[1.0; 3]], 0.1), ErrorKind::Shape, &["\"n\""]);
    says(b.activation("a", x, Activation::Elu { alpha: f64::NAN }), ErrorKind::NonFinite, &["layer \"a\""]);
    says(b.activation("a", x, Activation::Prelu { slope: vec![0.1; 5] }), ErrorKind::Shape, &["layer \"a\""]);
    says(
        b.conv("k", line, ArrayD::zeros(IxDyn(&[1, 1, 3])), None, &ConvOptions::default()),
        ErrorKind::Shape,
        &["\"k\""],
    );
    // Nothing of all this was added: the builder goes on.
    let a = b.activation("a", x, Activation::Tanh).unwrap();
    let mut other = Network::builder();
    let stranger = other.input("x", &[1]).unwrap();
    let far = (0..9).fold(stranger, |l, k| other.add(&format!("l{k}"), &[l]).unwrap());
    says(b.add("s", &[far]), ErrorKind::Dangling, &["layer \"s\""]);
    says(b.clone().build(&[far]), ErrorKind::Dangling, &["not of this network"]);
    says(b.clone().build(&[]), ErrorKind::Empty, &["no outputs"]);
    b.add("dead", &[a]).unwrap();
    says(b.build(&[a]), ErrorKind::Dangling, &["layer \"dead\""]);
    says(Network::builder().build(&[]), ErrorKind::Empty, &["no inputs"]);
}

/// All strategies agree on a network that is unusual.
fn agree(net: &Network) {
    let x = Array1::from(Random(6).weights(net.inputs(), 1));
    for quantity in BOTH {
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

#[test]
fn colorings_of_other_sizes_are_violations_and_patterns_are_checked() {
    says(Pattern::empty(0, usize::MAX), ErrorKind::TooLarge, &["columns"]);
    says(Pattern::empty(usize::MAX, 0), ErrorKind::TooLarge, &["rows"]);
    says(Pattern::from_rows(3, [[3]]), ErrorKind::OutOfRange, &["row 0", "column 3"]);
    let p = Pattern::from_rows(3, [vec![0, 1], vec![2]]).unwrap();
    says(p.union(&p.transpose()), ErrorKind::Shape, &["2×3", "3×2"]);
    says(p.product(&p), ErrorKind::Shape, &["product"]);
    says(distance1_coloring(&p, Order::Natural), ErrorKind::Shape, &[]);
    let lopsided = Pattern::from_rows(2, [vec![1], vec![]]).unwrap();
    says(distance1_coloring(&lopsided, Order::Natural), ErrorKind::NotSymmetric, &[]);
    for size in [0, 2, 4] {
        let coloring = Coloring::trivial(size);
        assert!(check_partial_distance2(&p, Side::Columns, &coloring).is_err());
        assert!(check_distance1(&Pattern::empty(3, 3).unwrap(), &coloring).is_err());
    }
}
