//! The breaker as one would write it down, beside the breaker.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const MILLION: u64 = 1_000_000;

/// Every call of the window and every trial in a list, no atomics.
struct Naive {
    config: BreakerConfig,
    state: State,
    generation: u64,
    since: u64,
    until: u64,
    window: VecDeque<Ended>,
    run: u32,
    permits: u32,
    trials: Vec<Ended>,
    changes: Vec<(State, ChangeReason)>,
    would_reject: u64,
    cancelled: u64,
    /// The open times that a longer one would follow on, the last one at the end.
    grown: Vec<u64>,
    last: u64,
}

#[derive(Clone, Copy, Debug)]
struct Admitted {
    generation: u64,
    trial: bool,
    counted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ended {
    class: Class,
    slow: bool,
}

impl Naive {
    fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            state: State::Closed,
            generation: 0,
            since: 0,
            until: 0,
            window: VecDeque::new(),
            run: 0,
            permits: 0,
            trials: Vec::new(),
            changes: Vec::new(),
            would_reject: 0,
            cancelled: 0,
            grown: Vec::new(),
            last: 30,
        }
    }

    fn leave(&mut self, now: u64) {
        if self.state == State::Closed {
            for _ in 0..now.saturating_sub(self.since) / self.last {
                self.grown.pop();
            }
        }
    }

    fn open(&mut self, now: u64, reason: ChangeReason) {
        self.leave(now);
        let time = match (self.config.open_backoff, self.grown.last()) {
            (Some(OpenBackoff { factor, max, .. }), Some(before)) => {
                Duration::from_secs(*before).mul_f64(factor).min(max).as_secs()
            }
            _ => 30,
        };
        if self.config.open_backoff.is_some_and(|backoff| time < backoff.max.as_secs()) {
            self.grown.push(time);
        }
        self.last = time;
        self.enter(State::Open, now, now + time, reason);
    }

    fn force(&mut self, state: State, now: u64) {
        if self.state != state {
            self.leave(now);
            self.enter(state, now, 0, ChangeReason::ByHand);
        }
    }

    fn enter(&mut self, state: State, now: u64, until: u64, reason: ChangeReason) {
        self.state = state;
        self.generation += 1;
        (self.since, self.until) = (now, until);
        self.window.clear();
        self.run = 0;
        self.permits = self.config.trials;
        self.trials.clear();
        self.changes.push((state, reason));
    }

    fn acquire(&mut self, now: u64) -> Option<Admitted> {
        let over = now >= self.until || now < self.since;
        match self.state {
            State::Open if over => {
                self.enter(State::HalfOpen, now, now + 10, ChangeReason::OpenTimeOver);
            }
            State::HalfOpen if over => {
                self.open(now, ChangeReason::TrialsTimedOut);
            }
            _ => {}
        }
        let generation = self.generation;
        let admitted = |trial, counted| Some(Admitted { generation, trial, counted });
        match self.state {
            State::Closed | State::ForcedClosed => admitted(false, true),
            State::Disabled => admitted(false, false),
            State::HalfOpen if self.permits > 0 => {
                self.permits -= 1;
                admitted(true, true)
            }
            _ if self.config.shadow => {
                self.would_reject += 1;
                admitted(false, false)
            }
            _ => None,
        }
    }

    fn finish(&mut self, admitted: Admitted, mut end: Ended, now: u64) {
        let Admitted { generation, trial, counted } = admitted;
        if !counted {
            return;
        }
        if end.class == Class::Cancelled {
            self.cancelled += 1;
            if self.config.cancelled == Cancelled::Failure {
                end.class = Class::Failure;
            }
        }
        if generation != self.generation {
            return;
        }
        match (end.class.is_counted(), trial) {
            (false, true) => self.permits += 1,
            (false, false) => {}
            (true, true) if now >= self.until => {
                self.open(now, ChangeReason::TrialsTimedOut);
            }
            (true, true) => {
                self.trials.push(end);
                self.decide(now);
            }
            (true, false) => {
                self.window.push_back(end);
                if self.window.len() > self.config.window_calls as usize {
                    self.window.pop_front();
                }
                match end.class {
                    Class::Success => self.run = 0,
                    Class::Failure if self.config.consecutive_failures.is_some() => self.run += 1,
                    _ => {}
                }
                if let Some(reason) = self.trips() {
                    self.open(now, ChangeReason::Tripped(reason));
                }
            }
        }
    }

    fn count(&self, what: impl Fn(&Ended) -> bool) -> u64 {
        self.window.iter().filter(|end| what(end)).count() as u64
    }

    fn trips(&self) -> Option<TripReason> {
        if self.state != State::Closed {
            return None;
        }
        let total = self.window.len() as u64;
        let (bad, slow) = (self.count(|end| end.class.is_bad()), self.count(|end| end.slow));
        let reached = |part: u64, rate: Ratio| {
            total >= u64::from(self.config.minimum_calls)
                && part * MILLION >= u64::from(rate.ppm()) * total
        };
        match (self.config.failure_rate, self.config.slow_calls, self.config.consecutive_failures) {
            (Some(threshold), ..) if reached(bad, threshold) => {
                Some(TripReason::FailureRate { bad, total, threshold })
            }
            (_, Some(SlowCalls { longer_than, rate: threshold }), _)
                if reached(slow, threshold) =>
            {
                Some(TripReason::SlowCallRate { slow, total, threshold, longer_than })
            }
            (.., Some(limit)) if self.run >= limit => {
                Some(TripReason::ConsecutiveFailures { count: self.run })
            }
            _ => None,
        }
    }

    /// Tries every way in which the trials may go on.
    fn decide(&mut self, now: u64) {
        let mut ways = vec![self.trials.clone()];
        while ways[0].len() < self.config.trials as usize {
            ways =
                ways.iter().flat_map(|way| ENDS.map(|end| [&way[..], &[end]].concat())).collect();
        }
        let failing = ways.iter().filter(|way| self.trials_fail(way)).count();
        let count = |what: fn(&Ended) -> bool| {
            u32::try_from(self.trials.iter().filter(|end| what(end)).count()).unwrap()
        };
        let (bad, slow) = (count(|end| end.class.is_bad()), count(|end| end.slow));
        let ended = count(|_| true);
        if failing == ways.len() {
            self.open(now, ChangeReason::TrialsFailed { bad, slow, ended });
        } else if failing == 0 {
            let good = ended - bad;
            self.enter(State::Closed, now, 0, ChangeReason::TrialsPassed { good, slow, ended });
        }
    }

    fn trials_fail(&self, way: &[Ended]) -> bool {
        let reached = |what: fn(&Ended) -> bool, rate: Ratio| {
            let part = way.iter().filter(|end| what(end)).count() as u64;
            part * MILLION >= u64::from(rate.ppm()) * way.len() as u64
        };
        let runs = way.split(|end| !end.class.is_bad()).map(<[Ended]>::len);
        let longest = runs.max().unwrap_or(0);
        let too_long = |limit: u32| longest >= (limit as usize).min(way.len());
        self.config.failure_rate.is_some_and(|rate| reached(|end| end.class.is_bad(), rate))
            || self.config.slow_calls.is_some_and(|rule| reached(|end| end.slow, rule.rate))
            || self.config.consecutive_failures.is_some_and(too_long)
    }
}

