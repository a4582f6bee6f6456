//! `colorjet value`: the outputs at points.

use crate::args::{Dtype, ValueArgs};
use crate::failure::Failure;
use crate::points::Points;
use crate::report::{self, Report};
use colorjet::{Network, Scalar, numpy};
use ndarray::Array2;
use std::path::Path;
use std::time::Instant;

pub fn run(args: &ValueArgs) -> Result<(), Failure> {
    args.threads.start()?;
    let net = args.model.load()?;
    let points = Points::read(&args.run.at, &net)?;
    match args.run.dtype {
        Dtype::F64 => compute(args, &net, &points.rows, points.single),
        Dtype::F32 => compute(args, &net.cast::<f32>()?, &points.cast(), points.single),
    }
}

fn compute<T: Scalar>(args: &ValueArgs, net: &Network<T>, points: &Array2<T>, single: bool) -> Result<(), Failure> {
    let mut least = f64::INFINITY;
    let mut values = Array2::zeros((0, 0));
    for _ in 0..args.run.repeat {
        let start = Instant::now();
        values = net.values(points.view())?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    show(args.out.as_deref(), args.run.json, &values, single)?;
    if args.run.json {
        let (n, m, threads) = (net.inputs(), net.outputs(), rayon::current_num_threads());
        return Report { n, m, threads, run_seconds: Some(least), ..Report::default() }.print();
    }
    report::remark(&format!(
        "{} outputs of {} inputs, run in {}",
        net.outputs(),
        net.inputs(),
        report::duration(least)
    ));
    Ok(())
}

/// One number for each output, at one point or at several: into a file, or onto the screen unless that is for JSON.
pub fn show<T: Scalar>(out: Option<&Path>, json: bool, values: &Array2<T>, single: bool) -> Result<(), Failure> {
    let m = values.ncols();
    // One point has no axis for points.
    let values = if single { values.row(0).into_dyn() } else { values.view().into_dyn() };
    if let Some(path) = out {
        Ok(numpy::write(path, values)?)
    } else if json {
        Ok(())
    } else if single {
        report::print_numbers("output value", values.iter().enumerate().map(|(i, v)| ([i], v)))
    } else {
        let numbers = values.iter().enumerate().map(|(k, v)| ([k / m, k % m], v));
        report::print_numbers("point output value", numbers)
    }
}
