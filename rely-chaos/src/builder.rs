use std::sync::Arc;

use rely_core::{Clock, ConfigError};

use crate::draw::Draw;
use crate::point::{Shared, Site};
use crate::{FaultPoint, KillSwitch};

/// How a [`FaultPoint`] is made.
///
/// | setting | default | allowed |
/// |---|---|---|
/// | name | | not empty |
/// | `label` | none | 8 at most, names not empty and different |
/// | `seed` | 0 | any |
/// | `clock` | the system's | any |
/// | `kill_switch` | none | any |
/// | `cuts_in_flight` | no | |
#[derive(Clone, Debug)]
#[must_use]
pub struct FaultPointBuilder {
    name: Arc<str>,
    labels: Vec<(Arc<str>, Arc<str>)>,
    seed: u64,
    clock: Clock,
    kill_switch: Option<KillSwitch>,
    cuts_in_flight: bool,
}

impl FaultPointBuilder {
    const MAX_LABELS: usize = 8;

    pub(crate) fn new(name: Arc<str>) -> Self {
        let clock = Clock::system();
        Self { name, labels: Vec::new(), seed: 0, clock, kill_switch: None, cuts_in_flight: false }
    }

    /// Says where the point is: its service, zone, version, instance.
    pub fn label(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// The seed of the run. Points with different names or labels draw apart under the same seed.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The clock that times delays and the time to live; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The switch that ends the point's faults together with those of all others.
    pub fn kill_switch(mut self, switch: &KillSwitch) -> Self {
        self.kill_switch = Some(switch.clone());
        self
    }

    /// Lets the point cut calls in flight, which an [outage](crate::Effect::Outage) needs.
    ///
    /// Every call is then registered from its admission to its answer, armed or not: a lock and a
    /// map entry each, where other points cost one relaxed load.
    pub const fn cuts_in_flight(mut self) -> Self {
        self.cuts_in_flight = true;
        self
    }

    /// The point, disarmed.
    ///
    /// # Errors
    /// If the name or the labels are not as the table says.
    pub fn build(self) -> Result<FaultPoint, ConfigError> {
        let Self { name, mut labels, seed, clock, kill_switch, cuts_in_flight } = self;
        if name.is_empty() {
            return Err(ConfigError::new("name", "\"\"", "not empty"));
        }
        if labels.len() > Self::MAX_LABELS {
            return Err(ConfigError::new("labels", labels.len(), "8 at most"));
        }
        labels.sort();
        let empty = labels.iter().find(|(name, _)| name.is_empty());
        let twice = labels.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| &pair[0]);
        if let Some((name, _)) = empty.or(twice) {
            let allowed = "names that are not empty and different";
            return Err(ConfigError::new("labels", format_args!("{name:?}"), allowed));
        }
        let id = id(&name, &labels);
        let draw = Draw::new(seed, id.as_bytes());
        let flights = cuts_in_flight.then(Arc::default);
        let site = Site { name, id, labels };
        let shared = Arc::new(Shared::new(site, clock, draw, kill_switch.clone(), flights));
        if let Some(switch) = kill_switch {
            switch.watch(&shared);
        }
        Ok(FaultPoint(shared))
    }
}

/// `name`, or `name{label="value",…}`.
fn id(name: &str, labels: &[(Arc<str>, Arc<str>)]) -> Arc<str> {
    if labels.is_empty() {
        return name.into();
    }
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{name}{{{}}}", labels.join(",")).into()
}
