use core::fmt;
use std::sync::Arc;

use rely_core::rng::Rng;
use rely_core::{Class, Clock, ConfigError, Instant, Refusal, RejectedBy};

use super::lane::{Counted, Lane};
use super::{
    OwnedThrottlePermit, Priority, PriorityStatus, ThrottleBuilder, ThrottleCall, ThrottleConfig,
    ThrottleLayer, ThrottlePermit, ThrottleStatus, rejection,
};
use crate::{Cancelled, Rejected, RejectedReason, State};

/// Rejects the share of calls by which the other side is overloaded; see the
/// [module](crate::throttle) for the rule. Clones are the same throttle.
///
/// Asking is one load while nothing is rejected; a call that ended is a look at the coarse clock and
/// one compare-and-swap. There is no lock and no allocation in either.
///
/// ```
/// use core::time::Duration;
/// use rely_breaker::{Priority, Throttle};
/// use rely_core::{Clock, Ratio};
///
/// let (clock, manual) = Clock::manual();
/// let throttle = Throttle::builder("queue").clock(clock).build()?;
/// for _ in 0..100 {
///     throttle.acquire(Priority::Critical).expect("nothing is known yet").failure();
/// }
/// let rejection = || throttle.status().of(Priority::Critical).rejection;
/// assert_eq!(rejection(), Ratio::percent(90.0)?);
/// manual.advance(Duration::from_secs(120));
/// assert_eq!(rejection(), Ratio::ZERO);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Throttle(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    clock: Clock,
    config: ThrottleConfig,
    lanes: [Lane; Priority::ALL.len()],
}

impl Throttle {
    /// A throttle called `name`, which its errors carry.
    pub fn builder(name: impl Into<Arc<str>>) -> ThrottleBuilder {
        ThrottleBuilder::new(name.into())
    }

    pub(super) fn new(
        name: Arc<str>,
        clock: Clock,
        config: ThrottleConfig,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        let chance = Rng::seeded(seed);
        let lane = |priority: Priority| {
            let seed = chance.fork(priority.as_str()).next_u64();
            config.new_window().map(|window| Lane::new(window, seed))
        };
        let [first, second, third, fourth] = Priority::ALL;
        let lanes = [lane(first)?, lane(second)?, lane(third)?, lane(fourth)?];
        Ok(Self(Arc::new(Shared { name, clock, config, lanes })))
    }

    /// Asks for permission to make a call.
    ///
    /// # Errors
    /// If chance has it rejected, by the share of its priority.
    #[inline]
    pub fn acquire(&self, priority: Priority) -> Result<ThrottlePermit<'_>, Rejected> {
        self.admit(priority)?;
        Ok(ThrottlePermit::new(self, priority))
    }

    /// The same, with a permit that may go anywhere.
    ///
    /// # Errors
    /// As for [`Throttle::acquire`].
    #[inline]
    pub fn acquire_owned(&self, priority: Priority) -> Result<OwnedThrottlePermit, Rejected> {
        self.admit(priority)?;
        Ok(OwnedThrottlePermit::new(self.clone(), priority))
    }

    #[inline]
    fn admit(&self, priority: Priority) -> Result<(), Rejected> {
        let lane = self.lane(priority);
        if lane.is_quiet() { Ok(()) } else { self.admit_by_chance(lane) }
    }

    #[cold]
    fn admit_by_chance(&self, lane: &Lane) -> Result<(), Rejected> {
        let shared = &*self.0;
        match lane.reject(shared.clock.coarse_now(), &shared.config) {
            None => Ok(()),
            Some(share) => Err(Rejected {
                name: Arc::clone(&shared.name),
                state: State::Closed,
                reason: RejectedReason::Throttled { share },
                retry_after: None,
                refusal: Refusal::new(RejectedBy::Shed),
            }),
        }
    }

    /// Takes note of what an admitted call came to.
    #[inline]
    pub(super) fn ended(&self, priority: Priority, class: Class) {
        let shared = &*self.0;
        let counted = match class {
            Class::Success => Counted::Accepted,
            Class::Failure | Class::SoftFailure => Counted::Failed,
            Class::Ignored | Class::Rejected(_) => Counted::Neutral,
            Class::Cancelled => match shared.config.cancelled {
                Cancelled::Failure => Counted::Failed,
                // The third is refused by the configuration.
                Cancelled::Neutral | Cancelled::FailureFrom(_) => Counted::Neutral,
            },
        };
        self.lane(priority).count(counted, shared.clock.coarse_now(), &shared.config);
    }

    /// Makes a call: runs `future` if the throttle lets it, and takes note of its `Result`.
    ///
    /// Asks when it is first polled; dropped before it is done, it was [cancelled](Cancelled).
    pub fn call<F>(&self, priority: Priority, future: F) -> ThrottleCall<F> {
        ThrottleCall::new(self.clone(), priority, future)
    }

    /// The tower layer of this throttle, with every `Err` a failure and every request
    /// [`Priority::Critical`] unless told otherwise: over layers that refuse calls themselves, tell it
    /// [`ByError`](rely_core::classify::ByError).
    #[must_use]
    pub fn layer(&self) -> ThrottleLayer {
        ThrottleLayer::new(self.clone())
    }

    /// The throttle's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ThrottleConfig {
        &self.0.config
    }

    /// Counts and shares as they are now.
    #[must_use]
    pub fn status(&self) -> ThrottleStatus {
        self.status_at(self.0.clock.now())
    }

    pub(super) fn status_at(&self, now: Instant) -> ThrottleStatus {
        ThrottleStatus::new(Priority::ALL.map(|priority| {
            let lane = self.lane(priority);
            let counts = lane.counts(now);
            let rejection = rejection(&counts, &self.0.config);
            PriorityStatus { priority, counts, rejection, rejected: lane.rejected() }
        }))
    }

    #[inline]
    fn lane(&self, priority: Priority) -> &Lane {
        &self.0.lanes[priority.index()]
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("name", &self.0.name).finish_non_exhaustive()
    }
}
