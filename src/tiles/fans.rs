//! The sums of linear layers, prepared: which lines they read, with which weights, and in which way.

use super::chained::Chain;
use super::fold;
use super::frame::Frame;
use super::fused::Fused;
use super::kernel::{Factor, MOST_CHANNELS, Product, Term};
use super::lines::Lines;
use super::locals::{Local, refused};
use super::offsets::Offset;
use super::push::Pushed;
use crate::error::Result;
use crate::layer::stencil::{Fan, Link, Weights};
use crate::network::{LayerId, Network};
use crate::scalar::Scalar;
use std::ops::Range;

/// Most products in all sums of a layer.
const MOST_PRODUCTS: usize = 1 << 22;

/// The sums of a fan's channels.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    pub(super) channels: Range<usize>,
    pub(super) way: Way,
    /// Products for each number of a line.
    pub(super) products: usize,
    /// The weights in the order of the products, where they do not lie like that.
    pub(super) arranged: Vec<Factor>,
    /// Numbers that one of these stands for: those of all channels, or one.
    together: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Way {
    /// Line by line of the result.
    Pull(Pulled),
    /// Line by line of the operands.
    Push(Pushed),
    /// Of lanes on their way through a function.
    Chain(Chain),
}

/// Terms by lane.
#[derive(Clone, Debug)]
pub(super) struct Pulled {
    /// For each lane the operands and their terms.
    pub(super) lanes: Vec<Vec<(usize, Range<usize>)>>,
    pub(super) terms: Vec<Term>,
}

impl Lines {
    /// Prepares the sums of all linear layers, of lanes, with so many rows of weights for their squares; or of values.
    ///
    /// # Errors
    /// [`WrongStrategy`](crate::error::ErrorKind::WrongStrategy) naming a layer with too wide a window.
    pub(super) fn prepare_sums<T: Scalar>(
        &mut self,
        net: &Network<T>,
        locals: &[Option<Local>],
        frame: &Frame,
        rows: Option<usize>,
    ) -> Result<()> {
        for (id, layer) in net.layers() {
            let (Some(local), Some(linear)) = (&locals[id.index()], layer.kind().linear()) else { continue };
            let operands = net.operands(id);
            if let Some(first) = self.chained(net, id) {
                let carried = [first, operands[0], id].map(|id| self.carried(id));
                let fan = &local.fans[0];
                let (chain, arranged, products) = Chain::new(carried, fan, frame);
                self.weights = self.weights.max(arranged.len() + chain.space);
                let way = Way::Chain(chain);
                let sums = Sums { channels: fan.channels.clone(), way, products, arranged, together: 1 };
                self.layers[id.index()].as_mut().expect("local, so carried").fans = vec![sums];
                continue;
            }
            if let (Some(Fused::Constant), Some(rows)) = (self.carried(id).fused, rows) {
                let first = locals[operands[0].index()].as_ref().expect("needed");
                let fans = squares(local, first, rows, frame);
                self.weights =
                    fans.iter().map(|fan| fan.numbers() + fan.numbers_of_sum(true)).fold(self.weights, usize::max);
                let layer = self.layers[id.index()].as_mut().expect("local, so carried");
                (layer.fans, layer.constants) = (fans, fold::constants(local, first, frame.wrapped()));
                continue;
            }
            let across = linear.across_channels().is_some();
            if across && self.carried(id).rows_as(self.carried(operands[0])) {
                self.layers[id.index()].as_mut().expect("local, so carried").multiplied = true;
                continue;
            }
            let constants = self.constants(net, locals, operands, frame);
            // The line of a lane that is read through a link, and the constant of it.
            let read = |offset: Offset, link: &Link| {
                if rows.is_none() {
                    return Some((0, None));
                }
                let seen = offset.seen_from(link.shift, frame.wrapped());
                let at = self.carried(operands[link.operand]).lanes[link.channel].binary_search(&seen).ok()?;
                // A folded operand has one line for all lanes.
                Some(constants.as_ref().map_or((at, None), |c| (0, Some(c[link.channel][at]))))
            };
            let shared = matches!(linear.weights(&local.place), Weights::Shared(_));
            let mut fans = Vec::with_capacity(local.fans.len());
            let mut left = MOST_PRODUCTS;
            for fan in &local.fans {
                let lanes = &self.carried(id).lanes[fan.channels.start];
                let products = self.products(lanes, fan, operands, read, frame, left);
                let products = products.ok_or_else(|| refused(layer, "has too wide a window for lanes by offset"))?;
                left -= products.len();
                fans.push(Sums::new(fan.channels.clone(), lanes.len(), &products, shared));
            }
            self.weights =
                fans.iter().map(|fan| fan.numbers() + fan.numbers_of_sum(shared)).fold(self.weights, usize::max);
            self.layers[id.index()].as_mut().expect("local, so carried").fans = fans;
        }
        Ok(())
    }

