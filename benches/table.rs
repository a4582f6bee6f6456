//! Two tables: the Hessian diagonal, or the Laplacian, of networks of all kinds by every strategy, and how the former's
//! time and memory grow with the number of inputs.
//!
//! The strategies of a network are measured in turns, so that noise of the machine hits all; times are medians.
//!
//! ```text
//! cargo bench --bench table                      everything
//! cargo bench --bench table -- conv1d            networks with this in their name
//! cargo bench --bench table -- --laplacian       Laplacians
//! cargo bench --bench table -- --quick           fewer repeats
//! cargo bench --bench table -- --test            tiny networks, once
//! ```

mod common;

use colorjet::Activation::{Elu, Sigmoid, Silu, Softplus, Tanh};
use colorjet::{Network, Plan, PlanOptions, Quantity, Result, Strategy};
use common::timing::{Options, TINY, Times, in_words, measure};
use common::{Job, banded, conv1d, conv2d, dense, lattice_energy, sum_of_nodes};
use std::time::{Duration, Instant};
use std::{env, fs};

/// A strategy that would take longer for one run is left out.
const LONGEST: Duration = Duration::from_secs(60);

/// Operations in a second at which that is reckoned, a rate that every kind of layer reaches on two cores.
const RATE: f64 = 4e9;

fn main() -> Result<()> {
    let options = Options::from_args(env::args().skip(1));
    if options.test {
        println!("A test: no size is larger than {TINY}, whatever the names say.\n");
    }
    // First, since peaks of memory are shown.
    scaling(&options)?;
    strategies(&options)
}

/// What is measured.
fn quantity(options: &Options) -> Quantity {
    if options.laplacian { Quantity::Laplacian } else { Quantity::HessianDiagonal }
}

/// Least number of samples, and time after which no more are taken.
fn effort(options: &Options) -> (usize, Duration) {
    match options {
        Options { test: true, .. } => (1, Duration::ZERO),
        Options { quick: true, .. } => (3, Duration::from_millis(300)),
        _ => (5, Duration::from_secs(4)),
    }
}

struct Case {
    name: &'static str,
    batch: usize,
    network: Box<dyn Fn() -> Network>,
}

fn cases(options: &Options) -> Vec<Case> {
    let size = |full| options.size(full);
    let widths = |full: &[usize]| full.iter().map(|&w| size(w)).collect::<Vec<_>>();
    let mlp = |name, widths: Vec<usize>, activation: colorjet::Activation, batch| Case {
        name,
        batch,
        network: Box::new(move || dense(&widths, activation.clone())),
    };
    let one = |name, network| Case { name, batch: 1, network };
    let (line, side, count, hidden) = (size(1 << 16), size(128), size(100), size(100));
    let nodes = Box::new(move || sum_of_nodes(count, 4, &[hidden; 10], Silu));
    vec![
        mlp("dense 784-1024-1024-10 sigmoid", widths(&[784, 1024, 1024, 10]), Sigmoid, 1),
        mlp("dense 256-1024-1024-256 tanh", widths(&[256, 1024, 1024, 256]), Tanh, 1),
        mlp("dense 50-256×3-1 tanh", widths(&[50, 256, 256, 256, 1]), Tanh, 1),
        mlp("dense 10-5-3 elu", widths(&[10, 5, 3]), Elu { alpha: 1.0 }, 1),
        mlp("dense 3-64×4-3 tanh", widths(&[3, 64, 64, 64, 64, 3]), Tanh, 1),
        mlp("dense 2-32×4-1 tanh, 10000 points", widths(&[2, 32, 32, 32, 32, 1]), Tanh, size(10_000)),
        mlp("dense 30-64×3-1 tanh, 2048 points", widths(&[30, 64, 64, 64, 1]), Tanh, size(2048)),
        mlp("dense 3-64×4-4 tanh, 4096 points", widths(&[3, 64, 64, 64, 64, 4]), Tanh, size(4096)),
        mlp("dense 10-128×3-1 softplus, 4096 points", widths(&[10, 128, 128, 128, 1]), Softplus, size(4096)),
        mlp("dense 2-128×5-1 silu, 4096 points", widths(&[2, 128, 128, 128, 128, 128, 1]), Silu, size(4096)),
        mlp("dense 50-768-768-512-512-1 tanh", widths(&[50, 768, 768, 512, 512, 1]), Tanh, 1),
        mlp("dense 50-768-768-512-512-1, 228 points", widths(&[50, 768, 768, 512, 512, 1]), Tanh, size(228)),
        Case { name: "100 nodes of 4-100×10-1 silu, 20 points", batch: size(20), network: nodes },
        one("conv1d 65536, 1-8-8-1 of 5, tanh", Box::new(move || conv1d(line, &[1, 8, 8, 1], 5, Tanh))),
        one("conv2d 128×128, 1-8-8-1 of 3×3, tanh", Box::new(move || conv2d(side, &[1, 8, 8, 1], 3, Tanh))),
        one("banded 65536, 3 layers of 5, tanh", Box::new(move || banded(line, 5, 3, Tanh))),
        one("lattice energy 65536, 1-8-8 of 5, tanh", Box::new(move || lattice_energy(line))),
    ]
}

