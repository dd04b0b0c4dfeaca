//! The owner's side of a fault: guard, report, events.

use core::fmt;
use std::sync::Arc;

use rely_core::Instant;

use crate::Fault;
use crate::arming::Arming;
use crate::point::Shared;

/// The owner of a fault: dropping it disarms the point.
///
/// The fault also ends without it, when its time to live is over or the kill switch is engaged.
#[must_use = "a fault whose guard is dropped at once never fires"]
pub struct Armed {
    shared: Arc<Shared>,
    arming: Arc<Arming>,
}

impl Armed {
    pub(crate) const fn new(shared: Arc<Shared>, arming: Arc<Arming>) -> Self {
        Self { shared, arming }
    }

    /// What the fault has done so far, and how it ended if it did.
    pub fn report(&self) -> Report {
        self.shared.end_if_due(&self.arming);
        self.arming.report()
    }

    /// The report as it stands, without looking whether the time to live is over: that would wake
    /// those whom the fault holds.
    pub(crate) fn peek(&self) -> Report {
        self.arming.report()
    }

    /// Whether the fault can still hit calls.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.report().end.is_none()
    }

    /// Ends the fault. No call is hit after that, and the report is final.
    #[must_use = "the report says whether the fault fired"]
    pub fn disarm(self) -> Report {
        self.shared.end(&self.arming, EndReason::Disarmed);
        self.arming.report()
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        self.shared.end(&self.arming, EndReason::Disarmed);
    }
}

impl fmt::Debug for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Armed").field("report", &self.arming.report()).finish()
    }
}

/// What a fault did: the proof that it fired, or that it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
#[non_exhaustive]
pub struct Report {
    /// The point, with its labels.
    pub point: String,
    /// The fault.
    pub fault: Fault,
    /// When it was armed.
    pub armed_at: Instant,
    /// When its time to live is over.
    pub expires: Instant,
    /// The calls that the point has seen under this fault.
    pub calls: u64,
    /// Those of them that were hit. An experiment in which it stays zero has proved nothing.
    pub fired: u64,
    /// Those of them that were in flight when the fault was armed, and cut by it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub cut: u64,
    /// How the fault ended, if it has.
    pub end: Option<End>,
}

/// When a fault ended, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct End {
    /// Why.
    pub reason: EndReason,
    /// When; a fault that expired ended when its time to live was over, whoever noticed it later.
    pub at: Instant,
}

/// Why a fault ended. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum EndReason {
    /// Its owner disarmed it or dropped the guard.
    Disarmed,
    /// Its time to live was over.
    Expired,
    /// The kill switch was engaged.
    Killed,
}

/// What a point tells its subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum PointEvent {
    /// A fault was armed.
    Armed(Report),
    /// A fault ended. That a time to live is over is noticed by the next call, report or arming.
    Ended(Report),
}
