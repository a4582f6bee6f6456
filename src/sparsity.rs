//! Which derivatives can be nonzero: dependency sets propagated through the layer graph.
//!
//! R(k) are the inputs that unit k depends on. Linear layers unite the sets of what they read. The Hessian's
//! diagonal needs more: C(k), the inputs in which k is *curved*, and M(k), the inputs that *meet* on the way to k.
//!
//! | layer | C | M |
//! |---|---|---|
//! | σ with σ'' ≠ 0 | R of the operand | R of the operand |
//! | product a·b | C(a) ∪ C(b) ∪ (R(a) ∩ R(b)) | R(a) ∪ R(b), if both depend on inputs |
//! | all others | united | united |
//!
//! Rows i of the patterns are then P_J = R(i), P_D = C(i), P_M = M(i). They hold for every input x.

use crate::error::{Error, ErrorKind, Result, ensure};
use crate::layer::Kind;
use crate::memory;
use crate::network::{LayerId, Network, Structure};
use crate::pattern::Pattern;
use crate::scalar::Scalar;
use crate::sets::{EMPTY, Run, SetId, Sets};
use petgraph::unionfind::UnionFind;
use std::collections::HashSet;
use std::sync::Arc;

/// The dependency sets of a network: its sparsity patterns, valid for every input.
///
/// ```
/// use colorjet::{Activation, Network, Sparsity};
/// use ndarray::array;
///
/// let net = Network::chain([2])
///     .dense(array![[1.0, 1.0]], None)
///     .activation(Activation::Tanh)
///     .build()?;
/// let sparsity = Sparsity::of(&net)?;
/// assert_eq!(sparsity.hessian_diagonal()?.row(0), &[0, 1]);
/// # Ok::<(), colorjet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sparsity {
    inputs: usize,
    sets: Sets,
    layers: Vec<Dependence>,
    /// Rows of the patterns: one set for each output.
    reached: Vec<SetId>,
    curved: Vec<SetId>,
    met: Vec<SetId>,
    /// Where each output's unit is.
    outputs: Vec<(LayerId, usize)>,
    max_bytes: u64,
    structure: Structure,
}

/// Sets of the units of one layer. `None`: all are empty.
#[derive(Clone, Debug)]
struct Dependence {
    reach: Arc<[SetId]>,
    curved: Option<Arc<[SetId]>>,
    met: Option<Arc<[SetId]>>,
}

/// Inputs that meet in one unit: every member of the first set with every member of the second.
pub(crate) type Meeting = (SetId, SetId);

impl Sparsity {
    /// Analyzes a network with at most the memory that is available.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge) if the sets need more.
    ///
    /// # Complexity
    /// O(units + connections) unions of sets, where the channels of a pixel and the units of a dense layer
    /// share one; memory is proportional to the runs of the distinct sets.
    pub fn of<T: Scalar>(net: &Network<T>) -> Result<Self> {
        Self::within(net, memory::available_bytes())
    }

