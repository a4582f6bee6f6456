//! [`Plan`]: everything that is prepared once for a network, and the choice of the strategy.

use crate::coloring::{Coloring, Order, Side, partial_distance2_coloring};
use crate::compress::Readout;
use crate::cost::{self, Passes};
use crate::error::{Result, bail, ensure};
use crate::memory;
use crate::network::{Network, Structure};
use crate::pattern::Pattern;
use crate::program::{Groups, Program, Target, full_pattern};
use crate::scalar::Scalar;
use crate::sparsity::Sparsity;
use crate::strategy::{Quantity, Strategy};
use crate::tape::tape_size;
use std::fmt;

/// How a [`Plan`] is made; the default lets colorjet choose.
///
/// ```
/// use colorjet::{Order, PlanOptions, Quantity, Strategy};
/// let options = PlanOptions::new(Quantity::HessianDiagonal)
///     .strategy(Strategy::ReverseOverForward)
///     .with_jacobian()
///     .order(Order::Natural);
/// ```
#[derive(Clone, Debug)]
pub struct PlanOptions {
    quantity: Quantity,
    strategy: Option<Strategy>,
    with_jacobian: bool,
    order: Order,
    lane_block: Option<usize>,
    max_bytes: Option<u64>,
}

impl PlanOptions {
    /// The quantity, and for the rest the defaults.
    pub fn new(quantity: Quantity) -> Self {
        PlanOptions {
            quantity,
            strategy: None,
            with_jacobian: false,
            order: Order::Best,
            lane_block: None,
            max_bytes: None,
        }
    }

    /// Forces a strategy.
    pub fn strategy(self, strategy: Strategy) -> Self {
        PlanOptions { strategy: Some(strategy), ..self }
    }

    /// Wants the Jacobian too, from the same passes as the Hessian diagonal.
    pub fn with_jacobian(self) -> Self {
        PlanOptions { with_jacobian: true, ..self }
    }

    /// The order in which vertices are colored; the default takes the best of several.
    pub fn order(self, order: Order) -> Self {
        PlanOptions { order, ..self }
    }

    /// Most lanes in one sweep; the default fits the network. Results are the same up to rounding.
    pub fn lane_block(self, lanes: usize) -> Self {
        PlanOptions { lane_block: Some(lanes), ..self }
    }

    /// Most memory for patterns, indices, results and work space; the default is what the machine has left.
    pub fn max_bytes(self, bytes: u64) -> Self {
        PlanOptions { max_bytes: Some(bytes), ..self }
    }
}

/// What is prepared once for a network: patterns, colors, strategy, blocks, gather indices.
///
/// A plan depends on the structure of the network, not on its weights: it serves a network that was trained
/// further, and refuses one of another structure. It is plain data, `Send + Sync`, and can be shared by threads.
///
/// ```
/// use colorjet::{Activation, Network, Plan, Quantity};
/// use ndarray::array;
///
/// let net = Network::chain([2])
///     .dense(array![[1.0, -1.0], [0.5, 2.0]], array![0.1, 0.0])
///     .activation(Activation::Tanh)
///     .build()?;
/// let plan = Plan::new(&net, Quantity::HessianDiagonal)?;
/// let d = plan.run(&net, array![0.3, -0.2].view())?;
/// assert_eq!(d.shape(), (2, 2));
/// # Ok::<(), colorjet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) structure: Structure,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) quantity: Quantity,
    pub(crate) strategy: Strategy,
    pub(crate) program: Program,
    pub(crate) jacobian: Option<Target>,
    pub(crate) diagonal: Option<Target>,
    /// Samples that are swept together.
    pub(crate) samples: usize,
    /// Numbers on the tape for each sample.
    pub(crate) tape: usize,
    /// Operations of one plain evaluation.
    pub(crate) operations: u64,
    colors: usize,
    groups: usize,
    reason: String,
}

