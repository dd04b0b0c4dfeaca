//! How an objective is made.

use core::time::Duration;

use rely_core::{ConfigError, Point, Ratio};

use super::config::{BurnWindow, Sli, SloConfig};
use super::counters::Counters;
use super::rule::BurnRules;
use super::signal::{Inner, Live, Slo};
use super::source::PointReader;

/// How a [`Slo`] is made; see [`SloConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct SloBuilder {
    name: String,
    config: SloConfig,
    points: Vec<Point>,
}

impl SloBuilder {
    pub(super) fn new(name: String) -> Self {
        Self { name, config: SloConfig::default(), points: Vec::new() }
    }

    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: SloConfig) -> Self {
        self.config = config;
        self
    }

    /// The share of calls that has to be good.
    pub const fn objective(mut self, objective: Ratio) -> Self {
        self.config.objective = objective;
        self
    }

    /// What makes a call good.
    pub const fn sli(mut self, sli: Sli) -> Self {
        self.config.sli = sli;
        self
    }

    /// When to say that the budget burns, in place of the default windows.
    pub fn windows(mut self, windows: impl IntoIterator<Item = BurnWindow>) -> Self {
        self.config.windows = windows.into_iter().collect();
        self
    }

    /// For how long the budget has to last.
    pub const fn period(mut self, period: Duration) -> Self {
        self.config.period = period;
        self
    }

    /// Makes all windows and the period that are set so far `factor` times as long.
    pub fn scaled(mut self, factor: f64) -> Self {
        self.config = self.config.scaled(factor);
        self
    }

    /// Fewer bad calls in the long window are no reason to call anybody.
    pub const fn minimum_bad(mut self, calls: u32) -> Self {
        self.config.minimum_bad = calls;
        self
    }

    /// How long a verdict may be used.
    pub const fn valid_for(mut self, age: Duration) -> Self {
        self.config.valid_for = age;
        self
    }

    /// The calls of `point` count; given several times, those of all of them.
    pub fn point(mut self, point: Point) -> Self {
        self.points.push(point);
        self
    }

    /// The objective, which counts from now on, by the clock of its first point.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range; `point`, if there is none, or if
    /// latencies count and a meter's window is one bucket, which holds nothing until the next reading;
    /// or `sli.latency_under`, if it is not from the lowest to 15/16 of the highest latency that the
    /// meter of each point tells apart.
    pub fn build(self) -> Result<Slo, ConfigError> {
        let Self { name, config, points } = self;
        let rules = BurnRules::new(&config)?;
        let Some(first) = points.first() else {
            return Err(ConfigError::new("point", "missing", "at least one"));
        };
        let (clock, now) = (first.clock().clone(), first.clock().now());
        let readers = points
            .into_iter()
            .map(|point| PointReader::new(point, config.sli, now))
            .collect::<Result<Vec<_>, _>>()?;
        let shortest = config.windows.iter().map(|window| window.short / 10);
        // Twice as often as needed, since timers come late.
        let held = readers.iter().filter_map(PointReader::held_for).map(|held| held / 2);
        let read_every = shortest.chain(held).min().unwrap_or_default();
        let read_every = read_every.max(Duration::from_millis(1));
        let spans = config.windows.iter().flat_map(|window| [window.long, window.short]);
        let mut spans: Vec<_> = spans.chain([config.period]).collect();
        spans.sort_unstable();
        spans.dedup();
        let (period, valid_for) = (config.period, config.valid_for);
        let live = Live::new(readers, Counters::new(now, spans));
        Ok(Slo::new(Inner { name, rules, period, valid_for, read_every, clock, live }))
    }
}
