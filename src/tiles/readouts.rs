//! Where the entries of a result lie among what the tiles pack.

use super::Tiles;
use super::frame::shortest;
use super::offsets::Offset;
use crate::error::{Result, ensure};
use crate::layer::stencil::{AXES, Position, minus};
use crate::network::Network;
use crate::pattern::Pattern;
use crate::readout::{Readout, RowPlaces};
use crate::scalar::Scalar;

impl Tiles {
    /// How the entries of a pattern are read: first- or second-order lanes of the outputs.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge) if a tile has more than 2³² numbers.
    pub(crate) fn read_outputs<T: Scalar>(&self, net: &Network<T>, pattern: &Pattern, second: bool) -> Result<Readout> {
        let inputs = self.inputs(net)?;
        // Lines before each channel of each target, in the order of packing.
        let mut lines = Vec::new();
        let mut count = 0;
        for &target in &self.targets {
            let layer = self.lanes.carried(target);
            let packed = if second { layer.second } else { layer.first };
            for lanes in &layer.lanes {
                lines.push((count, lanes));
                count += if packed { lanes.len() } else { 0 };
            }
        }
        let line = self.packed_line();
        let mut places = RowPlaces::default();
        let mut list = Vec::new();
        let mut row = 0;
        for &target in net.output_layers() {
            let place = &self.lanes.carried(target).place;
            let before: usize =
                self.targets.iter().take_while(|&&t| t != target).map(|&t| self.lanes.carried(t).lanes.len()).sum();
            for unit in 0..net.layer(target).units() {
                let (channel, at) = place.locate(unit);
                let (first, lanes) = lines[before + channel];
                let (tile, inner) = self.frame.find(at);
                list.clear();
                let mut guess = 0;
                for &j in pattern.row(row) {
                    let (channel, position) = inputs[j as usize];
                    let lane = Offset { channel, distance: shortest(minus(position, at), self.frame.wrapped()) };
                    // Entries follow each other as the lanes do, but for the borders.
                    if lanes.get(guess) != Some(&lane) {
                        guess = lanes.binary_search(&lane).expect("an output has a lane for every input it depends on");
                    }
                    list.push(((first + guess) * line) as u32);
                    guess += 1;
                }
                places.push(tile, inner, &list);
                row += 1;
            }
        }
        Ok(Readout::by_rows(places, self.count(), count * line))
    }

    /// How the values of the outputs are read; `pattern` has one entry for each.
    ///
    /// # Errors
    /// As [`read_outputs`](Self::read_outputs).
    pub(crate) fn read_values<T: Scalar>(&self, net: &Network<T>) -> Result<Readout> {
        ensure!(self.size() <= u32::MAX as usize, TooLarge, "a tile of {} numbers", self.size());
        let (mut places, mut channels) = (RowPlaces::default(), 0);
        let line = self.packed_line();
        for &target in net.output_layers() {
            let place = &self.lanes.carried(target).place;
            for unit in 0..net.layer(target).units() {
                let (channel, at) = place.locate(unit);
                let (tile, inner) = self.frame.find(at);
                places.push(tile, inner, &[((channels + channel) * line) as u32]);
            }
            channels += place.channels;
        }
        Ok(Readout::by_rows(places, self.count(), channels * line))
    }

    /// How the entries of a pattern are read from the sums, or from adjoints: row `row_of(i)` of them at input j.
    ///
    /// # Errors
    /// As [`read_outputs`](Self::read_outputs).
    pub(crate) fn read_sums<T: Scalar>(
        &self,
        net: &Network<T>,
        pattern: &Pattern,
        rows: usize,
        row_of: impl Fn(usize) -> usize,
    ) -> Result<Readout> {
        let inputs = self.inputs(net)?;
        let (line, channels) = (self.packed_line(), self.input_channels(net));
        let place = |i: usize, j: u32| {
            let (channel, at) = inputs[j as usize];
            let (tile, inner) = self.frame.find(at);
            (tile as u32, ((row_of(i) * channels + channel as usize) * line + inner) as u32)
        };
        let row = |i: usize| pattern.row(i).iter().map(move |&j| (i, j));
        let places = (0..pattern.rows()).flat_map(row).map(|(i, j)| place(i, j)).collect();
        Ok(Readout::at(places, self.count(), rows * channels * line))
    }

    /// Channels of all input layers.
    pub(super) fn input_channels<T: Scalar>(&self, net: &Network<T>) -> usize {
        net.input_layers().iter().filter_map(|l| self.lanes.layers[l.index()].as_ref()).map(|l| l.place.channels).sum()
    }

    /// Channel and position of every input.
    fn inputs<T: Scalar>(&self, net: &Network<T>) -> Result<Vec<(u32, Position)>> {
        ensure!(self.size() <= u32::MAX as usize, TooLarge, "a tile of {} numbers", self.size());
        let mut inputs = Vec::with_capacity(net.inputs());
        let mut channels = 0;
        for &input in net.input_layers() {
            let Some(layer) = &self.lanes.layers[input.index()] else {
                // Reaches no curved layer: nothing of it is read, since adjoints of inputs are made of local ones alone.
                inputs.extend(std::iter::repeat_n((u32::MAX, [0; AXES]), net.layer(input).units()));
                continue;
            };
            inputs.extend((0..net.layer(input).units()).map(|unit| {
                let (channel, at) = layer.place.locate(unit);
                (channels + channel as u32, at)
            }));
            channels += layer.place.channels as u32;
        }
        Ok(inputs)
    }
}