impl Plan {
    /// Plans with the defaults: analysis and coloring, and the strategy that needs the fewest passes.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn new<T: Scalar>(net: &Network<T>, quantity: Quantity) -> Result<Self> {
        Self::with(net, &PlanOptions::new(quantity))
    }

    /// Plans with options.
    ///
    /// # Errors
    /// [`WrongStrategy`](crate::ErrorKind::WrongStrategy) if the strategy cannot compute the quantity,
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for a lane block of zero,
    /// [`TooLarge`](crate::ErrorKind::TooLarge), before anything of that size is allocated, if the result or the
    /// work space needs more memory than allowed.
    ///
    /// # Complexity
    /// The analysis of [`Sparsity::of`], colorings of time Σ_i (entries of row i)², memory O(nnz).
    pub fn with<T: Scalar>(net: &Network<T>, options: &PlanOptions) -> Result<Self> {
        let &PlanOptions { quantity, strategy, with_jacobian, order, lane_block, max_bytes } = options;
        if let Some(strategy) = strategy {
            ensure!(strategy.computes(quantity), WrongStrategy, "{strategy} does not compute the {quantity}");
        }
        ensure!(lane_block != Some(0), InvalidParameter, "a block of zero lanes");
        let max_bytes = max_bytes.unwrap_or_else(memory::available_bytes);
        let (n, m) = (net.inputs(), net.outputs());
        let sparsity = Sparsity::within(net, max_bytes)?;
        let planner = Planner {
            net,
            sparsity: &sparsity,
            order,
            with_jacobian,
            max_bytes,
            width: &|lanes| lane_block.unwrap_or_else(|| lane_width(lanes, net.operations())).min(lanes).max(1),
        };
        let made = match (quantity, strategy) {
            (_, Some(Strategy::Dense)) => planner.dense(quantity)?,
            (Quantity::Jacobian, strategy) => planner.jacobian(strategy)?,
            (Quantity::HessianDiagonal, strategy) => planner.hessian_diagonal(strategy)?,
        };
        let tape = tape_size(net);
        let lanes = made.program.width();
        let (per_task, shared) = made.program.buffer_sizes();
        let per_sample = tape + per_task * lanes + shared * lanes;
        let plan = Plan {
            structure: net.structure().clone(),
            inputs: n,
            outputs: m,
            quantity,
            strategy: made.strategy,
            samples: sample_block(lanes, per_sample),
            program: made.program,
            jacobian: made.jacobian,
            diagonal: made.diagonal,
            tape,
            operations: net.operations(),
            colors: made.colors,
            groups: made.groups,
            reason: made.reason,
        };
        let needed = plan.bytes(size_of::<T>());
        ensure!(
            needed <= max_bytes,
            TooLarge,
            "results and work space need {}, of {} allowed",
            memory::in_words(needed),
            memory::in_words(max_bytes)
        );
        Ok(plan)
    }

    /// What it computes.
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// How it computes.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Why this strategy, in words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// n, the number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// m, the number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Colors of the inputs (of the outputs for `reverse`); the most of any group for reverse-over-forward.
    pub fn colors(&self) -> usize {
        self.colors
    }

    /// Groups of outputs that share an adjoint; 0 if the strategy has none.
    pub fn output_groups(&self) -> usize {
        self.groups
    }

    /// Sweeps and lanes for one point.
    pub fn passes(&self) -> Passes {
        self.program.passes()
    }

    /// The structure of the result, m × n: P_J or P_D.
    pub fn pattern(&self) -> &Pattern {
        let target = match self.quantity {
            Quantity::Jacobian => &self.jacobian,
            Quantity::HessianDiagonal => &self.diagonal,
        };
        &target.as_ref().expect("a plan has the pattern of its quantity").pattern
    }

    /// The structure of the Jacobian, if the plan computes it.
    pub fn jacobian_pattern(&self) -> Option<&Pattern> {
        self.jacobian.as_ref().map(|t| &t.pattern)
    }

    /// The color of each input (`None` if it takes no part), for strategies that color inputs once.
    pub fn input_colors(&self) -> Option<Vec<Option<u32>>> {
        let inputs = match &self.program {
            Program::Forward { inputs, .. } => inputs,
            Program::ReverseOverForward(rof) => match &rof.colorings[..] {
                [inputs] => inputs,
                _ => return None,
            },
            Program::Nothing | Program::Reverse { .. } => return None,
        };
        Some(inputs.colors().map(|c| (c != u32::MAX).then_some(c)).collect())
    }

    /// Work space of a run on one thread, in bytes; every further thread needs at most as much.
    pub fn workspace_bytes(&self, bytes_per_number: usize) -> u64 {
        let lanes = (self.program.width() * self.samples) as u64;
        let (per_task, shared) = self.program.buffer_sizes();
        let packed = self.targets().map(|t| t.pattern.nnz() as u64).sum::<u64>() * self.samples as u64;
        let numbers = (self.tape * self.samples) as u64 + (per_task + shared) as u64 * lanes + packed;
        numbers.saturating_mul(bytes_per_number as u64)
    }

    /// Order of the derivatives that the tape must hold.
    pub(crate) fn order(&self) -> usize {
        match self.quantity {
            Quantity::Jacobian => 1,
            Quantity::HessianDiagonal => 2,
        }
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.jacobian.iter().chain(&self.diagonal)
    }

    /// Work space, indices, and one result.
    fn bytes(&self, bytes_per_number: usize) -> u64 {
        let result = |t: &Target| {
            let (nnz, rows) = (t.pattern.nnz() as u64, t.pattern.rows() as u64);
            t.readout.bytes() + nnz * (4 + 8 + bytes_per_number as u64) + 16 * rows
        };
        self.targets().map(result).sum::<u64>() + self.workspace_bytes(bytes_per_number)
    }
}

