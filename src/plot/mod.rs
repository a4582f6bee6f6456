//! Pictures: patterns with the colors of their lanes, layer graphs, heat maps, and all of a plan on one sheet.
//!
//! ```
//! use colorjet::{Activation, Network, Plan, Quantity, plot};
//! use ndarray::array;
//!
//! let net = Network::chain([2])
//!     .dense(array![[1.0, -1.0], [0.5, 2.0]], array![0.1, 0.0])
//!     .activation(Activation::Tanh)
//!     .build()?;
//! let plan = Plan::new(&net, Quantity::HessianDiagonal)?;
//! let picture = plot::plan(&net, &plan)?;
//! assert!(picture.to_svg().starts_with("<svg"));
//! # Ok::<(), colorjet::Error>(())
//! ```
//!
//! From the bottom up: `palette`, `text` and `drawing` make SVG elements, `axis` and `raster` turn any number of
//! entries into a bounded number of rectangles, `layered` places the nodes of a graph; then one file for each
//! picture, and `picture` writes it.

mod axis;
mod drawing;
mod graph;
mod heat_map;
mod layered;
mod matrix;
mod palette;
mod picture;
mod raster;
mod series;
mod sheet;
mod text;

pub use graph::graph;
pub use heat_map::heat_map;
pub use matrix::pattern;
pub use picture::Picture;
pub use sheet::plan;
