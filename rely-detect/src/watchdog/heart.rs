//! That the watchdog lives.

use core::time::Duration;

use rely_core::Instant;

/// Heartbeats that go out, and the answers to them.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Heart {
    next: Option<Instant>,
    /// The number of the last one.
    pub(super) beats: u64,
    /// The number of the last one that was answered.
    answered: u64,
    /// When the first one went out that was not answered since.
    waiting_since: Option<Instant>,
}

impl Heart {
    pub(super) const fn new() -> Self {
        Self { next: None, beats: 0, answered: 0, waiting_since: None }
    }

    /// The number of the heartbeat that is due. Those that were missed are left out.
    pub(super) fn beat(&mut self, every: Duration, now: Instant) -> Option<u64> {
        let due = *self.next.get_or_insert(now);
        if now < due {
            return None;
        }
        // The grid goes on where it was, unless it was missed altogether.
        let next = due + every;
        self.next = Some(if next > now { next } else { now + every });
        self.beats = self.beats.saturating_add(1);
        self.waiting_since.get_or_insert(now);
        Some(self.beats)
    }

    /// The other side has seen this heartbeat, and so all before.
    pub(super) fn answer(&mut self, beat: u64, now: Instant) {
        if beat > self.answered && beat <= self.beats {
            self.answered = beat;
            // Of those that are still to be answered only the time of the last answer is known.
            self.waiting_since = (beat < self.beats).then_some(now);
        }
    }

    /// When the answer is overdue.
    pub(super) fn overdue_at(&self, within: Option<Duration>) -> Option<Instant> {
        Some(self.waiting_since? + within? + Duration::from_nanos(1))
    }

    pub(super) const fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether a watchdog could have kept it.
    pub(super) fn is_sound(&self, now: Instant) -> bool {
        self.answered <= self.beats && self.waiting_since.is_none_or(|at| at <= now)
    }

    /// The next one comes no later than one is from another: that time may be shorter now.
    pub(super) fn hurry(&mut self, every: Duration, now: Instant) {
        self.next = self.next.map(|at| at.min(now + every));
    }

    pub(super) fn shift(&mut self, shift: impl Fn(Instant) -> Instant) {
        self.next = self.next.map(&shift);
        self.waiting_since = self.waiting_since.map(&shift);
    }
}
