//! What the machine can do with all threads at the same time: matrix products and functions in cache, and memory traffic.

use colorjet::{Activation, Scalar};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use serde_json::json;
use std::error::Error;
use std::hint;
use std::time::{Duration, Instant};

/// Side of the matrices that each thread multiplies.
const SIDE: usize = 512;

/// Products in a round, so that the start of the threads does not count.
const PRODUCTS: usize = 8;

/// Numbers that a function is evaluated at, and how often in a round.
const NUMBERS: usize = 1 << 10;
const SWEEPS: usize = 1 << 8;

/// Numbers in each of a thread's three arrays of 64 MB: no cache of a core holds them.
const TRIAD: usize = 8 << 20;

/// Time of each measurement, of which the fastest round counts, since others may use the machine too.
const BUDGET: Duration = Duration::from_millis(500);

pub fn machine() -> Result<(), Box<dyn Error>> {
    let threads = rayon::current_num_threads();
    let largest = |rates: Vec<f64>| rates.into_iter().fold(0.0, f64::max) * 1e-9;
    println!(
        "{}",
        json!({
            "gemm_gflops": { "f64": largest(products::<f64>(BUDGET)), "f32": largest(products::<f32>(BUDGET)) },
            "stream_gb_per_s": largest(triad(BUDGET)),
            "threads": threads,
        })
    );
    Ok(())
}

/// Operations a second in which every thread makes its products, in every round until the time is up.
pub fn products<T: Scalar>(budget: Duration) -> Vec<f64> {
    let half = T::from_f64(0.5);
    let matrix = || Mat::from_fn(SIDE, SIDE, |_, _| half);
    let mut spaces = each_thread(|| [matrix(), matrix(), matrix()]);
    rates(PRODUCTS * 2 * SIDE.pow(3), budget, &mut spaces, |[a, b, c]| {
        for _ in 0..PRODUCTS {
            matmul(c.as_mut(), Accum::Replace, hint::black_box(a.as_ref()), b.as_ref(), half, Par::Seq);
        }
    })
}

/// Functions a second, each with its slope and, for second order, its curvature, of numbers that stay in the cache.
pub fn functions<T: Scalar>(function: &Activation, second: bool, budget: Duration) -> Vec<f64> {
    let numbers = || (0..NUMBERS).map(|k| T::from_f64(6.0 * k as f64 / NUMBERS as f64 - 3.0)).collect::<Vec<_>>();
    let mut spaces = each_thread(|| [numbers(), numbers(), numbers(), numbers()]);
    rates(SWEEPS * NUMBERS, budget, &mut spaces, |[z, value, slope, curve]| {
        for _ in 0..SWEEPS {
            let z = hint::black_box(&z[..]);
            if second {
                function.eval_slice_second(z, value, slope, curve);
            } else {
                function.eval_slice_first(z, value, slope);
            }
        }
    })
}

/// Bytes a second in which every thread makes a = b + s c: two arrays are read and one is written.
fn triad(budget: Duration) -> Vec<f64> {
    let mut spaces = each_thread(|| [vec![0.0f64; TRIAD], vec![1.0; TRIAD], vec![2.0; TRIAD]]);
    rates(3 * TRIAD * size_of::<f64>(), budget, &mut spaces, |[a, b, c]| {
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

/// What is done in a second by all threads, of which each does so much in a round; for every round.
fn rates<S: Send>(each: usize, budget: Duration, spaces: &mut [S], work: impl Fn(&mut S) + Sync) -> Vec<f64> {
    let all = (each * spaces.len()) as f64;
    let mut round = || {
        let start = Instant::now();
        rayon::scope(|scope| {
            for space in &mut *spaces {
                scope.spawn(|_| work(space));
            }
        });
        all / start.elapsed().as_secs_f64()
    };
    round();
    let (start, mut rates) = (Instant::now(), Vec::new());
    while rates.is_empty() || start.elapsed() < budget {
        rates.push(round());
    }
    rates
}
