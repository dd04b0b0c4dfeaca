//! Sliding windows: what happened lately, in fixed memory, at the same cost at any traffic.
//!
//! | window | holds | a record costs | exact to |
//! |---|---|---|---|
//! | [`CountWindow`] | the last `n` calls, one bit a call and question | one compare-and-swap, one load | the call |
//! | [`WeightedWindow`] | the last `n` calls with their weights, one word a call | two compare-and-swaps, up to three adds | the call |
//! | [`TimeWindow`] | the last span of time in buckets, any number of lanes | one compare-and-swap | the bucket |
//!
//! All are lock-free, allocate only when they are made, and take time as a value. Several threads
//! may record at once; none is ever waited for.
//!
//! Counts are exact once the recording calls have returned. What is read meanwhile may be off by the
//! one call that each recording thread has half taken in.
//!
//! # What a stalled thread cannot do
//!
//! A thread may be suspended between any two instructions and wake up when the window has moved on.
//! Every word of a window therefore carries, beside its bits or its count, the lap of the ring that
//! they belong to, and changes only by compare-and-swap: an outcome that comes too late for its lap
//! finds another lap's tag and is left out. It does not count for a later lap; a time window's tags come
//! round again after 65,536 laps, and cells that old are cleared long before.

mod config;
mod count;
mod divide;
#[cfg(test)]
#[cfg(rely_loom)]
mod loom_tests;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;
mod time;
mod weighted;

pub use self::config::{CountWindowConfig, TimeWindowConfig};
pub use self::count::CountWindow;
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
