//! Once a series is known, an ordinary sample allocates nothing, and with most detectors none does.

// Helpers of tests are tests, which clippy cannot see here.
#![allow(clippy::unwrap_used)]

use core::time::Duration;

use rely_core::Instant;
use rely_detect::families::{Adwin, Dspot, EwmaBand, RobustZ};
use rely_detect::{Detector, Ensemble, Light, Sample, Seasonal, Why};

const STEP: Duration = Duration::from_secs(300);

fn value(n: u32) -> f64 {
    let noise = f64::from(n.wrapping_mul(2_654_435_761) >> 20) / 512.0;
    let wave = (f64::from(n) * core::f64::consts::TAU / 288.0).sin();
    // Incidents of an hour, and level shifts.
    let off = if n % 700 > 688 { 400.0 } else { f64::from(n / 3000) * 30.0 };
    100.0 + 20.0 * wave + noise + off
}

/// What the samples allocate from `from` to `to`, after those before.
fn allocated(mut detector: impl Detector, from: u32, to: u32) -> u64 {
    let mut show = |n: u32| {
        detector.observe(Sample::new(Instant::ORIGIN + STEP * n, value(n)));
    };
    assert!(allocation_counter::measure(|| (1..from).for_each(&mut show)).count_total < 20_000);
    allocation_counter::measure(|| (from..to).for_each(&mut show)).count_total
}

#[test]
fn once_warm_nothing_is_allocated() {
    assert_eq!(allocated(Ensemble::new("x"), 751, 9000), 0, "ensemble");
    assert_eq!(allocated(Light::new("x"), 17, 9000), 0, "light");
    assert_eq!(allocated(EwmaBand::detector("x").build().unwrap(), 2, 9000), 0, "band");
    assert_eq!(allocated(Dspot::detector("x").build().unwrap(), 201, 9000), 0, "tail");
    assert_eq!(allocated(RobustZ::detector("x").build().unwrap(), 2, 9000), 0, "robust");
    assert_eq!(allocated(Adwin::detector("x").build().unwrap(), 2, 9000), 0, "adwin");
}

#[test]
fn a_season_allocates_only_for_what_deviates() {
    let mut detector = Seasonal::builder("x").build().unwrap();
    let (mut ordinary, mut both) = (false, 0);
    for n in 1..9000 {
        let sample = Sample::new(Instant::ORIGIN + STEP * n, value(n));
        let mut why = None;
        let shown = || why = Some(detector.observe(sample).why);
        let count = allocation_counter::measure(shown).count_total;
        // The visit of the sample before is only now over.
        let before = ordinary;
        ordinary = matches!(why, Some(Why::Ordinary | Why::Tolerated | Why::WarmingUp { .. }));
        if before && ordinary {
            assert_eq!(count, 0, "{n} {why:?}");
            both += 1;
        }
    }
    assert!(both > 5000, "{both}");
}
