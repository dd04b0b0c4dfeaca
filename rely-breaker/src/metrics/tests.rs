use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use ::metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use rely_core::{Clock, ManualClock, Outcome, Ratio};

use super::*;
use crate::{BreakerConfig, Cancelled, Ramp, SlowCalls};

const SECOND: Duration = Duration::from_secs(1);

/// Keeps the last value of each series, by its name and labels as Prometheus writes them.
#[derive(Default)]
struct Kept {
    counters: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    gauges: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    described: Mutex<BTreeSet<String>>,
}

fn series(key: &Key) -> String {
    let labels = key.labels().map(|label| format!("{}={:?}", label.key(), label.value()));
    format!("{}{{{}}}", key.name(), labels.collect::<Vec<_>>().join(","))
}

impl Kept {
    fn counter(&self, series: &str) -> Option<u64> {
        Some(self.counters.lock().unwrap().get(series)?.load(Relaxed))
    }

    fn gauge(&self, series: &str) -> Option<f64> {
        Some(f64::from_bits(self.gauges.lock().unwrap().get(series)?.load(Relaxed)))
    }

    /// The counters that are not zero, without the label that all have.
    fn counted(&self, breaker: &str) -> BTreeMap<String, u64> {
        let label = format!("breaker={breaker:?}");
        let counters = self.counters.lock().unwrap();
        let values = counters.iter().map(|(series, value)| (series, value.load(Relaxed)));
        values
            .filter(|(series, value)| *value > 0 && series.contains(&label))
            .map(|(series, value)| (series.replace(&label, "").replace("{,", "{"), value))
            .collect()
    }

    fn states(&self, breaker: &str) -> Vec<State> {
        let is = |state: &State| {
            let state = state.as_str();
            self.gauge(&format!("{STATE}{{breaker={breaker:?},state={state:?}}}")).unwrap() > 0.0
        };
        STATES.into_iter().filter(is).collect()
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        assert!(!help.is_empty());
        self.described.lock().unwrap().insert(name.as_str().to_owned());
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe_counter(name, unit, help);
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        unreachable!("there are none");
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(self.counters.lock().unwrap().entry(series(key)).or_default()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::clone(self.gauges.lock().unwrap().entry(series(key)).or_default()))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        unreachable!("there are none");
    }
}

fn percent(percent: u32) -> Ratio {
    Ratio::from_ppm_clamped(percent * 10_000)
}

fn breaker(config: BreakerConfig) -> (Breaker, ManualClock) {
    let (clock, manual) = Clock::manual();
    (Breaker::builder("queue").config(config).clock(clock).build().unwrap(), manual)
}

fn all_rules() -> BreakerConfig {
    BreakerConfig {
        minimum_calls: 4,
        trials: 1,
        slow_calls: Some(SlowCalls { longer_than: SECOND, rate: percent(80), in_flight: false }),
        consecutive_failures: Some(9),
        ramp: Some(Ramp::default()),
        ..BreakerConfig::default()
    }
}

#[test]
fn exactly_one_state_is_true_at_a_time() {
    let (breaker, manual) = breaker(all_rules());
    let recorder = Kept::default();
    with_local_recorder(&recorder, || {
        let mut seen = Vec::new();
        let mut look = || {
            breaker.publish();
            assert_eq!(recorder.states("queue"), [breaker.state()]);
            seen.push(breaker.state());
        };
        look();
        (0..4).for_each(|_| breaker.acquire().unwrap().failure());
        look();
        manual.advance(30 * SECOND);
        let trial = breaker.acquire().unwrap();
        look();
        trial.success();
        look();
        assert_eq!(recorder.gauge("rely_breaker_ramp_share{breaker=\"queue\"}"), Some(0.01));
        breaker.force_open();
        look();
        breaker.force_closed();
        look();
        breaker.disable();
        look();
        seen.sort_by_key(|seen| STATES.iter().position(|state| state == seen));
        assert_eq!(seen, STATES);
    });
}

