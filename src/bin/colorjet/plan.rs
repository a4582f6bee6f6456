//! `colorjet plan`: how would it be computed?

use crate::args::PlanArgs;
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;
use colorjet::{Network, Plan, PlanOptions, Quantity, Scalar, Strategy, plot};
use std::io::{self, Write};
use std::time::Instant;

/// Characters of the picture of a pattern, across and down.
const PICTURE: (usize, usize) = (80, 40);

pub fn run(args: &PlanArgs) -> Result<(), Failure> {
    let quantity = args.quantity();
    let strategy = args.method.strategy_for(quantity)?;
    args.threads.start()?;
    let net = args.model.load()?;
    let (plan, seconds) = make(&net, quantity, strategy, args.points)?;
    if let Some(path) = &args.plot {
        plot::plan(&net, &plan)?.save(path)?;
    }
    if args.json {
        return Report::of_plan(&plan, seconds).print();
    }
    let mut out = io::stdout().lock();
    if args.layers {
        writeln!(out, "{net}")?;
    }
    writeln!(out, "{plan}")?;
    if args.spy {
        writeln!(out, "\n{}", plan.pattern().to_braille(PICTURE.0, PICTURE.1))?;
    }
    Ok(())
}

/// The plan, for a number of points if it is known, and the seconds it took.
pub fn make<T: Scalar>(
    net: &Network<T>,
    quantity: Quantity,
    strategy: Option<Strategy>,
    points: Option<usize>,
) -> Result<(Plan, f64), Failure> {
    let spinner = progress::spinner("analysis and coloring");
    let options = PlanOptions::new(quantity);
    let options = strategy.map_or(options.clone(), |s| options.strategy(s));
    let options = points.map_or(options.clone(), |count| options.points(count));
    let start = Instant::now();
    let plan = Plan::with(net, &options);
    let seconds = start.elapsed().as_secs_f64();
    spinner.finish_and_clear();
    Ok((plan?, seconds))
}
