use core::fmt;
use core::num::NonZeroUsize;
use core::task::Waker;
use core::time::Duration;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rely_core::event::Wakes;
use rely_core::{Clock, Events, Instant, Ratio, Signal, Subscriber};

use crate::candidacy::Candidacy;
use crate::machine::{Decision, Event, Machine, Progress};
use crate::route::Control;
use crate::sync::lock;
use crate::{AlreadyDriven, Driver, Release, RolloutBuilder, Split};

/// How many decisions a rollout keeps. A plan makes some hundred; only pauses can make more.
const KEPT_DECISIONS: usize = 1000;

/// A rollout: a cheap-clone handle, every clone of which is the same rollout.
///
/// The handle shows and commands; the [`Driver`] asks the signal and moves on. A command takes
/// effect before it returns, with or without a driver.
///
/// ```
/// use core::time::Duration;
/// use rely_core::signal::ManualSignal;
/// use rely_core::{Clock, Level, Ratio, Verdict};
/// use rely_rollout::{Rollout, Progress, Step};
/// use tokio_test::task;
///
/// let (clock, manual) = Clock::manual();
/// let minute = Duration::from_secs(60);
/// let health = ManualSignal::new(Verdict::new(Level::Healthy, clock.now()));
/// let rollout = Rollout::builder("orders-v2")
///     .steps([Step::new(Ratio::percent(5.0)?, minute), Step::new(Ratio::ONE, minute)])
///     .signal(health.clone())
///     .clock(clock.clone())
///     .build()?;
///
/// let mut driver = task::spawn(rollout.drive().expect("the first driver"));
/// assert!(driver.poll().is_pending());
/// assert_eq!(rollout.split().share(), Ratio::percent(5.0)?);
///
/// manual.advance(minute);
/// health.set(Verdict::new(Level::Healthy, clock.now()));
/// assert!(driver.is_woken() && driver.poll().is_pending());
/// assert_eq!(rollout.split().share(), Ratio::ONE);
///
/// rollout.roll_back("the invoices are wrong").expect("it was not rolled back before");
/// assert_eq!(rollout.split().share(), Ratio::ZERO);
/// assert!(driver.is_woken() && driver.poll().is_ready());
/// assert_eq!(rollout.progress(), Progress::RolledBack);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Rollout(pub(crate) Arc<Shared>);

/// What a rollout is made of.
pub(crate) struct Parts {
    pub(crate) name: Arc<str>,
    pub(crate) clock: Clock,
    pub(crate) signal: Box<dyn Signal>,
    pub(crate) interval: Duration,
    pub(crate) control: Control,
    pub(crate) machine: Machine,
    pub(crate) candidacy: Option<Candidacy>,
}

pub(crate) struct Shared {
    name: Arc<str>,
    pub(crate) clock: Clock,
    pub(crate) signal: Box<dyn Signal>,
    pub(crate) interval: Duration,
    control: Control,
    pub(crate) candidacy: Option<Candidacy>,
    state: Mutex<State>,
    events: Events<Decision>,
    driver: Mutex<Seat>,
}

struct State {
    machine: Machine,
    since: Instant,
    decisions: VecDeque<Decision>,
}

/// The place of the one driver.
#[derive(Default)]
struct Seat {
    taken: bool,
    waker: Option<Waker>,
}

