//! From the state of components to what a service can still do: degradation and readiness.
//!
//! Each component is either critical or carries a capability that the service can do without. What
//! its [verdict](crate::Verdict) means for the whole depends on that alone:
//!
//! | component | healthy | degraded | unhealthy | unknown |
//! |---|---|---|---|---|
//! | critical | normal | reduced | critical | critical |
//! | critical, [tolerates unknown](Component::tolerates_unknown) | normal | reduced | critical | reduced |
//! | capability | normal | reduced | reduced, off | reduced, off |
//! | capability, tolerates unknown | normal | reduced | reduced, off | reduced |
//!
//! The worst component decides; without components the level is normal. "Off" means that the
//! capability is to be switched off and its fallback used. A verdict that is older than it may be
//! reads unknown, and so does a component of which nothing was heard yet: a service is not ready
//! before each critical component has been seen to work.
//!
//! Where the evidence comes from the service's own traffic, as with a breaker or a failure rate,
//! that rule would lock the service out: no traffic without readiness, no evidence without traffic.
//! Let such a component tolerate unknown, or give it a probe.

mod component;
#[cfg(feature = "json")]
mod json;
mod report;
#[cfg(test)]
mod tests;

use core::fmt;

pub use component::{Component, Importance};
#[cfg(feature = "json")]
pub use json::MEDIA_TYPE;
pub use report::{ComponentReport, DegradationLevel, HealthReport, Impact};

use crate::sync::{Arc, Mutex, lock};
use crate::{ConfigError, Instant, Verdict};

/// The health of a service and its components; a handle, and a clone is the same health.
///
/// ```
/// use core::time::Duration;
/// use rely_core::health::{Component, DegradationLevel, Health};
/// use rely_core::{Instant, Level, Verdict};
///
/// let health = Health::new();
/// health.add(Component::critical("database"))?;
/// health.add(Component::capability("engine", "recommendations"))?;
///
/// let now = Instant::from_nanos(1);
/// assert!(!health.evaluate(now).is_ready()); // Nothing was heard of the database yet.
///
/// health.observe("database", Verdict::new(Level::Healthy, now).valid_for(Duration::from_secs(9)))?;
/// health.observe("engine", Verdict::new(Level::Unhealthy, now).because("times out"))?;
/// let report = health.evaluate(now);
/// assert_eq!(report.level, DegradationLevel::Reduced);
/// assert!(report.is_ready() && !report.is_on("recommendations"));
///
/// let later = now + Duration::from_secs(10);
/// assert_eq!(health.evaluate(later).http_status(), 503); // What was heard is too old.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Health {
    slots: Arc<Mutex<Vec<Slot>>>,
}

#[derive(Clone)]
struct Slot {
    component: Component,
    forced: Option<Verdict>,
    evidence: Evidence,
}

type Source = std::sync::Arc<dyn Fn(Instant) -> Verdict + Send + Sync>;

#[derive(Clone)]
enum Evidence {
    Nothing,
    Observed(Verdict),
    Source(Source),
}

impl Health {
    /// The health of a service without components.
    #[must_use]
    pub fn new() -> Self {
        Self { slots: Arc::new(Mutex::new(Vec::new())) }
    }

    /// Adds a component whose verdicts come through [`Health::observe`].
    ///
    /// # Errors
    ///
    /// If its name is taken, or a name is empty or holds a colon.
    pub fn add(&self, component: Component) -> Result<(), ConfigError> {
        self.insert(component, Evidence::Nothing)
    }

    /// Adds a component whose verdict is asked for at each evaluation; `source` must not block.
    ///
    /// # Errors
    ///
    /// As for [`Health::add`].
    pub fn add_source(
        &self,
        component: Component,
        source: impl Fn(Instant) -> Verdict + Send + Sync + 'static,
    ) -> Result<(), ConfigError> {
        self.insert(component, Evidence::Source(std::sync::Arc::new(source)))
    }

