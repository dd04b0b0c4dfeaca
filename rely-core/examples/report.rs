//! Writes a sample of the page that all reports share.
//!
//! ```text
//! cargo run -p rely-core --features report --example report -- target/report.html
//! ```

use std::error::Error;
use std::f64::consts::TAU;
use std::fs::File;
use std::path::PathBuf;

use rely_core::report::{
    Cell, Finding, Line, Marks, Phase, Report, Section, Series, States, Table, Timeline, Tone,
    Weights,
};

fn main() -> Result<(), Box<dyn Error>> {
    let path =
        std::env::args_os().nth(1).map_or_else(|| "target/report.html".into(), PathBuf::from);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    sample().write_to(File::create(&path)?)?;
    println!("wrote {}", path.display());
    Ok(())
}

/// A game day as it might have been: invented figures that show every part of the page.
pub(crate) fn sample() -> Report {
    Report::new("Game day: the payment vendor goes dark")
        .subtitle("Checkout in three zones, 240 requests per second, one vendor that stops answering for a minute and a release that must not go out meanwhile.")
        .finding(Finding::Held, "Checkout kept answering through the outage, and the canary that met it was taken back without a person.")
        .fact("Seed", 42)
        .fact("Simulated time", "5 min")
        .fact("Requests", "71 984")
        .fact("Answered", "99.93 %")
        .fact("Detected after", "4.2 s")
        .fact("Recovered after", "11.6 s")
        .section(outage())
        .section(detection())
        .section(rollout())
        .section(month())
        .section(numbers())
}

fn outage() -> Section {
    let mut noise = Noise(7);
    let p99: Vec<_> = (0..=1200)
        .map(|i| {
            let at = f64::from(i) * 0.25;
            let dark = (60.0..64.5).contains(&at) || (94.0..96.0).contains(&at);
            let base = if dark { 900.0 } else { 82.0 + 9.0 * (at / 40.0).sin() };
            (at, base + noise.next() * if dark { 200.0 } else { 24.0 })
        })
        .collect();
    let p50: Vec<_> =
        p99.iter().map(|&(at, v)| (at, (v < 500.0).then_some(v * 0.3 + 10.0))).collect();
    let timeline = Timeline::new("Five minutes of checkout → payment")
        .phase(Phase::new(0.0, 60.0, "Steady"))
        .phase(Phase::new(60.0, 120.0, "Vendor dark").tone(Tone::Bad))
        .phase(Phase::new(120.0, 200.0, "Recovery"))
        .phase(Phase::new(200.0, 300.0, "Release").tone(Tone::Info))
        .lane(
            States::new("faults")
                .state(60.0, 120.0, "black hole at the vendor", Tone::Bad)
                .state(90.0, 105.0, "slow DNS", Tone::Warning)
                .state(210.0, 240.0, "canary leaks connections", Tone::Bad),
        )
        .lane(States::new("breaker zone a").changes(
            [
                (0.0, "closed", Tone::Good),
                (64.2, "open", Tone::Bad),
                (94.2, "half-open", Tone::Warning),
                (96.0, "open", Tone::Bad),
                (126.0, "half-open", Tone::Warning),
                (131.6, "closed", Tone::Good),
            ],
            300.0,
        ))
        .lane(States::new("level of service").changes(
            [
                (0.0, "full", Tone::Good),
                (64.2, "pay later", Tone::Warning),
                (131.6, "full", Tone::Good),
            ],
            300.0,
        ))
        .lane(
            Marks::new("events")
                .mark(60.0, "vendor stops answering", Tone::Bad)
                .mark(64.2, "breaker opens: 31 % of calls failed", Tone::Warning)
                .mark(65.0, "orders go to the outbox", Tone::Info)
                .mark(120.0, "vendor answers again", Tone::Neutral)
                .mark(131.6, "breaker closes after 20 good trials", Tone::Good)
                .mark(140.0, "outbox empty", Tone::Good)
                .mark(238.4, "release judged bad, rolled back", Tone::Bad),
        )
        .lane(
            Series::new("latency of payment calls")
                .unit("ms")
                .line(Line::new("p99").points(p99))
                .line(Line::new("p50").points(p50))
                .threshold(250.0, "objective"),
        );
    Section::new("What happened")
        .finding(Finding::Held, "No request waited longer than its deadline once the breaker was open.")
        .paragraph("After one minute the vendor stopped answering: connections were accepted, and nothing came back. The breaker needed four seconds to see enough timeouts, opened, and from then on orders were accepted with payment to follow. A first trial at 94 s met the same silence and sent the breaker back; the second one closed it.")
        .timeline(timeline)
}

