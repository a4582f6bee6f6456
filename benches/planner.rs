//! How well the planner chooses: for networks of all kinds, the time of its choice against that of the best strategy.
//!
//! Every strategy but the oracle is forced, with every kind of lanes that it can have, and measured, in turns, so that noise
//! of the machine hits all; times are medians. Which of them is the planner's is then a matter of reading its line: choice
//! and best are the same measurement if they are the same strategy with the same kind of lanes.
//!
//! ```text
//! cargo bench --bench planner                    everything
//! cargo bench --bench planner -- conv1d          shapes with this in their name
//! cargo bench --bench planner -- --quick         fewer repeats
//! cargo bench --bench planner -- --told          plans know the number of points
//! cargo bench --bench planner -- --all           a line for every strategy
//! cargo bench --bench planner -- --test          tiny networks, once
//! ```

mod common;

use colorjet::Activation::{self, Elu, Sigmoid, Silu, Softplus, Tanh};
use colorjet::{LaneKind, Network, Plan, PlanOptions, Quantity, Result, Strategy};
use common::shapes::{
    attention, block_diagonal, burgers_step, classifier, gated, mixture, pair_energy, pruned, regional_energies,
    residual,
};
use common::timing::{Options, TINY, Times, in_words, measure};
use common::{Job, Random, banded, conv1d, conv2d, dense, lattice_energy, random_sparse, sum_of_nodes};
use std::env;
use std::fmt;
use std::time::{Duration, Instant};

/// A strategy that would take longer for one run, and far longer than another one, is left out.
const LONGEST: Duration = Duration::from_millis(300);
const FAR: f64 = 10.0;

/// Operations in a second at which that is reckoned, a rate that every kind of layer reaches on two cores.
const RATE: f64 = 4e9;

/// The choice is good if it takes no more than this times the best.
const GOOD: f64 = 1.25;

fn main() -> Result<()> {
    let options = Options::from_args(env::args().skip(1));
    if options.test {
        println!("A test: no size is larger than {TINY}, whatever the names say.\n");
    }
    println!(
        "{:44} {:>6} {:4} {:24} {:>9} {:>9} {:24} {:>9} {:>6}",
        "network", "batch", "of", "chosen", "plan", "run", "best", "run", "ratio"
    );
    let mut outcomes = Vec::new();
    for case in cases(&options).into_iter().filter(|c| options.wants(&c.name)) {
        for shape in &case.shapes {
            outcomes.push(compare(&case, shape, &options)?);
        }
    }
    summary(&mut outcomes);
    Ok(())
}

/// A network, and what is wanted of it.
struct Case {
    name: String,
    network: Box<dyn Fn() -> Network>,
    shapes: Vec<Shape>,
}

#[derive(Clone, Copy)]
struct Shape {
    wanted: Wanted,
    batch: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// The Jacobian.
    J,
    /// The Hessian diagonal.
    D,
    /// The Hessian diagonal, and the Jacobian too.
    JD,
    /// The Laplacian.
    L,
}
use Wanted::{D, J, JD, L};

impl Wanted {
    fn options(self) -> PlanOptions {
        match self {
            J => PlanOptions::new(Quantity::Jacobian),
            D => PlanOptions::new(Quantity::HessianDiagonal),
            JD => PlanOptions::new(Quantity::HessianDiagonal).with_jacobian(),
            L => PlanOptions::new(Quantity::Laplacian),
        }
    }

    fn quantity(self) -> Quantity {
        match self {
            J => Quantity::Jacobian,
            D | JD => Quantity::HessianDiagonal,
            L => Quantity::Laplacian,
        }
    }

    fn name(self) -> &'static str {
        match self {
            J => "J",
            D => "D",
            JD => "J+D",
            L => "Lap",
        }
    }
}

/// Shapes that were thought of, and shapes that nobody thought of.
fn cases(options: &Options) -> Vec<Case> {
    named(options).into_iter().chain(drawn(options)).collect()
}

