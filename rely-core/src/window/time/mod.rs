//! The last span of time, in buckets.

mod builder;
mod cell;
mod read;
mod sweep;

use core::fmt;
use core::time::Duration;

pub use self::builder::TimeWindowBuilder;
#[cfg(test)]
pub(super) use self::cell::LAPS;
use super::divide::Divider;
use crate::Instant;
use crate::sync::{AtomicU64, Ordering};

/// So many outcomes in a row from before the window, with none in time between them, mean that the
/// clock was set back, not that a thread stalled.
const CLOCK_WAS_SET_BACK: u64 = 16;
/// Sums over the last span of time, in buckets, over a fixed number of lanes.
///
/// A lane is one thing to count: successes, failures, one bucket of a histogram. A record is one
/// compare-and-swap on one word, whatever the traffic, and a weight costs nothing extra. The window
/// spans the current bucket, as far as it has come, and the full ones before it: an outcome leaves
/// between `span - bucket` and `span` after it came.
///
/// With several shards, threads record in different places and never meet; reading adds them up.
///
/// Every outcome belongs to an *epoch*, as in a [`CountWindow`](super::CountWindow):
/// [`TimeWindow::reset`] begins the next one with an empty window, and
/// [`TimeWindow::record_in`] refuses an outcome of an older one.
///
/// # When time is odd
///
/// A window's time never goes back. An outcome with an instant somewhat older than the newest goes to
/// its own bucket; one from before the window is left out and counted by [`TimeWindow::late`]. Sixteen
/// of those in a row, with none in time between, mean that the clock was set back: the window keeps
/// what it holds and goes on from there. After a jump forward, what has aged is gone, nothing else.
///
/// ```
/// use core::time::Duration;
/// use rely_core::Instant;
/// use rely_core::window::TimeWindow;
///
/// let window = TimeWindow::builder(Duration::from_secs(10)).buckets(10).lanes(2).build()?;
/// let start = Instant::ORIGIN + Duration::from_secs(100);
/// window.record(start, 0, 1);
/// window.record(start + Duration::from_secs(4), 1, 50);
/// assert_eq!(window.sums(start + Duration::from_secs(9)), [1, 50]);
/// assert_eq!(window.sums(start + Duration::from_secs(10)), [0, 50]);
///
/// let epoch = window.epoch();
/// window.reset();
/// assert!(!window.record_in(epoch, start + Duration::from_secs(10), 0, 1), "a straggler");
/// assert_eq!((window.sum(start + Duration::from_secs(10), 1), window.lifetime(1)), (0, 50));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
pub struct TimeWindow {
    tick: Divider,
    bucket: Duration,
    /// Ticks in the window; no more than the slots of the ring.
    ticks: u64,
    /// The ring has this power of two of slots.
    log2: u32,
    lanes: usize,
    shards: usize,
    /// Words from one shard to the next.
    stride: usize,
    cells: Box<[AtomicU64]>,
    /// For each lane the counts that have left their cells.
    retired: Box<[AtomicU64]>,
    /// Where it stands in a tag.
    epoch: AtomicU64,
    /// The newest tick that was recorded; readers and writers of older ones measure against it.
    latest: AtomicU64,
    /// Added to the clock's tick so that a clock set back goes on where the window stands.
    offset: AtomicU64,
    late: AtomicU64,
    late_in_a_row: AtomicU64,
    sweeps: AtomicU64,
}

impl TimeWindow {
    /// A window over the last `span`, of ten buckets, one lane and one shard unless told otherwise.
    ///
    /// Where the span is no whole number of nanoseconds per bucket, it is rounded down to one.
    pub const fn builder(span: Duration) -> TimeWindowBuilder {
        TimeWindowBuilder { span, buckets: 10, lanes: 1, shards: 1 }
    }

    /// The span of time that the window covers.
    #[must_use]
    pub fn span(&self) -> Duration {
        // The number of buckets came as a `u32`.
        self.bucket * u32::try_from(self.ticks).unwrap_or(u32::MAX)
    }

    /// How long a bucket is.
    #[must_use]
    pub const fn bucket(&self) -> Duration {
        self.bucket
    }

    /// How many lanes there are.
    #[must_use]
    pub const fn lanes(&self) -> usize {
        self.lanes
    }

    /// Outcomes that were left out because they came from before the window, since it was made.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Adds `weight` to `lane` at `now`; `false` if that is too long ago, or there is no such lane.
    ///
    /// A bucket counts to 2^39 - 1, about 5 * 10^11, for each lane and shard, and stays there.
    #[inline]
    pub fn record(&self, now: Instant, lane: usize, weight: u64) -> bool {
        self.record_at(self.moment(now), lane, weight)
    }

    /// [`TimeWindow::record`], if `epoch` is still the current one; else `false`.
    ///
    /// Once [`TimeWindow::reset`] has returned, nothing of an older epoch counts, however long its
    /// thread was suspended halfway.
    #[inline]
    pub fn record_in(&self, epoch: u16, now: Instant, lane: usize, weight: u64) -> bool {
        self.put(self.moment(now), lane, weight, Some(cell::epoch(epoch)))
    }

    /// Which bucket `now` falls into: for several records of one instant.
    #[inline]
    pub(crate) fn moment(&self, now: Instant) -> Moment {
        Moment {
            clock: self.tick.divide(now.as_nanos()),
            shard: if self.shards == 1 { 0 } else { shard() & (self.shards - 1) },
        }
    }