    /// As [`of`](Self::of), with at most `max_bytes` for the sets and for each pattern.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn within<T: Scalar>(net: &Network<T>, max_bytes: u64) -> Result<Self> {
        let units: u64 = net.layers().map(|(_, l)| l.units() as u64).sum();
        let needed = units * 3 * size_of::<SetId>() as u64;
        ensure!(
            needed <= max_bytes,
            TooLarge,
            "the dependencies of {units} units need {}, of {} allowed",
            memory::in_words(needed),
            memory::in_words(max_bytes)
        );
        let mut sets = Sets::new(max_bytes);
        let mut layers: Vec<Dependence> = Vec::new();
        let mut inputs = 0;
        for (id, layer) in net.layers() {
            let operands: Vec<&Dependence> = net.operands(id).iter().map(|o| &layers[o.index()]).collect();
            let dependence = match layer.kind() {
                Kind::Input => {
                    let reach = (0..layer.units()).map(|k| sets.singleton((inputs + k) as u32)).collect();
                    inputs += layer.units();
                    Dependence { reach, curved: None, met: None }
                }
                kind => propagate(kind, &operands, &mut sets),
            };
            if sets.overflowed() {
                let message = format!("the dependency sets need more than {}", memory::in_words(max_bytes));
                return Err(Error::new(ErrorKind::TooLarge, message).in_layer(layer.name()));
            }
            layers.push(dependence);
        }
        let mut this = Sparsity {
            inputs,
            sets,
            layers: Vec::new(),
            reached: Vec::new(),
            curved: Vec::new(),
            met: Vec::new(),
            outputs: Vec::new(),
            max_bytes,
            structure: net.structure().clone(),
        };
        for &output in net.output_layers() {
            let Dependence { reach, curved, met } = &layers[output.index()];
            let none = vec![EMPTY; reach.len()];
            this.reached.extend_from_slice(reach);
            this.curved.extend_from_slice(curved.as_deref().unwrap_or(&none));
            this.met.extend_from_slice(met.as_deref().unwrap_or(&none));
            this.outputs.extend((0..reach.len()).map(|k| (output, k)));
        }
        this.layers = layers;
        Ok(this)
    }

    /// P_J: output i depends on input j. Shape m × n.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge) if the pattern needs more memory than allowed.
    pub fn jacobian(&self) -> Result<Pattern> {
        self.expand(&self.reached, "the Jacobian")
    }

    /// P_D: output i is curved in input j, so d²y_i/dx_j² may be nonzero. Shape m × n, part of P_J.
    ///
    /// # Errors
    /// As [`jacobian`](Self::jacobian).
    pub fn hessian_diagonal(&self) -> Result<Pattern> {
        self.expand(&self.curved, "the Hessian diagonal")
    }

    /// P_M: input j meets others on the way to output i. Shape m × n, between P_D and P_J; equal to P_D
    /// without products. This is what double-forward colors.
    ///
    /// # Errors
    /// As [`jacobian`](Self::jacobian).
    pub fn meeting(&self) -> Result<Pattern> {
        self.expand(&self.met, "the meeting inputs")
    }

    /// ∪ P_H(i) over the given outputs: d²y_i/dx_j dx_j' may be nonzero for one of them. Symmetric, n × n;
    /// the diagonal belongs to it.
    ///
    /// # Errors
    /// [`OutOfRange`](ErrorKind::OutOfRange) for an output `≥ m`, [`TooLarge`](ErrorKind::TooLarge) as
    /// [`jacobian`](Self::jacobian), [`PlanMismatch`](ErrorKind::PlanMismatch) for a network of another structure.
    pub fn hessian<T: Scalar>(&self, net: &Network<T>, outputs: &[usize]) -> Result<Pattern> {
        self.structure.check("analysis", net.structure())?;
        if let Some(&i) = outputs.iter().find(|&&i| i >= self.outputs.len()) {
            ensure!(false, OutOfRange, "output {i} of {}", self.outputs.len());
        }
        self.graph_of(&self.meetings(net, outputs))
    }

    /// Sub-networks by units: groups of inputs and outputs such that no output of one depends on an input of
    /// another. Outputs that depend on nothing and inputs that reach nothing stand alone.
    pub fn independent_blocks(&self) -> Vec<(Vec<usize>, Vec<usize>)> {
        let m = self.outputs.len();
        let mut union = UnionFind::<usize>::new(m + self.inputs);
        let mut seen = vec![None; self.sets.count()];
        for (i, &set) in self.reached.iter().enumerate().filter(|&(_, &set)| set != EMPTY) {
            match seen[set as usize] {
                Some(other) => _ = union.union(i, other),
                None => {
                    seen[set as usize] = Some(i);
                    self.sets.members(set).for_each(|j| _ = union.union(i, m + j as usize));
                }
            }
        }
        let mut blocks: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        let mut of_root = vec![None; m + self.inputs];
        for v in 0..m + self.inputs {
            let at = *of_root[union.find(v)].get_or_insert_with(|| {
                blocks.push(Default::default());
                blocks.len() - 1
            });
            if v < m { blocks[at].1.push(v) } else { blocks[at].0.push(v - m) }
        }
        blocks
    }

    /// Distinct dependency sets found.
    pub fn distinct_sets(&self) -> usize {
        self.sets.count()
    }

    /// Number of outputs that depend on no input.
    pub fn constant_outputs(&self) -> usize {
        self.reached.iter().filter(|&&set| set == EMPTY).count()
    }

    /// The distinct meetings on the way to any of the given outputs, in the order of the layers.
    pub(crate) fn meetings<T: Scalar>(&self, net: &Network<T>, outputs: &[usize]) -> Vec<Meeting> {
        let mut live: Vec<Vec<bool>> = self.layers.iter().map(|l| vec![false; l.reach.len()]).collect();
        for &i in outputs {
            let (layer, unit) = self.outputs[i];
            live[layer.index()][unit] = true;
        }
        let mut found = HashSet::new();
        let mut meetings = Vec::new();
        let layers: Vec<_> = net.layers().collect();
        for &(id, layer) in layers.iter().rev() {
            let here = std::mem::take(&mut live[id.index()]);
            if !here.contains(&true) {
                continue;
            }
            let operands = net.operands(id);
            let reach = |q: usize| &self.layers[operands[q].index()].reach;
            if layer.kind().is_curved() {
                let (a, b) = (reach(0), reach(operands.len() - 1));
                let mut last = None;
                for k in (0..here.len()).filter(|&k| here[k]) {
                    let pair = (a[k].min(b[k]), a[k].max(b[k]));
                    if pair.0 != EMPTY && last != Some(pair) && found.insert(pair) {
                        meetings.push(pair);
                    }
                    last = Some(pair);
                }
            }
            for (q, operand) in operands.iter().enumerate() {
                layer.kind().mark_operand(&here, q, &mut live[operand.index()]);
            }
        }
        meetings
    }

    /// R(k) of the units of a layer.
    pub(crate) fn reach(&self, layer: LayerId) -> &[SetId] {
        &self.layers[layer.index()].reach
    }

    /// Number of inputs in a set.
    pub(crate) fn seen(&self, set: SetId) -> usize {
        self.sets.len(set)
    }

    /// The inputs in a set, ascending.
    pub(crate) fn members(&self, set: SetId) -> impl Iterator<Item = u32> + '_ {
        self.sets.members(set)
    }

    /// The size of the largest R(k) of a layer, and a unit that has it: the first from the middle of its channel on,
    /// which is far from any border.
    pub(crate) fn widest(&self, layer: LayerId, shape: &[usize]) -> (usize, usize) {
        let reach = self.reach(layer);
        let channel = reach.len() / shape.first().copied().unwrap_or(1).max(1);
        let middle = channel / 2 + shape.last().copied().unwrap_or(0) / 2 * usize::from(shape.len() > 2);
        let (mut widest, mut last) = ((0, 0), EMPTY);
        for k in (middle..reach.len()).chain(0..middle).filter(|&k| reach[k] != EMPTY) {
            if reach[k] != last {
                last = reach[k];
                let size = self.seen(last);
                if size > widest.0 {
                    widest = (size, k);
                }
            }
        }
        widest
    }

    /// The members of both sets, ascending.
    pub(crate) fn common(&self, a: SetId, b: SetId) -> Vec<u32> {
        if a == b {
            return self.sets.members(a).collect();
        }
        let mut others = self.sets.members(b).peekable();
        let shared = self.sets.members(a).filter(|&j| {
            while others.next_if(|&other| other < j).is_some() {}
            others.peek() == Some(&j)
        });
        shared.collect()
    }

    /// The inputs of each meeting: one row for each.
    pub(crate) fn unions(&self, meetings: &[Meeting]) -> Result<Pattern> {
        let mut indptr = vec![0];
        let mut indices = Vec::new();
        let mut merged: Vec<Run> = Vec::new();
        for &(a, b) in meetings {
            self.sets.merge_into(&[a, b], &mut merged);
            let row = merged.iter().map(|r| u64::from(r.1 - r.0)).sum::<u64>();
            self.affordable(indices.len() as u64 + row, "the inputs that meet")?;
            indices.extend(merged.iter().flat_map(|&(start, end)| start..end));
            indptr.push(indices.len());
        }
        Ok(Pattern::from_sorted_parts(self.inputs, indptr, indices))
    }

    /// One set that holds every input of the meetings and meets itself: then all of them are adjacent.
    pub(crate) fn covering_clique(&self, meetings: &[Meeting]) -> Option<Vec<u32>> {
        let ids: Vec<SetId> = meetings.iter().flat_map(|&(a, b)| [a, b]).collect();
        let mut support = Vec::new();
        self.sets.merge_into(&ids, &mut support);
        let size = support.iter().map(|r| (r.1 - r.0) as usize).sum::<usize>();
        let clique = meetings.iter().find(|&&(a, b)| a == b && self.sets.len(a) == size)?;
        Some(self.sets.members(clique.0).collect())
    }

    /// The graph in which inputs are adjacent if they meet.
    pub(crate) fn graph_of(&self, meetings: &[Meeting]) -> Result<Pattern> {
        let n = self.inputs;
        // For each input the sets that it meets.
        let sides: Vec<Meeting> =
            meetings.iter().flat_map(|&(a, b)| if a == b { vec![(a, a)] } else { vec![(a, b), (b, a)] }).collect();
        let mut start = vec![0usize; n + 1];
        for &(from, _) in &sides {
            self.sets.members(from).for_each(|j| start[j as usize + 1] += 1);
        }
        (0..n).for_each(|j| start[j + 1] += start[j]);
        self.affordable(start[n] as u64, "the Hessian's graph")?;
        let mut next = start.clone();
        let mut met = vec![EMPTY; start[n]];
        for &(from, to) in &sides {
            for j in self.sets.members(from) {
                met[next[j as usize]] = to;
                next[j as usize] += 1;
            }
        }
        let mut merged: Vec<Run> = Vec::new();
        let mut indptr = vec![0];
        let mut indices = Vec::new();
        for j in 0..n {
            self.sets.merge_into(&met[start[j]..start[j + 1]], &mut merged);
            let row = merged.iter().map(|r| u64::from(r.1 - r.0)).sum::<u64>();
            self.affordable(indices.len() as u64 + row, "the Hessian's graph")?;
            indices.extend(merged.iter().flat_map(|&(start, end)| start..end));
            indptr.push(indices.len());
        }
        Ok(Pattern::from_sorted_parts(n, indptr, indices))
    }

    fn expand(&self, rows: &[SetId], what: &str) -> Result<Pattern> {
        let nnz = rows.iter().map(|&set| self.sets.len(set) as u64).sum();
        self.affordable(nnz, what)?;
        let mut indptr = Vec::with_capacity(rows.len() + 1);
        let mut indices = Vec::with_capacity(nnz as usize);
        indptr.push(0);
        for &set in rows {
            self.sets.runs(set).iter().for_each(|&(start, end)| indices.extend(start..end));
            indptr.push(indices.len());
        }
        Ok(Pattern::from_sorted_parts(self.inputs, indptr, indices))
    }

    fn affordable(&self, entries: u64, what: &str) -> Result<()> {
        let bytes = entries.saturating_mul(size_of::<u32>() as u64);
        ensure!(
            bytes <= self.max_bytes,
            TooLarge,
            "the pattern of {what} has {entries} entries and needs {}, of {} allowed",
            memory::in_words(bytes),
            memory::in_words(self.max_bytes)
        );
        Ok(())
    }
}

