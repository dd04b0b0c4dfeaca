use proptest::prelude::*;
use rely_core::rng::Rng;

use super::*;
use crate::ensemble::{Both, OnlineSnapshot};
use crate::{Ensemble, Side, Why};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN + SECOND * u32::try_from(seconds).unwrap()
}

/// Keeps what it is given, and says of it what a table wants.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tape {
    taken: Vec<Sample>,
    level: Option<Level>,
    severity: f64,
    held: usize,
}

impl Detector for Tape {
    fn observe(&mut self, sample: Sample) -> Reading {
        if !sample.is_number() {
            let samples = self.taken.len() as u64;
            return Reading::plain(sample, Level::Unknown, sample.at, samples, Why::NotANumber);
        }
        self.taken.push(sample);
        let level = self.level.unwrap_or(Level::Healthy);
        let samples = self.taken.len() as u64;
        let mut reading = Reading::plain(sample, level, sample.at, samples, Why::Ordinary);
        reading.severity = self.severity;
        reading
    }

    fn is_warm(&self) -> bool {
        !self.taken.is_empty()
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.held
    }
}

fn minutes() -> Coarse<Tape> {
    Coarse::new(MINUTE, Tape::default()).unwrap()
}

fn taken(coarse: &Coarse<Tape>) -> Vec<(u64, f64, u64)> {
    let plain = |one: &Sample| ((one.at - Instant::ORIGIN).as_secs(), one.value, one.count);
    coarse.get().taken.iter().map(plain).collect()
}

#[test]
fn means_are_weighted_by_counts_and_bear_the_time_of_the_last_sample() {
    let mut coarse = minutes();
    for (second, value, count) in [(1, 10.0, 3), (20, 30.0, 1), (59, 40.0, 4), (60, 7.0, 1)] {
        coarse.observe(Sample::of(at(second), value, count));
    }
    assert_eq!(taken(&coarse), [(59, 27.5, 8)], "the second step is not over");
    coarse.observe(Sample::new(at(130), 0.0));
    assert_eq!(taken(&coarse), [(59, 27.5, 8), (60, 7.0, 1)]);
}

#[test]
fn steps_without_samples_are_left_out() {
    let mut coarse = minutes();
    for second in [10, 70, 600, 1200] {
        coarse.observe(Sample::new(at(second), 1.0));
    }
    assert_eq!(taken(&coarse), [(10, 1.0, 1), (70, 1.0, 1), (600, 1.0, 1)]);
}

#[test]
fn late_and_missing_samples_change_nothing() {
    for told in [10, 70] {
        let mut coarse = minutes();
        coarse.observe(Sample::new(at(5), 2.0));
        coarse.observe(Sample::new(at(told), 4.0));
        let (before, said) = (coarse.clone(), coarse.said().copied());
        for sample in [
            Sample::missing(at(75)),
            Sample::new(at(75), f64::NAN),
            Sample::new(at(75), 2e150),
            Sample::of(at(75), 9.0, 0),
            Sample::new(at(told), 9.0),
            Sample::new(at(3), 9.0),
        ] {
            let reading = coarse.observe(sample);
            assert_eq!(coarse, before, "{sample:?}");
            match said {
                Some(said) => assert_eq!(reading, said, "what was said holds on"),
                None => assert_eq!((reading.level, reading.is_taken()), (Level::Unknown, false)),
            }
        }
    }
}

#[test]
fn what_was_said_of_a_step_holds_until_the_next_one_is_over() {
    let mut coarse = minutes();
    coarse.get_mut().level = Some(Level::Degraded);
    let levels: Vec<_> = [10, 40, 61, 100, 119, 121]
        .map(|second| {
            if second == 121 {
                coarse.get_mut().level = None;
            }
            coarse.observe(Sample::new(at(second), 1.0)).level
        })
        .to_vec();
    let (unknown, degraded) = (Level::Unknown, Level::Degraded);
    assert_eq!(levels, [unknown, unknown, degraded, degraded, degraded, Level::Healthy]);
}

#[test]
fn a_step_of_zero_is_refused() {
    assert!(Coarse::new(Duration::ZERO, Tape::default()).is_err());
    assert!(Scales::new(Tape::default()).with(Duration::ZERO, Tape::default()).is_err());
}

