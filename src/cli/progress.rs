//! Whether there is a bar, and how it looks.

use super::output::{OutputArgs, Stream};
use crate::units::format_count;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;

/// A bar of `length` steps on standard error, with `template` in indicatif's form, where `{rate}` is steps per
/// second without a fraction; an invisible one unless standard error is a terminal and the user wants bars.
pub fn bar(args: &OutputArgs, length: u64, template: &str) -> ProgressBar {
    let visible = !args.no_progress && Stream::Err.is_terminal();
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        // Writing into memory cannot fail.
        let _ = write!(out, "{}/s", format_count(state.per_sec() as u64));
    };
    let style = style.with_key("rate", rate);
    ProgressBar::with_draw_target(Some(length), target).with_style(style.progress_chars("━╸ "))
}
