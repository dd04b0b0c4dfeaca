mod actions;
mod panics;
mod rules;
mod runs;

use core::future::Future;
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::FutureExt;
use rely_core::event::Delivery;
use rely_core::signal::ManualSignal;
use rely_core::{Clock, ConfigError, Instant, Level, ManualClock, Signal, Verdict};

use super::*;
use crate::{BoxError, Fault, FaultPoint, Instance, KillSwitch, Killed, async_trait};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN + SECOND * u32::try_from(seconds).unwrap()
}

/// Steps from timer to timer until it is over.
fn drive<T>(run: impl Future<Output = T>, manual: &ManualClock) -> T {
    let mut run = pin!(run);
    for _ in 0..1_000_000 {
        if let Some(done) = run.as_mut().now_or_never() {
            return done;
        }
        manual.advance_to_next_timer().expect("it waits for nothing");
    }
    panic!("it never ends");
}

/// Says a level from each of the instants on.
fn script(steps: &'static [(u64, Level)]) -> impl Signal + 'static {
    move |now: Instant| {
        let step = steps.iter().rev().find(|(second, _)| now >= at(*second));
        let level = step.map_or(Level::Unknown, |(_, level)| *level);
        Verdict::new(level, now).because("scripted")
    }
}

fn healthy() -> impl Signal + 'static {
    script(&[(0, Level::Healthy)])
}

/// Healthy, by evidence of that second.
fn dated(second: u64) -> impl Signal + 'static {
    move |_: Instant| Verdict::new(Level::Healthy, at(second))
}

/// What the actions of a test did, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        core::mem::take(&mut self.0.lock().unwrap())
    }

    fn action(&self, name: &'static str) -> FnAction {
        let (inject, back, gone) = (self.clone(), self.clone(), self.clone());
        FnAction::new(
            name,
            move || {
                inject.push(format!("+{name}"));
                async { Ok(()) }
            },
            move || {
                back.push(format!("-{name}"));
                async { Ok(()) }
            },
        )
        .on_abandon(move || gone.push(format!("!{name}")))
    }
}

struct Bench {
    clock: Clock,
    manual: ManualClock,
    log: Log,
}

fn bench() -> Bench {
    let (clock, manual) = Clock::manual();
    Bench { clock, manual, log: Log::default() }
}

impl Bench {
    /// A method of 10 s, asked every second, without actions and steady state.
    fn bare(&self) -> ExperimentBuilder {
        Experiment::builder("test")
            .clock(self.clock.clone())
            .lasting(SECOND * 10)
            .settle_within(SECOND * 5)
            .recover_within(SECOND * 5)
    }

    fn builder(&self) -> ExperimentBuilder {
        self.bare().steady_state("steady", healthy()).inject_at(SECOND, self.log.action("a"))
    }

    fn run(&self, builder: ExperimentBuilder) -> ExperimentReport {
        drive(builder.build().unwrap().run(), &self.manual)
    }
}
