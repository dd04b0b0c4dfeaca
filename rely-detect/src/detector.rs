//! What every detector of a series is, and what it says about a sample.

use core::fmt;
use core::time::Duration;

use rely_core::{Instant, Level, Verdict};

use crate::Sample;

/// Judges the samples of one series as they come.
///
/// A plain state machine: time comes in with the samples, memory is bounded, the same samples give
/// the same readings, and a reading never depends on samples that come later.
pub trait Detector {
    /// Takes in the next sample and says what it is.
    fn observe(&mut self, sample: Sample) -> Reading;

    /// Whether it has what it takes to judge.
    fn is_warm(&self) -> bool;

    /// How many bytes it takes up, with all that it holds on the heap.
    fn bytes(&self) -> usize;
}

impl<D: Detector + ?Sized> Detector for Box<D> {
    fn observe(&mut self, sample: Sample) -> Reading {
        (**self).observe(sample)
    }

    fn is_warm(&self) -> bool {
        (**self).is_warm()
    }

    fn bytes(&self) -> usize {
        (**self).bytes()
    }
}

/// Between which values a sample is nothing unusual.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Band {
    /// The lowest of them.
    pub low: f64,
    /// The highest of them.
    pub high: f64,
}

/// What a [`Detector`] says about one sample, and how the series stands with it.
///
/// Plain data without allocation; [`Reading::verdict`] puts it into words.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Reading {
    /// The sample.
    pub sample: Sample,
    /// What was expected of it, from earlier samples alone.
    pub expected: Option<f64>,
    /// Between which values it would have been nothing unusual.
    pub band: Option<Band>,
    /// How often an ordinary sample deviates as much, over 0 and at most 1.
    pub p_value: Option<f64>,
    /// The smallest p-value that counting can give; a smaller one is extrapolated.
    pub resolution: Option<f64>,
    /// How much it matters: the [surprise](Reading::surprise), raised by a deviation that is large
    /// beside what was expected and lowered by one that is small. This is what alerts go by; how rare a
    /// value is says nothing about whether anybody has to care. Zero where nothing was judged.
    pub severity: f64,
    /// How far the evidence has come on the way to an alarm, from 0 to 1.
    pub score: f64,
    /// How the series stands; unknown where the sample was not judged.
    pub level: Level,
    /// Since when it stands so.
    pub since: Instant,
    /// How many samples it rests on.
    pub samples: u64,
    /// What the level rests on.
    pub why: Why,
    /// Which part of the detector spoke, where it has several.
    pub causes: Causes,
}

/// A part of a detector that judges for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Channel {
    /// How far the sample and the recent past are from every pattern seen before.
    Novelty,
    /// How far the sample is from what was forecast.
    Forecast,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Novelty => "novelty",
            Self::Forecast => "forecast",
        })
    }
}

/// How surprised each [`Channel`] of a detector is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Causes([Option<(Channel, f64)>; 2]);

impl Causes {
    /// Of the channels' own p-values.
    pub(crate) fn of(channels: [(Channel, Option<f64>); 2]) -> Self {
        Self(channels.map(|(channel, p_value)| Some((channel, p_value?))))
    }

    /// The channels that judged, each with its surprise, −log₁₀ of its own p-value.
    pub fn iter(&self) -> impl Iterator<Item = (Channel, f64)> {
        let surprise = |p: f64| -p.max(f64::MIN_POSITIVE).log10();
        self.0.into_iter().flatten().map(move |(channel, p)| (channel, surprise(p)))
    }

    /// The channel that was surprised most.
    #[must_use]
    pub fn first(&self) -> Option<(Channel, f64)> {
        self.iter().max_by(|one, other| one.1.total_cmp(&other.1))
    }
}

/// What the level of a [`Reading`] rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Why {
    /// The value is not a number, or infinite.
    NotANumber,
    /// Too few observations stand behind the value.
    TooFew,
    /// Not later than the sample before.
    Late,
    /// Not enough is known to judge by yet.
    WarmingUp {
        /// What is there.
        have: u32,
        /// What is needed.
        need: u32,
    },
    /// Nothing unusual.
    Ordinary,
    /// A deviation so small that it does not matter, however rare.
    Tolerated,
    /// A single sample outside the band: no alarm yet.
    Unusual,
    /// Beyond chance.
    Alarm,
    /// Ordinary again, but not long enough to end the alarm.
    Recovering,
    /// The deviation lasted so long that it is what is ordinary from now on.
    Relearnt,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => f.write_str("not a number"),
            Self::TooFew => f.write_str("too few observations"),
            Self::Late => f.write_str("not later than the sample before"),
            Self::WarmingUp { have, need } => write!(f, "warming up: {have} of {need} residuals"),
            Self::Ordinary => f.write_str("ordinary"),
            Self::Tolerated => f.write_str("within tolerance"),
            Self::Unusual => f.write_str("unusual"),
            Self::Alarm => f.write_str("beyond chance"),
            Self::Recovering => f.write_str("recovering"),
            Self::Relearnt => f.write_str("ordinary from now on"),
        }
    }
}

impl Reading {
    /// One that says no more than how the series stands.
    pub(crate) fn plain(
        sample: Sample,
        level: Level,
        since: Instant,
        samples: u64,
        why: Why,
    ) -> Self {
        Self {
            sample,
            expected: None,
            band: None,
            p_value: None,
            resolution: None,
            severity: 0.0,
            score: 0.0,
            level,
            since,
            samples,
            why,
            causes: Causes::default(),
        }
    }

    /// Whether the sample was taken in; a missing or late one changes nothing.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        !matches!(self.why, Why::NotANumber | Why::TooFew | Why::Late)
    }

    /// How rare the sample is: −log₁₀ of its p-value, so that 3 stands for one in a thousand. Zero where
    /// nothing was judged.
    #[must_use]
    pub fn surprise(&self) -> f64 {
        self.p_value.map_or(0.0, |p| -p.max(f64::MIN_POSITIVE).log10())
    }

    /// Whether the p-value is smaller than counting can give, and extrapolated.
    #[must_use]
    pub fn is_extrapolated(&self) -> bool {
        self.p_value < self.resolution
    }

    /// The reading as a [`Verdict`] that may be used for `valid_for`.
    ///
    /// Evidence: `value`, `expected`, `band_low`, `band_high` and `p_value`, where they are known.
    pub fn verdict(&self, valid_for: Duration) -> Verdict {
        let verdict = Verdict::new(self.level, self.sample.at)
            .since(self.since)
            .valid_for(valid_for)
            .with_samples(self.samples)
            .with_score(self.score)
            .because(self.to_string());
        let evidence = [
            ("value", Some(self.sample.value).filter(|value| value.is_finite())),
            ("expected", self.expected),
            ("band_low", self.band.map(|band| band.low)),
            ("band_high", self.band.map(|band| band.high)),
            ("p_value", self.p_value),
        ];
        evidence.into_iter().fold(verdict, |verdict, (name, value)| match value {
            Some(value) => verdict.with_evidence(name, value),
            None => verdict,
        })
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.why)?;
        if let (Some(expected), Some(p)) = (self.expected, self.p_value) {
            let value = self.sample.value;
            write!(f, ": {value:.4} where {expected:.4} was expected, p {p:.1e}")?;
            if let (true, Some(resolution)) = (self.is_extrapolated(), self.resolution) {
                write!(f, " (extrapolated below {resolution:.1e})")?;
            }
        }
        Ok(())
    }
}
