//! Whether a call goes through.

use core::time::Duration;
use std::sync::Arc;

use rely_core::Instant;
use rely_core::clock::Sleep;

use super::Shared;
use crate::machine::{State, is_over};
use crate::sync::Ordering;
use crate::word::{Tag, Word};
use crate::{Rejected, RejectedReason};

/// The start of a call that nobody asked how long it takes: it took no time, whoever asks later.
pub(super) const NO_START: Instant = Instant::from_nanos(u64::MAX);

/// How a call was let through.
#[derive(Clone, Copy)]
pub(crate) struct Admitted {
    pub(crate) tag: Tag,
    pub(crate) start: Instant,
}

/// How a call was not let through: in two words, to be handed up in registers and kept where a ticket
/// would be.
#[derive(Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) tag: Tag,
    /// How long another call is to wait, where the reason is one that time ends.
    pub(crate) wait: Instant,
}

/// The reasons by their numbers; the last is there for every number above its own.
const REASONS: [RejectedReason; 8] = [
    RejectedReason::Open,
    RejectedReason::ForcedOpen,
    RejectedReason::TrialsTaken,
    RejectedReason::Ramping,
    RejectedReason::InnerNotReady,
    RejectedReason::RegistryFull,
    RejectedReason::RegistryFull,
    RejectedReason::RegistryFull,
];

impl Refused {
    #[inline(always)]
    const fn new(word: Word, reason: RejectedReason, wait: Instant) -> Self {
        let reason = match reason {
            RejectedReason::Open => 0,
            RejectedReason::ForcedOpen => 1,
            RejectedReason::TrialsTaken => 2,
            RejectedReason::Ramping => 3,
            RejectedReason::InnerNotReady => 4,
            // A throttle does not ask here.
            RejectedReason::Throttled { .. } | RejectedReason::RegistryFull => 5,
        };
        Self { tag: word.refused_tag(reason), wait }
    }

    pub(crate) const fn inner_not_ready(word: Word) -> Self {
        Self::new(word, RejectedReason::InnerNotReady, Instant::ORIGIN)
    }

    #[cfg(feature = "keyed")]
    pub(crate) fn of(rejected: &Rejected) -> Self {
        let nanos = |wait: Duration| u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        let wait = rejected.retry_after.map_or(NO_START, |wait| left(nanos(wait), 0));
        Self::new(Word::new(rejected.state, 0, 0), rejected.reason, wait)
    }

    #[inline(always)]
    pub(crate) fn by(self, name: Arc<str>) -> Rejected {
        let reason = REASONS[usize::from(self.tag.epoch()) % REASONS.len()];
        let waits = matches!(reason, RejectedReason::Open | RejectedReason::InnerNotReady);
        let wait = waits.then(|| Duration::from_nanos(self.wait.as_nanos()));
        Rejected::new(name, self.tag.state(), reason, wait)
    }
}

/// The time from one to the other, as an instant is: so many nanoseconds.
const fn left(until: u64, now: u64) -> Instant {
    Instant::from_nanos(until.saturating_sub(now))
}

impl From<Refused> for Admitted {
    #[inline(always)]
    fn from(Refused { tag, wait }: Refused) -> Self {
        Self { tag, start: wait }
    }
}

impl Admitted {
    /// The same, if it lets the call through.
    #[inline(always)]
    pub(crate) const fn granted(self) -> Result<Self, Refused> {
        if self.tag.is_refused() {
            return Err(Refused { tag: self.tag, wait: self.start });
        }
        Ok(self)
    }

    /// No call was.
    pub(crate) const NOT: Self = Self { tag: Tag::NONE, start: NO_START };

    #[inline(always)]
    const fn plain(word: Word) -> Self {
        Self { tag: word.tag(), start: NO_START }
    }

    const fn uncounted(word: Word) -> Self {
        Self { tag: word.uncounted_tag(), start: NO_START }
    }
}

impl Shared {
    #[inline(always)]
    pub(crate) fn admit(&self) -> Result<Admitted, Rejected> {
        // Made here and not further down: to hand a rejection up costs more than to make it.
        self.try_admit().map_err(|refused| refused.by(self.count_rejected()))
    }

