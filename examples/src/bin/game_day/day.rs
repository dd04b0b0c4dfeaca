//! The acts, in order.

use std::sync::Arc;
use std::time::Duration;

use rely_chaos::{Armed, Fault, FaultPoint};
use rely_core::event::Delivery;
use rely_core::meter::Tally;
use rely_core::{Clock, Instant, Level, Meter, Point, Ratio, Signal, Subscriber, signal};
use rely_detect::FailureShare;
use rely_rollout::{Decision, Rollout, Split, Standing, Step};

use crate::BoxError;
use crate::client::{self, Arm};
use crate::journal::{Act, Event, Journal, Sample, Sum};
use crate::load::{self, Seen};
use crate::service::{self, Version};

/// Above this share of failures the candidate is not fit.
pub(crate) const LIMIT_PERCENT: f64 = 5.0;

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    name: &'static str,
    rate: u32,
    steady: Duration,
    step: Duration,
    broken: Duration,
    aftermath: Duration,
}

impl Pace {
    pub(crate) const FULL: Self = Self {
        name: "full",
        rate: 300,
        steady: Duration::from_secs(15),
        step: Duration::from_secs(6),
        broken: Duration::from_secs(10),
        aftermath: Duration::from_secs(25),
    };
    pub(crate) const FAST: Self = Self {
        name: "fast",
        rate: 300,
        steady: Duration::from_secs(6),
        step: Duration::from_secs(3),
        broken: Duration::from_secs(5),
        aftermath: Duration::from_secs(12),
    };
}

/// How often everything is looked at.
const SAMPLE: Duration = Duration::from_millis(250);
/// The share of successes that the user is promised.
const AVAILABILITY: f64 = 0.999;
/// The latency that the user is promised for 99 of 100 orders.
const P99: Duration = Duration::from_millis(100);
/// The day is called off when so many of the last second's orders fail outside of the fault.
const ABORT_BELOW: f64 = 0.2;
/// An order that has no answer so long after the last was sent will not have one.
const LAST_ANSWER: Duration = Duration::from_secs(60);
/// A rollback that takes longer than this has not noticed in time.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(3);

/// Everything that takes part.
pub(crate) struct Day {
    pace: Pace,
    clock: Clock,
    start: Instant,
    user: Point,
    point: FaultPoint,
    versions: [Version; 2],
    stable: Arm,
    candidate: Arm,
    split: Split,
    rollout: Rollout,
    decisions: Subscriber<Decision>,
    detector: FailureShare,
    signal: Arc<dyn Signal>,
    seen: Arc<Seen>,
    before: Tally,
    journal: Journal,
}

impl Day {
    /// Starts the versions and builds the stack.
    pub(crate) async fn new(pace: Pace) -> Result<Self, BoxError> {
        let clock = Clock::tokio();
        let calm = FaultPoint::builder("orders.v1").clock(clock.clone()).build()?;
        let point = FaultPoint::builder("orders.v2").clock(clock.clone()).build()?;
        let versions = [
            service::start("v1", &clock, &calm).await?,
            service::start("v2", &clock, &point).await?,
        ];
        let window =
            |name, span| Meter::builder(name).window(span).buckets(24).clock(clock.clone()).build();
        // The user's meter remembers the whole day, the detector's the last few seconds.
        let user = window("user", Duration::from_secs(120))?.point("orders");
        let attempts = window("attempts", Duration::from_secs(6))?;
        let stable = Arm::new(&attempts, &versions[0], &clock)?;
        let candidate = Arm::new(&attempts, &versions[1], &clock)?;
        let limit = Ratio::percent(LIMIT_PERCENT)?;
        let detect = || {
            FailureShare::builder(candidate.point.clone()).limit(limit).minimum_calls(20).build()
        };
        let breaker = candidate.breaker.clone();
        let signal: Arc<dyn Signal> =
            Arc::new(signal::all().member("failures", detect()?).member("breaker", breaker));
        let split = Split::seeded("orders-v2", 7);
        let share = |percent| Ratio::percent(percent);
        let rollout = Rollout::builder("orders-v2")
            .steps([
                Step::new(share(10.0)?, pace.step),
                Step::new(share(25.0)?, pace.step),
                // Long enough for the fault to come.
                Step::new(share(50.0)?, pace.broken * 10),
                Step::new(Ratio::ONE, pace.step),
            ])
            .give_up(pace.broken * 20)
            .interval(SAMPLE)
            .signal(Arc::clone(&signal))
            .split(split.clone())
            .clock(clock.clone())
            .build()?;
        let capacity = std::num::NonZeroUsize::new(64).expect("it is not zero");
        let decisions = rollout.subscribe(capacity);
        let start = clock.now();
        let detector = detect()?;
        Ok(Self {
            pace,
            clock,
            start,
            user,
            point,
            versions,
            stable,
            candidate,
            split,
            rollout,
            decisions,
            detector,
            signal,
            seen: Arc::default(),
            before: Tally::default(),
            journal: Journal::new(pace.name, pace.rate),
        })
    }

