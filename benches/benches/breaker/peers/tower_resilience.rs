//! tower-resilience: count and time windows, as a tower layer.

use futures::executor::block_on;
use rely_benches::{Case, bare, drive};
use tower::{Layer, Service};
use tower_resilience_circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerLayer, DefaultClassifier, SlidingWindowType,
};

use crate::{HOUR, SLOW, admitted, rejected, shared};

pub(super) fn cases() -> Vec<Case> {
    vec![
        admitted("tower-resilience/closed-count-100", || service(count(100))),
        admitted("tower-resilience/closed-count-10000", || service(count(10_000))),
        admitted("tower-resilience/closed-slow-calls", || {
            service(count(100).slow_call_duration_threshold(SLOW))
        }),
        rejected("tower-resilience/open-reject", || {
            let builder = count(100).wait_duration_in_open(HOUR);
            let (layer, handle) = builder.build_with_handle().expect("in range");
            block_on(handle.force_open());
            layer.layer(bare())
        }),
        shared("tower-resilience/two-threads", || service(count(100))),
        Case::new("tower-resilience/closed-time-100", time_100),
        // The set-up alone looks at five thousand million records, for each call costs as many steps
        // as the window has calls. A few hundred calls more make no difference to it.
        admitted("tower-resilience/closed-time-100000", || {
            let mut service = service(time());
            drive(&mut service, 100_000);
            service
        })
        .without_instructions(),
    ]
}

type Builder = CircuitBreakerConfigBuilder<DefaultClassifier>;

fn count(calls: usize) -> Builder {
    CircuitBreakerLayer::builder().name("bench").sliding_window_size(calls)
}

fn time() -> Builder {
    let builder = CircuitBreakerLayer::builder().name("bench");
    let builder = builder.sliding_window_type(SlidingWindowType::TimeBased);
    builder.sliding_window_duration(HOUR).minimum_number_of_calls(20)
}

fn service(builder: Builder) -> impl Service<u64, Future: Send> + Clone + Send {
    builder.build().expect("in range").layer(bare())
}

/// Emptied whenever it holds 200 calls, so that it holds 100 on average, which is what the price of a
/// call goes by.
fn time_100() -> impl FnMut(u64) + Send {
    const FULL: u64 = 200;
    let (layer, handle) = time().build_with_handle().expect("in range");
    let mut service = layer.layer(bare());
    let mut room = FULL;
    move |mut times| {
        while times > 0 {
            let calls = times.min(room);
            drive(&mut service, calls);
            times -= calls;
            room -= calls;
            if room == 0 {
                block_on(handle.force_open());
                block_on(handle.force_closed());
                room = FULL;
            }
        }
    }
}
