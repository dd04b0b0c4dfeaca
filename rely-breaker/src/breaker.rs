use core::fmt;
use core::num::NonZeroUsize;
use core::time::Duration;
use std::sync::Arc;

use rely_core::window::{CountWindow, Counts};
use rely_core::{Clock, ConfigError, Events, Instant, Level, Ratio, Signal, Subscriber, Verdict};

use crate::machine::{self, Change, ChangeReason, Event, Machine, State};
use crate::permit::Permit;
use crate::sync::{AtomicU64, Mutex, Ordering, lock};
use crate::tower::BreakerLayer;
use crate::word::Word;
use crate::{BreakerConfig, Rejected, RejectedReason};

/// A circuit breaker: a cheap-clone handle, every clone of which is the same breaker.
///
/// Closed, a call costs one load before and one compare-and-swap after, no lock, no allocation and
/// no look at the clock. All state is here, in the handle; layers made from it share it.
///
/// ```
/// use core::time::Duration;
/// use rely_breaker::{Breaker, State};
/// use rely_core::{Clock, Ratio};
///
/// let (clock, manual) = Clock::manual();
/// let breaker = Breaker::builder("queue")
///     .failure_rate(Ratio::percent(50.0)?)
///     .window_calls(10)
///     .minimum_calls(4)
///     .open_for(Duration::from_secs(5))
///     .trials(1)
///     .clock(clock)
///     .build()?;
///
/// for _ in 0..4 {
///     breaker.acquire().expect("closed").failure();
/// }
/// let rejected = breaker.acquire().unwrap_err();
/// assert_eq!(rejected.retry_after, Some(Duration::from_secs(5)));
///
/// manual.advance(Duration::from_secs(5));
/// breaker.acquire().expect("a trial").success();
/// assert_eq!(breaker.state(), State::Closed);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Breaker(Arc<Shared>);

pub(crate) struct Shared {
    name: Arc<str>,
    clock: Clock,
    config: BreakerConfig,
    /// What callers look at; written only under the lock of the machine, except for trials.
    word: AtomicU64,
    /// When time alone changes the state, for the even and the odd generations: so that a reader of
    /// one generation's word does not take the next one's deadline for its own.
    deadlines: [AtomicU64; 2],
    /// Its epoch is always the low bits of the word's generation.
    window: CountWindow,
    machine: Mutex<Machine>,
    events: Events<Change>,
    rejected: AtomicU64,
    inner_not_ready: AtomicU64,
    late: AtomicU64,
    opened: AtomicU64,
}

/// How a [`Breaker`] is made; see [`BreakerConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct BreakerBuilder {
    name: Arc<str>,
    clock: Clock,
    config: BreakerConfig,
}

impl BreakerBuilder {
    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: BreakerConfig) -> Self {
        self.config = config;
        self
    }

    /// The share of bad calls at which the breaker opens.
    pub const fn failure_rate(mut self, rate: Ratio) -> Self {
        self.config.failure_rate = rate;
        self
    }

    /// How many calls the window holds.
    pub const fn window_calls(mut self, calls: u32) -> Self {
        self.config.window_calls = calls;
        self
    }

    /// Below how many calls nothing is judged.
    pub const fn minimum_calls(mut self, calls: u32) -> Self {
        self.config.minimum_calls = calls;
        self
    }

    /// How long the breaker stays open.
    pub const fn open_for(mut self, time: Duration) -> Self {
        self.config.open_for = time;
        self
    }

    /// How many trial calls decide.
    pub const fn trials(mut self, trials: u32) -> Self {
        self.config.trials = trials;
        self
    }

    /// How long the trial calls may take together.
    pub const fn trial_limit(mut self, limit: Duration) -> Self {
        self.config.trial_limit = limit;
        self
    }

    /// The clock; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The breaker, closed.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Breaker, ConfigError> {
        let Self { name, clock, config } = self;
        let machine = Machine::new(config.clone())?;
        let window =
            CountWindow::new(config.window_calls).map_err(|error| error.within("window"))?;
        Ok(Breaker(Arc::new(Shared {
            name,
            clock,
            config,
            word: AtomicU64::new(Word::new(State::Closed, 0, 0).bits()),
            deadlines: [AtomicU64::new(0), AtomicU64::new(0)],
            window,
            machine: Mutex::new(machine),
            events: Events::new(),
            rejected: AtomicU64::new(0),
            inner_not_ready: AtomicU64::new(0),
            late: AtomicU64::new(0),
            opened: AtomicU64::new(0),
        })))
    }
}

