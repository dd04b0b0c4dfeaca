//! What watches the service: the default detector on each series as it comes and in means of five
//! minutes, and one call as long as anything is wrong.

use core::fmt;
use core::time::Duration;

use rely_core::{ConfigError, Instant, Level};
use rely_detect::{Detector, Ensemble, Reading, Sample, Scales, Side};

use crate::world::Metrics;

/// Each detector may raise so few false alarms that all of them together raise one in four weeks.
const FALSE_ALARM_EVERY: Duration = Duration::from_secs(28 * 86_400 * 2 * SERIES.len() as u64);
/// What grows slowly shows in the means of five minutes.
const COARSE: Duration = Duration::from_secs(300);

type Read = fn(&Metrics) -> f64;

/// A series: its name, where trouble is, and its value.
const SERIES: [(&str, Side, Read); 11] = [
    ("traffic", Side::Both, |m| m.calls),
    ("errors", Side::High, |m| m.errors / m.calls.max(1.0)),
    ("median latency", Side::High, |m| m.median),
    ("99th percentile", Side::High, |m| m.p99),
    ("database latency", Side::High, |m| m.database),
    ("processors", Side::High, |m| m.cpu),
    ("cache hits", Side::Low, |m| m.cache_hits),
    ("backlog", Side::High, |m| m.backlog),
    ("connections", Side::High, |m| m.connections),
    ("memory", Side::High, |m| m.memory),
    ("disk", Side::High, |m| m.disk),
];

/// Somebody was called.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) what: String,
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

#[derive(Clone)]
pub(crate) struct Monitor {
    detectors: Vec<Scales<Ensemble>>,
    /// Whether somebody was called and it is not over.
    called: bool,
}

impl Monitor {
    pub(crate) fn new() -> Result<Self, ConfigError> {
        let detector = |(name, side, _): &(&str, Side, Read)| {
            let make = || {
                Ensemble::builder(*name).side(*side).false_alarm_every(FALSE_ALARM_EVERY).build()
            };
            Scales::new(make()?).with(COARSE, make()?)
        };
        let detectors = SERIES.iter().map(detector).collect::<Result<_, _>>()?;
        Ok(Self { detectors, called: false })
    }

    /// Takes in a step; says whom it calls for what.
    pub(crate) fn observe(&mut self, at: Instant, metrics: &Metrics) -> Option<Page> {
        let mut alarms: Vec<(&str, Reading)> = Vec::new();
        for ((name, _, read), detector) in SERIES.iter().zip(&mut self.detectors) {
            let reading = detector.observe(Sample::new(at, read(metrics)));
            if reading.level == Level::Unhealthy {
                alarms.push((name, reading));
            }
        }
        let worst = alarms.iter().max_by(|a, b| a.1.severity.total_cmp(&b.1.severity));
        let Some((name, reading)) = worst else {
            self.called = false;
            return None;
        };
        if self.called {
            return None;
        }
        self.called = true;
        Some(Page { what: format!("{name}: {reading}") })
    }
}
