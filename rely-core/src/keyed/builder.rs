use core::fmt;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, Mutex};

use super::entry::Node;
use super::shard::{Busy, Rules, Shard};
use super::{Counts, Inner, Keyed, Pass};
use crate::instant::saturating_nanos;
use crate::{ConfigError, Instant};

const MOST_SHARDS: usize = 4096;

/// What a new key gets when a registry is full and nothing in it may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow<V> {
    /// An error.
    #[default]
    Refuse,
    /// This value, which all such keys share. It is no part of the registry's entries.
    Shared(V),
}

/// Settings of a [`Keyed`]; made by [`Keyed::builder`].
#[must_use]
pub struct KeyedBuilder<K, V, S = RandomState> {
    capacity: usize,
    idle: Duration,
    shards: Option<usize>,
    overflow: Overflow<V>,
    busy: Option<Busy<V>>,
    hasher: S,
    keys: core::marker::PhantomData<fn(K)>,
}

impl<K, V> KeyedBuilder<K, V> {
    pub(super) fn new() -> Self {
        Self {
            capacity: 10_000,
            idle: Duration::from_secs(600),
            shards: None,
            overflow: Overflow::Refuse,
            busy: None,
            hasher: RandomState::new(),
            keys: core::marker::PhantomData,
        }
    }
}

impl<K, V, S> KeyedBuilder<K, V, S> {
    /// How many entries there can be, at least 1; exact. Default: 10,000.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// How long an entry must not have been looked up before it may go, above zero.
    /// Default: 10 minutes.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Into how many locks the keys are divided: a power of two from 1 to 4096. Default: four for
    /// each processor, but not more than there can be entries.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
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
            capacity: self.capacity,
            idle: self.idle,
            shards: self.shards,
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
    /// A setting is outside of the range that its method names.
    pub fn build(self) -> Result<Keyed<K, V, S>, ConfigError> {
        if self.capacity == 0 {
            return Err(ConfigError::new("capacity", 0, "at least 1"));
        }
        if self.idle.is_zero() {
            return Err(ConfigError::new("idle", "0 s", "above 0 s"));
        }
        let shards = self.shards.unwrap_or_else(|| default_shards(self.capacity));
        if !shards.is_power_of_two() || shards > MOST_SHARDS {
            let allowed = format!("a power of two from 1 to {MOST_SHARDS}");
            return Err(ConfigError::new("shards", shards, allowed));
        }
        let grain = saturating_nanos(self.idle / 64);
        let idle = saturating_nanos(self.idle).saturating_add(grain);
        let overflow = match self.overflow {
            Overflow::Refuse => None,
            Overflow::Shared(value) => Some(Arc::new(Node::new(None, value, Instant::ORIGIN))),
        };
        Ok(Keyed {
            inner: Arc::new(Inner {
                shards: (0..shards).map(|_| Shard::default()).collect(),
                hasher: self.hasher,
                rules: Rules { idle, grain, busy: self.busy },
                capacity: self.capacity,
                overflow,
                pass: Mutex::new(Pass::default()),
                pass_every: self.idle / 16,
                counts: Counts::default(),
            }),
        })
    }
}

fn default_shards(capacity: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let shards = processors.saturating_mul(4).min(MOST_SHARDS).next_power_of_two();
    // The largest power of two that is no more than the capacity.
    shards.min(1 << capacity.ilog2())
}

impl<K, V, S> fmt::Debug for KeyedBuilder<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBuilder")
            .field("capacity", &self.capacity)
            .field("idle", &self.idle)
            .field("shards", &self.shards)
            .field("shared_overflow", &matches!(self.overflow, Overflow::Shared(_)))
            .field("busy", &self.busy.is_some())
            .finish_non_exhaustive()
    }
}
