//! When coming and going is taken for flapping.

use core::time::Duration;

use rely_core::{ConfigError, Instant, config};

/// When an alert that comes and goes is told about as one that flaps, and not each time anew.
///
/// Changes to firing and back are counted, recent ones more: what a change counts halves with every
/// `half_life`. A spell that ends before it fires, or begins again before it is over, counts by how near
/// it came. This is the weighted
/// share of state changes that Nagios goes by, with time in place of a number of checks, so that it
/// means the same whether a series is looked at every second or every five minutes. A source that
/// comes and goes at an even pace settles at `enter` by default if it does so once in a `half_life`;
/// one that is quick flaps at its third firing.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `half_life` | 1 h | over zero |
/// | `enter` | 4 | 1 to 1000 |
/// | `leave` | 1 | over 0, less than `enter` |
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "When coming and going is flapping."))]
pub struct Flap {
    /// After what time a change counts half.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub half_life: Duration,
    /// From how many changes on it flaps.
    pub enter: f64,
    /// Below how many changes it flaps no more.
    pub leave: f64,
}

impl Default for Flap {
    fn default() -> Self {
        Self { half_life: Duration::from_secs(3600), enter: 4.0, leave: 1.0 }
    }
}

impl Flap {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        config::nonzero("half_life", self.half_life)?;
        config::in_range("enter", self.enter, 1.0..=1000.0)?;
        config::in_range("leave", self.leave, f64::MIN_POSITIVE..self.enter)?;
        Ok(())
    }
}

/// How an alert came and went.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct History {
    /// Changes as of `at`.
    changes: f64,
    at: Instant,
    pub(super) flapping: bool,
    /// The longest spell, halved with each calm.
    longest: Duration,
    /// Since when it has been bad without a break.
    pub(super) bad_since: Option<Instant>,
}

impl History {
    pub(super) fn changes(&self, flap: &Flap, now: Instant) -> f64 {
        let lives = (now - self.at).as_secs_f64() / flap.half_life.as_secs_f64();
        self.changes * (-lives).exp2()
    }

    /// Counts changes; true if it flaps from now on.
    pub(super) fn count(&mut self, flap: &Flap, now: Instant, changes: f64) -> bool {
        self.changes = self.changes(flap, now) + changes;
        self.at = self.at.max(now);
        // A hair's breadth, so that as many changes as `enter` in one instant are enough.
        let begins = !self.flapping && self.changes >= flap.enter * (1.0 - 1e-9);
        self.flapping |= begins;
        begins
    }

    pub(super) fn bad(&mut self, now: Instant) {
        self.bad_since.get_or_insert(now);
    }

    pub(super) fn not_bad(&mut self, now: Instant) {
        if let Some(since) = self.bad_since.take() {
            self.longest = self.longest.max(now - since);
        }
    }

    /// When the flapping is over: with so few changes that it is calm, or, if it stays bad, after
    /// twice the longest spell, for then it is more than the coming and going that is known.
    pub(super) fn over_at(&self, flap: &Flap) -> Option<Instant> {
        if !self.flapping {
            return None;
        }
        let lives = (self.changes / flap.leave).log2().max(0.0);
        let calm = Duration::try_from_secs_f64(lives * flap.half_life.as_secs_f64());
        // The next instant: below the limit, not at it.
        let calm = self.at + calm.unwrap_or(Duration::MAX) + Duration::from_nanos(1);
        Some(self.lasting_at().map_or(calm, |lasting| lasting.min(calm)))
    }

    fn lasting_at(&self) -> Option<Instant> {
        Some(self.bad_since? + self.longest.saturating_mul(2).max(Duration::from_nanos(1)))
    }

    /// Ends the flapping; whether because it stays bad.
    pub(super) fn end(&mut self, now: Instant) -> bool {
        let lasting = self.lasting_at().is_some_and(|at| at <= now);
        self.flapping = false;
        if !lasting {
            // How long its spells were is forgotten little by little, or one that is longer than the few
            // since the last calm would be more than that each time.
            self.longest /= 2;
        }
        lasting
    }

    pub(super) fn is_sound(&self, now: Instant) -> bool {
        self.changes >= 0.0
            && self.changes <= 1e9
            && self.at <= now
            && self.bad_since.is_none_or(|at| at <= now)
    }

    pub(super) fn shift(&mut self, shift: impl Fn(Instant) -> Instant) {
        self.at = shift(self.at);
        self.bad_since = self.bad_since.map(shift);
    }
}
