//! The last `n` calls, one bit each.

use core::fmt;

use super::Counts;
use super::plane::{Marks, Plane};
use super::tickets::Tickets;
use crate::ConfigError;
use crate::sync::{AtomicU64, Ordering};

/// The last `n` calls, exact to the call: how many were bad, and on demand how many were slow.
///
/// A success costs one compare-and-swap and one load, whatever the size; nothing is summed. Memory is
/// 64 bits for 48 calls and question, rounded up to a power of two.
///
/// Every call belongs to an *epoch*. [`CountWindow::reset`] begins the next one with an empty
/// window, and from then on a call of an older epoch is refused: so a breaker that closes again does
/// not inherit the stragglers of its last outage.
///
/// Weights do not count here; see [`WeightedWindow`](super::WeightedWindow).
///
/// ```
/// use rely_core::window::CountWindow;
///
/// let window = CountWindow::new(3)?.with_slow();
/// for (bad, slow) in [(true, true), (true, false), (false, false), (false, true)] {
///     window.record(0, bad, slow);
/// }
/// // The first call has left.
/// assert_eq!(window.counts().bad, 1);
/// assert_eq!(window.counts().slow, 1);
/// let epoch = window.reset();
/// assert_eq!(window.counts().total, 0);
/// assert_eq!(window.record(0, true, false), None, "a straggler from before the reset");
/// assert_eq!(window.record(epoch, true, false), Some(1));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
pub struct CountWindow {
    calls: u64,
    tickets: Tickets,
    marks: Marks,
    bad: Plane,
    /// Since the window was made.
    ever_bad: AtomicU64,
    /// Apart, as most windows do without.
    slow: Option<Box<Slow>>,
}

struct Slow {
    plane: Plane,
    ever: AtomicU64,
}

/// What became of a good, fast call that [`CountWindow::record_good`] was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Good {
    /// It was of an older epoch and not taken in.
    Late,
    /// It was taken in, and no call was in the window that is bad or slow.
    Clean,
    /// It was taken in, and the window held bad or slow calls as it came; it may have pushed the last
    /// of them out. Carries how many calls the epoch has now taken in, counting those that left the
    /// window.
    Mixed(u64),
}

impl CountWindow {
    /// The largest window, in calls.
    pub const MAX_CALLS: u32 = 1 << 24;

    /// A window of the last `calls` calls, 1 to [`CountWindow::MAX_CALLS`].
    ///
    /// # Errors
    /// If `calls` is out of range.
    pub fn new(calls: u32) -> Result<Self, ConfigError> {
        check_calls(calls)?;
        Ok(Self::of(u64::from(calls), None))
    }

    /// The same window, empty, that also keeps which calls were slow.
    #[must_use]
    pub fn with_slow(self) -> Self {
        let slow = Slow { plane: Plane::second(self.calls), ever: AtomicU64::new(0) };
        Self::of(self.calls, Some(Box::new(slow)))
    }

    /// Whether it keeps which calls were slow.
    #[must_use]
    pub const fn has_slow(&self) -> bool {
        self.slow.is_some()
    }

    fn of(calls: u64, slow: Option<Box<Slow>>) -> Self {
        Self {
            calls,
            tickets: Tickets::new(),
            marks: Marks::new(),
            bad: Plane::first(calls),
            ever_bad: AtomicU64::new(0),
            slow,
        }
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
    #[inline]
    pub fn record(&self, epoch: u16, bad: bool, slow: bool) -> Option<u64> {
        let ticket = self.tickets.take(epoch)?;
        if bad || slow || !self.marks.none() {
            self.answer(ticket, bad, slow);
        }
        Some(self.tickets.number(ticket, epoch))
    }

    /// Takes in a good, fast call that ended, if `epoch` is still the current one.
    ///
    /// The same as [`CountWindow::record`] with twice `false`, for less: while no call in the window is
    /// bad or slow, as is the rule, it does nothing but to take its place.
    ///
    /// ```
    /// use rely_core::window::{CountWindow, Good};
    ///
    /// let window = CountWindow::new(2)?;
    /// assert_eq!(window.record_good(0), Good::Clean);
    /// window.record(0, true, false);
    /// assert_eq!(window.record_good(0), Good::Mixed(3));
    /// assert_eq!(window.record_good(0), Good::Mixed(4), "the bad call leaves");
    /// assert_eq!(window.record_good(0), Good::Clean);
    /// window.reset();
    /// assert_eq!(window.record_good(0), Good::Late);
    /// # Ok::<(), rely_core::ConfigError>(())
    /// ```
    // The whole of what a closed breaker counts of a success: a call would cost as much again.
    #[inline(always)]
    pub fn record_good(&self, epoch: u16) -> Good {
        match self.tickets.take(epoch) {
            None => Good::Late,
            Some(_) if self.marks.none() => Good::Clean,
            Some(ticket) => self.good_among_others(ticket, epoch),
        }
    }

    #[cold]
    #[inline(never)]
    fn good_among_others(&self, ticket: u64, epoch: u16) -> Good {
        self.answer(ticket, false, false);
        Good::Mixed(self.tickets.number(ticket, epoch))
    }

    /// Whether no call in the window is bad or slow, which [`Good::Clean`] would tell.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.marks.none()
    }

