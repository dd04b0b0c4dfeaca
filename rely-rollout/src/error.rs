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

/// Something that already has a driver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {what} {name} already has a driver")]
#[non_exhaustive]
pub struct AlreadyDriven {
    /// What it is: a rollout or a reconciler.
    pub what: &'static str,
    /// Its name.
    pub name: Arc<str>,
}

impl AlreadyDriven {
    pub(crate) fn new(what: &'static str, name: &Arc<str>) -> Self {
        Self { what, name: Arc::clone(name) }
    }
}
