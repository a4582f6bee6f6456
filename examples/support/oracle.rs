//! What the strategies are held against: one lane for each input, no pattern, no color.

use crate::measure::{Measured, measure, prepare};
use crate::restricted::restricted;
use colorjet::{Network, Pattern, Plan, PlanOptions, Quantity, Result, Strategy};
use std::time::Duration;

/// Most entries, and most operations, for the oracle to compute every column.
const MOST_ENTRIES: f64 = 2e7;
const MOST_OPERATIONS: f64 = 2e11;

/// Columns in a sample of a larger network, if it is not too large even for them.
const SAMPLE: f64 = 32.0;

/// Columns of the Jacobian or of the Hessian diagonal, made by brute force.
pub struct Oracle {
    pub plan: Plan,
    pub planning: Duration,
    measured: Measured,
    /// Which inputs the columns belong to, ascending.
    inputs: Vec<usize>,
    of: usize,
}

impl Oracle {
    /// Every column by [`Strategy::Dense`] if that is affordable; otherwise a sample of them, from the network as
    /// a function of these inputs alone.
    pub fn of(net: &Network, x: &[f64], quantity: Quantity) -> Result<Self> {
        let (n, m) = (net.inputs() as f64, net.outputs() as f64);
        let affordable = (MOST_ENTRIES / m).min(MOST_OPERATIONS / (4.0 * net.operations() as f64));
        let options = PlanOptions::new(quantity).strategy(Strategy::Dense);
        let run = |net: &Network, x: &[f64], inputs: Vec<usize>, of: usize| {
            let (plan, planning) = prepare(net, &options)?;
            let measured = measure(&plan, net, x)?;
            Ok(Oracle { plan, planning, measured, inputs, of })
        };
        if n <= affordable {
            run(net, x, (0..net.inputs()).collect(), net.inputs())
        } else {
            let inputs = sample(net.inputs(), affordable.clamp(1.0, SAMPLE) as usize);
            let nowhere = vec![0.0; inputs.len()];
            run(&restricted(net, x, &inputs)?, &nowhere, inputs, net.inputs())
        }
    }

    /// Whether it has every column.
    pub fn is_complete(&self) -> bool {
        self.inputs.len() == self.of
    }

    pub fn in_words(&self) -> String {
        let count = self.inputs.len();
        if self.is_complete() {
            format!("dense, all {count} columns")
        } else {
            format!("dense, {count} columns of {}", self.of)
        }
    }

    /// The time of one run.
    pub fn time(&self) -> Duration {
        self.measured.time
    }

    /// The time that all columns take at the pace of these.
    pub fn time_for_all(&self) -> Duration {
        self.measured.time.mul_f64(self.of as f64 / self.inputs.len() as f64)
    }

    /// The largest difference of the value, and of any entry in these columns, each relative to the largest
    /// number. What is not in the pattern counts as zero.
    pub fn deviation(&self, pattern: &Pattern, ours: &Measured) -> f64 {
        let columns = self.columns_of(pattern, &ours.entries);
        let value = deviation(&ours.value, &self.measured.value, &[]);
        value.max(deviation(&columns, &self.measured.entries, &ours.entries))
    }

    /// These columns of a sparse matrix, row after row.
    fn columns_of(&self, pattern: &Pattern, entries: &[f64]) -> Vec<f64> {
        let mut place = vec![None; pattern.cols()];
        self.inputs.iter().enumerate().for_each(|(k, &j)| place[j] = Some(k));
        let mut columns = vec![0.0; pattern.rows() * self.inputs.len()];
        for (i, row) in columns.chunks_exact_mut(self.inputs.len()).enumerate() {
            for (&j, &entry) in pattern.row(i).iter().zip(&entries[pattern.indptr()[i]..]) {
                if let Some(k) = place[j as usize] {
                    row[k] = entry;
                }
            }
        }
        columns
    }
}

/// The largest difference, relative to the largest of all numbers.
fn deviation(ours: &[f64], expected: &[f64], others: &[f64]) -> f64 {
    // NaN counts as larger than any number, so that it cannot hide.
    let larger = |size: f64, number: f64| if number.abs() <= size { size } else { number.abs() };
    let worst = ours.iter().zip(expected).fold(0.0, |w, (a, b)| larger(w, a - b));
    let scale = expected.iter().chain(others).fold(f64::MIN_POSITIVE, |s, &v| larger(s, v));
    worst / scale
}

/// Inputs spread over all, by the golden ratio: no period of an image can hide from them.
fn sample(n: usize, count: usize) -> Vec<usize> {
    let place = |k: usize| (0.5 + k as f64 * 0.618_033_988_749_895).fract();
    let mut inputs: Vec<usize> = (0..count).map(|k| (place(k) * n as f64) as usize).collect();
    inputs.sort_unstable();
    inputs.dedup();
    inputs
}
