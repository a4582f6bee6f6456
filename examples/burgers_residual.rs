//! How well a physics-informed network solves its equation: u_t + u u_x − ν u_xx, with the first and second
//! derivatives of the network from one plan.
//!
//! ```text
//! cargo run --release --example burgers_residual
//! ```

#[path = "support/canvas.rs"]
mod canvas;
#[path = "support/clock.rs"]
mod clock;
#[path = "support/colormap.rs"]
mod colormap;
#[path = "support/files.rs"]
mod files;
#[path = "support/font.rs"]
mod font;
#[path = "support/heatmap.rs"]
mod heatmap;
#[path = "support/oklab.rs"]
mod oklab;

use clock::{in_words, timed};
use colorjet::{Network, Plan, PlanOptions, Quantity};
use colormap::Scale;
use heatmap::{Row, heatmap};
use ndarray::Array2;
use std::error::Error;
use std::f64::consts::PI;
use std::fs;

/// Viscosity.
const NU: f64 = 0.01 / PI;

/// Points of the grid along x and t.
const GRID: (usize, usize) = (401, 201);

/// What `data/README.md` says of the network, and twice that: the grid here is another one.
const RESIDUAL_RMS: f64 = 2.0 * 1.3e-4;
const RESIDUAL_MAX: f64 = 2.0 * 4.3e-3;
const RELATIVE_ERROR: f64 = 2.0 * 3.6e-5;

fn main() -> Result<(), Box<dyn Error>> {
    let net = Network::load(files::data("burgers.safetensors"))?;
    let points = grid();
    let options = PlanOptions::new(Quantity::HessianDiagonal).with_jacobian().points(points.nrows());
    let plan = Plan::with(&net, &options)?;
    println!("{net}\n{plan}\n");

    let (time, fields) = timed(|| Fields::of(&plan, &net, &points));
    let Fields { u, residual } = fields?;
    let rms = (residual.iter().map(|r| r * r).sum::<f64>() / residual.len() as f64).sqrt();
    let max = residual.iter().fold(0.0, |m: f64, r| m.max(r.abs()));
    println!("u, u_t, u_x and u_xx at {} points of x = -1 to 1, t = 0 to 1, in {}", u.len(), in_words(time));
    println!("residual u_t + u u_x − ν u_xx   RMS {rms:.2e}, largest {max:.2e}");
    assert!(rms <= RESIDUAL_RMS && max <= RESIDUAL_MAX, "the network does not solve its equation");

    let (points, exact) = reference()?;
    let u_there = Fields::of(&plan, &net, &points)?.u;
    let error = norm(u_there.iter().zip(&exact).map(|(u, e)| u - e)) / norm(exact.iter().copied());
    println!("against the Cole-Hopf solution  relative L2 error {error:.2e} at {} points", exact.len());
    assert!(error <= RELATIVE_ERROR, "the network is not the solution");

    draw(u, residual)
}

/// The solution and the residual at each point.
struct Fields {
    u: Vec<f64>,
    residual: Vec<f64>,
}

impl Fields {
    fn of(plan: &Plan, net: &Network, points: &Array2<f64>) -> Result<Self, Box<dyn Error>> {
        let at = plan.run_batch(net, points.view())?;
        let (Some(first), Some(second)) = (at.jacobian, at.hessian_diagonal) else {
            return Err("the plan computes both derivatives".into());
        };
        // One output, both inputs in every pattern: the entries of a point are those of x and of t.
        let u = at.value.column(0).to_vec();
        let residual = u.iter().zip(first.rows()).zip(second.rows());
        let residual = residual.map(|((u, first), second)| first[1] + u * first[0] - NU * second[0]).collect();
        Ok(Fields { u, residual })
    }
}

/// All (x, t): rows of t, in them x.
fn grid() -> Array2<f64> {
    let (nx, nt) = GRID;
    Array2::from_shape_fn((nx * nt, 2), |(k, axis)| match axis {
        0 => -1.0 + 2.0 * (k % nx) as f64 / (nx - 1) as f64,
        _ => (k / nx) as f64 / (nt - 1) as f64,
    })
}

/// Points and the solution there.
fn reference() -> Result<(Array2<f64>, Vec<f64>), Box<dyn Error>> {
    let text = fs::read_to_string(files::data("burgers_reference.csv"))?;
    let (mut points, mut exact) = (Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        let numbers: Vec<f64> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let [x, t, u] = numbers[..] else { return Err(format!("not x, t, u: {line:?}").into()) };
        points.extend([x, t]);
        exact.push(u);
    }
    Ok((Array2::from_shape_vec((exact.len(), 2), points)?, exact))
}

fn norm(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(|v| v * v).sum::<f64>().sqrt()
}

/// x to the right, t upward.
fn draw(u: Vec<f64>, residual: Vec<f64>) -> Result<(), Box<dyn Error>> {
    let (nx, nt) = GRID;
    let row = |caption: &str, numbers: Vec<f64>, scale| -> Result<Row, ndarray::ShapeError> {
        let mut panel = Array2::from_shape_vec((nt, nx), numbers)?;
        panel.invert_axis(ndarray::Axis(0));
        Ok(Row { caption: caption.into(), panels: vec![panel], scale })
    };
    let sizes: Vec<f64> = residual.iter().map(|r| r.abs()).collect();
    let (u_scale, residual_scale) = (Scale::diverging(&u), Scale::sequential(&sizes));
    let folder = files::pictures("burgers_residual")?;
    for (name, rows) in [
        ("u.png", [row("U(X,T), X TO THE RIGHT, T UPWARD", u, u_scale)?]),
        ("residual.png", [row("RESIDUAL |U_T + U U_X - NU U_XX|", sizes, residual_scale)?]),
    ] {
        heatmap(&rows).save(&folder.join(name))?;
        println!("{}", files::relative(&folder.join(name)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs() {
        super::main().unwrap();
    }
}
