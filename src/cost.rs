//! The cost of a strategy: what its sweeps do in each layer, for the lanes they carry. Strategies that only sweep (`forward`,
//! `reverse`, `double-forward`, `forward-laplacian`) cost what their [`Sweep`] does; the others have a function each.
//!
//! The unit is one operation of a large matrix product. All constants are ratios of times to that, fitted to the times that
//! `benches/planner.rs -- --all` prints (on AVX-512, in f64, where such an operation takes 1/80 ns; those of nodal sums at one
//! point on AVX2), and it is the choices that this bench tests: changing any constant by a quarter changes few of them. The
//! value pass is the same for all strategies and not counted, but where tiles make it for sums, whose lines it fills too.
//!
//! One point is where passes count: each layer must be called, each weight be read, few lanes fill no vector. At many
//! points all that is shared by a block of samples, and only numbers count. Where it is not known at how many points a
//! plan will be used, the cost is the sum of both, since a choice that is good in the sum is far off nowhere.

use std::fmt;
use std::ops::AddAssign;

/// Sweeps through the network and the lanes they carry, for one point; the value pass is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// Forward sweeps of a block of lanes.
    pub forward_sweeps: usize,
    /// Lanes in all forward sweeps; by offset or by input, the most that a unit has.
    pub forward_lanes: usize,
    /// Reverse sweeps of a block of lanes.
    pub reverse_sweeps: usize,
    /// Lanes in all reverse sweeps.
    pub reverse_lanes: usize,
}

impl Passes {
    /// Sweeps in both directions.
    pub fn sweeps(&self) -> usize {
        self.forward_sweeps + self.reverse_sweeps
    }

    /// Lanes in both directions.
    pub fn lanes(&self) -> usize {
        self.forward_lanes + self.reverse_lanes
    }

    pub(crate) fn forward(lanes: usize) -> Self {
        Passes { forward_sweeps: 1, forward_lanes: lanes, ..Default::default() }
    }

    pub(crate) fn reverse(lanes: usize) -> Self {
        Passes { reverse_sweeps: 1, reverse_lanes: lanes, ..Default::default() }
    }
}

impl AddAssign for Passes {
    fn add_assign(&mut self, other: Passes) {
        self.forward_sweeps += other.forward_sweeps;
        self.forward_lanes += other.forward_lanes;
        self.reverse_sweeps += other.reverse_sweeps;
        self.reverse_lanes += other.reverse_lanes;
    }
}

impl fmt::Display for Passes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |sweeps, lanes, way: &str| {
            format!("{} in {}", counted(lanes, &format!("{way} lane")), counted(sweeps, "sweep"))
        };
        let forward = side(self.forward_sweeps, self.forward_lanes, "forward");
        let reverse = side(self.reverse_sweeps, self.reverse_lanes, "reverse");
        match (self.forward_sweeps, self.reverse_sweeps) {
            (0, 0) => f.write_str("no sweep"),
            (_, 0) => f.write_str(&forward),
            (0, _) => f.write_str(&reverse),
            _ => write!(f, "{forward}, {reverse}"),
        }
    }
}

/// At how many points a plan will be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Points {
    One,
    Many,
    Unknown,
}

/// So many points come near to filling a block, whatever the lanes; a few are neither one nor many.
const MANY: usize = 64;

impl Points {
    pub(crate) fn of(count: Option<usize>) -> Self {
        match count {
            Some(1) => Points::One,
            Some(MANY..) => Points::Many,
            _ => Points::Unknown,
        }
    }

    /// The cost of two points: twice that of one alone, twice that of one among many, or one of each.
    fn weigh(self, at_one: u64, at_many: u64) -> u64 {
        match self {
            Points::One => at_one.saturating_mul(2),
            Points::Many => at_many.saturating_mul(2),
            Points::Unknown => at_one.saturating_add(at_many),
        }
    }
}

/// Lanes in a block at one point, and numbers in a block of lanes and samples at many points, about.
const LANES: u64 = 64;
const NUMBERS: u64 = 256;

/// A number of a block is written and read again, at the speed of the cache that holds the block; or of the one beyond.
const NEAR: u64 = 12;
const FAR: u64 = 24;

/// Where tiles are carried, it is in the innermost caches, and goes through functions there.
const IN_TILE: u64 = 16;

/// What a core's own cache holds, and a number of f64.
const CACHE: u64 = 1 << 20;
const BYTES: u64 = 8;

/// It goes through a function or a product, which reads slopes beside it.
const FUNCTION: u64 = 30;

/// It is squared and added to a sum.
const SQUARED: u64 = 40;

/// An operation of a convolution, which is not a matrix product but a sum of shifted rows.
const SHIFTED: u64 = 3;

/// Two of these in a tile, whose lines stay in the cache.
const TWO_SHIFTED_IN_TILE: u64 = 3;

/// A number is multiplied and added at the place of its input.
const SCATTERED: u64 = 60;

