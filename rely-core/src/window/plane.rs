//! One bit for each of the last calls.

use super::tickets::Tickets;
use crate::sync::{AtomicU64, Ordering, tell_loom_seq_cst};

/// Calls that one word holds, below its 16-bit lap tag.
pub(super) const CALLS_PER_WORD: u64 = 48;
const BITS: u64 = (1 << CALLS_PER_WORD) - 1;

/// How many bits of each plane are set, and of those about to be, in half a word each: one load tells
/// that there is none.
///
/// Counted before its bit is set and after its bit is cleared, a yes is never missing here while its
/// bit is there.
pub(super) struct Marks(AtomicU64);

/// Which half of the [`Marks`] is whose.
const LOW: u64 = u32::MAX as u64;

impl Marks {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Whether no bit of any plane is set.
    #[inline(always)]
    pub(super) fn none(&self) -> bool {
        // Sequentially consistent, as in `Plane::set`.
        self.0.load(Ordering::SeqCst) == 0
    }

    /// What the first plane and the second hold.
    pub(super) fn counts(&self) -> [u64; 2] {
        let both = self.0.load(Ordering::SeqCst);
        [both & LOW, both >> 32]
    }
}

/// One question about each of the last calls (was it bad? was it slow?): a ring of bits.
pub(super) struct Plane {
    words: Box<[AtomicU64]>,
    log2: u32,
    /// Where it counts in the [`Marks`].
    shift: u32,
}

/// Where a ticket's bit stands.
struct Place {
    word: usize,
    tag: u64,
    bit: u64,
}

impl Plane {
    /// The plane that counts in the lower half of the marks.
    pub(super) fn first(calls: u64) -> Self {
        Self::new(calls, 0)
    }

    /// The plane that counts in the upper half of the marks.
    pub(super) fn second(calls: u64) -> Self {
        Self::new(calls, 32)
    }

    fn new(calls: u64, shift: u32) -> Self {
        // One word more than the window fills, so that a word is used again only when each of its
        // calls has left the window.
        let words = (calls.div_ceil(CALLS_PER_WORD) + 1).next_power_of_two();
        Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            log2: words.trailing_zeros(),
            shift,
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

    /// Whether the bit of a ticket of the window is set.
    pub(super) fn holds(&self, ticket: u64) -> bool {
        let Place { word, tag, bit } = self.place(ticket);
        let now = self.words[word].load(Ordering::Acquire);
        now >> CALLS_PER_WORD == tag && now & bit != 0
    }

    /// Clears the bit of a ticket that has left the window, if it is set and nobody else did.
    pub(super) fn clear(&self, marks: &Marks, ticket: u64) {
        if marks.0.load(Ordering::SeqCst) & LOW << self.shift == 0 {
            return;
        }
        let Place { word, tag, bit } = self.place(ticket);
        let slot = &self.words[word];
        let mut now = slot.load(Ordering::SeqCst);
        while now >> CALLS_PER_WORD == tag && now & bit != 0 {
            match slot.compare_exchange_weak(now, now & !bit, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return self.forget(marks, 1),
                Err(changed) => now = changed,
            }
        }
    }

    /// Sets the bit of a ticket, if that is in the window of the last `calls`.
    pub(super) fn set(&self, marks: &Marks, tickets: &Tickets, calls: u64, ticket: u64) {
        marks.0.fetch_add(1 << self.shift, Ordering::SeqCst);
        let Place { word, tag, bit } = self.place(ticket);
        let slot = &self.words[word];
        let mut now = slot.load(Ordering::SeqCst);
        loop {
            // Read after the word: whoever gave it to a later lap had pushed this ticket out before.
            if ticket < tickets.oldest(calls) {
                return self.forget(marks, 1);
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
                        self.forget(marks, left);
                    }
                    tell_loom_seq_cst();
                    return;
                }
                Err(changed) => now = changed,
            }
        }
    }

    fn forget(&self, marks: &Marks, bits: u64) {
        marks.0.fetch_sub(bits << self.shift, Ordering::SeqCst);
    }
}

#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests {
    use super::*;

    #[test]
    fn a_bit_that_a_stalled_thread_left_uncleared_goes_with_its_lap() {
        for (plane, held) in [(Plane::first(1), [1, 0]), (Plane::second(1), [0, 1])] {
            let marks = Marks::new();
            plane.set(&marks, &Tickets::at(1), 1, 0);
            assert_eq!(marks.counts(), held);
            // The same bit two words on; nobody has cleared it.
            plane.set(&marks, &Tickets::at(97), 1, 96);
            assert_eq!(marks.counts(), held);
            plane.clear(&marks, 0);
            assert_eq!(marks.counts(), held, "whoever was to clear it finds another lap");
            assert!(plane.holds(96) && !plane.holds(0));
            plane.clear(&marks, 96);
            plane.clear(&marks, 96);
            assert!(marks.none());
        }
    }

    #[test]
    fn a_call_that_left_the_window_before_its_bit_was_set_is_left_out() {
        let (plane, marks, tickets) = (Plane::first(1), Marks::new(), Tickets::at(97));
        plane.set(&marks, &tickets, 1, 96);
        plane.set(&marks, &tickets, 1, 0);
        plane.set(&marks, &tickets, 1, 1);
        assert_eq!(marks.counts(), [1, 0]);
        plane.clear(&marks, 96);
        assert!(marks.none());
    }
}
