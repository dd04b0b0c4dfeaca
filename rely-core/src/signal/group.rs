use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

use super::Signal;
use crate::{Evidence, Instant, Level, Verdict};

/// How many values of its members a group's verdict carries at most.
const MAX_EVIDENCE: usize = 32;

/// A group that is as well as its worst member; see [`Group`].
#[must_use]
pub const fn all() -> Group {
    Group::new(Need::All)
}

/// A group that is as well as its best member; see [`Group`].
#[must_use]
pub const fn any() -> Group {
    Group::new(Need::AtLeast(1))
}

/// A group that is as well as its `k`-th best member; see [`Group`].
///
/// A `k` of zero counts as one. With fewer than `k` members the group is unknown and says so.
#[must_use]
pub const fn quorum(k: usize) -> Group {
    Group::new(Need::AtLeast(if k == 0 { 1 } else { k }))
}

#[derive(Clone, Copy, Debug)]
enum Need {
    All,
    AtLeast(usize),
}

/// Several signals as one: [`all`], [`any`] or [`quorum`].
///
/// Levels are put in the order healthy, degraded, unknown, unhealthy, and the group has the level
/// of its `k`-th best member: the last for `all`, the first for `any`. That is the one level that
/// can be vouched for, whatever the unknown members turn out to be:
///
/// | members | `all` | `any` |
/// |---|---|---|
/// | none | unknown | unknown |
/// | healthy, healthy | healthy | healthy |
/// | healthy, degraded | degraded | healthy |
/// | healthy, unknown | unknown | healthy |
/// | healthy, unhealthy | unhealthy | healthy |
/// | degraded, degraded | degraded | degraded |
/// | degraded, unknown | unknown | degraded |
/// | degraded, unhealthy | unhealthy | degraded |
/// | unknown, unknown | unknown | unknown |
/// | unknown, unhealthy | unhealthy | unknown |
/// | unhealthy, unhealthy | unhealthy | unhealthy |
///
/// Each member is asked once and a stale answer counts as unknown. The other fields follow from
/// the members that the level rests on, which are the healthy ones of a healthy group, the
/// unhealthy ones of an unhealthy group, and otherwise all:
///
/// * `as_of` is the oldest of theirs, `samples` their sum;
/// * `valid_until` is the last instant before answers that go stale change the level;
/// * `since` is the earliest instant from which the members' own `since` prove the level;
/// * `score` is that of the `k`-th best member, and `reason` names it unless the group is healthy;
/// * `evidence` is theirs, that member's first, each name led by the member's, at most 32 values.
///
/// Levels do not depend on the order of members. A member that panics makes the group panic.
///
/// ```
/// use rely_core::{Instant, Level, Verdict};
/// use rely_core::signal::{self, Signal};
///
/// let says = |level| move |now: Instant| Verdict::new(level, now);
/// let zones = signal::quorum(2)
///     .member("a", says(Level::Healthy))
///     .member("b", says(Level::Unhealthy))
///     .member("c", says(Level::Healthy));
/// let verdict = zones.verdict(Instant::ORIGIN);
/// assert_eq!(verdict.level, Level::Healthy);
/// assert_eq!(verdict.reason, "2 of 3 healthy, 2 needed");
/// ```
#[derive(Clone)]
pub struct Group {
    need: Need,
    members: Vec<(Cow<'static, str>, Arc<dyn Signal>)>,
}

impl Group {
    const fn new(need: Need) -> Self {
        Self { need, members: Vec::new() }
    }

