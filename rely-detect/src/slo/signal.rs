//! The shell: points in, verdicts out.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use rely_core::{Clock, Instant, Level, Signal, Verdict};

use super::builder::SloBuilder;
use super::counters::Counters;
use super::rule::{Burn, BurnRules, BurnState, Finding, WindowCounts, judge};
use super::source::PointReader;
use super::words::name;
use crate::drive::Drive;
use crate::share::Counts;

/// An objective whose budget is watched, as a [`Signal`]. Cloning is cheap.
///
/// See the [module's documentation](super) for the rules. A verdict holds
///
/// * as samples, the calls of the longest window;
/// * the score, from 0 to 1: how near the pair that is nearest to it is to burning;
/// * as evidence, for each pair that burns, `burn_rate_long` and `burn_rate_short`, led by the pair as
///   in `page_1h_5m.burn_rate_long`; and `budget_remaining`, the share of the period's budget that is
///   left, under zero where it is overspent. As long as less than a period was seen, the rest of it
///   counts for as many calls as came so far, all good.
#[derive(Clone)]
pub struct Slo(Arc<Inner>);

pub(super) struct Inner {
    pub(super) name: String,
    pub(super) rules: BurnRules,
    pub(super) period: Duration,
    pub(super) valid_for: Duration,
    pub(super) read_every: Duration,
    pub(super) clock: Clock,
    pub(super) live: Mutex<Live>,
}

pub(super) struct Live {
    readers: Vec<PointReader>,
    counters: Counters,
    level: Level,
    since: Instant,
}

/// The future that reads a [`Slo`]'s points; the user runs it. See [`Slo::driver`].
pub type SloDriver = Drive<Slo>;

impl Slo {
    /// A builder for an objective called `name`.
    pub fn builder(name: impl Into<String>) -> SloBuilder {
        SloBuilder::new(name.into())
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The objective's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Reads the points and says how fast the budget burns, pair by pair.
    pub fn finding(&self, now: Instant) -> Finding {
        self.0.judge(now).0
    }

    /// A future that reads the points ten times in the shortest window, whoever asks, and more often
    /// where the meter does not hold latencies for so long.
    ///
    /// It runs on any executor and ends soon after the last other handle is gone.
    pub fn driver(&self) -> SloDriver {
        Drive::new(self.clone(), self.0.clock.clone(), self.0.read_every)
    }
}

impl crate::drive::Driven for Slo {
    fn tick(&mut self, now: Instant) {
        let _ = self.0.judge(now);
    }

    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Inner {
    fn judge(&self, now: Instant) -> (Finding, Standing) {
        // One who is ahead of time must not make all others wait for it.
        let now = now.min(self.clock.now());
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let live = &mut *live;
        live.read(now);
        let counts: Vec<_> = self
            .rules
            .windows()
            .iter()
            .map(|window| {
                let (short, covered) = live.counters.within(window.short);
                WindowCounts { long: live.counters.within(window.long).0, short, covered }
            })
            .collect();
        let finding = judge(&counts, &self.rules);
        let at = live.counters.at();
        if finding.level != live.level {
            (live.level, live.since) = (finding.level, at);
        }
        let (calls, seen) = live.counters.seen(self.period);
        let share = (seen.as_secs_f64() / self.period.as_secs_f64()).min(1.0);
        let remaining = self.rules.rate(calls).map(|rate| 1.0 - rate * share);
        (finding, Standing { at, since: live.since, remaining })
    }
}

/// What a verdict needs beside the finding.
struct Standing {
    at: Instant,
    since: Instant,
    /// The share of the period's budget.
    remaining: Option<f64>,
}

impl Live {
    pub(super) fn new(readers: Vec<PointReader>, counters: Counters) -> Mutex<Self> {
        let since = counters.at();
        Mutex::new(Self { readers, counters, level: Level::Unknown, since })
    }

    fn read(&mut self, now: Instant) {
        // An older now has nothing new, and is answered with what is known.
        if now < self.counters.at() {
            return;
        }
        let mut sum = Some(Counts::default());
        for reader in &mut self.readers {
            // All are read, so that one that missed calls is up to date again.
            let calls = reader.read(now);
            sum = sum.zip(calls).map(|(sum, calls)| sum.plus(calls));
        }
        match sum {
            Some(calls) => self.counters.add(now, calls),
            None => self.counters.restart(now),
        }
    }
}

impl Signal for Slo {
    fn verdict(&self, now: Instant) -> Verdict {
        let (finding, standing) = self.0.judge(now);
        let longest = finding.burns.iter().max_by_key(|burn| burn.window.long);
        let mut verdict = Verdict::new(finding.level, standing.at)
            .since(standing.since)
            .valid_for(self.0.valid_for)
            .with_samples(longest.map_or(0, |burn| burn.counts.long.counted()))
            .with_score(finding.burns.iter().map(closeness).fold(0.0, f64::max));
        for burn in finding.burns.iter().filter(|burn| burn.state == BurnState::Burning) {
            let pair = name(burn.window);
            let rates = [("burn_rate_long", burn.long_rate), ("burn_rate_short", burn.short_rate)];
            for (which, rate) in rates {
                if let Some(rate) = rate {
                    verdict = verdict.with_evidence(format!("{pair}.{which}"), rate);
                }
            }
        }
        if let Some(remaining) = standing.remaining {
            verdict = verdict.with_evidence("budget_remaining", remaining);
        }
        verdict.because(self.0.reason(&finding, standing.remaining)).at(now)
    }
}

/// How far a pair is on the way to burning, from 0 to 1.
fn closeness(burn: &Burn) -> f64 {
    let rate = burn.long_rate.unwrap_or(0.0).min(burn.short_rate.unwrap_or(0.0));
    if burn.counts.covered { (rate / burn.window.factor).min(1.0) } else { 0.0 }
}

impl fmt::Debug for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slo").field("name", &self.0.name).finish_non_exhaustive()
    }
}
