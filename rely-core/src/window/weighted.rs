//! The last `n` calls with their weights, one word each.

use core::fmt;

use super::Counts;
use super::count::check_calls;
use super::divide::Divider;
use super::tickets::Tickets;
use crate::sync::{AtomicI64, AtomicU64, Ordering};
use crate::{ConfigError, Weight};

/// A slot: 44 bits of lap, two of answers, two spare, 16 of weight.
const LAP_SHIFT: u32 = 20;
const WEIGHT_MASK: u64 = BAD - 1;
const BAD: u64 = 1 << 16;
const SLOW: u64 = 1 << 17;
const LAP_MASK: u64 = u64::MAX >> LAP_SHIFT;

/// The last `n` calls, where some count for more than others.
///
/// The window still holds `n` calls; its [`Counts`] are sums of their weights. It costs a word a
/// call, and a compare-and-swap and a few adds more than a [`CountWindow`](super::CountWindow); it
/// has the same epochs.
///
/// ```
/// use rely_core::Weight;
/// use rely_core::window::{Counts, WeightedWindow};
///
/// let window = WeightedWindow::new(2)?;
/// window.record(0, Weight::new(50), true, false);
/// window.record(0, Weight::ONE, false, true);
/// assert_eq!(window.counts(), Counts { total: 51, bad: 50, slow: 1 });
/// window.record(0, Weight::ONE, false, false);
/// assert_eq!(window.counts(), Counts { total: 2, bad: 0, slow: 1 });
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
pub struct WeightedWindow {
    calls: u64,
    by_calls: Divider,
    tickets: Tickets,
    slots: Box<[AtomicU64]>,
    total: AtomicI64,
    bad: AtomicI64,
    slow: AtomicI64,
    /// Weights since the window was made.
    ever_total: AtomicU64,
    ever_bad: AtomicU64,
    ever_slow: AtomicU64,
}

impl WeightedWindow {
    /// A window of the last `calls` calls, 1 to [`CountWindow::MAX_CALLS`](super::CountWindow::MAX_CALLS).
    ///
    /// # Errors
    /// If `calls` is out of range.
    pub fn new(calls: u32) -> Result<Self, ConfigError> {
        check_calls(calls)?;
        Ok(Self {
            calls: u64::from(calls),
            by_calls: Divider::by(u64::from(calls)),
            tickets: Tickets::new(),
            slots: (0..calls).map(|_| AtomicU64::new(0)).collect(),
            total: AtomicI64::new(0),
            bad: AtomicI64::new(0),
            slow: AtomicI64::new(0),
            ever_total: AtomicU64::new(0),
            ever_bad: AtomicU64::new(0),
            ever_slow: AtomicU64::new(0),
        })
    }

    /// The same window, empty, in another epoch than the first: for one that takes over from another.
    #[must_use]
    pub fn starting_at(self, epoch: u16) -> Self {
        Self { tickets: Tickets::starting_at(epoch), ..self }
    }

    /// How many calls the window holds at most.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// The epoch that a call admitted now belongs to, below 4096; it wraps.
    #[must_use]
    pub fn epoch(&self) -> u16 {
        self.tickets.epoch()
    }

    /// Takes in a call that ended, if `epoch` is still the current one.
    ///
    /// Returns how many calls the epoch has now taken in, counting those that left the window.
    pub fn record(&self, epoch: u16, weight: Weight, bad: bool, slow: bool) -> Option<u64> {
        let ticket = self.tickets.take(epoch)?;
        let answers = if bad { BAD } else { 0 } | if slow { SLOW } else { 0 };
        let weight = u64::from(weight.get());
        self.ever_total.fetch_add(weight, Ordering::Relaxed);
        for (ever, yes) in [(&self.ever_bad, bad), (&self.ever_slow, slow)] {
            if yes {
                ever.fetch_add(weight, Ordering::Relaxed);
            }
        }
        if self.place(ticket, weight | answers) && self.tickets.is_before_epoch(ticket) {
            // A reset went past this call between its two steps.
            self.place(ticket, 0);
        }
        Some(self.tickets.number(ticket, epoch))
    }

    /// Where a call goes, and in which lap.
    #[allow(clippy::cast_possible_truncation)] // a remainder of the length of a slice
    fn slot(&self, ticket: u64) -> (&AtomicU64, u64) {
        // Laps count from one: a slot that was never used is of lap zero.
        let quotient = self.by_calls.divide(ticket);
        let slot = &self.slots[(ticket - quotient * self.calls) as usize];
        (slot, (quotient + 1) & LAP_MASK)
    }

