use core::num::NonZeroUsize;
use core::time::Duration;

use futures::FutureExt;
use rely_core::{Clock, Instant, Level, Meter, Outcome, Ratio, RejectedBy, Signal};

use super::*;
use crate::{Sample, Why};

const STEP: Duration = Duration::from_secs(1);

fn detector() -> Seasonal {
    Seasonal::builder("x").without_season(STEP).build().unwrap()
}

fn value(now: Instant) -> f64 {
    100.0 + (now.as_nanos() / 1_000_000_000 * 7919 % 11) as f64
}

#[test]
fn the_driver_samples_at_each_step_and_ends_with_the_last_handle() {
    let (clock, manual) = Clock::manual();
    manual.advance(STEP * 10);
    let (watched, driver) = Watched::builder(detector())
        .clock(clock.clone())
        .every(STEP)
        .build(|now| {
            Sample::new(now, if now.as_nanos() / 1_000_000_000 == 60 { 9e3 } else { value(now) })
        })
        .unwrap();
    let mut readings = watched.subscribe(NonZeroUsize::new(100).unwrap());
    let mut driver = Box::pin(driver);
    assert_eq!(watched.verdict(clock.now()).reason, "no sample yet");
    let mut levels = Vec::new();
    for _ in 0..51 {
        assert!(driver.as_mut().now_or_never().is_none());
        // Polled once more, nothing is sampled twice.
        assert!(driver.as_mut().now_or_never().is_none());
        levels.push(watched.verdict(clock.now()).level);
        manual.advance(STEP);
    }
    assert_eq!(
        (levels[0], levels[49], levels[50]),
        (Level::Unknown, Level::Healthy, Level::Unhealthy)
    );
    let seen: Vec<_> = core::iter::from_fn(|| readings.try_next())
        .filter_map(rely_core::event::Delivery::into_event)
        .collect();
    assert_eq!(seen.len(), 51);
    assert_eq!(seen[50].why, Why::Alarm);
    assert_eq!(watched.detector().snapshot(), watched.snapshot());
    drop(watched);
    manual.advance(STEP);
    assert!(driver.as_mut().now_or_never().is_some());
}

#[test]
fn missing_samples_leave_the_verdict_until_it_is_too_old() {
    let (clock, manual) = Clock::manual();
    let mut n = 0;
    let source = |now| {
        n += 1;
        if n > 40 { Sample::missing(now) } else { Sample::new(now, value(now)) }
    };
    let (watched, mut driver) =
        Watched::builder(detector()).clock(clock.clone()).every(STEP).build(source).unwrap();
    for _ in 0..40 {
        manual.advance(STEP);
        driver.tick(clock.now());
    }
    let judged = clock.now();
    for step in 1..=4 {
        manual.advance(STEP);
        assert_eq!(driver.tick(clock.now()).level, Level::Unknown);
        let verdict = watched.verdict(clock.now());
        let expected = if step <= 3 { Level::Healthy } else { Level::Unknown };
        assert_eq!((verdict.level, verdict.as_of), (expected, judged), "{step}");
    }
    assert_eq!(watched.reading().unwrap().why, Why::NotANumber);
}

#[test]
fn a_watch_that_cannot_work_is_refused() {
    let source = |now| Sample::new(now, 0.0);
    let builder = || Watched::builder(detector());
    assert_eq!(builder().every(Duration::ZERO).build(source).unwrap_err().field(), "every");
    let error = builder().every(STEP).max_age(STEP / 2).build(source).unwrap_err();
    assert_eq!(error.field(), "max_age");
}

#[test]
fn a_point_is_sampled_from_one_step_to_the_next() {
    let (clock, manual) = Clock::manual();
    let meter = Meter::builder("orders").clock(clock.clone()).build().unwrap();
    let point = meter.point("queue");
    point.record(Outcome::FAILURE, Duration::from_secs(50));
    let mut mean = PointSource::mean_latency(point.clone());
    let mut share = PointSource::failure_share(point.clone());
    let mut rate = PointSource::call_rate(point.clone());
    let median = Ratio::percent(50.0).unwrap();
    let mut quantile = PointSource::latency_quantile(point.clone(), median);
    let mut sample = || {
        manual.advance(STEP * 2);
        let now = clock.now();
        [mean.sample(now), share.sample(now), rate.sample(now), quantile.sample(now)]
    };
    let close = |sample: Sample, value: f64, count| {
        assert!((sample.value - value).abs() < 0.01 * value.abs(), "{sample:?}");
        assert_eq!(sample.count, count);
    };
    let [nothing, no_share, none, no_quantile] = sample();
    assert_eq!((nothing.count, no_share.count, no_quantile.count), (0, 0, 0));
    assert_eq!((none.value.to_bits(), none.count), (0.0_f64.to_bits(), 1));
    point.record(Outcome::SUCCESS, Duration::from_millis(10));
    point.record(Outcome::SUCCESS, Duration::from_millis(30));
    point.record(Outcome::SUCCESS, Duration::from_millis(40));
    point.record(Outcome::FAILURE, Duration::from_millis(40));
    point.record(Outcome::rejected(RejectedBy::Breaker), Duration::ZERO);
    let [mean_now, share_now, rate_now, quantile_now] = sample();
    close(mean_now, 0.03, 4);
    close(share_now, 0.25, 4);
    close(rate_now, 2.5, 1);
    close(quantile_now, 0.03, 3);
    assert_eq!(rate.sample(clock.now()).count, 0, "no time has passed");
}
