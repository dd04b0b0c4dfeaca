//! Who is told, when, and how often.

use core::time::Duration;
use std::collections::BTreeSet;

use rely_core::{ConfigError, config};

use super::labels::{AlertKey, Matcher, all_match, check_matchers};
use super::rule::AlertRule;

/// Somebody who is told, and how often at most.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `name` | | not empty, a name of its own |
/// | `limit` | 20 | 1 to 1000 |
/// | `per` | 1 h | over zero |
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "Somebody who is told."))]
pub struct Receiver {
    /// The name.
    pub name: String,
    /// How many notifications there are at most in any `per`; later ones wait, and are counted.
    pub limit: u32,
    /// See `limit`.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub per: Duration,
}

impl Default for Receiver {
    fn default() -> Self {
        Self { name: String::new(), limit: 20, per: Duration::from_secs(3600) }
    }
}

impl Receiver {
    /// A receiver with all defaults.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// Who is told next if nobody acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Escalation {
    /// How long after the step before, or after the first notification.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub after: Duration,
    /// Who.
    pub receiver: String,
}

/// What becomes of some of the alerts: who is told, and what is one incident.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `name` | | not empty, a name of its own |
/// | `matchers` | none, which picks all | |
/// | `receiver` | | a receiver's name |
/// | `group_by` | none, which makes one group | |
/// | `group_wait` | 30 s | |
/// | `group_interval` | 5 min | |
/// | `repeat` | 4 h | over zero |
/// | `close_after` | 15 min | |
/// | `escalation` | none | at most 16 steps |
/// | `acknowledged_for` | 8 h | over zero |
///
/// Group wait, group interval and repeat are those of Prometheus' Alertmanager. Eight hours are a
/// shift: what was acknowledged and still fires in the next one needs somebody again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "What becomes of some of the alerts."))]
pub struct Route {
    /// The route's name.
    pub name: String,
    /// Which alerts go this way: those that all of them match.
    pub matchers: Vec<Matcher>,
    /// Who is told.
    pub receiver: String,
    /// Alerts that have these labels in common are one incident.
    pub group_by: Vec<String>,
    /// How long the first notification waits for other alerts, and for a suspect.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub group_wait: Duration,
    /// How long the next one waits if alerts join or end.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub group_interval: Duration,
    /// After what time without news it is said again.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub repeat: Duration,
    /// How long all alerts have to be over before the incident is. What comes back before belongs to it
    /// and calls nobody anew.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub close_after: Duration,
    /// Who is told next if nobody acknowledges, in order.
    pub escalation: Vec<Escalation>,
    /// How long an acknowledgement holds.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub acknowledged_for: Duration,
}

impl Default for Route {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            name: String::new(),
            matchers: Vec::new(),
            receiver: String::new(),
            group_by: Vec::new(),
            group_wait: Duration::from_secs(30),
            group_interval: minutes(5),
            repeat: minutes(4 * 60),
            close_after: minutes(15),
            escalation: Vec::new(),
            acknowledged_for: minutes(8 * 60),
        }
    }
}

impl Route {
    /// A route for all alerts, called like its receiver, with all defaults.
    #[must_use]
    pub fn to(receiver: impl Into<String>) -> Self {
        let receiver = receiver.into();
        Self { name: receiver.clone(), receiver, ..Self::default() }
    }

    pub(super) fn takes(&self, alert: &AlertKey) -> bool {
        all_match(&self.matchers, alert)
    }
}

/// An alert that is no news while another one fires: it joins that one's incident, whichever came
/// first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "What is no news while something else fires.")
)]
pub struct Inhibition {
    /// Which alerts inhibit.
    pub source: Vec<Matcher>,
    /// Which ones they inhibit.
    pub target: Vec<Matcher>,
    /// If these labels are the same for both.
    pub equal: Vec<String>,
}

impl Inhibition {
    /// Whether it may take an alert for its source.
    pub(super) fn aims_from(&self, key: &AlertKey) -> bool {
        all_match(&self.source, key)
    }

    /// Whether it may take an alert for its target.
    pub(super) fn aims_at(&self, key: &AlertKey) -> bool {
        all_match(&self.target, key)
    }

    pub(super) fn inhibits(&self, source: &AlertKey, target: &AlertKey) -> bool {
        source != target
            && all_match(&self.source, source)
            && all_match(&self.target, target)
            // What is both would inhibit itself, and two of a kind each other.
            && !(all_match(&self.target, source) && all_match(&self.source, target))
            && self.equal.iter().all(|label| source.label(label) == target.label(label))
    }
}

