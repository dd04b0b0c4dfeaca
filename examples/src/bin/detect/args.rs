//! What the program can be asked to do.

use std::path::{Path, PathBuf};

use clap::Parser;

use crate::subject::Kind;

/// Finds anomalies in a file of series, and says why.
///
/// Exits 0 at the end of the file, 3 if it is missing or wrong, and 4 if it was too short to judge.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// A CSV file: a time, then a column for each series. `-` reads standard input and follows it.
    pub(crate) file: PathBuf,
    /// One JSON object a line, for programs.
    #[arg(long)]
    pub(crate) json: bool,
    /// Every sample, not only where anomalies begin and end.
    #[arg(long)]
    pub(crate) all: bool,
    /// Where a page with a plot goes.
    #[arg(long, value_name = "HTML")]
    pub(crate) out: Option<PathBuf>,
    /// Which detector is run.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) detector: Kind,
}

impl Args {
    pub(crate) fn is_stdin(&self) -> bool {
        self.file == Path::new("-")
    }
}
