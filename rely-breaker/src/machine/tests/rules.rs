//! Each rule just met and just missed.

use super::*;

const SLOW: SlowCalls =
    SlowCalls { longer_than: SEC, rate: Ratio::from_ppm_clamped(500_000), in_flight: true };

fn counts(total: u64, bad: u64, slow: u64) -> Counts {
    Counts { total, bad, slow }
}

fn rule(reason: Option<TripReason>) -> &'static str {
    match reason {
        None => "-",
        Some(TripReason::FailureRate { .. }) => "rate",
        Some(TripReason::SlowCallRate { .. }) => "slow",
        Some(TripReason::FailureCount { .. }) => "count",
        Some(TripReason::ConsecutiveFailures { .. }) => "run",
    }
}

#[test]
fn each_rule_is_met_and_just_missed() {
    let off = BreakerConfig { failure_rate: None, ..small() };
    let by_rate = small();
    let by_slow = BreakerConfig { slow_calls: Some(SLOW), ..off.clone() };
    let not_in_flight = SlowCalls { in_flight: false, ..SLOW };
    let by_ended = BreakerConfig { slow_calls: Some(not_in_flight), ..off.clone() };
    let by_count = BreakerConfig { failure_count: Some(3), ..off.clone() };
    let by_run = BreakerConfig { consecutive_failures: Some(3), ..off };
    for (config, counts, run, overdue, expected) in [
        (&by_rate, counts(4, 2, 0), 0, 0, "rate"),
        (&by_rate, counts(4, 1, 4), 9, 9, "-"),
        (&by_rate, counts(3, 3, 0), 0, 9, "-"),
        (&by_slow, counts(4, 4, 2), 0, 0, "slow"),
        (&by_slow, counts(4, 0, 1), 0, 1, "-"),
        // 2 of 5 under way and slow, 1 of 3 that ended.
        (&by_slow, counts(3, 0, 1), 0, 2, "slow"),
        (&by_slow, counts(3, 0, 1), 0, 0, "-"),
        // What answers nobody: nothing ended, and the minimum is met by calls under way.
        (&by_slow, counts(0, 0, 0), 0, 4, "slow"),
        (&by_slow, counts(0, 0, 0), 0, 3, "-"),
        (&by_slow, counts(u64::MAX, 0, 0), 0, u64::MAX, "slow"),
        (&by_ended, counts(4, 0, 1), 0, 1_000, "-"),
        (&by_ended, counts(4, 0, 2), 0, 1_000, "slow"),
        (&by_count, counts(3, 3, 0), 0, 0, "count"),
        (&by_count, counts(1_000_000, 3, 0), 0, 0, "count"),
        (&by_count, counts(1_000_000, 2, 1_000), 9, 9, "-"),
        (&by_run, counts(3, 3, 0), 3, 0, "run"),
        (&by_run, counts(3, 3, 3), 2, 9, "-"),
    ] {
        let reason = machine(config.clone()).judge(counts, run, overdue);
        assert_eq!(rule(reason), expected, "{counts:?} {run} {overdue} by {config:?}");
    }
}

#[test]
fn the_first_rule_of_the_table_gives_the_reason() {
    let mut config = BreakerConfig {
        slow_calls: Some(SLOW),
        failure_count: Some(2),
        consecutive_failures: Some(2),
        ..small()
    };
    let judge = |config: &BreakerConfig| machine(config.clone()).judge(counts(4, 2, 2), 2, 0);
    assert_eq!(rule(judge(&config)), "rate");
    config.failure_rate = None;
    assert_eq!(rule(judge(&config)), "slow");
    config.slow_calls = None;
    assert_eq!(rule(judge(&config)), "count");
    config.failure_count = None;
    assert_eq!(rule(judge(&config)), "run");
}

