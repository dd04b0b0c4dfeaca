use core::time::Duration;
use std::sync::Arc;

use rely_core::{Clock, ConfigError, config};

use super::DriftCheck;

/// How a [`DriftCheck`] is made.
#[derive(Clone, Debug)]
#[must_use]
pub struct DriftCheckBuilder {
    pub(super) name: Arc<str>,
    pub(super) max_age: Duration,
    pub(super) clock: Clock,
}

impl DriftCheckBuilder {
    /// How old a report may be before it says nothing any more; over zero, 1 min by default. Let
    /// instances report three times as often.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The clock; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The check, with nothing declared.
    ///
    /// # Errors
    /// If `max_age` is zero.
    pub fn build(self) -> Result<DriftCheck, ConfigError> {
        config::nonzero("max_age", self.max_age)?;
        Ok(DriftCheck::new(self))
    }
}
