//! Which alerts are one incident.

use std::collections::BTreeSet;

use rely_core::Instant;

use super::config::Route;
use super::effect::{Effect, Suppressed};
use super::incident::{Incident, Member};
use super::labels::AlertKey;
use super::machine::Alerts;
use super::observation::Observation;
use super::rule::AlertRule;
use super::series::{AlertState, Step};
use crate::Labels;

impl Alerts {
    /// Takes over what happened to an alert: into its incident, the statistics and the effects.
    pub(super) fn digest(&mut self, rule: &AlertRule, key: &AlertKey, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::Moved { from, to, at, reason } => {
                    let stats = self.kept.stats.entry(rule.name.clone()).or_default();
                    stats.moved(from, to, at);
                    self.push(Effect::Moved { at, alert: key.clone(), from, to, reason });
                    self.moved(rule, key, to, at);
                }
                Step::Flaps { at } => {
                    self.kept.stats.entry(rule.name.clone()).or_default().flaps();
                    self.flaps(key, at, true);
                }
                Step::Steady { at, lasting: _ } => self.flaps(key, at, false),
            }
        }
    }

    fn flaps(&mut self, key: &AlertKey, at: Instant, flapping: bool) {
        self.push(Effect::Flapping { at, alert: key.clone(), flapping });
        let incident = self.kept.series_of(&key.rule, &key.labels).and_then(|one| one.incident);
        let Some(incident) = incident.and_then(|id| self.kept.incidents.get_mut(&id)) else {
            return;
        };
        if let Some(member) = incident.members.get_mut(key) {
            member.flapping = flapping;
        }
        let (id, heard) = (incident.id, incident.book.audible_since.is_some());
        let heard = if flapping {
            self.heard_without(id, key, heard, at)
        } else {
            self.heard_with(id, key, heard, at)
        };
        self.note(id, heard, at);
    }

    fn moved(&mut self, rule: &AlertRule, key: &AlertKey, to: AlertState, at: Instant) {
        let Some(series) = self.kept.series_of(&key.rule, &key.labels) else { return };
        let (incident, flapping) = (series.incident, series.history.flapping);
        let (cause, suspect) = (series.caused_by.clone(), series.suspect.clone());
        if let Some(incident) = incident.and_then(|id| self.kept.incidents.get_mut(&id)) {
            let Some(member) = incident.members.get_mut(key) else { return };
            let was = core::mem::replace(&mut member.state, to);
            // One that begins or ends to flap has a step for it.
            if was.is_active() == to.is_active() {
                return;
            }
            member.flapping = flapping;
            incident.book.news = true;
            let (id, heard) = (incident.id, incident.book.audible_since.is_some());
            let heard = if to.is_active() {
                self.heard_with(id, key, heard, at)
            } else {
                self.heard_without(id, key, heard, at)
            };
            self.note(id, heard, at);
        } else if to == AlertState::Firing {
            let route = self.config.routes.iter().find(|route| route.takes(key));
            // The last route takes all, so that there is always one.
            let Some(route) = route.cloned() else { return };
            let id = self.find(key, &route, cause.as_deref()).unwrap_or_else(|| {
                let id = self.kept.next_id;
                self.kept.next_id = id.saturating_add(1);
                let group = self.group(key, &route);
                let (name, first) = (route.name.clone(), key.clone());
                let incident = Incident::new(id, name, group, first, rule.severity, at);
                self.kept.incidents.insert(id, incident);
                id
            });
            let state = to;
            let member = Member { since: at, state, flapping, severity: rule.severity };
            self.join(key, member, id, &route.name, at, None);
            if let Some(incident) = self.kept.incidents.get_mut(&id) {
                incident.cause = incident.cause.take().or(cause);
                suspect.into_iter().for_each(|suspect| incident.suspect(suspect, false));
            }
        }
    }

    fn group(&self, key: &AlertKey, route: &Route) -> Labels {
        if self.kept.incidents.len() >= self.config.max_incidents {
            return Labels::of([("", "no room for another incident")]);
        }
        Labels::of(route.group_by.iter().map(|name| (name.clone(), key.label(name))))
    }

    /// The open incident that an alert is a part of: by its cause, by an inhibition in either
    /// direction, or by its group.
    fn find(&self, key: &AlertKey, route: &Route, cause: Option<&str>) -> Option<u64> {
        // One whose alerts all went to another one takes no more.
        let incidents = || self.kept.incidents.values().filter(|one| !one.members.is_empty());
        // Others may have named this one as their cause before it fired.
        let named = || {
            let text = key.to_string();
            incidents().find(|one| one.cause.as_ref() == Some(&text)).map(|one| one.id)
        };
        let by_cause = cause.and_then(|cause| self.by_cause(cause)).or_else(named);
        let inhibitions = &self.config.inhibitions;
        let sources = inhibitions.iter().any(|rule| rule.aims_from(key));
        let by_inhibition = || {
            let hushed = |one: &&Incident| self.is_inhibited(one.id, key);
            let hushes = |one: &&Incident| {
                let mut others = one.active().filter(|_| sources);
                others.any(|(other, _)| inhibitions.iter().any(|rule| rule.inhibits(key, other)))
            };
            incidents().find(|one| hushed(one) || hushes(one)).map(|one| one.id)
        };
        let by_group = || {
            let group = self.group(key, route);
            incidents()
                .find(|one| one.route == route.name && one.group == group)
                .map(|incident| incident.id)
        };
        by_cause.or_else(by_inhibition).or_else(by_group)
    }

    fn by_cause(&self, cause: &str) -> Option<u64> {
        let is = |incident: &&Incident| incident.cause.as_deref() == Some(cause);
        // Keys are put into words only where a cause looks like one.
        let names = |incident: &&Incident| {
            cause.ends_with('}')
                && incident
                    .members
                    .keys()
                    .any(|key| cause.starts_with(&*key.rule) && key.to_string() == cause)
        };
        let incidents = || self.kept.incidents.values().filter(|one| !one.members.is_empty());
        incidents().find(is).or_else(|| incidents().find(names)).map(|incident| incident.id)
    }

    fn join(
        &mut self,
        key: &AlertKey,
        member: Member,
        id: u64,
        route: &str,
        at: Instant,
        left: Option<u64>,
    ) {
        if let Some(series) = self.kept.series_mut(&key.rule, &key.labels) {
            series.incident = Some(id);
        }
        let Some(incident) = self.kept.incidents.get_mut(&id) else { return };
        if member.severity > incident.severity {
            // Whoever is called for what is urgent is called for all of it.
            incident.severity = member.severity;
            route.clone_into(&mut incident.route);
        }
        let joins = !incident.members.is_empty() && left.is_none();
        let news = member.state.is_active();
        let heard = incident.book.audible_since.is_some();
        incident.members.insert(key.clone(), member);
        if self.config.inhibitions.iter().any(|rule| rule.aims_from(key)) {
            self.sources.entry(id).or_default().insert(key.clone());
        }
        let heard = self.heard_with(id, key, heard, at);
        if joins {
            let inhibited = self.is_inhibited(id, key);
            let reason = if inhibited { Suppressed::Inhibited } else { Suppressed::Joined };
            self.hold(reason, Some(id));
            if let Some(incident) = self.kept.incidents.get_mut(&id) {
                incident.book.news |= news && !inhibited && heard;
            }
        }
        self.push(Effect::Joined { at, alert: key.clone(), incident: id, left });
        self.note(id, heard, at);
    }

    /// The members of an incident that an inhibition may take for its source.
    pub(super) fn sources_of(&self, incident: &Incident) -> BTreeSet<AlertKey> {
        let rules = &self.config.inhibitions;
        let is = |key: &&AlertKey| rules.iter().any(|rule| rule.aims_from(key));
        incident.members.keys().filter(is).cloned().collect()
    }

    /// Moves all alerts of an incident into another one, and closes it.
    pub(super) fn merge(&mut self, from: u64, into: u64, at: Instant) {
        let left = self.kept.incidents.get(&from);
        let keys: Vec<_> = left.map_or_else(Vec::new, |one| one.members.keys().cloned().collect());
        for key in &keys {
            self.relocate(key, into, at);
        }
    }

    fn relocate(&mut self, key: &AlertKey, into: u64, at: Instant) {
        let series = self.kept.series_of(&key.rule, &key.labels);
        let Some(from) = series.and_then(|one| one.incident) else { return };
        let Some(left) = self.kept.incidents.get_mut(&from).filter(|_| from != into) else {
            return;
        };
        let Some(member) = left.members.remove(key) else { return };
        if let Some(sources) = self.sources.get_mut(&from) {
            sources.remove(key);
        }
        let (route, empty) = (left.route.clone(), left.members.is_empty());
        let suspects = if empty { core::mem::take(&mut left.suspects) } else { Vec::new() };
        self.join(key, member, into, &route, at, Some(from));
        let left = self.kept.incidents.get(&from).filter(|_| empty).cloned();
        if let Some((incident, left)) = self.kept.incidents.get_mut(&into).zip(left) {
            suspects.into_iter().for_each(|suspect| incident.suspect(suspect, false));
            incident.cause = incident.cause.take().or(left.cause);
            // One of the two calls was made, and that is enough; so is who looks after it. What is more
            // urgent than that call was is told yet.
            if left.notified.is_some() && incident.notified.is_none() {
                incident.acknowledged = incident.acknowledged.take().or(left.acknowledged);
                incident.notified = Some(at);
                let book = &mut incident.book;
                book.receivers.extend(left.book.receivers);
                (book.last, book.step_from, book.step) = (at, at, left.book.step);
                (book.severity, book.news) = (left.book.severity, true);
                book.acted |= left.book.acted;
            }
        }
        self.refresh(from, at);
    }

    /// What an observation says about the cause, while its alert is active.
    pub(super) fn learn(&mut self, key: &AlertKey, seen: &Observation) {
        let now = self.kept.now;
        if let Some(cause) = &seen.caused_by {
            let here = self.kept.series_of(&key.rule, &key.labels).and_then(|one| one.incident);
            match self.by_cause(cause) {
                // What was one incident with it comes along: it has the same cause.
                Some(other) => {
                    if let Some(from) = here.filter(|here| *here != other) {
                        self.merge(from, other, now);
                    }
                }
                None => {
                    let here = here.and_then(|id| self.kept.incidents.get_mut(&id));
                    if let Some(incident) = here {
                        incident.cause.get_or_insert_with(|| cause.clone());
                    }
                }
            }
        }
        let Some(suspect) = &seen.suspect else { return };
        let here = self.kept.series_of(&key.rule, &key.labels).and_then(|one| one.incident);
        if let Some(incident) = here.and_then(|id| self.kept.incidents.get_mut(&id)) {
            incident.suspect(suspect.clone(), false);
        }
    }
}
