//! The least floating-point operations that a strategy needs at one point of a chain of layers, a multiply-add
//! counted as two. Divided by the time of a run they show how near it is to the products that the machine can make.
//!
//! For linear layers l = 1…L with c_l weights used (every entry of a dense matrix; for each output unit of a convolution
//! its window) and functions of w_l units in between, let s_l be the inputs that a unit behind layer l sees (s_0 = 1)
//! and r_l the outputs that it reaches (r_L = 1). Where all is dense these are n and m, and c_l = w_{l-1} w_l.
//!
//! ```text
//! value                 2 Σ_{l=1…L} c_l
//! forward               2 Σ_{l=2…L} c_l s_{l-1}
//! reverse               2 Σ_{l=1…L-1} c_l r_l
//! double-forward        first order   2 Σ_{l=2…L-1} c_l s_{l-1}   (to L if the Jacobian is wanted)
//!                       second order  2 Σ_{l=2…L} c_l s_{l-1}
//! nodal                 tangents      2 Σ_{l=2…L-1} c_l s_{l-1}
//!                       adjoints      2 Σ_{l=2…L-1} c_l r_l       (from 1 if the Jacobian is wanted)
//!                       sums          2 Σ_{l=1…L-1} w_l s_l r_l   (of a Laplacian 2 Σ w_l (s_l + r_l): inputs first)
//! reverse-over-forward  tangents      2 Σ_{l=2…L-1} c_l s_{l-1}
//!                       adjoints      2 Σ_{l=2…L-1} c_l r_l       (from 1 if the Jacobian is wanted)
//!                       their slopes  2 Σ_{l=1…L-1} c_l s_l r_l   (of layer 1 one entry for each input: c_1 r_1)
//! forward-laplacian     tangents      2 Σ_{l=2…L-1} c_l s_{l-1}   (to L if the Jacobian is wanted)
//!                       sums          2 Σ_{l=2…L} c_l  +  2 Σ_{l=1…L-1} w_l s_l
//! ```
//!
//! Where the inputs of a Laplacian are rotated, s_l is at most w_1, and the s_1 (s_1 - 1) / 2 zeros of the tangents behind
//! the first layer are not multiplied in the second.
//!
//! The tangents behind the first layer and the adjoints before the last are its weights and cost nothing. Every strategy
//! needs the value too. Functions and their slopes are not counted, nor is what windows lack at the borders.

use colorjet::{Activation, Kind, Network, Plan, Quantity, Scalar, Strategy};

/// How often a function of a unit is evaluated in one plain evaluation, if it is the same function everywhere.
pub fn functions<T: Scalar>(net: &Network<T>) -> Option<(f64, &Activation)> {
    let functions = || {
        net.layers().filter_map(|(_, layer)| match layer.kind() {
            Kind::Elementwise(function) => Some((layer.units(), function.activation())),
            _ => None,
        })
    };
    let first = functions().next()?.1;
    let alike = functions().all(|(_, function)| function.name() == first.name());
    alike.then(|| (functions().map(|(units, _)| units as f64).sum(), first))
}

/// A linear layer and the units behind it.
struct Link {
    weights: f64,
    units: f64,
    /// Inputs that a unit before the layer sees, and that a unit behind it sees.
    sees: [f64; 2],
    /// Outputs that a unit behind the layer reaches.
    reaches: f64,
}