#[test]
fn every_call_is_in_the_counters_and_the_window_in_the_gauges() {
    let (breaker, manual) = breaker(BreakerConfig { cancelled: Cancelled::Neutral, ..all_rules() });
    let recorder = Kept::default();
    let late = breaker.acquire().unwrap();
    breaker.acquire().unwrap().record_after(Outcome::SUCCESS, SECOND);
    breaker.acquire().unwrap().record(Outcome::IGNORED);
    drop(breaker.acquire().unwrap());
    (0..2).for_each(|_| breaker.acquire().unwrap().failure());
    with_local_recorder(&recorder, || breaker.publish());
    let gauge = |name: &str| recorder.gauge(&format!("{name}{{breaker=\"queue\"}}"));
    assert_eq!(gauge("rely_breaker_window_calls"), Some(3.0));
    assert_eq!(gauge("rely_breaker_failure_rate"), Some(2.0 / 3.0));
    assert_eq!(gauge("rely_breaker_slow_call_rate"), Some(1.0 / 3.0));
    assert_eq!(gauge("rely_breaker_consecutive_failures"), Some(2.0));
    assert_eq!(gauge("rely_breaker_shadow"), Some(0.0));

    breaker.acquire().unwrap().failure();
    late.success();
    (0..3).for_each(|_| drop(breaker.acquire().unwrap_err()));
    drop(breaker.reject_inner_not_ready());
    manual.advance(SECOND);
    breaker.reconfigure(BreakerConfig { shadow: true, ..all_rules() }).unwrap();
    breaker.acquire().unwrap().success();
    with_local_recorder(&recorder, || breaker.publish());
    let expected = [
        ("rely_breaker_calls_total{outcome=\"succeeded\"}", 1),
        ("rely_breaker_calls_total{outcome=\"failed\"}", 3),
        ("rely_breaker_calls_total{outcome=\"ignored\"}", 1),
        ("rely_breaker_calls_total{outcome=\"cancelled\"}", 1),
        ("rely_breaker_calls_total{outcome=\"late\"}", 1),
        ("rely_breaker_calls_total{outcome=\"would_reject\"}", 1),
        ("rely_breaker_rejected_total{reason=\"state\"}", 3),
        ("rely_breaker_rejected_total{reason=\"inner_not_ready\"}", 1),
        ("rely_breaker_opened_total{}", 1),
    ];
    let expected = expected.map(|(series, value)| (series.to_owned(), value));
    assert_eq!(recorder.counted("queue"), BTreeMap::from(expected));
    assert_eq!(gauge("rely_breaker_shadow"), Some(1.0));
    assert_eq!(gauge("rely_breaker_failure_rate"), Some(0.0), "the window is empty");
}

#[test]
fn rules_that_are_off_have_no_series_and_no_recorder_is_no_harm() {
    let (breaker, _) = breaker(BreakerConfig::default());
    breaker.publish();
    let recorder = Kept::default();
    with_local_recorder(&recorder, || breaker.publish());
    assert_eq!(recorder.gauge("rely_breaker_slow_call_rate{breaker=\"queue\"}"), None);
    assert_eq!(recorder.gauge("rely_breaker_consecutive_failures{breaker=\"queue\"}"), None);
    assert_eq!(recorder.gauge("rely_breaker_failure_rate{breaker=\"queue\"}"), Some(0.0));
}

#[test]
fn names_and_labels_are_ones_that_prometheus_takes_and_all_are_described() {
    let (breaker, _) = breaker(all_rules());
    let recorder = Kept::default();
    with_local_recorder(&recorder, || {
        breaker.publish();
        #[cfg(feature = "keyed")]
        crate::Breakers::<String>::builder("hosts").build().unwrap().publish();
        describe();
    });
    let names = |series: &Mutex<BTreeMap<String, _>>| -> BTreeSet<String> {
        let series = series.lock().unwrap();
        series.keys().map(|series| series.split('{').next().unwrap().to_owned()).collect()
    };
    let (counters, gauges) = (names(&recorder.counters), names(&recorder.gauges));
    assert!(counters.iter().all(|name| name.ends_with("_total")), "{counters:?}");
    assert!(gauges.iter().all(|name| !name.ends_with("_total")), "{gauges:?}");
    let all: BTreeSet<String> = &counters | &gauges;
    assert!(all.iter().all(|name| name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())));
    assert_eq!(all, *recorder.described.lock().unwrap());
    // What the table says is what there is.
    let table = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! | `"));
    let table: BTreeSet<String> =
        table.map(|line| line.split('`').next().unwrap().to_owned()).collect();
    #[cfg(feature = "keyed")]
    assert_eq!(all, table);
    #[cfg(not(feature = "keyed"))]
    assert!(all.is_subset(&table));
}

