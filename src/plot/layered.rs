//! Places for the nodes of a directed acyclic graph, in ranks from top to bottom, after Sugiyama, Tagawa and Toda
//! (1981): ranks by longest paths, an order in each rank by barycenters, then positions by least squares.
//!
//! An edge over several ranks passes each of them at a *bend*, a vertex without width. The long edges of one node
//! share their bends, so that a value that is read by many is one line with branches.

/// Sweeps down and up that order the ranks, and that place their vertices.
const ORDERING: usize = 12;
const PLACING: usize = 24;

/// Space between two vertices of a rank.
const NODE_GAP: f64 = 26.0;
const BEND_GAP: f64 = 14.0;

/// A node to be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) width: f64,
    /// Stays in the first rank, whoever reads it.
    pub(super) first: bool,
}

/// The graph with its bends, in ranks.
pub(super) struct Layered {
    /// Rank of each vertex: the nodes in their order, then the bends.
    pub(super) rank: Vec<usize>,
    /// Middle of each vertex, the least left end at zero.
    pub(super) x: Vec<f64>,
    /// From a vertex to one of the next rank, each once.
    pub(super) links: Vec<(usize, usize)>,
    pub(super) width: f64,
    widths: Vec<f64>,
    nodes: usize,
    up: Vec<Vec<usize>>,
    down: Vec<Vec<usize>>,
}

impl Layered {
    /// Places nodes; an edge `(s, t)` has `s < t`. Nodes that nobody reads are in the last rank.
    ///
    /// O(sweeps · (V + E) log V) with V and E counting the bends, of which there are at most nodes × ranks.
    pub(super) fn new(nodes: &[Node], edges: &[(usize, usize)]) -> Self {
        let rank = ranks(nodes, edges);
        let count = nodes.len();
        let mut graph = Layered {
            rank,
            x: Vec::new(),
            links: Vec::new(),
            width: 0.0,
            widths: nodes.iter().map(|n| n.width).collect(),
            nodes: count,
            up: Vec::new(),
            down: Vec::new(),
        };
        graph.link(edges);
        let mut order = graph.ordered();
        graph.place(&mut order);
        graph
    }

    pub(super) fn is_bend(&self, vertex: usize) -> bool {
        vertex >= self.nodes
    }

    /// Adds bends and links.
    fn link(&mut self, edges: &[(usize, usize)]) {
        // The bends of each node, for the ranks below its own.
        let mut bends: Vec<Vec<usize>> = vec![Vec::new(); self.nodes];
        for &(s, t) in edges {
            let long = self.rank[t] - self.rank[s] - 1;
            while bends[s].len() < long {
                let bend = self.rank.len();
                self.rank.push(self.rank[s] + bends[s].len() + 1);
                self.widths.push(0.0);
                self.links.push((bends[s].last().copied().unwrap_or(s), bend));
                bends[s].push(bend);
            }
            let above = if long == 0 { s } else { bends[s][long - 1] };
            self.links.push((above, t));
        }
        self.links.sort_unstable();
        self.links.dedup();
        self.up = vec![Vec::new(); self.rank.len()];
        self.down = self.up.clone();
        for &(u, v) in &self.links {
            self.down[u].push(v);
            self.up[v].push(u);
        }
    }

    /// The vertices of each rank, in an order with few crossings.
    fn ordered(&self) -> Vec<Vec<usize>> {
        let ranks = self.rank.iter().max().map_or(0, |r| r + 1);
        let mut order = vec![Vec::new(); ranks];
        (0..self.rank.len()).for_each(|v| order[self.rank[v]].push(v));
        let mut place = vec![0.0; self.rank.len()];
        let number = |rank: &[usize], place: &mut [f64]| {
            rank.iter().enumerate().for_each(|(k, &v)| place[v] = k as f64);
        };
        order.iter().for_each(|rank| number(rank, &mut place));
        let mut best = (self.crossings(&order, &place), order.clone());
        for sweep in 0..ORDERING {
            let down = sweep % 2 == 0;
            let neighbors = if down { &self.up } else { &self.down };
            for r in 0..ranks {
                let rank = &mut order[if down { r } else { ranks - 1 - r }];
                let center: Vec<(f64, usize)> =
                    rank.iter().map(|&v| (mean(&neighbors[v], &place).unwrap_or(place[v]), v)).collect();
                let mut sorted = center;
                sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
                *rank = sorted.into_iter().map(|(_, v)| v).collect();
                number(rank, &mut place);
            }
            let crossings = self.crossings(&order, &place);
            if crossings < best.0 {
                best = (crossings, order.clone());
            }
        }
        best.1
    }

