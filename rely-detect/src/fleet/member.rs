//! One instance, and what it has been off by.

use rely_core::Instant;

use super::Differing;
use crate::Side;
use crate::calibrated::rate::AlarmRate;

/// What a deviation has to be beyond to count, in spreads: a fleet is never all alike, and the spread of
/// a few peers is rough.
const SLACK: f64 = 1.0;
/// A deviation counts for no more, so that no single step is an alarm.
const MOST: f64 = 4.0;

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Member {
    pub(super) last: Instant,
    pub(super) value: f64,
    /// What it is usually off by, in spreads.
    usual: f64,
    upper: Sum,
    lower: Sum,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
struct Sum {
    height: f64,
    /// Before the last step.
    before: f64,
    peak: f64,
    since: Instant,
    steps: u64,
    mean: f64,
    alarm: bool,
    began: bool,
}

impl Sum {
    const fn new(at: Instant) -> Self {
        let (height, before, peak, mean) = (0.0, 0.0, 0.0, 0.0);
        Self { height, before, peak, since: at, steps: 0, mean, alarm: false, began: false }
    }

    fn add(&mut self, at: Instant, off: f64, threshold: f64) {
        if self.height <= 0.0 {
            (self.since, self.steps, self.mean, self.peak) = (at, 0, 0.0, 0.0);
        }
        self.steps = self.steps.saturating_add(1);
        self.mean += (off - self.mean) / self.steps as f64;
        self.before = self.height;
        // Bounded, so that an alarm ends within a few ordinary steps.
        let most = 1.25 * threshold + 1.0;
        self.height = (self.height + off.clamp(-MOST, MOST) - SLACK).clamp(0.0, most);
        self.peak = self.peak.max(self.height.min(threshold));
        let alarm = self.height >= threshold || self.alarm && self.height > threshold / 2.0;
        (self.began, self.alarm) = (alarm && !self.alarm, alarm);
    }

    fn is_sound(&self) -> bool {
        [self.height, self.before, self.peak].iter().all(|height| (0.0..1e6).contains(height))
            && super::LIMIT >= self.mean.abs() / 4.0
    }
}

impl Member {
    pub(super) const fn new(at: Instant, value: f64) -> Self {
        Self { last: at, value, usual: 0.0, upper: Sum::new(at), lower: Sum::new(at) }
    }

    pub(super) const fn see(&mut self, at: Instant, value: f64) {
        (self.last, self.value) = (at, value);
    }

    pub(super) fn judge(&mut self, at: Instant, off: f64, pace: f64, side: Side, threshold: f64) {
        let residual = off - self.usual;
        if side != Side::Low {
            self.upper.add(at, residual, threshold);
        }
        if side != Side::High {
            self.lower.add(at, -residual, threshold);
        }
        // An instance that is a little larger is so for good; one that is ill must not become usual.
        if !self.upper.alarm && !self.lower.alarm {
            self.usual += (1.0 - (-pace).exp()) * residual.clamp(-MOST, MOST);
        }
    }

    /// Lets the sums say how high they rise, and how often an alarm begins, where `alpha` is over zero.
    pub(super) fn teach(&self, rate: &mut AlarmRate, alpha: f64) {
        for sum in [&self.upper, &self.lower] {
            rate.count(sum.before <= 0.0 && sum.height > 0.0);
            if sum.before > 0.0 && sum.height <= 0.0 {
                rate.end(sum.peak);
            }
            rate.correct(sum.began && alpha > 0.0, alpha);
        }
    }

    pub(super) fn differing<K: Clone>(
        &self,
        instance: &K,
        centre: f64,
        spread: f64,
        threshold: f64,
    ) -> Option<Differing<K>> {
        let sides = [(Side::High, &self.upper), (Side::Low, &self.lower)];
        let (side, sum) = sides.into_iter().find(|(_, sum)| sum.alarm)?;
        Some(Differing {
            instance: instance.clone(),
            value: self.value,
            expected: centre + self.usual * spread,
            side,
            deviation: sum.mean,
            since: sum.since,
            evidence: sum.height / threshold,
        })
    }

    /// `now`: the last step.
    pub(super) fn is_sound(&self, now: Option<Instant>) -> bool {
        Some(self.last) <= now
            && self.value.abs() <= super::LIMIT
            && self.usual.abs() <= super::LIMIT
            && self.upper.is_sound()
            && self.lower.is_sound()
    }
}

/// A map as a list of pairs.
#[cfg(feature = "serde")]
pub(super) mod list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Member;

    pub(in super::super) fn serialize<K: Serialize, S: Serializer>(
        members: &BTreeMap<K, Member>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(members)
    }

    pub(in super::super) fn deserialize<'de, K, D>(
        deserializer: D,
    ) -> Result<BTreeMap<K, Member>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, Member)>::deserialize(deserializer)?.into_iter().collect())
    }
}