/// Lanes in one sweep: wide enough for a matrix product to be fast, narrow enough to give every core a block.
///
/// A small network is swept at once.
fn lane_width(lanes: usize, operations: u64) -> usize {
    const SMALL: u64 = 1 << 20;
    if 2 * operations * lanes as u64 <= SMALL {
        return lanes.min(64);
    }
    lanes.div_ceil(16).next_multiple_of(8).min(64)
}

/// Samples in one sweep: as many as fill a block of lanes, as long as the buffers stay small.
fn sample_block(lanes: usize, numbers_per_sample: usize) -> usize {
    const LANES: usize = 256;
    const NUMBERS: usize = 1 << 22;
    let samples = (LANES / lanes.max(1)).min(NUMBERS / numbers_per_sample.max(1)).clamp(1, 64);
    if samples >= 8 { samples / 8 * 8 } else { samples }
}

/// The parts of a plan that depend on the strategy.
struct Made {
    strategy: Strategy,
    program: Program,
    jacobian: Option<Target>,
    diagonal: Option<Target>,
    colors: usize,
    groups: usize,
    reason: String,
}

struct Planner<'a, T> {
    net: &'a Network<T>,
    sparsity: &'a Sparsity,
    order: Order,
    with_jacobian: bool,
    max_bytes: u64,
    width: &'a dyn Fn(usize) -> usize,
}

