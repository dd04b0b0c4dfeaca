//! What calls have to know of the configuration, without a lock.

use rely_core::Ratio;
use rely_core::window::Counts;

use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::{AfterTrialLimit, BreakerConfig, Cancelled, TripOn};

/// The parts of the configuration that a call looks at, each for itself: a call that ends while they
/// change may see some of both. It can do no harm: what opens is decided under the lock of the
/// machine, by one configuration.
pub(super) struct Settings {
    flags: AtomicU32,
    failure_ppm: AtomicU32,
    slow_ppm: AtomicU32,
    minimum: AtomicU32,
    failure_count: AtomicU32,
    run: AtomicU32,
    cancelled_ppm: AtomicU32,
    /// Which of the shapes it is that the configuration asks for.
    number: AtomicU32,
    slow_nanos: AtomicU64,
}

const SHADOW: u32 = 1;
const RUNS: u32 = 1 << 1;
const ONLY_BAD: u32 = 1 << 2;
const CANCELLED_FAILS: u32 = 1 << 3;
const EVIDENCE: u32 = 1 << 4;
const LIMIT_TO_RAMP: u32 = 1 << 5;
const WISHES: u32 = 1 << 6;

/// No rule of this kind: no count reaches it.
const OFF: u32 = u32::MAX;

impl Settings {
    pub(super) fn new(config: &BreakerConfig) -> Self {
        let zero = || AtomicU32::new(0);
        let settings = Self {
            flags: zero(),
            failure_ppm: zero(),
            slow_ppm: zero(),
            minimum: zero(),
            failure_count: zero(),
            run: zero(),
            cancelled_ppm: zero(),
            number: zero(),
            slow_nanos: AtomicU64::new(0),
        };
        settings.set(config);
        settings
    }

    pub(super) fn set(&self, config: &BreakerConfig) {
        let flag = |on: bool, flag: u32| if on { flag } else { 0 };
        let flags = flag(config.shadow, SHADOW)
            | flag(config.consecutive_failures.is_some(), RUNS)
            | flag(config.trip_on == TripOn::BadCall, ONLY_BAD)
            | flag(config.cancelled == Cancelled::Failure, CANCELLED_FAILS)
            | flag(config.evidence.is_some(), EVIDENCE)
            | flag(config.trial_limit_to == AfterTrialLimit::Ramp, LIMIT_TO_RAMP)
            | flag(config.retry_after.is_some(), WISHES);
        self.flags.store(flags, Ordering::Relaxed);
        self.failure_ppm.store(config.failure_rate.map_or(OFF, Ratio::ppm), Ordering::Relaxed);
        let slow = config.slow_calls;
        self.slow_ppm.store(slow.map_or(OFF, |rule| rule.rate.ppm()), Ordering::Relaxed);
        self.minimum.store(config.minimum_calls, Ordering::Relaxed);
        self.failure_count.store(config.failure_count.unwrap_or(OFF), Ordering::Relaxed);
        self.run.store(config.consecutive_failures.unwrap_or(OFF), Ordering::Relaxed);
        let cancelled = match config.cancelled {
            Cancelled::FailureFrom(rate) => rate.ppm(),
            _ => OFF,
        };
        self.cancelled_ppm.store(cancelled, Ordering::Relaxed);
        let nanos = slow.map_or(u128::from(u64::MAX), |rule| rule.longer_than.as_nanos());
        self.slow_nanos.store(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn has(&self, flag: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    /// Which of the shapes it is.
    #[inline]
    pub(super) fn number(&self) -> usize {
        self.number.load(Ordering::Acquire) as usize
    }

    pub(super) fn set_number(&self, number: usize) {
        self.number.store(u32::try_from(number).unwrap_or(0), Ordering::Release);
    }

    pub(super) fn shadow(&self) -> bool {
        self.has(SHADOW)
    }

    /// Whether failures in a row are counted.
    pub(super) fn counts_runs(&self) -> bool {
        self.has(RUNS)
    }

    /// Whether a call that is neither bad nor slow opens nothing.
    pub(super) fn only_bad_trips(&self) -> bool {
        self.has(ONLY_BAD)
    }

    /// Whether a cancelled call is a failure, always.
    pub(super) fn cancelled_fails(&self) -> bool {
        self.has(CANCELLED_FAILS)
    }

    /// Whether trials that took too long are followed by a ramp.
    pub(super) fn limit_leads_to_ramp(&self) -> bool {
        self.has(LIMIT_TO_RAMP)
    }

    /// Whether answers that failed may ask for an open time.
    pub(super) fn takes_wishes(&self) -> bool {
        self.has(WISHES)
    }

    pub(super) fn minimum(&self) -> u64 {
        self.minimum.load(Ordering::Relaxed).into()
    }

    /// From how many nanoseconds on a call is slow; the largest number if none ever is.
    pub(super) fn slow_nanos(&self) -> u64 {
        self.slow_nanos.load(Ordering::Relaxed)
    }

    /// Whether it may be that a rule is met: when not, nobody has to take the lock to learn so.
    pub(super) fn may_trip(&self, counts: Counts, run: u32, overdue: u64) -> bool {
        let Counts { total, bad, slow } = counts;
        let (slow, all) = (slow + overdue, total + overdue);
        let enough = all >= self.minimum() || self.has(EVIDENCE);
        enough && (reaches(bad, total, &self.failure_ppm) || reaches(slow, all, &self.slow_ppm))
            || bad >= self.failure_count.load(Ordering::Relaxed).into()
            || run >= self.run.load(Ordering::Relaxed)
    }

    /// Whether the cancelled calls among those that ended are so many that they are failures.
    pub(super) fn cancelled_reach(&self, ended: Counts) -> bool {
        ended.total >= self.minimum() && reaches(ended.bad, ended.total, &self.cancelled_ppm)
    }
}

fn reaches(part: u64, total: u64, ppm: &AtomicU32) -> bool {
    let ppm = ppm.load(Ordering::Relaxed);
    part > 0 && ppm != OFF && u128::from(part) * 1_000_000 >= u128::from(total) * u128::from(ppm)
}
