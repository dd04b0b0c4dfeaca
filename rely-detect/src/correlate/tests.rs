use core::f64::consts::TAU;

use proptest::prelude::*;
use rely_core::rng::Rng;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.unit_f64()).ln()).sqrt() * (TAU * rng.unit_f64()).cos()
}

/// Noise in which so much of the last value is left.
fn noise(rng: &mut Rng, left: f64, length: usize) -> Vec<f64> {
    let mut state = 0.0;
    let next = |_| {
        state = left * state + (1.0 - left * left).sqrt() * normal(rng);
        state
    };
    (0..length).map(next).collect()
}

#[test]
fn coefficients_are_those_of_hand() {
    let rises = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let falls = rises.map(|value| 3.0 - 2.0 * value);
    // Σab of the centred values is 27, Σa² and Σb² are 42 each.
    let mixed = [2.0, 1.0, 0.0, 5.0, 4.0, 3.0, 6.0, 7.0];
    let table = [(rises, 1.0), (falls, -1.0), (mixed, 34.0 / 42.0)];
    for (other, coefficient) in table {
        let found = correlate(&rises, &other, 0).unwrap();
        assert!((found.coefficient - coefficient).abs() < 1e-12, "{found:?}");
        assert_eq!((found.shift, found.pairs), (0, 8));
        assert!((found.shifted_coefficient - found.coefficient).abs() < 1e-12);
    }
    assert_eq!(correlate(&rises, &[1.0; 8], 3), None);
    assert_eq!(correlate(&rises, &[0.1 + 0.2; 8], 3), None);
    assert_eq!(correlate(&rises[..7], &falls[..7], 3), None);
    assert_eq!(correlate(&[], &[], 3), None);
}

#[test]
fn leading_is_worth_a_little_more() {
    let mut rng = Rng::seeded(1);
    let (one, own) = (noise(&mut rng, 0.0, 300), noise(&mut rng, 0.0, 300));
    let later: Vec<f64> =
        (0..300_usize).map(|n| n.checked_sub(10).map_or(0.0, |n| one[n]) + 0.5 * own[n]).collect();
    let (leads, lags) =
        (correlate(&one, &later, 20).unwrap(), correlate(&later, &one, 20).unwrap());
    assert_eq!((leads.shift, lags.shift), (10, -10));
    // Half of the longest shift is worth half of a twentieth.
    assert!((leads.shifted_coefficient / leads.coefficient - 1.025).abs() < 1e-12);
    assert!((lags.shifted_coefficient / lags.coefficient - 0.975).abs() < 1e-12);
}

#[test]
fn unrelated_series_are_significant_as_rarely_as_said() {
    let mut rng = Rng::seeded(7);
    for left in [0.0, 0.5, 0.9, 0.97] {
        let mut wrong = 0;
        for _ in 0..400 {
            let (one, other) = (noise(&mut rng, left, 300), noise(&mut rng, left, 300));
            let found = correlate(&one, &other, 30).unwrap();
            wrong += u32::from(found.p_value < 0.05);
        }
        // Twenty are nominal.
        assert!(wrong < 48, "{left}: {wrong} of 400");
    }
}

#[test]
fn one_step_each_proves_nothing() {
    let step = |at: usize| (0..300).map(|n| f64::from(u8::from(n >= at))).collect::<Vec<_>>();
    let found = correlate(&step(150), &step(158), 30).unwrap();
    assert_eq!(found.shift, 8);
    assert!(found.coefficient > 0.99 && found.p_value > 0.01, "{found:?}");
}

/// Ten minutes in which latency has trouble that errors follow after `lag`.
fn trouble(seed: u64, lag: u32, correlator: &mut Correlator, factor: f64) {
    let mut rng = Rng::seeded(seed);
    let (waves, own) = (noise(&mut rng, 0.8, 700), noise(&mut rng, 0.5, 700));
    let (other, quiet) = (noise(&mut rng, 0.5, 700), noise(&mut rng, 0.5, 700));
    let state = |second: u32| {
        if (350..420).contains(&second) { 8.0 + 2.0 * waves[second as usize] } else { 0.0 }
    };
    for second in 60..660_u32 {
        let at = Instant::ORIGIN + SECOND * second;
        let n = second as usize;
        correlator.observe("queue latency", at, 40.0 + own[n] + state(second));
        // A metric that misses some seconds.
        if second % 3 != 0 {
            correlator.observe("order errors", at, 5.0 + other[n] + factor * state(second - lag));
        }
        correlator.observe("room temperature", at, 21.0 + quiet[n]);
    }
}

