use core::time::Duration;
use std::sync::Arc;

use rely_core::window::CountWindow;
use rely_core::{Class, Clock, ConfigError, Events, Instant};

use super::run::Run;
use crate::machine::{self, Change, ChangeReason, Event, Machine, State};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, lock};
use crate::word::Word;
use crate::{BreakerConfig, Cancelled, Rejected, RejectedReason};

/// What all clones of a breaker and its permits share.
pub(crate) struct Shared {
    pub(super) name: Arc<str>,
    pub(super) clock: Clock,
    pub(super) config: BreakerConfig,
    /// What callers look at; written only under the lock of the machine, except for trials.
    pub(super) word: AtomicU64,
    /// When a state that time alone ends began and ends, for the even and the odd generations: so that
    /// a reader of one generation's word does not take the next one's times for its own.
    spans: [[AtomicU64; 2]; 2],
    /// Its epoch is always the low bits of the word's generation.
    pub(super) window: CountWindow,
    pub(super) run: Run,
    pub(super) machine: Mutex<Machine>,
    pub(super) events: Events<Change>,
    pub(super) rejected: AtomicU64,
    pub(super) inner_not_ready: AtomicU64,
    pub(super) would_reject: AtomicU64,
    pub(super) cancelled: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) opened: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        name: Arc<str>,
        clock: Clock,
        config: BreakerConfig,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        let machine = Machine::new(config.clone())?.with_seed(seed);
        let window =
            CountWindow::new(config.window_calls).map_err(|error| error.within("window"))?;
        Ok(Self {
            name,
            clock,
            word: AtomicU64::new(Word::new(State::Closed, 0, 0).bits()),
            spans: [(); 2].map(|()| [AtomicU64::new(0), AtomicU64::new(0)]),
            window: if config.slow_calls.is_some() { window.with_slow() } else { window },
            config,
            run: Run::new(),
            machine: Mutex::new(machine),
            events: Events::new(),
            rejected: AtomicU64::new(0),
            inner_not_ready: AtomicU64::new(0),
            would_reject: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            late: AtomicU64::new(0),
            opened: AtomicU64::new(0),
        })
    }

    #[inline]
    pub(super) fn word(&self) -> Word {
        Word::from_bits(self.word.load(Ordering::Acquire))
    }

    pub(super) fn swap(&self, from: Word, to: Word) -> bool {
        let (ok, err) = (Ordering::AcqRel, Ordering::Relaxed);
        self.word.compare_exchange(from.bits(), to.bits(), ok, err).is_ok()
    }

    /// Since when and until when the state of `word` is; nothing if it has ended already.
    pub(super) fn span_of(&self, word: Word) -> Option<(Instant, Instant)> {
        let [since, until] = self.span(word.generation()).each_ref();
        let (since, until) = (since.load(Ordering::Acquire), until.load(Ordering::Acquire));
        // Nobody writes there again before the word has gone on.
        let current = self.word().generation() == word.generation();
        current.then_some((Instant::from_nanos(since), Instant::from_nanos(until)))
    }

    fn span(&self, generation: u64) -> &[AtomicU64; 2] {
        let [even, odd] = &self.spans;
        if generation % 2 == 0 { even } else { odd }
    }

    /// What a window calls a generation: the low bits of its number.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn epoch(generation: u64) -> u16 {
        // Masked to the twelve bits of an epoch.
        (generation & 0xFFF) as u16
    }

    /// When a call begins; no time at all where nobody asks how long it takes.
    #[inline]
    pub(crate) fn start(&self) -> Instant {
        if self.config.slow_calls.is_some() { self.clock.now() } else { Instant::ORIGIN }
    }

    /// Whether a call since `start` is slow now, or one that is said to have taken `latency`.
    #[inline]
    pub(crate) fn is_slow(&self, start: Instant, latency: Option<Duration>) -> bool {
        self.config.slow_calls.is_some_and(|rule| {
            let took = latency.unwrap_or_else(|| self.clock.now().saturating_since(start));
            took >= rule.longer_than
        })
    }

    /// A call that is evidence about the other side has ended.
    #[inline]
    pub(crate) fn ended(&self, generation: u64, trial: bool, class: Class, slow: bool) {
        let bad = class.is_bad();
        if trial {
            self.trial_ended(generation, bad, slow);
            return;
        }
        // The window alone would take a call of thousands of generations ago for one of its own.
        if self.word().generation() != generation {
            return self.count_late();
        }
        let Some(number) = self.window.record(Self::epoch(generation), bad, slow) else {
            return self.count_late();
        };
        if !bad {
            self.run.end(generation);
        }
        // A fast success can only trip by making up the number that is asked for.
        if bad || slow || number == u64::from(self.config.minimum_calls) {
            self.consider(generation, class);
        }
    }

    #[cold]
    fn consider(&self, generation: u64, class: Class) {
        let counts_runs = self.config.consecutive_failures.is_some();
        let lengthens = counts_runs && class == Class::Failure;
        let run = if lengthens { self.run.lengthen(generation) } else { 0 };
        // Forced closed it only counts, and no call has to take the lock to learn so.
        if !self.word().is_closed() {
            return;
        }
        if let Some(reason) = machine::judge(&self.config, self.window.counts(), run) {
            self.step(Event::Tripped { generation, reason }, self.clock.now());
        }
    }

    #[cold]
    fn trial_ended(&self, generation: u64, bad: bool, slow: bool) {
        let now = self.clock.now();
        let machine = lock(&self.machine);
        // Looked at under the lock: another trial may decide while this one waits for it.
        let is_late = machine.generation() != generation || {
            let event = Event::TrialEnded { generation, bad, slow };
            let change = self.step_locked(machine, event, now);
            change.is_some_and(|change| change.reason == ChangeReason::TrialsTimedOut)
        };
        if is_late {
            self.count_late();
        }
    }

    /// A call has ended in a class that is no evidence, unless the configuration makes it one.
    #[cold]
    pub(crate) fn ended_uncounted(
        &self,
        generation: u64,
        trial: bool,
        class: Class,
        slow: impl FnOnce() -> bool,
    ) {
        if class == Class::Cancelled {
            self.cancelled.fetch_add(1, Ordering::Relaxed);
            if self.config.cancelled == Cancelled::Failure {
                return self.ended(generation, trial, Class::Failure, slow());
            }
        }
        if trial {
            self.trial_returned(generation);
        }
    }

    /// A trial call came back without evidence: another may take its place.
    fn trial_returned(&self, generation: u64) {
        loop {
            let word = self.word();
            if word.generation() != generation || self.swap(word, word.give_trial()) {
                return;
            }
        }
    }

    #[cold]
    fn count_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets time end the state of `generation`. A thread that read the time before another one began
    /// the next state would else take that one's beginning for a clock that has gone back.
    #[cold]
    pub(super) fn time_is_over(&self, generation: u64, now: Instant) {
        let machine = lock(&self.machine);
        if machine.generation() == generation {
            self.step_locked(machine, Event::Timer, now);
        }
    }

    /// Steps the machine and shows the result to everybody.
    #[cold]
    pub(super) fn step(&self, event: Event, now: Instant) -> Option<Change> {
        self.step_locked(lock(&self.machine), event, now)
    }

    fn step_locked(
        &self,
        mut machine: MutexGuard<'_, Machine>,
        event: Event,
        now: Instant,
    ) -> Option<Change> {
        let change = machine.step(event, now)?;
        // First the window and the run, so that no call of an older generation counts in the new
        // one; then the times, which the word's readers look up; then the word.
        self.window.reset();
        self.run.begin(change.generation);
        if let Some(deadline) = machine.deadline() {
            let [since, until] = self.span(change.generation);
            since.store(change.at.as_nanos(), Ordering::Release);
            until.store(deadline.as_nanos(), Ordering::Release);
        }
        let trials = if change.to == State::HalfOpen { self.config.trials } else { 0 };
        let word = Word::new(change.to, change.generation, trials);
        // A swap, so that a trial that is given back at this moment comes before it or not at all.
        self.word.swap(word.bits(), Ordering::AcqRel);
        if let ChangeReason::Tripped(_) = change.reason {
            self.opened.fetch_add(1, Ordering::Relaxed);
        }
        let wakes = self.events.push_with(|| change);
        drop(machine);
        wakes.wake();
        Some(change)
    }

    pub(super) fn reject(
        &self,
        state: State,
        reason: RejectedReason,
        wait: Option<Duration>,
    ) -> Rejected {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        Rejected::new(Arc::clone(&self.name), state, reason, wait)
    }
}
