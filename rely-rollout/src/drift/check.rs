use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rely_core::{Clock, Instant, Level, Signal, Verdict};

use super::{Difference, DriftCheckBuilder, Observed, compare};
use crate::Release;
use crate::reconcile::machine::Seen;
use crate::sync::lock;

/// How many undeclared instances are remembered; a crowd of them is told from its first ones.
const MOST_UNDECLARED: usize = 1000;
/// How many differences a verdict names.
const NAMED: usize = 3;

/// What was declared and what was reported: a cheap-clone handle, and a signal. See the
/// [module's documentation](super).
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Clock, Level, Signal};
/// use rely_rollout::{DriftCheck, Release, drift::Observed};
///
/// let (clock, manual) = Clock::manual();
/// let drift = DriftCheck::builder("orders").max_age(Duration::from_secs(2)).clock(clock.clone()).build()?;
/// let v1 = Release::builder("v1").code("orders 1.0.0").config([("queue_timeout", "50ms")]).build()?;
/// let by_hand = Release::builder("v1").code("orders 1.0.0").config([("queue_timeout", "5s")]).build()?;
///
/// drift.declare("zone-a", &v1);
/// assert_eq!(drift.verdict(clock.now()).level, Level::Unknown);
/// drift.report("zone-a", Observed::of(&v1, clock.now()));
/// assert_eq!(drift.verdict(clock.now()).level, Level::Healthy);
///
/// manual.advance(Duration::from_secs(1));
/// drift.report("zone-a", Observed::of(&by_hand, clock.now()));
/// let verdict = drift.verdict(clock.now());
/// assert_eq!(verdict.level, Level::Unhealthy);
/// assert_eq!(verdict.reason, "zone-a: other configuration, queue_timeout");
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct DriftCheck(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    max_age: Duration,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    declared: BTreeMap<Arc<str>, Release>,
    observed: BTreeMap<Arc<str>, Observed>,
}

impl State {
    /// Forgets the undeclared instances whose last report says nothing any more; returns how many
    /// are left.
    fn forget_strangers(&mut self, now: Instant, max_age: Duration) -> usize {
        let Self { declared, observed } = self;
        let mut strangers = 0;
        observed.retain(|instance, seen| {
            let declared = declared.contains_key(instance);
            let keep = declared || seen.is_fresh(now, max_age);
            strangers += usize::from(keep && !declared);
            keep
        });
        strangers
    }
}

impl DriftCheck {
    /// A check of the service called `name`.
    pub fn builder(name: impl Into<Arc<str>>) -> DriftCheckBuilder {
        let max_age = Duration::from_secs(60);
        DriftCheckBuilder { name: name.into(), max_age, clock: Clock::system() }
    }

    pub(super) fn new(builder: DriftCheckBuilder) -> Self {
        let DriftCheckBuilder { name, max_age, clock } = builder;
        Self(Arc::new(Shared { name, max_age, clock, state: Mutex::default() }))
    }

    /// The name it was built with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How old a report may be.
    #[must_use]
    pub fn max_age(&self) -> Duration {
        self.0.max_age
    }

    /// Says which release an instance is to run from now on.
    pub fn declare(&self, instance: impl Into<Arc<str>>, release: &Release) {
        let old = lock(&self.0.state).declared.insert(instance.into(), release.clone());
        drop(old);
    }

    /// Says that there is to be no such instance any more; nothing if there was none.
    pub fn withdraw(&self, instance: &str) -> Option<Release> {
        let now = self.0.clock.now();
        let mut state = lock(&self.0.state);
        let release = state.declared.remove(instance);
        state.forget_strangers(now, self.0.max_age);
        release
    }

    /// Which release an instance is to run.
    #[must_use]
    pub fn declared(&self, instance: &str) -> Option<Release> {
        lock(&self.0.state).declared.get(instance).cloned()
    }