/// The table of the module's text, for one layer.
fn propagate<T: Scalar>(kind: &Kind<T>, operands: &[&Dependence], sets: &mut Sets) -> Dependence {
    let reaches: Vec<&[SetId]> = operands.iter().map(|o| &*o.reach).collect();
    let reach: Arc<[SetId]> = match kind {
        Kind::Elementwise(_) => operands[0].reach.clone(),
        _ => kind.propagate(&reaches, sets).into(),
    };
    match kind {
        Kind::Elementwise(e) if e.activation().is_curved() => {
            let all = Some(reach.clone());
            Dependence { reach, curved: all.clone(), met: all }
        }
        Kind::Product => {
            let (a, b) = (operands[0], operands[1]);
            let of = |set: &Option<Arc<[SetId]>>, k: usize| set.as_ref().map_or(EMPTY, |s| s[k]);
            let units = 0..reach.len();
            let mut curved = Vec::with_capacity(reach.len());
            let mut met = Vec::with_capacity(reach.len());
            for k in units {
                let both = sets.intersection(a.reach[k], b.reach[k]);
                curved.push(sets.union([of(&a.curved, k), of(&b.curved, k), both]));
                // A product with a constant is linear.
                let meet = a.reach[k] != EMPTY && b.reach[k] != EMPTY;
                met.push(if meet { reach[k] } else { sets.union([of(&a.met, k), of(&b.met, k)]) });
            }
            Dependence { reach, curved: Some(curved.into()), met: Some(met.into()) }
        }
        _ => {
            let curved = united(kind, operands, &reach, |o| &o.curved, sets);
            let same = operands.iter().all(|o| match (&o.curved, &o.met) {
                (Some(c), Some(m)) => Arc::ptr_eq(c, m),
                (c, m) => c.is_none() && m.is_none(),
            });
            let met = if same { curved.clone() } else { united(kind, operands, &reach, |o| &o.met, sets) };
            Dependence { reach, curved, met }
        }
    }
}

/// C or M through a layer that unites. Behind a curved layer they are the same list as R, and so is the result.
fn united<T: Scalar>(
    kind: &Kind<T>,
    operands: &[&Dependence],
    reach: &Arc<[SetId]>,
    of: impl Fn(&Dependence) -> &Option<Arc<[SetId]>>,
    sets: &mut Sets,
) -> Option<Arc<[SetId]>> {
    if operands.iter().all(|o| of(o).is_none()) {
        return None;
    }
    if operands.iter().all(|o| of(o).as_ref().is_some_and(|s| Arc::ptr_eq(s, &o.reach))) {
        return Some(reach.clone());
    }
    let lists: Vec<Arc<[SetId]>> =
        operands.iter().map(|o| of(o).clone().unwrap_or_else(|| vec![EMPTY; o.reach.len()].into())).collect();
    let lists: Vec<&[SetId]> = lists.iter().map(|l| &**l).collect();
    Some(kind.propagate(&lists, sets).into())
}
