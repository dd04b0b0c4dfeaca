//! A detector for each column, and what comes of it.

use rely_core::{Instant, Level};
use rely_detect::{Detector, Reading, Sample, Why};

use crate::read::{Fault, Row};
use crate::subject::Kind;

/// A series as it stands.
pub(crate) struct Series {
    pub(crate) name: String,
    detector: Box<dyn Detector>,
    /// What was said of each sample, where a plot is wanted.
    pub(crate) history: Vec<Reading>,
    /// When each anomaly began and ended; the last may go on.
    pub(crate) anomalies: Vec<(Instant, Option<Instant>)>,
    samples: u64,
    missing: u64,
    late: u64,
}

/// Something to be told.
pub(crate) struct Notice<'a> {
    pub(crate) event: Event,
    pub(crate) stamp: &'a str,
    pub(crate) series: &'a str,
    pub(crate) reading: Reading,
    /// The series that deviate most at this time and how much, most first; none where there is one.
    pub(crate) ranking: &'a [(&'a str, f64)],
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Begin,
    End,
    Sample,
}

/// All series of a file.
pub(crate) struct Watch {
    pub(crate) series: Vec<Series>,
    keep: bool,
}

impl Watch {
    pub(crate) fn new(kind: Kind, names: &[String], keep: bool) -> Result<Self, Fault> {
        let series = |name: &String| {
            let refused = |error: rely_core::ConfigError| Fault::new(name, error.to_string());
            Ok(Series {
                name: name.clone(),
                detector: kind.make(name, None).map_err(refused)?,
                history: Vec::new(),
                anomalies: Vec::new(),
                samples: 0,
                missing: 0,
                late: 0,
            })
        };
        Ok(Self { series: names.iter().map(series).collect::<Result<_, _>>()?, keep })
    }

    /// Takes in a row and tells what it means: first that of each sample, then what begins and ends.
    pub(crate) fn observe(&mut self, row: &Row, mut tell: impl FnMut(&Notice<'_>)) {
        let mut told: Vec<(usize, Event, Reading)> = Vec::new();
        let mut deviations: Vec<(usize, f64)> = Vec::new();
        for (number, (series, value)) in self.series.iter_mut().zip(&row.values).enumerate() {
            let reading = series.detector.observe(Sample::new(row.at, *value));
            told.push((number, Event::Sample, reading));
            told.extend(series.note(&reading).map(|event| (number, event, reading)));
            deviations.push((number, reading.severity));
            if self.keep && reading.why != Why::Late {
                series.history.push(reading);
            }
        }
        deviations.sort_by(|a, b| b.1.total_cmp(&a.1));
        let names = deviations.iter().filter(|(_, severity)| *severity > 0.0);
        let ranking: Vec<(&str, f64)> = names
            .map(|(number, severity)| (self.series[*number].name.as_str(), *severity))
            .collect();
        for (number, event, reading) in told {
            let several = self.series.len() > 1 && event == Event::Begin;
            tell(&Notice {
                event,
                stamp: &row.stamp,
                series: &self.series[number].name,
                reading,
                ranking: if several { &ranking } else { &[] },
            });
        }
    }

    /// Whether at least one series was judged.
    pub(crate) fn is_warm(&self) -> bool {
        self.series.iter().any(|series| series.detector.is_warm())
    }

    /// A line for each series.
    pub(crate) fn summary(&self) -> Vec<String> {
        self.series.iter().map(Series::summary).collect()
    }
}

impl Series {
    /// Whether an anomaly began or ended. A sample that was not taken in says nothing about it.
    fn note(&mut self, reading: &Reading) -> Option<Event> {
        self.samples += 1;
        self.missing += u64::from(matches!(reading.why, Why::NotANumber | Why::TooFew));
        self.late += u64::from(reading.why == Why::Late);
        if !reading.is_taken() {
            return None;
        }
        let at = reading.sample.at;
        let open = self.anomalies.last_mut().filter(|(_, end)| end.is_none());
        match (open, reading.level == Level::Unhealthy) {
            (None, true) => {
                self.anomalies.push((at, None));
                Some(Event::Begin)
            }
            (Some((_, end)), false) => {
                *end = Some(at);
                Some(Event::End)
            }
            _ => None,
        }
    }

    /// What came of it, in a line.
    pub(crate) fn summary(&self) -> String {
        let anomalies = match self.anomalies.len() {
            1 => "1 anomaly".to_owned(),
            number => format!("{number} anomalies"),
        };
        let mut text = format!("{}: {} samples, {anomalies}", self.name, self.samples);
        for (count, what) in [(self.missing, "missing"), (self.late, "late and left out")] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        if !self.detector.is_warm() {
            text += ", too few to judge";
        }
        text
    }
}
