//! A bar on stderr, if that is a terminal.

use ::verifier::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far an audit is.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new() -> Self {
        // Hidden where stderr is no terminal.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        Self(bar)
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&self, what: &'static str, total: u64) {
        let template = match what {
            "evidence" => "{msg:10} {bar:30} {bytes} of {total_bytes}  {binary_bytes_per_sec}",
            _ => "{msg:10} {bar:30} {human_pos} of {human_len}  {eta}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        self.0.reset();
        self.0.set_length(total);
        self.0.set_message(what);
    }

    fn advance(&self, units: u64) {
        self.0.inc(units);
    }
}
