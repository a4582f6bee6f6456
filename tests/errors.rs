//! Bad input gets a clear error with its place.

#[path = "support/says.rs"]
mod says;
#[path = "support/small.rs"]
mod small;

use colorjet::coloring::{
    Coloring, Side, check_distance1, check_partial_distance2, distance1_coloring, lower_bound,
    partial_distance2_coloring,
};
use colorjet::{Activation, Broadcast, ConvOptions, ErrorKind, Network, Order, Outputs, PadMode, Pattern};
use colorjet::{LaneKind, Plan, PlanOptions, Pool, Quantity, Strategy, Workspace};
use ndarray::{Array1, Array2, ArrayD, IxDyn, array};
use says::says;
use small::small;
use sprs::{CsMat, TriMat};

const ALL: [Quantity; 3] = [Quantity::Jacobian, Quantity::HessianDiagonal, Quantity::Laplacian];

#[test]
fn points_are_checked() {
    let net = small();
    for quantity in ALL {
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
    for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
        let wrong = PlanOptions::new(quantity).strategy(Strategy::ForwardLaplacian);
        says(Plan::with(&net, &wrong), ErrorKind::WrongStrategy, &["forward-laplacian", &quantity.to_string()]);
    }
    let wrong = PlanOptions::new(Quantity::Laplacian).strategy(Strategy::ForwardLaplacian).lanes(LaneKind::Offset);
    says(Plan::with(&net, &wrong), ErrorKind::WrongStrategy, &["forward-laplacian", "by offset"]);
}

