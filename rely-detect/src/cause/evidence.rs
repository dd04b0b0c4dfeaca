//! What the episodes of an incident say together, before anybody is blamed.

use core::time::Duration;

use rely_core::Instant;

use super::{Episode, Incident, Labels};

/// In what time half of the consequences show: minutes, or three samples where those are far apart.
const SPREAD: Duration = Duration::from_secs(120);

/// How much less two series have to do with each other that share no telling label.
const APART: f64 = 0.7;

/// Half of the highest severity, squared as strength is: less is a flicker beside it.
const STRONG: f64 = 0.25;

/// The incident starts with the first strong episode that nearly as much follows as any other: this
/// share of the most. A minute before the rest is near enough, for one that is related to it.
const MOST: f64 = 0.6;

/// An incident's episodes, weighed, the earliest first.
pub(super) struct Evidence<'a> {
    pub(super) episodes: Vec<Weighed<'a>>,
    /// How clearly one series was ahead of all others: 0 where they came together, near 1 where the
    /// rest followed long after.
    pub(super) clarity: f64,
    /// Where it starts, if anything deviates.
    start: Option<Instant>,
    /// Labels of the known series without an episode.
    pub(super) healthy: Vec<&'a Labels>,
    pub(super) hinted: bool,
}

/// An episode and what it weighs.
pub(super) struct Weighed<'a> {
    pub(super) episode: &'a Episode,
    /// The square of severity as a share of the highest, less for what deviates all the time. Severity
    /// is a logarithm, so a small difference says much.
    pub(super) strength: f64,
    /// 1 for where the incident starts, half for what comes at the usual distance from it, less where
    /// nothing followed.
    pub(super) start: f64,
}

impl Weighed<'_> {
    pub(super) fn weight(&self) -> f64 {
        self.strength * (0.5 + 0.5 * self.start)
    }

    pub(super) fn is_strong(&self) -> bool {
        self.strength >= STRONG
    }
}

impl<'a> Evidence<'a> {
    pub(super) fn of(incident: &'a Incident) -> Self {
        let raw = |episode: &Episode| {
            let severity = episode.peak_severity.clamp(0.0, 300.0);
            // The comparison lets not-a-number through to zero.
            if severity >= 0.0 { severity / (1.0 + episode.earlier.max(0.0)) } else { 0.0 }
        };
        let most = incident.episodes.iter().map(raw).fold(f64::MIN_POSITIVE.sqrt(), f64::max);
        let weigh =
            |episode| Weighed { episode, strength: (raw(episode) / most).powi(2), start: 1.0 };
        let mut episodes: Vec<Weighed<'_>> = incident.episodes.iter().map(weigh).collect();
        // Of two at once the one whose name comes first.
        episodes.sort_by_key(|weighed| (weighed.episode.onset, &weighed.episode.series));
        let known = |name: &str| incident.episodes.iter().any(|episode| episode.series == name);
        let healthy = incident.series.iter().filter(|(name, _)| !known(name));
        let mut evidence = Self {
            episodes,
            clarity: 0.0,
            start: None,
            healthy: healthy.map(|(_, labels)| labels).collect(),
            hinted: !incident.links.is_empty() || !incident.depends.is_empty(),
        };
        evidence.find_start(incident.tolerance);
        evidence
    }

