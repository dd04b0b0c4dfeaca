//! Everything that can tell good from bad, and how several such judgements become one.
//!
//! A [`Signal`] is asked and answers at once. A slow source (a query, a webhook) belongs into a
//! [`Poller`](crate::poller::Poller), which is a signal again.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::signal::{self, ManualSignal, Signal, SignalExt};
//! use rely_core::{Instant, Level, Verdict};
//!
//! let now = Instant::from_nanos(1_000);
//! let database = ManualSignal::new(Verdict::new(Level::Healthy, now));
//! let cache = ManualSignal::new(Verdict::new(Level::Unhealthy, now));
//!
//! let ready = signal::all()
//!     .member("database", database)
//!     .member("cache", cache.degraded_at_worst());
//! let verdict = ready.verdict(now);
//! assert_eq!(verdict.level, Level::Degraded);
//! assert_eq!(verdict.reason, "1 of 2 healthy, 2 needed; cache");
//! ```

mod adapt;
mod group;
mod manual;

use std::sync::Arc;

pub use adapt::{DegradedAtWorst, ForAtLeast, MaxAge, SignalExt};
pub use group::{Group, all, any, quorum};
pub use manual::ManualSignal;

use crate::{Instant, Verdict};

/// A source of judgement.
///
/// The answer comes at once: a signal never blocks and never waits, and asking it twice or more
/// often changes nothing. Detectors, burn rates, breakers, probes and analyses are signals; so is
/// every closure `Fn(Instant) -> Verdict` that is `Send + Sync`, and `Arc<S>`, `Box<dyn Signal>`
/// and `&dyn Signal` pass the question on.
///
/// Whoever asks reads the answer through [`Verdict::at`], so that a stale one counts as unknown.
///
/// ```
/// use rely_core::{Instant, Level, Signal, Verdict};
///
/// struct DiskSpace(f64);
///
/// impl Signal for DiskSpace {
///     fn verdict(&self, now: Instant) -> Verdict {
///         let level = if self.0 < 0.05 { Level::Unhealthy } else { Level::Healthy };
///         Verdict::new(level, now).with_evidence("free_share", self.0)
///     }
/// }
///
/// let closure = |now: Instant| Verdict::new(Level::Healthy, now);
/// let signals: Vec<Box<dyn Signal>> = vec![Box::new(DiskSpace(0.5)), Box::new(closure)];
/// assert!(signals.iter().all(|s| s.verdict(Instant::ORIGIN).level == Level::Healthy));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a signal",
    label = "cannot be asked for a verdict",
    note = "implement `rely_core::Signal`, or pass a closure `|now: Instant| -> Verdict` that is \
            `Send + Sync`, an `Arc` of a signal, a `Box<dyn Signal>` or a `&dyn Signal`"
)]
pub trait Signal: Send + Sync {
    /// The judgement as far as it is known at `now`.
    fn verdict(&self, now: Instant) -> Verdict;
}

// The blanket covers `&F` and `Box<F>` of closures too, which is why references and boxes of
// signals can only be covered as trait objects.
impl<F> Signal for F
where
    F: Fn(Instant) -> Verdict + Send + Sync + ?Sized,
{
    fn verdict(&self, now: Instant) -> Verdict {
        self(now)
    }
}

impl<S: Signal + ?Sized> Signal for Arc<S> {
    fn verdict(&self, now: Instant) -> Verdict {
        (**self).verdict(now)
    }
}

impl Signal for Box<dyn Signal + '_> {
    fn verdict(&self, now: Instant) -> Verdict {
        (**self).verdict(now)
    }
}

impl Signal for &(dyn Signal + '_) {
    fn verdict(&self, now: Instant) -> Verdict {
        (**self).verdict(now)
    }
}

/// `next` with the earlier `since` of `last` if the level did not change and never went stale.
pub(crate) fn carry_since(last: &Verdict, next: &mut Verdict) {
    if last.level_at(next.as_of) == next.level {
        next.since = next.since.min(last.since);
    }
}

#[cfg(test)]
mod tests;
