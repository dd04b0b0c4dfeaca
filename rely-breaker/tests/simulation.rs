//! A month in manual time: a dependency that flaps, hangs, gets slow and heals, and a breaker before it.

#![expect(clippy::panic, clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use core::cmp::Reverse;
use core::num::NonZeroUsize;
use core::time::Duration;
use std::collections::BinaryHeap;

use rely_breaker::{
    Breaker, BreakerConfig, Change, ChangeReason, OwnedPermit, Ramp, SlowCalls, State, Window,
};
use rely_core::event::Delivery;
use rely_core::rng::Rng;
use rely_core::window::TimeWindowConfig;
use rely_core::{Clock, Instant, ManualClock, Outcome, Ratio, RejectedBy, Subscriber};

const MS: Duration = Duration::from_millis(1);
const SEC: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Callers give up after it.
const TIMEOUT: Duration = Duration::from_secs(10);

fn config() -> BreakerConfig {
    BreakerConfig {
        failure_rate: Some(Ratio::from_ppm_clamped(500_000)),
        slow_calls: Some(SlowCalls {
            longer_than: 2 * SEC,
            rate: Ratio::from_ppm_clamped(800_000),
            in_flight: false,
        }),
        consecutive_failures: Some(10),
        window: Window::Calls(50),
        minimum_calls: 20,
        open_for: 30 * SEC,
        trials: 3,
        trial_limit: 60 * SEC,
        ..BreakerConfig::default()
    }
}

/// The same over a window of time, and with a ramp after the trials.
fn with_ramp() -> BreakerConfig {
    let config = config();
    let window = TimeWindowConfig { span: 60 * SEC, ..TimeWindowConfig::default() };
    BreakerConfig { window: Window::Time(window), ramp: Some(Ramp::default()), ..config }
}

/// How the dependency is for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Healthy,
    Failing,
    Slow,
    /// Answers nobody; callers give up, and say that it failed.
    Hanging,
}

/// Its moods in order, each with the instant at which it ends.
fn moods(time: Duration, rng: &mut Rng) -> Vec<(Instant, Mood)> {
    let (mut moods, mut now) = (Vec::new(), Instant::ORIGIN);
    while now < Instant::ORIGIN + time {
        let healthy = match rng.below(4) {
            // It flaps.
            0 => rng.between(5 * SEC, 120 * SEC),
            _ => rng.between(10 * 60 * SEC, 12 * HOUR),
        };
        now += healthy;
        moods.push((now, Mood::Healthy));
        let mood =
            [Mood::Failing, Mood::Slow, Mood::Hanging][usize::try_from(rng.below(3)).unwrap()];
        now += rng.between(10 * SEC, 40 * 60 * SEC);
        moods.push((now, mood));
    }
    moods
}

/// What a call comes to, and when; nothing if its caller is gone by then.
fn answer(mood: Mood, rng: &mut Rng) -> (Duration, Option<Outcome>) {
    let fast = rng.between(5 * MS, 300 * MS);
    match (rng.below(1000), mood) {
        (0..10, _) => return (fast, None),
        (10..20, _) => return (fast, Some(Outcome::IGNORED)),
        (20..25, _) => return (fast, Some(Outcome::rejected(RejectedBy::Limit))),
        (25..30, Mood::Healthy) => return (fast, Some(Outcome::FAILURE)),
        (30..100, Mood::Failing) => return (fast, Some(Outcome::SUCCESS)),
        (100..300, Mood::Failing) => return (fast, Some(Outcome::SOFT_FAILURE)),
        _ => {}
    }
    match mood {
        Mood::Healthy => (fast, Some(Outcome::SUCCESS)),
        Mood::Failing => (fast, Some(Outcome::FAILURE)),
        Mood::Slow => (rng.between(2 * SEC, 8 * SEC), Some(Outcome::SUCCESS)),
        Mood::Hanging => (TIMEOUT, Some(Outcome::FAILURE)),
    }
}

