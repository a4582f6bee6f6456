//! `colorjet jacobian` and `colorjet hessian-diagonal`: a planned quantity at points.

use crate::args::{Dtype, RunArgs};
use crate::failure::Failure;
use crate::points::Points;
use crate::report::{self, Report};
use crate::{plan, progress};
use colorjet::{BatchDerivatives, Network, Outputs, Plan, Quantity, Scalar, Strategy, Workspace, numpy, plot};
use ndarray::{Array2, ArrayViewD, Axis};
use std::path::Path;
use std::time::Instant;

pub fn run(args: &RunArgs, quantity: Quantity) -> Result<(), Failure> {
    let strategy = args.method.strategy_for(quantity)?;
    args.threads.start()?;
    let net = args.model.load()?;
    let points = Points::read(&args.run.at, &net)?;
    match args.run.dtype {
        Dtype::F64 => compute(args, quantity, strategy, &net, &points.rows, points.single),
        Dtype::F32 => compute(args, quantity, strategy, &net.cast::<f32>()?, &points.cast(), points.single),
    }
}

fn compute<T: Scalar>(
    args: &RunArgs,
    quantity: Quantity,
    strategy: Option<Strategy>,
    net: &Network<T>,
    points: &Array2<T>,
    single: bool,
) -> Result<(), Failure> {
    let (plan, plan_seconds) = plan::make(net, quantity, strategy, Some(points.nrows()))?;
    let (values, run_seconds) = evaluate(&plan, net, points, args.run.repeat)?;
    // One point has no axis for points.
    let values = if single { values.row(0).into_dyn() } else { values.view().into_dyn() };
    if let Some(path) = &args.plot {
        let first = if single { values.view() } else { values.index_axis(Axis(0), 0) };
        heat_map(net, &plan, first, args.output)?.save(path)?;
    }
    if let Some(path) = &args.out {
        write(path, &plan, values)?;
    } else if !args.run.json && args.plot.is_none() {
        print(&plan, values)?;
    }
    if args.run.json {
        return Report { run_seconds: Some(run_seconds), ..Report::of_plan(&plan, plan_seconds) }.print();
    }
    report::remark(&format!(
        "{quantity}, {} of {}×{}: {}, {}, planned in {}, run in {}",
        counted(plan.pattern().nnz(), "entry", "entries"),
        plan.outputs(),
        plan.inputs(),
        plan.strategy(),
        counted(plan.colors(), "color", "colors"),
        report::duration(plan_seconds),
        report::duration(run_seconds),
    ));
    Ok(())
}

/// The entries at all points, and the least seconds that a run took.
pub fn evaluate<T: Scalar>(
    plan: &Plan,
    net: &Network<T>,
    points: &Array2<T>,
    repeat: u32,
) -> Result<(Array2<T>, f64), Failure> {
    let mut result = BatchDerivatives::zeros(plan, points.nrows())?;
    let bar = progress::bar(points.nrows() as u64 * u64::from(repeat));
    let mut workspace = Workspace::watched({
        let bar = bar.clone();
        move |points| bar.inc(points as u64)
    });
    let numbers = points.as_slice().expect("standard layout");
    let mut run = || {
        let outputs = Outputs { value: &mut [], ..result.outputs() };
        let start = Instant::now();
        plan.run_into(net, numbers, outputs, &mut workspace).map(|()| start.elapsed().as_secs_f64())
    };
    let least = (0..repeat).try_fold(f64::INFINITY, |least, _| run().map(|seconds| least.min(seconds)));
    bar.finish_and_clear();
    let least = least?;
    let values = match plan.quantity() {
        Quantity::HessianDiagonal => result.hessian_diagonal,
        Quantity::Laplacian => result.laplacian,
        _ => result.jacobian,
    };
    Ok((values.expect("a plan computes its quantity"), least))
}

/// Sparse into `.npz`, dense into `.npy`; the command line knows no other name.
fn write<T: Scalar>(path: &Path, plan: &Plan, values: ArrayViewD<'_, T>) -> Result<(), Failure> {
    let sparse = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"));
    let write = if sparse { numpy::write_sparse } else { numpy::write_dense };
    Ok(write(path, plan.pattern(), values)?)
}

/// One row of a result, or the sum of all, in the shape of the input.
fn heat_map<T: Scalar>(
    net: &Network<T>,
    plan: &Plan,
    values: ArrayViewD<'_, T>,
    output: Option<usize>,
) -> Result<plot::Picture, Failure> {
    let pattern = plan.pattern();
    if let Some(i) = output.filter(|&i| i >= plan.outputs()) {
        return Err(Failure::Usage(format!("output {i} of {} cannot be drawn", plan.outputs())));
    }
    let rows = output.map_or(0..plan.outputs(), |i| i..i + 1);
    let mut sums = vec![0.0; plan.inputs()];
    let mut entries = values.iter().skip(pattern.indptr()[rows.start]);
    for i in rows {
        for (&j, v) in pattern.row(i).iter().zip(entries.by_ref()) {
            sums[j as usize] += Scalar::to_f64(*v);
        }
    }
    let shape = match net.input_layers() {
        [input] => net.layer(*input).shape().to_vec(),
        _ => vec![plan.inputs()],
    };
    let of = output.map_or(format!("the sum of {} outputs", plan.outputs()), |i| format!("output {i}"));
    Ok(plot::heat_map(&sums, &shape, &format!("{} of {of}", plan.quantity()))?)
}

fn print<T: Scalar>(plan: &Plan, values: ArrayViewD<'_, T>) -> Result<(), Failure> {
    let pattern = plan.pattern();
    let mut rows = Vec::with_capacity(pattern.nnz());
    for i in 0..pattern.rows() {
        rows.extend(pattern.row(i).iter().map(|_| i));
    }
    let place = |entry: usize| [rows[entry], pattern.indices()[entry] as usize];
    if values.ndim() == 1 {
        let numbers = values.iter().enumerate().map(|(entry, v)| (place(entry), v));
        return report::print_numbers("output input value", numbers);
    }
    let entries = pattern.nnz();
    let numbers = values.iter().enumerate().map(|(k, v)| {
        let [row, col] = place(k % entries);
        ([k / entries, row, col], v)
    });
    report::print_numbers("point output input value", numbers)
}

pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
