use core::fmt;

use rely_core::Instant;

use super::Labels;

/// Something that was changed on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct ChangeEvent {
    /// When it took effect.
    pub at: Instant,
    /// What kind of change it was.
    pub kind: ChangeKind,
    /// What people call it.
    pub name: String,
    /// What it touched; without labels nobody knows.
    pub labels: Labels,
}

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A release.
    Deploy,
    /// Another configuration.
    Config,
    /// A feature flag or a share of traffic.
    Flag,
    /// A chaos experiment.
    Experiment,
    /// Work on the machines below.
    Infrastructure,
}

impl ChangeKind {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Config => "configuration change",
            Self::Flag => "flag",
            Self::Experiment => "experiment",
            Self::Infrastructure => "infrastructure change",
        }
    }
}

impl ChangeEvent {
    /// A change at `at` that touched nobody knows what.
    #[must_use]
    pub fn new(at: Instant, kind: ChangeKind, name: impl Into<String>) -> Self {
        Self { at, kind, name: name.into(), labels: Labels::new() }
    }

    /// What it touched.
    #[must_use]
    pub fn with_labels(mut self, labels: impl Into<Labels>) -> Self {
        self.labels = labels.into();
        self
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