impl<T: Scalar> Planner<'_, T> {
    /// The Jacobian: the direction with fewer colors; forward if they are equal, since it keeps nothing.
    fn jacobian(&self, forced: Option<Strategy>) -> Result<Made> {
        let pattern = self.sparsity.jacobian()?;
        let color = |side| partial_distance2_coloring(&pattern, side, self.order);
        let forward = |coloring: &Coloring, reason| {
            let program = Program::forward(self.net, 1, &pattern, coloring, self.width);
            self.made(Strategy::Forward, program, Some(pattern.clone()), None, coloring.count(), reason)
        };
        let reverse = |coloring: &Coloring, reason| {
            let program = Program::reverse(self.net, &pattern, coloring, self.width);
            let read = match &program {
                Program::Reverse { blocks, .. } => {
                    Program::read_reverse(self.net, blocks, coloring, (self.width)(coloring.count()), &pattern)
                }
                _ => empty_readout(self.net, &pattern),
            };
            let jacobian = Some(Target { pattern: pattern.clone(), readout: read });
            let (strategy, colors) = (Strategy::Reverse, coloring.count());
            Made { strategy, program, jacobian, diagonal: None, colors, groups: 0, reason }
        };
        Ok(match forced {
            Some(Strategy::Reverse) => reverse(&color(Side::Rows), "forced".into()),
            Some(_) => forward(&color(Side::Columns), "forced".into()),
            None => {
                let (columns, rows) = (color(Side::Columns), color(Side::Rows));
                let (c, r) = (columns.count(), rows.count());
                if c <= r {
                    forward(&columns, format!("{c} column colors, no more than {r} row colors"))
                } else {
                    reverse(&rows, format!("{r} row colors, fewer than {c} column colors"))
                }
            }
        })
    }

    /// The Hessian diagonal, by the number of plain evaluations that the lanes are worth.
    fn hessian_diagonal(&self, forced: Option<Strategy>) -> Result<Made> {
        let diagonal = self.sparsity.hessian_diagonal()?;
        let jacobian = if self.with_jacobian { Some(self.sparsity.jacobian()?) } else { None };
        // P_J ⊇ P_M ⊇ P_D, so whoever reads the Jacobian too colors P_J.
        let colored = match &jacobian {
            Some(jacobian) => jacobian.clone(),
            None => self.sparsity.meeting()?,
        };
        let double_forward = |reason| {
            let coloring = partial_distance2_coloring(&colored, Side::Columns, self.order);
            let order = if diagonal.nnz() > 0 { 2 } else { 1 };
            let program = if diagonal.nnz() == 0 && jacobian.is_none() {
                Program::Nothing
            } else {
                Program::forward(self.net, order, &colored, &coloring, self.width)
            };
            let colors = if let Program::Forward { inputs, .. } = &program { inputs.count() } else { 0 };
            self.made(Strategy::DoubleForward, program, jacobian.clone(), Some(diagonal.clone()), colors, reason)
        };
        let groups = || {
            // The sum over a group must leave every row readable.
            let rows = jacobian.as_ref().unwrap_or(&diagonal);
            let of_output = partial_distance2_coloring(rows, Side::Rows, self.order);
            Groups::new(self.net, self.sparsity, of_output, self.order)
        };
        let reverse_over_forward = |groups: &Groups, reason| {
            let (program, read, read_jacobian) = groups.program(self.net, &diagonal, jacobian.as_ref(), self.width);
            let target = |(pattern, readout): (&Pattern, _)| Target { pattern: pattern.clone(), readout };
            Made {
                strategy: Strategy::ReverseOverForward,
                program,
                jacobian: jacobian.as_ref().zip(read_jacobian).map(target),
                diagonal: Some(target((&diagonal, read))),
                colors: groups.colors().1,
                groups: groups.count(),
                reason,
            }
        };
        match forced {
            Some(Strategy::ReverseOverForward) => return Ok(reverse_over_forward(&groups(), "forced".into())),
            Some(_) => return Ok(double_forward("forced".into())),
            None => {}
        }
        // 1. Without curvature there is nothing to choose.
        if diagonal.nnz() == 0 {
            return Ok(double_forward("no output is curved in any input".into()));
        }
        // 2. The least that reverse-over-forward can cost is known from the number of groups alone.
        let made = double_forward(String::new());
        let forward_cost = cost::double_forward(made.colors);
        let rows = jacobian.as_ref().unwrap_or(&diagonal);
        let least = cost::least_reverse_over_forward(rows_lower_bound(rows));
        if forward_cost <= least {
            let reason = format!(
                "{} second-order lanes are worth {forward_cost} evaluations, reverse-over-forward at least {least}",
                made.colors
            );
            return Ok(Made { reason, ..made });
        }
        // 3. Otherwise both are counted.
        let groups = groups();
        let reverse_cost = groups.cost();
        Ok(if reverse_cost < forward_cost {
            let (few, many) = groups.colors();
            let lanes = if few == many { format!("{few}") } else { format!("{few} to {many}") };
            reverse_over_forward(
                &groups,
                format!(
                    "{} output groups with {lanes} lanes are worth {reverse_cost} evaluations, {} second-order lanes {forward_cost}",
                    groups.count(),
                    made.colors
                ),
            )
        } else {
            let reason = format!(
                "{} second-order lanes are worth {forward_cost} evaluations, reverse-over-forward {reverse_cost}",
                made.colors
            );
            Made { reason, ..made }
        })
    }

    /// The oracle: every entry, one lane for every input.
    fn dense(&self, quantity: Quantity) -> Result<Made> {
        let (n, m) = (self.net.inputs(), self.net.outputs());
        let entries = m as u128 * n as u128;
        // Pattern, readout, column indices and values.
        let bytes = entries * (4 + 16 + 8 + 2 * size_of::<T>()) as u128;
        if bytes > u128::from(self.max_bytes) {
            bail!(
                TooLarge,
                "a dense {m} × {n} {quantity} has {entries} entries and needs {}, of {} allowed",
                memory::in_words(u64::try_from(bytes).unwrap_or(u64::MAX)),
                memory::in_words(self.max_bytes)
            );
        }
        let pattern = full_pattern(m, n);
        let (order, coloring) = (if quantity == Quantity::Jacobian { 1 } else { 2 }, Coloring::trivial(n));
        let program = Program::forward(self.net, order, &pattern, &coloring, self.width);
        let (jacobian, diagonal) = match quantity {
            Quantity::Jacobian => (Some(pattern), None),
            Quantity::HessianDiagonal => (self.with_jacobian.then(|| pattern.clone()), Some(pattern)),
        };
        Ok(self.made(Strategy::Dense, program, jacobian, diagonal, n, "forced".into()))
    }

    /// A plan that reads tangent lanes.
    fn made(
        &self,
        strategy: Strategy,
        program: Program,
        jacobian: Option<Pattern>,
        diagonal: Option<Pattern>,
        colors: usize,
        reason: String,
    ) -> Made {
        let target = |pattern: Pattern| {
            let readout = match &program {
                Program::Forward { inputs, .. } => Program::read_forward(self.net, inputs, &pattern),
                _ => empty_readout(self.net, &pattern),
            };
            Target { pattern, readout }
        };
        let (jacobian, diagonal) = (jacobian.map(target), diagonal.map(target));
        Made { strategy, program, jacobian, diagonal, colors, groups: 0, reason }
    }
}

