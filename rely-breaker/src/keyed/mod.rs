//! A breaker for each key: one for each host, tenant or route, so that a sick one does not take the
//! others with it.
//!
//! ```
//! use core::time::Duration;
//! use rely_breaker::{BreakerConfig, Breakers, State};
//!
//! let slow = BreakerConfig { open_for: Duration::from_secs(300), ..BreakerConfig::default() };
//! let slow = slow.checked()?;
//! let hosts = Breakers::<String>::builder("hosts")
//!     .capacity(10_000)
//!     .idle(Duration::from_secs(600))
//!     .configure(move |host| host.ends_with(".partner.example").then(|| slow.clone()))
//!     .build()?;
//!
//! for _ in 0..20 {
//!     hosts.acquire("db-1").expect("closed").failure();
//! }
//! let rejected = hosts.acquire("db-1").unwrap_err();
//! assert!(rejected.to_string().starts_with("circuit breaker hosts/db-1 is open"));
//! assert!(hosts.acquire("db-2").is_ok());
//!
//! // Whoever calls one host again and again keeps its breaker, and looks it up no more.
//! let partner = hosts.get("a.partner.example")?;
//! assert_eq!(partner.config().open_for, Duration::from_secs(300));
//! assert_eq!(partner.state(), State::Closed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which breakers may go
//!
//! A breaker is made when its key is first asked for, and evicted only when nobody has asked for it for
//! the idle time, nobody holds the breaker or a permit of it, and
//!
//! * it is closed, or
//! * its state would have ended by itself the idle time ago: a host that was open and that nobody calls
//!   any more is not kept for ever.
//!
//! One that was forced open, forced closed or disabled stays until somebody resets or removes it. What
//! goes takes with it what it had counted, and how far its open times had grown.
//!
//! There are never more breakers than the capacity. New keys beyond it get what [`Overflow`] says, until
//! one may go. Nothing runs in the background: idle breakers go as new keys come, and all at once with
//! [`Breakers::sweep`].
//!
//! # What it costs
//!
//! A look-up hashes the key, takes one lock for reading and reads the clock that costs least; it
//! allocates nothing where the key is there. [`Breakers::get`] gives a handle that needs none of it.

mod acquire;
mod builder;
mod config;
mod layer;
mod recipe;
mod restore;
mod service;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

use core::borrow::Borrow;
use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::num::NonZeroUsize;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use rely_core::keyed::{Entry, KeyedStats};
use rely_core::{Keyed, Subscriber};

pub use self::acquire::{Acquire, ByComputedKey, ByKey};
pub use self::builder::{BreakersBuilder, BreakersConfig, Overflow};
pub use self::config::CheckedConfig;
pub use self::layer::KeyedLayer;
use self::recipe::Recipe;
pub use self::service::KeyedService;
use crate::{Breaker, NamedChange, OwnedPermit, Rejected, RejectedReason, State};

/// A bounded registry of breakers by key. Clones share the registry.
///
/// See the [module's documentation](self) for what may go and when.
pub struct Breakers<K, S = RandomState> {
    inner: Arc<Inner<K, S>>,
}

struct Inner<K, S> {
    registry: Keyed<K, Breaker, S>,
    recipe: Recipe<K>,
    shared: Option<Breaker>,
    #[cfg(feature = "metrics")]
    published: crate::sync::Mutex<crate::metrics::Published<K>>,
}

impl<K> Breakers<K> {
    /// A registry called `name`, with which the names of its breakers begin: `hosts/db-1`.
    pub fn builder(name: impl Into<Arc<str>>) -> BreakersBuilder<K> {
        BreakersBuilder::new(name.into())
    }

    /// The same from a whole configuration, read from a file for example.
    pub fn from_config(name: impl Into<Arc<str>>, config: BreakersConfig) -> BreakersBuilder<K> {
        BreakersBuilder::new(name.into()).with(config)
    }
}

impl<K, S> Breakers<K, S>
where
    K: Hash + Eq + fmt::Display,
    S: BuildHasher,
{
    /// The breaker of `key`, made if there is none yet: a handle as every other, to keep where the same
    /// key is asked for again and again. As long as it is held its breaker stays.
    ///
    /// With [`Overflow::Shared`] it may be the shared one, which then is not exchanged for the key's own
    /// when there is room again.
    ///
    /// # Errors
    /// The registry is full, and [`Overflow::Refuse`] is set.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Result<Breaker, Rejected>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        match self.look_up(key) {
            Some(breaker) => Ok(breaker),
            None => self.make(key),
        }
    }

    /// Asks the breaker of `key`, made if there is none yet, for permission to make a call.
    ///
    /// # Errors
    /// As [`Breaker::acquire`]; and if the registry is full, and [`Overflow::Refuse`] is set.
    #[inline]
    pub fn acquire<Q>(&self, key: &Q) -> Result<OwnedPermit, Rejected>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        match self.look_up(key) {
            Some(breaker) => breaker.acquire_into(),
            None => self.make(key)?.acquire_into(),
        }
    }

    #[cold]
    fn make<Q>(&self, key: &Q) -> Result<Breaker, Rejected>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let Inner { registry, recipe, .. } = &*self.inner;
        let make = || recipe.make(&key.to_owned());
        let entry = registry.get_or_insert_with(key, recipe.clock.now(), make);
        entry.map(|entry| Breaker::clone(&entry)).map_err(|_| {
            let name = Arc::clone(&recipe.name);
            Rejected::new(name, State::Open, RejectedReason::RegistryFull, None)
        })
    }

    #[inline]
    fn look_up<Q>(&self, key: &Q) -> Option<Breaker>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let Inner { registry, recipe, .. } = &*self.inner;
        registry.read(key, recipe.clock.coarse_now(), Breaker::clone)
    }

    /// The breaker of `key`, if there is one. Its idle time begins anew.
    #[must_use]
    pub fn peek<Q>(&self, key: &Q) -> Option<Breaker>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.look_up(key)
    }

    /// Takes the breaker of `key` out of the registry, in whatever state and use, and returns it: the
    /// next call with this key finds a new one.
    pub fn remove<Q>(&self, key: &Q) -> Option<Breaker>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.inner.registry.remove(key).map(|entry| Breaker::clone(&entry))
    }
}