#[test]
fn the_sentence_comes_out() {
    let table = [
        (8, 1.0, "queue latency rose 8 s before order errors"),
        (25, 1.0, "queue latency rose 25 s before order errors"),
        (8, -0.5, "queue latency rose 8 s before order errors fell"),
        (0, 1.0, "queue latency rose together with order errors"),
    ];
    for (lag, factor, sentence) in table {
        for seed in 0..5 {
            let mut correlator = Correlator::builder().build().unwrap();
            trouble(seed, lag, &mut correlator, factor);
            let found = correlator.between("queue latency", "order errors").unwrap();
            assert_eq!(found.sentence(), sentence, "{found}");
            assert!(found.p_value() < 1e-3, "{found}");
            let related = correlator.related("queue latency");
            assert_eq!(related.as_slice(), core::slice::from_ref(&found));
            // Asked the other way round, it is the same one that leads.
            let mirrored = correlator.between("order errors", "queue latency").unwrap();
            assert_eq!(mirrored.lag(), found.lag());
            assert!(lag == 0 || mirrored.leader() == found.leader());
        }
    }
    let mut correlator = Correlator::builder().build().unwrap();
    trouble(0, 8, &mut correlator, 1.0);
    let words = correlator.between("queue latency", "order errors").unwrap().to_string();
    assert!(words.starts_with("queue latency rose 8 s before order errors (r 0.9"), "{words}");
}

#[test]
fn memory_is_bounded_and_bad_values_are_refused() {
    let mut correlator =
        Correlator::builder().window(32).max_lag(SECOND * 8).max_series(2).build().unwrap();
    let at = |second: u64| Instant::ORIGIN + SECOND * u32::try_from(second).unwrap();
    assert!(correlator.observe("a", at(0), 1.0) && correlator.observe("b", at(0), 1.0));
    assert!(!correlator.observe("c", at(0), 1.0) && !correlator.observe("a", at(0), f64::NAN));
    let bytes = correlator.bytes();
    for second in 0..5000 {
        correlator.observe("a", at(second), second as f64);
        correlator.observe("b", at(second), (second % 7) as f64);
    }
    // Far out of order, and at the end of time.
    correlator.observe("a", at(3), 1.0);
    correlator.observe("b", Instant::MAX, 1.0);
    assert_eq!(correlator.bytes(), bytes);
    assert_eq!(correlator.between("a", "b"), None);
    assert_eq!(correlator.between("a", "c"), None);
    correlator.remove("a");
    assert!(correlator.observe("c", at(1), 1.0));
    assert_eq!(correlator.names().collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let table = [
        (Correlator::builder().step(Duration::ZERO), "step"),
        (Correlator::builder().window(31), "window"),
        (Correlator::builder().max_lag(SECOND * 151), "max_lag"),
        (Correlator::builder().max_series(1), "max_series"),
    ];
    for (builder, field) in table {
        assert_eq!(builder.build().unwrap_err().field(), field);
    }
}

proptest! {
    #[test]
    fn time_level_and_scale_do_not_matter(seed: u64, later in 0_u32..100_000, lag in 0_usize..20) {
        let mut rng = Rng::seeded(seed);
        let (cause, own) = (noise(&mut rng, 0.3, 260), noise(&mut rng, 0.3, 260));
        let found = |later: u32, scale: f64, level: f64| {
            let mut correlator = Correlator::builder().window(200).max_lag(SECOND * 20).build().unwrap();
            for n in 40..240_u32 {
                let (at, place) = (Instant::ORIGIN + SECOND * (n + later), n as usize);
                correlator.observe("cause", at, level + scale * cause[place]);
                correlator.observe("effect", at, cause[place - lag] + 0.3 * own[place]);
            }
            correlator.between("effect", "cause").unwrap()
        };
        let (one, other) = (found(0, 1.0, 0.0), found(later, 64.0, 512.0));
        prop_assert_eq!(one.lag(), SECOND * u32::try_from(lag).unwrap());
        prop_assert_eq!(one.lag(), other.lag());
        prop_assert!((one.coefficient() - other.coefficient()).abs() < 1e-9);
        prop_assert!(one.p_value() < 1e-6);
    }

    #[test]
    fn any_values_give_a_share_and_no_panic(
        values in prop::collection::vec((prop_oneof![-1e150..1e150, Just(f64::NAN), -1.0..1.0], -1.0..1.0), 0..60),
        shift in 0_usize..100,
    ) {
        let (one, other): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
        if let Some(found) = correlate(&one, &other, shift) {
            prop_assert!(found.coefficient.abs() <= 1.0 && found.p_value > 0.0 && found.p_value <= 1.0);
        }
    }
}
