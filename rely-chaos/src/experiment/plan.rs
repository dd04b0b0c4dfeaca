//! An experiment as plain data: what its machine needs to know.

use core::time::Duration;

use super::When;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) interval: Duration,
    pub(crate) settle_within: Duration,
    pub(crate) lasting: Duration,
    pub(crate) recover_within: Duration,
    pub(crate) rollback_within: Duration,
    pub(crate) checks: Vec<Question>,
    pub(crate) actions: Vec<Deed>,
    /// Offsets into the method, in order.
    pub(crate) schedule: Vec<Slot>,
}

#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) when: When,
    /// The number of the signal to ask.
    pub(crate) signal: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) name: String,
    pub(crate) needed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) offset: Duration,
    pub(crate) action: usize,
}

impl Plan {
    /// How often conditions to abort are asked between the other signals' times.
    pub(crate) fn abort_interval(&self) -> Duration {
        (self.interval / 4).max(Duration::from_nanos(1))
    }
}
