//! Sliding windows: what happened lately, in fixed memory, at the same cost at any traffic.
//!
//! | window | holds | a record costs | exact to |
//! |---|---|---|---|
//! | [`CountWindow`] | the last `n` calls, one bit a call and question | one compare-and-swap, one load | the call |
//! | [`WeightedWindow`] | the last `n` calls with their weights, one word a call | two compare-and-swaps, one to six adds | the call |
//! | [`TimeWindow`] | the last span of time in buckets, any number of lanes | one compare-and-swap | the bucket |
//!
//! All are lock-free, allocate only when they are made, and take time as a value. Several threads
//! may record at once; none is ever waited for.
//!
//! Besides, each tells what it has taken in since it was made, for counters that only grow.
//!
//! Counts are exact once the recording calls have returned. What is read meanwhile may be off by the
//! one call that each recording thread has half taken in.
//!
//! # Epochs
//!
//! A window that is emptied begins its next *epoch*, and an outcome that names an older one is refused,
//! however late it comes. Epochs are numbered below 4096, and come round, in the same way in all
//! windows: one number can name the epoch of several that are reset together.
//!
//! # What a stalled thread cannot do
//!
//! A thread may be suspended between any two instructions and wake up when the window has moved on.
//! Every word of a window therefore carries, beside its bits or its count, the lap of the ring that
//! they belong to, and changes only by compare-and-swap: an outcome that comes too late for its lap
//! finds another lap's tag and is left out. It does not count for a later lap.
//!
//! In a [`TimeWindow`] the words carry the epoch as well. Laps and epochs come round after 4096;
//! before they do, every cell that is over is emptied in a way that no thread has seen before, so that
//! one that slept through it all finds its cell changed.

mod config;
mod count;
mod divide;
#[cfg(test)]
#[cfg(rely_loom)]
mod loom_tests;
mod plane;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;
mod tickets;
mod time;
mod weighted;

pub use self::config::{CountWindowConfig, TimeWindowConfig};
pub use self::count::{CountWindow, Good};
pub use self::time::{TimeWindow, TimeWindowBuilder};
pub use self::weighted::WeightedWindow;

/// What a window of calls holds. `bad` and `slow` overlap: a call may be both.
///
/// ```
/// use rely_core::window::{Counts, CountWindow};
///
/// let window = CountWindow::new(100)?;
/// window.record(0, true, false);
/// window.record(0, false, false);
/// assert_eq!(window.counts(), Counts { total: 2, bad: 1, slow: 0 });
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Calls in the window, or their weight.
    pub total: u64,
    /// Failures and soft failures among them.
    pub bad: u64,
    /// Calls over the slow threshold among them.
    pub slow: u64,
}