fn detection() -> Section {
    let mut noise = Noise(21);
    let mut day = |minute: i32| {
        220.0 + 120.0 * (f64::from(minute) / 1440.0 * TAU - 1.6).sin() + noise.next() * 14.0
    };
    let observed: Vec<_> = (0..=720)
        .map(|i| {
            let minute = i * 2;
            let value = match minute {
                500..=540 => None,
                900..=960 => Some(day(minute) * 0.55),
                1200 => Some(day(minute) * 1.8),
                _ => Some(day(minute)),
            };
            (f64::from(minute) * 60.0, value)
        })
        .collect();
    let wave = |minute: f64| 220.0 + 120.0 * (minute / 1440.0 * TAU - 1.6).sin();
    let expected = (0..=144).map(|i| (f64::from(i) * 600.0, wave(f64::from(i) * 10.0)));
    let band = (0..=144).map(|i| {
        let middle = wave(f64::from(i) * 10.0);
        (f64::from(i) * 600.0, middle - 26.0, middle + 26.0)
    });
    let timeline = Timeline::new("A day of orders and what was expected of it")
        .lane(
            Series::new("orders")
                .unit("per minute")
                .line(Line::new("observed").points(observed))
                .expected(expected)
                .band(band),
        )
        .lane(States::new("verdict").changes(
            [
                (0.0, "healthy", Tone::Good),
                (500.0 * 60.0, "unknown", Tone::Neutral),
                (541.0 * 60.0, "healthy", Tone::Good),
                (903.0 * 60.0, "unhealthy", Tone::Bad),
                (966.0 * 60.0, "healthy", Tone::Good),
            ],
            86_400.0,
        ))
        .lane(
            Marks::new("alerts")
                .mark(905.0 * 60.0, "page: orders 45 % below expectation", Tone::Bad)
                .mark(968.0 * 60.0, "resolved", Tone::Good),
        );
    Section::new("Would we have noticed?")
        .finding(
            Finding::Held,
            "The dip was found within five minutes; one spike and one gap raised no alarm.",
        )
        .timeline(timeline)
}

fn rollout() -> Section {
    let timeline = Timeline::new("Share of traffic for each version")
        .span(0.0, 300.0)
        .lane(
            Weights::new("traffic", ["2.3.1 stable", "2.4.0 canary", "shadow"])
                .step(0.0, [100.0, 0.0, 0.0])
                .step(200.0, [95.0, 5.0, 0.0])
                .step(212.0, [75.0, 25.0, 0.0])
                .step(226.0, [50.0, 40.0, 10.0])
                .step(238.4, [100.0, 0.0, 0.0]),
        )
        .lane(States::new("release").changes(
            [
                (200.0, "5 %", Tone::Info),
                (212.0, "25 %", Tone::Info),
                (226.0, "50 %", Tone::Info),
                (238.4, "rolled back", Tone::Bad),
            ],
            300.0,
        ));
    Section::new("The release that met it")
        .finding(Finding::Failed, "2.4.0 leaked connections and was taken back at half of the traffic.")
        .paragraph("The analysis compares both versions under the same load. It needed twelve seconds at half of the traffic to be sure.")
        .timeline(timeline)
        .code("rely rollout replay --seed 42 --journal target/journal.bin\nrely rollout explain 2.4.0")
}

fn month() -> Section {
    let mut noise = Noise(3);
    let points = (0..259_200).map(move |i| {
        let spike = if i == 120_000 { 70.0 } else { 0.0 };
        (
            f64::from(i) * 10.0,
            12.0 + 4.0 * (f64::from(i) / 8640.0 * TAU).sin() + noise.next() + spike,
        )
    });
    Section::new("A month in one picture")
        .finding(
            Finding::Unknown,
            "One spike of ten seconds stays visible among 259 200 points; its cause is not known.",
        )
        .timeline(
            Timeline::new("Queue depth over thirty days").lane(
                Series::new("queue depth").unit("jobs").line(Line::new("depth").points(points)),
            ),
        )
}

fn numbers() -> Section {
    let tone = |text: &str, tone| Cell::new(text).tone(tone);
    let table = Table::new("Requests by act, as the user saw them")
        .column("Act")
        .numeric("Requests")
        .numeric("Failed")
        .numeric("Degraded")
        .numeric("p50 ms")
        .numeric("p99 ms")
        .column("Objective")
        .row(
            ["Steady", "14 402", "0", "0", "34", "91"]
                .map(Cell::new)
                .into_iter()
                .chain([tone("held", Tone::Good)]),
        )
        .row(
            ["Vendor dark", "14 371", "47", "13 390", "12", "1 004"]
                .map(Cell::new)
                .into_iter()
                .chain([tone("in budget", Tone::Warning)]),
        )
        .row(
            ["Recovery", "19 188", "3", "2 771", "31", "118"]
                .map(Cell::new)
                .into_iter()
                .chain([tone("held", Tone::Good)]),
        )
        .row(
            ["Release", "24 023", "212", "0", "35", "640"]
                .map(Cell::new)
                .into_iter()
                .chain([tone("missed", Tone::Bad)]),
        );
    Section::new("The numbers").table(table).list([
        "Failed: the user got an error. Degraded: the order was taken, payment follows.",
        "Percentiles are of all answers, refusals included.",
    ])
}

/// A small generator, so that the sample is the same on every machine.
struct Noise(u64);

impl Noise {
    /// Roughly even between -1 and 1.
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 33).unwrap_or(0)) / f64::from(1_u32 << 30) - 1.0
    }
}