impl<K, S> Breakers<K, S> {
    /// The name of the registry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.recipe.name
    }

    /// How many breakers there are, without the shared one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.registry.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there can be.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.registry.capacity()
    }

    /// How many were made, evicted, refused and how many calls found only the shared one.
    #[must_use]
    pub fn stats(&self) -> KeyedStats {
        self.inner.registry.stats()
    }

    /// The breaker that keys share for which there is no room; none with [`Overflow::Refuse`].
    #[must_use]
    pub fn shared(&self) -> Option<&Breaker> {
        self.inner.shared.as_ref()
    }

    /// The breakers that there are now, in no order, without the shared one.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(K, Breaker)>
    where
        K: Clone,
    {
        let entries = self.inner.registry.snapshot();
        let pair =
            |entry: &Entry<K, Breaker>| Some((Entry::key(entry)?.clone(), Breaker::clone(entry)));
        entries.iter().filter_map(pair).collect()
    }

    /// Closes every breaker, the shared one too, as [`Breaker::reset`] does.
    pub fn reset_all(&self) {
        for entry in self.inner.registry.snapshot() {
            entry.reset();
        }
        if let Some(shared) = &self.inner.shared {
            shared.reset();
        }
    }

    /// Evicts every breaker that may go, and says how many did.
    pub fn sweep(&self) -> usize {
        let Inner { registry, recipe, .. } = &*self.inner;
        registry.sweep(recipe.clock.now())
    }

    /// Every later change of any breaker, also of those yet to be made; up to `capacity` unread ones.
    /// That a breaker was made, evicted or removed is no change.
    ///
    /// The name is the registry's, a slash and the key; of the breaker that keys share for which there
    /// is no room, it is the registry's alone.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<NamedChange> {
        self.inner.recipe.changes.subscribe(capacity)
    }

    /// The tower layer whose services ask the breaker of each request's key. `key` finds it in the
    /// request:
    ///
    /// ```
    /// use rely_breaker::Breakers;
    ///
    /// struct Request { host: Option<String> }
    ///
    /// let hosts = Breakers::<String>::builder("hosts").build()?;
    /// let layer = hosts.layer(|request: &Request| request.host.as_deref());
    /// # let _: tower::util::ServiceFn<fn(Request) -> core::future::Ready<Result<(), ()>>>
    /// #     = tower::service_fn(|_| core::future::ready(Ok(())));
    /// # let _ = layer;
    /// # Ok::<(), rely_core::ConfigError>(())
    /// ```
    ///
    /// A request without a key goes through unguarded; name one in `key` where that is not wanted.
    /// For keys that are made and not found, see [`layer_computed`](Self::layer_computed); for all else,
    /// [`KeyedLayer::new`].
    #[must_use]
    pub fn layer<Request, Q, F>(&self, key: F) -> KeyedLayer<ByKey<K, F, S>>
    where
        F: Fn(&Request) -> Option<&Q>,
        K: Borrow<Q>,
        Q: ?Sized,
    {
        KeyedLayer::new(ByKey::new(self.clone(), key))
    }

    /// As [`layer`](Self::layer), for keys that are computed: a number, a pair, a hash.
    ///
    /// ```
    /// use rely_breaker::Breakers;
    ///
    /// struct Request { tenant: u64 }
    ///
    /// let shards = Breakers::<u64>::builder("shards").build()?;
    /// let layer = shards.layer_computed(|request: &Request| Some(request.tenant % 16));
    /// # let _ = layer;
    /// # Ok::<(), rely_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn layer_computed<Request, F>(&self, key: F) -> KeyedLayer<ByComputedKey<K, F, S>>
    where
        F: Fn(&Request) -> Option<K>,
    {
        KeyedLayer::new(ByComputedKey::new(self.clone(), key))
    }
}

#[cfg(feature = "metrics")]
impl<K, S> Breakers<K, S> {
    pub(crate) fn published(&self) -> &crate::sync::Mutex<crate::metrics::Published<K>> {
        &self.inner.published
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.inner.recipe.name
    }

    pub(crate) fn clock(&self) -> &rely_core::Clock {
        &self.inner.recipe.clock
    }
}

impl<K, S> Clone for Breakers<K, S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K, S> fmt::Debug for Breakers<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breakers")
            .field("name", &self.inner.recipe.name)
            .field("registry", &self.inner.registry)
            .finish_non_exhaustive()
    }
}
