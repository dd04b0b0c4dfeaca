//! Many threads on one breaker; at the end all books balance.

#![expect(clippy::panic, clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use rely_breaker::{
    Breaker, BreakerConfig, Cancelled, Change, ChangeReason, OwnedPermit, Ramp, SlowCalls, State,
    Window,
};
use rely_core::event::Delivery;
use rely_core::rng::Rng;
use rely_core::window::TimeWindowConfig;
use rely_core::{Clock, ManualClock, Outcome, Ratio, RejectedBy, Subscriber};

const MS: Duration = Duration::from_millis(1);
const THREADS: u64 = 8;
const CALLS: u64 = 15_000;

/// What one thread did, as it saw it.
#[derive(Default)]
struct Books {
    admitted: u64,
    rejected: u64,
    /// Permits that ended with evidence, and how many of them were trials.
    evidence: u64,
    trials: u64,
    neutral: u64,
    /// Ended with evidence, and were of an older generation for certain.
    surely_late: u64,
    resets: u64,
    /// Generations of the permits that ended with evidence and were no trials.
    closed: Vec<u64>,
}

impl Books {
    fn add(mut self, other: Self) -> Self {
        self.admitted += other.admitted;
        self.rejected += other.rejected;
        self.evidence += other.evidence;
        self.trials += other.trials;
        self.neutral += other.neutral;
        self.surely_late += other.surely_late;
        self.resets += other.resets;
        self.closed.extend(other.closed);
        self
    }

    /// Ends a call in a way that chance draws.
    fn end(&mut self, permit: OwnedPermit, surely_late: bool, sick: bool, rng: &mut Rng) {
        let outcome = match rng.below(20) {
            0 => None,
            1 => Some(Outcome::IGNORED),
            2 => Some(Outcome::rejected(RejectedBy::Limit)),
            3 => Some(Outcome::CANCELLED),
            4 => Some(Outcome::SOFT_FAILURE),
            5..=17 if sick => Some(Outcome::FAILURE),
            18 if sick => return self.panic(permit, surely_late),
            _ => Some(Outcome::SUCCESS),
        };
        match outcome {
            Some(outcome) if outcome.class.is_counted() => {
                self.saw_evidence(&permit, surely_late);
                permit.record(outcome);
            }
            Some(outcome) => {
                self.neutral += 1;
                permit.record(outcome);
            }
            None => {
                self.neutral += 1;
                drop(permit);
            }
        }
    }

    fn panic(&mut self, permit: OwnedPermit, surely_late: bool) {
        self.saw_evidence(&permit, surely_late);
        let panics = AssertUnwindSafe(|| {
            let _permit = permit;
            resume_unwind(Box::new("the call panics"));
        });
        assert!(catch_unwind(panics).is_err());
    }

    fn saw_evidence(&mut self, permit: &OwnedPermit, surely_late: bool) {
        self.evidence += 1;
        self.surely_late += u64::from(surely_late);
        if permit.is_trial() {
            self.trials += 1;
        } else {
            self.closed.push(permit.generation());
        }
    }
}

fn breaker(config: BreakerConfig) -> (Breaker, ManualClock, Subscriber<Change>) {
    let (clock, manual) = Clock::manual();
    let breaker = Breaker::builder("queue").config(config).clock(clock).build().unwrap();
    let subscriber = breaker.subscribe(NonZeroUsize::new(1 << 17).unwrap());
    (breaker, manual, subscriber)
}

/// All changes, which have to follow one from the other.
fn changes(subscriber: &mut Subscriber<Change>) -> Vec<Change> {
    let (mut changes, mut state) = (Vec::new(), State::Closed);
    let mut generation = 0;
    while let Some(delivery) = subscriber.try_next() {
        let Delivery::Event(change) = delivery else { panic!("{delivery:?}") };
        // But for one stage of a ramp after the other, each begins a generation.
        generation += u64::from(!matches!(change.reason, ChangeReason::RampStage { .. }));
        assert_eq!((change.from, change.generation), (state, generation));
        state = change.to;
        changes.push(*change);
    }
    changes
}

