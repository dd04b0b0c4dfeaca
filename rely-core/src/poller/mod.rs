//! A slow source of judgement (a query, a webhook, a health endpoint) as a [`Signal`].
//!
//! [`Poller::builder`] gives two halves: the [`Poller`], a signal that answers at once with what
//! the source said last, and the [`PollerDriver`], a future that asks the source again and again.
//! Nothing is spawned: the user runs the driver, on any executor.
//!
//! ```
//! use core::time::Duration;
//! use futures::FutureExt;
//! use rely_core::poller::Poller;
//! use rely_core::{Clock, Level, Signal, Verdict};
//!
//! let (clock, manual) = Clock::manual();
//! let (poller, driver) = Poller::builder("replica lag")
//!     .clock(clock.clone())
//!     .interval(Duration::from_secs(10))
//!     .max_age(Duration::from_secs(30))
//!     .build(|now| async move {
//!         // … ask the database …
//!         Ok::<_, std::io::Error>(Verdict::new(Level::Healthy, now))
//!     })?;
//!
//! assert_eq!(poller.verdict(clock.now()).level, Level::Unknown);
//! let mut driver = Box::pin(driver);
//! assert!(driver.as_mut().now_or_never().is_none(), "runs while anybody holds the signal");
//! assert_eq!(poller.verdict(clock.now()).level, Level::Healthy);
//!
//! drop(driver);
//! manual.advance(Duration::from_secs(31));
//! assert_eq!(poller.verdict(clock.now()).level, Level::Unknown);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! # What the signal says
//!
//! | what happened | the signal says |
//! |---|---|
//! | the source never answered | unknown |
//! | it answered | its verdict, until the verdict's own end or until it is older than the maximum age |
//! | it failed or took too long since | still that verdict, with the number of errors in the reason |
//! | the last answer is too old | unknown, with the number of errors in the reason |
//! | the driver was dropped | the same as before, and the reason says that nobody drives it |
//!
//! While answers keep the same level, `since` stays where the first of them put it.

mod builder;
mod config;
mod driver;
mod machine;

use std::sync::Arc;

pub use builder::PollerBuilder;
pub use config::PollerConfig;
pub use driver::PollerDriver;

use self::machine::Machine;
use crate::sync::{Mutex, lock};
use crate::{Instant, Signal, Verdict};

/// The signal of a source that is asked in the background. Cloning is cheap.
///
/// See the [module's documentation](self).
#[derive(Clone, Debug)]
pub struct Poller {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    machine: Mutex<Machine>,
}

impl Poller {
    /// A builder for a poller called `name`.
    pub fn builder(name: impl Into<String>) -> PollerBuilder {
        PollerBuilder::new(name.into())
    }

    /// The name it was built with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How the asking goes.
    #[must_use]
    pub fn status(&self) -> PollerStatus {
        lock(&self.shared.machine).status()
    }
}

impl Signal for Poller {
    fn verdict(&self, now: Instant) -> Verdict {
        lock(&self.shared.machine).verdict(now)
    }
}

/// How a [`Poller`]'s asking goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollerStatus {
    /// How often the source answered in time.
    pub answers: u64,
    /// How often it failed or took too long.
    pub errors: u64,
    /// How many of those came since the last answer.
    pub errors_in_a_row: u32,
    /// What the last error said, its sources included, at most 200 bytes; kept after an answer
    /// too.
    pub last_error: Option<Arc<str>>,
    /// Whether the driver still exists; without it nobody asks the source.
    pub driven: bool,
}

#[cfg(test)]
mod tests;
