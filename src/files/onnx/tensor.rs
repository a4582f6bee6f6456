//! [`Tensor`]: a constant of the model, and how it is read from the file or from beside it.

use super::proto::{SparseTensorProto, TensorProto};
use crate::error::{Error, ErrorKind, Result, bail, ensure};
use half::{bf16, f16};
use ndarray::{ArcArray, Array, IxDyn};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

/// An array of any shape; copies share their numbers.
pub(super) type Shared<T> = ArcArray<T, IxDyn>;

/// A constant. All numbers are computed with 64 bits, whatever the file keeps.
#[derive(Clone, Debug)]
pub(super) enum Tensor {
    Float(Shared<f64>),
    Int(Shared<i64>),
    Bool(Shared<bool>),
}

/// What a tensor of the file holds; the numbers are those of `TensorProto.DataType`.
pub(super) mod data_type {
    pub const FLOAT: i32 = 1;
    pub const BOOL: i32 = 9;
    pub const FLOAT16: i32 = 10;
    pub const DOUBLE: i32 = 11;
    pub const BFLOAT16: i32 = 16;

    /// The numbers that derivatives are taken of.
    pub const REAL: [i32; 4] = [FLOAT, FLOAT16, DOUBLE, BFLOAT16];

    /// Name and bytes of a number, of the types that are read.
    pub fn describe(data_type: i32) -> Option<(&'static str, usize)> {
        Some(match data_type {
            FLOAT => ("float", 4),
            2 => ("uint8", 1),
            3 => ("int8", 1),
            4 => ("uint16", 2),
            5 => ("int16", 2),
            6 => ("int32", 4),
            7 => ("int64", 8),
            BOOL => ("bool", 1),
            FLOAT16 => ("float16", 2),
            DOUBLE => ("double", 8),
            12 => ("uint32", 4),
            13 => ("uint64", 8),
            BFLOAT16 => ("bfloat16", 2),
            _ => return None,
        })
    }
}

/// Most axes of one tensor.
pub(super) const MAX_AXES: usize = 64;

/// Most axes, lengths or steps in one list.
const MAX_LIST: usize = 1 << 12;

/// Most numbers of one tensor.
pub(super) const MAX_NUMBERS: usize = 1 << 28;

impl Tensor {
    /// A tensor of real numbers.
    pub(super) fn floats(shape: &[usize], numbers: Vec<f64>) -> Tensor {
        Tensor::Float(array(shape, numbers))
    }

