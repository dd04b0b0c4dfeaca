//! The scores of the Numenta Anomaly Benchmark, by the real program: on a small copy of our own, and on a
//! whole one, with published results, where it is there.
//!
//! The whole one lies in `nab`, the labelled service metrics in `cloud-monitoring`, in the folder that
//! `RELY_DATA` names or else in `../shared/data` beside the project.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const PROFILES: [&str; 3] = ["standard", "reward_low_FP_rate", "reward_low_FN_rate"];

fn nab(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nab")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nab").join(name);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The folder of a data set that is not ours; a line says so where it is missing.
fn shared(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("RELY_DATA").map_or_else(beside, PathBuf::from);
    let folder = data.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no {name} in the folder of data, see RELY_DATA");
    None
}

/// A series of so many five-minute rows, a day's wave with a little noise; `wrong` rows are far off.
fn series(rows: usize, wrong: std::ops::Range<usize>) -> String {
    let mut text = "timestamp,value\n".to_owned();
    for row in 0..rows {
        let (day, minute) = (1 + row / 288, row % 288 * 5);
        let wave = (row as f64 * std::f64::consts::TAU / 288.0).sin();
        let noise = (row * 7919 % 101) as f64 / 101.0;
        let value = 50.0 + 20.0 * wave + noise + if wrong.contains(&row) { 90.0 } else { 0.0 };
        let (hour, minute) = (minute / 60, minute % 60);
        text += &format!("2024-05-{day:02} {hour:02}:{minute:02}:00,{value:.3}\n");
    }
    text
}

