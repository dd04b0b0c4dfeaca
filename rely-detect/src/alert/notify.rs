//! Who is told what, and when.

use std::sync::Arc;

use rely_core::Instant;

use super::config::Route;
use super::effect::{Effect, Notification, NotifyKind, Suppressed};
use super::incident::Incident;
use super::labels::AlertKey;
use super::machine::Alerts;

/// What an incident has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    New,
    Raise,
    Step,
    Update,
    Remind,
    Flap,
    Hold(Suppressed),
    AckOver,
    Close,
}

impl Alerts {
    fn route(&self, incident: &Incident) -> Option<&Route> {
        let routes = &self.config.routes;
        // A route may be gone since the incident was kept; the last one takes all.
        routes.iter().find(|route| route.name == incident.route).or(routes.last())
    }

    /// Whether another alert of the same incident says as much.
    pub(super) fn is_inhibited(&self, id: u64, key: &AlertKey) -> bool {
        let Some(sources) = self.sources.get(&id) else { return false };
        let Some(incident) = self.kept.incidents.get(&id) else { return false };
        let fires = |other: &&AlertKey| {
            incident.members.get(*other).is_some_and(|member| member.state.is_active())
        };
        let mut about = self.config.inhibitions.iter().filter(|rule| rule.aims_at(key));
        about.any(|rule| sources.iter().filter(fires).any(|other| rule.inhibits(other, key)))
    }

    fn silenced(&self, key: &AlertKey, now: Instant) -> Option<Suppressed> {
        let silence = self.kept.silences.values().find(|silence| silence.mutes(key, now))?;
        let again = silence.every.is_some();
        Some(if again { Suppressed::Maintenance } else { Suppressed::Silenced })
    }

    /// Whether an incident is heard after this alert fires in it, where it was or was not before.
    pub(super) fn heard_with(&self, id: u64, key: &AlertKey, heard: bool, now: Instant) -> bool {
        let incident = self.kept.incidents.get(&id);
        let Some(member) = incident.and_then(|one| one.members.get(key)) else { return heard };
        let audible = member.state.is_active()
            && !member.flapping
            && self.silenced(key, now).is_none()
            && !self.is_inhibited(id, key);
        // One that is not heard can hush others, if it is a source.
        audible || (heard && (!self.is_source(id, key) || self.hearing(id, now).is_ok()))
    }

    /// Whether it is heard after this alert is over, or flaps.
    pub(super) fn heard_without(&self, id: u64, key: &AlertKey, heard: bool, now: Instant) -> bool {
        (heard || self.is_source(id, key)) && self.hearing(id, now).is_ok()
    }

    fn is_source(&self, id: u64, key: &AlertKey) -> bool {
        self.sources.get(&id).is_some_and(|sources| sources.contains(key))
    }

    /// Whether anybody is to hear of an incident's alerts now, and why not.
    pub(super) fn hearing(&self, id: u64, now: Instant) -> Result<(), Option<Suppressed>> {
        let Some(incident) = self.kept.incidents.get(&id) else { return Err(None) };
        let is_target =
            |key: &AlertKey| self.config.inhibitions.iter().any(|rule| rule.aims_at(key));
        let (mut why, mut targets) = (None, Vec::new());
        // Those that nothing can inhibit first: they are quickly told.
        for (key, member) in incident.active() {
            let reason = match self.silenced(key, now) {
                Some(reason) => reason,
                None if is_target(key) => {
                    targets.push((key, member.flapping));
                    continue;
                }
                None if member.flapping => Suppressed::Flapping,
                None => return Ok(()),
            };
            // Flapping is told, so it comes before what is not.
            if why != Some(Suppressed::Flapping) {
                why = Some(reason);
            }
        }
        for (key, flapping) in targets {
            match (self.is_inhibited(id, key), flapping) {
                (false, false) => return Ok(()),
                (false, true) => why = Some(Suppressed::Flapping),
                (true, _) if why == Some(Suppressed::Flapping) => {}
                (true, _) => why = Some(Suppressed::Inhibited),
            }
        }
        Err(why)
    }