#[test]
fn below_the_minimum_only_what_is_sure_trips() {
    let sure = BreakerConfig {
        minimum_calls: 10,
        slow_calls: Some(SLOW),
        evidence: Some(percent(95)),
        ..small()
    };
    for (counts, overdue, expected) in [
        (counts(4, 4, 0), 0, "-"),
        (counts(5, 5, 0), 0, "rate"),
        (counts(9, 7, 0), 0, "-"),
        (counts(9, 8, 0), 0, "rate"),
        // From the minimum on the plain rate decides, sure or not.
        (counts(10, 5, 0), 0, "rate"),
        (counts(10, 4, 0), 0, "-"),
        (counts(5, 0, 5), 0, "slow"),
        (counts(2, 0, 2), 3, "slow"),
        (counts(2, 0, 2), 2, "-"),
    ] {
        let reason = machine(sure.clone()).judge(counts, 0, overdue);
        assert_eq!(rule(reason), expected, "{counts:?} {overdue}");
        let plain = machine(BreakerConfig { evidence: None, ..sure.clone() });
        let below = counts.total + overdue < 10;
        assert_eq!(plain.judge(counts, 0, overdue).is_none(), below || expected == "-");
    }
    // More than all cannot be: there the minimum decides as ever.
    let all = machine(BreakerConfig { failure_rate: Some(Ratio::ONE), ..sure });
    assert_eq!(rule(all.judge(counts(9, 9, 0), 0, 0)), "-");
    assert_eq!(rule(all.judge(counts(10, 10, 0), 0, 0)), "rate");
}

#[test]
fn a_cancelled_call_fails_once_the_share_of_them_is_reached() {
    let fails = |cancelled, state: fn(BreakerConfig) -> Machine, of, ended| {
        state(BreakerConfig { cancelled, ..small() }).cancelled_fails(of, ended)
    };
    let from = Cancelled::FailureFrom(percent(50));
    for (cancelled, of, ended, closed, trial) in [
        (Cancelled::Neutral, 9, 9, false, false),
        (Cancelled::Failure, 1, 9, true, true),
        (from, 2, 4, true, false),
        (from, 1, 4, false, false),
        (from, 3, 3, false, false),
        (from, 4, 4, true, false),
    ] {
        assert_eq!(fails(cancelled, machine, of, ended), closed, "{cancelled:?} {of} {ended}");
        assert_eq!(fails(cancelled, half_open, of, ended), trial, "{cancelled:?} {of} {ended}");
    }
}

#[test]
fn a_count_of_failures_judges_trials_too() {
    for (limit, ends, state) in [
        (2, &[true][..], State::HalfOpen),
        (2, &[true, true], State::Open),
        (2, &[false, true], State::HalfOpen),
        (2, &[false, true, true], State::Open),
        (2, &[false, false], State::Closed),
        // More than there are trials: all of them, and not one less.
        (9, &[true, true], State::HalfOpen),
        (9, &[true, true, true], State::Open),
        (9, &[true, false], State::Closed),
    ] {
        let failure_count = Some(limit);
        let config = BreakerConfig { failure_rate: None, failure_count, trials: 3, ..small() };
        let mut machine = half_open(config);
        for bad in ends {
            trial(&mut machine, *bad, at(30));
        }
        assert_eq!(machine.state(), state, "{limit} {ends:?}");
    }
}

#[test]
fn reasons_read_as_sentences() {
    let slow = machine(BreakerConfig { slow_calls: Some(SLOW), ..small() });
    assert_eq!(
        slow.judge(counts(4, 0, 2), 0, 3).unwrap().to_string(),
        "2 of the last 4 calls took 1s or longer, and so do 3 under way, the limit is 50 %"
    );
    let count = machine(BreakerConfig { failure_count: Some(3), ..small() });
    assert_eq!(
        count.judge(counts(9, 3, 0), 0, 0).unwrap().to_string(),
        "3 of the last calls were bad, the limit is 3"
    );
    let reason = ChangeReason::RampStage { share: percent(5) };
    assert_eq!(reason.to_string(), "5 % of the calls go through");
}
