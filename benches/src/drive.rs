//! Bodies of cases: a service called again and again, or a function.

use std::future::Future;
use std::hint::{black_box, spin_loop};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tower::{Service, service_fn};

/// The service that all layers go around: it answers at once.
pub fn bare() -> impl Service<u64, Response = u64, Error = (), Future: Send> + Clone + Send + Sync {
    service_fn(|n: u64| async move { Ok::<u64, ()>(black_box(n)) })
}

/// Calls a service so many times on this thread, with a waker that does nothing.
///
/// # Panics
/// If the service is not ready or an answer is not good: then something else would be measured.
#[inline]
pub fn drive<S: Service<u64>>(service: &mut S, times: u64) {
    each(service, times, |good| assert!(good, "the service is to answer"));
}

/// The same with a service that rejects every call.
///
/// # Panics
/// If the service is not ready or an answer is good.
#[inline]
pub fn drive_rejected<S: Service<u64>>(service: &mut S, times: u64) {
    each(service, times, |good| assert!(!good, "the service is to reject"));
}

#[inline]
fn each<S: Service<u64>>(service: &mut S, times: u64, check: impl Fn(bool)) {
    let mut cx = Context::from_waker(Waker::noop());
    for n in 0..times {
        assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
        let mut call = pin!(service.call(black_box(n)));
        let answer = loop {
            match call.as_mut().poll(&mut cx) {
                Poll::Ready(answer) => break black_box(answer),
                // Another thread holds an asynchronous lock. To ask again at once flatters such a
                // lock: nobody is parked and woken.
                Poll::Pending => spin_loop(),
            }
        };
        check(answer.is_ok());
    }
}

/// A body that runs a function so many times.
pub fn repeat<T>(mut f: impl FnMut(u64) -> T + Send + 'static) -> impl FnMut(u64) + Send + 'static {
    move |times| {
        for n in 0..times {
            black_box(f(n));
        }
    }
}
