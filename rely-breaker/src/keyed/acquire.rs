use core::borrow::Borrow;
use core::fmt;
use core::hash::{BuildHasher, Hash};
use std::collections::hash_map::RandomState;

use super::Breakers;
use crate::{OwnedPermit, Rejected};

/// Which breaker a request has to ask, and what that one says.
///
/// [`Breakers::layer`] and [`Breakers::layer_computed`] have it for keys. Write it yourself where the
/// request brings its breaker along, or where it is generic:
///
/// ```
/// use rely_breaker::keyed::{Acquire, KeyedLayer};
/// use rely_breaker::{Breaker, Breakers, OwnedPermit, Rejected};
///
/// struct Request { host: String, resolved: Option<Breaker> }
///
/// #[derive(Clone)]
/// struct Hosts(Breakers<String>);
///
/// impl Acquire<Request> for Hosts {
///     fn acquire(&self, request: &Request) -> Result<Option<OwnedPermit>, Rejected> {
///         match &request.resolved {
///             Some(breaker) => breaker.acquire_owned().map(Some),
///             None => self.0.acquire(&request.host).map(Some),
///         }
///     }
/// }
///
/// let layer = KeyedLayer::new(Hosts(Breakers::builder("hosts").build()?));
/// # let _ = layer;
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
pub trait Acquire<Request> {
    /// A permit for the call, or none for one that goes through unguarded.
    ///
    /// # Errors
    /// If the breaker does not let the call through.
    fn acquire(&self, request: &Request) -> Result<Option<OwnedPermit>, Rejected>;
}

/// Looks up the breaker by a key that is somewhere in the request; made by [`Breakers::layer`].
pub struct ByKey<K, F, S = RandomState> {
    breakers: Breakers<K, S>,
    key: F,
}

/// Looks up the breaker by a key that is computed; made by [`Breakers::layer_computed`].
pub struct ByComputedKey<K, F, S = RandomState> {
    breakers: Breakers<K, S>,
    key: F,
}

impl<K, F, S> ByKey<K, F, S> {
    pub(super) const fn new(breakers: Breakers<K, S>, key: F) -> Self {
        Self { breakers, key }
    }
}

impl<K, F, S> ByComputedKey<K, F, S> {
    pub(super) const fn new(breakers: Breakers<K, S>, key: F) -> Self {
        Self { breakers, key }
    }
}

impl<Request, K, Q, F, S> Acquire<Request> for ByKey<K, F, S>
where
    F: Fn(&Request) -> Option<&Q>,
    K: Borrow<Q> + Hash + Eq + fmt::Display,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    S: BuildHasher,
{
    #[inline]
    fn acquire(&self, request: &Request) -> Result<Option<OwnedPermit>, Rejected> {
        (self.key)(request).map(|key| self.breakers.acquire(key)).transpose()
    }
}

impl<Request, K, F, S> Acquire<Request> for ByComputedKey<K, F, S>
where
    F: Fn(&Request) -> Option<K>,
    K: Hash + Eq + Clone + fmt::Display,
    S: BuildHasher,
{
    #[inline]
    fn acquire(&self, request: &Request) -> Result<Option<OwnedPermit>, Rejected> {
        (self.key)(request).map(|key| self.breakers.acquire(&key)).transpose()
    }
}

impl<K, F: Clone, S> Clone for ByKey<K, F, S> {
    fn clone(&self) -> Self {
        Self::new(self.breakers.clone(), self.key.clone())
    }
}

impl<K, F: Clone, S> Clone for ByComputedKey<K, F, S> {
    fn clone(&self) -> Self {
        Self::new(self.breakers.clone(), self.key.clone())
    }
}

impl<K, F, S> fmt::Debug for ByKey<K, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByKey").field("breakers", &self.breakers).finish_non_exhaustive()
    }
}

impl<K, F, S> fmt::Debug for ByComputedKey<K, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByComputedKey").field("breakers", &self.breakers).finish_non_exhaustive()
    }
}
