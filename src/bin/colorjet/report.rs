//! What came out: a JSON object, numbers as text, a summary.

use crate::failure::Failure;
use colorjet::Plan;
use serde::Serialize;
use std::fmt::Debug;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Numbers that are shown in a terminal; a pipe or a file gets all of them.
const SHOWN: usize = 40;

/// The object of `--json`; `null` for what the question does not have.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub n: usize,
    pub m: usize,
    pub nnz: Option<usize>,
    pub colors: Option<usize>,
    pub passes: Option<usize>,
    pub strategy: Option<String>,
    pub threads: usize,
    pub plan_seconds: Option<f64>,
    pub run_seconds: Option<f64>,
    #[serde(flatten)]
    pub coloring: Option<Coloring>,
}

/// What a coloring has beside.
#[derive(Debug, Serialize)]
pub struct Coloring {
    /// Whether the checker finds no violation.
    pub valid: bool,
    /// No coloring has fewer colors, if a bound is known.
    pub lower_bound: Option<usize>,
}

impl Report {
    pub fn of_plan(plan: &Plan, plan_seconds: f64) -> Self {
        Report {
            n: plan.inputs(),
            m: plan.outputs(),
            nnz: Some(plan.pattern().nnz()),
            colors: Some(plan.colors()),
            passes: Some(plan.passes().sweeps()),
            strategy: Some(plan.strategy().to_string()),
            threads: rayon::current_num_threads(),
            plan_seconds: Some(plan_seconds),
            ..Report::default()
        }
    }

    /// The object, on a line of standard output.
    pub fn print(&self) -> Result<(), Failure> {
        let text = serde_json::to_string(self).expect("plain data");
        Ok(writeln!(io::stdout(), "{text}")?)
    }
}

/// Prints a line for each number: its indices, then the number; the first line names them.
pub fn print_numbers<I: AsRef<[usize]>, T: Debug>(
    names: &str,
    numbers: impl ExactSizeIterator<Item = (I, T)>,
) -> Result<(), Failure> {
    let stdout = io::stdout().lock();
    let shown = if stdout.is_terminal() { SHOWN } else { usize::MAX };
    let hidden = numbers.len().saturating_sub(shown);
    let mut out = BufWriter::new(stdout);
    writeln!(out, "# {names}")?;
    for (indices, number) in numbers.take(shown) {
        for index in indices.as_ref() {
            write!(out, "{index} ")?;
        }
        writeln!(out, "{number:?}")?;
    }
    if hidden > 0 {
        writeln!(out, "# and {hidden} more: all of them go into a file with --out, or through a pipe")?;
    }
    Ok(out.flush()?)
}

/// A remark on standard error.
pub fn remark(sentence: &str) {
    // A remark that nobody can read is no failure.
    _ = writeln!(io::stderr(), "{sentence}");
}

/// A time in words.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}
