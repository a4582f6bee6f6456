//! colorjet's own network files: one safetensors file with the weights as tensors and the graph as JSON in its
//! metadata.
//!
//! The key `colorjet` of the metadata holds `{"version": 1, "layers": […], "outputs": […]}`; the README has the
//! table of layers and a writer in ten lines of Python.

mod description;
mod read;
mod tensors;
mod write;

pub(super) use description::{Function, activation};
pub(super) use read::{broken, description, network as read};

use super::{place, write_file};
use crate::error::Result;
use crate::network::Network;
use crate::scalar::Scalar;
use std::path::Path;

/// Key of the description in the file's metadata.
const KEY: &str = "colorjet";

/// Version of the description.
const VERSION: u64 = 1;

impl<T: Scalar> Network<T> {
    /// Writes a network file; one that is there already is replaced only when the new one is complete.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if the file cannot be written, [`Unsupported`](crate::ErrorKind::Unsupported)
    /// for a custom function, which has no name in a file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let write = || write_file(path, &self.to_bytes()?);
        write().map_err(|e| e.within(place(path)))
    }

    /// The contents of a network file.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) as [`save`](Self::save).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        write::network(self)
    }
}
