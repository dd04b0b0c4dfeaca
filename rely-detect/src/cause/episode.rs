use core::time::Duration;

use rely_core::{ConfigError, Instant, config};

use super::Labels;
use crate::Reading;

/// A time in which a series was out of the ordinary.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Episode {
    /// The series.
    pub series: String,
    /// What it belongs to.
    pub labels: Labels,
    /// The first sample that was unusual.
    pub onset: Instant,
    /// The highest [severity](Reading::severity) so far, in decades.
    pub peak_severity: f64,
    /// The last sample that was unusual, once it is over.
    pub end: Option<Instant>,
    /// How many episodes the series had lately, half of them forgotten each day: what makes noise all
    /// the time says little.
    pub earlier: f64,
}

impl Episode {
    /// An episode that began at `onset` and goes on.
    #[must_use]
    pub fn new(series: impl Into<String>, onset: Instant, peak_severity: f64) -> Self {
        let (series, labels) = (series.into(), Labels::new());
        Self { series, labels, onset, peak_severity, end: None, earlier: 0.0 }
    }

    /// What the series belongs to.
    #[must_use]
    pub fn with_labels(mut self, labels: impl Into<Labels>) -> Self {
        self.labels = labels.into();
        self
    }
}

/// What became of a series' episode with a reading.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// One began, its onset at the first unusual sample.
    Opened(Episode),
    /// It is over.
    Closed(Episode),
}

/// Makes [`Episode`]s of the readings of one series.
///
/// An episode opens when the severity reaches `open`, and dates from the first sample at `close` or
/// above without `quiet` ordinary ones in between; it closes after `quiet` ordinary ones in a row.
/// Readings that judge nothing change nothing; a silence longer than `patience` ends an episode too.
///
/// ```
/// use core::time::Duration;
/// use rely_core::Instant;
/// use rely_detect::cause::{Change, EpisodeTracker};
///
/// let mut tracker = EpisodeTracker::builder("order errors").labels([("service", "orders")]).build()?;
/// let mut at = Instant::ORIGIN;
/// let mut opened = None;
/// for severity in [0.2, 1.6, 2.1, 3.4] {
///     at += Duration::from_secs(1);
///     if let Some(Change::Opened(episode)) = tracker.step(at, severity) {
///         opened = Some(episode.onset);
///     }
/// }
/// assert_eq!(opened, Some(Instant::ORIGIN + Duration::from_secs(2)));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct EpisodeTracker {
    rules: TrackerConfig,
    series: String,
    labels: Labels,
    /// First and last unusual sample and the highest severity, of an episode or of what may become one.
    run: Option<(Instant, Instant, f64)>,
    ordinary: u32,
    is_open: bool,
    last: Option<Instant>,
    earlier: f64,
    earlier_at: Instant,
}

/// When an [`EpisodeTracker`] opens and closes; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `open` | 2.8 | over 0, at most 300 |
/// | `close` | 1.3 | over 0, at most `open` |
/// | `quiet` | 3 | 1 to 1000 |
/// | `patience` | 1 h | over zero |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "When an episode opens and closes."))]
pub struct TrackerConfig {
    /// The severity that opens an episode: what the other rooms alert at.
    pub open: f64,
    /// The severity from which on a sample is unusual: one in twenty.
    pub close: f64,
    /// So many ordinary samples in a row are an end.
    pub quiet: u32,
    /// So long without any sample is an end as well.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub patience: Duration,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self { open: 2.8, close: 1.3, quiet: 3, patience: Duration::from_secs(3600) }
    }
}

/// In which time half of the earlier episodes is forgotten.
const HALF_LIFE: f64 = 24.0 * 3600.0;

impl EpisodeTracker {
    /// A builder for a tracker of the series called `name`.
    pub fn builder(name: impl Into<String>) -> EpisodeTrackerBuilder {
        let (series, labels) = (name.into(), Labels::new());
        EpisodeTrackerBuilder { series, labels, config: TrackerConfig::default() }
    }

    /// Takes in what a detector says.
    pub fn observe(&mut self, reading: &Reading) -> Option<Change> {
        let judged = reading.is_taken() && reading.p_value.is_some();
        if judged { self.step(reading.sample.at, reading.severity) } else { None }
    }

