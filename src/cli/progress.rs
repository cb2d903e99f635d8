//! The line that a terminal shows while a run goes on: steps, rate and time left.

use std::fmt;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::cli::output;

/// A progress line on standard error, or nothing if that is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Shows `length` of `unit`, of which `at` are done.
    pub(super) fn start(length: u64, at: u64, unit: &str, wanted: bool) -> Self {
        if !wanted || !io::stderr().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
        let colour = if output::stderr_has_colour() { ".cyan" } else { "" };
        let template = format!("{{bar:24{colour}}} {{human_pos}}/{{human_len}} {unit}  {{rate}} {unit}/s  {{eta}} left  {{msg}}");
        let style = ProgressStyle::with_template(&template).expect("the template is a constant");
        let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // A line that cannot be drawn is no reason to stop.
            _ = out.write_str(output::count(state.per_sec()).trim_end());
        });
        bar.set_style(style.progress_chars("=> "));
        bar.set_position(at);
        bar.reset_eta();
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress(bar)
    }

    /// Moves to `at`.
    pub(super) fn set(&self, at: u64) {
        self.0.set_position(at);
    }

    /// Shows a few words at the end of the line.
    pub(super) fn say(&self, message: String) {
        if !self.0.is_hidden() {
            self.0.set_message(message);
        }
    }

    /// Prints a line above.
    pub(super) fn above(&self, line: &str) {
        self.0.suspend(|| eprintln!("{line}"));
    }

    /// Removes the line.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