/// Calls in bursts, a few of them kept over resets, while the dependency is sick half of the time.
fn work(breaker: &Breaker, manual: &ManualClock, begun: &AtomicU64, mut rng: Rng) -> Books {
    let (mut books, mut held) = (Books::default(), Vec::new());
    for _ in 0..CALLS {
        let sick = begun.fetch_add(1, Ordering::Relaxed) / 2_000 % 2 == 0;
        match breaker.acquire_owned() {
            Ok(permit) => {
                books.admitted += 1;
                held.push(permit);
            }
            Err(_) => books.rejected += 1,
        }
        if rng.below(4) == 0 {
            manual.advance(rng.between(Duration::ZERO, 4 * MS));
        }
        let reset = rng.below(2_000) == 0;
        if reset {
            breaker.reset();
            books.resets += 1;
        }
        if reset || held.len() as u64 > rng.below(4) {
            for permit in held.drain(..) {
                books.end(permit, reset, sick, &mut rng);
            }
        }
    }
    for permit in held {
        books.end(permit, false, false, &mut rng);
    }
    books
}

#[test]
fn many_threads_leave_books_that_balance() {
    let config = BreakerConfig {
        slow_calls: Some(SlowCalls {
            longer_than: 50 * MS,
            rate: Ratio::from_ppm_clamped(900_000),
            in_flight: false,
        }),
        consecutive_failures: Some(30),
        // More than there are calls, so that none leaves it.
        window: Window::Calls(1 << 18),
        minimum_calls: 20,
        open_for: 100 * MS,
        trials: 5,
        trial_limit: 1_000 * MS,
        ..BreakerConfig::default()
    };
    let (breaker, manual, mut subscriber) = breaker(config.clone());
    let (rng, begun) = (Rng::seeded(3), AtomicU64::new(0));
    let books = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let rng = rng.fork(number.to_le_bytes());
                let (breaker, manual, begun) = (&breaker, &manual, &begun);
                scope.spawn(move || work(breaker, manual, begun, rng))
            })
            .collect();
        let books = threads.into_iter().map(|thread| thread.join().unwrap());
        books.fold(Books::default(), Books::add)
    });

    let status = breaker.status();
    let changes = changes(&mut subscriber);
    assert_eq!(books.admitted + books.rejected, THREADS * CALLS);
    assert_eq!(books.admitted, books.evidence + books.neutral, "every permit ended once");
    assert_eq!(status.rejected, books.rejected);
    assert_eq!(status.generation, changes.len() as u64);
    let how_many = |what: fn(&ChangeReason) -> bool| {
        changes.iter().filter(|change| what(&change.reason)).count() as u64
    };
    assert_eq!(status.opened, how_many(|reason| matches!(reason, ChangeReason::Tripped(_))));
    assert_eq!(books.resets, how_many(|reason| *reason == ChangeReason::Reset));
    assert!(status.opened > 10 && books.resets > 10, "{status:?}");
    assert!(how_many(|reason| matches!(reason, ChangeReason::TrialsPassed { .. })) > 0);

    // Of the last generation nothing is lost, and nothing of an older one is in it.
    let last = books.closed.iter().filter(|&&generation| generation == status.generation);
    let last = if status.state == State::Closed { last.count() as u64 } else { 0 };
    assert_eq!(status.counts.total, last);
    assert!(status.late >= books.surely_late, "{} < {}", status.late, books.surely_late);
    assert!(books.surely_late > 0);
    let trials_counted: u64 = changes.iter().map(|change| u64::from(ended(change.reason))).sum();
    assert!(status.late <= books.evidence - last - trials_counted, "{status:?}");

    // All permits came back: the next half-open state has its trials, all of them and no more.
    breaker.reset();
    (0..20).for_each(|_| drop(breaker.acquire_owned().map(OwnedPermit::failure)));
    manual.advance(config.open_for);
    let trials: Vec<_> = (0..6).map_while(|_| breaker.acquire_owned().ok()).collect();
    assert_eq!(trials.len(), 5);
}

/// How many trials a decision rests on.
fn ended(reason: ChangeReason) -> u32 {
    match reason {
        ChangeReason::TrialsPassed { ended, .. } | ChangeReason::TrialsFailed { ended, .. } => {
            ended
        }
        _ => 0,
    }
}

