use core::time::Duration;

use rely_core::{ConfigError, Ratio, config};

/// How a share is judged; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `limit` | 5 % | over 0 % and under 100 % |
/// | `confidence` | 95 % | over 50 % and under 100 % |
/// | `minimum_calls` | 20 | at least 1 |
/// | `valid_for` | 10 s | over zero |
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShareConfig {
    /// The largest share that is still fine; against a baseline, the largest excess over its share.
    pub limit: Ratio,
    /// How sure a healthy or an unhealthy verdict has to be.
    pub confidence: Ratio,
    /// Below so many calls nothing is judged; a baseline needs as many.
    pub minimum_calls: u32,
    /// How long a verdict may be used.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub valid_for: Duration,
}

impl Default for ShareConfig {
    fn default() -> Self {
        Self {
            limit: Ratio::from_ppm_clamped(50_000),
            confidence: Ratio::from_ppm_clamped(950_000),
            minimum_calls: 20,
            valid_for: Duration::from_secs(10),
        }
    }
}

impl ShareConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.limit == Ratio::ZERO || self.limit == Ratio::ONE {
            return Err(ConfigError::new("limit", self.limit, "over 0 % and under 100 %"));
        }
        if self.confidence <= Ratio::from_ppm_clamped(500_000) || self.confidence == Ratio::ONE {
            let allowed = "over 50 % and under 100 %";
            return Err(ConfigError::new("confidence", self.confidence, allowed));
        }
        config::in_range("minimum_calls", self.minimum_calls, 1..)?;
        config::nonzero("valid_for", self.valid_for)?;
        Ok(())
    }
}