fn named(options: &Options) -> Vec<Case> {
    let size = |full| options.size(full);
    let case = |name: &str, network: Box<dyn Fn() -> Network>, shapes: &[(Wanted, usize)]| Case {
        name: name.to_owned(),
        network,
        shapes: shapes.iter().map(|&(wanted, batch)| Shape { wanted, batch: size(batch) }).collect(),
    };
    let test = options.test;
    let widths = move |full: &[usize]| full.iter().map(|&w| if test { w.min(TINY) } else { w }).collect::<Vec<_>>();
    let mlp = |name, full: &[usize], activation: Activation, shapes: &[(Wanted, usize)]| {
        let widths = widths(full);
        case(name, Box::new(move || dense(&widths, activation.clone())), shapes)
    };
    let sparse = |name, full: &[usize], per_unit, shapes: &[(Wanted, usize)]| {
        let widths = widths(full);
        case(name, Box::new(move || pruned(&widths, per_unit, Tanh)), shapes)
    };
    let s = move |full: usize| if test { full.min(TINY) } else { full };
    vec![
        // Dense: fewer outputs than inputs, as many, more.
        mlp("dense 10-5-3 elu", &[10, 5, 3], Elu { alpha: 1.0 }, &[(D, 1), (D, 100), (D, 10_000), (J, 1)]),
        mlp("dense 3-64×4-3 tanh", &[3, 64, 64, 64, 64, 3], Tanh, &[(D, 1), (D, 256), (JD, 1), (JD, 4096), (L, 256)]),
        mlp("dense 2-32×4-1 tanh", &[2, 32, 32, 32, 32, 1], Tanh, &[(D, 1), (JD, 10_000), (L, 1000)]),
        mlp("dense 1-64×2-1 softplus", &[1, 64, 64, 1], Softplus, &[(D, 1), (JD, 10_000)]),
        mlp("dense 50-256×3-1 tanh", &[50, 256, 256, 256, 1], Tanh, &[(D, 1), (D, 64), (JD, 1), (J, 1), (L, 1)]),
        mlp("dense 30-64×3-1 tanh", &[30, 64, 64, 64, 1], Tanh, &[(D, 1), (D, 1024), (L, 1024), (J, 1024)]),
        mlp("dense 100-100×6-1 silu", &[100, 100, 100, 100, 100, 100, 100, 1], Silu, &[(D, 1), (D, 32)]),
        mlp("dense 128-1024-1 tanh", &[128, 1024, 1], Tanh, &[(D, 1), (D, 64)]),
        mlp("dense 784-256-256-10 sigmoid", &[784, 256, 256, 10], Sigmoid, &[(D, 1), (D, 8), (JD, 1), (J, 1)]),
        mlp("dense 512-128-32-8 tanh", &[512, 128, 32, 8], Tanh, &[(D, 1), (D, 64), (L, 1)]),
        mlp("dense 256-512-512-256 tanh", &[256, 512, 512, 256], Tanh, &[(D, 1), (JD, 1), (J, 1)]),
        mlp("dense 64-64-64-64 tanh", &[64, 64, 64, 64], Tanh, &[(D, 1), (D, 128), (JD, 1), (L, 128)]),
        mlp("dense 200-100-50 tanh", &[200, 100, 50], Tanh, &[(D, 1), (D, 32)]),
        mlp("dense 300-128-128-64 tanh", &[300, 128, 128, 64], Tanh, &[(L, 1), (L, 1024)]),
        mlp("dense 300-10-300 tanh", &[300, 10, 300], Tanh, &[(D, 1), (JD, 16)]),
        mlp("dense 16-256-256-256 tanh", &[16, 256, 256, 256], Tanh, &[(D, 1), (D, 64), (L, 64)]),
        mlp("dense 8-32-128-512 tanh", &[8, 32, 128, 512], Tanh, &[(D, 1), (D, 64), (J, 1)]),
        mlp("dense 4-128×3-64 tanh", &[4, 128, 128, 128, 64], Tanh, &[(D, 1), (JD, 512)]),
        mlp("dense 1-64-64-200 tanh", &[1, 64, 64, 200], Tanh, &[(D, 1), (D, 1000)]),
        // Pruned.
        case(
            "banded 4096, 3 of 5 diagonals",
            Box::new(move || banded(s(4096), 5, 3, Tanh)),
            &[(D, 1), (JD, 1), (J, 1), (D, 8)],
        ),
        case("banded 512, 6 of 3 diagonals", Box::new(move || banded(s(512), 3, 6, Tanh)), &[(D, 1), (D, 16)]),
        sparse("pruned 2048-2048-2048, 2 each", &[2048, 2048, 2048], 2, &[(D, 1), (JD, 1), (J, 1)]),
        case(
            "random 1024, 3 of 2 each",
            Box::new(move || random_sparse(s(1024), 2, 3, Tanh)),
            &[(D, 1), (D, 16), (L, 1)],
        ),
        case("random 300, 3 of 6 each", Box::new(move || random_sparse(s(300), 6, 3, Tanh)), &[(D, 1), (D, 16)]),
        sparse("pruned 64-256-256-16, 8 each", &[64, 256, 256, 16], 8, &[(D, 1), (D, 64), (JD, 64), (L, 1)]),
        sparse("pruned 500-500-500-1, 5 each", &[500, 500, 500, 1], 5, &[(D, 1), (D, 16)]),
        sparse("pruned 16-200-1000, 3 each", &[16, 200, 1000], 3, &[(D, 1), (D, 64)]),
        case(
            "100 side by side of 8-16-4",
            Box::new(move || block_diagonal(s(100), &[8, 16, 4], Tanh)),
            &[(D, 1), (JD, 1), (D, 32), (L, 1)],
        ),
        // Convolutions.
        case(
            "conv1d 4096, 1-8-8-1 of 5",
            Box::new(move || conv1d(s(4096), &[1, 8, 8, 1], 5, Tanh)),
            &[(D, 1), (JD, 1), (J, 1), (L, 1), (D, 4)],
        ),
        case("conv1d 64, 1-4-1 of 3", Box::new(move || conv1d(s(64), &[1, 4, 1], 3, Tanh)), &[(D, 1), (JD, 1000)]),
        case(
            "conv1d 256, 4-32-32-4 of 3",
            Box::new(move || conv1d(s(256), &[4, 32, 32, 4], 3, Silu)),
            &[(D, 1), (J, 1)],
        ),
        case(
            "conv2d 32×32, 1-8-8-1 of 3×3",
            Box::new(move || conv2d(s(32), &[1, 8, 8, 1], 3, Tanh)),
            &[(D, 1), (D, 8), (J, 1), (L, 1)],
        ),
        case(
            "conv2d 16×16, 3-8-3 of 3×3",
            Box::new(move || conv2d(s(16), &[3, 8, 3], 3, Softplus)),
            &[(D, 1), (JD, 16)],
        ),
        case(
            "classifier 16×16, 8 channels, 10 classes",
            Box::new(move || classifier(s(16), 8, 10)),
            &[(D, 1), (D, 8), (J, 1)],
        ),
        case("classifier 28×28, 4 channels, 2 classes", Box::new(move || classifier(s(28), 4, 2)), &[(D, 1), (JD, 1)]),
        // Energies.
        case("lattice energy 2048", Box::new(move || lattice_energy(s(2048))), &[(D, 1), (JD, 1), (J, 1), (L, 1)]),
        case("lattice energy 128", Box::new(move || lattice_energy(s(128))), &[(D, 1), (D, 64)]),
        case("pair energy 3000", Box::new(move || pair_energy(s(3000), 1)), &[(D, 1), (D, 32), (L, 1)]),
        case("pair energies 1000, 20 regions", Box::new(move || pair_energy(s(1000), s(20))), &[(D, 1), (JD, 1)]),
        case(
            "local energies 512 of 6, 16 regions",
            Box::new(move || regional_energies(s(512), 6, s(16))),
            &[(D, 1), (D, 16), (J, 1)],
        ),
        case(
            "50 nodes of 4-64×4-1 silu",
            Box::new(move || sum_of_nodes(s(50), 4, &[s(64); 4], Silu)),
            &[(D, 1), (D, 20), (JD, 20), (L, 20)],
        ),
        // Products, attention, other graphs.
        case(
            "residual 64-128, 3 blocks, 1",
            Box::new(move || residual(s(64), s(128), 3, 1)),
            &[(D, 1), (D, 64), (L, 64)],
        ),
        case(
            "residual 20-50, 4 blocks, 20",
            Box::new(move || residual(s(20), s(50), 4, s(20))),
            &[(D, 1), (JD, 256), (J, 1)],
        ),
        case("gated 32-128×2-1", Box::new(move || gated(s(32), s(128), 2, 1)), &[(D, 1), (D, 128)]),
        case("gated 16-64×2-16", Box::new(move || gated(s(16), s(64), 2, s(16))), &[(D, 1), (D, 512), (J, 512)]),
        case("Burgers step 5000", Box::new(move || burgers_step(s(5000))), &[(D, 1), (JD, 1), (J, 1)]),
        case("mixture 40-100-5", Box::new(move || mixture(s(40), s(100), s(5))), &[(D, 1), (D, 64)]),
        case("attention 8 × 8", Box::new(move || attention(s(8), s(8), false)), &[(D, 1), (D, 16), (J, 1)]),
        case("attention 12 × 4, summed", Box::new(move || attention(s(12), s(4), true)), &[(D, 1), (D, 32)]),
    ]
}

