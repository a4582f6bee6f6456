//! Tangents of one point that are kept until there are adjoints.
//!
//! Exact as the nodal sums are: tangents need the values and no adjoint, and the same terms are summed in the same order, only
//! later.

use crate::buffer::Buffer;
use crate::compress::{Colors, InputLanes};
use crate::forward::{Forward, Second};
use crate::network::{LayerId, Network};
use crate::scalar::Scalar;

/// Beside what they are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// The values, all at once: a layer makes both with one reading of its weights.
    Values,
    /// The adjoints, block by block: one thread begins with these, the others with tangents.
    Adjoints,
}

/// The sweep that carries them, and their blocks; what the curved layers read is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) sweep: Forward,
    pub(crate) inputs: InputLanes,
}

impl Kept {
    /// `blocks` are those whose terms are summed; `read` says which layers the curved ones read.
    pub(super) fn new<T: Scalar>(
        net: &Network<T>,
        beside: Beside,
        colors: &Colors,
        blocks: &InputLanes,
        read: impl Fn(LayerId) -> bool,
    ) -> Self {
        let (second, inputs) = match beside {
            Beside::Values => (Second::Values, InputLanes::new(net, colors, colors.count())),
            Beside::Adjoints => (Second::None, blocks.clone()),
        };
        Kept { sweep: Forward::new(net, second, true, read, |_| false), inputs }
    }

    /// Whether they are as few as caches hold, or are carried beside values, all of which are kept anyway.
    pub(super) fn is_worth_it(&self) -> bool {
        const HELD: usize = 1 << 17;
        self.beside() == Beside::Values || self.size() <= HELD
    }

    pub(crate) fn beside(&self) -> Beside {
        if self.sweep.has_values() { Beside::Values } else { Beside::Adjoints }
    }

    /// Numbers that are kept.
    pub(crate) fn size(&self) -> usize {
        self.sweep.size() * self.sweep.lanes(self.inputs.count())
    }

    /// Makes the buffers of a block large enough.
    pub(crate) fn prepare<T: Scalar>(&self, block: usize, buffers: &mut Vec<Buffer<T>>) {
        self.sweep.prepare(buffers, self.sweep.lanes(self.inputs.lanes(block, 1).count));
    }
}