    // Twice in every call that a meter counts: inlined, it needs no frame of its own.
    #[inline(always)]
    pub(crate) fn record_at(&self, moment: Moment, lane: usize, weight: u64) -> bool {
        self.put(moment, lane, weight, None)
    }

    /// One attempt inline, which is all it takes as a rule; everything else is a call.
    #[inline(always)]
    fn put(&self, moment: Moment, lane: usize, weight: u64, only: Option<u64>) -> bool {
        if lane >= self.lanes {
            return false;
        }
        let tick = moment.clock.wrapping_add(self.offset.load(Ordering::Relaxed));
        let cell = &self.cells[moment.shard * self.stride + self.slot(tick) * self.lanes + lane];
        let word = cell.load(Ordering::Acquire);
        // Both are read after the cell: whoever gave it to a later epoch or lap had seen that one.
        let epoch = self.epoch.load(Ordering::Acquire);
        let latest = self.latest.load(Ordering::Acquire);
        if latest.wrapping_sub(tick) >= self.ticks || only.is_some_and(|only| only != epoch) {
            return self.put_anyhow(moment, lane, weight, only);
        }
        match cell::plus(word, epoch | self.lap(tick), weight) {
            Some(next) if swap(cell, word, next).is_ok() => self.came_in_time(),
            _ => return self.put_anyhow(moment, lane, weight, only),
        }
        true
    }

    /// The same, whatever is in the way.
    #[cold]
    #[inline(never)]
    fn put_anyhow(&self, moment: Moment, lane: usize, weight: u64, only: Option<u64>) -> bool {
        let mut tick = moment.clock.wrapping_add(self.offset.load(Ordering::Relaxed));
        loop {
            let cell = &self.lanes_of(moment.shard, self.slot(tick))[lane];
            let word = cell.load(Ordering::Acquire);
            let epoch = self.epoch.load(Ordering::Acquire);
            let latest = self.latest.load(Ordering::Acquire);
            if only.is_some_and(|only| only != epoch) {
                return false;
            }
            if tick > latest {
                self.advance(latest, tick);
                continue;
            }
            if latest - tick >= self.ticks {
                let Some(offset) = self.too_late(moment, tick, latest) else { return false };
                tick = moment.clock.wrapping_add(offset);
                continue;
            }
            // So another tag is that of an earlier epoch or lap.
            let tag = epoch | self.lap(tick);
            let held = cell::held(word, tag);
            let next = tag | cell::sum(held.unwrap_or(0), weight);
            if swap(cell, word, next).is_ok() {
                if held.is_none() {
                    self.retire(lane, word);
                }
                self.came_in_time();
                return true;
            }
        }
    }

    #[inline(always)]
    fn came_in_time(&self) {
        if self.late_in_a_row.load(Ordering::Relaxed) != 0 {
            self.late_in_a_row.store(0, Ordering::Relaxed);
        }
    }

    const fn slots(&self) -> usize {
        1 << self.log2
    }

    #[allow(clippy::cast_possible_truncation)] // masked to the number of slots
    #[inline]
    fn slot(&self, tick: u64) -> usize {
        tick as usize & (self.slots() - 1)
    }

    /// The lap of the ring that a tick belongs to, as part of a tag.
    #[inline]
    fn lap(&self, tick: u64) -> u64 {
        cell::lap(tick >> self.log2)
    }

    /// The cells of one slot of the ring in one shard.
    fn lanes_of(&self, shard: usize, slot: usize) -> &[AtomicU64] {
        let start = shard * self.stride + slot * self.lanes;
        &self.cells[start..start + self.lanes]
    }

    /// Leaves an outcome out, unless the clock was set back: then what to add to it from now on.
    fn too_late(&self, moment: Moment, tick: u64, latest: u64) -> Option<u64> {
        let in_a_row = self.late_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if in_a_row < CLOCK_WAS_SET_BACK {
            self.late.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        // Go on where the window stands. If another thread does it first, its offset is as good.
        let old = tick.wrapping_sub(moment.clock);
        let new = latest.wrapping_sub(moment.clock);
        let changed = self.offset.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed);
        self.late_in_a_row.store(0, Ordering::Relaxed);
        Some(changed.map_or_else(|theirs| theirs, |_| new))
    }
}

#[inline(always)]
fn swap(cell: &AtomicU64, word: u64, next: u64) -> Result<u64, u64> {
    cell.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
}

/// A tick of the clock and the shard of the thread that read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    clock: u64,
    shard: usize,
}

impl Moment {
    /// The shard, below the window's number of shards.
    pub(crate) const fn shard(self) -> usize {
        self.shard
    }
}

/// A small number that the current thread keeps; threads that meet have different ones.
fn shard() -> usize {
    use core::cell::Cell;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static MINE: Cell<usize> = const { Cell::new(usize::MAX) });
    MINE.try_with(|mine| match mine.get() {
        usize::MAX => {
            let number = NEXT.fetch_add(1, Ordering::Relaxed) % 64;
            mine.set(number);
            number
        }
        number => number,
    })
    // A thread that is ending has no number any more.
    .unwrap_or(0)
}

impl fmt::Debug for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeWindow")
            .field("bucket", &self.bucket)
            .field("buckets", &self.ticks)
            .field("lanes", &self.lanes)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}
