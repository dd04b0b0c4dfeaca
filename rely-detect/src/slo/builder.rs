//! How an objective is made.

use core::time::Duration;

use std::sync::Mutex;

use rely_core::{Clock, ConfigError, Point, Ratio};

use super::calendar::Calendar;
use super::config::{BurnWindow, Sli, SloConfig};
use super::live::Live;
use super::periods::Plan;
use super::rule::BurnRules;
use super::signal::{Inner, Slo, unix_seconds};
use super::snapshot::SloSnapshot;
use super::source::{Feed, PointReader, Reader};
use super::{Freshness, Ledger, Scrape};

/// How a [`Slo`] is made; see [`SloConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct SloBuilder {
    name: String,
    config: SloConfig,
    clock: Option<Clock>,
    points: Vec<Point>,
    feeds: Vec<Feed>,
    snapshot: Option<SloSnapshot>,
}

impl SloBuilder {
    pub(super) fn new(name: String) -> Self {
        let config = SloConfig::default();
        Self { name, config, clock: None, points: Vec::new(), feeds: Vec::new(), snapshot: None }
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

    /// Counts the budget by the calendar, in place of the last [`period`](Self::period).
    pub const fn calendar(mut self, calendar: Calendar) -> Self {
        self.config.calendar = Some(calendar);
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

    /// How sure it has to be that fewer than ten bad calls are no chance; see
    /// [`SloConfig::confidence`].
    pub const fn confidence(mut self, confidence: Ratio) -> Self {
        self.config.confidence = confidence;
        self
    }

    /// In how much of a window calls have to have been looked for.
    pub const fn minimum_coverage(mut self, share: Ratio) -> Self {
        self.config.minimum_coverage = share;
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

    /// The events of `ledger` count; it may be given beside other sources, as all of these.
    pub fn ledger(mut self, ledger: &Ledger) -> Self {
        self.feeds.push(Feed::Ledger(ledger.clone()));
        self
    }

    /// The events between the readings of `scrape` count.
    pub fn scrape(mut self, scrape: &Scrape) -> Self {
        self.feeds.push(Feed::Scrape(scrape.clone()));
        self
    }

    /// The slices of time of `freshness` count.
    pub fn freshness(mut self, freshness: &Freshness) -> Self {
        self.feeds.push(Feed::Freshness(freshness.clone()));
        self
    }

    /// The clock to count by, that of the first point by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Goes on from what an objective with the same windows and period had counted.
    pub fn restore(mut self, snapshot: SloSnapshot) -> Self {
        self.snapshot = Some(snapshot);
        self
    }

    /// The objective, which counts from now on.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range; `point`, if there is no source at
    /// all, or if latencies count and a meter's window is one bucket, which holds nothing until the
    /// next reading; `clock`, if there is neither a clock nor a point; `sli.latency_under`, if it is not
    /// from the lowest to 15/16 of the highest latency that the meter of each point tells apart; or
    /// `snapshot`, if it does not fit the configuration.
    pub fn build(self) -> Result<Slo, ConfigError> {
        let Self { name, config, clock, points, feeds, snapshot } = self;
        let rules = BurnRules::new(&config)?;
        if points.is_empty() && feeds.is_empty() {
            return Err(ConfigError::new("point", "missing", "at least one source"));
        }
        let Some(clock) = clock.or_else(|| points.first().map(|point| point.clock().clone()))
        else {
            return Err(ConfigError::new("clock", "missing", "one, or a point that has one"));
        };
        let now = clock.now();
        let points = points
            .into_iter()
            .map(|point| PointReader::new(point, config.sli, now).map(Reader::Point));
        let mut readers = points.collect::<Result<Vec<_>, _>>()?;
        readers.extend(feeds.into_iter().map(|feed| Reader::feed(feed, now)));
        let shortest = config.windows.iter().map(|window| window.short / 60);
        // Twice as often as needed, since timers come late.
        let held = readers.iter().filter_map(Reader::held_for).map(|held| held / 2);
        let read_every = shortest.chain(held).min().unwrap_or_default();
        let read_every = read_every.max(Duration::from_millis(1));
        let plan = Plan {
            calendar: config.calendar,
            length: config.period,
            allowed: config.objective.complement().as_f64(),
        };
        let wall = clock.wall();
        let mut live = Live::new(readers, &config.windows, plan, now, unix_seconds(wall));
        if let Some(snapshot) = snapshot {
            live.restore(snapshot, wall)?;
        }
        let (period, valid_for, live) = (config.period, config.valid_for, Mutex::new(live));
        Ok(Slo::new(Inner { name, rules, period, valid_for, read_every, clock, live }))
    }
}
