//! How many lanes and samples go side by side in one sweep.

/// Lanes in one sweep: wide enough for a matrix product to be fast, narrow enough to give every core a block.
///
/// A small network is swept at once.
pub(crate) fn lane_width(lanes: usize, operations: u64) -> usize {
    const SMALL: u64 = 1 << 20;
    if 2 * operations * lanes as u64 <= SMALL {
        return lanes.min(64);
    }
    lanes.div_ceil(4).next_multiple_of(8).min(128)
}

/// The same where every block has a lane for a sum, beside which there should be many others.
pub(crate) fn lane_width_with_sum(lanes: usize, operations: u64) -> usize {
    lane_width(lanes, operations).max(32)
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
