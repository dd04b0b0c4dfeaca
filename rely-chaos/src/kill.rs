use core::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::EndReason;
use crate::point::Shared;

/// Ends every fault of every point registered with it, and keeps all of them disarmed.
///
/// A handle: every clone is the same switch. Register a point with
/// [`FaultPointBuilder::kill_switch`](crate::FaultPointBuilder::kill_switch). Once
/// [`engage`](KillSwitch::engage) has begun no call is hit any more, at any point; once it has
/// returned, every fault has ended and lets go of the calls that it held.
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
    points: Mutex<Vec<Weak<Shared>>>,
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
        let points: Vec<_> = self.points().iter().filter_map(Weak::upgrade).collect();
        for point in points {
            point.end_current(EndReason::Killed);
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

    pub(crate) fn register(&self, point: &Arc<Shared>) {
        let mut points = self.points();
        points.retain(|point| point.strong_count() > 0);
        points.push(Arc::downgrade(point));
    }

    fn points(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Shared>>> {
        self.0.points.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KillSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = self.points().iter().filter(|point| point.strong_count() > 0).count();
        f.debug_struct("KillSwitch")
            .field("engaged", &self.is_engaged())
            .field("points", &points)
            .finish()
    }
}