    fn crossings(&self, order: &[Vec<usize>], place: &[f64]) -> usize {
        let mut crossings = 0;
        let mut ends: Vec<f64> = Vec::new();
        for rank in order {
            ends.clear();
            for &u in rank {
                let mut below: Vec<f64> = self.down[u].iter().map(|&v| place[v]).collect();
                below.sort_by(f64::total_cmp);
                crossings += below.iter().map(|b| ends.len() - ends.partition_point(|e| e <= b)).sum::<usize>();
                for b in below {
                    ends.insert(ends.partition_point(|e| *e <= b), b);
                }
            }
        }
        crossings
    }

    /// Positions that keep the order and the space between neighbors, near those of the linked vertices.
    fn place(&mut self, order: &mut [Vec<usize>]) {
        self.x = vec![0.0; self.rank.len()];
        let ranks = order.len();
        for sweep in 0..PLACING {
            for r in 0..ranks {
                let rank = &order[if sweep % 2 == 0 { r } else { ranks - 1 - r }];
                // At first only those placed in this sweep are looked at, in the end all.
                let (with_up, with_down) =
                    (sweep % 2 == 0 || sweep > PLACING / 2, sweep % 2 == 1 || sweep > PLACING / 2);
                let wish = |&v: &usize| {
                    let up = self.up[v].iter().filter(|_| with_up).map(|&u| (u, self.pull(v, u)));
                    let down = self.down[v].iter().filter(|_| with_down).map(|&w| (w, self.pull(v, w)));
                    let (mut sum, mut weight) = (0.0, 0.0);
                    up.chain(down).for_each(|(u, pull)| (sum, weight) = (sum + pull * self.x[u], weight + pull));
                    if weight > 0.0 { (sum / weight, weight) } else { (self.x[v], 0.01) }
                };
                let wishes: Vec<(f64, f64)> = rank.iter().map(wish).collect();
                let gaps: Vec<f64> = rank.windows(2).map(|pair| self.apart(pair[0], pair[1])).collect();
                for (&v, x) in rank.iter().zip(spaced(&wishes, &gaps)) {
                    self.x[v] = x;
                }
            }
        }
        let left = (0..self.x.len()).map(|v| self.x[v] - self.widths[v] / 2.0).fold(f64::INFINITY, f64::min);
        self.x.iter_mut().for_each(|x| *x -= left);
        self.width = (0..self.x.len()).map(|v| self.x[v] + self.widths[v] / 2.0).fold(0.0, f64::max);
    }

    /// How strongly a vertex wants to stand above or below a neighbor: boxes in a straight line first, whatever goes
    /// around them second.
    fn pull(&self, v: usize, neighbor: usize) -> f64 {
        match (self.is_bend(v), self.is_bend(neighbor)) {
            (false, false) => 100.0,
            (true, true) => 8.0,
            (false, true) => 1.0,
            (true, false) => 0.5,
        }
    }

    fn apart(&self, u: usize, v: usize) -> f64 {
        let gap = if self.is_bend(u) || self.is_bend(v) { BEND_GAP } else { NODE_GAP };
        (self.widths[u] + self.widths[v]) / 2.0 + gap
    }
}

/// Longest paths from above; who nobody reads is in the last rank, who reads nobody just above its first reader.
fn ranks(nodes: &[Node], edges: &[(usize, usize)]) -> Vec<usize> {
    let mut readers = vec![Vec::new(); nodes.len()];
    let mut reads = vec![false; nodes.len()];
    edges.iter().for_each(|&(s, t)| {
        readers[s].push(t);
        reads[t] = true;
    });
    let mut rank = vec![0; nodes.len()];
    for s in 0..nodes.len() {
        readers[s].iter().for_each(|&t| rank[t] = rank[t].max(rank[s] + 1));
    }
    let last = rank.iter().copied().max().unwrap_or(0);
    for v in 0..nodes.len() {
        match readers[v].iter().map(|&t| rank[t]).min() {
            None if !nodes[v].first => rank[v] = last,
            Some(least) if !reads[v] && !nodes[v].first => rank[v] = least - 1,
            _ => {}
        }
    }
    rank
}

