//! What of a network its derivatives' structure depends on, as a fingerprint.

use super::{Layer, LayerId};
use crate::error::{Result, ensure};
use crate::layer::{Kind, Window};
use crate::scalar::Scalar;
use petgraph::graph::DiGraph;
use std::fmt;

/// A fingerprint of everything but the values of the weights: two networks with equal structures can share a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Structure {
    inputs: usize,
    outputs: usize,
    layers: usize,
    hash: u64,
}

impl Structure {
    pub(super) fn of<T: Scalar>(
        graph: &DiGraph<Layer<T>, u32>,
        operands: &[Vec<LayerId>],
        outputs: &[LayerId],
    ) -> Structure {
        let mut hash = Fnv::default();
        let mut inputs = 0;
        for (layer, operands) in graph.node_weights().zip(operands) {
            hash.list(&layer.shape);
            hash.text(layer.kind.name());
            hash.list(operands.iter().map(|o| o.index()).collect::<Vec<_>>().as_slice());
            match &layer.kind {
                Kind::Input => inputs += layer.units(),
                Kind::Dense(_) | Kind::Product => {}
                // Whether factors differ from unit to unit decides about lanes by offset. No factor is one.
                Kind::Sum(l) => l.scales().iter().for_each(|s| hash.number(s.as_ref().map_or(1, |s| s.values().len()))),
                Kind::Sparse(l) => {
                    hash.list(&l.matrix().indptr().to_proper());
                    hash.list(l.matrix().indices());
                }
                Kind::Conv(l) => {
                    hash.number(l.groups());
                    for &Window { input, output, kernel, stride, dilation, before, after } in l.windows() {
                        hash.list(&[input, output, kernel, stride, dilation, before, after]);
                    }
                }
                Kind::Gather(l) => l.index().for_each(|i| hash.number(i.map_or(usize::MAX, |i| i as usize))),
                Kind::Elementwise(e) => {
                    hash.text(e.activation().name());
                    hash.number(usize::from(e.activation().is_curved()));
                    // So do slopes.
                    hash.number(e.slope().map_or(1, |slope| slope.values().len()));
                }
                Kind::Select(l) => l.candidates().for_each(|c| {
                    hash.number(c.len());
                    c.iter().for_each(|&i| hash.number(i as usize));
                }),
            }
        }
        hash.list(outputs.iter().map(|o| o.index()).collect::<Vec<_>>().as_slice());
        let units = |id: &LayerId| graph[id.node()].units();
        Structure { inputs, outputs: outputs.iter().map(units).sum(), layers: graph.node_count(), hash: hash.0 }
    }

    /// Refuses what was made for this structure (`what`) to a network of another.
    pub fn check(&self, what: &str, other: &Structure) -> Result<()> {
        ensure!(self == other, PlanMismatch, "the {what} was made for a network {self}, not for {other}");
        Ok(())
    }
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}, {} layers, structure {:016x}", self.inputs, self.outputs, self.layers, self.hash)
    }
}

/// FNV-1a, 64 bits: the same on every machine, unlike the standard library's hashers.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn number(&mut self, number: usize) {
        self.bytes(&(number as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.bytes(text.as_bytes());
    }

    fn list(&mut self, list: &[usize]) {
        self.number(list.len());
        list.iter().for_each(|&n| self.number(n));
    }
}
