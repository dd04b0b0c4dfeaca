//! The periods of a budget, one after the other.

use core::time::Duration;
use std::collections::VecDeque;

use super::budget::PeriodRecord;
use super::calendar::Calendar;
use super::counters::Seen;
use crate::share::Counts;

/// So many periods that are over are remembered: a year of months.
const HISTORY: usize = 12;

/// The current period and those before it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Periods {
    current: Current,
    history: VecDeque<PeriodRecord>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Current {
    /// From when on it is counted, in seconds since 1970 like the others.
    from: i64,
    begins: i64,
    ends: i64,
    bad: u64,
    counted: u64,
    time: Duration,
}

/// How periods follow each other, and what may be bad in them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) calendar: Option<Calendar>,
    pub(super) length: Duration,
    pub(super) allowed: f64,
}

impl Plan {
    fn begin(&self, wall: i64) -> Current {
        let (begins, ends) = match self.calendar {
            Some(calendar) => calendar.around(wall),
            None => (wall, wall.saturating_add(seconds(self.length).max(1))),
        };
        Current { from: wall, begins, ends, bad: 0, counted: 0, time: Duration::ZERO }
    }
}

impl Periods {
    pub(super) fn new(plan: &Plan, wall: i64) -> Self {
        Self { current: plan.begin(wall), history: VecDeque::with_capacity(HISTORY) }
    }

    /// Takes in what came up to `wall`: what came since a reading in the last period counts there.
    pub(super) fn add(&mut self, plan: &Plan, wall: i64, seen: Seen) {
        let current = &mut self.current;
        current.bad = current.bad.saturating_add(seen.calls.bad());
        current.counted = current.counted.saturating_add(seen.calls.counted());
        current.time = current.time.saturating_add(seen.time);
        // A wall clock that is set back leads into no period that is over.
        if wall >= self.current.ends {
            if self.history.len() >= HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(self.current.close(plan));
            self.current = plan.begin(wall);
        }
    }

    /// The current period so far, its length, and how long it goes on.
    pub(super) fn current(&self, wall: i64) -> (Seen, Duration, Duration) {
        let Current { from, begins, ends, bad, counted, time } = self.current;
        let calls = Counts::new(bad, counted);
        let seen = Seen { calls, span: between(from, wall), time };
        (seen, between(begins, ends), between(wall, ends))
    }

    pub(super) fn history(&self) -> impl Iterator<Item = &PeriodRecord> {
        self.history.iter()
    }

    /// Whether it could have been kept by this plan.
    pub(super) fn is_sound(&self, plan: &Plan) -> bool {
        let sound = |record: &PeriodRecord| (0.0..=1.0).contains(&record.coverage);
        self.history.len() <= HISTORY
            && self.history.iter().all(sound)
            && self.current.bad <= self.current.counted
            && self.current.is_of(plan)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.history.capacity() * size_of::<PeriodRecord>()
    }
}

impl Current {
    fn is_of(&self, plan: &Plan) -> bool {
        let whole = plan.begin(self.from);
        (self.begins, self.ends) == (whole.begins, whole.ends)
    }

    fn close(self, plan: &Plan) -> PeriodRecord {
        let (calls, length) =
            (Counts::new(self.bad, self.counted), between(self.begins, self.ends));
        PeriodRecord {
            from_unix_seconds: self.from,
            until_unix_seconds: self.ends,
            good: calls.counted() - calls.bad(),
            bad: calls.bad(),
            share: calls.share().map(|share| 1.0 - share / plan.allowed),
            coverage: (self.time.as_secs_f64() / length.as_secs_f64().max(1.0)).min(1.0),
        }
    }
}

fn between(from: i64, until: i64) -> Duration {
    Duration::from_secs(u64::try_from(until.saturating_sub(from)).unwrap_or(0))
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
