use core::time::Duration;

use super::TimeWindow;
use crate::ConfigError;
use crate::instant::saturating_nanos;
use crate::sync::AtomicU64;
use crate::window::divide::Divider;

/// Words between the shards of two threads: two cache lines, so that neither prefetches the other.
const PADDING: usize = 16;

/// How a [`TimeWindow`] is made.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct TimeWindowBuilder {
    pub(super) span: Duration,
    pub(super) buckets: u32,
    pub(super) lanes: usize,
    pub(super) shards: usize,
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
        let stride = match (shards, slots as usize * lanes) {
            (1, cells) => cells,
            (_, cells) => cells.next_multiple_of(PADDING) + PADDING,
        };
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
            retired: (0..lanes).map(|_| AtomicU64::new(0)).collect(),
            epoch: AtomicU64::new(0),
            latest: AtomicU64::new(0),
            offset: AtomicU64::new(0),
            late: AtomicU64::new(0),
            late_in_a_row: AtomicU64::new(0),
            sweeps: AtomicU64::new(0),
        })
    }
}

#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests {
    use super::*;

    #[test]
    fn one_shard_takes_no_more_than_its_cells_and_several_stand_apart() {
        let built = |shards| {
            let builder = TimeWindow::builder(Duration::from_secs(10)).lanes(2);
            builder.shards(shards).build().unwrap()
        };
        let words = |window: &TimeWindow| (window.cells.len(), window.retired.len());
        // Ten buckets lie in a ring of sixteen.
        assert_eq!(words(&built(1)), (32, 2));
        assert_eq!(words(&built(3)), (4 * (32 + PADDING), 2));
        assert!(size_of::<TimeWindow>() <= 160, "{}", size_of::<TimeWindow>());
    }
}
