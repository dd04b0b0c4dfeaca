//! The machine, kept over a restart.

use std::collections::VecDeque;

use rely_core::{ConfigError, Instant};

use super::incident::Incident;
use super::labels::AlertKey;
use super::machine::Alerts;
use super::mute::{Silence, rest_of};
use super::observation::LONGEST;
use super::series::Series;
use super::state::Kept;

/// Everything that [`Alerts`] know, to be kept across restarts: states, incidents, silences, what was
/// told to whom, and the statistics. Effects that nobody took are not part of it.
///
/// It holds instants, which mean nothing on another clock: see [`AlertsSnapshot::rebase`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct AlertsSnapshot {
    version: u32,
    kept: Kept,
}

impl AlertsSnapshot {
    /// The version of the layout that this release writes and reads.
    pub const VERSION: u32 = 1;

    /// The same on another clock, where `to` is the moment that was `from` on the old one. What was
    /// before the origin of the new one counts as if it had been there.
    #[must_use]
    pub fn rebase(mut self, from: Instant, to: Instant) -> Self {
        let shift = |at: Instant| if at >= from { to + (at - from) } else { to - (from - at) };
        let kept = &mut self.kept;
        kept.now = shift(kept.now);
        let series = kept.series.values_mut().flat_map(|of_rule| of_rule.0.values_mut());
        series.for_each(|one| one.shift(shift));
        kept.incidents.values_mut().for_each(|one| one.shift(shift));
        let mut rests = Vec::new();
        for (id, silence) in &mut kept.silences {
            rests.extend(silence.rebase(from, to).map(|rest| (rest_of(id), rest)));
        }
        let room = Alerts::MOST_SILENCES.saturating_sub(kept.silences.len());
        kept.silences.extend(rests.into_iter().take(room));
        kept.silences.retain(|_, silence| silence.end > silence.start);
        kept.stats.values_mut().for_each(|one| one.shift(shift));
        for told in kept.told.values_mut() {
            told.sent.iter_mut().for_each(|at| *at = shift(*at));
        }
        self
    }
}

impl Alerts {
    /// Everything that it knows.
    #[must_use]
    pub fn snapshot(&self) -> AlertsSnapshot {
        AlertsSnapshot { version: AlertsSnapshot::VERSION, kept: self.kept.clone() }
    }

    /// Goes on with what was kept, in place of what this one knows. The configuration may be another
    /// one: alerts of rules that there are no more are left out, of incidents too.
    ///
    /// # Errors
    /// If the snapshot has another version, or holds what no machine could have kept; then nothing has
    /// changed.
    pub fn restore(&mut self, snapshot: AlertsSnapshot) -> Result<(), ConfigError> {
        let AlertsSnapshot { version, mut kept } = snapshot;
        if version != AlertsSnapshot::VERSION {
            let allowed = AlertsSnapshot::VERSION.to_string();
            return Err(ConfigError::new("snapshot.version", version, allowed));
        }
        check(&kept)?;
        kept.series.retain(|rule, _| self.rules.contains_key(rule));
        kept.stats.retain(|rule, _| self.rules.contains_key(rule));
        kept.told.retain(|name, _| self.receivers.contains_key(name));
        let series = kept.series.values().map(|of_rule| of_rule.0.len()).sum();
        if series > self.config.max_series {
            let allowed = format!("at most {}, as configured", self.config.max_series);
            return Err(ConfigError::new("snapshot.kept.series", series, allowed));
        }
        for incident in kept.incidents.values_mut() {
            incident.members.retain(|key, _| self.rules.contains_key(&key.rule));
        }
        let now = kept.now;
        (self.kept, self.series, self.due) = (kept, series, Instant::ORIGIN);
        self.effects.clear();
        self.sources =
            self.kept.incidents.iter().map(|(id, one)| (*id, self.sources_of(one))).collect();
        self.refresh_all(now);
        Ok(())
    }
}

/// A snapshot may come from anywhere, so nothing in it is taken on trust.
fn check(kept: &Kept) -> Result<(), ConfigError> {
    let wrong = |field: &str, allowed: &str| {
        Err(ConfigError::new(format!("snapshot.kept.{field}"), "something else", allowed))
    };
    let mut all = kept.series.values().flat_map(|of_rule| &of_rule.0);
    if !all.all(|(labels, series)| labels.is_small() && series.is_sound(kept.now)) {
        return wrong("series", "small labels, short texts and numbers");
    }
    // Each alert that has an incident is in that one, and each member has a series.
    for (rule, of_rule) in &kept.series {
        for (labels, series) in &of_rule.0 {
            let key = AlertKey::new(&**rule, labels.clone());
            let incident = series.incident.map(|id| kept.incidents.get(&id));
            let sound = match incident {
                None => !series.state.is_active(),
                Some(incident) => incident.is_some_and(|one| belongs(&key, series, one)),
            };
            if !sound {
                return wrong("series.incident", "the one incident that the alert is a part of");
            }
        }
    }
    for (id, incident) in &kept.incidents {
        let texts = incident.suspects.iter().chain(&incident.cause);
        let mut texts = texts.chain(incident.acknowledged.as_ref().map(|one| &one.by));
        let members = incident.members.keys();
        let known = |key: &AlertKey| {
            let series = kept.series_of(&key.rule, &key.labels);
            series.is_some_and(|series| series.incident == Some(*id))
        };
        if *id != incident.id
            || *id >= kept.next_id
            || incident.suspects.len() > Incident::MOST_SUSPECTS
            || !incident.is_past(kept.now)
            || !texts.all(|text| text.len() <= LONGEST)
            || !members.into_iter().all(known)
        {
            return wrong("incidents", "open incidents by their number");
        }
    }
    let silences = &kept.silences;
    if silences.len() > Alerts::MOST_SILENCES || !silences.values().all(Silence::is_sound) {
        return wrong("silences", "silences that could work");
    }
    let in_order = |sent: &VecDeque<Instant>| {
        sent.len() <= 1000
            && sent.iter().is_sorted()
            && sent.back().is_none_or(|at| *at <= kept.now)
    };
    if !kept.told.values().all(|told| in_order(&told.sent)) {
        return wrong("told", "at most 1000 instants in order, none after now");
    }
    if !kept.stats.values().all(|stats| stats.is_sound(kept.now)) {
        return wrong("stats", "numbers");
    }
    Ok(())
}

fn belongs(key: &AlertKey, series: &Series, incident: &Incident) -> bool {
    incident
        .members
        .get(key)
        .is_some_and(|member| member.state == series.state || !series.state.is_active())
}
