//! Networks and points with fixed seeds, and a plan with all that it needs to run again and again.

#![allow(dead_code, reason = "every bench compiles this module for itself and uses a part of it")]

pub mod shapes;
pub mod timing;

use colorjet::{
    Activation, Chain, ConvOptions, Network, Outputs, Plan, PlanOptions, Quantity, Result, Strategy, Workspace,
};
use ndarray::{Array1, Array2, ArrayD, IxDyn};
use sprs::CsMat;
use std::collections::BTreeSet;
use std::f64::consts::TAU;

/// The generator of Steele, Lea and Flood (2014): the same numbers on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (TAU * self.uniform()).cos()
    }

    /// Weights of a unit that reads `fan_in` others: N(0, 1 / `fan_in`).
    pub fn weights(&mut self, count: usize, fan_in: usize) -> Vec<f64> {
        let scale = (1.0 / fan_in as f64).sqrt();
        (0..count).map(|_| scale * self.normal()).collect()
    }
}

/// Dense layers of the given widths, the first of which is n, with an activation between any two.
pub fn dense(widths: &[usize], activation: Activation) -> Network {
    let mut random = Random::new(1);
    let mut chain = Network::chain([widths[0]]);
    for (layer, pair) in widths.windows(2).enumerate() {
        if layer > 0 {
            chain = chain.activation(activation.clone());
        }
        let weight = Array2::from_shape_vec((pair[1], pair[0]), random.weights(pair[0] * pair[1], pair[0]));
        let bias = Array1::from(random.weights(pair[1], pair[0]));
        chain = chain.dense(weight.expect("a matrix of this shape"), bias);
    }
    chain.build().expect("a valid network")
}

/// Convolutions along one axis of length `n`, kept by zeros at both ends, with an activation between any two.
pub fn conv1d(n: usize, channels: &[usize], kernel: usize, activation: Activation) -> Network {
    convolutions(&[n], channels, kernel, &activation).build().expect("a valid network")
}

/// Convolutions on a `side` × `side` image, as [`conv1d`].
pub fn conv2d(side: usize, channels: &[usize], kernel: usize, activation: Activation) -> Network {
    convolutions(&[side, side], channels, kernel, &activation).build().expect("a valid network")
}

fn convolutions(axes: &[usize], channels: &[usize], kernel: usize, activation: &Activation) -> Chain {
    let mut random = Random::new(2);
    let padding = vec![[kernel / 2, (kernel - 1) / 2]; axes.len()];
    let options = ConvOptions { padding, ..Default::default() };
    let window = kernel.pow(axes.len() as u32);
    let mut chain = Network::chain([&channels[..1], axes].concat());
    for (layer, pair) in channels.windows(2).enumerate() {
        if layer > 0 {
            chain = chain.activation(activation.clone());
        }
        let fan_in = pair[0] * window;
        let shape = [&[pair[1], pair[0]], &*vec![kernel; axes.len()]].concat();
        let weight = ArrayD::from_shape_vec(IxDyn(&shape), random.weights(pair[1] * fan_in, fan_in));
        let bias = Array1::from(random.weights(pair[1], fan_in));
        chain = chain.conv(weight.expect("a kernel of this shape"), bias, &options);
    }
    chain
}

/// Square sparse layers with entries on `diagonals` diagonals around the main one.
pub fn banded(n: usize, diagonals: usize, layers: usize, activation: Activation) -> Network {
    let before = diagonals / 2;
    sparse_layers(n, layers, activation, |_, i| {
        (i.saturating_sub(before)..(i + diagonals - before).min(n)).collect::<Vec<_>>()
    })
}

/// Square sparse layers with `per_row` entries in random columns of every row.
pub fn random_sparse(n: usize, per_row: usize, layers: usize, activation: Activation) -> Network {
    sparse_layers(n, layers, activation, |random, _| {
        let mut columns = BTreeSet::new();
        while columns.len() < per_row.min(n) {
            columns.insert(random.below(n));
        }
        columns.into_iter().collect()
    })
}

/// Square layers whose row i has entries in the columns `columns(i)`, with an activation between any two.
fn sparse_layers(
    n: usize,
    layers: usize,
    activation: Activation,
    columns: impl Fn(&mut Random, usize) -> Vec<usize>,
) -> Network {
    let mut random = Random::new(3);
    let mut chain = Network::chain([n]);
    for layer in 0..layers {
        if layer > 0 {
            chain = chain.activation(activation.clone());
        }
        let (mut indptr, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
        for i in 0..n {
            let row = columns(&mut random, i);
            data.extend(random.weights(row.len(), row.len()));
            indices.extend(row);
            indptr.push(indices.len());
        }
        chain = chain.sparse(CsMat::new((n, n), indptr, indices, data), None);
    }
    chain.build().expect("a valid network")
}

/// A scalar energy of `n` cells: local terms, each of a neighborhood of nine cells, summed.
pub fn lattice_energy(n: usize) -> Network {
    convolutions(&[n], &[1, 8, 8], 5, &Activation::Tanh)
        .activation(Activation::Tanh)
        .dense(Array2::ones((1, 8 * n)), None)
        .build()
        .expect("a valid network")
}

/// One dense network at each of `count` nodes of `features` numbers, and the sum of its outputs.
pub fn sum_of_nodes(count: usize, features: usize, hidden: &[usize], activation: Activation) -> Network {
    let channels = [&[features], hidden, &[1]].concat();
    convolutions(&[count], &channels, 1, &activation)
        .dense(Array2::ones((1, count)), None)
        .build()
        .expect("a valid network")
}

/// `batch` points of `n` numbers, row after row, from N(0, 1).
pub fn points(n: usize, batch: usize) -> Vec<f64> {
    Random::new(4).weights(n * batch, 1)
}

/// What a plan computes and how, and the memory for it: [`run`](Job::run) allocates nothing after the first call.
pub struct Job {
    net: Network,
    plan: Plan,
    points: Vec<f64>,
    values: Vec<f64>,
    /// The Jacobian, if it is computed beside the plan's quantity.
    jacobian: Vec<f64>,
    workspace: Workspace<f64>,
}

impl Job {
    /// `batch` points under a plan.
    pub fn new(net: Network, plan: Plan, batch: usize) -> Self {
        let points = points(net.inputs(), batch);
        let numbers = match plan.quantity() {
            Quantity::Laplacian => plan.outputs(),
            _ => plan.pattern().nnz(),
        };
        let beside = plan.jacobian_pattern().filter(|_| plan.quantity() != Quantity::Jacobian);
        let jacobian = vec![0.0; batch * beside.map_or(0, |p| p.nnz())];
        Job { values: vec![0.0; batch * numbers], net, plan, points, jacobian, workspace: Workspace::new() }
    }

    /// `batch` points under a plan of a forced strategy.
    pub fn forced(net: Network, quantity: Quantity, strategy: Strategy, batch: usize) -> Result<Self> {
        let plan = Plan::with(&net, &PlanOptions::new(quantity).strategy(strategy))?;
        Ok(Self::new(net, plan, batch))
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Computes the numbers of the plan's quantity at all points.
    pub fn run(&mut self) -> &[f64] {
        let mut outputs = Outputs { jacobian: &mut self.jacobian, ..Default::default() };
        match self.plan.quantity() {
            Quantity::Jacobian => outputs.jacobian = &mut self.values,
            Quantity::Laplacian => outputs.laplacian = &mut self.values,
            _ => outputs.hessian_diagonal = &mut self.values,
        }
        self.plan.run_into(&self.net, &self.points, outputs, &mut self.workspace).expect("points that fit the plan");
        &self.values
    }
}
