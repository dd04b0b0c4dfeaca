//! What is happening now: progress bars on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Where the day shows itself.
pub(crate) enum Screen {
    Bars { all: MultiProgress, day: ProgressBar, act: ProgressBar },
    Lines,
}

impl Screen {
    /// Bars if there is a terminal to draw them on.
    pub(crate) fn new() -> Self {
        let is_terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        if !is_terminal {
            return Self::Lines;
        }
        let all = MultiProgress::new();
        let style = |template| {
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸─")
        };
        let day = ProgressBar::new(crate::ACTS as u64);
        day.set_style(style("{prefix:>14} [{bar:40}] {pos} of {len} acts, {elapsed}"));
        day.set_prefix("game day");
        let act = ProgressBar::new(1);
        act.set_style(style("{prefix:>14} [{bar:40}] {msg}"));
        let (day, act) = (all.add(day), all.add(act));
        Self::Bars { all, day, act }
    }

    /// A line that stays.
    pub(crate) fn say(&self, at: f64, text: &str) {
        let line = format!("{at:6.2} s  {text}");
        match self {
            Self::Lines => println!("{line}"),
            Self::Bars { all, .. } => drop(all.println(line)),
        }
    }

    /// An act begins that will take about so long.
    pub(crate) fn begin(&self, name: &str, length: Duration) {
        if let Self::Bars { act, .. } = self {
            act.reset();
            act.set_length(u64::try_from(length.as_millis()).unwrap_or(u64::MAX));
            act.set_prefix(name.to_owned());
        }
    }

    /// How far the act is, and what is happening.
    pub(crate) fn show(&self, passed: Duration, now: String) {
        if let Self::Bars { act, .. } = self {
            let passed = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
            act.set_position(passed.min(act.length().unwrap_or(0)));
            act.set_message(now);
        }
    }

    /// The act is over.
    pub(crate) fn end(&self) {
        if let Self::Bars { day, .. } = self {
            day.inc(1);
        }
    }

    /// The day is over.
    pub(crate) fn close(&self) {
        if let Self::Bars { all, day, act } = self {
            act.finish_and_clear();
            day.finish_and_clear();
            drop(all.clear());
        }
    }
}
