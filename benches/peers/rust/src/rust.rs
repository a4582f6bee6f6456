//! The Rust crates that compute Hessian diagonals, in turns with colorjet on a dense network of one output.
//!
//! All run on one thread: the others have no parallel way, and would gain as much from threads as colorjet does. They get
//! the vector instructions of the machine only if compiled for it, with `RUSTFLAGS="-C target-cpu=native"`.

use crate::common::{dense, points};
use crate::job::{Case, Job};
use crate::workloads::DENSE50;
use colorjet::{Activation, Kind, Network};
use ndarray::{Array1, Array2};
use num_dual::{Dual2_64, DualNum, second_derivative};
use num_traits::Float;
use serde_json::json;
use std::error::Error;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Largest difference that counts as the same, relative to the largest number.
const SAME: f64 = 1e-10;

/// Most runs of colorjet for each of a peer, which takes far longer.
const RUNS: u32 = 20;

/// Prints a line of JSON for each crate.
pub fn compare(budget: Duration) -> Result<(), Box<dyn Error>> {
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let results = one_thread.install(|| {
        let net = dense(DENSE50, Activation::Tanh);
        let (layers, x) = (layers(&net), points(net.inputs(), 1));
        let num_dual = against(&net, &x, "num-dual", "second_derivative for each input", budget, || {
            (0..x.len()).map(|j| num_dual_second(&layers, &x, j)).collect()
        })
        .map_err(|e| e.to_string())?;
        let (tape, _) = echidna::record(|x| echidna_value(&layers, x), &x);
        let mut space = Vec::new();
        let echidna = against(&net, &x, "echidna", "stde::hessian_diagonal, tape recorded before", budget, || {
            echidna::stde::hessian_diagonal_with_buf(&tape, &x, &mut space).1
        })
        .map_err(|e| e.to_string())?;
        Ok::<_, String>([num_dual, echidna])
    })?;
    results.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// Medians of a peer and of colorjet in turns, after a check that they agree.
fn against(
    net: &Network,
    x: &[f64],
    peer: &str,
    way: &str,
    budget: Duration,
    mut run: impl FnMut() -> Vec<f64>,
) -> Result<serde_json::Value, Box<dyn Error>> {
    let case = Case { net: net.clone(), points: Array2::from_shape_vec((1, x.len()), x.to_vec())? };
    let mut job = Job::new(Rc::new(case), "D")?;
    job.run()?;
    let theirs = run();
    let ours = job.results().next().expect("a Hessian diagonal").1;
    let largest = ours.iter().fold(0.0, |most: f64, d| most.max(d.abs()));
    let difference = ours.iter().zip(&theirs).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs())) / largest;
    if ours.len() != theirs.len() || difference.is_nan() || difference > SAME {
        return Err(format!("{peer} differs from colorjet by {difference:e}").into());
    }
    let (mut our_seconds, mut their_seconds) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while our_seconds.len() < 3 || start.elapsed() < budget {
        let begin = Instant::now();
        std::hint::black_box(run());
        their_seconds.push(begin.elapsed().as_secs_f64());
        let begin = Instant::now();
        (0..RUNS).try_for_each(|_| job.run())?;
        our_seconds.push(begin.elapsed().as_secs_f64() / f64::from(RUNS));
    }
    let (ours, theirs) = (median(our_seconds), median(their_seconds));
    Ok(json!({
        "peer": peer, "way": way, "network": "dense 50-256×3-1 tanh", "threads": 1,
        "seconds": theirs, "colorjet_seconds": ours, "ratio": theirs / ours, "difference": difference,
    }))
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_unstable_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Weight and bias of each dense layer.
type Layers<'a> = Vec<(&'a Array2<f64>, &'a Array1<f64>)>;

fn layers(net: &Network) -> Layers<'_> {
    let dense = net.layers().filter_map(|(_, layer)| match layer.kind() {
        Kind::Dense(l) => Some((l.weight(), l.bias()?)),
        _ => None,
    });
    dense.collect()
}

/// The second derivative with respect to input j.
fn num_dual_second(layers: &Layers, x: &[f64], j: usize) -> f64 {
    let value = |xj: Dual2_64| {
        let mut values: Vec<Dual2_64> = x.iter().map(|&x| x.into()).collect();
        values[j] = xj;
        for (number, (weight, bias)) in layers.iter().enumerate() {
            if number > 0 {
                values.iter_mut().for_each(|v| *v = v.tanh());
            }
            let unit = |(row, &bias): (ndarray::ArrayView1<f64>, &f64)| {
                row.iter().zip(&values).fold(Dual2_64::from(bias), |sum, (&w, &v)| sum + v * w)
            };
            values = weight.rows().into_iter().zip(*bias).map(unit).collect();
        }
        values[0]
    };
    second_derivative(value, x[j]).2
}

/// What echidna records.
fn echidna_value(layers: &Layers, x: &[echidna::BReverse<f64>]) -> echidna::BReverse<f64> {
    let mut values = x.to_vec();
    for (number, (weight, bias)) in layers.iter().enumerate() {
        if number > 0 {
            values.iter_mut().for_each(|v| *v = Float::tanh(*v));
        }
        let unit = |(row, &bias): (ndarray::ArrayView1<f64>, &f64)| {
            let terms = row.iter().zip(&values).map(|(&w, &v)| v * w);
            terms.reduce(|sum, term| sum + term).expect("a layer reads something") + bias
        };
        values = weight.rows().into_iter().zip(*bias).map(unit).collect();
    }
    values[0]
}
