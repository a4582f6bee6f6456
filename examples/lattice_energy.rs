//! A scalar energy: its gradient is dense, so that double-forward needs a lane for every site, but its Hessian is
//! sparse, so that nodal needs one adjoint and a handful of tangents.
//!
//! ```text
//! cargo run --release --example lattice_energy
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
#[path = "support/inputs.rs"]
mod inputs;
#[path = "support/measure.rs"]
mod measure;
#[path = "support/oklab.rs"]
mod oklab;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/restricted.rs"]
mod restricted;
#[path = "support/state.rs"]
mod state;
#[path = "support/strategies.rs"]
mod strategies;

use colorjet::{Network, Plan, PlanOptions, Quantity, Sparsity, Strategy};
use colormap::Scale;
use heatmap::{Row, heatmap};
use ndarray::ArrayView1;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let net = Network::load(files::data("lattice_energy.safetensors"))?;
    let phi = state::load(&files::data("lattice_state.safetensors"))?;
    print!("{net}");

    let sparsity = Sparsity::of(&net)?;
    let hessian = sparsity.hessian(&net, &[0])?;
    println!("\ngradient  {} of {} sites", sparsity.jacobian()?.nnz(), net.inputs());
    println!("Hessian   {} entries in each row", hessian.row(0).len());
    println!("  {}\n", hessian.to_braille(30, 15).replace('\n', "\n  "));

    let plan = Plan::new(&net, Quantity::HessianDiagonal)?;
    println!("{plan}\n");
    let forced = PlanOptions::new(Quantity::HessianDiagonal).strategy(Strategy::DoubleForward);
    let double_forward = Plan::with(&net, &forced)?;
    assert_eq!(plan.strategy(), Strategy::Nodal);
    assert_eq!(double_forward.passes().lanes(), net.inputs(), "the gradient is dense");
    assert!(20 * plan.passes().lanes() < net.inputs(), "the Hessian is sparse");

    strategies::compare(&net, &phi, Quantity::HessianDiagonal)?;

    let all = plan.run_all(&net, ArrayView1::from(&phi))?;
    let mut diagonal = vec![0.0; net.inputs()];
    all.hessian_diagonal.iter().flatten().for_each(|(&entry, (_, site))| diagonal[site] = entry);
    println!("energy {:.2}, trace of the Hessian {:.2}", all.value[0], diagonal.iter().sum::<f64>());
    draw(&net, &phi, &diagonal)
}

fn draw(net: &Network, phi: &[f64], diagonal: &[f64]) -> Result<(), Box<dyn Error>> {
    let row = |caption: &str, numbers: &[f64], scale| Row {
        caption: caption.into(),
        panels: inputs::panels(net, numbers, 0.0),
        scale,
    };
    let path = files::pictures("lattice_energy")?.join("hessian_diagonal.png");
    heatmap(&[
        row("FIELD", phi, Scale::diverging(phi)),
        row("HESSIAN DIAGONAL OF THE ENERGY", diagonal, Scale::sequential(diagonal)),
    ])
    .save(&path)?;
    println!("{}", files::relative(&path));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs() {
        super::main().unwrap();
    }
}
