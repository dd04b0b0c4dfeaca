//! Every interleaving of two threads at the budget.
//!
//! `RUSTFLAGS="--cfg rely_loom" cargo test -p rely-breaker --lib --release --features retry loom`

use std::sync::Arc;

use loom::thread;
use rely_core::Instant;

use super::tokens::{TOKEN, Tokens};
use crate::sync::{AtomicU64, Ordering};

fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(f);
}

#[test]
fn two_threads_cannot_both_have_the_last_token() {
    model(|| {
        let now = Instant::ORIGIN;
        let tokens = Arc::new(Tokens::new(1, TOKEN, now));
        let other = {
            let tokens = Arc::clone(&tokens);
            thread::spawn(move || tokens.withdraw(|| now))
        };
        let ours = tokens.withdraw(|| now);
        assert!(ours ^ other.join().unwrap());
        assert_eq!(tokens.balance(|| now), 0);
    });
}

#[test]
fn what_expires_while_a_thread_writes_leaves_the_balance_once() {
    model(|| {
        let tokens = Arc::new(Tokens::new(1, 0, Instant::ORIGIN));
        tokens.deposit(3 * TOKEN, || Instant::ORIGIN);
        let other = {
            let tokens = Arc::clone(&tokens);
            thread::spawn(move || tokens.withdraw(|| Instant::from_nanos(5)))
        };
        // The deposit's slot is this one's too.
        tokens.deposit(TOKEN, || Instant::from_nanos(10));
        let spent = if other.join().unwrap() { TOKEN } else { 0 };
        assert_eq!(tokens.balance(|| Instant::from_nanos(10)), TOKEN - spent);
        assert_eq!(tokens.balance(|| Instant::from_nanos(40)), 0, "all is forgotten");
    });
}

#[test]
fn a_thread_that_read_the_time_long_ago_gives_back_nothing_that_was_taken_since() {
    model(|| {
        let tokens = Arc::new(Tokens::new(1, TOKEN, Instant::ORIGIN));
        let clock = Arc::new(AtomicU64::new(1));
        let other = {
            let (tokens, clock) = (Arc::clone(&tokens), Arc::clone(&clock));
            thread::spawn(move || {
                tokens.balance(|| Instant::from_nanos(clock.load(Ordering::Acquire)))
            })
        };
        clock.store(20, Ordering::Release);
        let now = || Instant::from_nanos(20);
        assert!(tokens.withdraw(now));
        other.join().unwrap();
        assert!(!tokens.withdraw(now), "there is one token");
    });
}
