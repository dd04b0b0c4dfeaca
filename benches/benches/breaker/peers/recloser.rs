//! recloser: a count window, called synchronously.

use std::hint::black_box;
use std::sync::Arc;

use recloser::{Error, Recloser};
use rely_benches::{Case, repeat};

use crate::HOUR;

pub(super) fn cases() -> Vec<Case> {
    let closed = |calls: usize| {
        move || {
            let breaker = Recloser::custom().closed_len(calls).build();
            repeat(move |n| call(&breaker, n).expect("closed"))
        }
    };
    vec![
        Case::new("recloser/closed-count-100", closed(100)),
        Case::new("recloser/closed-count-10000", closed(10_000)),
        Case::new("recloser/open-reject", || {
            let breaker = Recloser::custom().closed_len(1).open_wait(HOUR).build();
            while !matches!(breaker.call(|| Err::<u64, ()>(())), Err(Error::Rejected)) {}
            repeat(move |n| call(&breaker, n).expect_err("open"))
        }),
        Case::threads("recloser/two-threads", || {
            let breaker = Arc::new(Recloser::custom().closed_len(100).build());
            [(); 2].map(|()| {
                let breaker = Arc::clone(&breaker);
                repeat(move |n| call(&breaker, n).expect("closed"))
            })
        }),
    ]
}

#[inline(always)]
fn call(breaker: &Recloser, n: u64) -> Result<u64, Error<()>> {
    breaker.call(|| Ok(black_box(n)))
}
