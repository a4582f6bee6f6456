//! What the machine can do with all threads at the same time: matrix products in cache, and memory traffic.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use serde_json::json;
use std::error::Error;
use std::hint;
use std::time::Instant;

/// Side of the matrices that each thread multiplies.
const SIDE: usize = 512;

/// Products in a round, so that the start of the threads does not count.
const PRODUCTS: usize = 8;

/// Numbers in each of a thread's three arrays of 64 MB: no cache of a core holds them.
const TRIAD: usize = 8 << 20;

/// Rounds of which the fastest counts, since others may use the machine too.
const ROUNDS: usize = 20;

pub fn machine() -> Result<(), Box<dyn Error>> {
    let threads = rayon::current_num_threads();
    let flops = (threads * PRODUCTS * 2 * SIDE.pow(3)) as f64;
    // Two arrays are read and one is written.
    let bytes = (threads * 3 * TRIAD * size_of::<f64>()) as f64;
    println!(
        "{}",
        json!({
            "gemm_gflops": {
                "f64": flops / products(0.5f64, 0.0) * 1e-9,
                "f32": flops / products(0.5f32, 0.0) * 1e-9,
            },
            "stream_gb_per_s": bytes / triad() * 1e-9,
            "threads": threads,
        })
    );
    Ok(())
}

/// Seconds in which every thread makes its products.
fn products<T: faer::traits::RealField + Copy>(half: T, zero: T) -> f64 {
    let matrix = || Mat::from_fn(SIDE, SIDE, |_, _| half);
    let mut spaces = each_thread(|| [matrix(), matrix(), Mat::from_fn(SIDE, SIDE, |_, _| zero)]);
    fastest(&mut spaces, |[a, b, c]| {
        for _ in 0..PRODUCTS {
            matmul(c.as_mut(), Accum::Replace, hint::black_box(a.as_ref()), b.as_ref(), half, Par::Seq);
        }
    })
}

/// Seconds in which every thread makes a = b + s c.
fn triad() -> f64 {
    let mut spaces = each_thread(|| [vec![0.0f64; TRIAD], vec![1.0; TRIAD], vec![2.0; TRIAD]]);
    fastest(&mut spaces, |[a, b, c]| {
        let s = hint::black_box(3.0);
        for ((a, &b), &c) in a.iter_mut().zip(&*b).zip(&*c) {
            *a = b + s * c;
        }
        hint::black_box(a);
    })
}

/// Memory of every thread, made by itself so that it lies near.
fn each_thread<S: Send>(make: impl Fn() -> S + Sync) -> Vec<S> {
    rayon::broadcast(|_| make())
}

/// Seconds of the fastest round, in which every thread does the work once.
fn fastest<S: Send>(spaces: &mut [S], work: impl Fn(&mut S) + Sync) -> f64 {
    let round = |spaces: &mut [S]| {
        let start = Instant::now();
        rayon::scope(|scope| {
            for space in spaces {
                scope.spawn(|_| work(space));
            }
        });
        start.elapsed().as_secs_f64()
    };
    round(spaces);
    (0..ROUNDS).map(|_| round(spaces)).fold(f64::INFINITY, f64::min)
}
