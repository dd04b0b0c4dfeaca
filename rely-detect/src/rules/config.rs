//! How rules are made.

use core::time::Duration;

use rely_core::{ConfigError, config};

use super::selector::Indicator;
use crate::slo::{Sli, SloConfig};

/// An objective as a file of recording and alerting rules. See the [module's documentation](super).
#[derive(Clone, Debug, PartialEq)]
pub struct PrometheusRules {
    pub(super) name: String,
    pub(super) config: SloConfig,
    pub(super) indicator: Indicator,
    pub(super) labels: Vec<(String, String)>,
    pub(super) runbook_url: Option<String>,
}

/// How [`PrometheusRules`] are made.
#[derive(Clone, Debug)]
#[must_use]
pub struct PrometheusRulesBuilder {
    name: String,
    config: SloConfig,
    indicator: Option<Indicator>,
    labels: Vec<(String, String)>,
    runbook_url: Option<String>,
}

impl PrometheusRules {
    /// Rules for an objective called `name`, unique among all whose rules are loaded together.
    pub fn builder(name: impl Into<String>, config: SloConfig) -> PrometheusRulesBuilder {
        PrometheusRulesBuilder {
            name: name.into(),
            config,
            indicator: None,
            labels: Vec::new(),
            runbook_url: None,
        }
    }
}

impl PrometheusRulesBuilder {
    /// The counters to go by; needed.
    pub fn indicator(mut self, indicator: Indicator) -> Self {
        self.indicator = Some(indicator);
        self
    }

    /// A label that every alert carries, the team that it goes to for example.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// Where it is written what to do; every alert carries it.
    pub fn runbook_url(mut self, url: impl Into<String>) -> Self {
        self.runbook_url = Some(url.into());
        self
    }

    /// The rules.
    ///
    /// # Errors
    /// The first field that is out of range: one of the configuration's; a window or the period, if it
    /// is no whole number of milliseconds; `name`, a label's value or `runbook_url`, if it is empty or
    /// holds a control character or a curly bracket, which Prometheus would take for a template;
    /// `labels`, if a name is none, is given twice, or is one that the rules set themselves;
    /// `indicator`, if it is missing or no selector, or its limit is not that of the configuration.
    pub fn build(self) -> Result<PrometheusRules, ConfigError> {
        let Self { name, config, indicator, labels, runbook_url } = self;
        config.check()?;
        for (n, window) in config.windows.iter().enumerate() {
            whole("short", window.short)
                .and_then(|()| whole("long", window.long))
                .map_err(|error| error.within(&format!("windows.{n}")))?;
        }
        whole("period", config.period)?;
        plain("name", &name)?;
        for (n, (label, value)) in labels.iter().enumerate() {
            let first = label.starts_with(|first: char| first.is_ascii_alphabetic());
            let rest = label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
            let twice = labels.iter().take(n).any(|(other, _)| other == label);
            if !first
                || !rest
                || twice
                || ["alertname", "severity", "slo", "tier"].contains(&&**label)
            {
                let allowed = "a name of its own, of letters, digits and underscores";
                return Err(ConfigError::new("labels", label, allowed));
            }
            plain(&format!("labels.{label}"), value)?;
        }
        if let Some(url) = &runbook_url {
            plain("runbook_url", url)?;
        }
        let Some(indicator) = indicator else {
            return Err(ConfigError::new("indicator", "missing", "one"));
        };
        indicator.check()?;
        if let (Sli::LatencyUnder(limit), Indicator::Latency { limit: bucket, .. }) =
            (config.sli, &indicator)
        {
            config::in_range("indicator.limit", *bucket, limit..=limit)?;
        }
        Ok(PrometheusRules { name, config, indicator, labels, runbook_url })
    }
}

fn whole(field: &str, time: Duration) -> Result<(), ConfigError> {
    if time.subsec_nanos() % 1_000_000 == 0 {
        return Ok(());
    }
    Err(ConfigError::new(field, format_args!("{time:?}"), "whole milliseconds"))
}

fn plain(field: &str, text: &str) -> Result<(), ConfigError> {
    if !text.is_empty()
        && !text.contains(|letter: char| letter.is_control() || "{}".contains(letter))
    {
        return Ok(());
    }
    Err(ConfigError::new(field, format_args!("{text:?}"), "text without curly brackets"))
}
