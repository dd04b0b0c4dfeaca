//! Results for programs: `target/proof/<name>.json`.

use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A file of results: what was measured, at which commit, on which machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// The file's name without its ending.
    pub name: String,
    /// The commit that was measured, with `-dirty` behind it if there were changes.
    pub commit: String,
    /// Cores, processor and compiler.
    pub machine: String,
    /// The results.
    pub rows: Vec<Row>,
}

/// One result: `<library>/<case>` and numbers with their unit in the name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What it is of.
    pub name: String,
    /// The numbers.
    #[serde(flatten)]
    pub values: Map<String, Value>,
}

impl Row {
    /// A row without numbers.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), values: Map::new() }
    }

    /// Adds a number, to three decimals.
    pub fn set(&mut self, field: &str, value: f64) {
        let rounded = (value * 1000.0).round() / 1000.0;
        self.values.insert(field.to_owned(), Value::from(rounded));
    }

    /// A number of the row.
    pub fn get(&self, field: &str) -> Option<f64> {
        self.values.get(field)?.as_f64()
    }
}

impl Proof {
    /// An empty file of results for this commit and machine.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), commit: commit(), machine: machine(), rows: Vec::new() }
    }

    /// Writes it and says where.
    ///
    /// # Errors
    /// If the folder or the file cannot be written.
    pub fn write(&self) -> std::io::Result<PathBuf> {
        let folder = target()?.join("proof");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.json", self.name));
        std::fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(path)
    }
}

/// The target folder: a bench's program lies in its `<profile>/deps`.
fn target() -> std::io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3);
    target.map(PathBuf::from).ok_or_else(|| std::io::Error::other("no target folder"))
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(args).output().ok().filter(|out| out.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn commit() -> String {
    let hash = output("git", &["rev-parse", "--short=12", "HEAD"]);
    let dirty =
        output("git", &["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    hash.map_or_else(|| "unknown".into(), |hash| if dirty { hash + "-dirty" } else { hash })
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let rustc = output("rustc", &["--version"]).unwrap_or_else(|| "unknown compiler".into());
    format!("{cores} cores, {model}, {rustc}")
}
