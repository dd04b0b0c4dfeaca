use core::time::Duration;
use std::collections::BTreeSet;

use super::evidence::Evidence;
use super::{ChangeEvent, Episode, Labels, Suspect, rank};
use crate::correlate::Link;

/// All that is known about an incident, from which [`Incident::rank`] names suspects.
///
/// See the [module's documentation](super) for an example and for how it ranks.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Incident {
    pub(super) episodes: Vec<Episode>,
    pub(super) series: Vec<(String, Labels)>,
    pub(super) events: Vec<ChangeEvent>,
    pub(super) links: Vec<Link>,
    /// Who depends on whom.
    pub(super) depends: Vec<(String, String)>,
    pub(super) tolerance: Duration,
    pub(super) half_life: Option<Duration>,
}

/// How long until a change is half as suspicious: most that go wrong do so within minutes.
const HALF_LIFE: Duration = Duration::from_secs(15 * 60);

/// A link counts up to this p-value: the bar of [`Correlator::related`](crate::Correlator::related).
const LINKED: f64 = 0.01;

impl Incident {
    /// An incident of which nothing is known yet.
    pub fn builder() -> Self {
        Self::default()
    }

    /// A series that deviates.
    pub fn episode(mut self, episode: Episode) -> Self {
        self.episodes.push(episode);
        self
    }

    /// Several of them.
    pub fn episodes(mut self, episodes: impl IntoIterator<Item = Episode>) -> Self {
        self.episodes.extend(episodes);
        self
    }

    /// A series that is watched, whether it deviates or not: what is healthy clears the labels that it
    /// carries.
    pub fn series(mut self, name: impl Into<String>, labels: impl Into<Labels>) -> Self {
        self.series.push((name.into(), labels.into()));
        self
    }

    /// Something that was changed.
    pub fn event(mut self, event: ChangeEvent) -> Self {
        self.events.push(event);
        self
    }

    /// A series that moved before another, as a [`Correlator`](crate::Correlator) found.
    pub fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }

    /// `dependent` needs `dependency`: both are names of series or values of labels, such as services.
    pub fn depends(mut self, dependent: impl Into<String>, dependency: impl Into<String>) -> Self {
        self.depends.push((dependent.into(), dependency.into()));
        self
    }

    /// What begins within this time counts as at once, zero by default: about the time between samples.
    pub const fn tolerance(mut self, time: Duration) -> Self {
        self.tolerance = time;
        self
    }

    /// How long until a change is half as suspicious, 15 minutes by default.
    pub const fn half_life(mut self, time: Duration) -> Self {
        self.half_life = Some(time);
        self
    }

    /// Everything that may be to blame, the likeliest first; of equals what began first. Nothing where
    /// nothing deviates.
    #[must_use]
    pub fn rank(&self) -> Vec<Suspect> {
        let evidence = Evidence::of(self);
        let mut suspects = rank::series(self, &evidence);
        suspects.extend(rank::labels(&evidence));
        suspects.extend(rank::events(self, &evidence));
        suspects.sort_by(|a, b| {
            let score = b.score.total_cmp(&a.score);
            score.then(a.since.cmp(&b.since)).then_with(|| a.what.cmp(&b.what))
        });
        suspects
    }

    pub(super) fn half_life_seconds(&self) -> f64 {
        self.half_life.unwrap_or(HALF_LIFE).as_secs_f64().max(1e-9)
    }

    /// Whether trouble of `cause` may bring trouble of `effect`, by hints alone.
    pub(super) fn leads(&self, cause: &Episode, effect: &Episode) -> bool {
        let linked = self.links.iter().any(|link| {
            link.p_value() <= LINKED
                && !link.lag().is_zero()
                && link.leader() == cause.series
                && link.follower() == effect.series
        });
        linked || cause.onset <= effect.onset + self.tolerance && self.reaches(effect, cause)
    }

    /// Whether `from` needs `to`, itself or through others.
    fn reaches(&self, from: &Episode, to: &Episode) -> bool {
        let of = |name: &str, episode: &Episode| {
            name == episode.series || episode.labels.iter().any(|(_, value)| value == name)
        };
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = self
            .depends
            .iter()
            .filter(|(dependent, _)| of(dependent, from))
            .map(|(_, dependency)| dependency.as_str())
            .collect();
        while let Some(name) = next.pop() {
            // What is on both sides, a zone say, is no way from one to the other.
            if of(name, to) && !of(name, from) {
                return true;
            }
            if seen.insert(name) {
                let further = self.depends.iter().filter(|(dependent, _)| dependent == name);
                next.extend(further.map(|(_, dependency)| dependency.as_str()));
            }
        }
        false
    }
}