#[test]
fn the_worst_reading_wins() {
    use Level::{Degraded, Healthy, Unhealthy, Unknown};
    for (fine, coarse, worst) in [
        ((Healthy, 1.0), (Healthy, 0.5), (Healthy, 1.0)),
        ((Healthy, 1.0), (Healthy, 1.5), (Healthy, 1.5)),
        ((Healthy, 9.0), (Degraded, 0.5), (Degraded, 0.5)),
        ((Unhealthy, 1.0), (Degraded, 9.0), (Unhealthy, 1.0)),
        ((Unhealthy, 1.0), (Unhealthy, 9.0), (Unhealthy, 9.0)),
        // Unknown is what is there to be known by the other.
        ((Unknown, 9.0), (Healthy, 0.5), (Healthy, 0.5)),
        ((Degraded, 0.5), (Unknown, 9.0), (Degraded, 0.5)),
    ] {
        let tape = |(level, severity)| Tape { level: Some(level), severity, ..Tape::default() };
        let mut scales = Scales::new(tape(fine)).with(MINUTE, tape(coarse)).unwrap();
        scales.observe(Sample::new(at(1), 1.0));
        let reading = scales.observe(Sample::new(at(61), 1.0));
        assert_eq!((reading.level, reading.severity), worst, "{fine:?} {coarse:?}");
    }
}

#[test]
fn it_is_warm_with_the_first_and_counts_all_bytes() {
    let tape = |held| Tape { held, ..Tape::default() };
    let mut scales = Scales::new(tape(1000));
    let alone = scales.bytes();
    assert_eq!(alone, size_of::<Scales<Tape>>() + 1000);
    scales = scales.with(MINUTE, tape(10_000)).unwrap().with(MINUTE * 5, tape(100_000)).unwrap();
    let room = scales.coarse.capacity() * size_of::<Coarse<Tape>>();
    assert_eq!(scales.bytes(), alone + room + 110_000);
    assert!(!scales.is_warm());
    scales.observe(Sample::new(at(1), 1.0));
    assert!(scales.is_warm() && !scales.coarse()[0].is_warm() && scales.fine().is_warm());
}

proptest! {
    #[test]
    fn a_reading_does_not_depend_on_what_comes_later(
        samples in prop::collection::vec((0_u64..90, -1e3..1e3, 0_u64..4), 1..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut now = 0;
        let samples: Vec<Sample> = samples.into_iter().map(|(gap, value, count)| {
            now += gap;
            Sample::of(at(now), value, count)
        }).collect();
        let play = |samples: &[Sample]| -> Vec<String> {
            let fresh = || Tape::default();
            let mut scales = Scales::new(fresh()).with(MINUTE, fresh()).unwrap();
            // As text: a missing value is not equal to itself.
            samples.iter().map(|one| format!("{:?}", scales.observe(*one))).collect()
        };
        let cut = cut.index(samples.len() + 1);
        prop_assert_eq!(play(&samples[..cut]), play(&samples)[..cut].to_vec());
    }

    #[test]
    fn a_mean_lies_between_its_values(
        values in prop::collection::vec((-1e150..1e150, 1..=u64::MAX), 1..50),
    ) {
        let mut coarse = minutes();
        for (n, (value, count)) in (1..).zip(&values) {
            coarse.observe(Sample::of(at(n), *value, *count));
        }
        coarse.observe(Sample::new(at(60), 0.0));
        let mean = taken(&coarse)[0].1;
        let low = values.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min);
        let high = values.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max);
        let off = 1e-9 * low.abs().max(high.abs());
        prop_assert!((low - off..=high + off).contains(&mean), "{} {} {}", low, mean, high);
    }
}

fn noise(rng: &mut Rng) -> f64 {
    (0..12).map(|_| rng.unit_f64()).sum::<f64>() - 6.0
}

fn ensemble(name: &str) -> Ensemble {
    let month = Duration::from_secs(28 * 86_400);
    Ensemble::builder(name).side(Side::High).false_alarm_every(month).build().unwrap()
}

fn scales() -> Scales<Ensemble> {
    Scales::new(ensemble("latency")).with(5 * MINUTE, ensemble("latency over 5 minutes")).unwrap()
}

/// A value each ten seconds: noise of a tenth, and from `hours` on a hundredth more each minute, for
/// half an hour.
fn ramp(hours: u64, seed: u64) -> impl Iterator<Item = Sample> {
    let mut rng = Rng::seeded(seed);
    (0..hours * 360 + 180).map(move |n| {
        let minutes = n.saturating_sub(hours * 360) as f64 / 6.0;
        let value = 100.0 * (1.0 + 0.01 * minutes) + 10.0 * noise(&mut rng);
        Sample::new(at(10 * n), value)
    })
}