    /// Says of each episode how much of the rest followed it, and how clear the first one's lead is.
    fn find_start(&mut self, tolerance: Duration) {
        let telling = self.telling_label();
        let spread = SPREAD.max(tolerance.saturating_mul(3)).as_secs_f64();
        let carries = |weighed: &Weighed<'_>| {
            telling.as_ref().is_some_and(|label| label.are_in(&weighed.episode.labels))
        };
        let follows = |first: &Weighed<'_>, other: &Weighed<'_>| {
            if other.episode.onset + tolerance < first.episode.onset {
                return 0.0;
            }
            let after = (other.episode.onset - first.episode.onset).as_secs_f64();
            let related = if carries(first) && carries(other) { 1.0 } else { APART };
            other.strength * related * (-after / spread).exp2()
        };
        let followed = |first: &Weighed<'_>| {
            self.episodes.iter().map(|other| follows(first, other)).sum::<f64>()
        };
        let followed: Vec<f64> = self.episodes.iter().map(followed).collect();
        let most = followed.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let leads = |(weighed, followed): &(&Weighed<'_>, &f64)| {
            weighed.is_strong() && **followed >= MOST * most
        };
        let Some((first, most)) = self.episodes.iter().zip(&followed).find(leads) else { return };
        let (start, most) = (first.episode.onset, *most);
        let strong = self.episodes.iter().filter(|weighed| weighed.is_strong());
        let onsets: Vec<Instant> =
            strong.map(|weighed| weighed.episode.onset).filter(|onset| *onset >= start).collect();
        let usual = onsets.get(onsets.len() / 2).map_or(Duration::ZERO, |middle| *middle - start);
        let usual = usual.max(tolerance).max(Duration::from_nanos(1)).as_secs_f64();
        for (weighed, followed) in self.episodes.iter_mut().zip(followed) {
            let onset = weighed.episode.onset;
            let away = (onset - start).max(start - onset).as_secs_f64();
            // What came before, and was no start, has little to do with it.
            let part = if onset < start { 0.5 * (followed / most).min(1.0) } else { 1.0 };
            weighed.start = part * (-away / (4.0 * usual)).exp2();
        }
        self.clarity = clarity(&onsets, tolerance);
        self.start = Some(start);
    }

    /// The label that explains most.
    fn telling_label(&self) -> Option<Labels> {
        let gain = |(key, value): (&str, &str)| {
            let label = Labels::new().with(key, value);
            let share = self.explained(&label);
            (share.deviating - share.healthy, label)
        };
        let labels = self.labels().into_iter().map(gain).filter(|(gain, _)| *gain > 0.0);
        labels.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, label)| label)
    }

    /// All labels of what deviates, each once.
    pub(super) fn labels(&self) -> Vec<(&'a str, &'a str)> {
        let mut labels: Vec<(&str, &str)> =
            self.episodes.iter().flat_map(|weighed| weighed.episode.labels.iter()).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    /// Where it began, among the series that `within` picks: the first strong one from the start on.
    pub(super) fn first(&self, within: impl Fn(&Episode) -> bool) -> Option<&Weighed<'a>> {
        let from = |it: &&Weighed<'_>| Some(it.episode.onset) >= self.start && it.is_strong();
        self.episodes.iter().filter(from).find(|it| within(it.episode))
    }

    /// How much of what deviates carries these labels, less how much of what does not; and both counts.
    pub(super) fn explained(&self, labels: &Labels) -> Share {
        let inside = |weighed: &&Weighed<'_>| labels.are_in(&weighed.episode.labels);
        let sum = |weight: f64, weighed: &Weighed<'_>| weight + weighed.weight();
        let all = self.episodes.iter().fold(0.0, sum).max(f64::MIN_POSITIVE);
        let healthy = self.healthy.iter().filter(|other| labels.are_in(other)).count();
        let count = self.episodes.iter().filter(inside).count();
        Share {
            deviating: self.episodes.iter().filter(inside).fold(0.0, sum) / all,
            // Half a series on each side: where none is known, half of them might carry it.
            pure: count as f64 / (count + healthy).max(1) as f64,
            healthy: (healthy as f64 + 0.5) / (self.healthy.len() as f64 + 1.0),
            counts: (count, healthy),
        }
    }
}

/// What labels explain.
pub(super) struct Share {
    pub(super) deviating: f64,
    pub(super) healthy: f64,
    /// How much of what carries them deviates.
    pub(super) pure: f64,
    pub(super) counts: (usize, usize),
}

/// The lead of the first over the second, beside how far the rest lie apart; three times that far is a
/// clear lead.
fn clarity(onsets: &[Instant], tolerance: Duration) -> f64 {
    let [first, second, rest @ ..] = onsets else { return 0.0 };
    let lead = (*second - *first).saturating_sub(tolerance).as_secs_f64();
    let spread = rest.get(rest.len() / 2).map_or(Duration::ZERO, |middle| *middle - *second);
    let whole = lead + 3.0 * spread.max(tolerance).as_secs_f64();
    if whole > 0.0 { lead / whole } else { 0.0 }
}
