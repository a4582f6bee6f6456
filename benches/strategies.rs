//! Which strategy wins where, over a grid of shapes: those of the Hessian diagonal, of the Jacobian and of the Laplacian
//! against each other.
//!
//! `depth` counts the hidden layers: of 128 units in `dense`, of 8 channels in `conv1d` and `conv2d`.
//! Plans are made beforehand, memory is reused.

mod common;

use colorjet::{Activation::Tanh, Network, Quantity, Strategy};
use common::Job;
use criterion::Criterion;
use std::hint::black_box;
use std::time::Duration;

const HIDDEN: usize = 128;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    hessian_diagonal(&mut criterion);
    jacobian(&mut criterion);
    laplacian(&mut criterion);
    criterion.final_summary();
}

fn hessian_diagonal(c: &mut Criterion) {
    let q = Quantity::HessianDiagonal;
    for depth in [1, 3] {
        for n in [16, 256] {
            for m in [1, 16, 128] {
                compare(c, q, &format!("dense/n={n},m={m},depth={depth}"), 1, || dense(n, m, depth));
            }
        }
    }
    compare(c, q, "dense/n=2,m=1,depth=3,batch=1024", 1024, || dense(2, 1, 3));
    for n in [1 << 10, 1 << 14] {
        compare(c, q, &format!("banded/n={n},depth=2"), 1, || common::banded(n, 5, 3, Tanh));
    }
    compare(c, q, "random_sparse/n=1024,depth=2", 1, || common::random_sparse(1024, 2, 3, Tanh));
    for depth in [1, 2] {
        let channels = [&[1][..], &vec![8; depth], &[1]].concat();
        compare(c, q, &format!("conv1d/n=8192,depth={depth}"), 1, || common::conv1d(8192, &channels, 5, Tanh));
    }
    compare(c, q, "conv2d/side=32,depth=2", 1, || common::conv2d(32, &[1, 8, 8, 1], 3, Tanh));
    for n in [64, 512] {
        compare(c, q, &format!("energy/n={n}"), 1, || common::lattice_energy(n));
    }
    // Double-forward would need 65,536 lanes here.
    let rof = Strategy::ReverseOverForward;
    measure(c, q, rof, "energy/n=65536", 1, || common::lattice_energy(1 << 16));
}

fn jacobian(c: &mut Criterion) {
    let q = Quantity::Jacobian;
    for n in [16, 256] {
        for m in [1, 16, 256] {
            compare(c, q, &format!("dense/n={n},m={m},depth=3"), 1, || dense(n, m, 3));
        }
    }
    compare(c, q, "banded/n=16384,depth=2", 1, || common::banded(1 << 14, 5, 3, Tanh));
    compare(c, q, "conv1d/n=8192,depth=2", 1, || common::conv1d(8192, &[1, 8, 8, 1], 5, Tanh));
    compare(c, q, "energy/n=512", 1, || common::lattice_energy(512));
}

fn laplacian(c: &mut Criterion) {
    let q = Quantity::Laplacian;
    for n in [16, 256] {
        for m in [1, 16] {
            compare(c, q, &format!("dense/n={n},m={m},depth=3"), 1, || dense(n, m, 3));
        }
    }
    compare(c, q, "dense/n=30,m=1,depth=3,batch=1024", 1024, || dense(30, 1, 3));
    compare(c, q, "banded/n=16384,depth=2", 1, || common::banded(1 << 14, 5, 3, Tanh));
    compare(c, q, "energy/n=512", 1, || common::lattice_energy(512));
}

fn dense(n: usize, m: usize, depth: usize) -> Network {
    let mut widths = vec![HIDDEN; depth + 2];
    widths[0] = n;
    widths[depth + 1] = m;
    common::dense(&widths, Tanh)
}

/// All strategies of the quantity; the oracle, `dense`, is not for speed.
fn compare(c: &mut Criterion, quantity: Quantity, shape: &str, batch: usize, network: impl Fn() -> Network) {
    for strategy in Strategy::of(quantity).filter(|&s| s != Strategy::Dense) {
        measure(c, quantity, strategy, shape, batch, &network);
    }
}

fn measure(
    c: &mut Criterion,
    quantity: Quantity,
    strategy: Strategy,
    shape: &str,
    batch: usize,
    network: impl Fn() -> Network,
) {
    let what = match quantity {
        Quantity::Jacobian => "jacobian",
        Quantity::Laplacian => "laplacian",
        _ => "hessian_diagonal",
    };
    // Made at the first call, so that what a filter leaves out costs nothing.
    let mut job = None;
    c.bench_function(&format!("{what}/{shape}/{strategy}"), |bencher| {
        let job = job.get_or_insert_with(|| {
            Job::forced(network(), quantity, strategy, batch).expect("a strategy that computes the quantity")
        });
        bencher.iter(|| black_box(job.run())[0]);
    });
}
