//! What belongs together.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use rely_core::Instant;

use super::labels::AlertKey;
use super::series::AlertState;
use crate::Labels;
use crate::slo::Severity;

/// An alert in an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Member {
    /// When it fired first in this incident.
    pub since: Instant,
    /// Where it stands.
    pub state: AlertState,
    /// Whether it flaps.
    pub flapping: bool,
    /// How urgent its rule is.
    pub severity: Severity,
}

/// Who looks after an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Instant,
}

/// Alerts with one cause, about which somebody is called once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Incident {
    /// Its number; none is used twice.
    pub id: u64,
    /// The route that it goes.
    pub route: String,
    /// What its alerts have in common.
    pub group: Labels,
    /// The highest of its alerts.
    pub severity: Severity,
    /// When its first alert fired.
    pub opened: Instant,
    /// Its alerts, those that are over included, until it is closed.
    #[cfg_attr(feature = "serde", serde(with = "super::pairs"))]
    pub members: BTreeMap<AlertKey, Member>,
    /// What it comes from, where that was given.
    pub cause: Option<String>,
    /// Who is to blame, the likeliest first; 8 at most.
    pub suspects: Vec<String>,
    /// Who looks after it.
    pub acknowledged: Option<Acknowledged>,
    /// When somebody was called.
    pub notified: Option<Instant>,
    pub(super) first: AlertKey,
    pub(super) book: Book,
}

/// What an incident keeps about its notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Book {
    /// Since when it could be heard.
    pub(super) audible_since: Option<Instant>,
    /// Since when all alerts are over.
    pub(super) quiet_since: Option<Instant>,
    pub(super) last: Instant,
    /// The severity that was told.
    pub(super) severity: Severity,
    /// There is news.
    pub(super) news: bool,
    /// The next step of the escalation, and from when its time counts.
    pub(super) step: usize,
    pub(super) step_from: Instant,
    pub(super) flapping_told: bool,
    /// Why nobody was told when somebody would have been.
    pub(super) held: Option<super::Suppressed>,
    /// Somebody has acknowledged it at some time.
    pub(super) acted: bool,
    /// Everybody who was told.
    pub(super) receivers: BTreeSet<String>,
}

impl Incident {
    /// Most suspects that are kept.
    pub const MOST_SUSPECTS: usize = 8;

    pub(super) fn new(
        id: u64,
        route: String,
        group: Labels,
        first: AlertKey,
        severity: Severity,
        now: Instant,
    ) -> Self {
        Self {
            id,
            route,
            group,
            severity,
            opened: now,
            members: BTreeMap::new(),
            cause: None,
            suspects: Vec::new(),
            acknowledged: None,
            notified: None,
            first,
            book: Book {
                audible_since: None,
                quiet_since: None,
                last: now,
                severity,
                news: false,
                step: 0,
                step_from: now,
                flapping_told: false,
                held: None,
                acted: false,
                receivers: BTreeSet::new(),
            },
        }
    }

    /// The alert that fired first.
    #[must_use]
    pub const fn first(&self) -> &AlertKey {
        &self.first
    }

    /// The alerts that fire or are not over for good.
    pub fn active(&self) -> impl Iterator<Item = (&AlertKey, &Member)> {
        self.members.iter().filter(|(_, member)| member.state.is_active())
    }

    /// Puts a suspect at the end, or at the front.
    pub(super) fn suspect(&mut self, suspect: String, front: bool) {
        if front {
            self.suspects.retain(|other| *other != suspect);
            self.suspects.insert(0, suspect);
        } else if !self.suspects.contains(&suspect) {
            self.suspects.push(suspect);
        }
        self.suspects.truncate(Self::MOST_SUSPECTS);
    }

    /// Whether nothing in it is later than `now`.
    pub(super) fn is_past(&self, now: Instant) -> bool {
        let book = &self.book;
        let known = [self.notified, book.audible_since, book.quiet_since];
        let known = known.into_iter().flatten().chain(self.acknowledged.as_ref().map(|one| one.at));
        let known = known.chain(self.members.values().map(|member| member.since));
        known.chain([self.opened, book.last, book.step_from]).all(|at| at <= now)
    }

    pub(super) fn shift(&mut self, shift: impl Fn(Instant) -> Instant) {
        let book = &mut self.book;
        for at in [&mut self.opened, &mut book.last, &mut book.step_from] {
            *at = shift(*at);
        }
        for at in [&mut self.notified, &mut book.audible_since, &mut book.quiet_since] {
            *at = at.map(&shift);
        }
        for member in self.members.values_mut() {
            member.since = shift(member.since);
        }
        if let Some(acknowledged) = &mut self.acknowledged {
            acknowledged.at = shift(acknowledged.at);
        }
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}: {}", self.id, self.first)?;
        match self.active().filter(|(key, _)| **key != self.first).count() {
            0 => {}
            more => write!(f, " and {more} more")?,
        }
        match self.suspects.first() {
            Some(suspect) => write!(f, ", suspect: {suspect}"),
            None => Ok(()),
        }
    }
}
