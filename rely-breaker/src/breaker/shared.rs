use core::time::Duration;
use std::sync::{Arc, OnceLock};

use rely_core::window::Counts;
use rely_core::{Clock, ConfigError, Events, Instant, Level, Recorder, Signal};

use super::counters::Counters;
use super::run::Run;
use super::settings::Settings;
use super::shape::{Forms, Shape, epoch};
use super::waiters::Waiters;
use super::{NamedChange, OpenTimeFn};
use crate::BreakerConfig;
use crate::machine::{Change, ChangeReason, Event, Input, Machine, State};
use crate::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering, lock};
use crate::word::Word;

/// What all clones of a breaker and its permits share.
pub(crate) struct Shared {
    /// What callers look at; written only under the lock of the machine, except for trials.
    pub(super) word: AtomicU64,
    pub(super) shape: Shape,
    pub(super) run: Run,
    /// The last generation that let a trial through, in its low bits.
    tried: AtomicU32,
    /// How far the coarse clock may lie behind, in nanoseconds.
    pub(super) coarse_behind: u32,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    /// When a state that time alone ends began and ends, for the even and the odd generations: so that
    /// a reader of one generation's word does not take the next one's times for its own.
    spans: [[AtomicU64; 2]; 2],
    pub(super) name: Arc<str>,
    pub(super) core: Mutex<Core>,
    rare: OnceLock<Box<Rare>>,
    pub(super) counters: Counters,
}

/// What only the holder of the lock may touch.
pub(super) struct Core {
    pub(super) machine: Machine,
    pub(super) recorder: Option<Box<Recorder<Input>>>,
    /// There once it was reconfigured.
    pub(super) forms: Option<Box<Forms>>,
}

/// What most breakers do without.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) helpers: Helpers,
    pub(super) events: Events<Change>,
    pub(super) waiters: Waiters,
    /// Until when answers that failed in this generation asked to be left alone.
    pub(super) left_alone: AtomicU64,
    /// When the probe was asked last, one nanosecond later; zero if it never was.
    pub(super) probed: AtomicU64,
    /// How much of the traffic goes through while ramping, in millionths, and how many calls asked in
    /// this stage.
    pub(super) share: AtomicU32,
    pub(super) asked: AtomicU64,
    pub(super) inner_not_ready: AtomicU64,
    pub(super) would_reject: AtomicU64,
    /// Those of the cancelled calls that are in the window as failures.
    pub(super) cancelled_counted: AtomicU64,
}

/// The user's own parts.
#[derive(Default)]
pub(super) struct Helpers {
    pub(super) probe: Option<Arc<dyn Signal>>,
    pub(super) open_time: Option<OpenTimeFn>,
    pub(super) report_to: Option<Events<NamedChange>>,
}

impl Helpers {
    fn is_none(&self) -> bool {
        self.probe.is_none() && self.open_time.is_none() && self.report_to.is_none()
    }
}

impl Shared {
    pub(super) fn new(
        name: Arc<str>,
        clock: Clock,
        machine: Machine,
        recorder: Option<Recorder<Input>>,
        helpers: Helpers,
    ) -> Result<Self, ConfigError> {
        let (config, generation) = (machine.config(), machine.generation());
        let shape = Shape::new(config, epoch(generation))?;
        let shared = Self {
            word: AtomicU64::new(0),
            shape,
            run: Run::new(),
            tried: AtomicU32::new(0),
            coarse_behind: coarse_behind(&clock),
            settings: Settings::new(config),
            clock,
            spans: [(); 2].map(|()| [AtomicU64::new(0), AtomicU64::new(0)]),
            name,
            core: Mutex::new(Core { machine, recorder: recorder.map(Box::new), forms: None }),
            rare: OnceLock::new(),
            counters: Counters::default(),
        };
        if !helpers.is_none() {
            let _ = shared.rare.set(Box::new(Rare { helpers, ..Rare::default() }));
        }
        shared.run.begin(generation);
        shared.show(&lock(&shared.core).machine);
        Ok(shared)
    }

    /// What most breakers do without, if this one has it already.
    pub(super) fn known_rare(&self) -> Option<&Rare> {
        self.rare.get().map(Box::as_ref)
    }

    pub(super) fn rare(&self) -> &Rare {
        self.rare.get_or_init(Box::default)
    }

    #[cfg(feature = "metrics")]
    pub(crate) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    #[cfg(feature = "metrics")]
    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    #[inline(always)]
    pub(crate) fn word(&self) -> Word {
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
        // Nobody writes another generation's there before the word has gone on.
        let current = self.word().generation() == word.generation();
        current.then_some((Instant::from_nanos(since), Instant::from_nanos(until)))
    }

    fn span(&self, generation: u64) -> &[AtomicU64; 2] {
        let [even, odd] = &self.spans;
        if generation % 2 == 0 { even } else { odd }
    }

    /// The shape that the configuration asks for.
    #[inline]
    pub(super) fn shape(&self) -> &Shape {
        match self.settings.number() {
            0 => &self.shape,
            n => self.shape.nth(n),
        }
    }

