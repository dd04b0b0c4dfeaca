//! What holds whatever happens, in whatever order, on a clock that jumps both ways.

use proptest::prelude::*;
use rely_core::backoff::Jitter;

use super::*;
use crate::AfterTrialLimit;

/// An event without its generation.
#[derive(Clone, Copy, Debug)]
enum Input {
    Tripped { asked: Option<u64> },
    TrialEnded { bad: bool, slow: bool, asked: Option<u64> },
    OpenTime(u64),
    Timer,
    Untried,
    Probed(Level),
    Command(Event),
    Restart,
    Reconfigure(usize),
}

fn instant() -> impl Strategy<Value = u64> {
    // Mostly within the first minutes, in half seconds; seldom at the ends of time.
    prop_oneof![
        20 => (0..600_u64).prop_map(|halves| halves * 500_000_000),
        1 => Just(u64::MAX),
        1 => Just(0),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let asked = || prop::option::of(instant());
    let level = [Level::Healthy, Level::Degraded, Level::Unhealthy, Level::Unknown];
    let commands = [Event::Reset, Event::ForceOpen, Event::ForceClosed, Event::Disable];
    let open_until = instant().prop_map(|until| Event::OpenUntil(Instant::from_nanos(until)));
    prop_oneof![
        5 => asked().prop_map(|asked| Input::Tripped { asked }),
        8 => (prop::bool::weighted(0.3), prop::bool::weighted(0.1), asked())
            .prop_map(|(bad, slow, asked)| Input::TrialEnded { bad, slow, asked }),
        1 => instant().prop_map(Input::OpenTime),
        10 => Just(Input::Timer),
        2 => Just(Input::Untried),
        3 => prop::sample::select(level.to_vec()).prop_map(Input::Probed),
        1 => prop::sample::select(commands.to_vec()).prop_map(Input::Command),
        1 => open_until.prop_map(Input::Command),
        1 => Just(Input::Restart),
        1 => (0..3_usize).prop_map(Input::Reconfigure),
    ]
}

fn config() -> impl Strategy<Value = BreakerConfig> {
    let slow = SlowCalls { longer_than: SEC, rate: percent(50), in_flight: false };
    let shares = prop::collection::btree_set(1..1_000_000_u32, 1..6);
    let ramp = (shares, 1..20_u32).prop_map(|(shares, seconds)| {
        let stages = shares.into_iter().map(Ratio::from_ppm_clamped).collect();
        Ramp { stages, stage_for: SEC * seconds }
    });
    let growth = (prop::sample::select(vec![1.0, 2.0, 7.5]), 30..200_u32);
    (
        prop::option::of(Just(slow)),
        prop::option::of(growth),
        prop::option::of(30..120_u32),
        1..6_u32,
        prop::option::of(ramp),
        any::<bool>(),
    )
        .prop_map(|(slow_calls, growth, retry_after, trials, ramp, to_ramp)| {
            let to_ramp = to_ramp && ramp.is_some();
            let open_backoff = growth.map(|(factor, max)| OpenBackoff {
                factor,
                max: SEC * max,
                jitter: Jitter::Full,
            });
            BreakerConfig {
                slow_calls,
                open_backoff,
                retry_after: retry_after.map(|seconds| SEC * seconds),
                trials,
                trial_limit_to: if to_ramp { AfterTrialLimit::Ramp } else { AfterTrialLimit::Open },
                ramp,
                ..small()
            }
        })
}

fn event(input: Input, generation: u64) -> Option<Event> {
    let wish = |asked: Option<u64>| asked.map(Instant::from_nanos);
    Some(match input {
        Input::Tripped { asked } => {
            Event::Tripped { generation, reason: REASON, asked: wish(asked) }
        }
        Input::TrialEnded { bad, slow, asked } => {
            Event::TrialEnded { generation, bad, slow, asked: wish(asked) }
        }
        Input::OpenTime(until) => Event::OpenTime { generation, until: Instant::from_nanos(until) },
        Input::Timer => Event::Timer,
        Input::Untried => Event::Untried,
        Input::Probed(level) => Event::Probed(level),
        Input::Command(event) => event,
        Input::Restart | Input::Reconfigure(_) => return None,
    })
}

fn check_state(machine: &Machine) -> Result<(), TestCaseError> {
    let (state, config) = (machine.state(), machine.config());
    let timed = matches!(state, State::Open | State::HalfOpen | State::Ramping);
    prop_assert_eq!(machine.deadline().is_some(), timed);
    let stages = config.ramp.as_ref().map(|ramp| &ramp.stages[..]).unwrap_or_default();
    let share = machine.share();
    prop_assert_eq!(state == State::Ramping, stages.contains(&share));
    prop_assert!(state == State::Ramping || share == Ratio::ONE);
    prop_assert_eq!(state == State::HalfOpen, machine.trials_left() > 0);
    Ok(())
}

/// What led from one state to the other, and whether it may.
fn check_change(
    before: &Machine,
    after: &Machine,
    change: Change,
    now: Instant,
) -> Result<(), TestCaseError> {
    use ChangeReason as Why;
    prop_assert_eq!((change.from, change.to), (before.state(), after.state()));
    prop_assert_eq!((change.at, after.since()), (now, now));
    prop_assert_eq!(change.generation, after.generation());
    let stays = matches!(change.reason, Why::RampStage { .. });
    prop_assert_eq!(after.generation(), before.generation() + u64::from(!stays));
    let ramp = after.config().ramp.is_some();
    let to_ramp = after.config().trial_limit_to == AfterTrialLimit::Ramp;
    let allowed = match (change.from, change.to, change.reason) {
        (_, State::Closed, Why::Reset) => true,
        (_, to, Why::ByHand) => to != State::Closed,
        (State::HalfOpen, State::Closed, Why::TrialsPassed { .. }) => !ramp,
        (State::HalfOpen, State::Ramping, Why::TrialsPassed { .. }) => ramp,
        (State::HalfOpen, State::Ramping, Why::TrialsTimedOut) => to_ramp,
        (State::HalfOpen, State::Open, Why::TrialsTimedOut) => !to_ramp,
        (State::HalfOpen, State::Open, Why::TrialsFailed { .. }) => true,
        (State::Ramping, State::Closed, Why::Reconfigured) => !ramp,
        (State::Ramping, State::Closed, Why::RampOver) => ramp,
        (State::Ramping, State::Ramping, Why::RampStage { share }) => share == after.share(),
        (State::Ramping, State::Ramping, Why::Tripped(_)) => after.share() < before.share(),
        (State::Closed | State::Ramping, State::Open, Why::Tripped(_)) => true,
        (State::Open, State::HalfOpen, Why::OpenTimeOver | Why::Probed) => true,
        _ => false,
    };
    prop_assert!(allowed, "{change:?}");
    Ok(())
}

/// The shortest and the longest that a breaker that opened now may be open.
fn check_open_time(
    machine: &Machine,
    wish: Option<Instant>,
    now: Instant,
) -> Result<(), TestCaseError> {
    let (config, until) = (machine.config(), machine.deadline().unwrap());
    let wish = wish.zip(config.retry_after).map(|(wish, most)| wish.min(now + most));
    let first = now + config.open_for;
    let longest = config.open_backoff.map_or(first, |growth| now + growth.max.max(config.open_for));
    prop_assert!(until >= first.max(wish.unwrap_or(first)));
    prop_assert!(until <= longest.max(wish.unwrap_or(longest)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_order_of_events_leads_astray(
        config in config(),
        others in prop::array::uniform3(config()),
        inputs in prop::collection::vec((instant(), input(), 0..10_u8), 1..120),
    ) {
        let mut machine = Machine::new(config).unwrap();
        let mut asked = None;
        let mut last = Instant::ORIGIN;
        for (to, input, stale) in inputs {
            // Half of the time the clock only goes on a little.
            let now = if stale % 2 == 0 { last + 3 * SEC } else { Instant::from_nanos(to) };
            last = now;
            let before = machine.clone();
            let change = match input {
                Input::Restart => {
                    let kept = machine.snapshot(now);
                    let over = machine.deadline().is_some_and(|until| is_over(machine.since(), until, now));
                    let again = Machine::restore(Arc::clone(machine.config()), &kept, now).unwrap();
                    prop_assert_eq!(again.snapshot(now), kept);
                    prop_assert_eq!((again.state(), again.share()), (machine.state(), machine.share()));
                    prop_assert!(over || again.deadline() == machine.deadline());
                    machine = again;
                    asked = asked.filter(|asked| *asked > now);
                    None
                }
                Input::Reconfigure(which) => {
                    machine.reconfigure(others[which].clone(), now).unwrap()
                }
                input => {
                    // Now and then of a generation that is over.
                    let of = machine.generation().saturating_sub(u64::from(stale == 9));
                    let event = event(input, of).unwrap();
                    let state = machine.state();
                    if let Event::TrialEnded { generation, asked: wish, .. } = event {
                        if generation == machine.generation() && state == State::HalfOpen {
                            asked = asked.max(wish);
                        }
                    }
                    let change = machine.step(event, now);
                    if let (Some(change), Event::Tripped { generation, asked: wish, .. }) =
                        (change, event)
                    {
                        prop_assert_eq!(generation, before.generation());
                        if change.to == State::Open {
                            asked = wish;
                        }
                    }
                    change
                }
            };
            check_state(&machine)?;
            let Some(change) = change else {
                prop_assert_eq!(machine.state(), before.state());
                prop_assert_eq!(machine.generation(), before.generation());
                let silent = matches!(input, Input::Restart | Input::Reconfigure(_));
                prop_assert!(silent || machine.share() == before.share());
                continue;
            };
            check_change(&before, &machine, change, now)?;
            if change.to == State::Open && change.reason != ChangeReason::ByHand {
                check_open_time(&machine, asked, now)?;
            }
            asked = None;
        }
    }
}

#[cfg(feature = "serde")]
proptest! {
    #[test]
    fn stored_events_lead_to_the_same_changes(
        config in config(),
        seed: u64,
        inputs in prop::collection::vec((instant(), input()), 1..60),
    ) {
        let mut machine = Machine::new(config.clone()).unwrap().with_seed(seed);
        let mut stored = Vec::new();
        for (now, input) in inputs {
            let now = Instant::from_nanos(now);
            let Some(event) = event(input, machine.generation()) else { continue };
            let change = machine.step(event, now);
            stored.push(serde_json::to_string(&(event, now, change)).unwrap());
        }
        let mut again = Machine::new(config).unwrap().with_seed(seed);
        for line in stored {
            let (event, now, change): (Event, Instant, Option<Change>) =
                serde_json::from_str(&line).unwrap();
            prop_assert_eq!(again.step(event, now), change);
        }
    }
}
