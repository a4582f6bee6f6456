//! [`Chain`]: layers in a row, the way `Chain(Dense(10, 5, elu), Dense(5, 3))` is written elsewhere.

use super::{LayerId, Network, NetworkBuilder};
use crate::activation::Activation;
use crate::error::Result;
use crate::layer::ConvOptions;
use ndarray::{Array1, Array2, ArrayD};
use sprs::CsMat;

/// A network of one input and layers in a row; an error waits until [`build`](Chain::build).
///
/// Layers are named by kind and place: `dense1`, `tanh2`, ….
#[derive(Clone, Debug)]
pub struct Chain {
    state: Result<(NetworkBuilder, LayerId)>,
    length: usize,
}

impl Chain {
    pub(super) fn new(shape: &[usize]) -> Self {
        let mut builder = NetworkBuilder::default();
        let state = builder.input("x", shape).map(|x| (builder, x));
        Chain { state, length: 0 }
    }

    /// Any step of the builder on the last layer; `name` is completed by the place in the row.
    pub fn then(self, name: &str, step: impl FnOnce(&mut NetworkBuilder, &str, LayerId) -> Result<LayerId>) -> Self {
        let length = self.length + 1;
        let state = self.state.and_then(|(mut builder, last)| {
            let last = step(&mut builder, &format!("{name}{length}"), last)?;
            Ok((builder, last))
        });
        Chain { state, length }
    }

    /// See [`NetworkBuilder::dense`].
    pub fn dense(self, weight: Array2<f64>, bias: impl Into<Option<Array1<f64>>>) -> Self {
        self.then("dense", |b, name, x| b.dense(name, x, weight, bias))
    }

    /// See [`NetworkBuilder::sparse`].
    pub fn sparse(self, matrix: CsMat<f64>, bias: impl Into<Option<Array1<f64>>>) -> Self {
        self.then("sparse", |b, name, x| b.sparse(name, x, matrix, bias))
    }

    /// See [`NetworkBuilder::conv`].
    pub fn conv(self, weight: ArrayD<f64>, bias: impl Into<Option<Array1<f64>>>, options: &ConvOptions) -> Self {
        self.then("conv", |b, name, x| b.conv(name, x, weight, bias, options))
    }

    /// See [`NetworkBuilder::activation`].
    pub fn activation(self, activation: Activation) -> Self {
        let name = activation.name().to_owned();
        self.then(&name, |b, name, x| b.activation(name, x, activation))
    }

    /// The network, or the first error of the row.
    ///
    /// # Errors
    /// As [`NetworkBuilder`].
    pub fn build(self) -> Result<Network> {
        let (builder, last) = self.state?;
        builder.build(&[last])
    }
}
