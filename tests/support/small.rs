//! A network of three inputs and two outputs.

use colorjet::{Activation, Network};
use ndarray::array;

pub fn small() -> Network {
    Network::chain([3])
        .dense(array![[1.0, 0.5, -1.0], [0.3, 0.2, 0.1]], None)
        .activation(Activation::Tanh)
        .build()
        .unwrap()
}
