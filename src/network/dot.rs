//! The layer graph as a Graphviz document.

use super::Network;
use crate::layer::Kind;
use crate::scalar::Scalar;
use petgraph::dot::{Config, Dot};

impl<T: Scalar> Network<T> {
    /// The layer graph in the DOT language, for Graphviz: a box for each layer with its kind and shape.
    pub fn to_dot(&self) -> String {
        let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let node = |_, (node, layer): (petgraph::graph::NodeIndex, &super::Layer<T>)| {
            let what = match layer.kind() {
                Kind::Elementwise(e) => e.activation().name(),
                kind => kind.name(),
            };
            let shape: Vec<String> = layer.shape().iter().map(usize::to_string).collect();
            let is_output = self.output_layers().iter().any(|o| o.node() == node);
            let style = match layer.kind() {
                Kind::Input => ", style=filled, fillcolor=lightblue",
                _ if is_output => ", style=filled, fillcolor=lightgoldenrod",
                _ => "",
            };
            format!("label=\"{}\\n{} {}\", shape=box{style}", escape(layer.name()), escape(what), shape.join("×"))
        };
        let edge = |_, edge: petgraph::graph::EdgeReference<'_, u32>| match *edge.weight() {
            0 => String::new(),
            place => format!("label=\"{place}\""),
        };
        let labels = [Config::NodeNoLabel, Config::EdgeNoLabel];
        format!("{:?}", Dot::with_attr_getters(self.graph(), &labels, &edge, &node))
    }
}
