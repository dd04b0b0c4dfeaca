//! The last span of time, in buckets.

use core::fmt;
use core::time::Duration;

use super::divide::Divider;
use crate::instant::saturating_nanos;
use crate::sync::{AtomicU64, Ordering};
use crate::{ConfigError, Instant};

/// Bits of a cell that count; the rest are the lap of the ring that the count belongs to.
const COUNT_BITS: u32 = 48;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const LAPS: u64 = 1 << (u64::BITS - COUNT_BITS);
/// Cells of laps long gone are cleared this often, well before their tag comes round again.
const LAPS_BETWEEN_SWEEPS: u64 = LAPS / 4;
/// So many outcomes in a row from before the window, with none in time between them, mean that the
/// clock was set back, not that a thread stalled.
const CLOCK_WAS_SET_BACK: u64 = 16;
/// Words between the shards of two threads: two cache lines, so that neither prefetches the other.
const PADDING: usize = 16;

/// Sums over the last span of time, in buckets, over a fixed number of lanes.
///
/// A lane is one thing to count: successes, failures, one bucket of a histogram. A record is one
/// compare-and-swap on one word, whatever the traffic, and a weight costs nothing extra. The window
/// spans the current bucket, as far as it has come, and the full ones before it: an outcome leaves
/// between `span - bucket` and `span` after it came.
///
/// With several shards, threads record in different places and never meet; reading adds them up.
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
    /// The newest tick that was recorded; readers and writers of older ones measure against it.
    latest: AtomicU64,
    /// Added to the clock's tick so that a clock set back goes on where the window stands.
    offset: AtomicU64,
    late: AtomicU64,
    late_in_a_row: AtomicU64,
}

/// How a [`TimeWindow`] is made.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct TimeWindowBuilder {
    span: Duration,
    buckets: u32,
    lanes: usize,
    shards: usize,
}

impl TimeWindowBuilder {
    /// How many buckets the span is divided into: 1 to 4096, ten by default.
    pub const fn buckets(mut self, buckets: u32) -> Self {
        self.buckets = buckets;
        self
    }

