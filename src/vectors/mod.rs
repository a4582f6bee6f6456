//! Sparse vectors: every unit carries a lane for each input that it depends on, and no other.
//!
//! Where connections are irregular, units see a few inputs in the first layers and many in the last, so that lanes by color,
//! as many for every layer as the last one needs, are mostly zeros. Here row k of a layer has |R(k)| numbers for each
//! order, in the order of the inputs in R(k), and a linear unit adds up rows of different inputs:
//!
//! ```text
//! J_k[j] = Σ_l w_kl J_l[j]   for j ∈ R(l);   S likewise;   σ: J ← σ' J,  S ← σ' S + σ'' J².
//! ```
//!
//! The operations are Σ_{k,l} |R(l)|, over all connections k ← l: no zero is multiplied. (Sparse vectors of derivatives:
//! C. Bischof, P. Khademi, A. Bouaricha, A. Carle, Optimization Methods and Software 7, 1996. There the sets are found while
//! derivatives are computed; here they are known.)
//!
//! Exact for every network, since nothing shares a lane: R(k) holds every input that unit k depends on.

mod rules;
mod sweep;

pub(crate) use sweep::{At, Scratch};

use crate::cost;
use crate::error::{Result, ensure};
use crate::forward::{Parts, Second, parts};
use crate::layer::Kind;
use crate::memory;
use crate::network::{LayerId, Network};
use crate::pattern::Pattern;
use crate::scalar::Scalar;
use crate::schedule::Schedule;
use crate::sets::SetId;
use crate::sparsity::Sparsity;
use std::collections::HashMap;

/// A sweep of sparse vectors, prepared for the structure of a network.
#[derive(Clone, Debug)]
pub(crate) struct Vectors {
    layers: Vec<Option<Held>>,
    /// The inputs of each set.
    sets: Pattern,
    schedule: Schedule,
    cost: u64,
}

/// A layer that is carried. Its block is `[order][unit][input of the unit]`.
#[derive(Clone, Debug)]
struct Held {
    /// Set of each unit.
    set: Vec<u32>,
    /// First number of each unit, and the end.
    start: Vec<usize>,
    parts: Parts,
}

impl Held {
    fn entries(&self) -> usize {
        *self.start.last().expect("one more than units")
    }

    fn orders(&self) -> usize {
        usize::from(self.parts.first) + usize::from(self.parts.second)
    }
}

/// What it would cost, without making it: for a connection as many products as the units before it see inputs in the mean.
pub(crate) fn cost<T: Scalar>(net: &Network<T>, sparsity: &Sparsity, second: Second, with_first: bool) -> u64 {
    let carried = carried(net, second, with_first);
    let numbers = |id: LayerId| sparsity.reach(id).iter().map(|&set| sparsity.seen(set) as u64).sum::<u64>();
    let numbers: Vec<u64> = net.layers().map(|(id, _)| numbers(id)).collect();
    let mut work = cost::Scatter::default();
    for (id, layer) in net.layers() {
        let Parts { first, second } = carried[id.index()];
        let orders = u64::from(first) + u64::from(second);
        if orders > 0 {
            work.layers += 1;
            work.rows += layer.units() as u64;
        }
        work.numbers = work.numbers.saturating_add(orders * numbers[id.index()]);
        let operands = net.operands(id);
        let (units, seen) = operands
            .iter()
            .fold((0, 0), |(units, seen), &o| (units + net.layer(o).units() as u64, seen + numbers[o.index()]));
        let connections = match layer.kind() {
            Kind::Input => continue,
            Kind::Gather(_) | Kind::Select(_) => layer.units() as u64,
            _ => net.operations_of(id) / 2,
        };
        let each = u128::from(orders) * u128::from(connections) * u128::from(seen) / u128::from(units.max(1));
        work.products = work.products.saturating_add(u64::try_from(each).unwrap_or(u64::MAX));
        work.links += if orders > 0 { connections } else { 0 };
    }
    cost::vectors(work)
}

/// What is carried in each layer.
fn carried<T: Scalar>(net: &Network<T>, second: Second, with_first: bool) -> Vec<Parts> {
    let is_output = |id: LayerId| net.output_layers().contains(&id);
    parts(net, second, with_first || second == Second::None, &is_output, &|_| false)
}

impl Vectors {
    /// First-order rows, second-order rows of the outputs, or both.
    ///
    /// # Errors
    /// [`TooLarge`](crate::ErrorKind::TooLarge) if all rows together need more than `max_bytes`.
    pub(crate) fn new<T: Scalar>(
        net: &Network<T>,
        sparsity: &Sparsity,
        second: Second,
        with_first: bool,
        max_bytes: u64,
    ) -> Result<Self> {
        let carried = carried(net, second, with_first);
        let layers = || net.layers().filter(|(id, _)| carried[id.index()].any());
        let seen = |id: LayerId| sparsity.reach(id).iter().map(|&set| sparsity.seen(set) as u64).sum::<u64>();
        // Numbers of both orders, and inputs of sets.
        let bytes = layers().map(|(id, _)| seen(id)).sum::<u64>().saturating_mul(2 * size_of::<T>() as u64 + 4);
        ensure!(
            bytes <= max_bytes,
            TooLarge,
            "lanes by input need {}, of {} allowed",
            memory::in_words(bytes),
            memory::in_words(max_bytes)
        );
        let mut number_of: HashMap<SetId, u32> = HashMap::new();
        let (mut indptr, mut indices) = (vec![0], Vec::new());
        let mut layers: Vec<Option<Held>> = Vec::new();
        for (id, layer) in net.layers() {
            let parts = carried[id.index()];
            if !parts.any() {
                layers.push(None);
                continue;
            }
            let mut held = Held { set: Vec::with_capacity(layer.units()), start: vec![0], parts };
            for &set in sparsity.reach(id) {
                let number = *number_of.entry(set).or_insert_with(|| {
                    indices.extend(sparsity.members(set));
                    indptr.push(indices.len());
                    indptr.len() as u32 - 2
                });
                held.set.push(number);
                held.start.push(held.entries() + indptr[number as usize + 1] - indptr[number as usize]);
            }
            layers.push(Some(held));
        }
        let sets = Pattern::from_sorted_parts(net.inputs(), indptr, indices);
        let order: Vec<LayerId> = net.layers().map(|(id, _)| id).collect();
        let size = |id: LayerId| layers[id.index()].as_ref().map_or(0, |l| l.entries() * l.orders());
        let is_output = |id: LayerId| net.output_layers().contains(&id);
        let schedule = Schedule::new(&order, size, |id| net.operands(id).to_vec(), is_output, |_| None);
        let cost = cost(net, sparsity, second, with_first);
        Ok(Vectors { layers, sets, schedule, cost })
    }

    /// Numbers in all buffers.
    pub(crate) fn size(&self) -> usize {
        self.schedule.total()
    }

    /// Bytes of the sets.
    pub(crate) fn bytes(&self) -> u64 {
        let of_layers: usize = self.layers.iter().flatten().map(|l| 4 * l.set.len() + 8 * l.start.len()).sum();
        (of_layers + 4 * self.sets.nnz() + 8 * self.sets.rows()) as u64
    }

    /// Of the cost model.
    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }

    /// Most lanes of a unit.
    pub(crate) fn lanes(&self) -> usize {
        (0..self.sets.rows()).map(|set| self.sets.row(set).len()).max().unwrap_or(0)
    }
}