fn mean(vertices: &[usize], place: &[f64]) -> Option<f64> {
    let sum: f64 = vertices.iter().map(|&v| place[v]).sum();
    (!vertices.is_empty()).then(|| sum / vertices.len() as f64)
}

/// The positions with at least `gaps` between neighbors that minimize Σ weight · (position − wish)²: after
/// subtraction of the gaps an isotonic regression, solved by pooling adjacent violators.
fn spaced(wishes: &[(f64, f64)], gaps: &[f64]) -> Vec<f64> {
    let mut offsets = vec![0.0; wishes.len()];
    (1..wishes.len()).for_each(|k| offsets[k] = offsets[k - 1] + gaps[k - 1]);
    // Pools: mean, weight, members.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (&(wish, weight), offset) in wishes.iter().zip(&offsets) {
        let mut pool = (wish - offset, weight, 1);
        while let Some(&(mean, weight, members)) = pools.last().filter(|last| last.0 > pool.0) {
            let both = weight + pool.1;
            pool = ((mean * weight + pool.0 * pool.1) / both, both, members + pool.2);
            pools.pop();
        }
        pools.push(pool);
    }
    let means = pools.iter().flat_map(|&(mean, _, members)| std::iter::repeat_n(mean, members));
    means.zip(&offsets).map(|(mean, offset)| mean + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: usize) -> Vec<Node> {
        (0..count).map(|k| Node { width: 100.0, first: k == 0 }).collect()
    }

    #[test]
    fn a_chain_is_straight() {
        let graph = Layered::new(&nodes(5), &[(0, 1), (1, 2), (2, 3), (3, 4)]);
        assert_eq!(graph.rank, [0, 1, 2, 3, 4]);
        assert!(graph.x.iter().all(|&x| (x - 50.0).abs() < 1e-9));
        assert_eq!(graph.width, 100.0);
    }

    #[test]
    fn nothing_overlaps_and_every_link_goes_down_one_rank() {
        // A ladder with many long edges.
        let edges: Vec<(usize, usize)> =
            (0..40).flat_map(|s| [1, 2, 7, 13].map(|d| (s, s + d))).filter(|e| e.1 < 40).collect();
        let graph = Layered::new(&nodes(40), &edges);
        for &(u, v) in &graph.links {
            assert_eq!(graph.rank[u] + 1, graph.rank[v]);
        }
        for u in 0..graph.x.len() {
            for v in (0..u).filter(|&v| graph.rank[v] == graph.rank[u]) {
                assert!((graph.x[u] - graph.x[v]).abs() >= graph.apart(u, v) - 1e-6);
            }
            assert!(graph.x[u] >= -1e-9 && graph.x[u] <= graph.width + 1e-9);
        }
    }

    #[test]
    fn crossings_that_need_not_be_are_undone() {
        // 0 → 1..5, then four chains to 5.. in reverse order.
        let mut edges: Vec<(usize, usize)> = (1..5).map(|v| (0, v)).collect();
        edges.extend((1..5).map(|v| (v, 9 - v)));
        let graph = Layered::new(&nodes(9), &edges);
        let mut order = vec![Vec::new(); 3];
        let mut all: Vec<usize> = (0..9).collect();
        all.sort_by(|&a, &b| graph.x[a].total_cmp(&graph.x[b]));
        all.into_iter().for_each(|v| order[graph.rank[v]].push(v));
        assert_eq!(graph.crossings(&order, &graph.x), 0);
    }

    #[test]
    fn sources_other_than_inputs_stand_above_their_reader() {
        let graph = Layered::new(&nodes(4), &[(0, 1), (1, 3), (2, 3)]);
        assert_eq!(graph.rank, [0, 1, 1, 2]);
    }

    #[test]
    fn wishes_are_met_where_there_is_room() {
        assert_eq!(spaced(&[(0.0, 1.0), (10.0, 1.0)], &[5.0]), [0.0, 10.0]);
        assert_eq!(spaced(&[(0.0, 1.0), (0.0, 1.0)], &[4.0]), [-2.0, 2.0]);
        assert_eq!(spaced(&[(0.0, 3.0), (0.0, 1.0)], &[4.0]), [-1.0, 3.0]);
    }
}
