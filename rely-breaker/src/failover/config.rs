use rely_core::{ConfigError, config};

use super::Endpoint;
use super::order::MAX;

/// The endpoints of a [`Failover`](super::Failover), as configuration; see
/// [`FailoverBuilder::config`](super::FailoverBuilder::config).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "Which endpoints there are."))]
pub struct FailoverConfig {
    /// 1 to 64, each with a name of its own.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
    pub endpoints: Vec<EndpointConfig>,
}

/// An [`Endpoint`], as configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "An endpoint of a failover."))]
pub struct EndpointConfig {
    /// Its name.
    pub name: String,
    /// The zone it is in; for the status, not for the order.
    #[cfg_attr(feature = "serde", serde(default))]
    pub zone: Option<String>,
    /// Its priority: the lowest number is called first; 0 by default.
    #[cfg_attr(feature = "serde", serde(default))]
    pub priority: u32,
}

impl FailoverConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// If there are no endpoints, too many, or two of one name.
    pub fn check(&self) -> Result<(), ConfigError> {
        check(&self.endpoints.iter().map(|endpoint| endpoint.name.as_str()))
    }
}

/// Whether so many endpoints with such names are possible.
pub(super) fn check<'a>(
    names: &(impl ExactSizeIterator<Item = &'a str> + Clone),
) -> Result<(), ConfigError> {
    config::in_range("endpoints", names.len(), 1..=MAX)?;
    for (index, name) in names.clone().enumerate() {
        if names.clone().take(index).any(|other| other == name) {
            return Err(ConfigError::new("endpoint.name", name, "a name of its own for each"));
        }
    }
    Ok(())
}

impl From<EndpointConfig> for Endpoint {
    fn from(config: EndpointConfig) -> Self {
        let EndpointConfig { name, zone, priority } = config;
        let endpoint = Self::new(name).priority(priority);
        match zone {
            Some(zone) => endpoint.zone(zone),
            None => endpoint,
        }
    }
}
