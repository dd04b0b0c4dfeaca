//! How many calls in a row have failed.

use crate::sync::{AtomicU64, Ordering, tell_loom_seq_cst};

/// The generation's low 32 bits above the length of its run, in one word: an outcome of another
/// generation neither lengthens the run nor ends it.
///
/// Nothing else is read on the strength of it, and a permit's generation comes from a word that was
/// written after the run began. But a failure that lengthens it and then finds the window clean, and a
/// success that clears the window and then ends the run, must not miss each other: hence the order.
pub(super) struct Run(AtomicU64);

const LENGTH_BITS: u32 = 32;
const LENGTH_MASK: u64 = (1 << LENGTH_BITS) - 1;

impl Run {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Starts at zero for `generation`; under the lock of the machine, so that they come in order.
    pub(super) fn begin(&self, generation: u64) {
        // A store is enough, but loom models the order of swaps alone.
        self.0.swap(generation << LENGTH_BITS, Ordering::Relaxed);
    }

    /// Starts at `length` for `generation`.
    pub(super) fn restore(&self, generation: u64, length: u32) {
        self.0.swap(generation << LENGTH_BITS | u64::from(length), Ordering::Relaxed);
    }

    /// A call of `generation` failed: how many in a row that makes, zero if the generation is over.
    ///
    /// The length stays far below its 32 bits: at 2^24 every caller trips the breaker.
    pub(super) fn lengthen(&self, generation: u64) -> u32 {
        let before = self.update(generation, |now| now + 1);
        tell_loom_seq_cst();
        before.map_or(0, |before| length(before) + 1)
    }

    /// A call of `generation` succeeded. With no failure before it, which is the rule, one load.
    #[inline]
    pub(super) fn end(&self, generation: u64) {
        tell_loom_seq_cst();
        if self.length() != 0 {
            self.clear(generation);
        }
    }

    #[cold]
    fn clear(&self, generation: u64) {
        self.update(generation, |now| now & !LENGTH_MASK);
    }

    pub(super) fn length(&self) -> u32 {
        length(self.0.load(Ordering::SeqCst))
    }

    /// Changes the word while it belongs to `generation`; returns what it was.
    fn update(&self, generation: u64, change: impl Fn(u64) -> u64) -> Option<u64> {
        let tag = generation & LENGTH_MASK;
        let next = |now| (now >> LENGTH_BITS == tag).then(|| change(now));
        self.0.fetch_update(Ordering::SeqCst, Ordering::Relaxed, next).ok()
    }
}

const fn length(word: u64) -> u32 {
    (word & LENGTH_MASK) as u32
}
