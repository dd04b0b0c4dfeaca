//! Each change as an event of `tracing`.

use crate::machine::{Change, State};

/// Called without the lock: whoever listens may call the breaker, and finds the new state.
pub(super) fn change(breaker: &str, change: Change) {
    let Change { from, to, generation, reason, .. } = change;
    let (from, to) = (from.as_str(), to.as_str());
    if change.to == State::Open {
        tracing::warn!(target: "rely_breaker", breaker, from, to, generation, %reason, "state changed");
    } else {
        tracing::info!(target: "rely_breaker", breaker, from, to, generation, %reason, "state changed");
    }
}
