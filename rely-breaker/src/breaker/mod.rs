//! The shell: one atomic word and a lock-free window, in front of the machine.

mod builder;
mod command;
mod run;
mod shared;
mod status;

use core::fmt;
use core::num::NonZeroUsize;
use core::time::Duration;
use std::sync::Arc;

use rely_core::{Clock, Subscriber};

pub use self::builder::BreakerBuilder;
pub(crate) use self::shared::Shared;
pub use self::status::BreakerStatus;
use crate::machine::{self, Change, State};
use crate::permit::Permit;
use crate::sync::{AtomicU64, Ordering, lock};
use crate::tower::BreakerLayer;
use crate::word::Word;
use crate::{BreakerConfig, Rejected, RejectedReason};

/// A circuit breaker: a cheap-clone handle, every clone of which is the same breaker.
///
/// Closed, a call takes no lock and allocates nothing, and does not look at the clock unless slow
/// calls are asked for. All state is here, in the handle; layers made from it share it.
///
/// ```
/// use core::time::Duration;
/// use rely_breaker::{Breaker, State};
/// use rely_core::{Clock, Ratio};
///
/// let (clock, manual) = Clock::manual();
/// let breaker = Breaker::builder("queue")
///     .failure_rate(Ratio::percent(50.0)?)
///     .window_calls(10)
///     .minimum_calls(4)
///     .open_for(Duration::from_secs(5))
///     .trials(1)
///     .clock(clock)
///     .build()?;
///
/// for _ in 0..4 {
///     breaker.acquire().expect("closed").failure();
/// }
/// let rejected = breaker.acquire().unwrap_err();
/// assert_eq!(rejected.retry_after, Some(Duration::from_secs(5)));
///
/// manual.advance(Duration::from_secs(5));
/// breaker.acquire().expect("a trial").success();
/// assert_eq!(breaker.state(), State::Closed);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Breaker(Arc<Shared>);

impl Breaker {
    /// A breaker called `name`, which its errors, events and metrics carry.
    pub fn builder(name: impl Into<Arc<str>>) -> BreakerBuilder {
        let (clock, config) = (Clock::system(), BreakerConfig::default());
        BreakerBuilder { name: name.into(), clock, config, seed: None }
    }

    /// Asks for permission to make a call.
    ///
    /// # Errors
    /// If the breaker is open, or half-open with all trials under way. In shadow, never.
    #[inline]
    pub fn acquire(&self) -> Result<Permit, Rejected> {
        let word = self.0.word();
        if word.is_closed() {
            return Ok(Permit::new(Arc::clone(&self.0), word.generation(), false));
        }
        self.acquire_cold()
    }

    #[cold]
    fn acquire_cold(&self) -> Result<Permit, Rejected> {
        let shared = &self.0;
        loop {
            let word = shared.word();
            let permit = |trial| Permit::new(Arc::clone(shared), word.generation(), trial);
            match word.state() {
                State::Closed | State::ForcedClosed => return Ok(permit(false)),
                State::Disabled => return Ok(self.uncounted(word)),
                State::ForcedOpen => return self.refuse(word, RejectedReason::ForcedOpen, None),
                State::Open | State::HalfOpen => {}
            }
            let now = shared.clock.now();
            let Some((since, until)) = shared.span_of(word) else { continue };
            if machine::is_over(since, until, now) {
                shared.time_is_over(word.generation(), now);
                if shared.word() != word {
                    continue;
                }
            }
            if word.state() == State::Open {
                let wait = Some(until.saturating_since(now));
                return self.refuse(word, RejectedReason::Open, wait);
            }
            let Some(taken) = word.take_trial() else {
                return self.refuse(word, RejectedReason::TrialsTaken, None);
            };
            if shared.swap(word, taken) {
                return Ok(permit(true));
            }
        }
    }

    /// A rejection; in shadow, a note of it and a permit.
    fn refuse(
        &self,
        word: Word,
        reason: RejectedReason,
        wait: Option<Duration>,
    ) -> Result<Permit, Rejected> {
        if !self.0.config.shadow {
            return Err(self.0.reject(word.state(), reason, wait));
        }
        self.0.would_reject.fetch_add(1, Ordering::Relaxed);
        Ok(self.uncounted(word))
    }

    fn uncounted(&self, word: Word) -> Permit {
        Permit::uncounted(Arc::clone(&self.0), word.generation())
    }

    /// Whether [`Breaker::acquire`] would reject now: in shadow, never. Changes nothing.
    #[inline]
    #[must_use]
    pub fn would_reject(&self) -> bool {
        !self.0.word().is_closed() && self.would_reject_cold()
    }

    #[cold]
    fn would_reject_cold(&self) -> bool {
        if self.0.config.shadow {
            return false;
        }
        loop {
            let word = self.0.word();
            match word.state() {
                State::Closed | State::ForcedClosed | State::Disabled => return false,
                State::ForcedOpen => return true,
                State::Open | State::HalfOpen => {}
            }
            let Some((since, until)) = self.0.span_of(word) else { continue };
            let due = machine::is_over(since, until, self.0.clock.now());
            // When the trials have timed out it opens again.
            let trials_taken = || due || word.take_trial().is_none();
            return if word.state() == State::Open { !due } else { trials_taken() };
        }
    }

    /// Makes a call: runs `future` if the breaker lets it, and takes note of its `Result`.
    ///
    /// Asks when it is first polled; dropped before it is done, it was [cancelled](crate::Cancelled).
    pub fn call<F>(&self, future: F) -> crate::Call<F> {
        crate::Call::new(self.clone(), future)
    }

    /// The tower layer of this breaker, with every `Err` a failure unless told otherwise: over layers
    /// that refuse calls themselves, such as another breaker, tell it
    /// [`ByError`](rely_core::classify::ByError).
    #[must_use]
    pub fn layer(&self) -> BreakerLayer {
        BreakerLayer::new(self.clone())
    }

    /// The breaker's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The state now. An open time that is over shows as open until a call asks.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.word().state()
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &BreakerConfig {
        &self.0.config
    }

    /// State and counters at one moment.
    #[must_use]
    pub fn status(&self) -> BreakerStatus {
        let machine = lock(&self.0.machine);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BreakerStatus {
            state: machine.state(),
            since: machine.since(),
            generation: machine.generation(),
            until: machine.deadline(),
            counts: self.0.window.counts(),
            consecutive_failures: self.0.run.length(),
            rejected: count(&self.0.rejected),
            inner_not_ready: count(&self.0.inner_not_ready),
            would_reject: count(&self.0.would_reject),
            cancelled: count(&self.0.cancelled),
            late: count(&self.0.late),
            opened: count(&self.0.opened),
        }
    }

    /// Every later change of state, up to `capacity` unread ones.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<Change> {
        self.0.events.subscribe(capacity)
    }

    pub(crate) fn reject_inner_not_ready(&self) -> Rejected {
        self.0.inner_not_ready.fetch_add(1, Ordering::Relaxed);
        let wait = Some(Duration::ZERO);
        self.0.reject(self.state(), RejectedReason::InnerNotReady, wait)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("name", &self.0.name)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
