use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use super::config::Settings;
use super::{LatencyConfig, MeterConfig, Point, PointSnapshot, Target};
use crate::keyed::{Keyed, Overflow};
use crate::{Clock, ConfigError, Instant};

/// Points by target, with a bound on their number. A cheap-clone handle.
///
/// See the [module's documentation](super) for an example.
#[derive(Clone)]
pub struct Meter(Arc<Inner>);

struct Inner {
    name: String,
    clock: Clock,
    settings: Settings,
    points: Keyed<Target, Point>,
    overflow: Point,
}

/// How a [`Meter`] is made; see [`MeterConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct MeterBuilder {
    name: String,
    clock: Clock,
    config: MeterConfig,
}

impl MeterBuilder {
    /// Takes over a whole configuration, read from a file for example.
    pub const fn config(mut self, config: MeterConfig) -> Self {
        self.config = config;
        self
    }

    /// How far back the windows reach.
    pub const fn window(mut self, window: Duration) -> Self {
        self.config.window = window;
        self
    }

    /// In how many steps the windows move on.
    pub const fn buckets(mut self, buckets: u32) -> Self {
        self.config.buckets = buckets;
        self
    }

    /// In how many places threads count at the same moment without meeting.
    pub const fn shards(mut self, shards: u32) -> Self {
        self.config.shards = Some(shards);
        self
    }

    /// The range and the precision of latencies.
    pub const fn latency(mut self, latency: LatencyConfig) -> Self {
        self.config.latency = latency;
        self
    }

    /// How many targets have a point of their own.
    pub const fn targets(mut self, targets: usize) -> Self {
        self.config.targets = targets;
        self
    }

    /// After how long without use a target may make room for another.
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.config.idle = idle;
        self
    }

    /// The clock; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The meter, empty.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Meter, ConfigError> {
        let Self { name, clock, config } = self;
        if config.targets == 0 {
            return Err(ConfigError::new("targets", 0, "at least 1"));
        }
        let settings = Settings::new(&config)?;
        let overflow = Point::new(Target::new("overflow"), clock.clone(), settings)?;
        let points = Keyed::builder()
            .capacity(config.targets)
            .idle(config.idle)
            .overflow(Overflow::Shared(overflow.clone()))
            .busy(Point::is_held)
            .build()?;
        Ok(Meter(Arc::new(Inner { name, clock, settings, points, overflow })))
    }
}

impl Meter {
    /// A meter called `name`.
    pub fn builder(name: impl Into<String>) -> MeterBuilder {
        let (clock, config) = (Clock::system(), MeterConfig::default());
        MeterBuilder { name: name.into(), clock, config }
    }

    /// The meter's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The clock that its points read.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The point of `target`, made if there was none; beyond the bound the shared `overflow` point.
    ///
    /// Keep it where calls to one target come from one place: counting is cheaper than looking up.
    pub fn point(&self, target: impl Into<Target>) -> Point {
        let (inner, target) = (&*self.0, target.into());
        let make = || {
            Point::new(target.clone(), inner.clock.clone(), inner.settings)
                .expect("the overflow point was made of the same settings")
        };
        let entry = inner.points.get_or_insert_with(&target, inner.clock.coarse_now(), make);
        // The registry shares the overflow point rather than refuse.
        entry.map_or_else(|_| inner.overflow.clone(), |point| Point::clone(&point))
    }

    /// The point that counts calls to targets beyond the bound.
    #[must_use]
    pub fn overflow(&self) -> &Point {
        &self.0.overflow
    }

    /// Everything that is known now, ordered by target; the overflow point last, if it counted.
    #[must_use]
    pub fn snapshot(&self) -> MeterSnapshot {
        let now = self.0.clock.now();
        let points = self.0.points.snapshot();
        let mut points: Vec<_> = points.iter().map(|point| point.snapshot(now)).collect();
        points.sort_by(|a, b| a.target.cmp(&b.target));
        let overflow = self.0.overflow.snapshot(now);
        if overflow.lifetime.total() > 0 {
            points.push(overflow);
        }
        MeterSnapshot { name: self.0.name.clone(), at: now, points }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("name", &self.0.name)
            .field("targets", &self.0.points.len())
            .finish_non_exhaustive()
    }
}

/// Everything that a [`Meter`] knew at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MeterSnapshot {
    /// The meter's name.
    pub name: String,
    /// When it was read.
    pub at: Instant,
    /// One for each target.
    pub points: Vec<PointSnapshot>,
}
