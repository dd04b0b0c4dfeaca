//! The last `n` calls, one bit each.

use core::fmt;

use super::Counts;
use crate::ConfigError;
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

    /// The next ticket of `epoch`, if that is the current one.
    #[inline]
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

    /// Which call of its epoch the one with this ticket is, from one.
    pub(super) fn number(&self, ticket: u64, epoch: u16) -> u64 {
        let base = self.base.load(Ordering::Relaxed);
        let base =
            if base >> TICKET_BITS == u64::from(epoch) { base & TICKET_MASK } else { ticket };
        (ticket + 1).saturating_sub(base)
    }

    /// The first ticket that a window of `calls` holds; earlier ones are out.
    fn oldest(&self, calls: u64) -> u64 {
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

/// Calls that one word holds, below its 16-bit lap tag.
const CALLS_PER_WORD: u64 = 48;
const BITS: u64 = (1 << CALLS_PER_WORD) - 1;

/// One question about each of the last calls (was it bad? was it slow?): a ring of bits and how many
/// of them are set.
struct Plane {
    words: Box<[AtomicU64]>,
    log2: u32,
    /// The number of bits that are set, and of those about to be: counted before its bit is set and
    /// after its bit is cleared, a yes is never missing here while its bit is there.
    set: AtomicU64,
}

/// Where a ticket's bit stands.
struct Place {
    word: usize,
    tag: u64,
    bit: u64,
}

impl Plane {
    fn new(calls: u64) -> Self {
        // One word more than the window fills, so that a word is used again only when each of its
        // calls has left the window.
        let words = (calls.div_ceil(CALLS_PER_WORD) + 1).next_power_of_two();
        Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            log2: words.trailing_zeros(),
            set: AtomicU64::new(0),
        }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // masked to the length of a slice
    fn place(&self, ticket: u64) -> Place {
        let word = ticket / CALLS_PER_WORD;
        Place {
            word: word as usize & (self.words.len() - 1),
            tag: word >> self.log2 & 0xFFFF,
            bit: 1 << (ticket % CALLS_PER_WORD),
        }
    }

    /// Clears the bit of a ticket that has left the window, if it is set and nobody else did.
    ///
    /// Without any yes in the window, which is the rule, that is one load.
    #[inline]
    fn clear(&self, ticket: u64) {
        if self.set.load(Ordering::SeqCst) != 0 {
            self.clear_set(ticket);
        }
    }

    #[inline(never)]
    fn clear_set(&self, ticket: u64) {
        let Place { word, tag, bit } = self.place(ticket);
        let slot = &self.words[word];
        let mut now = slot.load(Ordering::SeqCst);
        while now >> CALLS_PER_WORD == tag && now & bit != 0 {
            match slot.compare_exchange_weak(now, now & !bit, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => {
                    self.set.fetch_sub(1, Ordering::SeqCst);
                    return;
                }
                Err(changed) => now = changed,
            }
        }
    }

    /// Sets the bit of a ticket, if that is in the window.
    fn set(&self, tickets: &Tickets, calls: u64, ticket: u64) {
        self.set.fetch_add(1, Ordering::SeqCst);
        let Place { word, tag, bit } = self.place(ticket);
        let slot = &self.words[word];
        let mut now = slot.load(Ordering::SeqCst);
        loop {
            // Read after the word: whoever gave it to a later lap had pushed this ticket out before.
            if ticket < tickets.oldest(calls) {
                self.set.fetch_sub(1, Ordering::SeqCst);
                return;
            }
            // So another tag is that of an earlier lap, however long ago: a lap without any yes
            // leaves no trace. Bits it has left are out of the window, their clearing thread stalled.
            let (kept, left) = if now >> CALLS_PER_WORD == tag {
                (now & BITS, 0)
            } else {
                (0, u64::from((now & BITS).count_ones()))
            };
            let next = tag << CALLS_PER_WORD | kept | bit;
            match slot.compare_exchange_weak(now, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => {
                    if left > 0 {
                        self.set.fetch_sub(left, Ordering::SeqCst);
                    }
                    tell_loom_seq_cst();
                    return;
                }
                Err(changed) => now = changed,
            }
        }
    }

    fn count(&self) -> u64 {
        self.set.load(Ordering::Acquire)
    }
}

/// The last `n` calls, exact to the call: how many were bad, and on demand how many were slow.
///
/// A success costs one compare-and-swap and one load for each question, whatever the size; nothing
/// is summed. Memory is 64 bits for 48 calls and question, rounded up to a power of two.
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
    bad: Plane,
    slow: Option<Plane>,
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
        let calls = u64::from(calls);
        Ok(Self { calls, tickets: Tickets::new(), bad: Plane::new(calls), slow: None })
    }

    /// The same window, empty, that also keeps which calls were slow.
    #[must_use]
    pub fn with_slow(self) -> Self {
        let calls = self.calls;
        let (bad, slow) = (Plane::new(calls), Some(Plane::new(calls)));
        Self { calls, tickets: Tickets::new(), bad, slow }
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
        Self::ask(&self.bad, &self.tickets, self.calls, ticket, bad);
        if let Some(plane) = &self.slow {
            Self::ask(plane, &self.tickets, self.calls, ticket, slow);
        }
        Some(self.tickets.number(ticket, epoch))
    }

    #[inline]
    fn ask(plane: &Plane, tickets: &Tickets, calls: u64, ticket: u64, yes: bool) {
        if let Some(leaving) = ticket.checked_sub(calls) {
            plane.clear(leaving);
        }
        if yes {
            Self::answer_yes(plane, tickets, calls, ticket);
        }
    }

    #[cold]
    fn answer_yes(plane: &Plane, tickets: &Tickets, calls: u64, ticket: u64) {
        plane.set(tickets, calls, ticket);
        // If this thread stalled for a whole window, whoever pushed the ticket out found no bit to
        // clear, or a reset did: then the bit has to go again.
        if ticket < tickets.oldest(calls) {
            plane.clear(ticket);
        }
    }

    /// What the window holds now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let (head, base) = self.tickets.span();
        let total = head.saturating_sub(base).min(self.calls);
        let part = |plane: &Plane| plane.count().min(total);
        Counts { total, bad: part(&self.bad), slow: self.slow.as_ref().map_or(0, part) }
    }

    /// Empties the window and begins the next epoch, which it returns.
    ///
    /// Takes time in proportion to the size. Two resets at once are safe, if pointless.
    pub fn reset(&self) -> u16 {
        let base = self.tickets.next_epoch();
        for ticket in base.saturating_sub(self.calls)..base {
            self.bad.clear(ticket);
            if let Some(plane) = &self.slow {
                plane.clear(ticket);
            }
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
    use super::*;

    /// Takes tickets up to `head` without recording anything.
    fn tickets_up_to(head: u64) -> Tickets {
        Tickets { head: AtomicU64::new(head), base: AtomicU64::new(0) }
    }

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

    #[test]
    fn a_bit_that_a_stalled_thread_left_uncleared_goes_with_its_lap() {
        let plane = Plane::new(1);
        plane.set(&tickets_up_to(1), 1, 0);
        assert_eq!(plane.count(), 1);
        // The same bit two words on; nobody has cleared it.
        plane.set(&tickets_up_to(97), 1, 96);
        assert_eq!(plane.count(), 1);
        plane.clear(0);
        assert_eq!(plane.count(), 1, "whoever was to clear it finds another lap");
        plane.clear(96);
        plane.clear(96);
        assert_eq!(plane.count(), 0);
    }

    #[test]
    fn a_call_that_left_the_window_before_its_bit_was_set_is_left_out() {
        let plane = Plane::new(1);
        let tickets = tickets_up_to(97);
        plane.set(&tickets, 1, 96);
        plane.set(&tickets, 1, 0);
        plane.set(&tickets, 1, 1);
        assert_eq!(plane.count(), 1);
        plane.clear(96);
        assert_eq!(plane.count(), 0);
    }
}
