//! The same bits for any number of threads, on networks large enough to be shared out.

#[path = "support/random.rs"]
mod random;

use colorjet::{
    Activation, BatchDerivatives, ConvOptions, ErrorKind, LaneKind, Network, Plan, PlanOptions, Quantity, Strategy,
    Workspace,
};
use ndarray::{Array2, ArrayD, IxDyn, s};
use random::Random;
use rayon::ThreadPoolBuilder;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn dense(widths: &[usize]) -> Network {
    let mut random = Random(7);
    let mut chain = Network::chain([widths[0]]);
    for pair in widths.windows(2) {
        let weight = random.weights(pair[0] * pair[1], pair[0]);
        chain = chain.dense(Array2::from_shape_vec((pair[1], pair[0]), weight).unwrap(), None);
        chain = chain.activation(Activation::Tanh);
    }
    chain.build().unwrap()
}

fn conv(length: usize, channels: usize) -> Network {
    let mut random = Random(8);
    let mut chain = Network::chain([1, length]);
    for (i, o) in [(1, channels), (channels, channels), (channels, 1)] {
        let weight = ArrayD::from_shape_vec(IxDyn(&[o, i, 5]), random.weights(5 * i * o, 5 * i)).unwrap();
        let options = ConvOptions { padding: vec![[2, 2]], ..Default::default() };
        chain = chain.conv(weight, None, &options).activation(Activation::Sigmoid);
    }
    chain.build().unwrap()
}

fn energy(length: usize) -> Network {
    let mut random = Random(9);
    let weight = |random: &mut Random, o: usize, i: usize| {
        ArrayD::from_shape_vec(IxDyn(&[o, i, 3]), random.weights(3 * i * o, 3 * i)).unwrap()
    };
    let options = ConvOptions { padding: vec![[1, 1]], ..Default::default() };
    Network::chain([1, length])
        .conv(weight(&mut random, 4, 1), None, &options)
        .activation(Activation::Softplus)
        .conv(weight(&mut random, 4, 4), None, &options)
        .activation(Activation::Silu)
        .dense(Array2::ones((1, 4 * length)), None)
        .build()
        .unwrap()
}

#[test]
fn bits_do_not_depend_on_threads() {
    // In the first, tangents of one point are carried beside its many adjoints, for which they wait; in the second, even a
    // single lane of a layer is cut into pieces; in the third, tangents of one point are carried beside its values.
    let few = [dense(&[96, 200, 130, 40]), dense(&[20, 300, 400, 300, 1]), dense(&[9, 730, 720, 1])];
    let networks: Vec<Network> = few.into_iter().chain([conv(3000, 6), energy(2500)]).collect();
    for net in &networks {
        for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal, Quantity::Laplacian] {
            let strategies = || Strategy::of(quantity).filter(|&s| s != Strategy::Dense);
            let kinds = [LaneKind::Color, LaneKind::Offset, LaneKind::Input];
            for (strategy, lanes) in strategies().flat_map(|s| kinds.map(|lanes| (s, lanes))) {
                let options = PlanOptions::new(quantity).strategy(strategy).lanes(lanes);
                let Ok(plan) = Plan::with(net, &options) else {
                    assert_ne!(lanes, LaneKind::Color);
                    continue;
                };
                if plan.passes().lanes() > 600 {
                    continue;
                }
                let points = if net.inputs() > 1000 { 3 } else { 70 };
                let xs =
                    Array2::from_shape_vec((points, net.inputs()), Random(3).numbers(points * net.inputs())).unwrap();
                let runs: Vec<_> = [1, 2, 5]
                    .into_iter()
                    .map(|threads| {
                        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                        pool.install(|| {
                            let one = plan.run(net, xs.row(0)).unwrap();
                            let many = plan.run_batch(net, xs.view()).unwrap();
                            (one, many.value, many.jacobian, many.hessian_diagonal.or(many.laplacian))
                        })
                    })
                    .collect();
                assert!(runs[0].0.nnz() > 0);
                // Comparison of numbers would take −0 for 0; no result is NaN.
                let bits = |k: usize| -> Vec<u64> {
                    let (one, value, jacobian, diagonal) = &runs[k];
                    let all = one
                        .data()
                        .iter()
                        .chain(value)
                        .chain(jacobian.iter().flatten())
                        .chain(diagonal.iter().flatten());
                    all.map(|v| v.to_bits()).collect()
                };
                for k in 1..runs.len() {
                    assert!(bits(k) == bits(0), "{quantity} by {strategy}, {lanes:?}: run {k} differs");
                }
            }
        }
    }
}

