//! The machine, with a shell as one would write it down: lists of calls, a number of permits.

#[path = "../../src/tests/model/window.rs"]
mod window;

use core::time::Duration;
use std::collections::BTreeMap;

use rely_breaker::machine::{Event, Machine};
use rely_breaker::{
    BreakerConfig, Cancelled, Change, ChangeReason, RejectedReason, State, TripOn, Window,
};
use rely_core::window::Counts;
use rely_core::{Class, Instant, Level, Outcome};

use self::window::NaiveWindow;
use super::{How, Order, Recipe, Refused, Subject, View};

pub(crate) struct Pure {
    machine: Machine,
    recipe: Recipe,
    now: Instant,
    window: NaiveWindow,
    /// All calls that ended, the cancelled ones as bad.
    cancellations: NaiveWindow,
    /// Below zero where more are under way than may be.
    free: i64,
    /// The last generation that let a trial through.
    tried: u64,
    /// How many calls asked in this stage of a ramp.
    asked: u64,
    /// Until when failing answers of this generation asked to be left alone.
    left_alone: Option<Instant>,
    running: BTreeMap<char, Admitted>,
    inner: bool,
    inner_ready: bool,
    view: View,
}

#[derive(Clone, Copy)]
struct Admitted {
    generation: u64,
    trial: bool,
    counted: bool,
    start: Instant,
}