impl Breaker {
    /// A breaker called `name`, which its errors, events and metrics carry.
    pub fn builder(name: impl Into<Arc<str>>) -> BreakerBuilder {
        let (clock, config) = (Clock::system(), BreakerConfig::default());
        BreakerBuilder { name: name.into(), clock, config }
    }

    /// Asks for permission to make a call.
    ///
    /// # Errors
    /// If the breaker is open, or half-open with all trials under way.
    #[inline]
    pub fn acquire(&self) -> Result<Permit, Rejected> {
        let word = self.0.word();
        if word.state() == State::Closed {
            return Ok(Permit::new(Arc::clone(&self.0), word.generation(), false));
        }
        self.acquire_cold()
    }

    #[cold]
    fn acquire_cold(&self) -> Result<Permit, Rejected> {
        let shared = &self.0;
        loop {
            let word = shared.word();
            let permit = |trial| Permit::new(Arc::clone(shared), word.generation(), trial);
            if word.state() == State::Closed {
                return Ok(permit(false));
            }
            let now = shared.clock.now();
            let Some(deadline) = shared.deadline_of(word) else { continue };
            if shared.is_over(word.state(), deadline, now) {
                shared.step(Event::Timer, now);
                if shared.word() != word {
                    continue;
                }
            }
            if word.state() == State::Open {
                let wait = Some(deadline.saturating_since(now));
                return Err(shared.reject(State::Open, RejectedReason::Open, wait));
            }
            let Some(taken) = word.take_trial() else {
                return Err(shared.reject(State::HalfOpen, RejectedReason::TrialsTaken, None));
            };
            if shared.swap(word, taken) {
                return Ok(permit(true));
            }
        }
    }

    /// Whether [`Breaker::acquire`] would reject now. Changes nothing.
    #[inline]
    #[must_use]
    pub fn would_reject(&self) -> bool {
        let word = self.0.word();
        word.state() != State::Closed && self.would_reject_cold()
    }

    #[cold]
    fn would_reject_cold(&self) -> bool {
        loop {
            let word = self.0.word();
            let Some(deadline) = self.0.deadline_of(word) else { continue };
            let due = self.0.is_over(word.state(), deadline, self.0.clock.now());
            return match word.state() {
                State::Closed => false,
                State::Open => !due,
                // When the trials have timed out it opens again.
                State::HalfOpen => due || word.take_trial().is_none(),
            };
        }
    }

    /// Makes a call: runs `future` if the breaker lets it, and takes note of its `Result`.
    ///
    /// Asks when it is first polled; dropped before it is done, it gives back what it holds.
    pub fn call<F>(&self, future: F) -> crate::Call<F> {
        crate::Call::new(self.clone(), future)
    }

    /// The tower layer of this breaker, with every `Err` a failure unless told otherwise.
    #[must_use]
    pub fn layer(&self) -> BreakerLayer {
        BreakerLayer::new(self.clone())
    }

    /// The breaker's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The state now. An open time that is over shows as open until a call asks.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.word().state()
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &BreakerConfig {
        &self.0.config
    }

    /// State and counters at one moment.
    #[must_use]
    pub fn status(&self) -> BreakerStatus {
        let machine = lock(&self.0.machine);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BreakerStatus {
            state: machine.state(),
            since: machine.since(),
            generation: machine.generation(),
            until: machine.deadline(),
            counts: self.0.window.counts(),
            rejected: count(&self.0.rejected),
            inner_not_ready: count(&self.0.inner_not_ready),
            late: count(&self.0.late),
            opened: count(&self.0.opened),
        }
    }

    /// Closes the breaker and forgets what it held against the other side.
    pub fn reset(&self) {
        self.0.step(Event::Reset, self.0.clock.now());
    }

    /// Every later change of state, up to `capacity` unread ones.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<Change> {
        self.0.events.subscribe(capacity)
    }

    pub(crate) fn reject_inner_not_ready(&self) -> Rejected {
        self.0.inner_not_ready.fetch_add(1, Ordering::Relaxed);
        let wait = Some(Duration::ZERO);
        self.0.reject(self.state(), RejectedReason::InnerNotReady, wait)
    }
}

impl Shared {
    fn word(&self) -> Word {
        Word::from_bits(self.word.load(Ordering::Acquire))
    }