/// Every strategy but the oracle.
fn strategies(options: &Options) -> Result<()> {
    let cases: Vec<Case> = cases(options).into_iter().filter(|c| options.wants(c.name)).collect();
    if cases.is_empty() {
        return Ok(());
    }
    println!(
        "{} by strategy; * is the planner's choice, ± half the distance between the quartiles\n",
        quantity(options)
    );
    println!(
        "{:40} {:21} {:>6} {:>6} {:>7} {:>9} {:>9} {:>5} {:>7} {:>8}",
        "network", "strategy", "colors", "groups", "lanes", "plan", "run", "±", "ratio", "GFLOP/s"
    );
    for case in cases {
        compare(&case, options)?;
    }
    Ok(())
}

/// Measures the strategies of one network in turns, and prints a line for each.
fn compare(case: &Case, options: &Options) -> Result<()> {
    let net = (case.network)();
    let quantity = quantity(options);
    let chosen = Plan::new(&net, quantity)?.strategy();
    let strategies = Strategy::of(quantity).filter(|&s| s != Strategy::Dense);
    let mut candidates: Vec<Candidate> =
        strategies.map(|s| Candidate::new(quantity, s, case)).collect::<Result<_>>()?;
    let mut jobs: Vec<&mut Job> = candidates.iter_mut().filter_map(|c| c.job.as_mut()).collect();
    let mut times = measure(&mut jobs, effort(options)).into_iter();
    let mut first = None;
    for candidate in &candidates {
        let mark = if candidate.strategy == chosen { "*" } else { "" };
        print!("{:40} {:21} {}", case.name, format!("{}{mark}", candidate.strategy), candidate.shape());
        if candidate.job.is_none() {
            println!("  left out: reckoned at {}", in_words(candidate.estimate));
            continue;
        }
        let Times { median, spread } = times.next().expect("times of every job");
        let ratio = median / *first.get_or_insert(median);
        let rate = candidate.operations / median * 1e-9;
        println!(" {:>9} {:>4.0}% {ratio:>7.2} {rate:>8.2}", in_words(median), 100.0 * spread);
    }
    Ok(())
}

/// A strategy for a network, planned, and ready to run unless that would take too long.
struct Candidate {
    strategy: Strategy,
    plan: Plan,
    plan_seconds: f64,
    /// Operations of the lanes at all points: multiplications and additions of linear layers, functions as one.
    operations: f64,
    estimate: f64,
    job: Option<Job>,
}

impl Candidate {
    fn new(quantity: Quantity, strategy: Strategy, case: &Case) -> Result<Self> {
        let net = (case.network)();
        let start = Instant::now();
        let plan = Plan::with(&net, &PlanOptions::new(quantity).strategy(strategy))?;
        let plan_seconds = start.elapsed().as_secs_f64();
        let passes = plan.passes();
        // A second-order lane carries two numbers.
        let lanes = if strategy == Strategy::DoubleForward { 2 * passes.forward_lanes } else { passes.lanes() };
        let operations = (1 + lanes) as f64 * case.batch as f64 * net.operations() as f64;
        let estimate = operations / RATE;
        let job = (estimate <= LONGEST.as_secs_f64()).then(|| Job::new(net, plan.clone(), case.batch));
        Ok(Candidate { strategy, plan, plan_seconds, operations, estimate, job })
    }

    /// Columns that do not depend on the run.
    fn shape(&self) -> String {
        let (colors, groups, lanes) = (self.plan.colors(), self.plan.output_groups(), self.plan.passes().lanes());
        format!("{colors:>6} {groups:>6} {lanes:>7} {:>9}", in_words(self.plan_seconds))
    }
}

/// Time and memory of the planner's choice as a convolution grows.
fn scaling(options: &Options) -> Result<()> {
    let name = "scaling conv1d";
    if !options.wants(name) || quantity(options) != Quantity::HessianDiagonal {
        return Ok(());
    }
    println!("{name}, 1-8-8-1 of 5, tanh: Hessian diagonal as the number of inputs grows\n");
    println!(
        "{:>8} {:21} {:>6} {:>10} {:>9} {:>9} {:>10} {:>10} {:>10}",
        "inputs", "strategy", "lanes", "entries", "plan", "run", "per input", "plan peak", "run peak"
    );
    for n in [10_000, 100_000, 1_000_000, 4_000_000] {
        scaling_row(options.size(n), effort(options))?;
    }
    println!();
    Ok(())
}

fn scaling_row(n: usize, effort: (usize, Duration)) -> Result<()> {
    reset_peak_memory();
    let net = conv1d(n, &[1, 8, 8, 1], 5, Tanh);
    let start = Instant::now();
    let plan = Plan::new(&net, Quantity::HessianDiagonal)?;
    let plan_seconds = start.elapsed().as_secs_f64();
    let plan_peak = peak_memory();
    let mut job = Job::new(net, plan, 1);
    let run = measure(&mut [&mut job], effort)[0].median;
    let plan = job.plan();
    println!(
        "{n:>8} {:21} {:>6} {:>10} {:>9} {:>9} {:>10} {plan_peak:>10} {:>10}",
        plan.strategy(),
        plan.passes().lanes(),
        plan.pattern().nnz(),
        in_words(plan_seconds),
        in_words(run),
        in_words(run / n as f64),
        peak_memory(),
    );
    Ok(())
}

/// The most memory that this process has held, where the system tells.
fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or("-".into(), |kib| format!("{:.0} MiB", kib / 1024.0))
}

/// Starts the peak anew, where the system can; where it cannot, it is the peak so far.
fn reset_peak_memory() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}
