//! The detectors beside their peers, for speed, and beside what people use, for what they find.
//!
//! `cargo bench -p rely-benches --bench detect`
//!
//! **Speed.** A row is called `<library>/point`: one more sample of a series, observed and judged, by a
//! detector that has seen two weeks of five-minute samples. `bare/point` only makes the sample. Peers
//! that judge a whole slice (`augurs-bocpd`) are given a day at a time, and the figure is for each point
//! of it. The forests see eight samples at a time, as their papers advise, 50 trees of 256 points; the
//! online isolation forest has its defaults over four.
//!
//! A row called `rely-logs/line` is one more line of a log whose templates are known.
//!
//! **State.** What a detector of a series takes up after two weeks.
//!
//! **Quality.** Labelled service metrics, where they are there: see [`quality`]. Written to
//! `target/proof/bench-detect-quality.json`, the rest to `bench-detect.json`.

mod logs;
mod peers;
mod quality;
mod rely;
mod series;
mod state;

use std::process::ExitCode;

use rely_benches::{Case, repeat};
use series::Wave;

fn main() -> ExitCode {
    let mut cases = vec![Case::new("bare/point", || {
        let mut wave = Wave::new();
        repeat(move |_| wave.next())
    })];
    cases.extend(rely::cases());
    cases.extend(logs::cases());
    cases.extend(peers::cases());
    let code = rely_benches::main("detect", "bare/point", &cases);
    // The bench starts itself for each run and for callgrind; those have their one task.
    let is_child = std::env::args().any(|arg| arg == "--one-run" || arg == "--iterate");
    let is_partial = std::env::args().any(|arg| arg == "--only");
    if is_child || is_partial {
        return code;
    }
    match quality::run(state::rows()) {
        Ok(()) => code,
        Err(error) => {
            eprintln!("detect: {error}");
            ExitCode::FAILURE
        }
    }
}
