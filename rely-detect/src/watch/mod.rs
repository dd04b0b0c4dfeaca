//! A detector over a live series, as a signal.
//!
//! [`Watched::builder`] gives two halves: [`Watched`], a [`Signal`] that says what the detector made
//! of the last sample, and the [`WatchDriver`], a future that takes a sample at each step. Nothing is
//! spawned: the user runs the driver on any executor, or calls [`WatchDriver::tick`] in a loop of their
//! own.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Clock, Level, Meter, Outcome, Signal};
//! use rely_detect::watch::{PointSource, Watched};
//! use rely_detect::{Seasonal, Side};
//!
//! let (clock, manual) = Clock::manual();
//! let queue = Meter::builder("orders").clock(clock.clone()).build()?.point("queue");
//! let step = Duration::from_millis(250);
//! let detector = Seasonal::builder("queue latency")
//!     .season(Duration::from_secs(3))
//!     .step(step)
//!     .side(Side::High)
//!     .build()?;
//! let (watched, mut driver) = Watched::builder(detector)
//!     .clock(clock.clone())
//!     .every(step)
//!     .build(PointSource::mean_latency(queue.clone()))?;
//!
//! for n in 0..40 {
//!     queue.record(Outcome::SUCCESS, Duration::from_micros(20_000 + n * 7919 % 3_000));
//!     manual.advance(step);
//!     driver.tick(clock.now());
//! }
//! assert_eq!(watched.verdict(clock.now()).level, Level::Healthy);
//!
//! queue.record(Outcome::SUCCESS, Duration::from_millis(900));
//! manual.advance(step);
//! driver.tick(clock.now());
//! assert_eq!(watched.verdict(clock.now()).level, Level::Unhealthy);
//! assert!(watched.reading().is_some_and(|reading| reading.expected < Some(0.03)));
//!
//! // Nobody looks any more.
//! manual.advance(4 * step);
//! assert_eq!(watched.verdict(clock.now()).level, Level::Unknown);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! | what happened | the signal says |
//! |---|---|
//! | no sample yet | unknown |
//! | a sample was judged | its verdict, until it is older than the maximum age |
//! | samples are missing since | still that verdict, until it is too old |
//! | the last judged sample is too old | unknown |

mod source;
#[cfg(test)]
mod tests;

use core::fmt;
use core::num::NonZeroUsize;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rely_core::{Clock, ConfigError, Events, Instant, Signal, Subscriber, Verdict, config};

pub use source::{PointSource, Source};

use crate::drive::{Drive, Driven};
use crate::seasonal::SeasonalSnapshot;
use crate::{Detector, Reading, Seasonal};

/// A [`Detector`] over a live series, as a [`Signal`]. Cloning is cheap.
///
/// See the [module's documentation](self).
pub struct Watched<D>(Arc<Shared<D>>);

struct Shared<D> {
    max_age: Duration,
    live: Mutex<Live<D>>,
    events: Events<Reading>,
}

struct Live<D> {
    detector: D,
    last: Option<Reading>,
    /// The last one that was not missing.
    taken: Option<Reading>,
}

/// How a [`Watched`] detector is made.
///
/// | setting | default | allowed |
/// |---|---|---|
/// | `every` | 10 s | over zero |
/// | `max_age` | three steps | at least one |
/// | `clock` | the system's | |
#[derive(Clone, Debug)]
#[must_use]
pub struct WatchedBuilder<D> {
    detector: D,
    every: Duration,
    max_age: Option<Duration>,
    clock: Clock,
}

/// The future that takes the samples of a [`Watched`] detector; the user runs it.
pub type WatchDriver<D, S> = Drive<Feed<D, S>>;

/// What a [`WatchDriver`] drives: a source and the detector that it feeds.
pub struct Feed<D, S> {
    watched: Watched<D>,
    source: S,
}

