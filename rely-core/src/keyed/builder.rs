use core::fmt;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, Mutex};

use super::entry::Node;
use super::shard::{Busy, Rules, Shard};
use super::{Counts, Inner, Keyed, KeyedConfig, Pass};
use crate::instant::saturating_nanos;
use crate::{ConfigError, Instant};

/// What a new key gets when a registry is full and nothing in it may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow<V> {
    /// An error.
    #[default]
    Refuse,
    /// This value, which all such keys share. It is no part of the registry's entries.
    Shared(V),
}

/// Settings of a [`Keyed`], one by one; made by [`Keyed::builder`]. [`KeyedConfig`] says what
/// capacity, idle time and shards mean, what they may be, and what they are by default.
#[must_use]
pub struct KeyedBuilder<K, V, S = RandomState> {
    config: KeyedConfig,
    overflow: Overflow<V>,
    busy: Option<Busy<V>>,
    hasher: S,
    keys: core::marker::PhantomData<fn(K)>,
}

impl<K, V> KeyedBuilder<K, V> {
    pub(super) fn new() -> Self {
        Self {
            config: KeyedConfig::default(),
            overflow: Overflow::Refuse,
            busy: None,
            hasher: RandomState::new(),
            keys: core::marker::PhantomData,
        }
    }
}

impl<K, V, S> KeyedBuilder<K, V, S> {
    /// Capacity, idle time and shards at once, in place of those set before.
    pub fn config(mut self, config: KeyedConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets [`KeyedConfig::capacity`].
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.config.capacity = capacity;
        self
    }

    /// Sets [`KeyedConfig::idle`].
    pub fn idle(mut self, idle: Duration) -> Self {
        self.config.idle = idle;
        self
    }

    /// Sets [`KeyedConfig::shards`].
    pub fn shards(mut self, shards: usize) -> Self {
        self.config.shards = Some(shards);
        self
    }

    /// What a new key gets when the registry is full and nothing may go. Default: an error.
    pub fn overflow(mut self, overflow: Overflow<V>) -> Self {
        self.overflow = overflow;
        self
    }

    /// Keeps an entry for which `busy` says true, however idle: an open breaker, a value with
    /// outstanding permits. It runs under a lock: be quick, and do not use the registry in it.
    /// Default: no value is busy.
    pub fn busy(mut self, busy: impl Fn(&V) -> bool + Send + Sync + 'static) -> Self {
        self.busy = Some(Box::new(busy));
        self
    }

    /// How keys are hashed. Default: the standard library's keyed hasher.
    pub fn hasher<H>(self, hasher: H) -> KeyedBuilder<K, V, H> {
        KeyedBuilder {
            config: self.config,
            overflow: self.overflow,
            busy: self.busy,
            hasher,
            keys: self.keys,
        }
    }

    /// The registry, still empty.
    ///
    /// # Errors
    ///
    /// A setting is outside of the range that [`KeyedConfig`] names.
    pub fn build(self) -> Result<Keyed<K, V, S>, ConfigError> {
        let shards = self.config.check()?;
        let KeyedConfig { capacity, idle, .. } = self.config;
        let grain = saturating_nanos(idle / 64);
        let overflow = match self.overflow {
            Overflow::Refuse => None,
            Overflow::Shared(value) => Some(Arc::new(Node::new(None, value, Instant::ORIGIN))),
        };
        Ok(Keyed {
            inner: Arc::new(Inner {
                shards: (0..shards).map(|_| Shard::default()).collect(),
                hasher: self.hasher,
                rules: Rules {
                    idle: saturating_nanos(idle).saturating_add(grain),
                    grain,
                    busy: self.busy,
                },
                capacity,
                overflow,
                pass: Mutex::new(Pass::default()),
                pass_every: idle / 16,
                counts: Counts::default(),
            }),
        })
    }
}

impl<K, V, S> fmt::Debug for KeyedBuilder<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBuilder")
            .field("config", &self.config)
            .field("shared_overflow", &matches!(self.overflow, Overflow::Shared(_)))
            .field("busy", &self.busy.is_some())
            .finish_non_exhaustive()
    }
}