    /// Notes since when an incident can be heard or is quiet.
    pub(super) fn refresh(&mut self, id: u64, now: Instant) {
        let heard = self.hearing(id, now).is_ok();
        self.note(id, heard, now);
    }

    /// Notes whether an incident is heard, and whether it is quiet.
    pub(super) fn note(&mut self, id: u64, heard: bool, now: Instant) {
        let Some(incident) = self.kept.incidents.get_mut(&id) else { return };
        let active = incident.active().next().is_some();
        let book = &mut incident.book;
        if heard {
            book.audible_since.get_or_insert(now);
            if !matches!(book.held, Some(Suppressed::RateLimited)) {
                book.held = None;
            }
        } else {
            book.audible_since = None;
        }
        if active {
            book.quiet_since = None;
        } else {
            book.quiet_since.get_or_insert(now);
        }
    }

    pub(super) fn refresh_all(&mut self, now: Instant) {
        let ids: Vec<u64> = self.kept.incidents.keys().copied().collect();
        for id in ids {
            self.refresh(id, now);
        }
    }

    /// What is next, and when.
    fn next(&self, incident: &Incident) -> Option<(Instant, Action)> {
        let (route, book) = (self.route(incident)?, &incident.book);
        if let Some(quiet) = book.quiet_since {
            // All of its alerts went to another one.
            if incident.members.is_empty() {
                return Some((quiet, Action::Close));
            }
            // One that somebody was called for is not kept open for what flaps on: the next call must
            // not be taken for a part of it.
            let flapping = incident.notified.is_none()
                && incident.members.values().any(|member| member.flapping);
            return (!flapping).then_some((quiet + route.close_after, Action::Close));
        }
        let mut due = Vec::with_capacity(5);
        if let Some(acknowledged) = &incident.acknowledged {
            due.push((acknowledged.at + route.acknowledged_for, Action::AckOver));
        }
        match (book.audible_since, incident.notified) {
            (None, _) => match self.hearing(incident.id, self.kept.now) {
                Err(Some(Suppressed::Flapping)) if !book.flapping_told => {
                    due.push((Instant::ORIGIN, Action::Flap));
                }
                Err(Some(reason)) if book.held != Some(reason) => {
                    due.push((Instant::ORIGIN, Action::Hold(reason)));
                }
                _ => {}
            },
            (Some(since), None) => due.push((since + route.group_wait, Action::New)),
            (Some(_), Some(_)) => {
                if incident.severity > book.severity {
                    due.push((Instant::ORIGIN, Action::Raise));
                }
                if let (Some(step), None) =
                    (route.escalation.get(book.step), &incident.acknowledged)
                {
                    due.push((book.step_from + step.after, Action::Step));
                }
                if book.news {
                    due.push((book.last + route.group_interval, Action::Update));
                }
                due.push((book.last + route.repeat, Action::Remind));
            }
        }
        // The first of those that are due at the same time.
        due.into_iter().min_by_key(|(at, _)| *at)
    }

    /// When something has to be done, later than now.
    pub(super) fn due_at(&self, incident: &Incident) -> Option<Instant> {
        let (at, _) = self.next(incident)?;
        if at > self.kept.now {
            return Some(at);
        }
        // It waits for a receiver.
        let receivers = self.config.receivers.iter();
        let free = receivers.filter_map(|one| Some(self.kept.told.get(&one.name)?.free_at(one)));
        free.filter(|at| *at > self.kept.now).min()
    }

    /// Does all that is due.
    pub(super) fn settle(&mut self, id: u64, now: Instant) {
        // Each action puts off itself; the bound is for what a mistake could do.
        for _ in 0..64 {
            let Some(incident) = self.kept.incidents.get(&id) else { return };
            match self.next(incident) {
                Some((at, action)) if at <= now => {
                    if !self.act(id, action, now) {
                        return;
                    }
                }
                _ => return,
            }
        }
    }

