//! Energies by offset: sums over the units of generated local networks, cut into tiles of all sizes, against the oracle.

#[path = "support/local.rs"]
mod local;
#[path = "support/random.rs"]
mod random;

use colorjet::{Activation, ConvOptions, ErrorKind, LaneKind, Network, Plan, PlanOptions, Quantity, Strategy};
use local::{compare, compare_to, local_network, point};
use ndarray::{Array1, Array2, ArrayD, IxDyn, array};
use proptest::prelude::*;
use random::Random;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn energies_agree_with_the_oracle(seed in any::<u64>(), tile in 1usize..40) {
        let net = local_network(seed, true);
        let x = point(&net, seed);
        // With the Jacobian, outputs that see one input have adjoint lanes of their own.
        let base = PlanOptions::new(Quantity::HessianDiagonal).with_jacobian();
        let oracle = Plan::with(&net, &base.clone().strategy(Strategy::Dense)).unwrap();
        let exact = oracle.run_all(&net, x.view()).unwrap();
        let offset = base.lanes(LaneKind::Offset);
        let forced = offset.clone().strategy(Strategy::Nodal);
        if let Err(e) = Plan::with(&net, &forced) {
            // Outputs of different parts may share an adjoint lane, and units that are repeated are summed once.
            prop_assert_eq!(e.kind(), ErrorKind::WrongStrategy);
            prop_assert!(net.output_layers().len() > 1 || e.to_string().contains("comes back"), "{}", e);
            return Ok(());
        }
        let alone = PlanOptions::new(Quantity::HessianDiagonal).lanes(LaneKind::Offset).strategy(Strategy::Nodal);
        for options in [offset.clone(), offset.tile(tile), forced, alone.clone(), alone.tile(tile)] {
            let plan = match Plan::with(&net, &options) {
                Ok(plan) => plan,
                // Where no output needs the Jacobian of another, they may share an adjoint lane.
                Err(e) => {
                    prop_assert!(e.to_string().contains("share an adjoint lane"), "{}", e);
                    continue;
                }
            };
            // Where nothing is curved, there is nothing to choose.
            prop_assert!(plan.strategy() == Strategy::Nodal || plan.pattern().nnz() == 0);
            let all = plan.run_all(&net, x.view()).unwrap();
            // A sum of terms of both signs, of the order of one, may be far smaller than these.
            compare_to(&all.value, &exact.value, 1.0)?;
            compare(&all.hessian_diagonal.unwrap(), exact.hessian_diagonal.as_ref().unwrap())?;
            if let Some(jacobian) = all.jacobian {
                compare(&jacobian, exact.jacobian.as_ref().unwrap())?;
            }
        }
    }
}

/// A chain of convolutions whose last layer is summed up with the weights given.
fn energy(n: usize, weight: Array2<f64>) -> Network {
    let mut random = Random(4);
    let options = ConvOptions { padding: vec![[1, 1]], ..ConvOptions::default() };
    let mut kernel =
        |dims: [usize; 3]| ArrayD::from_shape_vec(IxDyn(&dims), random.numbers(dims.iter().product())).unwrap();
    let chain = Network::chain([1, n]).conv(kernel([4, 1, 3]), None, &options).activation(Activation::Tanh);
    let chain = chain.conv(kernel([2, 4, 3]), None, &options).activation(Activation::Tanh);
    chain.dense(weight, array![0.25]).build().unwrap()
}

/// Values, slopes and adjoints of a local energy are those of a tile: the memory is that of the results.
#[test]
fn an_energy_is_not_recorded() {
    let n = 1 << 15;
    let net = energy(n, Array2::from_elem((1, 2 * n), 0.5));
    let options = PlanOptions::new(Quantity::HessianDiagonal).strategy(Strategy::Nodal);
    let [offset, color] = [LaneKind::Offset, LaneKind::Color]
        .map(|lanes| Plan::with(&net, &options.clone().lanes(lanes)).unwrap().workspace_bytes(8) / (8 * n as u64));
    // The adjoints of the last layer and the results, before all tiles are put together.
    assert!(offset < 8, "{offset} numbers for each input");
    assert!(color > 30, "{color} numbers for each input");
}

/// A function that its only reader leaves aside has the adjoint zero, whatever the buffer held before.
#[test]
fn what_is_left_aside_takes_no_part() {
    let (n, mut random) = (40, Random(9));
    let mut kernel = |channels: usize, read: usize| {
        let numbers = random.numbers(channels * read * 3);
        ArrayD::from_shape_vec(IxDyn(&[channels, read, 3]), numbers).unwrap()
    };
    let options = ConvOptions { padding: vec![[1, 1]], ..ConvOptions::default() };
    let mut net = Network::builder();
    let x = net.input("x", &[1, n]).unwrap();
    let before = net.conv("before", x, kernel(4, 1), None, &options).unwrap();
    let aside = net.activation("aside", before, Activation::Tanh).unwrap();
    let read = net.gather("gather", &[x, aside], (0..n as u32).map(Some), &[1, n], 0.0).unwrap();
    let conv = net.conv("conv", read, kernel(4, 1), None, &options).unwrap();
    let first = net.activation("first", conv, Activation::Tanh).unwrap();
    let conv = net.conv("next", first, kernel(4, 4), None, &options).unwrap();
    let last = net.activation("last", conv, Activation::Tanh).unwrap();
    let sum = net.dense("sum", last, Array2::ones((1, 4 * n)), None).unwrap();
    let net = net.build(&[sum]).unwrap();
    let x = point(&net, 3);
    let options = PlanOptions::new(Quantity::HessianDiagonal);
    let exact = Plan::with(&net, &options.clone().strategy(Strategy::Dense)).unwrap().run_all(&net, x.view()).unwrap();
    let plan = Plan::with(&net, &options.strategy(Strategy::Nodal).lanes(LaneKind::Offset).tile(7)).unwrap();
    let all = plan.run_all(&net, x.view()).unwrap();
    compare(&all.hessian_diagonal.unwrap(), exact.hessian_diagonal.as_ref().unwrap()).unwrap();
}

/// Outside of the tiles too, an overflow is found.
#[test]
fn an_energy_that_overflows_is_named() {
    let n = 300;
    let net = energy(n, Array2::from_elem((1, 2 * n), 1e307));
    let x = Array1::from_elem(n, 5.0);
    let options = PlanOptions::new(Quantity::HessianDiagonal).strategy(Strategy::Nodal);
    for lanes in [LaneKind::Offset, LaneKind::Color] {
        let plan = Plan::with(&net, &options.clone().lanes(lanes)).unwrap();
        let error = plan.run(&net, x.view()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NonFinite);
        // Infinite, or none where infinite numbers of both signs are added.
        let message = error.to_string();
        assert!(message.contains("\"dense5\": the value is") && message.contains("unit 0 of sample 0"), "{message}");
    }
}
