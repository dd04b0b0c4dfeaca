//! The day as a page.

use rely_core::report::{
    Finding, Line, Marks, Phase, Report, Section, Series, States, Table, Timeline, Tone, Weights,
};

use crate::journal::Journal;

fn tone(level: &str) -> Tone {
    match level {
        "healthy" | "closed" => Tone::Good,
        "degraded" | "half_open" => Tone::Warning,
        "unhealthy" | "open" => Tone::Bad,
        _ => Tone::Neutral,
    }
}

pub(crate) fn of(journal: &Journal) -> Report {
    let held = journal.acts.iter().filter(|act| act.held).count();
    let all = journal.acts.len();
    let finding = if journal.held() { Finding::Held } else { Finding::Failed };
    let seconds =
        |time: Option<f64>| time.map_or_else(|| "-".into(), |time| format!("{time:.2} s"));
    Report::new("Game day")
        .subtitle(format!("{} pace, {} requests a second", journal.pace, journal.rate))
        .finding(finding, format!("{held} of {all} hypotheses held."))
        .fact("Requests", journal.sent)
        .fact("Calls that the fault hit", journal.fired)
        .fact("First bad answer to rollback", seconds(journal.rollback_time()))
        .section(story(journal))
        .section(timelines(journal))
        .section(numbers(journal))
}

fn story(journal: &Journal) -> Section {
    let mut table = Table::new("Every act has a hypothesis")
        .column("Act")
        .column("Hypothesis")
        .column("Measured")
        .column("Conclusion");
    for act in &journal.acts {
        let conclusion = if act.held { "held" } else { "failed" };
        let tone = if act.held { Tone::Good } else { Tone::Bad };
        let conclusion = rely_core::report::Cell::new(conclusion).tone(tone);
        table = table.row([
            act.name.as_str().into(),
            act.hypothesis.as_str().into(),
            act.measured.as_str().into(),
            conclusion,
        ]);
    }
    Section::new("What was to be proved")
        .paragraph(
            "An open-loop load goes through a meter and a router to two versions of an order \
             service. Version 2 gets a growing share of the traffic, until a fault makes it fail. \
             From there on nobody touches anything.",
        )
        .table(table)
}

fn timelines(journal: &Journal) -> Section {
    let samples = &journal.samples;
    let percent = |value: Option<f64>| value.map(|value| 100.0 * value);
    let mut timeline = Timeline::new("The loop at work").span(0.0, journal.seconds);
    for act in &journal.acts {
        timeline = timeline.phase(Phase::new(act.from, act.to, act.name.as_str()));
    }
    let mut weights = Weights::new("Traffic", ["v1", "v2"]);
    for sample in samples {
        weights = weights.step(sample.at, [1.0 - sample.share, sample.share]);
    }
    let availability = Series::new("Availability for the user").unit("%").include(100.0).line(
        Line::new("availability")
            .points(samples.iter().map(|sample| (sample.at, percent(sample.availability)))),
    );
    let latency = Series::new("p99 for the user")
        .unit("ms")
        .include(0.0)
        .line(Line::new("p99").points(samples.iter().map(|sample| (sample.at, sample.p99_ms))));
    let failures =
        Series::new("Failures of v2")
            .unit("%")
            .include(0.0)
            .line(Line::new("failure share").points(
                samples.iter().map(|sample| (sample.at, percent(sample.candidate_failures))),
            ))
            .band(samples.iter().filter_map(|sample| {
                let (low, high) = sample.candidate_bounds?;
                Some((sample.at, 100.0 * low, 100.0 * high))
            }))
            .threshold(crate::day::LIMIT_PERCENT, "limit");
    let verdicts =
        samples.iter().map(|sample| (sample.at, sample.verdict.clone(), tone(&sample.verdict)));
    let breakers =
        samples.iter().map(|sample| (sample.at, sample.breaker.clone(), tone(&sample.breaker)));
    let mut faults = Marks::new("Fault");
    let mut rollout = Marks::new("Rollout");
    for event in &journal.events {
        let tone = if event.bad { Tone::Bad } else { Tone::Info };
        match event.kind.as_str() {
            "fault" => faults = faults.mark(event.at, event.label.as_str(), tone),
            "rollout" => rollout = rollout.mark(event.at, event.label.as_str(), tone),
            _ => {}
        }
    }
    let timeline = timeline
        .lane(faults)
        .lane(failures)
        .lane(States::new("Verdict on v2").changes(verdicts, journal.seconds))
        .lane(States::new("Breaker of v2").changes(breakers, journal.seconds))
        .lane(rollout)
        .lane(weights)
        .lane(availability)
        .lane(latency);
    Section::new("What happened").timeline(timeline)
}

fn numbers(journal: &Journal) -> Section {
    let mut sums = Table::new("Calls of the whole day")
        .column("Seen by")
        .numeric("Success")
        .numeric("Failure")
        .numeric("Rejected")
        .numeric("Availability")
        .numeric("p50")
        .numeric("p99");
    let text = |value: Option<f64>, unit: &str| {
        value.map_or_else(|| "-".into(), |value| format!("{value:.2} {unit}"))
    };
    for sum in &journal.sums {
        sums = sums.row([
            sum.name.clone(),
            sum.success.to_string(),
            sum.failure.to_string(),
            sum.rejected.to_string(),
            text(sum.percent(), "%"),
            text(sum.p50_ms, "ms"),
            text(sum.p99_ms, "ms"),
        ]);
    }
    let mut events = Table::new("Events").numeric("Second").column("From").column("What");
    for event in &journal.events {
        events = events.row([format!("{:.2}", event.at), event.kind.clone(), event.label.clone()]);
    }
    Section::new("Numbers").table(sums).table(events)
}

#[cfg(test)]
mod tests {
    use crate::journal::{Event, Journal};

    #[test]
    fn a_page_escapes_what_the_journal_says() {
        let mut journal = Journal::new("<b>", 1);
        journal.events.push(Event {
            at: 1.0,
            kind: "rollout".into(),
            label: "</script><img src=x>".into(),
            bad: true,
        });
        let html = super::of(&journal).to_html();
        assert!(!html.contains("<img") && !html.contains("<b>"));
        assert!(html.contains("0 of 0 hypotheses held"));
    }
}