/// Networks of widths, depth and batch drawn at random, small and large ones alike.
fn drawn(options: &Options) -> Vec<Case> {
    let mut random = Random::new(15);
    let draw = |number| {
        // Up to 2^most, as many of every length.
        let mut up_to = |most: usize| {
            let power = random.below(most);
            options.size((1 << power) + random.below(1 << power))
        };
        let [n, m, per_unit] = [up_to(9), up_to(8), up_to(4)];
        let hidden = up_to(9);
        let depth = 1 + random.below(4);
        let widths: Vec<usize> = [n].into_iter().chain(vec![hidden; depth]).chain([m]).collect();
        let batch = options.size([1, 1, 4, 32, 256, 4096][random.below(6)]);
        let wanted = [D, D, JD, L, J][random.below(5)];
        let words = widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        let (name, network): (_, Box<dyn Fn() -> Network>) = if number % 3 == 0 {
            (format!("drawn {words}, {per_unit} each"), Box::new(move || pruned(&widths, per_unit, Tanh)))
        } else {
            (format!("drawn {words}"), Box::new(move || dense(&widths, Tanh)))
        };
        // A run of the network at all points is to take no more than some tenths of a second.
        let operations = network().operations() as usize;
        let batch = batch.min((1 << 31) / (operations * (n + 2 * m)).max(1)).max(1);
        Case { name, network, shapes: vec![Shape { wanted, batch }] }
    };
    (0..60).map(draw).collect()
}