    #[inline(always)]
    pub(crate) fn try_admit(&self) -> Result<Admitted, Refused> {
        let word = self.word();
        if word.is_plain() { Ok(Admitted::plain(word)) } else { self.admit_other(word).granted() }
    }

    /// The same as far as the most frequent case goes: nothing in every other.
    #[inline(always)]
    pub(crate) fn admit_plain(&self) -> Option<Admitted> {
        let word = self.word();
        word.is_plain().then_some(Admitted::plain(word))
    }

    /// Every case but the most frequent one.
    #[inline(never)]
    fn admit_other(&self, word: Word) -> Admitted {
        if word.is_open() && !self.settings.shadow() {
            if let Some(wait) = self.surely_left(word) {
                return Refused::new(word, RejectedReason::Open, wait).into();
            }
        }
        self.admit_slowly(word)
    }

    #[inline(never)]
    fn admit_slowly(&self, word: Word) -> Admitted {
        if word.is_closed() && self.shape().in_flight().is_none() {
            return self.admitted(word.tag());
        }
        self.admit_cold()
    }

    fn admit_cold(&self) -> Admitted {
        loop {
            let word = self.word();
            match word.state() {
                State::Closed if self.hangs(word) => continue,
                State::Closed | State::ForcedClosed => return self.admitted(word.tag()),
                State::Disabled => return Admitted::uncounted(word),
                State::ForcedOpen => {
                    return self.refuse(word, RejectedReason::ForcedOpen, NO_START);
                }
                State::Open | State::HalfOpen | State::Ramping => {}
            }
            let wait = match self.time_left(word) {
                TimeLeft::Some(wait) => wait,
                TimeLeft::None => {
                    self.time_is_over(word.generation());
                    continue;
                }
                TimeLeft::Changed => continue,
            };
            match word.state() {
                State::Open => return self.refuse(word, RejectedReason::Open, wait),
                State::Ramping if self.hangs(word) => continue,
                State::Ramping if self.is_in_share() => return self.admitted(word.tag()),
                State::Ramping => return self.refuse(word, RejectedReason::Ramping, NO_START),
                _ => {}
            }
            if self.is_untried(word.generation()) {
                self.begin_trials(word.generation());
            }
            let Some(taken) = word.take_trial() else {
                return self.refuse(word, RejectedReason::TrialsTaken, NO_START);
            };
            if self.swap(word, taken) {
                return self.admitted(word.trial_tag());
            }
        }
    }

    #[inline]
    fn admitted(&self, tag: Tag) -> Admitted {
        let start =
            if self.settings.slow_nanos() == u64::MAX { NO_START } else { self.clock.now() };
        if let Some(in_flight) = self.shape().in_flight() {
            in_flight.begin(tag.epoch(), start);
        }
        Admitted { tag, start }
    }

    /// A rejection; in shadow, a note of it and a call that counts for nothing.
    fn refuse(&self, word: Word, reason: RejectedReason, wait: Instant) -> Admitted {
        if !self.settings.shadow() {
            return Refused::new(word, reason, wait).into();
        }
        self.rare().would_reject.fetch_add(1, Ordering::Relaxed);
        Admitted::uncounted(word)
    }

    /// Whether the calls under way were a reason to open just now. Looked at when the first call of
    /// each eighth of the time begins that is too long.
    fn hangs(&self, word: Word) -> bool {
        let Some(in_flight) = self.shape().in_flight() else { return false };
        let now = self.clock.coarse_now();
        in_flight.is_new_to(now) && self.consider(word.tag(), 0).is_some()
    }

    /// Whether this call is one of the share of calls that a ramp lets through: the first, and then as
    /// evenly spread as whole calls can be.
    fn is_in_share(&self) -> bool {
        let rare = self.rare();
        let share = u64::from(rare.share.load(Ordering::Relaxed));
        let asked = rare.asked.fetch_add(1, Ordering::Relaxed) % 1_000_000;
        asked * share % 1_000_000 < share
    }

