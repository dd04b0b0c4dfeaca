//! What each threshold comes to.

use core::time::Duration;

use super::state::{Flagged, Row, rows};
use super::{Judged, Rules};

/// What flagging every row with at least `threshold` comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// From which score on a row is flagged; infinite if none is.
    pub threshold: f64,
    /// How many events were found in time.
    pub found: usize,
    /// How many events there are.
    pub events: usize,
    /// How many episodes were false.
    pub false_episodes: usize,
    /// The time that was scored, all series added up.
    pub series_time: Duration,
}

impl Outcome {
    /// The share of events that were found; 0 where there is none.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.found, self.events)
    }

    /// The share of alarms, finds and false episodes, that were finds; 0 where there is none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.found, self.found + self.false_episodes)
    }

    /// The harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        share(2 * self.found, self.found + self.false_episodes + self.events)
    }

    /// False episodes per series in each `time`, such as a day.
    #[must_use]
    pub fn false_episodes_per(&self, time: Duration) -> f64 {
        let episodes = self.false_episodes as f64;
        if self.false_episodes == 0 {
            return 0.0;
        }
        episodes * time.as_secs_f64() / self.series_time.as_secs_f64()
    }

    /// Both taken together; the threshold is that of `self`.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.found += other.found;
        self.events += other.events;
        self.false_episodes += other.false_episodes;
        self.series_time = self.series_time.saturating_add(other.series_time);
        self
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The outcomes of all thresholds over some series, from the highest threshold down.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    outcomes: Vec<Outcome>,
}

impl Curve {
    /// Takes in the series, with their events as labels.
    pub fn new<'a>(series: impl IntoIterator<Item = &'a Judged>, rules: &Rules) -> Self {
        let mut all: Vec<Row> = Vec::new();
        let (mut count, mut events, mut series_time) = (0, 0, Duration::ZERO);
        for judged in series {
            let (rows, scored) = rows(judged, rules, count, events);
            all.extend(rows);
            (count, events) = (count + 1, events + scored);
            series_time = series_time.saturating_add(judged.span(rules.skipped(judged)));
        }
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        let outside = all.iter().filter(|row| row.event.is_none()).count();
        let nothing =
            Outcome { threshold: f64::INFINITY, found: 0, events, false_episodes: 0, series_time };
        let (mut outcomes, mut flagged) = (vec![nothing], Flagged::new(rules.join, count, events));
        let most = outside.saturating_mul(usize::from(rules.flagged_percent));
        let mut rows = all.iter().peekable();
        while let Some(row) = rows.next() {
            flagged.flag(row);
            if flagged.false_row_count.saturating_mul(100) > most {
                break;
            }
            // Rows with the same score are flagged together or not at all.
            if rows.peek().is_none_or(|next| next.score < row.score) {
                let (found, false_episodes) = (flagged.found, flagged.false_episodes);
                outcomes.push(Outcome { threshold: row.score, found, false_episodes, ..nothing });
            }
        }
        Self { outcomes }
    }

    /// The outcomes, from the highest threshold down; the first flags nothing.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// What a threshold comes to. Below the lowest of the curve it is that one.
    #[must_use]
    pub fn at(&self, threshold: f64) -> Outcome {
        let flags = self.outcomes.partition_point(|outcome| outcome.threshold >= threshold);
        let outcome = self.outcomes[flags.max(1) - 1];
        Outcome { threshold, ..outcome }
    }

    /// The outcome with the highest [F1](Outcome::f1). Of equals the highest threshold.
    #[must_use]
    pub fn best(&self) -> Outcome {
        let better =
            |best: Outcome, next: &Outcome| if next.f1() > best.f1() { *next } else { best };
        self.outcomes.iter().fold(self.outcomes[0], better)
    }

    /// The outcome that finds most with at most one false episode per series in each `every`, at this
    /// and at every higher threshold.
    #[must_use]
    pub fn quiet(&self, every: Duration) -> Outcome {
        let is_quiet = |outcome: &&Outcome| outcome.false_episodes_per(every) <= 1.0;
        let quiet = self.outcomes.iter().take_while(is_quiet);
        quiet.last().copied().unwrap_or(self.outcomes[0])
    }
}
