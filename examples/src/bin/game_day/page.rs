//! The day as a page.

use std::collections::BTreeSet;

use rely_core::report::{
    Cell, Finding, Line, Marks, Phase, Report, Section, Series, States, Table, Timeline, Tone,
    Weights,
};

use crate::journal::{Act, Journal, Sample};
use crate::table;

fn tone(level: &str) -> Tone {
    match level {
        "healthy" | "closed" | "good" => Tone::Good,
        "degraded" | "half_open" | "warning" => Tone::Warning,
        "unhealthy" | "open" | "bad" => Tone::Bad,
        "info" => Tone::Info,
        _ => Tone::Neutral,
    }
}

pub(crate) fn of(journal: &Journal) -> Report {
    let held = journal.acts.iter().filter(|act| act.held()).count();
    let finding = if journal.held() { Finding::Held } else { Finding::Failed };
    let sentence = if journal.interrupted {
        format!("Interrupted after {:.0} s: this report is partial.", journal.seconds)
    } else if let Some((act, claim)) = journal.failure() {
        format!("{}: {}.", act.name, claim.kind.failure())
    } else {
        format!("{held} of {} acts held.", crate::ACTS)
    };
    let sabotage = journal.sabotage.as_ref();
    let sabotage = sabotage.map_or_else(String::new, |kind| format!(", sabotaged by {kind}"));
    let subtitle = format!(
        "{} pace, {} orders a second from each client, to be answered within {} ms{sabotage}",
        journal.pace, journal.rate, journal.objective_ms
    );
    let mut report = Report::new("Game day").subtitle(subtitle).finding(finding, sentence);
    for sum in &journal.clients {
        let name = format!("Within the objective, {}", sum.name);
        let share = sum.orders.percent();
        report =
            report.fact(name, share.map_or_else(|| "-".into(), |share| format!("{share:.2} %")));
    }
    let mut report = report.section(overview(journal)).section(timelines(journal));
    for act in &journal.acts {
        report = report.section(story(act));
    }
    report.section(numbers(journal))
}

fn overview(journal: &Journal) -> Section {
    let mut summary =
        Table::new("The same orders, two clients").column("").numeric("naive").numeric("protected");
    for row in table::rows(journal) {
        summary = summary.row(row.map(|text| text.trim_start().to_owned()));
    }
    Section::new("What it came to")
        .paragraph(
            "Two clients place the same orders at the same moments, each with three replicas of the \
             order service in three zones, which call a queue with two endpoints, all over HTTP. \
             The naive client knows the replica of its zone and tries again when that fails. The \
             protected one retries within a budget, gives every attempt a time limit, breaks \
             circuits and fails over to other zones. Then things go wrong.",
        )
        .table(summary)
}

fn story(act: &Act) -> Section {
    let finding = if act.held() { Finding::Held } else { Finding::Failed };
    let sentence = if act.because.is_empty() {
        format!("Conclusion: {}.", act.conclusion)
    } else {
        format!("Conclusion: {}.", act.because)
    };
    let mut claims = Table::new("Had to be true").column("Claim").column("Measured").column("Held");
    for claim in &act.claims {
        let held = if claim.held {
            Cell::new("yes").tone(Tone::Good)
        } else {
            Cell::new("no").tone(Tone::Bad)
        };
        claims = claims.row([claim.text.as_str().into(), claim.measured.as_str().into(), held]);
    }
    let mut section = Section::new(act.name.as_str())
        .finding(finding, sentence)
        .paragraph(format!("Hypothesis: {}", act.hypothesis))
        .paragraph(act.story.as_str())
        .paragraph(format!("Would have been called off if {}.", act.abort))
        .table(claims);
    if !act.faults.is_empty() {
        let mut faults =
            Table::new("Proof that it went wrong").column("Fault").numeric("Hit").numeric("Needed");
        for fault in &act.faults {
            faults =
                faults.row([fault.name.clone(), fault.fired.to_string(), fault.needed.to_string()]);
        }
        section = section.table(faults);
    }
    if !act.pages.is_empty() {
        let mut pages = Table::new("Somebody was called")
            .numeric("Second")
            .column("Because")
            .column("First suspect")
            .column("Right");
        for page in &act.pages {
            let right = if page.right {
                Cell::new("yes").tone(Tone::Good)
            } else {
                Cell::new("no").tone(Tone::Bad)
            };
            let suspect = page.suspect.as_deref().unwrap_or("nobody");
            let (at, because) = (format!("{:.2}", page.at), page.text.as_str());
            pages = pages.row([at.as_str().into(), because.into(), suspect.into(), right]);
        }
        section = section.table(pages);
    }
    section
}

