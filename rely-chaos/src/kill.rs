use core::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::EndReason;
use crate::point::Shared;

/// What a switch ends.
pub(crate) trait Killable: Send + Sync {
    fn kill(&self);
}

impl Killable for Shared {
    fn kill(&self) {
        self.end_current(EndReason::Killed);
    }
}

/// Ends every fault of every point registered with it, and keeps all of them disarmed.
///
/// A handle: every clone is the same switch. Register a point with
/// [`FaultPointBuilder::kill_switch`](crate::FaultPointBuilder::kill_switch). Once
/// [`engage`](KillSwitch::engage) has begun no call is hit any more, at any point; once it has
/// returned, every fault has ended and lets go of the calls that it held. An
/// [experiment](crate::Experiment) registered with it stops and rolls back.
///
/// ```
/// use core::time::Duration;
/// use rely_chaos::{ArmError, Fault, FaultPoint, KillSwitch};
///
/// let switch = KillSwitch::new();
/// let point = FaultPoint::builder("queue.call").kill_switch(&switch).build()?;
/// let guard = point.arm(Fault::error(), Duration::from_secs(60))?;
///
/// switch.engage();
/// assert!(!point.is_armed());
/// let refused = point.arm(Fault::error(), Duration::from_secs(60));
/// assert!(matches!(refused, Err(ArmError::Killed { .. })));
///
/// switch.release();
/// assert!(point.arm(Fault::error(), Duration::from_secs(60)).is_ok());
/// # Ok::<(), rely_chaos::ArmError>(())
/// ```
#[derive(Clone, Default)]
pub struct KillSwitch(Arc<Inner>);

#[derive(Default)]
struct Inner {
    engaged: AtomicBool,
    watched: Mutex<Vec<Weak<dyn Killable>>>,
}

impl KillSwitch {
    /// A switch that is not engaged, without points.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all faults and refuses new ones until [`release`](KillSwitch::release).
    pub fn engage(&self) {
        self.0.engaged.store(true, Ordering::SeqCst);
        let watched: Vec<_> = self.watched().iter().filter_map(Weak::upgrade).collect();
        for one in watched {
            one.kill();
        }
    }

    /// Allows faults again. None comes back by itself.
    pub fn release(&self) {
        self.0.engaged.store(false, Ordering::SeqCst);
    }

    /// Whether the switch is engaged.
    #[must_use]
    pub fn is_engaged(&self) -> bool {
        self.0.engaged.load(Ordering::SeqCst)
    }

    pub(crate) fn watch<K: Killable + 'static>(&self, one: &Arc<K>) {
        let one: Weak<K> = Arc::downgrade(one);
        let mut watched = self.watched();
        watched.retain(|one| one.strong_count() > 0);
        watched.push(one);
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Vec<Weak<dyn Killable>>> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KillSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watched = self.watched().iter().filter(|one| one.strong_count() > 0).count();
        f.debug_struct("KillSwitch")
            .field("engaged", &self.is_engaged())
            .field("watched", &watched)
            .finish()
    }
}
