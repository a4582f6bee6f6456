//! What is done with a network from a file.

use colorjet::{Network, Plan, PlanOptions, Quantity, Result};
use ndarray::Array1;

/// More units than this take too long for a fuzzer.
const MOST_UNITS: usize = 4096;

/// Memory that a plan may ask for.
const MOST_BYTES: u64 = 1 << 26;

/// Plans and runs; errors are as good as results.
pub fn use_network(loaded: Result<Network>) {
    let Ok(net) = loaded else { return };
    let units: usize = net.layers().map(|(_, layer)| layer.units()).sum();
    if units > MOST_UNITS {
        return;
    }
    let x = Array1::from_shape_fn(net.inputs(), |k| 0.3 + 0.01 * k as f64);
    for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
        let options = PlanOptions::new(quantity).max_bytes(MOST_BYTES);
        let derivatives = Plan::with(&net, &options).and_then(|plan| plan.run(&net, x.view()));
        if let Ok(derivatives) = derivatives {
            assert_eq!(derivatives.shape(), (net.outputs(), net.inputs()));
        }
    }
}
