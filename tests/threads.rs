//! The same bits for any number of threads, on networks large enough to be shared out.

#[path = "support/random.rs"]
mod random;

use colorjet::{Activation, ConvOptions, Network, Plan, PlanOptions, Quantity, Strategy};
use ndarray::{Array2, ArrayD, IxDyn};
use random::Random;
use rayon::ThreadPoolBuilder;

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
    let networks = [dense(&[96, 200, 130, 40]), conv(3000, 6), energy(2500)];
    for net in &networks {
        for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
            for strategy in Strategy::of(quantity).filter(|&s| s != Strategy::Dense) {
                let options = PlanOptions::new(quantity).strategy(strategy);
                let plan = Plan::with(net, &options).unwrap();
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
                            (one, many.value, many.jacobian, many.hessian_diagonal)
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
                    assert!(bits(k) == bits(0), "{quantity} by {strategy}: run {k} differs");
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
