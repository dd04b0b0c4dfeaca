//! The JSON Schema of every configuration, as committed in `schemas/`: a change shows in review.
//!
//! `RELY_UPDATE_SCHEMAS=1 cargo test -p rely-core --all-features --test schemas` writes them anew.

// Helpers of tests are tests, which clippy cannot see here.
#![allow(clippy::unwrap_used)]

mod committed;

use committed::check;
use rely_core::backoff::BackoffConfig;
use rely_core::classify::{GrpcConfig, HttpStatusConfig};
use rely_core::health::Component;
use rely_core::keyed::KeyedConfig;
use rely_core::meter::MeterConfig;
use rely_core::poller::PollerConfig;
use rely_core::window::{CountWindowConfig, TimeWindowConfig};

#[test]
fn schemas_are_as_committed() {
    check::<BackoffConfig>("backoff");
    check::<Component>("component");
    check::<CountWindowConfig>("count-window");
    check::<GrpcConfig>("grpc");
    check::<HttpStatusConfig>("http-status");
    check::<KeyedConfig>("keyed");
    check::<MeterConfig>("meter");
    check::<PollerConfig>("poller");
    check::<TimeWindowConfig>("time-window");
}
