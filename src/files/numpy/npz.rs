//! `.npz` files: a zip archive of `.npy` files.

use super::npy;
use crate::error::{Error, ErrorKind, Result, listed};
use crate::files::{place, read_file};
use crate::pattern::Pattern;
use crate::scalar::Scalar;
use ndarray::{ArrayD, ArrayViewD};
use std::fmt::Display;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// An `.npz` file, opened; its arrays are read when they are asked for.
///
/// ```no_run
/// use colorjet::numpy::Npz;
/// let x = Npz::open("golden.npz")?.array("x")?;
/// # Ok::<(), colorjet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Npz {
    place: String,
    archive: ZipArchive<Cursor<Vec<u8>>>,
}

impl Npz {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) if it cannot be read, [`Format`](ErrorKind::Format) if it is not a whole zip archive.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let open = || Ok(Npz { place: place(path), ..Self::from_bytes(read_file(path)?)? });
        open().map_err(|e: Error| e.within(place(path)))
    }

    /// Opens the contents of a file.
    ///
    /// # Errors
    /// [`Format`](ErrorKind::Format) if they are not a whole zip archive.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Ok(Npz { place: "an .npz file".to_owned(), archive: ZipArchive::new(Cursor::new(bytes)).map_err(broken)? })
    }

    /// The names of the arrays.
    pub fn names(&self) -> Vec<String> {
        let names = self.archive.file_names().filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_owned()));
        names.collect()
    }

    /// Reads an array.
    ///
    /// # Errors
    /// [`Dangling`](ErrorKind::Dangling) if there is none of this name, otherwise as [`read`](super::read).
    pub fn array(&mut self, name: &str) -> Result<ArrayD<f64>> {
        let place = self.place.clone();
        self.read(name).map_err(|e| e.within(format!("array {name:?}")).within(place))
    }

    fn read(&mut self, name: &str) -> Result<ArrayD<f64>> {
        let Some(index) = self.archive.index_for_name(&format!("{name}.npy")) else {
            let message = format!("it does not exist; there are {}", listed(self.names()));
            return Err(Error::new(ErrorKind::Dangling, message));
        };
        let mut entry = self.archive.by_index(index).map_err(broken)?;
        // A small archive can unpack to anything: what the array's own header announces is read, and no more.
        let mut file = Vec::new();
        entry.by_ref().take(npy::LONGEST_HEADER as u64).read_to_end(&mut file).map_err(broken)?;
        let rest = (npy::announced_bytes(&file)? + 1).saturating_sub(file.len());
        entry.take(rest as u64).read_to_end(&mut file).map_err(broken)?;
        npy::read(&file)
    }
}

/// The contents of a file with values on a pattern; the shapes have been checked.
pub(super) fn sparse<T: Scalar>(pattern: &Pattern, values: ArrayViewD<'_, T>) -> Result<Vec<u8>> {
    let (rows, cols) = (pattern.rows(), pattern.cols());
    let mut files = vec![
        ("indices", indices(pattern, pattern.indices().iter().map(|&j| j as usize))?),
        ("indptr", indices(pattern, pattern.indptr().iter().copied())?),
        ("shape", npy::whole(&[2], [rows, cols].into_iter().map(|s| s as i64))?),
        ("data", npy::reals(values.shape(), values.iter().copied())?),
    ];
    if values.ndim() == 1 {
        files.push(("format", npy::string("csr")?));
    }
    // Values do not compress, and must be read fast.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = options.large_file(u32::try_from(bytes.len()).is_err());
        archive.start_file(format!("{name}.npy"), options).map_err(broken)?;
        archive.write_all(&bytes).map_err(broken)?;
    }
    Ok(archive.finish().map_err(broken)?.into_inner())
}

/// Indices of 32 bits if all that the matrix can have fit, as SciPy chooses them.
fn indices(pattern: &Pattern, indices: impl ExactSizeIterator<Item = usize>) -> Result<Vec<u8>> {
    let largest = pattern.nnz().max(pattern.rows()).max(pattern.cols());
    let shape = [indices.len()];
    if i32::try_from(largest).is_ok() {
        npy::whole(&shape, indices.map(|i| i as i32))
    } else {
        npy::whole(&shape, indices.map(|i| i as i64))
    }
}

fn broken(error: impl Display) -> Error {
    Error::new(ErrorKind::Format, format!("not a whole .npz file: {error}"))
}
