//! Bytes as an architecture, a zero byte, and a file of tensors (safetensors or npz).

#![no_main]

mod use_network;

use colorjet::{LoadOptions, Network};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(end) = bytes.iter().position(|&b| b == 0) else { return };
    let Ok(arch) = std::str::from_utf8(&bytes[..end]) else { return };
    use_network::use_network(Network::from_bytes_with(&bytes[end + 1..], &LoadOptions::new().arch(arch)));
});
