//! What is done once for a network: patterns, colorings, plans.

mod common;

use colorjet::coloring::{Side, distance1_coloring, partial_distance2_coloring};
use colorjet::{Activation, Network, Order, Pattern, Plan, PlanOptions, Quantity, Sparsity, Strategy};
use criterion::Criterion;
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Duration;

type Make<T> = Box<dyn FnOnce() -> T>;
type Lazy<T> = LazyLock<T, Make<T>>;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for (shape, network) in networks() {
        let network = LazyLock::new(network);
        patterns(&mut criterion, shape, &network);
        columns(&mut criterion, shape, &network);
        plans(&mut criterion, shape, &network);
    }
    energy(&mut criterion);
    criterion.final_summary();
}

/// Made when first used, so that what a filter leaves out costs nothing.
fn networks() -> [(&'static str, Make<Network>); 5] {
    [
        ("conv1d/n=65536", Box::new(|| common::conv1d(1 << 16, &[1, 8, 8, 1], 5, Activation::Tanh))),
        ("conv2d/side=128", Box::new(|| common::conv2d(128, &[1, 8, 8, 1], 3, Activation::Tanh))),
        ("dense/784-1024-1024-10", Box::new(|| common::dense(&[784, 1024, 1024, 10], Activation::Sigmoid))),
        ("banded/n=65536", Box::new(|| common::banded(1 << 16, 5, 3, Activation::Tanh))),
        ("random_sparse/n=16384", Box::new(|| common::random_sparse(1 << 14, 2, 3, Activation::Tanh))),
    ]
}

/// Propagation of the dependency sets; with them, the three patterns of m × n.
fn patterns(c: &mut Criterion, shape: &str, network: &Lazy<Network>) {
    c.bench_function(&format!("structure/sets/{shape}"), |b| {
        let network = LazyLock::force(network);
        b.iter(|| sparsity(black_box(network)));
    });
    c.bench_function(&format!("structure/patterns/{shape}"), |b| {
        let network = LazyLock::force(network);
        b.iter(|| {
            let sparsity = sparsity(black_box(network));
            (sparsity.jacobian(), sparsity.hessian_diagonal(), sparsity.meeting())
        });
    });
}

/// Inputs of one color never meet: what double-forward colors.
fn columns(c: &mut Criterion, shape: &str, network: &Lazy<Network>) {
    let pattern = LazyLock::new(|| sparsity(network).meeting().expect("a pattern that fits the memory"));
    for order in [Order::Natural, Order::Best] {
        c.bench_function(&format!("structure/coloring/columns/{order}/{shape}"), |b| {
            let pattern = LazyLock::force(&pattern);
            b.iter(|| partial_distance2_coloring(black_box(pattern), Side::Columns, order));
        });
    }
}

/// All of it, for the strategy of the planner's choice and for a forced one.
fn plans(c: &mut Criterion, shape: &str, network: &Lazy<Network>) {
    let chosen = PlanOptions::new(Quantity::HessianDiagonal);
    let forced = chosen.clone().strategy(Strategy::ReverseOverForward);
    for (name, options) in [("chosen", chosen), ("reverse-over-forward", forced)] {
        c.bench_function(&format!("structure/plan/{name}/{shape}"), |b| {
            let network = LazyLock::force(network);
            b.iter(|| Plan::with(black_box(network), &options));
        });
    }
}

/// The scalar energy has one output: its Hessian is colored at distance one.
fn energy(c: &mut Criterion) {
    let shape = "energy/n=65536";
    let network: Lazy<Network> = LazyLock::new(Box::new(|| common::lattice_energy(1 << 16)));
    patterns(c, shape, &network);
    let hessian: LazyLock<Pattern, _> = LazyLock::new(|| {
        let pattern = sparsity(&network).hessian(&network, &[0]);
        pattern.expect("a pattern that fits the memory")
    });
    for order in [Order::Natural, Order::Best] {
        c.bench_function(&format!("structure/coloring/distance-1/{order}/{shape}"), |b| {
            let hessian = LazyLock::force(&hessian);
            b.iter(|| distance1_coloring(black_box(hessian), order));
        });
    }
    plans(c, shape, &network);
}

fn sparsity(network: &Network) -> Sparsity {
    Sparsity::of(network).expect("dependency sets that fit the memory")
}