/// What became of the calls, counted by the callers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Books {
    asked: u64,
    admitted: u64,
    rejected: u64,
    success: u64,
    /// Soft ones too.
    failure: u64,
    /// Refusals by others too.
    ignored: u64,
    cancelled: u64,
    late: u64,
    /// Admitted and rejected while the dependency was not healthy.
    sick: (u64, u64),
    /// A number in which every decision left its mark.
    digest: u64,
}

impl Books {
    fn mark(&mut self, value: u64) {
        self.digest = (self.digest ^ value).wrapping_mul(0x0100_0000_01B3).rotate_left(17);
    }
}

/// A call that will end at an instant; of two, the one that began first ends first.
struct Running {
    ends: Instant,
    number: u64,
    outcome: Option<Outcome>,
    permit: OwnedPermit,
}

impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Running {}

impl PartialOrd for Running {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Running {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.ends, self.number).cmp(&(other.ends, other.number))
    }
}

struct World {
    config: BreakerConfig,
    /// Whether a driver moves the breaker.
    driven: bool,
    breaker: Breaker,
    manual: ManualClock,
    subscriber: Subscriber<Change>,
    changes: Vec<Change>,
    running: BinaryHeap<Reverse<Running>>,
    books: Books,
}

impl World {
    fn new(config: BreakerConfig, driven: bool) -> Self {
        let (clock, manual) = Clock::manual();
        let builder = Breaker::builder("flaky").config(config.clone());
        let breaker = builder.clock(clock).build().unwrap();
        let subscriber = breaker.subscribe(NonZeroUsize::new(1024).unwrap());
        let (changes, running) = (Vec::new(), BinaryHeap::new());
        let books = Books::default();
        Self { config, driven, breaker, manual, subscriber, changes, running, books }
    }

    /// Lets the calls end that are due by `now`, and sets the clock to it.
    fn advance(&mut self, now: Instant) {
        while self.running.peek().is_some_and(|next| next.0.ends <= now) {
            let Reverse(call) = self.running.pop().unwrap();
            self.drive(call.ends);
            self.manual.set(call.ends);
            self.end(call);
        }
        self.drive(now);
        self.manual.set(now);
    }

    /// Lets the driver do what is due by `now`, each at its time.
    fn drive(&mut self, now: Instant) {
        if !self.driven {
            return;
        }
        while let Some(next) = self.breaker.tick().filter(|next| *next <= now) {
            self.manual.set(next);
        }
    }

    fn generation(&self) -> u64 {
        self.changes.last().map_or(0, |last| last.generation)
    }

    fn end(&mut self, Running { ends, outcome, permit, .. }: Running) {
        self.read_changes();
        let limit = self.config.trial_limit;
        let is_late = permit.generation() != self.generation()
            || permit.is_trial() && self.changes.last().is_some_and(|last| ends >= last.at + limit);
        let books = &mut self.books;
        let Some(outcome) = outcome else {
            books.cancelled += 1;
            return drop(permit);
        };
        match outcome {
            outcome if !outcome.class.is_counted() => books.ignored += 1,
            _ if is_late => books.late += 1,
            outcome if outcome.class.is_bad() => books.failure += 1,
            _ => books.success += 1,
        }
        permit.record(outcome);
    }

