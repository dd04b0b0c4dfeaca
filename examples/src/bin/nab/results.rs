//! Results in the benchmark's own form.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rely_detect::evaluate::Judged;
use rely_detect::evaluate::nab::{Profile, Scorer};
use serde_json::{Value, json};

use crate::corpus::{Series, last};
use crate::read::Fault;

/// A folder of results is called as its detector.
pub(crate) fn name(folder: &Path) -> String {
    last(folder)
}

/// Writes a file for each series: `<out>/<detector>/<category>/<detector>_<file>`.
pub(crate) fn write(
    out: &Path,
    detector: &str,
    corpus: &[Series],
    judged: &[Judged],
) -> Result<(), Fault> {
    for (series, judged) in corpus.iter().zip(judged) {
        let folder = out.join(detector).join(&series.category);
        let path = folder.join(format!("{detector}_{}", series.file));
        fs::create_dir_all(&folder).map_err(|error| Fault::io(&folder, &error))?;
        let wrong = |error: &csv::Error| Fault::csv(&path.display().to_string(), error);
        let mut csv = csv::Writer::from_path(&path).map_err(|error| wrong(&error))?;
        csv.write_record(["timestamp", "value", "anomaly_score", "label"])
            .map_err(|error| wrong(&error))?;
        let labelled = judged.labels().flatten().collect::<std::collections::BTreeSet<usize>>();
        for ((number, row), score) in series.rows.iter().enumerate().zip(judged.scores()) {
            let value = row.values.first().copied().unwrap_or(f64::NAN).to_string();
            let label = if labelled.contains(&number) { "1" } else { "0" };
            csv.write_record([row.stamp.as_str(), &value, &score.to_string(), label])
                .map_err(|error| wrong(&error))?;
        }
        csv.flush().map_err(|error| Fault::io(&path, &error))?;
    }
    Ok(())
}

/// Reads a folder of such files.
pub(crate) fn read(folder: &Path, corpus: &[Series]) -> Result<Vec<Judged>, Fault> {
    let detector = name(folder);
    let each = |series: &Series| {
        let file = format!("{detector}_{}", series.file);
        scores(&folder.join(&series.category).join(file), series)
    };
    corpus.iter().map(each).collect()
}

fn scores(path: &Path, series: &Series) -> Result<Judged, Fault> {
    let file = path.display().to_string();
    let wrong = |error: &csv::Error| Fault::csv(&file, error);
    // Opened by hand: the csv reader's message would not name the file.
    let input = fs::File::open(path).map_err(|error| Fault::io(path, &error))?;
    let mut csv = csv::Reader::from_reader(input);
    let headers = csv.headers().map_err(|error| wrong(&error))?;
    let Some(column) = headers.iter().position(|name| name == "anomaly_score") else {
        return Err(Fault::new(&file, "no column is called anomaly_score").line(1));
    };
    let mut scores = Vec::with_capacity(series.rows.len());
    for record in csv.records() {
        let record = record.map_err(|error| wrong(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = record.get(column).unwrap_or_default();
        let not_a_number = |_| {
            let fault = Fault::new(&file, format!("{field:?} is not a number")).line(line);
            fault.column(column + 1, "anomaly_score")
        };
        scores.push(field.parse::<f64>().map_err(not_a_number)?);
    }
    if scores.len() != series.rows.len() {
        let what = format!("{} rows, where the data has {}", scores.len(), series.rows.len());
        return Err(Fault::new(&file, what));
    }
    Ok(series.judged(scores))
}

/// Writes `final_results.json` and `thresholds.json`.
pub(crate) fn write_scores(out: &Path, detector: &str, scorer: &Scorer) -> Result<(), Fault> {
    let best = Profile::ALL.map(|profile| (profile.name, scorer.best(profile)));
    let points: BTreeMap<_, _> = best.iter().map(|(name, s)| (*name, json!(s.points()))).collect();
    let threshold =
        |threshold: f64| if threshold.is_finite() { json!(threshold) } else { Value::Null };
    let thresholds: BTreeMap<_, _> = best
        .iter()
        .map(|(name, s)| (*name, json!({ "score": s.raw, "threshold": threshold(s.threshold) })))
        .collect();
    fs::create_dir_all(out).map_err(|error| Fault::io(out, &error))?;
    let both = [("final_results.json", json!(points)), ("thresholds.json", json!(thresholds))];
    for (file, scores) in both {
        let path = out.join(file);
        let text = format!("{:#}\n", json!({ (detector): scores }));
        fs::write(&path, text).map_err(|error| Fault::io(&path, &error))?;
    }
    Ok(())
}
