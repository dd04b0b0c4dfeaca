//! The shell: one atomic word and a lock-free window, in front of the machine.

mod admit;
mod builder;
mod calls;
mod command;
mod counters;
mod drive;
mod restore;
mod run;
mod settings;
mod settle;
mod shape;
mod shared;
mod status;
#[cfg(feature = "tracing")]
mod trace;
mod waiters;

use core::fmt;
use core::num::NonZeroUsize;
use core::time::Duration;
use std::sync::Arc;

use rely_core::{ConfigError, Recording, Subscriber};

pub(crate) use self::admit::{Admitted, Hold, Refused};
pub use self::builder::BreakerBuilder;
pub use self::drive::Drive;
pub(crate) use self::shared::Shared;
pub use self::status::{BreakerStatus, NamedChange};
pub(crate) use self::waiters::Waiter;
use crate::machine::{Change, Input, State};
use crate::permit::{Lease, OwnedPermit, Permit};
use crate::sync::{AtomicU64, Ordering, lock};
use crate::tower::BreakerLayer;
use crate::{BreakerConfig, Rejected};

/// How long to stay open after a change, for the n-th time in a row that it is: the user's own.
pub(crate) type OpenTimeFn = Arc<dyn Fn(&Change, u32) -> Duration + Send + Sync>;

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
pub struct Breaker(Arc<Handle<[u64]>>);

/// What a clone is. Calls that outlive it hold on to this and not to the breaker: who calls through a
/// handle of his own meets nobody at its count of references.
struct Handle<Gap: ?Sized> {
    shared: Arc<Shared>,
    _gap: Gap,
}

/// Words that keep the counts of two handles off the same cache line.
const GAP: usize = 14;

impl Breaker {
    /// A breaker called `name`, which its errors, events and metrics carry.
    pub fn builder(name: impl Into<Arc<str>>) -> BreakerBuilder {
        BreakerBuilder::new(name.into())
    }

    pub(crate) fn from_shared(shared: Shared) -> Self {
        Self(Arc::new(Handle { shared: Arc::new(shared), _gap: [0; 0] }))
    }

    /// The same breaker through a handle of its own.
    pub(crate) fn apart(&self) -> Self {
        Self(Arc::new(Handle { shared: Arc::clone(&self.0.shared), _gap: [0; GAP] }))
    }

    #[inline(always)]
    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Asks for permission to make a call. The permit borrows the breaker, which is the fastest way
    /// there is.
    ///
    /// # Errors
    /// If the breaker is open, or half-open with all trials under way, or ramping and the call is not
    /// one of its share. In shadow, never.
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_>, Rejected> {
        let Admitted { tag, start } = self.shared().admit()?;
        Ok(Permit(Lease::new(self.shared(), tag, start)))
    }

    /// The same with a permit that keeps the breaker: for a future, or a task of its own.
    ///
    /// # Errors
    /// As [`Breaker::acquire`].
    #[inline]
    pub fn acquire_owned(&self) -> Result<OwnedPermit, Rejected> {
        let Admitted { tag, start } = self.shared().admit()?;
        Ok(OwnedPermit(Lease::new(self.clone(), tag, start)))
    }

    /// As [`Breaker::acquire_owned`], with the handle becoming the permit's own.
    #[cfg(feature = "keyed")]
    #[inline]
    pub(crate) fn acquire_into(self) -> Result<OwnedPermit, Rejected> {
        let Admitted { tag, start } = self.shared().admit()?;
        Ok(OwnedPermit(Lease::new(self, tag, start)))
    }

    /// Whether [`Breaker::acquire`] would reject now: in shadow, never. Changes nothing. While ramping
    /// it does not: which calls are in the share is said when they are made.
    #[inline]
    #[must_use]
    pub fn would_reject(&self) -> bool {
        self.shared().would_reject()
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
        &self.shared().name
    }

