//! Progress bars for long work: on a terminal only, on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over a known number of events.
pub(crate) fn events(total: u64, doing: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg} {wide_bar:.cyan} {human_pos}/{human_len} events  {per_sec}  {eta}",
    );
    started(ProgressBar::new(total), style, doing)
}

/// A bar over days, of which the number is told later.
pub(crate) fn days(doing: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar:.cyan} {pos}/{len} days  {eta}");
    started(ProgressBar::new(0), style, doing)
}

/// A bar over the bytes of a file.
pub(crate) fn bytes(total: u64, doing: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg} {wide_bar:.cyan} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}");
    started(ProgressBar::new(total), style, doing)
}

fn started(
    bar: ProgressBar,
    style: Result<ProgressStyle, indicatif::style::TemplateError>,
    doing: &str,
) -> ProgressBar {
    let bar =
        bar.with_style(style.expect("the template is a literal of this file")).with_message(doing.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
