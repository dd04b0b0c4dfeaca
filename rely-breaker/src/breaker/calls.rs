//! The calls of a window, whichever form it has.

use core::time::Duration;

use rely_core::window::{CountWindow, Counts, Good, TimeWindow, WeightedWindow};
use rely_core::{ConfigError, Instant, Weight};

use crate::Window;
use crate::snapshot::{Alike, Bucket, Kept};
use crate::sync::{AtomicU64, Ordering};

/// A call that ended, as a window takes it in.
#[derive(Clone, Copy)]
pub(super) struct Ended {
    pub(super) epoch: u16,
    /// Only read by a window of time.
    pub(super) now: Instant,
    pub(super) weight: Weight,
    pub(super) bad: bool,
    pub(super) slow: bool,
}

pub(super) enum Calls {
    Count(CountWindow),
    Weighted(Box<WeightedCalls>),
    Time(Box<TimeCalls>),
}

impl Calls {
    pub(super) fn new(window: Window, slow: bool, epoch: u16) -> Result<Self, ConfigError> {
        let within = |error: ConfigError| error.within("window");
        Ok(match window {
            Window::Calls(calls) => {
                let window = CountWindow::new(calls).map_err(within)?;
                let window = if slow { window.with_slow() } else { window };
                Self::Count(window.starting_at(epoch))
            }
            Window::WeightedCalls(calls) => {
                let window = WeightedWindow::new(calls).map_err(within)?;
                Self::Weighted(Box::new(WeightedCalls { window: window.starting_at(epoch), slow }))
            }
            Window::Time(config) => {
                let window = config.build(if slow { 4 } else { 2 }).map_err(within)?;
                Self::Time(Box::new(TimeCalls::new(window.starting_at(epoch))))
            }
        })
    }

    /// Whether it reads the clock.
    pub(super) const fn is_timed(&self) -> bool {
        matches!(self, Self::Time(_))
    }

    /// Takes in a call, and says whether it is worth a look at the rules; nothing if it came too late
    /// to count.
    #[inline]
    pub(super) fn record(&self, call: Ended, minimum: u64) -> Option<bool> {
        let Ended { epoch, now, weight, bad, slow } = call;
        match self {
            Self::Count(window) if bad || slow => window.record(epoch, bad, slow).map(|_| true),
            Self::Count(window) => match window.record_good(epoch) {
                Good::Late => None,
                Good::Clean => Some(false),
                // It leaves a share of bad calls as it is, or lowers it: only the number counts.
                Good::Mixed(number) => Some(number == minimum),
            },
            Self::Weighted(calls) => {
                calls.window.record(epoch, weight, bad, slow && calls.slow)?;
                // A light one that pushes a heavy one out can raise a share.
                let counts = calls.window.counts();
                Some(counts.bad > 0 || counts.slow > 0)
            }
            Self::Time(calls) => calls.record(epoch, now, weight, bad, slow),
        }
    }

    /// What a call of this weight counts for.
    pub(super) fn worth(&self, weight: Weight) -> u64 {
        if matches!(self, Self::Count(_)) { 1 } else { weight.get().into() }
    }

    /// Whether good calls do not see by the window that there were bad ones.
    pub(super) fn is_clean(&self) -> bool {
        matches!(self, Self::Count(window) if window.is_clean())
    }

    pub(super) fn counts(&self, now: Instant) -> Counts {
        match self {
            Self::Count(window) => window.counts(),
            Self::Weighted(calls) => calls.window.counts(),
            Self::Time(calls) => calls.counts(now),
        }
    }

    /// All that it ever took in.
    pub(super) fn lifetime(&self) -> Counts {
        match self {
            Self::Count(window) => window.lifetime(),
            Self::Weighted(calls) => calls.window.lifetime(),
            Self::Time(calls) => counts(|lane| calls.window.lifetime(lane)),
        }
    }

    /// Empties it; what belongs to an epoch before the new one is refused from here on.
    pub(super) fn reset(&self) {
        match self {
            Self::Count(window) => {
                window.reset();
            }
            Self::Weighted(calls) => {
                calls.window.reset();
            }
            Self::Time(calls) => calls.reset(),
        }
    }

    /// Takes over what another window holds, as far as that can be said in its own terms.
    pub(super) fn adopt(&self, other: &Self, epoch: u16, now: Instant) {
        match (self, other) {
            (Self::Count(_) | Self::Weighted(_), Self::Count(from)) => {
                for (bad, slow) in from.calls_in_order() {
                    self.record(Ended { epoch, now, weight: Weight::ONE, bad, slow }, 0);
                }
            }
            (Self::Count(_) | Self::Weighted(_), Self::Weighted(from)) => {
                for (weight, bad, slow) in from.window.calls_in_order() {
                    self.record(Ended { epoch, now, weight, bad, slow }, 0);
                }
            }
            (Self::Time(to), Self::Time(from)) => to.adopt(from, epoch, now),
            // When a call came, and in which order, cannot be made up.
            (Self::Time(_), _) | (_, Self::Time(_)) => {}
        }
    }

