//! Whether a loop goes round.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rely_core::{ConfigError, Instant, Level, Signal, Verdict, config};

/// The pulse of a loop: the loop [beats](Self::beat) it, and somebody else, in another thread or task,
/// asks it as a [`Signal`]. Cloning is cheap, and all clones are the same pulse.
///
/// Unhealthy once the last beat is older than the deadline; met exactly it is in time. Before the first
/// beat it is unknown for as long as the deadline, and then unhealthy: a loop that never began is no
/// better than one that stands still.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Instant, Level, Signal};
/// use rely_detect::watchdog::Pulse;
///
/// let start = Instant::ORIGIN;
/// let pulse = Pulse::new("detectors", start, Duration::from_secs(5))?;
/// let of_the_loop = pulse.clone();
/// of_the_loop.beat(start + Duration::from_secs(1));
/// assert_eq!(pulse.verdict(start + Duration::from_secs(6)).level, Level::Healthy);
/// assert_eq!(pulse.verdict(start + Duration::from_secs(7)).level, Level::Unhealthy);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    start: Instant,
    deadline: Duration,
    /// Nanoseconds of the last beat, plus one; zero before the first.
    last: AtomicU64,
}

impl Pulse {
    /// The pulse of a loop that has to go round within `deadline`, from `start` on.
    ///
    /// # Errors
    /// If `deadline` is zero.
    pub fn new(
        name: impl Into<String>,
        start: Instant,
        deadline: Duration,
    ) -> Result<Self, ConfigError> {
        config::nonzero("deadline", deadline)?;
        let (name, last) = (name.into(), AtomicU64::new(0));
        Ok(Self(Arc::new(Inner { name, start, deadline, last })))
    }

    /// The loop has gone round. One relaxed write; nobody waits.
    pub fn beat(&self, now: Instant) {
        self.0.last.fetch_max(now.as_nanos().saturating_add(1), Ordering::Relaxed);
    }

    /// When it beat last.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        let last = self.0.last.load(Ordering::Relaxed);
        last.checked_sub(1).map(Instant::from_nanos)
    }
}

impl Signal for Pulse {
    fn verdict(&self, now: Instant) -> Verdict {
        let Inner { name, start, deadline, .. } = &*self.0;
        let last = self.last();
        let from = last.unwrap_or(*start);
        let age = now - from;
        let verdict =
            |level| Verdict::new(level, now).with_evidence("age_seconds", age.as_secs_f64());
        match last {
            _ if age > *deadline => verdict(Level::Unhealthy)
                .since(from + *deadline)
                .because(format!("{name} has stood still for {age:?}, {deadline:?} allowed")),
            Some(_) => verdict(Level::Healthy).because(format!("{name} went round {age:?} ago")),
            None => verdict(Level::Unknown).because(format!("{name} has not gone round yet")),
        }
    }
}