/// Minutes from the ramp's begin to the alarm, and the number of alarms before it.
fn found(mut detector: impl Detector, seed: u64) -> (Option<u64>, usize) {
    let hours = 96;
    let (mut alarms, mut was, mut first) = (0, false, None);
    for sample in ramp(hours, seed) {
        let is = detector.observe(sample).level == Level::Unhealthy;
        let minute = (sample.at - Instant::ORIGIN).as_secs() / 60;
        if is && minute >= hours * 60 {
            first.get_or_insert(minute - hours * 60);
        }
        alarms += usize::from(is && !was && minute < hours * 60);
        was = is;
    }
    (first, alarms)
}

#[test]
fn a_slow_ramp_stands_out_in_means_and_nowhere_else() {
    for seed in 1..=2 {
        let (alone, _) = found(ensemble("latency"), seed);
        let (both, before) = found(scales(), seed);
        println!("seed {seed}: alone {alone:?}, with means {both:?} after {before} alarms");
        assert_eq!(alone, None, "seed {seed}");
        assert!(both.is_some(), "seed {seed}");
        assert!(before <= 1, "seed {seed}: {before} alarms while nothing was wrong");
    }
}

fn again(snapshot: ScalesSnapshot<OnlineSnapshot<Both>>) -> Scales<Ensemble> {
    let month = Duration::from_secs(28 * 86_400);
    let make = |step: Option<Duration>| {
        let name = if step.is_some() { "latency over 5 minutes" } else { "latency" };
        Ensemble::builder(name).side(Side::High).false_alarm_every(month)
    };
    snapshot.restore(|step, learnt| make(step).restore(learnt)).unwrap()
}

#[test]
fn on_another_clock_it_goes_on_as_well() {
    let hour = Duration::from_secs(3600);
    let samples: Vec<_> = ramp(16, 5).collect();
    let mut whole = scales();
    let cut = 16 * 360 - 7;
    for sample in &samples[..cut] {
        whole.observe(*sample);
    }
    let from = samples[cut - 1].at;
    let to = from + 100 * hour;
    let mut moved =
        again(whole.snapshot(Ensemble::snapshot).rebase(from, to, OnlineSnapshot::rebase));
    assert!(moved.bytes() <= whole.bytes());
    for sample in &samples[cut..] {
        let later = Sample { at: sample.at + 100 * hour, ..*sample };
        let (here, there) = (whole.observe(*sample), moved.observe(later));
        assert_eq!(
            (here.level, here.p_value, here.severity),
            (there.level, there.p_value, there.severity)
        );
        assert_eq!(here.since + 100 * hour, there.since);
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_comes_back_bit_for_bit_from_json() {
    let samples: Vec<_> = ramp(16, 5).collect();
    // Before anything was said of a step, in the middle of one, and at the end of one.
    for cut in [0, 20, 4003, 4020] {
        let mut whole = scales();
        for sample in &samples[..cut] {
            whole.observe(*sample);
        }
        let text = serde_json::to_string(&whole.snapshot(Ensemble::snapshot)).unwrap();
        let mut restored = again(serde_json::from_str(&text).unwrap());
        for sample in &samples[cut..] {
            assert_eq!(whole.observe(*sample), restored.observe(*sample), "{cut}");
        }
        assert_eq!(whole, restored, "{cut}");
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("\"step\":300000000000", "\"step\":0"),
            ("\"count\":", "\"count\":-"),
            ("\"mean\":", "\"mean\":1e300,\"was\":"),
            ("\"mean\":1", "\"mean\":1e200"),
            ("\"said\":{", "\"said\":{\"more\":1,"),
        ] {
            // Where the first one stands there is nothing to break yet.
            if cut < 4000 || !text.contains(from) {
                continue;
            }
            let read = serde_json::from_str::<ScalesSnapshot<_>>(&text.replacen(from, to, 1));
            let restore = |step: Option<Duration>, learnt| {
                Ensemble::builder(format!("{step:?}")).restore(learnt)
            };
            assert!(read.map_or(true, |read| read.restore(restore).is_err()), "{cut} {from}");
        }
    }
}