impl<D> WatchedBuilder<D> {
    /// The time from one sample to the next: a slot of the season, as a rule.
    pub const fn every(mut self, step: Duration) -> Self {
        self.every = step;
        self
    }

    /// How long a verdict may be used after its sample.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Where time comes from.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The signal, and the future that takes samples from `source`.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn build<S: Source>(
        self,
        source: S,
    ) -> Result<(Watched<D>, WatchDriver<D, S>), ConfigError> {
        let every = config::nonzero("every", self.every)?;
        let max_age = self.max_age.unwrap_or_else(|| every.saturating_mul(3));
        config::in_range("max_age", max_age, every..)?;
        let live = Mutex::new(Live { detector: self.detector, last: None, taken: None });
        let watched = Watched(Arc::new(Shared { max_age, live, events: Events::new() }));
        let feed = Feed { watched: watched.clone(), source };
        Ok((watched, Drive::new(feed, self.clock, every)))
    }
}

impl<D> Watched<D> {
    /// A builder for a watch with `detector`.
    pub fn builder(detector: D) -> WatchedBuilder<D> {
        let (every, clock) = (Duration::from_secs(10), Clock::system());
        WatchedBuilder { detector, every, max_age: None, clock }
    }

    /// What the detector said about the last sample, missing ones included.
    #[must_use]
    pub fn reading(&self) -> Option<Reading> {
        self.live().last
    }

    /// All readings from now on, of which `capacity` may wait unread: to plot what was expected beside
    /// what came, for example.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<Reading> {
        self.0.events.subscribe(capacity)
    }

    /// The detector as it is now.
    #[must_use]
    pub fn detector(&self) -> D
    where
        D: Clone,
    {
        self.live().detector.clone()
    }

    fn live(&self) -> MutexGuard<'_, Live<D>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched<Seasonal> {
    /// Says that the deviation that goes on now is ordinary: see [`Seasonal::accept`].
    pub fn accept(&self) {
        self.live().detector.accept();
    }

    /// Everything that the detector has learnt, to be kept across restarts.
    #[must_use]
    pub fn snapshot(&self) -> SeasonalSnapshot {
        self.live().detector.snapshot()
    }
}

impl<D: Detector> Watched<D> {
    fn observe(&self, sample: crate::Sample) -> Reading {
        let mut live = self.live();
        let reading = live.detector.observe(sample);
        live.last = Some(reading);
        if reading.is_taken() {
            live.taken = Some(reading);
        }
        // Pushed under the lock, so that readings come in order; woken without it.
        let wakes = self.0.events.push_with(|| reading);
        drop(live);
        wakes.wake();
        reading
    }
}

impl<D: Send> Signal for Watched<D> {
    fn verdict(&self, now: Instant) -> Verdict {
        let (taken, last) = {
            let live = self.live();
            (live.taken, live.last)
        };
        match (taken, last) {
            (Some(reading), _) => reading.verdict(self.0.max_age).at(now),
            (None, Some(missing)) => Verdict::unknown(now, missing.to_string()),
            (None, None) => Verdict::unknown(now, "no sample yet"),
        }
    }
}

impl<D: Detector, S: Source> Driven for Feed<D, S> {
    fn tick(&mut self, now: Instant) {
        let sample = self.source.sample(now);
        self.watched.observe(sample);
    }

    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.watched.0) == 1
    }
}

impl<D: Detector, S: Source> WatchDriver<D, S> {
    /// Takes a sample at `now`, for those who have a loop of their own and do not run the future.
    pub fn tick(&mut self, now: Instant) -> Reading {
        let Feed { watched, source } = self.driven_mut();
        watched.observe(source.sample(now))
    }
}

impl<D> Clone for Watched<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D> fmt::Debug for Watched<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("max_age", &self.0.max_age).finish_non_exhaustive()
    }
}

impl<D, S> fmt::Debug for Feed<D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("watched", &self.watched).finish_non_exhaustive()
    }
}
