//! Measuring jobs in turns, and the words of a bench's command line.

use super::Job;
use std::hint;
use std::time::{Duration, Instant};

/// A sample of less than this is made longer by running again.
const SHORTEST: Duration = Duration::from_micros(200);

/// Most inputs, units and points in a test.
pub const TINY: usize = 8;

/// What stands on the command line.
pub struct Options {
    pub test: bool,
    pub quick: bool,
    /// A line for everything that is measured.
    pub all: bool,
    /// Laplacians in place of Hessian diagonals.
    pub laplacian: bool,
    /// Plans know at how many points they will be used.
    pub told: bool,
    filters: Vec<String>,
}

impl Options {
    /// Unknown flags, such as the `--bench` of cargo, mean nothing.
    pub fn from_args(args: impl Iterator<Item = String>) -> Self {
        let (flags, filters): (Vec<_>, _) = args.partition(|a| a.starts_with("--"));
        let has = |flag| flags.iter().any(|f| f == flag);
        Options {
            test: has("--test"),
            quick: has("--quick"),
            all: has("--all"),
            laplacian: has("--laplacian"),
            told: has("--told"),
            filters,
        }
    }

    pub fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|f| name.contains(f.as_str()))
    }

    /// Sizes and batches as they are, or next to nothing in a test.
    pub fn size(&self, full: usize) -> usize {
        if self.test { full.min(TINY) } else { full }
    }
}

/// Seconds of one run, and half the distance between the quartiles relative to them.
pub struct Times {
    pub median: f64,
    pub spread: f64,
}

impl Times {
    fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        let at = |quarters: usize| samples[(samples.len() - 1) * quarters / 4];
        Times { median: at(2), spread: (at(3) - at(1)) / 2.0 / at(2) }
    }
}

/// Runs all jobs in turns; `least` samples of each, then until the time is up.
pub fn measure(jobs: &mut [&mut Job], (least, budget): (usize, Duration)) -> Vec<Times> {
    let repeats: Vec<u32> = jobs
        .iter_mut()
        .map(|job| {
            // The first run makes the memory.
            sample(job, 1);
            let once = sample(job, 1).max(1e-9);
            (SHORTEST.as_secs_f64() / once).ceil().max(1.0) as u32
        })
        .collect();
    let mut samples = vec![Vec::new(); jobs.len()];
    let start = Instant::now();
    while samples.iter().any(|s| s.len() < least) || start.elapsed() < budget {
        for ((job, &repeats), samples) in jobs.iter_mut().zip(&repeats).zip(&mut samples) {
            samples.push(sample(job, repeats));
        }
    }
    samples.into_iter().map(Times::of).collect()
}

/// Seconds of one run, from the time of several.
fn sample(job: &mut Job, repeats: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        hint::black_box(job.run());
    }
    start.elapsed().as_secs_f64() / f64::from(repeats)
}

pub fn in_words(seconds: f64) -> String {
    let (factor, unit) = match seconds {
        s if s < 1e-6 => (1e9, "ns"),
        s if s < 1e-3 => (1e6, "µs"),
        s if s < 1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    let number = seconds * factor;
    let decimals = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    format!("{number:.decimals$} {unit}")
}
