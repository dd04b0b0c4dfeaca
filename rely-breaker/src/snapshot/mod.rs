//! A breaker, kept over a restart.

mod kept;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

use core::time::Duration;

#[cfg(feature = "serde")]
use rely_core::config::duration;
use rely_core::{ConfigError, config};

#[cfg(test)]
#[cfg(not(rely_loom))]
pub(crate) use self::kept::Answer;
pub(crate) use self::kept::{Alike, Bucket, Kept};
#[cfg(feature = "serde")]
use crate::machine::snapshot_version;
use crate::machine::{MachineSnapshot, State};

/// A breaker to be kept over a restart, in a file for example: the state and how much of it is left,
/// the calls of the window, the run of failures. [`Breaker::snapshot`](crate::Breaker::snapshot) makes
/// it, [`BreakerBuilder::restore`](crate::BreakerBuilder::restore) goes on with it.
///
/// Not in it are the configuration, what was counted since the breaker was made, and calls under way.
/// All times are relative, so that a process with another clock can go on; how long nothing ran, only
/// the user can tell: see [`after`](Self::after).
///
/// With the feature `serde` it is stored with a version. What another version wrote is refused, and so
/// are unknown fields. Calls that were alike are stored as one.
///
/// ```
/// use core::time::Duration;
/// use rely_breaker::{Breaker, State};
/// use rely_core::Clock;
///
/// let (clock, manual) = Clock::manual();
/// let builder = Breaker::builder("queue").open_for(Duration::from_secs(30)).clock(clock);
/// let breaker = builder.clone().build()?;
/// (0..20).for_each(|_| breaker.acquire().expect("closed").failure());
/// manual.advance(Duration::from_secs(10));
/// let kept = breaker.snapshot();
///
/// let restarted_at_once = builder.clone().restore(kept.clone()).build()?;
/// let rejected = restarted_at_once.acquire().unwrap_err();
/// assert_eq!(rejected.retry_after, Some(Duration::from_secs(20)));
///
/// let down_for_an_hour = builder.restore(kept.after(Duration::from_secs(3600))).build()?;
/// assert!(down_for_an_hour.acquire().is_ok(), "a trial");
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct BreakerSnapshot {
    // Stored first, so that another form is refused for its version and not for what it changed.
    #[cfg_attr(feature = "serde", serde(with = "snapshot_version"))]
    pub(crate) version: (),
    pub(crate) machine: MachineSnapshot,
    pub(crate) window: Kept,
    /// All calls that ended, the cancelled ones as bad, where they are counted.
    pub(crate) cancellations: Option<Kept>,
    pub(crate) consecutive_failures: u32,
    /// For how long failing answers asked to be left alone.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub(crate) asked: Duration,
    /// Whether a half-open one has let a trial through, with which their time began.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "core::ops::Not::not"))]
    pub(crate) tried: bool,
}

impl BreakerSnapshot {
    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.machine.state()
    }

    /// What is kept of the machine.
    #[must_use]
    pub const fn machine(&self) -> &MachineSnapshot {
        &self.machine
    }

    /// The same after nothing has run for `elapsed`, by the wall clock for example: what waits has
    /// waited for so long, an open breaker above all, and calls of a window of time are as much older.
    /// The time in which trials or a stage of a ramp are watched stands still, for there was nothing to
    /// see.
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        Self {
            machine: self.machine.after(elapsed),
            window: self.window.after(elapsed),
            cancellations: self.cancellations.map(|kept| kept.after(elapsed)),
            asked: self.asked.saturating_sub(elapsed),
            ..self
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.window.check().map_err(|error| error.within("window"))?;
        if let Some(kept) = &self.cancellations {
            kept.check().map_err(|error| error.within("cancellations"))?;
        }
        config::in_range("consecutive_failures", self.consecutive_failures, 0..=1 << 24)?;
        Ok(())
    }
}