    /// How many things are counted: 1 to 65,536, one by default.
    pub const fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = lanes;
        self
    }

    /// In how many places threads record: 1 to 64, rounded up to a power of two, one by default.
    ///
    /// As many as there are threads that record at the same moment is enough. Memory grows with it.
    pub const fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// The window, empty.
    ///
    /// # Errors
    /// If a number is out of range, or the span does not divide into buckets of at least a
    /// microsecond, or the whole would need more than a gibibyte.
    pub fn build(self) -> Result<TimeWindow, ConfigError> {
        let Self { span, buckets, lanes, shards } = self;
        if !(1..=4096).contains(&buckets) {
            return Err(ConfigError::new("buckets", buckets, "1 to 4096"));
        }
        if !(1..=65_536).contains(&lanes) {
            return Err(ConfigError::new("lanes", lanes, "1 to 65536"));
        }
        if !(1..=64).contains(&shards) {
            return Err(ConfigError::new("shards", shards, "1 to 64"));
        }
        let bucket = span / buckets;
        let longest = Duration::from_secs(366 * 86_400);
        if bucket < Duration::from_micros(1) || span > longest {
            let allowed = "at least a microsecond for each bucket, at most 366 days";
            return Err(ConfigError::new("span", format_args!("{span:?}"), allowed));
        }
        let slots = buckets.next_power_of_two();
        let shards = shards.next_power_of_two();
        let stride = (slots as usize * lanes).next_multiple_of(PADDING) + PADDING;
        let words = stride.saturating_mul(shards);
        if words > 1 << 27 {
            let allowed = "buckets x lanes x shards of at most 134217728 words";
            return Err(ConfigError::new("lanes", lanes, allowed));
        }
        Ok(TimeWindow {
            tick: Divider::by(saturating_nanos(bucket)),
            bucket,
            ticks: u64::from(buckets),
            log2: slots.trailing_zeros(),
            lanes,
            shards,
            stride,
            cells: (0..words).map(|_| AtomicU64::new(0)).collect(),
            latest: AtomicU64::new(0),
            offset: AtomicU64::new(0),
            late: AtomicU64::new(0),
            late_in_a_row: AtomicU64::new(0),
        })
    }
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
    /// A cell counts to 2^48 and stays there.
    #[inline]
    pub fn record(&self, now: Instant, lane: usize, weight: u64) -> bool {
        self.record_at(self.moment(now), lane, weight)
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
        if lane >= self.lanes {
            return false;
        }
        let tick = moment.clock.wrapping_add(self.offset.load(Ordering::Relaxed));
        let cell = &self.cells[moment.shard * self.stride + self.slot(tick) * self.lanes + lane];
        let tag = self.tag(tick);
        let mut word = cell.load(Ordering::Acquire);
        loop {
            // Read after the cell: whoever gave it to a later lap had moved `latest` before.
            let latest = self.latest.load(Ordering::Acquire);
            if tick > latest {
                self.advance(latest, tick);
                word = cell.load(Ordering::Acquire);
                continue;
            }
            if latest - tick >= self.ticks {
                return self.too_late(moment, tick, latest, lane, weight);
            }
            // The tick is in the window, so another tag is that of an earlier lap.
            let held = if word >> COUNT_BITS == tag { word & COUNT_MASK } else { 0 };
            let next = tag << COUNT_BITS | held.saturating_add(weight).min(COUNT_MASK);
            match cell.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(changed) => word = changed,
            }
        }
        if self.late_in_a_row.load(Ordering::Relaxed) != 0 {
            self.late_in_a_row.store(0, Ordering::Relaxed);
        }
        true
    }

    #[allow(clippy::cast_possible_truncation)] // masked to the number of slots
    #[inline]
    fn slot(&self, tick: u64) -> usize {
        tick as usize & ((1 << self.log2) - 1)
    }

    #[inline]
    fn tag(&self, tick: u64) -> u64 {
        (tick >> self.log2) % LAPS
    }

    #[cold]
    fn advance(&self, latest: u64, tick: u64) {
        let sweep = self.log2 + LAPS_BETWEEN_SWEEPS.trailing_zeros();
        if latest >> sweep != tick >> sweep {
            self.sweep(latest, tick);
        }
        // If another thread was faster, the caller looks again.
        let _ = self.latest.compare_exchange(latest, tick, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Clears every cell that will hold no tick of the window once that has moved from `latest` to
    /// `next`, before its tag comes round again: a leap may end just where it does.
    #[cold]
    fn sweep(&self, latest: u64, next: u64) {
        for shard in 0..self.shards {
            for slot in 0..1usize << self.log2 {
                // The tick of the window that belongs into this slot, if there is one already.
                let ago = (self.slot(next) + (1 << self.log2) - slot) & ((1 << self.log2) - 1);
                let live = next.checked_sub(ago as u64);
                let live = live.filter(|tick| (ago as u64) < self.ticks && *tick <= latest);
                for lane in 0..self.lanes {
                    let cell = &self.cells[shard * self.stride + slot * self.lanes + lane];
                    let word = cell.load(Ordering::Acquire);
                    // Read after the cell: a count of a newer tick shows in `latest`, and whoever moved
                    // that has swept.
                    if self.latest.load(Ordering::Acquire) != latest {
                        return;
                    }
                    if word & COUNT_MASK != 0
                        && Some(word >> COUNT_BITS) != live.map(|t| self.tag(t))
                    {
                        // Whoever changed it meanwhile has put a live count there.
                        let _ = cell.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed);
                    }
                }
            }
        }
    }

    #[cold]
    fn too_late(&self, moment: Moment, tick: u64, latest: u64, lane: usize, weight: u64) -> bool {
        let in_a_row = self.late_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if in_a_row < CLOCK_WAS_SET_BACK {
            self.late.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        // Go on where the window stands. If another thread does it first, its offset is as good.
        let old = tick.wrapping_sub(moment.clock);
        let new = latest.wrapping_sub(moment.clock);
        let _ = self.offset.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed);
        self.late_in_a_row.store(0, Ordering::Relaxed);
        self.record_at(moment, lane, weight)
    }

    /// Adds up every lane over the window as it stands at `now`; one number for each lane.
    #[must_use]
    pub fn sums(&self, now: Instant) -> Vec<u64> {
        let mut sums = vec![0; self.lanes];
        self.add_to(now, 0, &mut sums);
        sums
    }

    /// Adds up one lane over the window as it stands at `now`; zero where there is no such lane.
    #[must_use]
    pub fn sum(&self, now: Instant, lane: usize) -> u64 {
        let mut sum = [0];
        self.add_to(now, lane, &mut sum);
        sum[0]
    }

    /// Adds the lanes from `first` on to `sums`, without allocating; lanes beyond the last add nothing.
    pub fn add_to(&self, now: Instant, first: usize, sums: &mut [u64]) {
        self.for_each(now, self.ticks, |_, lane, count| {
            let sum = lane.checked_sub(first).and_then(|lane| sums.get_mut(lane));
            if let Some(sum) = sum {
                *sum = sum.saturating_add(count);
            }
        });
    }

    /// The buckets of the window at `now`, newest first: how many buckets ago, and a sum for each lane.
    #[must_use]
    pub fn buckets(&self, now: Instant) -> Vec<Vec<u64>> {
        // At most 4096, as the builder checked.
        let mut buckets = vec![vec![0; self.lanes]; usize::try_from(self.ticks).unwrap_or(0)];
        self.for_each(now, self.ticks, |ago, lane, count| {
            let sum: &mut u64 = &mut buckets[ago][lane];
            *sum = sum.saturating_add(count);
        });
        buckets
    }

    /// The buckets of the window at `now` that hold anything in the lanes from `first` on, newest
    /// first: the bucket's number and the sum of those lanes.
    ///
    /// A bucket keeps its number, and later ones have higher numbers. So a reader that comes again
    /// before a bucket leaves the window can tell what is new in it.
    #[must_use]
    pub fn bucket_sums(&self, now: Instant, first: usize) -> Vec<(u64, u64)> {
        let mut sums: Vec<(u64, u64)> = Vec::new();
        let head = self.for_each(now, self.ticks, |ago, lane, count| {
            if lane < first {
                return;
            }
            match sums.iter_mut().find(|(held, _)| *held == ago as u64) {
                Some((_, sum)) => *sum = sum.saturating_add(count),
                None => sums.push((ago as u64, count)),
            }
        });
        sums.into_iter().map(|(ago, sum)| (head - ago, sum)).collect()
    }

    /// Gives `f` how many buckets ago, which lane and how much, and returns the newest bucket's number.
    fn for_each(&self, now: Instant, ticks: u64, mut f: impl FnMut(usize, usize, u64)) -> u64 {
        let latest = self.latest.load(Ordering::Acquire);
        let offset = self.offset.load(Ordering::Acquire);
        let head = self.tick.divide(now.as_nanos()).wrapping_add(offset).max(latest);
        // A later tick than the newest has nothing yet, whatever an old lap of its tag has left.
        for ago in (head - latest).min(ticks)..ticks {
            let Some(tick) = head.checked_sub(ago) else { break };
            let tag = self.tag(tick);
            for shard in 0..self.shards {
                let start = shard * self.stride + self.slot(tick) * self.lanes;
                for (lane, cell) in self.cells[start..start + self.lanes].iter().enumerate() {
                    let word = cell.load(Ordering::Acquire);
                    if word >> COUNT_BITS == tag && word & COUNT_MASK != 0 {
                        f(usize::try_from(ago).unwrap_or(usize::MAX), lane, word & COUNT_MASK);
                    }
                }
            }
        }
        head
    }

    /// Empties the window. What is recorded at the same moment may stay or go.
    pub fn reset(&self) {
        for cell in &self.cells {
            cell.store(0, Ordering::Release);
        }
    }
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