    /// The state now. A time that is over shows as if it were not until a call asks, or a
    /// [driver](Breaker::drive) looks.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared().word().state()
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> Arc<BreakerConfig> {
        Arc::clone(lock(&self.shared().core).machine.config())
    }

    /// Another configuration from now on, without an interruption: the state, its time and everything
    /// counted stay. A window of calls of another size takes over the latest calls, a window of time
    /// the buckets; between calls and time nothing can be taken over, and the window begins empty.
    ///
    /// Times that have begun last as they were meant to when they began. What the new rules are met by
    /// happens now: a window that reaches a rate opens, trials that are decided end. Of more trials than
    /// before, those that are more may begin at once.
    ///
    /// # Errors
    /// The first field that is out of range. `window` if the breaker has had 64 sizes already: each is
    /// kept, as a call may still be looking at it.
    pub fn reconfigure(&self, config: BreakerConfig) -> Result<(), ConfigError> {
        self.shared().reconfigure(config)
    }

    /// State and counters at one moment.
    #[must_use]
    pub fn status(&self) -> BreakerStatus {
        let shared = self.shared();
        let core = lock(&shared.core);
        let machine = &core.machine;
        let counters = &shared.counters;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let lifetimes = shared.shape.all().map(|shape| shape.calls.lifetime());
        let rare = shared.known_rare();
        let cancelled_counted = rare.map_or(0, |rare| count(&rare.cancelled_counted));
        let (succeeded, failed) = counters.good_and_bad(lifetimes);
        BreakerStatus {
            state: machine.state(),
            since: machine.since(),
            generation: machine.generation(),
            until: machine.deadline(),
            share: machine.share(),
            counts: shared.counts(),
            consecutive_failures: shared.run.length(),
            succeeded,
            failed: failed.saturating_sub(cancelled_counted),
            ignored: count(&counters.ignored),
            cancelled: count(&counters.cancelled),
            late: count(&counters.late),
            rejected: count(&counters.rejected),
            inner_not_ready: rare.map_or(0, |rare| count(&rare.inner_not_ready)),
            would_reject: rare.map_or(0, |rare| count(&rare.would_reject)),
            opened: counters.opened.load(Ordering::Relaxed).into(),
        }
    }

    /// Every later change of state, up to `capacity` unread ones.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<Change> {
        self.shared().rare().events.subscribe(capacity)
    }

    /// What the machine took in since it was asked last, if the breaker [was made](
    /// BreakerBuilder::record) to keep it. [`replay`](crate::machine::replay) gives the same decisions.
    #[must_use]
    pub fn take_recording(&self) -> Option<Recording<Input>> {
        Some(lock(&self.shared().core).recorder.as_mut()?.take())
    }

    /// Something to know it by that does not keep it.
    #[cfg(all(feature = "keyed", feature = "metrics"))]
    pub(crate) fn weak(&self) -> std::sync::Weak<Shared> {
        Arc::downgrade(&self.0.shared)
    }

    /// Whether nobody would miss it: no other handle is out and no permit, and it is closed, or its
    /// state would have ended by itself so long ago.
    #[cfg(feature = "keyed")]
    pub(crate) fn is_idle(&self, over_for: Duration) -> bool {
        if Arc::strong_count(&self.0) > 1 || Arc::strong_count(&self.0.shared) > 1 {
            return false;
        }
        // What the last holder did before it let go is seen from here on.
        core::sync::atomic::fence(Ordering::Acquire);
        if self.shared().word().is_closed() {
            return true;
        }
        let deadline = lock(&self.shared().core).machine.deadline();
        deadline.is_some_and(|until| self.shared().clock.now().saturating_since(until) >= over_for)
    }

    pub(crate) fn reject_inner_not_ready(&self) -> (Refused, Arc<str>) {
        self.shared().rare().inner_not_ready.fetch_add(1, Ordering::Relaxed);
        (Refused::inner_not_ready(self.shared().word()), self.shared().count_rejected())
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("name", &self.name())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