    /// How much is left of the state of `word`, which time ends; nothing if that has to be looked at
    /// more closely.
    #[inline(always)]
    fn surely_left(&self, word: Word) -> Option<Instant> {
        let (since, until) = self.span_of(word)?;
        // The coarse clock is enough unless the moment is near: it lies behind, by so much at most.
        let coarse = self.clock.coarse_now().as_nanos();
        let latest = coarse.saturating_add(self.coarse_behind.into());
        let is_left = latest < until.as_nanos() && latest >= since.as_nanos();
        is_left.then(|| left(until.as_nanos(), coarse))
    }

    fn time_left(&self, word: Word) -> TimeLeft {
        if let Some(wait) = self.surely_left(word) {
            return TimeLeft::Some(wait);
        }
        let Some((since, until)) = self.span_of(word) else { return TimeLeft::Changed };
        let now = self.clock.now();
        if is_over(since, until, now) {
            TimeLeft::None
        } else {
            TimeLeft::Some(left(until.as_nanos(), now.as_nanos()))
        }
    }

    /// Whether the state is still that of `generation`.
    pub(crate) fn is_in(&self, generation: u64) -> bool {
        self.word().generation() == generation
    }

    /// A call that was let through at `start` begins only now; when that is.
    pub(crate) fn begin_anew(&self, tag: Tag, start: Instant) -> Instant {
        if !tag.more() || tag.is_uncounted() {
            return start;
        }
        self.under_way_no_more(tag, start);
        self.admitted(tag).start
    }

    /// Whether nobody has to be ready for a call: the breaker rejects it, or `skips` says that an open
    /// breaker finds out at the call whether its time is over.
    #[inline(always)]
    pub(crate) fn is_open_now(&self, word: Word, skips: bool) -> bool {
        if skips && word.is_open() {
            return !self.settings.shadow();
        }
        self.would_reject()
    }

    /// Whether a caller is to wait before it asks. Lets time end what it ends, for whoever waits does
    /// not ask.
    pub(crate) fn hold(&self) -> Hold {
        if self.settings.shadow() {
            return Hold::No;
        }
        loop {
            let word = self.word();
            match word.state() {
                State::ForcedOpen => return Hold::ForChange,
                State::Open | State::HalfOpen => {}
                _ => return Hold::No,
            }
            let Some((since, until)) = self.span_of(word) else { continue };
            if is_over(since, until, self.clock.now()) {
                self.time_is_over(word.generation());
            } else if word.state() == State::HalfOpen && word.take_trial().is_some() {
                return Hold::No;
            } else {
                return Hold::Until(until);
            }
        }
    }

    pub(crate) fn sleep_until(&self, deadline: Instant) -> Sleep {
        self.clock.sleep_until(deadline)
    }

    /// Whether a call would be rejected now. Changes nothing.
    #[inline(always)]
    pub(crate) fn would_reject(&self) -> bool {
        !self.word().is_closed() && self.would_reject_cold()
    }

    #[cold]
    fn would_reject_cold(&self) -> bool {
        if self.settings.shadow() {
            return false;
        }
        loop {
            let word = self.word();
            match word.state() {
                State::Closed | State::ForcedClosed | State::Disabled => return false,
                State::ForcedOpen => return true,
                State::Open | State::HalfOpen | State::Ramping => {}
            }
            let over = match self.time_left(word) {
                TimeLeft::Some(_) => false,
                TimeLeft::None => true,
                TimeLeft::Changed => continue,
            };
            return match word.state() {
                State::Open => !over,
                // Which calls are in the share is said when they are made.
                State::Ramping => false,
                // When the trials have timed out it opens again, or the first call of a ramp comes.
                _ if over && !self.is_untried(word.generation()) => {
                    !self.settings.limit_leads_to_ramp()
                }
                _ => word.take_trial().is_none(),
            };
        }
    }
}

/// How long a caller is to wait.
pub(crate) enum Hold {
    No,
    Until(Instant),
    /// Until somebody changes it.
    ForChange,
}

enum TimeLeft {
    Some(Instant),
    None,
    /// It is another state's word by now.
    Changed,
}