    /// What it holds.
    pub(super) fn keep(&self, now: Instant) -> Kept {
        match self {
            Self::Count(window) => {
                let calls = window.calls_in_order().into_iter();
                Kept::calls(calls.map(|(bad, slow)| (Weight::ONE, bad, slow)))
            }
            Self::Weighted(calls) => Kept::calls(calls.window.calls_in_order()),
            Self::Time(calls) => Kept::Time(calls.keep(now)),
        }
    }

    /// Takes over what was kept, as [`adopt`](Self::adopt) does.
    pub(super) fn restore(&self, kept: &Kept, epoch: u16, now: Instant) {
        match (self, kept) {
            (Self::Count(_) | Self::Weighted(_), Kept::Calls(runs)) => {
                for &Alike(calls, weight, answer) in runs {
                    let (bad, slow) = (answer.is_bad(), answer.is_slow());
                    let call = Ended { epoch, now, weight: Weight::new(weight), bad, slow };
                    for _ in 0..calls {
                        self.record(call, 0);
                    }
                }
            }
            (Self::Time(to), Kept::Time(buckets)) => to.restore(buckets, epoch, now),
            (Self::Time(_), _) | (_, Kept::Time(_)) => {}
        }
    }
}

pub(super) struct WeightedCalls {
    window: WeightedWindow,
    /// Whether anybody asks how long calls take.
    slow: bool,
}

/// A window of time, and what spares a good call the sum over its buckets.
pub(super) struct TimeCalls {
    pub(super) window: TimeWindow,
    /// Until when a bad or slow call may be in the window.
    marked_until: AtomicU64,
    /// The bucket in which the rules were last looked at, and in the lowest bit whether there were
    /// calls enough then.
    looked: AtomicU64,
}

const BAD: usize = 1;
const SLOW: usize = 2;

fn counts(sum: impl Fn(usize) -> u64) -> Counts {
    let (good, bad, slow, both) = (sum(0), sum(BAD), sum(SLOW), sum(BAD | SLOW));
    Counts { total: good + bad + slow + both, bad: bad + both, slow: slow + both }
}

impl TimeCalls {
    fn new(window: TimeWindow) -> Self {
        Self { window, marked_until: AtomicU64::new(0), looked: AtomicU64::new(0) }
    }

    #[inline]
    fn record(
        &self,
        epoch: u16,
        now: Instant,
        weight: Weight,
        bad: bool,
        slow: bool,
    ) -> Option<bool> {
        // Somebody may have asked for slow calls since, and another window is to take them.
        let slow = slow && self.has_slow();
        let lane = usize::from(bad) | usize::from(slow) << 1;
        if !self.window.record_in(epoch, now, lane, weight.get().into()) {
            return None;
        }
        if bad || slow {
            let until = now + self.window.span() + self.window.bucket();
            self.marked_until.fetch_max(until.as_nanos(), Ordering::Relaxed);
            return Some(true);
        }
        Some(self.marked_until.load(Ordering::Relaxed) > now.as_nanos() && self.is_new_to(now))
    }

    pub(super) const fn has_slow(&self) -> bool {
        self.window.lanes() > SLOW
    }

    /// A good call of weight one.
    #[inline]
    pub(super) fn record_good(&self, epoch: u16, now: Instant) -> Option<bool> {
        if !self.window.record_in(epoch, now, 0, 1) {
            return None;
        }
        Some(self.marked_until.load(Ordering::Relaxed) > now.as_nanos() && self.is_new_to(now))
    }

    /// Whether a good call at `now` could be the one that trips: as good ones before it have left the
    /// window, which they do bucket by bucket, or as it makes up the number that is asked for.
    #[cold]
    fn is_new_to(&self, now: Instant) -> bool {
        self.looked.load(Ordering::Relaxed) != self.window.bucket_number(now) << 1 | 1
    }

    /// The rules were looked at, and there were calls `enough`, or not.
    pub(super) fn looked_at(&self, now: Instant, enough: bool) {
        let looked = self.window.bucket_number(now) << 1 | u64::from(enough);
        self.looked.store(looked, Ordering::Relaxed);
    }

    fn counts(&self, now: Instant) -> Counts {
        let mut lanes = [0; 4];
        self.window.add_to(now, 0, &mut lanes);
        counts(|lane| lanes[lane])
    }

    fn reset(&self) {
        self.window.reset();
        self.marked_until.store(0, Ordering::Relaxed);
        self.looked.store(0, Ordering::Relaxed);
    }

