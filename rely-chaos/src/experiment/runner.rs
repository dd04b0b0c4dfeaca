use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::error::Error;
use std::sync::Arc;

use pin_project_lite::pin_project;
use rely_core::{Evidence, Instant, Sleep};

use super::guarded::guarded;
use super::machine::{Effect, Input, Machine};
use super::shared::{KILLED, Shared};
use super::{Action, ExperimentReport, What};
use crate::BoxError;

/// How many ticks one poll may do: signals that take longer than the interval must neither starve
/// the injections nor the executor.
const MAX_TICKS: u32 = 16;

pin_project! {
    /// A run of an [`Experiment`](super::Experiment); the user drives it.
    ///
    /// Nothing happens before it is polled. Dropped half-way it takes back what can be without
    /// waiting ([`Action::abandon`]), the latest first: faults are disarmed; what needs a rollback
    /// that waits, a restart for one, stays as it is.
    #[must_use = "an experiment runs only while its run is polled"]
    pub struct Run {
        // Before `live`, so that a drop ends what is being done before it is taken back.
        work: Vec<Work>,
        live: Live,
        #[pin]
        timer: Sleep,
    }
}

/// How often an action has fired, and what else it tells.
type Count = (u64, Vec<Evidence>);

/// An injection or a rollback that goes on.
struct Work {
    action: usize,
    is_rollback: bool,
    future: Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>,
}

/// What a drop has to put right.
struct Live {
    shared: Arc<Shared>,
    machine: Option<Machine>,
    /// What each action had counted before.
    before: Vec<Result<Count, String>>,
    /// How many events subscribers know.
    told: usize,
    over: bool,
}

impl Run {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let timer = shared.clock.sleep_until(Instant::ORIGIN);
        let (machine, before) = (None, Vec::new());
        let live = Live { shared, machine, before, told: 0, over: false };
        Self { work: Vec::new(), live, timer }
    }
}

impl Future for Run {
    type Output = ExperimentReport;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ExperimentReport> {
        let mut this = self.project();
        let (live, work) = (this.live, this.work);
        assert!(!live.over, "polled again after it was ready");
        if live.machine.is_none() && !live.begin() {
            live.over = true;
            return Poll::Ready(live.busy());
        }
        let mut ticks = 0;
        loop {
            let Some(machine) = &mut live.machine else { return Poll::Pending };
            if let Some(why) = live.shared.take_stop(cx.waker()) {
                live.step(Input::Stop(why), work);
                continue;
            }
            if let Some(report) = machine.report() {
                live.finish(&report);
                return Poll::Ready(report);
            }
            // Whatever ends at the same time as a tick of the method, an abort is seen first; what
            // ends with the phase itself has met its deadline.
            let (ending, timer) = (machine.is_ending(), machine.timer());
            let mut done = if ending { poll_work(work, cx) } else { None };
            if done.is_none() && ticks < MAX_TICKS && is_due(this.timer.as_mut(), timer, cx) {
                ticks += 1;
                live.tick(work);
                continue;
            }
            if !ending {
                done = poll_work(work, cx);
            }
            let Some(input) = done else {
                if ticks == MAX_TICKS {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            };
            live.step(input, work);
        }
    }
}

impl Live {
    /// Whether this run could begin: an experiment has one at a time.
    fn begin(&mut self) -> bool {
        let began = self.shared.begin();
        if began {
            let machine = Machine::new(self.shared.plan.clone(), self.shared.clock.now());
            self.machine = Some(machine);
            self.before = self.shared.actions.iter().map(count).collect();
            self.tell();
            if self.shared.is_killed() {
                self.shared.stop(KILLED.to_owned());
            }
        }
        began
    }

    /// The report of a run that never was.
    fn busy(&self) -> ExperimentReport {
        Machine::new(self.shared.plan.clone(), self.shared.clock.now())
            .refused("another run of it goes on".to_owned())
    }

    fn tick(&mut self, work: &mut Vec<Work>) {
        let Some(machine) = &self.machine else { return };
        let now = self.shared.clock.now();
        let answer = |check: usize| Ok((check, self.shared.ask(check, now)?));
        let answers: Result<_, _> = machine.asks(now).into_iter().map(answer).collect();
        let input = answers.map_or_else(|(check, error)| Input::Broken(check, error), Input::Tick);
        self.step_at(now, input, work);
    }

    fn step(&mut self, input: Input, work: &mut Vec<Work>) {
        let now = self.shared.clock.now();
        self.step_at(now, input, work);
    }

