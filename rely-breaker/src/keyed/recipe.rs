use core::fmt;
use std::sync::Arc;

use rely_core::rng::Rng;
use rely_core::{Clock, ConfigError, Events};

use super::CheckedConfig;
use crate::{Breaker, BreakerBuilder, BreakerSnapshot, NamedChange};

pub(super) type Configure<K> = Box<dyn Fn(&K) -> Option<CheckedConfig> + Send + Sync>;

/// What the breakers of a registry are made from.
pub(super) struct Recipe<K> {
    pub(super) name: Arc<str>,
    pub(super) clock: Clock,
    pub(super) config: CheckedConfig,
    pub(super) configure: Option<Configure<K>>,
    pub(super) seed: Option<u64>,
    pub(super) changes: Events<NamedChange>,
}

impl<K: fmt::Display> Recipe<K> {
    pub(super) fn make(&self, key: &K) -> Breaker {
        build(self.builder_of(key))
    }

    /// The breaker of `key` as another one of it was.
    pub(super) fn restore(&self, key: &K, kept: BreakerSnapshot) -> Result<Breaker, ConfigError> {
        self.builder_of(key).restore(kept).build()
    }

    fn builder_of(&self, key: &K) -> BreakerBuilder {
        let config = self.configure.as_ref().and_then(|configure| configure(key));
        let name = format!("{}/{key}", self.name).into();
        self.builder(name, config.as_ref().unwrap_or(&self.config))
    }
}

impl<K> Recipe<K> {
    /// The breaker of the keys that there is no room for.
    pub(super) fn make_shared(&self) -> Breaker {
        build(self.builder(Arc::clone(&self.name), &self.config))
    }

    fn builder(&self, name: Arc<str>, config: &CheckedConfig) -> BreakerBuilder {
        let seed = self.seed.map(|seed| Rng::seeded(seed).fork(name.as_bytes()).seed());
        let mut builder = Breaker::builder(name).config(config.shared());
        builder = builder.clock(self.clock.clone()).report_to(self.changes.clone());
        if let Some(seed) = seed {
            builder = builder.seed(seed);
        }
        builder
    }
}

fn build(builder: BreakerBuilder) -> Breaker {
    builder.build().expect("this configuration has made a breaker when it was checked")
}