    /// What the window holds now.
    pub(super) fn counts(&self) -> Counts {
        self.shape().calls.counts(self.clock.coarse_now())
    }

    /// Lets time end the state of `generation`, unless the probe has a word against it.
    #[cold]
    pub(super) fn time_is_over(&self, generation: u64) {
        // The probe has a say in how long the breaker is open, and in nothing else.
        let probe = if self.word().state() == State::Open { self.probe() } else { None };
        self.step_of(generation, || match probe {
            Some(level) => Event::Probed(level),
            None if self.is_untried(generation) => Event::Untried,
            None => Event::Timer,
        });
    }

    /// Has the time for trials begin, if it has not: with the first one, however long a driver has
    /// waited for it.
    #[cold]
    pub(super) fn begin_trials(&self, generation: u64) {
        let core = lock(&self.core);
        // With the lock, so that no thread that was asleep begins it anew.
        if core.machine.generation() == generation && self.is_untried(generation) {
            self.is_tried(generation);
            self.step_locked(core, Event::Untried);
        }
    }

    /// Whether it is half-open and has let no trial through: a driver got it there, and nobody called.
    pub(super) fn is_untried(&self, generation: u64) -> bool {
        self.word().state() == State::HalfOpen && !self.was_tried(generation)
    }

    pub(super) fn was_tried(&self, generation: u64) -> bool {
        self.tried.load(Ordering::Relaxed) == low(generation)
    }

    /// It has let a trial through.
    pub(super) fn is_tried(&self, generation: u64) {
        self.tried.store(low(generation), Ordering::Relaxed);
    }

    /// How long it will be until a driver asks the probe again that is asked so often.
    pub(super) fn probe_in(&self, every: Duration, now: Instant) -> Option<Duration> {
        let rare = self.known_rare()?;
        rare.helpers.probe.as_ref()?;
        let last = rare.probed.load(Ordering::Relaxed);
        // A clock that has gone back tells nothing about the last time.
        let since = last.checked_sub(1).and_then(|last| now.as_nanos().checked_sub(last));
        Some(
            since.map_or(Duration::ZERO, |since| every.saturating_sub(Duration::from_nanos(since))),
        )
    }

    /// What the probe says. Never asked under the lock: it is the user's own code.
    pub(super) fn probe(&self) -> Option<Level> {
        let probe = self.known_rare()?.helpers.probe.as_ref()?;
        let now = self.clock.now();
        self.rare().probed.store(now.as_nanos().saturating_add(1), Ordering::Relaxed);
        Some(probe.verdict(now).level_at(now))
    }

    /// Steps the machine if it is still in `generation`; what with is said under the lock.
    pub(super) fn step_of(&self, generation: u64, event: impl FnOnce() -> Event) -> Option<Change> {
        let core = lock(&self.core);
        if core.machine.generation() == generation { self.step_locked(core, event()) } else { None }
    }

    /// Steps the machine and shows the result to everybody.
    #[cold]
    pub(super) fn step(&self, event: Event) -> Option<Change> {
        self.step_locked(lock(&self.core), event)
    }

    /// The same for the holder of the lock. Time is read under it, so that of two threads the one that
    /// comes later has the later time: an older one would pass for a clock that has gone back.
    pub(super) fn step_locked(
        &self,
        mut core: MutexGuard<'_, Core>,
        event: Event,
    ) -> Option<Change> {
        let now = self.clock.now();
        if let Some(recorder) = &mut core.recorder {
            recorder.record(now, Input::Event(event));
        }
        let change = core.machine.step(event, now);
        self.publish(core, change);
        change
    }

    /// Shows what has become of the machine, and tells who asked to be told.
    pub(super) fn publish(&self, mut core: MutexGuard<'_, Core>, change: Option<Change>) {
        let generation = self.word().generation();
        let Some(change) = change else {
            // A deadline may have moved without a change, and those who wait for the old one have to know.
            let moved = self.show_span(&core.machine);
            drop(core);
            if moved {
                self.wake_waiters();
            }
            return;
        };
        if change.generation != generation {
            // First the windows and the run, so that no call of an older generation counts in the new
            // one; then the times, which the word's readers look up; then the word.
            self.shape.reset_all();
            self.run.begin(change.generation);
            if let Some(forms) = &mut core.forms {
                forms.surplus = 0;
            }
            if let Some(rare) = self.known_rare() {
                rare.left_alone.store(0, Ordering::Relaxed);
            }
        }
        self.show(&core.machine);
        if let ChangeReason::Tripped(_) = change.reason {
            self.counters.opened.fetch_add(1, Ordering::Relaxed);
        }
        let rare = self.known_rare();
        let wakes = rare.map(|rare| rare.events.push_with(|| change));
        let report_to = rare.and_then(|rare| rare.helpers.report_to.as_ref());
        let named = || NamedChange { name: Arc::clone(&self.name), change };
        let named_wakes = report_to.map(|events| events.push_with(named));
        let openings = core.machine.openings();
        drop(core);
        #[cfg(feature = "tracing")]
        super::trace::change(&self.name, change);
        if let Some(wakes) = wakes {
            wakes.wake();
        }
        if let Some(wakes) = named_wakes {
            wakes.wake();
        }
        self.wake_waiters();
        if change.to == State::Open {
            self.ask_how_long(change, openings);
        }
    }

