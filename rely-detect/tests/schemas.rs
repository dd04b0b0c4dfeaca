//! The JSON Schema of every configuration, as committed in `schemas/`: a change shows in review.
//!
//! `RELY_UPDATE_SCHEMAS=1 cargo test -p rely-detect --all-features --test schemas` writes them anew.

// Helpers of tests are tests, which clippy cannot see here.
#![allow(clippy::unwrap_used)]

#[path = "../../rely-core/tests/committed/mod.rs"]
mod committed;

use committed::check;
use rely_detect::alert::{AlertRule, AlertsConfig};
use rely_detect::calibrated::CalibratedConfig;
use rely_detect::cause::TrackerConfig;
use rely_detect::correlate::CorrelatorConfig;
use rely_detect::ensemble::EnsembleConfig;
use rely_detect::families::{
    AdwinConfig, DspotConfig, EwmaBandConfig, RobustZConfig, WeeklyRatioConfig,
};
use rely_detect::fleet::FleetConfig;
use rely_detect::seasonal::SeasonalConfig;
use rely_detect::share::ShareConfig;
use rely_detect::slo::{BudgetPolicyConfig, SloConfig};
use rely_detect::trend::LeakConfig;
use rely_detect::watchdog::WatchdogConfig;

#[test]
fn schemas_are_as_committed() {
    check::<AdwinConfig>("adwin");
    check::<AlertRule>("alert-rule");
    check::<AlertsConfig>("alerts");
    check::<BudgetPolicyConfig>("budget-policy");
    check::<CalibratedConfig>("calibrated");
    check::<CorrelatorConfig>("correlator");
    check::<DspotConfig>("dspot");
    check::<EnsembleConfig>("ensemble");
    check::<TrackerConfig>("episode-tracker");
    check::<EwmaBandConfig>("ewma-band");
    check::<FleetConfig>("fleet");
    check::<LeakConfig>("leak");
    check::<RobustZConfig>("robust-z");
    check::<SeasonalConfig>("seasonal");
    check::<ShareConfig>("share");
    check::<SloConfig>("slo");
    check::<WatchdogConfig>("watchdog");
    check::<WeeklyRatioConfig>("weekly-ratio");
}

#[cfg(feature = "logs")]
#[test]
fn schemas_of_logs_are_as_committed() {
    check::<rely_detect::logs::MinerConfig>("miner");
    check::<rely_detect::logs::LogWatchConfig>("log-watch");
}
