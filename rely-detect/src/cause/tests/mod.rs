mod incidents;
mod rules;

use core::time::Duration;

use rely_core::Instant;

use super::*;

fn at(seconds: f64) -> Instant {
    Instant::ORIGIN + Duration::from_secs_f64(seconds)
}