/// `None` for a network that is no chain of linear layers with curved functions in between.
pub fn least<T: Scalar>(net: &Network<T>, plan: &Plan, with_jacobian: bool) -> Option<f64> {
    let mut links = links(net)?;
    let mut zeros = 0.0;
    if plan.has_rotated_inputs() {
        let most = links[0].units;
        links.iter_mut().for_each(|link| link.sees = link.sees.map(|seen| seen.min(most)));
        let lanes = links[0].sees[1];
        // The last layer has no tangents.
        zeros = if links.len() > 2 { links[1].units * lanes * (lanes - 1.0) } else { 0.0 };
    }
    let last = links.len() - 1;
    let (inner, behind_first, before_last) = (&links[1..last.max(1)], &links[1..], &links[..last]);
    let sum = |links: &[Link], of: &dyn Fn(&Link) -> f64| 2.0 * links.iter().map(of).sum::<f64>();
    let tangents = |links| sum(links, &|l| l.weights * l.sees[0]);
    let adjoints = |links| sum(links, &|l| l.weights * l.reaches);
    let value = sum(&links, &|l| l.weights);
    let first_order = tangents(if with_jacobian { behind_first } else { inner });
    let both_ways = tangents(inner) + adjoints(if with_jacobian { before_last } else { inner });
    let lanes = match plan.strategy() {
        Strategy::Forward => tangents(behind_first),
        Strategy::Reverse => adjoints(before_last),
        Strategy::DoubleForward => first_order + tangents(behind_first),
        Strategy::Nodal if plan.quantity() == Quantity::Laplacian => {
            both_ways + sum(before_last, &|l| l.units * (l.sees[1] + l.reaches))
        }
        Strategy::Nodal => both_ways + sum(before_last, &|l| l.units * l.sees[1] * l.reaches),
        Strategy::ReverseOverForward => {
            both_ways
                + sum(&links[..1], &|l| l.weights * l.reaches)
                + sum(inner, &|l| l.weights * l.sees[1] * l.reaches)
        }
        Strategy::ForwardLaplacian => {
            first_order + sum(behind_first, &|l| l.weights) + sum(before_last, &|l| l.units * l.sees[1])
        }
        _ => return None,
    };
    Some(value + lanes - zeros)
}

/// The window of a unit: positions on each axis, at all channels.
struct Window {
    channels: usize,
    positions: Vec<usize>,
    /// The whole, which no window exceeds.
    all: usize,
}

impl Window {
    fn grow(&mut self, kernel: &[usize]) {
        self.positions.resize(kernel.len(), 1);
        self.positions.iter_mut().zip(kernel).for_each(|(p, k)| *p += k - 1);
    }

    fn size(&self) -> f64 {
        self.all.min(self.channels * self.positions.iter().product::<usize>()) as f64
    }
}

/// What a linear layer adds to a window: so many positions on each axis, or everything.
enum Spread {
    Window(Vec<usize>),
    All,
}

fn links<T: Scalar>(net: &Network<T>) -> Option<Vec<Link>> {
    let (mut spreads, mut links) = (Vec::new(), Vec::<Link>::new());
    let mut channels = Vec::new();
    for (id, layer) in net.layers() {
        let (weights, spread) = match layer.kind() {
            Kind::Input => continue,
            Kind::Elementwise(_) => continue,
            Kind::Dense(l) => (l.weight().len(), Spread::All),
            Kind::Sparse(l) => {
                let widest = l.matrix().indptr().raw_storage().windows(2).map(|w| w[1] - w[0]).max()?;
                (l.matrix().nnz(), Spread::Window(vec![widest]))
            }
            Kind::Conv(l) => {
                let shape = l.weight_shape();
                (layer.units() * shape[1..].iter().product::<usize>(), Spread::Window(shape[2..].to_vec()))
            }
            _ => return None,
        };
        if net.operands(id).len() != 1 {
            return None;
        }
        channels.push(if matches!(layer.kind(), Kind::Conv(_)) { layer.shape()[0] } else { 1 });
        spreads.push(spread);
        links.push(Link { weights: weights as f64, units: layer.units() as f64, sees: [1.0; 2], reaches: 1.0 });
    }
    let input = net.layer(*net.input_layers().first()?);
    let is_conv = matches!(spreads.first()?, Spread::Window(_)) && input.shape().len() > 1;
    let mut seen =
        Window { channels: if is_conv { input.shape()[0] } else { 1 }, positions: Vec::new(), all: net.inputs() };
    let mut before = 1.0;
    for (link, spread) in links.iter_mut().zip(&spreads) {
        match spread {
            Spread::Window(kernel) => seen.grow(kernel),
            Spread::All => seen = Window { channels: net.inputs(), ..seen },
        }
        link.sees = [before, seen.size()];
        before = seen.size();
    }
    let mut reached = Window { channels: *channels.last()?, positions: Vec::new(), all: net.outputs() };
    for (link, spread) in links[..channels.len() - 1].iter_mut().zip(&spreads[1..]).rev() {
        match spread {
            Spread::Window(kernel) => reached.grow(kernel),
            Spread::All => reached = Window { channels: net.outputs(), ..reached },
        }
        link.reaches = reached.size();
    }
    Some(links)
}
