//! `colorjet laplacian`: one number for each output at points.

use crate::args::{Dtype, LaplacianArgs};
use crate::failure::Failure;
use crate::points::Points;
use crate::report::{self, Report};
use crate::{derivative, plan, value};
use colorjet::{Network, Quantity, Scalar, Strategy};
use ndarray::Array2;

pub fn run(args: &LaplacianArgs) -> Result<(), Failure> {
    let strategy = args.method.strategy_for(Quantity::Laplacian)?;
    args.threads.start()?;
    let net = args.model.load()?;
    let points = Points::read(&args.run.at, &net)?;
    match args.run.dtype {
        Dtype::F64 => compute(args, strategy, &net, &points.rows, points.single),
        Dtype::F32 => compute(args, strategy, &net.cast::<f32>()?, &points.cast(), points.single),
    }
}

fn compute<T: Scalar>(
    args: &LaplacianArgs,
    strategy: Option<Strategy>,
    net: &Network<T>,
    points: &Array2<T>,
    single: bool,
) -> Result<(), Failure> {
    let (plan, plan_seconds) = plan::make(net, Quantity::Laplacian, strategy, Some(points.nrows()))?;
    let (values, run_seconds) = derivative::evaluate(&plan, net, points, args.run.repeat)?;
    value::show(args.out.as_deref(), args.run.json, &values, single)?;
    if args.run.json {
        return Report { run_seconds: Some(run_seconds), ..Report::of_plan(&plan, plan_seconds) }.print();
    }
    report::remark(&format!(
        "{} of {}: {}, {}, planned in {}, run in {}",
        plan.quantity(),
        derivative::counted(plan.outputs(), "output", "outputs"),
        plan.strategy(),
        derivative::counted(plan.colors(), "color", "colors"),
        report::duration(plan_seconds),
        report::duration(run_seconds),
    ));
    Ok(())
}
