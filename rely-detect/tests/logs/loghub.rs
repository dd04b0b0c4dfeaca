//! Grouping accuracy on the public labelled samples of Loghub, two thousand lines of each of sixteen
//! systems, in the folder that `RELY_LOGHUB` names: files `*_2k.log_structured.csv`, in it or in
//! folders of it.

use std::path::{Path, PathBuf};

use crate::accuracy::{grouping_accuracy, mine};

fn samples(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            samples(&path, into);
        } else if path.to_string_lossy().ends_with("_2k.log_structured.csv") {
            into.push(path);
        }
    }
}

/// The rows of a file of comma-separated values, RFC 4180.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

#[test]
fn rows_may_hold_commas_quotes_and_line_ends() {
    let read = rows("a,\"b,\"\"c\"\"\"\r\n\"d\ne\",");
    assert_eq!(read, [["a", "b,\"c\""], ["d\ne", ""]]);
}

#[test]
fn loghub_samples_are_grouped() {
    let Some(folder) = std::env::var_os("RELY_LOGHUB") else {
        eprintln!("SKIPPED: RELY_LOGHUB names no folder of Loghub samples");
        return;
    };
    let mut files = Vec::new();
    samples(Path::new(&folder), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no *_2k.log_structured.csv in {}", folder.display());
    let mut sum = 0.0;
    for file in &files {
        let rows = rows(&std::fs::read_to_string(file).unwrap());
        let (head, rows) = rows.split_first().unwrap();
        let column = |name| head.iter().position(|field| field == name).unwrap();
        let (content, event) = (column("Content"), column("EventId"));
        let (_, found) = mine(rows.iter().map(|row| row[content].as_str()));
        let labels: Vec<_> = rows.iter().map(|row| row[event].as_str()).collect();
        let accuracy = grouping_accuracy(&found, &labels);
        println!("{accuracy:.3} {}", file.file_name().unwrap().display());
        sum += accuracy;
    }
    let mean = sum / files.len() as f64;
    println!("{mean:.3} mean of {}", files.len());
    assert!(mean >= 0.80, "mean grouping accuracy of {mean:.3}");
}
