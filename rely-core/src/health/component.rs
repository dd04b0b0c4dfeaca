use super::{ComponentReport, Impact};
use crate::{ConfigError, Instant, Level, Verdict};

/// What the service loses with a component. Exhaustive by nature.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Importance {
    /// Everything: the service cannot answer without it.
    Critical,
    /// The capability of this name; several components may carry the same.
    Capability(String),
}

/// Something that the service depends on.
///
/// ```
/// use rely_core::health::Component;
/// use rely_core::{Instant, Level, Verdict, health::Impact};
///
/// let database = Component::critical("database").tolerates_unknown();
/// let report = database.judge(Verdict::unknown(Instant::ORIGIN, "no calls"), Instant::ORIGIN);
/// assert_eq!(report.impact, Impact::Reduced);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "A part of the service, and what it means when it is not well.")
)]
pub struct Component {
    /// Its name, unique within a [`Health`](super::Health), without a colon.
    pub name: String,
    /// What the service loses with it.
    pub importance: Importance,
    /// Whether unknown counts as degraded instead of unhealthy; no by default.
    #[cfg_attr(feature = "serde", serde(default))]
    pub tolerates_unknown: bool,
}

impl Component {
    /// A component without which the service cannot answer.
    #[must_use]
    pub fn critical(name: impl Into<String>) -> Self {
        Self { name: name.into(), importance: Importance::Critical, tolerates_unknown: false }
    }

    /// A component without which the service lacks `capability`.
    #[must_use]
    pub fn capability(name: impl Into<String>, capability: impl Into<String>) -> Self {
        let importance = Importance::Capability(capability.into());
        Self { importance, ..Self::critical(name) }
    }

    /// Lets unknown count as degraded instead of unhealthy; it never counts as healthy.
    #[must_use]
    pub fn tolerates_unknown(self) -> Self {
        Self { tolerates_unknown: true, ..self }
    }

    /// What a verdict about this component means at `now`, by the table of the
    /// [module](crate::health).
    #[must_use]
    pub fn judge(&self, verdict: Verdict, now: Instant) -> ComponentReport {
        let verdict = verdict.at(now);
        let impact = match (verdict.level, &self.importance) {
            (Level::Healthy, _) => Impact::None,
            (Level::Degraded, _) => Impact::Reduced,
            (Level::Unknown, _) if self.tolerates_unknown => Impact::Reduced,
            (Level::Unhealthy | Level::Unknown, Importance::Critical) => Impact::Critical,
            (Level::Unhealthy | Level::Unknown, Importance::Capability(_)) => Impact::Off,
        };
        ComponentReport { component: self.clone(), impact, verdict, forced: false }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let capability = match &self.importance {
            Importance::Critical => None,
            Importance::Capability(capability) => Some(("importance.capability", capability)),
        };
        for (field, name) in [("name", &self.name)].into_iter().chain(capability) {
            if name.is_empty() || name.contains(':') {
                let value = format!("{name:?}");
                return Err(ConfigError::new(field, value, "one or more characters, none a colon"));
            }
        }
        Ok(())
    }
}
