use core::time::Duration;

use proptest::prelude::*;
use rely_core::{Clock, Level, ManualClock, Meter, Outcome, Point, Ratio, RejectedBy, Signal};

use super::interval::{excess, share_bounds};
use super::*;

fn percent(percent: f64) -> Ratio {
    Ratio::percent(percent).unwrap()
}

fn rule(limit: f64, minimum_calls: u32) -> ShareRule {
    let limit = percent(limit);
    ShareRule::new(&ShareConfig { limit, minimum_calls, ..ShareConfig::default() }).unwrap()
}

/// The two-sided quantile of 95 %, as the papers use it.
const Z: f64 = 1.959_963_984_540_054;

#[test]
fn bounds_are_those_of_the_paper() {
    let table = [
        (81, 263, 0.2535, 0.3682),
        (15, 148, 0.0598, 0.1644),
        (0, 20, 0.0000, 0.2005),
        (1, 29, 0.0018, 0.1963),
    ];
    for (bad, counted, lower, upper) in table {
        let bounds = share_bounds(Counts::new(bad, counted), Z);
        assert!((bounds.lower - lower).abs() < 5e-5, "{bad}/{counted}: {bounds:?}");
        assert!((bounds.upper - upper).abs() < 5e-5, "{bad}/{counted}: {bounds:?}");
    }
}

#[test]
fn bounds_of_a_difference_are_those_of_the_paper() {
    let table = [
        ((56, 70), (48, 80), 0.0428, 0.3422),
        ((9, 10), (3, 10), 0.1013, 0.8387),
        ((6, 7), (2, 7), -0.0290, 0.8423),
        ((5, 56), (0, 29), -0.0667, 0.2037),
        ((0, 10), (0, 20), -0.2005, 0.3445),
        ((10, 10), (0, 20), 0.6014, 1.0),
    ];
    for (ours, theirs, lower, upper) in table {
        let counts = |(bad, counted)| Counts::new(bad, counted);
        let (_, bounds) = excess(counts(ours), counts(theirs), Z).unwrap();
        assert!((bounds.lower - lower).abs() < 5e-5, "{ours:?} {theirs:?}: {bounds:?}");
        assert!((bounds.upper - upper).abs() < 5e-5, "{ours:?} {theirs:?}: {bounds:?}");
    }
}

#[test]
fn quantiles_are_exact() {
    for (confidence, z) in
        [(90.0, 1.281_551_565_545), (95.0, 1.644_853_626_951), (99.9, 3.090_232_306_168)]
    {
        let config = ShareConfig { confidence: percent(confidence), ..ShareConfig::default() };
        assert!((ShareRule::new(&config).unwrap().z() - z).abs() < 1e-9, "{confidence}");
    }
}

#[test]
fn each_rule_is_met_and_just_missed() {
    use Basis::{LikelyOver, Over, TooFew, Undecided, Within};
    // One failure less or one call more is the other side of each edge.
    let table = [
        (10.0, 0, 0, TooFew),
        (10.0, 19, 19, TooFew),
        (10.0, 20, 20, Over),
        (10.0, 16, 100, Over),
        (10.0, 15, 100, LikelyOver),
        (10.0, 11, 100, LikelyOver),
        (10.0, 10, 100, Undecided),
        (10.0, 5, 100, Undecided),
        (10.0, 4, 100, Within),
        (10.0, 0, 20, Undecided),
        (10.0, 0, 33, Undecided),
        (10.0, 0, 34, Within),
        // One failure in twenty calls proves nothing about one percent; two do.
        (1.0, 1, 20, LikelyOver),
        (1.0, 2, 20, Over),
        (1.0, 0, 360, Undecided),
        (1.0, 0, 361, Within),
        (99.0, 200, 200, LikelyOver),
        (99.0, 2_000, 2_000, Over),
    ];
    for (limit, bad, counted, basis) in table {
        let finding = rule(limit, 20).judge(Counts::new(bad, counted));
        assert_eq!(finding.basis, basis, "{bad}/{counted} over {limit} %: {finding:?}");
        assert_eq!(finding.samples, counted);
        assert_eq!(finding.estimate.is_none(), basis == TooFew);
    }
}

