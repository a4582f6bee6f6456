//! A network with its points, a plan, and all memory for it: after the first run nothing is allocated.

use crate::operations;
use colorjet::{Activation, BatchDerivatives, Network, Pattern, Plan, PlanOptions, Quantity, Scalar, Workspace};
use ndarray::Array2;
use std::error::Error;
use std::rc::Rc;

/// A network and its points.
pub struct Case<T> {
    pub net: Network<T>,
    pub points: Array2<T>,
}

pub struct Job<T> {
    case: Rc<Case<T>>,
    plan: Plan,
    results: BatchDerivatives<T>,
    workspace: Workspace<T>,
}

impl<T: Scalar> Job<T> {
    /// `what` is D, J, L, or yJD for value, Jacobian and Hessian diagonal from the same passes.
    pub fn new(case: Rc<Case<T>>, what: &str) -> Result<Self, Box<dyn Error>> {
        let options = match what {
            "J" => PlanOptions::new(Quantity::Jacobian),
            "L" => PlanOptions::new(Quantity::Laplacian),
            "D" => PlanOptions::new(Quantity::HessianDiagonal),
            "yJD" => PlanOptions::new(Quantity::HessianDiagonal).with_jacobian(),
            _ => return Err(format!("{what:?} is not D, J, L, yJD or pattern").into()),
        };
        let plan = Plan::with(&case.net, &options.points(case.points.nrows()))?;
        let mut results = BatchDerivatives::zeros(&plan, case.points.nrows())?;
        if what != "yJD" {
            // Not wanted.
            results.value = Array2::zeros((0, 0));
        }
        Ok(Job { case, plan, results, workspace: Workspace::new() })
    }

    pub fn run(&mut self) -> colorjet::Result<()> {
        let points = self.case.points.as_slice().expect("points in C order");
        self.plan.run_into(&self.case.net, points, self.results.outputs(), &mut self.workspace)
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Least operations of the plan at all points, where they can be counted.
    pub fn operations(&self) -> Option<f64> {
        let at_one = operations::least(&self.case.net, &self.plan, self.results.jacobian.is_some())?;
        Some(at_one * self.case.points.nrows() as f64)
    }

    /// Evaluations of the network's one function at all points.
    pub fn functions(&self) -> Option<(f64, &Activation)> {
        let (at_one, function) = operations::functions(&self.case.net)?;
        Some((at_one * self.case.points.nrows() as f64, function))
    }

    /// Name, numbers and structure of each result of the last run; values and Laplacians have no structure.
    pub fn results(&self) -> impl Iterator<Item = (&'static str, &Array2<T>, Option<&Pattern>)> {
        let BatchDerivatives { value, jacobian, hessian_diagonal, laplacian } = &self.results;
        let value = (!value.is_empty()).then_some(("y", value, None));
        let jacobian = jacobian.as_ref().map(|j| ("J", j, self.plan.jacobian_pattern()));
        let diagonal = hessian_diagonal.as_ref().map(|d| ("D", d, Some(self.plan.pattern())));
        let laplacian = laplacian.as_ref().map(|l| ("L", l, None));
        [value, jacobian, diagonal, laplacian].into_iter().flatten()
    }
}
