//! How many lanes and samples go side by side in one sweep.

use crate::cost::Points;
use crate::nodal::Beside;
use crate::scalar::vector;
use crate::spread::Parts;

/// Lanes in one sweep: wide enough for a matrix product to be fast, narrow enough to give several cores a block. Of many
/// points, samples fill the registers; otherwise lanes must, so that few stay empty.
///
/// A small network is swept at once.
pub(crate) fn lane_width(lanes: usize, operations: u64, points: Points) -> usize {
    width_beside(0, lanes, operations, points)
}

/// The same beside a lane for a sum in every block, which is not counted; there should be many others.
pub(crate) fn lane_width_with_sum(lanes: usize, operations: u64, points: Points) -> usize {
    width_beside(1, lanes, operations, points).max(31)
}

/// The same where lanes are squared and summed on the way: at many points as few as fill a vector with the numbers of a
/// sample, so that many samples lie side by side, whose sums are made in whole vectors. (Of rotated inputs, more numbers are
/// zero the more blocks there are.)
pub(crate) fn lane_width_of_sums(lanes: usize, operations: u64, points: Points) -> usize {
    /// Lanes beside whole vectors that take less time than a vector.
    const FEW: usize = 3;
    if points == Points::Many {
        return with_the_rest(lanes, 8);
    }
    let width = lane_width(lanes, operations, points);
    // Of two blocks one has all lanes that whole vectors leave, while the other's thread makes adjoints.
    let rest = lanes % 8;
    let in_halves = lanes.div_ceil(width) == 2 && (1..=FEW).contains(&rest) && (lanes - rest).is_multiple_of(16);
    if in_halves { (lanes - rest) / 2 + rest } else { width }
}

/// Beside what so many tangents of one point are best carried and kept, in so many blocks, if anything.
///
/// Beside its values, all at once, the weights are read once for both, by all threads together, which each write a part of
/// what the others read next. That pays where the caches of a core do not hold the weights. Not beside whole vectors of
/// tangents: values would take a vector of their own, or, as a lane that is left over, another reading of the weights, which
/// is no fewer than in a pass of their own.
///
/// Beside its adjoints, where blocks are so few that these take as long as some lanes, no thread waits for another one
/// between layers.
pub(crate) fn beside(lanes: usize, blocks: usize, operations: u64, points: Points) -> Option<Beside> {
    const LARGE: u64 = 1 << 20;
    const MOST: usize = 64;
    const FEW: usize = 4;
    match points {
        Points::Many => None,
        _ if operations >= LARGE => (lanes <= MOST && !lanes.is_multiple_of(8)).then_some(Beside::Values),
        _ => (2..=FEW).contains(&blocks).then_some(Beside::Adjoints),
    }
}

/// The same beside so many other lanes in every block.
fn width_beside(others: usize, lanes: usize, operations: u64, points: Points) -> usize {
    const SMALL: u64 = 1 << 20;
    if operations.saturating_mul(2 * lanes as u64) <= SMALL {
        return lanes.min(64 - others);
    }
    let quarter = lanes.div_ceil(4);
    if points == Points::Many {
        return with_the_rest(lanes, quarter.next_multiple_of(8).min(32));
    }
    let time = |width: usize| CORES.iter().map(|cores| cores * time_on(*cores, others, lanes, width)).sum::<usize>();
    let width = (16..=quarter.clamp(32, 128)).min_by_key(|&width| time(width)).expect("several widths");
    // Of two blocks none is shorter: whoever waits for the other goes to sleep, and must be woken for what is next.
    if lanes.div_ceil(width) == 2 { lanes.div_ceil(2) } else { width }
}

/// Blocks of a width, or wider ones: a block of few lanes takes as long to read the weights as any other, and these go with
/// the others.
fn with_the_rest(lanes: usize, width: usize) -> usize {
    let few = (1..width / 2).contains(&(lanes % width));
    if few && lanes > width { lanes.div_ceil(lanes / width) } else { width }
}

/// A plan is the same for every number of threads; blocks suit those that most have.
const CORES: [usize; 3] = [1, 2, 4];

/// How long lanes in blocks of a width take so many cores. Where there are fewer blocks than cores, these share the work
/// inside.
fn time_on(cores: usize, others: usize, lanes: usize, width: usize) -> usize {
    let block = |width: usize| if width == 0 { 0 } else { time_of_block(width + others) };
    if lanes.div_ceil(width) < cores {
        return (lanes / width * block(width) + block(lanes % width)) / cores;
    }
    longest(cores, lanes, width, block)
}