    /// Does it; false if it has to wait for a receiver.
    fn act(&mut self, id: u64, action: Action, now: Instant) -> bool {
        let config = Arc::clone(&self.config);
        let Some(incident) = self.kept.incidents.get(&id) else { return false };
        let routes = &config.routes;
        let route = routes.iter().find(|one| one.name == incident.route).or(routes.last());
        let Some(route) = route else { return false };
        match action {
            Action::New | Action::Raise => {
                let kind =
                    if action == Action::New { NotifyKind::New } else { NotifyKind::Escalated };
                if !self.tell(id, &route.receiver, kind, now) {
                    return false;
                }
                self.with(id, |incident| {
                    if action == Action::New {
                        incident.notified = Some(now);
                        (incident.book.step, incident.book.step_from) = (0, now);
                    }
                    (incident.book.last, incident.book.news) = (now, false);
                    incident.book.severity = incident.severity;
                });
                if action == Action::New {
                    self.called(id);
                }
            }
            Action::Step => {
                let step = incident.book.step;
                let Some(escalation) = route.escalation.get(step) else { return false };
                if !self.tell(id, &escalation.receiver, NotifyKind::Escalated, now) {
                    return false;
                }
                self.with(id, |incident| {
                    (incident.book.step, incident.book.step_from) = (step + 1, now);
                });
            }
            Action::Update | Action::Remind => self.again(id, action, now),
            Action::Flap => {
                if !self.tell(id, &route.receiver, NotifyKind::Flapping, now) {
                    return false;
                }
                self.with(id, |incident| incident.book.flapping_told = true);
            }
            Action::Hold(reason) => {
                self.with(id, |incident| incident.book.held = Some(reason));
                self.hold(reason, Some(id));
            }
            Action::AckOver => self.unacknowledge(id, now),
            Action::Close => return self.close(id, now),
        }
        true
    }

    /// Tells again those who know already; who has heard too much hears it next time.
    fn again(&mut self, id: u64, action: Action, now: Instant) {
        let Some(incident) = self.kept.incidents.get(&id) else { return };
        let update = action == Action::Update;
        if !update && incident.acknowledged.is_some() {
            self.with(id, |incident| incident.book.last = now);
            return self.hold(Suppressed::Acknowledged, Some(id));
        }
        let kind = if update { NotifyKind::Update } else { NotifyKind::Reminder };
        let mut all = true;
        for receiver in incident.book.receivers.clone() {
            self.with(id, |incident| incident.book.held = None);
            all &= self.tell(id, &receiver, kind, now);
        }
        self.with(id, |incident| {
            incident.book.last = now;
            incident.book.news &= !all;
            incident.book.held = None;
        });
    }

    pub(super) fn unacknowledge(&mut self, id: u64, now: Instant) {
        self.with(id, |incident| {
            incident.acknowledged = None;
            incident.book.step_from = now;
        });
        self.push(Effect::Acknowledged { at: now, incident: id, by: None });
    }

    /// Closes what would have been before `now`, had anybody ticked.
    pub(super) fn close_overdue(&mut self, now: Instant) {
        let quiet = |one: &&Incident| one.book.quiet_since.is_some();
        let over = |one: &Incident| match self.next(one) {
            Some((at, Action::Close)) if at < now => Some(one.id),
            _ => None,
        };
        let ids: Vec<_> = self.kept.incidents.values().filter(quiet).filter_map(over).collect();
        for id in ids {
            self.close(id, now);
        }
    }

