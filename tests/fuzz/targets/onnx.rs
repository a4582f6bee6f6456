//! Bytes as an ONNX file, with and without lengths for free dimensions.

#![no_main]

mod use_network;

use colorjet::{LoadOptions, Network};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let options = ["H", "W", "T", "N"].iter().fold(LoadOptions::new(), |options, name| options.dim(*name, 6));
    for options in [LoadOptions::new(), options] {
        use_network::use_network(Network::from_bytes_with(bytes, &options));
    }
});
