//! Every strategy for a quantity: lanes, times, and agreement with brute force, as a table.

use crate::clock::in_words;
use crate::measure::{measure, prepare};
use crate::oracle::Oracle;
use colorjet::{Network, Plan, PlanOptions, Quantity, Result, Scalar, Strategy};
use std::time::Duration;

/// Largest difference to the oracle that is allowed, relative to the largest entry.
const EXACT: f64 = 1e-12;
const EXACT_F32: f64 = 1e-4;

/// A strategy that takes more operations is planned, but not run.
const MOST_OPERATIONS: f64 = 4e11;

/// Prints the table, and asserts that every strategy agrees with the oracle.
pub fn compare(net: &Network, x: &[f64], quantity: Quantity) -> Result<()> {
    println!(
        "  {:<28} {:>7} {:>7} {:>9} {:>9} {:>10} {:>10}",
        quantity.to_string(),
        "lanes",
        "sweeps",
        "plan",
        "run",
        "speed-up",
        "deviation"
    );
    let oracle = Oracle::of(net, x, quantity)?;
    line(&oracle.in_words(), &oracle.plan, oracle.planning, &in_words(oracle.time()), "", "");
    let mut worst = 0.0f64;
    for strategy in Strategy::of(quantity).filter(|&s| s != Strategy::Dense) {
        let options = PlanOptions::new(quantity).strategy(strategy);
        worst = worst.max(tried(&strategy.to_string(), net, x, &options, &oracle)?);
    }
    assert!(worst <= EXACT, "a {quantity} differs from the oracle by {worst:.1e}");

    let (net, x): (Network<f32>, Vec<f32>) = (net.cast()?, x.iter().map(|&v| v as f32).collect());
    let worst = tried("chosen by colorjet, f32", &net, &x, &PlanOptions::new(quantity), &oracle)?;
    assert!(worst <= EXACT_F32, "a {quantity} in f32 differs from the oracle by {worst:.1e}");
    if !oracle.is_complete() {
        println!("  (speed-up against the time that all columns take at the pace of these)");
    }
    println!();
    Ok(())
}

/// Plans, runs, prints a line; the deviation from the oracle.
fn tried<T: Scalar>(name: &str, net: &Network<T>, x: &[T], options: &PlanOptions, oracle: &Oracle) -> Result<f64> {
    let (plan, planning) = prepare(net, options)?;
    let operations = 2.0 * plan.passes().lanes() as f64 * net.operations() as f64;
    if operations > MOST_OPERATIONS {
        line(name, &plan, planning, "too long", "", "");
        return Ok(0.0);
    }
    let measured = measure(&plan, net, x)?;
    let deviation = oracle.deviation(plan.pattern(), &measured);
    let speed_up = oracle.time_for_all().as_secs_f64() / measured.time.as_secs_f64();
    line(name, &plan, planning, &in_words(measured.time), &factor(speed_up), &scientific(deviation));
    Ok(deviation)
}

fn line(name: &str, plan: &Plan, planning: Duration, run: &str, speed_up: &str, deviation: &str) {
    let passes = plan.passes();
    println!(
        "    {name:<26} {:>7} {:>7} {:>9} {run:>9} {speed_up:>10} {deviation:>10}",
        passes.lanes(),
        passes.sweeps(),
        in_words(planning)
    );
}

/// `×123`, `×1.2`.
fn factor(ratio: f64) -> String {
    if ratio >= 10.0 { format!("×{ratio:.0}") } else { format!("×{ratio:.1}") }
}

fn scientific(number: f64) -> String {
    if number == 0.0 { "0".into() } else { format!("{number:.1e}") }
}
