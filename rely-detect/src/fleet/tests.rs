use core::f64::consts::TAU;
use core::time::Duration;

use proptest::prelude::*;
use rely_core::rng::Rng;
use rely_core::{Instant, Level};

use super::*;

const STEP: Duration = Duration::from_secs(60);

/// Instances under a common load, each a little different from the others for good.
#[derive(Clone)]
struct Load {
    rng: Rng,
    n: u32,
}

impl Load {
    const fn new(seed: u64) -> Self {
        Self { rng: Rng::seeded(seed), n: 0 }
    }

    fn at(&self) -> Instant {
        Instant::ORIGIN + STEP * self.n
    }

    fn step(&mut self, instances: u32) -> Vec<(u32, f64)> {
        self.n += 1;
        let common = 100.0 + 40.0 * (TAU * f64::from(self.n) / 1440.0).sin();
        let rng = &mut self.rng;
        let mut noise = || (0..12).map(|_| rng.unit_f64()).sum::<f64>() - 6.0;
        let own = |instance: u32| 1.0 + 0.02 * f64::from(instance % 3);
        (0..instances).map(|instance| (instance, common * own(instance) + 8.0 * noise())).collect()
    }
}

fn fleet() -> Fleet<u32> {
    Fleet::builder("load").build().unwrap()
}

#[test]
fn one_false_alarm_a_week_is_a_setting_that_holds() {
    for instances in [4, 12] {
        let (mut alarms, weeks) = (0, 3);
        for seed in 0..2 {
            let (mut fleet, mut load, mut were) = (fleet(), Load::new(seed), 0);
            for _ in 0..weeks * 10_080 {
                let values = load.step(instances);
                let differing = fleet.observe(load.at(), values).differing.len();
                alarms += differing.saturating_sub(were);
                were = differing;
            }
        }
        let a_week = alarms as f64 / f64::from(2 * weeks);
        println!("{instances} instances: {a_week:.2} a week");
        assert!(a_week < 2.0, "{instances}: {a_week}");
    }
}

#[test]
fn the_one_that_differs_is_named_on_its_side_and_is_well_again() {
    for (factor, side) in [(1.6, Side::High), (0.4, Side::Low)] {
        let (mut fleet, mut load) = (fleet(), Load::new(3));
        for _ in 0..2000 {
            let values = load.step(6);
            fleet.observe(load.at(), values);
        }
        let mut seen = None;
        for n in 0..60 {
            let mut values = load.step(6);
            values[4].1 *= factor;
            let reading = fleet.observe(load.at(), values);
            assert!(reading.differing.iter().all(|differing| differing.instance == 4));
            if let Some(differing) = reading.differing.first() {
                seen = seen.or(Some(n));
                assert_eq!((reading.level, differing.side), (Level::Unhealthy, side));
                assert!((differing.expected - reading.centre.unwrap()).abs() < 10.0);
                assert!(differing.evidence >= 0.5 && differing.deviation.abs() > 1.0);
                assert!(differing.since >= Instant::ORIGIN + STEP * 1990);
            }
        }
        assert!(seen < Some(6), "{seen:?}");
        let after: Vec<_> = (0..20)
            .map(|_| {
                let values = load.step(6);
                fleet.observe(load.at(), values).level
            })
            .collect();
        assert_eq!(after.last(), Some(&Level::Healthy));
    }
}

#[test]
fn what_moves_all_says_nothing() {
    let (mut fleet, mut load) = (fleet(), Load::new(4));
    for n in 0..400 {
        let factor = if n < 300 { 1.0 } else { 5.0 };
        let values = load.step(5).into_iter().map(|(key, value)| (key, value * factor));
        assert_ne!(fleet.observe(load.at(), values).level, Level::Unhealthy, "{n}");
    }
}

