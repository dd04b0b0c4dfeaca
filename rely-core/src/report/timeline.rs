//! Timelines: lanes and phases over one axis of time.

use core::time::Duration;

use super::{Marks, Series, States, Tone, Weights};
use crate::Instant;

/// A point in time, in seconds from the start of whatever the report is about.
///
/// Made from a `f64`, a [`Duration`] or an [`Instant`] (then: since its clock's origin). The range
/// is ±10¹² s; what lies outside is moved to the edge. A NaN or an infinity is no time: what
/// stands there is left out, and the page says so.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "Option<f64>", into = "Option<f64>")
)]
pub struct Seconds(f64);

impl Seconds {
    const LIMIT: f64 = 1e12;

    /// The time as a number, if it is one.
    #[must_use]
    pub fn get(self) -> Option<f64> {
        self.0.is_finite().then_some(self.0)
    }
}

impl From<f64> for Seconds {
    fn from(seconds: f64) -> Self {
        if seconds.is_finite() {
            Self(seconds.clamp(-Self::LIMIT, Self::LIMIT))
        } else {
            Self(f64::NAN)
        }
    }
}

impl From<Duration> for Seconds {
    fn from(since_start: Duration) -> Self {
        since_start.as_secs_f64().into()
    }
}

impl From<Instant> for Seconds {
    fn from(at: Instant) -> Self {
        at.since_origin().into()
    }
}

impl From<Option<f64>> for Seconds {
    fn from(seconds: Option<f64>) -> Self {
        seconds.unwrap_or(f64::NAN).into()
    }
}

impl From<Seconds> for Option<f64> {
    fn from(seconds: Seconds) -> Self {
        seconds.get()
    }
}

/// Lanes that share one axis of time, one above the other.
///
/// The axis covers everything in the lanes and phases, unless [`span`](Self::span) says otherwise.
///
/// ```
/// use core::time::Duration;
/// use rely_core::report::{Line, Marks, Phase, Series, Timeline, Tone};
///
/// let latency = Series::new("latency")
///     .unit("ms")
///     .line(Line::new("p99").points((0..60).map(|s| (f64::from(s), 40.0))))
///     .threshold(250.0, "objective");
/// let timeline = Timeline::new("One minute of checkout")
///     .phase(Phase::new(10.0, 30.0, "outage").tone(Tone::Bad))
///     .lane(Marks::new("events").mark(Duration::from_secs(12), "breaker opens", Tone::Warning))
///     .lane(latency);
/// # let _ = timeline;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[must_use]
pub struct Timeline {
    pub(super) caption: String,
    pub(super) span: Option<(Seconds, Seconds)>,
    pub(super) phases: Vec<Phase>,
    pub(super) lanes: Vec<Lane>,
}

impl Timeline {
    /// A timeline without lanes.
    pub fn new(caption: impl Into<String>) -> Self {
        Self { caption: caption.into(), ..Self::default() }
    }

    /// Fixes the axis; what lies outside is cut off. Ignored unless it ends after it starts.
    ///
    /// Timelines with the same span line up across the page.
    pub fn span(mut self, from: impl Into<Seconds>, to: impl Into<Seconds>) -> Self {
        self.span = Some((from.into(), to.into()));
        self
    }

    /// Adds a phase: a shading with a name that crosses all lanes.
    pub fn phase(mut self, phase: Phase) -> Self {
        self.phases.push(phase);
        self
    }

    /// Adds a lane below the others.
    pub fn lane(mut self, lane: impl Into<Lane>) -> Self {
        self.lanes.push(lane.into());
        self
    }
}

/// An act or phase of a timeline. One that ends before it starts is left out, and the page says so.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
pub struct Phase {
    pub(super) interval: Interval,
}

impl Phase {
    /// A neutral phase.
    pub fn new(from: impl Into<Seconds>, to: impl Into<Seconds>, label: impl Into<String>) -> Self {
        Self { interval: Interval::new(from, to, label, Tone::Neutral) }
    }

    /// The same phase with a tone.
    pub fn tone(mut self, tone: Tone) -> Self {
        self.interval.tone = tone;
        self
    }
}

/// A named stretch of time.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Interval {
    pub(super) from: Seconds,
    pub(super) to: Seconds,
    pub(super) label: String,
    pub(super) tone: Tone,
}

impl Interval {
    pub(super) fn new(
        from: impl Into<Seconds>,
        to: impl Into<Seconds>,
        label: impl Into<String>,
        tone: Tone,
    ) -> Self {
        Self { from: from.into(), to: to.into(), label: label.into(), tone }
    }

    /// Start and end, if both are times and in order.
    pub(super) fn bounds(&self) -> Option<(f64, f64)> {
        let (from, to) = (self.from.get()?, self.to.get()?);
        (from <= to).then_some((from, to))
    }
}

/// One lane of a timeline.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Lane {
    /// Intervals with a state.
    States(States),
    /// Instants with a label.
    Marks(Marks),
    /// Measured lines.
    Series(Series),
    /// Shares of a whole.
    Weights(Weights),
}

impl Lane {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::States(lane) => &lane.name,
            Self::Marks(lane) => &lane.name,
            Self::Series(lane) => &lane.name,
            Self::Weights(lane) => &lane.name,
        }
    }
}

macro_rules! into_lane {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Lane {
            fn from(lane: $kind) -> Self {
                Self::$kind(lane)
            }
        }
    )*};
}
into_lane!(States, Marks, Series, Weights);
