//! The breaker as one would write it down, beside the breaker.

mod naive;
mod window;

use proptest::prelude::*;
use rely_core::window::{Counts, TimeWindowConfig};
use rely_core::{Recording, Weight};

use self::naive::{Books, Naive};
use super::*;
use crate::machine::{Input, Machine, replay};

#[derive(Clone, Debug)]
enum Step {
    Acquire,
    Finish {
        which: prop::sample::Index,
        end: Outcome,
    },
    /// Drops the permit that was given longest ago.
    Drop,
    /// Calls one after the other.
    Calls(Vec<Class>),
    /// To a second of the clock, forward or back.
    Set(u64),
    Advance(u64),
    /// What a driver does.
    Tick,
    Reset,
    ForceOpen,
    ForceClosed,
    Disable,
    OpenFor(u64),
    OpenUntil(u64),
    Reconfigure(Box<BreakerConfig>),
    /// Takes out what was recorded so far.
    TakeRecording,
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        6 => Just(Class::Success),
        6 => Just(Class::Failure),
        2 => Just(Class::SoftFailure),
        2 => Just(Class::Cancelled),
        1 => Just(Class::Ignored),
        1 => Just(Class::Rejected(RejectedBy::Limit)),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let weight = prop_oneof![2 => Just(1), 1 => 1..6u16].prop_map(Weight::new);
    (class(), weight, prop::option::weighted(0.2, 0..90u64)).prop_map(|(class, weight, wait)| {
        let outcome = Outcome::of(class).with_weight(weight);
        wait.map_or(outcome, |wait| outcome.with_retry_after(Duration::from_secs(wait)))
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => Just(Step::Acquire),
        10 => (any::<prop::sample::Index>(), outcome())
            .prop_map(|(which, end)| Step::Finish { which, end }),
        4 => prop::collection::vec(class(), 1..8).prop_map(Step::Calls),
        4 => (0..5u64).prop_map(Step::Advance),
        1 => (5..60u64).prop_map(Step::Advance),
        2 => (0..120u64).prop_map(Step::Set),
        2 => Just(Step::Drop),
        1 => Just(Step::Tick),
        1 => Just(Step::TakeRecording),
        1 => config().prop_map(|config| Step::Reconfigure(Box::new(config))),
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

fn window() -> impl Strategy<Value = Window> {
    let time = (1..=6u64, prop::sample::select(vec![1, 2, 5])).prop_map(|(seconds, buckets)| {
        let span = Duration::from_secs(seconds * u64::from(buckets));
        Window::Time(TimeWindowConfig { span, buckets, shards: 1 })
    });
    prop_oneof![
        3 => (1..=10u32).prop_map(Window::Calls),
        1 => (1..=10u32).prop_map(Window::WeightedCalls),
        2 => time,
    ]
}

fn ramp() -> impl Strategy<Value = Ramp> {
    let stages = prop::sample::subsequence(vec![1, 10, 30, 50, 90], 1..=4);
    (stages, 1..20u64).prop_map(|(stages, seconds)| Ramp {
        stages: stages.into_iter().map(percent).collect(),
        stage_for: Duration::from_secs(seconds),
    })
}

fn rate() -> impl Strategy<Value = Ratio> {
    prop::sample::select(vec![20, 34, 50, 75, 100]).prop_map(percent)
}

prop_compose! {
    fn rules()(
        failure_rate in prop::option::of(rate()),
        slow in prop::option::of((1..5u32, rate())),
        failure_count in prop::option::weighted(0.3, 1..8u32),
        consecutive_failures in prop::option::weighted(0.3, 1..6u32),
        evidence in prop::option::weighted(0.3, prop::sample::select(vec![60, 80, 95])),
        only_bad in prop::bool::weighted(0.2),
    ) -> BreakerConfig {
        let slow_calls = slow.map(|(seconds, rate)| SlowCalls {
            longer_than: SECOND * seconds,
            rate,
            in_flight: false,
        });
        let none = failure_count.or(consecutive_failures).is_none() && slow_calls.is_none();
        let failure_rate = failure_rate.or(none.then(|| percent(50)));
        let evidence = evidence.filter(|_| failure_rate.is_some() || slow_calls.is_some());
        BreakerConfig {
            failure_rate,
            slow_calls,
            failure_count,
            consecutive_failures,
            evidence: evidence.map(percent),
            trip_on: if only_bad { TripOn::BadCall } else { TripOn::AnyCall },
            ..small()
        }
    }
}

prop_compose! {
    fn config()(
        rules in rules(),
        window in window(),
        (minimum, trials) in (1..=10u32, 1..=4u32),
        cancelled in prop_oneof![
            Just(Cancelled::Neutral),
            Just(Cancelled::Failure),
            rate().prop_map(Cancelled::FailureFrom),
        ],
        shadow in prop::bool::weighted(0.2),
        growth in prop::option::of((prop::sample::select(vec![1.0, 2.0, 3.0]), 30..200u64)),
        retry_after in prop::option::of(30..80u64),
        ramp in prop::option::of(ramp()),
        to_ramp in any::<bool>(),
    ) -> BreakerConfig {
        let calls = if let Window::Calls(calls) = window { calls } else { u32::MAX };
        let open_backoff = growth.map(|(factor, max)| OpenBackoff {
            factor,
            max: Duration::from_secs(max),
            jitter: Jitter::None,
        });
        let to_ramp = to_ramp && ramp.is_some();
        BreakerConfig {
            window,
            minimum_calls: minimum.min(calls),
            failure_count: rules.failure_count.map(|limit| limit.min(calls)),
            trials,
            cancelled,
            shadow,
            open_backoff,
            retry_after: retry_after.map(Duration::from_secs),
            ramp,
            trial_limit_to: if to_ramp { AfterTrialLimit::Ramp } else { AfterTrialLimit::Open },
            ..rules
        }
    }
}

struct Run {
    breaker: Breaker,
    manual: ManualClock,
    model: Naive,
    now: u64,
    running: Vec<(OwnedPermit, naive::Admitted, u64)>,
    recording: Option<Recording<Input>>,
    /// Each call once: not where calls weigh, for then the breaker counts weights.
    admitted: u64,
    weighs: bool,
}

impl Run {
    fn new(config: BreakerConfig, room: NonZeroUsize) -> Self {
        let (clock, manual) = Clock::manual();
        let builder = Breaker::builder("queue").config(config.clone()).clock(clock);
        Self {
            breaker: builder.record(room).build().unwrap(),
            manual,
            model: Naive::new(config),
            now: 0,
            running: Vec::new(),
            recording: None,
            admitted: 0,
            weighs: false,
        }
    }

    fn acquire(&mut self) -> Result<Option<(OwnedPermit, naive::Admitted, u64)>, TestCaseError> {
        let said = self.breaker.would_reject();
        match (self.breaker.acquire_owned(), self.model.acquire(self.now)) {
            (Ok(permit), Some(expected)) => {
                prop_assert!(!said, "it said that it would reject");
                let ours = (permit.generation(), permit.is_trial());
                prop_assert_eq!(ours, (expected.generation, expected.trial));
                self.admitted += u64::from(self.model.state != State::Disabled);
                Ok(Some((permit, expected, self.now)))
            }
            (Err(rejected), None) => {
                prop_assert!(said || rejected.reason == RejectedReason::Ramping);
                Ok(None)
            }
            (ours, theirs) => {
                prop_assert!(false, "{ours:?} but {theirs:?}");
                Ok(None)
            }
        }
    }

    fn finish(&mut self, call: (OwnedPermit, naive::Admitted, u64), end: Option<Outcome>) {
        let (permit, admitted, start) = call;
        match end {
            Some(end) => permit.record(end),
            None => drop(permit),
        }
        let end = end.unwrap_or(Outcome::CANCELLED);
        self.weighs |= end.weight != Weight::ONE;
        self.model.finish(admitted, end, self.now.saturating_sub(start), self.now);
    }

    fn set(&mut self, now: u64) {
        self.now = now;
        self.manual.set(Instant::ORIGIN + Duration::from_secs(now));
    }

    fn take_recording(&mut self) {
        let mut next = self.breaker.take_recording().unwrap();
        match &mut self.recording {
            Some(recording) => recording.append(&mut next).unwrap(),
            None => self.recording = Some(next),
        }
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let now = self.now;
        match step {
            Step::Acquire => {
                let call = self.acquire()?;
                self.running.extend(call);
            }
            Step::Finish { .. } | Step::Drop if self.running.is_empty() => {}
            Step::Finish { which, end } => {
                let call = self.running.swap_remove(which.index(self.running.len()));
                self.finish(call, Some(end));
            }
            Step::Drop => {
                let call = self.running.remove(0);
                self.finish(call, None);
            }
            Step::Calls(ends) => {
                for end in ends {
                    if let Some(call) = self.acquire()? {
                        self.finish(call, Some(Outcome::of(end)));
                        self.check()?;
                    }
                }
            }
            Step::Set(to) => self.set(to),
            Step::Advance(by) => self.set(now + by),
            Step::Tick => {
                let next = self.breaker.tick();
                // It looks again until nothing is over.
                while self.model.until().is_some() && self.model.is_over(now) {
                    self.model.time_passes(now);
                }
                let until = self.model.until().map(Duration::from_secs);
                prop_assert_eq!(next, until.map(|until| Instant::ORIGIN + until));
            }
            Step::Reset => {
                self.breaker.reset();
                self.model.reset(now);
            }
            Step::ForceOpen => {
                self.breaker.force_open();
                self.model.force(State::ForcedOpen, now);
            }
            Step::ForceClosed => {
                self.breaker.force_closed();
                self.model.force(State::ForcedClosed, now);
            }
            Step::Disable => {
                self.breaker.disable();
                self.model.force(State::Disabled, now);
            }
            Step::OpenFor(seconds) => {
                self.breaker.open_for(Duration::from_secs(seconds));
                self.model.open_by_hand(now, now + seconds);
            }
            Step::OpenUntil(until) => {
                self.breaker.open_until(Instant::ORIGIN + Duration::from_secs(until));
                self.model.open_by_hand(now, until);
            }
            Step::Reconfigure(config) => {
                self.breaker.reconfigure((*config).clone()).unwrap();
                self.model.reconfigure(*config, now);
            }
            Step::TakeRecording => self.take_recording(),
        }
        self.check()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let Self { breaker, model, now, .. } = self;
        let status = breaker.status();
        prop_assert_eq!((breaker.state(), status.generation), (model.state, model.generation));
        prop_assert_eq!(
            status.until,
            model.until().map(|until| { Instant::ORIGIN + Duration::from_secs(until) })
        );
        prop_assert_eq!(status.share, model.share());
        prop_assert_eq!(status.counts, model.counts(*now));
        prop_assert_eq!(status.consecutive_failures, model.run);
        let books = Books {
            succeeded: status.succeeded,
            failed: status.failed,
            ignored: status.ignored,
            cancelled: status.cancelled,
            late: status.late,
            would_reject: status.would_reject,
            rejected: status.rejected,
            opened: status.opened,
        };
        prop_assert_eq!(books, model.books);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(800) })]
    #[test]
    fn the_shell_decides_as_the_model_does(
        config in config(),
        room in prop_oneof![3 => Just(1 << 16), 1 => 1..20usize],
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut run = Run::new(config.clone(), NonZeroUsize::new(room).unwrap());
        let mut changes = run.breaker.subscribe(NonZeroUsize::new(1 << 12).unwrap());
        for step in steps {
            run.step(step)?;
        }
        let mut ours = Vec::new();
        while let Some(Delivery::Event(change)) = changes.try_next() {
            ours.push(*change);
        }
        let short: Vec<_> =
            ours.iter().map(|change| (change.to, change.reason, change.generation)).collect();
        prop_assert_eq!(short, run.model.changes.clone());

        // The inputs, fed in again, give the same changes; where one is missing they give nothing.
        run.take_recording();
        let recording = run.recording.take().unwrap();
        let replayed = replay(&mut Machine::new(config).unwrap(), &recording);
        if recording.entries().len() as u64 == recording.end() {
            prop_assert_eq!(replayed.unwrap(), ours);
        } else {
            prop_assert!(replayed.is_err(), "inputs are missing");
        }

        // The books: every call that was let through is in one of them, or still under way.
        while let Some(call) = run.running.pop() {
            run.finish(call, None);
        }
        run.check()?;
        let Books { succeeded, failed, ignored, cancelled, late, would_reject, .. } =
            run.model.books;
        if !run.weighs {
            let ended = succeeded + failed + ignored + cancelled + late + would_reject;
            prop_assert_eq!(run.admitted, ended);
        }
    }
}
