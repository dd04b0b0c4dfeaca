//! A detector over all series, one after the other.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rely_detect::evaluate::{Judged, nab};
use rely_detect::{Detector, Sample};

use crate::corpus::Series;
use crate::subject::Kind;

/// A bar on a terminal, nothing elsewhere.
pub(crate) fn bar(series: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{prefix:>14} [{bar:40}] {pos} of {len}, {elapsed} {msg}");
    let bar = ProgressBar::new(series as u64);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
    bar.set_prefix("series");
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// What the detector says about each row of the benchmark.
pub(crate) fn all(kind: Kind, corpus: &[Series]) -> Vec<Judged> {
    let bar = bar(corpus.len());
    let each = |series: &Series| {
        bar.set_message(series.file.clone());
        let mut detector = detector(kind, nab::probation(series.rows.len()));
        let mut onset = kind.onset();
        let scores = series.rows.iter().map(|row| {
            let value = row.values.first().copied().unwrap_or(f64::NAN);
            onset(&detector.observe(Sample::new(row.at, value)))
        });
        let judged = series.judged(scores);
        bar.inc(1);
        judged
    };
    let judged = corpus.iter().map(each).collect();
    bar.finish_and_clear();
    judged
}

/// A detector that has seen nothing.
pub(crate) fn detector(kind: Kind, warm_up: usize) -> Box<dyn Detector> {
    match kind.make("benchmark", Some(warm_up)) {
        Ok(detector) => detector,
        // The parameters are fixed above, whatever the file.
        Err(error) => unreachable!("the detector's own parameters are refused: {error}"),
    }
}
