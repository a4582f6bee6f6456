//! What the planner chooses, on both sides of its borders. Structure alone decides, so all weights are one.

use colorjet::{Activation, ConvOptions, ErrorKind, LaneKind, Network, Plan, PlanOptions, Quantity, Strategy};
use ndarray::{Array2, ArrayD, IxDyn};

fn dense(widths: &[usize]) -> Network {
    let mut chain = Network::chain([widths[0]]);
    for (layer, pair) in widths.windows(2).enumerate() {
        if layer > 0 {
            chain = chain.activation(Activation::Tanh);
        }
        chain = chain.dense(Array2::ones((pair[1], pair[0])), None);
    }
    chain.build().unwrap()
}

/// Two convolutions with functions, and the sum of all if it is an energy.
fn lattice(length: usize, is_energy: bool) -> Network {
    let mut chain = Network::chain([1, length]);
    for (made, read) in [(4, 1), (2, 4)] {
        let options = ConvOptions { padding: vec![[2, 2]], ..Default::default() };
        chain = chain.conv(ArrayD::ones(IxDyn(&[made, read, 5])), None, &options).activation(Activation::Tanh);
    }
    let chain = if is_energy { chain.dense(Array2::ones((1, 2 * length)), None) } else { chain };
    chain.build().unwrap()
}

fn chosen(net: &Network, options: PlanOptions) -> Strategy {
    Plan::with(net, &options).unwrap().strategy()
}

#[test]
fn the_smaller_side_carries_the_jacobian() {
    let options = || PlanOptions::new(Quantity::Jacobian);
    assert_eq!(chosen(&dense(&[3, 30, 40]), options()), Strategy::Forward);
    assert_eq!(chosen(&dense(&[40, 30, 3]), options()), Strategy::Reverse);
}

/// One output is cheapest by nodal, many outputs by second-order lanes; between them there is one border.
#[test]
fn more_outputs_turn_nodal_into_double_forward() {
    for options in
        [PlanOptions::new(Quantity::HessianDiagonal), PlanOptions::new(Quantity::HessianDiagonal).points(500)]
    {
        let of = |m: usize| chosen(&dense(&[16, 64, 64, 64, m]), options.clone());
        let strategies: Vec<Strategy> = [1, 2, 4, 8, 16, 32, 64, 128].map(of).to_vec();
        assert_eq!(strategies[0], Strategy::Nodal);
        assert_eq!(strategies[7], Strategy::DoubleForward);
        assert_eq!(strategies.windows(2).filter(|pair| pair[0] != pair[1]).count(), 1, "{strategies:?}");
    }
}

#[test]
fn the_sum_alone_has_one_lane_where_there_are_many_outputs() {
    let net = dense(&[16, 64, 64, 64, 64]);
    assert_eq!(chosen(&net, PlanOptions::new(Quantity::Laplacian)), Strategy::ForwardLaplacian);
    assert_eq!(chosen(&net, PlanOptions::new(Quantity::HessianDiagonal)), Strategy::DoubleForward);
}

#[test]
fn local_networks_have_lanes_by_offset() {
    let of = |net: &Network| {
        let plan = Plan::new(net, Quantity::HessianDiagonal).unwrap();
        (plan.strategy(), plan.lane_kind())
    };
    assert_eq!(of(&lattice(5000, false)), (Strategy::DoubleForward, Some(LaneKind::Offset)));
    assert_eq!(of(&lattice(5000, true)), (Strategy::Nodal, Some(LaneKind::Offset)));
    // A dense network has no distances.
    assert_eq!(of(&dense(&[4, 8, 8])), (Strategy::DoubleForward, Some(LaneKind::Color)));
}

/// Whatever else would be cheaper: lanes of the kind that is forced, or an error that says why there are none.
#[test]
fn lanes_that_are_forced_are_had() {
    let quantities = [
        PlanOptions::new(Quantity::Jacobian),
        PlanOptions::new(Quantity::HessianDiagonal),
        PlanOptions::new(Quantity::HessianDiagonal).with_jacobian(),
        PlanOptions::new(Quantity::Laplacian),
    ];
    let nets = [dense(&[30, 64, 64, 1]), dense(&[3, 20, 40]), lattice(50, false), lattice(50, true)];
    let mut had = 0;
    for (net, options) in nets.iter().flat_map(|net| quantities.iter().map(move |options| (net, options))) {
        for kind in [LaneKind::Color, LaneKind::Offset, LaneKind::Input] {
            match Plan::with(net, &options.clone().lanes(kind)) {
                Ok(plan) if plan.strategy() == Strategy::Reverse => assert_eq!(kind, LaneKind::Color),
                Ok(plan) => {
                    assert_eq!(plan.lane_kind(), Some(kind), "{plan}");
                    assert!(plan.strategy().has_lanes(kind));
                    had += 1;
                }
                Err(error) => {
                    assert_eq!((error.kind(), kind), (ErrorKind::WrongStrategy, LaneKind::Offset), "{error}");
                    assert!(error.to_string().contains("dense"), "{error}");
                }
            }
            for strategy in Strategy::ALL.into_iter().filter(|s| !s.has_lanes(kind)) {
                let forced = Plan::with(net, &options.clone().lanes(kind).strategy(strategy));
                assert_eq!(forced.unwrap_err().kind(), ErrorKind::WrongStrategy);
            }
        }
    }
    assert!(had > 30, "{had}");
}

/// Blocks have as many tangent lanes as are asked for, and their sum beside them.
#[test]
fn the_lane_of_the_sum_is_not_one_of_the_block() {
    let net = dense(&[70, 100, 30]);
    let options = PlanOptions::new(Quantity::Laplacian).strategy(Strategy::ForwardLaplacian).lane_block(7);
    let passes = Plan::with(&net, &options).unwrap().passes();
    assert_eq!((passes.forward_sweeps, passes.forward_lanes), (10, 80));
}

/// What is cheapest at one point need not be at many; of these networks, a plan that is not told takes one of the two.
#[test]
fn the_number_of_points_is_heard() {
    let options = || PlanOptions::new(Quantity::HessianDiagonal);
    let mut differ = 0;
    for n in 1..6 {
        for width in [16, 64, 128] {
            let net = dense(&[n, width, width, width, width, width, 1]);
            let [one, many] = [1, 4096].map(|points| chosen(&net, options().points(points)));
            let untold = chosen(&net, options());
            assert!(untold == one || untold == many, "{n}, {width}: {untold} is neither {one} nor {many}");
            differ += usize::from(one != many);
        }
    }
    assert!(differ > 0);
    // Too few to be many, and none at all, say nothing.
    let net = dense(&[2, 128, 128, 128, 128, 128, 1]);
    for points in [0, 7] {
        assert_eq!(chosen(&net, options().points(points)), chosen(&net, options()));
    }
}
