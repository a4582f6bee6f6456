//! What is going on, on standard error if it is a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Something that takes its time.
pub fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what);
    if !spinner.is_hidden() {
        spinner.enable_steady_tick(Duration::from_millis(100));
    }
    spinner
}

/// Points that are done, of all.
pub fn bar(points: u64) -> ProgressBar {
    if points < 2 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} points, {eta} left");
    ProgressBar::new(points).with_style(style.expect("a valid template"))
}
