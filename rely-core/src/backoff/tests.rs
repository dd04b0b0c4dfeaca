use core::time::Duration;

use proptest::prelude::*;

use super::{Backoff, BackoffConfig, Growth, Jitter};
use crate::rng::Rng;

const KINDS: [Jitter; 4] = [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated];

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn plain(growth: Growth, factor: Option<f64>) -> Backoff {
    let (initial, max) = (millis(100), millis(1_000));
    BackoffConfig { growth, initial, factor, max, jitter: Jitter::None }.build().unwrap()
}

#[test]
fn each_growth_has_its_curve_and_its_cap() {
    let cases = [
        (plain(Growth::Constant, None), [100, 100, 100, 100, 100]),
        (plain(Growth::Linear, None), [100, 200, 300, 400, 500]),
        (plain(Growth::Exponential, None), [100, 200, 400, 800, 1_000]),
        (plain(Growth::Exponential, Some(1.5)), [100, 150, 225, 337, 506]),
        (plain(Growth::Exponential, Some(1.0)), [100, 100, 100, 100, 100]),
    ];
    for (backoff, expected) in cases {
        let delays: Vec<_> =
            backoff.delays(0).map(|delay| delay.as_micros() / 1_000).take(5).collect();
        assert_eq!(delays, expected, "{backoff:?}");
        assert!(backoff.ceiling(u32::MAX) <= millis(1_000));
    }
    assert_eq!(plain(Growth::Linear, None).ceiling(9), millis(1_000));
    assert_eq!(plain(Growth::Linear, None).ceiling(10), millis(1_000));
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let base = BackoffConfig::default();
    let cases = [
        (BackoffConfig { initial: Duration::ZERO, ..base }, "initial is 0ns"),
        (BackoffConfig { max: millis(99), ..base }, "max is 99ms, allowed: at least 100ms"),
        (BackoffConfig { factor: Some(0.99), ..base }, "factor is 0.99, allowed: 1.0 to 1000.0"),
        (BackoffConfig { factor: Some(f64::NAN), ..base }, "factor is NaN"),
        (BackoffConfig { factor: Some(f64::INFINITY), ..base }, "factor is inf"),
        (BackoffConfig { growth: Growth::Linear, factor: Some(2.0), ..base }, "factor is 2"),
        (
            BackoffConfig { growth: Growth::Constant, jitter: Jitter::Decorrelated, ..base },
            "jitter is decorrelated",
        ),
    ];
    for (config, expected) in cases {
        let error = config.build().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(Backoff::constant(Duration::ZERO).is_err());
    assert!(Backoff::exponential(millis(2), millis(1)).is_err());
    assert!(Backoff::linear(millis(1), millis(1)).is_ok());
}

#[test]
fn a_reset_starts_the_growth_over_but_not_the_chance() {
    let mut delays = plain(Growth::Exponential, None).delays(1);
    assert_eq!(delays.nth(2), Some(millis(400)));
    assert_eq!(delays.attempt(), 3);
    delays.reset();
    assert_eq!((delays.attempt(), delays.next()), (0, Some(millis(100))));

    let mut delays = Backoff::exponential(millis(100), millis(1_000)).unwrap().delays(1);
    let first = delays.next();
    delays.reset();
    assert_ne!(delays.next(), first);
}

#[test]
fn means_are_those_of_the_formulas() {
    let mean = |jitter| {
        let backoff =
            Backoff::exponential(millis(100), millis(800)).unwrap().with_jitter(jitter).unwrap();
        let mut rng = Rng::seeded(2);
        let draws = 20_000;
        let total: Duration = (0..draws).map(|_| backoff.delay(3, millis(300), &mut rng)).sum();
        (total / draws).as_secs_f64() * 1_000.0
    };
    // The standard deviation of each mean is at most 800 / √12 / √20000 < 2.
    for (jitter, expected) in [
        (Jitter::None, 800.0),
        (Jitter::Full, 400.0),
        (Jitter::Equal, 600.0),
        // From 100 to 900, what is over 800 capped: 7/8 · 450 + 1/8 · 800.
        (Jitter::Decorrelated, 493.75),
    ] {
        let mean = mean(jitter);
        assert!((mean - expected).abs() < 10.0, "{jitter:?}: {mean}");
    }
}

#[test]
fn the_longest_durations_do_not_overflow() {
    for jitter in KINDS {
        let config = BackoffConfig {
            initial: Duration::MAX,
            max: Duration::MAX,
            factor: Some(1_000.0),
            jitter,
            ..BackoffConfig::default()
        };
        let last = config.build().unwrap().delays(3).nth(50).unwrap();
        assert!(last > Duration::ZERO);
    }
}

prop_compose! {
    fn any_backoff()(
        kind in 0..KINDS.len(),
        growth in 0..3,
        initial in 1..=u64::MAX,
        shift in 0..64_u32,
        beyond in 0..=u64::MAX,
        factor in 1.0..=1_000.0_f64,
    ) -> Backoff {
        let jitter = KINDS[kind];
        let growth = match growth {
            0 if jitter != Jitter::Decorrelated => Growth::Constant,
            1 if jitter != Jitter::Decorrelated => Growth::Linear,
            _ => Growth::Exponential,
        };
        let initial = Duration::from_nanos((initial >> shift).max(1));
        let max = initial.saturating_add(Duration::from_nanos(beyond >> shift));
        let factor = (growth == Growth::Exponential).then_some(factor);
        BackoffConfig { growth, initial, factor, max, jitter }.build().unwrap()
    }
}

proptest! {
    #[test]
    fn each_delay_keeps_the_bounds_of_its_kind(
        backoff in any_backoff(),
        attempt: u32,
        shift in 0..32_u32,
        previous: u64,
        seed: u64,
    ) {
        let attempt = attempt >> shift;
        let previous = Duration::from_nanos(previous);
        let delay = backoff.delay(attempt, previous, &mut Rng::seeded(seed));
        let BackoffConfig { initial, max, jitter, .. } = *backoff.config();
        let ceiling = backoff.ceiling(attempt);
        prop_assert!(ceiling <= max && delay <= max);
        let (low, high) = match jitter {
            Jitter::None => (ceiling, ceiling),
            Jitter::Full => (Duration::ZERO, ceiling),
            Jitter::Equal => (ceiling / 2, ceiling),
            Jitter::Decorrelated => (initial, max),
        };
        let last = Duration::from_nanos(u64::MAX);
        prop_assert!((low.min(last)..=high).contains(&delay), "{delay:?} not in {low:?}..={high:?}");
    }

    #[test]
    fn the_ceiling_never_falls(backoff in any_backoff(), attempt: u32, shift in 0..32_u32) {
        let attempt = attempt >> shift;
        prop_assert!(backoff.ceiling(attempt) <= backoff.ceiling(attempt.saturating_add(1)));
        prop_assert!(backoff.ceiling(0) <= backoff.ceiling(attempt));
    }

    #[test]
    fn one_seed_gives_one_row_of_delays(backoff in any_backoff(), seed: u64) {
        let row = || backoff.delays(seed).take(20).collect::<Vec<_>>();
        prop_assert_eq!(row(), row());
    }
}

#[cfg(feature = "serde")]
mod with_serde {
    use super::*;
    use crate::config::from_deserializer;

    fn read(json: &str) -> Result<BackoffConfig, String> {
        from_deserializer(&mut serde_json::Deserializer::from_str(json))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_configuration_reads_back_as_it_was_written() {
        let config = read(r#"{"growth":"linear","initial":"1s 500ms","jitter":"equal"}"#).unwrap();
        assert_eq!(config.growth, Growth::Linear);
        assert_eq!(config.initial, millis(1_500));
        assert_eq!(config.max, BackoffConfig::default().max);
        assert_eq!(read(&serde_json::to_string(&config).unwrap()), Ok(config));
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            (r#"{"inital":"1s"}"#, "inital is an unknown field, allowed: growth, initial"),
            (r#"{"max":"-1s"}"#, "max is \"-1s\", allowed: a duration such as"),
            (r#"{"jitter":"some"}"#, "jitter is some, allowed: none, full, equal, decorrelated"),
            (r#"{"factor":"x"}"#, "factor is \"x\", allowed: f64"),
        ];
        for (json, expected) in cases {
            let error = read(json).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[cfg(feature = "schema")]
    #[test]
    fn the_schema_names_every_field_and_default() {
        let schema = serde_json::to_value(schemars::schema_for!(BackoffConfig)).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        for field in ["growth", "initial", "factor", "max", "jitter"] {
            assert!(properties.contains_key(field), "{field}");
        }
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["initial"]["default"], "100ms");
        assert_eq!(schema["properties"]["initial"]["$ref"], "#/$defs/Duration");
    }
}