/// How long the busiest of so many cores takes, each of which takes block after block.
fn longest(cores: usize, all: usize, of_block: usize, time: impl Fn(usize) -> usize) -> usize {
    let (blocks, rest) = (all.div_ceil(of_block), all % of_block);
    // Whoever has one block more than the others may have the shorter one.
    let (rounds, alone) = (blocks.div_ceil(cores), (blocks - 1).is_multiple_of(cores));
    if rest > 0 && alone { (rounds - 1) * time(of_block) + time(rest) } else { rounds * time(of_block) }
}

/// Vectors of lanes that products of small matrices take at once.
const LONG_PIECE: usize = 12;

/// Lanes of a product that registers hold at once.
const PIECE: usize = 48;

/// How long a product of a matrix with a block of lanes takes, in steps of one lane: it is made in pieces of 48 lanes,
/// as many as registers hold, or half of them; what is left takes as long as whole vectors of eight and is made less
/// well, and the matrix is read once more.
fn time_of_block(lanes: usize) -> usize {
    const READ: usize = 8;
    let rest = (lanes % PIECE).next_multiple_of(8);
    lanes / PIECE * PIECE + if rest > 0 { rest + 8 } else { 0 } + READ
}

/// The most samples in one sweep of so many operations for each, where rows have so many numbers for each: as many as fill
/// a block of lanes, as long as the buffers stay small; whole vectors of them, an [`odd`] number, and in a small network a
/// whole [piece](LONG_PIECE). All this is counted in bytes: of numbers half as long there are twice as many.
pub(crate) fn sample_block<T>(lanes: usize, row: usize, operations: u64, numbers_per_sample: usize) -> usize {
    const LANES: usize = 256;
    const NUMBERS: usize = 1 << 22;
    const SHORT: usize = 4;
    /// Operations of networks whose matrices are small.
    const SMALL: u64 = 1 << 13;
    /// Vectors of short rows; twice as many fill the cache. An odd number too.
    const LONG: usize = 15;
    let of_f64 = size_of::<f64>() / size_of::<T>();
    let vector = vector::<T>();
    let samples = match (row, operations) {
        (..=SHORT, ..SMALL) => LONG_PIECE * vector,
        (..=SHORT, _) => LONG * vector,
        _ => odd((LANES * of_f64 / lanes.max(1)).clamp(1, 64 * of_f64).div_ceil(vector)) * vector,
    };
    let fitting = (NUMBERS * of_f64 / numbers_per_sample.max(1)).clamp(1, samples);
    if fitting < vector { fitting } else { fitting / vector * vector }
}

/// So many vectors or one less: rows that are a multiple of a power of two apart meet in few sets of the caches.
fn odd(vectors: usize) -> usize {
    vectors - usize::from(vectors.is_multiple_of(2))
}

