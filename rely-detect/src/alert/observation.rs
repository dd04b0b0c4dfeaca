//! What is seen of a series.

use rely_core::{Instant, Level, Verdict};

use crate::Reading;

/// What is seen of a series at a moment: made from a [`Reading`] or a [`Verdict`], with a word on the
/// cause where somebody knows one.
///
/// ```
/// use rely_core::{Instant, Level, Verdict};
/// use rely_detect::alert::Observation;
///
/// let verdict = Verdict::new(Level::Unhealthy, Instant::ORIGIN).because("burns too fast");
/// let seen = Observation::from(&verdict).suspect("deploy 42 of orders").caused_by("deploy-42");
/// assert_eq!(seen.why, "burns too fast");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Observation {
    /// How it stands.
    pub level: Level,
    /// Until when that may be used; the rule's `stale_after` holds besides.
    pub valid_until: Instant,
    /// By how much it matters: [`Reading::severity`].
    pub severity: Option<f64>,
    /// How rare it is: [`Reading::surprise`].
    pub surprise: Option<f64>,
    /// How far the evidence has come, from 0 to 1.
    pub score: Option<f64>,
    /// What was seen, in a few words.
    pub why: String,
    /// Who is to blame, in a few words, as far as somebody knows.
    pub suspect: Option<String>,
    /// What it comes from: any id that several alerts share, or the key of another alert as text.
    /// Alerts with one cause are one incident.
    pub caused_by: Option<String>,
}

impl Default for Observation {
    fn default() -> Self {
        Self::new(Level::Unknown)
    }
}

impl Observation {
    /// A level, with nothing else known.
    #[must_use]
    pub const fn new(level: Level) -> Self {
        Self {
            level,
            valid_until: Instant::MAX,
            severity: None,
            surprise: None,
            score: None,
            why: String::new(),
            suspect: None,
            caused_by: None,
        }
    }

    /// Names who is to blame.
    #[must_use]
    pub fn suspect(mut self, suspect: impl Into<String>) -> Self {
        self.suspect = Some(suspect.into());
        self
    }

    /// Names what it comes from.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.caused_by = Some(cause.into());
        self
    }

    /// What it is at `now`: a stale one knows nothing. Texts are cut to a length that can be kept.
    pub(super) fn at(mut self, now: Instant) -> Self {
        if now > self.valid_until {
            self.level = Level::Unknown;
        }
        self.why = short(self.why);
        self.suspect = self.suspect.map(short).filter(|text| !text.is_empty());
        self.caused_by = self.caused_by.map(short).filter(|text| !text.is_empty());
        self
    }
}

impl From<&Reading> for Observation {
    fn from(reading: &Reading) -> Self {
        Self {
            severity: Some(reading.severity),
            surprise: Some(reading.surprise()),
            score: Some(reading.score),
            why: reading.to_string(),
            ..Self::new(reading.level)
        }
    }
}

impl From<&Verdict> for Observation {
    fn from(verdict: &Verdict) -> Self {
        Self {
            valid_until: verdict.valid_until,
            score: verdict.score,
            why: verdict.reason.clone().into_owned(),
            ..Self::new(verdict.level)
        }
    }
}

/// The longest text that is kept, in bytes.
pub(super) const LONGEST: usize = 256;

/// The text, cut at the end of a letter.
pub(super) fn short(mut text: String) -> String {
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.shrink_to_fit();
    }
    text
}
