//! The last `n` calls with their weights, one word each.

use core::fmt;

use super::Counts;
use super::count::{Tickets, check_calls};
use super::divide::Divider;
use crate::sync::{AtomicI64, AtomicU64, Ordering};
use crate::{ConfigError, Weight};

/// A slot: 44 bits of lap, two of answers, two spare, 16 of weight.
const LAP_SHIFT: u32 = 20;
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
        })
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
        if self.place(ticket, u64::from(weight.get()) | answers)
            && self.tickets.is_before_epoch(ticket)
        {
            // A reset went past this call between its two steps.
            self.place(ticket, 0);
        }
        Some(self.tickets.number(ticket, epoch))
    }

    /// Puts a call into its slot and what it replaces out of the sums; `false` if it comes too late.
    #[allow(clippy::cast_possible_truncation)] // a remainder of the length of a slice
    fn place(&self, ticket: u64, call: u64) -> bool {
        // Laps count from one: a slot that was never used is of lap zero.
        let quotient = self.by_calls.divide(ticket);
        let lap = (quotient + 1) & LAP_MASK;
        let slot = &self.slots[(ticket - quotient * self.calls) as usize];
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
        let weight = |word: u64| i64::try_from(word & 0xFFFF).unwrap_or(0);
        let part = |word: u64, mark: u64| if word & mark != 0 { weight(word) } else { 0 };
        self.total.fetch_add(weight(next) - weight(now), Ordering::Relaxed);
        for (sum, mark) in [(&self.bad, BAD), (&self.slow, SLOW)] {
            let change = part(next, mark) - part(now, mark);
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
