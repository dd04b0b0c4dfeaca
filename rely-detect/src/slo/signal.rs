//! The shell: points in, verdicts out.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rely_core::{Clock, Instant, Signal, Verdict};

use super::budget::{Budget, PeriodRecord};
use super::builder::SloBuilder;
use super::live::Live;
use super::rule::{Burn, BurnRules, BurnState, Finding, judge};
use super::snapshot::SloSnapshot;
use super::words::name;
use crate::drive::Drive;

/// An objective whose budget is watched, as a [`Signal`]. Cloning is cheap.
///
/// See the [module's documentation](super) for the rules. A verdict holds
///
/// * as samples, the calls of the longest window;
/// * the score, from 0 to 1: how near the pair that is nearest to it is to burning;
/// * as evidence, for each pair that burns, `burn_rate_long` and `burn_rate_short`, led by the pair as
///   in `page_1h_5m.burn_rate_long`; and `budget_remaining`, the share of the period's budget that is
///   left, under zero where it is overspent; see [`Budget`].
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

    /// Reads the points and says how much of the budget is left; nothing as long as nothing counted.
    pub fn budget(&self, now: Instant) -> Option<Budget> {
        self.0.judge(now).1.budget
    }

    /// The last twelve periods that are over, the oldest first: those of the calendar, or, where the
    /// budget is one of the last so many days, those that followed each other since the start.
    #[must_use]
    pub fn history(&self) -> Vec<PeriodRecord> {
        self.0.lock().history()
    }

    /// All that it knows, for a later [`SloBuilder::restore`]: budgets outlive a process.
    #[must_use]
    pub fn snapshot(&self) -> SloSnapshot {
        self.0.lock().snapshot(self.0.clock.wall())
    }

    /// How many bytes its windows and its history take up, whatever the traffic.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.lock().bytes()
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn valid_for(&self) -> Duration {
        self.0.valid_for
    }

    pub(super) fn minimum_coverage(&self) -> f64 {
        self.0.rules.minimum_coverage()
    }

    /// A future that reads the points sixty times in the shortest window, whoever asks, and more often
    /// where the meter does not hold latencies for so long: a page comes as early as it can.
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
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, now: Instant) -> (Finding, Standing) {
        // One who is ahead of time must not make all others wait for it.
        let now = now.min(self.clock.now());
        let wall = unix_seconds(self.clock.wall());
        let mut live = self.lock();
        live.read(now, wall);
        let rules = &self.rules;
        let counts: Vec<_> = rules.windows().iter().map(|pair| live.counts(pair, rules)).collect();
        let finding = judge(&counts, rules);
        live.stand(finding.level);
        let budget = live.budget(wall, rules);
        (finding, Standing { at: live.at(), since: live.since(), budget })
    }
}

/// What a verdict needs beside the finding.
struct Standing {
    at: Instant,
    since: Instant,
    budget: Option<Budget>,
}

/// Seconds since 1970, rounded down.
pub(super) fn unix_seconds(wall: SystemTime) -> i64 {
    let whole = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match wall.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => whole(since),
        Err(before) => -whole(before.duration()) - 1,
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
        if let Some(budget) = &standing.budget {
            verdict = verdict.with_evidence("budget_remaining", budget.share);
        }
        verdict.because(self.0.reason(&finding, standing.budget.map(|budget| budget.share))).at(now)
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