/// What matters about the end of a trial.
const ENDS: [Ended; 4] = [
    Ended { class: Class::Success, slow: false },
    Ended { class: Class::Success, slow: true },
    Ended { class: Class::Failure, slow: false },
    Ended { class: Class::Failure, slow: true },
];

#[derive(Clone, Debug)]
enum Step {
    Acquire,
    Finish {
        which: prop::sample::Index,
        class: Class,
    },
    /// To a second of the clock, forward or back.
    Set(u64),
    Advance(u64),
    Reset,
    ForceOpen,
    ForceClosed,
    Disable,
    OpenFor(u64),
    OpenUntil(u64),
    /// Drops the permit that was given longest ago.
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    let class = prop_oneof![
        6 => Just(Class::Success),
        6 => Just(Class::Failure),
        2 => Just(Class::SoftFailure),
        1 => Just(Class::Cancelled),
    ];
    prop_oneof![
        8 => Just(Step::Acquire),
        8 => (any::<prop::sample::Index>(), class)
            .prop_map(|(which, class)| Step::Finish { which, class }),
        3 => (0..5u64).prop_map(Step::Advance),
        2 => (0..120u64).prop_map(Step::Set),
        2 => Just(Step::Drop),
        1 => prop_oneof![
            3 => Just(Step::Reset),
            1 => Just(Step::ForceOpen),
            1 => Just(Step::ForceClosed),
            1 => Just(Step::Disable),
            1 => (0..40u64).prop_map(Step::OpenFor),
            1 => (0..120u64).prop_map(Step::OpenUntil),
        ],
    ]
}