/// Samples as the points of a line, in percent.
fn percent(
    samples: &[Sample],
    value: impl Fn(&Sample) -> Option<f64>,
) -> impl Iterator<Item = (f64, Option<f64>)> {
    samples.iter().map(move |sample| (sample.at, value(sample).map(|value| 100.0 * value)))
}

fn timelines(journal: &Journal) -> Section {
    let samples = &journal.samples;
    let mut timeline = Timeline::new("Everything on one time line").span(0.0, journal.seconds);
    for act in &journal.acts {
        timeline = timeline.phase(Phase::new(act.from, act.to, act.name.as_str()));
    }
    let marks = |name: &str, kinds: &[&str]| {
        let events = journal.events.iter().filter(|event| kinds.contains(&event.kind.as_str()));
        events.fold(Marks::new(name), |marks, event| {
            marks.mark(event.at, event.label.as_str(), tone(&event.tone))
        })
    };
    let faults: BTreeSet<&String> =
        samples.iter().flat_map(|sample| sample.faults.keys()).collect();
    for name in faults {
        let active =
            || samples.iter().filter_map(|sample| Some((sample.at, *sample.faults.get(name)?)));
        if active().any(|(_, active)| active) {
            let changes = active().map(|(at, active)| match active {
                true => (at, "active", Tone::Bad),
                false => (at, "", Tone::Neutral),
            });
            let lane = States::new(format!("Fault: {name}")).changes(changes, journal.seconds);
            timeline = timeline.lane(lane);
        }
    }

    let mut within =
        Series::new("Orders within the objective").unit("%").include(100.0).include(0.0);
    for client in ["naive", "protected"] {
        let share = |sample: &Sample| sample.within.get(client).copied().flatten();
        within = within.line(Line::new(client).points(percent(samples, share)));
    }
    timeline = timeline.lane(within);

    let readings = || samples.iter().filter_map(|sample| Some((sample.at, sample.queue?)));
    let queue = Series::new("Queue latency, as probed")
        .unit("ms")
        .include(0.0)
        .line(Line::new("latency").points(readings().map(|(at, queue)| (at, queue.latency_ms))))
        .expected(readings().map(|(at, queue)| (at, queue.expected_ms)))
        .band(readings().filter_map(|(at, queue)| {
            let (low, high) = queue.band_ms?;
            Some((at, low, high))
        }));
    timeline = timeline.lane(queue);

    let verdicts: BTreeSet<&String> =
        samples.iter().flat_map(|sample| sample.verdicts.keys()).collect();
    for name in verdicts {
        let changes = samples
            .iter()
            .filter_map(|sample| Some((sample.at, sample.verdicts.get(name)?)))
            .map(|(at, level)| (at, level.clone(), tone(level)));
        let lane = States::new(format!("Verdict: {name}")).changes(changes, journal.seconds);
        timeline = timeline.lane(lane);
    }
    let breakers: BTreeSet<&String> =
        samples.iter().flat_map(|sample| sample.breakers.keys()).collect();
    for name in breakers {
        let states =
            || samples.iter().filter_map(|sample| Some((sample.at, sample.breakers.get(name)?)));
        // A breaker that had nothing to do all day needs no lane.
        if states().all(|(_, state)| state == "closed") {
            continue;
        }
        let changes = states().map(|(at, state)| (at, state.clone(), tone(state)));
        let lane = States::new(format!("Breaker: {name}")).changes(changes, journal.seconds);
        timeline = timeline.lane(lane);
    }
    let failures = |sample: &Sample| sample.candidate_failures;
    let mut weights = Weights::new("Traffic", ["v1", "v2"]);
    for sample in samples {
        weights = weights.step(sample.at, [1.0 - sample.candidate, sample.candidate]);
    }
    let timeline = timeline
        .lane(weights)
        .lane(
            Series::new("Failed attempts on v2")
                .unit("%")
                .include(0.0)
                .line(Line::new("failure share").points(percent(samples, failures))),
        )
        .lane(marks("Rollout", &["rollout"]))
        .lane(marks("Drift", &["drift"]))
        .lane(marks("Called", &["alert"]))
        .lane(["naive", "protected"].into_iter().fold(
            Series::new("Burn rate of the error budget").unit("x").include(0.0),
            |series, client| {
                let rate = |sample: &Sample| sample.burn_rates.get(client).copied().flatten();
                let points = samples.iter().map(|sample| (sample.at, rate(sample)));
                series.line(Line::new(client).points(points))
            },
        ));
    Section::new("What happened").timeline(timeline)
}

