use core::fmt;
use core::num::NonZeroUsize;
use core::ops::Bound;
use core::time::Duration;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rely_core::{Clock, ConfigError, Events, Subscriber, config};

use crate::arming::{Arming, Strike};
use crate::draw::Draw;
use crate::flight::{Flight, Flights};
use crate::tower::FaultLayer;
use crate::{
    ArmError, Armed, Effect, End, EndReason, Fault, FaultFuture, FaultPointBuilder, Injected,
    KillSwitch, PointEvent,
};

/// A place in the program where things can be made to go wrong.
///
/// A cheap-clone handle: every clone, and every layer made from one, is the same point. Disarmed it
/// costs a call one relaxed load (more where calls in flight can be
/// [cut](FaultPointBuilder::cuts_in_flight)). Armed, it counts the calls and hits those that [`Draw`] says, one
/// fault at a time.
///
/// ```
/// use core::time::Duration;
/// use rely_chaos::{Fault, FaultPoint};
/// use rely_core::{Clock, Ratio};
///
/// # futures::executor::block_on(async {
/// let (clock, manual) = Clock::manual();
/// let point = FaultPoint::builder("queue.call").label("zone", "a").clock(clock).build()?;
/// let send = || point.call(async { Ok("sent") }, |injected| Err(injected.to_string()));
///
/// let armed = point.arm(Fault::error(), Duration::from_secs(60))?;
/// assert_eq!(send().await.unwrap_err(), "fault injected at queue.call{zone=\"a\"} into call 0");
/// assert_eq!(armed.report().fired, 1);
///
/// // The fault ends by itself, even if nobody drops the guard.
/// manual.advance(Duration::from_secs(60));
/// assert_eq!(send().await, Ok("sent"));
/// # Ok::<(), rely_chaos::ArmError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct FaultPoint(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    site: Site,
    clock: Clock,
    draw: Draw,
    kill_switch: Option<KillSwitch>,
    /// What callers look at: whether there is anything to decide. Written only under the lock of
    /// `current`; stays up where calls are watched.
    alert: AtomicBool,
    flights: Option<Arc<Flights>>,
    /// Held to read while a call is decided, so that nothing is hit after it was held to write.
    current: RwLock<Option<Arc<Arming>>>,
    events: Events<PointEvent>,
}

/// A call that the point has to do with: hit, watched, or both.
pub(crate) struct Admission {
    pub(crate) strike: Option<Strike>,
    pub(crate) flight: Option<Flight>,
}

/// What a point is called.
pub(crate) struct Site {
    pub(crate) name: Arc<str>,
    /// The name with its labels.
    pub(crate) id: Arc<str>,
    pub(crate) labels: Vec<(Arc<str>, Arc<str>)>,
}

impl FaultPoint {
    /// The longest time to live: nobody remembers the fault of yesterday.
    pub const MAX_TTL: Duration = Duration::from_secs(24 * 3600);

    /// A point called `name`, such as `queue.call`.
    pub fn builder(name: impl Into<Arc<str>>) -> FaultPointBuilder {
        FaultPointBuilder::new(name.into())
    }

    /// Lets `fault` hit calls from now on, for `ttl` at most.
    ///
    /// The call that comes exactly when `ttl` is over is not hit.
    ///
    /// # Errors
    /// If the point is armed, its kill switch is engaged, the fault cannot work, or `ttl` is not
    /// more than zero and at most [`FaultPoint::MAX_TTL`].
    pub fn arm(&self, fault: Fault, ttl: Duration) -> Result<Armed, ArmError> {
        self.check(fault, ttl)?;
        let arming = self.0.arm(fault, ttl)?;
        Ok(Armed::new(Arc::clone(&self.0), arming))
    }

    /// Whether `fault` can work here for `ttl`.
    pub(crate) fn check(&self, fault: Fault, ttl: Duration) -> Result<(), ConfigError> {
        fault.check().map_err(|error| error.within("fault"))?;
        if fault.effect == Effect::Outage && self.0.flights.is_none() {
            let allowed = "an outage only at a point that cuts calls in flight";
            return Err(ConfigError::new("fault.effect", "an outage", allowed));
        }
        let range = (Bound::Excluded(Duration::ZERO), Bound::Included(Self::MAX_TTL));
        config::in_range("ttl", ttl, range)?;
        Ok(())
    }

    /// Makes a call through the point; `answer` is what an injected failure looks like here.
    ///
    /// Whether the call is hit is decided now; a future that is not to run is dropped unpolled.
    pub fn call<F, A>(&self, future: F, answer: A) -> FaultFuture<F, A>
    where
        F: Future,
        A: FnOnce(Injected) -> F::Output,
    {
        match self.admit() {
            None => FaultFuture::through(future),
            Some(admission) => FaultFuture::admitted(admission, || future, || answer),
        }
    }

    /// The tower layer of this point; `answer` is what an injected failure looks like here: an
    /// error, or a response such as a 503.
    #[must_use]
    pub fn layer<A, T, E>(&self, answer: A) -> FaultLayer<A>
    where
        A: Fn(Injected) -> Result<T, E>,
    {
        FaultLayer::new(self.clone(), answer)
    }

