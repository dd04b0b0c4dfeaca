//! Good and bad calls of a point, by what is new since the last reading.

use core::time::Duration;

use rely_core::meter::Tally;
use rely_core::{ConfigError, Instant, Point, config};

use super::Sli;
use crate::share::Counts;

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
