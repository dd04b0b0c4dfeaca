use core::time::Duration;

use rely_core::{ConfigError, Ratio, config};

use super::calendar::Calendar;

/// What makes a call good, for an objective that the user feels.
///
/// Calls that were ignored or cancelled do not count. Failures, soft failures and refusals of our own
/// are bad: to the user they are all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Sli {
    /// Every success is good.
    #[default]
    Availability,
    /// A success is good if it took no longer than this, to the precision of the meter's scale.
    LatencyUnder(
        #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
        #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
        Duration,
    ),
}

impl Sli {
    /// Every success is good.
    #[must_use]
    pub const fn availability() -> Self {
        Self::Availability
    }

    /// A success is good if it took no longer than `objective`.
    #[must_use]
    pub const fn latency_under(objective: Duration) -> Self {
        Self::LatencyUnder(objective)
    }
}

/// How urgent it is when a budget burns. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Severity {
    /// Somebody should look within days: degraded.
    Ticket,
    /// Somebody should look now: unhealthy.
    Page,
}

/// A pair of windows, and how fast the budget has to burn in both of them.
///
/// The long one makes sure that it matters, the short one that it goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BurnWindow {
    /// How urgent it is.
    pub severity: Severity,
    /// How many times faster than would just use up the budget by the end of the period.
    pub factor: f64,
    /// The long window.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub long: Duration,
    /// The short window.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub short: Duration,
}

impl BurnWindow {
    /// Somebody should look now.
    #[must_use]
    pub const fn page(factor: f64, long: Duration, short: Duration) -> Self {
        Self { severity: Severity::Page, factor, long, short }
    }

    /// Somebody should look within days.
    #[must_use]
    pub const fn ticket(factor: f64, long: Duration, short: Duration) -> Self {
        Self { severity: Severity::Ticket, factor, long, short }
    }
}

/// An objective and when to say that its budget burns; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `objective` | 99.9 % | over 0 % and under 100 % |
/// | `sli` | availability | |
/// | `windows` | page 14.4 over 1 h and 5 min, page 6 over 6 h and 30 min, ticket 1 over 3 d and 6 h | 1 to 16, see below |
/// | `period` | 30 days | at least the longest window |
/// | `calendar` | unset | |
/// | `minimum_bad` | 3 | at least 1 |
/// | `confidence` | 95 % | under 100 % |
/// | `minimum_coverage` | 50 % | |
/// | `valid_for` | 10 s | over zero |
///
/// In a window the short span is over zero and no longer than the long one; the factor, in steps of a
/// thousandth, is over zero, and not so high that a total outage could not reach it.
///
/// The windows are those of "The Site Reliability Workbook", chapter 5, "Alerting on SLOs", table 5-8,
/// with the period that they are made for; see [`BurnWindow::three`] for why there are no more.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "An objective and its burn rates."))]
pub struct SloConfig {
    /// The share of calls that has to be good.
    pub objective: Ratio,
    /// What makes a call good.
    pub sli: Sli,
    /// When to say that the budget burns.
    pub windows: Vec<BurnWindow>,
    /// For how long the budget has to last.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub period: Duration,
    /// Counts the budget by the calendar, in place of the last `period`. The burn rates go by the
    /// period all the same.
    pub calendar: Option<Calendar>,
    /// Fewer bad calls in the long window are no reason to call anybody.
    pub minimum_bad: u32,
    /// Fewer than ten bad calls in the long window are believed if as many come with at most the rest
    /// of this to a service that burns at the factor.
    pub confidence: Ratio,
    /// In how much of a window, or what was there of it, calls have to have been looked for.
    pub minimum_coverage: Ratio,
    /// How long a verdict may be used.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub valid_for: Duration,
}

impl Default for SloConfig {
    fn default() -> Self {
        let period = Duration::from_secs(30 * 24 * 3600);
        Self {
            objective: Ratio::from_ppm_clamped(999_000),
            sli: Sli::Availability,
            windows: BurnWindow::three(period).to_vec(),
            period,
            calendar: None,
            minimum_bad: 3,
            confidence: Ratio::from_ppm_clamped(950_000),
            minimum_coverage: Ratio::from_ppm_clamped(500_000),
            valid_for: Duration::from_secs(10),
        }
    }
}

impl SloConfig {
    /// The same with all windows and the period `factor` times as long: a tenth of an hour to try it
    /// out, for example. A factor that is not positive, or leads out of range, fails at `build()`.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        let scale = |time: &mut Duration| {
            *time = Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or_default();
        };
        for window in &mut self.windows {
            scale(&mut window.long);
            scale(&mut window.short);
        }
        scale(&mut self.period);
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.objective == Ratio::ZERO || self.objective == Ratio::ONE {
            let allowed = "over 0 % and under 100 %";
            return Err(ConfigError::new("objective", self.objective, allowed));
        }
        if let Sli::LatencyUnder(objective) = self.sli {
            config::nonzero("sli.latency_under", objective)?;
        }
        config::in_range("windows", self.windows.len(), 1..=16)?;
        let highest = 1.0 / self.objective.complement().as_f64();
        for (n, window) in self.windows.iter().enumerate() {
            let check = || {
                config::nonzero("short", window.short)?;
                config::in_range("long", window.long, window.short..=self.period)?;
                config::in_range("factor", window.factor, 0.001..=highest)
            };
            check().map_err(|error| error.within(&format!("windows.{n}")))?;
        }
        if let Some(calendar) = self.calendar {
            calendar.check().map_err(|error| error.within("calendar"))?;
        }
        config::in_range("minimum_bad", self.minimum_bad, 1..)?;
        if self.confidence == Ratio::ONE {
            return Err(ConfigError::new("confidence", self.confidence, "under 100 %"));
        }
        config::nonzero("valid_for", self.valid_for)?;
        Ok(())
    }
}
