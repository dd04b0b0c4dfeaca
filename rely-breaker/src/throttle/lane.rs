//! One priority: what was counted, and the share to reject that follows from it.

use rely_core::rng::Rng;
use rely_core::window::TimeWindow;
use rely_core::{Instant, Ratio};

use super::rule::is_rejected;
use super::{ThrottleConfig, ThrottleCounts, rejection};
use crate::sync::{AtomicU64, Ordering};

/// How many things a window counts; see [`Counted`].
pub(super) const LANES: usize = 4;

/// What a call comes to here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    Accepted,
    Failed,
    Neutral,
    Rejected,
}

#[derive(Debug)]
pub(super) struct Lane {
    window: TimeWindow,
    /// How long a share holds, in nanoseconds.
    keep: u64,
    share: AtomicU64,
    /// The state of the generator before the next draw.
    draw: AtomicU64,
    rejected: AtomicU64,
}

/// A share and until when it holds, in one word: parts per million in the low bits, and above them
/// the time in units of 2^20 ns, about a millisecond.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Share(u64);

const SHARE_BITS: u32 = 20;
const SHARE_MASK: u64 = (1 << SHARE_BITS) - 1;

/// By how much the state of an [`Rng`] grows with each number.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Share {
    fn new(share: Ratio, until: u64) -> Self {
        Self(until & !SHARE_MASK | u64::from(share.ppm()))
    }

    const fn share(self) -> Ratio {
        Ratio::from_ppm_clamped((self.0 & SHARE_MASK) as u32)
    }

    /// Not so far ahead either: a clock that was set back must not keep a share alive.
    const fn is_fresh(self, now: Instant, keep: u64) -> bool {
        let (now, until) = (now.as_nanos(), self.0 & !SHARE_MASK);
        now < until && until - now <= keep
    }
}

impl Lane {
    pub(super) fn new(window: TimeWindow, seed: u64) -> Self {
        let keep = u64::try_from((window.bucket() / 10).as_nanos()).unwrap_or(u64::MAX);
        let (share, draw) = (AtomicU64::new(0), AtomicU64::new(seed));
        Self { window, keep, share, draw, rejected: AtomicU64::new(0) }
    }

    /// Whether nothing is rejected, as far as is known without a look at the clock.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.held().0 & SHARE_MASK == 0
    }

    /// The share by which a call is to be rejected now, if chance has it so.
    #[cold]
    pub(super) fn reject(&self, now: Instant, config: &ThrottleConfig) -> Option<Ratio> {
        let share = self.share_at(now, config);
        if share == Ratio::ZERO || !is_rejected(share, self.next_draw()) {
            return None;
        }
        self.rejected.fetch_add(1, Ordering::Relaxed);
        self.count(Counted::Rejected, now, config);
        Some(share)
    }

    #[inline]
    pub(super) fn count(&self, what: Counted, now: Instant, config: &ThrottleConfig) {
        self.window.record(now, what as usize, 1);
        self.share_at(now, config);
    }

    pub(super) fn counts(&self, now: Instant) -> ThrottleCounts {
        let mut sums = [0; LANES];
        self.window.add_to(now, 0, &mut sums);
        let [accepted, failed, neutral, rejected] = sums;
        ThrottleCounts { accepted, failed, neutral, rejected }
    }

    /// How many were rejected since it was made.
    pub(super) fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    #[inline]
    fn held(&self) -> Share {
        Share(self.share.load(Ordering::Relaxed))
    }

    #[inline]
    fn share_at(&self, now: Instant, config: &ThrottleConfig) -> Ratio {
        let held = self.held();
        if held.is_fresh(now, self.keep) { held.share() } else { self.renew(held, now, config) }
    }

    #[cold]
    fn renew(&self, held: Share, now: Instant, config: &ThrottleConfig) -> Ratio {
        let until = now.as_nanos().saturating_add(self.keep);
        // One thread adds up, and the others go on with the share that there is.
        let claimed = Share::new(held.share(), until);
        if !self.swap(held, claimed) {
            return held.share();
        }
        let share = rejection(&self.counts(now), config);
        // Whoever found this claim too old meanwhile knows better.
        let _ = self.swap(claimed, Share::new(share, until));
        share
    }

    fn swap(&self, from: Share, to: Share) -> bool {
        let (relaxed, word) = (Ordering::Relaxed, &self.share);
        word.compare_exchange(from.0, to.0, relaxed, relaxed).is_ok()
    }

    /// The next number of the generator with this lane's seed.
    fn next_draw(&self) -> u64 {
        let state = self.draw.fetch_add(GOLDEN, Ordering::Relaxed);
        Rng::seeded(state).next_u64()
    }
}
