//! seatbelt: a time window of ten slices, as a tower layer over the system's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use rely_benches::{Case, bare, drive, drive_rejected};
use seatbelt::breaker::{Breaker, BreakerLayer};
use seatbelt::{RecoveryInfo, ResilienceContext};
use tick::runtime::InactiveClock;
use tower::{Layer, Service, service_fn};

use crate::{HOUR, admitted, rejected, shared};

pub(super) fn cases() -> Vec<Case> {
    vec![
        admitted("seatbelt/closed-time-100", || closed(100)),
        admitted("seatbelt/closed-time-100000", || closed(100_000)),
        rejected("seatbelt/open-reject", open),
        shared("seatbelt/two-threads", || closed(100)),
    ]
}

fn layer() -> BreakerLayer<u64, Result<u64, ()>> {
    // Only timers need a driver, and the breaker has none.
    let (clock, _) = InactiveClock::new_shared().activate(Waker::noop().clone());
    Breaker::layer("bench", &ResilienceContext::new(&clock))
        .recovery_with(|result, _| match result {
            Ok(_) => RecoveryInfo::never(),
            Err(()) => RecoveryInfo::retry(),
        })
        .rejected_input_error(|_, _| ())
        .sampling_duration(HOUR)
        .break_duration(HOUR)
}

/// A breaker that so many calls have gone through.
fn closed(calls: u64) -> impl Service<u64, Future: Send> + Clone + Send {
    let mut service = layer().layer(bare());
    drive(&mut service, calls);
    service
}

/// Around a service that fails until the breaker is open, so that an error is a rejection afterwards.
fn open() -> impl Service<u64, Future: Send> + Clone + Send {
    let works = Arc::new(AtomicBool::new(false));
    let inner = Arc::clone(&works);
    let inner = service_fn(move |n| {
        let works = inner.load(Ordering::Relaxed);
        async move { works.then_some(n).ok_or(()) }
    });
    let mut service = layer().min_throughput(1).layer(inner);
    drive_rejected(&mut service, 100);
    works.store(true, Ordering::Relaxed);
    service
}
