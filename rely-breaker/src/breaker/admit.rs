//! Whether a call goes through.

use core::time::Duration;

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

/// How a call was not let through.
struct Refused {
    state: State,
    reason: RejectedReason,
    wait: Option<Duration>,
}

impl Admitted {
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
        let word = self.word();
        if word.is_plain() {
            return Ok(Admitted::plain(word));
        }
        // Made here and not further down: to hand a rejection up costs more than to make it.
        self.admit_other(word)
            .map_err(|Refused { state, reason, wait }| self.reject(state, reason, wait))
    }

    /// The same as far as the most frequent case goes: nothing in every other.
    #[inline(always)]
    pub(crate) fn admit_plain(&self) -> Option<Admitted> {
        let word = self.word();
        word.is_plain().then_some(Admitted::plain(word))
    }

    /// Every case but the most frequent one.
    #[inline(never)]
    fn admit_other(&self, word: Word) -> Result<Admitted, Refused> {
        if word.is_closed() && self.shape().in_flight().is_none() {
            return Ok(self.admitted(word.tag()));
        }
        self.admit_cold()
    }

    fn admit_cold(&self) -> Result<Admitted, Refused> {
        loop {
            let word = self.word();
            match word.state() {
                State::Closed if self.hangs(word) => continue,
                State::Closed | State::ForcedClosed => return Ok(self.admitted(word.tag())),
                State::Disabled => return Ok(Admitted::uncounted(word)),
                State::ForcedOpen => return self.refuse(word, RejectedReason::ForcedOpen, None),
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
                State::Open => return self.refuse(word, RejectedReason::Open, Some(wait)),
                State::Ramping if self.hangs(word) => continue,
                State::Ramping if self.is_in_share() => return Ok(self.admitted(word.tag())),
                State::Ramping => return self.refuse(word, RejectedReason::Ramping, None),
                _ => {}
            }
            if self.is_untried(word.generation()) {
                self.begin_trials(word.generation());
            }
            let Some(taken) = word.take_trial() else {
                return self.refuse(word, RejectedReason::TrialsTaken, None);
            };
            if self.swap(word, taken) {
                return Ok(self.admitted(word.trial_tag()));
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
    fn refuse(
        &self,
        word: Word,
        reason: RejectedReason,
        wait: Option<Duration>,
    ) -> Result<Admitted, Refused> {
        if !self.settings.shadow() {
            return Err(Refused { state: word.state(), reason, wait });
        }
        self.rare().would_reject.fetch_add(1, Ordering::Relaxed);
        Ok(Admitted::uncounted(word))
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

    /// How much is left of the state of `word`, which time ends.
    fn time_left(&self, word: Word) -> TimeLeft {
        let Some((since, until)) = self.span_of(word) else { return TimeLeft::Changed };
        // The coarse clock is enough unless the moment is near: it lies behind, by so much at most.
        let coarse = self.clock.coarse_now();
        let latest = coarse.as_nanos().saturating_add(self.coarse_behind.into());
        if latest < until.as_nanos() && latest >= since.as_nanos() {
            return TimeLeft::Some(until - coarse);
        }
        let now = self.clock.now();
        if is_over(since, until, now) { TimeLeft::None } else { TimeLeft::Some(until - now) }
    }

    /// Whether the state is still that of `generation`.
    pub(crate) fn is_in(&self, generation: u64) -> bool {
        self.word().generation() == generation
    }

    /// Whether calls go through without another question.
    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.word().is_closed()
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
    pub(crate) fn is_open_now(&self, skips: bool) -> bool {
        if skips && self.word().state() == State::Open {
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
    Some(Duration),
    None,
    /// It is another state's word by now.
    Changed,
}
