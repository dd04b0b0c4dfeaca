use core::marker::PhantomData;
use core::time::Duration;
use std::collections::BTreeMap;

use rely_core::{ConfigError, Ratio, config};

use super::{Fleet, FleetSnapshot, NORMAL, State};
use crate::calibrated::rate::AlarmRate;
use crate::{Sample, Side};

/// How a [`Fleet`] is compared; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `side` | both | |
/// | `false_alarm_every` | 7 days | 1 second to 100 years |
/// | `min_peers` | 3 | at least 3 |
/// | `most` | 1000 | `min_peers` to 100,000 |
/// | `tolerance` | 0 | at least 0 |
/// | `tolerance_share` | 5 % | |
/// | `usual_time` | 1 day | over zero |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "How the instances of a fleet are compared.")
)]
pub struct FleetConfig {
    /// On which side a difference is trouble.
    pub side: Side,
    /// How long from one false alarm of the fleet to the next, in the long run.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub false_alarm_every: Duration,
    /// How many instances there have to be to compare them.
    pub min_peers: u32,
    /// How many instances are kept at most.
    pub most: u32,
    /// The spread is no less than this, in the unit of the series.
    pub tolerance: f64,
    /// The spread is no less than this share of the centre.
    pub tolerance_share: Ratio,
    /// How long it takes until what an instance is off by is taken for its own.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub usual_time: Duration,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self {
            side: Side::Both,
            false_alarm_every: Duration::from_secs(7 * 24 * 3600),
            min_peers: 3,
            most: 1000,
            tolerance: 0.0,
            tolerance_share: Ratio::from_ppm_clamped(50_000),
            usual_time: Duration::from_secs(24 * 3600),
        }
    }
}

/// A [`FleetConfig`] that has been checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rules {
    pub(super) side: Side,
    pub(super) every: Duration,
    pub(super) min_peers: usize,
    pub(super) most: usize,
    pub(super) tolerance: f64,
    pub(super) tolerance_share: f64,
    /// Seconds.
    pub(super) usual_time: f64,
}

impl FleetConfig {
    fn rules(&self) -> Result<Rules, ConfigError> {
        let every = Duration::from_secs(1)..=Duration::from_secs(36_525 * 24 * 3600);
        let min_peers = config::in_range("min_peers", self.min_peers, 3..)?;
        Ok(Rules {
            side: self.side,
            every: config::in_range("false_alarm_every", self.false_alarm_every, every)?,
            min_peers: min_peers as usize,
            most: config::in_range("most", self.most, min_peers..=100_000)? as usize,
            tolerance: config::in_range("tolerance", self.tolerance, 0.0..=Sample::LIMIT)?,
            tolerance_share: self.tolerance_share.as_f64(),
            usual_time: config::nonzero("usual_time", self.usual_time)?.as_secs_f64(),
        })
    }
}

/// How a [`Fleet`] is made; see [`FleetConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct FleetBuilder<K> {
    name: String,
    config: FleetConfig,
    keys: PhantomData<K>,
}

impl<K: Ord + Clone> FleetBuilder<K> {
    pub(super) fn new(name: String) -> Self {
        Self { name, config: FleetConfig::default(), keys: PhantomData }
    }

    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: FleetConfig) -> Self {
        self.config = config;
        self
    }

    /// On which side a difference is trouble.
    pub const fn side(mut self, side: Side) -> Self {
        self.config.side = side;
        self
    }

    /// How long from one false alarm of the fleet to the next.
    pub const fn false_alarm_every(mut self, time: Duration) -> Self {
        self.config.false_alarm_every = time;
        self
    }

    /// How many instances are kept at most.
    pub const fn most(mut self, instances: u32) -> Self {
        self.config.most = instances;
        self
    }

    /// The fleet, of which nothing is known yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Fleet<K>, ConfigError> {
        let rules = self.config.rules()?;
        let rate = AlarmRate::new(NORMAL);
        let state = State {
            members: BTreeMap::new(),
            rate,
            last: None,
            step: 0.0,
            spread: 0.0,
            steps: 0,
            ignored: 0,
        };
        Ok(Fleet { name: self.name, rules, state, scratch: Vec::new() })
    }

    /// The fleet, which goes on where `snapshot` was taken.
    ///
    /// # Errors
    /// The first field that is out of range, or what in the snapshot does not fit.
    pub fn restore(self, snapshot: FleetSnapshot<K>) -> Result<Fleet<K>, ConfigError> {
        let rules = self.config.rules()?;
        let state = snapshot.into_state(&rules)?;
        Ok(Fleet { name: self.name, rules, state, scratch: Vec::new() })
    }
}
