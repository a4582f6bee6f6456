//! Files: networks in several formats, told apart by their contents, structures of matrices, and the arrays that go
//! in and out.

mod matrix_market;
mod native;
#[cfg(feature = "numpy")]
pub mod numpy;

use crate::error::{Error, ErrorKind, Result, ensure};
use crate::memory;
use crate::network::Network;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What a network file leaves open.
///
/// ```no_run
/// use colorjet::{LoadOptions, Network};
/// let net = Network::load_with("wavenet.onnx", &LoadOptions::new().dim("T", 96_000))?;
/// # Ok::<(), colorjet::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    dims: BTreeMap<String, usize>,
}

impl LoadOptions {
    /// Nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The length of a free (symbolic) dimension of an ONNX model's inputs.
    pub fn dim(mut self, name: impl Into<String>, size: usize) -> Self {
        self.dims.insert(name.into(), size);
        self
    }
}

impl Network<f64> {
    /// Reads a network file.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) if the file cannot be read, [`Format`](ErrorKind::Format) if it is truncated or not
    /// what it should be, [`Unsupported`](ErrorKind::Unsupported) for a version, layer, function or number type
    /// that is not known, [`Cycle`](ErrorKind::Cycle), and all errors of [`NetworkBuilder`](crate::NetworkBuilder);
    /// each names the file and, where there is one, the layer.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &LoadOptions::default())
    }

    /// As [`load`](Self::load), with what the file leaves open.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        let path = path.as_ref();
        let load = || {
            let bytes = read_file(path)?;
            load(&bytes, options)
        };
        load().map_err(|e| e.within(place(path)))
    }

    /// Reads a network from the contents of a file.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        load(bytes, &LoadOptions::default())
    }
}

fn load(bytes: &[u8], _options: &LoadOptions) -> Result<Network> {
    native::read(bytes)
}

/// How a file is named in errors.
pub(crate) fn place(path: &Path) -> String {
    format!("file {:?}", path.display().to_string())
}

/// The contents of a regular file that fits into memory.
///
/// # Errors
/// [`Io`](ErrorKind::Io), [`TooLarge`](ErrorKind::TooLarge), without the place.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let io = |e: std::io::Error| Error::new(ErrorKind::Io, e.to_string());
    let metadata = fs::metadata(path).map_err(io)?;
    // A device or a pipe may never end.
    ensure!(metadata.is_file(), Io, "it is not a regular file");
    let (size, available) = (metadata.len(), memory::available_bytes());
    ensure!(size <= available, TooLarge, "it has {}, more than is left", memory::in_words(size));
    fs::read(path).map_err(io)
}

/// Writes a file; one that is there already is replaced only when the new one is complete.
///
/// # Errors
/// [`Io`](ErrorKind::Io), without the place.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::sync::atomic::{AtomicU64, Ordering};
    // No other call, of this process or of another, writes the same part.
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{number}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|e| {
        // The error is about the file that was asked for; what is left of the part is of no use.
        _ = fs::remove_file(&part);
        Error::new(ErrorKind::Io, e.to_string())
    })
}
