//! The meter and the windows beside a bare service and the primitives that they are made of.
//!
//! `cargo bench -p rely-benches --bench layers`

// The floor is what the operating system's clocks cost.
#![allow(clippy::disallowed_methods)]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rely_benches::{Case, bare, drive, repeat};
use rely_core::latency::{LatencyScale, LatencyWindow};
use rely_core::window::{CountWindow, Good, TimeWindow, WeightedWindow};
use rely_core::{Clock, Instant, Meter, Outcome, Point, Weight};
use tower::Layer;

const MINUTE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let mut cases = floors();
    cases.extend(services());
    cases.extend(windows());
    cases.extend(two_threads());
    rely_benches::main("layers", "bare/closed", &cases)
}

fn point(clock: Clock) -> Point {
    Meter::builder("bench").clock(clock).build().expect("the defaults are in range").point("bare")
}

fn floors() -> Vec<Case> {
    vec![
        Case::new("floor/fetch-add", || {
            let word = AtomicU64::new(0);
            repeat(move |_| word.fetch_add(1, Ordering::Relaxed))
        }),
        Case::new("floor/arc-clone", || {
            let arc = Arc::new(0u64);
            repeat(move |_| *Arc::clone(&arc))
        }),
        Case::new("floor/clock-now", || {
            let clock = Clock::system();
            repeat(move |_| clock.now())
        }),
        Case::new("floor/clock-coarse", || {
            let clock = Clock::system();
            repeat(move |_| clock.coarse_now())
        }),
        // What the meter's layer cannot do without: two clock readings, a handle for the future, and
        // one step each for window, total, histogram and sum.
        Case::new("floor/meter-layer", || {
            let (clock, words) = (Clock::system(), Arc::new([const { AtomicU64::new(0) }; 64]));
            repeat(move |n| {
                let (start, words) = (clock.now(), Arc::clone(&words));
                for word in [0, 16, 32, 48] {
                    words[word].fetch_add(black_box(n), Ordering::Relaxed);
                }
                clock.now() - start
            })
        }),
        Case::new("std/instant-now", || repeat(|_| std::time::Instant::now())),
        Case::new("hdrhistogram/mutex-record", || {
            let histogram =
                hdrhistogram::Histogram::<u64>::new_with_bounds(1_000, 60_000_000_000, 2);
            let histogram = Mutex::new(histogram.expect("the bounds are in range"));
            repeat(move |n| histogram.lock().expect("no panic").record(n * 1000))
        }),
    ]
}

fn services() -> Vec<Case> {
    vec![
        Case::new("bare/closed", || {
            let mut service = bare();
            move |times| drive(&mut service, times)
        }),
        Case::new("rely/meter-layer", || {
            let mut service = point(Clock::system()).layer().layer(bare());
            move |times| drive(&mut service, times)
        }),
        // The same without the price of the clock, which is a floor of its own.
        Case::new("rely/meter-layer-manual-clock", || {
            let mut service = point(Clock::manual().0).layer().layer(bare());
            move |times| drive(&mut service, times)
        }),
        Case::new("rely/meter-record", || {
            let point = point(Clock::system());
            let latency = Duration::from_micros(120);
            repeat(move |_| point.record_at(black_box(Instant::ORIGIN), Outcome::SUCCESS, latency))
        }),
    ]
}

fn windows() -> Vec<Case> {
    let count = |calls: u32, slow: bool| {
        move || {
            let window = CountWindow::new(calls).expect("in range");
            let window = if slow { window.with_slow() } else { window };
            repeat(move |_| window.record(0, black_box(false), black_box(false)))
        }
    };
    let good = |calls: u32, slow: bool| {
        move || {
            let window = CountWindow::new(calls).expect("in range");
            let window = if slow { window.with_slow() } else { window };
            repeat(move |_| window.record_good(black_box(0)) == Good::Clean)
        }
    };
    let time = |shards: usize, calls: u64| {
        move || {
            let window = TimeWindow::builder(MINUTE).lanes(6).shards(shards).build();
            let window = window.expect("in range");
            for _ in 0..calls {
                window.record(Instant::ORIGIN, 0, 1);
            }
            repeat(move |_| window.record(black_box(Instant::ORIGIN), 0, 1))
        }
    };
    vec![
        Case::new("rely/count-window-100", count(100, false)),
        Case::new("rely/count-window-10000", count(10_000, false)),
        Case::new("rely/count-window-100-slow", count(100, true)),
        Case::new("rely/count-window-100-good", good(100, false)),
        Case::new("rely/count-window-100-slow-good", good(100, true)),
        Case::new("rely/count-window-100-third-bad", || {
            let window = CountWindow::new(100).expect("in range");
            repeat(move |n| window.record(0, n % 3 == 0, false))
        }),
        Case::new("rely/weighted-window-100", || {
            let window = WeightedWindow::new(100).expect("in range");
            repeat(move |_| window.record(0, black_box(Weight::ONE), false, false))
        }),
        Case::new("rely/time-window-100", time(1, 100)),
        Case::new("rely/time-window-100000", time(1, 100_000)),
        Case::new("rely/time-window-sharded", time(4, 100)),
        Case::new("rely/time-window-epoch", || {
            let window = TimeWindow::builder(MINUTE).lanes(2).build().expect("in range");
            repeat(move |_| window.record_in(black_box(0), black_box(Instant::ORIGIN), 0, 1))
        }),
        Case::new("rely/time-window-coarse-clock", || {
            let window = TimeWindow::builder(MINUTE).lanes(6).build().expect("in range");
            let clock = Clock::system();
            repeat(move |_| window.record(clock.coarse_now(), 0, 1))
        }),
        Case::new("rely/latency-window", || {
            let window = LatencyWindow::new(LatencyScale::default(), MINUTE, 4).expect("in range");
            repeat(move |n| window.record(Instant::ORIGIN, Duration::from_nanos(n * 1000)))
        }),
    ]
}

fn two_threads() -> Vec<Case> {
    let time = |shards: usize| {
        move || {
            let window = TimeWindow::builder(MINUTE).lanes(6).shards(shards).build();
            let window = Arc::new(window.expect("in range"));
            [(); 2].map(|()| {
                let window = Arc::clone(&window);
                repeat(move |_| window.record(black_box(Instant::ORIGIN), 0, 1))
            })
        }
    };
    vec![
        Case::threads("floor/fetch-add-two-threads", || {
            let word = Arc::new(AtomicU64::new(0));
            [(); 2].map(|()| {
                let word = Arc::clone(&word);
                repeat(move |_| word.fetch_add(1, Ordering::Relaxed))
            })
        }),
        Case::threads("rely/time-window-two-threads", time(1)),
        Case::threads("rely/time-window-sharded-two-threads", time(4)),
        Case::threads("rely/count-window-two-threads", || {
            let window = Arc::new(CountWindow::new(100).expect("in range"));
            [(); 2].map(|()| {
                let window = Arc::clone(&window);
                repeat(move |_| window.record(0, black_box(false), false))
            })
        }),
        Case::threads("rely/meter-layer-two-threads", || {
            let layer = point(Clock::system()).layer();
            [(); 2].map(|()| {
                let mut service = layer.layer(bare());
                move |times| drive(&mut service, times)
            })
        }),
    ]
}
