//! What becomes of a call.

use core::time::Duration;

use rely_core::window::Good;
use rely_core::{Class, Instant, Outcome};

use super::Shared;
use super::admit::NO_START;
use super::calls::{Calls, Ended};
use super::shape::Shape;
use crate::machine::{Change, ChangeReason, Event, State};
use crate::sync::{Ordering, lock};
use crate::word::Tag;

impl Shared {
    /// A call went well that takes no more than to be counted. With no bad call in the window, which is
    /// the rule, there is nothing else to it: no run of failures to end, no rate that could be reached.
    ///
    /// `false` if the breaker is not as it was when the call began, or its window has another form.
    #[inline(always)]
    pub(crate) fn succeeded(&self, tag: Tag) -> bool {
        let Calls::Count(window) = &self.shape.calls else { return false };
        if !tag.is(self.word()) {
            return false;
        }
        match window.record_good(tag.epoch()) {
            Good::Clean => {}
            Good::Mixed(number) => self.succeeded_among_bad(tag, number),
            Good::Late => self.count_late(),
        }
        true
    }

    /// The same where a call is timed, or its window is one of time: without the questions that only
    /// other outcomes and settings raise.
    #[inline(never)]
    pub(crate) fn succeeded_otherwise(&self, tag: Tag, start: Instant) {
        let shape = self.shape();
        if !tag.is(self.word()) || shape.more.is_some() {
            return self.settle(tag, Outcome::SUCCESS, start, None);
        }
        let limit = self.settings.slow_nanos();
        let now = if limit != u64::MAX {
            self.clock.now()
        } else if shape.is_timed() {
            self.clock.coarse_now()
        } else {
            Instant::ORIGIN
        };
        let took = now.as_nanos().saturating_sub(start.as_nanos());
        if limit != u64::MAX && took >= limit {
            return self.settle(tag, Outcome::SUCCESS, start, Some(Duration::from_nanos(took)));
        }
        let recorded = match &shape.calls {
            Calls::Count(window) => match window.record_good(tag.epoch()) {
                Good::Late => None,
                Good::Clean => Some(false),
                Good::Mixed(number) => Some(number == self.settings.minimum()),
            },
            Calls::Time(calls) => calls.record_good(tag.epoch(), now),
            Calls::Weighted(_) => return self.settle(tag, Outcome::SUCCESS, start, None),
        };
        match recorded {
            None => self.count_late(),
            Some(look) => {
                self.run.end(tag.generation());
                if look && !self.settings.only_bad_trips() {
                    self.look(shape, tag, 0, now);
                }
            }
        }
    }

    #[cold]
    fn succeeded_among_bad(&self, tag: Tag, number: u64) {
        self.run.end(tag.generation());
        // It leaves a rate as it is or lowers it: it can only trip by making up the number asked for.
        if number == self.settings.minimum() && !self.settings.only_bad_trips() {
            self.consider(tag, 0);
        }
    }

    /// What becomes of any call.
    #[inline(never)]
    pub(crate) fn settle(
        &self,
        tag: Tag,
        outcome: Outcome,
        start: Instant,
        latency: Option<Duration>,
    ) {
        if tag.is_uncounted() {
            return;
        }
        let shape = self.shape();
        self.under_way_no_more(tag, start);
        match outcome.class {
            Class::Success | Class::Failure | Class::SoftFailure => {
                self.not_cancelled(shape, tag, outcome);
                if self.counts_as(shape, tag, outcome, start, latency).is_none() {
                    self.count_late();
                }
            }
            Class::Cancelled => self.cancelled(shape, tag, outcome, start, latency),
            _ => {
                self.counters.ignored.fetch_add(1, Ordering::Relaxed);
                self.give_back(tag);
            }
        }
    }

    /// A call was let through and not made.
    pub(crate) fn untried(&self, tag: Tag, start: Instant) {
        if tag.is_uncounted() {
            return;
        }
        self.under_way_no_more(tag, start);
        self.give_back(tag);
    }

