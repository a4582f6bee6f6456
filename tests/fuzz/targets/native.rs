//! Bytes as a network in colorjet's own format.

#![no_main]

mod use_network;

use colorjet::Network;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| use_network::use_network(Network::from_bytes(bytes)));
