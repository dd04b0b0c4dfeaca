use core::time::Duration;

use crate::{ConfigError, config};

const MOST_SHARDS: usize = 4096;

/// The configuration of a [`Keyed`](super::Keyed), as far as it can be written down.
///
/// ```
/// use rely_core::Keyed;
/// use rely_core::keyed::KeyedConfig;
///
/// let config = KeyedConfig { capacity: 500, ..KeyedConfig::default() };
/// let registry = Keyed::<String, u32>::builder().config(config).build()?;
/// assert_eq!(registry.capacity(), 500);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "How many entries a registry holds, and for how long.")
)]
pub struct KeyedConfig {
    /// How many entries there can be, exactly; at least 1, 10,000 by default.
    pub capacity: usize,
    /// How long an entry must not have been looked up before it may go; more than zero, 10 minutes
    /// by default.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub idle: Duration,
    /// Into how many locks the keys are divided: a power of two from 1 to 4096. By default four
    /// for each processor, but not more than there can be entries.
    pub shards: Option<usize>,
}

impl Default for KeyedConfig {
    fn default() -> Self {
        Self { capacity: 10_000, idle: Duration::from_secs(600), shards: None }
    }
}

impl KeyedConfig {
    /// Checks everything and gives the number of shards.
    pub(super) fn check(&self) -> Result<usize, ConfigError> {
        let capacity = config::in_range("capacity", self.capacity, 1..)?;
        config::nonzero("idle", self.idle)?;
        let shards = self.shards.unwrap_or_else(|| default_shards(capacity));
        if !shards.is_power_of_two() || shards > MOST_SHARDS {
            let allowed = format!("a power of two from 1 to {MOST_SHARDS}");
            return Err(ConfigError::new("shards", shards, allowed));
        }
        Ok(shards)
    }
}

/// `capacity` is at least one.
fn default_shards(capacity: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let shards = processors.saturating_mul(4).min(MOST_SHARDS).next_power_of_two();
    // The largest power of two that is no more than the capacity.
    shards.min(1 << capacity.ilog2())
}
