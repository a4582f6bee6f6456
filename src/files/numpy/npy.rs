//! The contents of `.npy` files.

use crate::error::{Error, ErrorKind, Result, bail, ensure};
use crate::memory;
use crate::scalar::Scalar;
use half::f16;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use ndarray_npy::npy::header::{Header, Layout};
use ndarray_npy::{ReadNpyExt, ReadableElement, WritableElement};
use std::fmt::Display;

/// Longest header that is parsed, as in NumPy, and what stands before it.
pub(super) const LONGEST_HEADER: usize = 10_000 + 12;

/// Numbers that are handed to the writer at once.
const CHUNK: usize = 1 << 12;

/// What a header says, checked.
struct Description {
    header: Header,
    /// Type of the numbers, without the byte order.
    kind: String,
    big_endian: bool,
    /// Where the numbers begin, and how many bytes they take.
    start: usize,
    bytes: usize,
}

/// The array in the contents of a file.
pub(super) fn read(file: &[u8]) -> Result<ArrayD<f64>> {
    let description = describe(file)?;
    let found = file.len() - description.start;
    ensure!(found == description.bytes, Format, "{found} bytes of numbers, where {} are announced", description.bytes);
    match description.kind.as_str() {
        "f8" => numbers::<f64>(file, |v| v),
        "f4" => numbers::<f32>(file, f64::from),
        "f2" => halves(&description, &file[description.start..]),
        "i1" => numbers::<i8>(file, f64::from),
        "i2" => numbers::<i16>(file, f64::from),
        "i4" => numbers::<i32>(file, f64::from),
        "i8" => numbers::<i64>(file, |v| v as f64),
        "u1" => numbers::<u8>(file, f64::from),
        "u2" => numbers::<u16>(file, f64::from),
        "u4" => numbers::<u32>(file, f64::from),
        "u8" => numbers::<u64>(file, |v| v as f64),
        "b1" => numbers::<bool>(file, f64::from),
        kind => bail!(Unsupported, "its numbers have type {kind:?}, which is not real"),
    }
}

/// Bytes of the whole file that begins so; they fit into memory.
pub(super) fn announced_bytes(start: &[u8]) -> Result<usize> {
    let description = describe(start)?;
    Ok(description.start + description.bytes)
}

fn numbers<A: ReadableElement + Copy + 'static>(file: &[u8], convert: impl Fn(A) -> f64) -> Result<ArrayD<f64>> {
    Ok(ArrayD::<A>::read_npy(file).map_err(broken)?.mapv_into_any(convert))
}

/// Numbers of 16 bits, which the reader of the other types does not know.
fn halves(description: &Description, bytes: &[u8]) -> Result<ArrayD<f64>> {
    let from_bytes = if description.big_endian { f16::from_be_bytes } else { f16::from_le_bytes };
    let numbers = bytes.as_chunks().0.iter().map(|&chunk| from_bytes(chunk).to_f64()).collect();
    let shape = IxDyn(&description.header.shape).set_f(description.header.layout.is_fortran());
    ArrayD::from_shape_vec(shape, numbers).map_err(broken)
}

