use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use rely_core::keyed::{self, KeyedConfig};
use rely_core::{Clock, ConfigError, Events, Keyed};

use super::recipe::{Configure, Recipe};
use super::{Breakers, CheckedConfig, Inner};
use crate::BreakerConfig;

/// What a call gets whose key there is no room for: the registry is at its capacity, and no breaker
/// in it may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "What a call gets whose key there is no room for.")
)]
#[non_exhaustive]
pub enum Overflow {
    /// One breaker that all such keys share, with the registry's configuration and name. The default:
    /// the calls stay guarded, but one bad key among them can have the others rejected.
    #[default]
    Shared,
    /// A rejection, with the reason [`RegistryFull`](crate::RejectedReason::RegistryFull).
    Refuse,
}

/// [`Breakers`], as configuration: what all of them are, and how many there can be.
///
/// ```
/// use rely_breaker::Breakers;
/// use rely_breaker::keyed::BreakersConfig;
/// use rely_core::keyed::KeyedConfig;
///
/// let registry = KeyedConfig { capacity: 500, ..KeyedConfig::default() };
/// let config = BreakersConfig { registry, ..BreakersConfig::default() };
/// let hosts = Breakers::<String>::from_config("hosts", config).build()?;
/// assert_eq!(hosts.capacity(), 500);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "A registry of circuit breakers by key."))]
pub struct BreakersConfig {
    /// The configuration of all breakers, except where a key has another.
    pub breaker: BreakerConfig,
    /// How many there can be, and for how long.
    pub registry: KeyedConfig,
    /// What a call gets whose key there is no room for.
    pub overflow: Overflow,
}

impl BreakersConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.breaker.clone().checked().map_err(|error| error.within("breaker"))?;
        let registry = Keyed::<(), ()>::builder().config(self.registry.clone()).build();
        registry.map(drop).map_err(|error| error.within("registry"))
    }
}

/// How [`Breakers`] are made; by [`Breakers::builder`].
///
/// Capacity, idle time and shards are those of [`KeyedConfig`], with its defaults and bounds.
#[must_use]
pub struct BreakersBuilder<K, S = RandomState> {
    name: Arc<str>,
    clock: Clock,
    config: BreakerConfig,
    configure: Option<Configure<K>>,
    registry: KeyedConfig,
    overflow: Overflow,
    seed: Option<u64>,
    hasher: S,
}

impl<K> BreakersBuilder<K> {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            clock: Clock::system(),
            config: BreakerConfig::default(),
            configure: None,
            registry: KeyedConfig::default(),
            overflow: Overflow::default(),
            seed: None,
            hasher: RandomState::new(),
        }
    }

    pub(super) fn with(self, config: BreakersConfig) -> Self {
        let BreakersConfig { breaker, registry, overflow } = config;
        Self { config: breaker, registry, overflow, ..self }
    }
}

impl<K, S> BreakersBuilder<K, S> {
    /// The configuration of all breakers, except where [`configure`](Self::configure) has another.
    pub fn config(mut self, config: BreakerConfig) -> Self {
        self.config = config;
        self
    }

    /// Has some keys have another configuration: asked once for each breaker that is made.
    ///
    /// What it returns has been [checked](BreakerConfig::checked), so that a mistake shows where the
    /// configuration is read and not in the first call with that key.
    pub fn configure(
        mut self,
        configure: impl Fn(&K) -> Option<CheckedConfig> + Send + Sync + 'static,
    ) -> Self {
        self.configure = Some(Box::new(configure));
        self
    }

    /// Capacity, idle time and shards at once, in place of those set before.
    pub fn registry(mut self, config: KeyedConfig) -> Self {
        self.registry = config;
        self
    }

    /// Sets [`KeyedConfig::capacity`]: how many breakers there can be.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.registry.capacity = capacity;
        self
    }

    /// Sets [`KeyedConfig::idle`]: how long nobody must have asked for a breaker before it may go.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.registry.idle = idle;
        self
    }

    /// Sets [`KeyedConfig::shards`]: into how many locks the keys are divided.
    pub fn shards(mut self, shards: usize) -> Self {
        self.registry.shards = Some(shards);
        self
    }

    /// What a call gets whose key there is no room for.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// The clock; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Where the chance in growing open times starts; each key has a sequence of its own. Drawn by
    /// default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How keys are hashed. Default: the standard library's hasher, which a flood of chosen keys cannot
    /// slow down; where nobody outside chooses the keys, another one may be quicker.
    pub fn hasher<H>(self, hasher: H) -> BreakersBuilder<K, H> {
        let Self { name, clock, config, configure, registry, overflow, seed, hasher: _ } = self;
        BreakersBuilder { name, clock, config, configure, registry, overflow, seed, hasher }
    }

    /// The registry, still empty.
    ///
    /// # Errors
    /// The first field that is out of range, of the breakers' configuration or of the registry.
    pub fn build(self) -> Result<Breakers<K, S>, ConfigError>
    where
        K: Hash + Eq + fmt::Display,
        S: BuildHasher,
    {
        let recipe = Recipe {
            name: self.name,
            clock: self.clock,
            config: self.config.checked()?,
            configure: self.configure,
            seed: self.seed,
            changes: Events::new(),
        };
        let shared = match self.overflow {
            Overflow::Shared => Some(recipe.make_shared()),
            Overflow::Refuse => None,
        };
        let idle = self.registry.idle;
        let mut registry = Keyed::builder()
            .config(self.registry)
            .busy(move |breaker: &crate::Breaker| !breaker.is_idle(idle))
            .hasher(self.hasher);
        if let Some(shared) = &shared {
            registry = registry.overflow(keyed::Overflow::Shared(shared.clone()));
        }
        let registry = registry.build()?;
        Ok(Breakers {
            inner: Arc::new(Inner {
                registry,
                recipe,
                shared,
                #[cfg(feature = "metrics")]
                published: crate::sync::Mutex::new(crate::metrics::Published::default()),
            }),
        })
    }
}

impl<K, S> fmt::Debug for BreakersBuilder<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakersBuilder")
            .field("name", &self.name)
            .field("config", &self.config)
            .field("configure", &self.configure.is_some())
            .field("registry", &self.registry)
            .field("overflow", &self.overflow)
            .finish_non_exhaustive()
    }
}
