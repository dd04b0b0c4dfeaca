//! Silences and maintenance windows.

use core::time::Duration;

use rely_core::Instant;

use super::labels::{AlertKey, Matcher, all_match};
use super::observation::short;

/// Some alerts are not told about for a while: a silence, or, where it comes back, a maintenance
/// window. They are judged all the same; what still fires in the end is told then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Silence {
    /// Which alerts: those that all of them match. At least one.
    pub matchers: Vec<Matcher>,
    /// From when on.
    pub start: Instant,
    /// Until when, which is not part of it.
    pub end: Instant,
    /// It comes back after this time, again and again; longer than it lasts. Then it is a maintenance
    /// window.
    pub every: Option<Duration>,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub reason: String,
}

impl Silence {
    /// A silence of `matchers` from `start` to `end`.
    #[must_use]
    pub fn new(
        matchers: impl IntoIterator<Item = Matcher>,
        start: Instant,
        end: Instant,
        author: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let (author, reason) = (author.into(), reason.into());
        Self { matchers: matchers.into_iter().collect(), start, end, every: None, author, reason }
    }

    /// The same, again and again: a maintenance window.
    #[must_use]
    pub const fn every(mut self, every: Duration) -> Self {
        self.every = Some(every);
        self
    }

    /// Whether it could work.
    pub(super) fn is_sound(&self) -> bool {
        let matchers = &self.matchers;
        let small = |matcher: &Matcher| {
            let bytes: usize = matcher.any_of.iter().map(String::len).sum();
            (1..=256).contains(&matcher.any_of.len()) && matcher.label.len() + bytes <= 4096
        };
        (1..=16).contains(&matchers.len())
            && matchers.iter().all(small)
            && self.end > self.start
            && self.every.is_none_or(|every| every > self.end - self.start)
    }

    pub(super) fn cut(mut self) -> Self {
        self.author = short(self.author);
        self.reason = short(self.reason);
        self
    }

    /// How far `now` is into the round that it is in.
    fn phase(&self, now: Instant) -> Duration {
        let into = now - self.start;
        match self.every {
            None => into,
            Some(every) => {
                let rest = into.as_nanos() % every.as_nanos().max(1);
                Duration::from_nanos(u64::try_from(rest).unwrap_or(u64::MAX))
            }
        }
    }

    pub(super) fn holds(&self, now: Instant) -> bool {
        now >= self.start && self.phase(now) < self.end - self.start
    }

    pub(super) fn mutes(&self, alert: &AlertKey, now: Instant) -> bool {
        self.holds(now) && all_match(&self.matchers, alert)
    }

    /// When it begins or ends next.
    pub(super) fn turns_at(&self, now: Instant) -> Option<Instant> {
        if now < self.start {
            return Some(self.start);
        }
        let (round, lasts) = (now - self.phase(now), self.end - self.start);
        if now < round + lasts {
            return Some(round + lasts);
        }
        self.every.map(|every| round + every)
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.every.is_none() && now >= self.end
    }

    /// Puts it on another clock, where `to` is the moment that was `from`. A round of a maintenance
    /// window that began before the other clock did is given back as a silence for the rest of it, for
    /// the window itself begins with the next one.
    pub(super) fn rebase(&mut self, from: Instant, to: Instant) -> Option<Self> {
        let shift = |at: Instant| if at >= from { to + (at - from) } else { to - (from - at) };
        let lasts = self.end - self.start;
        // What was that long before the other clock's beginning.
        let before = (from - to.since_origin()) - self.start;
        let mut rest = None;
        if let Some(every) = self.every.filter(|_| !before.is_zero()) {
            let origin = self.start + before;
            let round = origin - self.phase(origin);
            if round < origin {
                if origin < round + lasts {
                    let (start, end) = (shift(origin), shift(round + lasts));
                    rest = Some(Self { start, end, every: None, ..self.clone() });
                }
                self.start = round + every;
            } else {
                self.start = round;
            }
            self.end = self.start + lasts;
        }
        (self.start, self.end) = (shift(self.start), shift(self.end));
        rest
    }
}

/// The id of what is left of a round after a restart.
pub(super) fn rest_of(id: &str) -> String {
    format!("{id} (rest)")
}
