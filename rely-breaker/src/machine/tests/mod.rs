mod open;
mod property;
mod ramp;
mod rules;
mod snapshot;

use core::time::Duration;

use rely_core::{Instant, Level, Ratio};

use super::*;
use crate::{Cancelled, OpenBackoff, Ramp, SlowCalls, Window};

const SEC: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);
const REASON: TripReason = TripReason::ConsecutiveFailures { count: 1 };

fn at(seconds: u32) -> Instant {
    Instant::ORIGIN + SEC * seconds
}

fn percent(percent: u32) -> Ratio {
    Ratio::from_ppm_clamped(percent * 10_000)
}

/// Open for 30 s, two trials of which one bad one is too much, within 10 s.
fn small() -> BreakerConfig {
    BreakerConfig {
        window: Window::Calls(10),
        minimum_calls: 4,
        open_for: 30 * SEC,
        trials: 2,
        trial_limit: 10 * SEC,
        ..BreakerConfig::default()
    }
}

/// Three stages of five seconds.
fn ramping() -> BreakerConfig {
    let ramp = Ramp { stages: [1, 10, 50].map(percent).into(), stage_for: 5 * SEC };
    BreakerConfig { ramp: Some(ramp), ..small() }
}

fn machine(config: BreakerConfig) -> Machine {
    Machine::new(config).unwrap()
}

fn trip(machine: &mut Machine, asked: Option<Instant>, now: Instant) -> Option<Change> {
    let generation = machine.generation();
    machine.step(Event::Tripped { generation, reason: REASON, asked }, now)
}

fn trial(machine: &mut Machine, bad: bool, now: Instant) -> Option<Change> {
    let generation = machine.generation();
    machine.step(Event::TrialEnded { generation, bad, slow: false, asked: None }, now)
}

/// Tripped at the origin, half-open from 30 s on.
fn half_open(config: BreakerConfig) -> Machine {
    let mut machine = machine(config);
    trip(&mut machine, None, Instant::ORIGIN).unwrap();
    machine.step(Event::Timer, at(30)).unwrap();
    assert_eq!(machine.state(), State::HalfOpen);
    machine
}

/// In the first stage of its ramp from 30 s on.
fn in_ramp(config: BreakerConfig) -> Machine {
    let mut machine = half_open(config);
    assert_eq!(trial(&mut machine, false, at(30)), None);
    trial(&mut machine, false, at(30)).unwrap();
    assert_eq!(machine.state(), State::Ramping);
    machine
}