    /// The user's own open time, if there is a function for it: called without the lock, and without
    /// it the configured time holds already.
    fn ask_how_long(&self, change: Change, openings: u32) {
        let how_long = self.known_rare().and_then(|rare| rare.helpers.open_time.as_ref());
        if let (Some(how_long), false) = (how_long, change.reason == ChangeReason::ByHand) {
            let until = change.at + how_long(&change, openings);
            self.step(Event::OpenTime { generation: change.generation, until });
        }
    }

    /// Writes down what the machine is, for those who do not take its lock.
    pub(super) fn show(&self, machine: &Machine) {
        let (state, generation) = (machine.state(), machine.generation());
        self.show_span(machine);
        if state == State::Ramping {
            self.rare().share.store(machine.share().ppm(), Ordering::Relaxed);
            self.rare().asked.store(0, Ordering::Relaxed);
        }
        let word = Word::new(state, generation, machine.trials_left()).with_more(self.takes_more());
        // A swap, so that a trial that is given back at this moment comes before it or not at all.
        self.word.swap(word.bits(), Ordering::AcqRel);
    }

    /// Whether that moved a deadline.
    fn show_span(&self, machine: &Machine) -> bool {
        let Some(deadline) = machine.deadline() else { return false };
        let [since, until] = self.span(machine.generation());
        since.store(machine.since().as_nanos(), Ordering::Release);
        until.swap(deadline.as_nanos(), Ordering::Release) != deadline.as_nanos()
    }

    pub(super) fn wake_waiters(&self) {
        if let Some(rare) = self.known_rare() {
            rare.waiters.wake_all();
        }
    }

    /// Another configuration from now on.
    pub(super) fn reconfigure(&self, config: BreakerConfig) -> Result<(), ConfigError> {
        config.check()?;
        let config = Arc::new(config);
        let mut core = lock(&self.core);
        let now = self.clock.now();
        let number = self.settings.number();
        let generation = core.machine.generation();
        let Core { machine, forms, .. } = &mut *core;
        let configs = [&**machine.config(), &config];
        let next =
            forms.get_or_insert_default().change(&self.shape, number, configs, generation)?;
        let left = core.machine.trials_left();
        let change = core.machine.reconfigure(Arc::clone(&config), now)?;
        if next != number {
            let (from, to) = (self.shape.nth(number), self.shape.nth(next));
            self.counters.adopt(to.adopt(from, generation, now));
        }
        self.settings.set(&config);
        self.settings.set_number(next);
        if let Some(recorder) = &mut core.recorder {
            recorder.record(now, Input::Reconfigured((*config).clone()));
        }
        if change.is_none() {
            // Trials that are under way have been taken from the word, and stay so.
            let (more, left_now) = (self.takes_more(), core.machine.trials_left());
            let surplus = core.forms.as_ref().map_or(0, |forms| forms.surplus);
            let under_way = |word: Word| (left + surplus).saturating_sub(word.trials());
            let next = |bits| {
                let word = Word::from_bits(bits);
                let word = word.with_trials(left_now.saturating_sub(under_way(word)));
                Some(word.with_more(more).bits())
            };
            let before = self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next);
            let under_way = before.map_or(0, |bits| under_way(Word::from_bits(bits)));
            if let Some(forms) = &mut core.forms {
                forms.surplus = under_way.saturating_sub(left_now);
            }
            if let Some(rare) = self.known_rare() {
                rare.share.store(core.machine.share().ppm(), Ordering::Relaxed);
            }
        }
        self.publish(core, change);
        // Whoever waits may wait for something else now, or for nothing.
        self.wake_waiters();
        // What is met by the new rules is met now, as it is among trials.
        if !self.settings.only_bad_trips() {
            self.consider(self.word().tag(), self.run.length());
        }
        Ok(())
    }

    /// The window has no bad call to tell of a run of failures: a good one has to look for itself,
    /// until the next state begins.
    #[cold]
    pub(super) fn mind_run(&self) {
        let more = |bits| Some(Word::from_bits(bits).with_more(true).bits());
        let _ = self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more);
    }

    /// A run of failures may be older than the window.
    fn takes_more(&self) -> bool {
        self.settings.number() != 0 || self.shape.takes_more() || self.run.length() > 0
    }

    /// Counts a rejection, and gives the name that it is to carry.
    #[inline(always)]
    pub(crate) fn count_rejected(&self) -> Arc<str> {
        self.counters.rejected.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.name)
    }
}

fn coarse_behind(clock: &Clock) -> u32 {
    u32::try_from(clock.coarse_resolution().as_nanos()).unwrap_or(u32::MAX)
}

#[allow(clippy::cast_possible_truncation)] // the low bits are what is asked for
const fn low(generation: u64) -> u32 {
    generation as u32
}
