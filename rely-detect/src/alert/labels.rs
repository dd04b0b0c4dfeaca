//! What tells one alert from another, and what picks some of them.

use core::fmt;

use rely_core::ConfigError;

use crate::Labels;

/// Which alert: a rule and the series that it looks at. As text it is the key by which the same alert
/// is known again: `latency{service=orders}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct AlertKey {
    /// The rule's name.
    pub rule: String,
    /// The series.
    pub labels: Labels,
}

impl AlertKey {
    /// The alert of `rule` for one series.
    #[must_use]
    pub fn new(rule: impl Into<String>, labels: Labels) -> Self {
        Self { rule: rule.into(), labels }
    }

    /// The value of a label; `alert` is the rule's name. A label that is not there is empty.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        if name == "alert" { &self.rule } else { self.labels.get(name).unwrap_or("") }
    }
}

impl fmt::Display for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.rule, self.labels)
    }
}

/// Picks alerts by one of their labels. `alert` stands for the rule's name, and a label that is not
/// there counts as empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Matcher {
    /// The label's name.
    pub label: String,
    /// The values that match; at least one.
    pub any_of: Vec<String>,
    /// All other values match instead.
    #[cfg_attr(feature = "serde", serde(default))]
    pub not: bool,
}

impl Matcher {
    /// The label has this value.
    #[must_use]
    pub fn is(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), any_of: vec![value.into()], not: false }
    }

    /// The label has another value.
    #[must_use]
    pub fn is_not(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { not: true, ..Self::is(label, value) }
    }

    /// Whether it picks the alert.
    #[must_use]
    pub fn matches(&self, alert: &AlertKey) -> bool {
        let value = alert.label(&self.label);
        self.any_of.iter().any(|wanted| wanted == value) != self.not
    }
}

/// Whether all of them pick the alert; none of them picks every alert.
pub(super) fn all_match(matchers: &[Matcher], alert: &AlertKey) -> bool {
    matchers.iter().all(|matcher| matcher.matches(alert))
}

pub(super) fn check_matchers(field: &str, matchers: &[Matcher]) -> Result<(), ConfigError> {
    for (n, matcher) in matchers.iter().enumerate() {
        if matcher.any_of.is_empty() || matcher.label.is_empty() {
            let field = format!("{field}.{n}");
            return Err(ConfigError::new(field, "empty", "a label and at least one value"));
        }
    }
    Ok(())
}
