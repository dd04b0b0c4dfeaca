//! A file, row by row, as it comes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use rely_core::Instant;

use super::fault::Fault;
use super::stamp::{FORMS, instant};

/// One row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) at: Instant,
    /// The time as it was written.
    pub(crate) stamp: String,
    /// One for each series; one that is missing is not a number.
    pub(crate) values: Vec<f64>,
    pub(crate) line: u64,
}

/// Reads rows and says where they are wrong.
pub(crate) struct Rows {
    file: String,
    csv: csv::Reader<Box<dyn Read>>,
    /// One for each column, the time's included.
    columns: Vec<String>,
    record: StringRecord,
    /// The record was read to look for a header, and is a row.
    is_row: bool,
}

impl Rows {
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path).map_err(|error| Fault::io(path, &error))?;
        Self::new(path.display().to_string(), Box::new(file))
    }

    /// Reads the first line, which names the columns if it does not begin with a time.
    pub(crate) fn new(file: String, input: Box<dyn Read>) -> Result<Self, Fault> {
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(input);
        let record = StringRecord::new();
        let mut rows = Self { file, csv, columns: Vec::new(), record, is_row: false };
        if !rows.advance()? {
            return Err(Fault::new(rows.file, "there is nothing in it"));
        }
        let fields = rows.record.len();
        if fields < 2 {
            let what = "only one column, where a time and at least one value are needed";
            return Err(rows.fault(what).line(rows.line()));
        }
        rows.is_row = instant(&rows.record[0]).is_some();
        let looks_like_row = rows.record.iter().skip(1).all(|field| number(field).is_some());
        if !rows.is_row && looks_like_row {
            return Err(rows.bad(0, FORMS));
        }
        rows.columns = if rows.is_row && fields == 2 {
            vec!["time".into(), "value".into()]
        } else if rows.is_row {
            (1..=fields).map(|number| format!("column {number}")).collect()
        } else {
            // A mark at the beginning of a file that some programs write is no part of the name.
            let name = |field: &str| field.trim_start_matches('\u{feff}').to_owned();
            rows.record.iter().map(name).collect()
        };
        Ok(rows)
    }

    /// The names of the series.
    pub(crate) fn names(&self) -> &[String] {
        &self.columns[1..]
    }

    /// How far it has come, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.csv.position().byte()
    }

    /// Reads the next row over `row`; false at the end.
    pub(crate) fn read(&mut self, row: &mut Row) -> Result<bool, Fault> {
        if !std::mem::take(&mut self.is_row) && !self.advance()? {
            return Ok(false);
        }
        if self.record.len() != self.columns.len() {
            let (have, need) = (self.record.len(), self.columns.len());
            let what = format!("{have} columns, where there were {need} before");
            return Err(self.fault(what).line(self.line()));
        }
        row.line = self.line();
        row.stamp.clear();
        row.stamp.push_str(&self.record[0]);
        row.at = instant(&self.record[0]).ok_or_else(|| self.bad(0, FORMS))?;
        row.values.clear();
        for (column, field) in self.record.iter().enumerate().skip(1) {
            let value = number(field).ok_or_else(|| self.bad(column, "a number, or nothing"))?;
            row.values.push(value);
        }
        Ok(true)
    }

    fn advance(&mut self) -> Result<bool, Fault> {
        let Self { csv, record, file, .. } = self;
        csv.read_record(record).map_err(|error| Fault::csv(file, &error))
    }

    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::new(self.file.clone(), what)
    }

    fn bad(&self, column: usize, wanted: &str) -> Fault {
        let mut found: String = self.record[column].chars().take(40).collect();
        if self.record[column].chars().nth(40).is_some() {
            found.push('…');
        }
        let fault = self.fault(format!("{found:?} is not {wanted}")).line(self.line());
        fault.column(column + 1, self.columns.get(column).map_or("", String::as_str))
    }
}

/// A number; what says that there is none is not a number, anything else is none.
fn number(field: &str) -> Option<f64> {
    let is_missing = ["", "-", "na", "n/a", "null", "none"];
    if is_missing.iter().any(|word| field.eq_ignore_ascii_case(word)) {
        return Some(f64::NAN);
    }
    field.parse().ok()
}
