use core::fmt;
use core::num::NonZeroUsize;
use core::ops::Bound;
use core::time::Duration;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rely_core::{Clock, Events, Subscriber, config};

use crate::arming::{Arming, Strike};
use crate::draw::Draw;
use crate::tower::FaultLayer;
use crate::{
    ArmError, Armed, End, EndReason, Fault, FaultFuture, FaultPointBuilder, Injected, KillSwitch,
    PointEvent,
};

/// A place in the program where things can be made to go wrong.
///
/// A cheap-clone handle: every clone, and every layer made from one, is the same point. Disarmed it
/// costs a call one relaxed load. Armed, it counts the calls and hits those that [`Draw`] says, one
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
    name: Arc<str>,
    /// The name with its labels.
    id: Arc<str>,
    labels: Vec<(Arc<str>, Arc<str>)>,
    clock: Clock,
    draw: Draw,
    kill_switch: Option<KillSwitch>,
    /// What callers look at; written only under the lock of `current`.
    armed: AtomicBool,
    /// Held to read while a call is decided, so that nothing is hit after it was held to write.
    current: RwLock<Option<Arc<Arming>>>,
    events: Events<PointEvent>,
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
        fault.check().map_err(|error| error.within("fault"))?;
        let range = (Bound::Excluded(Duration::ZERO), Bound::Included(Self::MAX_TTL));
        config::in_range("ttl", ttl, range)?;
        let arming = self.0.arm(fault, ttl)?;
        Ok(Armed::new(Arc::clone(&self.0), arming))
    }

    /// Makes a call through the point; `answer` is what an injected failure looks like here.
    ///
    /// Whether the call is hit is decided now; a future that is not to run is dropped unpolled.
    pub fn call<F, A>(&self, future: F, answer: A) -> FaultFuture<F, A>
    where
        F: Future,
        A: FnOnce(Injected) -> F::Output,
    {
        match self.strike() {
            None => FaultFuture::through(future),
            Some(strike) => FaultFuture::struck(strike, || future, || answer),
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
        &self.0.name
    }

    /// The point's labels, ordered by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.labels.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Every later arming and end, up to `capacity` unread ones.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<PointEvent> {
        self.0.events.subscribe(capacity)
    }

    /// Decides about one call.
    #[inline]
    pub(crate) fn strike(&self) -> Option<Strike> {
        if self.0.armed.load(Ordering::Relaxed) { self.0.strike() } else { None }
    }
}

/// The name with its labels: `queue.call{zone="a"}`.
impl fmt::Display for FaultPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.id)
    }
}

impl fmt::Debug for FaultPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let armed = self.0.armed.load(Ordering::Relaxed);
        f.debug_struct("FaultPoint").field("id", &self.0.id).field("armed", &armed).finish()
    }
}

impl Shared {
    pub(crate) fn new(
        name: Arc<str>,
        id: Arc<str>,
        labels: Vec<(Arc<str>, Arc<str>)>,
        clock: Clock,
        draw: Draw,
        kill_switch: Option<KillSwitch>,
    ) -> Self {
        let (armed, current, events) = Default::default();
        Self { name, id, labels, clock, draw, kill_switch, armed, current, events }
    }

    fn arm(&self, fault: Fault, ttl: Duration) -> Result<Arc<Arming>, ArmError> {
        let old = self.read().clone();
        if let Some(old) = old {
            self.end_if_due(&old);
        }
        let mut current = self.write();
        let point = || Arc::clone(&self.id);
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
        self.armed.store(true, Ordering::Relaxed);
        let wakes = self.events.push_with(|| PointEvent::Armed(arming.report()));
        drop(current);
        wakes.wake();
        Ok(arming)
    }

    #[cold]
    fn strike(&self) -> Option<Strike> {
        let current = self.read();
        let arming = current.as_ref()?;
        if self.is_killed() || self.clock.now() >= arming.expires {
            let arming = Arc::clone(arming);
            drop(current);
            self.end(&arming, EndReason::Killed);
            return None;
        }
        let call = arming.draw()?;
        Some(Strike { arming: Arc::clone(arming), call })
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
        self.armed.store(false, Ordering::Relaxed);
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
