//! What the program can be asked to do.

use std::path::PathBuf;

use clap::{ArgGroup, Parser};

use crate::subject::Kind;

/// Runs a detector over labelled history and scores it.
#[derive(Debug, Parser)]
#[command(group = ArgGroup::new("history").required(true).multiple(true).args(["data", "cloud"]))]
pub(crate) struct Args {
    /// A copy of the Numenta Anomaly Benchmark: the folder that holds its `data` and `labels`.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where the results go, in the benchmark's own form.
    #[arg(long, value_name = "DIR", requires = "data")]
    pub(crate) out: Option<PathBuf>,
    /// Which detector is run.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) detector: Kind,
    /// Run nothing; score a folder of results in the benchmark's form.
    #[arg(long, value_name = "DIR", requires = "data", conflicts_with = "detector")]
    pub(crate) score: Option<PathBuf>,
    /// Score at this threshold too, instead of the detector's default.
    #[arg(long, value_name = "SCORE")]
    pub(crate) threshold: Option<f64>,
    /// A copy of Microsoft's cloud monitoring dataset: the folder that holds its `data`.
    #[arg(long, value_name = "DIR", conflicts_with = "score")]
    pub(crate) cloud: Option<PathBuf>,
}