/// What came out for one shape.
struct Outcome {
    name: String,
    ratio: f64,
    words: String,
}

/// What is measured: a strategy, with one kind of lanes, of the inputs as they are or rotated.
#[derive(Clone, Copy, PartialEq)]
struct Way(Strategy, Option<LaneKind>, bool);

impl Way {
    fn of(plan: &Plan) -> Self {
        Way(plan.strategy(), plan.lane_kind(), plan.has_rotated_inputs())
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.1 {
            Some(LaneKind::Offset) => ", offsets",
            Some(LaneKind::Input) => ", inputs",
            _ if self.2 => ", rotated",
            _ => "",
        };
        f.pad(&format!("{}{kind}", self.0))
    }
}

/// Measures all strategies for a shape, and prints a line.
fn compare(case: &Case, shape: &Shape, options: &Options) -> Result<Outcome> {
    let Shape { wanted, batch } = *shape;
    let net = (case.network)();
    let start = Instant::now();
    let all = if options.told { wanted.options().points(batch) } else { wanted.options() };
    let plan = Plan::with(&net, &all)?;
    let plan_seconds = start.elapsed().as_secs_f64();
    let chosen = Way::of(&plan);
    let mut candidates = vec![(chosen, reckoned(&plan, &net, batch), plan.clone())];
    for strategy in Strategy::of(wanted.quantity()).filter(|&s| s != Strategy::Dense) {
        // Inputs are rotated where no kind is asked for.
        let forced = [LaneKind::Color, LaneKind::Offset, LaneKind::Input].map(|kind| all.clone().lanes(kind));
        for options in [all.clone()].into_iter().chain(forced) {
            // Not every network and strategy has every kind.
            let Ok(plan) = Plan::with(&net, &options.strategy(strategy)) else { continue };
            if candidates.iter().all(|c| c.0 != Way::of(&plan)) {
                candidates.push((Way::of(&plan), reckoned(&plan, &net, batch), plan));
            }
        }
    }
    let least = candidates.iter().map(|c| c.1).fold(f64::INFINITY, f64::min);
    let quick = |seconds: f64| seconds <= LONGEST.as_secs_f64() || seconds <= FAR * least;
    candidates.retain(|c| c.0 == chosen || quick(c.1));
    let mut jobs: Vec<Job> = candidates.iter().map(|c| Job::new((case.network)(), c.2.clone(), batch)).collect();
    let mut jobs: Vec<&mut Job> = jobs.iter_mut().collect();
    let compared = |times: &[Times]| {
        let runs = || candidates.iter().zip(times).map(|(c, t)| (c.0, t.median));
        let run = runs().find(|r| r.0 == chosen).expect("the choice is measured").1;
        let (best, least) = runs().min_by(|a, b| a.1.total_cmp(&b.1)).expect("the choice is measured");
        (run, best, least, run / least)
    };
    let (samples, budget) = effort(options);
    let mut times = measure(&mut jobs, (samples, budget));
    // What looks bad is measured again, and longer, since another program may have come between: that counts.
    if compared(&times).3 > GOOD && !options.test {
        times = measure(&mut jobs, (3 * samples, 3 * budget));
    }
    let (run, best, least, ratio) = compared(&times);
    println!(
        "{:44} {batch:>6} {:4} {chosen:24} {:>9} {:>9} {best:24} {:>9} {ratio:>6.2}",
        case.name,
        wanted.name(),
        in_words(plan_seconds),
        in_words(run),
        in_words(least),
    );
    if options.all {
        for ((way, _, made), time) in candidates.iter().zip(&times) {
            let spread = 100.0 * time.spread;
            println!("    {way:24} {:>9} ±{spread:.0}%  {}", in_words(time.median), made.passes());
        }
        println!("    {}", plan.reason());
    }
    let name = format!("{} of {}, batch {batch}", wanted.name(), case.name);
    Ok(Outcome { name, ratio, words: format!("{chosen} instead of {best}: {}", plan.reason()) })
}