    fn adopt(&self, from: &Self, epoch: u16, now: Instant) {
        let bucket = from.window.bucket();
        for (ago, lanes) in from.window.buckets(now).into_iter().enumerate().rev() {
            let ago = bucket.saturating_mul(u32::try_from(ago).unwrap_or(u32::MAX));
            self.take(lanes, epoch, now - ago);
        }
    }

    fn keep(&self, now: Instant) -> Vec<Bucket> {
        let (bucket, buckets) = (self.window.bucket(), self.window.buckets(now));
        let agos = (0..).map(|ago| bucket.saturating_mul(ago));
        let kept = agos.zip(buckets).map(|(ago, lanes)| {
            let sum = |lane: usize| lanes.get(lane).copied().unwrap_or(0);
            let (bad, slow, bad_and_slow) = (sum(BAD), sum(SLOW), sum(BAD | SLOW));
            Bucket { ago, good: sum(0), bad, slow, bad_and_slow }
        });
        kept.filter(|kept| kept.good + kept.bad + kept.slow + kept.bad_and_slow > 0).collect()
    }

    fn restore(&self, buckets: &[Bucket], epoch: u16, now: Instant) {
        for kept in buckets.iter().rev().filter(|kept| kept.ago < self.window.span()) {
            let lanes = [kept.good, kept.bad, kept.slow, kept.bad_and_slow];
            self.take(lanes, epoch, now - kept.ago);
        }
    }

    /// Takes in the sums of a bucket. One from before the clock began counts as of its beginning.
    fn take(&self, lanes: impl IntoIterator<Item = u64>, epoch: u16, at: Instant) {
        for (lane, sum) in lanes.into_iter().enumerate() {
            // A window that is not asked how long calls take has no lanes for it.
            let lane = if self.window.lanes() > lane { lane } else { lane & BAD };
            if sum > 0 {
                self.window.record_in(epoch, at, lane, sum);
                if lane != 0 {
                    let until = at + self.window.span() + self.window.bucket();
                    self.marked_until.fetch_max(until.as_nanos(), Ordering::Relaxed);
                }
            }
        }
    }
}

/// The calls under way, by when they began.
pub(super) struct InFlight {
    /// Lane 0 counts those that began, lane 1 those of them that ended, where they began.
    window: TimeWindow,
    /// The bucket in which somebody looked last.
    looked: AtomicU64,
}

/// How finely it tells when a call has taken too long: in this part of the time that is too long.
const PARTS: u32 = 8;
/// A call that hangs for so many times as long counts no more, as an old call in a window does not.
const TIMES: u32 = 8;

impl InFlight {
    pub(super) fn new(longer_than: Duration, epoch: u16) -> Result<Self, ConfigError> {
        let window = TimeWindow::builder(longer_than.saturating_mul(TIMES))
            .buckets(PARTS * TIMES)
            .lanes(2)
            .build()
            .map_err(|error| error.within("slow_calls"))?;
        Ok(Self { window: window.starting_at(epoch), looked: AtomicU64::new(0) })
    }

    pub(super) fn begin(&self, epoch: u16, now: Instant) {
        self.window.record_in(epoch, now, 0, 1);
    }

    /// Whether nobody has looked yet since calls may have become overdue.
    pub(super) fn is_new_to(&self, now: Instant) -> bool {
        let bucket = self.window.bucket_number(now);
        let looked = || self.looked.load(Ordering::Relaxed) == bucket;
        !looked() && self.looked.swap(bucket, Ordering::Relaxed) != bucket
    }

    pub(super) fn end(&self, epoch: u16, start: Instant, now: Instant) {
        // What began before the window is in it no more; and it would pass for a clock set back.
        let ago = self.window.bucket_number(now).saturating_sub(self.window.bucket_number(start));
        if ago < u64::from(PARTS * TIMES) {
            self.window.record_in(epoch, start, 1, 1);
        }
    }

    /// How many calls have been under way for too long: all that began in a bucket that was over so
    /// long ago, so that none counts too early.
    pub(super) fn overdue(&self, now: Instant) -> u64 {
        let mut hang = [0_u64; (PARTS * TIMES) as usize];
        self.window.for_each_bucket(now, |ago, lane, count| {
            if let Some(hang) = hang.get_mut(ago) {
                // Those that began come before those of them that ended.
                *hang = if lane == 0 { count } else { hang.saturating_sub(count) };
            }
        });
        hang.iter().skip(PARTS as usize + 1).sum()
    }

    /// How often there may be something new.
    pub(super) const fn bucket(&self) -> Duration {
        self.window.bucket()
    }

    pub(super) fn reset(&self) {
        self.window.reset();
    }
}
