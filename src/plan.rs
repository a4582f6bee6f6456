//! [`Plan`]: everything that is prepared once for a network.

use crate::coloring::{Coloring, Order};
use crate::cost::{Passes, Points, counted};
use crate::error::{Result, ensure};
use crate::memory;
use crate::network::{Network, Structure};
use crate::nodal::Beside;
use crate::pattern::Pattern;
use crate::planner::{Planner, beside, lane_width, lane_width_of_sums, lane_width_with_sum, sample_block};
use crate::program::{Program, Target};
use crate::scalar::Scalar;
use crate::sparsity::Sparsity;
use crate::strategy::{LaneKind, Quantity, Strategy};
use crate::tape::tape_size;
use crate::tiles::Tiles;
use std::fmt;

/// Tasks that a large network is cut into if it is to be evaluated at one point, for all threads to have some.
const TASKS: usize = 8;

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
    points: Option<usize>,
    lanes: Option<LaneKind>,
    tile: Option<usize>,
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
            points: None,
            lanes: None,
            tile: None,
            max_bytes: None,
        }
    }

    /// Forces a strategy.
    pub fn strategy(self, strategy: Strategy) -> Self {
        PlanOptions { strategy: Some(strategy), ..self }
    }

    /// Wants the Jacobian too, from the same passes as the Hessian diagonal or the Laplacian.
    pub fn with_jacobian(self) -> Self {
        PlanOptions { with_jacobian: true, ..self }
    }

    /// The order in which vertices are colored; the default takes the best of several.
    pub fn order(self, order: Order) -> Self {
        PlanOptions { order, ..self }
    }

    /// About how many points each run will have. The cheapest strategy for one point may differ from that for 64 or more,
    /// which share each sweep; by default, and for numbers in between, the cost is the sum of both. The plan serves any number
    /// of points all the same; results are the same up to rounding.
    pub fn points(self, count: usize) -> Self {
        PlanOptions { points: Some(count), ..self }
    }

    /// Most lanes in one sweep of colors; the default fits the network. Results are the same up to rounding.
    pub fn lane_block(self, lanes: usize) -> Self {
        PlanOptions { lane_block: Some(lanes), ..self }
    }

    /// Forces forward lanes by color, by offset or by input; the default takes what is cheapest. Then only strategies come
    /// into question that have such lanes: by offset `forward`, `double-forward` and `nodal`, by input the first two, by color
    /// all; `reverse`, which has no forward lanes, counts as by color. Results are the same up to rounding.
    pub fn lanes(self, kind: LaneKind) -> Self {
        PlanOptions { lanes: Some(kind), ..self }
    }

    /// Most positions in a tile of lanes by offset; the default fits the cache. Results are the same up to rounding.
    pub fn tile(self, positions: usize) -> Self {
        PlanOptions { tile: Some(positions), ..self }
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
    /// The outputs themselves, one in each row, if they are made with the lanes and not recorded beforehand.
    pub(crate) value: Option<Target>,
    /// P_D, if the plan computes the sums of its rows and not its entries.
    summed: Option<Pattern>,
    /// Samples that are swept together.
    pub(crate) samples: usize,
    /// Numbers on the tape for each sample.
    pub(crate) tape: usize,
    /// Operations of one plain evaluation.
    pub(crate) operations: u64,
    /// Bytes of a number of the network that it was made for.
    number: usize,
    /// Most memory that results and work space may take.
    pub(crate) max_bytes: u64,
    colors: usize,
    groups: usize,
    of_output: Option<Coloring>,
    reason: String,
}