fn numbers(journal: &Journal) -> Section {
    let mut events = Table::new("Events").numeric("Second").column("From").column("What");
    for event in &journal.events {
        events = events.row([format!("{:.2}", event.at), event.kind.clone(), event.label.clone()]);
    }
    Section::new("Everything that was noted").table(events)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crate::journal::{Event, Journal};

    #[test]
    fn a_page_escapes_what_the_journal_says() {
        let mut journal = Journal::new("<b>", 1, Duration::from_millis(500));
        journal.events.push(Event {
            at: 1.0,
            kind: "rollout".into(),
            label: "</script><img src=x>".into(),
            tone: "bad".into(),
        });
        let html = super::of(&journal).to_html();
        assert!(!html.contains("<img") && !html.contains("<b>"));
        assert!(html.contains("0 of 5 acts held"));
    }

    #[test]
    fn a_journal_that_makes_no_sense_makes_a_page() {
        let share = r#"{ "within": 18446744073709551615, "total": 1, "upstream": 0 }"#;
        let act = |from: &str, to: &str| {
            format!(
                r#"{{ "name": "", "from": {from}, "to": {to}, "hypothesis": "", "abort": "",
                    "conclusion": "", "because": "", "story": "", "claims": [], "faults": [],
                    "clients": {{ "naive": {share} }}, "detection": -1e308, "recovery": 1e308,
                    "pages_expected": 1, "pages": [{{ "at": -1e308, "after": 1e308, "text": "",
                        "suspect": null, "right": true, "resolved": -1e308 }}] }}"#
            )
        };
        let sample = |at: &str| {
            format!(
                r#"{{ "at": {at}, "faults": {{ "": true }}, "within": {{ "naive": -1e308 }},
                    "queue": {{ "latency_ms": -1e308, "expected_ms": null,
                        "band_ms": [1e308, -1e308], "p_value": 7.0 }},
                    "candidate": 1e308, "candidate_failures": -5.0, "burn_rates": {{ "": null }},
                    "breakers": {{ "": "" }}, "verdicts": {{ "x": "y" }} }}"#
            )
        };
        let text = format!(
            r#"{{ "version": 3, "pace": "", "sabotage": null, "interrupted": false, "rate": 0,
                "objective_ms": 0, "seconds": -1e308, "acts": [{}, {}],
                "samples": [{}, {}, {}],
                "events": [{{ "at": 1e308, "kind": "drift", "label": "", "tone": "?" }}],
                "clients": [{{ "name": "naive", "orders": {share}, "p50_ms": -1e308,
                    "p99_ms": null, "enqueued": 0 }}] }}"#,
            act("5.0", "-1e308"),
            act("-0.0", "1e308"),
            sample("1e308"),
            sample("-1e308"),
            sample("0.0"),
        );
        let journal = Journal::read(&text).unwrap();
        assert!(!journal.held() && journal.failure().is_none());
        let html = super::of(&journal).to_html();
        assert!(!html.contains("NaN") && !html.contains("inf<"));
        assert!(Journal::read(&text.replace("-1e308", "1e999")).is_err(), "not a number");
        assert!(Journal::read(&text.replace("-1e308", "\"NaN\"")).is_err());
    }

    #[test]
    fn a_partial_day_says_so() {
        let mut journal = Journal::new("fast", 1, Duration::from_millis(500));
        (journal.interrupted, journal.seconds) = (true, 7.0);
        assert!(super::of(&journal).to_html().contains("Interrupted after 7 s"));
    }
}
