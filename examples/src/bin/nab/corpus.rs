//! A copy of the benchmark.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use rely_core::Instant;
use rely_detect::evaluate::Judged;

use crate::read::{Fault, Row, Rows, instant};

/// One file of it.
pub(crate) struct Series {
    /// The folder that it is in.
    pub(crate) category: String,
    /// The file's name.
    pub(crate) file: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) windows: Vec<(Instant, Instant)>,
}

impl Series {
    /// The series with what a detector said about each of its rows.
    pub(crate) fn judged(&self, scores: impl IntoIterator<Item = f64>) -> Judged {
        let name = format!("{}/{}", self.category, self.file);
        let mut judged = Judged::new(name).in_group(&self.category);
        self.rows.iter().zip(scores).for_each(|(row, score)| judged.push(row.at, score));
        self.windows.iter().for_each(|(from, to)| judged.label_between(*from, *to));
        judged
    }
}

/// Reads every series that has labels, even if it has none of them.
pub(crate) fn read(folder: &Path) -> Result<Vec<Series>, Fault> {
    let labels = labels(&folder.join("labels").join("combined_windows.json"))?;
    let data = folder.join("data");
    let mut corpus = Vec::new();
    for (name, windows) in labels {
        let rows = rows(&data.join(&name))?;
        let Some((category, file)) = name.split_once('/') else {
            return Err(Fault::new(name, "a label's file has to lie in a category's folder"));
        };
        corpus.push(Series { category: category.into(), file: file.into(), rows, windows });
    }
    Ok(corpus)
}

/// All rows of a file.
pub(crate) fn rows(path: &Path) -> Result<Vec<Row>, Fault> {
    let mut rows = Rows::open(path)?;
    let (mut row, mut all) = (Row::default(), Vec::new());
    while rows.read(&mut row)? {
        all.push(row.clone());
    }
    Ok(all)
}

type Labels = BTreeMap<String, Vec<(Instant, Instant)>>;

fn labels(path: &Path) -> Result<Labels, Fault> {
    let file = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| Fault::io(path, &error))?;
    let windows: BTreeMap<String, Vec<[String; 2]>> =
        serde_json::from_str(&text).map_err(|error| Fault::new(&file, error.to_string()))?;
    let read = |text: &String| {
        let wrong = || Fault::new(&file, format!("{text:?} is not a time"));
        instant(text).ok_or_else(wrong)
    };
    let window = |[from, to]: &[String; 2]| Ok((read(from)?, read(to)?));
    let each = |(name, windows): (String, Vec<[String; 2]>)| {
        Ok((name, windows.iter().map(window).collect::<Result<_, _>>()?))
    };
    windows.into_iter().map(each).collect()
}

/// What lies in a folder and ends in `.csv`, or is a folder itself; sorted by name.
pub(crate) fn entries(folder: &Path, folders: bool) -> Result<Vec<PathBuf>, Fault> {
    let wrong = |error: std::io::Error| Fault::io(folder, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let is_csv = path.extension() == Some(OsStr::new("csv"));
        if if folders { path.is_dir() } else { is_csv } {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The last part of a path.
pub(crate) fn last(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
