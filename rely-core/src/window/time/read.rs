//! What a window says of its span.

use super::{TimeWindow, cell};
use crate::Instant;
use crate::sync::Ordering;

impl TimeWindow {
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

    /// The bucket that `now` falls into, in the numbering of [`TimeWindow::bucket_sums`].
    ///
    /// Of two instants the later never has the lower number, unless the clock was set back between them.
    #[inline]
    #[must_use]
    pub fn bucket_number(&self, now: Instant) -> u64 {
        let offset = self.offset.load(Ordering::Acquire);
        self.tick.divide(now.as_nanos()).wrapping_add(offset)
    }

    /// Gives `f` what the window holds at `now`, without allocating: how many buckets ago, which lane, and
    /// a sum that is not zero. Lanes come in order; with several shards a bucket comes once for each.
    pub fn for_each_bucket(&self, now: Instant, f: impl FnMut(usize, usize, u64)) {
        self.for_each(now, self.ticks, f);
    }

    /// What was recorded in one lane since the window was made, in every epoch; zero where there is no
    /// such lane.
    ///
    /// Exact once the recording calls have returned; one that begins a bucket may meanwhile have taken
    /// out the old count of its cell and not yet put it here. It takes time in proportion to the size.
    #[must_use]
    pub fn lifetime(&self, lane: usize) -> u64 {
        let Some(retired) = self.retired.get(lane) else { return 0 };
        let mut sum = retired.load(Ordering::Acquire);
        for shard in 0..self.shards {
            for slot in 0..self.slots() {
                let word = self.lanes_of(shard, slot)[lane].load(Ordering::Acquire);
                sum = sum.wrapping_add(cell::count(word));
            }
        }
        sum
    }

    /// Gives `f` how many buckets ago, which lane and how much, and returns the newest bucket's number.
    fn for_each(&self, now: Instant, ticks: u64, mut f: impl FnMut(usize, usize, u64)) -> u64 {
        let epoch = self.epoch.load(Ordering::Acquire);
        let latest = self.latest.load(Ordering::Acquire);
        let head = self.bucket_number(now).max(latest);
        // A later tick than the newest has nothing yet, whatever an old lap of its tag has left.
        for ago in (head - latest).min(ticks)..ticks {
            let Some(tick) = head.checked_sub(ago) else { break };
            let tag = epoch | self.lap(tick);
            for shard in 0..self.shards {
                for (lane, cell) in self.lanes_of(shard, self.slot(tick)).iter().enumerate() {
                    let word = cell.load(Ordering::Acquire);
                    if let Some(count @ 1..) = cell::held(word, tag) {
                        f(usize::try_from(ago).unwrap_or(usize::MAX), lane, count);
                    }
                }
            }
        }
        head
    }
}
