//! Bytes as an `.npy` file and as an `.npz` archive.

#![no_main]

use colorjet::numpy::{self, Npz};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    _ = numpy::read_bytes(bytes);
    if let Ok(mut archive) = Npz::from_bytes(bytes.to_vec()) {
        for name in archive.names() {
            _ = archive.array(&name);
        }
    }
});
