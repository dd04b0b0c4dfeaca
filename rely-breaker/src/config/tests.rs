use core::time::Duration;

use rely_core::window::TimeWindowConfig;
use rely_core::{ConfigError, Ratio};

use super::*;

const SEC: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

fn percent(percent: u32) -> Ratio {
    Ratio::from_ppm_clamped(percent * 10_000)
}

fn ramp(shares: impl IntoIterator<Item = u32>, stage_for: Duration) -> Option<Ramp> {
    Some(Ramp { stages: shares.into_iter().map(percent).collect(), stage_for })
}

/// The field that the change makes impossible, if it does.
fn refused(change: impl FnOnce(&mut BreakerConfig)) -> Option<String> {
    let mut config = BreakerConfig::default();
    change(&mut config);
    config.check().err().map(|error| error.field().to_owned())
}

#[test]
fn the_default_and_the_bounds_are_allowed() {
    let time = TimeWindowConfig { span: Duration::from_micros(10), ..TimeWindowConfig::default() };
    type Change = fn(&mut BreakerConfig);
    let changes: [Change; 10] = [
        |_| {},
        |config| (config.failure_count, config.failure_rate) = (Some(100), None),
        |config| config.window = Window::Calls(20),
        |config| config.window = Window::WeightedCalls(1 << 24),
        |config| config.evidence = Some(Ratio::from_ppm_clamped(500_001)),
        |config| config.evidence = Some(Ratio::from_ppm_clamped(999_999)),
        |config| config.retry_after = Some(config.open_for),
        |config| config.probe_every = Duration::from_nanos(1),
        |config| config.ramp = ramp(1..=32, Duration::MAX),
        |config| config.cancelled = Cancelled::FailureFrom(Ratio::from_ppm_clamped(1)),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert_eq!(refused(change), None, "{at}");
    }
    assert_eq!(refused(|config| config.window = Window::Time(time)), None);
    // Weights may add up to more than there are calls.
    for window in [Window::WeightedCalls(1), Window::Time(time)] {
        let heavy = |config: &mut BreakerConfig| {
            config.window = window;
            (config.minimum_calls, config.failure_count) = (u32::MAX, Some(u32::MAX));
        };
        assert_eq!(refused(heavy), None);
    }
}

#[test]
fn what_could_not_work_is_refused_by_name() {
    let time = TimeWindowConfig::default();
    let field = |change: &dyn Fn(&mut BreakerConfig)| refused(change).unwrap_or_default();
    let window = |window| field(&|config| config.window = window);
    assert_eq!(window(Window::Calls(0)), "window.calls");
    assert_eq!(window(Window::Calls(1 << 25)), "window.calls");
    assert_eq!(window(Window::Calls(19)), "minimum_calls");
    assert_eq!(window(Window::WeightedCalls(0)), "window.weighted_calls");
    assert_eq!(
        window(Window::Time(TimeWindowConfig { span: 9 * NANO, ..time })),
        "window.time.span"
    );
    assert_eq!(
        window(Window::Time(TimeWindowConfig { buckets: 0, ..time })),
        "window.time.buckets"
    );
    assert_eq!(window(Window::Time(TimeWindowConfig { shards: 65, ..time })), "window.time.shards");
    assert_eq!(field(&|config| config.failure_count = Some(0)), "failure_count");
    assert_eq!(field(&|config| config.failure_count = Some(101)), "failure_count");
    assert_eq!(field(&|config| config.minimum_calls = 0), "minimum_calls");
    for evidence in [Ratio::ZERO, percent(50), Ratio::ONE] {
        assert_eq!(field(&|config| config.evidence = Some(evidence)), "evidence");
    }
    let nothing_to_be_sure_of = |config: &mut BreakerConfig| {
        (config.failure_rate, config.failure_count) = (None, Some(1));
        config.evidence = Some(percent(95));
    };
    assert_eq!(field(&nothing_to_be_sure_of), "evidence");
    let shorter = |config: &mut BreakerConfig| config.retry_after = Some(config.open_for - NANO);
    assert_eq!(field(&shorter), "retry_after");
    assert_eq!(field(&|config| config.probe_every = Duration::ZERO), "probe_every");
    assert_eq!(field(&|config| config.trial_limit_to = AfterTrialLimit::Ramp), "trial_limit_to");
    let stages = |shares: &[u32]| field(&|config| config.ramp = ramp(shares.to_vec(), SEC));
    for shares in [&[][..], &[0], &[100], &[5, 5], &[5, 4], &[5, 0], &[50, 100]] {
        assert_eq!(stages(shares), "ramp.stages", "{shares:?}");
    }
    assert_eq!(field(&|config| config.ramp = ramp(1..=33, SEC)), "ramp.stages");
    assert_eq!(field(&|config| config.ramp = ramp([1], Duration::ZERO)), "ramp.stage_for");
    let nobody = Cancelled::FailureFrom(Ratio::ZERO);
    assert_eq!(field(&|config| config.cancelled = nobody), "cancelled.failure_from");
}

