//! Which input layers reach which output layers, and which parts of the network are independent.

use super::{LayerId, Network};
use crate::layer::Kind;
use crate::scalar::Scalar;
use petgraph::unionfind::UnionFind;
use petgraph::visit::EdgeRef;
use petgraph::visit::{Dfs, Reversed};

/// The coarse structure of a network, by layers; [`Sparsity`](crate::Sparsity) has it by units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connectivity {
    /// For each output layer the input layers that it depends on.
    pub reached_by: Vec<(LayerId, Vec<LayerId>)>,
    /// Sub-networks that share no layer; each could be a network of its own.
    pub components: Vec<Component>,
}

/// An independent sub-network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its layers, in topological order.
    pub layers: Vec<LayerId>,
    /// Those that are inputs.
    pub inputs: Vec<LayerId>,
    /// Those that are outputs.
    pub outputs: Vec<LayerId>,
}

impl<T: Scalar> Network<T> {
    /// Analyzes the layer graph. O(outputs · (layers + edges)).
    pub fn connectivity(&self) -> Connectivity {
        let is_input = |id: LayerId| matches!(self.layer(id).kind(), Kind::Input);
        let ancestors = |output: LayerId| {
            let reversed = Reversed(self.graph());
            let mut search = Dfs::new(reversed, output.node());
            let mut found = Vec::new();
            while let Some(node) = search.next(reversed) {
                found.push(LayerId::new(node.index()));
            }
            found.retain(|&id| is_input(id));
            found.sort_unstable();
            found
        };
        let reached_by = self.output_layers().iter().map(|&o| (o, ancestors(o))).collect();

        let mut sets = UnionFind::<usize>::new(self.graph().node_count());
        for edge in self.graph().edge_references() {
            sets.union(edge.source().index(), edge.target().index());
        }
        let mut components: Vec<Component> = Vec::new();
        let mut of_root = vec![None; self.graph().node_count()];
        for (id, _) in self.layers() {
            let slot = &mut of_root[sets.find(id.index())];
            let at = *slot.get_or_insert_with(|| {
                components.push(Component { layers: Vec::new(), inputs: Vec::new(), outputs: Vec::new() });
                components.len() - 1
            });
            components[at].layers.push(id);
            if is_input(id) {
                components[at].inputs.push(id);
            }
        }
        for &output in self.output_layers() {
            if let Some(at) = of_root[sets.find(output.index())] {
                components[at].outputs.push(output);
            }
        }
        Connectivity { reached_by, components }
    }
}