    /// Adds a member, under the name that reasons and evidence will call it by.
    #[must_use]
    pub fn member(
        mut self,
        name: impl Into<Cow<'static, str>>,
        signal: impl Signal + 'static,
    ) -> Self {
        self.members.push((name.into(), Arc::new(signal)));
        self
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members, which makes the group unknown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl Signal for Group {
    fn verdict(&self, now: Instant) -> Verdict {
        if self.members.is_empty() {
            return Verdict::unknown(now, "no members");
        }
        let k = match self.need {
            Need::All => self.members.len(),
            Need::AtLeast(k) => k,
        };
        if k > self.members.len() {
            let members = self.members.len();
            return Verdict::unknown(now, format!("{k} needed of {members} members"));
        }
        let mut answers: Vec<_> = self
            .members
            .iter()
            .map(|(name, signal)| Answer { name, verdict: signal.verdict(now).at(now) })
            .collect();
        answers.sort_by(|a, b| {
            let score = |answer: &Answer<'_>| answer.verdict.score.unwrap_or(0.0);
            a.rank().cmp(&b.rank()).then(score(a).total_cmp(&score(b)))
        });
        combine(&answers, k, now)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.members.iter().map(|(name, _)| name).collect();
        f.debug_struct("Group").field("need", &self.need).field("members", &names).finish()
    }
}

struct Answer<'a> {
    name: &'a str,
    verdict: Verdict,
}

impl Answer<'_> {
    fn rank(&self) -> u8 {
        rank(self.verdict.level)
    }
}

/// The order in which the `k`-th best is sought. Unlike the order of [`Level`] itself, a bad member
/// weighs more than an unknown one: one bad member is evidence enough.
const fn rank(level: Level) -> u8 {
    match level {
        Level::Healthy => 0,
        Level::Degraded => 1,
        Level::Unknown => 2,
        Level::Unhealthy => 3,
    }
}

/// `answers` in order of rank, `1 <= k <= answers.len()`.
fn combine(answers: &[Answer<'_>], k: usize, now: Instant) -> Verdict {
    let decider = &answers[k - 1];
    let level = decider.verdict.level;
    let rests_on = |answer: &&Answer<'_>| match level {
        Level::Healthy | Level::Unhealthy => answer.verdict.level == level,
        Level::Degraded | Level::Unknown => true,
    };
    let used = || answers.iter().filter(rests_on);

    let healthy = answers.iter().filter(|answer| answer.verdict.level == Level::Healthy).count();
    let mut reason = format!("{healthy} of {} healthy, {k} needed", answers.len());
    if level != Level::Healthy {
        reason = format!("{reason}; {}", decider.name);
        if !decider.verdict.reason.is_empty() {
            reason = format!("{reason}: {}", decider.verdict.reason);
        }
    }

    let others = used().filter(|answer| !core::ptr::eq(*answer, decider));
    let evidence = core::iter::once(decider)
        .chain(others)
        .flat_map(|answer| answer.verdict.evidence.iter().map(|evidence| (answer.name, evidence)))
        .take(MAX_EVIDENCE)
        .map(|(name, evidence)| Evidence {
            name: Cow::Owned(format!("{name}.{}", evidence.name)),
            value: evidence.value,
        })
        .collect();

    Verdict {
        level,
        as_of: used().map(|answer| answer.verdict.as_of).min().unwrap_or(now),
        valid_until: valid_until(answers, k),
        since: proven_since(answers, k),
        score: decider.verdict.score,
        samples: used().fold(0, |sum, answer| answer.verdict.samples.saturating_add(sum)),
        reason: Cow::Owned(reason),
        evidence,
    }
}

/// Lets the answers go stale one after the other; the one that changes the level ends the verdict.
fn valid_until(answers: &[Answer<'_>], k: usize) -> Instant {
    let mut counts = [0_usize; 4];
    for answer in answers {
        counts[usize::from(answer.rank())] += 1;
    }
    let kth_rank = |counts: &[usize; 4]| {
        let mut seen = 0;
        counts.iter().position(|count| {
            seen += count;
            seen >= k
        })
    };
    let level = kth_rank(&counts);
    // An unknown answer cannot become any more unknown.
    let mut ends: Vec<_> = answers
        .iter()
        .filter(|answer| answer.verdict.level != Level::Unknown)
        .map(|answer| (answer.verdict.valid_until, usize::from(answer.rank())))
        .collect();
    ends.sort_unstable();
    for same_end in ends.chunk_by(|a, b| a.0 == b.0) {
        for (_, rank_before) in same_end {
            counts[*rank_before] -= 1;
            counts[usize::from(rank(Level::Unknown))] += 1;
        }
        if kth_rank(&counts) != level {
            return same_end[0].0;
        }
    }
    Instant::MAX
}

/// At an earlier instant a member counts for what it says now if it has said so since before, and
/// could have been anything otherwise. The level is proven from the instant on from which `k`
/// members were surely no worse and `n - k + 1` surely no better.
fn proven_since(answers: &[Answer<'_>], k: usize) -> Instant {
    let level = answers[k - 1].rank();
    let nth_earliest = |n: usize, counts: &dyn Fn(u8) -> bool| {
        let mut sinces: Vec<_> = answers
            .iter()
            .filter(|answer| counts(answer.rank()))
            .map(|answer| answer.verdict.since)
            .collect();
        sinces.sort_unstable();
        sinces.get(n - 1).copied().unwrap_or(Instant::MAX)
    };
    let no_worse = if level == rank(Level::Unhealthy) {
        Instant::ORIGIN
    } else {
        nth_earliest(k, &|rank| rank <= level)
    };
    let no_better = if level == rank(Level::Healthy) {
        Instant::ORIGIN
    } else {
        nth_earliest(answers.len() - k + 1, &|rank| rank >= level)
    };
    no_worse.max(no_better)
}