/// Seconds of a run, reckoned from the operations of its lanes.
fn reckoned(plan: &Plan, net: &Network, batch: usize) -> f64 {
    let passes = plan.passes();
    // A second-order lane carries two numbers.
    let lanes = if plan.strategy() == Strategy::DoubleForward { 2 * passes.forward_lanes } else { passes.lanes() };
    (1 + lanes) as f64 * batch as f64 * net.operations() as f64 / RATE
}

/// Least number of samples, and time after which no more are taken.
fn effort(options: &Options) -> (usize, Duration) {
    match options {
        Options { test: true, .. } => (1, Duration::ZERO),
        Options { quick: true, .. } => (3, Duration::from_millis(150)),
        _ => (5, Duration::from_millis(800)),
    }
}

/// How many choices are good, and the others.
fn summary(outcomes: &mut [Outcome]) {
    outcomes.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    let bad: Vec<&Outcome> = outcomes.iter().take_while(|o| o.ratio > GOOD).collect();
    let good = outcomes.len() - bad.len();
    let percent = 100.0 * good as f64 / outcomes.len().max(1) as f64;
    println!("\n{} shapes; no more than {GOOD} times the best in {good} ({percent:.1} %)", outcomes.len());
    for outcome in outcomes.iter().take_while(|o| o.ratio > 1.0).take(bad.len().max(5)) {
        println!("{:>6.2}  {}: {}", outcome.ratio, outcome.name, outcome.words);
    }
}