#[test]
fn every_trial_that_ends_with_evidence_is_counted_or_late() {
    const ROUNDS: u64 = 10_000;
    let config = BreakerConfig { minimum_calls: 1, trials: 2, ..BreakerConfig::default() };
    let (breaker, manual, mut subscriber) = breaker(config.clone());
    let (begun, ending) = (AtomicU64::new(0), AtomicU64::new(0));
    let meet = |place: &AtomicU64, round: u64| {
        place.fetch_add(1, Ordering::SeqCst);
        while place.load(Ordering::SeqCst) < 2 * round {
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        for leads in [true, false] {
            let (breaker, manual, begun, ending) = (&breaker, &manual, &begun, &ending);
            let (meet, open_for) = (&meet, config.open_for);
            scope.spawn(move || {
                for round in 1..=ROUNDS {
                    if leads {
                        breaker.reset();
                        breaker.acquire_owned().unwrap().failure();
                        manual.advance(open_for);
                    }
                    meet(begun, round);
                    let trial = breaker.acquire_owned().unwrap();
                    assert!(trial.is_trial());
                    meet(ending, round);
                    // The first of the two decides; the other is late, however close behind it is.
                    trial.failure();
                }
            });
        }
    });
    let changes = changes(&mut subscriber);
    let counted: u64 = changes.iter().map(|change| u64::from(ended(change.reason))).sum();
    assert_eq!((counted, breaker.status().late), (ROUNDS, ROUNDS));
}

/// How calls ended of one generation, and which way.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    evidence: u64,
    ignored: u64,
    cancelled: u64,
}

type Ledger = BTreeMap<u64, Ends>;

/// Calls of one thread, entered under the generation that admitted them.
fn call_on(
    breaker: &Breaker,
    manual: &ManualClock,
    configs: &[BreakerConfig],
    begun: &AtomicU64,
    mut rng: Rng,
) -> (Ledger, u64) {
    let (mut ledger, mut rejected, mut held) = (Ledger::new(), 0, Vec::new());
    let mut end = |permit: OwnedPermit, sick: bool, rng: &mut Rng| {
        let ends = ledger.entry(permit.generation()).or_default();
        let outcome = match rng.below(20) {
            0 | 1 => {
                ends.cancelled += 1;
                return drop(permit);
            }
            2 => Outcome::IGNORED,
            3 => Outcome::rejected(RejectedBy::Limit),
            4 => Outcome::SOFT_FAILURE.with_retry_after(rng.between(MS, 200 * MS)),
            5..=17 if sick => Outcome::FAILURE,
            _ => Outcome::SUCCESS,
        };
        let counts =
            if outcome.class.is_counted() { &mut ends.evidence } else { &mut ends.ignored };
        *counts += 1;
        permit.record(outcome);
    };
    for _ in 0..CALLS {
        let number = begun.fetch_add(1, Ordering::Relaxed);
        let sick = number / 2_000 % 2 == 0;
        // In the middle of what the other threads do.
        if number % 200 == 0 {
            operate(breaker, configs, &mut rng);
        }
        match breaker.acquire_owned() {
            Ok(permit) => held.push(permit),
            Err(_) => rejected += 1,
        }
        if rng.below(8) == 0 {
            manual.advance(rng.between(Duration::ZERO, 4 * MS));
        }
        if held.len() as u64 > rng.below(6) {
            held.drain(..).for_each(|permit| end(permit, sick, &mut rng));
        }
    }
    held.into_iter().for_each(|permit| end(permit, false, &mut rng));
    (ledger, rejected)
}

/// Somebody at the switches.
fn operate(breaker: &Breaker, configs: &[BreakerConfig], rng: &mut Rng) {
    match rng.below(16) {
        0 => breaker.force_open(),
        1 => breaker.force_closed(),
        2 => breaker.disable(),
        3 => breaker.open_for(20 * MS),
        4..10 => breaker.reset(),
        10 | 11 => {
            let next = usize::try_from(rng.below(configs.len() as u64)).unwrap();
            breaker.reconfigure(configs[next].clone()).unwrap();
        }
        _ => drop(breaker.tick()),
    }
}

