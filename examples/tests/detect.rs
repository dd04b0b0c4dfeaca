//! Anomalies in files and on standard input, found by the real program.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_detect"));
    command.args(["--detector", "seasonal"]).args(args).stdin(Stdio::null());
    command
}

fn detect(args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

/// A file of this test's own.
fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("detect");
    fs::create_dir_all(&folder).unwrap();
    let path: PathBuf = folder.join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// When a sample was taken, five minutes after the one before.
fn stamp(row: usize) -> String {
    let (day, minute) = (1 + row / 288, row % 288 * 5);
    format!("2024-05-{day:02} {:02}:{:02}:00", minute / 60, minute % 60)
}

/// A day's wave with a little noise.
fn value(row: usize) -> f64 {
    let wave = (row as f64 * std::f64::consts::TAU / 288.0).sin();
    50.0 + 20.0 * wave + (row * 7919 % 101) as f64 / 101.0
}

/// Rows of one series, which goes wrong in rows 1500 to 1509.
fn rows(time: impl Fn(usize) -> String) -> Vec<String> {
    let wrong = |row| if (1500..1510).contains(&row) { 90.0 } else { 0.0 };
    (0..2000).map(|row| format!("{},{:.3}", time(row), value(row) + wrong(row))).collect()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_anomaly_is_told_with_its_why_and_its_end() {
    let file = file("one.csv", "time,orders\n".to_owned() + &rows(stamp).join("\n"));
    let (code, out, err) = detect(&[&file]);
    assert_eq!(code, Some(0), "{err}");
    let told: Vec<&str> = out.lines().collect();
    assert_eq!(told.len(), 2, "{out}");
    assert!(told[0].starts_with("2024-05-06 05:00:00  orders: anomaly, beyond chance: "), "{out}");
    for words in [" was expected (", " to ", "), p ", ", severity ", ", since 2024-05-06T05:00:00Z"]
    {
        assert!(told[0].contains(words), "no {words:?} in {out}");
    }
    assert!(told[1].contains("  orders: over, "), "{out}");
    assert_eq!(err.trim(), "orders: 2000 samples, 1 anomaly");
}

#[test]
fn json_says_the_same_to_programs() {
    let file = file("json.csv", rows(stamp).join("\n"));
    let (code, out, _) = detect(&[&file, "--json"]);
    let told = lines(&out);
    assert_eq!((code, told.len()), (Some(0), 2), "{out}");
    let begin = &told[0];
    for (field, wanted) in [
        ("event", "begin"),
        ("time", "2024-05-06 05:00:00"),
        ("series", "value"),
        ("level", "unhealthy"),
        ("since", "2024-05-06T05:00:00Z"),
    ] {
        assert_eq!(begin[field], wanted, "{begin}");
    }
    let number = |field: &str| begin[field].as_f64().unwrap();
    assert!(number("low") < number("expected") && number("expected") < number("high"));
    assert!(number("high") < number("value") && number("p") < 0.01 && number("severity") > 2.0);
    assert_eq!(told[1]["event"], "end");

    let (_, out, _) = detect(&[&file, "--json", "--all"]);
    let told = lines(&out);
    assert_eq!(told.len(), 2002);
    assert_eq!((&told[0]["level"], &told[0]["p"]), (&"unknown".into(), &Value::Null));
}

#[test]
fn times_and_fields_may_be_written_in_any_usual_way() {
    let epoch = |row: usize| 1_714_521_600 + row as u64 * 300;
    let quoted = |row: usize| format!("\"{}\"", stamp(row));
    for (name, content) in [
        ("rfc", rows(|row| stamp(row).replace(' ', "T") + "+02:00")),
        ("seconds", rows(|row| epoch(row).to_string())),
        ("millis", rows(|row| format!("{}000", epoch(row)))),
        ("quoted", rows(quoted)),
        ("spaces", rows(|row| format!(" {} ", stamp(row)))),
    ] {
        for (ending, header) in [("\n", ""), ("\r\n", "\"when\",\"how, much\"\r\n")] {
            let text = header.to_owned() + &content.join(ending) + ending;
            let file = file(&format!("{name}-{}.csv", header.len()), text);
            let (code, out, err) = detect(&[&file, "--json"]);
            assert_eq!((code, lines(&out).len()), (Some(0), 2), "{name}: {err}");
            let series = if header.is_empty() { "value" } else { "how, much" };
            assert_eq!(lines(&out)[0]["series"], series);
        }
    }
}

#[test]
fn of_several_series_those_that_deviate_most_are_named_first() {
    let mut text = "time,calm,queue,orders\n".to_owned();
    for row in 0..2000 {
        let by = |size: f64| if (1500..1510).contains(&row) { size } else { 0.0 };
        let [calm, queue, orders] = [0.0, 900.0, -4.0].map(by).map(|by| value(row) + by);
        text += &format!("{},{calm:.3},{queue:.3},{orders:.3}\n", stamp(row));
    }
    let (code, out, _) = detect(&[&file("several.csv", text), "--json"]);
    assert_eq!(code, Some(0));
    let told = lines(&out);
    let begin = told.iter().find(|line| line["event"] == "begin" && line["series"] == "queue");
    let ranking = begin.unwrap()["deviates_most"].as_array().unwrap();
    assert_eq!(ranking[0]["series"], "queue", "{ranking:?}");
    assert_eq!(ranking[1]["series"], "orders", "{ranking:?}");
    assert!(told.iter().all(|line| line["series"] != "calm"), "{out}");
}

#[test]
fn gaps_and_samples_out_of_order_are_counted_and_harm_nothing() {
    let mut content = rows(stamp);
    content[700] = format!("{},", stamp(700));
    content[800] = format!("{},NaN", stamp(800));
    content[900] = format!("{},null", stamp(900));
    content.swap(1000, 1001);
    content.drain(1100..1150);
    let (code, out, err) = detect(&[&file("gaps.csv", content.join("\n")), "--json"]);
    assert_eq!((code, lines(&out).len()), (Some(0), 2), "{out}");
    assert_eq!(err.trim(), "value: 1950 samples, 1 anomaly, 3 missing, 1 late and left out");
}

#[test]
fn the_plot_is_a_page_of_its_own() {
    let file = file("plot<b>.csv", rows(stamp).join("\n"));
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("detect/new/plot.html");
    drop(fs::remove_file(&out));
    let (code, _, err) = detect(&[&file, "--out", out.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
    let page = fs::read_to_string(out).unwrap();
    for words in ["<svg", "plot&lt;b&gt;.csv", "2024-05-01T00:00:00Z", "beyond chance"] {
        assert!(page.contains(words), "no {words:?} in the page");
    }
    assert!(!page.contains("<script") && !page.contains("<b>.csv"));
}

#[test]
fn standard_input_is_followed() {
    let mut child =
        command(&["-", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let rows = rows(stamp);
    writeln!(stdin, "{}", rows[..1520].join("\n")).unwrap();
    stdin.flush().unwrap();
    // Told while the input is still open.
    let begin: Value = serde_json::from_str(&told.next().unwrap()).unwrap();
    assert_eq!((&begin["event"], &begin["time"]), (&"begin".into(), &"2024-05-06 05:00:00".into()));
    writeln!(stdin, "{}", rows[1520..].join("\n")).unwrap();
    drop(stdin);
    assert_eq!(told.count(), 1);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn who_no_longer_listens_is_not_an_error() {
    let file = file("long.csv", rows(stamp).join("\n"));
    let mut child = command(&[&file, "--json", "--all"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().code() == Some(0));
}

#[test]
fn bad_files_are_refused_with_line_and_column() {
    let row = "2024-05-01 00:00:00,1\n";
    for (name, content, words) in [
        ("empty.csv", String::new(), "empty.csv: there is nothing in it"),
        ("narrow.csv", "time\n1\n".into(), "narrow.csv, line 1: only one column"),
        (
            "number.csv",
            format!("time,cpu\n{row}2024-05-01 00:05:00,1o\n"),
            "number.csv, line 3, column 2 (cpu): \"1o\" is not a number",
        ),
        (
            "time.csv",
            format!("{row}yesterday,2\n"),
            "time.csv, line 2, column 1 (time): \"yesterday\"",
        ),
        ("first.csv", format!("yesterday,2\n{row}"), "first.csv, line 1, column 1: \"yesterday\""),
        (
            "old.csv",
            format!("{row}1931-05-01,2\n"),
            "old.csv, line 2, column 1 (time): \"1931-05-01\"",
        ),
        (
            "ragged.csv",
            format!("{row}2024-05-01 00:05:00,2,3\n"),
            "ragged.csv, line 2: 3 columns, where there were 2",
        ),
    ] {
        let (code, out, err) = detect(&[&file(name, content)]);
        assert_eq!((code, out.as_str()), (Some(3), ""), "{name}: {err}");
        assert!(err.contains(words), "{name}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    let binary = file(
        "binary.csv",
        [b"time,value\n2024-05-01,1\n".as_slice(), &[0xff, 0xfe, b'\n']].concat(),
    );
    let (code, _, err) = detect(&[&binary]);
    assert!(code == Some(3) && err.contains("line 3: this is not UTF-8 text"), "{err}");
    for path in ["no/such.csv", env!("CARGO_MANIFEST_DIR")] {
        let (code, _, err) = detect(&[path]);
        assert!(code == Some(3) && err.contains(path), "{err}");
    }
    assert_eq!(detect(&[]).0, Some(2));
    assert_eq!(detect(&["a", "--detector", "none"]).0, Some(2));
}

#[test]
fn what_was_too_short_to_judge_is_not_called_well() {
    let (code, out, err) = detect(&[&file("short.csv", rows(stamp)[..100].join("\n"))]);
    assert_eq!((code, out.as_str()), (Some(4), ""));
    assert!(err.contains("too few to judge") && err.contains("no series was long enough"), "{err}");
}