    /// Plays all acts and says what came of them.
    pub(crate) async fn play(mut self) -> Result<Journal, BoxError> {
        let Pace { rate, steady, step, broken, aftermath, .. } = self.pace;
        self.start = self.clock.now();
        let service = client::stack(&self.user, &self.split, &self.stable, &self.candidate);
        let (clock, seen) = (self.clock.clone(), Arc::clone(&self.seen));
        let load = tokio::spawn(load::run(service, rate, clock, seen));

        self.steady(steady).await?;
        let driver = tokio::spawn(self.rollout.drive()?);
        self.rolling_out(step * 5).await?;
        self.breaks(broken).await?;
        self.aftermath(aftermath).await?;

        self.seen.stop();
        load.await?;
        let until = self.clock.now() + LAST_ANSWER;
        while self.seen.ended() < self.seen.sent() && self.clock.now() < until {
            self.clock.sleep(SAMPLE).await;
        }
        driver.abort();
        self.close_the_books();
        Ok(self.journal)
    }

    async fn steady(&mut self, time: Duration) -> Result<(), BoxError> {
        self.say("all traffic to v1");
        let (from, before) = (self.seconds(), self.so_far());
        self.watch_for(time).await?;
        let calls = difference(&self.so_far(), &before);
        let p99 = self.user.snapshot(self.clock.now()).latency.quantile(0.99);
        let held = calls.availability().is_some_and(|share| share >= AVAILABILITY)
            && p99.is_some_and(|p99| p99 <= P99);
        let measured = format!("{}, p99 {:.1} ms", in_words(&calls), millis(p99).unwrap_or(0.0));
        let hypothesis = "99.9 % of orders succeed and 99 % within 100 ms";
        self.conclude("Steady state", from, hypothesis, measured, held);
        Ok(())
    }

    async fn rolling_out(&mut self, limit: Duration) -> Result<(), BoxError> {
        self.say("v2 goes out in steps");
        let (from, before) = (self.seconds(), self.so_far());
        let (half, until) = (Ratio::from_ppm_clamped(500_000), self.clock.now() + limit);
        while self.split.share() < half && self.clock.now() < until {
            self.watch_for(SAMPLE).await?;
        }
        // A little of that, so that the detector has seen v2 do well.
        self.watch_for(SAMPLE * 4).await?;
        let calls = difference(&self.so_far(), &before);
        let share = self.split.share();
        let held = share == half && calls.availability().is_some_and(|share| share >= AVAILABILITY);
        let measured = format!("v2 has {share} of the traffic, {}", in_words(&calls));
        let hypothesis = "A healthy v2 gets half of the traffic without a human";
        self.conclude("Rollout", from, hypothesis, measured, held);
        Ok(())
    }

