//! A stopwatch.

use std::time::{Duration, Instant};

/// The time of a call, and its result.
pub fn timed<R>(call: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = call();
    (start.elapsed(), result)
}

/// A time in three digits.
pub fn in_words(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (number, unit) = match seconds {
        1.0.. => (seconds, "s"),
        1e-3.. => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "µs"),
    };
    let digits = 2usize.saturating_sub(number.max(1.0).log10() as usize);
    format!("{number:.digits$} {unit}")
}