#[test]
fn a_future_publishes_at_once_and_then_at_its_pace() {
    let (breaker, manual) = breaker(BreakerConfig::default());
    let recorder = Kept::default();
    let succeeded =
        || recorder.counter("rely_breaker_calls_total{breaker=\"queue\",outcome=\"succeeded\"}");
    let mut publish = tokio_test::task::spawn(breaker.publish_every(5 * SECOND));
    let mut poll = || with_local_recorder(&recorder, || assert!(publish.poll().is_pending()));
    poll();
    assert_eq!(succeeded(), Some(0));
    assert!(recorder.described.lock().unwrap().contains("rely_breaker_state"));
    breaker.acquire().unwrap().success();
    manual.advance(5 * SECOND - Duration::from_nanos(1));
    poll();
    assert_eq!(succeeded(), Some(0));
    manual.advance(Duration::from_nanos(1));
    poll();
    assert_eq!(succeeded(), Some(1));
    // A pace of nothing would never let go of its task.
    let mut hurried = tokio_test::task::spawn(breaker.publish_every(Duration::ZERO));
    assert!(hurried.poll().is_pending());
}

#[cfg(feature = "keyed")]
#[test]
fn a_registry_adds_its_breakers_up_and_forgets_none_that_went() {
    use crate::Breakers;

    let (clock, manual) = Clock::manual();
    let config = BreakerConfig { minimum_calls: 1, ..BreakerConfig::default() };
    let builder = Breakers::<String>::builder("hosts").config(config).capacity(2);
    let hosts = builder.idle(60 * SECOND).clock(clock).build().unwrap();
    let recorder = Kept::default();
    let publish = || with_local_recorder(&recorder, || hosts.publish());
    let counted = |name: &str| recorder.counter(&format!("{name}{{breaker=\"hosts\"}}")).unwrap();
    let calls = |outcome: &str| {
        let series = format!("{CALLS}{{breaker=\"hosts\",outcome={outcome:?}}}");
        recorder.counter(&series).unwrap()
    };
    let breakers = |state: State| {
        let series = format!("rely_breakers{{breaker=\"hosts\",state={:?}}}", state.as_str());
        recorder.gauge(&series).unwrap()
    };
    for _ in 0..5 {
        hosts.acquire("a").unwrap().success();
    }
    hosts.acquire("b").unwrap().failure();
    // No room: the shared one.
    let in_use = hosts.get("a").unwrap();
    hosts.acquire("c").unwrap().success();
    publish();
    assert_eq!((calls("succeeded"), calls("failed"), counted(OPENED)), (6, 1, 1));
    assert_eq!((breakers(State::Closed), breakers(State::Open)), (1.0, 1.0));
    assert_eq!(counted("rely_breakers_overflowed_total"), 1);
    publish();
    assert_eq!(calls("succeeded"), 6, "the same calls count once");

    drop(in_use);
    manual.advance(600 * SECOND);
    hosts.sweep();
    publish();
    assert_eq!(counted("rely_breakers_evicted_total"), 2);
    assert_eq!((calls("succeeded"), calls("failed")), (6, 1), "gone and not forgotten");
    assert_eq!((breakers(State::Closed), breakers(State::Open)), (0.0, 0.0));
    hosts.acquire("a").unwrap().success();
    publish();
    assert_eq!(calls("succeeded"), 7);
    // Another one of the same key between two times.
    hosts.remove("a");
    hosts.acquire("a").unwrap().failure();
    publish();
    assert_eq!((calls("succeeded"), calls("failed")), (7, 2));
    // One that has more than the other had.
    hosts.remove("a");
    hosts.acquire("a").unwrap().success();
    hosts.acquire("a").unwrap().failure();
    publish();
    assert_eq!((calls("succeeded"), calls("failed")), (8, 3));
    // None has a series of its own, unless it is published by itself.
    let all = || recorder.counters.lock().unwrap().keys().any(|series| series.contains("hosts/a"));
    assert!(!all());
    with_local_recorder(&recorder, || hosts.peek("a").unwrap().publish());
    assert!(all());
}

#[cfg(feature = "keyed")]
#[test]
fn a_registry_that_threads_publish_counts_no_call_twice() {
    const CALLS_MADE: u64 = 20_000;
    let hosts = crate::Breakers::<u64>::builder("hosts").build().unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let recorder = Kept::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    with_local_recorder(&Kept::default(), || hosts.publish());
                }
            });
        }
        for call in 0..CALLS_MADE {
            hosts.acquire(&(call % 64)).unwrap().success();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    with_local_recorder(&recorder, || hosts.publish());
    let counted =
        recorder.counter("rely_breaker_calls_total{breaker=\"hosts\",outcome=\"succeeded\"}");
    assert_eq!(counted, Some(CALLS_MADE));
}