/// All about alerts.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `rules` | | 1 to 10000, names of their own |
/// | `receivers` | | 1 to 1000, names of their own |
/// | `routes` | | 1 to 1000, names of their own; the last one without matchers |
/// | `inhibitions` | none | at most 1000 |
/// | `max_series` | 10000 | 1 to 1000000 |
/// | `max_incidents` | 1000 | 1 to 100000 |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "Rules, routes and receivers of alerts."))]
pub struct AlertsConfig {
    /// When alerts fire.
    pub rules: Vec<AlertRule>,
    /// Who there is to be told.
    pub receivers: Vec<Receiver>,
    /// Who is told: the first one that takes an alert counts.
    pub routes: Vec<Route>,
    /// Which alerts are no news.
    pub inhibitions: Vec<Inhibition>,
    /// How many series are kept. Quiet ones that were not heard of for longest make room; if there are
    /// none, new ones are refused and counted.
    pub max_series: usize,
    /// How many incidents may be open. What comes then joins one that takes all, for each route.
    pub max_incidents: usize,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            receivers: Vec::new(),
            routes: Vec::new(),
            inhibitions: Vec::new(),
            max_series: 10_000,
            max_incidents: 1_000,
        }
    }
}

impl AlertsConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        config::in_range("rules", self.rules.len(), 1..=10_000)?;
        config::in_range("receivers", self.receivers.len(), 1..=1_000)?;
        config::in_range("routes", self.routes.len(), 1..=1_000)?;
        config::in_range("inhibitions", self.inhibitions.len(), 0..=1_000)?;
        config::in_range("max_series", self.max_series, 1..=1_000_000)?;
        config::in_range("max_incidents", self.max_incidents, 1..=100_000)?;
        for (n, rule) in self.rules.iter().enumerate() {
            rule.check().map_err(|error| error.within(&format!("rules.{n}")))?;
        }
        own_names("rules", self.rules.iter().map(|rule| &rule.name))?;
        let receivers = own_names("receivers", self.receivers.iter().map(|one| &one.name))?;
        for (n, receiver) in self.receivers.iter().enumerate() {
            let within = |error: ConfigError| error.within(&format!("receivers.{n}"));
            config::in_range("limit", receiver.limit, 1..=1_000).map_err(within)?;
            config::nonzero("per", receiver.per).map_err(within)?;
        }
        own_names("routes", self.routes.iter().map(|route| &route.name))?;
        for (n, route) in self.routes.iter().enumerate() {
            check_route(route, &receivers).map_err(|error| error.within(&format!("routes.{n}")))?;
        }
        if self.routes.last().is_some_and(|route| !route.matchers.is_empty()) {
            let field = format!("routes.{}.matchers", self.routes.len() - 1);
            return Err(ConfigError::new(
                field,
                "not empty",
                "none: the last route takes the rest",
            ));
        }
        for (n, inhibition) in self.inhibitions.iter().enumerate() {
            check_matchers(&format!("inhibitions.{n}.source"), &inhibition.source)?;
            check_matchers(&format!("inhibitions.{n}.target"), &inhibition.target)?;
        }
        Ok(())
    }
}

fn own_names<'a>(
    field: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<BTreeSet<&'a str>, ConfigError> {
    let mut seen = BTreeSet::new();
    for (n, name) in names.enumerate() {
        if name.is_empty() || !seen.insert(name.as_str()) {
            let field = format!("{field}.{n}.name");
            return Err(ConfigError::new(field, format_args!("{name:?}"), "a name of its own"));
        }
    }
    Ok(seen)
}

fn check_route(route: &Route, receivers: &BTreeSet<&str>) -> Result<(), ConfigError> {
    let known = |field: &str, name: &str| {
        if receivers.contains(name) {
            return Ok(());
        }
        Err(ConfigError::new(field, format_args!("{name:?}"), "the name of a receiver"))
    };
    check_matchers("matchers", &route.matchers)?;
    known("receiver", &route.receiver)?;
    config::nonzero("repeat", route.repeat)?;
    config::nonzero("acknowledged_for", route.acknowledged_for)?;
    config::in_range("escalation", route.escalation.len(), 0..=16)?;
    for (n, step) in route.escalation.iter().enumerate() {
        known(&format!("escalation.{n}.receiver"), &step.receiver)?;
    }
    Ok(())
}