    fn insert(&self, component: Component, evidence: Evidence) -> Result<(), ConfigError> {
        component.validate()?;
        let slot = Slot { component, forced: None, evidence };
        let mut slots = lock(&self.slots);
        if slots.iter().any(|other| other.component.name == slot.component.name) {
            drop(slots);
            let name = format!("{:?}", slot.component.name);
            return Err(ConfigError::new("name", name, "a name that no other component has"));
        }
        slots.push(slot);
        Ok(())
    }

    /// Removes a component.
    ///
    /// # Errors
    ///
    /// If there is no such component.
    pub fn remove(&self, name: &str) -> Result<(), HealthError> {
        let mut slots = lock(&self.slots);
        let index = slots.iter().position(|slot| slot.component.name == name);
        let removed = index.map(|index| slots.remove(index));
        // The lock goes first: a source may own anything, and its destructor runs here.
        drop(slots);
        removed.map(drop).ok_or_else(|| HealthError::NoSuchComponent(name.to_owned()))
    }

    /// Tells what is known of a component now. A verdict on older evidence than the last is ignored.
    ///
    /// # Errors
    ///
    /// If there is no such component, or it has a source of its own.
    pub fn observe(&self, name: &str, verdict: Verdict) -> Result<(), HealthError> {
        self.update(name, |slot| match &slot.evidence {
            Evidence::Source(_) => Err(HealthError::HasSource(name.to_owned())),
            Evidence::Observed(last) if verdict.as_of < last.as_of => Ok(()),
            Evidence::Observed(_) | Evidence::Nothing => {
                slot.evidence = Evidence::Observed(verdict);
                Ok(())
            }
        })
    }

    /// Sets a verdict by hand, over everything observed, until [`Health::release`] or until the
    /// verdict may no longer be used; then what is observed counts again.
    ///
    /// # Errors
    ///
    /// If there is no such component.
    pub fn force(&self, name: &str, verdict: Verdict) -> Result<(), HealthError> {
        self.update(name, |slot| {
            slot.forced = Some(verdict);
            Ok(())
        })
    }

    /// Lets what is observed count again after [`Health::force`].
    ///
    /// # Errors
    ///
    /// If there is no such component.
    pub fn release(&self, name: &str) -> Result<(), HealthError> {
        self.update(name, |slot| {
            slot.forced = None;
            Ok(())
        })
    }

    fn update(
        &self,
        name: &str,
        change: impl FnOnce(&mut Slot) -> Result<(), HealthError>,
    ) -> Result<(), HealthError> {
        lock(&self.slots)
            .iter_mut()
            .find(|slot| slot.component.name == name)
            .ok_or_else(|| HealthError::NoSuchComponent(name.to_owned()))
            .and_then(change)
    }

    /// The state of the service at `now`. Asking changes nothing.
    #[must_use]
    pub fn evaluate(&self, now: Instant) -> HealthReport {
        // Sources are the user's code and run on a copy, outside of the lock.
        let slots = lock(&self.slots).clone();
        let components = slots.into_iter().map(|slot| slot.report(now)).collect();
        HealthReport::of(now, components)
    }
}

impl Slot {
    fn report(self, now: Instant) -> ComponentReport {
        if let Some(forced) = self.forced.filter(|forced| now <= forced.valid_until) {
            return ComponentReport { forced: true, ..self.component.judge(forced, now) };
        }
        let verdict = match self.evidence {
            Evidence::Nothing => Verdict::unknown(now, "nothing was observed yet"),
            Evidence::Observed(verdict) => verdict,
            Evidence::Source(source) => source(now),
        };
        self.component.judge(verdict, now)
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            lock(&self.slots).iter().map(|slot| slot.component.name.clone()).collect();
        f.debug_struct("Health").field("components", &names).finish_non_exhaustive()
    }
}

/// A component that cannot be told about. Each variant holds the component's name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthError {
    /// No component has this name.
    NoSuchComponent(String),
    /// The component has a source of its own and takes no observations.
    HasSource(String),
}

impl fmt::Display for HealthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchComponent(name) => write!(f, "there is no component {name:?}"),
            Self::HasSource(name) => {
                write!(f, "component {name:?} has a source and takes no observations")
            }
        }
    }
}

impl std::error::Error for HealthError {}
