//! Tokio's clock, as nanoseconds.

// This is the room where the real clocks are read, so that no other has to.
#![allow(clippy::disallowed_methods)]

use core::time::Duration;
use std::sync::OnceLock;
use std::time::SystemTime;

use tokio::time::Instant as TokioInstant;

use crate::Instant;

/// Where the count starts: a day before the first reading, so that "an hour ago" exists.
fn origin() -> std::time::Instant {
    static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
    *ORIGIN.get_or_init(|| {
        let first = std::time::Instant::now();
        first.checked_sub(Duration::from_secs(86_400)).unwrap_or(first)
    })
}

pub(super) fn now() -> Instant {
    let origin = origin();
    Instant::ORIGIN + TokioInstant::now().into_std().saturating_duration_since(origin)
}

/// The system's calendar time, moved by as much as paused time was moved.
pub(super) fn wall() -> SystemTime {
    let (tokio, real) = (TokioInstant::now().into_std(), std::time::Instant::now());
    let wall = SystemTime::now();
    let moved = if tokio >= real {
        wall.checked_add(tokio.saturating_duration_since(real))
    } else {
        wall.checked_sub(real.saturating_duration_since(tokio))
    };
    moved.unwrap_or(wall)
}

pub(super) fn sleep_until(deadline: Instant) -> tokio::time::Sleep {
    // Tokio cannot wait for the end of time; thirty years stand in for it.
    const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 86_400);
    let now = TokioInstant::now();
    let wait = deadline.saturating_since(self::now()).min(FOR_EVER);
    tokio::time::sleep_until(now.checked_add(wait).unwrap_or(now))
}
