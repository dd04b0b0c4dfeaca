use core::fmt;
use std::sync::Arc;

use super::Endpoint;
use super::order::bit;
use crate::sync::{AtomicU64, Ordering};

/// What a [`Failover`](super::Failover) did, to look at from elsewhere; cheap to clone.
#[derive(Clone)]
pub struct FailoverHandle(pub(super) Arc<Stats>);

pub(super) struct Stats {
    name: Arc<str>,
    endpoints: Vec<EndpointStats>,
    /// The endpoints whose last answer was a refusal.
    refusing: AtomicU64,
    moved_on: AtomicU64,
}

struct EndpointStats {
    name: Arc<str>,
    zone: Option<Arc<str>>,
    priority: u32,
    served: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
}

impl Stats {
    pub(super) fn new<'a>(
        name: Arc<str>,
        endpoints: impl Iterator<Item = &'a Endpoint>,
    ) -> Arc<Self> {
        let count = || AtomicU64::new(0);
        let endpoints = endpoints.map(|endpoint| EndpointStats {
            name: Arc::clone(&endpoint.name),
            zone: endpoint.zone.clone(),
            priority: endpoint.priority,
            served: count(),
            failed: count(),
            refused: count(),
        });
        let endpoints = endpoints.collect();
        Arc::new(Self { name, endpoints, refusing: count(), moved_on: count() })
    }

    pub(super) fn refusing(&self) -> u64 {
        self.refusing.load(Ordering::Relaxed)
    }

    pub(super) fn served(&self, index: usize, bad: bool) {
        let endpoint = &self.endpoints[index];
        endpoint.served.fetch_add(1, Ordering::Relaxed);
        if bad {
            endpoint.failed.fetch_add(1, Ordering::Relaxed);
        }
        if self.refusing() & bit(index) != 0 {
            self.refusing.fetch_and(!bit(index), Ordering::Relaxed);
        }
    }

    pub(super) fn refused(&self, index: usize) {
        self.endpoints[index].refused.fetch_add(1, Ordering::Relaxed);
        if self.refusing() & bit(index) == 0 {
            self.refusing.fetch_or(bit(index), Ordering::Relaxed);
        }
    }

    pub(super) fn moved_on(&self) {
        self.moved_on.fetch_add(1, Ordering::Relaxed);
    }
}

impl FailoverHandle {
    /// The failover's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The counters now.
    #[must_use]
    pub fn status(&self) -> FailoverStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let refusing = self.0.refusing();
        let endpoints = self.0.endpoints.iter().enumerate();
        let endpoints = endpoints.map(|(index, endpoint)| EndpointStatus {
            name: Arc::clone(&endpoint.name),
            zone: endpoint.zone.clone(),
            priority: endpoint.priority,
            served: count(&endpoint.served),
            failed: count(&endpoint.failed),
            refused: count(&endpoint.refused),
            refusing: refusing & bit(index) != 0,
        });
        FailoverStatus { endpoints: endpoints.collect(), moved_on: count(&self.0.moved_on) }
    }
}

impl fmt::Debug for FailoverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverHandle")
            .field("name", &self.0.name)
            .field("status", &self.status())
            .finish()
    }
}

/// A failover at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailoverStatus {
    /// The endpoints, in the order in which a first attempt asks them.
    pub endpoints: Vec<EndpointStatus>,
    /// How often a call went on to another endpoint after a refusal.
    pub moved_on: u64,
}

/// An endpoint at one moment, with the calls that ended since the failover was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its zone.
    pub zone: Option<Arc<str>>,
    /// Its priority.
    pub priority: u32,
    /// Calls that it answered, well or badly.
    pub served: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Calls that it refused.
    pub refused: u64,
    /// Whether the last answer was a refusal.
    pub refusing: bool,
}
