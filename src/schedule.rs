//! Which buffer holds which layer's block during a sweep; a buffer is used again as soon as it is free.

use crate::buffer::Buffer;
use crate::network::LayerId;

/// Buffers for the blocks of one sweep.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// Buffer of each layer; `None` for a layer without a block.
    slot: Vec<Option<usize>>,
    /// Size of each buffer, in numbers for each lane.
    sizes: Vec<usize>,
}

impl Schedule {
    /// Assigns buffers to layers computed in the given order.
    ///
    /// `size` is the block's size for each lane (0: no block), `reads` what is read to compute a layer, `keep`
    /// says whether the block is still wanted when the sweep is over. A layer may be computed `in_place` of another
    /// that it reads, if nothing else wants that one any more.
    pub(crate) fn new(
        order: &[LayerId],
        size: impl Fn(LayerId) -> usize,
        reads: impl Fn(LayerId) -> Vec<LayerId>,
        keep: impl Fn(LayerId) -> bool,
        in_place: impl Fn(LayerId) -> Option<LayerId>,
    ) -> Self {
        let mut last_use = vec![0; order.len()];
        for (step, &layer) in order.iter().enumerate() {
            last_use[layer.index()] = last_use[layer.index()].max(step);
            reads(layer).iter().for_each(|r| last_use[r.index()] = step);
        }
        let mut slot = vec![None; order.len()];
        let mut sizes: Vec<usize> = Vec::new();
        let mut free: Vec<usize> = Vec::new();
        let mut busy: Vec<LayerId> = Vec::new();
        for (step, &layer) in order.iter().enumerate() {
            busy.retain(|&old| {
                let dead = last_use[old.index()] < step && !keep(old);
                if dead {
                    free.extend(slot[old.index()]);
                }
                !dead
            });
            let wanted = size(layer);
            if wanted == 0 {
                continue;
            }
            let dies = |old: LayerId| last_use[old.index()] == step && !keep(old) && slot[old.index()].is_some();
            if let Some(old) = in_place(layer).filter(|&old| dies(old)) {
                let taken = slot[old.index()];
                slot[layer.index()] = taken;
                busy.retain(|&other| other != old);
                busy.push(layer);
                continue;
            }
            // The tightest buffer that is large enough, or else the largest, which grows.
            let best = (0..free.len()).min_by_key(|&f| {
                let have = sizes[free[f]];
                (have < wanted, have.abs_diff(wanted))
            });
            let chosen = match best {
                Some(f) => free.swap_remove(f),
                None => {
                    sizes.push(0);
                    sizes.len() - 1
                }
            };
            sizes[chosen] = sizes[chosen].max(wanted);
            slot[layer.index()] = Some(chosen);
            busy.push(layer);
        }
        Schedule { slot, sizes }
    }

    /// The buffer of a layer.
    pub(crate) fn slot(&self, layer: LayerId) -> Option<usize> {
        self.slot[layer.index()]
    }

    /// Numbers for each lane, in all.
    pub(crate) fn total(&self) -> usize {
        self.sizes.iter().sum()
    }

    /// Makes the buffers large enough for `lanes` lanes; allocates only if they have never been so large.
    pub(crate) fn prepare<T: Copy + num_traits::Zero>(&self, buffers: &mut Vec<Buffer<T>>, lanes: usize) {
        if buffers.len() < self.sizes.len() {
            buffers.resize_with(self.sizes.len(), Buffer::default);
        }
        for (buffer, size) in buffers.iter_mut().zip(&self.sizes) {
            buffer.fit(size * lanes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain needs two buffers, one more if the first block is kept; live blocks never share.
    #[test]
    fn buffers_are_reused() {
        let order: Vec<LayerId> = (0..6).map(LayerId::new).collect();
        let previous = |l: LayerId| l.index().checked_sub(1).map(LayerId::new).into_iter().collect::<Vec<_>>();
        let chain = Schedule::new(&order, |l| 10 + l.index(), previous, |_| false, |_| None);
        assert_eq!(chain.sizes.len(), 2);
        for pair in order.windows(2) {
            assert_ne!(chain.slot(pair[0]), chain.slot(pair[1]));
        }
        let kept = Schedule::new(&order, |_| 10, previous, |l| l.index() == 0, |_| None);
        assert_eq!(kept.sizes.len(), 3);
        assert!(order[1..].iter().all(|&l| kept.slot(l) != kept.slot(order[0])));
        // In place where the block read dies, and only there.
        let before = |l: LayerId| previous(l).pop();
        let one = Schedule::new(&order, |_| 10, previous, |l| l.index() == 0, before);
        assert_eq!(one.sizes.len(), 2);
        assert!(order[2..].iter().all(|&l| one.slot(l) == one.slot(order[1])));
    }
}