#[test]
fn what_does_not_fit_into_memory_is_refused_before_it_is_allocated() {
    let weight = ArrayD::from_elem(IxDyn(&[1, 1, 3]), 0.3);
    let options = ConvOptions { padding: vec![[1, 1]], ..Default::default() };
    let net = Network::chain([1, 1_000_000]).conv(weight, None, &options).activation(Activation::Tanh).build().unwrap();
    for quantity in ALL {
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
    for (activation, good, bad) in [
        (Activation::Log, 1.5, 0.0),
        (Activation::Log, 1.5, -1.0),
        (Activation::Sqrt, 1.5, 0.0),
        (Activation::Reciprocal, 1.5, 0.0),
        (Activation::Powf(0.5), 1.5, -2.0),
        (Activation::Exp, 1.5, 1000.0),
        (Activation::Asin, 0.5, 1.0),
        (Activation::Acos, 0.5, -1.0),
        (Activation::Acos, 0.5, 1.5),
        (Activation::Atanh, 0.5, 1.0),
        (Activation::Atanh, 0.5, -2.0),
        (Activation::Acosh, 1.5, 1.0),
        (Activation::Acosh, 1.5, 0.5),
        (Activation::Sinh, 1.5, -1000.0),
        (Activation::Cosh, 1.5, 1000.0),
    ] {
        let net = Network::chain([2]).activation(activation).build().unwrap();
        let mut xs = Array2::from_elem((5, 2), good);
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
    let clip = Activation::Clip { low: 1.0, high: 0.5 };
    says(b.activation("a", x, clip), ErrorKind::InvalidParameter, &["layer \"a\"", "low ≤ high"]);
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

#[test]
fn any_subset_of_buffers_is_filled_and_wrong_ones_are_named() {
    let net = small();
    let plan = Plan::with(&net, &PlanOptions::new(Quantity::HessianDiagonal).with_jacobian()).unwrap();
    let points = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
    let mut workspace = Workspace::new();
    for length in [1, 2, 3, 5, 11, 13, 24] {
        let mut buffer = vec![0.0; length];
        let jacobian = Outputs { jacobian: &mut buffer, ..Default::default() };
        says(plan.run_into(&net, &points, jacobian, &mut workspace), ErrorKind::Shape, &["jacobian", "2 × 6"]);
        let value = Outputs { value: &mut buffer, ..Default::default() };
        says(plan.run_into(&net, &points, value, &mut workspace), ErrorKind::Shape, &["value", "2 × 2"]);
    }
    says(plan.run_into(&net, &points[..4], Outputs::default(), &mut workspace), ErrorKind::Shape, &["3 inputs"]);
    says(plan.run_into(&net, &[], Outputs::default(), &mut workspace), ErrorKind::Empty, &["no point"]);
    plan.run_into(&net, &points, Outputs::default(), &mut workspace).unwrap();
    // A plan of the Jacobian alone has no entries for the other buffer.
    let plan = Plan::new(&net, Quantity::Jacobian).unwrap();
    let mut buffer = vec![0.0; 12];
    let outputs = Outputs { hessian_diagonal: &mut buffer, ..Default::default() };
    says(plan.run_into(&net, &points, outputs, &mut workspace), ErrorKind::Shape, &["hessian_diagonal"]);
}

/// Also in a unit whose number no operand has.
#[test]
fn overflow_in_a_wide_layer_is_named() {
    let weight = Array2::from_shape_fn((5, 2), |(k, _)| if k == 4 { 1e308 } else { 1.0 });
    let net = Network::chain([2]).dense(weight, None).activation(Activation::Tanh).build().unwrap();
    for quantity in ALL {
        let run = Plan::new(&net, quantity).unwrap().run(&net, array![10.0, 1.0].view());
        says(run, ErrorKind::NonFinite, &["the value is inf", "unit 4 of sample 0"]);
    }
}

/// Finite points whose values are not: an error or finite derivatives, never a matrix of NaN.
#[test]
fn overflow_never_becomes_a_derivative() {
    let chain = || Network::chain([2]);
    let dense = chain().dense(array![[1.0, 1.0], [1e300, 1.0]], None).build().unwrap();
    let mut b = Network::builder();
    let x = b.input("x", &[2]).unwrap();
    let square = b.product("square", x, x).unwrap();
    let product = b.build(&[square]).unwrap();
    let mut b = Network::builder();
    let x = b.input("x", &[2]).unwrap();
    let large = b.weighted_sum("large", &[x], &[Some(vec![1.0, 1e200])], None).unwrap();
    let quiet = b.activation("quiet", large, Activation::Relu).unwrap();
    let back = b.weighted_sum("back", &[quiet], &[Some(vec![1e-200])], None).unwrap();
    let hidden = b.build(&[back]).unwrap();
    for net in [dense, product, hidden] {
        for quantity in ALL {
            for strategy in Strategy::of(quantity) {
                let plan = Plan::with(&net, &PlanOptions::new(quantity).strategy(strategy)).unwrap();
                let result = plan.run(&net, array![1.0, 1e200].view());
                if let Ok(matrix) = &result {
                    assert!(matrix.data().iter().all(|v| v.is_finite()), "{quantity} by {strategy}");
                }
                let points = array![[1.0, 1.0], [1e200, 1e200]];
                match plan.run_batch(&net, points.view()) {
                    Ok(batch) => {
                        let numbers = batch.jacobian.iter().chain(&batch.hessian_diagonal).flatten();
                        assert!(numbers.copied().all(f64::is_finite), "{quantity} by {strategy}");
                    }
                    Err(e) => says::<()>(Err(e), ErrorKind::NonFinite, &["in layer", "sample 1"]),
                }
            }
        }
        says(net.value(array![1e200, 1e200].view()), ErrorKind::NonFinite, &["in layer"]);
    }
}

#[test]
fn the_builder_names_strangers_and_refuses_what_is_too_large() {
    let mut other = Network::builder();
    let stranger = other.input("a", &[1]).unwrap();
    let far = (0..9).fold(stranger, |l, k| other.add(&format!("l{k}"), &[l]).unwrap());
    let mut b = Network::builder();
    let x = b.input("x", &[1, 6]).unwrap();
    let pool = Pool { kernel: vec![1], ..Default::default() };
    let padded = Pool { padding: vec![[1, 1]], ..pool.clone() };
    let none = &[][..];
    for result in [
        b.dense("s", far, Array2::zeros((1, 1)), None),
        b.sparse("s", far, CsMat::zero((1, 1)), None),
        b.conv("s", far, ArrayD::zeros(IxDyn(&[1, 1, 1])), None, &ConvOptions::default()),
        b.gather("s", &[x, far], [Some(0)], &[1], 0.0),
        b.activation("s", far, Activation::Tanh),
        b.product("s", x, far),
        b.max("s", &[far], [vec![0]], &[1]),
        b.reshape("s", far, &[1]),
        b.concat("s", &[x, far], 0),
        b.transpose("s", far, &[0]),
        b.slice("s", far, &[[0, 1, 1]]),
        b.pad("s", far, &[[0, 0]], PadMode::Edge),
        b.max_pool("s", far, &pool),
        b.avg_pool("s", far, &pool, true),
        b.avg_pool("s", far, &padded, false),
        b.batch_norm("s", far, [none; 4], 0.1),
    ] {
        says(result, ErrorKind::Dangling, &["layer \"s\"", "not of this network"]);
    }

    let wide = b.input("wide", &[1, 1 << 16]).unwrap();
    let huge = 1 << 30;
    says(b.concat("c", &vec![wide; 5000], 1), ErrorKind::TooLarge, &["layer \"c\"", "units"]);
    says(b.gather("g", &vec![wide; 70_000], [Some(0)], &[1], 0.0), ErrorKind::TooLarge, &["layer \"g\""]);
    says(b.max("m", &vec![wide; 70_000], [vec![0]], &[1]), ErrorKind::TooLarge, &["layer \"m\""]);
    says(b.gather("g", &[x], [None, Some(u32::MAX)], &[2], 0.0), ErrorKind::OutOfRange, &["index[1]"]);
    for mode in [PadMode::Constant(0.0), PadMode::Edge] {
        says(b.pad("p", x, &[[0, 0], [huge, 0]], mode), ErrorKind::TooLarge, &["layer \"p\""]);
        says(b.pad("p", x, &[[huge, huge], [huge, huge]], mode), ErrorKind::TooLarge, &["layer \"p\""]);
    }
    let cube = b.input("cube", &[1, 4, 4, 4]).unwrap();
    let wide_kernel = Pool { kernel: vec![huge; 3], padding: vec![[huge, huge]; 3], ..Default::default() };
    says(b.avg_pool("p", cube, &wide_kernel, true), ErrorKind::TooLarge, &["layer \"p\""]);
    let line = Pool { kernel: vec![huge], padding: vec![[huge, 0]], stride: vec![huge], ..Default::default() };
    says(b.avg_pool("p", x, &line, true), ErrorKind::TooLarge, &["layer \"p\""]);
    let all = Pool { kernel: vec![1 << 15], padding: vec![[1 << 14, 1 << 14]], stride: vec![1], dilation: vec![] };
    says(b.max_pool("p", wide, &all), ErrorKind::TooLarge, &["layer \"p\""]);
    let much_padding = Pool { kernel: vec![1], padding: vec![[1 << 29, 0]], ..Default::default() };
    says(b.max_pool("p", x, &much_padding), ErrorKind::TooLarge, &["layer \"p\"", "units"]);
    let only_padding = Pool { kernel: vec![1], padding: vec![[1, 0]], ..Default::default() };
    says(b.max_pool("p", x, &only_padding), ErrorKind::Empty, &["unit 0 has no candidate"]);
    // Without anything to see the mean is that of nothing: zero.
    let mean = b.avg_pool("mean", x, &only_padding, false).unwrap();
    assert_eq!(b.shape(mean).unwrap(), [1, 7]);

    let [one, zero] = [&[1.0][..], &[0.0][..]];
    let (nan, infinite) = (&[f64::NAN][..], &[f64::INFINITY][..]);
    for bad in [nan, infinite] {
        for k in 0..4 {
            let mut numbers = [one; 4];
            numbers[k] = bad;
            let what = ["scale", "shift", "mean", "variance"][k];
            says(b.batch_norm("n", x, numbers, 0.1), ErrorKind::NonFinite, &["layer \"n\"", what]);
        }
    }
    for epsilon in [f64::NAN, -1.0, 0.0, f64::NEG_INFINITY] {
        let result = b.batch_norm("n", x, [one, zero, zero, zero], epsilon);
        says(result, ErrorKind::InvalidParameter, &["layer \"n\"", "epsilon"]);
    }
    says(b.batch_norm("n", wide, [&[1.0; 2]; 4], 0.1), ErrorKind::Shape, &["layer \"n\"", "2 numbers of scale"]);
    for bad in [f64::NAN, f64::INFINITY] {
        says(b.weighted_sum("w", &[x], &[Some(vec![bad])], None), ErrorKind::NonFinite, &["layer \"w\""]);
        says(b.weighted_sum("w", &[x], &[None], Some(vec![bad])), ErrorKind::NonFinite, &["layer \"w\""]);
        says(b.pad("w", x, &[[0, 0], [0, 1]], PadMode::Constant(bad)), ErrorKind::NonFinite, &["layer \"w\""]);
        let weight = ArrayD::from_elem(IxDyn(&[1, 1, 1]), bad);
        says(b.conv("w", x, weight, None, &ConvOptions::default()), ErrorKind::NonFinite, &["layer \"w\""]);
        let mut entry = TriMat::new((1, 6));
        entry.add_triplet(0, 3, bad);
        says(b.sparse("w", x, entry.to_csr(), None), ErrorKind::NonFinite, &["layer \"w\""]);
        let bias = Array1::from(vec![bad]);
        says(b.dense("w", x, Array2::zeros((1, 6)), bias), ErrorKind::NonFinite, &["layer \"w\""]);
        let slope = Activation::Prelu { slope: vec![bad] };
        says(b.activation("w", x, slope), ErrorKind::NonFinite, &["layer \"w\""]);
        says(b.activation("w", x, Activation::Powf(bad)), ErrorKind::NonFinite, &["layer \"w\""]);
    }
    says(b.activation("w", x, Activation::Prelu { slope: vec![] }), ErrorKind::Empty, &["layer \"w\""]);
    let empty = b.weighted_sum("w", &[x], &[Some(vec![])], None);
    says(empty, ErrorKind::Shape, &["layer \"w\"", "0 numbers"]);
    let weight = |shape: &[usize]| ArrayD::from_elem(IxDyn(shape), 0.5);
    for shape in [&[][..], &[1], &[1, 1], &[1, 1, 0], &[0, 1, 1], &[1, 0, 1], &[1, 1, 7], &[1, 1, 1, 1], &[1; 7]] {
        let result = b.conv("k", x, weight(shape), None, &ConvOptions::default());
        assert!(result.unwrap_err().to_string().starts_with("in layer \"k\": "), "{shape:?}");
    }
    for groups in [2, 3, usize::MAX] {
        let options = ConvOptions { groups, ..Default::default() };
        says(b.conv("k", x, weight(&[1, 1, 1]), None, &options), ErrorKind::Shape, &["layer \"k\"", "groups"]);
    }
    for value in [0, 1 << 31, usize::MAX] {
        let stride = ConvOptions { stride: vec![value], ..Default::default() };
        let dilation = ConvOptions { dilation: vec![value], ..Default::default() };
        for options in [stride, dilation] {
            let result = b.conv("k", x, weight(&[1, 1, 2]), None, &options);
            says(result, ErrorKind::InvalidParameter, &["layer \"k\""]);
        }
        if value > 0 {
            let options = ConvOptions { padding: vec![[value, value]], ..Default::default() };
            let result = b.conv("k", x, weight(&[1, 1, 2]), None, &options);
            says(result, ErrorKind::InvalidParameter, &["layer \"k\"", "padding"]);
        }
    }
    let steps = b.slice("s", x, &[[0, 1, 1], [0, 6, usize::MAX]]).unwrap();
    assert_eq!(b.shape(steps).unwrap(), [1, 1]);
    for range in [[4, 3, 1], [0, 7, 1], [usize::MAX, usize::MAX, 1]] {
        says(b.slice("r", x, &[[0, 1, 1], range]), ErrorKind::OutOfRange, &["layer \"r\"", "axis 1"]);
    }
    says(b.slice("r", x, &[[0, 1, 1], [3, 3, 1]]), ErrorKind::Empty, &["layer \"r\""]);
    says(b.transpose("t", x, &[0, 0]), ErrorKind::InvalidParameter, &["layer \"t\""]);
    says(b.transpose("t", x, &[0, 1, 2]), ErrorKind::InvalidParameter, &["layer \"t\""]);
    says(b.concat("c", &[x], usize::MAX), ErrorKind::InvalidParameter, &["layer \"c\"", "axis"]);
    says(b.reshape("r", x, &[usize::MAX, 2]), ErrorKind::Shape, &["layer \"r\""]);
    says(b.reshape("r", x, &[]), ErrorKind::Shape, &["layer \"r\""]);
}

#[test]
fn memory_is_bounded_by_what_the_plan_may_take() {
    // Many inputs, one number, many outputs: a full pattern from few weights.
    let hub = |n: usize, m: usize| {
        let narrow = Network::chain([n]).dense(Array2::from_elem((1, n), 0.01), None);
        narrow.activation(Activation::Tanh).dense(Array2::from_elem((m, 1), 0.01), None).build().unwrap()
    };
    let net = hub(20_000, 20_000);
    for quantity in ALL {
        for strategy in Strategy::of(quantity).map(Some).chain([None]) {
            let mut options = PlanOptions::new(quantity).max_bytes(1 << 28);
            if let Some(strategy) = strategy {
                options = options.strategy(strategy);
            }
            says(Plan::with(&net, &options), ErrorKind::TooLarge, &["GiB", "of 256.0 MiB allowed"]);
        }
    }
    for bytes in [0, 1, 100, 10_000] {
        for quantity in ALL {
            let options = PlanOptions::new(quantity).max_bytes(bytes);
            says(Plan::with(&hub(100, 100), &options), ErrorKind::TooLarge, &["allowed"]);
        }
    }
    for strategy in Strategy::ALL {
        let quantity = ALL.into_iter().find(|&q| strategy.computes(q)).unwrap();
        let options = PlanOptions::new(quantity).strategy(strategy).lane_block(usize::MAX);
        let net = hub(40, 30);
        let plan = Plan::with(&net, &options).unwrap();
        let columns = if quantity == Quantity::Laplacian { 1 } else { 40 };
        assert_eq!(plan.run(&net, Array1::zeros(40).view()).unwrap().shape(), (30, columns));
    }
}

#[test]
fn hostile_patterns_and_colorings() {
    let orders = [
        Order::Natural,
        Order::LargestFirst,
        Order::SmallestLast,
        Order::IncidenceDegree,
        Order::DynamicLargestFirst,
        Order::Random(0),
        Order::Best,
    ];
    let patterns = [
        Pattern::empty(0, 0).unwrap(),
        Pattern::empty(0, 3).unwrap(),
        Pattern::empty(3, 0).unwrap(),
        Pattern::empty(3, 3).unwrap(),
        Pattern::from_rows(1, [[0, 0, 0]]).unwrap(),
        Pattern::from_rows(3, [vec![2, 1, 2, 0], vec![], vec![0, 0]]).unwrap(),
        Pattern::from_rows(3, [vec![0, 1, 2], vec![0, 1, 2], vec![0, 1, 2]]).unwrap(),
    ];
    for pattern in &patterns {
        for order in orders {
            for side in [Side::Columns, Side::Rows] {
                let coloring = partial_distance2_coloring(pattern, side, order);
                check_partial_distance2(pattern, side, &coloring).unwrap();
                assert!(coloring.count() >= lower_bound(pattern, side));
            }
            if let Ok(coloring) = distance1_coloring(pattern, order) {
                check_distance1(pattern, &coloring).unwrap();
            }
        }
        assert_eq!(pattern.transpose().transpose(), *pattern);
        assert_eq!(pattern.union(pattern).unwrap(), *pattern);
        assert!(!pattern.contains(usize::MAX, 0) && !pattern.contains(0, usize::MAX));
        for (columns, rows) in [(0, 0), (1, 1), (usize::MAX, usize::MAX), (usize::MAX, 1)] {
            pattern.to_braille(columns, rows);
        }
    }
    let coloring = Coloring::from_colors(vec![u32::MAX, 0, u32::MAX]);
    assert_eq!((coloring.count(), coloring.colors()), (2, &[1, 0, 1][..]));
    assert_eq!(Coloring::from_colors(vec![]).groups().len(), 0);
    for text in ["", "random:", "random:-1", "random:99999999999999999999", "Natural", "best "] {
        says(text.parse::<Order>(), ErrorKind::InvalidParameter, &["natural", &format!("{text:?}")]);
        says(text.parse::<Strategy>(), ErrorKind::InvalidParameter, &["reverse-over-forward"]);
    }
    // Numbers cannot be spread over nothing, nor over more units than can be counted.
    says(Broadcast::<f64>::over(&[0], vec![]), ErrorKind::Shape, &["0 numbers"]);
    says(Broadcast::over(&[usize::MAX, 3], vec![1.0; 2]), ErrorKind::Shape, &["2 numbers"]);
}
