//! Totals that are read elsewhere, a pair of Prometheus counters for example.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use rely_core::{ConfigError, Instant, config};

use super::source::Progress;
use crate::share::Counts;

/// A pair of counters, of good events and of all, that is read now and then from elsewhere. Cloning is
/// cheap, and the clones share what was read.
///
/// A window knows how much of its time lies between readings, and is not judged by an [`Slo`] where
/// that is too little; see [`SloConfig::minimum_coverage`].
///
/// ```
/// use core::time::Duration;
/// use rely_core::Instant;
/// use rely_detect::share::Counts;
/// use rely_detect::slo::{Scrape, Scraped};
///
/// let at = |secs| Instant::ORIGIN + Duration::from_secs(secs);
/// let scrape = Scrape::new(Duration::from_secs(60))?;
/// assert_eq!(scrape.observe(at(0), 900.0, 1_000.0), Scraped::First);
/// assert_eq!(scrape.observe(at(15), 998.0, 1_100.0), Scraped::Counted(Counts::new(2, 100)));
/// // The process was restarted: its counters begin at zero.
/// assert_eq!(scrape.observe(at(30), 40.0, 40.0), Scraped::Reset(Counts::new(0, 40)));
/// assert_eq!(scrape.observe(at(20), 41.0, 41.0), Scraped::Late);
/// assert_eq!(scrape.observe(at(45), f64::NAN, 50.0), Scraped::Missing);
/// assert_eq!(scrape.observe(at(300), 90.0, 90.0), Scraped::Gap(Counts::new(0, 50)));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
///
/// [`Slo`]: super::Slo
/// [`SloConfig::minimum_coverage`]: super::SloConfig::minimum_coverage
#[derive(Clone, Debug)]
pub struct Scrape(Arc<Mutex<Machine>>);

/// What became of a reading of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scraped {
    /// The first one, from which the next ones count.
    First,
    /// These events came since the last one.
    Counted(Counts),
    /// A counter fell, so both began anew: these events came since then. Those between the last
    /// reading and the fall are lost.
    Reset(Counts),
    /// The last reading is too long ago to say when these events came, so they do not count, and the
    /// time since then is not covered.
    Gap(Counts),
    /// Not later than the last one: nothing changes.
    Late,
    /// Not a number, infinite or negative: nothing changes.
    Missing,
}

#[derive(Debug)]
struct Machine {
    max_gap: Duration,
    last: Option<Reading>,
    progress: Progress,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    good: u64,
    total: u64,
}

impl Scrape {
    /// What comes between readings that are up to `max_gap` apart counts: four times the usual step
    /// between them, for example.
    ///
    /// # Errors
    /// `max_gap`, if it is zero.
    pub fn new(max_gap: Duration) -> Result<Self, ConfigError> {
        config::nonzero("max_gap", max_gap)?;
        let progress = Progress { bad: 0, good: 0, seen: Some(Duration::ZERO) };
        Ok(Self(Arc::new(Mutex::new(Machine { max_gap, last: None, progress }))))
    }

    /// Both counters as they stood at `at`, rounded to whole events; says what became of them.
    pub fn observe(&self, at: Instant, good: f64, total: f64) -> Scraped {
        let whole = |value: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
            (value.is_finite() && value >= 0.0).then(|| value.round() as u64)
        };
        let (Some(good), Some(total)) = (whole(good), whole(total)) else {
            return Scraped::Missing;
        };
        let mut machine = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        machine.observe(Reading { at, good, total })
    }

    pub(super) fn progress(&self) -> Progress {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).progress
    }
}

impl Machine {
    fn observe(&mut self, next: Reading) -> Scraped {
        let Some(last) = self.last else {
            self.last = Some(next);
            return Scraped::First;
        };
        if next.at <= last.at {
            return Scraped::Late;
        }
        self.last = Some(next);
        let reset = next.good < last.good || next.total < last.total;
        let (good, total) = if reset {
            (next.good, next.total)
        } else {
            (next.good - last.good, next.total - last.total)
        };
        let good = good.min(total);
        let calls = Counts::new(total - good, total);
        let time = next.at - last.at;
        if time > self.max_gap {
            return Scraped::Gap(calls);
        }
        self.progress = self.progress.plus(calls, time);
        if reset { Scraped::Reset(calls) } else { Scraped::Counted(calls) }
    }
}
