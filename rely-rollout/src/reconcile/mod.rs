//! Bringing back what drifted: an instance that runs something else is replaced, never patched.
//!
//! A [`Reconciler`] looks at a [`DriftCheck`] and has an [`Actuator`] replace what differs. What it
//! holds to:
//!
//! - It acts on knowledge: an instance that does not report, or that nobody declared, is left alone.
//! - At most [`surge`](ReconcileConfig::surge) instances have been touched and are not back yet.
//!   Those that failed and those that were given up count too, so that a release that does not come
//!   up takes down no more than that.
//! - That an actuator is done is not enough: the instance has to report, after that, that it runs
//!   what was declared.
//! - It tries again after a growing delay, up to [`attempts`](ReconcileConfig::attempts) times, and
//!   waits likewise before it replaces what was brought back and soon differs again.
//! - It deploys no release that its ledger calls bad or quarantined, and abandons an attempt under way
//!   when its release becomes so, or another one is declared: going back waits for nothing that hangs.
//!
//! [`machine`] is the same as plain data.

mod actuator;
mod builder;
mod config;
mod driver;
pub mod machine;
#[cfg(test)]
mod tests;

use core::fmt;
use core::num::NonZeroUsize;
use core::task::Waker;
use std::sync::{Arc, Mutex};

use rely_core::{Clock, Events, Instant, Subscriber};

use self::actuator::Replace;
pub use self::actuator::{Actuator, BoxError};
pub use self::builder::ReconcilerBuilder;
pub use self::config::ReconcileConfig;
pub use self::driver::ReconcileDriver;
use self::machine::{Effect, Event, Machine, Seen, Stage};
use crate::sync::lock;
use crate::{AlreadyDriven, DriftCheck, Releases, Standing};

/// Replaces what drifted: a cheap-clone handle, every clone of which is the same reconciler.
///
/// The handle shows and commands; the [`ReconcileDriver`] does the work. See the
/// [module's documentation](self) for what it holds to.
///
/// ```
/// use core::time::Duration;
/// use rely_core::Clock;
/// use rely_rollout::drift::{DriftCheck, Observed};
/// use rely_rollout::reconcile::{Actuator, BoxError, Reconciler};
/// use rely_rollout::Release;
/// use tokio_test::task;
///
/// // Here the new instance reports by itself; a real one starts a process and waits for it.
/// struct Platform(DriftCheck, Clock);
///
/// impl Actuator for Platform {
///     async fn replace(&self, instance: &str, release: &Release) -> Result<(), BoxError> {
///         self.0.report(instance, Observed::of(release, self.1.now()));
///         Ok(())
///     }
/// }
///
/// let (clock, manual) = Clock::manual();
/// let drift = DriftCheck::builder("orders").clock(clock.clone()).build()?;
/// let reconciler = Reconciler::builder("orders")
///     .drift(drift.clone())
///     .actuator(Platform(drift.clone(), clock.clone()))
///     .interval(Duration::from_secs(1))
///     .build()?;
/// let mut driver = task::spawn(reconciler.drive().expect("the first driver"));
///
/// let v1 = Release::builder("v1").code("orders 1.0.0").build()?;
/// let v2 = Release::builder("v2").code("orders 1.1.0").build()?;
/// drift.declare("zone-a", &v1);
/// drift.report("zone-a", Observed::of(&v2, clock.now()));
/// assert!(driver.poll().is_pending());
/// assert_eq!(drift.differences(clock.now()), []);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Reconciler(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    clock: Clock,
    drift: DriftCheck,
    releases: Option<Releases>,
    replace: Replace,
    machine: Mutex<Machine>,
    events: Events<Action>,
    seat: Mutex<Seat>,
}

/// The place of the one driver.
#[derive(Default)]
struct Seat {
    taken: bool,
    look: bool,
    waker: Option<Waker>,
}

/// Something that a [`Reconciler`] did or found, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Action {
    /// When.
    pub at: Instant,
    /// What.
    pub effect: Effect,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.effect.fmt(f)
    }
}

/// A [`Reconciler`] at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconcilerStatus {
    /// Whether nothing new is begun.
    pub frozen: bool,
    /// Whether there is a driver; without one nothing happens.
    pub driven: bool,
    /// The instances about which something is being done, in the order of their names.
    pub stages: Vec<(Arc<str>, Stage)>,
}

impl Reconciler {
    /// A reconciler called `name`.
    pub fn builder(name: impl Into<Arc<str>>) -> ReconcilerBuilder {
        ReconcilerBuilder::new(name.into())
    }

    /// The future that looks and replaces; the user runs it. It never ends.
    ///
    /// When it is dropped, so are the replacements under way: they count as failed, and another
    /// driver may take over.
    ///
    /// # Errors
    /// If there is a driver already.
    pub fn drive(&self) -> Result<ReconcileDriver, AlreadyDriven> {
        if core::mem::replace(&mut lock(&self.0.seat).taken, true) {
            return Err(AlreadyDriven::new("reconciler", &self.0.name));
        }
        Ok(ReconcileDriver::new(Arc::clone(&self.0)))
    }

    /// The name it was built with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Everything about it at one moment.
    #[must_use]
    pub fn status(&self) -> ReconcilerStatus {
        let driven = lock(&self.0.seat).taken;
        let machine = lock(&self.0.machine);
        let stages = machine.stages().map(|(name, stage)| (Arc::clone(name), stage)).collect();
        ReconcilerStatus { frozen: machine.frozen(), driven, stages }
    }

    /// Every later action, up to `capacity` unread ones.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<Action> {
        self.0.events.subscribe(capacity)
    }

    /// Begins nothing new from now on; what is under way comes to its end.
    pub fn freeze(&self) {
        self.command(Event::Freeze);
    }

    /// Goes on.
    pub fn thaw(&self) {
        self.command(Event::Thaw);
    }

    /// Tries an instance again that was given up, from the first attempt on.
    pub fn retry(&self, instance: impl Into<Arc<str>>) {
        self.command(Event::Retry { instance: instance.into() });
    }

    fn command(&self, event: Event) {
        self.0.step(event, self.0.clock.now());
        let mut seat = lock(&self.0.seat);
        seat.look = true;
        let waker = seat.waker.take();
        drop(seat);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Shared {
    /// Steps the machine and tells everybody; the driver carries out what comes back.
    fn step(&self, event: Event, now: Instant) -> Vec<Effect> {
        let mut machine = lock(&self.machine);
        let effects = machine.step(event, now);
        let publish =
            |effect: &Effect| self.events.push_with(|| Action { at: now, effect: effect.clone() });
        let wakes: Vec<_> = effects.iter().map(publish).collect();
        drop(machine);
        for wake in wakes {
            wake.wake();
        }
        effects
    }

    fn look(&self, now: Instant) -> Vec<Effect> {
        let mut seen = self.drift.seen(now);
        if let Some(releases) = &self.releases {
            let barred = |seen: &Seen| {
                releases.standing(&seen.release.digest()).is_some_and(|s: Standing| s.is_barred())
            };
            seen.iter_mut().for_each(|seen| seen.barred = barred(seen));
        }
        self.step(Event::Looked(seen), now)
    }
}

impl fmt::Debug for Reconciler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconciler")
            .field("name", &self.0.name)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
