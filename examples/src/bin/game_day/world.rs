//! Everything that there is twice, once behind each of the two clients: so that what one does to its
//! services is not the other's trouble.

use std::sync::Arc;

use rely_chaos::KillSwitch;
use rely_core::Clock;

use crate::BoxError;
use crate::backend::Address;
use crate::build::Build;
use crate::queue::Queue;
use crate::replica::{Calling, Replica};

/// The zones, the clients of which prefer the replica in their own.
pub(crate) const ZONES: [&str; 3] = ["zone-a", "zone-b", "zone-c"];

/// The replica that a candidate is tried on.
pub(crate) const CANARY: &str = "canary";

/// Two endpoints of the queue and the replicas of the order service.
pub(crate) struct World {
    pub(crate) queues: [Queue; 2],
    /// One in each zone.
    pub(crate) zones: Vec<Arc<Replica>>,
    /// One more, where there is a rollout.
    pub(crate) canary: Option<Arc<Replica>>,
}

/// What holds in both of them.
pub(crate) struct Laws<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) kill_switch: &'a KillSwitch,
    /// Whether calls go through the fault points.
    pub(crate) breakable: bool,
    /// Whether breakers may open.
    pub(crate) breakers_on: bool,
}

impl World {
    /// What the client without protection calls.
    pub(crate) async fn naive(laws: &Laws<'_>) -> Result<Self, BoxError> {
        Self::start("naive", Calling::Bare, laws).await
    }

    /// What the protected client calls.
    pub(crate) async fn protected(laws: &Laws<'_>) -> Result<Self, BoxError> {
        let calling = Calling::Protected;
        let mut world = Self::start("protected", calling, laws).await?;
        let (v1, queues) = (Build::v1(), world.addresses());
        world.canary = Some(Replica::start(CANARY, &v1, calling, &queues, laws).await?);
        Ok(world)
    }

    async fn start(client: &str, calling: Calling, laws: &Laws<'_>) -> Result<Self, BoxError> {
        let queues = [
            Queue::start("queue-a", client, laws).await?,
            Queue::start("queue-b", client, laws).await?,
        ];
        let mut world = Self { queues, zones: Vec::new(), canary: None };
        let (v1, queues) = (Build::v1(), world.addresses());
        for zone in ZONES {
            world.zones.push(Replica::start(zone, &v1, calling, &queues, laws).await?);
        }
        Ok(world)
    }

    fn addresses(&self) -> Vec<Address> {
        let address = |queue: &Queue| Address { name: queue.name.clone(), port: queue.port };
        self.queues.iter().map(address).collect()
    }

    /// All replicas, by name.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = &Arc<Replica>> {
        self.zones.iter().chain(&self.canary)
    }

    /// Messages that the queue was sent.
    pub(crate) fn enqueued(&self) -> u64 {
        self.queues.iter().map(Queue::received).sum()
    }
}