#[test]
fn each_rule_of_a_comparison_is_met_and_just_missed() {
    use Basis::{LikelyOver, Over, TooFew, TooFewInBaseline, Undecided, Within};
    let table = [
        ((9, 19), (0, 1_000), TooFew),
        ((9, 1_000), (0, 19), TooFewInBaseline),
        ((0, 0), (0, 0), TooFew),
        ((20, 20), (0, 20), Over),
        // Both are equally bad: that counts against neither.
        ((50_000, 100_000), (50_000, 100_000), Within),
        ((10, 20), (10, 20), Undecided),
        // Exactly the limit is within it, one failure more is not, though the floats say otherwise.
        ((50, 1_000), (40, 1_000), Undecided),
        ((51, 1_000), (40, 1_000), LikelyOver),
        ((0, 1_000), (1_000, 1_000), Within),
        ((1_000, 1_000), (0, 1_000), Over),
    ];
    for (ours, theirs, basis) in table {
        let (counts, baseline) = (Counts::new(ours.0, ours.1), Counts::new(theirs.0, theirs.1));
        let finding = rule(1.0, 20).judge_against(counts, baseline);
        assert_eq!(finding.basis, basis, "{ours:?} against {theirs:?}: {finding:?}");
    }
}

/// The probabilities of 0 to `n` bad calls of `n` at a true share `p`.
fn binomial(n: u64, p: f64) -> Vec<f64> {
    use statrs::distribution::{Binomial, Discrete};
    let binomial = Binomial::new(p, n).unwrap();
    (0..=n).map(|bad| binomial.pmf(bad)).collect()
}

#[test]
fn a_service_on_its_limit_is_misjudged_as_rarely_as_promised() {
    let (mut worst_over, mut worst_within) = (0.0_f64, 0.0_f64);
    for limit in [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0] {
        for n in [20, 25, 30, 50, 70, 100, 150, 200, 300, 500, 1_000, 3_000] {
            let share = |basis| -> f64 {
                let judge = |bad| rule(limit, 20).judge(Counts::new(bad, n)).basis;
                let chances = binomial(n, limit / 100.0);
                (0..=n).zip(chances).filter(|(bad, _)| judge(*bad) == basis).map(|(_, p)| p).sum()
            };
            worst_over = worst_over.max(share(Basis::Over));
            worst_within = worst_within.max(share(Basis::Within));
        }
    }
    // Promised are 5 %; the normal approximation costs a little where failures are rare.
    assert!(worst_over < 0.07, "{worst_over}");
    assert!(worst_within < 0.05, "{worst_within}");
    assert!(worst_over > 0.03 && worst_within > 0.03, "not needlessly timid");
}

#[test]
fn a_canary_on_its_tolerance_is_misjudged_as_rarely_as_promised() {
    let (mut worst_over, mut worst_within) = (0.0_f64, 0.0_f64);
    let tolerance = 2.0;
    for base in [0.001, 0.01, 0.05, 0.2, 0.5] {
        for (n, m) in [(20, 20), (20, 200), (50, 50), (50, 300), (200, 200), (200, 20)] {
            let ours = binomial(n, base + tolerance / 100.0);
            let theirs = binomial(m, base);
            let rule = rule(tolerance, 20);
            let (mut over, mut within) = (0.0, 0.0);
            for (bad, p) in (0..=n).zip(&ours) {
                for (base_bad, q) in (0..=m).zip(&theirs).filter(|(_, q)| **q > 1e-9) {
                    let counts = (Counts::new(bad, n), Counts::new(base_bad, m));
                    match rule.judge_against(counts.0, counts.1).basis {
                        Basis::Over => over += p * q,
                        Basis::Within => within += p * q,
                        _ => {}
                    }
                }
            }
            worst_over = worst_over.max(over);
            worst_within = worst_within.max(within);
        }
    }
    assert!(worst_over < 0.06, "{worst_over}");
    assert!(worst_within < 0.06, "{worst_within}");
    assert!(worst_over > 0.02, "not needlessly timid: {worst_over}");
}