impl Plan {
    /// Plans with the defaults: analysis and coloring, and the strategy of least cost.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn new<T: Scalar>(net: &Network<T>, quantity: Quantity) -> Result<Self> {
        Self::with(net, &PlanOptions::new(quantity))
    }

    /// Plans with options.
    ///
    /// # Errors
    /// [`WrongStrategy`](crate::ErrorKind::WrongStrategy) if the strategy cannot compute the quantity or has no lanes of the
    /// kind that is forced, or if the network has none, naming the layer that is in the way,
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for a lane block or a tile of zero,
    /// [`TooLarge`](crate::ErrorKind::TooLarge), before anything of that size is allocated, if the result or the
    /// work space needs more memory than allowed.
    ///
    /// # Complexity
    /// The analysis of [`Sparsity::of`]; for each coloring of columns or rows time Σ_i (entries of row i)² and memory O(nnz),
    /// with [`Order::Best`] several times that; reverse-over-forward colors the graph of each group's Hessian besides.
    pub fn with<T: Scalar>(net: &Network<T>, options: &PlanOptions) -> Result<Self> {
        let &PlanOptions { quantity, strategy, with_jacobian, order, points, lane_block, lanes, tile, max_bytes } =
            options;
        if let Some(strategy) = strategy {
            ensure!(strategy.computes(quantity), WrongStrategy, "{strategy} does not compute the {quantity}");
        }
        if let (Some(strategy), Some(kind)) = (strategy, lanes) {
            ensure!(strategy.has_lanes(kind), WrongStrategy, "{strategy} has no lanes {kind}");
        }
        ensure!(lane_block != Some(0), InvalidParameter, "a block of zero lanes");
        ensure!(tile != Some(0), InvalidParameter, "a tile of zero positions");
        let max_bytes = max_bytes.unwrap_or_else(memory::available_bytes);
        let (n, m) = (net.inputs(), net.outputs());
        let sparsity = Sparsity::within(net, max_bytes)?;
        // Points are tasks too.
        let count = points.unwrap_or(1).max(1);
        let tasks = TASKS.div_ceil(count);
        let points = Points::of(points);
        let width = |of: fn(usize, u64, Points) -> usize| {
            move |lanes: usize| lane_block.unwrap_or_else(|| of(lanes, net.operations(), points)).min(lanes).max(1)
        };
        let planner = Planner {
            net,
            sparsity: &sparsity,
            order,
            with_jacobian,
            points,
            count,
            max_bytes,
            lanes,
            tile,
            tasks,
            lane_width: &width(lane_width),
            lane_width_with_sum: &width(lane_width_with_sum),
            lane_width_of_sums: &width(lane_width_of_sums),
            beside: &|lanes, blocks| {
                let fits = |beside| beside == Beside::Adjoints || lane_block.is_none_or(|most| lanes <= most);
                beside(lanes, blocks, net.operations(), points).filter(|&beside| fits(beside))
            },
        };
        let made = match (quantity, strategy) {
            (_, Some(Strategy::Dense)) => planner.dense(quantity)?,
            (Quantity::Jacobian, strategy) => planner.jacobian(strategy)?,
            (_, strategy) => planner.second_order(quantity, strategy)?,
        };
        let value = made.program.values(net)?;
        let tape = if value.is_some() { 0 } else { tape_size(net) };
        let (lanes, row) = (made.program.width(), made.program.row());
        let (per_task, shared) = made.program.buffer_sizes();
        let per_sample = tape + per_task + shared;
        let plan = Plan {
            structure: net.structure().clone(),
            inputs: n,
            outputs: m,
            quantity,
            strategy: made.strategy,
            samples: if made.program.is_at_a_point() {
                1
            } else {
                sample_block::<T>(lanes, row, net.operations(), per_sample)
            },
            program: made.program,
            jacobian: made.jacobian,
            diagonal: made.diagonal,
            value,
            summed: made.summed,
            tape,
            operations: net.operations(),
            number: size_of::<T>(),
            max_bytes,
            colors: made.colors,
            groups: made.groups,
            of_output: made.of_output,
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

    /// Colors of the inputs (of the outputs for `reverse`); the most of any group for reverse-over-forward. Of rotated inputs
    /// each lane has its own; lanes by offset or by input need none, and these are what lanes by color would have.
    pub fn colors(&self) -> usize {
        self.colors
    }

    /// Whether lanes are those of rotated inputs, which leave the Laplacian as it is and are fewer; see the
    /// [`guide`](crate::guide::choosing).
    pub fn has_rotated_inputs(&self) -> bool {
        self.program.rotation().is_some()
    }

    /// Groups of outputs that share an adjoint; 0 if the strategy has none.
    pub fn output_groups(&self) -> usize {
        self.groups
    }

    /// Sweeps and lanes for one point.
    pub fn passes(&self) -> Passes {
        self.program.passes()
    }

    /// How the forward lanes are told apart; `None` if there are none.
    pub fn lane_kind(&self) -> Option<LaneKind> {
        match &self.program {
            _ if self.program.tiles().is_some() => Some(LaneKind::Offset),
            Program::Vectors(_) => Some(LaneKind::Input),
            Program::Forward { .. } | Program::ReverseOverForward(_) | Program::Nodal(_) => Some(LaneKind::Color),
            Program::Nothing | Program::Reverse { .. } => None,
        }
    }

    /// The structure of the result, m × n: P_J or P_D; of the Laplacian, P_D, whose rows are summed.
    pub fn pattern(&self) -> &Pattern {
        let target = match self.quantity {
            Quantity::Jacobian => &self.jacobian,
            Quantity::HessianDiagonal | Quantity::Laplacian => &self.diagonal,
        };
        let target = target.as_ref().map(|t| &t.pattern);
        self.summed.as_ref().or(target).expect("a plan has the pattern of its quantity")
    }

    /// The structure of the Jacobian, if the plan computes it.
    pub fn jacobian_pattern(&self) -> Option<&Pattern> {
        self.jacobian.as_ref().map(|t| &t.pattern)
    }

    /// The color of each input (`None` if it takes no part), for strategies that color inputs once, and not rotated ones; of
    /// lanes by offset the colors that lanes by color would have.
    pub fn input_colors(&self) -> Option<Vec<Option<u32>>> {
        let inputs = self.program.inputs().filter(|inputs| inputs.rotation().is_none())?;
        Some(inputs.colors().map(|c| (c != u32::MAX).then_some(c)).collect())
    }

    /// The coloring of the outputs: for `reverse` those of one color share an adjoint lane, for reverse-over-forward
    /// an adjoint.
    pub fn output_coloring(&self) -> Option<&Coloring> {
        self.of_output.as_ref()
    }

    /// Work space of a run on one thread, in bytes, for numbers of so many bytes: 8 of `f64`, 4 of `f32`. Every further thread
    /// needs at most as much.
    pub fn workspace_bytes(&self, bytes_per_number: usize) -> u64 {
        self.workspace_of(1, bytes_per_number)
    }

    /// Work space of a run on so many threads, in bytes.
    pub(crate) fn workspace_of(&self, threads: usize, bytes_per_number: usize) -> u64 {
        let (per_task, shared) = self.program.buffer_sizes();
        let packed_of = |t: &Target| match self.in_order() {
            Some(tiles) if tiles.there().is_some() => 0,
            Some(_) => t.readout.packed_len(0),
            None => t.readout.packed(),
        };
        let packed = self.targets().map(packed_of).sum::<usize>();
        let of_thread = ((self.tape + per_task + shared + packed) as u64).saturating_mul(self.samples as u64);
        // Of the weights that are rotated there is one copy for all.
        let rotated = self.program.rotation().map_or(0, |rotation| rotation.weights as u64);
        let numbers = of_thread.saturating_mul(threads as u64).saturating_add(rotated);
        numbers.saturating_mul(bytes_per_number as u64)
    }

    /// Order of the derivatives that the tape must hold.
    pub(crate) fn order(&self) -> usize {
        match self.quantity {
            Quantity::Jacobian => 1,
            Quantity::HessianDiagonal | Quantity::Laplacian => 2,
        }
    }

    /// The tiles, if each makes a stretch of every result.
    pub(crate) fn in_order(&self) -> Option<&Tiles> {
        let follow = self.targets().all(|t| t.readout.follow().is_some());
        match &self.program {
            Program::Forward { tiles, .. } if follow && self.quantity != Quantity::Laplacian => tiles.as_ref(),
            _ => None,
        }
    }

    /// Numbers of value, Jacobian and second order in the result of one point; zero for what is not computed.
    pub(crate) fn numbers(&self) -> [usize; 3] {
        let entries = |target: &Option<Target>| target.as_ref().map_or(0, |t| t.pattern.nnz());
        let second = if self.quantity == Quantity::Laplacian { self.outputs } else { entries(&self.diagonal) };
        [self.outputs, entries(&self.jacobian), second]
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.value.iter().chain(&self.jacobian).chain(&self.diagonal)
    }

    /// Work space, indices, and one result.
    fn bytes(&self, bytes_per_number: usize) -> u64 {
        let result = |t: &Target| {
            let (nnz, rows) = (t.pattern.nnz() as u64, t.pattern.rows() as u64);
            t.readout.bytes() + nnz * (4 + 8 + bytes_per_number as u64) + 16 * rows
        };
        let sets = if let Program::Vectors(vectors) = &self.program { vectors.bytes() } else { 0 };
        self.targets().map(result).sum::<u64>() + sets + self.workspace_bytes(bytes_per_number)
    }
}

/// The plan in words: patterns, colors, passes, strategy and why.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, m) = (self.inputs, self.outputs);
        let pattern = self.pattern();
        let (nnz, entries) = (pattern.nnz(), n as f64 * m as f64);
        writeln!(f, "{} of {} → {}", self.quantity, counted(n, "input"), counted(m, "output"))?;
        writeln!(f, "  pattern   {nnz} entries of {entries:.0} ({:.3} %)", 100.0 * nnz as f64 / entries)?;
        if let (true, Some(jacobian)) = (self.quantity != Quantity::Jacobian, self.jacobian_pattern()) {
            writeln!(f, "  Jacobian  {} entries, from the same passes", jacobian.nnz())?;
        }
        writeln!(f, "  strategy  {}: {}", self.strategy, self.reason)?;
        match (self.strategy, self.groups) {
            (Strategy::Reverse, _) => writeln!(f, "  colors    {} for {}", self.colors, counted(m, "output"))?,
            (_, 0) => writeln!(f, "  colors    {} for {}", self.colors, counted(n, "input"))?,
            (_, groups) => {
                let groups = counted(groups, "group");
                writeln!(f, "  colors    {} for {}, {groups} of outputs", self.colors, counted(n, "input"))?;
            }
        }
        let passes = self.passes();
        let against = if self.strategy == Strategy::Reverse { m } else { n };
        write!(f, "  passes    {passes}")?;
        if let Some(tiles) = self.program.tiles() {
            let (count, positions) = (counted(tiles.count(), "tile"), counted(tiles.positions(), "position"));
            write!(f, ", lanes by offset in {count} of {positions}")?;
        } else if self.lane_kind() == Some(LaneKind::Input) {
            write!(f, ", lanes by input")?;
        } else if self.has_rotated_inputs() {
            write!(f, ", lanes of rotated inputs")?;
        }
        // Lanes of two kinds are not to be compared with those of the oracle.
        let two_kinds = matches!(self.strategy, Strategy::Nodal | Strategy::ForwardLaplacian);
        let comparable = against > 1 && !two_kinds;
        if comparable && self.strategy != Strategy::Dense && self.colors >= against {
            write!(f, " (no gain over dense)")?;
        } else if comparable && self.groups == 0 {
            write!(f, " instead of {against}")?;
        }
        write!(f, "\n  memory    {} for each thread", memory::in_words(self.workspace_bytes(self.number)))
    }
}
