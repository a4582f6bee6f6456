//! Files: networks in several formats, told apart by their contents, structures of matrices, and the arrays that go
//! in and out.

mod matrix_market;
mod native;
#[cfg(feature = "numpy")]
pub mod numpy;
#[cfg(feature = "onnx")]
mod onnx;
mod state_dict;

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
    outputs: Vec<String>,
    arch: Option<String>,
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

    /// A tensor of an ONNX model, in place of the model's own outputs; several are taken in the order of the calls.
    ///
    /// ```no_run
    /// use colorjet::{LoadOptions, Network};
    /// let net = Network::load_with("classifier.onnx", &LoadOptions::new().select("probabilities"))?;
    /// # Ok::<(), colorjet::Error>(())
    /// ```
    pub fn select(mut self, tensor: impl Into<String>) -> Self {
        self.outputs.push(tensor.into());
        self
    }

    /// How the tensors of a file that holds weights only make a network: `"mlp tanh"`, or a list of layers, as text
    /// or JSON; [`guide::files`](crate::guide::files) has the grammar.
    ///
    /// ```no_run
    /// use colorjet::{LoadOptions, Network};
    /// let net = Network::load_with("model.safetensors", &LoadOptions::new().arch("mlp tanh; output sigmoid"))?;
    /// # Ok::<(), colorjet::Error>(())
    /// ```
    pub fn arch(mut self, text: impl Into<String>) -> Self {
        self.arch = Some(text.into());
        self
    }

    /// The lengths that were set, by the names of the dimensions.
    #[cfg(feature = "onnx")]
    fn dims(&self) -> &BTreeMap<String, usize> {
        &self.dims
    }

    /// The tensors that are taken as outputs; none: the model's own.
    #[cfg(feature = "onnx")]
    fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Refuses what only ONNX models have.
    fn without_onnx(&self) -> Result<()> {
        ensure!(self.dims.is_empty(), InvalidParameter, "only ONNX models have free dimensions");
        ensure!(self.outputs.is_empty(), InvalidParameter, "only of ONNX models can tensors be selected");
        Ok(())
    }
}

impl Network<f64> {
    /// Reads a network file: colorjet's own, or tensors by name (safetensors, npz) with an architecture.
    ///
    /// Without [`LoadOptions::arch`], the architecture of `model.safetensors` is read from `model.arch.json`, or
    /// else `model.json`, beside it.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) if the file cannot be read, [`Format`](ErrorKind::Format) if it is truncated or not
    /// what it should be, [`Unsupported`](ErrorKind::Unsupported) for a version, layer, function or number type
    /// that is not known, [`Cycle`](ErrorKind::Cycle), [`Dangling`](ErrorKind::Dangling) for a tensor that is missing or
    /// that no layer uses, and all errors of [`NetworkBuilder`](crate::NetworkBuilder);
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
        let load = || load(read_file(path)?, Some(path), options);
        load().map_err(|e| e.within(place(path)))
    }

    /// Reads a network from the contents of a file.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_bytes_with(bytes, &LoadOptions::default())
    }

    /// As [`from_bytes`](Self::from_bytes), with what the contents leave open.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes_with(bytes: &[u8], options: &LoadOptions) -> Result<Self> {
        load(bytes.to_vec(), None, options)
    }
}

/// `path`, where there is one, tells what may lie beside the file.
fn load(bytes: Vec<u8>, path: Option<&Path>, options: &LoadOptions) -> Result<Network> {
    if bytes.starts_with(b"PK") {
        options.without_onnx()?;
        return state_dict::read_npz(&bytes, path, options);
    }
    let named_onnx = path.is_some_and(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx")));
    // A safetensors file has its JSON behind eight bytes of length.
    if named_onnx || bytes.get(8) != Some(&b'{') && options.arch.is_none() {
        return load_onnx(bytes, path, options).map_err(|e| match e.kind() {
            ErrorKind::Format if !named_onnx && e.place().is_empty() => {
                Error::new(e.kind(), format!("neither safetensors nor npz, and {}", e.message()))
            }
            _ => e,
        });
    }
    options.without_onnx()?;
    let bytes = &bytes[..];
    match native::description(bytes)? {
        Some(text) => {
            ensure!(
                options.arch.is_none(),
                InvalidParameter,
                "it describes its layers itself, and takes no architecture"
            );
            native::read(bytes, &text)
        }
        None => state_dict::read_safetensors(bytes, path, options),
    }
}

#[cfg(feature = "onnx")]
fn load_onnx(bytes: Vec<u8>, path: Option<&Path>, options: &LoadOptions) -> Result<Network> {
    ensure!(options.arch.is_none(), InvalidParameter, "an ONNX model describes its layers itself");
    // A path without a folder is in the current one.
    let folder = path.and_then(Path::parent).map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
    onnx::read(bytes, folder, options)
}

#[cfg(not(feature = "onnx"))]
fn load_onnx(_: Vec<u8>, _: Option<&Path>, _: &LoadOptions) -> Result<Network> {
    crate::error::bail!(
        Format,
        "neither safetensors nor npz; for ONNX models, colorjet is built with its feature `onnx`"
    )
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
