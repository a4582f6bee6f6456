//! What must hold for every network: generated layer graphs against the definitions.

#[path = "support/networks.rs"]
mod networks;
#[path = "support/reference.rs"]
mod reference;

use colorjet::coloring::{
    Side, check_distance1, check_partial_distance2, distance1_coloring, partial_distance2_coloring,
};
use colorjet::{
    Activation, LaneKind, Network, Order, Outputs, Plan, PlanOptions, Quantity, Sparsity, Strategy, Workspace,
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use networks::random::Random;
use networks::recipes;
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use reference::reference;
use sprs::CsMat;

const STEPS: usize = 9;

/// A few roundings of a number, of `f64` and of `f32`.
const ROUNDING: f64 = 1e-15;
const ROUNDING_F32: f64 = 4e-7;

/// Largest deviation relative to the largest entry.
fn deviation(ours: &CsMat<f64>, exact: ArrayView2<'_, f64>) -> f64 {
    let scale = exact.iter().fold(1e-300, |s: f64, v| s.max(v.abs()));
    ours.to_dense().iter().zip(exact).fold(0.0, |s: f64, (a, b)| s.max((a - b).abs())) / scale
}

/// Of the sums of the rows; terms that cancel leave their rounding.
fn deviation_of_sums(ours: ArrayView1<'_, f64>, exact: ArrayView2<'_, f64>) -> f64 {
    let scale = exact.rows().into_iter().map(|row| row.mapv(f64::abs).sum()).fold(1e-300, f64::max);
    let sums = exact.sum_axis(ndarray::Axis(1));
    (&ours - &sums).iter().fold(0.0, |s: f64, v| s.max(v.abs())) / scale
}

/// What a relative change of x, and of the weights to those of `moved`, does to the exact result: the network's
/// doing, not the strategy's. (Weights whose products cancel leave their rounding, whatever x is.)
fn sensitivity(net: &Network, moved: &[Network], quantity: Quantity, x: ArrayView1<'_, f64>, change: f64) -> f64 {
    let oracle = Plan::with(net, &PlanOptions::new(quantity).strategy(Strategy::Dense)).unwrap();
    let exact = oracle.run(net, x).unwrap().to_dense();
    let points = [1.0 - change, 1.0 + change].map(|factor| oracle.run(net, (&x * factor).view()));
    let weights = moved.iter().map(|moved| oracle.run(moved, x));
    points.into_iter().chain(weights).map(|m| deviation(&m.unwrap(), exact.view())).fold(0.0, f64::max)
}

fn plans(net: &Network, quantity: Quantity) -> Vec<Plan> {
    let options = |s| PlanOptions::new(quantity).strategy(s);
    let mut plans: Vec<Plan> = Strategy::of(quantity).map(|s| Plan::with(net, &options(s)).unwrap()).collect();
    if quantity != Quantity::Jacobian {
        let joint = Strategy::of(quantity).map(|s| Plan::with(net, &options(s).with_jacobian()).unwrap());
        plans.extend(joint);
    }
    plans.push(Plan::new(net, quantity).unwrap());
    let told = |points| Plan::with(net, &PlanOptions::new(quantity).points(points)).unwrap();
    plans.extend([1, 1000].map(told));
    // Lanes by offset, where the network has them, in small tiles.
    let offset = |s| Plan::with(net, &options(s).lanes(LaneKind::Offset).tile(3));
    plans.extend(Strategy::of(quantity).filter(|&s| s != Strategy::Dense).filter_map(|s| offset(s).ok()));
    // Lanes by input, which all networks have.
    let by_input = if quantity == Quantity::Jacobian { Strategy::Forward } else { Strategy::DoubleForward };
    let options = options(by_input).lanes(LaneKind::Input);
    plans.push(Plan::with(net, &options).unwrap());
    if quantity != Quantity::Jacobian {
        plans.push(Plan::with(net, &options.with_jacobian()).unwrap());
    }
    plans
}

/// y, J and D of every plan.
fn agrees_with_the_definitions(net: &Network, moved: &[Network], x: &Array1<f64>) -> Result<(), TestCaseError> {
    let exact = reference(net, x.view());
    let scale = exact.value.iter().fold(1e-300, |s: f64, v| s.max(v.abs()));
    for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
        let bound = 1e-12f64.max(20.0 * sensitivity(net, moved, quantity, x.view(), ROUNDING));
        for plan in plans(net, quantity) {
            let all = plan.run_all(net, x.view()).unwrap();
            let value = (&all.value - &exact.value).iter().fold(0.0, |s: f64, v| s.max(v.abs())) / scale;
            prop_assert!(value < 1e-12, "value by {}: {value:e}", plan.strategy());
            if let Some(jacobian) = &all.jacobian {
                let error = deviation(jacobian, exact.jacobian.view());
                prop_assert!(error < bound, "Jacobian by {}: {error:e}\n{plan}", plan.strategy());
            }
            if let Some(diagonal) = &all.hessian_diagonal {
                let error = deviation(diagonal, exact.diagonal.view());
                prop_assert!(error < bound, "Hessian diagonal by {}: {error:e}\n{plan}", plan.strategy());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Layers so large that even a single lane of them is cut into pieces, which threads share, and so deep that lanes beside
    /// whole vectors are dot products; of many inputs there are blocks of tangents beside the adjoints.
    #[test]
    fn large_dense_layers_agree_with_the_definitions(
        n in 2usize..60, first in 280usize..400, second in 200usize..400, m in 1usize..4, seed in any::<u64>(),
    ) {
        let mut random = Random(seed);
        let mut dense = |rows: usize, columns: usize| {
            Array2::from_shape_vec((rows, columns), random.weights(rows * columns, columns)).unwrap()
        };
        let chain = Network::chain([n]).dense(dense(first, n), None).activation(Activation::Tanh);
        let chain = chain.dense(dense(second, first), None).activation(Activation::Sigmoid);
        let net = chain.dense(dense(m, second), None).build().unwrap();
        let x = Array1::from(random.numbers(n));
        let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.install(|| agrees_with_the_definitions(&net, &[], &x))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Nodal sums of dense layers of functions at 8, 16 or more points, whose sums are made in different ways.
    #[test]
    fn nodal_sums_of_few_samples_agree_with_the_oracle(
        n in 1usize..20, m in 1usize..4, eights in 1usize..4, seed in any::<u64>(),
    ) {
        let mut random = Random(seed);
        let mut dense = |rows: usize, columns: usize| {
            Array2::from_shape_vec((rows, columns), random.weights(rows * columns, columns)).unwrap()
        };
        let chain = Network::chain([n]).dense(dense(70, n), None).activation(Activation::Tanh);
        let net = chain.dense(dense(9, 70), None).activation(Activation::Softplus).dense(dense(m, 9), None).build().unwrap();
        let xs = Array2::from_shape_vec((8 * eights, n), random.numbers(8 * eights * n)).unwrap();
        let options = |s| PlanOptions::new(Quantity::HessianDiagonal).strategy(s);
        let nodal = Plan::with(&net, &options(Strategy::Nodal)).unwrap().run_batch(&net, xs.view()).unwrap();
        let oracle = Plan::with(&net, &options(Strategy::Dense)).unwrap();
        for (ours, x) in nodal.hessian_diagonal.unwrap().rows().into_iter().zip(xs.rows()) {
            let exact = oracle.run(&net, x).unwrap().to_dense();
            // Terms have both signs, and are of the order of one.
            let error = ours.iter().zip(&exact).fold(0.0, |s: f64, (a, b)| s.max((a - b).abs()));
            prop_assert!(error < 1e-12, "{error:e}");
        }
    }

    /// Layers of all kinds before so many weights that tangents of one point are carried beside its values.
    #[test]
    fn tangents_beside_values_agree_with_the_oracle(recipe in recipes(STEPS)) {
        let dense = [730, 720, 2];
        let (net, moved) = (recipe.build_before(&dense), recipe.moved_before(&dense, ROUNDING));
        let x = recipe.point(&net);
        let base = PlanOptions::new(Quantity::HessianDiagonal);
        let oracle = Plan::with(&net, &base.clone().with_jacobian().strategy(Strategy::Dense)).unwrap();
        let exact = oracle.run_all(&net, x.view()).unwrap();
        let bound = 1e-12f64.max(20.0 * sensitivity(&net, &moved, Quantity::HessianDiagonal, x.view(), ROUNDING));
        for options in [base.clone(), base.with_jacobian()] {
            let plan = Plan::with(&net, &options.strategy(Strategy::Nodal)).unwrap();
            let mut workspace = Workspace::new();
            plan.run_into(&net, x.as_slice().unwrap(), Outputs::default(), &mut workspace).unwrap();
            prop_assert_eq!(workspace.passes(), plan.passes());
            let all = plan.run_all(&net, x.view()).unwrap();
            let scale = exact.value.iter().fold(1e-300, |s: f64, v| s.max(v.abs()));
            let value = (&all.value - &exact.value).iter().fold(0.0, |s: f64, v| s.max(v.abs())) / scale;
            prop_assert!(value < 1e-12, "value: {value:e}");
            let pairs = [(&all.jacobian, &exact.jacobian), (&all.hessian_diagonal, &exact.hessian_diagonal)];
            for (ours, exact) in pairs {
                let Some(ours) = ours else { continue };
                let error = deviation(ours, exact.as_ref().unwrap().to_dense().view());
                prop_assert!(error < bound, "{error:e}\n{plan}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_strategy_agrees_with_the_definitions(recipe in recipes(STEPS)) {
        let net = recipe.build();
        let x = recipe.point(&net);
        agrees_with_the_definitions(&net, &recipe.moved(ROUNDING), &x)?;
    }

    #[test]
    fn laplacians_are_the_sums_of_rows(recipe in recipes(STEPS), block in 1usize..9, count in 1usize..20) {
        let net = recipe.build();
        let x = recipe.point(&net);
        let mut points = Array2::zeros((count, net.inputs()));
        for (k, mut row) in points.rows_mut().into_iter().enumerate() {
            row.assign(&(&x * (1.0 - 0.04 * k as f64)));
        }
        let exact: Vec<_> = points.rows().into_iter().map(|x| reference(&net, x)).collect();
        let moved = recipe.moved(ROUNDING);
        let bounds = [Quantity::HessianDiagonal, Quantity::Jacobian].map(|quantity| {
            let of = |x: ArrayView1<'_, f64>| sensitivity(&net, &moved, quantity, x, ROUNDING);
            1e-12f64.max(20.0 * points.rows().into_iter().map(of).fold(0.0, f64::max))
        });
        let diagonal = Sparsity::of(&net).unwrap().hessian_diagonal().unwrap();
        let blocks = Strategy::of(Quantity::Laplacian).map(|strategy| {
            let options = PlanOptions::new(Quantity::Laplacian).strategy(strategy).lane_block(block);
            let options = if count % 2 == 0 { options.with_jacobian() } else { options };
            Plan::with(&net, &options).unwrap()
        });
        for plan in plans(&net, Quantity::Laplacian).into_iter().chain(blocks) {
            let batch = plan.run_batch(&net, points.view()).unwrap();
            prop_assert!(batch.hessian_diagonal.is_none());
            for (ours, exact) in batch.laplacian.unwrap().rows().into_iter().zip(&exact) {
                let error = deviation_of_sums(ours, exact.diagonal.view());
                prop_assert!(error < bounds[0], "Laplacian by {}: {error:e}\n{plan}", plan.strategy());
            }
            let one = plan.run_all(&net, x.view()).unwrap();
            prop_assert_eq!(one.laplacian.unwrap().len(), net.outputs());
            let entries = if plan.strategy() == Strategy::Dense { net.outputs() * net.inputs() } else { diagonal.nnz() };
            prop_assert_eq!(plan.pattern().nnz(), entries);
            if let Some(jacobian) = one.jacobian {
                let error = deviation(&jacobian, exact[0].jacobian.view());
                prop_assert!(error < bounds[1], "Jacobian by {}: {error:e}\n{plan}", plan.strategy());
            }
        }
    }

    #[test]
    fn single_precision_agrees_within_its_own(recipe in recipes(STEPS)) {
        let net = recipe.build();
        let single = net.cast::<f32>().unwrap();
        let moved = recipe.moved(ROUNDING_F32);
        let x = recipe.point(&net).mapv(|v| v as f32);
        for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
            let oracle = Plan::with(&single, &PlanOptions::new(quantity).strategy(Strategy::Dense)).unwrap();
            let point = x.mapv(f64::from);
            let exact = oracle.run(&net, point.view()).unwrap().to_dense();
            // Entries that single precision does not hold.
            if exact.iter().all(|v| v.abs() < 1e-30) && exact.iter().any(|&v| v != 0.0) {
                continue;
            }
            let bound = 1e-4f64.max(20.0 * sensitivity(&net, &moved, quantity, point.view(), ROUNDING_F32));
            for plan in plans(&net, quantity) {
                let ours = plan.run(&single, x.view()).unwrap().map(|&v| f64::from(v));
                let error = deviation(&ours, exact.view());
                prop_assert!(error < bound, "{quantity} by {}: {error:e}", plan.strategy());
            }
            if quantity == Quantity::HessianDiagonal {
                for plan in plans(&net, Quantity::Laplacian) {
                    let ours = plan.run_all(&single, x.view()).unwrap().laplacian.unwrap().mapv(f64::from);
                    let error = deviation_of_sums(ours.view(), exact.view());
                    prop_assert!(error < bound, "Laplacian by {}: {error:e}", plan.strategy());
                }
            }
        }
    }

    #[test]
    fn patterns_hold_every_nonzero_and_colorings_are_valid(recipe in recipes(STEPS)) {
        let net = recipe.build();
        let sparsity = Sparsity::of(&net).unwrap();
        let (jacobian, diagonal, meeting) =
            (sparsity.jacobian().unwrap(), sparsity.hessian_diagonal().unwrap(), sparsity.meeting().unwrap());
        for point in 0..3 {
            let x = recipe.point(&net) + 0.37 * f64::from(point);
            let exact = reference(&net, x.view());
            for ((i, j), &v) in exact.jacobian.indexed_iter() {
                prop_assert!(v == 0.0 || jacobian.contains(i, j), "J[{i}, {j}] = {v}");
            }
            for ((i, j), &v) in exact.diagonal.indexed_iter() {
                prop_assert!(v == 0.0 || diagonal.contains(i, j), "D[{i}, {j}] = {v}");
            }
        }
        prop_assert_eq!(jacobian.union(&meeting).unwrap(), jacobian.clone());
        prop_assert_eq!(meeting.union(&diagonal).unwrap(), meeting.clone());
        for order in [Order::Natural, Order::SmallestLast, Order::Best] {
            for side in [Side::Columns, Side::Rows] {
                for pattern in [&jacobian, &meeting] {
                    let coloring = partial_distance2_coloring(pattern, side, order);
                    prop_assert!(check_partial_distance2(pattern, side, &coloring).is_ok());
                }
            }
            let outputs: Vec<usize> = (0..net.outputs()).step_by(2).collect();
            let graph = sparsity.hessian(&net, &outputs).unwrap();
            prop_assert_eq!(&graph, &graph.transpose());
            let coloring = distance1_coloring(&graph, order).unwrap();
            prop_assert!(check_distance1(&graph, &coloring).is_ok());
            // Whoever is in a row of P_D is in the graph.
            for &i in &outputs {
                prop_assert!(diagonal.row(i).iter().all(|&j| graph.contains(j as usize, j as usize)));
            }
        }
    }

    #[test]
    fn passes_are_what_the_plan_says(recipe in recipes(STEPS), block in 1usize..5) {
        let net = recipe.build();
        let x = recipe.point(&net).to_vec();
        for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal, Quantity::Laplacian] {
            for strategy in Strategy::of(quantity) {
                let options = PlanOptions::new(quantity).strategy(strategy).lane_block(block);
                let plan = Plan::with(&net, &options).unwrap();
                let mut workspace = Workspace::new();
                plan.run_into(&net, &x, Outputs::default(), &mut workspace).unwrap();
                prop_assert_eq!(workspace.passes(), plan.passes(), "{}", strategy);
            }
        }
    }

    #[test]
    fn lane_blocks_and_batches_do_not_change_results(recipe in recipes(STEPS), block in 1usize..9, points in 1usize..12) {
        let net = recipe.build();
        let mut xs = Array2::zeros((points, net.inputs()));
        for (k, mut row) in xs.rows_mut().into_iter().enumerate() {
            row.assign(&(recipe.point(&net) * (1.0 - 0.05 * k as f64)));
        }
        let moved = recipe.moved(ROUNDING);
        let bounds = [Quantity::Jacobian, Quantity::HessianDiagonal].map(|quantity| {
            let of = |x: ArrayView1<'_, f64>| sensitivity(&net, &moved, quantity, x, ROUNDING);
            1e-13f64.max(20.0 * xs.rows().into_iter().map(of).fold(0.0, f64::max))
        });
        for strategy in Strategy::of(Quantity::HessianDiagonal) {
            // Without the Jacobian, first order ends where nothing curved follows.
            let options = PlanOptions::new(Quantity::HessianDiagonal).strategy(strategy);
            let options = if points % 2 == 0 { options.with_jacobian() } else { options };
            let one = Plan::with(&net, &options).unwrap();
            let other = Plan::with(&net, &options.clone().lane_block(block)).unwrap();
            let batch = other.run_batch(&net, xs.view()).unwrap();
            for (k, x) in xs.rows().into_iter().enumerate() {
                let single = one.run_all(&net, x).unwrap();
                let pairs = [(single.jacobian, &batch.jacobian), (single.hessian_diagonal, &batch.hessian_diagonal)];
                for ((single, batch), bound) in pairs.into_iter().zip(bounds) {
                    let Some((single, batch)) = single.zip(batch.as_ref()) else { continue };
                    let scale = single.data().iter().fold(1e-300, |s: f64, v| s.max(v.abs()));
                    for (a, b) in single.data().iter().zip(batch.row(k)) {
                        prop_assert!((a - b).abs() <= bound * scale, "{a} and {b} by {strategy}");
                    }
                }
            }
        }
    }

    #[test]
    fn files_hold_the_whole_network(recipe in recipes(STEPS)) {
        let net = recipe.build();
        let custom = format!("{net}").contains("swish by jet");
        match net.to_bytes() {
            Err(e) => prop_assert!(custom, "{e}"),
            Ok(bytes) => {
                let again = Network::from_bytes(&bytes).unwrap();
                prop_assert_eq!(again.structure(), net.structure());
                let x = recipe.point(&net);
                let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
                prop_assert_eq!(plan.run(&net, x.view()).unwrap(), plan.run(&again, x.view()).unwrap());
            }
        }
    }
}

/// The generator itself: all kinds of layers appear, and most networks are deep, curved and compressible.
#[test]
fn generated_networks_are_diverse() {
    use proptest::strategy::{Strategy as _, ValueTree};
    use proptest::test_runner::TestRunner;
    use std::collections::BTreeMap;
    let mut runner = TestRunner::deterministic();
    let mut kinds = BTreeMap::new();
    let (mut curved, mut compressed, mut split) = (0, 0, 0);
    const NETWORKS: usize = 300;
    for _ in 0..NETWORKS {
        let net = recipes(STEPS).new_tree(&mut runner).unwrap().current().build();
        for (_, layer) in net.layers() {
            *kinds.entry(layer.kind().name()).or_insert(0) += 1;
        }
        let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
        curved += usize::from(plan.pattern().nnz() > 0);
        compressed += usize::from(plan.pattern().nnz() > 0 && plan.colors() < net.inputs());
        split += usize::from(net.output_layers().len() > 1);
    }
    println!("{kinds:?}, curved {curved}, compressed {compressed}, several outputs {split}");
    let names = ["conv", "dense", "elementwise", "gather", "input", "max", "product", "sparse", "sum"];
    assert!(names.iter().all(|k| kinds.get(k).is_some_and(|&c| c > NETWORKS / 20)), "{kinds:?}");
    assert!(curved > NETWORKS / 2 && compressed > NETWORKS / 5 && split > NETWORKS / 5);
}
