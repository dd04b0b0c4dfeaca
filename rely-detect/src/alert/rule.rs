//! When an alert begins and ends.

use core::time::Duration;

use rely_core::{ConfigError, Level, config};

use super::flap::Flap;
use super::observation::Observation;
use crate::slo::Severity;

/// From where something counts as bad and from where it is good again. In between nothing begins and
/// nothing ends.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Thresholds {
    /// Bad from here on.
    pub enter: f64,
    /// Good below this.
    pub leave: f64,
}

/// What an alert goes by. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Condition {
    /// Bad from this level on, degraded or unhealthy; good is healthy alone.
    Level(#[cfg_attr(feature = "schema", schemars(with = "String"))] Level),
    /// By how much a reading matters: [`Reading::severity`](crate::Reading::severity).
    Severity(Thresholds),
    /// By how rare a reading is: [`Reading::surprise`](crate::Reading::surprise).
    Surprise(Thresholds),
    /// By how far the evidence has come, from 0 to 1.
    Score(Thresholds),
}

impl Default for Condition {
    fn default() -> Self {
        Self::Level(Level::Unhealthy)
    }
}

/// How it is made sure that it is no blip. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Confirm {
    /// Bad without a break for so long.
    For(
        #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
        #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
        Duration,
    ),
    /// So many of the last observations are bad.
    Count {
        /// How many.
        bad: u32,
        /// Of how many, 64 at most.
        of: u32,
    },
}

/// What it means that nothing is known. Exhaustive by nature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum NoData {
    /// The alert stays as it is: nothing begins, and nothing ends.
    #[default]
    Keep,
    /// It is bad.
    Alert,
    /// It is good. The transition says that nobody knows.
    Ok,
}

/// When an alert fires, when it ends, and what somebody who is called needs to know.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `name` | | not empty, a name of its own |
/// | `condition` | unhealthy | levels degraded and unhealthy; `leave` at most `enter` |
/// | `confirm` | at once (`for` zero) | count: 1 to `of`, `of` to 64 |
/// | `keep_firing` | 5 min | |
/// | `no_data` | keep | |
/// | `stale_after` | 5 min | over zero |
/// | `flap` | see [`Flap`] | |
/// | `severity` | page | |
/// | `runbook`, `owner` | none | |
///
/// The detectors of this crate wait for evidence beyond chance before they call a series unhealthy,
/// so that an alert on the level needs no wait of its own. Five minutes are the time after which
/// Prometheus takes a series for stale.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "When an alert fires and when it ends."))]
pub struct AlertRule {
    /// The rule's name.
    pub name: String,
    /// What it goes by.
    pub condition: Condition,
    /// How it is made sure that it is no blip.
    pub confirm: Confirm,
    /// How long it has to be good without a break before the alert ends.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub keep_firing: Duration,
    /// What it means that nothing is known.
    pub no_data: NoData,
    /// How long an observation counts.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub stale_after: Duration,
    /// When coming and going is taken for flapping.
    pub flap: Flap,
    /// How urgent it is.
    pub severity: Severity,
    /// Where it is written what to do.
    pub runbook: Option<String>,
    /// Whose it is.
    pub owner: Option<String>,
}

impl Default for AlertRule {
    fn default() -> Self {
        Self {
            name: String::new(),
            condition: Condition::default(),
            confirm: Confirm::For(Duration::ZERO),
            keep_firing: Duration::from_secs(300),
            no_data: NoData::Keep,
            stale_after: Duration::from_secs(300),
            flap: Flap::default(),
            severity: Severity::Page,
            runbook: None,
            owner: None,
        }
    }
}

/// What a rule makes of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Judgement {
    Good,
    /// Not bad enough to begin, not good enough to end.
    Between,
    Bad,
    Unknown,
}

impl AlertRule {
    /// A rule with all defaults.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.name.is_empty() {
            return Err(ConfigError::new("name", "empty", "a name"));
        }
        match self.condition {
            Condition::Level(Level::Degraded | Level::Unhealthy) => {}
            Condition::Level(level) => {
                return Err(ConfigError::new("condition.level", level, "degraded or unhealthy"));
            }
            Condition::Severity(Thresholds { enter, leave })
            | Condition::Surprise(Thresholds { enter, leave })
            | Condition::Score(Thresholds { enter, leave }) => {
                config::in_range("condition.enter", enter, f64::MIN_POSITIVE..=f64::MAX)?;
                config::in_range("condition.leave", leave, f64::MIN_POSITIVE..=enter)?;
            }
        }
        if let Confirm::Count { bad, of } = self.confirm {
            config::in_range("confirm.count.of", of, 1..=64)?;
            config::in_range("confirm.count.bad", bad, 1..=of)?;
        }
        config::nonzero("stale_after", self.stale_after)?;
        self.flap.check().map_err(|error| error.within("flap"))
    }

    pub(super) fn judge(&self, seen: &Observation) -> Judgement {
        let (value, Thresholds { enter, leave }) = match self.condition {
            _ if seen.level == Level::Unknown => return Judgement::Unknown,
            Condition::Level(from) => {
                return match seen.level {
                    Level::Healthy => Judgement::Good,
                    level if level >= from => Judgement::Bad,
                    _ => Judgement::Between,
                };
            }
            Condition::Severity(thresholds) => (seen.severity, thresholds),
            Condition::Surprise(thresholds) => (seen.surprise, thresholds),
            Condition::Score(thresholds) => (seen.score, thresholds),
        };
        match value {
            Some(value) if value >= enter => Judgement::Bad,
            Some(value) if value < leave => Judgement::Good,
            Some(value) if value < enter => Judgement::Between,
            _ => Judgement::Unknown,
        }
    }

    /// How near an observation came to what is bad: 1 is there.
    pub(super) fn nearness(&self, seen: &Observation) -> f64 {
        let share = |value: Option<f64>, Thresholds { enter, .. }: Thresholds| {
            value.map_or(0.0, |value| value / enter)
        };
        match self.condition {
            Condition::Level(_) => match self.judge(seen) {
                Judgement::Bad => 1.0,
                _ => seen.score.unwrap_or(0.0),
            },
            Condition::Severity(limits) => share(seen.severity, limits),
            Condition::Surprise(limits) => share(seen.surprise, limits),
            Condition::Score(limits) => share(seen.score, limits),
        }
    }
}