    /// Takes in what an instance runs. A report that is older than the one before is passed
    /// over, and one from the future counts as of now.
    ///
    /// Of instances that nobody declared a thousand are remembered, and each as long as its last
    /// report says something.
    pub fn report(&self, instance: impl Into<Arc<str>>, mut observed: Observed) {
        let (instance, now) = (instance.into(), self.0.clock.now());
        observed.at = observed.at.min(now);
        let mut guard = lock(&self.0.state);
        let state = &mut *guard;
        if let Some(seen) = state.observed.get_mut(&instance) {
            if seen.at <= observed.at {
                *seen = observed;
            }
            return;
        }
        if !state.declared.contains_key(&instance)
            && state.forget_strangers(now, self.0.max_age) >= MOST_UNDECLARED
        {
            return;
        }
        state.observed.insert(instance, observed);
    }

    /// What the instance reported last.
    #[must_use]
    pub fn observed(&self, instance: &str) -> Option<Observed> {
        lock(&self.0.state).observed.get(instance).cloned()
    }

    /// What differs at `now`, in the order of the instances' names.
    #[must_use]
    pub fn differences(&self, now: Instant) -> Vec<Difference> {
        let state = lock(&self.0.state);
        compare(&state.declared, &state.observed, now, self.0.max_age)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Every declared instance as it looks at `now`, with nothing known about releases.
    pub(crate) fn seen(&self, now: Instant) -> Vec<Seen> {
        let state = lock(&self.0.state);
        let seen = |(instance, release): (&Arc<str>, &Release)| {
            let seen = state.observed.get(instance);
            let fresh = seen.filter(|seen| seen.is_fresh(now, self.0.max_age));
            Seen {
                instance: Arc::clone(instance),
                release: release.clone(),
                matches: fresh.map(|seen| seen.manifest == *release.manifest()),
                at: seen.map_or(Instant::ORIGIN, |seen| seen.at),
                barred: false,
            }
        };
        state.declared.iter().map(seen).collect()
    }
}

impl Signal for DriftCheck {
    fn verdict(&self, now: Instant) -> Verdict {
        let max_age = self.0.max_age;
        let state = lock(&self.0.state);
        let State { declared, observed } = &*state;
        let mut differences = compare(declared, observed, now, max_age);
        let known = differences.iter().filter(|difference| difference.what.is_known()).count();
        let unknown = differences.len() - known;
        let level = match (known, unknown) {
            (0, 0) if !declared.is_empty() => Level::Healthy,
            (0, _) => Level::Unknown,
            _ => Level::Unhealthy,
        };
        if level == Level::Unhealthy {
            differences.retain(|difference| difference.what.is_known());
        }
        // It holds until the first of the reports that it rests on is too old.
        let rests_on: Vec<Instant> = match level {
            Level::Unhealthy => {
                differences.iter().filter_map(|d| observed.get(&d.instance)).map(|o| o.at).collect()
            }
            _ => declared.keys().filter_map(|name| observed.get(name)).map(|o| o.at).collect(),
        };
        let oldest = rests_on.into_iter().min().unwrap_or(now).min(now);
        let total = declared.len();
        drop(state);
        let reason = match level {
            Level::Healthy => format!("all {total} as declared"),
            _ if differences.is_empty() => "nothing is declared".to_owned(),
            _ => describe(&differences),
        };
        let verdict = if level == Level::Unknown {
            Verdict::unknown(now, reason)
        } else {
            Verdict::new(level, oldest).valid_for(max_age).because(reason)
        };
        verdict
            .with_samples(total as u64)
            .with_evidence("differences", known as f64)
            .with_evidence("not_known", unknown as f64)
    }
}

fn describe(differences: &[Difference]) -> String {
    let named: Vec<_> = differences.iter().take(NAMED).map(ToString::to_string).collect();
    let more = differences.len() - named.len();
    let named = named.join("; ");
    if more == 0 { named } else { format!("{named}; {more} more") }
}

impl fmt::Debug for DriftCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.0.state);
        let (declared, observed) = (state.declared.clone(), state.observed.len());
        drop(state);
        f.debug_struct("DriftCheck")
            .field("name", &self.0.name)
            .field("declared", &declared)
            .field("observed", &observed)
            .finish_non_exhaustive()
    }
}
