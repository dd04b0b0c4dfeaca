//! The life of a breaker as one would write it down: no atomics, no shortcuts, seconds for time.

use super::window::NaiveWindow;
use super::*;

const MILLION: u64 = 1_000_000;

pub(super) struct Naive {
    pub(super) config: BreakerConfig,
    pub(super) state: State,
    pub(super) generation: u64,
    since: u64,
    until: u64,
    /// Every form of window that there ever was, with the generation in which it was left.
    windows: Vec<(Form, Option<u64>, NaiveWindow)>,
    current: usize,
    /// All calls that ended, the cancelled ones as bad, where a share of them matters.
    /// One for each of the windows.
    cancellations: Vec<NaiveWindow>,
    pub(super) run: u32,
    /// Below zero where fewer trials are asked for than are under way.
    permits: i64,
    /// Whether a trial of this generation began.
    tried: bool,
    trials: Vec<Trial>,
    stage: usize,
    /// How many calls have asked in this stage.
    asked: u64,
    /// Until when failing answers of this generation asked to be left alone.
    left_alone: u64,
    pub(super) changes: Vec<(State, ChangeReason, u64)>,
    pub(super) books: Books,
    /// The open times that a longer one would follow on, the last one at the end.
    pub(super) grown: Vec<u64>,
    last: u64,
}

/// What became of calls; the first two by weight where calls weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Books {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) ignored: u64,
    pub(super) cancelled: u64,
    pub(super) late: u64,
    pub(super) would_reject: u64,
    pub(super) rejected: u64,
    pub(super) opened: u64,
}

/// What a window is made for.
#[derive(Clone, Copy, PartialEq)]
struct Form {
    window: Window,
    slow: bool,
    cancellations: bool,
}

