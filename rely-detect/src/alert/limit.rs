//! How often a receiver is told.

use std::collections::VecDeque;

use rely_core::Instant;

use super::config::Receiver;

/// When a receiver was told in the last `per`; never more than `limit` of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Told {
    pub(super) sent: VecDeque<Instant>,
    /// What waited or was left out since the last one.
    pub(super) withheld: u64,
}

impl Told {
    /// When there is room for one more.
    pub(super) fn free_at(&self, receiver: &Receiver) -> Instant {
        let limit = usize::try_from(receiver.limit).unwrap_or(usize::MAX);
        match self.sent.len().checked_sub(limit) {
            // The one that has to be `per` ago. A limit may have been lowered since.
            Some(over) => self.sent.get(over).map_or(Instant::ORIGIN, |at| *at + receiver.per),
            None => Instant::ORIGIN,
        }
    }

    /// Counts one in if there is room; how many were withheld before it.
    pub(super) fn send(&mut self, receiver: &Receiver, now: Instant) -> Option<u64> {
        if self.free_at(receiver) > now {
            return None;
        }
        self.sent.push_back(now);
        let limit = usize::try_from(receiver.limit).unwrap_or(usize::MAX);
        while self.sent.len() > limit {
            self.sent.pop_front();
        }
        Some(core::mem::take(&mut self.withheld))
    }
}
