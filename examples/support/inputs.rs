//! The inputs of a network as pictures: one for each channel.

use colorjet::Network;
use ndarray::Array2;

/// Channels of one input layer that are shown.
const MOST: usize = 4;

/// A row that is longer is folded.
const LONGEST: usize = 1024;

/// One number for each input, arranged as the input layers are: `[H, W]` is a picture, `[C, H, W]` is one for
/// each channel, and a list that is too long for one line is folded; what is missing in its last line is `rest`.
pub fn panels<A: Copy>(net: &Network, numbers: &[A], rest: A) -> Vec<Array2<A>> {
    let mut panels = Vec::new();
    let mut first = 0;
    for &id in net.input_layers() {
        let layer = net.layer(id);
        let numbers = &numbers[first..first + layer.units()];
        first += layer.units();
        let (rows, columns) = match *layer.shape() {
            [] => (1, 1),
            [n] => (1, n),
            [.., h, w] => (h, w),
        };
        panels.extend(numbers.chunks_exact(rows * columns).take(MOST).map(|channel| {
            let columns = if rows == 1 { columns.min(LONGEST.min(nice_length(columns))) } else { columns };
            let rows = channel.len().div_ceil(columns);
            let cell = |(i, j)| channel.get(i * columns + j).copied().unwrap_or(rest);
            Array2::from_shape_fn((rows, columns), cell)
        }));
    }
    panels
}

/// All in one line if there are few; otherwise lines that make about a square.
fn nice_length(n: usize) -> usize {
    if n <= 256 { n } else { ((n as f64).sqrt().ceil() as usize).next_power_of_two() }
}