    fn step_at(&mut self, now: Instant, input: Input, work: &mut Vec<Work>) {
        let Some(machine) = &mut self.machine else { return };
        let effects = machine.step(now, input);
        self.tell();
        for effect in effects {
            match effect {
                Effect::Inject(action) => work.push(self.start(action, false)),
                Effect::RollBack(action) => work.push(self.start(action, true)),
                Effect::CancelInject(action) => drop_work(work, action, false),
                Effect::GiveUp(action) => {
                    drop_work(work, action, true);
                    self.abandon(action);
                }
                Effect::Count => {
                    let counts = self.count();
                    self.step_at(now, Input::Counted(counts), work);
                }
            }
        }
    }

    fn start(&self, action: usize, is_rollback: bool) -> Work {
        let deed: Arc<dyn Action> = Arc::clone(&self.shared.actions[action]);
        let future: Pin<Box<dyn Future<Output = _> + Send>> = if is_rollback {
            Box::pin(async move { deed.roll_back().await })
        } else {
            Box::pin(async move { deed.inject().await })
        };
        Work { action, is_rollback, future }
    }

    fn count(&self) -> Vec<Result<Count, String>> {
        let actions = self.shared.actions.iter().zip(&self.before);
        actions.map(|(action, before)| Ok(added(before.as_ref()?, count(action)?))).collect()
    }

    /// Takes back what needs no waiting, whatever becomes of that.
    fn abandon(&self, action: usize) {
        let _ = guarded(|| self.shared.actions[action].abandon());
    }

    /// Tells subscribers what is new.
    fn tell(&mut self) {
        let Some(machine) = &self.machine else { return };
        self.shared.set_phase(machine.phase());
        for event in &machine.journal.events[self.told..] {
            self.shared.events.push_with(|| event.clone()).wake();
        }
        self.told = machine.journal.events.len();
    }

    fn finish(&mut self, report: &ExperimentReport) {
        self.over = true;
        self.shared.end(Some(report.conclusion.clone()));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let Some(machine) = self.machine.take().filter(|_| !self.over) else { return };
        machine.outstanding().for_each(|action| self.abandon(action));
        let at = self.shared.clock.now();
        let event = || super::ExperimentEvent { at, what: What::Abandoned };
        self.shared.events.push_with(event).wake();
        self.shared.end(None);
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.live.machine.as_ref().map(Machine::phase);
        f.debug_struct("Run")
            .field("experiment", &self.live.shared.plan.name)
            .field("phase", &phase)
            .finish_non_exhaustive()
    }
}

fn is_due(mut timer: Pin<&mut Sleep>, due: Option<Instant>, cx: &mut Context<'_>) -> bool {
    let Some(due) = due else { return false };
    if timer.deadline() != due {
        timer.as_mut().reset(due);
    }
    timer.poll(cx).is_ready()
}

/// The end of the first work that has ended.
fn poll_work(work: &mut Vec<Work>, cx: &mut Context<'_>) -> Option<Input> {
    let poll = |work: &mut Work| guarded(|| work.future.as_mut().poll(cx));
    let (place, result) =
        work.iter_mut().map(poll).enumerate().find_map(|(place, polled)| match polled {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(result)) => Some((place, result.map_err(|error| describe(&*error)))),
            Err(panic) => Some((place, Err(panic))),
        })?;
    let Work { action, is_rollback, future } = work.remove(place);
    let dropped = guarded(|| drop(future));
    let input = if is_rollback { Input::RolledBack } else { Input::Injected };
    Some(input(action, result.and(dropped)))
}

fn drop_work(work: &mut Vec<Work>, action: usize, is_rollback: bool) {
    let is_it = |work: &Work| work.action == action && work.is_rollback == is_rollback;
    while let Some(place) = work.iter().position(is_it) {
        let work = work.remove(place);
        // What is cancelled has failed already.
        let _ = guarded(|| drop(work));
    }
}

fn count(action: &Arc<dyn Action>) -> Result<Count, String> {
    guarded(|| (action.fired(), action.evidence()))
}

/// What was counted since `before`.
fn added((fired, evidence): &Count, (now, mut values): Count) -> Count {
    for value in &mut values {
        let before = evidence.iter().find(|before| before.name == value.name);
        value.value -= before.map_or(0.0, |before| before.value);
    }
    (now.saturating_sub(*fired), values)
}

/// The error and its sources in one line.
fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
