//! Seeds from colors.

use crate::coloring::Coloring;
use crate::layer::{Lanes, Seeds, Sharing};
use crate::network::Network;
use crate::pattern::Pattern;
use crate::rotation::Rotation;
use crate::scalar::Scalar;

/// A color for each input, and their number.
#[derive(Clone, Debug)]
pub(crate) struct Colors {
    /// `u32::MAX` for an input that takes no part.
    of_inputs: Vec<u32>,
    count: usize,
    /// How the inputs are rotated, if they are; then each that is left has a color of its own.
    rotation: Option<Rotation>,
}

impl Colors {
    /// Those of the columns that have an entry.
    pub(crate) fn occupied(pattern: &Pattern, coloring: &Coloring) -> Self {
        let mut of_inputs = vec![u32::MAX; pattern.cols()];
        for &j in pattern.indices() {
            of_inputs[j as usize] = coloring.color(j as usize);
        }
        let count = of_inputs.iter().filter(|&&c| c != u32::MAX).max().map_or(0, |&c| c as usize + 1);
        Colors { of_inputs, count, rotation: None }
    }

    /// One for each of these, of so many inputs.
    pub(crate) fn apart(inputs: usize, members: impl IntoIterator<Item = u32>) -> Self {
        let mut colors = Colors { of_inputs: vec![u32::MAX; inputs], count: 0, rotation: None };
        for j in members {
            colors.of_inputs[j as usize] = colors.count as u32;
            colors.count += 1;
        }
        colors
    }

    /// One for each lane of rotated inputs.
    pub(crate) fn rotated(inputs: usize, rotation: Rotation) -> Self {
        Colors { rotation: Some(rotation), ..Self::apart(inputs, 0..rotation.lanes as u32) }
    }

    /// Number of colors.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether they are those of rotated inputs.
    pub(crate) fn are_rotated(&self) -> bool {
        self.rotation.is_some()
    }
}

/// The inputs' colors, cut into blocks of lanes: color `c` is lane `c mod width` of block `c / width`.
#[derive(Clone, Debug)]
pub(crate) struct InputLanes {
    /// For each input layer the color of each unit; `u32::MAX` for a unit that takes no part.
    colors: Vec<Vec<u32>>,
    count: usize,
    rotation: Option<Rotation>,
    width: usize,
    /// For each block and input layer the units in it, ascending.
    members: Vec<Vec<Vec<u32>>>,
    /// How these share the lanes of the block.
    sharing: Vec<Vec<Sharing>>,
}

impl InputLanes {
    /// Blocks of so many lanes.
    pub(crate) fn new<T: Scalar>(net: &Network<T>, colors: &Colors, width: usize) -> Self {
        let &Colors { of_inputs: ref colors, count, rotation } = colors;
        let mut members = vec![vec![Vec::new(); net.input_layers().len()]; count.div_ceil(width)];
        let mut of_layer = Vec::new();
        let mut rest = &colors[..];
        for (q, &layer) in net.input_layers().iter().enumerate() {
            let (here, after) = rest.split_at(net.layer(layer).units());
            for (unit, &color) in here.iter().enumerate().filter(|&(_, &c)| c != u32::MAX) {
                members[color as usize / width][q].push(unit as u32);
            }
            of_layer.push(here.to_vec());
            rest = after;
        }
        let sharing = |(block, members): (usize, &Vec<Vec<u32>>)| {
            let lanes = width.min(count - block * width);
            members.iter().zip(&of_layer).map(|(units, colors)| sharing(units, colors, lanes)).collect()
        };
        let sharing = members.iter().enumerate().map(sharing).collect();
        InputLanes { colors: of_layer, count, rotation, width, members, sharing }
    }

    /// Number of colors, which is the number of lanes in all blocks.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How the inputs are rotated, if they are.
    pub(crate) fn rotation(&self) -> Option<Rotation> {
        self.rotation
    }

    /// Most lanes in a block.
    pub(crate) fn width(&self) -> usize {
        self.width.min(self.count)
    }