    fn close(&mut self, id: u64, now: Instant) -> bool {
        let Some(incident) = self.kept.incidents.get(&id) else { return false };
        // All are told that it is over, or it is not: who was told would not hear of it if it went on.
        let waits = |name: &&String| {
            let receiver = self.receivers.get(*name).and_then(|at| self.config.receivers.get(*at));
            let told = self.kept.told.get(*name);
            receiver.zip(told).is_some_and(|(receiver, told)| told.free_at(receiver) > now)
        };
        if let Some(full) = incident.book.receivers.iter().find(waits).cloned() {
            return self.tell(id, &full, NotifyKind::Resolved, now);
        }
        let told = incident.notified.is_some() || incident.book.flapping_told;
        let brief = !told && incident.book.held.is_none() && !incident.members.is_empty();
        for receiver in incident.book.receivers.clone() {
            if !self.tell(id, &receiver, NotifyKind::Resolved, now) {
                return false;
            }
            self.with(id, |incident| {
                incident.book.receivers.remove(&receiver);
            });
        }
        if brief {
            self.hold(Suppressed::Brief, Some(id));
        }
        let Some(incident) = self.kept.incidents.remove(&id) else { return false };
        self.sources.remove(&id);
        for key in incident.members.keys() {
            if let Some(series) = self.kept.series_mut(&key.rule, &key.labels) {
                series.incident = None;
            }
        }
        self.kept.stats.entry(incident.first.rule.clone()).or_default().closed(&incident, now);
        self.push(Effect::Closed { at: now, incident: id });
        true
    }

    fn called(&mut self, id: u64) {
        let Some(incident) = self.kept.incidents.get(&id) else { return };
        let acted = incident.book.acted;
        let stats = self.kept.stats.entry(incident.first.rule.clone()).or_default();
        stats.called(acted);
    }

    fn with(&mut self, id: u64, change: impl FnOnce(&mut Incident)) {
        if let Some(incident) = self.kept.incidents.get_mut(&id) {
            change(incident);
        }
    }

    /// Tells a receiver, if there is room for it.
    fn tell(&mut self, id: u64, name: &str, kind: NotifyKind, now: Instant) -> bool {
        let config = Arc::clone(&self.config);
        // Somebody who is no receiver any more need not be told.
        let receiver = self.receivers.get(name).and_then(|at| config.receivers.get(*at));
        let Some(receiver) = receiver else { return true };
        let told = self.kept.told.entry(name.to_owned()).or_default();
        let Some(withheld) = told.send(receiver, now) else {
            let waits = self.kept.incidents.get(&id).and_then(|incident| incident.book.held);
            if waits != Some(Suppressed::RateLimited) {
                told.withheld = told.withheld.saturating_add(1);
                self.with(id, |incident| incident.book.held = Some(Suppressed::RateLimited));
                self.hold(Suppressed::RateLimited, Some(id));
            }
            return false;
        };
        let Some(incident) = self.kept.incidents.get_mut(&id) else { return true };
        incident.book.held = None;
        incident.book.receivers.insert(name.to_owned());
        let notification = self.compose(id, name, kind, withheld);
        if let Some(notification) = notification {
            self.push(Effect::Notify(Box::new(notification)));
        }
        true
    }

    fn compose(
        &self,
        id: u64,
        receiver: &str,
        kind: NotifyKind,
        withheld: u64,
    ) -> Option<Notification> {
        const SHOWN: usize = 20;
        let incident = self.kept.incidents.get(&id)?;
        let first = &incident.first;
        let rule = self.rule(&first.rule);
        let mut summary = first.to_string();
        let why = self.kept.series_of(&first.rule, &first.labels).map_or("", |one| &one.why);
        if !why.is_empty() {
            summary = format!("{summary}: {why}");
        }
        let active = incident.active().count();
        let others = incident.active().filter(|(key, _)| *key != first).count();
        if others > 0 {
            summary = format!("{summary}; and {others} more");
        }
        if let (NotifyKind::Resolved, true) = (kind, incident.members.is_empty()) {
            summary = "part of another incident".to_owned();
        }
        Some(Notification {
            at: self.kept.now,
            receiver: receiver.to_owned(),
            kind,
            incident: id,
            dedupe_key: format!("{}/{id}", self.name),
            severity: incident.severity,
            summary,
            suspect: incident.suspects.first().cloned(),
            alerts: incident.active().take(SHOWN).map(|(key, _)| key.clone()).collect(),
            active,
            runbook: rule.and_then(|rule| rule.runbook.clone()),
            owner: rule.and_then(|rule| rule.owner.clone()),
            withheld,
        })
    }
}