#[test]
fn errors_say_what_is_allowed() {
    let error = |change: fn(&mut BreakerConfig)| -> ConfigError {
        let mut config = BreakerConfig::default();
        change(&mut config);
        config.check().unwrap_err()
    };
    assert_eq!(
        error(|config| config.ramp = ramp([5, 5], SEC)).to_string(),
        "ramp.stages is 5 %, allowed: each over the one before, over 0 % and below 100 %"
    );
    assert_eq!(
        error(|config| config.retry_after = Some(SEC)).to_string(),
        "retry_after is 1s, allowed: at least 30s"
    );
    assert_eq!(
        error(|config| config.failure_rate = None).to_string(),
        "failure_rate is off, allowed: on, unless slow_calls, consecutive_failures or \
         failure_count is"
    );
}

#[cfg(feature = "serde")]
#[test]
fn people_write_it_in_words() {
    let read = |text: &str| -> Result<BreakerConfig, ConfigError> {
        rely_core::config::from_deserializer(&mut serde_json::Deserializer::from_str(text))
    };
    let text = r#"{
        "window": {"time": {"span": "10s"}},
        "slow_calls": {"longer_than": "1s", "rate": "80 %", "in_flight": true},
        "failure_count": 7,
        "evidence": "95 %",
        "trip_on": "bad_call",
        "retry_after": "2m",
        "probe_every": "250ms",
        "trial_limit_to": "ramp",
        "ramp": {"stages": ["5 %", 0.5]},
        "cancelled": {"failure_from": "30 %"}
    }"#;
    let config = read(text).unwrap();
    let expected = BreakerConfig {
        window: Window::Time(TimeWindowConfig { span: 10 * SEC, ..TimeWindowConfig::default() }),
        slow_calls: Some(SlowCalls { longer_than: SEC, rate: percent(80), in_flight: true }),
        failure_count: Some(7),
        evidence: Some(percent(95)),
        trip_on: TripOn::BadCall,
        retry_after: Some(120 * SEC),
        probe_every: Duration::from_millis(250),
        trial_limit_to: AfterTrialLimit::Ramp,
        ramp: ramp([5, 50], 10 * SEC),
        cancelled: Cancelled::FailureFrom(percent(30)),
        ..BreakerConfig::default()
    };
    assert_eq!(config, expected);
    assert_eq!(config.check(), Ok(()));
    for config in [config, BreakerConfig::default()] {
        assert_eq!(read(&serde_json::to_string(&config).unwrap()).unwrap(), config);
    }
    assert_eq!(
        read(r#"{"window": {"weighted_calls": 5}}"#).unwrap().window,
        Window::WeightedCalls(5)
    );
    for (text, field) in [
        (r#"{"window_calls": 5}"#, "window_calls"),
        (r#"{"window": {"time": {"length": "1s"}}}"#, "window.time.length"),
        (r#"{"ramp": {"stage": 1}}"#, "ramp.stage"),
        (r#"{"ramp": {"stages": [5]}}"#, "ramp.stages[0]"),
        (r#"{"retry_after": 5}"#, "retry_after"),
        (r#"{"evidence": "sure"}"#, "evidence"),
    ] {
        assert_eq!(read(text).unwrap_err().field(), field, "{text}");
    }
    assert!(read(r#"{"window": {"days": 5}}"#).is_err());
    assert!(read(r#"{"window": {"calls": 5, "time": {}}}"#).is_err());
}