/// A row of such a sum is begun and ended, and another one is found and added to it.
const ROW: u64 = 1600;
const LINK: u64 = 800;

/// A row of lanes is added to another one, for each number; and what it takes to find the two rows.
const ADDED: u64 = 5;
const FOUND: u64 = 160;

/// Two rows of lanes are multiplied and added to a third, as nodal sums are where they are no matrix product.
const SUMMED: u64 = 20;

/// An operation of a product that is a sum over few units at a time.
const SHORT: u64 = 4;

/// A sweep comes to a layer.
const LAYER: u64 = 8000;

/// Fewest adjoint lanes for which nodal sums at one point are matrix products.
pub(crate) const PRODUCT_ROWS: usize = 4;

/// What the rules of a layer do for one operand, beside reading and writing blocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    /// Operations of matrix products for each lane.
    products: u64,
    /// Everything else for each lane.
    loops: u64,
    /// What is done once for all lanes.
    once: u64,
}

impl Work {
    /// Matrix products of so many operations for each lane.
    pub(crate) fn products(operations: u64) -> Self {
        Work { products: operations, ..Default::default() }
    }

    /// Shifted rows, of so many operations for each lane.
    pub(crate) fn shifted(operations: u64) -> Self {
        Work { loops: SHIFTED * operations, ..Default::default() }
    }

    /// So many rows found and added.
    pub(crate) fn added(rows: u64) -> Self {
        Work { loops: ADDED * rows, once: FOUND * rows, ..Default::default() }
    }

    /// A function of so many units.
    pub(crate) fn function(units: u64) -> Self {
        Work { loops: FUNCTION * units, ..Default::default() }
    }

    /// Sums of the squares of so many units.
    pub(crate) fn squared(units: u64) -> Self {
        Work { loops: SQUARED * units, ..Default::default() }
    }

    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        Work { products: self.products + other.products, loops: self.loops + other.loops, once: self.once + other.once }
    }

    /// The same layer when its lanes come straight from the seeds: entries are found, but nothing is multiplied.
    pub(crate) fn seeded(self) -> Self {
        Work { once: self.once, ..Default::default() }
    }
}

/// What a sweep does, layer by layer.
#[derive(Clone, Debug)]
pub(crate) struct Sweep {
    points: Points,
    layers: Vec<Layer>,
}

/// A block with a row of lanes for each unit, of one order or of two, and perhaps a lane for the sum of the second order.
#[derive(Clone, Debug)]
struct Layer {
    units: u64,
    orders: u64,
    sums: u64,
    work: Work,
}

impl Sweep {
    /// Nothing yet.
    pub(crate) fn new(points: Points) -> Self {
        Sweep { points, layers: Vec::new() }
    }

    /// One more layer, and what is done for its block.
    pub(crate) fn add(&mut self, units: usize, orders: usize, work: Work) {
        self.add_with_sum(units, orders, false, work);
    }

    /// The same with a lane for a sum in every block of lanes.
    pub(crate) fn add_with_sum(&mut self, units: usize, orders: usize, sum: bool, work: Work) {
        self.layers.push(Layer { units: units as u64, orders: orders as u64, sums: u64::from(sum), work });
    }

    /// With so many lanes.
    pub(crate) fn cost(&self, lanes: usize) -> u64 {
        self.layers.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.cost(self.points, lanes as u64)))
    }
}

impl Layer {
    fn cost(&self, points: Points, lanes: u64) -> u64 {
        let Layer { units, orders, sums, work } = self;
        let numbers = orders * lanes + sums * lanes.div_ceil(LANES);
        let once = work.once + LAYER;
        let written = |block: u64| {
            let is_far = units * (orders * block + sums) * BYTES > CACHE;
            work.loops + units * if is_far { FAR } else { NEAR }
        };
        // Lanes of one point are filled up to whole vectors, and cut into blocks; of many points, samples fill both.
        let at_one =
            work.products * padded(numbers) + once * lanes.div_ceil(LANES) + numbers * written(lanes.min(LANES));
        let at_many = work.products * numbers + once * lanes / NUMBERS + numbers * written(NUMBERS);
        points.weigh(at_one, at_many)
    }
}

/// What a matrix product with so few columns is worth, in columns of a wide one: it goes by vectors of eight numbers, and
/// the matrix must be read, which takes most of the time for one vector of them, or for one number.
fn padded(width: u64) -> u64 {
    match width {
        0 => 0,
        1 => 5,
        2..=8 => 10,
        _ => width.next_multiple_of(8),
    }
}

/// What is done for lanes by offset in all tiles of a point.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tiles {
    /// Layers come to.
    pub(crate) layers: u64,
    /// Numbers multiplied and added, in matrix products and in sums of shifted lines.
    pub(crate) products: u64,
    pub(crate) shifted: u64,
    /// Numbers made.
    pub(crate) numbers: u64,
}