    /// Where the constants of a folded operand are.
    fn constants<T: Scalar>(
        &self,
        net: &Network<T>,
        locals: &[Option<Local>],
        operands: &[LayerId],
        frame: &Frame,
    ) -> Option<Vec<Vec<u32>>> {
        let folded =
            operands.first().copied().filter(|&o| self.layers[o.index()].as_ref().is_some_and(|l| l.folded))?;
        let first = net.operands(folded)[0];
        let [input, first] = [net.operands(first)[0], first].map(|id| locals[id.index()].as_ref().expect("needed"));
        Some(fold::constants(first, input, frame.wrapped()))
    }

    /// The products of a fan, lane by lane; `None` if there are more than `most`.
    fn products(
        &self,
        lanes: &[Offset],
        fan: &Fan,
        operands: &[LayerId],
        read: impl Fn(Offset, &Link) -> Option<(usize, Option<u32>)>,
        frame: &Frame,
        most: usize,
    ) -> Option<Vec<Product>> {
        let mut products = Vec::new();
        for (lane, &offset) in lanes.iter().enumerate() {
            for link in &fan.links {
                let Some((at, constant)) = read(offset, link) else { continue };
                let from = self.carried(operands[link.operand]);
                let rise = if from.first { from.orders_of(link.channel) * frame.line() } else { 0 };
                products.push(Product {
                    lane,
                    operand: link.operand,
                    line: from.line(link.channel, at) * frame.line(),
                    rise,
                    step: frame.step(link.shift),
                    factor: Factor { weight: link.weight as u32, constant },
                });
            }
            if products.len() > most {
                return None;
            }
        }
        Some(products)
    }
}

/// The weighted sums of the squares of a [constant](super::constant) layer's lanes, at the inputs: its reverse, with squares of
/// its weights.
fn squares(first: &Local, input: &Local, rows: usize, frame: &Frame) -> Vec<Sums> {
    let (channels, line) = (input.place.channels, frame.line());
    let reverse = Transposed { local: first, place: 0, channels, rows, line, shared: true };
    // At the distance of the lane: so far around a tile the weights are made.
    let distance = |link: &Link| input.lanes[link.channel][0].seen_at(link.shift, frame.wrapped()).distance;
    reverse.sums(|link| -frame.step(distance(link)), |weight| Factor { weight, constant: Some(weight) })
}

impl Pulled {
    /// `weight(at)` is the place of the weights of product `at`.
    fn new(lanes: usize, products: &[Product], weight: impl Fn(usize) -> usize) -> Self {
        let mut pulled = Pulled { lanes: vec![Vec::new(); lanes], terms: Vec::with_capacity(products.len()) };
        for (at, product) in products.iter().enumerate() {
            let parts = &mut pulled.lanes[product.lane];
            match parts.last_mut() {
                Some((operand, terms)) if *operand == product.operand => terms.end = at + 1,
                _ => parts.push((product.operand, at..at + 1)),
            }
            pulled.terms.push(Term { from: product.of_orders(product.step), weight: weight(at) as u32 });
        }
        pulled
    }
}

/// What the sums are made of that send lines of a layer's channels back to one of its operands; there is one for each channel
/// and row, `[channel][row][position]`.
pub(super) struct Transposed<'a> {
    pub(super) local: &'a Local,
    /// Which operand, how many channels that has, and rows.
    pub(super) place: usize,
    pub(super) channels: usize,
    pub(super) rows: usize,
    /// Numbers of a line.
    pub(super) line: usize,
    /// Whether there are weights, the same at every position.
    pub(super) shared: bool,
}

