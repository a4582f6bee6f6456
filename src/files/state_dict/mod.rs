//! Networks from plain weights: named tensors (PyTorch's `state_dict`, parameters of Flax or Keras) and an
//! architecture that says how they are put together.
//!
//! The grammar stands in [`guide::files`](crate::guide::files).
//!
//! | file | what |
//! |---|---|
//! | `statement` | text and JSON as words |
//! | `arch` | words as an architecture |
//! | `tensors` | names and numbers |
//! | `build` | both as a network |

mod arch;
mod build;
mod statement;
mod tensors;

use super::{LoadOptions, native, place, read_file};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::network::Network;
use arch::Arch;
use safetensors::SafeTensors;
use std::path::Path;
use tensors::Tensors;

/// Reads a safetensors file without a description.
pub(super) fn read_safetensors(bytes: &[u8], path: Option<&Path>, options: &LoadOptions) -> Result<Network> {
    let file = SafeTensors::deserialize(bytes).map_err(native::broken)?;
    read(&Tensors::of_safetensors(&file)?, path, options)
}

/// Reads a file of NumPy arrays.
#[cfg(feature = "numpy")]
pub(super) fn read_npz(bytes: &[u8], path: Option<&Path>, options: &LoadOptions) -> Result<Network> {
    let mut npz = super::numpy::Npz::from_bytes(bytes.to_vec())?;
    let names = npz.names().into_iter().filter(|name| !tensors::is_bookkeeping(name));
    let arrays = names.map(|name| npz.array(&name).map(|array| (name, array))).collect::<Result<_>>()?;
    read(&Tensors::new(arrays), path, options)
}

/// Refuses a file of NumPy arrays.
#[cfg(not(feature = "numpy"))]
pub(super) fn read_npz(_: &[u8], _: Option<&Path>, _: &LoadOptions) -> Result<Network> {
    bail!(Unsupported, "npz files need colorjet's feature \"numpy\"");
}

fn read(tensors: &Tensors, path: Option<&Path>, options: &LoadOptions) -> Result<Network> {
    build::network(arch(tensors, path, options)?, tensors)
}

/// The architecture: the one that is given, or else the one beside the file.
fn arch(tensors: &Tensors, path: Option<&Path>, options: &LoadOptions) -> Result<Arch> {
    if let Some(text) = &options.arch {
        return Arch::parse(text).map_err(|e| e.within("the architecture"));
    }
    let beside = ["arch.json", "json"].map(|extension| path.map(|path| path.with_extension(extension)));
    if let Some(path) = beside.iter().flatten().find(|path| path.is_file()) {
        let parse = |bytes| {
            let text = String::from_utf8(bytes).map_err(|e| Error::new(ErrorKind::Format, e.to_string()))?;
            Arch::parse(&text)
        };
        return read_file(path).and_then(parse).map_err(|e| e.within(place(path)));
    }
    bail!(
        Format,
        "it holds tensors, but no network: say how they make one (LoadOptions::arch, such as \"mlp tanh\", or a \
         file NAME.arch.json beside it); it has {}",
        tensors.listed()
    )
}
