//! Windows as configuration.

use core::time::Duration;

use super::{CountWindow, TimeWindow, WeightedWindow};
use crate::ConfigError;
#[cfg(feature = "serde")]
use crate::config;

/// A [`CountWindow`] or a [`WeightedWindow`], as configuration.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `calls` | 100 | 1 to 16777216 |
/// | `slow` | no | |
///
/// ```
/// use rely_core::window::CountWindowConfig;
///
/// let window = CountWindowConfig { calls: 50, ..CountWindowConfig::default() }.build()?;
/// assert_eq!(window.calls(), 50);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "A sliding window over the last calls."))]
pub struct CountWindowConfig {
    /// How many calls it holds.
    pub calls: u32,
    /// Whether it also keeps which calls were slow. A weighted window always does.
    pub slow: bool,
}

impl Default for CountWindowConfig {
    fn default() -> Self {
        Self { calls: 100, slow: false }
    }
}

impl CountWindowConfig {
    /// The window, in which every call counts once.
    ///
    /// # Errors
    /// If `calls` is out of range.
    pub fn build(self) -> Result<CountWindow, ConfigError> {
        let window = CountWindow::new(self.calls)?;
        Ok(if self.slow { window.with_slow() } else { window })
    }

    /// The window, in which every call counts by its weight.
    ///
    /// # Errors
    /// If `calls` is out of range.
    pub fn build_weighted(self) -> Result<WeightedWindow, ConfigError> {
        WeightedWindow::new(self.calls)
    }
}

/// A [`TimeWindow`], as configuration; what its lanes are is for the code to say.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `span` | 1 min | 1 µs for each bucket to 366 days |
/// | `buckets` | 10 | 1 to 4096 |
/// | `shards` | 1 | 1 to 64 |
///
/// ```
/// use core::time::Duration;
/// use rely_core::window::TimeWindowConfig;
///
/// let config = TimeWindowConfig { span: Duration::from_secs(10), ..TimeWindowConfig::default() };
/// let window = config.build(2)?;
/// assert_eq!((window.bucket(), window.lanes()), (Duration::from_secs(1), 2));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "A sliding window over the last span of time.")
)]
pub struct TimeWindowConfig {
    /// How far back it reaches.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub span: Duration,
    /// In how many steps it moves on.
    pub buckets: u32,
    /// In how many places threads count at the same moment without meeting.
    pub shards: u32,
}

impl Default for TimeWindowConfig {
    fn default() -> Self {
        Self { span: Duration::from_secs(60), buckets: 10, shards: 1 }
    }
}

impl TimeWindowConfig {
    /// The window, with so many lanes.
    ///
    /// # Errors
    /// If a number is out of range; see [`TimeWindowBuilder::build`](super::TimeWindowBuilder::build).
    pub fn build(self, lanes: usize) -> Result<TimeWindow, ConfigError> {
        let builder = TimeWindow::builder(self.span).buckets(self.buckets);
        builder.shards(self.shards as usize).lanes(lanes).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let calls = CountWindowConfig { calls: 0, slow: true };
        assert_eq!(calls.build().unwrap_err().field(), "calls");
        assert_eq!(calls.build_weighted().unwrap_err().field(), "calls");
        let buckets = TimeWindowConfig { buckets: 0, ..TimeWindowConfig::default() };
        assert_eq!(buckets.build(1).unwrap_err().field(), "buckets");
        let shards = TimeWindowConfig { shards: 65, ..TimeWindowConfig::default() };
        assert_eq!(shards.build(1).unwrap_err().field(), "shards");
    }

    #[test]
    fn what_is_asked_for_is_kept() {
        let window = CountWindowConfig { calls: 2, slow: true }.build().unwrap();
        window.record(0, false, true);
        assert_eq!(window.counts().slow, 1);
        let window = CountWindowConfig { calls: 2, slow: false }.build().unwrap();
        window.record(0, false, true);
        assert_eq!(window.counts().slow, 0);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn people_write_spans_in_words() {
        let mut text = serde_json::Deserializer::from_str(r#"{"span": "10s", "shards": 4}"#);
        let read: TimeWindowConfig = config::from_deserializer(&mut text).unwrap();
        let expected = TimeWindowConfig { span: Duration::from_secs(10), buckets: 10, shards: 4 };
        assert_eq!(read, expected);
        let mut text = serde_json::Deserializer::from_str(r#"{"call": 10}"#);
        let error = config::from_deserializer::<CountWindowConfig, _>(&mut text).unwrap_err();
        assert_eq!(error.field(), "call");
    }
}
