//! What a run says while it goes on.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;
use tokio::time::Instant;

/// Steps with the time they began, on stderr; a bar where someone watches.
pub(crate) struct Steps {
    bar: ProgressBar,
    began: Instant,
}

impl Steps {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self {
            bar,
            began: Instant::now(),
        }
    }

    pub(crate) fn step(&self, text: &str) {
        let line = format!("[{:>3} s] {text}", self.began.elapsed().as_secs());
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(&line);
        }
        self.bar.set_message(text.to_owned());
    }

    /// The bar makes room for what is printed.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    pub(crate) fn now(&self, text: String) {
        self.bar.set_message(text);
    }
}
