//! How many lanes and samples go side by side in one sweep.

use crate::cost::Points;

/// Lanes in one sweep: wide enough for a matrix product to be fast, narrow enough to give every core a block. Of many
/// points, samples fill the registers; otherwise lanes must, so that few stay empty.
///
/// A small network is swept at once.
pub(crate) fn lane_width(lanes: usize, operations: u64, points: Points) -> usize {
    const SMALL: u64 = 1 << 20;
    if 2 * operations * lanes as u64 <= SMALL {
        return lanes.min(64);
    }
    let quarter = lanes.div_ceil(4);
    if points == Points::Many {
        return quarter.next_multiple_of(8).min(128);
    }
    let time = |width: usize| lanes / width * time_of_block(width) + time_of_block(lanes % width);
    (16..=quarter.clamp(32, 128)).min_by_key(|&width| time(width)).expect("several widths")
}

/// How long a product of a matrix with a block of lanes takes, in eighths of a vector: it is made in pieces of 24 lanes,
/// as many as registers hold; what is left takes as long as whole vectors of eight, and the matrix is read once more.
fn time_of_block(lanes: usize) -> usize {
    const PIECE: usize = 24;
    const READ: usize = 8;
    if lanes == 0 { 0 } else { lanes / PIECE * PIECE + (lanes % PIECE).next_multiple_of(8) + READ }
}

/// The same where every block has a lane for a sum, beside which there should be many others.
pub(crate) fn lane_width_with_sum(lanes: usize, operations: u64, points: Points) -> usize {
    lane_width(lanes, operations, points).max(32)
}

/// Samples in one sweep: as many as fill a block of lanes, as long as the buffers stay small.
pub(crate) fn sample_block(lanes: usize, numbers_per_sample: usize) -> usize {
    const LANES: usize = 256;
    const NUMBERS: usize = 1 << 22;
    // Whole vectors of samples.
    let samples = (LANES / lanes.max(1)).max(1).next_multiple_of(8);
    let fitting = (NUMBERS / numbers_per_sample.max(1)).clamp(1, 64);
    if fitting >= 8 { samples.min(fitting / 8 * 8) } else { samples.min(fitting) }
}
