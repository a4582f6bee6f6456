//! Laplacians of networks whose inputs one dense layer reads: at many points these are rotated, and still sums of second
//! derivatives.

#[path = "support/random.rs"]
mod random;

use colorjet::{Activation, LaneKind, Network, Plan, PlanOptions, Quantity, Strategy};
use ndarray::{Array1, Array2, Axis};
use proptest::prelude::*;
use random::Random;
use rayon::ThreadPoolBuilder;

/// Points that the plans are told of.
const MANY: usize = 100_000;

/// A dense layer on the inputs, and behind it one of several graphs.
fn network(seed: u64, [inputs, units, next]: [usize; 3], kind: u8) -> Network {
    let mut random = Random(seed);
    let mut dense = |rows: usize, columns: usize| {
        let weight = Array2::from_shape_vec((rows, columns), random.weights(rows * columns, columns)).unwrap();
        (weight, Array1::from(random.numbers(rows)))
    };
    let mut net = Network::builder();
    let x = net.input("x", &[inputs]).unwrap();
    let (mut weight, bias) = dense(units, inputs);
    // Weights of less than full rank, and inputs and units without any.
    match seed % 4 {
        1 => weight.row_mut(0).fill(0.0),
        2 => weight.column_mut(0).fill(0.0),
        3 => (0..units).for_each(|k| weight[[k, inputs - 1]] = weight[[k, 0]]),
        _ => {}
    }
    let z = net.dense("z", x, weight, Some(bias)).unwrap();
    let a = net.activation("a", z, Activation::Tanh).unwrap();
    let (weight, bias) = dense(next, units);
    let mut wide = |net: &mut colorjet::NetworkBuilder, name: &str, of| {
        let (weight, bias) = dense(units, units);
        net.dense(name, of, weight, Some(bias)).unwrap()
    };
    let last = match kind {
        // Layers in a row.
        0 => a,
        // Two functions in a row.
        1 => net.activation("b", a, Activation::Softplus).unwrap(),
        // A sum and a product read what is zero in places.
        2 => {
            let b = wide(&mut net, "b", a);
            net.add("sum", &[a, b]).unwrap()
        }
        3 => {
            let b = wide(&mut net, "b", a);
            net.product("product", a, b).unwrap()
        }
        // The first layer has no function, or two.
        4 => wide(&mut net, "b", z),
        5 => {
            let b = net.activation("b", z, Activation::Gelu).unwrap();
            net.add("sum", &[a, b]).unwrap()
        }
        _ => net.product("square", z, z).unwrap(),
    };
    let y = net.dense("y", last, weight, Some(bias)).unwrap();
    let y = net.activation("c", y, Activation::Silu).unwrap();
    // What is wanted of the first layers themselves is not lost.
    let outputs = if seed.is_multiple_of(3) || matches!(kind, 4 | 6) { vec![y, a] } else { vec![y] };
    net.build(&outputs).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn laplacians_do_not_change(
        seed in any::<u64>(),
        sizes in [2usize..60, 1usize..40, 1usize..12],
        kind in 0u8..7,
        block in 1usize..20,
        count in 1usize..40,
    ) {
        let net = network(seed, sizes, kind);
        let points = Random(seed).numbers(count * sizes[0]);
        let points = Array2::from_shape_vec((count, sizes[0]), points).unwrap();
        let told = PlanOptions::new(Quantity::Laplacian).points(MANY);
        let exact = Plan::with(&net, &PlanOptions::new(Quantity::HessianDiagonal).strategy(Strategy::Dense)).unwrap();
        let nodal = told.clone().strategy(Strategy::Nodal);
        let sum = told.clone().strategy(Strategy::ForwardLaplacian);
        let plans = [
            told,
            nodal.clone(),
            nodal.clone().lane_block(block),
            nodal.with_jacobian(),
            sum.clone(),
            sum.clone().lane_block(block),
            sum.with_jacobian(),
        ];
        for options in plans {
            let plan = Plan::with(&net, &options).unwrap();
            let batch = plan.run_batch(&net, points.view()).unwrap();
            let single = plan.run_batch(&net.cast::<f32>().unwrap(), points.mapv(|v| v as f32).view()).unwrap();
            let laplacians = batch.laplacian.unwrap();
            for (k, x) in points.rows().into_iter().enumerate() {
                let diagonal = exact.run(&net, x).unwrap().to_dense();
                let scale = diagonal.iter().fold(1e-3, |s: f64, v| s.max(v.abs())) * sizes[0] as f64;
                for (i, sum) in diagonal.sum_axis(Axis(1)).into_iter().enumerate() {
                    let ours = laplacians[[k, i]];
                    prop_assert!((ours - sum).abs() < 1e-13 * scale, "{ours} for {sum}\n{plan}");
                    let ours = f64::from(single.laplacian.as_ref().unwrap()[[k, i]]);
                    prop_assert!((ours - sum).abs() < 1e-4 * scale, "f32: {ours} for {sum}\n{plan}");
                }
            }
        }
    }
}

