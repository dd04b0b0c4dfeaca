//! What is being measured.

use core::fmt;
use std::sync::Arc;

/// What calls go to: a service, and where it matters its zone and version.
///
/// These become label values in metrics, so keep them few: a name of a service, not a URL.
///
/// ```
/// use rely_core::meter::Target;
///
/// let target = Target::new("queue").zone("a").version("v2");
/// assert_eq!(target.to_string(), "queue/a@v2");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    service: Arc<str>,
    zone: Option<Arc<str>>,
    version: Option<Arc<str>>,
}

impl Target {
    /// The service called `service`.
    pub fn new(service: impl Into<Arc<str>>) -> Self {
        Self { service: service.into(), zone: None, version: None }
    }

    /// The same in one zone.
    #[must_use]
    pub fn zone(self, zone: impl Into<Arc<str>>) -> Self {
        Self { zone: Some(zone.into()), ..self }
    }

    /// The same in one version.
    #[must_use]
    pub fn version(self, version: impl Into<Arc<str>>) -> Self {
        Self { version: Some(version.into()), ..self }
    }

    /// The service's name.
    #[must_use]
    pub fn service_name(&self) -> &str {
        &self.service
    }

    /// The zone's name, if it is of one.
    #[must_use]
    pub fn zone_name(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// The version's name, if it is of one.
    #[must_use]
    pub fn version_name(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.service)?;
        if let Some(zone) = &self.zone {
            write!(f, "/{zone}")?;
        }
        if let Some(version) = &self.version {
            write!(f, "@{version}")?;
        }
        Ok(())
    }
}

impl From<&str> for Target {
    fn from(service: &str) -> Self {
        Self::new(service)
    }
}