impl Rollout {
    /// A rollout called `name`, which its events and errors carry.
    pub fn builder(name: impl Into<Arc<str>>) -> RolloutBuilder {
        RolloutBuilder::new(name.into())
    }

    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { name, clock, signal, interval, control, machine, candidacy } = parts;
        control.set(machine.share());
        let state = State { machine, since: clock.now(), decisions: VecDeque::new() };
        Self(Arc::new(Shared {
            name,
            clock,
            signal,
            interval,
            control,
            candidacy,
            state: Mutex::new(state),
            events: Events::new(),
            driver: Mutex::default(),
        }))
    }

    /// The future that asks the signal and moves on; the user runs it.
    ///
    /// When it is dropped before the end, the candidate keeps the share that it has, and another
    /// driver may take over.
    ///
    /// # Errors
    /// If there is a driver already.
    pub fn drive(&self) -> Result<Driver, AlreadyDriven> {
        if core::mem::replace(&mut lock(&self.0.driver).taken, true) {
            return Err(AlreadyDriven::new("rollout", &self.0.name));
        }
        Ok(Driver::new(self.clone()))
    }

    /// The rollout's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The split whose share the rollout decides.
    #[must_use]
    pub fn split(&self) -> &Split {
        self.0.control.split()
    }

    /// The release that it rolls out, if it was told.
    #[must_use]
    pub fn candidate(&self) -> Option<&Release> {
        self.0.candidacy.as_ref().map(|candidacy| &candidacy.candidate)
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        lock(&self.0.state).machine.progress()
    }

    /// Everything about it at one moment.
    #[must_use]
    pub fn status(&self) -> RolloutStatus {
        let driven = lock(&self.0.driver).taken;
        let state = lock(&self.0.state);
        let machine = &state.machine;
        RolloutStatus {
            progress: machine.progress(),
            paused: machine.paused(),
            step: machine.current_step(),
            steps: machine.plan().steps.len(),
            share: machine.share(),
            since: state.since,
            proven: machine.proven(),
            deadline: machine.deadline(),
            driven,
        }
    }

    /// The decisions so far, oldest first; the newest thousand of them.
    #[must_use]
    pub fn decisions(&self) -> Vec<Decision> {
        lock(&self.0.state).decisions.iter().cloned().collect()
    }

    /// Every later decision, up to `capacity` unread ones.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<Decision> {
        self.0.events.subscribe(capacity)
    }

    /// Stops moving on. The signal is still asked, and a bad candidate still taken back.
    ///
    /// Returns nothing if it is paused already or at its end.
    pub fn pause(&self) -> Option<Decision> {
        self.command(Event::Pause)
    }

    /// Lets it move on again.
    ///
    /// Returns nothing if it is not paused.
    pub fn resume(&self) -> Option<Decision> {
        self.command(Event::Resume)
    }

    /// Takes the candidate back, in every state: before the start, paused, and promoted too. A
    /// rollout that knows its releases calls the candidate bad from then on.
    ///
    /// Returns nothing if that has happened before.
    pub fn roll_back(&self, why: impl Into<Cow<'static, str>>) -> Option<Decision> {
        self.command(Event::RollBack { why: why.into() })
    }

    fn command(&self, event: Event) -> Option<Decision> {
        let decision = self.0.step(event, self.0.clock.now());
        let waker = lock(&self.0.driver).waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
        decision
    }
}

impl Shared {
    /// Steps the machine, writes the decision down, acts on it, and tells everybody.
    pub(crate) fn step(&self, event: Event, now: Instant) -> Option<Decision> {
        let mut state = lock(&self.state);
        let step = state.machine.current_step();
        let progress = state.machine.progress();
        let mut decision = state.machine.step(event, now)?;
        if (step, progress) != (state.machine.current_step(), decision.progress) {
            state.since = decision.at;
        }
        let recorded = self.candidacy.as_ref().map(|candidacy| candidacy.record(&mut decision));
        let forgotten =
            (state.decisions.len() == KEPT_DECISIONS).then(|| state.decisions.pop_front());
        state.decisions.push_back(decision.clone());
        self.control.set(decision.to);
        let wakes = self.events.push_with(|| decision.clone());
        drop(state);
        wakes.wake();
        recorded.into_iter().flatten().for_each(Wakes::wake);
        drop(forgotten);
        Some(decision)
    }

    /// The decision that ended the rollout, if one has.
    pub(crate) fn end(&self) -> Option<Decision> {
        lock(&self.state).decisions.back().filter(|last| last.progress.is_final()).cloned()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        lock(&self.state).machine.deadline()
    }

    /// Lets commands wake this task.
    pub(crate) fn wake_on_command(&self, waker: &Waker) {
        let ours = waker.clone();
        let old = lock(&self.driver).waker.replace(ours);
        drop(old);
    }

    pub(crate) fn driver_gone(&self) {
        let seat = core::mem::take(&mut *lock(&self.driver));
        drop(seat);
    }
}

impl fmt::Debug for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rollout")
            .field("name", &self.0.name)
            .field("progress", &self.progress())
            .field("share", &self.split().share())
            .finish_non_exhaustive()
    }
}

/// A rollout at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RolloutStatus {
    /// How far it has come.
    pub progress: Progress,
    /// Whether somebody has paused it.
    pub paused: bool,
    /// The step under way, counted from zero.
    pub step: Option<usize>,
    /// How many steps there are.
    pub steps: usize,
    /// The candidate's share.
    pub share: Ratio,
    /// Since when it has been at this step or stage.
    pub since: Instant,
    /// For how long the candidate has been proven healthy in this step or bake, without a break.
    pub proven: Duration,
    /// When the candidate will be taken back if no proof comes before.
    pub deadline: Option<Instant>,
    /// Whether there is a driver; without one nobody asks the signal, and nothing but commands
    /// changes anything.
    pub driven: bool,
}