/// Samples in blocks of at most so many: as even as whole vectors can be, and as many blocks for each core, unless they
/// became too short. The same for every number of threads.
pub(crate) fn sample_blocks<T>(samples: usize, most: usize) -> Parts {
    if samples == 1 {
        return Parts::one(samples);
    }
    let (vector, piece) = (vector::<T>(), LONG_PIECE * vector::<T>());
    let unit = [piece, vector, 1].into_iter().find(|unit| most.is_multiple_of(*unit)).expect("one divides all");
    let least = most.div_ceil(4).next_multiple_of(unit);
    let cores = match samples / least {
        0 | 1 => 1,
        2 | 3 => 2,
        _ => 4,
    };
    let count = samples.div_ceil(most).next_multiple_of(cores).min(samples.div_ceil(unit));
    Parts { all: samples, unit, count }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: u64 = 1 << 24;

    #[test]
    fn small_networks_are_swept_at_once() {
        assert_eq!(lane_width(50, 1 << 10, Points::One), 50);
        assert_eq!(lane_width(0, 1 << 10, Points::Unknown), 0);
    }

    #[test]
    fn values_go_beside_some_tangents() {
        let beside = |lanes, blocks, operations| beside(lanes, blocks, operations, Points::Unknown);
        assert_eq!([beside(50, 2, LARGE), beside(1, 1, LARGE)], [Some(Beside::Values); 2]);
        assert_eq!([beside(48, 2, LARGE), beside(65, 3, LARGE), beside(0, 0, LARGE)], [None; 3]);
        assert_eq!(
            [1, 2, 4, 5].map(|blocks| beside(50, blocks, 1 << 18)),
            [false, true, true, false].map(|kept| kept.then_some(Beside::Adjoints))
        );
        assert_eq!([LARGE, 1 << 18].map(|operations| super::beside(50, 2, operations, Points::Many)), [None; 2]);
    }

    /// Few blocks end shortly behind a piece of registers, two are alike, and there are several where there are many
    /// lanes.
    #[test]
    fn blocks_fill_registers() {
        for (lanes, width) in [(1, 16), (24, 24), (48, 24), (50, 25), (72, 32), (784, 96)] {
            assert_eq!(lane_width(lanes, LARGE, Points::One), width, "{lanes} lanes");
        }
        for lanes in 1..2000 {
            for width in [lane_width, lane_width_with_sum].map(|of| of(lanes, LARGE, Points::Unknown)) {
                assert!((16..=128).contains(&width) && width <= lanes.div_ceil(4).max(32), "{lanes} lanes: {width}");
            }
        }
        // The lane of the sum is one of the piece.
        assert_eq!(lane_width_with_sum(784, LARGE, Points::One) % 8, 7);
    }

    #[test]
    fn samples_are_whole_vectors() {
        for (lanes, row, samples) in
            [(1, 1, 120), (3, 3, 120), (3, 6, 56), (8, 8, 24), (11, 11, 24), (31, 31, 8), (500, 501, 8)]
        {
            assert_eq!(sample_block::<f64>(lanes, row, LARGE, 1 << 12), samples, "{lanes} lanes");
            assert_eq!(sample_block::<f32>(lanes, row, LARGE, 1 << 12), 2 * samples, "{lanes} lanes");
        }
        assert_eq!([1 << 16, 1 << 20, 1 << 30].map(|numbers| sample_block::<f64>(2, 2, LARGE, numbers)), [64, 4, 1]);
        assert_eq!((sample_block::<f64>(2, 2, 1, 1), sample_block::<f32>(2, 2, 1, 1)), (96, 192));
    }

    fn block_lengths(samples: usize, most: usize) -> Vec<usize> {
        sample_blocks::<f64>(samples, most).iter().map(|block| block.len()).collect()
    }

    /// Of 228 points 32 at a time leave one of two cores with 128, 16 at a time with 116.
    #[test]
    fn the_busiest_core_takes_longest() {
        assert_eq!(longest(2, 228, 32, |samples| samples), 128);
        assert_eq!(longest(2, 228, 16, |samples| samples), 116);
        assert_eq!(longest(1, 228, 32, |samples| samples), 228);
    }

    #[test]
    fn samples_are_shared_out_evenly() {
        assert_eq!(block_lengths(228, 32), [24, 32, 24, 32, 32, 24, 32, 28]);
        assert_eq!([block_lengths(15, 32), block_lengths(32, 32)], [vec![15], vec![8; 4]]);
        assert_eq!([block_lengths(20, 32), block_lengths(30, 32)], [vec![8, 12], vec![16, 14]]);
        // Whole pieces, and fewer than whole vectors.
        assert_eq!(block_lengths(500, 96), [96, 96, 96, 96, 96, 20]);
        assert_eq!(block_lengths(10, 3), [2, 3, 2, 3]);
        for (samples, most) in (1..400).flat_map(|samples| [1, 3, 7, 8, 24, 64, 96, 128].map(|most| (samples, most))) {
            let lengths = block_lengths(samples, most);
            assert!(lengths.iter().all(|length| (1..=most).contains(length)), "{samples} in {most}: {lengths:?}");
            assert_eq!(lengths.iter().sum::<usize>(), samples);
        }
    }

    #[test]
    fn samples_fill_them_at_many_points() {
        for (lanes, width) in [(8, 8), (10, 10), (30, 8), (50, 17), (60, 16), (784, 32)] {
            assert_eq!(lane_width(lanes, LARGE, Points::Many), width, "{lanes} lanes");
        }
        for (lanes, width) in [(3, 8), (8, 8), (10, 10), (12, 8), (30, 8), (50, 9), (784, 8)] {
            assert_eq!(lane_width_of_sums(lanes, 1 << 10, Points::Many), width, "{lanes} lanes");
        }
        assert_eq!(lane_width_of_sums(784, LARGE, Points::One), lane_width(784, LARGE, Points::One));
        // Of two blocks the first has what whole vectors leave, if that is little.
        let widths = [48, 49, 50, 51, 52].map(|lanes| lane_width_of_sums(lanes, LARGE, Points::One));
        assert_eq!(widths, [24, 25, 26, 27, 26]);
    }
}
