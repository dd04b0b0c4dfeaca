use core::time::Duration;

use crate::ConfigError;
#[cfg(feature = "serde")]
use crate::config;
use crate::latency::{LatencyScale, LatencyWindow};

/// What a [`Meter`](super::Meter) keeps; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `window` | 1 min | 1 µs for each bucket to 366 days |
/// | `buckets` | 12 | 1 to 4096 |
/// | `shards` | one for each core, at most 8 | 1 to 64 |
/// | `targets` | 256 | at least 1 |
/// | `idle` | 1 h | over zero |
/// | `latency` | 1 µs to 60 s, 2 digits | see [`LatencyScale::new`] |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "What a meter keeps."))]
pub struct MeterConfig {
    /// How far back the windows reach.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub window: Duration,
    /// In how many steps the windows move on. Latencies, whose histograms are larger, move on in
    /// four at most.
    pub buckets: u32,
    /// In how many places threads count at the same moment without meeting.
    pub shards: Option<u32>,
    /// How many targets have a point of their own; calls to further ones count together, under the
    /// target `overflow`.
    pub targets: usize,
    /// After how long without a look-up, and without anybody holding the point, a target may make
    /// room for another.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub idle: Duration,
    /// The range and the precision of latencies.
    pub latency: LatencyConfig,
}

impl Default for MeterConfig {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60),
            buckets: 12,
            shards: None,
            targets: 256,
            idle: Duration::from_secs(3600),
            latency: LatencyConfig::default(),
        }
    }
}

/// The range and the precision of latencies, as configuration; see [`LatencyScale`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "The range and the precision of latencies."))]
pub struct LatencyConfig {
    /// The lowest latency that is told from zero.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub lowest: Duration,
    /// The highest latency that is told from higher ones.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub highest: Duration,
    /// How many significant digits are kept, 1 to 3.
    pub digits: u8,
}

impl Default for LatencyConfig {
    fn default() -> Self {
        let scale = LatencyScale::default();
        Self { lowest: scale.lowest(), highest: scale.highest(), digits: scale.digits() }
    }
}

impl LatencyConfig {
    /// The scale that it describes.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<LatencyScale, ConfigError> {
        LatencyScale::new(self.lowest, self.highest, self.digits)
    }
}

/// A configuration that has been checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) window: Duration,
    pub(super) buckets: u32,
    pub(super) shards: usize,
    pub(super) scale: LatencyScale,
}

impl Settings {
    /// Latency windows have as many buckets as all others, but at most this many.
    const LATENCY_BUCKETS: u32 = 4;

    pub(super) fn new(config: &MeterConfig) -> Result<Self, ConfigError> {
        // More than eight threads rarely count at the same moment.
        let cores = || std::thread::available_parallelism().map_or(1, usize::from).min(8);
        let shards = config.shards.map_or_else(cores, |shards| shards as usize);
        let scale = config.latency.build().map_err(|error| error.within("latency"))?;
        Ok(Self { window: config.window, buckets: config.buckets, shards, scale })
    }

    pub(super) fn latency_window(&self) -> Result<LatencyWindow, ConfigError> {
        LatencyWindow::new(self.scale, self.window, self.buckets.min(Self::LATENCY_BUCKETS))
    }
}
