//! Named tensors, whatever file they come from.

use crate::error::{Error, ErrorKind, Result, bail, ensure, listed};
use crate::memory;
use ndarray::{ArrayD, IxDyn};
use safetensors::{Dtype, SafeTensors};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A counter that training keeps and a network does not need.
const BOOKKEEPING: &str = "num_batches_tracked";

/// The tensors of a file, and which of them were asked for.
pub(super) struct Tensors {
    /// By their full names.
    all: BTreeMap<String, ArrayD<f64>>,
    used: RefCell<BTreeSet<String>>,
}

impl Tensors {
    /// Of a safetensors file.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for numbers other than F16, BF16, F32, F64,
    /// [`TooLarge`](ErrorKind::TooLarge) if they do not fit into memory as 64-bit numbers.
    pub(super) fn of_safetensors(file: &SafeTensors<'_>) -> Result<Self> {
        let wanted = || file.iter().filter(|(name, _)| !is_bookkeeping(name));
        let count: u64 = wanted().map(|(_, tensor)| tensor.shape().iter().product::<usize>() as u64).sum();
        let (bytes, available) = (count.saturating_mul(8), memory::available_bytes());
        ensure!(bytes <= available, TooLarge, "its tensors need {}, more than is left", memory::in_words(bytes));
        let mut all = BTreeMap::new();
        for (name, tensor) in wanted() {
            let bytes = tensor.data();
            let numbers = match tensor.dtype() {
                Dtype::F64 => numbers(bytes, f64::from_le_bytes),
                Dtype::F32 => numbers(bytes, |b| f64::from(f32::from_le_bytes(b))),
                Dtype::F16 => numbers(bytes, |b| half::f16::from_le_bytes(b).to_f64()),
                Dtype::BF16 => numbers(bytes, |b| half::bf16::from_le_bytes(b).to_f64()),
                other => bail!(Unsupported, "tensor {name:?} has type {other:?}; F16, BF16, F32 and F64 are weights"),
            };
            let misfit = |e: ndarray::ShapeError| Error::new(ErrorKind::Format, format!("tensor {name:?}: {e}"));
            let array = ArrayD::from_shape_vec(IxDyn(tensor.shape()), numbers).map_err(misfit)?;
            all.insert(name.to_owned(), array);
        }
        Ok(Self::new(all))
    }

    /// Of arrays by name.
    pub(super) fn new(all: BTreeMap<String, ArrayD<f64>>) -> Self {
        Tensors { all, used: RefCell::default() }
    }

    /// The tensor of a layer that has this role (`weight`, `bias`, …): `layer.role` or `layer/role`, with or
    /// without `:0` at the end; the role alone for a layer without a name.
    pub(super) fn find(&self, layer: &str, role: &str) -> Option<(&str, &ArrayD<f64>)> {
        let names = match layer {
            "" => vec![role.to_owned()],
            _ => vec![format!("{layer}.{role}"), format!("{layer}/{role}")],
        };
        let names = names.iter().flat_map(|name| [name.clone(), format!("{name}:0")]);
        let (name, tensor) = names.into_iter().find_map(|name| self.all.get_key_value(&name))?;
        self.used.borrow_mut().insert(name.clone());
        Some((name, tensor))
    }

    /// As [`find`](Self::find), for a tensor that the layer needs.
    ///
    /// # Errors
    /// [`Dangling`](ErrorKind::Dangling), with the names that there are.
    pub(super) fn get(&self, layer: &str, role: &str) -> Result<(&str, &ArrayD<f64>)> {
        self.find(layer, role).ok_or_else(|| {
            let name = if layer.is_empty() { role.to_owned() } else { format!("{layer}.{role}") };
            Error::new(ErrorKind::Dangling, format!("there is no tensor {name:?}; the tensors: {}", self.listed()))
        })
    }

    /// Names of the layers that have a matrix of weights, in natural order: `net.10` after `net.2`.
    pub(super) fn linear_layers(&self) -> Vec<&str> {
        let matrices = self.all.iter().filter(|(_, tensor)| tensor.ndim() == 2);
        let mut layers: Vec<&str> = matrices.filter_map(|(name, _)| layer_of_weight(name)).collect();
        layers.sort_by(|a, b| natural(a, b));
        layers.dedup();
        layers
    }

    /// All names with their shapes, the first of them if they are many.
    pub(super) fn listed(&self) -> String {
        list(self.all.iter())
    }

    /// Refuses what no layer asked for.
    ///
    /// # Errors
    /// [`Dangling`](ErrorKind::Dangling).
    pub(super) fn check_all_used(&self) -> Result<()> {
        let used = self.used.borrow();
        let mut rest = self.all.iter().filter(|(name, _)| !used.contains(*name)).peekable();
        ensure!(rest.peek().is_none(), Dangling, "no layer uses {}", list(rest));
        Ok(())
    }
}

/// Whether a network does without a tensor of this name.
pub(super) fn is_bookkeeping(name: &str) -> bool {
    name.rsplit(['.', '/']).next() == Some(BOOKKEEPING)
}

/// `net.0` of `net.0.weight`, `Dense_0` of `Dense_0/kernel:0`, nothing of a tensor that is no weight.
fn layer_of_weight(name: &str) -> Option<&str> {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let (layer, role) = name.rsplit_once(['.', '/']).unwrap_or(("", name));
    matches!(role, "weight" | "kernel").then_some(layer)
}

fn list<'a>(tensors: impl Iterator<Item = (&'a String, &'a ArrayD<f64>)>) -> String {
    listed(tensors.map(|(name, tensor)| format!("{name:?} {:?}", tensor.shape())))
}

/// Digits compare as numbers, all else by character.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a, b);
    while !a_rest.is_empty() && !b_rest.is_empty() {
        let ((a_head, a_tail), (b_head, b_tail)) = (chunk(a_rest), chunk(b_rest));
        let digits = |head: &str| head.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(a_head) && digits(b_head) {
            // Without leading zeros the longer number is the larger one.
            let [a, b] = [a_head, b_head].map(|head| head.trim_start_matches('0'));
            a.len().cmp(&b.len()).then(a.cmp(b))
        } else {
            a_head.cmp(b_head)
        };
        if order.is_ne() {
            return order;
        }
        (a_rest, b_rest) = (a_tail, b_tail);
    }
    a_rest.len().cmp(&b_rest.len()).then(a.cmp(b))
}

/// The digits at the beginning, or the first character.
fn chunk(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let first = text.chars().next().map_or(0, char::len_utf8);
    text.split_at(if digits > 0 { digits } else { first })
}

/// Little-endian numbers of `N` bytes each.
fn numbers<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| read(chunk)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_natural_order() {
        let sorted = ["", "0", "01", "1", "2", "10", "dense", "dense_2", "dense_10", "net.2.a", "net.10", "x"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(natural(a, b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }
}
