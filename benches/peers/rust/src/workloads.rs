//! The networks that are compared, their points, and what is computed of them.

use crate::common::{banded, conv1d, conv2d, dense, lattice_energy, points, sum_of_nodes};
use colorjet::Activation::{self, Elu, Sigmoid, Silu, Softplus, Tanh};
use colorjet::{Network, Scalar};
use ndarray::Array2;
use ndarray_npy::write_npy;
use serde_json::json;
use std::error::Error;
use std::fs;
use std::path::Path;

pub struct Workload {
    name: &'static str,
    title: &'static str,
    batch: usize,
    quantities: &'static [&'static str],
    network: Box<dyn Fn() -> Network>,
}

fn all() -> Vec<Workload> {
    let of = |name, title, batch, quantities, network| Workload { name, title, batch, quantities, network };
    let mlp = |name, title, batch, quantities, widths: &'static [usize], activation: Activation| {
        of(name, title, batch, quantities, Box::new(move || dense(widths, activation.clone())))
    };
    let taylor = &[50, 768, 768, 512, 512, 1];
    vec![
        mlp("dense784", "dense 784-1024-1024-10 sigmoid", 1, &["D"], &[784, 1024, 1024, 10], Sigmoid),
        mlp("dense256", "dense 256-1024-1024-256 tanh", 1, &["D"], &[256, 1024, 1024, 256], Tanh),
        mlp("dense50", "dense 50-256×3-1 tanh", 1, &["D"], DENSE50, Tanh),
        mlp("tiny", "dense 10-5-3 elu", 1, &["D"], &[10, 5, 3], Elu { alpha: 1.0 }),
        mlp("small3", "dense 3-64×4-3 tanh", 1, &["D"], &[3, 64, 64, 64, 64, 3], Tanh),
        mlp("heat", "dense 2-32×4-1 tanh", 10_000, &["yJD"], &[2, 32, 32, 32, 32, 1], Tanh),
        mlp("flow", "dense 3-64×4-4 tanh", 4096, &["yJD"], &[3, 64, 64, 64, 64, 4], Tanh),
        mlp("basket", "dense 30-64×3-1 tanh", 2048, &["D", "L"], &[30, 64, 64, 64, 1], Tanh),
        mlp("options", "dense 10-128×3-1 softplus", 4096, &["D"], &[10, 128, 128, 128, 1], Softplus),
        mlp("wave", "dense 2-128×5-1 silu", 4096, &["D"], &[2, 128, 128, 128, 128, 128, 1], Silu),
        mlp("taylor", "dense 50-768-768-512-512-1 tanh", 228, &["D", "L"], taylor, Tanh),
        mlp("taylor1", "dense 50-768-768-512-512-1 tanh", 1, &["D"], taylor, Tanh),
        of(
            "nodes",
            "100 nodes of 4-100×10-1 silu, summed",
            20,
            &["D", "L"],
            Box::new(|| sum_of_nodes(100, 4, &[100; 10], Silu)),
        ),
        of(
            "conv1d",
            "conv1d 65536, 1-8-8-1 of 5, tanh",
            1,
            &["D", "J", "pattern"],
            Box::new(|| conv1d(1 << 16, &[1, 8, 8, 1], 5, Tanh)),
        ),
        of(
            "conv2d",
            "conv2d 128×128, 1-8-8-1 of 3×3, tanh",
            1,
            &["D"],
            Box::new(|| conv2d(128, &[1, 8, 8, 1], 3, Tanh)),
        ),
        of("banded", "banded 65536, 3 layers of 5, tanh", 1, &["D"], Box::new(|| banded(1 << 16, 5, 3, Tanh))),
        of("lattice", "lattice energy 65536, 1-8-8 of 5, tanh", 1, &["D"], Box::new(|| lattice_energy(1 << 16))),
    ]
}

/// Widths of the network that all Rust crates can differentiate in good time.
pub const DENSE50: &[usize] = &[50, 256, 256, 256, 1];

/// Writes every network, its points, and the list of all.
pub fn write<T: Scalar>(dir: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(dir)?;
    let mut list = Vec::new();
    for Workload { name, title, batch, quantities, network } in all() {
        let net = network().cast::<T>()?;
        net.save(dir.join(format!("{name}.safetensors")))?;
        let (n, m) = (net.inputs(), net.outputs());
        // All peers read the same points, so they are rounded here.
        let points = points(n, batch).into_iter().map(|x| T::from_f64(x).to_f64()).collect();
        write_npy(dir.join(format!("{name}.x.npy")), &Array2::from_shape_vec((batch, n), points)?)?;
        list.push(json!({
            "name": name, "title": title, "n": n, "m": m, "batch": batch, "quantities": quantities,
        }));
    }
    fs::write(dir.join("workloads.json"), serde_json::to_string_pretty(&list)? + "\n")?;
    Ok(())
}
