//! Plans and analyses are for all networks of one structure, and for no other.

#[path = "support/says.rs"]
mod says;
#[path = "support/small.rs"]
mod small;

use colorjet::{
    Activation, ConvOptions, ErrorKind, Network, Plan, PlanOptions, Quantity, Sparsity, Strategy, hessian_diagonal,
};
use ndarray::{Array1, ArrayD, IxDyn, array};
use says::says;
use small::small;

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

/// Factors of a sum and slopes of a PReLU that are alike in a channel allow what others do not: how many there are is structure,
/// which they are is not.
#[test]
fn a_plan_takes_other_factors_but_no_more_of_them() {
    const LENGTH: usize = 300;
    let numbers = |count: usize, seed: usize| (0..count).map(|k| ((k + seed) as f64 * 0.37).cos()).collect::<Vec<_>>();
    let net = |scales: Option<usize>, slopes: usize, seed: usize| {
        let mut builder = Network::builder();
        let x = builder.input("x", &[2, LENGTH]).unwrap();
        let weight = ArrayD::from_shape_vec(IxDyn(&[2, 2, 3]), numbers(12, seed)).unwrap();
        let same = ConvOptions { padding: vec![[1, 1]], ..Default::default() };
        let z = builder.conv("z", x, weight, None, &same).unwrap();
        let a = builder.activation("a", z, Activation::Tanh).unwrap();
        let sum = builder.weighted_sum("sum", &[a, x], &[scales.map(|s| numbers(s, seed)), None], None).unwrap();
        let bent = builder.activation("bent", sum, Activation::Prelu { slope: numbers(slopes, seed) }).unwrap();
        let y = builder.activation("y", bent, Activation::Tanh).unwrap();
        builder.build(&[y]).unwrap()
    };
    let kinds = [(None, 1), (Some(1), 1), (Some(2), 1), (Some(2 * LENGTH), 1), (None, 2), (None, 2 * LENGTH)];
    let x = Array1::from(numbers(2 * LENGTH, 5));
    for made in kinds {
        for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
            let plan = Plan::new(&net(made.0, made.1, 1), quantity).unwrap();
            for other in kinds {
                let net = net(other.0, other.1, 2);
                let result = plan.run(&net, x.view());
                if (made.0.unwrap_or(1), made.1) != (other.0.unwrap_or(1), other.1) {
                    says(result, ErrorKind::PlanMismatch, &["600 → 600"]);
                    continue;
                }
                let dense = PlanOptions::new(quantity).strategy(Strategy::Dense);
                let exact = Plan::with(&net, &dense).unwrap().run(&net, x.view()).unwrap().to_dense();
                let off = (&result.unwrap().to_dense() - &exact).fold(0.0f64, |most, d| most.max(d.abs()));
                assert!(off < 1e-12, "{off}");
            }
        }
    }
}

#[test]
fn an_analysis_refuses_another_network() {
    let net = small();
    let sparsity = Sparsity::of(&net).unwrap();
    says(sparsity.hessian(&net, &[0, 2]), ErrorKind::OutOfRange, &["output 2"]);
    let deeper = Network::chain([3])
        .activation(Activation::Tanh)
        .activation(Activation::Tanh)
        .activation(Activation::Tanh)
        .build()
        .unwrap();
    let other = Sparsity::of(&deeper).unwrap();
    says(sparsity.hessian(&deeper, &[0]), ErrorKind::PlanMismatch, &["3 → 3"]);
    says(other.hessian(&net, &[0]), ErrorKind::PlanMismatch, &["3 → 2"]);
}