/// Lanes by offset. Many points are as many times one.
pub(crate) fn tiles(work: Tiles) -> u64 {
    let Tiles { layers, products, shifted, numbers } = work;
    twice([(layers, LAYER), (products, 2), (shifted, TWO_SHIFTED_IN_TILE), (numbers, IN_TILE)])
}

/// Of two points: so many times so much.
fn twice<const N: usize>(parts: [(u64, u64); N]) -> u64 {
    parts.into_iter().fold(0, |sum: u64, (count, each)| sum.saturating_add(count.saturating_mul(2 * each)))
}

/// The sweeps that reverse-over-forward makes.
#[derive(Clone, Debug)]
pub(crate) struct ReverseOverForward {
    pub(crate) tangents: Sweep,
    pub(crate) adjoints: Sweep,
    /// Tangents of adjoints.
    pub(crate) products: Sweep,
}

impl ReverseOverForward {
    /// Tangents carried once for every coloring in a round, then for each group its adjoint and a tangent of it for
    /// each lane.
    pub(crate) fn of(&self, tangents: usize, groups: impl ExactSizeIterator<Item = usize>) -> u64 {
        let shared = self.tangents.cost(tangents) + self.adjoints.cost(groups.len());
        groups.map(|lanes| self.of_group(lanes)).fold(shared, u64::saturating_add)
    }

    /// The tangents of one group's adjoint.
    pub(crate) fn of_group(&self, lanes: usize) -> u64 {
        self.products.cost(lanes)
    }

    /// The least that it can be for a number of groups, known before any of them is colored.
    pub(crate) fn least(&self, groups: usize) -> u64 {
        self.of(usize::from(groups > 0), std::iter::repeat_n(1, groups))
    }
}

/// The sums of nodal: a product of every adjoint lane and every tangent lane in each curved unit; or, where the tangent lanes
/// are added up first, of every adjoint lane and their sum.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    /// Whether the tangent lanes are added up first.
    pub(crate) added_up: bool,
    /// Layers that are summed.
    pub(crate) layers: u64,
    /// Units whose layer is summed by a matrix product, at one point and for enough adjoint lanes.
    pub(crate) together: u64,
    /// The other units.
    pub(crate) scattered: u64,
    /// Sums that are put in their places.
    pub(crate) places: u64,
}

/// Adjoint lanes and tangent lanes, each with its sweep, and what becomes of them.
pub(crate) fn nodal(adjoints: (usize, &Sweep), tangents: (usize, &Sweep), sums: Sums) -> u64 {
    let sweeps = [adjoints, tangents].map(|(lanes, sweep)| sweep.cost(lanes));
    let (rows, lanes) = (adjoints.0 as u64, tangents.0 as u64);
    let (together, units) = (sums.together, sums.together + sums.scattered);
    let in_product = if adjoints.0 >= PRODUCT_ROWS && !sums.added_up { together } else { 0 };
    // For each unit and adjoint lane a row of tangent lanes, in every block; and a weight.
    let at_one = SHORT * in_product * lanes + (units - in_product) * (SUMMED * lanes + FOUND * lanes.div_ceil(LANES));
    let at_many = units * (SUMMED * lanes + FOUND * lanes / NUMBERS);
    let times = if sums.added_up { 1 } else { rows };
    let [at_one, at_many] =
        [at_one, at_many].map(|cost| times.saturating_mul(cost).saturating_add(rows.saturating_mul(NEAR * units)));
    // Of one point, single numbers are put in their places, and the squares for a product are written first.
    let at_one = at_one.saturating_add(sums.layers * LAYER + FAR * sums.places + FAR * in_product * lanes);
    let at_many = at_many.saturating_add(NEAR * sums.places);
    let summed = adjoints.1.points.weigh(at_one, at_many);
    sweeps.into_iter().fold(summed, u64::saturating_add)
}

/// Nodal with tangents by offset, whose tiles sum up what they carry, and may make the adjoints too.
pub(crate) fn nodal_by_offset(adjoints: Option<(usize, &Sweep)>, tiles: u64) -> u64 {
    adjoints.map_or(0, |(lanes, sweep)| sweep.cost(lanes)).saturating_add(tiles)
}

/// What sparse vectors do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scatter {
    pub(crate) layers: u64,
    /// Rows made, and rows read for them.
    pub(crate) rows: u64,
    pub(crate) links: u64,
    /// Single numbers multiplied and added at their inputs.
    pub(crate) products: u64,
    /// Numbers made.
    pub(crate) numbers: u64,
}

/// Sparse vectors. Many points are as many times one.
pub(crate) fn vectors(work: Scatter) -> u64 {
    let Scatter { layers, rows, links, products, numbers } = work;
    twice([(layers, LAYER), (rows, ROW), (links, LINK), (products, SCATTERED), (numbers, FAR)])
}

/// `1 group`, `2 groups`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
