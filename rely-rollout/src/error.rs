use std::sync::Arc;

/// A share that cannot be set by hand, because a rollout decides about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the share of {split} is decided by the rollout {by}")]
#[non_exhaustive]
pub struct Controlled {
    /// The split's name.
    pub split: Arc<str>,
    /// The rollout's name.
    pub by: Arc<str>,
}

/// A rollout that already has a driver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rollout {rollout} already has a driver")]
#[non_exhaustive]
pub struct AlreadyDriven {
    /// The rollout's name.
    pub rollout: Arc<str>,
}