    fn ask(&mut self, mood: Mood, now: Instant, rng: &mut Rng) -> bool {
        self.books.asked += 1;
        // Drawn in any case, so that the dependency does not depend on the breaker.
        let (latency, outcome) = answer(mood, rng);
        let sick = u64::from(mood != Mood::Healthy);
        match self.breaker.acquire_owned() {
            Ok(permit) => {
                self.books.admitted += 1;
                self.books.sick.0 += sick;
                self.books.mark(permit.generation() << 1 | u64::from(permit.is_trial()));
                let (ends, number) = (now + latency, self.books.asked);
                self.running.push(Reverse(Running { ends, number, outcome, permit }));
                true
            }
            Err(rejected) => {
                self.books.rejected += 1;
                self.books.sick.1 += sick;
                let wait = rejected.retry_after.unwrap_or(Duration::MAX);
                self.books.mark(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
                false
            }
        }
    }

    /// Every change is a generation.
    fn read_changes(&mut self) {
        while let Some(delivery) = self.subscriber.try_next() {
            let Delivery::Event(change) = delivery else { panic!("{delivery:?}") };
            self.changes.push(*change);
        }
    }

    fn balance(&mut self) {
        let Books { asked, admitted, rejected, success, failure, ignored, cancelled, late, .. } =
            self.books;
        let in_flight = self.running.len() as u64;
        assert_eq!(asked, admitted + rejected);
        assert_eq!(admitted, success + failure + ignored + cancelled + late + in_flight);
        let status = self.breaker.status();
        let theirs = [status.succeeded, status.failed, status.ignored, status.cancelled];
        assert_eq!(theirs, [success, failure, ignored, cancelled]);
        assert_eq!((status.rejected, status.late), (rejected, late));
        self.read_changes();
        assert_eq!(status.generation, self.generation());
    }
}

struct Run {
    books: Books,
    changes: Vec<Change>,
    moods: Vec<(Instant, Mood)>,
    breaker: Breaker,
    manual: ManualClock,
}

/// A call a second by day, one in four seconds by night.
fn simulate(seed: u64, time: Duration, config: &BreakerConfig, driven: bool) -> Run {
    let rng = Rng::seeded(seed);
    let (mut traffic, mut answers) = (rng.fork("traffic"), rng.fork("answers"));
    let moods = moods(time, &mut rng.fork("moods"));
    let mut world = World::new(config.clone(), driven);
    let (mut now, mut hour) = (Instant::ORIGIN, Instant::ORIGIN);
    // A breaker cannot know at once that the dependency is well again: this long it may take, and
    // as long again where a call from the bad time still decides.
    let ramp = config.ramp.as_ref();
    let ramp: Duration =
        ramp.iter().flat_map(|ramp| ramp.stages.iter().map(|_| ramp.stage_for)).sum();
    let healing = 2 * (config.open_for + config.trial_limit + ramp);
    let mut begun = Instant::ORIGIN;
    for &(end, mood) in &moods {
        while now < end {
            let night = now.since_origin().as_secs() / 3600 % 24 < 6;
            let gap = if night { 8 * SEC } else { 2 * SEC };
            now += traffic.between(MS, gap);
            world.advance(now);
            let admitted = world.ask(mood, now, &mut answers);
            // The last gap of a mood may end in the next one, whose calls are not judged by this.
            let well = mood == Mood::Healthy && now >= begun + healing && now < end;
            assert!(admitted || !well, "rejected at {now:?}, healthy since {begun:?}");
            if now >= hour {
                world.balance();
                hour = now + HOUR;
            }
        }
        begun = end;
    }
    world.advance(now + TIMEOUT);
    world.balance();
    assert!(world.running.is_empty());
    let World { breaker, manual, changes, books, .. } = world;
    Run { books, changes, moods, breaker, manual }
}

#[test]
fn a_month_with_a_flapping_dependency() {
    let Run { books, changes, moods, breaker, manual } = simulate(7, 30 * DAY, &config(), false);
    let sick_times = moods.iter().filter(|(_, mood)| *mood != Mood::Healthy).count();
    assert!(sick_times > 100 && changes.len() > 1000, "{sick_times}, {}", changes.len());
    for count in [books.success, books.failure, books.ignored, books.cancelled, books.late] {
        assert!(count > 100, "{books:?}");
    }
    // While it was sick, nearly nobody waited for it.
    let (admitted, rejected) = books.sick;
    assert!(5 * admitted < rejected, "{books:?}");

    // It was not closed for as long as the dependency was sick, and for as long as healing takes.
    let (mut since, mut not_closed, mut state) = (Instant::ORIGIN, Duration::ZERO, State::Closed);
    for (number, change) in changes.iter().enumerate() {
        assert_eq!((change.from, change.generation), (state, number as u64 + 1));
        assert!(change.at >= since);
        if change.from != State::Closed {
            not_closed += change.at - since;
        }
        (since, state) = (change.at, change.to);
    }
    let (mut begun, mut sick) = (Instant::ORIGIN, Duration::ZERO);
    for (end, mood) in moods {
        sick += if mood == Mood::Healthy { Duration::ZERO } else { end - begun };
        begun = end;
    }
    let healing = config().open_for + config().trial_limit;
    let most = sick + healing * u32::try_from(sick_times).unwrap();
    assert!(not_closed < most && not_closed > sick / 2, "{not_closed:?} of {sick:?} sick");

    // All permits came back: the next half-open state has its trials, all of them and no more.
    breaker.reset();
    (0..50).for_each(|_| drop(breaker.acquire_owned().map(OwnedPermit::failure)));
    manual.advance(config().open_for);
    let trials: Vec<_> = (0..4).map_while(|_| breaker.acquire_owned().ok()).collect();
    assert_eq!(trials.len(), 3);
}

#[test]
fn the_same_seed_is_the_same_time_and_another_is_not() {
    let simulate = |seed| simulate(seed, 3 * DAY, &config(), false);
    let (one, again, other) = (simulate(11), simulate(11), simulate(12));
    assert_eq!(one.books, again.books);
    assert_eq!(one.changes, again.changes);
    assert_ne!(one.books.digest, other.books.digest);
}

#[test]
fn a_month_with_a_driver_a_ramp_and_a_window_of_time() {
    let config = with_ramp();
    let ramp = config.ramp.clone().unwrap();
    let Run { books, changes, moods, .. } = simulate(21, 30 * DAY, &config, true);
    for count in [books.success, books.failure, books.ignored, books.cancelled, books.late] {
        assert!(count > 100, "{books:?}");
    }
    let (admitted, rejected) = books.sick;
    assert!(5 * admitted < rejected, "{books:?}");

    // The driver let nothing wait for a call: what time does, it did on time.
    let mut before: Option<Change> = None;
    let (mut steps_back, mut opened_in_ramp, mut closed) = (0, 0, 0);
    for change in changes {
        let lasted = before.map(|before| change.at - before.at);
        let due = match (change.from, change.reason) {
            (_, ChangeReason::OpenTimeOver) => Some(config.open_for),
            (_, ChangeReason::TrialsTimedOut) => Some(config.trial_limit),
            (_, ChangeReason::RampStage { .. } | ChangeReason::RampOver) => Some(ramp.stage_for),
            _ => None,
        };
        assert!(due.is_none() || lasted == due, "{change:?} after {lasted:?}");
        match (change.from, change.to, change.reason) {
            (State::Ramping, State::Ramping, ChangeReason::Tripped(_)) => steps_back += 1,
            (State::Ramping, State::Open, ChangeReason::Tripped(_)) => opened_in_ramp += 1,
            (from, State::Closed, reason) => {
                assert_eq!((from, reason), (State::Ramping, ChangeReason::RampOver));
                closed += 1;
            }
            _ => {}
        }
        before = Some(change);
    }
    let sick_times = moods.iter().filter(|(_, mood)| *mood != Mood::Healthy).count();
    assert!(closed > sick_times / 2 && steps_back + opened_in_ramp > 0, "{closed} {steps_back}");
}

#[test]
fn calls_that_hang_are_seen_before_they_end() {
    let (plain, mut early) = (config(), config());
    early.slow_calls = early.slow_calls.map(|rule| SlowCalls { in_flight: true, ..rule });
    let let_through = |config: &BreakerConfig| simulate(31, 5 * DAY, config, false).books.sick.0;
    let (late, early) = (let_through(&plain), let_through(&early));
    assert!(early < late, "{early} calls of the sick times, {late} without");
}
