//! Which rules are worth their noise.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;

use rely_core::Instant;

use super::config::AlertsConfig;
use super::incident::Incident;
use super::series::AlertState;
use super::state::Kept;

/// How many times to acknowledge are kept of a rule.
const KEPT: usize = 64;
/// What was over so soon was over by itself.
const QUICK: Duration = Duration::from_secs(1800);
/// So many calls without anybody acting say something, fewer are chance.
const ENOUGH: u64 = 3;
/// A rule is judged after so long.
const LONG: Duration = Duration::from_secs(7 * 24 * 3600);
/// A rule that fires for more than this share of the time tells nothing when it fires.
const ALWAYS: f64 = 0.5;
/// How near the input of a rule that never fired came, where it is worth a look.
const NEAR: f64 = 0.8;

/// What is remembered of a rule, of fixed size.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Stats {
    pub(super) first_seen: Option<Instant>,
    fired: u64,
    passed: u64,
    flapped: u64,
    calls: u64,
    acknowledged: u64,
    by_itself: u64,
    /// The nearest that an input came without being there.
    nearest: f64,
    active: u64,
    active_since: Instant,
    active_for: Duration,
    /// Seconds, the newest at the end.
    to_acknowledge: VecDeque<f64>,
}

impl Stats {
    pub(super) fn seen(&mut self, now: Instant, nearness: f64, active: bool) {
        self.first_seen.get_or_insert(now);
        if !active && nearness < 1.0 {
            self.nearest = self.nearest.max(nearness);
        }
    }

    pub(super) fn moved(&mut self, from: AlertState, to: AlertState, at: Instant) {
        match (from, to) {
            (AlertState::Pending, AlertState::Inactive) => {
                self.passed = self.passed.saturating_add(1);
            }
            (AlertState::Pending, AlertState::Firing) => {
                self.fired = self.fired.saturating_add(1);
                if self.active == 0 {
                    self.active_since = at;
                }
                self.active = self.active.saturating_add(1);
            }
            (_, AlertState::Resolved) => {
                self.active = self.active.saturating_sub(1);
                if self.active == 0 {
                    self.active_for = self.active_for.saturating_add(at - self.active_since);
                }
            }
            _ => {}
        }
    }

    pub(super) fn flaps(&mut self) {
        self.flapped = self.flapped.saturating_add(1);
    }

    pub(super) fn called(&mut self, acted: bool) {
        self.calls = self.calls.saturating_add(1);
        if acted {
            self.took(0.0);
        }
    }

    pub(super) fn acknowledged(&mut self, after: Option<Duration>) {
        // Whoever was there before anybody was called is counted with the call.
        if let Some(after) = after {
            self.took(after.as_secs_f64());
        }
    }

    fn took(&mut self, seconds: f64) {
        self.acknowledged = self.acknowledged.saturating_add(1);
        if self.to_acknowledge.len() >= KEPT {
            self.to_acknowledge.pop_front();
        }
        self.to_acknowledge.push_back(seconds);
    }

    pub(super) fn closed(&mut self, incident: &Incident, now: Instant) {
        let over = incident.book.quiet_since.unwrap_or(now);
        let quick = over - incident.opened <= QUICK;
        let alone = incident.notified.is_some() && !incident.book.acted;
        self.by_itself = self.by_itself.saturating_add(u64::from(quick && alone));
    }

    pub(super) fn is_sound(&self, now: Instant) -> bool {
        self.first_seen.is_none_or(|at| at <= now)
            && self.active_since <= now
            && self.nearest.is_finite()
            && self.to_acknowledge.len() <= KEPT
            && self.to_acknowledge.iter().all(|seconds| seconds.is_finite() && *seconds >= 0.0)
    }

    pub(super) fn shift(&mut self, shift: impl Fn(Instant) -> Instant) {
        self.first_seen = self.first_seen.map(&shift);
        self.active_since = shift(self.active_since);
    }

    fn median_to_acknowledge(&self) -> Option<Duration> {
        let mut sorted: Vec<f64> = self.to_acknowledge.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let median = *sorted.get(sorted.len() / 2)?;
        Duration::try_from_secs_f64(median).ok()
    }
}

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Finding {
    /// Nothing was ever seen of it: a dead rule, or a dead source.
    NeverSeen,
    /// It called somebody three times or more, and nobody ever acknowledged.
    NeverActedOn,
    /// Most of its calls, three at least, were over within half an hour with nobody acting.
    OverByItself,
    /// It flapped.
    Flaps,
    /// It fires for more than half of the time, over a week at least.
    AlwaysFires,
    /// It never fired in a week or more, though its input came as near as 80 % to what is bad, or was
    /// bad but not for long enough: its threshold or its wait may be too high.
    NeverFiresThoughNear,
}

impl Finding {
    /// In a few words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverSeen => "nothing was ever seen of it",
            Self::NeverActedOn => "nobody ever acted on it",
            Self::OverByItself => "mostly over by itself",
            Self::Flaps => "flaps",
            Self::AlwaysFires => "always fires",
            Self::NeverFiresThoughNear => "never fires, though its input came near",
        }
    }
}