    async fn breaks(&mut self, time: Duration) -> Result<(), BoxError> {
        self.say("v2 breaks: six of ten answers are errors");
        let from = self.seconds();
        let fault = Fault::error().for_share(Ratio::percent(60.0)?);
        self.seen.watch_out();
        let armed: Armed = self.point.arm(fault, time)?;
        self.event("fault", "armed: 60 % errors in v2", true);
        let until = self.clock.now() + time;
        while self.clock.now() < until && self.journal.rolled_back_seconds.is_none() {
            self.clock.sleep(Duration::from_millis(20)).await;
            if self.journal.samples.last().is_none_or(|last| self.seconds() - last.at >= 0.25) {
                self.sample();
            }
            self.drain();
        }
        // Let the rest of the calls that were under way find the fault and come back from it, which on
        // a busy machine takes a while; then take it out.
        self.clock.sleep(SAMPLE).await;
        let last = self.clock.now() + LAST_ANSWER;
        while self.split.share() == Ratio::ZERO
            && !self.candidate.is_idle(self.clock.now())
            && self.clock.now() < last
        {
            self.clock.sleep(SAMPLE).await;
            self.sample();
            self.drain();
        }
        self.journal.fired = armed.disarm().fired;
        self.event("fault", "disarmed", false);
        let since = |at: Instant| (at - self.start).as_secs_f64();
        self.journal.first_bad_seconds = self.seen.first_bad().map(since);
        let took = self.journal.rollback_time();
        let share = self.split.share();
        let standing = self.rollout.standing();
        let held = self.journal.took_itself_back(ROLLBACK_LIMIT)
            && share == Ratio::ZERO
            && standing == Standing::RolledBack;
        let took = took.map_or_else(|| "no rollback".into(), |took| format!("{took:.2} s"));
        let measured = format!(
            "{} calls hit, first bad answer to rollback: {took}, v2 has {share}, rollout {standing}",
            self.journal.fired,
        );
        let limit = ROLLBACK_LIMIT.as_secs();
        let hypothesis =
            format!("The rollout takes itself back within {limit} s of the first bad answer");
        self.conclude("v2 breaks", from, &hypothesis, measured, held);
        Ok(())
    }

    async fn aftermath(&mut self, time: Duration) -> Result<(), BoxError> {
        self.say("back on v1");
        let (from, before) = (self.seconds(), self.so_far());
        let served = self.versions[1].served();
        self.watch_for(time).await?;
        let calls = difference(&self.so_far(), &before);
        let more = self.versions[1].served() - served;
        let held = more == 0 && calls.availability().is_some_and(|share| share >= AVAILABILITY);
        let measured = format!("{more} calls to v2, {}", in_words(&calls));
        let hypothesis = "v2 gets no call any more and 99.9 % of orders succeed";
        self.conclude("Aftermath", from, hypothesis, measured, held);
        Ok(())
    }

    /// Every request that was sent is in the user's meter, once.
    fn close_the_books(&mut self) {
        let now = self.clock.now();
        self.journal.sent = self.seen.sent();
        self.journal.seconds = self.seconds();
        for (name, point) in
            [("user", &self.user), ("v1", &self.stable.point), ("v2", &self.candidate.point)]
        {
            let snapshot = point.snapshot(now);
            let Tally { success, rejected, cancelled, .. } = snapshot.lifetime;
            let quantile =
                |q| millis((name == "user").then(|| snapshot.latency.quantile(q)).flatten());
            self.journal.sums.push(Sum {
                name: name.into(),
                success,
                failure: snapshot.lifetime.bad(),
                rejected,
                cancelled,
                p50_ms: quantile(0.5),
                p99_ms: quantile(0.99),
            });
        }
        let counted = self.so_far().total();
        let held = counted == self.journal.sent;
        let measured = format!("{} sent, {counted} counted", self.journal.sent);
        let to = self.journal.seconds;
        self.journal.acts.push(Act {
            name: "Books".into(),
            from: to,
            to,
            hypothesis: "Every request that was sent was counted, once".into(),
            measured,
            held,
        });
    }

    async fn watch_for(&mut self, time: Duration) -> Result<(), BoxError> {
        self.watch_until(self.clock.now() + time).await
    }

    /// Takes samples until `until`; calls the day off if most orders fail.
    async fn watch_until(&mut self, until: Instant) -> Result<(), BoxError> {
        while self.clock.now() < until {
            self.clock.sleep_until(until.min(self.clock.now() + SAMPLE)).await;
            self.sample();
            self.drain();
            let last = self.journal.samples.last().and_then(|sample| sample.availability);
            if last.is_some_and(|share| share < ABORT_BELOW) {
                return Err("called off: nearly all orders fail".into());
            }
        }
        Ok(())
    }

