//! Lanes by offset: generated local networks, cut into tiles of all sizes, against lanes by color and the oracle.

#[path = "support/local.rs"]
mod local;
#[path = "support/random.rs"]
mod random;

use colorjet::{Activation, ConvOptions, ErrorKind, LaneKind, Network, PadMode, Plan, PlanOptions, Quantity, Strategy};
use local::{compare, compare_to, local_network, point};
use ndarray::{Array1, Array2, ArrayD, IxDyn, array};
use proptest::prelude::*;
use random::Random;
use sprs::TriMat;

fn compare_values(ours: &Array1<f64>, exact: &Array1<f64>) -> Result<(), TestCaseError> {
    compare_to(ours, exact, 1e-300)
}

/// Sums of many terms of both signs, of the order of one: a sum may be far smaller than what it is made of.
fn compare_sums(ours: &Array1<f64>, exact: &Array1<f64>) -> Result<(), TestCaseError> {
    compare_to(ours, exact, 1.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn tiles_agree_with_the_oracle(seed in any::<u64>(), tile in 1usize..40) {
        let net = local_network(seed, false);
        let x = point(&net, seed);
        for (quantity, strategy) in [
            (Quantity::Jacobian, Strategy::Forward),
            (Quantity::HessianDiagonal, Strategy::DoubleForward),
            (Quantity::HessianDiagonal, Strategy::Nodal),
            (Quantity::Laplacian, Strategy::DoubleForward),
        ] {
            let base = PlanOptions::new(quantity).with_jacobian();
            let oracle = Plan::with(&net, &base.clone().strategy(Strategy::Dense)).unwrap();
            let exact = oracle.run_all(&net, x.view()).unwrap();
            let offset = base.strategy(strategy).lanes(LaneKind::Offset);
            for options in [offset.clone(), offset.tile(tile)] {
                let plan = match Plan::with(&net, &options) {
                    Ok(plan) => plan,
                    // Outputs may share an adjoint lane, and copies may differ.
                    Err(e) if strategy == Strategy::Nodal || e.to_string().contains("comes back") => {
                        prop_assert_eq!(e.kind(), ErrorKind::WrongStrategy);
                        continue;
                    }
                    Err(e) => return Err(TestCaseError::fail(e.to_string())),
                };
                let all = plan.run_all(&net, x.view()).unwrap();
                compare_values(&all.value, &exact.value)?;
                compare(&all.jacobian.unwrap(), exact.jacobian.as_ref().unwrap())?;
                if let (Some(ours), Some(exact)) = (&all.hessian_diagonal, &exact.hessian_diagonal) {
                    compare(ours, exact)?;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Many channels between few, whose lanes have no block of their own; also where only the last layer sees further than
    /// its own position, so that what it is made of begins and ends with the box.
    #[test]
    fn chains_of_convolutions_agree_with_the_oracle(
        seed in any::<u64>(),
        channels in (1usize..3, 1usize..10, 4usize..18, 1usize..4),
        kernels in (1usize..4, 1usize..4, 1usize..8),
        axes in 1usize..3,
        [periodic, energy, second] in any::<[bool; 3]>(),
        tile in 1usize..80,
    ) {
        let (channels, kernels) = (<[usize; 4]>::from(channels), <[usize; 3]>::from(kernels));
        let mut random = Random(seed);
        let mut builder = Network::builder();
        let positions: &[usize] = if axes == 1 { &[53] } else { &[9, 8] };
        let mut layer = builder.input("x", &[&channels[..1], positions].concat()).unwrap();
        for (number, kernel) in kernels.into_iter().enumerate() {
            let around: Vec<[usize; 2]> = (0..axes).map(|_| [kernel / 2, (kernel - 1) / 2]).collect();
            let dims = [&[channels[number + 1], channels[number]], &vec![kernel; axes][..]].concat();
            let count: usize = dims.iter().product();
            let weight = ArrayD::from_shape_vec(IxDyn(&dims), random.weights(count, count / dims[0])).unwrap();
            let bias = Array1::from(random.numbers(dims[0]));
            let mut options = ConvOptions::default();
            if periodic {
                let around = [&[[0, 0]], &around[..]].concat();
                layer = builder.pad(&format!("pad{number}"), layer, &around, PadMode::Circular).unwrap();
            } else {
                options.padding = around;
            }
            layer = builder.conv(&format!("conv{number}"), layer, weight, bias, &options).unwrap();
            // Under a sum, tangents go through a function only if it is not curved.
            let function = if energy && number == 1 { Activation::LeakyRelu { alpha: 0.3 } } else { Activation::Sin };
            // Second order alone is carried to an output that is linear.
            if energy || !second || number < 2 {
                layer = builder.activation(&format!("function{number}"), layer, function).unwrap();
            }
        }
        if energy {
            let units = builder.shape(layer).unwrap().iter().product();
            let weight = Array2::from_shape_vec((1, units), random.weights(units, units)).unwrap();
            layer = builder.dense("energy", layer, weight, None).unwrap();
        }
        let net = builder.build(&[layer]).unwrap();
        let x = point(&net, seed);
        let (base, strategy) = if energy {
            (PlanOptions::new(Quantity::HessianDiagonal).with_jacobian(), Strategy::Nodal)
        } else if second {
            (PlanOptions::new(Quantity::HessianDiagonal), Strategy::DoubleForward)
        } else {
            (PlanOptions::new(Quantity::Jacobian), Strategy::Forward)
        };
        let exact = Plan::with(&net, &base.clone().strategy(Strategy::Dense)).unwrap().run_all(&net, x.view()).unwrap();
        let options = base.strategy(strategy).lanes(LaneKind::Offset).tile(tile);
        let all = Plan::with(&net, &options).unwrap().run_all(&net, x.view()).unwrap();
        if energy {
            compare_sums(&all.value, &exact.value)?;
            compare(&all.jacobian.unwrap(), &exact.jacobian.unwrap())?;
            return compare(&all.hessian_diagonal.unwrap(), &exact.hessian_diagonal.unwrap());
        }
        compare_values(&all.value, &exact.value)?;
        if second {
            return compare(&all.hessian_diagonal.unwrap(), &exact.hessian_diagonal.unwrap());
        }
        let double = all.jacobian.unwrap();
        compare(&double, &exact.jacobian.unwrap())?;
        // In single precision the same, within its own.
        let net = net.cast::<f32>().unwrap();
        let single = Plan::with(&net, &options).unwrap().run(&net, x.mapv(|x| x as f32).view()).unwrap();
        prop_assert!(single.indices() == double.indices());
        for (&single, &double) in single.data().iter().zip(double.data()) {
            prop_assert!((f64::from(single) - double).abs() < 1e-5, "{} and {}", single, double);
        }
    }
}

/// Large enough for several tiles of the size that fits the cache, on every axis.
#[test]
fn large_grids_agree_with_lanes_by_color() {
    let conv = |axes: &[usize], channels: &[usize], periodic: bool, energy: bool| {
        let mut builder = Network::builder();
        let mut layer = builder.input("x", &[&[1], axes].concat()).unwrap();
        let mut random = Random(7);
        for (number, pair) in channels.windows(2).enumerate() {
            let kernel = vec![3; axes.len()];
            let dims = [&[pair[1], pair[0]], &kernel[..]].concat();
            let count = dims.iter().product();
            let weight = ArrayD::from_shape_vec(IxDyn(&dims), random.weights(count, count / pair[1])).unwrap();
            let mut options = ConvOptions::default();
            if periodic {
                let around: Vec<[usize; 2]> = std::iter::once([0, 0]).chain(axes.iter().map(|_| [1, 1])).collect();
                layer = builder.pad(&format!("pad{number}"), layer, &around, PadMode::Circular).unwrap();
            } else {
                options.padding = vec![[1, 1]; axes.len()];
            }
            layer = builder.conv(&format!("conv{number}"), layer, weight, None, &options).unwrap();
            layer = builder.activation(&format!("tanh{number}"), layer, Activation::Tanh).unwrap();
        }
        if energy {
            let units = builder.shape(layer).unwrap().iter().product();
            let weight = Array2::from_shape_vec((2, units), random.weights(2 * units, units)).unwrap();
            layer = builder.dense("sum", layer, weight, Some(Array1::from(random.numbers(2)))).unwrap();
        }
        builder.build(&[layer]).unwrap()
    };
    // With and without first layers of one input each, and with few channels made of many in the end.
    for (axes, channels) in [(&[5000][..], &[1, 5, 9, 2][..]), (&[70, 65], &[1, 5, 9, 3]), (&[17, 16, 19], &[1, 9, 2])]
    {
        for (periodic, energy) in [(false, false), (true, false), (false, true), (true, true)] {
            let net = conv(axes, channels, periodic, energy);
            let x = point(&net, 3);
            let options = |lanes| PlanOptions::new(Quantity::HessianDiagonal).with_jacobian().lanes(lanes);
            let strategy = if energy { Strategy::Nodal } else { Strategy::DoubleForward };
            let [offset, color] = [LaneKind::Offset, LaneKind::Color].map(|lanes| {
                let plan = Plan::with(&net, &options(lanes).strategy(strategy)).unwrap();
                plan.run_all(&net, x.view()).unwrap()
            });
            compare(&offset.hessian_diagonal.unwrap(), &color.hessian_diagonal.unwrap()).unwrap();
            compare(&offset.jacobian.unwrap(), color.jacobian.as_ref().unwrap()).unwrap();
            let compare_values = if energy { compare_sums } else { compare_values };
            compare_values(&offset.value, &color.value).unwrap();
            if !energy {
                // First order alone.
                let options = PlanOptions::new(Quantity::Jacobian).strategy(Strategy::Forward).lanes(LaneKind::Offset);
                let plan = Plan::with(&net, &options).unwrap();
                compare(&plan.run(&net, x.view()).unwrap(), &color.jacobian.unwrap()).unwrap();
            }
        }
    }
}

/// Whatever makes the values says the same of the first unit that leaves a domain, and of no unit that nobody reads.
#[test]
fn the_first_unit_outside_of_a_domain_is_named() {
    // σ of a first sum, and a sum of that; positions on one axis and on two.
    let net = |function: Activation, axes: &[usize], energy: bool| {
        let mut random = Random(2);
        let kernel = |dims: [usize; 2], weights| {
            let dims = [&dims[..], &vec![3; axes.len()]].concat();
            ArrayD::from_shape_vec(IxDyn(&dims), weights).unwrap()
        };
        let options = ConvOptions { padding: vec![[1, 1]; axes.len()], ..ConvOptions::default() };
        let window = 3usize.pow(axes.len() as u32);
        // The first channel is the input itself, the second its double, each from the end of a window: in a box, what is
        // not needed reads what is not there.
        let mut copies = vec![0.0; 2 * window];
        (copies[window - 1], copies[2 * window - 1]) = (1.0, 2.0);
        let first = ConvOptions::default();
        let chain = Network::chain([&[1], axes].concat()).conv(kernel([2, 1], copies), None, &first);
        let chain = chain.activation(function);
        let weights = random.numbers(4 * window);
        let chain = chain.conv(kernel([2, 2], weights), None, &options).activation(Activation::Softplus);
        if !energy {
            return chain.build().unwrap();
        }
        // What is cut off on the way makes the first layer smaller than the input.
        let units = 2 * axes.iter().map(|len| len - 2).product::<usize>();
        let weight = Array2::from_shape_vec((1, units), random.weights(units, units)).unwrap();
        chain.dense(weight, array![0.5]).build().unwrap()
    };
    for (axes, energy) in [(&[6000][..], false), (&[80, 70], false), (&[6000], true), (&[80, 70], true)] {
        let n: usize = axes.iter().product();
        let strategy = if energy { Strategy::Nodal } else { Strategy::DoubleForward };
        for (function, inside, outside) in
            [(Activation::Log, 0.5, -1.0), (Activation::Sqrt, 0.5, 0.0), (Activation::Exp, 0.5, 500.0)]
        {
            let net = net(function.clone(), axes, energy);
            let plan = |lanes| {
                let options = PlanOptions::new(Quantity::HessianDiagonal).lanes(lanes);
                Plan::with(&net, &options.strategy(strategy)).unwrap()
            };
            let [offset, color] = [LaneKind::Offset, LaneKind::Color].map(plan);
            let mut x = Array1::from_elem(n, inside);
            assert!(offset.run(&net, x.view()).is_ok(), "{function:?}");
            for bad in [vec![n - 1], vec![n / 2 + 3, n / 2 + 1, n - 7], vec![n / 3, 0]] {
                bad.iter().for_each(|&j| x[j] = outside);
                let [ours, expected] = [&offset, &color].map(|plan| plan.run(&net, x.view()).unwrap_err());
                assert_eq!(ours.kind(), ErrorKind::NonFinite);
                assert_eq!(ours.to_string(), expected.to_string());
                bad.iter().for_each(|&j| x[j] = inside);
            }
        }
    }
}

#[test]
fn a_row_of_weights_in_a_grid_is_one_row() {
    let mut builder = Network::builder();
    let x = builder.input("x", &[1, 1, 40]).unwrap();
    let mut random = Random(11);
    let matrix = TriMat::from_triplets((40, 40), (0..40).collect(), (0..40).collect(), random.numbers(40));
    let row = builder.sparse("row", x, matrix.to_csr(), None).unwrap();
    let weight = ArrayD::from_shape_vec(IxDyn(&[1, 1, 3, 3]), random.numbers(9)).unwrap();
    let options = ConvOptions { padding: vec![[2, 3], [4, 1]], ..ConvOptions::default() };
    let grid = builder.conv("grid", x, weight, None, &options).unwrap();
    let outputs = [row, grid]
        .map(|l| builder.activation(if l == row { "tanh 1" } else { "tanh 2" }, l, Activation::Tanh).unwrap());
    let net = builder.build(&outputs).unwrap();
    let x = point(&net, 5);
    let plan = |lanes, tile| {
        let options = PlanOptions::new(Quantity::HessianDiagonal).with_jacobian().lanes(lanes).tile(tile);
        Plan::with(&net, &options.strategy(Strategy::DoubleForward)).unwrap().run_all(&net, x.view()).unwrap()
    };
    let color = plan(LaneKind::Color, 1);
    for tile in [1, 7, 64, 1000] {
        let offset = plan(LaneKind::Offset, tile);
        compare(offset.hessian_diagonal.as_ref().unwrap(), color.hessian_diagonal.as_ref().unwrap()).unwrap();
        compare(offset.jacobian.as_ref().unwrap(), color.jacobian.as_ref().unwrap()).unwrap();
    }
}

/// Two copies of a unit, each with a shift of its own, are two different functions of it: a period of 1 does not
/// describe them.
#[test]
fn copies_with_numbers_of_their_own_are_not_periodic() {
    let mut builder = Network::builder();
    let x = builder.input("x", &[1, 1]).unwrap();
    let copied = builder.pad("copied", x, &[[0, 0], [0, 1]], PadMode::Circular).unwrap();
    let shift = Some(vec![-0.125, -0.875]);
    let shifted = builder.weighted_sum("shifted", &[copied], &[None], shift).unwrap();
    let product = builder.product("product", shifted, copied).unwrap();
    let curved = builder.activation("curved", product, Activation::Tanh).unwrap();
    let net = builder.build(&[curved]).unwrap();
    let x = Array1::from(vec![0.75]);
    let options = PlanOptions::new(Quantity::HessianDiagonal);
    let error = Plan::with(&net, &options.clone().lanes(LaneKind::Offset)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStrategy);
    assert!(error.to_string().contains("shifted"), "{error}");
    let exact = Plan::with(&net, &options.clone().strategy(Strategy::Dense)).unwrap().run(&net, x.view()).unwrap();
    compare(&Plan::with(&net, &options).unwrap().run(&net, x.view()).unwrap(), &exact).unwrap();
}

#[test]
fn a_layer_that_is_not_local_is_named() {
    let net = Network::chain([1, 8])
        .conv(Array2::ones((1, 3)).into_shape_with_order((1, 1, 3)).unwrap().into_dyn(), None, &ConvOptions::default())
        .activation(Activation::Tanh)
        .dense(Array2::ones((2, 6)), None)
        .activation(Activation::Tanh)
        .build()
        .unwrap();
    let offset = PlanOptions::new(Quantity::HessianDiagonal).lanes(LaneKind::Offset);
    let error = Plan::with(&net, &offset).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStrategy);
    assert!(error.to_string().contains("dense"), "{error}");
    let zero = Plan::with(&net, &PlanOptions::new(Quantity::Jacobian).tile(0)).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidParameter);
}
