//! When p-values make an alarm, and when it ends.

use rely_core::Instant;

/// How rare a sample is that counts towards the tendency to come in clusters.
const RARE: f64 = 0.01;
/// Rare samples closer than this belong to one cluster.
const CLUSTER: u32 = 10;
/// For how many rare samples that stand alone one begins.
const PRIOR: f64 = 10.0;
/// How many of them are remembered.
const MEMORY: f64 = 1000.0;
/// So many ordinary samples in a row end an alarm.
const CALM: u8 = 3;
/// So many say that where the series is now is where it belongs.
const SETTLED: u8 = 60;

/// Begins when a p-value is small enough, ends when the series is back.
///
/// Where rare samples come in clusters, a threshold α on each of them gives fewer alarms than a share α
/// of samples: θ of them, the extremal index (M. Leadbetter: "Extremes and local dependence in
/// stationary sequences", 1983), which is clusters over rare samples. The threshold is α / θ.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Alarm {
    clusters: f64,
    rare: f64,
    /// Samples since the last rare one.
    gap: u32,
    pub(super) held: Option<Held>,
}

/// An alarm that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Held {
    pub(super) began: Instant,
    calm: u8,
    /// What was expected as it began, and what came.
    before: f64,
    after: f64,
}

/// How a sample bears on the alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Calm,
    /// Rare, but not enough.
    Rare,
    /// An alarm begins, or goes on.
    Alarm,
    /// An alarm goes on, though this sample is ordinary.
    Fading,
    /// The alarm is over, the deviation is not: it has become what is ordinary.
    Over,
}

impl Alarm {
    pub(super) const fn new() -> Self {
        Self { clusters: 0.0, rare: 0.0, gap: u32::MAX, held: None }
    }

    /// The p-value that makes an alarm.
    pub(super) fn threshold(&self, alpha: f64) -> f64 {
        let index = (self.clusters + PRIOR) / (self.rare + PRIOR);
        (alpha / index).min(2.0 * RARE)
    }

    pub(super) fn step(
        &mut self,
        at: Instant,
        p: f64,
        threshold: f64,
        (value, expected): (f64, f64),
    ) -> Step {
        self.count(p);
        let release = (10.0 * threshold).min(0.1);
        let Some(held) = &mut self.held else {
            if p > threshold {
                return if p > release { Step::Calm } else { Step::Rare };
            }
            self.held = Some(Held { began: at, calm: 0, before: expected, after: value });
            return Step::Alarm;
        };
        if p <= release {
            held.calm = 0;
            return Step::Alarm;
        }
        held.calm += 1;
        // An outage that has become what was lately seen is not over: the value has to come back.
        let back = (value - held.before).abs() <= (value - held.after).abs();
        let settled = held.calm >= SETTLED;
        if !settled && (!back || held.calm < CALM) {
            return if back { Step::Fading } else { Step::Alarm };
        }
        self.held = None;
        if !back {
            return Step::Over;
        }
        Step::Calm
    }

    fn count(&mut self, p: f64) {
        if p > RARE {
            self.gap = self.gap.saturating_add(1);
            return;
        }
        let keep = 1.0 - 1.0 / MEMORY;
        self.rare = keep * self.rare + 1.0;
        self.clusters = keep * self.clusters + if self.gap >= CLUSTER { 1.0 } else { 0.0 };
        self.gap = 0;
    }

    pub(super) fn is_sound(&self) -> bool {
        let held = self.held.iter().flat_map(|held| [held.before, held.after]);
        (0.0..=MEMORY).contains(&self.rare)
            && (0.0..=self.rare).contains(&self.clusters)
            && held.into_iter().all(f64::is_finite)
            && self.held.iter().all(|held| held.calm < SETTLED)
    }
}
