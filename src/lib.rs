//! Exact derivatives of networks with respect to their *inputs*: sparse Jacobians and Hessian diagonals (the
//! "second-order Jacobian", d²y_i/dx_j² for every output i and input j), in as few passes as the structure allows.
//!
//! ```
//! use colorjet::{Activation, Network, Plan, Quantity};
//! use ndarray::array;
//!
//! let net = Network::chain([3])
//!     .dense(array![[1.0, -1.0, 0.5], [0.5, 2.0, 0.1]], array![0.1, 0.0])
//!     .activation(Activation::Tanh)
//!     .dense(array![[1.0, 1.0]], None)
//!     .build()?;
//! let plan = Plan::new(&net, Quantity::HessianDiagonal)?; // analysis and coloring, once
//! let d = plan.run(&net, array![0.3, -0.2, 0.9].view())?; // 1 × 3, sparse
//! # assert_eq!(d.nnz(), 3);
//! # Ok::<(), colorjet::Error>(())
//! ```
//!
//! # The identity behind everything
//!
//! For a network of linear maps and elementwise functions, with pre-activations z_k and a_k = σ(z_k),
//!
//! ```text
//! d²y_i / dx_j dx_j'  =  Σ_k  (∂y_i/∂a_k) · σ''(z_k) · (∂z_k/∂x_j) · (∂z_k/∂x_j')
//! ```
//!
//! so second derivatives arise only in curved units, and entry (j, j') only in units that depend on both inputs.
//! From that follow the patterns ([`Sparsity`]), the colorings ([`coloring`]) and the exactness of every strategy.
//!
//! # Operators
//!
//! | call | result | shape | sweeps |
//! |---|---|---|---|
//! | [`Network::value`] | y | m | one |
//! | [`jacobian`] | dy_i/dx_j | m × n, sparse | a forward lane for each column color or offset, or a reverse lane for each row color |
//! | [`hessian_diagonal`] | d²y_i/dx_j² | m × n, sparse | a second-order lane for each color or offset; or adjoints and a tangent lane for each; or Hessian-vector products |
//! | [`laplacian`] | Σ_j d²y_i/dx_j² | m | as the Hessian diagonal, whose rows it sums; or a lane for each color and one for the sum |
//! | [`Plan::run`] | the planned quantity at a point | m × n, sparse | [`Plan::passes`] |
//! | [`Plan::run_all`] | value, Jacobian, Hessian diagonal or Laplacian | | the same |
//! | [`Plan::run_batch`] | the same at B points | B × entries | the same for each point |
//! | [`Plan::run_into`] | the same, into your buffers | B × entries | the same, without allocating |
//!
//! The [`guide`] says more: which quantity and strategy, patterns and colors, kinks, precision, files, limits, and how to
//! come from Flux, PyTorch, JAX or Keras.
//!
//! # Features
//!
//! `cli`, the default, makes the command `colorjet`, and needs the three others: `onnx` reads networks in ONNX files,
//! `numpy` reads and writes arrays in NumPy's files and sparse results for SciPy, `plot` draws patterns, colors, layer
//! graphs and results.
//!
//! # The house, from the ground up
//!
//! 1. `error`, `scalar`, `windows`, `memory`, `buffer`, `spread`: errors with their place, precisions, arrays in slices, limits,
//!    aligned numbers, pieces for threads; `dual`: second-order dual numbers; `sets`: shared dependency sets;
//!    `cost`: what sweeps cost.
//! 2. `activation`: σ, σ', σ'' of each function, vectorized; `pattern`, `rows`: structure-only matrices, blocks of lanes;
//!    `gemm`: a matrix times a block; `strategy`: the names of what can be asked for.
//! 3. `layer`: one file for each kind, with all that is true of it: shape, dependencies, values, both derivative rules;
//!    `coloring`: orders, distance-1 and partial distance-2 colorings, checkers; `spy`: patterns as text.
//! 4. `network`: the layer graph; `rotation`: its inputs turned, for Laplacians.
//! 5. `sparsity`, `influence`: which inputs a unit sees, which outputs it reaches; `compress`: seeds from colors; `readout`:
//!    recovery as a gather; `tape`, `schedule`: the value pass, buffers; `files`: networks, arrays and patterns in files.
//! 6. `forward`, `reverse`: the sweeps over blocks of lanes; `tiles`: the sweep of a local network, whose lanes belong to
//!    distances, tile by tile; `vectors`: rows of the inputs alone that a unit depends on; `apart`: inputs that never meet.
//! 7. `nodal`: sums over the nonlinear units.
//! 8. `program`, `workspace`, `planner`, `plan`: what each strategy does, as data, and its memory; which one, and why.
//! 9. `run`, `results`, `exec`, `calls`: running it; `plot`: pictures of all this; `guide`: pages of text.

#![forbid(unsafe_code)]

mod activation;
mod apart;
mod buffer;
mod calls;
pub mod coloring;
mod compress;
mod cost;
mod dual;
mod error;
mod exec;
mod files;
mod forward;
mod gemm;
pub mod guide;
mod influence;
mod layer;
mod memory;
mod network;
mod nodal;
mod pattern;
mod plan;
mod planner;
#[cfg(feature = "plot")]
pub mod plot;
mod program;
mod readout;
mod results;
mod reverse;
mod rotation;
mod rows;
mod run;
mod scalar;
mod schedule;
mod sets;
mod sparsity;
mod spread;
mod spy;
mod strategy;
mod tape;
mod tiles;
mod vectors;
mod windows;
mod workspace;

pub use activation::{Activation, Custom};
pub use calls::{hessian_diagonal, jacobian, laplacian};
pub use coloring::Order;
pub use cost::Passes;
pub use dual::Jet2;
pub use error::{Error, ErrorKind, Result};
pub use files::LoadOptions;
#[cfg(feature = "numpy")]
pub use files::numpy;
pub use layer::{Broadcast, Conv, ConvOptions, Dense, Elementwise, Gather, Kind, Select, Sparse, Sum, Window};
pub use network::{Chain, Component, Connectivity, Layer, LayerId, Network, NetworkBuilder, PadMode, Pool, Structure};
pub use pattern::Pattern;
pub use plan::{Plan, PlanOptions};
pub use results::{BatchDerivatives, Derivatives, Outputs};
pub use scalar::Scalar;
pub use sparsity::Sparsity;
pub use strategy::{LaneKind, Quantity, Strategy};
pub use workspace::Workspace;

/// The README's code is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
