//! How much memory a plan may ask for.

/// What is left of this machine's memory, in bytes; 8 GiB where the system does not tell.
///
/// Read from `/proc/meminfo`, which only Linux has.
pub(crate) fn available_bytes() -> u64 {
    let kibibytes = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    kibibytes.map_or(8 << 30, |k| k.saturating_mul(1024))
}

/// A number of bytes in words, `1.5 GiB`.
pub(crate) fn in_words(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{size:.1} {}", units[unit]) }
}