    fn swap(&self, from: Word, to: Word) -> bool {
        let (ok, err) = (Ordering::AcqRel, Ordering::Relaxed);
        self.word.compare_exchange(from.bits(), to.bits(), ok, err).is_ok()
    }

    /// When time alone ends the state of `word`; nothing if that has ended already.
    fn deadline_of(&self, word: Word) -> Option<Instant> {
        let deadline = self.slot(word.generation()).load(Ordering::Acquire);
        // Nobody writes there again before the word has gone on.
        let current = self.word().generation() == word.generation();
        current.then_some(Instant::from_nanos(deadline))
    }

    fn is_over(&self, state: State, deadline: Instant, now: Instant) -> bool {
        let BreakerConfig { open_for, trial_limit, .. } = self.config;
        let time = if state == State::HalfOpen { trial_limit } else { open_for };
        machine::is_over(deadline, time, now)
    }

    fn slot(&self, generation: u64) -> &AtomicU64 {
        let [even, odd] = &self.deadlines;
        if generation % 2 == 0 { even } else { odd }
    }

    /// What a window calls a generation: the low bits of its number.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn epoch(generation: u64) -> u16 {
        // Masked to the twelve bits of an epoch.
        (generation & 0xFFF) as u16
    }

    /// A call that is evidence about the other side has ended.
    #[inline]
    pub(crate) fn ended(&self, generation: u64, trial: bool, bad: bool) {
        if trial {
            self.trial_ended(generation, bad);
            return;
        }
        match self.window.record(Self::epoch(generation), bad, false) {
            None => self.count_late(),
            // A success can only trip by making up the number that is asked for.
            Some(number) if bad || number == u64::from(self.config.minimum_calls) => {
                self.consider(generation);
            }
            Some(_) => {}
        }
    }

    #[cold]
    fn consider(&self, generation: u64) {
        if let Some(reason) = machine::judge(&self.config, self.window.counts()) {
            self.step(Event::Tripped { generation, reason }, self.clock.now());
        }
    }

    #[cold]
    fn trial_ended(&self, generation: u64, bad: bool) {
        if self.word().generation() == generation {
            self.step(Event::TrialEnded { generation, bad }, self.clock.now());
        } else {
            self.count_late();
        }
    }

    /// A trial call came back without evidence: another may take its place.
    #[cold]
    pub(crate) fn trial_returned(&self, generation: u64) {
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

    /// Steps the machine and shows the result to everybody.
    #[cold]
    fn step(&self, event: Event, now: Instant) -> Option<Change> {
        let mut machine = lock(&self.machine);
        let change = machine.step(event, now)?;
        // First the window, so that no call of an older generation counts in the new one; then the
        // deadline, which the word's readers look up; then the word.
        self.window.reset();
        let deadline = machine.deadline().unwrap_or(Instant::MAX);
        self.slot(change.generation).store(deadline.as_nanos(), Ordering::Release);
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

    fn reject(&self, state: State, reason: RejectedReason, wait: Option<Duration>) -> Rejected {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        Rejected::new(Arc::clone(&self.name), state, reason, wait)
    }
}

/// Closed reads healthy, half-open degraded, open unhealthy.
impl Signal for Breaker {
    fn verdict(&self, now: Instant) -> Verdict {
        let status = self.status();
        let level = match status.state {
            State::Closed => Level::Healthy,
            State::HalfOpen => Level::Degraded,
            State::Open => Level::Unhealthy,
        };
        Verdict::new(level, now)
            .since(status.since.min(now))
            .because(format!("circuit breaker {} is {}", self.0.name, status.state))
            .with_samples(status.counts.total)
            .with_evidence("calls", status.counts.total as f64)
            .with_evidence("bad_calls", status.counts.bad as f64)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("name", &self.0.name)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// A breaker at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerStatus {
    /// The state.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// The generation, which grows by one with every change.
    pub generation: u64,
    /// When time alone will change the state.
    pub until: Option<Instant>,
    /// The calls of the window.
    pub counts: Counts,
    /// Calls that were rejected since the breaker was made.
    pub rejected: u64,
    /// Those of them that were rejected only because the inner service had not been polled ready.
    pub inner_not_ready: u64,
    /// Calls that ended in a later generation than they began in, and did not count.
    pub late: u64,
    /// How often the breaker was tripped.
    pub opened: u64,
}
