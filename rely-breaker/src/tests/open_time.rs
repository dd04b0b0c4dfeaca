//! Open times that grow.

use super::*;

const NANO: Duration = Duration::from_nanos(1);

fn growing(jitter: Jitter) -> BreakerConfig {
    let open_backoff = Some(OpenBackoff { factor: 2.0, max: 200 * SECOND, jitter });
    BreakerConfig { open_backoff, minimum_calls: 1, trials: 1, ..small() }
}

/// How long it is open now.
fn time(breaker: &Breaker) -> Duration {
    let status = breaker.status();
    assert_eq!(status.state, State::Open);
    status.until.unwrap() - status.since
}

/// Trips, then has the trial fail so many times; the open times.
fn outage(breaker: &Breaker, manual: &ManualClock, trials: usize) -> Vec<Duration> {
    fail(breaker, 1);
    let mut times = vec![time(breaker)];
    for _ in 0..trials {
        manual.advance(time(breaker));
        fail(breaker, 1);
        times.push(time(breaker));
    }
    times
}

fn recover(breaker: &Breaker, manual: &ManualClock) {
    manual.advance(time(breaker));
    succeed(breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
}

fn seconds(times: &[u32]) -> Vec<Duration> {
    times.iter().map(|&time| time * SECOND).collect()
}

#[test]
fn it_grows_from_the_first_to_the_longest_and_without_the_rule_it_does_not() {
    let (breaker, manual) = breaker(growing(Jitter::None));
    assert_eq!(outage(&breaker, &manual, 4), seconds(&[30, 60, 120, 200, 200]));
    let (breaker, manual) =
        super::breaker(BreakerConfig { open_backoff: None, ..growing(Jitter::None) });
    assert_eq!(outage(&breaker, &manual, 3), seconds(&[30, 30, 30, 30]));
}

#[test]
fn hung_trials_are_a_step_like_bad_ones() {
    let (breaker, manual) = breaker(growing(Jitter::None));
    fail(&breaker, 1);
    manual.advance(30 * SECOND);
    let hung = breaker.acquire().unwrap();
    manual.advance(10 * SECOND);
    assert!(breaker.acquire().is_err());
    assert_eq!(time(&breaker), 60 * SECOND);
    drop(hung);
}

#[test]
fn it_shrinks_a_step_for_each_closed_time_as_long_as_it_was_open_last() {
    // After 30 s, 60 s and 120 s the next would be 200 s.
    for (closed, next) in [
        (Duration::ZERO, 200),
        (120 * SECOND - NANO, 200),
        (120 * SECOND, 120),
        (240 * SECOND - NANO, 120),
        (240 * SECOND, 60),
        (360 * SECOND - NANO, 60),
        (360 * SECOND, 30),
        (Duration::from_secs(1 << 33), 30),
    ] {
        let (breaker, manual) = breaker(growing(Jitter::None));
        outage(&breaker, &manual, 2);
        recover(&breaker, &manual);
        manual.advance(closed);
        fail(&breaker, 1);
        assert_eq!(time(&breaker), next * SECOND, "after {closed:?}");
    }
}

#[test]
fn a_long_outage_is_forgotten_in_as_many_steps_as_it_takes_to_grow() {
    let (breaker, manual) = breaker(growing(Jitter::None));
    outage(&breaker, &manual, 1000);
    recover(&breaker, &manual);
    manual.advance(600 * SECOND);
    fail(&breaker, 1);
    assert_eq!(time(&breaker), 30 * SECOND);
}

#[test]
fn a_reset_takes_it_back_and_what_was_opened_by_hand_is_no_step() {
    let (breaker, manual) = breaker(growing(Jitter::None));
    outage(&breaker, &manual, 2);
    breaker.reset();
    assert_eq!(outage(&breaker, &manual, 1), seconds(&[30, 60]));
    breaker.open_for(5 * SECOND);
    assert_eq!(time(&breaker), 5 * SECOND);
    manual.advance(5 * SECOND);
    fail(&breaker, 1);
    assert_eq!(time(&breaker), 120 * SECOND, "the hand neither grew it nor took it back");
}

#[test]
fn a_time_without_a_trip_counts_however_it_ended() {
    let (breaker, manual) = breaker(growing(Jitter::None));
    outage(&breaker, &manual, 2);
    recover(&breaker, &manual);
    manual.advance(240 * SECOND);
    breaker.open_for(5 * SECOND);
    manual.advance(5 * SECOND);
    fail(&breaker, 1);
    assert_eq!(time(&breaker), 60 * SECOND);
}

#[test]
fn chance_stays_within_its_bounds_and_starts_where_it_is_told() {
    for (jitter, lowest) in [(Jitter::Equal, [30, 30, 60, 100]), (Jitter::Full, [30; 4])] {
        let times = |seed: u64| {
            let (clock, manual) = Clock::manual();
            let builder = Breaker::builder("queue").config(growing(jitter)).seed(seed);
            outage(&builder.clock(clock).build().unwrap(), &manual, 3)
        };
        for seed in 0..100 {
            let times = times(seed);
            assert_eq!(times[0], 30 * SECOND);
            let bounds = seconds(&lowest).into_iter().zip(seconds(&[30, 60, 120, 200]));
            for (time, (low, high)) in times.iter().zip(bounds) {
                assert!((low..=high).contains(time), "{jitter:?} {time:?}");
            }
        }
        assert_eq!(times(7), times(7));
        assert_ne!(times(7), times(8));
    }
}
