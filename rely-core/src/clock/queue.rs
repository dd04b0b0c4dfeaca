//! Who wants to be woken, and when.

use core::task::Waker;
use std::collections::BTreeMap;

use crate::Instant;

/// The place of a timer in a [`Queue`]; never used again after the timer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerId {
    deadline: Instant,
    number: u64,
}

/// Wakers ordered by deadline. Plain data; the caller locks.
#[derive(Debug, Default)]
pub(super) struct Queue {
    timers: BTreeMap<TimerId, Waker>,
    next_number: u64,
}

impl Queue {
    pub(super) fn insert(&mut self, deadline: Instant, waker: Waker) -> TimerId {
        let id = TimerId { deadline, number: self.next_number };
        self.next_number += 1;
        self.timers.insert(id, waker);
        id
    }

    /// Replaces the waker of a timer that still waits; gives `waker` back if it has already fired.
    pub(super) fn replace(&mut self, id: TimerId, waker: Waker) -> Result<Waker, Waker> {
        match self.timers.get_mut(&id) {
            Some(slot) => Ok(core::mem::replace(slot, waker)),
            None => Err(waker),
        }
    }

    pub(super) fn remove(&mut self, id: TimerId) -> Option<Waker> {
        self.timers.remove(&id)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|(id, _)| id.deadline)
    }

    /// Takes out every timer whose deadline is `now` or earlier, in order of deadline.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().deadline > now {
                break;
            }
            due.push(entry.remove());
        }
        due
    }

    pub(super) fn len(&self) -> usize {
        self.timers.len()
    }
}
