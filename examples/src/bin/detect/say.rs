//! Notices as text and as JSON.

use std::fmt::Write;

use jiff::Timestamp;
use rely_core::Instant;
use serde_json::{Value, json};

use crate::args::Args;
use crate::watch::{Event, Notice};

/// How many series a person is told of.
const RANKED: usize = 5;

/// In which form notices are printed, and which.
pub(crate) struct Voice {
    json: bool,
    all: bool,
}

impl Voice {
    pub(crate) fn new(args: &Args) -> Self {
        Self { json: args.json, all: args.all }
    }

    /// Adds the line, if the notice is wanted.
    pub(crate) fn say(&self, notice: &Notice<'_>, lines: &mut String) {
        if notice.event == Event::Sample && !self.all {
            return;
        }
        // Writing to a string cannot fail.
        let _ = match self.json {
            true => writeln!(lines, "{}", object(notice)),
            false => writeln!(lines, "{}", sentence(notice)),
        };
    }
}

/// A moment as RFC 3339 has it.
pub(crate) fn time(at: Instant) -> String {
    let timestamp = Timestamp::from_nanosecond(i128::from(at.as_nanos()));
    timestamp.map_or_else(|_| format!("{at:?}"), |at| at.to_string())
}

fn sentence(notice: &Notice<'_>) -> String {
    let Notice { event, stamp, series, reading, ranking } = notice;
    let event = match event {
        Event::Begin => "anomaly",
        Event::End => "over",
        Event::Sample => reading.level.as_str(),
    };
    let mut text = format!("{stamp}  {series}: {event}, {}: {}", reading.why, reading.sample.value);
    let mut add = |words: std::fmt::Arguments<'_>| {
        let _ = text.write_fmt(words);
    };
    if let Some(expected) = reading.expected {
        add(format_args!(" where {expected:.4} was expected"));
    }
    if let Some(band) = reading.band {
        add(format_args!(" ({:.4} to {:.4})", band.low, band.high));
    }
    if let Some(p) = reading.p_value {
        add(format_args!(", p {p:.1e}, severity {:.2}", reading.severity));
    }
    add(format_args!(", since {}", time(reading.since)));
    for (number, (series, severity)) in ranking.iter().take(RANKED).enumerate() {
        let before = if number == 0 { "; deviates most: " } else { ", " };
        add(format_args!("{before}{series} {severity:.2}"));
    }
    text
}

fn object(notice: &Notice<'_>) -> Value {
    let Notice { event, stamp, series, reading, ranking } = notice;
    let event = match event {
        Event::Begin => "begin",
        Event::End => "end",
        Event::Sample => "sample",
    };
    let mut object = json!({
        "event": event,
        "time": stamp,
        "series": series,
        "value": reading.sample.value,
        "expected": reading.expected,
        "low": reading.band.map(|band| band.low),
        "high": reading.band.map(|band| band.high),
        "p": reading.p_value,
        "severity": reading.severity,
        "level": reading.level.as_str(),
        "why": reading.why.to_string(),
        "since": time(reading.since),
    });
    if !ranking.is_empty() {
        let entry =
            |(series, severity): &(&str, f64)| json!({ "series": series, "severity": severity });
        object["deviates_most"] = ranking.iter().map(entry).collect();
    }
    object
}
