use core::borrow::Borrow;
use core::fmt;
use core::hash::{BuildHasher, Hash};

use rely_core::ConfigError;
use rely_core::keyed::Entry;

use super::{Breakers, Inner};
use crate::BreakerSnapshot;

impl<K, S> Breakers<K, S> {
    /// Every breaker that there is now, to be kept over a restart, in no order; without the shared one.
    ///
    /// ```
    /// use rely_breaker::{Breakers, State};
    ///
    /// let hosts = Breakers::<String>::builder("hosts").build()?;
    /// hosts.get("db-1").expect("there is room").force_open();
    /// let kept = hosts.snapshot_all();
    ///
    /// let restarted = Breakers::<String>::builder("hosts").build()?;
    /// for (host, snapshot) in kept {
    ///     restarted.restore(&host, snapshot)?;
    /// }
    /// assert_eq!(restarted.peek("db-1").map(|breaker| breaker.state()), Some(State::ForcedOpen));
    /// # Ok::<(), rely_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn snapshot_all(&self) -> Vec<(K, BreakerSnapshot)>
    where
        K: Clone,
    {
        self.snapshot().into_iter().map(|(key, breaker)| (key, breaker.snapshot())).collect()
    }
}

impl<K, S> Breakers<K, S>
where
    K: Hash + Eq + fmt::Display,
    S: BuildHasher,
{
    /// Has the breaker of `key` go on where another one was, with the configuration that its key has
    /// now; see [`BreakerBuilder::restore`](crate::BreakerBuilder::restore). A key that has a breaker
    /// already keeps it.
    ///
    /// # Errors
    /// Under `snapshot`, the first field that no breaker could have kept; `capacity`, if there is no
    /// room for another breaker.
    pub fn restore<Q>(&self, key: &Q, snapshot: BreakerSnapshot) -> Result<(), ConfigError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let Inner { registry, recipe, .. } = &*self.inner;
        let breaker = recipe.restore(&key.to_owned(), snapshot)?;
        let entry = registry.get_or_insert_with(key, recipe.clock.now(), || breaker);
        match entry {
            Ok(entry) if Entry::key(&entry).is_some() => Ok(()),
            _ => {
                let allowed = "room for every breaker that is restored";
                Err(ConfigError::new("capacity", self.capacity(), allowed))
            }
        }
    }
}