    /// A call that began then is under way no more, if anybody counts that.
    pub(super) fn under_way_no_more(&self, tag: Tag, start: Instant) {
        if let (Some(in_flight), true) = (self.shape().in_flight(), start != NO_START) {
            in_flight.end(tag.epoch(), start, self.clock.coarse_now());
        }
    }

    /// Takes in a call that is evidence, and says for how much it counts; nothing if it came too late.
    #[inline]
    fn counts_as(
        &self,
        shape: &Shape,
        tag: Tag,
        outcome: Outcome,
        start: Instant,
        latency: Option<Duration>,
    ) -> Option<u64> {
        let bad = outcome.class.is_bad();
        let (slow, now) = self.time(shape, tag, start, latency);
        if let Some(wish) = outcome.retry_after.filter(|_| bad && self.settings.takes_wishes()) {
            self.asked_for(tag, wish);
        }
        if tag.is_trial() {
            return self.trial_ended(tag, bad, slow).then_some(1);
        }
        // A window alone would take a call of thousands of generations ago for one of its own.
        let recorded = (self.word().generation() == tag.generation())
            .then(|| {
                let (epoch, weight) = (tag.epoch(), outcome.weight);
                let call = Ended { epoch, now, weight, bad, slow };
                shape.calls.record(call, self.settings.minimum())
            })
            .flatten();
        let look = recorded?;
        if !bad {
            self.run.end(tag.generation());
        }
        if look && (bad || slow || !self.settings.only_bad_trips()) {
            let lengthens = self.settings.counts_runs() && outcome.class == Class::Failure;
            let run = &self.run;
            let run = if lengthens { run.lengthen(tag.generation()) } else { run.length() };
            // It may have left the window already, pushed out while this thread was asleep.
            if lengthens && self.shape().calls.is_clean() {
                self.mind_run();
            }
            self.look(shape, tag, run, now);
        }
        Some(shape.calls.worth(outcome.weight))
    }

    /// Whether a call was slow, and when it ended as far as the window wants to know.
    #[inline]
    fn time(
        &self,
        shape: &Shape,
        tag: Tag,
        start: Instant,
        latency: Option<Duration>,
    ) -> (bool, Instant) {
        let limit = self.settings.slow_nanos();
        let is_slow = |took: Duration| took.as_nanos() >= u128::from(limit);
        if limit != u64::MAX && latency.is_none() && tag.more() {
            let now = self.clock.now();
            return (is_slow(now.saturating_since(start)), now);
        }
        let slow = limit != u64::MAX && latency.is_some_and(is_slow);
        (slow, if shape.is_timed() { self.clock.coarse_now() } else { Instant::ORIGIN })
    }

    /// Looks whether a rule may be met, and if so at the rules.
    #[cold]
    fn look(&self, shape: &Shape, tag: Tag, run: u32, now: Instant) {
        let counts = shape.calls.counts(now);
        if let Calls::Time(calls) = &shape.calls {
            calls.looked_at(now, counts.total >= self.settings.minimum());
        }
        let overdue = shape.in_flight().map_or(0, |in_flight| in_flight.overdue(now));
        if self.settings.may_trip(counts, run, overdue) {
            self.consider(tag, run);
        }
    }

    /// Looks at the rules, with `run` failures in a row so far.
    #[cold]
    pub(super) fn consider(&self, tag: Tag, run: u32) -> Option<Change> {
        let core = lock(&self.core);
        let (machine, generation) = (&core.machine, tag.generation());
        let trips = matches!(machine.state(), State::Closed | State::Ramping);
        if !trips || machine.generation() != generation {
            return None;
        }
        let (shape, now) = (self.shape(), self.clock.coarse_now());
        let overdue = shape.in_flight().map_or(0, |in_flight| in_flight.overdue(now));
        let reason = machine.judge(shape.calls.counts(now), run, overdue)?;
        let asked = self.left_alone_until();
        self.step_locked(core, Event::Tripped { generation, reason, asked })
    }