    /// Number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.members.len()
    }

    /// The first color of a block.
    pub(crate) fn first(&self, block: usize) -> usize {
        block * self.width
    }

    /// The lanes of a block, for a number of samples.
    pub(crate) fn lanes(&self, block: usize, samples: usize) -> Lanes {
        Lanes { count: self.width.min(self.count - self.first(block)), samples }
    }

    /// The seeds of a block on input layer `q`; of rotated inputs, without what these are made of.
    pub(crate) fn seeds<T>(&self, block: usize, samples: usize, q: usize) -> Seeds<'_, T> {
        Seeds {
            colors: &self.colors[q],
            units: &self.members[block][q],
            first: self.first(block) as u32,
            lanes: self.lanes(block, samples),
            sharing: self.sharing[block][q],
            rotated: None,
        }
    }

    /// The colors of all inputs, in order.
    pub(crate) fn colors(&self) -> impl Iterator<Item = u32> + '_ {
        self.colors.iter().flatten().copied()
    }

    /// Block and lane of a unit of input layer `q`.
    pub(crate) fn place(&self, (q, unit): (u32, u32)) -> (usize, u32) {
        let color = self.colors[q as usize][unit as usize];
        (color as usize / self.width, color % self.width as u32)
    }
}

/// How some units, ascending, share the lanes of a block.
fn sharing(units: &[u32], colors: &[u32], lanes: usize) -> Sharing {
    let mut seen: Vec<u32> = units.iter().map(|&u| colors[u as usize]).collect();
    let is_consecutive = |numbers: &[u32]| numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let in_order = is_consecutive(units) && is_consecutive(&seen);
    seen.sort_unstable();
    seen.dedup();
    // As many units as lanes are not enough: two may share one, and another be that of a unit of another input layer.
    match (units.len() == lanes && seen.len() == lanes, in_order) {
        (false, _) => Sharing::Mixed,
        (true, false) => Sharing::Apart,
        (true, true) => Sharing::InOrder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows are made of seeds as the definition says, whether units share lanes or not.
    #[test]
    fn seeds_are_sums_of_unit_vectors() {
        let mut builder = Network::<f64>::builder();
        let inputs = [("a", 2), ("b", 3)].map(|(name, units)| builder.input(name, &[units]).unwrap());
        let joined = builder.concat("joined", &inputs, 0).unwrap();
        let net = builder.build(&[joined]).unwrap();
        const NONE: u32 = u32::MAX;
        let numbers = [10.0, 11.0, 12.0];
        // Two units in one lane beside a lane of the other layer; each its own, in order or not; some that take no part;
        // two blocks.
        let colors = [
            ([0, 0, 1, NONE, NONE], 2),
            ([1, 0, 2, 3, 4], 5),
            ([1, 0, 0, NONE, 1], 2),
            ([NONE, NONE, NONE, 0, 1], 2),
            ([0, 1, NONE, NONE, NONE], 2),
            ([0, 1, 2, NONE, 3], 4),
        ];
        for (colors, count) in colors {
            for (width, samples) in [(count, 1), (count, 3), (2, 8)] {
                let all = Colors { of_inputs: colors.to_vec(), count, rotation: None };
                let lanes = InputLanes::new(&net, &all, width);
                for (block, (q, units)) in (0..lanes.blocks()).flat_map(|b| [(b, (0, 0..2)), (b, (1, 2..5))]) {
                    let seeds = lanes.seeds(block, samples, q);
                    let shape = seeds.lanes;
                    let mut row = vec![f64::NAN; shape.len()];
                    seeds.make(&mut row, &numbers[..units.len()]);
                    let sum = |lane: usize| -> f64 {
                        let color = (block * width + lane) as u32;
                        let here = units.clone().enumerate().filter(|(_, input)| colors[*input] == color);
                        here.map(|(unit, _)| numbers[unit]).sum()
                    };
                    let exact: Vec<f64> = (0..shape.len()).map(|at| sum(at / samples)).collect();
                    assert_eq!(row, exact, "{colors:?}, block {block} of {width}, layer {q}");
                }
            }
        }
    }
}
