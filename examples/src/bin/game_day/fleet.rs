//! What carries out a rollback or a reconciliation: it replaces what a replica runs.

use std::sync::Arc;

use rely_rollout::Release;
use rely_rollout::reconcile::Actuator;

use crate::BoxError;
use crate::build::Build;
use crate::world::World;

/// The replicas of the protected world, and the builds that they can be given.
pub(crate) struct Fleet {
    pub(crate) world: Arc<World>,
    pub(crate) builds: Vec<Build>,
    /// They are given this one whenever the last known good is asked for.
    pub(crate) wrong: Option<Build>,
}

impl Actuator for Fleet {
    async fn replace(&self, instance: &str, release: &Release) -> Result<(), BoxError> {
        let replica = self.world.replicas().find(|replica| &*replica.name == instance);
        let replica = replica.ok_or_else(|| format!("there is no replica {instance}"))?;
        for build in &self.builds {
            if build.release()?.digest() == release.digest() {
                let wrong = self.wrong.as_ref().filter(|_| *build == Build::v1());
                return replica.run(wrong.unwrap_or(build)).await;
            }
        }
        Err(format!("nobody has built {release}").into())
    }
}
