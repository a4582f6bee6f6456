//! The words of a plan: what is wanted ([`Quantity`]) and how it is computed ([`Strategy`]).

use crate::error::{Error, ErrorKind};
use std::fmt;
use std::str::FromStr;

/// What is wanted of a network.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// dy_i/dx_j for every output and input: m × n.
    Jacobian,
    /// d²y_i/dx_j² for every output and input, the "second-order Jacobian": m × n.
    HessianDiagonal,
    /// Σ_j d²y_i/dx_j² for every output: m numbers, the sums of the rows of the Hessian diagonal.
    Laplacian,
}

/// How it is computed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Jacobian: columns of one color share a tangent lane.
    Forward,
    /// Jacobian: rows of one color share an adjoint lane.
    Reverse,
    /// Hessian diagonal and Laplacian: second-order Taylor lanes, inputs colored so that those of one color never meet.
    DoubleForward,
    /// Hessian diagonal and Laplacian: Hessian-vector products, inputs colored at distance one for each group of outputs.
    ReverseOverForward,
    /// Hessian diagonal and Laplacian: a sum over the nonlinear units, of adjoint lanes times squares of tangent lanes.
    Nodal,
    /// Laplacian: tangent lanes of first order, and one lane for the sum of second order.
    ForwardLaplacian,
    /// All: one lane for every input, every entry computed; the oracle of all others.
    Dense,
}

/// How the lanes of a forward sweep are told apart.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LaneKind {
    /// By color: any network, blocks of lanes swept from layer to layer.
    Color,
    /// By the distance of the input from the unit: networks in which every layer is the same sum at all positions
    /// (convolutions without stride, matrices of few diagonals, shifts, all functions), swept tile by tile in the cache.
    Offset,
    /// By input: each unit has a lane for every input that it depends on, and no other: networks of irregular connections,
    /// whose units see few inputs in the first layers and many in the last.
    Input,
}

impl Strategy {
    /// All of them, the oracle last.
    pub const ALL: [Strategy; 7] = [
        Strategy::Forward,
        Strategy::Reverse,
        Strategy::DoubleForward,
        Strategy::ReverseOverForward,
        Strategy::Nodal,
        Strategy::ForwardLaplacian,
        Strategy::Dense,
    ];

    /// Those that compute the quantity.
    pub fn of(quantity: Quantity) -> impl Iterator<Item = Strategy> {
        Self::ALL.into_iter().filter(move |s| s.computes(quantity))
    }

    /// Whether it can compute the quantity.
    pub fn computes(self, quantity: Quantity) -> bool {
        match self {
            Strategy::Forward | Strategy::Reverse => quantity == Quantity::Jacobian,
            Strategy::DoubleForward | Strategy::ReverseOverForward | Strategy::Nodal => quantity != Quantity::Jacobian,
            Strategy::ForwardLaplacian => quantity == Quantity::Laplacian,
            Strategy::Dense => true,
        }
    }

    /// Whether its forward lanes can be of this kind, in networks that allow it. `Reverse`, which has none, counts as by color.
    pub fn has_lanes(self, kind: LaneKind) -> bool {
        match kind {
            LaneKind::Color => true,
            LaneKind::Offset => matches!(self, Strategy::Forward | Strategy::DoubleForward | Strategy::Nodal),
            LaneKind::Input => matches!(self, Strategy::Forward | Strategy::DoubleForward),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Strategy::Forward => "forward",
            Strategy::Reverse => "reverse",
            Strategy::DoubleForward => "double-forward",
            Strategy::ReverseOverForward => "reverse-over-forward",
            Strategy::Nodal => "nodal",
            Strategy::ForwardLaplacian => "forward-laplacian",
            Strategy::Dense => "dense",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for LaneKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            LaneKind::Color => "by color",
            LaneKind::Offset => "by offset",
            LaneKind::Input => "by input",
        })
    }
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Strategy::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| {
            let names: Vec<_> = Strategy::ALL.iter().map(|s| s.name()).collect();
            Error::new(ErrorKind::InvalidParameter, format!("{name:?} is not one of {}", names.join(", ")))
        })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Quantity::Jacobian => "Jacobian",
            Quantity::HessianDiagonal => "Hessian diagonal",
            Quantity::Laplacian => "Laplacian",
        })
    }
}
