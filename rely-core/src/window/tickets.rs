//! The order in which calls end, and the epoch that they belong to.

use core::ops::Range;

use crate::sync::{AtomicU64, Ordering, tell_loom_seq_cst};

/// Bits of the head word that count tickets; the rest name the epoch.
const TICKET_BITS: u32 = 52;
const TICKET_MASK: u64 = (1 << TICKET_BITS) - 1;
/// Epochs wrap after this many.
pub(super) const EPOCHS: u16 = 1 << (u64::BITS - TICKET_BITS);

/// The order in which calls ended, and which epoch they belong to.
///
/// One word holds both, so that a call is taken in only while its epoch is the current one: what was
/// admitted before a reset can never count after it.
pub(super) struct Tickets {
    head: AtomicU64,
    /// The head as it was when the epoch began.
    base: AtomicU64,
}

impl Tickets {
    pub(super) fn new() -> Self {
        Self { head: AtomicU64::new(0), base: AtomicU64::new(0) }
    }

    /// The same, with nothing taken yet, in another epoch.
    pub(super) fn starting_at(epoch: u16) -> Self {
        let head = u64::from(epoch % EPOCHS) << TICKET_BITS;
        Self { head: AtomicU64::new(head), base: AtomicU64::new(head) }
    }

    /// The next ticket of `epoch`, if that is the current one.
    #[inline(always)]
    pub(super) fn take(&self, epoch: u16) -> Option<u64> {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head >> TICKET_BITS != u64::from(epoch) {
                return None;
            }
            // Sequentially consistent, as in `Plane::set`: either the call that pushes a ticket out of
            // the window sees its bit, or the one that sets the bit sees that it is out.
            match self.head.compare_exchange_weak(
                head,
                head + 1,
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    tell_loom_seq_cst();
                    return Some(head & TICKET_MASK);
                }
                Err(now) => head = now,
            }
        }
    }

    /// As many tickets taken, all in the first epoch.
    #[cfg(test)]
    #[cfg(not(rely_loom))]
    pub(super) fn at(head: u64) -> Self {
        Self { head: AtomicU64::new(head), base: AtomicU64::new(0) }
    }

    /// Goes on as if so many calls had been taken in.
    #[cfg(test)]
    #[cfg(not(rely_loom))]
    pub(super) fn skip(&self, calls: u64) {
        self.head.fetch_add(calls, Ordering::SeqCst);
    }

    /// The head and the base of this epoch. While a reset is under way they are the same: the window
    /// is empty.
    pub(super) fn span(&self) -> (u64, u64) {
        let base = self.base.load(Ordering::SeqCst);
        let head = self.head.load(Ordering::SeqCst);
        let same_epoch = head >> TICKET_BITS == base >> TICKET_BITS;
        (head & TICKET_MASK, if same_epoch { base } else { head } & TICKET_MASK)
    }

    /// The tickets that a window of `calls` holds, the oldest first.
    pub(super) fn in_window(&self, calls: u64) -> Range<u64> {
        let (head, base) = self.span();
        head.saturating_sub(calls).max(base)..head
    }

    /// How many tickets were taken, in every epoch.
    pub(super) fn ever(&self) -> u64 {
        self.head.load(Ordering::Acquire) & TICKET_MASK
    }

    /// Which call of its epoch the one with this ticket is, from one.
    pub(super) fn number(&self, ticket: u64, epoch: u16) -> u64 {
        let base = self.base.load(Ordering::Relaxed);
        let base =
            if base >> TICKET_BITS == u64::from(epoch) { base & TICKET_MASK } else { ticket };
        (ticket + 1).saturating_sub(base)
    }

    /// The first ticket that a window of `calls` holds; earlier ones are out.
    pub(super) fn oldest(&self, calls: u64) -> u64 {
        let head = self.head.load(Ordering::SeqCst) & TICKET_MASK;
        let base = self.base.load(Ordering::SeqCst) & TICKET_MASK;
        head.saturating_sub(calls).max(base)
    }

    pub(super) fn is_before_epoch(&self, ticket: u64) -> bool {
        ticket < self.base.load(Ordering::SeqCst) & TICKET_MASK
    }

    pub(super) fn epoch(&self) -> u16 {
        u16::try_from(self.head.load(Ordering::Acquire) >> TICKET_BITS).unwrap_or(0)
    }

    /// Begins the next epoch; the caller clears what the old one left.
    pub(super) fn next_epoch(&self) -> u64 {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let epoch = (head >> TICKET_BITS).wrapping_add(1) % u64::from(EPOCHS);
            let next = epoch << TICKET_BITS | head & TICKET_MASK;
            match self.head.compare_exchange_weak(head, next, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => {
                    self.rebase(next);
                    tell_loom_seq_cst();
                    return next & TICKET_MASK;
                }
                Err(now) => head = now,
            }
        }
    }

    /// Makes `next` the base, unless a reset that began later was faster.
    fn rebase(&self, next: u64) {
        let mut base = self.base.load(Ordering::SeqCst);
        // Epochs wrap: the later of two is less than half the way round ahead.
        while next.wrapping_sub(base) <= u64::MAX >> 1 {
            match self.base.compare_exchange_weak(base, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return,
                Err(now) => base = now,
            }
        }
    }
}
