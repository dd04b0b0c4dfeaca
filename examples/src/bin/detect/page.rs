//! The plot: values, what was expected of them, and the anomalies.

use std::path::Path;

use rely_core::Instant;
use rely_core::report::Series as Lane;
use rely_core::report::{Line, Marks, Phase, Report, Section, Table, Timeline, Tone};

use crate::say::time;
use crate::watch::{Series, Watch};

/// One page that needs nothing else.
pub(crate) fn html(file: &str, watch: &Watch) -> String {
    let readings = || watch.series.iter().flat_map(|series| &series.history);
    let moments = || readings().map(|reading| reading.sample.at);
    let (start, end) = moments().min().zip(moments().max()).unwrap_or_default();
    let anomalies: usize = watch.series.iter().map(|series| series.anomalies.len()).sum();
    let name = Path::new(file).file_name().map_or(file.into(), |name| name.to_string_lossy());
    let report = Report::new(format!("Anomalies in {name}"))
        .subtitle(format!("{} to {}; times count from the first", time(start), time(end)))
        .fact("Series", watch.series.len())
        .fact("Samples", readings().count())
        .fact("Anomalies", anomalies);
    let sections = watch.series.iter().map(|series| section(series, start, end));
    sections.fold(report, Report::section).to_html()
}

fn section(series: &Series, start: Instant, end: Instant) -> Section {
    let since = |at: Instant| at.saturating_since(start);
    let points = || series.history.iter();
    let lane = Lane::new(&series.name)
        .line(Line::new("value").points(points().map(|r| (since(r.sample.at), r.sample.value))))
        .expected(points().map(|reading| (since(reading.sample.at), reading.expected)))
        .band(points().map(|reading| {
            let (low, high) = reading.band.map_or((f64::NAN, f64::NAN), |b| (b.low, b.high));
            (since(reading.sample.at), low, high)
        }));
    let mut marks = Marks::new("begin");
    for (from, _) in &series.anomalies {
        marks = marks.mark(since(*from), "anomaly", Tone::Bad);
    }
    let mut timeline =
        Timeline::new(series.summary()).span(since(start), since(end)).lane(lane).lane(marks);
    for (from, to) in &series.anomalies {
        let phase = Phase::new(since(*from), since(to.unwrap_or(end)), "anomaly");
        timeline = timeline.phase(phase.tone(Tone::Bad));
    }
    let section = Section::new(&series.name).timeline(timeline);
    if series.anomalies.is_empty() { section } else { section.table(table(series)) }
}

fn table(series: &Series) -> Table {
    let mut table = Table::new("Anomalies").column("begin").column("end").column("why");
    for (from, to) in &series.anomalies {
        let begin = series.history.iter().find(|reading| reading.sample.at == *from);
        let why = begin.map_or_else(String::new, ToString::to_string);
        let end = to.map_or_else(|| "goes on".to_owned(), time);
        table = table.row([time(*from), end, why]);
    }
    table
}
