//! Tensors of a safetensors file, as the numbers that layers need.

use crate::error::{Error, ErrorKind, Result, bail, ensure};
use ndarray::{Array1, Array2, ArrayD, IxDyn};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// The tensors of a file.
pub(super) struct Tensors<'a>(pub(super) SafeTensors<'a>);

impl<'a> Tensors<'a> {
    /// A tensor of real numbers with its shape.
    ///
    /// # Errors
    /// [`Dangling`](ErrorKind::Dangling) if there is none of this name, [`Unsupported`](ErrorKind::Unsupported)
    /// for a type of number other than F32 and F64.
    pub(super) fn reals(&self, name: &str) -> Result<ArrayD<f64>> {
        let tensor = self.raw(name)?;
        let bytes = tensor.data();
        let numbers = match tensor.dtype() {
            Dtype::F64 => numbers(bytes, f64::from_le_bytes),
            Dtype::F32 => numbers(bytes, |b| f64::from(f32::from_le_bytes(b))),
            other => bail!(Unsupported, "tensor {name:?} has type {other:?}; F32 and F64 are read as numbers"),
        };
        let misfit = |e: ndarray::ShapeError| Error::new(ErrorKind::Format, format!("tensor {name:?}: {e}"));
        ArrayD::from_shape_vec(IxDyn(tensor.shape()), numbers).map_err(misfit)
    }

    /// A matrix.
    pub(super) fn matrix(&self, name: &str) -> Result<Array2<f64>> {
        let tensor = self.reals(name)?;
        let shape = tensor.shape().to_vec();
        let misfit = |_| Error::new(ErrorKind::Shape, format!("tensor {name:?} has shape {shape:?}, not two axes"));
        tensor.into_dimensionality().map_err(misfit)
    }

    /// The numbers of a tensor of any shape.
    pub(super) fn list(&self, name: &str) -> Result<Vec<f64>> {
        Ok(self.reals(name)?.into_raw_vec_and_offset().0)
    }

    /// The constants of a layer, if it has any.
    pub(super) fn bias(&self, name: &Option<String>) -> Result<Option<Array1<f64>>> {
        name.as_ref().map(|name| self.list(name).map(Array1::from)).transpose()
    }

    /// A tensor of whole numbers; −1 is allowed where `fill` is.
    pub(super) fn indices(&self, name: &str) -> Result<Vec<i64>> {
        let tensor = self.raw(name)?;
        let bytes = tensor.data();
        Ok(match tensor.dtype() {
            Dtype::I64 => numbers(bytes, i64::from_le_bytes),
            Dtype::I32 => numbers(bytes, |b| i64::from(i32::from_le_bytes(b))),
            Dtype::U32 => numbers(bytes, |b| i64::from(u32::from_le_bytes(b))),
            other => bail!(Unsupported, "tensor {name:?} has type {other:?}; I32, U32 and I64 are read as indices"),
        })
    }

    /// A tensor of indices, none negative.
    pub(super) fn offsets(&self, name: &str) -> Result<Vec<usize>> {
        let indices = self.indices(name)?;
        let checked = |(k, &i): (usize, &i64)| {
            ensure!(i >= 0, OutOfRange, "tensor {name:?}: number {k} is {i}");
            Ok(i as usize)
        };
        indices.iter().enumerate().map(checked).collect()
    }

    fn raw(&self, name: &str) -> Result<TensorView<'a>> {
        self.0.tensor(name).map_err(|_| Error::new(ErrorKind::Dangling, format!("there is no tensor {name:?}")))
    }
}

/// Little-endian numbers of `N` bytes each.
fn numbers<const N: usize, V>(bytes: &[u8], read: impl Fn([u8; N]) -> V) -> Vec<V> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| read(chunk)).collect()
}