    /// Whether a fault can hit calls now.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        let current = self.0.read().clone();
        current.is_some_and(|arming| !self.0.end_if_due(&arming))
    }

    /// The point's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.site.name
    }

    /// The point's labels, ordered by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.site.labels.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Every later arming and end, up to `capacity` unread ones.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<PointEvent> {
        self.0.events.subscribe(capacity)
    }

    /// Decides about one call.
    #[inline]
    pub(crate) fn admit(&self) -> Option<Admission> {
        if self.0.alert.load(Ordering::Relaxed) { Some(self.0.admit()) } else { None }
    }
}

/// The name with its labels: `queue.call{zone="a"}`.
impl fmt::Display for FaultPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.site.id)
    }
}

impl fmt::Debug for FaultPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let armed = self.0.read().is_some();
        f.debug_struct("FaultPoint").field("id", &self.0.site.id).field("armed", &armed).finish()
    }
}

impl Shared {
    pub(crate) fn new(
        site: Site,
        clock: Clock,
        draw: Draw,
        kill_switch: Option<KillSwitch>,
        flights: Option<Arc<Flights>>,
    ) -> Self {
        let (current, events) = Default::default();
        let alert = AtomicBool::new(flights.is_some());
        Self { site, clock, draw, kill_switch, alert, flights, current, events }
    }

    fn arm(&self, fault: Fault, ttl: Duration) -> Result<Arc<Arming>, ArmError> {
        let old = self.read().clone();
        if let Some(old) = old {
            self.end_if_due(&old);
        }
        let mut current = self.write();
        let point = || Arc::clone(&self.site.id);
        if self.is_killed() {
            return Err(ArmError::Killed { point: point() });
        }
        if let Some(other) = &*current {
            return Err(ArmError::AlreadyArmed { point: point(), expires: other.expires });
        }
        let now = self.clock.now();
        let (clock, draw) = (self.clock.clone(), self.draw.clone());
        let arming = Arc::new(Arming::new(point(), clock, fault, (now, now + ttl), draw));
        *current = Some(Arc::clone(&arming));
        self.alert.store(true, Ordering::Relaxed);
        let flights = self.flights.as_ref().filter(|_| fault.effect == Effect::Outage);
        let cut = flights.map(|flights| flights.cut(&arming)).unwrap_or_default();
        let wakes = self.events.push_with(|| PointEvent::Armed(arming.report()));
        drop(current);
        wakes.wake();
        cut.into_iter().for_each(std::task::Waker::wake);
        Ok(arming)
    }

    #[cold]
    fn admit(&self) -> Admission {
        let current = self.read();
        let due = current.as_ref().filter(|arming| self.is_over(arming)).map(Arc::clone);
        let strike = current.as_ref().filter(|_| due.is_none()).and_then(|arming| {
            let call = arming.draw()?;
            Some(Strike { arming: Arc::clone(arming), call })
        });
        // Still under the lock, so that no outage comes between the decision and the registration.
        let flight = self.flights.as_ref().map(Flights::board);
        drop(current);
        if let Some(arming) = due {
            self.end(&arming, EndReason::Killed);
        }
        Admission { strike, flight }
    }

    fn is_over(&self, arming: &Arming) -> bool {
        self.is_killed() || self.clock.now() >= arming.expires
    }

    /// Ends `arming` if its time to live is over; whether it has ended, by whatever.
    pub(crate) fn end_if_due(&self, arming: &Arc<Arming>) -> bool {
        if self.clock.now() >= arming.expires {
            self.end(arming, EndReason::Expired);
        }
        !is_current(&self.read(), arming)
    }

    pub(crate) fn end_current(&self, reason: EndReason) {
        let current = self.read().clone();
        if let Some(arming) = current {
            self.end(&arming, reason);
        }
    }

    /// Ends `arming` unless it has ended before.
    pub(crate) fn end(&self, arming: &Arc<Arming>, reason: EndReason) {
        let mut current = self.write();
        if !is_current(&current, arming) {
            return;
        }
        let now = self.clock.now();
        let end = if now >= arming.expires {
            End { reason: EndReason::Expired, at: arming.expires }
        } else {
            End { reason, at: now }
        };
        *current = None;
        self.alert.store(self.flights.is_some(), Ordering::Relaxed);
        let waiting = arming.end(end);
        let wakes = self.events.push_with(|| PointEvent::Ended(arming.report()));
        drop(current);
        wakes.wake();
        waiting.into_values().for_each(std::task::Waker::wake);
    }

    fn is_killed(&self) -> bool {
        self.kill_switch.as_ref().is_some_and(KillSwitch::is_engaged)
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Arc<Arming>>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Arc<Arming>>> {
        self.current.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_current(current: &Option<Arc<Arming>>, arming: &Arc<Arming>) -> bool {
    current.as_ref().is_some_and(|current| Arc::ptr_eq(current, arming))
}
