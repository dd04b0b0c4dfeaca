use std::sync::Arc;

use rely_core::{ConfigError, Instant};

/// Why a fault was not armed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArmError {
    /// The point is armed with another fault; two at a time would hide which one did what.
    #[error("fault point {point} is armed already, until {expires:?}")]
    AlreadyArmed {
        /// The point, with its labels.
        point: Arc<str>,
        /// When the other fault ends by itself.
        expires: Instant,
    },
    /// The kill switch is engaged.
    #[error("fault point {point} is held disarmed by its kill switch")]
    Killed {
        /// The point, with its labels.
        point: Arc<str>,
    },
    /// The fault or its time to live cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