    /// The same for a severity that comes from elsewhere; late ones and such that are no number change
    /// nothing.
    pub fn step(&mut self, at: Instant, severity: f64) -> Option<Change> {
        if severity.is_nan() || self.last.is_some_and(|last| at <= last) {
            return None;
        }
        // As high as can be stored.
        let severity = severity.min(f64::MAX);
        let silent = self.last.is_some_and(|last| at - last > self.rules.patience);
        self.last = Some(at);
        // After a long silence an end comes first; what begins now is reported with its next sample.
        let ended = if silent { self.end(at) } else { None };
        if severity >= self.rules.close {
            let (_, last, peak) = self.run.get_or_insert((at, at, severity));
            (*last, *peak) = (at, peak.max(severity));
            self.ordinary = 0;
        } else if self.run.is_some() {
            self.ordinary = self.ordinary.saturating_add(1);
            if self.ordinary >= self.rules.quiet {
                return self.end(at);
            }
        }
        if ended.is_some() {
            return ended;
        }
        let opens = !self.is_open && self.run.is_some_and(|(.., peak)| peak >= self.rules.open);
        self.is_open |= opens;
        self.current().filter(|_| opens).map(Change::Opened)
    }

    /// The episode that goes on, if there is one.
    #[must_use]
    pub fn current(&self) -> Option<Episode> {
        let (onset, _, peak_severity) = self.run.filter(|_| self.is_open)?;
        Some(Episode {
            series: self.series.clone(),
            labels: self.labels.clone(),
            onset,
            peak_severity,
            end: None,
            earlier: self.earlier_by(onset),
        })
    }

    fn end(&mut self, at: Instant) -> Option<Change> {
        let episode = self.current();
        if episode.is_some() {
            (self.earlier, self.earlier_at) = (self.earlier_by(at) + 1.0, at);
        }
        let end = self.run.map(|(_, last, _)| last);
        (self.run, self.is_open, self.ordinary) = (None, false, 0);
        episode.map(|episode| Change::Closed(Episode { end, ..episode }))
    }

    fn earlier_by(&self, at: Instant) -> f64 {
        self.earlier * (-(at - self.earlier_at).as_secs_f64() / HALF_LIFE).exp2()
    }
}

/// How an [`EpisodeTracker`] is made; see [`TrackerConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct EpisodeTrackerBuilder {
    series: String,
    labels: Labels,
    config: TrackerConfig,
}

impl EpisodeTrackerBuilder {
    /// What the series belongs to.
    pub fn labels(mut self, labels: impl Into<Labels>) -> Self {
        self.labels = labels.into();
        self
    }

    /// Takes over a whole configuration, read from a file for example.
    pub const fn config(mut self, config: TrackerConfig) -> Self {
        self.config = config;
        self
    }

    /// The severity that opens an episode.
    pub const fn open(mut self, severity: f64) -> Self {
        self.config.open = severity;
        self
    }

    /// The severity from which on a sample is unusual.
    pub const fn close(mut self, severity: f64) -> Self {
        self.config.close = severity;
        self
    }

    /// So many ordinary samples in a row are an end.
    pub const fn quiet(mut self, samples: u32) -> Self {
        self.config.quiet = samples;
        self
    }

    /// So long without any sample is an end as well.
    pub const fn patience(mut self, time: Duration) -> Self {
        self.config.patience = time;
        self
    }

    /// The tracker, without an episode.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<EpisodeTracker, ConfigError> {
        let rules = self.config;
        let over_zero = |most| (core::ops::Bound::Excluded(0.0), core::ops::Bound::Included(most));
        config::in_range("open", rules.open, over_zero(300.0))?;
        config::in_range("close", rules.close, over_zero(rules.open))?;
        config::in_range("quiet", rules.quiet, 1..=1000)?;
        config::nonzero("patience", rules.patience)?;
        Ok(EpisodeTracker {
            rules,
            series: self.series,
            labels: self.labels,
            run: None,
            ordinary: 0,
            is_open: false,
            last: None,
            earlier: 0.0,
            earlier_at: Instant::ORIGIN,
        })
    }
}
