//! The page in a real browser: nothing on the console, nothing wider than the screen, no text that
//! leaves its picture. Where chromium is not installed the tests say so and pass.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rely_core::report::{Marks, Report, Section, Table, Timeline, Tone};

#[path = "../examples/report.rs"]
#[expect(dead_code, reason = "the example's `main` is not needed here")]
mod sample;

const PATIENCE: Duration = Duration::from_secs(90);

/// What a run of the browser left: the document after it was laid out, and what it logged.
struct Seen {
    dom: String,
    log: String,
}

impl Seen {
    fn console(&self) -> Vec<&str> {
        self.log.lines().filter(|line| line.contains("CONSOLE")).collect()
    }
}

fn installed() -> bool {
    let found = Command::new("chromium").arg("--version").output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: chromium is not installed");
    }
    found
}

/// A fresh folder for the files and the profile of one run.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn open(name: &str, html: &str) -> Seen {
    let folder = folder(name);
    let page = folder.join("page.html");
    fs::write(&page, html).unwrap();
    let mut child = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--v=0", "--virtual-time-budget=2000"])
        .args(["--window-size=1400,900", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let dom = collect(child.stdout.take().unwrap());
    let log = collect(child.stderr.take().unwrap());
    let dom = within_patience(&mut child, &dom);
    let log = within_patience(&mut child, &log);
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}: {log}");
    let _ = fs::remove_dir_all(&folder);
    Seen { dom, log }
}

fn collect(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn within_patience(child: &mut Child, text: &mpsc::Receiver<String>) -> String {
    text.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _ = child.kill();
        panic!("the browser did not end within {PATIENCE:?}");
    })
}

/// A page that shows `html` at several widths and writes down what it measures there.
fn measure(name: &str, html: &str) -> String {
    let escaped = html.replace('&', "&amp;").replace('"', "&quot;");
    let frames: String = [320, 360, 700, 768, 1280]
        .map(|width| {
            format!(r#"<iframe width="{width}" height="800" srcdoc="{escaped}"></iframe>"#)
        })
        .concat();
    let script = r#"
        addEventListener('load', () => {
          const out = document.querySelector('output');
          for (const frame of document.querySelectorAll('iframe')) {
            const doc = frame.contentDocument;
            const wide = doc.documentElement.scrollWidth;
            const parts = [`at ${frame.width}: page ${wide}`];
            if (wide > frame.width) parts.push('OVERFLOW');
            let pictures = 0, smallest = 99;
            for (const svg of doc.querySelectorAll('svg')) {
              const box = svg.getBoundingClientRect();
              if (!box.width) continue;
              pictures++;
              smallest = Math.min(smallest, 11 * box.width / svg.viewBox.baseVal.width);
              for (const text of svg.querySelectorAll('text')) {
                const place = text.getBoundingClientRect();
                if (place.left < box.left - 3 || place.right > box.right + 3)
                  parts.push(`TEXT OUTSIDE ${text.textContent}`);
              }
            }
            parts.push(`pictures ${pictures}`);
            if (smallest < 9) parts.push(`SMALL TEXT ${smallest}`);
            out.textContent += parts.join(' | ') + '\n';
          }
        });"#;
    let style = "iframe { border: 0; display: block }";
    let page = format!(
        "<!DOCTYPE html><meta charset=utf-8><style>{style}</style><script>{script}</script><output></output>{frames}"
    );
    let seen = open(name, &page);
    assert!(seen.console().is_empty(), "{:?}", seen.console());
    let (_, rest) = seen.dom.split_once("<output>").unwrap();
    rest.split_once("</output>").unwrap().0.to_owned()
}

fn assert_no_complaint(measured: &str) {
    assert_eq!(measured.lines().count(), 5, "{measured}");
    for complaint in ["OVERFLOW", "TEXT OUTSIDE", "SMALL TEXT"] {
        assert!(!measured.contains(complaint), "{measured}");
    }
}

fn assert_fits(measured: &str, pictures: usize) {
    assert_no_complaint(measured);
    for line in measured.lines() {
        assert!(line.contains(&format!("pictures {pictures}")), "{measured}");
    }
}

#[test]
fn the_sample_page_is_silent_and_fits_every_screen() {
    if !installed() {
        return;
    }
    let html = sample::sample().to_html();
    let seen = open("sample", &html);
    assert!(seen.console().is_empty(), "{:?}", seen.console());
    assert!(seen.dom.contains("<main"), "{}", seen.dom);
    assert_fits(&measure("sample-widths", &html), 4);
}

#[test]
fn long_and_hostile_strings_fit_every_screen() {
    if !installed() {
        return;
    }
    for (name, text) in [
        ("long", "w".repeat(10_000)),
        ("wide", "漢字".repeat(300)),
        ("markup", "</style></svg><script>console.error('ran')</script>".to_owned()),
        ("rtl", "\u{202e}مرحبا بالعالم ".repeat(20)),
    ] {
        let timeline = Timeline::new(&*text)
            .lane(Marks::new(&*text).mark(0.0, &*text, Tone::Bad).mark(1.0, &*text, Tone::Good));
        let table = Table::new(&*text).column(&*text).numeric(&*text).row([&*text, &*text]);
        let section = Section::new(&*text).paragraph(&*text).code(&*text);
        let html = Report::new(&*text)
            .subtitle(&*text)
            .fact(&*text, &text)
            .section(section.list([&*text]).timeline(timeline).table(table))
            .to_html();
        assert_fits(&measure(name, &html), 1);
    }
}

/// A page that a program has made: the game day's, for one.
#[test]
fn the_page_that_rely_page_names_is_silent_and_fits_every_screen() {
    let Some(path) = std::env::var_os("RELY_PAGE") else {
        println!("skipped: RELY_PAGE names no page");
        return;
    };
    if !installed() {
        return;
    }
    let html = fs::read_to_string(path).unwrap();
    let seen = open("named", &html);
    assert!(seen.console().is_empty(), "{:?}", seen.console());
    assert!(seen.dom.contains("<main"), "{}", seen.dom);
    assert_no_complaint(&measure("named-widths", &html));
}

/// The other tests listen for the console; this one shows that it would be heard.
#[test]
fn a_page_that_complains_is_heard() {
    if !installed() {
        return;
    }
    let seen = open("control", "<!DOCTYPE html><script>console.error('heard')</script>");
    assert!(seen.console().iter().any(|line| line.contains("heard")), "{}", seen.log);
    let measured = measure("control-wide", "<!DOCTYPE html><p style='width:2000px'>wide");
    assert_eq!(measured.matches("OVERFLOW").count(), 5, "{measured}");
}