impl Pure {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let machine = Machine::new(recipe.config.clone()).unwrap();
        let view = View {
            state: machine.state(),
            since: machine.since(),
            generation: 0,
            until: None,
            share: machine.share(),
            counts: Counts::default(),
            run: 0,
            succeeded: 0,
            failed: 0,
            ignored: 0,
            cancelled: 0,
            would_reject: 0,
            rejected: 0,
            inner_not_ready: 0,
            late: 0,
            opened: 0,
            changes: Vec::new(),
            refused: Vec::new(),
        };
        Self {
            machine,
            recipe: recipe.clone(),
            now: Instant::ORIGIN,
            window: NaiveWindow::new(recipe.config.window),
            cancellations: NaiveWindow::new(recipe.config.window),
            free: 0,
            tried: 0,
            asked: 0,
            left_alone: None,
            running: BTreeMap::new(),
            inner: true,
            inner_ready: false,
            view,
        }
    }

    fn config(&self) -> &BreakerConfig {
        self.machine.config()
    }

    fn step(&mut self, event: Event) -> Option<Change> {
        let change = self.machine.step(event, self.now);
        self.changed(change);
        change
    }

    fn changed(&mut self, change: Option<Change>) {
        let Some(change) = change else { return };
        self.asked = 0;
        if !matches!(change.reason, ChangeReason::RampStage { .. }) {
            self.window.clear();
            self.cancellations.clear();
            self.view.run = 0;
            self.left_alone = None;
            self.free = self.config().trials.into();
        }
        self.view.opened += u64::from(matches!(change.reason, ChangeReason::Tripped(_)));
        self.view.changes.push(change);
        let times = &self.recipe.open_time;
        if change.to == State::Open && change.reason != ChangeReason::ByHand && !times.is_empty() {
            let until = change.at + Recipe::open_time(times, self.machine.openings());
            self.machine.step(Event::OpenTime { generation: change.generation, until }, self.now);
        }
    }

    fn counts(&self) -> Counts {
        self.window.counts(self.now)
    }

    /// Calls that have been under way for too long, told to an eighth of that: those that began in an
    /// eighth that was over so long ago.
    fn overdue(&self) -> u64 {
        let Some(rule) = self.config().slow_calls else { return 0 };
        let eighth = |at: Instant| u128::from(at.as_nanos()) / (rule.longer_than.as_nanos() / 8);
        let mine = self
            .running
            .values()
            .filter(|call| call.counted && call.generation == self.machine.generation());
        let ago = mine.map(|call| eighth(self.now).saturating_sub(eighth(call.start)));
        ago.filter(|ago| (9..64).contains(ago)).count() as u64
    }

    /// Opens if a rule is met.
    fn judge(&mut self) {
        let reason = self.machine.judge(self.counts(), self.view.run, self.overdue());
        let trips = matches!(self.machine.state(), State::Closed | State::Ramping);
        if let (Some(reason), true) = (reason, trips) {
            let (generation, asked) = (self.machine.generation(), self.left_alone);
            self.step(Event::Tripped { generation, reason, asked });
        }
    }

    fn look_at_hanging(&mut self) {
        if self.config().slow_calls.is_some_and(|rule| rule.in_flight) {
            self.judge();
        }
    }

    /// Lets time do what it does, and the probe speak if it is about to.
    fn time_passes(&mut self) {
        let over = |machine: &Machine, now| {
            machine.deadline().is_some_and(|until| now >= until || now < machine.since())
        };
        while over(&self.machine, self.now) {
            self.step(self.time_is_over());
        }
    }

    fn time_is_over(&self) -> Event {
        if self.machine.state() == State::HalfOpen && self.tried != self.machine.generation() {
            Event::Untried
        } else {
            self.recipe.probe.map_or(Event::Timer, Event::Probed)
        }
    }

    fn would_reject(&self) -> bool {
        let mut next = self.machine.clone();
        let probed = matches!(self.time_is_over(), Event::Probed(_));
        let event = if probed { Event::Timer } else { self.time_is_over() };
        let moves = next.step(event, self.now).is_some();
        match next.state() {
            _ if self.config().shadow => false,
            State::Open | State::ForcedOpen => true,
            State::HalfOpen => !moves && self.free <= 0,
            _ => false,
        }
    }

    fn refuse(
        &mut self,
        reason: RejectedReason,
        retry_after: Option<Duration>,
    ) -> Result<Admitted, Refused> {
        if self.config().shadow && reason != RejectedReason::InnerNotReady {
            self.view.would_reject += 1;
            return Ok(self.admitted(false, false));
        }
        let refused = Refused { state: self.machine.state(), reason, retry_after };
        self.view.rejected += 1;
        self.view.refused.push(refused);
        Err(refused)
    }

    fn admitted(&self, trial: bool, counted: bool) -> Admitted {
        Admitted { generation: self.machine.generation(), trial, counted, start: self.now }
    }

    fn admit(&mut self) -> Result<Admitted, Refused> {
        if self.machine.state() == State::Closed {
            self.look_at_hanging();
        }
        self.time_passes();
        if self.machine.state() == State::Ramping {
            self.look_at_hanging();
        }
        match self.machine.state() {
            State::Closed | State::ForcedClosed => Ok(self.admitted(false, true)),
            State::Disabled => Ok(self.admitted(false, false)),
            State::HalfOpen if self.free <= 0 => self.refuse(RejectedReason::TrialsTaken, None),
            State::HalfOpen => {
                if self.tried != self.machine.generation() {
                    self.step(Event::Untried);
                    self.tried = self.machine.generation();
                }
                self.free -= 1;
                Ok(self.admitted(true, true))
            }
            State::ForcedOpen => self.refuse(RejectedReason::ForcedOpen, None),
            State::Ramping => {
                let share = u64::from(self.machine.share().ppm());
                let through = |calls: u64| 1 + (calls - 1) * share / 1_000_000;
                self.asked += 1;
                let first = self.asked == 1;
                if first || through(self.asked) > through(self.asked - 1) {
                    Ok(self.admitted(false, true))
                } else {
                    self.refuse(RejectedReason::Ramping, None)
                }
            }
            _ => {
                let wait = self.machine.deadline().map(|until| until.saturating_since(self.now));
                self.refuse(RejectedReason::Open, wait)
            }
        }
    }

    fn give_back(&mut self, call: Admitted) {
        let current = call.generation == self.machine.generation();
        self.free += i64::from(call.trial && current);
    }

    fn cancelled_fails(&mut self, call: Admitted, outcome: Outcome) -> bool {
        if !matches!(self.config().cancelled, Cancelled::FailureFrom(_)) {
            return self.machine.cancelled_fails(0, 0);
        }
        if call.trial || call.generation != self.machine.generation() {
            return false;
        }
        let weight = outcome.weight.get().into();
        if !self.cancellations.record(self.now, weight, true, false) {
            return false;
        }
        let Counts { total, bad, .. } = self.cancellations.counts(self.now);
        self.machine.cancelled_fails(bad, total)
    }

    /// For how much the call counts; nothing if it is late.
    fn evidence(&mut self, call: Admitted, outcome: Outcome, cancelled: bool) -> Option<u64> {
        let generation = self.machine.generation();
        if call.generation != generation {
            return None;
        }
        let took = self.now.saturating_since(call.start);
        let slow = self.config().slow_calls.is_some_and(|rule| took >= rule.longer_than);
        let bad = outcome.class.is_bad();
        let asks = bad && self.config().retry_after.is_some();
        let wish = outcome.retry_after.filter(|_| asks).map(|wait| self.now + wait);
        self.left_alone = self.left_alone.max(wish);
        if call.trial {
            let asked = self.left_alone;
            let change = self.step(Event::TrialEnded { generation, bad, slow, asked });
            let late = change.is_some_and(|change| change.reason == ChangeReason::TrialsTimedOut);
            return (!late).then_some(1);
        }
        let weight = outcome.weight.get().into();
        if !cancelled {
            self.cancellations.record(self.now, weight, false, false);
        }
        if !self.window.record(self.now, weight, bad, slow) {
            return None;
        }
        match outcome.class {
            Class::Success => self.view.run = 0,
            Class::Failure if self.config().consecutive_failures.is_some() => self.view.run += 1,
            _ => {}
        }
        let once = matches!(self.config().window, Window::Calls(_));
        if bad || slow || self.config().trip_on == TripOn::AnyCall {
            self.judge();
        }
        Some(if once { 1 } else { weight })
    }
}