    /// A tensor of integers.
    pub(super) fn ints(shape: &[usize], numbers: Vec<i64>) -> Tensor {
        Tensor::Int(array(shape, numbers))
    }

    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Tensor::Float(a) => a.shape(),
            Tensor::Int(a) => a.shape(),
            Tensor::Bool(a) => a.shape(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// The numbers as reals; integers beyond 2⁵³ are rounded.
    pub(super) fn to_floats(&self) -> Shared<f64> {
        match self {
            Tensor::Float(a) => a.clone(),
            Tensor::Int(a) => a.mapv(|v| v as f64).into_shared(),
            Tensor::Bool(a) => a.mapv(|v| f64::from(u8::from(v))).into_shared(),
        }
    }

    /// Integers, in C order.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for real numbers.
    pub(super) fn to_ints(&self) -> Result<Vec<i64>> {
        match self {
            Tensor::Int(a) => Ok(a.iter().copied().collect()),
            Tensor::Bool(a) => Ok(a.iter().map(|&v| v.into()).collect()),
            Tensor::Float(_) => bail!(Unsupported, "integers are needed where the model has real numbers"),
        }
    }

    /// As [`to_ints`](Self::to_ints): axes, lengths or steps, few enough to be named in an error.
    ///
    /// # Errors
    /// As [`to_ints`](Self::to_ints), and [`TooLarge`](ErrorKind::TooLarge).
    pub(super) fn to_list(&self) -> Result<Vec<i64>> {
        ensure!(self.len() <= MAX_LIST, TooLarge, "a list of {} integers; {MAX_LIST} is the limit", self.len());
        self.to_ints()
    }

    /// Truth values: everything but zero is true.
    pub(super) fn to_bools(&self) -> Shared<bool> {
        match self {
            Tensor::Float(a) => a.mapv(|v| v != 0.0).into_shared(),
            Tensor::Int(a) => a.mapv(|v| v != 0).into_shared(),
            Tensor::Bool(a) => a.clone(),
        }
    }

    /// Reads a tensor; `folder` is where the model is, for numbers kept in another file.
    ///
    /// # Errors
    /// [`Format`](ErrorKind::Format) if the numbers do not fit the shape, [`Unsupported`](ErrorKind::Unsupported)
    /// for a type that is not read, [`TooLarge`](ErrorKind::TooLarge), [`Io`](ErrorKind::Io); all name the tensor.
    pub(super) fn read(proto: &TensorProto, folder: Option<&Path>) -> Result<Tensor> {
        read(proto, folder).map_err(|e| e.within(format!("tensor {:?}", proto.name)))
    }

    /// Reads a tensor of which only the numbers other than zero are kept.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`OutOfRange`](ErrorKind::OutOfRange) for an index outside of the shape.
    pub(super) fn read_sparse(proto: &SparseTensorProto, folder: Option<&Path>) -> Result<(String, Tensor)> {
        let (Some(values), Some(indices)) = (&proto.values, &proto.indices) else {
            bail!(Format, "a sparse tensor without values or indices");
        };
        let name = values.name.clone();
        let make = || {
            let shape = shape_of(&proto.dims)?;
            let (values, indices) = (read(values, folder)?.to_floats(), read(indices, folder)?);
            let count = values.len();
            let mut numbers = vec![0.0; shape.iter().product()];
            // Either places in the flattened tensor, or one row of coordinates for each number.
            let coordinates = match indices.shape() {
                [n] if *n == count => 1,
                &[n, rank] if n == count && rank == shape.len() => rank,
                other => bail!(Format, "indices of shape {other:?} for {count} numbers of a tensor {shape:?}"),
            };
            let indices = indices.to_ints()?;
            for (place, &value) in indices.chunks(coordinates.max(1)).zip(&values) {
                let inside = |(&i, &len): (&i64, &usize)| usize::try_from(i).ok().filter(|&i| i < len);
                let flat = match place {
                    [flat] if coordinates == 1 => inside((flat, &numbers.len())),
                    _ => place.iter().zip(&shape).try_fold(0, |at, (i, len)| Some(at * len + inside((i, len))?)),
                };
                let Some(flat) = flat else { bail!(OutOfRange, "index {place:?} outside of the shape {shape:?}") };
                numbers[flat] = value;
            }
            Ok(Tensor::floats(&shape, numbers))
        };
        let tensor = make().map_err(|e| e.within(format!("tensor {name:?}")))?;
        Ok((name, tensor))
    }
}

/// An array in C order; the caller knows that the numbers are as many as the shape says.
pub(super) fn array<T: Clone>(shape: &[usize], numbers: Vec<T>) -> Shared<T> {
    Array::from_shape_vec(IxDyn(shape), numbers).expect("as many numbers as the shape says").into_shared()
}

/// The shape of a tensor that can be made.
fn shape_of(dims: &[i64]) -> Result<Vec<usize>> {
    let shape: Option<Vec<usize>> = dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let Some(shape) = shape else { bail!(Format, "the shape {dims:?} has a negative length") };
    check_size(&shape)?;
    Ok(shape)
}

/// Refuses a tensor of more than [`MAX_NUMBERS`].
pub(super) fn check_size(shape: &[usize]) -> Result<usize> {
    let numbers = shape.iter().try_fold(1usize, |p, &s| p.checked_mul(s)).filter(|&n| n <= MAX_NUMBERS);
    // An axis of length zero must not hide the others: strides are computed from them.
    let others = shape.iter().filter(|&&s| s > 0).try_fold(1usize, |p, &s| p.checked_mul(s));
    let fits = others.is_some_and(|n| n <= MAX_NUMBERS) && shape.len() <= MAX_AXES;
    match numbers {
        Some(numbers) if fits => Ok(numbers),
        _ => bail!(TooLarge, "a tensor of shape {shape:?} has more than {MAX_NUMBERS} numbers or {MAX_AXES} axes"),
    }
}

fn read(proto: &TensorProto, folder: Option<&Path>) -> Result<Tensor> {
    let shape = shape_of(&proto.dims)?;
    let count: usize = shape.iter().product();
    let Some((name, size)) = data_type::describe(proto.data_type) else {
        bail!(Unsupported, "numbers of type {} (of TensorProto.DataType) are not read", proto.data_type);
    };
    if proto.data_location == 1 {
        let bytes = external(proto, folder, count * size)?;
        return from_bytes(proto.data_type, &shape, &bytes);
    }
    if let Some(bytes) = &proto.raw_data {
        ensure!(bytes.len() == count * size, Format, "{} bytes for {count} numbers of type {name}", bytes.len());
        return from_bytes(proto.data_type, &shape, bytes);
    }
    let check = |len: usize| {
        ensure!(len == count, Format, "{len} numbers for the shape {shape:?}");
        Ok(())
    };
    let from_int32 = |f: fn(i32) -> f64| {
        check(proto.int32_data.len())?;
        Ok(Tensor::floats(&shape, proto.int32_data.iter().map(|&v| f(v)).collect()))
    };
    match proto.data_type {
        data_type::FLOAT => {
            check(proto.float_data.len())?;
            Ok(Tensor::floats(&shape, proto.float_data.iter().map(|&v| v.into()).collect()))
        }
        data_type::DOUBLE => {
            check(proto.double_data.len())?;
            Ok(Tensor::floats(&shape, proto.double_data.clone()))
        }
        // The bits of a short number in the lower half of an integer.
        data_type::FLOAT16 => from_int32(|v| f16::from_bits(v as u16).to_f64()),
        data_type::BFLOAT16 => from_int32(|v| bf16::from_bits(v as u16).to_f64()),
        7 => {
            check(proto.int64_data.len())?;
            Ok(Tensor::ints(&shape, proto.int64_data.clone()))
        }
        12 | 13 => {
            check(proto.uint64_data.len())?;
            let ints: Result<Vec<i64>> = proto.uint64_data.iter().map(|&v| unsigned(v)).collect();
            Ok(Tensor::ints(&shape, ints?))
        }
        9 => {
            check(proto.int32_data.len())?;
            Ok(Tensor::Bool(array(&shape, proto.int32_data.iter().map(|&v| v != 0).collect())))
        }
        _ => {
            check(proto.int32_data.len())?;
            Ok(Tensor::ints(&shape, proto.int32_data.iter().map(|&v| v.into()).collect()))
        }
    }
}

fn unsigned(v: u64) -> Result<i64> {
    i64::try_from(v).map_err(|_| Error::new(ErrorKind::Unsupported, format!("the integer {v} needs 64 bits unsigned")))
}

/// Numbers in little-endian order, as many as the shape says.
fn from_bytes(data_type: i32, shape: &[usize], bytes: &[u8]) -> Result<Tensor> {
    fn each<const N: usize, T>(bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.chunks_exact(N).map(|b| f(b.try_into().expect("chunks of N bytes"))).collect()
    }
    Ok(match data_type {
        data_type::FLOAT => Tensor::floats(shape, each(bytes, |b| f32::from_le_bytes(b).into())),
        data_type::DOUBLE => Tensor::floats(shape, each(bytes, f64::from_le_bytes)),
        data_type::FLOAT16 => Tensor::floats(shape, each(bytes, |b| f16::from_le_bytes(b).to_f64())),
        data_type::BFLOAT16 => Tensor::floats(shape, each(bytes, |b| bf16::from_le_bytes(b).to_f64())),
        2 => Tensor::ints(shape, each(bytes, |b| u8::from_le_bytes(b).into())),
        3 => Tensor::ints(shape, each(bytes, |b| i8::from_le_bytes(b).into())),
        4 => Tensor::ints(shape, each(bytes, |b| u16::from_le_bytes(b).into())),
        5 => Tensor::ints(shape, each(bytes, |b| i16::from_le_bytes(b).into())),
        6 => Tensor::ints(shape, each(bytes, |b| i32::from_le_bytes(b).into())),
        7 => Tensor::ints(shape, each(bytes, i64::from_le_bytes)),
        9 => Tensor::Bool(array(shape, each(bytes, |[b]| b != 0))),
        12 => Tensor::ints(shape, each(bytes, |b| u32::from_le_bytes(b).into())),
        _ => {
            let ints: Result<Vec<i64>> = each(bytes, u64::from_le_bytes).into_iter().map(unsigned).collect();
            Tensor::ints(shape, ints?)
        }
    })
}

/// The bytes of a tensor that are kept in another file of the model's folder.
fn external(proto: &TensorProto, folder: Option<&Path>, bytes: usize) -> Result<Vec<u8>> {
    let entry = |key: &str| proto.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => match text.parse::<u64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => bail!(Format, "external data with the {key} {text:?}"),
        },
    };
    let Some(location) = entry("location") else { bail!(Format, "external data without a location") };
    let Some(folder) = folder else {
        bail!(Unsupported, "its numbers are in the file {location:?}; load the model from its path, not from bytes");
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    ensure!(
        length.is_none_or(|l| l == bytes as u64),
        Format,
        "external data of {} bytes, but the shape needs {bytes}",
        length.unwrap_or(0)
    );
    let inside = Path::new(location).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    ensure!(inside, Format, "external data at {location:?}, which is not a path inside of the model's folder");
    let read = || {
        let (folder, path) = (folder.canonicalize()?, folder.join(location).canonicalize()?);
        if !path.starts_with(&folder) {
            return Ok(Err("it is a link that leads out of the model's folder".to_owned()));
        }
        // Asked before it is opened: opening a pipe would wait for its other end.
        let metadata = fs::metadata(&path)?;
        let end = offset.saturating_add(bytes as u64);
        if !metadata.is_file() || metadata.len() < end {
            return Ok(Err(format!("it ends before byte {end}")));
        }
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut buffer = vec![0; bytes];
        file.read_exact(&mut buffer)?;
        Ok(Ok(buffer))
    };
    let place = |e: Error| e.within(format!("external data {location:?}"));
    match read() {
        Ok(Ok(buffer)) => Ok(buffer),
        Ok(Err(message)) => Err(place(Error::new(ErrorKind::Format, message))),
        Err(e) => {
            let e: std::io::Error = e;
            Err(place(Error::new(ErrorKind::Io, e.to_string())))
        }
    }
}
