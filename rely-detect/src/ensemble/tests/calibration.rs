//! Whether false alarms come as often as was asked for.

use super::*;

/// A kind of series without any incident.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Seasonal,
    HeavyTailed,
    Autocorrelated,
    Drifting,
}

fn series(kind: Kind, seed: u64, n: u32) -> Vec<f64> {
    let mut rng = Rng::seeded(seed);
    let (mut slow, mut walk) = (0.0, 0.0);
    let mut value = |n: u32| {
        let wave = (f64::from(n) / 288.0 * core::f64::consts::TAU).sin();
        let white = noise(&mut rng);
        match kind {
            Kind::Seasonal => 100.0 + 30.0 * wave + 3.0 * white,
            // Student's t with three degrees of freedom.
            Kind::HeavyTailed => {
                let chi: f64 = (0..3).map(|_| noise(&mut rng).powi(2)).sum();
                100.0 + 5.0 * white / (chi / 3.0).sqrt().max(1e-3)
            }
            Kind::Autocorrelated => {
                slow = 0.9 * slow + white;
                100.0 + 5.0 * slow
            }
            Kind::Drifting => {
                walk += 0.05 * noise(&mut rng);
                100.0 + f64::from(n) * 0.002 + walk + 3.0 * white
            }
        }
    };
    (0..n).map(&mut value).collect()
}

/// Alarms for each one that was asked for, and p-values at most 0.01 for each one there should be.
fn ratios(kind: Kind) -> (f64, f64) {
    let (mut asked, mut came, mut rare, mut all) = (0.0, 0.0, 0.0, 0.0);
    for seed in 0..4 {
        let mut detector = Ensemble::new("x");
        let values = series(kind, seed, 16 * 2016);
        let readings = show(&mut detector, FIVE, values);
        let judged = &readings[2016..];
        asked += 15.0;
        came += alarms(judged) as f64;
        rare += judged.iter().filter(|reading| reading.p_value <= Some(0.01)).count() as f64;
        all += judged.len() as f64;
    }
    (came / asked, rare / (0.01 * all))
}

#[test]
fn false_alarms_come_as_often_as_asked_for() {
    let kinds = [Kind::Seasonal, Kind::HeavyTailed, Kind::Autocorrelated, Kind::Drifting];
    let found = kinds.map(|kind| (kind, ratios(kind)));
    for (kind, (alarms, rare)) in &found {
        println!("{kind:?}: alarms {alarms:.2}, p {rare:.2}");
    }
    for (kind, (alarms, rare)) in found {
        assert!((0.5..=2.0).contains(&alarms), "{kind:?}: {alarms:.2} {rare:.2}");
        // The smaller of two p-values errs towards silence, and so does a memory of patterns that
        // grows while it is ranked against what it was.
        assert!((0.15..=2.0).contains(&rare), "{kind:?}: {alarms:.2} {rare:.2}");
    }
}