/// The readout of a pattern without entries.
fn empty_readout<T: Scalar>(net: &Network<T>, pattern: &Pattern) -> Readout {
    debug_assert_eq!(pattern.nnz(), 0);
    let nowhere = |_, _| unreachable!("there is no entry");
    Readout::new(pattern, net.output_layers(), 0, 1, nowhere)
}

/// No grouping of rows can have fewer groups than the entries of the fullest column.
fn rows_lower_bound(pattern: &Pattern) -> usize {
    let mut count = vec![0usize; pattern.cols()];
    pattern.indices().iter().for_each(|&j| count[j as usize] += 1);
    count.into_iter().max().unwrap_or(0)
}

/// The plan in words: patterns, colors, passes, strategy and why.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, m) = (self.inputs, self.outputs);
        let pattern = self.pattern();
        let (nnz, entries) = (pattern.nnz(), n as f64 * m as f64);
        writeln!(f, "{} of {n} inputs → {m} outputs", self.quantity)?;
        writeln!(f, "  pattern   {nnz} entries of {entries:.0} ({:.3} %)", 100.0 * nnz as f64 / entries)?;
        if let (Quantity::HessianDiagonal, Some(jacobian)) = (self.quantity, self.jacobian_pattern()) {
            writeln!(f, "  Jacobian  {} entries, from the same passes", jacobian.nnz())?;
        }
        writeln!(f, "  strategy  {}: {}", self.strategy, self.reason)?;
        match (self.strategy, self.groups) {
            (Strategy::Reverse, _) => writeln!(f, "  colors    {} of {m} outputs", self.colors)?,
            (_, 0) => writeln!(f, "  colors    {} of {n} inputs", self.colors)?,
            (_, groups) => writeln!(f, "  colors    {} of {n} inputs, {groups} groups of outputs", self.colors)?,
        }
        let passes = self.passes();
        let against = if self.strategy == Strategy::Reverse { m } else { n };
        write!(f, "  passes    {passes}")?;
        if self.strategy != Strategy::Dense && self.colors >= against && against > 1 {
            write!(f, " (no gain over dense)")?;
        } else if self.groups == 0 {
            write!(f, " instead of {against}")?;
        }
        write!(f, "\n  memory    {} for each thread", memory::in_words(self.workspace_bytes(8)))
    }
}