impl Transposed<'_> {
    /// The sums, for channels of the operand that are read alike. `step(link)` is from a number of the result to the one that
    /// is read, `factor(weight)` what that is taken times.
    pub(super) fn sums(&self, step: impl Fn(&Link) -> isize, factor: impl Fn(u32) -> Factor) -> Vec<Sums> {
        // For each channel of the operand the channels that read it, from where, and with which weights.
        let mut reads: Vec<Vec<(usize, isize, u32)>> = vec![Vec::new(); self.channels];
        for fan in &self.local.fans {
            for link in fan.links.iter().filter(|link| link.operand == self.place) {
                let of_channels = fan.channels.clone().enumerate();
                reads[link.channel].extend(of_channels.map(|(k, to)| (to, step(link), (link.weight + k) as u32)));
            }
        }
        let alike = |a: &[(usize, isize, u32)], b: &[(usize, isize, u32)]| {
            a.iter().map(|read| (read.0, read.1)).eq(b.iter().map(|read| (read.0, read.1)))
        };
        let mut sums = Vec::new();
        let mut start = 0;
        while start < reads.len() {
            // Without weights channels are added one by one.
            let more = reads[start + 1..].iter().take_while(|next| self.shared && alike(&reads[start], next)).count();
            let channels = start..start + 1 + more;
            let read = |lane: usize, &(from, step, _): &(usize, isize, u32)| {
                let line = (from * self.rows + lane) * self.line;
                Product { lane, operand: 0, line, rise: 0, step, factor: Factor { weight: 0, constant: None } }
            };
            let of_lane = |lane: usize| reads[start].iter().map(move |of_channel| read(lane, of_channel));
            let products: Vec<Product> = (0..self.rows).flat_map(of_lane).collect();
            let of_product = |number: usize| reads[channels.clone()].iter().map(move |reads| reads[number].2);
            let numbers = (0..reads[start].len()).filter(|_| self.shared);
            let arranged = numbers.flat_map(of_product).map(&factor).collect();
            sums.push(Sums::apart(channels.clone(), self.rows, &products, arranged));
            start = channels.end;
        }
        sums
    }
}

impl Sums {
    fn new(channels: Range<usize>, lanes: usize, products: &[Product], shared: bool) -> Self {
        let count = products.len() * channels.len();
        if shared && let Some((pushed, arranged)) = Pushed::new(channels.len(), products) {
            return Sums { channels, way: Way::Push(pushed), products: count, arranged, together: 1 };
        }
        let folded = products.iter().any(|p| p.factor.constant.is_some());
        let arranged: Vec<Factor> = if folded { products.iter().map(|p| p.factor).collect() } else { Vec::new() };
        let weight = |at: usize| if folded { at * channels.len() } else { products[at].factor.weight as usize };
        let (way, together) = (Way::Pull(Pulled::new(lanes, products, weight)), channels.len());
        Sums { channels, way, products: count, arranged, together }
    }

    /// Sums whose weights lie anywhere: those of all channels for each product of a lane, and none if all are one. The
    /// products of all lanes have the same.
    fn apart(channels: Range<usize>, lanes: usize, products: &[Product], arranged: Vec<Factor>) -> Self {
        let of_lane = (products.len() / lanes).max(1);
        let way = Way::Pull(Pulled::new(lanes, products, |at| at % of_lane * channels.len()));
        Sums { products: products.len() * channels.len(), channels, way, arranged, together: 1 }
    }

    /// Numbers of the weights that are arranged.
    pub(super) fn numbers(&self) -> usize {
        self.arranged.len() * self.together
    }

    /// Numbers of work space beside these, for the weights of one sum where channels share them.
    pub(super) fn numbers_of_sum(&self, shared: bool) -> usize {
        match &self.way {
            Way::Pull(pulled) if shared => {
                let longest = pulled.lanes.iter().flatten().map(|(_, terms)| terms.len()).max();
                self.channels.len().min(MOST_CHANNELS) * longest.unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// The weights in the order of the products, for one order of derivatives: times the constants, or their squares.
    /// Those of the layer themselves where they lie like that, or else in `space`.
    pub(super) fn weights<'a, T: Scalar>(
        &self,
        second: bool,
        weights: &'a [T],
        constants: &[T],
        space: &'a mut [T],
    ) -> &'a [T] {
        if self.arranged.is_empty() {
            return weights;
        }
        for (factor, out) in self.arranged.iter().zip(space.chunks_exact_mut(self.together)) {
            let weights = &weights[factor.weight as usize..][..self.together];
            let constant = factor.constant.map_or(T::one(), |constant| constants[constant as usize]);
            let constant = if second { constant * constant } else { constant };
            out.iter_mut().zip(weights).for_each(|(o, &w)| *o = w * constant);
        }
        space
    }
}
