//! What a person sees of a soak: a bar on a terminal, else a line a batch.
//!
//! Invariant: nothing is counted here.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar, or lines.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Over `rounds` in all, of which `done` were done before.
    pub(crate) fn new(rounds: u64, done: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:40} {pos}/{len} rounds, {elapsed}, {eta} to go  {msg}");
            let bar = ProgressBar::new(rounds).with_position(done);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.reset_eta();
            bar
        });
        Self { bar }
    }

    /// A batch begins.
    pub(crate) fn begins(&self, batch: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(batch);
            bar.tick();
        }
    }

    /// A batch ended.
    pub(crate) fn ended(&self, rounds: u32, words: &str) {
        if let Some(bar) = &self.bar {
            bar.inc(rounds.into());
        } else {
            self.say(words);
        }
    }

    /// Something that is to stay on the screen.
    pub(crate) fn say(&self, words: &str) {
        match &self.bar {
            Some(bar) => bar.println(words),
            #[expect(clippy::print_stdout, reason = "what this program says")]
            None => println!("{words}"),
        }
    }
}
