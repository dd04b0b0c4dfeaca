use std::sync::Arc;

use rely_core::ConfigError;

use crate::{Breaker, BreakerConfig};

/// A configuration that makes a breaker for certain; made by [`BreakerConfig::checked`].
///
/// Cloning is cheap, and all breakers that are made from clones share it.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedConfig(Arc<BreakerConfig>);

impl CheckedConfig {
    /// The configuration.
    #[must_use]
    pub fn get(&self) -> &BreakerConfig {
        &self.0
    }

    pub(super) fn shared(&self) -> Arc<BreakerConfig> {
        Arc::clone(&self.0)
    }
}

impl TryFrom<BreakerConfig> for CheckedConfig {
    type Error = ConfigError;

    fn try_from(config: BreakerConfig) -> Result<Self, ConfigError> {
        // Making one is the only check that can say so for certain.
        Breaker::builder("").config(config.clone()).build()?;
        Ok(Self(Arc::new(config)))
    }
}

impl BreakerConfig {
    /// Checks the configuration where it is written, for breakers that are made later.
    ///
    /// # Errors
    /// The first field that is out of range; `failure_rate` if no rule is on.
    pub fn checked(self) -> Result<CheckedConfig, ConfigError> {
        self.try_into()
    }
}