    /// Takes the call that leaves out of the planes, and puts the one that came in.
    fn answer(&self, ticket: u64, bad: bool, slow: bool) {
        if let Some(leaving) = ticket.checked_sub(self.calls) {
            self.clear(leaving);
        }
        if bad {
            self.answer_yes(&self.bad, &self.ever_bad, ticket);
        }
        if let (true, Some(slow)) = (slow, &self.slow) {
            self.answer_yes(&slow.plane, &slow.ever, ticket);
        }
    }

    fn answer_yes(&self, plane: &Plane, ever: &AtomicU64, ticket: u64) {
        // Released, so that whoever sees it sees the ticket.
        ever.fetch_add(1, Ordering::Release);
        plane.set(&self.marks, &self.tickets, self.calls, ticket);
        // If this thread stalled for a whole window, whoever pushed the ticket out found no bit to
        // clear, or a reset did: then the bit has to go again.
        if ticket < self.tickets.oldest(self.calls) {
            plane.clear(&self.marks, ticket);
        }
    }

    fn clear(&self, ticket: u64) {
        self.bad.clear(&self.marks, ticket);
        if let Some(slow) = &self.slow {
            slow.plane.clear(&self.marks, ticket);
        }
    }

    /// What the window holds now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let (head, base) = self.tickets.span();
        let total = head.saturating_sub(base).min(self.calls);
        let [bad, slow] = self.marks.counts();
        Counts { total, bad: bad.min(total), slow: slow.min(total) }
    }

    /// What was taken in since the window was made, in every epoch.
    #[must_use]
    pub fn lifetime(&self) -> Counts {
        let bad = self.ever_bad.load(Ordering::Acquire);
        let slow = self.slow.as_ref().map_or(0, |slow| slow.ever.load(Ordering::Acquire));
        // Read last: a call has its ticket before it is counted as bad or slow.
        Counts { total: self.tickets.ever(), bad, slow }
    }

    /// Whether each call in the window was bad, and whether slow, the oldest first.
    ///
    /// Recording them in this order makes a window that holds the same. It takes time in proportion to
    /// the size, and allocates.
    #[must_use]
    pub fn calls_in_order(&self) -> Vec<(bool, bool)> {
        let slow = |ticket| self.slow.as_ref().is_some_and(|slow| slow.plane.holds(ticket));
        let tickets = self.tickets.in_window(self.calls);
        tickets.map(|ticket| (self.bad.holds(ticket), slow(ticket))).collect()
    }

    /// Empties the window and begins the next epoch, which it returns.
    ///
    /// Takes time in proportion to the size, if any call in it was bad or slow. Two resets at once are
    /// safe, if pointless.
    pub fn reset(&self) -> u16 {
        let base = self.tickets.next_epoch();
        for ticket in base.saturating_sub(self.calls)..base {
            if self.marks.none() {
                break;
            }
            self.clear(ticket);
        }
        self.tickets.epoch()
    }
}

pub(super) fn check_calls(calls: u32) -> Result<(), ConfigError> {
    let allowed = 1..=CountWindow::MAX_CALLS;
    if allowed.contains(&calls) {
        Ok(())
    } else {
        Err(ConfigError::new("calls", calls, format!("1 to {}", CountWindow::MAX_CALLS)))
    }
}

impl fmt::Debug for CountWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        f.debug_struct("CountWindow").field("calls", &self.calls).field("counts", &counts).finish()
    }
}

#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests {
    use super::super::plane::CALLS_PER_WORD;
    use super::super::tickets::EPOCHS;
    use super::*;

    #[test]
    fn a_failure_counts_however_long_ago_the_last_one_was() {
        // Calls in a lap of the ring; the words' lap tags come round after 65,536 of them.
        const LAP: u64 = 2 * CALLS_PER_WORD;
        for laps in [1, 0x7FFF, 0x8000, 0xC000, 0xFFFF, 0x1_0000, 0x1_8000] {
            let window = CountWindow::new(10).unwrap();
            window.record(0, true, false);
            (0..10).for_each(|_| assert!(window.record(0, false, false).is_some()));
            assert_eq!(window.counts().bad, 0);
            // As many successes later: while nothing is bad they touch nothing else.
            window.tickets.skip(laps * LAP);
            for bad in 1..=5 {
                window.record(0, true, false);
                assert_eq!(window.counts().bad, bad, "after {laps} laps");
            }
            (0..10).for_each(|_| assert!(window.record(0, false, false).is_some()));
            assert_eq!(window.counts(), Counts { total: 10, bad: 0, slow: 0 });
        }
    }

    #[test]
    fn epochs_and_their_bases_come_round() {
        let window = CountWindow::new(2).unwrap();
        for epoch in 1..=u32::from(EPOCHS) + 2 {
            let epoch = u16::try_from(epoch % u32::from(EPOCHS)).unwrap();
            assert_eq!((window.reset(), window.epoch()), (epoch, epoch));
            assert_eq!(window.counts().total, 0);
            assert_eq!(window.record(epoch, true, false), Some(1));
            assert_eq!(window.record(epoch, false, false), Some(2));
            assert_eq!(window.counts(), Counts { total: 2, bad: 1, slow: 0 });
        }
    }
}
