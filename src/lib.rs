//! Exact derivatives of networks with respect to their inputs.

mod activation;
pub mod coloring;
mod compress;
mod cost;
mod dual;
mod error;
mod exec;
mod format;
mod forward;
mod layer;
mod memory;
mod network;
mod pattern;
mod plan;
mod program;
mod reverse;
mod rows;
mod scalar;
mod schedule;
mod sets;
mod sparsity;
mod spread;
mod strategy;
mod tape;

pub use activation::{Activation, Custom};
pub use coloring::Order;
pub use cost::Passes;
pub use dual::Jet2;
pub use error::{Error, ErrorKind, Result};
pub use exec::{BatchDerivatives, Derivatives, Outputs, Workspace};
pub use layer::{
    Broadcast, Conv, ConvOptions, Dense, Elementwise, Gather, Kind, Select, Sparse, Sum, Window,
};
pub use network::{
    Chain, Component, Connectivity, Layer, LayerId, Network, NetworkBuilder, PadMode, Pool, Structure,
};
pub use pattern::Pattern;
pub use plan::{Plan, PlanOptions};
pub use scalar::Scalar;
pub use sparsity::Sparsity;
pub use strategy::{Quantity, Strategy};
