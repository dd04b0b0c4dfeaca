//! What a replica runs: code and configuration.

use std::collections::BTreeMap;

use rely_core::ConfigError;
use rely_rollout::Release;
use serde::{Deserialize, Serialize};

/// The code that has the defect of act 4.
const DEFECTIVE: &str = "orders 2.0.0";

/// A build of the order service: what it does follows from nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Build {
    pub(crate) label: String,
    pub(crate) code: String,
    pub(crate) config: BTreeMap<String, String>,
}

impl Build {
    fn new(label: &str, code: &str, config: [(&str, &str); 2]) -> Self {
        let config = config.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { label: label.to_owned(), code: code.to_owned(), config: config.into() }
    }

    /// What has run well for a long time.
    pub(crate) fn v1() -> Self {
        Self::new("v1", "orders 1.4.2", [("queue_timeout_ms", "150"), ("currency", "EUR")])
    }

    /// What came after it, and was found to be bad: the release before the candidate.
    pub(crate) fn v1_5() -> Self {
        Self::new("v1.5", "orders 1.5.0", [("queue_timeout_ms", "150"), ("currency", "USD")])
    }

    /// The candidate: it takes a connection for each order from a pool that is too small for a rush.
    pub(crate) fn v2() -> Self {
        Self::new("v2", DEFECTIVE, [("queue_timeout_ms", "150"), ("currency", "EUR")])
    }

    /// The same code as this, with a setting that somebody changed by hand.
    pub(crate) fn patched_by_hand(&self) -> Self {
        let mut patched = self.clone();
        patched.config.insert("queue_timeout_ms".into(), "30000".into());
        patched
    }

    pub(crate) fn release(&self) -> Result<Release, ConfigError> {
        Release::builder(self.label.as_str())
            .code(self.code.as_str())
            .config(self.config.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            .build()
    }

    /// How many orders it can take at once, if that is limited.
    pub(crate) fn pool(&self) -> Option<usize> {
        (self.code == DEFECTIVE).then_some(8)
    }

    /// How long it waits for an answer of the queue.
    pub(crate) fn queue_timeout(&self) -> std::time::Duration {
        let millis = self.config.get("queue_timeout_ms").and_then(|value| value.parse().ok());
        std::time::Duration::from_millis(millis.unwrap_or(150))
    }
}
