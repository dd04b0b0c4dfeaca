//! What a lane of a timeline can hold: states, marks, measured lines, shares of a whole.

use super::Tone;
use super::timeline::{Interval, Seconds};

/// States over time: a breaker, a verdict's level, the faults of an experiment.
///
/// Intervals may overlap; those that do are drawn below one another. One that ends before it starts
/// is left out, and the page says so.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
pub struct States {
    pub(super) name: String,
    pub(super) intervals: Vec<Interval>,
}

impl States {
    /// An empty lane.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), intervals: Vec::new() }
    }

    /// Adds one state.
    pub fn state(
        mut self,
        from: impl Into<Seconds>,
        to: impl Into<Seconds>,
        label: impl Into<String>,
        tone: Tone,
    ) -> Self {
        self.intervals.push(Interval::new(from, to, label, tone));
        self
    }

    /// Adds a run of states from their beginnings; each holds until the next, the last until
    /// `end`. One that is the same as the one before is no change, so that samples may stand here.
    ///
    /// ```
    /// use rely_core::report::{States, Tone};
    ///
    /// let changes = [
    ///     (0.0, "closed", Tone::Good),
    ///     (6.0, "closed", Tone::Good),
    ///     (12.0, "open", Tone::Bad),
    /// ];
    /// let long_way = States::new("breaker")
    ///     .state(0.0, 12.0, "closed", Tone::Good)
    ///     .state(12.0, 20.0, "open", Tone::Bad);
    /// assert_eq!(States::new("breaker").changes(changes, 20.0), long_way);
    /// ```
    pub fn changes<T: Into<Seconds>, L: Into<String>>(
        mut self,
        changes: impl IntoIterator<Item = (T, L, Tone)>,
        end: impl Into<Seconds>,
    ) -> Self {
        let changes = changes.into_iter();
        let mut changes = changes.map(|(at, label, tone)| (at.into(), label.into(), tone));
        let Some(mut current): Option<(Seconds, String, Tone)> = changes.next() else {
            return self;
        };
        for next in changes {
            if (&next.1, next.2) == (&current.1, current.2) {
                continue;
            }
            let (from, label, tone) = core::mem::replace(&mut current, next);
            self = self.state(from, current.0, label, tone);
        }
        let (from, label, tone) = current;
        self.state(from, end, label, tone)
    }
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Mark {
    pub(super) at: Seconds,
    pub(super) label: String,
    pub(super) tone: Tone,
}

/// Instants: events, decisions, alerts.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
pub struct Marks {
    pub(super) name: String,
    pub(super) marks: Vec<Mark>,
}

impl Marks {
    /// An empty lane.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), marks: Vec::new() }
    }

    /// Adds one mark.
    pub fn mark(mut self, at: impl Into<Seconds>, label: impl Into<String>, tone: Tone) -> Self {
        self.marks.push(Mark { at: at.into(), label: label.into(), tone });
        self
    }
}

/// A line of a [`Series`] lane: values over time.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
pub struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(Seconds, Option<f64>)>,
}

impl Line {
    /// A line without points.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), points: Vec::new() }
    }

    /// Adds points, in any order. `None` or a value that is not finite is a gap: it breaks the
    /// line. Values are drawn within ±10³⁰⁰.
    pub fn points<T: Into<Seconds>, V: Into<Option<f64>>>(
        mut self,
        points: impl IntoIterator<Item = (T, V)>,
    ) -> Self {
        let finite = |value: V| value.into().filter(|v| v.is_finite());
        self.points.extend(points.into_iter().map(|(at, value)| (at.into(), finite(value))));
        self
    }
}

/// Measured lines, with what a detector expected of the first of them.
///
/// The y axis spans the data, with zero where the data comes near it.
///
/// ```
/// use rely_core::report::{Line, Series};
///
/// let lane = Series::new("orders")
///     .unit("1/s")
///     .line(Line::new("observed").points([(0.0, Some(10.0)), (1.0, None), (2.0, Some(31.0))]))
///     .expected([(0.0, 10.0), (2.0, 10.0)])
///     .band([(0.0, 8.0, 12.0), (2.0, 8.0, 12.0)]);
/// # let _ = lane;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[must_use]
pub struct Series {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) lines: Vec<Line>,
    pub(super) expected: Vec<(Seconds, Option<f64>)>,
    pub(super) band: Vec<(Seconds, Option<(f64, f64)>)>,
    pub(super) thresholds: Vec<(f64, String)>,
    pub(super) include: Vec<f64>,
}

impl Series {
    /// An empty lane.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The unit of all values in the lane.
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// Adds a line.
    pub fn line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// What was expected of the first line; gaps as in [`Line::points`].
    pub fn expected<T: Into<Seconds>, V: Into<Option<f64>>>(
        mut self,
        points: impl IntoIterator<Item = (T, V)>,
    ) -> Self {
        self.expected = Line::default().points(points).points;
        self
    }

    /// The band `(time, lower, upper)` in which the first line was expected. Points of that line
    /// outside of it are ringed. A bound that is not finite, or a lower one above the upper, is a
    /// gap.
    pub fn band<T: Into<Seconds>>(mut self, band: impl IntoIterator<Item = (T, f64, f64)>) -> Self {
        self.band = band
            .into_iter()
            .map(|(at, lower, upper)| {
                let sound = lower.is_finite() && upper.is_finite() && lower <= upper;
                (at.into(), sound.then_some((lower, upper)))
            })
            .collect();
        self
    }

    /// Adds a level line with a label. One that is not finite is left out.
    pub fn threshold(mut self, value: f64, label: impl Into<String>) -> Self {
        self.thresholds.push((value, label.into()));
        self
    }

    /// Stretches the y axis so that it holds `value`, such as zero.
    pub fn include(mut self, value: f64) -> Self {
        self.include.push(value);
        self
    }
}

/// Shares of a whole over time: how traffic was split.
///
/// Each step holds until the next, the last until the end of the axis. Weights are relative: they
/// are drawn as shares of their sum. A weight that is negative or not finite counts as none; a step
/// without any weight is a gap.
///
/// ```
/// use rely_core::report::Weights;
///
/// let lane = Weights::new("traffic", ["stable", "canary"])
///     .step(0.0, [100.0, 0.0])
///     .step(60.0, [95.0, 5.0])
///     .step(120.0, [50.0, 50.0]);
/// # let _ = lane;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
pub struct Weights {
    pub(super) name: String,
    pub(super) parts: Vec<String>,
    pub(super) steps: Vec<(Seconds, Vec<Option<f64>>)>,
}

impl Weights {
    /// A lane of these parts, the first at the bottom.
    pub fn new<P: Into<String>>(
        name: impl Into<String>,
        parts: impl IntoIterator<Item = P>,
    ) -> Self {
        Self {
            name: name.into(),
            parts: parts.into_iter().map(Into::into).collect(),
            steps: Vec::new(),
        }
    }

    /// Adds a step: one weight for each part, in their order; missing ones count as none.
    pub fn step(mut self, at: impl Into<Seconds>, weights: impl IntoIterator<Item = f64>) -> Self {
        let weights = weights.into_iter().map(|w| w.is_finite().then_some(w)).collect();
        self.steps.push((at.into(), weights));
        self
    }
}