/// Parses the header, and refuses numbers that would not fit into memory; of the numbers nothing is read.
fn describe(file: &[u8]) -> Result<Description> {
    let truncated = || Error::new(ErrorKind::Format, "not a whole .npy file");
    ensure!(file.starts_with(b"\x93NUMPY"), Format, "not an .npy file");
    let after_version = file.get(8..).ok_or_else(truncated)?;
    let (first, length) = match file[6] {
        1 => (10, after_version.first_chunk().map(|&b| usize::from(u16::from_le_bytes(b)))),
        _ => (12, after_version.first_chunk().map(|&b| u32::from_le_bytes(b) as usize)),
    };
    let length = length.ok_or_else(truncated)?;
    ensure!(length <= LONGEST_HEADER - 12, Format, "a header of {length} bytes");
    let start = first + length;
    let text = file.get(first..start).ok_or_else(truncated)?;
    // The parser calls itself for every bracket; an array of numbers has those of the dictionary and the shape.
    let brackets = text.iter().filter(|b| b"([{".contains(b)).count();
    ensure!(brackets <= 2, Unsupported, "the header is not that of an array of numbers");
    let header = Header::from_reader(&mut &file[..start]).map_err(broken)?;
    let Some(descriptor) = header.type_descriptor.as_string() else {
        bail!(Unsupported, "its numbers have type {}, which is not real", header.type_descriptor);
    };
    let kind = descriptor.trim_start_matches(['<', '>', '|', '=']).to_owned();
    let size = kind.get(1..).and_then(|digits| digits.parse::<usize>().ok());
    let Some(size) = size else { bail!(Unsupported, "its numbers have type {descriptor:?}, which is not real") };
    // An axis of no length makes the array empty, but the others must still be lengths.
    let count = header.shape.iter().filter(|&&axis| axis > 0).try_fold(1usize, |count, &axis| count.checked_mul(axis));
    let memory = count.and_then(|count| count.checked_mul(size.max(size_of::<f64>())));
    let Some(memory) = memory.filter(|&memory| memory as u64 <= memory::available_bytes()) else {
        bail!(TooLarge, "an array of shape {:?} does not fit into memory", header.shape);
    };
    let bytes = if header.shape.contains(&0) { 0 } else { memory / size.max(size_of::<f64>()) * size };
    let big_endian = descriptor.starts_with('>');
    Ok(Description { kind, big_endian, start, bytes, header })
}

/// The contents of a file of real numbers, in C order.
///
/// # Errors
/// [`TooLarge`](ErrorKind::TooLarge) if they do not fit into memory.
pub(super) fn reals<T: Scalar>(shape: &[usize], numbers: impl Iterator<Item = T>) -> Result<Vec<u8>> {
    // Exact: numbers of 32 bits are written as such, and back from 64 bits they are the same.
    if T::NAME == "f32" {
        whole(shape, numbers.map(|v| v.to_f64() as f32))
    } else {
        whole(shape, numbers.map(Scalar::to_f64))
    }
}

/// The contents of a file of numbers, in C order; as many as the shape says.
pub(super) fn whole<A: WritableElement>(shape: &[usize], mut numbers: impl Iterator<Item = A>) -> Result<Vec<u8>> {
    let bytes = shape.iter().try_fold(size_of::<A>() as u64, |bytes, &axis| bytes.checked_mul(axis as u64));
    let available = memory::available_bytes();
    let Some(bytes) = bytes.filter(|&bytes| bytes <= available) else {
        bail!(TooLarge, "a dense array of shape {shape:?} needs more than the {} left", memory::in_words(available));
    };
    let header = Header { type_descriptor: A::type_descriptor(), layout: Layout::Standard, shape: shape.to_vec() };
    let mut file = Vec::with_capacity(bytes as usize + LONGEST_HEADER);
    header.write(&mut file).map_err(broken)?;
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        chunk.extend(numbers.by_ref().take(CHUNK));
        if chunk.is_empty() {
            return Ok(file);
        }
        A::write_slice(&chunk, &mut file).map_err(broken)?;
        chunk.clear();
    }
}

/// The contents of a file of one string, the array of no axes that `numpy.bytes_` makes.
pub(super) fn string(text: &str) -> Result<Vec<u8>> {
    let type_descriptor = format!("'|S{}'", text.len()).parse().map_err(broken)?;
    let mut file = Vec::new();
    Header { type_descriptor, layout: Layout::Standard, shape: Vec::new() }.write(&mut file).map_err(broken)?;
    file.extend_from_slice(text.as_bytes());
    Ok(file)
}

fn broken(error: impl Display) -> Error {
    Error::new(ErrorKind::Format, format!("not a whole .npy file: {error}"))
}
