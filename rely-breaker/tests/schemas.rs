//! The JSON Schema of every configuration, as committed in `schemas/`: a change shows in review.
//!
//! `RELY_UPDATE_SCHEMAS=1 cargo test -p rely-breaker --all-features --test schemas` writes them anew.

// Helpers of tests are tests, which clippy cannot see here.
#![allow(clippy::unwrap_used)]

#[path = "../../rely-core/tests/committed/mod.rs"]
mod committed;

use core::fmt::Debug;

use committed::check;
use rely_breaker::BreakerConfig;
use rely_breaker::failover::FailoverConfig;
use rely_breaker::keyed::BreakersConfig;
use rely_breaker::retry::{RetryBudgetConfig, RetryConfig};
use rely_breaker::throttle::ThrottleConfig;
use rely_breaker::timeout::TimeoutConfig;
use rely_core::config::from_deserializer;
use rely_core::{ConfigError, Ratio};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[test]
fn schemas_are_as_committed() {
    check::<BreakerConfig>("breaker");
    check::<BreakersConfig>("breakers");
    check::<FailoverConfig>("failover");
    check::<RetryConfig>("retry");
    check::<RetryBudgetConfig>("retry-budget");
    check::<ThrottleConfig>("throttle");
    check::<TimeoutConfig>("timeout");
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    from_deserializer(&mut serde_json::Deserializer::from_str(text))
}

/// Written and read again it is the same, and a field of another name is refused by its own.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(config: &T) {
    let mut written = serde_json::to_value(config).unwrap();
    assert_eq!(&read::<T>(&written.to_string()).unwrap(), config);
    written["limitt"] = 1.into();
    let error = read::<T>(&written.to_string()).unwrap_err();
    assert!(error.to_string().starts_with("limitt is an unknown field"), "{error}");
}

#[test]
fn what_is_written_reads_back_and_what_is_left_out_is_the_default() {
    round_trip(&BreakerConfig::default());
    round_trip(&BreakersConfig::default());
    round_trip(&RetryConfig::default());
    round_trip(&RetryConfig { backoff: None, ..RetryConfig::default() });
    round_trip(&RetryBudgetConfig::default());
    round_trip(&ThrottleConfig::default());
    round_trip(&read::<TimeoutConfig>(r#"{ "limit": "120ms" }"#).unwrap());
    let endpoints =
        r#"{ "endpoints": [{ "name": "a", "zone": "z" }, { "name": "b", "priority": 1 }] }"#;
    round_trip(&read::<FailoverConfig>(endpoints).unwrap());

    assert_eq!(read::<BreakersConfig>("{}").unwrap(), BreakersConfig::default());
    assert_eq!(read::<RetryConfig>("{}").unwrap(), RetryConfig::default());
    let budget = read::<RetryBudgetConfig>(r#"{ "ratio": "5 %" }"#).unwrap();
    let ratio = Ratio::percent(5.0).unwrap();
    assert_eq!(budget, RetryBudgetConfig { ratio, ..RetryBudgetConfig::default() });
    for off in [r#"{ "backoff": "off" }"#, r#"{ "backoff": null }"#] {
        assert_eq!(read::<RetryConfig>(off).unwrap().backoff, None);
    }
}

#[test]
fn what_could_not_work_is_refused_by_its_path() {
    fn refused<T: DeserializeOwned>(
        text: &str,
        check: impl Fn(&T) -> Result<(), ConfigError>,
    ) -> String {
        read::<T>(text).and_then(|config| check(&config)).unwrap_err().to_string()
    }
    let retry = |text| refused(text, RetryConfig::check);
    assert_eq!(retry(r#"{ "max_attempts": 0 }"#), "max_attempts is 0, allowed: at least 1");
    let found = retry(r#"{ "backoff": { "initial": "0s" } }"#);
    assert!(found.starts_with("backoff.initial is 0"), "{found}");
    let found = retry(r#"{ "backoff": { "initail": "1s" } }"#);
    assert!(found.starts_with("backoff.initail is an unknown field"), "{found}");
    let found = retry(r#"{ "backoff": "none" }"#);
    assert!(found.contains("the delays before retries, or \"off\""), "{found}");
    let found = refused(r#"{ "ttl": "2m" }"#, RetryBudgetConfig::check);
    assert_eq!(found, "ttl is 120s, allowed: 1s to 60s");
    assert!(refused(r#"{ "limit": "0" }"#, TimeoutConfig::check).starts_with("limit is 0"));
    assert!(refused("{}", TimeoutConfig::check).contains("limit"));
    let failover = |text| refused(text, FailoverConfig::check);
    assert_eq!(failover(r#"{ "endpoints": [] }"#), "endpoints is 0, allowed: 1 to 64");
    let twice = r#"{ "endpoints": [{ "name": "a" }, { "name": "a" }] }"#;
    assert_eq!(failover(twice), "endpoint.name is a, allowed: a name of its own for each");
    let breakers = |text| refused(text, BreakersConfig::check);
    assert!(breakers(r#"{ "breaker": { "trials": 0 } }"#).starts_with("breaker.trials is 0"));
    let found = breakers(r#"{ "registry": { "capacity": 0 } }"#);
    assert!(found.starts_with("registry.capacity is 0"), "{found}");
    assert!(breakers(r#"{ "overflow": "drop" }"#).starts_with("overflow is"));
}
