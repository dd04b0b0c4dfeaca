//! Good and bad events of all kinds of sources, by what is new since the last reading.

use core::time::Duration;

use rely_core::meter::Tally;
use rely_core::{ConfigError, Instant, Point, config};

use super::counters::Seen;
use super::{Freshness, Ledger, Scrape, Sli};
use crate::share::Counts;

/// What an objective is measured by.
#[derive(Clone, Debug)]
pub(super) enum Feed {
    Ledger(Ledger),
    Scrape(Scrape),
    Freshness(Freshness),
}

/// How far a feed has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) bad: u64,
    pub(super) good: u64,
    /// In how much time events would have been seen; nothing if at all times.
    pub(super) seen: Option<Duration>,
}

impl Progress {
    pub(super) fn plus(self, calls: Counts, time: Duration) -> Self {
        Self {
            bad: self.bad.saturating_add(calls.bad()),
            good: self.good.saturating_add(calls.counted() - calls.bad()),
            seen: self.seen.map(|seen| seen.saturating_add(time)),
        }
    }
}

#[derive(Debug)]
pub(super) enum Reader {
    Point(PointReader),
    Feed { feed: Feed, before: Progress },
}

impl Reader {
    /// Counts from `now` on.
    pub(super) fn feed(feed: Feed, now: Instant) -> Self {
        let before = feed.progress(now);
        Self::Feed { feed, before }
    }

    /// How long it may go unread without missing calls; `None` for any time.
    pub(super) fn held_for(&self) -> Option<Duration> {
        match self {
            Self::Point(point) => point.held_for(),
            Self::Feed { .. } => None,
        }
    }

    /// What came in the `span` since the last reading, up to `now`.
    pub(super) fn read(&mut self, now: Instant, span: Duration) -> Seen {
        let (calls, time) = match self {
            Self::Point(point) => match point.read(now) {
                Some(calls) => (calls, span),
                None => (Counts::default(), Duration::ZERO),
            },
            Self::Feed { feed, before } => {
                let progress = feed.progress(now);
                let bad = progress.bad.saturating_sub(before.bad);
                let good = progress.good.saturating_sub(before.good);
                let seen =
                    progress.seen.zip(before.seen).map(|(now, then)| now.saturating_sub(then));
                *before = progress;
                (Counts::new(bad, bad.saturating_add(good)), seen.unwrap_or(span))
            }
        };
        Seen { calls, span, time }
    }
}

impl Feed {
    fn progress(&self, now: Instant) -> Progress {
        match self {
            Self::Ledger(ledger) => ledger.progress(),
            Self::Scrape(scrape) => scrape.progress(),
            Self::Freshness(freshness) => freshness.progress(now),
        }
    }
}

#[derive(Debug)]
pub(super) struct PointReader {
    point: Point,
    before: Tally,
    slow: Option<SlowReader>,
}

#[derive(Debug)]
struct SlowReader {
    objective: Duration,
    /// Slices of the meter's window, and what they held when they were read.
    slices: Vec<(u64, u64)>,
    last: Instant,
    /// Those whose successes came after the total was read.
    ahead: u64,
}

impl PointReader {
    /// Counts from `now` on.
    pub(super) fn new(point: Point, sli: Sli, now: Instant) -> Result<Self, ConfigError> {
        let slow = match sli {
            Sli::Availability => None,
            Sli::LatencyUnder(objective) => {
                // The highest latencies share the last bucket, which spans a sixteenth at most.
                let scale = point.latencies().scale();
                let highest = scale.highest() / 16 * 15;
                config::in_range("sli.latency_under", objective, scale.lowest()..=highest)?;
                if point.latencies().held_for().is_zero() {
                    let allowed = "that of a meter whose window has at least two buckets";
                    return Err(ConfigError::new("point", "a window of one bucket", allowed));
                }
                let slices = point.latencies().over(now, objective);
                Some(SlowReader { objective, slices, last: now, ahead: 0 })
            }
        };
        Ok(Self { before: point.lifetime(), point, slow })
    }

    /// How long it may go unread without missing calls; `None` for any time.
    pub(super) fn held_for(&self) -> Option<Duration> {
        self.slow.as_ref().map(|_| self.point.latencies().held_for())
    }

    /// The calls since the last reading, or nothing if some of them cannot be told any more.
    pub(super) fn read(&mut self, now: Instant) -> Option<Counts> {
        let total = self.point.lifetime();
        let new = |of: fn(&Tally) -> u64| of(&total).saturating_sub(of(&self.before));
        let success = new(|tally| tally.success);
        let bad = new(|tally| tally.bad().saturating_add(tally.rejected));
        let slow = match &mut self.slow {
            None => Some(0),
            Some(slow) => slow.read(&self.point, now, success),
        };
        self.before = total;
        let slow = slow?;
        Some(Counts::new(bad.saturating_add(slow), bad.saturating_add(success)))
    }
}

impl SlowReader {
    /// What is slow among `successes` new ones, or nothing if some cannot be told any more.
    fn read(&mut self, point: &Point, now: Instant, successes: u64) -> Option<u64> {
        let latencies = point.latencies();
        let slices = latencies.over(now, self.objective);
        let held = |slice| self.slices.iter().find(|(other, _)| *other == slice);
        let new = slices.iter().fold(self.ahead, |sum, (slice, count)| {
            let before = held(*slice).map_or(0, |(_, count)| *count);
            sum.saturating_add(count.saturating_sub(before))
        });
        let missed = now - self.last > latencies.held_for();
        (self.slices, self.last) = (slices, now);
        // Calls go on while they are read: what is ahead of the total waits for the next reading.
        let slow = new.min(successes);
        self.ahead = if missed { 0 } else { new - slow };
        (!missed).then_some(slow)
    }
}
