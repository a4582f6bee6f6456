//! Which outputs each unit reaches: the mirror of the dependency sets.

use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::network::{LayerId, Network};
use crate::scalar::Scalar;
use crate::sets::{EMPTY, SetId, Sets};

/// O(k), the outputs that unit k reaches, for every unit.
#[derive(Clone, Debug)]
pub(crate) struct Influence {
    pub(crate) sets: Sets,
    layers: Vec<Vec<SetId>>,
}

impl Influence {
    /// From the outputs back to the inputs, with at most `max_bytes` for the sets.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge) if they need more.
    pub(crate) fn within<T: Scalar>(net: &Network<T>, max_bytes: u64) -> Result<Self> {
        let mut sets = Sets::new(max_bytes);
        let mut layers: Vec<Vec<SetId>> = net.layers().map(|(_, layer)| vec![EMPTY; layer.units()]).collect();
        let mut output = 0;
        for &id in net.output_layers() {
            for set in &mut layers[id.index()] {
                let own = sets.singleton(output);
                *set = sets.union([*set, own]);
                output += 1;
            }
        }
        for (id, layer) in net.layers().rev() {
            for (q, operand) in net.operands(id).iter().enumerate() {
                let reached = layer.kind().influence(&layers[id.index()], q, &mut sets);
                for (set, more) in layers[operand.index()].iter_mut().zip(reached) {
                    *set = sets.union([*set, more]);
                }
            }
            if sets.overflowed() {
                let message = format!("the sets of outputs reached need more than {}", memory::in_words(max_bytes));
                return Err(Error::new(ErrorKind::TooLarge, message).in_layer(layer.name()));
            }
        }
        Ok(Influence { sets, layers })
    }

    /// Number of outputs that one unit reaches. O(connections), without a set for every unit.
    pub(crate) fn count<T: Scalar>(net: &Network<T>, from: LayerId, unit: usize) -> usize {
        let mut sets = Sets::new(1 << 10);
        let mark = sets.singleton(0);
        // `None`: no unit of the layer is reached.
        let mut layers: Vec<Option<Vec<SetId>>> = Vec::new();
        for (id, layer) in net.layers() {
            let operands = net.operands(id);
            let reached = if id == from {
                let mut reached = vec![EMPTY; layer.units()];
                reached[unit] = mark;
                Some(reached)
            } else if operands.iter().any(|o| layers[o.index()].is_some()) {
                let most = operands.iter().map(|&o| net.layer(o).units()).max().unwrap_or(0);
                let nothing = vec![EMPTY; most];
                let of = |&o: &LayerId| layers[o.index()].as_deref().unwrap_or(&nothing[..net.layer(o).units()]);
                let operands: Vec<&[SetId]> = operands.iter().map(of).collect();
                Some(layer.kind().propagate(&operands, &mut sets))
            } else {
                None
            };
            layers.push(reached);
        }
        let outputs = net.output_layers().iter().filter_map(|o| layers[o.index()].as_ref());
        outputs.flatten().filter(|&&set| set != EMPTY).count()
    }

    /// The set of each unit of a layer.
    pub(crate) fn of(&self, layer: LayerId) -> &[SetId] {
        &self.layers[layer.index()]
    }
}