/// What a rule came to.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RuleHygiene {
    /// The rule's name.
    pub rule: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// How long it has been looked at.
    #[cfg_attr(feature = "serde", serde(with = "rely_core::config::duration"))]
    pub watched: Duration,
    /// How many of its alerts fired.
    pub fired: u64,
    /// How many were pending and passed.
    pub passed: u64,
    /// How many incidents that it began called somebody.
    pub calls: u64,
    /// Calls in a week; nothing where it was not looked at for a day.
    pub calls_per_week: Option<f64>,
    /// How many of these were acknowledged.
    pub acknowledged: u64,
    /// How many were over soon with nobody acting.
    pub by_itself: u64,
    /// How often it began to flap.
    pub flapped: u64,
    /// For what share of the time any of its alerts fired.
    pub firing_share: f64,
    /// How near its input came without being there: 1 is there.
    pub nearest: f64,
    /// The median time to acknowledge, of the last 64.
    #[cfg_attr(feature = "serde", serde(with = "rely_core::config::duration_option"))]
    pub to_acknowledge: Option<Duration>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

/// Which rules are worth their noise; see [`Alerts::hygiene`](super::Alerts::hygiene). As text it is a
/// table.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Hygiene {
    /// All rules, by name.
    pub rules: Vec<RuleHygiene>,
}

impl Hygiene {
    pub(super) fn new(config: &AlertsConfig, kept: &Kept) -> Self {
        let none = Stats::default();
        let mut rules: Vec<RuleHygiene> = config
            .rules
            .iter()
            .map(|rule| {
                let stats = kept.stats.get(&rule.name).unwrap_or(&none);
                RuleHygiene::new(rule.name.clone(), rule.owner.clone(), stats, kept.now)
            })
            .collect();
        rules.sort_by(|a, b| a.rule.cmp(&b.rule));
        Self { rules }
    }

    /// The rules with something wrong.
    pub fn findings(&self) -> impl Iterator<Item = (&str, Finding)> {
        let each = |rule: &'_ RuleHygiene| rule.findings.clone();
        self.rules.iter().flat_map(move |rule| {
            each(rule).into_iter().map(|finding| (rule.rule.as_str(), finding))
        })
    }
}

impl RuleHygiene {
    fn new(rule: String, owner: Option<String>, stats: &Stats, now: Instant) -> Self {
        let watched = stats.first_seen.map_or(Duration::ZERO, |first| now - first);
        let going_on = if stats.active > 0 { now - stats.active_since } else { Duration::ZERO };
        let active = stats.active_for.saturating_add(going_on).as_secs_f64();
        let firing_share = (active / watched.as_secs_f64().max(f64::MIN_POSITIVE)).min(1.0);
        let weeks = watched.as_secs_f64() / LONG.as_secs_f64();
        let mut one = Self {
            rule,
            owner,
            watched,
            fired: stats.fired,
            passed: stats.passed,
            calls: stats.calls,
            calls_per_week: (weeks >= 1.0 / 7.0).then(|| stats.calls as f64 / weeks),
            acknowledged: stats.acknowledged,
            by_itself: stats.by_itself,
            flapped: stats.flapped,
            firing_share,
            nearest: stats.nearest,
            to_acknowledge: stats.median_to_acknowledge(),
            findings: Vec::new(),
        };
        let near = one.nearest >= NEAR || one.passed > 0;
        one.findings = [
            (stats.first_seen.is_none(), Finding::NeverSeen),
            (one.calls >= ENOUGH && one.acknowledged == 0, Finding::NeverActedOn),
            (one.by_itself >= ENOUGH && one.by_itself > one.calls / 2, Finding::OverByItself),
            (one.flapped > 0, Finding::Flaps),
            (watched >= LONG && firing_share > ALWAYS, Finding::AlwaysFires),
            (watched >= LONG && one.fired == 0 && near, Finding::NeverFiresThoughNear),
        ]
        .into_iter()
        .filter_map(|(is, finding)| is.then_some(finding))
        .collect();
        one
    }
}

impl fmt::Display for Hygiene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rules.iter().map(|rule| rule.rule.len()).max().unwrap_or(0).max(4);
        writeln!(
            f,
            "{:width$}  {:>5}  {:>5}  {:>6}  {:>5}  {:>6}  {:>6}  {:>7}  findings",
            "rule", "fired", "calls", "a week", "acted", "itself", "firing", "to ack",
        )?;
        for one in &self.rules {
            let week = one.calls_per_week.map_or_else(|| "-".to_owned(), |n| format!("{n:.1}"));
            let time = one.to_acknowledge.map_or_else(
                || "-".to_owned(),
                |time| format!("{:.1}m", time.as_secs_f64() / 60.0),
            );
            let findings: Vec<_> = one.findings.iter().map(|finding| finding.as_str()).collect();
            writeln!(
                f,
                "{:width$}  {:>5}  {:>5}  {week:>6}  {:>5}  {:>6}  {:>5.1}%  {time:>7}  {}",
                one.rule,
                one.fired,
                one.calls,
                one.acknowledged,
                one.by_itself,
                100.0 * one.firing_share,
                findings.join("; "),
            )?;
        }
        Ok(())
    }
}
