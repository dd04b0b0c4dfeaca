use core::time::Duration;

use super::*;
use crate::{Class, Clock, Outcome, RejectedBy, Weight};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_snapshot_holds_what_was_recorded_and_its_total_is_the_sum_of_its_parts() {
    let (clock, manual) = Clock::manual();
    manual.advance(Duration::from_secs(1000));
    let meter = Meter::builder("orders").clock(clock.clone()).build().unwrap();
    let point = meter.point(Target::new("queue").zone("a").version("v2"));
    point.record(Outcome::SUCCESS, 2 * MS);
    point.record(Outcome::SUCCESS.with_weight(Weight::new(50)), 4 * MS);
    point.record(Outcome::FAILURE, 80 * MS);
    point.record(Outcome::SOFT_FAILURE, 90 * MS);
    point.record(Outcome::IGNORED, 1000 * MS);
    point.record(Outcome::CANCELLED, 1000 * MS);
    point.record(Outcome::rejected(RejectedBy::Breaker), Duration::ZERO);
    point.record(Outcome::rejected(RejectedBy::Limit), Duration::ZERO);
    let snapshot = meter.snapshot();
    assert_eq!((snapshot.name.as_str(), snapshot.at), ("orders", clock.now()));
    let point = &snapshot.points[0];
    assert_eq!(point.target.to_string(), "queue/a@v2");
    let expected =
        Tally { success: 51, failure: 1, soft_failure: 1, ignored: 1, cancelled: 1, rejected: 2 };
    assert_eq!((point.tally, point.lifetime), (expected, expected));
    assert_eq!(point.rejected_by, [(RejectedBy::Breaker, 1), (RejectedBy::Limit, 1)]);
    // A latency counts once, whatever the call's weight.
    assert_eq!((point.latency.count(), point.failure_latency.count()), (2, 2));
    assert_eq!(point.lifetime_latency, 176 * MS);
    assert!(point.failure_latency.quantile(0.5).unwrap() >= 80 * MS);
    let alone = meter.point(Target::new("queue").zone("a").version("v2"));
    assert_eq!((alone.lifetime(), alone.lifetime_latency()), (expected, 176 * MS));
    let over =
        |limit| alone.latencies().over(clock.now(), limit).iter().map(|(_, n)| n).sum::<u64>();
    assert_eq!((over(MS), over(3 * MS), over(4 * MS)), (2, 1, 0));
    assert_eq!(alone.latencies().held_for(), Duration::from_secs(45));
    drop(alone);

    manual.advance(Duration::from_secs(60));
    let later = meter.snapshot();
    assert_eq!(later.points[0].tally, Tally::default());
    assert!(later.points[0].latency.is_empty());
    assert_eq!(later.points[0].lifetime, expected);
    assert_eq!(later.points[0].window, Duration::from_secs(60));
}

#[test]
fn clones_and_look_ups_count_in_one_place() {
    let meter = Meter::builder("orders").clock(Clock::manual().0).build().unwrap();
    let (one, other) = (meter.point("queue"), meter.clone().point("queue").clone());
    one.record(Outcome::SUCCESS, MS);
    other.record(Outcome::SUCCESS, MS);
    assert_eq!(one.tally(one.clock().now()).success, 2);
    assert_eq!(meter.snapshot().points.len(), 1);
    assert_eq!(one.tallies(one.clock().now())[0].success, 2);
}

#[test]
fn targets_beyond_the_bound_count_together() {
    let (clock, manual) = Clock::manual();
    let builder = Meter::builder("orders").targets(2).idle(Duration::from_secs(10)).clock(clock);
    let meter = builder.build().unwrap();
    let held = [meter.point("a"), meter.point("b")];
    for name in ["c", "d"] {
        let point = meter.point(name);
        assert_eq!(point.target().service_name(), "overflow");
        point.record(Outcome::FAILURE, MS);
    }
    let snapshot = meter.snapshot();
    let names: Vec<_> = snapshot.points.iter().map(|point| point.target.to_string()).collect();
    assert_eq!(names, ["a", "b", "overflow"]);
    assert_eq!(snapshot.points[2].lifetime.failure, 2);
    // Idle is not enough: somebody may still count there.
    manual.advance(Duration::from_secs(60));
    assert_eq!(meter.point("c").target().service_name(), "overflow");
    drop(held);
    manual.advance(Duration::from_secs(60));
    assert_eq!(meter.point("c").target().service_name(), "c");
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    let field = |builder: MeterBuilder| builder.build().unwrap_err().field().to_owned();
    let meter = || Meter::builder("orders");
    assert_eq!(field(meter().targets(0)), "targets");
    assert_eq!(field(meter().buckets(0)), "buckets");
    assert_eq!(field(meter().shards(65)), "shards");
    assert_eq!(field(meter().window(Duration::ZERO)), "span");
    assert_eq!(field(meter().idle(Duration::ZERO)), "idle");
    let latency = LatencyConfig { digits: 9, ..LatencyConfig::default() };
    assert_eq!(field(meter().latency(latency)), "latency.digits");
    assert_eq!(LatencyConfig::default().build(), Ok(crate::latency::LatencyScale::default()));
}

#[test]
fn threads_count_everything_once() {
    let meter = Meter::builder("orders").shards(4).build().unwrap();
    let point = meter.point("queue");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let point = point.clone();
            scope.spawn(move || {
                for call in 0..10_000 {
                    let class = if call % 4 == 0 { Class::Failure } else { Class::Success };
                    point.record(class.into(), MS);
                }
            });
        }
    });
    let lifetime = meter.snapshot().points[0].lifetime;
    assert_eq!((lifetime.success, lifetime.failure), (30_000, 10_000));
}

#[cfg(feature = "serde")]
#[test]
fn configuration_reads_what_people_write() {
    let read = |text: &str| -> Result<MeterConfig, crate::ConfigError> {
        crate::config::from_deserializer(&mut serde_json::Deserializer::from_str(text))
    };
    let config = read(r#"{"window": "30s", "latency": {"highest": "5s", "digits": 1}}"#).unwrap();
    assert_eq!(config.window, Duration::from_secs(30));
    assert_eq!(config.latency.highest, Duration::from_secs(5));
    assert_eq!((config.buckets, config.idle), (12, Duration::from_secs(3600)));
    let error = read(r#"{"latency": {"digit": 1}}"#).unwrap_err();
    assert_eq!(error.field(), "latency.digit");
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(read(&written).unwrap(), config);
}
