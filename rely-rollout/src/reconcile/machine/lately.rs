use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use rely_core::rng::Rng;
use rely_core::{Backoff, Instant};

use super::Seen;
use crate::Release;

/// The instances that were brought back lately. One that differs again soon is being changed by
/// somebody else: it is replaced ever later, as a quarrel is not settled by speed.
#[derive(Clone, Debug, Default)]
pub(super) struct Lately(BTreeMap<Arc<str>, Back>);

#[derive(Clone, Debug)]
struct Back {
    release: Release,
    times: u32,
    delay: Duration,
    until: Instant,
    forget: Instant,
}

impl Lately {
    /// The instance is back.
    pub(super) fn back(&mut self, seen: &Seen, backoff: &Backoff, rng: &mut Rng, now: Instant) {
        let before = self.0.get(&seen.instance).map_or((0, Duration::ZERO), |b| (b.times, b.delay));
        let delay = backoff.delay(before.0, before.1, rng);
        let until = now + delay;
        let (times, forget) = (before.0.saturating_add(1), until + backoff.config().max);
        let back = Back { release: seen.release.clone(), times, delay, until, forget };
        self.0.insert(Arc::clone(&seen.instance), back);
    }

    /// Whether the instance has to wait.
    pub(super) fn holds(&self, instance: &str, now: Instant) -> bool {
        self.0.get(instance).is_some_and(|back| now < back.until)
    }

    /// Forgets those that are to run something else, and those that have stayed right for long and
    /// about which nothing is being done.
    pub(super) fn forget(
        &mut self,
        seen: &BTreeMap<Arc<str>, Seen>,
        under_way: impl Fn(&str) -> bool,
        now: Instant,
    ) {
        self.0.retain(|instance, back| {
            seen.get(instance).is_some_and(|seen| seen.release == back.release)
                && (now < back.forget || under_way(instance))
        });
    }
}

#[cfg(test)]
impl Lately {
    /// What the future depends on.
    pub(super) fn key(&self, now: Instant) -> String {
        let key = |(instance, back): (&Arc<str>, &Back)| {
            let Back { release, times, delay, until, forget } = back;
            let times = (*times).min(4);
            format!(
                "{instance}{}{times}{delay:?}{:?}{:?}",
                release.code(),
                *until - now,
                *forget - now
            )
        };
        self.0.iter().map(key).collect()
    }
}
