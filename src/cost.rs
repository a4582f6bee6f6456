//! The cost of a strategy, counted in operations: lanes times what the sweeps do for each of them.
//!
//! One lane of first order costs about as much as one plain evaluation, but a sweep begins and ends where the
//! quantity needs it: one-hot lanes come out of a first dense layer for nothing. One function for each strategy.

use std::fmt;
use std::ops::AddAssign;

/// Sweeps through the network and the lanes they carry, for one point; the value pass is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// Forward sweeps of a block of lanes.
    pub forward_sweeps: usize,
    /// Lanes in all forward sweeps.
    pub forward_lanes: usize,
    /// Reverse sweeps of a block of lanes.
    pub reverse_sweeps: usize,
    /// Lanes in all reverse sweeps.
    pub reverse_lanes: usize,
}

impl Passes {
    /// Sweeps in both directions.
    pub fn sweeps(&self) -> usize {
        self.forward_sweeps + self.reverse_sweeps
    }

    /// Lanes in both directions.
    pub fn lanes(&self) -> usize {
        self.forward_lanes + self.reverse_lanes
    }

    pub(crate) fn forward(lanes: usize) -> Self {
        Passes { forward_sweeps: 1, forward_lanes: lanes, ..Default::default() }
    }

    pub(crate) fn reverse(lanes: usize) -> Self {
        Passes { reverse_sweeps: 1, reverse_lanes: lanes, ..Default::default() }
    }
}

impl AddAssign for Passes {
    fn add_assign(&mut self, other: Passes) {
        self.forward_sweeps += other.forward_sweeps;
        self.forward_lanes += other.forward_lanes;
        self.reverse_sweeps += other.reverse_sweeps;
        self.reverse_lanes += other.reverse_lanes;
    }
}

impl fmt::Display for Passes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |sweeps, lanes, way: &str| {
            format!("{} in {}", counted(lanes, &format!("{way} lane")), counted(sweeps, "sweep"))
        };
        let forward = side(self.forward_sweeps, self.forward_lanes, "forward");
        let reverse = side(self.reverse_sweeps, self.reverse_lanes, "reverse");
        match (self.forward_sweeps, self.reverse_sweeps) {
            (0, 0) => f.write_str("no sweep"),
            (_, 0) => f.write_str(&forward),
            (0, _) => f.write_str(&reverse),
            _ => write!(f, "{forward}, {reverse}"),
        }
    }
}

/// Operations that one number of a block is worth beside those that make it: it is written, read, and goes
/// through elementwise functions, at the speed of the memory and not of the arithmetic.
pub(crate) const WRITE: u64 = 12;

/// The same where a tile of the block stays in the cache until it is read.
pub(crate) const IN_CACHE: u64 = 4;

/// Second-order lanes, from the inputs to the outputs: `lanes` times the operations of one of them, of first and of second
/// order.
pub(crate) fn double_forward(lanes: usize, of_lane: [u64; 2]) -> u64 {
    lanes as u64 * (of_lane[0] + of_lane[1])
}

/// Lanes of first order, and a lane for the sum of second order in each of the `sums` blocks that they are cut into.
pub(crate) fn forward_laplacian(lanes: usize, sums: usize, of_lane: [u64; 2]) -> u64 {
    lanes as u64 * of_lane[0] + sums as u64 * of_lane[1]
}

/// Operations for each lane of the sweeps that reverse-over-forward makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReverseOverForward {
    pub(crate) tangent: u64,
    pub(crate) adjoint: u64,
    /// A tangent of an adjoint.
    pub(crate) product: u64,
}

impl ReverseOverForward {
    /// Tangents carried once for every coloring in a round, then for each group its adjoint and a tangent of it for
    /// each lane.
    pub(crate) fn of(&self, tangents: usize, groups: impl IntoIterator<Item = usize>) -> u64 {
        let group = |lanes| self.adjoint + lanes as u64 * self.product;
        tangents as u64 * self.tangent + groups.into_iter().map(group).sum::<u64>()
    }

    /// The least that it can be for a number of groups, known before any of them is colored.
    pub(crate) fn least(&self, groups: usize) -> u64 {
        self.of(usize::from(groups > 0), std::iter::repeat_n(1, groups))
    }
}

/// Lanes of one direction, and the operations for each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) lanes: usize,
    pub(crate) of_lane: u64,
}

/// Adjoint lanes and tangent lanes; a product of every pair of them for each curved unit, by matrix products for
/// `together` of them, in short rows for the `scattered` ones; and the sums that are put in their places.
pub(crate) fn nodal(adjoint: Side, tangent: Side, together: u64, scattered: u64, places: u64) -> u64 {
    let sweeps = [adjoint, tangent].map(|side| side.lanes as u64 * side.of_lane);
    let pairs = (adjoint.lanes * tangent.lanes) as u64;
    sweeps[0] + sweeps[1] + pairs * (2 * together + WRITE * scattered) + 2 * WRITE * places
}

/// The same with tangents by offset, whose tiles sum up what they carry.
pub(crate) fn nodal_by_offset(adjoint: Side, tiles: u64) -> u64 {
    adjoint.lanes as u64 * adjoint.of_lane + tiles
}

/// `1 group`, `2 groups`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