#[test]
fn a_plan_is_shared_by_threads() {
    let net = dense(&[12, 30, 5]);
    let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
    let x = ndarray::Array1::from(Random(4).numbers(12));
    let alone = plan.run(&net, x.view()).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| plan.run(&net, x.view()).unwrap())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

/// Who watches a run hears of every point once, and changes nothing.
#[test]
fn a_watcher_hears_of_every_point() {
    let net = dense(&[48, 96, 12]);
    let plan = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
    let points = Array2::from_shape_vec((501, 48), Random(1).numbers(501 * 48)).unwrap();
    let expected = plan.run_batch(&net, points.view()).unwrap();
    for threads in [1, 4] {
        let done = Arc::new(AtomicUsize::new(0));
        let mut workspace = Workspace::watched({
            let done = done.clone();
            move |points| {
                done.fetch_add(points, Ordering::Relaxed);
            }
        });
        let mut result = BatchDerivatives::zeros(&plan, 501).unwrap();
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let numbers = points.as_slice().unwrap();
        pool.install(|| plan.run_into(&net, numbers, result.outputs(), &mut workspace)).unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 501);
        assert_eq!(result.hessian_diagonal, expected.hessian_diagonal);
        assert_eq!(result.value, expected.value);
    }
}

#[test]
fn values_at_many_points_are_those_at_each() {
    let net = dense(&[6, 20, 3]);
    let points = Array2::from_shape_vec((150, 6), Random(2).numbers(150 * 6)).unwrap();
    let values = net.values(points.view()).unwrap();
    assert_eq!(values.dim(), (150, 3));
    for (x, y) in points.rows().into_iter().zip(values.rows()) {
        let expected = net.value(x).unwrap();
        assert!(expected.iter().zip(y).all(|(a, b)| (a - b).abs() < 1e-14));
    }
    let refused = |points: Array2<f64>| net.values(points.view()).unwrap_err().kind();
    assert_eq!(refused(Array2::zeros((0, 6))), ErrorKind::Empty);
    assert_eq!(refused(Array2::zeros((2, 3))), ErrorKind::Shape);
    assert_eq!(refused(Array2::from_elem((80, 6), f64::NAN)), ErrorKind::NonFinite);
}

/// However many points there are, and however they are shared out: small networks, whose blocks are whole pieces, and larger
/// ones; short rows and long ones; with the Jacobian.
#[test]
fn every_point_of_a_batch_is_made_as_if_alone() {
    for widths in [&[2, 16, 16, 1][..], &[3, 64, 70, 2], &[11, 100, 40, 1], &[40, 50, 30]] {
        let net = dense(widths);
        let n = net.inputs();
        for quantity in [Quantity::HessianDiagonal, Quantity::Laplacian] {
            let plan = Plan::with(&net, &PlanOptions::new(quantity).with_jacobian()).unwrap();
            let points = Array2::from_shape_vec((1100, n), Random(5).numbers(1100 * n)).unwrap();
            let alone: Vec<_> = points.rows().into_iter().map(|x| plan.run_all(&net, x).unwrap()).collect();
            for (count, threads) in [2, 31, 97, 128, 129, 300, 513, 1100].into_iter().zip([1, 2, 3].into_iter().cycle())
            {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let points = points.slice(s![..count, ..]);
                let batch = pool.install(|| plan.run_batch(&net, points).unwrap());
                let (jacobian, second) = (batch.jacobian.unwrap(), batch.hessian_diagonal.or(batch.laplacian).unwrap());
                assert_eq!((batch.value.nrows(), jacobian.nrows(), second.nrows()), (count, count, count));
                for (k, alone) in alone[..count].iter().enumerate() {
                    let expected = alone.value.iter().chain(alone.jacobian.as_ref().unwrap().data());
                    let of_second =
                        alone.hessian_diagonal.iter().flat_map(|d| d.data()).chain(alone.laplacian.iter().flatten());
                    let made = batch.value.row(k).into_iter().chain(jacobian.row(k)).chain(second.row(k));
                    for (expected, made) in expected.chain(of_second).zip(made) {
                        assert!((expected - made).abs() < 1e-12, "{widths:?}, {quantity}, point {k} of {count}");
                    }
                }
            }
        }
    }
}