    /// An answer that failed asked to be left alone for so long. Under the lock: a wish from before an
    /// outage must not hold the breaker open after it.
    #[cold]
    fn asked_for(&self, tag: Tag, wish: Duration) {
        let core = lock(&self.core);
        if core.machine.generation() == tag.generation() {
            let until = self.clock.now() + wish;
            self.rare().left_alone.fetch_max(until.as_nanos(), Ordering::Relaxed);
        }
    }

    pub(super) fn left_alone_until(&self) -> Option<Instant> {
        match self.known_rare()?.left_alone.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Instant::from_nanos(nanos)),
        }
    }

    #[cold]
    fn trial_ended(&self, tag: Tag, bad: bool, slow: bool) -> bool {
        let core = lock(&self.core);
        let generation = tag.generation();
        // Looked at under the lock: another trial may decide while this one waits for it.
        let is_late = core.machine.generation() != generation || {
            let asked = self.left_alone_until();
            let event = Event::TrialEnded { generation, bad, slow, asked };
            let change = self.step_locked(core, event);
            change.is_some_and(|change| change.reason == ChangeReason::TrialsTimedOut)
        };
        if is_late {
            return false;
        }
        self.counters.trials.fetch_add(1, Ordering::Relaxed);
        if bad {
            self.counters.bad_trials.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    #[cold]
    fn cancelled(
        &self,
        shape: &Shape,
        tag: Tag,
        outcome: Outcome,
        start: Instant,
        latency: Option<Duration>,
    ) {
        self.counters.cancelled.fetch_add(1, Ordering::Relaxed);
        if !self.cancelled_fails(shape, tag, outcome) {
            return self.give_back(tag);
        }
        let failure = Outcome { class: Class::Failure, ..outcome };
        if let Some(worth) = self.counts_as(shape, tag, failure, start, latency) {
            self.rare().cancelled_counted.fetch_add(worth, Ordering::Relaxed);
        }
    }

    /// A call ended that was not cancelled, where somebody counts those that were.
    fn not_cancelled(&self, shape: &Shape, tag: Tag, outcome: Outcome) {
        if let (Some(cancellations), false) = (shape.cancellations(), tag.is_trial()) {
            let (now, weight) = (self.clock.coarse_now(), outcome.weight);
            let call = Ended { epoch: tag.epoch(), now, weight, bad: false, slow: false };
            if self.word().generation() == tag.generation() {
                cancellations.record(call, 0);
            }
        }
    }

    /// Whether a cancelled call is a failure.
    fn cancelled_fails(&self, shape: &Shape, tag: Tag, outcome: Outcome) -> bool {
        if self.settings.cancelled_fails() {
            return true;
        }
        let Some(cancellations) = shape.cancellations().filter(|_| !tag.is_trial()) else {
            return false;
        };
        let (now, weight) = (self.clock.coarse_now(), outcome.weight);
        let call = Ended { epoch: tag.epoch(), now, weight, bad: true, slow: false };
        if self.word().generation() != tag.generation() || cancellations.record(call, 0).is_none() {
            return false;
        }
        self.settings.cancelled_reach(cancellations.counts(now))
    }

    /// A trial call came back without evidence: another may take its place.
    fn give_back(&self, tag: Tag) {
        if !tag.is_trial() {
            return;
        }
        // With the lock the number of trials does not change meanwhile, however they are configured.
        let mut core = lock(&self.core);
        if core.machine.generation() != tag.generation() {
            return;
        }
        if let Some(forms) = core.forms.as_mut().filter(|forms| forms.surplus > 0) {
            forms.surplus -= 1;
            return;
        }
        loop {
            let word = self.word();
            if self.swap(word, word.give_trial()) {
                break;
            }
        }
        drop(core);
        self.wake_waiters();
    }

    #[cold]
    fn count_late(&self) {
        self.counters.late.fetch_add(1, Ordering::Relaxed);
    }
}
