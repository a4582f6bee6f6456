//! [`Order`]: the order in which the greedy algorithms take the vertices.

use super::Coloring;
use super::conflicts::Conflicts;
use super::dynamic::{Dynamic, dynamic_order};
use crate::error::{Error, ErrorKind, Result};
use std::{cmp, fmt, str};

/// [`Order::Best`] looks no further than the natural order when one pass over all conflicts takes more steps
/// than this: a quarter of a second for a banded pattern, some seconds for one without locality.
const BEST_WORK: u64 = 1 << 26;

/// The order in which a greedy algorithm colors the vertices.
///
/// The *degree* of a vertex is the number of vertices in conflict with it. Among equal degrees the rules of
/// ColPack decide, so that published counts are met; see `dynamic_order` in the source for them.
///
/// ```
/// use colorjet::coloring::Order;
/// assert_eq!("random:7".parse::<Order>()?, Order::Random(7));
/// assert_eq!(Order::SmallestLast.to_string(), "smallest-last");
/// # Ok::<(), colorjet::Error>(())
/// ```
///
/// # References
/// Gebremedhin, Nguyen, Patwary, Pothen (2013), ColPack, section 5; Coleman and Moré (1983), section 4.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// By index.
    Natural,
    /// By falling degree; equal degrees by index.
    LargestFirst,
    /// From the last to the first: the smallest degree among those not yet placed.
    SmallestLast,
    /// From the first to the last: the one with most conflicts among those already placed.
    IncidenceDegree,
    /// From the first to the last: the largest degree among those not yet placed.
    DynamicLargestFirst,
    /// A permutation that depends on the seed and the number of vertices only.
    Random(u64),
    /// Whichever of natural, largest first, smallest last and incidence degree needs the fewest colors, the
    /// first of them on ties. It stops early when the lower bound is met, and does not go beyond the
    /// natural order if the degrees would take more than 2²⁶ steps.
    Best,
}

/// What can be written for an order; `random` may be followed by `:` and a seed.
const NAMES: [(&str, Order); 7] = [
    ("natural", Order::Natural),
    ("largest-first", Order::LargestFirst),
    ("smallest-last", Order::SmallestLast),
    ("incidence-degree", Order::IncidenceDegree),
    ("dynamic-largest-first", Order::DynamicLargestFirst),
    ("random", Order::Random(0)),
    ("best", Order::Best),
];

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Order::Natural => "natural",
            Order::LargestFirst => "largest-first",
            Order::SmallestLast => "smallest-last",
            Order::IncidenceDegree => "incidence-degree",
            Order::DynamicLargestFirst => "dynamic-largest-first",
            Order::Random(seed) => return write!(f, "random:{seed}"),
            Order::Best => "best",
        })
    }
}

impl str::FromStr for Order {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::InvalidParameter`] if no order has this name, or the seed is no number of 64 bits.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(&(_, order)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(order);
        }
        if let Some(Ok(seed)) = text.strip_prefix("random:").map(str::parse) {
            return Ok(Order::Random(seed));
        }
        let names = NAMES.map(|(name, _)| name).join(", ");
        Err(Error::new(ErrorKind::InvalidParameter, format!("{text:?} is no order; there are {names} (random:SEED)")))
    }
}

/// Colors the vertices with `color`, which takes them in the sequence that `order` makes of `conflicts`.
///
/// `lower_bound` is a number of colors below which no coloring can be.
pub(super) fn color_in_order(
    order: Order,
    conflicts: &mut impl Conflicts,
    lower_bound: usize,
    color: &impl Fn(&[u32]) -> Coloring,
) -> Coloring {
    let sequence = match order {
        Order::Natural => natural(conflicts.len()),
        Order::LargestFirst => largest_first(conflicts),
        Order::SmallestLast => dynamic_order(conflicts, Dynamic::SmallestLast),
        Order::IncidenceDegree => dynamic_order(conflicts, Dynamic::IncidenceDegree),
        Order::DynamicLargestFirst => dynamic_order(conflicts, Dynamic::LargestFirst),
        Order::Random(seed) => shuffled(conflicts.len(), seed),
        Order::Best => {
            let mut best = color(&natural(conflicts.len()));
            for order in [Order::LargestFirst, Order::SmallestLast, Order::IncidenceDegree] {
                if best.count() <= lower_bound || conflicts.work() > BEST_WORK {
                    break;
                }
                let other = color_in_order(order, conflicts, lower_bound, color);
                if other.count() < best.count() {
                    best = other;
                }
            }
            return best;
        }
    };
    color(&sequence)
}

fn natural(n: usize) -> Vec<u32> {
    (0..n).map(|v| v as u32).collect()
}

fn largest_first(conflicts: &mut impl Conflicts) -> Vec<u32> {
    let degrees = conflicts.degrees();
    let mut sequence = natural(conflicts.len());
    // Stable, so that equal degrees stay in natural order.
    sequence.sort_by_key(|&v| cmp::Reverse(degrees[v as usize]));
    sequence
}

/// Fisher and Yates with [`splitmix64`]: the same on every machine and with every version of every library.
fn shuffled(n: usize, seed: u64) -> Vec<u32> {
    let mut sequence = natural(n);
    let mut state = seed;
    for last in (1..n).rev() {
        // The high word of the product is uniform in 0..=last up to 2⁻³², without a division.
        let chosen = (u128::from(splitmix64(&mut state)) * (last as u128 + 1)) >> 64;
        sequence.swap(last, chosen as usize);
    }
    sequence
}

/// Steele, Lea and Flood (2014), figure 17.
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