fn config() -> impl Strategy<Value = BreakerConfig> {
    let rate = || prop::sample::select(vec![20, 34, 50, 75, 100]).prop_map(percent);
    let rules =
        (prop::option::of(rate()), prop::option::of((1..5u32, rate())), prop::option::of(1..6u32));
    let rules = rules.prop_filter("one is on", |rules| *rules != (None, None, None));
    let cancelled = prop::sample::select(vec![Cancelled::Neutral, Cancelled::Failure]);
    let shadow = prop::bool::weighted(0.2);
    let counts = (1..=10u32, 1..=10u32, 1..=4u32);
    let growth = (prop::sample::select(vec![1.0, 2.0, 3.0]), 30..200u64);
    let ways = (cancelled, shadow, prop::option::of(growth));
    (rules, counts, ways).prop_map(|(rules, counts, (cancelled, shadow, growth))| {
        let (calls, minimum, trials) = counts;
        let slow_calls =
            rules.1.map(|(seconds, rate)| SlowCalls { longer_than: SECOND * seconds, rate });
        let open_backoff = growth.map(|(factor, max)| OpenBackoff {
            factor,
            max: Duration::from_secs(max),
            jitter: Jitter::None,
        });
        BreakerConfig {
            open_backoff,
            failure_rate: rules.0,
            slow_calls,
            consecutive_failures: rules.2,
            window_calls: calls,
            minimum_calls: minimum.min(calls),
            trials,
            cancelled,
            shadow,
            ..small()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn the_shell_decides_as_the_model_does(
        config in config(),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let (breaker, manual) = breaker(config.clone());
        let mut changes = breaker.subscribe(NonZeroUsize::new(256).unwrap());
        let mut model = Naive::new(config.clone());
        let (mut now, mut running) = (0, Vec::new());
        for step in steps {
            match step {
                Step::Acquire => match (breaker.acquire(), model.acquire(now)) {
                    (Ok(permit), Some(expected)) => {
                        let Admitted { generation, trial, .. } = expected;
                        prop_assert_eq!((permit.generation(), permit.is_trial()), (generation, trial));
                        running.push((permit, expected, now));
                    }
                    (Err(_), None) => {}
                    (ours, theirs) => prop_assert!(false, "{ours:?} but {theirs:?}"),
                },
                Step::Finish { .. } | Step::Drop if running.is_empty() => {}
                Step::Finish { .. } | Step::Drop => {
                    let (index, class) = match step {
                        Step::Finish { which, class } => (which.index(running.len()), class),
                        _ => (0, Class::Cancelled),
                    };
                    let (permit, admitted, start) = running.swap_remove(index);
                    if matches!(step, Step::Drop) { drop(permit) } else { permit.record(class.into()) }
                    let took = SECOND * u32::try_from(now.saturating_sub(start)).unwrap();
                    let slow = config.slow_calls.is_some_and(|rule| took >= rule.longer_than);
                    model.finish(admitted, Ended { class, slow }, now);
                }
                Step::Set(to) | Step::Advance(to) => {
                    now = if matches!(step, Step::Set(_)) { to } else { now + to };
                    manual.set(Instant::ORIGIN + SECOND * u32::try_from(now).unwrap());
                }
                Step::Reset => {
                    breaker.reset();
                    model.enter(State::Closed, now, 0, ChangeReason::Reset);
                    model.grown.clear();
                }
                Step::ForceOpen => {
                    breaker.force_open();
                    model.force(State::ForcedOpen, now);
                }
                Step::ForceClosed => {
                    breaker.force_closed();
                    model.force(State::ForcedClosed, now);
                }
                Step::Disable => {
                    breaker.disable();
                    model.force(State::Disabled, now);
                }
                Step::OpenFor(seconds) => {
                    breaker.open_for(SECOND * u32::try_from(seconds).unwrap());
                    model.leave(now);
                    model.enter(State::Open, now, now + seconds, ChangeReason::ByHand);
                }
                Step::OpenUntil(until) => {
                    let until_instant = SECOND * u32::try_from(until).unwrap();
                    breaker.open_until(Instant::ORIGIN + until_instant);
                    model.leave(now);
                    model.enter(State::Open, now, until, ChangeReason::ByHand);
                }
            }
            prop_assert_eq!(breaker.state(), model.state);
            let status = breaker.status();
            let expected = (
                model.window.len() as u64,
                model.count(|end| end.class.is_bad()),
                model.count(|end| end.slow),
            );
            prop_assert_eq!((status.counts.total, status.counts.bad, status.counts.slow), expected);
            prop_assert_eq!(status.consecutive_failures, model.run);
            let counters = (status.would_reject, status.cancelled);
            prop_assert_eq!(counters, (model.would_reject, model.cancelled));
        }
        let mut reasons = Vec::new();
        while let Some(Delivery::Event(change)) = changes.try_next() {
            reasons.push((change.to, change.reason));
        }
        prop_assert_eq!(reasons, model.changes);
    }
}