/// A copy of the benchmark with two series of our own; the first has an anomaly.
fn small(name: &str) -> PathBuf {
    let folder = folder(name);
    for category in ["loud", "quiet"] {
        fs::create_dir_all(folder.join("data").join(category)).unwrap();
    }
    fs::create_dir_all(folder.join("labels")).unwrap();
    fs::write(folder.join("data/loud/a.csv"), series(2000, 1500..1510)).unwrap();
    fs::write(folder.join("data/quiet/b.csv"), series(2000, 0..0)).unwrap();
    let labels = r#"{"loud/a.csv": [["2024-05-06 03:00:00.000000", "2024-05-06 10:00:00.000000"]],
                     "quiet/b.csv": []}"#;
    fs::write(folder.join("labels/combined_windows.json"), labels).unwrap();
    folder
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_small_copy_is_run_written_and_scored_again() {
    let (data, out) = (small("run"), folder("run-out"));
    let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
    let run = nab(&["--data", data, "--out", out, "--detector", "seasonal"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains("seasonal on the Numenta Anomaly Benchmark"));

    let results = fs::read_to_string(format!("{out}/seasonal/loud/seasonal_a.csv")).unwrap();
    let lines: Vec<&str> = results.lines().collect();
    assert_eq!(lines[0], "timestamp,value,anomaly_score,label");
    assert_eq!(lines.len(), 2001);
    assert!(lines[1].starts_with("2024-05-01 00:00:00,50") && lines[1].ends_with(",0,0"));
    // The window lies from row 1476 to row 1560, both in it.
    let labelled = lines.iter().filter(|line| line.ends_with(",1")).count();
    assert_eq!(labelled, 85);

    let first = json(Path::new(&format!("{out}/final_results.json")))["seasonal"].clone();
    assert!(first["standard"].as_f64().unwrap() > 80.0, "{first}");
    // The files hold what was scored.
    let again = folder("run-again");
    let (results, again) = (format!("{out}/seasonal"), again.to_str().unwrap());
    let run = nab(&["--data", data, "--score", &results, "--out", again]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    assert_eq!(json(Path::new(&format!("{again}/final_results.json")))["seasonal"], first);
}

#[test]
fn what_comes_later_changes_no_score() {
    let (whole, cut) = (small("whole"), small("cut"));
    fs::write(whole.join("data/quiet/b.csv"), series(6000, 5500..5600)).unwrap();
    fs::write(cut.join("data/quiet/b.csv"), series(5200, 0..0)).unwrap();
    let scores = |data: &Path| {
        let out = data.join("out");
        let out = out.to_str().unwrap();
        assert!(nab(&["--data", data.to_str().unwrap(), "--out", out]).status.success());
        let name = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
        let folder = name.into_iter().find(|path| path.is_dir()).unwrap();
        let detector = folder.file_name().unwrap().to_str().unwrap();
        let file = folder.join("quiet").join(format!("{detector}_b.csv"));
        fs::read_to_string(file).unwrap()
    };
    // Both probations are 750 rows, so that both detectors were told the same.
    let (whole, cut) = (scores(&whole), scores(&cut));
    assert_eq!(cut.lines().count(), 5201);
    assert!(whole.lines().zip(cut.lines()).all(|(a, b)| a == b));
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let expect = |args: &[&str], code: i32, words: &[&str]| {
        let run = nab(args);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };
    expect(&[], 2, &["--data", "--cloud"]);
    expect(&["--out", "x"], 2, &["--data"]);
    expect(&["--data", "no/such"], 3, &["no/such/labels/combined_windows.json"]);
    expect(&["--cloud", "no/such"], 3, &["no/such/data"]);

    let data = small("wrong");
    let args = ["--data", data.to_str().unwrap()];
    let labels = data.join("labels/combined_windows.json");
    let file = data.join("data/loud/a.csv");
    let good = fs::read_to_string(&labels).unwrap();
    fs::write(&labels, "{\"a\": [[\"2024\"]]}").unwrap();
    expect(&args, 3, &["combined_windows.json", "line 1"]);
    fs::write(&labels, good.replace("2024-05-06 03", "2024-05-36 03")).unwrap();
    expect(&args, 3, &["combined_windows.json", "2024-05-36 03:00:00.000000"]);
    fs::write(&labels, good).unwrap();
    fs::write(&file, "timestamp,value\n2024-05-01 00:00:00,1\n2024-05-01 00:05:00,1o\n").unwrap();
    expect(&args, 3, &["a.csv, line 3, column 2 (value)", "\"1o\""]);
    fs::remove_file(&file).unwrap();
    expect(&args, 3, &["a.csv", "No such file"]);
    fs::write(&file, series(2000, 0..0)).unwrap();
    let results = data.join("results");
    let score = ["--data", data.to_str().unwrap(), "--score", results.to_str().unwrap()];
    expect(&score, 3, &["results_a.csv", "No such file"]);
    fs::create_dir_all(results.join("loud")).unwrap();
    let scores = results.join("loud/results_a.csv");
    fs::write(&scores, "timestamp,anomaly_score\n2024-05-01 00:00:00,much\n").unwrap();
    expect(&score, 3, &["results_a.csv, line 2, column 2 (anomaly_score)", "\"much\""]);
    fs::write(&scores, "timestamp,anomaly_score\n2024-05-01 00:00:00,0.5\n").unwrap();
    expect(&score, 3, &["results_a.csv", "1 rows, where the data has 2000"]);
}

/// Unpacked by the system's own tar: the packed results of one detector have up to 40 MB.
fn unpack(archive: &Path, to: &Path) {
    let run = Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(to).status().unwrap();
    assert!(run.success(), "{}", archive.display());
}

#[test]
fn published_results_are_reproduced() {
    let Some(data) = shared("nab") else { return };
    let published = json(&data.join("results/final_results.json"));
    let thresholds = json(&data.join("results/thresholds.json"));
    let unpacked = folder("published");
    for detector in ["contextOSE", "knncad", "numenta", "skyline"] {
        unpack(&data.join(format!("results/{detector}.tar.gz")), &unpacked);
        let (results, out) = (unpacked.join(detector), folder(&format!("published-{detector}")));
        let paths = [&data, &results, &out].map(|path| path.to_str().unwrap());
        let run = nab(&["--data", paths[0], "--score", paths[1], "--out", paths[2]]);
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        let scores = json(&out.join("final_results.json"));
        for profile in PROFILES {
            let [ours, theirs] =
                [&scores, &published].map(|file| file[detector][profile].as_f64().unwrap());
            println!("{detector} {profile}: {ours:.5}, published {theirs:.5}");
            assert!((ours - theirs).abs() < 0.1, "{detector} {profile}: {ours}, not {theirs}");
            assert!(ours > theirs - 1e-6, "the best threshold is no worse than the published one");
        }
        // With the published threshold it is the same to the last digit that is printed.
        let threshold = thresholds[detector]["standard"]["threshold"].to_string();
        let run = nab(&["--data", paths[0], "--score", paths[1], "--threshold", &threshold]);
        let said = text(&run.stdout);
        let (_, given) = said.split_once("chosen without the labels").unwrap();
        let theirs = published[detector]["standard"].as_f64().unwrap();
        let line = given.lines().find(|line| line.starts_with("standard")).unwrap();
        assert!(line.contains(&format!(" {theirs:.2} ")), "{line}: not {theirs:.2}");
    }
}

#[test]
fn labelled_service_metrics_are_scored() {
    let Some(data) = shared("cloud-monitoring") else { return };
    let run = nab(&["--cloud", data.to_str().unwrap()]);
    let said = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    for words in ["60 series", "both halves", "one false episode a day", "service-unavailable"] {
        assert!(said.contains(words), "no {words:?} in:\n{said}");
    }
}
