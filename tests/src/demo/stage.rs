//! Where the demo is told: steps with their time as they happen, a spinner for the one that goes on.

use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Where the demo is told.
pub(super) struct Stage<'a> {
    out: &'a mut dyn Write,
    spinner: ProgressBar,
    began: Instant,
}

impl<'a> Stage<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        let spinner = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { out, spinner, began: now() }
    }

    /// A new chapter.
    pub(super) fn heading(&mut self, text: &str) -> anyhow::Result<()> {
        self.line("")?;
        self.line(&format!("== {text}"))
    }

    /// One line of the story.
    pub(super) fn line(&mut self, text: &str) -> anyhow::Result<()> {
        let out = &mut self.out;
        self.spinner.suspend(|| writeln!(out, "{text}").and_then(|()| out.flush()))?;
        Ok(())
    }

    /// Does something, shows that it goes on, tells how long it took.
    pub(super) fn step<T>(&mut self, text: &str, act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.spinner.reset_elapsed();
        self.spinner.set_message(text.to_owned());
        self.spinner.enable_steady_tick(Duration::from_millis(120));
        let began = now();
        let done = act();
        let took = began.elapsed();
        self.spinner.disable_steady_tick();
        let done = done.map_err(|error| error.context(format!("while: {text}")))?;
        self.line(&format!("  {:>7}  {text}", seconds(took)))?;
        Ok(done)
    }

    /// How long the demo has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Ends the spinner.
    pub(super) fn quiet(&self) {
        self.spinner.finish_and_clear();
    }
}

/// A duration as the demo prints it.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

#[expect(clippy::disallowed_methods, reason = "the demo shows how long its steps take; nothing depends on it")]
pub(super) fn now() -> Instant {
    Instant::now()
}