fn form(config: &BreakerConfig) -> Form {
    Form {
        window: config.window,
        slow: config.slow_calls.is_some(),
        cancellations: matches!(config.cancelled, Cancelled::FailureFrom(_)),
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted {
    pub(super) generation: u64,
    pub(super) trial: bool,
    counted: bool,
    /// Somebody wanted to know how long it takes when it began.
    timed: bool,
}

/// What matters about the end of a trial.
#[derive(Clone, Copy)]
struct Trial {
    bad: bool,
    slow: bool,
}

const TRIALS: [Trial; 4] = [
    Trial { bad: false, slow: false },
    Trial { bad: false, slow: true },
    Trial { bad: true, slow: false },
    Trial { bad: true, slow: true },
];

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(seconds)
}

impl Naive {
    pub(super) fn new(config: BreakerConfig) -> Self {
        let form = form(&config);
        Self {
            state: State::Closed,
            generation: 0,
            since: 0,
            until: 0,
            windows: vec![(form, None, NaiveWindow::new(form.window))],
            current: 0,
            cancellations: vec![NaiveWindow::new(form.window)],
            run: 0,
            permits: 0,
            tried: false,
            trials: Vec::new(),
            stage: 0,
            asked: 0,
            left_alone: 0,
            changes: Vec::new(),
            books: Books::default(),
            grown: Vec::new(),
            last: config.open_for.as_secs(),
            config,
        }
    }

    fn window(&mut self) -> &mut NaiveWindow {
        &mut self.windows[self.current].2
    }

    pub(super) fn counts(&self, now: u64) -> Counts {
        self.windows[self.current].2.counts(at(now))
    }

    pub(super) fn leave(&mut self, now: u64) {
        if self.state == State::Closed {
            for _ in 0..now.saturating_sub(self.since) / self.last {
                self.grown.pop();
            }
        }
    }

    fn open(&mut self, now: u64, reason: ChangeReason) {
        self.leave(now);
        let first = self.config.open_for.as_secs();
        let time = match (self.config.open_backoff, self.grown.len()) {
            (Some(OpenBackoff { factor, max, .. }), steps @ 1..) => {
                let power = factor.powi(i32::try_from(steps).unwrap());
                Duration::from_secs(first).mul_f64(power).min(max).as_secs().max(first)
            }
            _ => first,
        };
        self.grown.push(time);
        self.forget();
        self.last = time;
        let longest = self.config.retry_after.map(|longest| now + longest.as_secs());
        let wish = longest.map_or(0, |longest| self.left_alone.min(longest));
        self.enter(State::Open, now, (now + time).max(wish), reason);
    }

    /// More openings than it takes to the longest open time.
    fn forget(&mut self) {
        let Some(OpenBackoff { factor, max, .. }) = self.config.open_backoff else {
            return self.grown.truncate(32);
        };
        let grown = |steps: &i32| self.config.open_for.mul_f64(factor.powi(*steps)) >= max;
        let enough = (0..1000).find(grown);
        self.grown.truncate(enough.map_or(32, |steps| steps.try_into().unwrap()));
    }

    pub(super) fn force(&mut self, state: State, now: u64) {
        if self.state != state {
            self.leave(now);
            self.enter(state, now, 0, ChangeReason::ByHand);
        }
    }

    pub(super) fn open_by_hand(&mut self, now: u64, until: u64) {
        self.leave(now);
        self.enter(State::Open, now, until, ChangeReason::ByHand);
    }

    pub(super) fn reset(&mut self, now: u64) {
        self.enter(State::Closed, now, 0, ChangeReason::Reset);
        self.grown.clear();
    }

    /// A change of state, which begins a generation.
    fn enter(&mut self, state: State, now: u64, until: u64, reason: ChangeReason) {
        self.state = state;
        self.generation += 1;
        (self.since, self.until) = (now, until);
        self.windows.iter_mut().for_each(|(.., window)| window.clear());
        self.cancellations.iter_mut().for_each(NaiveWindow::clear);
        self.run = 0;
        self.permits = self.config.trials.into();
        self.tried = false;
        self.trials.clear();
        (self.asked, self.left_alone) = (0, 0);
        self.changes.push((state, reason, self.generation));
        self.books.opened += u64::from(matches!(reason, ChangeReason::Tripped(_)));
    }

    /// When time ends the state.
    pub(super) fn until(&self) -> Option<u64> {
        let ends = matches!(self.state, State::Open | State::HalfOpen | State::Ramping);
        ends.then_some(self.until)
    }

    fn shares(&self) -> Vec<Ratio> {
        self.config.ramp.clone().map_or(Vec::new(), |ramp| ramp.stages)
    }

    fn stage_for(&self) -> u64 {
        self.config.ramp.as_ref().unwrap().stage_for.as_secs()
    }

    pub(super) fn share(&self) -> Ratio {
        if self.state == State::Ramping { self.shares()[self.stage] } else { Ratio::ONE }
    }

    /// After the trials: the ramp if there is one.
    fn recover(&mut self, now: u64, reason: ChangeReason) {
        if self.config.ramp.is_none() {
            return self.enter(State::Closed, now, 0, reason);
        }
        self.enter(State::Ramping, now, now + self.stage_for(), reason);
        self.stage = 0;
    }

    fn ramps(&self) -> bool {
        self.config.trial_limit_to == AfterTrialLimit::Ramp
    }

    fn timed_out(&mut self, now: u64) {
        match self.config.trial_limit_to {
            AfterTrialLimit::Ramp => self.recover(now, ChangeReason::TrialsTimedOut),
            AfterTrialLimit::Open => self.open(now, ChangeReason::TrialsTimedOut),
        }
    }

    pub(super) fn is_over(&self, now: u64) -> bool {
        now >= self.until || now < self.since
    }

    pub(super) fn time_passes(&mut self, now: u64) {
        let over = self.is_over(now);
        match self.state {
            State::Open if over => {
                let until = now + self.config.trial_limit.as_secs();
                self.enter(State::HalfOpen, now, until, ChangeReason::OpenTimeOver);
            }
            State::HalfOpen if over && !self.tried && !self.ramps() => {
                // Nobody was too slow.
                self.until = now + self.config.trial_limit.as_secs();
                self.since = self.since.min(now);
            }
            State::HalfOpen if over => self.timed_out(now),
            State::Ramping if over => self.stages_are_over(now),
            _ => {}
        }
    }

    fn stages_are_over(&mut self, now: u64) {
        // Set back, the clock tells nothing but that the stage did not begin yet: that ends one.
        let mut until = now.min(self.until);
        while until <= now {
            self.stage += 1;
            until += self.stage_for();
        }
        if self.stage >= self.shares().len() {
            return self.enter(State::Closed, now, 0, ChangeReason::RampOver);
        }
        (self.since, self.until, self.asked) = (now, until, 0);
        let reason = ChangeReason::RampStage { share: self.share() };
        self.changes.push((State::Ramping, reason, self.generation));
    }

    /// The first call, and the share of those that come after it.
    fn is_in_share(&mut self) -> bool {
        let share = u64::from(self.share().ppm());
        let through = |calls: u64| calls.min(1) + calls.saturating_sub(1) * share / MILLION;
        self.asked += 1;
        through(self.asked) > through(self.asked - 1)
    }

    pub(super) fn acquire(&mut self, now: u64) -> Option<Admitted> {
        self.time_passes(now);
        let in_share = self.state == State::Ramping && self.is_in_share();
        let generation = self.generation;
        let timed = self.config.slow_calls.is_some();
        let admitted = |trial, counted| Some(Admitted { generation, trial, counted, timed });
        match self.state {
            State::Closed | State::ForcedClosed => admitted(false, true),
            State::Disabled => admitted(false, false),
            State::HalfOpen if self.permits > 0 => {
                if !self.tried {
                    self.until = now + self.config.trial_limit.as_secs();
                    self.tried = true;
                }
                self.permits -= 1;
                admitted(true, true)
            }
            State::Ramping if in_share => admitted(false, true),
            _ if self.config.shadow => {
                self.books.would_reject += 1;
                admitted(false, false)
            }
            _ => {
                self.books.rejected += 1;
                None
            }
        }
    }

    pub(super) fn finish(&mut self, admitted: Admitted, end: Outcome, took: u64, now: u64) {
        if !admitted.counted {
            return;
        }
        let bad = match end.class {
            Class::Success => false,
            Class::Failure | Class::SoftFailure => true,
            Class::Cancelled => {
                self.books.cancelled += 1;
                if !self.cancelled_fails(admitted, end, now) {
                    return self.give_back(admitted);
                }
                let end = Outcome { class: Class::Failure, ..end };
                self.evidence(admitted, end, true, true, took, now);
                return;
            }
            Class::Ignored | Class::Rejected(_) => {
                self.books.ignored += 1;
                return self.give_back(admitted);
            }
        };
        let weight = self.evidence(admitted, end, bad, false, took, now);
        match (weight, bad) {
            (None, _) => self.books.late += 1,
            (Some(weight), false) => self.books.succeeded += weight,
            (Some(weight), true) => self.books.failed += weight,
        }
    }

    fn give_back(&mut self, admitted: Admitted) {
        if admitted.trial && admitted.generation == self.generation {
            self.permits += 1;
        }
    }

    fn cancelled_fails(&mut self, admitted: Admitted, end: Outcome, now: u64) -> bool {
        match self.config.cancelled {
            Cancelled::Neutral => false,
            Cancelled::Failure => true,
            Cancelled::FailureFrom(share) => {
                if admitted.trial || admitted.generation != self.generation {
                    return false;
                }
                if !self.cancellations[self.current].record(
                    at(now),
                    end.weight.get().into(),
                    true,
                    false,
                ) {
                    return false;
                }
                let Counts { total, bad, .. } = self.cancellations[self.current].counts(at(now));
                total >= u64::from(self.config.minimum_calls)
                    && bad * MILLION >= u64::from(share.ppm()) * total
            }
        }
    }

    /// Takes in a call that counts, and says for how much; nothing if it is too late.
    fn evidence(
        &mut self,
        admitted: Admitted,
        end: Outcome,
        bad: bool,
        cancelled: bool,
        took: u64,
        now: u64,
    ) -> Option<u64> {
        if admitted.generation != self.generation {
            return None;
        }
        let limit = self.config.slow_calls.map(|rule| rule.longer_than.as_secs());
        let slow = admitted.timed && limit.is_some_and(|limit| took >= limit);
        let minds = bad && self.config.retry_after.is_some();
        let wish = end.retry_after.filter(|_| minds).map_or(0, |wait| now + wait.as_secs());
        self.left_alone = self.left_alone.max(wish);
        if admitted.trial {
            if now >= self.until {
                self.timed_out(now);
                return None;
            }
            self.trials.push(Trial { bad, slow });
            self.decide(now);
            return Some(1);
        }
        let weight = u64::from(end.weight.get());
        let counts_cancelled = matches!(self.config.cancelled, Cancelled::FailureFrom(_));
        if counts_cancelled && !cancelled {
            self.cancellations[self.current].record(at(now), weight, false, false);
        }
        if !self.window().record(at(now), weight, bad, slow) {
            return None;
        }
        match end.class {
            Class::Success => self.run = 0,
            Class::Failure if self.config.consecutive_failures.is_some() => self.run += 1,
            _ => {}
        }
        if bad || slow || self.config.trip_on == TripOn::AnyCall {
            self.judge(now);
        }
        let counted_once = matches!(self.config.window, Window::Calls(_));
        Some(if counted_once { 1 } else { weight })
    }

    fn judge(&mut self, now: u64) {
        let (Some(reason), true) =
            (self.trips(now), matches!(self.state, State::Closed | State::Ramping))
        else {
            return;
        };
        let reason = ChangeReason::Tripped(reason);
        if self.state == State::Ramping && self.stage > 0 {
            let stage = self.stage - 1;
            self.enter(State::Ramping, now, now + self.stage_for(), reason);
            self.stage = stage;
        } else {
            self.open(now, reason);
        }
    }

    fn trips(&self, now: u64) -> Option<TripReason> {
        let Counts { total, bad, slow } = self.counts(now);
        let reached = |part: u64, rate: Ratio| {
            if total >= u64::from(self.config.minimum_calls) {
                part * MILLION >= u64::from(rate.ppm()) * total
            } else {
                self.config.evidence.is_some_and(|sure| surpasses(part, total, rate, sure))
            }
        };
        if let Some(threshold) = self.config.failure_rate.filter(|rate| reached(bad, *rate)) {
            return Some(TripReason::FailureRate { bad, total, threshold });
        }
        if let Some(rule) = self.config.slow_calls.filter(|rule| reached(slow, rule.rate)) {
            let SlowCalls { longer_than, rate: threshold, .. } = rule;
            return Some(TripReason::SlowCallRate {
                slow,
                total,
                in_flight: 0,
                threshold,
                longer_than,
            });
        }
        if let Some(limit) = self.config.failure_count.filter(|limit| bad >= u64::from(*limit)) {
            return Some(TripReason::FailureCount { bad, limit });
        }
        let too_many = self.config.consecutive_failures.is_some_and(|limit| self.run >= limit);
        too_many.then_some(TripReason::ConsecutiveFailures { count: self.run })
    }

    /// Tries every way in which the trials may go on.
    fn decide(&mut self, now: u64) {
        let mut ways = vec![self.trials.clone()];
        while ways[0].len() < self.config.trials as usize {
            ways =
                ways.iter().flat_map(|way| TRIALS.map(|end| [&way[..], &[end]].concat())).collect();
        }
        let failing = ways.iter().filter(|way| self.trials_fail(way)).count();
        let count = |what: fn(&Trial) -> bool| {
            u32::try_from(self.trials.iter().filter(|end| what(end)).count()).unwrap()
        };
        let (bad, slow, ended) = (count(|end| end.bad), count(|end| end.slow), count(|_| true));
        if failing == ways.len() {
            self.open(now, ChangeReason::TrialsFailed { bad, slow, ended });
        } else if failing == 0 {
            self.recover(now, ChangeReason::TrialsPassed { good: ended - bad, slow, ended });
        }
    }

    fn trials_fail(&self, way: &[Trial]) -> bool {
        // Where a new configuration asks for fewer than have ended, those that ended are more.
        let trials = u64::from(self.config.trials);
        let count = |what: fn(&Trial) -> bool| way.iter().filter(|end| what(end)).count() as u64;
        let reached = |part: u64, rate: Ratio| part * MILLION >= u64::from(rate.ppm()) * trials;
        let (bad, slow) = (count(|end| end.bad), count(|end| end.slow));
        // A run that a good trial has ended met no rule then, whatever the rules are by now.
        let present = self.trials.iter().rev().take_while(|end| end.bad).count();
        let runs = way[self.trials.len() - present..].split(|end| !end.bad).map(<[Trial]>::len);
        let longest = runs.max().unwrap_or(0) as u64;
        let at_most_all = |limit: u32| u64::from(limit).min(trials);
        self.config.failure_rate.is_some_and(|rate| reached(bad, rate))
            || self.config.slow_calls.is_some_and(|rule| reached(slow, rule.rate))
            || self.config.failure_count.is_some_and(|limit| bad >= at_most_all(limit))
            || self.config.consecutive_failures.is_some_and(|limit| longest >= at_most_all(limit))
    }

    pub(super) fn reconfigure(&mut self, config: BreakerConfig, now: u64) {
        let (before, trials, changes) = (self.share(), self.config.trials, self.changes.len());
        self.config = config;
        self.forget();
        self.take_shape(now);
        match self.state {
            State::HalfOpen => {
                self.decide(now);
                if self.changes.len() == changes {
                    self.permits += i64::from(self.config.trials) - i64::from(trials);
                }
            }
            State::Ramping if self.shares().is_empty() => {
                self.enter(State::Closed, now, 0, ChangeReason::Reconfigured);
            }
            State::Ramping => {
                self.stage = self.stage.min(self.shares().len() - 1);
                let share = self.share();
                if share != before {
                    (self.since, self.asked) = (now, 0);
                    let reason = ChangeReason::RampStage { share };
                    self.changes.push((State::Ramping, reason, self.generation));
                }
            }
            _ => {}
        }
        if self.config.trip_on == TripOn::AnyCall {
            self.judge(now);
        }
    }

    fn take_shape(&mut self, now: u64) {
        let form = form(&self.config);
        if self.windows[self.current].0 == form {
            return;
        }
        let is_empty = |(known, left, _): &(Form, Option<u64>, NaiveWindow)| {
            *known == form && *left != Some(self.generation)
        };
        let next = self.windows.iter().position(is_empty).unwrap_or_else(|| {
            self.windows.push((form, None, NaiveWindow::new(form.window)));
            self.cancellations.push(NaiveWindow::new(form.window));
            self.windows.len() - 1
        });
        let from = self.windows[self.current].2.clone();
        let had = self.windows[self.current].0.cancellations;
        let cancelled = self.cancellations[self.current].clone();
        self.windows[self.current].1 = Some(self.generation);
        self.current = next;
        self.window().adopt(&from, form.slow, at(now));
        if had && form.cancellations {
            self.cancellations[next].adopt(&cancelled, false, at(now));
        }
    }
}

/// The bound of Chernoff and Hoeffding: `part` of `whole` at a true share of `limit` or less has a
/// chance of at most `e^(-whole * divergence)`.
fn surpasses(part: u64, whole: u64, limit: Ratio, sure: Ratio) -> bool {
    let (q, p) = (part as f64 / whole as f64, limit.as_f64());
    if whole == 0 || q <= p {
        return false;
    }
    let of = |share: f64, of: f64| if share == 0.0 { 0.0 } else { share * (share / of).ln() };
    let divergence = of(q, p) + of(1.0 - q, 1.0 - p);
    (-(whole as f64) * divergence).exp() <= (1.0 - sure.as_f64()) * (1.0 + 1e-9)
}
