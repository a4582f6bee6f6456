//! Network files: one safetensors file with the weights as tensors and the graph as JSON in its metadata.
//!
//! The key `colorjet` of the metadata holds `{"version": 1, "layers": […], "outputs": […]}`; the README has the
//! table of layers and a writer in ten lines of Python.

mod description;
mod read;
mod tensors;
mod write;

use crate::error::{Error, ErrorKind, Result, ensure};
use crate::memory;
use crate::network::Network;
use crate::scalar::Scalar;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Key of the description in the file's metadata.
const KEY: &str = "colorjet";

/// Version of the description.
const VERSION: u64 = 1;

impl Network<f64> {
    /// Reads a network file.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) if the file cannot be read, [`Format`](ErrorKind::Format) if it is truncated or not
    /// what it should be, [`Unsupported`](ErrorKind::Unsupported) for a version, layer, function or number type
    /// that is not known, [`Cycle`](ErrorKind::Cycle), and all errors of [`NetworkBuilder`](crate::NetworkBuilder);
    /// each names the file and, where there is one, the layer.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let place = || format!("file {:?}", path.display().to_string());
        let io = |e: std::io::Error| Error::new(ErrorKind::Io, e.to_string()).within(place());
        let metadata = fs::metadata(path).map_err(io)?;
        let size = metadata.len();
        let check = || {
            // A device or a pipe may never end.
            ensure!(metadata.is_file(), Io, "it is not a regular file");
            let available = memory::available_bytes();
            ensure!(size <= available, TooLarge, "it has {}, more than is left", memory::in_words(size));
            Ok(())
        };
        check().map_err(|e| e.within(place()))?;
        let bytes = fs::read(path).map_err(io)?;
        Self::from_bytes(&bytes).map_err(|e| e.within(place()))
    }

    /// Reads a network from the contents of a file.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read::network(bytes)
    }
}

impl<T: Scalar> Network<T> {
    /// Writes a network file; one that is there already is replaced only when the new one is complete.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) if the file cannot be written, [`Unsupported`](ErrorKind::Unsupported) for a custom
    /// function, which has no name in a file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let write = || {
            let bytes = self.to_bytes()?;
            // No other save, of this process or of another, writes the same part.
            static SAVES: AtomicU64 = AtomicU64::new(0);
            let number = SAVES.fetch_add(1, Ordering::Relaxed);
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}-{number}.part", std::process::id()));
            let part = path.with_file_name(name);
            let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
            written.map_err(|e| {
                // The error is about the file that was asked for; what is left of the part is of no use.
                _ = fs::remove_file(&part);
                Error::new(ErrorKind::Io, e.to_string())
            })
        };
        write().map_err(|e| e.within(format!("file {:?}", path.display().to_string())))
    }

    /// The contents of a network file.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) as [`save`](Self::save).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        write::network(self)
    }
}
