use core::fmt;

use super::{Component, Importance};
use crate::{Instant, Verdict};

/// How much of the service is left, from best to worst. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum DegradationLevel {
    /// All of it.
    Normal,
    /// It answers, but something is worse than it should be or switched off.
    Reduced,
    /// It cannot answer, or cannot know that it can.
    Critical,
}

impl DegradationLevel {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Reduced => "reduced",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for DegradationLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the state of one component does to the service, from best to worst. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Impact {
    /// Nothing.
    None,
    /// The service is reduced, with all its capabilities.
    Reduced,
    /// The service is reduced, and the component's capability is off.
    Off,
    /// The service cannot answer.
    Critical,
}

impl From<Impact> for DegradationLevel {
    fn from(impact: Impact) -> Self {
        match impact {
            Impact::None => Self::Normal,
            Impact::Reduced | Impact::Off => Self::Reduced,
            Impact::Critical => Self::Critical,
        }
    }
}

/// One component in a [`HealthReport`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ComponentReport {
    /// The component.
    pub component: Component,
    /// What its state does to the service.
    pub impact: Impact,
    /// What is known of it, as it reads at the time of the report.
    pub verdict: Verdict,
    /// Whether the verdict was set by hand.
    pub forced: bool,
}

/// The state of a service at one instant; what every probe and page is made from.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct HealthReport {
    /// When it was made.
    pub at: Instant,
    /// How much of the service is left.
    pub level: DegradationLevel,
    /// The capabilities to switch off, each once.
    pub off: Vec<String>,
    /// All components, in the order in which they were added.
    pub components: Vec<ComponentReport>,
}

impl HealthReport {
    /// The state that follows from these components: the worst of them decides.
    ///
    /// ```
    /// use rely_core::health::{Component, DegradationLevel, HealthReport};
    /// use rely_core::{Instant, Level, Verdict};
    ///
    /// let now = Instant::ORIGIN;
    /// let slow = Component::critical("database").judge(Verdict::new(Level::Degraded, now), now);
    /// assert_eq!(HealthReport::of(now, vec![slow]).level, DegradationLevel::Reduced);
    /// ```
    #[must_use]
    pub fn of(at: Instant, components: Vec<ComponentReport>) -> Self {
        let worst = components.iter().map(|report| report.impact).max().unwrap_or(Impact::None);
        let mut off = Vec::new();
        for report in components.iter().filter(|report| report.impact == Impact::Off) {
            if let Importance::Capability(name) = &report.component.importance {
                if !off.contains(name) {
                    off.push(name.clone());
                }
            }
        }
        Self { at, level: worst.into(), off, components }
    }

    /// Whether the service should get traffic: unless its level is critical.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        !matches!(self.level, DegradationLevel::Critical)
    }

    /// Whether a capability is to be used: unless it is off. One that no component carries is on.
    #[must_use]
    pub fn is_on(&self, capability: &str) -> bool {
        !self.off.iter().any(|off| off == capability)
    }

    /// The status of a readiness probe's response: 200 if ready, else 503.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        if self.is_ready() { 200 } else { 503 }
    }
}

impl fmt::Display for HealthReport {
    /// The level and each component that is to blame, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level)?;
        let blamed = self.components.iter().filter(|report| report.impact != Impact::None);
        for (index, ComponentReport { component, verdict, .. }) in blamed.enumerate() {
            let separator = if index == 0 { ": " } else { "; " };
            write!(f, "{separator}{} is {}", component.name, verdict.level)?;
            if !verdict.reason.is_empty() {
                write!(f, " ({})", verdict.reason)?;
            }
        }
        Ok(())
    }
}