    fn sample(&mut self) {
        let (now, tally) = (self.clock.now(), self.so_far());
        let calls = difference(&tally, &self.before);
        self.before = tally;
        let verdict = self.signal.verdict(now);
        let failures = self.detector.verdict(now);
        let evidence = |name: &str| {
            failures.evidence.iter().find(|evidence| evidence.name == name).map(|e| e.value)
        };
        let at = self.seconds();
        let bad = verdict.level_at(now) == Level::Unhealthy;
        if bad && self.journal.noticed_seconds.is_none() && self.seen.first_bad().is_some() {
            self.journal.noticed_seconds = Some(at);
        }
        self.journal.samples.push(Sample {
            at,
            availability: calls.availability(),
            p99_ms: millis(self.user.snapshot(now).latency.quantile(0.99)),
            share: self.split.share().as_f64(),
            candidate_failures: evidence("failure_share"),
            candidate_bounds: evidence("lower").zip(evidence("upper")),
            verdict: verdict.level_at(now).to_string(),
            reason: verdict.reason.into_owned(),
            breaker: self.candidate.breaker.state().to_string(),
        });
    }

    /// Takes over what breakers and rollout have reported.
    fn drain(&mut self) {
        while let Some(Delivery::Event(change)) = self.candidate.changes.try_next() {
            let label = format!("v2: {} to {}, {}", change.from, change.to, change.reason);
            self.event_at(change.at, "breaker", label, change.to == rely_breaker::State::Open);
        }
        while let Some(Delivery::Event(change)) = self.stable.changes.try_next() {
            let label = format!("v1: {} to {}, {}", change.from, change.to, change.reason);
            self.event_at(change.at, "breaker", label, true);
        }
        while let Some(Delivery::Event(decision)) = self.decisions.try_next() {
            let back = decision.standing == Standing::RolledBack;
            if back {
                let at = (decision.at - self.start).as_secs_f64();
                self.journal.rolled_back_seconds = Some(at);
                // What the decision rests on was seen by then, if not by a sample before.
                self.journal.noticed_seconds =
                    self.journal.noticed_seconds.map_or(Some(at), |noticed| Some(noticed.min(at)));
            }
            self.event_at(decision.at, "rollout", decision.to_string(), back);
        }
    }

    fn event(&mut self, kind: &str, label: &str, bad: bool) {
        self.event_at(self.clock.now(), kind, label.to_owned(), bad);
    }

    fn event_at(&mut self, at: Instant, kind: &str, label: String, bad: bool) {
        let at = (at - self.start).as_secs_f64();
        println!("{at:6.2} s  {kind:8}  {label}");
        self.journal.events.push(Event { at, kind: kind.into(), label, bad });
    }

    fn say(&self, what: &str) {
        println!("{:6.2} s  {:8}  {what}", self.seconds(), "act");
    }

    fn conclude(&mut self, name: &str, from: f64, hypothesis: &str, measured: String, held: bool) {
        self.say(&format!("{name}: {}, {measured}", if held { "held" } else { "FAILED" }));
        self.journal.acts.push(Act {
            name: name.into(),
            from,
            to: self.seconds(),
            hypothesis: hypothesis.into(),
            measured,
            held,
        });
    }

    fn seconds(&self) -> f64 {
        (self.clock.now() - self.start).as_secs_f64()
    }

    /// The user's calls since the day began.
    fn so_far(&self) -> Tally {
        self.user.snapshot(self.clock.now()).lifetime
    }
}

fn millis(latency: Option<Duration>) -> Option<f64> {
    latency.map(|latency| latency.as_secs_f64() * 1000.0)
}

/// The calls that came after `before`.
fn difference(now: &Tally, before: &Tally) -> Tally {
    Tally {
        success: now.success - before.success,
        failure: now.failure - before.failure,
        soft_failure: now.soft_failure - before.soft_failure,
        ignored: now.ignored - before.ignored,
        cancelled: now.cancelled - before.cancelled,
        rejected: now.rejected - before.rejected,
    }
}

fn in_words(calls: &Tally) -> String {
    let share = calls.availability().map_or(0.0, |share| 100.0 * share);
    format!("{share:.2} % of {} orders succeeded", calls.counted() + calls.rejected)
}
