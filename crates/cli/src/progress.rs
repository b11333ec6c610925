//! Bars for long work, on standard error, and only if that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// How a bar looks; the program is usable without it, so a template that cannot be read is no
/// reason to end.
const TEMPLATE: &str = "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}";

/// The same for work that is counted in steps.
const STEPS: &str = "{msg} [{bar:30}] {pos} of {len}, {elapsed}";

/// A bar that counts bytes, or steps.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar for something with a name. Nothing is drawn if a program reads the output.
    pub(crate) fn bytes(name: &str, is_json: bool) -> Self {
        Self::new(TEMPLATE, name, is_json)
    }

    /// A bar for work in steps.
    pub(crate) fn steps(name: &str, is_json: bool) -> Self {
        Self::new(STEPS, name, is_json)
    }

    fn new(template: &str, name: &str, is_json: bool) -> Self {
        let is_seen = !is_json && std::io::stderr().is_terminal();
        let target =
            if is_seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("##-"));
        }
        bar.set_message(name.to_owned());
        Self(bar)
    }

    /// So much of so much is done.
    pub(crate) fn set(&self, done: u64, of: u64) {
        self.0.set_length(of);
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