#[test]
fn too_few_late_and_no_numbers_are_unknown() {
    let (mut fleet, at) = (fleet(), |n: u32| Instant::ORIGIN + STEP * n);
    let three = [(1, 1.0), (2, 1.0), (3, 1.0)];
    for n in 1..=20 {
        assert_eq!(fleet.observe(at(n), three).level, Level::Unknown, "warming up");
    }
    assert_eq!(fleet.observe(at(21), three).level, Level::Healthy);
    assert_eq!(fleet.observe(at(22), [(1, 1.0), (2, 900.0)]).level, Level::Unknown);
    assert_eq!(fleet.observe(at(22), three).level, Level::Unknown);
    assert_eq!(fleet.observe(at(1), three).level, Level::Unknown);
    let reading = fleet.observe(at(23), [(1, 1.0), (2, f64::NAN), (3, f64::INFINITY), (1, 2.0)]);
    assert_eq!((reading.level, reading.peers, reading.centre), (Level::Unknown, 1, None));
    // The last value of an instance counts, and zeros alone have no spread.
    let reading = fleet.observe(at(24), [(1, 9.0), (2, 0.0), (3, 0.0), (1, 0.0)]);
    assert_eq!((reading.level, reading.peers, reading.centre), (Level::Healthy, 3, Some(0.0)));
}

#[test]
fn instances_come_and_go_within_bounds() {
    let mut fleet = Fleet::builder("load").most(5).build().unwrap();
    let at = |n: u32| Instant::ORIGIN + STEP * n;
    let of = |keys: core::ops::Range<u32>| keys.map(|key| (key, f64::from(key % 2)));
    fleet.observe(at(1), of(0..8));
    assert_eq!((fleet.len(), fleet.ignored()), (5, 3));
    (2..20).for_each(|n| drop(fleet.observe(at(n), of(5..8))));
    // The old ones made room after ten steps.
    assert_eq!(fleet.len(), 3);
    assert_eq!(fleet.observe(at(20), of(5..8)).peers, 3);
    assert!(!fleet.is_empty() && fleet.bytes() < 4096);
    let builder = || Fleet::<u32>::builder("load");
    assert_eq!(builder().most(2).build().unwrap_err().field(), "most");
    let config = FleetConfig { min_peers: 2, ..FleetConfig::default() };
    assert_eq!(builder().config(config).build().unwrap_err().field(), "min_peers");
}

#[test]
fn what_is_gross_beside_a_centre_of_zero_can_be_stored() {
    let mut fleet = fleet();
    for n in 1..40 {
        let gross = if n > 30 { 1e150 } else { 0.0 };
        let values = [(0, 0.0), (1, 0.0), (2, 0.0), (3, gross)];
        fleet.observe(Instant::from_nanos(n * 1_000_000_000), values);
    }
    assert!(Fleet::builder("load").restore(fleet.snapshot()).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_restored_fleet_goes_on_as_if_nothing_had_happened(
        steps in prop::collection::vec(
            (0..200_u64, prop::collection::vec((0..6_u32, prop_oneof![9 => 0.0..9.0, 1 => any::<f64>()]), 0..9)),
            0..80,
        ),
        stop in 0..80_usize,
    ) {
        let (mut whole, mut at) = (fleet(), Instant::ORIGIN);
        let (before, after) = steps.split_at(stop.min(steps.len()));
        let mut moved = |passed: u64| { at += Duration::from_secs(passed); at };
        for (passed, values) in before {
            whole.observe(moved(*passed), values.iter().copied());
        }
        let snapshot = whole.snapshot();
        #[cfg(feature = "serde")]
        let snapshot: FleetSnapshot<u32> =
            serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
        let mut restored = Fleet::builder("load").restore(snapshot).unwrap();
        for (passed, values) in after {
            let at = moved(*passed);
            let one = whole.observe(at, values.iter().copied());
            prop_assert_eq!(&one, &restored.observe(at, values.iter().copied()));
            prop_assert!(one.differing.windows(2).all(|pair| pair[0].evidence >= pair[1].evidence));
        }
        prop_assert_eq!(whole.state, restored.state);
    }
}
