//! Arrays of NumPy's `.npz`: a zip archive of `.npy` files.
//!
//! The header of an array is read here, for a library that multiplies what a hostile one claims, or follows its
//! brackets by recursion, would panic. Nothing is allocated before its size is known to fit.

use super::tensors::{check_room, is_bookkeeping, numbers};
use crate::error::{Error, ErrorKind, Result, bail, ensure};
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// Longest text of a header; NumPy itself reads no more than 10,000 characters.
const MAX_HEADER: usize = 1 << 14;

/// Most axes that NumPy has.
const MAX_AXES: usize = 64;

/// All arrays of floating-point numbers, by name; counters that a network does not need are left out.
///
/// # Errors
/// [`Format`](ErrorKind::Format) if it is not a whole archive of arrays, [`Unsupported`](ErrorKind::Unsupported) for
/// numbers other than 2, 4 or 8 bytes of floating point, [`TooLarge`](ErrorKind::TooLarge) if they do not fit into
/// memory; each names the array.
pub(super) fn arrays(bytes: &[u8]) -> Result<BTreeMap<String, ArrayD<f64>>> {
    let broken = |e: zip::result::ZipError| Error::new(ErrorKind::Format, format!("not a whole npz file: {e}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let mut arrays = BTreeMap::new();
    let mut lengths = Vec::new();
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).map_err(broken)?;
        let name = entry.name().map_err(broken)?.into_owned();
        let Some(name) = name.strip_suffix(".npy") else {
            bail!(Format, "{name:?} in the npz file is not an array (.npy)");
        };
        if !is_bookkeeping(name) {
            let array = array(&mut entry, &mut lengths).map_err(|e| e.within(format!("array {name:?}")))?;
            ensure!(arrays.insert(name.to_owned(), array).is_none(), Format, "there are two arrays {name:?}");
        }
    }
    Ok(arrays)
}

/// Reads one array; `lengths` are those of all arrays so far.
fn array(file: &mut impl Read, lengths: &mut Vec<u64>) -> Result<ArrayD<f64>> {
    let short = |e: std::io::Error| Error::new(ErrorKind::Format, format!("not a whole array: {e}"));
    let mut start = [0; 8];
    file.read_exact(&mut start).map_err(short)?;
    ensure!(start.starts_with(b"\x93NUMPY"), Format, "not in the format npy");
    let length = if start[6] == 1 {
        let mut length = [0; 2];
        file.read_exact(&mut length).map_err(short)?;
        usize::from(u16::from_le_bytes(length))
    } else {
        let mut length = [0; 4];
        file.read_exact(&mut length).map_err(short)?;
        u32::from_le_bytes(length) as usize
    };
    ensure!(length <= MAX_HEADER, Format, "a header of {length} characters");
    let mut header = vec![0; length];
    file.read_exact(&mut header).map_err(short)?;
    let Header { descr, fortran, shape } = Header::parse(&String::from_utf8_lossy(&header))?;

    let size = match descr.get(1..) {
        Some("f2") => 2,
        Some("f4") => 4,
        Some("f8") => 8,
        _ => bail!(Unsupported, "its numbers are of type {descr:?}; f2, f4 and f8 are weights"),
    };
    let count = shape.iter().try_fold(1u64, |product, &axis| product.checked_mul(axis));
    let Some(length) = count.and_then(|count| count.checked_mul(size)) else {
        bail!(TooLarge, "it claims the shape {shape:?}");
    };
    lengths.push(length / size);
    check_room(lengths.iter().copied())?;
    // Grows with what is really there.
    let mut data = Vec::new();
    file.take(length.saturating_add(1)).read_to_end(&mut data).map_err(short)?;
    ensure!(
        data.len() as u64 == length,
        Format,
        "shape {shape:?} needs {length} bytes, but the array has another length"
    );

    let numbers = match (descr.starts_with('>'), size) {
        (false, 2) => numbers(&data, |b| half::f16::from_le_bytes(b).to_f64()),
        (false, 4) => numbers(&data, |b| f64::from(f32::from_le_bytes(b))),
        (false, _) => numbers(&data, f64::from_le_bytes),
        (true, 2) => numbers(&data, |b| half::f16::from_be_bytes(b).to_f64()),
        (true, 4) => numbers(&data, |b| f64::from(f32::from_be_bytes(b))),
        (true, _) => numbers(&data, f64::from_be_bytes),
    };
    let shape: Vec<usize> = shape.iter().map(|&axis| axis as usize).collect();
    ArrayD::from_shape_vec(IxDyn(&shape).set_f(fortran), numbers)
        .map_err(|e| Error::new(ErrorKind::Format, format!("shape {shape:?}: {e}")))
}

/// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<u64>,
}

impl Header {
    fn parse(text: &str) -> Result<Self> {
        let malformed =
            |key: &str| Error::new(ErrorKind::Format, format!("the header does not say its {key}: {text:?}"));
        let value = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}':")).ok_or_else(|| malformed(key))?;
            Ok::<_, Error>(rest.trim_start())
        };
        let descr = value("descr")?;
        // A list is a record of several numbers.
        ensure!(!descr.starts_with('['), Unsupported, "its entries are records");
        let descr = descr.strip_prefix('\'').and_then(|d| d.split_once('\'')).ok_or_else(|| malformed("descr"))?.0;
        let fortran = match value("fortran_order")? {
            order if order.starts_with("True") => true,
            order if order.starts_with("False") => false,
            _ => return Err(malformed("fortran_order")),
        };
        let shape = value("shape")?.strip_prefix('(').and_then(|s| s.split_once(')'));
        let axes = shape.ok_or_else(|| malformed("shape"))?.0.split(',').map(str::trim).filter(|axis| !axis.is_empty());
        let shape: Vec<u64> = axes.map(str::parse).collect::<Result<_, _>>().map_err(|_| malformed("shape"))?;
        ensure!(shape.len() <= MAX_AXES, Format, "it has {} axes", shape.len());
        Ok(Header { descr: descr.to_owned(), fortran, shape })
    }
}
