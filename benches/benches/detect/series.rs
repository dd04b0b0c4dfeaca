//! What is observed: a wave that never ends, and labelled metrics from files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rely_core::Instant;
use rely_core::rng::Rng;
use rely_detect::Sample;

/// From one sample to the next.
pub(crate) const STEP: Duration = Duration::from_secs(300);
/// Two weeks.
pub(crate) const WARM_UP: usize = 2 * 7 * 288;

/// A day's wave with noise, the same on every run.
pub(crate) struct Wave {
    at: Instant,
    rng: Rng,
    row: u32,
}

impl Wave {
    pub(crate) fn new() -> Self {
        Self { at: Instant::ORIGIN, rng: Rng::seeded(1), row: 0 }
    }

    pub(crate) fn next(&mut self) -> Sample {
        self.at += STEP;
        self.row = (self.row + 1) % 288;
        let wave = (f64::from(self.row) * core::f64::consts::TAU / 288.0).sin();
        // Three uniform numbers make a bell that is good enough.
        let noise: f64 = (0..3).map(|_| self.rng.unit_f64() - 0.5).sum();
        Sample::new(self.at, 100.0 + 40.0 * wave + 10.0 * noise)
    }
}

/// A labelled series.
pub(crate) struct Labelled {
    /// `<folder>/<file>`.
    pub(crate) name: String,
    /// A value that is missing is not a number.
    pub(crate) rows: Vec<(Instant, f64)>,
    pub(crate) labels: Vec<bool>,
}

impl Labelled {
    /// The usual time from one sample to the next.
    pub(crate) fn step(&self) -> Duration {
        let pairs = self.rows.windows(2);
        let mut steps: Vec<_> = pairs.map(|pair| pair[1].0.saturating_since(pair[0].0)).collect();
        steps.sort_unstable();
        steps.get(steps.len() / 2).copied().unwrap_or(STEP).max(Duration::from_secs(1))
    }
}

/// Where the metrics are: in the folder that `RELY_DATA` names, or beside the project.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("RELY_DATA").map_or_else(beside, PathBuf::from);
    Some(data.join("cloud-monitoring/data")).filter(|folder| folder.is_dir())
}

/// Reads them all.
pub(crate) fn read(folder: &Path) -> Result<Vec<Labelled>, Box<dyn std::error::Error>> {
    let mut all = Vec::new();
    for folder in sorted(folder)? {
        for path in sorted(&folder)? {
            if path.extension().is_some_and(|extension| extension == "csv") {
                let wrong = |error| format!("{}: {error}", path.display());
                all.push(read_file(&path).map_err(wrong)?);
            }
        }
    }
    Ok(all)
}

fn sorted(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

fn read_file(path: &Path) -> Result<Labelled, Box<dyn std::error::Error>> {
    let name = path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect::<Vec<_>>();
    let mut series =
        Labelled { name: format!("{}/{}", name[1], name[0]), rows: Vec::new(), labels: Vec::new() };
    for record in csv::Reader::from_path(path)?.deserialize() {
        let (time, value, label): (String, Option<f64>, u8) = record?;
        let civil = |_| time.parse::<DateTime>()?.to_zoned(TimeZone::UTC).map(|z| z.timestamp());
        let at: Timestamp = time.parse().or_else(civil)?;
        let at = Instant::from_nanos(u64::try_from(at.as_nanosecond())?);
        series.rows.push((at, value.unwrap_or(f64::NAN)));
        series.labels.push(label > 0);
    }
    Ok(series)
}