impl Subject for Pure {
    fn set(&mut self, now: Instant) {
        self.now = now;
    }

    fn inner_is(&mut self, ready: bool) {
        self.inner = ready;
    }

    fn poll(&mut self) {
        if !self.would_reject() {
            self.inner_ready = self.inner;
        }
    }

    fn begin(&mut self, name: char) -> Result<(), Refused> {
        let call = self.admit()?;
        if !core::mem::take(&mut self.inner_ready) {
            self.give_back(call);
            self.view.inner_not_ready += 1;
            return self.refuse(RejectedReason::InnerNotReady, Some(Duration::ZERO)).map(|_| ());
        }
        self.running.insert(name, call);
        Ok(())
    }

    fn end(&mut self, name: char, how: How) {
        let call = self.running.remove(&name).unwrap();
        if !call.counted {
            return;
        }
        // A shell tells the machine that a dropped call is cancelled and that a panic is a failure.
        let outcome = how.unwrap_or(Ok(Outcome::CANCELLED)).unwrap_or(Outcome::FAILURE);
        match outcome.class {
            Class::Cancelled => {
                self.view.cancelled += 1;
                if self.cancelled_fails(call, outcome) {
                    let failure = Outcome { class: Class::Failure, ..outcome };
                    self.evidence(call, failure, true);
                } else {
                    self.give_back(call);
                }
            }
            class if !class.is_counted() => {
                self.view.ignored += 1;
                self.give_back(call);
            }
            class => match self.evidence(call, outcome, false) {
                None => self.view.late += 1,
                Some(worth) if class.is_bad() => self.view.failed += worth,
                Some(worth) => self.view.succeeded += worth,
            },
        }
    }

    fn order(&mut self, order: Order) {
        self.step(match order {
            Order::Reset => Event::Reset,
            Order::ForceOpen => Event::ForceOpen,
            Order::ForceClosed => Event::ForceClosed,
            Order::Disable => Event::Disable,
            Order::OpenFor(time) => Event::OpenUntil(self.now + time),
            Order::OpenUntil(until) => Event::OpenUntil(until),
        });
    }

    fn reconfigure(&mut self, config: &BreakerConfig) {
        let form = |config: &BreakerConfig| (config.window, config.slow_calls.is_some());
        let (before, trials) = (form(self.config()), self.config().trials);
        let change = self.machine.reconfigure(config.clone(), self.now).unwrap();
        if form(config) != before {
            let mut next = NaiveWindow::new(config.window);
            next.adopt(&self.window, config.slow_calls.is_some(), self.now);
            self.window = next;
        }
        if change.is_none() {
            self.free += i64::from(config.trials) - i64::from(trials);
        }
        self.changed(change);
        if config.trip_on == TripOn::AnyCall {
            self.judge();
        }
    }

    fn probe(&mut self, level: Level) {
        self.recipe.probe = Some(level);
    }

    fn tick(&mut self) -> Option<Instant> {
        loop {
            let (since, until) = (self.machine.since(), self.machine.deadline());
            let over = until.is_some_and(|until| self.now >= until || self.now < since);
            if !over && matches!(self.machine.state(), State::Closed | State::Ramping) {
                let rule = self.config().slow_calls.filter(|rule| rule.in_flight);
                let next = rule.map(|rule| {
                    let changes = self.view.changes.len();
                    self.judge();
                    let tripped = self.view.changes.len() > changes;
                    if tripped { self.now } else { self.now + rule.longer_than / 8 }
                });
                return next.into_iter().chain(until).min();
            }
            let until = until?;
            if over {
                self.step(self.time_is_over());
                continue;
            }
            let open = self.machine.state() == State::Open;
            let Some(level) = self.recipe.probe.filter(|_| open) else { return Some(until) };
            let healthy = level == Level::Healthy;
            if !healthy || self.step(Event::Probed(Level::Healthy)).is_none() {
                return Some(until.min(self.now + self.config().probe_every));
            }
        }
    }

    fn uncounted(&self) -> (State, u64) {
        (self.machine.state(), self.view.would_reject)
    }

    fn view(&mut self) -> View {
        let refused = core::mem::take(&mut self.view.refused);
        View {
            state: self.machine.state(),
            since: self.machine.since(),
            generation: self.machine.generation(),
            until: self.machine.deadline(),
            share: self.machine.share(),
            counts: self.counts(),
            refused,
            ..self.view.clone()
        }
    }
}