/// As many lanes as the first layer has units; not where lanes by color are asked for, or points are few, or the inputs are
/// read by others too.
#[test]
fn there_are_no_more_lanes_than_units() {
    let net = network(0, [50, 20, 8], 0);
    let lanes = |net: &Network, options: PlanOptions| {
        let [nodal, sum] = [Strategy::Nodal, Strategy::ForwardLaplacian].map(|strategy| {
            let plan = Plan::with(net, &options.clone().strategy(strategy)).unwrap();
            assert_eq!(plan.to_string().contains("rotated inputs"), plan.has_rotated_inputs());
            (plan.colors(), plan.has_rotated_inputs(), plan.input_colors().is_none())
        });
        assert_eq!(nodal, sum);
        nodal
    };
    let told = PlanOptions::new(Quantity::Laplacian).points(MANY);
    let apart = (50, false, false);
    assert_eq!(lanes(&net, told.clone()), (20, true, true));
    assert_eq!(lanes(&net, told.clone().lanes(LaneKind::Color)), apart);
    assert_eq!(lanes(&net, PlanOptions::new(Quantity::Laplacian).points(1)), apart);
    // The Jacobian is that by the inputs as they are: of nodal it comes with the adjoints.
    let both = |strategy| Plan::with(&net, &told.clone().with_jacobian().strategy(strategy)).unwrap();
    assert!(both(Strategy::Nodal).has_rotated_inputs() && !both(Strategy::ForwardLaplacian).has_rotated_inputs());
    let diagonal = PlanOptions::new(Quantity::HessianDiagonal).points(MANY).strategy(Strategy::Nodal);
    assert!(!Plan::with(&net, &diagonal).unwrap().has_rotated_inputs());
    let mut skipping = Network::builder();
    let x = skipping.input("x", &[50]).unwrap();
    let z = skipping.dense("z", x, Array2::eye(50).slice(ndarray::s![..20, ..]).to_owned(), None).unwrap();
    let a = skipping.activation("a", z, Activation::Tanh).unwrap();
    let b = skipping.dense("b", x, Array2::ones((20, 50)), None).unwrap();
    let y = skipping.product("y", a, b).unwrap();
    assert_eq!(lanes(&skipping.build(&[y]).unwrap(), told), apart);
}

/// A copy of the weights that are rotated is work space too.
#[test]
fn work_space_has_the_rotated_weights() {
    let bytes = |inputs: usize| {
        let options = PlanOptions::new(Quantity::Laplacian).points(1 << 20).strategy(Strategy::Nodal);
        let plan = Plan::with(&network(0, [inputs, 500, 8], 0), &options).unwrap();
        assert!(plan.has_rotated_inputs());
        plan.workspace_bytes(8)
    };
    assert!(bytes(2000) - bytes(1000) > 8 * 500 * 1000);
}

/// Whoever computes them.
#[test]
fn bits_do_not_depend_on_threads() {
    for kind in 0..7 {
        let net = network(12, [70, 50, 20], kind);
        let points = Array2::from_shape_vec((500, 70), Random(3).numbers(500 * 70)).unwrap();
        for strategy in [Strategy::Nodal, Strategy::ForwardLaplacian] {
            let plan = Plan::with(&net, &PlanOptions::new(Quantity::Laplacian).strategy(strategy).points(500)).unwrap();
            assert!(plan.has_rotated_inputs());
            let run = || plan.run_batch(&net, points.view()).unwrap().laplacian.unwrap();
            let [one, many] =
                [1, 3].map(|threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run));
            assert_eq!(one, many);
        }
    }
}
