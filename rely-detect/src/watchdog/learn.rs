//! What is usual for a source.

use core::time::Duration;
use std::collections::VecDeque;

use rely_core::Instant;

use crate::Sample;

/// How many gaps are kept: the 99th of a hundred is the second longest.
const GAPS: usize = 100;
/// Fewer gaps say nothing about what is usual.
pub(super) const ENOUGH: usize = 16;
/// Over so many samples a change is forgotten to a third.
const MEMORY: f64 = 1000.0;
/// The highest share of repeats that is believed. Where values change only once in a hundred samples
/// or less often, no run of a length that matters is beyond chance.
const SHARE: f64 = 0.99;

/// What is learnt of one source, of bounded size.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Learnt {
    /// Seconds from one arrival to the next, the newest at the end.
    gaps: VecDeque<f64>,
    /// Seconds from a sample's own time to its arrival, as above.
    lags: VecDeque<f64>,
    /// How many samples were repeats and were not, those of the run that goes on left out.
    repeats: f64,
    changes: f64,
    /// How many repeats there are in a row.
    pub(super) run: u32,
    /// When the value was another one last.
    pub(super) same_since: Instant,
    /// Bits, so that what is no number repeats itself too, and can be stored.
    last_value: u64,
    /// When the last one came, and what its own time was at most.
    pub(super) arrived: Instant,
    pub(super) newest: Instant,
    /// When that grew last.
    pub(super) grew: Instant,
    pub(super) samples: u64,
}

impl Learnt {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            gaps: VecDeque::new(),
            lags: VecDeque::new(),
            repeats: 0.0,
            changes: 0.0,
            run: 0,
            same_since: now,
            last_value: f64::NAN.to_bits(),
            arrived: now,
            newest: Instant::ORIGIN,
            grew: now,
            samples: 0,
        }
    }

    /// Takes in a sample. What comes while something is wrong with the source teaches nothing of what
    /// is usual.
    pub(super) fn take(&mut self, now: Instant, sample: Sample, usual: bool) {
        if self.samples > 0 && usual {
            push(&mut self.gaps, (now - self.arrived).as_secs_f64());
            push(&mut self.lags, (now - sample.at).as_secs_f64());
        }
        if sample.at > self.newest || self.samples == 0 {
            (self.newest, self.grew) = (sample.at, now);
        }
        self.value(now, sample.value);
        self.arrived = now;
        self.samples = self.samples.saturating_add(1);
    }

    fn value(&mut self, now: Instant, value: f64) {
        let value = value.to_bits();
        if value == self.last_value && self.samples > 0 {
            self.run = self.run.saturating_add(1);
            return;
        }
        let decay = (-(f64::from(self.run) + 1.0) / MEMORY).exp();
        self.repeats = self.repeats * decay + f64::from(self.run);
        self.changes = self.changes * decay + 1.0;
        (self.run, self.same_since, self.last_value) = (0, now, value);
    }

    /// The gap that 99 of 100 are no longer than.
    pub(super) fn gap(&self) -> Option<Duration> {
        nearly_longest(&self.gaps)
    }

    /// The longest lag of the older half of those that are kept: what falls behind little by little
    /// must not be taken for usual as it does.
    pub(super) fn lag(&self) -> Option<Duration> {
        let older = self.lags.len() / 2;
        if older < ENOUGH {
            return None;
        }
        let longest = self.lags.iter().take(older).copied().fold(0.0, f64::max);
        Duration::try_from_secs_f64(longest).ok()
    }

    /// How probable it is that so many repeats follow one another by chance: the share of repeats, to
    /// the power of the run. Nothing as long as the value has not changed often enough to tell.
    pub(super) fn flatness(&self) -> Option<f64> {
        if self.changes < ENOUGH as f64 {
            return None;
        }
        // The rule of succession: no share is certain.
        let share = (self.repeats + 1.0) / (self.repeats + self.changes + 2.0);
        Some(share.min(SHARE).powf(f64::from(self.run)))
    }

    pub(super) fn is_sound(&self, now: Instant) -> bool {
        let sound = |seconds: &VecDeque<f64>| {
            seconds.len() <= GAPS && seconds.iter().all(|one| one.is_finite() && *one >= 0.0)
        };
        let count = |n: f64| n.is_finite() && n >= 0.0;
        // A sample's own time may be ahead, but nothing else is.
        let past = [self.same_since, self.arrived, self.grew].iter().all(|at| *at <= now);
        past && sound(&self.gaps) && sound(&self.lags) && count(self.repeats) && count(self.changes)
    }

    pub(super) fn shift(&mut self, shift: impl Fn(Instant) -> Instant) {
        for at in [&mut self.same_since, &mut self.arrived, &mut self.newest, &mut self.grew] {
            *at = shift(*at);
        }
    }
}

fn push(seconds: &mut VecDeque<f64>, one: f64) {
    if seconds.len() >= GAPS {
        seconds.pop_front();
    }
    seconds.push_back(one);
}

fn nearly_longest(seconds: &VecDeque<f64>) -> Option<Duration> {
    if seconds.len() < ENOUGH {
        return None;
    }
    let (mut first, mut second) = (0.0_f64, 0.0_f64);
    for &one in seconds {
        if one > first {
            (first, second) = (one, first);
        } else if one > second {
            second = one;
        }
    }
    let p99 = if seconds.len() >= GAPS { second } else { first };
    Duration::try_from_secs_f64(p99).ok()
}
