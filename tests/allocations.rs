//! `run_into` allocates nothing after its first run; with several threads, rayon's queues now and then take a block.

#[path = "support/random.rs"]
mod random;

use colorjet::{Activation, ConvOptions, LaneKind, Network, Outputs, Plan, PlanOptions, Quantity, Strategy, Workspace};
use ndarray::{Array2, ArrayD, IxDyn};
use random::Random;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of all threads; this file has a single test.
static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that `System` needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn networks() -> Vec<Network> {
    let mut random = Random(1);
    let mut weight = |m: usize, k: usize| Array2::from_shape_vec((m, k), random.weights(m * k, k)).unwrap();
    let dense = Network::chain([10])
        .dense(weight(5, 10), None)
        .activation(Activation::Elu { alpha: 1.0 })
        .dense(weight(3, 5), None)
        .build();
    // Tangents of one point are carried beside its values.
    let large = Network::chain([3])
        .dense(weight(730, 3), None)
        .activation(Activation::Tanh)
        .dense(weight(720, 730), None)
        .activation(Activation::Tanh)
        .dense(weight(1, 720), None)
        .build();
    let kernel = ArrayD::from_shape_vec(IxDyn(&[2, 1, 3]), vec![0.5, -1.0, 0.7, 0.1, 0.2, 0.9]).unwrap();
    let conv = Network::chain([1, 40])
        .conv(kernel, None, &ConvOptions::default())
        .activation(Activation::Tanh)
        .dense(Array2::ones((1, 76)), None)
        .build();
    let kernel = ArrayD::from_shape_vec(IxDyn(&[1, 1, 3]), vec![0.5, -1.0, 0.7]).unwrap();
    let local =
        Network::chain([1, 40]).conv(kernel, None, &ConvOptions::default()).activation(Activation::Tanh).build();
    // The inputs of a Laplacian are rotated.
    let wide = Network::chain([60])
        .dense(weight(50, 60), None)
        .activation(Activation::Tanh)
        .dense(weight(30, 50), None)
        .activation(Activation::Tanh)
        .dense(weight(1, 30), None)
        .build();
    // Tangents of one point are carried beside its adjoints.
    let deep = Network::chain([50])
        .dense(weight(150, 50), None)
        .activation(Activation::Tanh)
        .dense(weight(150, 150), None)
        .activation(Activation::Tanh)
        .dense(weight(1, 150), None)
        .build();
    vec![dense.unwrap(), large.unwrap(), conv.unwrap(), local.unwrap(), wide.unwrap(), deep.unwrap()]
}

#[test]
fn the_second_run_allocates_nothing() {
    for (threads, allowed) in [(1, 0), (2, 8)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| check(threads, allowed));
    }
}

fn check(threads: usize, allowed: usize) {
    let mut rotated = 0;
    for net in networks() {
        for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal, Quantity::Laplacian] {
            let kinds = [None, Some(LaneKind::Color), Some(LaneKind::Offset), Some(LaneKind::Input)];
            for (strategy, lanes) in Strategy::of(quantity).flat_map(|s| kinds.map(|lanes| (s, lanes))) {
                let options = PlanOptions::new(quantity).strategy(strategy);
                // Left to the plan, for many points.
                let mut options = lanes.map_or(options.clone().points(10_000), |lanes| options.lanes(lanes));
                if quantity != Quantity::Jacobian {
                    options = options.with_jacobian();
                }
                let Ok(plan) = Plan::with(&net, &options) else {
                    assert!(matches!(lanes, Some(LaneKind::Offset | LaneKind::Input)));
                    continue;
                };
                rotated += usize::from(plan.has_rotated_inputs());
                for points in [1, 20] {
                    let xs = Random(2).numbers(points * net.inputs());
                    let mut value = vec![0.0; points * net.outputs()];
                    let mut jacobian = vec![0.0; points * plan.jacobian_pattern().map_or(0, |p| p.nnz())];
                    let diagonal = if quantity == Quantity::HessianDiagonal { plan.pattern().nnz() } else { 0 };
                    let mut diagonal = vec![0.0; points * diagonal];
                    let laplacian = if quantity == Quantity::Laplacian { net.outputs() } else { 0 };
                    let mut laplacian = vec![0.0; points * laplacian];
                    let mut workspace = Workspace::new();
                    let mut allocations = Vec::new();
                    for _ in 0..3 {
                        let before = COUNT.load(Ordering::Relaxed);
                        let outputs = Outputs {
                            value: &mut value,
                            jacobian: &mut jacobian,
                            hessian_diagonal: &mut diagonal,
                            laplacian: &mut laplacian,
                        };
                        plan.run_into(&net, &xs, outputs, &mut workspace).unwrap();
                        allocations.push(COUNT.load(Ordering::Relaxed) - before);
                    }
                    assert!(
                        allocations[0] > 0,
                        "the counter counts: {quantity} by {strategy}, {lanes:?}, {points} points"
                    );
                    let later = allocations[1].max(allocations[2]);
                    assert!(
                        later <= allowed,
                        "{later}: {quantity} by {strategy}, {lanes:?}, {points} points, {threads} threads"
                    );
                }
            }
        }
    }
    assert!(rotated > 0);
}
