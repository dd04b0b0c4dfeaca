use core::hash::Hash;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use ::metrics::{counter, gauge};

use super::names::{BREAKERS, EVICTED, OVERFLOWED, REFUSED};
use super::{COUNTERS, Counters, PublishEvery, STATES, counters, publish_counters};
use crate::breaker::Shared;
use crate::sync::lock;
use crate::{Breaker, BreakerStatus, Breakers};

/// What the counters of a registry add up to, those of breakers that are gone included.
pub(crate) struct Published<K> {
    total: Counters,
    /// Those that were there last time; the shared one has no key.
    last: HashMap<Option<K>, Seen>,
}

struct Seen {
    /// Held weakly, so that it may go, and no other one can be where it was.
    breaker: Weak<Shared>,
    counters: Counters,
}

impl<K> Default for Published<K> {
    fn default() -> Self {
        Self { total: [0; COUNTERS.len()], last: HashMap::new() }
    }
}

impl<K: Hash + Eq> Published<K> {
    fn take(&mut self, mut now: HashMap<Option<K>, Seen>) -> Counters {
        for (key, seen) in &mut now {
            let same = self.last.get(key).filter(|last| Weak::ptr_eq(&last.breaker, &seen.breaker));
            let last = same.map_or([0; COUNTERS.len()], |last| last.counters);
            for ((total, now), last) in self.total.iter_mut().zip(&mut seen.counters).zip(last) {
                // Read while calls end, it may be less than it was.
                *now = last.max(*now);
                *total = total.saturating_add(*now - last);
            }
        }
        self.last = now;
        self.total
    }
}

impl Seen {
    fn now(breaker: &Breaker, status: &BreakerStatus) -> Self {
        Self { breaker: breaker.weak(), counters: counters(status) }
    }
}

impl<K, S> Breakers<K, S> {
    /// Hands the counters of all its breakers, added up, and how many are in which state to the recorder
    /// of the [`metrics`] facade; see [the module](crate::metrics) for their names.
    ///
    /// Published more often than breakers are evicted, every [idle time](crate::keyed) at least, no call
    /// is missed; of one that is [removed](Self::remove), those since the last time are.
    pub fn publish(&self)
    where
        K: Clone + Hash + Eq,
    {
        // Who looks later has to be the later one to add up.
        let mut published = lock(self.published());
        let mut now = HashMap::new();
        let mut states = [0_u32; STATES.len()];
        for (key, breaker) in self.snapshot() {
            let status = breaker.status();
            now.insert(Some(key), Seen::now(&breaker, &status));
            let known = STATES.iter().position(|state| *state == status.state);
            if let Some(number) = known.and_then(|index| states.get_mut(index)) {
                *number += 1;
            }
        }
        if let Some(shared) = self.shared() {
            now.insert(None, Seen::now(shared, &shared.status()));
        }
        let name = self.shared_name();
        let total = published.take(now);
        drop(published);
        publish_counters(name, total);
        for (state, number) in STATES.into_iter().zip(states) {
            let state = state.as_str();
            gauge!(BREAKERS, "breaker" => Arc::clone(name), "state" => state).set(number);
        }
        let stats = self.stats();
        for (metric, value) in
            [(EVICTED, stats.evicted), (OVERFLOWED, stats.overflowed), (REFUSED, stats.refused)]
        {
            counter!(metric, "breaker" => Arc::clone(name)).absolute(value);
        }
    }

    /// A future that [publishes](Self::publish) at once and then `every` so often, as
    /// [`Breaker::publish_every`](crate::Breaker::publish_every) does.
    pub fn publish_every(&self, every: Duration) -> PublishEvery
    where
        K: Clone + Hash + Eq + Send + Sync + 'static,
        S: Send + Sync + 'static,
    {
        let (breakers, clock) = (self.clone(), self.clock().clone());
        PublishEvery::new(move || breakers.publish(), clock, every)
    }
}
