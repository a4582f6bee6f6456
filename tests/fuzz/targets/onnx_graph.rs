//! Bytes as choices in the making of an ONNX file.

#![no_main]

#[path = "../../support/onnx.rs"]
mod onnx;
#[path = "../../support/onnx_graph.rs"]
mod onnx_graph;
mod use_network;

use arbitrary::Unstructured;
use colorjet::Network;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = onnx_graph::random_model(&mut Unstructured::new(bytes)) {
        use_network::use_network(Network::from_bytes(&file));
    }
});
