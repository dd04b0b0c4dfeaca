//! Callers that wait for a service behind a breaker.

use core::future::Future;
use core::pin::Pin;
use core::task::Context;

use rely_core::clock::Sleep;

use crate::Breaker;
use crate::breaker::{Hold, Waiter};

/// What is to be done when a service is polled ready.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// The inner service says whether it is ready.
    Ask,
    /// The breaker rejects, so it is always ready.
    Skip,
    /// The breaker rejects, and callers are to wait.
    Wait,
}

/// A caller's place among those who are woken: taken when it has to wait, left when it has not.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waiter: Option<Waiter>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    pub(super) const fn none() -> Self {
        Self { waiter: None, timer: None }
    }

    /// Has the task woken at the next change of the breaker; that is to be looked at after this.
    pub(super) fn register(&mut self, breaker: &Breaker, cx: &Context<'_>) {
        self.waiter.get_or_insert_with(|| Waiter::new(breaker.clone())).register(cx);
    }

    /// Waits while the breaker rejects.
    pub(super) fn hold(&mut self, breaker: &Breaker, cx: &mut Context<'_>) -> Gate {
        let shared = breaker.shared();
        if matches!(shared.hold(), Hold::No) {
            return Gate::Ask;
        }
        loop {
            self.register(breaker, cx);
            let until = match shared.hold() {
                Hold::No => return Gate::Ask,
                Hold::Until(until) => until,
                Hold::ForChange => {
                    self.timer = None;
                    return Gate::Wait;
                }
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(shared.sleep_until(until)));
            if timer.deadline() != until {
                timer.as_mut().reset(until);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Gate::Wait;
            }
        }
    }
}
