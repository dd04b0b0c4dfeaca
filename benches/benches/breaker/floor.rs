//! The least that a breaker can do, written by hand.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use rely_benches::{Case, repeat};
use rely_core::Clock;
use tower::{Service, service_fn};

use crate::{HOSTS, HOUR, admitted, rejected, shared};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        admitted("floor/closed-count-100", || closed(Arc::default())),
        Case::new("floor-sync/closed-count-100", || {
            let words = Words::default();
            repeat(move |n| words.call(n))
        }),
        admitted("floor/closed-slow-calls", || timed(Arc::default())),
        Case::new("floor/closed-time-100", || {
            let (clock, words) = (Clock::system(), Words::default());
            repeat(move |n| {
                black_box(clock.coarse_now());
                words.call(n)
            })
        }),
        Case::new("floor/keyed", || {
            let map: HashMap<u64, Arc<Words>> = (0..HOSTS).map(|n| (n, Arc::default())).collect();
            let map = RwLock::new(map);
            repeat(move |n| {
                let found = map.read().expect("nobody panics").get(&(n % HOSTS)).cloned();
                found.is_some_and(|words| words.is_open())
            })
        }),
        rejected("floor/open-reject", open),
        shared("floor/two-threads", || closed(Arc::default())),
        Case::threads("floor-sync/two-threads", || {
            let words: Arc<Words> = Arc::default();
            [(); 2].map(|()| {
                let words = Arc::clone(&words);
                repeat(move |n| words.call(n))
            })
        }),
        Case::threads("floor-sharded/two-threads", || {
            [(); 2].map(|()| {
                let words: Arc<Words> = Arc::default();
                repeat(move |n| words.call(n))
            })
        }),
    ]
}

/// On a cache line of its own; two, for the processor that fetches them in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// What the calls of one breaker share: a state, which is read, and a window, which is written.
#[derive(Default)]
struct Words {
    state: Line,
    window: Line,
}

impl Words {
    fn is_open(&self) -> bool {
        self.state.0.load(Ordering::Acquire) != 0
    }

    fn record(&self) {
        self.window.0.fetch_add(1, Ordering::Relaxed);
    }

    #[inline(always)]
    fn call(&self, n: u64) -> Result<u64, ()> {
        if self.is_open() {
            return Err(());
        }
        let answer = black_box(n);
        self.record();
        Ok(answer)
    }
}

/// A look at the state, a hold on the breaker for the future, and a step of the window.
fn closed(words: Arc<Words>) -> impl Service<u64, Future: Send> + Clone + Send {
    service_fn(move |n: u64| {
        let words = (!words.is_open()).then(|| Arc::clone(&words));
        async move {
            let words = words.ok_or(())?;
            let answer = black_box(n);
            words.record();
            Ok::<u64, ()>(answer)
        }
    })
}

/// The same between two looks at the clock.
fn timed(words: Arc<Words>) -> impl Service<u64, Future: Send> + Clone + Send {
    let clock = Clock::system();
    service_fn(move |n: u64| {
        let words = (!words.is_open()).then(|| Arc::clone(&words));
        let (clock, start) = (clock.clone(), clock.now());
        async move {
            let words = words.ok_or(())?;
            let answer = black_box(n);
            if clock.now() - start < crate::SLOW {
                words.record();
            }
            Ok::<u64, ()>(answer)
        }
    })
}

/// A look at the state, one at a coarse clock for whether the open time is over, and a count.
fn open() -> impl Service<u64, Future: Send> + Clone + Send {
    let (clock, words) = (Clock::system(), Arc::new(Words::default()));
    let until = clock.coarse_now() + HOUR;
    words.state.0.store(until.as_nanos(), Ordering::Release);
    service_fn(move |n: u64| {
        let until = words.state.0.load(Ordering::Acquire);
        let open = until > clock.coarse_now().as_nanos();
        if open {
            words.record();
        }
        async move { if open { Err(()) } else { Ok::<u64, ()>(black_box(n)) } }
    })
}