    /// Puts a call into its slot and what it replaces out of the sums; `false` if it comes too late.
    fn place(&self, ticket: u64, call: u64) -> bool {
        let (slot, lap) = self.slot(ticket);
        let next = lap << LAP_SHIFT | call;
        let mut now = slot.load(Ordering::Acquire);
        loop {
            // Laps come round, but every lap passes every slot: the later is close ahead.
            if lap.wrapping_sub(now >> LAP_SHIFT) & LAP_MASK > LAP_MASK / 2 {
                return false;
            }
            match slot.compare_exchange_weak(now, next, Ordering::SeqCst, Ordering::Acquire) {
                Ok(_) => break,
                Err(changed) => now = changed,
            }
        }
        let weight = |word: u64| i64::try_from(word & WEIGHT_MASK).unwrap_or(0);
        let part = |word: u64, mark: u64| if word & mark != 0 { weight(word) } else { 0 };
        for (sum, change) in [
            (&self.total, weight(next) - weight(now)),
            (&self.bad, part(next, BAD) - part(now, BAD)),
            (&self.slow, part(next, SLOW) - part(now, SLOW)),
        ] {
            // Most calls replace one like them.
            if change != 0 {
                sum.fetch_add(change, Ordering::Relaxed);
            }
        }
        true
    }

    /// The weights that the window holds now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let sum = |sum: &AtomicI64| u64::try_from(sum.load(Ordering::Acquire)).unwrap_or(0);
        let total = sum(&self.total);
        Counts { total, bad: sum(&self.bad).min(total), slow: sum(&self.slow).min(total) }
    }

    /// The weights that were taken in since the window was made, in every epoch.
    #[must_use]
    pub fn lifetime(&self) -> Counts {
        let (bad, slow) = (&self.ever_bad, &self.ever_slow);
        let [bad, slow] = [bad, slow].map(|ever| ever.load(Ordering::Acquire));
        Counts { total: self.ever_total.load(Ordering::Acquire), bad, slow }
    }

    /// The weight of each call in the window, whether it was bad, and whether slow, the oldest first.
    ///
    /// Recording them in this order makes a window that holds the same. It takes time in proportion to
    /// the size, and allocates.
    #[must_use]
    pub fn calls_in_order(&self) -> Vec<(Weight, bool, bool)> {
        let tickets = self.tickets.in_window(self.calls);
        tickets.filter_map(|ticket| self.held(ticket)).collect()
    }

    /// The call with a ticket of the window, unless its thread has yet to put it there.
    fn held(&self, ticket: u64) -> Option<(Weight, bool, bool)> {
        let (slot, lap) = self.slot(ticket);
        let word = slot.load(Ordering::Acquire);
        let weight = u16::try_from(word & WEIGHT_MASK).ok().filter(|weight| *weight > 0)?;
        let mark = |mark| word & mark != 0;
        (word >> LAP_SHIFT == lap).then(|| (Weight::new(weight), mark(BAD), mark(SLOW)))
    }

    /// Empties the window and begins the next epoch, which it returns.
    pub fn reset(&self) -> u16 {
        let base = self.tickets.next_epoch();
        for ticket in base.saturating_sub(self.calls)..base {
            self.place(ticket, 0);
        }
        self.tickets.epoch()
    }
}

impl fmt::Debug for WeightedWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        f.debug_struct("WeightedWindow")
            .field("calls", &self.calls)
            .field("counts", &counts)
            .finish()
    }
}

#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests {
    use super::*;

    #[test]
    fn laps_come_round_without_losing_a_call() {
        let window = WeightedWindow::new(1).unwrap();
        // The smallest window is the first to see its laps come round.
        window.tickets.skip(LAP_MASK - 2);
        window.slots[0].store((LAP_MASK - 2) << LAP_SHIFT, Ordering::SeqCst);
        for weight in 1..=6 {
            window.record(0, Weight::new(weight), true, false);
            let weight = u64::from(weight);
            assert_eq!(window.counts(), Counts { total: weight, bad: weight, slow: 0 });
        }
        window.reset();
        assert_eq!(window.counts(), Counts::default());
    }
}
