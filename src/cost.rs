//! The cost of a strategy, counted in lanes carried through the network.
//!
//! One lane of first order costs about as much as one plain evaluation, C operations; a second-order lane
//! carries two numbers for each unit and costs two. These counts decide between strategies.

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

/// Evaluations that `lanes` second-order forward lanes are worth.
pub(crate) fn double_forward(lanes: usize) -> u64 {
    2 * lanes as u64
}

/// Evaluations that reverse-over-forward is worth: tangents carried once for every coloring in a round, then for
/// each group its adjoint and a tangent of it for each lane.
pub(crate) fn reverse_over_forward(tangents: usize, groups: impl IntoIterator<Item = usize>) -> u64 {
    tangents as u64 + groups.into_iter().map(|lanes| 1 + lanes as u64).sum::<u64>()
}

/// The least that [`reverse_over_forward`] can cost for a number of groups, known before any of them is colored.
pub(crate) fn least_reverse_over_forward(groups: usize) -> u64 {
    2 * groups as u64 + u64::from(groups > 0)
}

/// `1 group`, `2 groups`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
