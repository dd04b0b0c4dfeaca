use super::*;

#[test]
fn a_held_hypothesis_takes_exactly_the_method() {
    let bench = bench();
    let builder = bench
        .builder()
        .throughout(
            "throughout",
            script(&[(0, Level::Unknown), (3, Level::Healthy), (4, Level::Degraded)]),
        )
        .abort_if("abort", script(&[(0, Level::Degraded), (2, Level::Unknown)]))
        .at_end("end", script(&[(10, Level::Healthy)]))
        .after_rollback("after", healthy());
    let report = bench.run(builder);
    assert!(report.held(), "{report}");
    assert_eq!((report.started, report.ended), (at(0), at(10)));
    assert_eq!(bench.log.take(), ["+a", "-a"]);
    assert!(report.checks.iter().all(|check| check.held && check.asked > 0), "{report}");
    assert_eq!(report.faults[0].fired, 1);
    assert_eq!(report.check("throughout").unwrap().asked, 11);
    assert!(report.check("abort").unwrap().asked >= 40);
    assert_eq!(report.check("end").unwrap().at, Some(at(10)));
}

/// Each rule of the table, by itself.
#[test]
fn the_rules_lead_to_their_conclusions() {
    type Case =
        (&'static str, &'static str, fn(&Bench) -> ExperimentBuilder, &'static [&'static str], u64);
    let cases: &[Case] = &[
        (
            "E1",
            "aborted",
            |bench| {
                bench
                    .builder()
                    .abort_if("abort", script(&[(0, Level::Healthy), (3, Level::Unhealthy)]))
            },
            &["+a", "-a"],
            3,
        ),
        (
            "E1 before the method",
            "aborted",
            |bench| bench.builder().abort_if("abort", script(&[(0, Level::Unhealthy)])),
            &[],
            0,
        ),
        (
            "E1 at the very end of the method",
            "aborted",
            |bench| bench.builder().abort_if("abort", script(&[(10, Level::Unhealthy)])),
            &["+a", "-a"],
            10,
        ),
        (
            "E1 after the rollback nothing is left to abort",
            "held",
            |bench| {
                bench
                    .bare()
                    .steady_state(
                        "steady",
                        script(&[
                            (0, Level::Healthy),
                            (10, Level::Unhealthy),
                            (12, Level::Healthy),
                        ]),
                    )
                    .inject_at(SECOND, bench.log.action("a"))
                    .abort_if("abort", script(&[(11, Level::Unhealthy)]))
            },
            &["+a", "-a"],
            12,
        ),
        (
            "E3",
            "failed",
            |bench| {
                let bad = FnAction::new("bad", || async { Err("no".into()) }, || async { Ok(()) });
                bench.builder().inject_at(SECOND * 2, bad)
            },
            &["+a", "-a"],
            2,
        ),
        (
            "E4 a rollback that fails",
            "failed",
            |bench| {
                let bad = FnAction::new("bad", || async { Ok(()) }, || async { Err("no".into()) });
                bench.builder().inject_at(SECOND * 2, bad)
            },
            &["+a", "-a"],
            10,
        ),
        (
            "E4 a rollback that hangs",
            "failed",
            |bench| {
                let bad = FnAction::new("bad", || async { Ok(()) }, core::future::pending);
                bench.builder().inject_at(SECOND * 2, bad).rollback_within(SECOND * 7)
            },
            &["+a", "-a"],
            17,
        ),
        (
            "E4 an injection that never ends",
            "failed",
            |bench| {
                let bad = FnAction::new("bad", core::future::pending, || async { Ok(()) });
                bench.builder().inject_at(SECOND * 2, bad)
            },
            &["+a", "-a"],
            10,
        ),
        (
            "E5",
            "not_steady",
            |bench| bench.builder().steady_state("other", script(&[(0, Level::Degraded)])),
            &[],
            5,
        ),
        (
            "E5 unknown is not healthy",
            "not_steady",
            |bench| bench.builder().steady_state("other", script(&[])),
            &[],
            5,
        ),
        (
            "E5 not all at the same time",
            "not_steady",
            |bench| {
                bench
                    .builder()
                    .steady_state("one", script(&[(0, Level::Healthy), (2, Level::Unhealthy)]))
                    .steady_state("two", script(&[(2, Level::Healthy)]))
            },
            &[],
            5,
        ),
        (
            "E5 the last moment counts",
            "held",
            |bench| bench.builder().steady_state("other", script(&[(5, Level::Healthy)])),
            &["+a", "-a"],
            15,
        ),
        (
            "E6",
            "not_recovered",
            |bench| {
                bench
                    .builder()
                    .steady_state("other", script(&[(0, Level::Healthy), (8, Level::Unhealthy)]))
            },
            &["+a", "-a"],
            15,
        ),
        (
            "E6 before E7",
            "not_recovered",
            |bench| {
                bench
                    .builder()
                    .steady_state("other", script(&[(0, Level::Healthy), (8, Level::Unhealthy)]))
                    .at_end("end", script(&[(0, Level::Unhealthy)]))
            },
            &["+a", "-a"],
            15,
        ),
        (
            "E6 the last moment counts",
            "held",
            |bench| {
                bench.builder().steady_state(
                    "other",
                    script(&[(0, Level::Healthy), (8, Level::Unhealthy), (15, Level::Healthy)]),
                )
            },
            &["+a", "-a"],
            15,
        ),
        (
            "E7 once is enough",
            "refuted",
            |bench| {
                bench.builder().throughout(
                    "throughout",
                    script(&[(0, Level::Healthy), (3, Level::Unhealthy), (4, Level::Healthy)]),
                )
            },
            &["+a", "-a"],
            10,
        ),
        (
            "E7 at the first instant",
            "refuted",
            |bench| {
                bench
                    .builder()
                    .throughout("t", script(&[(0, Level::Unhealthy), (1, Level::Healthy)]))
            },
            &["+a", "-a"],
            10,
        ),
        (
            "E7 at the last instant",
            "refuted",
            |bench| {
                bench
                    .builder()
                    .throughout("t", script(&[(0, Level::Healthy), (10, Level::Unhealthy)]))
            },
            &["+a", "-a"],
            10,
        ),
        (
            "E7 degraded is not what it should be",
            "refuted",
            |bench| {
                bench.builder().at_end("end", script(&[(0, Level::Healthy), (10, Level::Degraded)]))
            },
            &["+a", "-a"],
            10,
        ),
        (
            "E7 after the rollback",
            "refuted",
            |bench| bench.builder().after_rollback("after", script(&[(0, Level::Unhealthy)])),
            &["+a", "-a"],
            10,
        ),
        (
            "E7 without a fault that fired",
            "refuted",
            |bench| {
                let idle = bench.log.action("b").fired_by(|| 0);
                bench
                    .builder()
                    .inject_at(SECOND, idle)
                    .at_end("end", script(&[(0, Level::Unhealthy)]))
            },
            &["+a", "+b", "-b", "-a"],
            10,
        ),
        (
            "E8",
            "not_proven",
            |bench| bench.builder().inject_at(SECOND, bench.log.action("b").fired_by(|| 0)),
            &["+a", "+b", "-b", "-a"],
            10,
        ),
        (
            "E8 too few",
            "not_proven",
            |bench| bench.builder().inject_every(SECOND, 3, bench.log.action("b").at_least(4)),
            &["+b", "+a", "+b", "+b", "-a", "-b"],
            10,
        ),
        (
            "E8 just enough",
            "held",
            |bench| bench.builder().inject_every(SECOND, 3, bench.log.action("b").at_least(3)),
            &["+b", "+a", "+b", "+b", "-a", "-b"],
            10,
        ),
        ("E9", "not_proven", |bench| bench.builder().at_end("end", script(&[])), &["+a", "-a"], 10),
        (
            "E9 after the rollback",
            "not_proven",
            |bench| bench.builder().after_rollback("after", script(&[])),
            &["+a", "-a"],
            10,
        ),
        (
            "E9 throughout",
            "not_proven",
            |bench| {
                bench
                    .builder()
                    .throughout("t", script(&[(0, Level::Degraded), (5, Level::Unknown)]))
            },
            &["+a", "-a"],
            10,
        ),
        (
            "E9 throughout, healthy until something was done",
            "not_proven",
            |bench| {
                bench.builder().throughout("t", script(&[(0, Level::Healthy), (1, Level::Unknown)]))
            },
            &["+a", "-a"],
            10,
        ),
        (
            "E9 evidence from before the first injection",
            "not_proven",
            |bench| bench.builder().at_end("end", dated(0)),
            &["+a", "-a"],
            10,
        ),
        (
            "E9 evidence from before the first injection, throughout",
            "not_proven",
            |bench| bench.builder().throughout("t", dated(0)),
            &["+a", "-a"],
            10,
        ),
        (
            "E10 evidence since the first injection",
            "held",
            |bench| bench.builder().at_end("end", dated(1)).throughout("t", dated(1)),
            &["+a", "-a"],
            10,
        ),
        (
            "E6 evidence from before the rollback",
            "not_recovered",
            |bench| {
                bench.bare().steady_state("s", dated(9)).inject_at(SECOND, bench.log.action("a"))
            },
            &["+a", "-a"],
            15,
        ),
        (
            "E9 evidence from before the rollback",
            "not_proven",
            |bench| bench.builder().after_rollback("after", dated(9)),
            &["+a", "-a"],
            10,
        ),
        (
            "E10 until is not met by evidence from before",
            "held",
            |bench| bench.builder().until("done", dated(0)),
            &["+a", "-a"],
            10,
        ),
        (
            "E10 until",
            "held",
            |bench| bench.builder().until("done", script(&[(0, Level::Healthy)])),
            &["+a", "-a"],
            2,
        ),
        (
            "E10 until never",
            "held",
            |bench| bench.builder().until("done", script(&[(0, Level::Degraded)])),
            &["+a", "-a"],
            10,
        ),
        (
            "E10 an observation",
            "held",
            |bench| bench.bare().steady_state("steady", healthy()).observe(),
            &[],
            10,
        ),
        (
            "E7 an observation",
            "refuted",
            |bench| {
                let signal = script(&[(0, Level::Healthy), (3, Level::Unhealthy)]);
                bench.bare().steady_state("steady", healthy()).observe().throughout("t", signal)
            },
            &[],
            10,
        ),
    ];
    for (rule, conclusion, builder, log, ended) in cases {
        let bench = bench();
        let report = bench.run(builder(&bench));
        assert_eq!(report.conclusion.as_str(), *conclusion, "{rule}: {report}");
        assert_eq!(bench.log.take(), *log, "{rule}");
        assert_eq!(report.ended, at(*ended), "{rule}: {report}");
        assert_eq!(report.held(), *conclusion == "held");
        let left = report.left_behind().count();
        assert_eq!(left, usize::from(rule.starts_with("E4 a rollback")), "{rule}");
        assert_eq!(bench.manual.timers(), 0, "{rule}: nothing is left behind");
    }
}
