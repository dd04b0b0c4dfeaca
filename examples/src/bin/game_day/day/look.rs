//! Looking at everything, ten times a second.

use rely_breaker::State;
use rely_chaos::Instance;
use rely_chaos::experiment::{ExperimentEvent, What};
use rely_core::event::Delivery;
use rely_core::meter::Tally;
use rely_core::{Instant, Level, Point, Signal, Subscriber};
use rely_detect::cause::ChangeEvent;

use super::{Day, LOOKS_BAD};
use crate::build::Build;
use crate::journal;

impl Day {
    /// Notes what the experiment does to the worlds.
    pub(super) fn note_faults(
        &mut self,
        events: &mut Subscriber<ExperimentEvent>,
        changes: &[ChangeEvent],
    ) {
        while let Some(Delivery::Event(event)) = events.try_next() {
            match &event.what {
                // When it began: what it did may be seen before it says that it is in place.
                What::Injecting { action } => {
                    self.notes.note_at(event.at, "fault", action.as_str(), "bad");
                    for change in changes.iter().filter(|change| change.name == *action) {
                        self.oncall.changed(ChangeEvent { at: event.at, ..change.clone() });
                    }
                }
                What::RolledBack { action } => {
                    self.notes.note_at(event.at, "fault", format!("{action}: taken back"), "good");
                }
                _ => {}
            }
        }
    }

    /// Looks at everything once.
    pub(super) fn sample(&mut self) {
        let now = self.clock.now();
        let mut sample = journal::Sample { at: self.notes.seconds(now), ..Default::default() };
        for (client, before) in [&self.naive, &self.protected].into_iter().zip(&mut self.before) {
            let count = client.count();
            let share = count.since(core::mem::replace(before, count)).share();
            sample.within.insert(client.name().to_owned(), share);
        }
        let queue = self.watch.reading().filter(rely_detect::Reading::is_taken);
        sample.queue = queue.map(|reading| journal::Queue {
            latency_ms: 1e3 * reading.sample.value,
            expected_ms: reading.expected.map(|expected| 1e3 * expected),
            band_ms: reading.band.map(|band| (1e3 * band.low, 1e3 * band.high)),
            p_value: reading.p_value,
        });
        sample.candidate = self.split.share().as_f64();
        sample.candidate_failures = self.candidate.since_last(&self.routes.canary.point);
        let zones = &self.world.zones;
        let faults = [
            ("queue-a is slow", self.world.queues[0].point.is_armed()),
            ("zone-b is dead", !zones[1].is_alive()),
            ("v2 runs", zones.iter().chain(&self.world.canary).any(|one| one.runs(&Build::v2()))),
            ("orders rush", self.pattern.is_rush()),
            ("zone-c was changed", zones[2].runs(&Build::v1().patched_by_hand())),
        ];
        sample.faults = faults.map(|(name, active)| (name.to_owned(), active)).into();
        for (client, slo) in [&self.naive, &self.protected].into_iter().zip(&self.slos) {
            let burn = slo.finding(now).burns.first().and_then(|burn| burn.short_rate);
            sample.burn_rates.insert(client.name().to_owned(), burn);
        }
        let verdicts: [(&str, rely_core::Verdict); 5] = [
            ("queue latency", self.watch.verdict(now)),
            ("burn rate, protected client", self.slos[1].verdict(now)),
            ("orders served", self.served.verdict(now)),
            ("v2 against v1", self.judge.verdict(now)),
            ("drift", self.drift.verdict(now)),
        ];
        let [.., (candidate_name, candidate), _] = &verdicts;
        let is_bad = candidate.level_at(now) == Level::Unhealthy;
        let last = self.journal.samples.last();
        let was_bad = last
            .and_then(|last| last.verdicts.get(*candidate_name))
            .is_some_and(|level| level == Level::Unhealthy.as_str());
        if is_bad && !was_bad {
            self.notes.note_at(now, "rollout", LOOKS_BAD, "warning");
        }
        self.call_if_bad(now);
        for (name, verdict) in verdicts {
            sample.verdicts.insert(name.to_owned(), verdict.level_at(now).to_string());
        }
        for (breaker, changes) in &mut self.changes {
            sample.breakers.insert(breaker.name().to_owned(), breaker.state().to_string());
            while let Some(Delivery::Event(change)) = changes.try_next() {
                let tone = match change.to {
                    State::Open => "bad",
                    State::HalfOpen => "warning",
                    _ => "good",
                };
                let label = format!("{} is {}: {}", breaker.name(), change.to, change.reason);
                self.notes.note_at(change.at, "breaker", label, tone);
            }
        }
        self.journal.samples.push(sample);
    }

    /// Tells whoever is on call how everything stands.
    fn call_if_bad(&mut self, now: Instant) {
        for (client, slo) in [&self.naive, &self.protected].into_iter().zip(&self.slos) {
            self.oncall.observe("error budget", ("client", client.name()), &slo.verdict(now));
        }
        let served = self.served.verdict(now);
        self.oncall.observe("orders fail", ("client", self.protected.name()), &served);
        self.oncall.observe("release", ("version", "v2"), &self.judge.verdict(now));
        for (breaker, _) in &self.changes {
            self.oncall.observe("breaker", ("breaker", breaker.name()), &breaker.verdict(now));
        }
        self.oncall.tick(&self.watch);
    }
}

/// The attempts on one replica that were counted before.
#[derive(Default)]
pub(super) struct Attempts(Tally);

impl Attempts {
    /// The share of failures among those that have ended since it was asked last, if any has.
    fn since_last(&mut self, point: &Point) -> Option<f64> {
        let tally = point.lifetime();
        let before = core::mem::replace(&mut self.0, tally);
        let counted = tally.counted().saturating_sub(before.counted());
        let bad = tally.bad().saturating_sub(before.bad());
        (counted > 0).then(|| bad as f64 / counted as f64)
    }
}