/// Every call that was let through is in one of the books, and in no other.
fn storm(configs: &[BreakerConfig], seed: u64) {
    let (breaker, manual, mut subscriber) = breaker(configs[0].clone());
    let (rng, begun) = (Rng::seeded(seed), AtomicU64::new(0));
    let (ledgers, rejected) = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let rng = rng.fork(number.to_le_bytes());
                let (breaker, manual, begun) = (&breaker, &manual, &begun);
                scope.spawn(move || call_on(breaker, manual, configs, begun, rng))
            })
            .collect();
        let ends = threads.into_iter().map(|thread| thread.join().unwrap());
        let (ledgers, rejected): (Vec<_>, Vec<_>) = ends.unzip();
        (ledgers, rejected.into_iter().sum::<u64>())
    });
    let (status, changes) = (breaker.status(), changes(&mut subscriber));
    assert_eq!(status.generation, changes.last().map_or(0, |last| last.generation));
    assert_eq!(status.rejected, rejected);
    let tripped = changes.iter().filter(|change| matches!(change.reason, ChangeReason::Tripped(_)));
    assert_eq!(status.opened, tripped.count() as u64);
    assert!(status.opened > 5 && status.late > 0, "{status:?}");

    // What a disabled breaker let through is in no book.
    let disabled = changes.iter().filter(|change| change.to == State::Disabled);
    let disabled: Vec<_> = disabled.map(|change| change.generation).collect();
    let counted = ledgers.iter().flatten().filter(|(generation, _)| !disabled.contains(generation));
    let all = counted.fold(Ends::default(), |sum, (_, ends)| Ends {
        evidence: sum.evidence + ends.evidence,
        ignored: sum.ignored + ends.ignored,
        cancelled: sum.cancelled + ends.cancelled,
    });
    let books = status.succeeded + status.failed + status.late;
    if configs.iter().all(|config| !config.shadow) {
        assert_eq!(status.would_reject, 0);
        assert_eq!((all.ignored, all.cancelled), (status.ignored, status.cancelled));
        assert_eq!(all.evidence, books, "{status:?}");
    } else {
        assert!(status.would_reject > 0);
    }
    let admitted = all.evidence + all.ignored + all.cancelled;
    let noted = books + status.ignored + status.cancelled + status.would_reject;
    assert_eq!(admitted, noted, "{status:?}");

    // All permits came back: the next half-open state has its trials, all of them and no more.
    breaker.reconfigure(configs[0].clone()).unwrap();
    breaker.open_for(Duration::ZERO);
    let trials: Vec<_> = (0..6).map_while(|_| breaker.acquire_owned().ok()).collect();
    let expected = if configs[0].shadow { 6 } else { configs[0].trials as usize };
    assert_eq!((trials.len(), breaker.state()), (expected, State::HalfOpen));
}

fn stormy() -> BreakerConfig {
    BreakerConfig {
        minimum_calls: 20,
        open_for: 60 * MS,
        trials: 4,
        trial_limit: 400 * MS,
        retry_after: Some(100 * MS),
        ..BreakerConfig::default()
    }
}

fn of_time(shards: u32) -> BreakerConfig {
    let window = TimeWindowConfig { span: 200 * MS, buckets: 10, shards };
    let slow_calls = Some(SlowCalls { longer_than: 50 * MS, rate: Ratio::ONE, in_flight: true });
    BreakerConfig { window: Window::Time(window), slow_calls, ..stormy() }
}

fn with_ramp() -> BreakerConfig {
    let stages = [100_000, 500_000].map(Ratio::from_ppm_clamped).into();
    BreakerConfig { ramp: Some(Ramp { stages, stage_for: 50 * MS }), ..stormy() }
}

#[test]
fn the_books_balance_under_commands() {
    storm(&[stormy()], 5);
}

#[test]
fn the_books_balance_over_windows_of_time() {
    storm(&[of_time(1)], 6);
    storm(&[of_time(4)], 7);
}

#[test]
fn the_books_balance_over_ramps() {
    storm(&[with_ramp()], 8);
}

#[test]
fn the_books_balance_where_cancelled_calls_fail() {
    storm(&[BreakerConfig { cancelled: Cancelled::Failure, ..with_ramp() }], 9);
    let cancelled = Cancelled::FailureFrom(Ratio::from_ppm_clamped(100_000));
    storm(&[BreakerConfig { cancelled, ..stormy() }], 10);
}

#[test]
fn the_books_balance_in_shadow() {
    storm(&[BreakerConfig { shadow: true, ..with_ramp() }], 11);
}

#[test]
fn the_books_balance_while_the_configuration_changes() {
    let cancelled = Cancelled::FailureFrom(Ratio::from_ppm_clamped(300_000));
    let larger = BreakerConfig { window: Window::Calls(300), cancelled, ..stormy() };
    let weighted = BreakerConfig { window: Window::WeightedCalls(50), ..stormy() };
    storm(&[stormy(), larger, of_time(4), weighted, with_ramp(), of_time(1)], 12);
}
