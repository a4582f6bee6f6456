//! The point at which a network is differentiated, from a file.

use safetensors::{Dtype, SafeTensors};
use std::error::Error;
use std::fs;
use std::path::Path;

/// The numbers of the tensor `x` in a safetensors file.
pub fn load(path: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let place = path.display();
    let bytes = fs::read(path).map_err(|e| format!("cannot read {place}: {e}"))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| format!("{place} is no safetensors file: {e}"))?;
    let x = file.tensor("x").map_err(|e| format!("{place} has no tensor \"x\": {e}"))?;
    match x.dtype() {
        Dtype::F64 => Ok(numbers(x.data(), f64::from_le_bytes)),
        Dtype::F32 => Ok(numbers(x.data(), |bytes| f32::from_le_bytes(bytes).into())),
        other => Err(format!("{place}: \"x\" holds {other:?}, not F32 or F64").into()),
    }
}

fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&bytes| number(bytes)).collect()
}
