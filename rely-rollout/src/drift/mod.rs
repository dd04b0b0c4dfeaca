//! Whether what runs is what was declared.
//!
//! An operator declares which [`Release`] each instance runs; the instances report what they really
//! run. [`compare`] is plain data in and plain data out; [`DriftCheck`] holds both sides, and is a
//! [`Signal`](rely_core::Signal).
//!
//! | what the reports say | the signal says |
//! |---|---|
//! | all declared instances run what was declared, and nobody else reports | healthy |
//! | code, configuration or files differ somewhere, or an instance is there that nobody declared | unhealthy |
//! | otherwise: an instance never reported, or too long ago, or nothing is declared | unknown |
//!
//! A report that is too old says nothing any more, good or bad.

mod builder;
mod check;
mod difference;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rely_core::Instant;

pub use self::builder::DriftCheckBuilder;
pub use self::check::DriftCheck;
pub use self::difference::{Difference, Drift};
use crate::release::Entries;
use crate::{Manifest, Release};

/// What an instance reported to run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// What runs there.
    pub manifest: Manifest,
    /// When it was known to run, by the clock of the one who compares.
    pub at: Instant,
}

impl Observed {
    /// A report of `manifest` as of `at`.
    #[must_use]
    pub const fn new(manifest: Manifest, at: Instant) -> Self {
        Self { manifest, at }
    }

    /// A report that just this release runs.
    #[must_use]
    pub fn of(release: &Release, at: Instant) -> Self {
        Self::new(release.manifest().clone(), at)
    }

    /// Whether it is at most `max_age` old; one from the future is new.
    #[must_use]
    pub fn is_fresh(&self, now: Instant, max_age: Duration) -> bool {
        now - self.at <= max_age
    }
}

/// What differs between what was declared and what was reported, in the order of the instances'
/// names; nothing if all is as declared.
///
/// ```
/// use core::time::Duration;
/// use std::collections::BTreeMap;
/// use rely_core::Instant;
/// use rely_rollout::Release;
/// use rely_rollout::drift::{Observed, compare};
///
/// let release = |timeout| {
///     Release::builder("v1").code("orders 1.0.0").config([("queue_timeout", timeout)]).build()
/// };
/// let now = Instant::ORIGIN;
/// let declared = BTreeMap::from([("zone-a".into(), release("50ms")?)]);
/// let observed = BTreeMap::from([("zone-a".into(), Observed::of(&release("5s")?, now))]);
/// let differences = compare(&declared, &observed, now, Duration::from_secs(10));
/// assert_eq!(differences[0].to_string(), "zone-a: other configuration, queue_timeout");
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[must_use]
pub fn compare(
    declared: &BTreeMap<Arc<str>, Release>,
    observed: &BTreeMap<Arc<str>, Observed>,
    now: Instant,
    max_age: Duration,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut found = |instance: &Arc<str>, what| {
        differences.push(Difference { instance: Arc::clone(instance), what });
    };
    let instances: BTreeSet<_> = declared.keys().chain(observed.keys()).collect();
    for instance in instances {
        match (declared.get(instance), observed.get(instance)) {
            (Some(_), None) => found(instance, Drift::Missing),
            (Some(_), Some(seen)) if !seen.is_fresh(now, max_age) => {
                found(instance, Drift::Stale { age: now - seen.at });
            }
            (Some(release), Some(seen)) => {
                for what in between(release.manifest(), &seen.manifest) {
                    found(instance, what);
                }
            }
            (None, Some(seen)) if seen.is_fresh(now, max_age) => {
                found(instance, Drift::Unexpected);
            }
            (None, _) => {}
        }
    }
    differences
}

fn between(declared: &Manifest, running: &Manifest) -> impl Iterator<Item = Drift> + use<> {
    let code = (declared.code != running.code).then(|| Drift::Code {
        declared: Arc::clone(&declared.code),
        running: Arc::clone(&running.code),
    });
    let settings = unequal(&declared.config, &running.config);
    let config = (!settings.is_empty()).then_some(Drift::Config { settings });
    let paths = unequal(&declared.files, &running.files);
    let files = (!paths.is_empty()).then_some(Drift::Files { paths });
    [code, config, files].into_iter().flatten()
}

/// The names of which the entries differ, or that only one side has.
fn unequal(a: &Entries, b: &Entries) -> Vec<Arc<str>> {
    let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    names.into_iter().filter(|name| a.get(*name) != b.get(*name)).cloned().collect()
}
