//! What each kind of suspect scores.
//!
//! A change explains more than the label that it touched, and a label more than one of the series that
//! carry it: the three scales have their tops in this order, apart by less than what clear evidence of
//! another kind outweighs.

use super::evidence::{Evidence, Weighed};
use super::{Incident, Labels, Suspect, What};
use crate::words::Span;

const EVENT: f64 = 1.0;
const LABEL: f64 = 0.85;
const SERIES: f64 = 0.8;
/// What is left of a series whose own cause deviates too.
const LED: f64 = 0.6;
/// How much of the deviating a change explains whose labels nobody gave.
const ANYWHERE: f64 = 0.4;

/// The mean of order and severity; half of it counts only with influence over the others.
pub(super) fn series(incident: &Incident, evidence: &Evidence<'_>) -> Vec<Suspect> {
    let all: f64 = evidence.episodes.iter().map(|weighed| weighed.strength).sum();
    let first = evidence.first(|_| true).map(|weighed| weighed.episode);
    let suspect = |weighed: &Weighed<'_>| {
        let Weighed { episode, strength, start } = weighed;
        let others = || evidence.episodes.iter().filter(|other| other.episode != *episode);
        let led: Vec<&Weighed<'_>> =
            others().filter(|other| incident.leads(episode, other.episode)).collect();
        let leader = others().find(|other| incident.leads(other.episode, episode));
        let is_first = first == Some(*episode);
        let influence = if evidence.hinted {
            let led: f64 = led.iter().map(|other| other.strength).sum();
            led / (all - strength).max(f64::MIN_POSITIVE)
        } else if is_first {
            evidence.clarity
        } else {
            0.0
        };
        let own = 0.5 * (start + strength) * (0.5 + 0.5 * influence.clamp(0.0, 1.0));
        // Trouble in a circle is nobody's: the first of them is not led.
        let led_by = leader.filter(|_| !is_first).map(|leader| leader.episode.series.as_str());
        let score = SERIES * own * if led_by.is_some() { LED } else { 1.0 };
        Suspect {
            what: What::Series(episode.series.clone()),
            score,
            reason: series_words(evidence, weighed, is_first, led.len(), led_by),
            since: episode.onset,
        }
    };
    evidence.episodes.iter().map(suspect).collect()
}

fn series_words(
    evidence: &Evidence<'_>,
    weighed: &Weighed<'_>,
    is_first: bool,
    led: usize,
    led_by: Option<&str>,
) -> String {
    let episode = weighed.episode;
    let mut words = match evidence.first(|other| other != episode) {
        Some(next) if is_first && next.episode.onset > episode.onset => {
            let ahead = Span(next.episode.onset - episode.onset);
            format!("deviated first, {ahead} before {}", next.episode.series)
        }
        Some(first) if !is_first && first.episode.onset < episode.onset => {
            let after = Span(episode.onset - first.episode.onset);
            format!("deviated {after} after {}", first.episode.series)
        }
        _ => "deviated with the first".to_owned(),
    };
    words.push_str(&format!(", severity {:.1}", episode.peak_severity));
    if led > 0 {
        words.push_str(&format!(", followed by {led} that depend on it or move after it"));
    }
    if let Some(leader) = led_by {
        words.push_str(&format!(", perhaps because of {leader}"));
    }
    words
}

/// The share of what deviates that carries a label, less that of what does not.
pub(super) fn labels(evidence: &Evidence<'_>) -> Vec<Suspect> {
    let suspect = |(key, value): (&str, &str)| {
        let label = Labels::new().with(key, value);
        let share = evidence.explained(&label);
        let gain = share.deviating - share.healthy;
        // One series says as much on its own.
        let first = evidence.episodes.iter().find(|other| label.are_in(&other.episode.labels))?;
        if share.counts.0 < 2 || gain <= 0.0 {
            return None;
        }
        let ((deviating, healthy), (all, others)) =
            (share.counts, (evidence.episodes.len(), evidence.healthy.len()));
        let of_healthy = match others {
            0 => String::new(),
            _ => format!(" and {healthy} of {others} ordinary ones"),
        };
        Some(Suspect {
            what: What::Label { key: key.to_owned(), value: value.to_owned() },
            // Where one series was clearly ahead, what all of them share says less.
            // Of two that explain as much, the narrower one says more.
            score: LABEL * gain * (0.8 + 0.2 * share.pure) * (1.0 - 0.5 * evidence.clarity),
            reason: format!("on {deviating} of {all} deviating series{of_healthy}"),
            since: first.episode.onset,
        })
    };
    evidence.labels().into_iter().filter_map(suspect).collect()
}

/// Nearness in time, and how well the deviating series fit what was touched.
pub(super) fn events(incident: &Incident, evidence: &Evidence<'_>) -> Vec<Suspect> {
    let suspect = |event: &super::ChangeEvent| {
        let touched = |labels: &Labels| event.labels.are_in(labels);
        let first = evidence.first(|episode| touched(&episode.labels))?;
        let onset = first.episode.onset;
        // What comes after the effect is no cause.
        if event.at > onset + incident.tolerance {
            return None;
        }
        let before = onset - event.at;
        let near = (-before.as_secs_f64() / incident.half_life_seconds()).exp2();
        let share = evidence.explained(&event.labels);
        let fit = if event.labels.is_empty() {
            ANYWHERE
        } else {
            // Trouble spreads beyond what was touched, but it begins there.
            (0.6 * first.start + 0.4 * share.deviating - share.healthy).max(0.0)
        };
        let (deviating, all) = (share.counts.0, evidence.episodes.len());
        let scope = match event.labels.is_empty() {
            true => "what it touched is not known".to_owned(),
            false => format!("it touched {deviating} of {all} deviating series"),
        };
        Some(Suspect {
            what: What::Event { kind: event.kind, name: event.name.clone() },
            score: EVENT * near * fit,
            reason: format!("{} before {}, {scope}", Span(before), first.episode.series),
            since: event.at,
        })
    };
    incident.events.iter().filter_map(suspect).filter(|suspect| suspect.score > 0.0).collect()
}
