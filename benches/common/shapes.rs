//! Networks of shapes that are no plain chain of dense or convolutional layers.

use super::Random;
use colorjet::{Activation, ConvOptions, LayerId, Network, NetworkBuilder, Pool, Result};
use ndarray::{Array1, Array2, ArrayD, IxDyn};
use sprs::CsMat;
use std::collections::BTreeSet;

const SOUND: &str = "a valid network";

fn weight(random: &mut Random, rows: usize, columns: usize) -> Array2<f64> {
    let weights = random.weights(rows * columns, columns);
    Array2::from_shape_vec((rows, columns), weights).expect("a matrix of this shape")
}

/// A matrix whose row i has entries in the columns `columns(i)`.
fn sparse(random: &mut Random, shape: [usize; 2], columns: impl Fn(&mut Random, usize) -> Vec<usize>) -> CsMat<f64> {
    let (mut indptr, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
    for i in 0..shape[0] {
        let row = columns(random, i);
        data.extend(random.weights(row.len(), row.len()));
        indices.extend(row);
        indptr.push(indices.len());
    }
    CsMat::new((shape[0], shape[1]), indptr, indices, data)
}

/// A dense network of which so many weights of every unit are left, in random places.
pub fn pruned(widths: &[usize], per_unit: usize, activation: Activation) -> Network {
    let mut random = Random::new(5);
    let mut chain = Network::chain([widths[0]]);
    for (layer, pair) in widths.windows(2).enumerate() {
        if layer > 0 {
            chain = chain.activation(activation.clone());
        }
        let matrix = sparse(&mut random, [pair[1], pair[0]], |random, _| {
            let mut columns = BTreeSet::new();
            while columns.len() < per_unit.min(pair[0]) {
                columns.insert(random.below(pair[0]));
            }
            columns.into_iter().collect()
        });
        chain = chain.sparse(matrix, Array1::zeros(pair[1]));
    }
    chain.build().expect(SOUND)
}

/// `blocks` dense networks side by side, which share neither inputs nor outputs.
pub fn block_diagonal(blocks: usize, widths: &[usize], activation: Activation) -> Network {
    let mut random = Random::new(6);
    let mut chain = Network::chain([blocks * widths[0]]);
    for (layer, pair) in widths.windows(2).enumerate() {
        if layer > 0 {
            chain = chain.activation(activation.clone());
        }
        let columns = |_: &mut Random, i: usize| (i / pair[1] * pair[0]..(i / pair[1] + 1) * pair[0]).collect();
        chain = chain.sparse(sparse(&mut random, [blocks * pair[1], blocks * pair[0]], columns), None);
    }
    chain.build().expect(SOUND)
}

/// Energies of `n` particles on a line that repel their neighbors, summed over `regions` stretches.
pub fn pair_energy(n: usize, regions: usize) -> Network {
    let mut random = Random::new(7);
    let pairs = n - 1;
    let differences = sparse(&mut random, [pairs, n], |_, i| vec![i, i + 1]);
    let sums = sparse(&mut random, [regions, pairs], |_, r| (r * pairs / regions..(r + 1) * pairs / regions).collect());
    let chain = Network::chain([n]).sparse(differences, None).activation(Activation::Softplus);
    chain.sparse(sums, None).build().expect(SOUND)
}

/// Local energies of `n` cells, each of a neighborhood of five, summed over `regions` stretches.
pub fn regional_energies(n: usize, channels: usize, regions: usize) -> Network {
    let mut random = Random::new(8);
    let kernel = random.weights(5 * channels, 5);
    let kernel = ArrayD::from_shape_vec(IxDyn(&[channels, 1, 5]), kernel).expect("a kernel of this shape");
    let options = ConvOptions { padding: vec![[2, 2]], ..Default::default() };
    let of_region = |_: &mut Random, r: usize| {
        let cells = r * n / regions..(r + 1) * n / regions;
        (0..channels).flat_map(|c| cells.clone().map(move |k| c * n + k)).collect()
    };
    let sums = sparse(&mut random, [regions, channels * n], of_region);
    let chain = Network::chain([1, n]).conv(kernel, None, &options).activation(Activation::Tanh);
    chain.sparse(sums, None).build().expect(SOUND)
}

/// A classifier of `side` × `side` images: convolution, pooling, convolution, a dense layer at the end.
pub fn classifier(side: usize, channels: usize, classes: usize) -> Network {
    let mut random = Random::new(9);
    let options = ConvOptions { padding: vec![[1, 1]; 2], ..Default::default() };
    let mut kernel = |to: usize, from: usize| {
        let weights = random.weights(to * from * 9, from * 9);
        ArrayD::from_shape_vec(IxDyn(&[to, from, 3, 3]), weights).expect("a kernel of this shape")
    };
    let (first, second) = (kernel(channels, 1), kernel(channels, channels));
    let pool = Pool { kernel: vec![2, 2], ..Default::default() };
    let chain = Network::chain([1, side, side]).conv(first, None, &options).activation(Activation::Tanh);
    let chain = chain.then("pool", |b, name, x| b.avg_pool(name, x, &pool, true));
    let chain = chain.conv(second, None, &options).activation(Activation::Tanh);
    let units = channels * (side / 2).pow(2);
    chain.dense(weight(&mut random, classes, units), None).build().expect(SOUND)
}

/// Blocks `x + W tanh(V x)` between a dense layer at the beginning and one at the end.
pub fn residual(n: usize, width: usize, blocks: usize, m: usize) -> Network {
    let build = || -> Result<Network> {
        let (mut b, mut random) = (Network::builder(), Random::new(10));
        let x = b.input("x", &[n])?;
        let mut last = b.dense("first", x, weight(&mut random, width, n), None)?;
        for k in 0..blocks {
            let z = b.dense(&format!("v{k}"), last, weight(&mut random, width, width), None)?;
            let a = b.activation(&format!("tanh{k}"), z, Activation::Tanh)?;
            let w = b.dense(&format!("w{k}"), a, weight(&mut random, width, width), None)?;
            last = b.add(&format!("add{k}"), &[last, w])?;
        }
        let y = b.dense("last", last, weight(&mut random, m, width), None)?;
        b.build(&[y])
    };
    build().expect(SOUND)
}

/// Gated layers `(V x) ⊙ sigmoid(W x)`, and a dense one at the end.
pub fn gated(n: usize, width: usize, layers: usize, m: usize) -> Network {
    let build = || -> Result<Network> {
        let (mut b, mut random) = (Network::builder(), Random::new(11));
        let mut last = b.input("x", &[n])?;
        for k in 0..layers {
            let fan_in = if k == 0 { n } else { width };
            let a = b.dense(&format!("v{k}"), last, weight(&mut random, width, fan_in), None)?;
            let z = b.dense(&format!("w{k}"), last, weight(&mut random, width, fan_in), None)?;
            let s = b.activation(&format!("gate{k}"), z, Activation::Sigmoid)?;
            last = b.product(&format!("product{k}"), a, s)?;
        }
        let y = b.dense("last", last, weight(&mut random, m, width), None)?;
        b.build(&[y])
    };
    build().expect(SOUND)
}

/// The nonlinear term of a conservation law on a grid, `u_i (u_{i+1} − u_{i−1})`, and the stencil of the linear one.
pub fn burgers_step(n: usize) -> Network {
    let build = || -> Result<Network> {
        let (mut b, mut random) = (Network::builder(), Random::new(12));
        let around = |_: &mut Random, i: usize| {
            let mut columns = vec![(i + n - 1) % n, i, (i + 1) % n];
            columns.sort_unstable();
            columns
        };
        let u = b.input("u", &[n])?;
        let slope = b.sparse("slope", u, sparse(&mut random, [n, n], around), None)?;
        let transport = b.product("transport", u, slope)?;
        let diffusion = b.sparse("diffusion", u, sparse(&mut random, [n, n], around), None)?;
        let y = b.add("y", &[transport, diffusion])?;
        b.build(&[y])
    };
    build().expect(SOUND)
}

/// Softmax over the rows of a matrix of the given shape.
fn softmax(b: &mut NetworkBuilder, name: &str, scores: LayerId, [rows, columns]: [usize; 2]) -> Result<LayerId> {
    let exp = b.activation(&format!("{name} exp"), scores, Activation::Exp)?;
    let ones = {
        let indptr = (0..=rows).map(|i| i * columns).collect();
        CsMat::new((rows, rows * columns), indptr, (0..rows * columns).collect(), vec![1.0; rows * columns])
    };
    let sum = b.sparse(&format!("{name} sum"), exp, ones, None)?;
    let one_over = b.activation(&format!("{name} reciprocal"), sum, Activation::Reciprocal)?;
    let index = (0..rows * columns).map(|k| Some((k / columns) as u32));
    let spread = b.gather(&format!("{name} spread"), &[one_over], index, &[rows * columns], 0.0)?;
    b.product(name, exp, spread)
}

/// Dense, softmax, dense.
pub fn mixture(n: usize, components: usize, m: usize) -> Network {
    let build = || -> Result<Network> {
        let (mut b, mut random) = (Network::builder(), Random::new(13));
        let x = b.input("x", &[n])?;
        let scores = b.dense("scores", x, weight(&mut random, components, n), None)?;
        let shares = softmax(&mut b, "softmax", scores, [1, components])?;
        let y = b.dense("y", shares, weight(&mut random, m, components), None)?;
        b.build(&[y])
    };
    build().expect(SOUND)
}

/// One head of attention among `tokens` of `features` numbers each; of the result the sum if `scalar`.
pub fn attention(tokens: usize, features: usize, scalar: bool) -> Network {
    let build = || -> Result<Network> {
        let (mut b, mut random) = (Network::builder(), Random::new(14));
        let x = b.input("x", &[tokens * features])?;
        let mut project = |b: &mut NetworkBuilder, name: &str| {
            let own = |_: &mut Random, i: usize| (i / features * features..(i / features + 1) * features).collect();
            let matrix = sparse(&mut random, [tokens * features; 2], own);
            b.sparse(name, x, matrix, None)
        };
        let [q, k, v] = [project(&mut b, "q")?, project(&mut b, "k")?, project(&mut b, "v")?];
        // Number f of the terms of pair (s, t) comes from token `of(s, t)`.
        let spread = |b: &mut NetworkBuilder, name: &str, from: LayerId, of: fn(usize, usize) -> usize| {
            let pairs = (0..tokens).flat_map(|s| (0..tokens).map(move |t| (s, t)));
            let index = pairs.flat_map(|(s, t)| (0..features).map(move |f| Some((of(s, t) * features + f) as u32)));
            b.gather(name, &[from], index.collect::<Vec<_>>(), &[tokens * tokens * features], 0.0)
        };
        let sum = |rows: usize, columns: &dyn Fn(usize) -> Vec<usize>| {
            let (mut indptr, mut indices) = (vec![0], Vec::new());
            for i in 0..rows {
                indices.extend(columns(i));
                indptr.push(indices.len());
            }
            let ones = vec![(features as f64).powf(-0.5); indices.len()];
            CsMat::new((rows, tokens * tokens * features), indptr, indices, ones)
        };
        let (left, right) = (spread(&mut b, "q of s", q, |s, _| s)?, spread(&mut b, "k of t", k, |_, t| t)?);
        let terms = b.product("q k", left, right)?;
        let of_pair = sum(tokens * tokens, &|p| (p * features..(p + 1) * features).collect());
        let scores = b.sparse("scores", terms, of_pair, None)?;
        let shares = softmax(&mut b, "shares", scores, [tokens, tokens])?;
        let index = (0..tokens * tokens * features).map(|k| Some((k / features) as u32));
        let left = b.gather("share of t", &[shares], index, &[tokens * tokens * features], 0.0)?;
        let right = spread(&mut b, "v of t", v, |_, t| t)?;
        let terms = b.product("share v", left, right)?;
        let of_token = |i: usize| {
            let (s, f) = (i / features, i % features);
            (0..tokens).map(|t| (s * tokens + t) * features + f).collect::<Vec<_>>()
        };
        let mixed = b.sparse("mixed", terms, sum(tokens * features, &of_token), None)?;
        let y = if scalar { b.dense("y", mixed, Array2::ones((1, tokens * features)), None)? } else { mixed };
        b.build(&[y])
    };
    build().expect(SOUND)
}