proptest! {
    #[test]
    fn a_finding_agrees_with_itself(
        bad: u64,
        counted: u64,
        base_bad: u64,
        base_counted: u64,
        shift in 20_u32..64,
        limit in 1_u32..1_000_000,
        confidence in 500_001_u32..1_000_000,
        minimum_calls in 1_u32..,
    ) {
        let (limit, confidence) =
            (Ratio::from_ppm_clamped(limit), Ratio::from_ppm_clamped(confidence));
        let config = ShareConfig { limit, confidence, minimum_calls, ..ShareConfig::default() };
        let rule = ShareRule::new(&config).unwrap();
        let counts = Counts::new(bad >> shift, counted >> shift);
        let baseline = Counts::new(base_bad >> shift, base_counted >> shift);
        for finding in [rule.judge(counts), rule.judge_against(counts, baseline)] {
            let Some(estimate) = finding.estimate else {
                let fewest = counts.counted().min(baseline.counted());
                prop_assert!(fewest < u64::from(minimum_calls));
                continue;
            };
            let Estimate { value, bounds, score } = estimate;
            prop_assert!(bounds.lower <= value && value <= bounds.upper, "{:?}", finding);
            prop_assert!((-1.0..=1.0).contains(&bounds.lower) && bounds.upper <= 1.0);
            prop_assert!((0.0..=1.0).contains(&score), "{:?}", finding);
            let sure = confidence.as_f64();
            match finding.basis {
                Basis::Over => prop_assert!(score > sure - 1e-6, "{:?}", finding),
                Basis::Within => prop_assert!(score < 1.0 - sure + 1e-6, "{:?}", finding),
                _ => prop_assert!((1.0 - sure - 1e-6..=sure + 1e-6).contains(&score)),
            }
        }
    }

    #[test]
    fn no_counts_are_too_many(bad: u64, counted: u64, base_bad: u64, base_counted: u64) {
        let (counts, baseline) = (Counts::new(bad, counted), Counts::new(base_bad, base_counted));
        for finding in [rule(5.0, 1).judge(counts), rule(5.0, 1).judge_against(counts, baseline)] {
            if let Some(Estimate { value, bounds, score }) = finding.estimate {
                prop_assert!((0.0..=1.0).contains(&score), "{:?}", finding);
                prop_assert!(bounds.lower <= value && value <= bounds.upper, "{:?}", finding);
            }
        }
    }

    #[test]
    fn more_failures_never_look_better(
        counted in 1_u64..5_000,
        bad in 0_u64..5_000,
        limit in 1_u32..1_000_000,
    ) {
        let limit = Ratio::from_ppm_clamped(limit);
        let config = ShareConfig { limit, minimum_calls: 1, ..ShareConfig::default() };
        let rule = ShareRule::new(&config).unwrap();
        let score = |bad| rule.judge(Counts::new(bad, counted)).estimate.unwrap();
        let (less, more) = (score(bad), score(bad + 1));
        prop_assert!(more.score >= less.score);
        prop_assert!(more.bounds.lower >= less.bounds.lower);
        prop_assert!(more.bounds.upper >= less.bounds.upper);
    }

    #[test]
    fn more_calls_of_the_same_share_say_no_less(
        bad in 0_u64..100,
        counted in 1_u64..100,
        times in 2_u64..50,
    ) {
        let width = |times: u64| {
            let bounds = share_bounds(Counts::new(bad * times, counted * times), Z);
            bounds.upper - bounds.lower
        };
        prop_assert!(width(times) <= width(1));
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let good = ShareConfig::default();
    let table = [
        (ShareConfig { limit: Ratio::ZERO, ..good.clone() }, "limit"),
        (ShareConfig { limit: Ratio::ONE, ..good.clone() }, "limit"),
        (ShareConfig { confidence: percent(50.0), ..good.clone() }, "confidence"),
        (ShareConfig { confidence: Ratio::ONE, ..good.clone() }, "confidence"),
        (ShareConfig { minimum_calls: 0, ..good.clone() }, "minimum_calls"),
        (ShareConfig { valid_for: Duration::ZERO, ..good.clone() }, "valid_for"),
    ];
    for (config, field) in table {
        assert_eq!(config.check().unwrap_err().field(), field);
        let (_, _, point) = point();
        assert!(FailureShare::builder(point).config(config).build().is_err());
    }
    assert_eq!(good.check(), Ok(()));
}

fn point() -> (Clock, ManualClock, Point) {
    let (clock, manual) = Clock::manual();
    let meter = Meter::builder("test").clock(clock.clone()).build().unwrap();
    (clock, manual, meter.point("queue"))
}

fn record(point: &Point, outcome: Outcome, latency: Duration, calls: u32) {
    for _ in 0..calls {
        point.record(outcome, latency);
    }
}

const FAST: Duration = Duration::from_millis(5);
const SLOW: Duration = Duration::from_secs(2);

#[test]
fn a_failing_target_goes_from_unknown_to_unhealthy_and_back() {
    let (clock, manual, point) = point();
    let signal = FailureShare::builder(point.clone()).build().unwrap();
    let verdict = signal.verdict(clock.now());
    assert_eq!((verdict.level, verdict.samples, verdict.score), (Level::Unknown, 0, None));
    assert_eq!(verdict.reason, "0 of 20 calls that are needed");

    record(&point, Outcome::SUCCESS, FAST, 40);
    let verdict = signal.verdict(clock.now());
    assert_eq!(verdict.level, Level::Unknown);
    assert!(verdict.reason.contains("not enough evidence yet"), "{}", verdict.reason);

    record(&point, Outcome::SUCCESS, FAST, 60);
    let verdict = signal.verdict(clock.now());
    assert_eq!(verdict.level, Level::Healthy);
    assert_eq!(verdict.reason, "failure share of 0.00 % is within the limit of 5 %");

    record(&point, Outcome::FAILURE, FAST, 6);
    let verdict = signal.verdict(clock.now());
    assert_eq!(verdict.level, Level::Degraded);
    let reason = "failure share of 5.66 % is over the limit of 5 %, perhaps by chance";
    assert_eq!(verdict.reason, reason);

    record(&point, Outcome::SOFT_FAILURE, FAST, 10);
    let verdict = signal.verdict(clock.now());
    assert_eq!((verdict.level, verdict.samples), (Level::Unhealthy, 116));
    let names: Vec<_> = verdict.evidence.iter().map(|evidence| &*evidence.name).collect();
    assert_eq!(names, ["failure_share", "lower", "upper", "limit"]);
    assert!(verdict.score > Some(0.95));
    assert_eq!(verdict.valid_until, clock.now() + Duration::from_secs(10));
    assert_eq!(verdict.since, clock.now());

    manual.advance(Duration::from_secs(70));
    assert_eq!(signal.verdict(clock.now()).level, Level::Unknown, "the window has moved on");
}

#[test]
fn what_says_nothing_about_the_target_is_no_evidence() {
    let (clock, _, point) = point();
    let signal = FailureShare::builder(point.clone()).build().unwrap();
    let silent = [Outcome::IGNORED, Outcome::CANCELLED, Outcome::rejected(RejectedBy::Breaker)];
    for outcome in silent {
        record(&point, outcome, FAST, 1_000);
    }
    assert_eq!(signal.verdict(clock.now()).samples, 0);
    assert_eq!(signal.verdict(clock.now()).level, Level::Unknown);
}

#[test]
fn several_points_are_judged_as_one() {
    let (clock, _) = Clock::manual();
    let meter = Meter::builder("test").clock(clock.clone()).build().unwrap();
    let (a, b) = (meter.point("a"), meter.point("b"));
    let signal = FailureShare::builder(a.clone()).point(b.clone()).build().unwrap();
    record(&a, Outcome::FAILURE, FAST, 15);
    record(&b, Outcome::FAILURE, FAST, 15);
    let verdict = signal.verdict(clock.now());
    assert_eq!((verdict.level, verdict.samples), (Level::Unhealthy, 30));
}

#[test]
fn trouble_that_both_have_counts_against_neither() {
    let (clock, _) = Clock::manual();
    let meter = Meter::builder("test").clock(clock.clone()).build().unwrap();
    let (stable, canary) = (meter.point("stable"), meter.point("canary"));
    let signal = FailureShare::builder(canary.clone())
        .against(stable.clone())
        .limit(percent(5.0))
        .build()
        .unwrap();
    record(&canary, Outcome::FAILURE, FAST, 100);
    let verdict = signal.verdict(clock.now());
    assert_eq!(verdict.level, Level::Unknown);
    assert_eq!(verdict.reason, "0 of 20 calls that are needed in the baseline");

    record(&canary, Outcome::SUCCESS, FAST, 900);
    record(&stable, Outcome::FAILURE, FAST, 200);
    record(&stable, Outcome::SUCCESS, FAST, 1_800);
    let verdict = signal.verdict(clock.now());
    assert_eq!((verdict.level, verdict.samples), (Level::Healthy, 3_000), "{}", verdict.reason);
    let names: Vec<_> = verdict.evidence.iter().map(|evidence| &*evidence.name).collect();
    let expected = ["failure_share", "baseline_share", "excess", "lower", "upper", "limit"];
    assert_eq!(names, expected);

    record(&canary, Outcome::FAILURE, FAST, 150);
    let verdict = signal.verdict(clock.now());
    assert_eq!(verdict.level, Level::Unhealthy);
    let reason = "failure share +11.74 % from the baseline is over the limit of 5 %";
    assert_eq!(verdict.reason, reason);
}

#[test]
fn slow_successes_count_and_failures_do_not() {
    let (clock, _, point) = point();
    let objective = Duration::from_millis(300);
    let signal = LatencyOver::builder(point.clone(), objective).build().unwrap();
    record(&point, Outcome::FAILURE, SLOW, 1_000);
    assert_eq!(signal.verdict(clock.now()).samples, 0);
    record(&point, Outcome::SUCCESS, FAST, 99);
    record(&point, Outcome::SUCCESS, objective, 1);
    let verdict = signal.verdict(clock.now());
    assert_eq!((verdict.level, verdict.samples), (Level::Healthy, 100), "in time to the dot");
    record(&point, Outcome::SUCCESS, SLOW, 15);
    let verdict = signal.verdict(clock.now());
    assert_eq!(verdict.level, Level::Unhealthy);
    assert_eq!(verdict.evidence[0].name, "slow_share");
    let share = 15.0 / 115.0;
    assert!((verdict.evidence[0].value - share).abs() < 1e-12);
}

#[test]
fn an_objective_that_the_meter_cannot_tell_apart_is_refused() {
    for (objective, works) in [
        (Duration::ZERO, false),
        (Duration::from_nanos(999), false),
        (Duration::from_micros(1), true),
        (Duration::from_millis(56_250), true),
        (Duration::from_millis(56_251), false),
        (Duration::from_secs(60), false),
    ] {
        for other in [false, true] {
            let (clock, _, first) = point();
            let (_, _, second) = point();
            let builder = LatencyOver::builder(first.clone(), objective);
            let builder = if other { builder.against(second) } else { builder };
            let signal = builder.build();
            assert_eq!(signal.is_ok(), works, "{objective:?}");
            if let (Ok(signal), false) = (signal, other) {
                record(&first, Outcome::SUCCESS, Duration::from_secs(90), 30);
                assert_eq!(signal.verdict(clock.now()).level, Level::Unhealthy, "{objective:?}");
            }
        }
    }
}

#[test]
fn asking_changes_nothing() {
    let (clock, _, point) = point();
    let signal = FailureShare::builder(point.clone()).build().unwrap();
    record(&point, Outcome::FAILURE, FAST, 30);
    let verdict = signal.verdict(clock.now());
    for _ in 0..10 {
        assert_eq!(signal.verdict(clock.now()), verdict);
    }
}

#[cfg(feature = "serde")]
#[test]
fn the_configuration_is_read_in_human_words() {
    let text = r#"{ "limit": "0.5 %", "confidence": 0.99, "valid_for": "1m" }"#;
    let read: ShareConfig = serde_json::from_str(text).unwrap();
    assert_eq!((read.limit, read.confidence), (percent(0.5), percent(99.0)));
    assert_eq!((read.minimum_calls, read.valid_for), (20, Duration::from_secs(60)));
    let again: ShareConfig = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
    assert!(serde_json::from_str::<ShareConfig>(r#"{ "limt": "1 %" }"#).is_err());
}

#[cfg(feature = "schema")]
#[test]
fn the_configuration_describes_itself() {
    let schema = serde_json::to_value(schemars::schema_for!(ShareConfig)).unwrap();
    for field in ["limit", "confidence", "minimum_calls", "valid_for"] {
        assert!(schema["properties"][field].is_object(), "{field}");
    }
    assert_eq!(schema["additionalProperties"], false);
}
