//! All that an objective remembers, and how it takes in what is new.

use core::time::Duration;
use std::time::SystemTime;

use rely_core::{ConfigError, Instant, Level};

use super::budget::{Basis, Budget, PeriodRecord};
use super::config::BurnWindow;
use super::counters::{Counters, Seen};
use super::periods::{Periods, Plan};
use super::rule::{BurnRules, WindowCounts};
use super::snapshot::{Kept, SloSnapshot};
use super::source::Reader;
use crate::share::Counts;

/// The counters go by a time that begins 146 years before the clock's, so that what came before the
/// machine was started fits in after a restart.
const LEAD: Duration = Duration::from_nanos(1 << 62);

pub(super) struct Live {
    readers: Vec<Reader>,
    counters: Counters,
    periods: Periods,
    plan: Plan,
    /// How far the counters' time is ahead of the clock's.
    lead: Duration,
    /// Since when the budget is spent, in the counters' time.
    spent_at: Option<Instant>,
    level: Level,
    since: Instant,
    fast: Duration,
    longest: Duration,
}

impl Live {
    pub(super) fn new(
        readers: Vec<Reader>,
        windows: &[BurnWindow],
        plan: Plan,
        now: Instant,
        wall: i64,
    ) -> Self {
        let spans = windows.iter().flat_map(|window| [window.long, window.short]);
        // A budget of the calendar needs no ring of its own.
        let period = plan.calendar.is_none().then_some(plan.length);
        let fast = windows.iter().min_by_key(|window| window.short);
        Self {
            readers,
            counters: Counters::new(now + LEAD, spans.chain(period)),
            periods: Periods::new(&plan, wall),
            plan,
            lead: LEAD,
            spent_at: None,
            level: Level::Unknown,
            since: now,
            fast: fast.map_or(plan.length, |window| window.long),
            longest: windows.iter().map(|window| window.long).max().unwrap_or(plan.length),
        }
    }

    /// When it last read, by the clock.
    pub(super) fn at(&self) -> Instant {
        self.counters.at() - self.lead
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn stand(&mut self, level: Level) {
        if level != self.level {
            (self.level, self.since) = (level, self.at());
        }
    }

    /// Takes in what came up to `now`.
    pub(super) fn read(&mut self, now: Instant, wall: i64) {
        // An older now has nothing new, and is answered with what is known.
        let before = self.at();
        if now < before {
            return;
        }
        let span = now - before;
        let mut sum = Seen { calls: Counts::default(), span, time: Duration::MAX };
        for reader in &mut self.readers {
            let seen = reader.read(now, span);
            sum.calls = sum.calls.plus(seen.calls);
            // What one of them did not see was not seen.
            sum.time = sum.time.min(seen.time);
        }
        self.counters.add(now + self.lead, sum.calls, sum.time);
        self.periods.add(&self.plan, wall, sum);
    }

    /// The calls of a pair of windows.
    pub(super) fn counts(&self, pair: &BurnWindow, rules: &BurnRules) -> WindowCounts {
        let enough = |seen: &Seen| seen.coverage() >= rules.minimum_coverage();
        let (long, short) = (self.counters.within(pair.long), self.counters.within(pair.short));
        // Readings that are too far apart cannot tell the short window from a longer one.
        let whole = short.span >= pair.short && short.span <= pair.short.saturating_mul(2);
        WindowCounts {
            long: long.calls,
            short: short.calls,
            covered: whole && enough(&short),
            long_covered: enough(&long),
        }
    }

    pub(super) fn budget(&mut self, wall: i64, rules: &BurnRules) -> Option<Budget> {
        let now = self.at();
        let (period, length, until) = match self.plan.calendar {
            None => (self.counters.within(self.plan.length), self.plan.length, None),
            Some(_) => {
                let (seen, length, rest) = self.periods.current(wall);
                (seen, length, Some(now + rest))
            }
        };
        let basis = Basis {
            now,
            period,
            length,
            until,
            allowed: rules.budget().as_f64(),
            fast: self.counters.within(self.fast),
            longest: self.longest,
            counters: &self.counters,
            spent_at: self.spent_at.map(|at| at - self.lead),
        };
        let budget = basis.budget();
        let spent = budget.is_some_and(|budget| budget.remaining <= 0.0);
        self.spent_at = spent.then(|| self.spent_at.unwrap_or(self.counters.at()));
        budget
    }

    pub(super) fn history(&self) -> Vec<PeriodRecord> {
        self.periods.history().copied().collect()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.counters.heap_bytes() + self.periods.heap_bytes()
    }

    pub(super) fn snapshot(&self, wall: SystemTime) -> SloSnapshot {
        SloSnapshot::new(&self.counters, &self.periods, self.spent_at, wall)
    }

    /// Goes on from a snapshot.
    pub(super) fn restore(
        &mut self,
        snapshot: SloSnapshot,
        wall: SystemTime,
    ) -> Result<(), ConfigError> {
        let now = self.at();
        let (kept, ago) = snapshot.open(&self.counters, &self.plan, wall)?;
        let Kept { counters, periods, spent_at } = kept;
        (self.counters, self.periods, self.spent_at) = (counters, periods, spent_at);
        let inner = self.counters.at() + ago;
        // Nobody looked in between.
        self.counters.add(inner, Counts::default(), Duration::ZERO);
        self.lead = inner - now;
        Ok(())
    }
}
