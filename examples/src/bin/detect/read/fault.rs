//! What is wrong with a file, and where.

use std::fmt;
use std::io;
use std::path::Path;

/// A sentence for people: the file, the line and the column, what was found and what was expected.
#[derive(Debug)]
pub(crate) struct Fault {
    file: String,
    line: Option<u64>,
    column: Option<(usize, String)>,
    what: String,
}

impl Fault {
    pub(crate) fn new(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, column: None, what: what.into() }
    }

    /// A file or folder that cannot be read or written.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::new(path.display().to_string(), error.to_string())
    }

    pub(crate) fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// Columns count from 1.
    pub(crate) fn column(mut self, column: usize, name: &str) -> Self {
        self.column = Some((column, name.to_owned()));
        self
    }

    /// What the csv reader says, with its line.
    pub(crate) fn csv(file: &str, error: &csv::Error) -> Self {
        let line = error.position().map(csv::Position::line);
        let what = match error.kind() {
            csv::ErrorKind::Io(error) => error.to_string(),
            csv::ErrorKind::Utf8 { .. } => "this is not UTF-8 text".to_owned(),
            _ => error.to_string(),
        };
        Self { line, ..Self::new(file, what) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some((number, name)) = &self.column {
            write!(f, ", column {number}")?;
            if !name.is_empty() {
                write!(f, " ({name})")?;
            }
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for Fault {}
