//! What the comparison of colorjet with other libraries needs from Rust.
//!
//! ```text
//! colorjet-peers write DIR [f32|f64]     networks, points and the list of workloads, for every library
//! colorjet-peers serve DIR [f32|f64]     times colorjet on what is asked for on the standard input
//! colorjet-peers machine                 products and memory traffic in a second, on all threads
//! colorjet-peers rust [SECONDS]          the other Rust crates, in turns with colorjet
//! ```

#[path = "../../../common/mod.rs"]
mod common;
mod job;
mod machine;
mod operations;
mod rust;
mod serve;
mod workloads;

use std::env;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

const USAGE: &str = "usage: colorjet-peers write|serve DIR [f32|f64], machine, or rust [SECONDS]";

fn main() -> Result<(), Box<dyn Error>> {
    // Whoever calls computes with the others; otherwise every call hands its work over, which takes some microseconds.
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global()?;
    let words: Vec<String> = env::args().skip(1).collect();
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", dir] | ["write", dir, "f64"] => workloads::write::<f64>(Path::new(dir)),
        ["write", dir, "f32"] => workloads::write::<f32>(Path::new(dir)),
        ["serve", dir] | ["serve", dir, "f64"] => serve::serve::<f64>(Path::new(dir)),
        ["serve", dir, "f32"] => serve::serve::<f32>(Path::new(dir)),
        ["machine"] => machine::machine(),
        ["rust"] => rust::compare(Duration::from_secs(3)),
        ["rust", seconds] => rust::compare(Duration::try_from_secs_f64(seconds.parse()?)?),
        _ => Err(USAGE.into()),
    }
}
