//! An open-loop load: arrivals keep to their timetable, whatever becomes of the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use rely_core::{Clock, Instant};
use tower::ServiceExt;

use crate::client::{Calls, Order};

/// What the load has seen.
#[derive(Default)]
pub(crate) struct Seen {
    sent: AtomicU64,
    ended: AtomicU64,
    first_bad: AtomicU64,
    stopped: AtomicBool,
}

impl Seen {
    /// Requests sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Requests that have come to an end, good or bad.
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }

    /// When the first bad answer came.
    pub(crate) fn first_bad(&self) -> Option<Instant> {
        let nanos = self.first_bad.load(Ordering::Relaxed);
        (nanos > 0).then(|| Instant::from_nanos(nanos))
    }

    /// No request is sent any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Forgets bad answers that came before: what counts is the first one from here on.
    pub(crate) fn watch_out(&self) {
        self.first_bad.store(0, Ordering::Relaxed);
    }

    fn bad(&self, now: Instant) {
        let (ok, err) = (Ordering::Relaxed, Ordering::Relaxed);
        // Only the first one finds a zero.
        let _ = self.first_bad.compare_exchange(0, now.as_nanos(), ok, err);
    }
}

/// Sends `rate` orders a second through clones of `service` until it is told to stop.
pub(crate) async fn run(service: impl Calls, rate: u32, clock: Clock, seen: Arc<Seen>) {
    let start = clock.now();
    let apart = Duration::from_secs(1) / rate;
    for number in 0.. {
        clock.sleep_until(start + apart * number).await;
        if seen.stopped.load(Ordering::Relaxed) {
            return;
        }
        let (service, clock, seen) = (service.clone(), clock.clone(), Arc::clone(&seen));
        seen.sent.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let good = match service.oneshot(Order(u64::from(number))).await {
                Ok(response) => {
                    let good = response.status().is_success();
                    good && response.into_body().collect().await.is_ok()
                }
                Err(_) => false,
            };
            if !good {
                seen.bad(clock.now());
            }
            seen.ended.fetch_add(1, Ordering::Release);
        });
    }
}
