//! A watch as a signal.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rely_core::{Instant, Signal, Verdict};

use super::miner::Line;
use super::watch::LogWatch;
use crate::{Detector, Seasonal};

/// A [`LogWatch`] that one part of a program feeds and another one asks, as a [`Signal`]. Cloning is
/// cheap, and all clones are the same watch.
///
/// To ask it ends the steps that are over, so a log that nobody writes to any more is missed without
/// anybody who ticks.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Instant, Level, Signal};
/// use rely_detect::logs::{LogWatch, Miner, WatchedLog};
///
/// let miner = Miner::builder("orders").build()?;
/// let log = WatchedLog::new(LogWatch::builder(miner).step(Duration::from_secs(10)).build()?);
/// let writer = log.clone();
/// let at = |second| Instant::ORIGIN + Duration::from_secs(second);
/// for second in 0..3000 {
///     writer.observe(at(second), &format!("INFO order {second} took {} ms", second % 90));
/// }
/// assert_eq!(log.verdict(at(3000)).level, Level::Healthy);
/// writer.observe(at(3000), "ERROR disk full on /var");
/// assert_eq!(log.verdict(at(3001)).level, Level::Degraded);
/// let new = log.with(|watch| watch.next_event()).map(|event| event.to_string());
/// assert!(new.is_some_and(|new| new.ends_with("ERROR disk full on <path>")));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
pub struct WatchedLog<D = Seasonal>(Arc<Mutex<LogWatch<D>>>);

impl<D: Detector + Clone> WatchedLog<D> {
    /// A signal of `watch`.
    #[must_use]
    pub fn new(watch: LogWatch<D>) -> Self {
        Self(Arc::new(Mutex::new(watch)))
    }

    /// Takes in the next line; see [`LogWatch::observe`].
    pub fn observe(&self, at: Instant, line: &str) -> Line {
        self.live().observe(at, line)
    }

    /// Does something with the watch while nobody else does: fetches its events, or takes a snapshot.
    pub fn with<T>(&self, then: impl FnOnce(&mut LogWatch<D>) -> T) -> T {
        then(&mut self.live())
    }

    fn live(&self) -> MutexGuard<'_, LogWatch<D>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Detector + Clone + Send> Signal for WatchedLog<D> {
    fn verdict(&self, now: Instant) -> Verdict {
        let mut watch = self.live();
        watch.tick(now);
        watch.verdict().at(now)
    }
}

impl<D> Clone for WatchedLog<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D> fmt::Debug for WatchedLog<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedLog").finish_non_exhaustive()
    }
}
