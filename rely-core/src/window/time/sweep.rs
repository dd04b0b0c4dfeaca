//! Laps and epochs come round: what is left of old ones goes before.

use super::TimeWindow;
use super::cell::{self, LAPS};
use crate::sync::{AtomicU64, Ordering};
use crate::window::tickets::EPOCHS;

/// Cells of laps long gone are cleared this often, well before their tag comes round again.
const LAPS_BETWEEN_SWEEPS: u64 = LAPS / 4;
/// And so are those of epochs long gone.
const EPOCHS_BETWEEN_SWEEPS: u16 = EPOCHS / 4;

impl TimeWindow {
    /// Empties the window and begins the next epoch, which it returns.
    ///
    /// That is one compare-and-swap; every 1024 epochs it takes time in proportion to the size. What
    /// [`TimeWindow::record`] counts at the same moment may stay or go.
    // Nothing is lost with the epoch, which `TimeWindow::epoch` tells as well.
    #[allow(clippy::must_use_candidate)]
    pub fn reset(&self) -> u16 {
        let mut epoch = self.epoch.load(Ordering::Acquire);
        loop {
            let next = cell::next_epoch(epoch);
            if cell::epoch_of(next) % EPOCHS_BETWEEN_SWEEPS == 0 {
                self.sweep(
                    |_, word| !cell::is_of_epoch(word, epoch),
                    || self.epoch.load(Ordering::Acquire) == epoch,
                );
            }
            match self.epoch.compare_exchange(epoch, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return cell::epoch_of(next),
                Err(now) => epoch = now,
            }
        }
    }

    /// The same window, empty, in another epoch than the first: for one that takes over from another.
    #[must_use]
    pub fn starting_at(self, epoch: u16) -> Self {
        Self { epoch: AtomicU64::new(cell::epoch(epoch % EPOCHS)), ..self }
    }

    /// The epoch that a call admitted now belongs to, below 4096; it wraps.
    #[must_use]
    pub fn epoch(&self) -> u16 {
        cell::epoch_of(self.epoch.load(Ordering::Acquire))
    }

    /// Moves the newest tick on, unless another thread is faster: then the caller looks again.
    #[cold]
    pub(super) fn advance(&self, latest: u64, tick: u64) {
        let sweep = self.log2 + LAPS_BETWEEN_SWEEPS.trailing_zeros();
        if latest >> sweep != tick >> sweep {
            self.sweep_laps(latest, tick);
        }
        let _ = self.latest.compare_exchange(latest, tick, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Clears every cell that will hold no tick of the window once that has moved from `latest` to
    /// `next`: a leap may end just where a tag comes round.
    fn sweep_laps(&self, latest: u64, next: u64) {
        let slots = self.slots();
        let is_over = |slot: usize, word: u64| {
            // The tick of the window that belongs into this slot, if there is one already.
            let ago = ((self.slot(next) + slots - slot) & (slots - 1)) as u64;
            let live = next.checked_sub(ago).filter(|tick| ago < self.ticks && *tick <= latest);
            !live.is_some_and(|tick| cell::is_of_lap(word, self.lap(tick)))
        };
        self.sweep(is_over, || self.latest.load(Ordering::Acquire) == latest);
    }

    /// Clears the cells that are over by slot and word, for as long as things stand as they did.
    ///
    /// It also changes those that are empty: a thread that read one long ago finds another word there.
    #[cold]
    fn sweep(&self, is_over: impl Fn(usize, u64) -> bool, stands: impl Fn() -> bool) {
        let swept = cell::swept(self.sweeps.fetch_add(1, Ordering::Relaxed));
        for shard in 0..self.shards {
            for slot in 0..self.slots() {
                for (lane, cell) in self.lanes_of(shard, slot).iter().enumerate() {
                    let word = cell.load(Ordering::Acquire);
                    // Read after the cell: a count of what is newer shows, and whoever brought that
                    // has swept.
                    if !stands() {
                        return;
                    }
                    // Whoever changed it meanwhile has put a live count there.
                    if is_over(slot, word)
                        && cell
                            .compare_exchange(word, swept, Ordering::AcqRel, Ordering::Relaxed)
                            .is_ok()
                    {
                        self.retire(lane, word);
                    }
                }
            }
        }
    }

    /// Takes note of a count that has just left its cell.
    #[cold]
    pub(super) fn retire(&self, lane: usize, word: u64) {
        self.retired[lane].fetch_add(cell::count(word), Ordering::Relaxed);
    }

    /// Goes on as if there had been as many resets.
    #[cfg(test)]
    pub(in crate::window) fn go_to_epoch(&self, epoch: u16) {
        self.epoch.store(cell::epoch(epoch), Ordering::Release);
    }
}

#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests {
    use core::time::Duration;
    use std::collections::HashSet;

    use super::*;
    use crate::Instant;

    fn window() -> TimeWindow {
        let builder = TimeWindow::builder(Duration::from_micros(2)).buckets(2).lanes(2);
        builder.build().unwrap()
    }

    /// The cell of the first lane and the earlier bucket, which nobody writes to.
    fn idle(window: &TimeWindow) -> u64 {
        window.cells[0].load(Ordering::Acquire)
    }

    #[test]
    fn no_idle_cell_looks_the_same_when_its_lap_comes_round() {
        let window = window();
        let slots = window.slots() as u64;
        let mut seen = HashSet::from([idle(&window)]);
        for sweep in 1..=20u64 {
            // One bucket after another, as a clock goes.
            for tick in
                (sweep - 1) * LAPS_BETWEEN_SWEEPS * slots..=sweep * LAPS_BETWEEN_SWEEPS * slots
            {
                assert!(window.record(Instant::from_nanos(tick * 1_000), 1, 1));
            }
            // A thread that has slept since any time before would find another word.
            assert!(seen.insert(idle(&window)), "after {sweep} sweeps");
        }
        assert_eq!(
            (window.lifetime(0), window.lifetime(1)),
            (0, 20 * LAPS_BETWEEN_SWEEPS * slots + 20)
        );
    }

    #[test]
    fn no_idle_cell_looks_the_same_when_its_epoch_comes_round() {
        let window = window();
        let now = Instant::ORIGIN;
        let mut seen = HashSet::from([idle(&window)]);
        for sweep in 1..=20 {
            assert!(window.record(now, 0, 3));
            assert!(seen.insert(idle(&window)), "before sweep {sweep}");
            (0..EPOCHS_BETWEEN_SWEEPS + 1).for_each(|_| _ = window.reset());
            assert!(seen.insert(idle(&window)), "after {sweep} sweeps");
        }
        assert_eq!((window.sum(now, 0), window.lifetime(0)), (0, 60));
    }
}
