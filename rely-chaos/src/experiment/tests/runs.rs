use super::*;

#[test]
fn a_stop_rolls_back_and_the_kill_switch_does_the_same() {
    for by_switch in [false, true] {
        let bench = bench();
        let switch = KillSwitch::new();
        let experiment = bench.builder().kill_switch(&switch).build().unwrap();
        assert!(!experiment.stop("too early"));
        let mut run = tokio_test::task::spawn(Box::pin(experiment.run()));
        for _ in 0..9 {
            assert!(run.poll().is_pending());
            bench.manual.advance_to_next_timer();
        }
        assert_eq!(experiment.status().phase, Phase::Running);
        if by_switch {
            switch.engage();
        } else {
            assert!(experiment.stop("enough"));
        }
        assert!(run.is_woken());
        let report = drive(run.into_inner(), &bench.manual);
        let why = if by_switch { "the kill switch is engaged" } else { "enough" };
        assert_eq!(report.conclusion, Conclusion::Stopped { why: why.to_owned() });
        assert_eq!(bench.log.take(), ["+a", "-a"]);
        assert!(report.ended < at(10));
        let status = experiment.status();
        assert_eq!((status.phase, status.running), (Phase::Idle, false));
        assert_eq!(status.last, Some(report.conclusion));

        let again = drive(experiment.run(), &bench.manual);
        assert_eq!(again.held(), !by_switch, "a switch that stays engaged stops the next run too");
    }
}

#[test]
fn a_second_stop_does_not_wait_for_the_recovery() {
    let bench = bench();
    let signal = ManualSignal::new(Verdict::new(Level::Healthy, at(0)));
    let experiment = bench
        .bare()
        .steady_state("steady", signal.clone())
        .inject_at(Duration::ZERO, bench.log.action("a"))
        .build()
        .unwrap();
    let mut run = pin!(experiment.run());
    assert!(run.as_mut().now_or_never().is_none());
    signal.set(Verdict::new(Level::Unhealthy, at(0)));
    assert!(experiment.stop("first"));
    assert!(run.as_mut().now_or_never().is_none());
    assert_eq!(experiment.status().phase, Phase::Recovering);
    assert!(experiment.stop("second"));
    let report = run.now_or_never().unwrap();
    assert_eq!(report.conclusion, Conclusion::Stopped { why: "first".to_owned() });
}

#[test]
fn a_run_that_is_dropped_takes_back_what_it_can() {
    let bench = bench();
    let point = FaultPoint::builder("queue").clock(bench.clock.clone()).build().unwrap();
    let fault = FaultAction::new(&point, Fault::error(), SECOND * 60);
    let experiment = bench
        .builder()
        .inject_at(SECOND, fault)
        .inject_at(SECOND * 2, bench.log.action("b"))
        .build()
        .unwrap();
    let mut events = experiment.subscribe(NonZeroUsize::new(1_000).unwrap());
    let mut run = Box::pin(experiment.run());
    while bench.clock.now() < at(4) {
        assert!(run.as_mut().now_or_never().is_none());
        bench.manual.advance_to_next_timer();
    }
    assert!(point.is_armed());
    drop(run);
    assert!(!point.is_armed());
    assert_eq!(bench.log.take(), ["+a", "+b", "!b", "!a"]);
    assert_eq!(
        experiment.status(),
        ExperimentStatus { phase: Phase::Idle, running: false, last: None }
    );
    let mut last = None;
    while let Some(Delivery::Event(event)) = events.try_next() {
        last = Some(event);
    }
    assert_eq!(last.unwrap().what, What::Abandoned);
    drop(experiment.run());
    assert!(drive(experiment.run(), &bench.manual).conclusion.as_str() == "not_proven");
}

#[test]
fn one_run_at_a_time() {
    let bench = bench();
    let experiment = bench.builder().build().unwrap();
    let mut first = Box::pin(experiment.run());
    assert!(first.as_mut().now_or_never().is_none());
    let second = experiment.run().now_or_never().expect("refused at once");
    assert_eq!(second.conclusion.as_str(), "failed");
    assert!(drive(first, &bench.manual).held());
    assert_eq!(bench.log.take(), ["+a", "-a"]);
    assert!(drive(experiment.run(), &bench.manual).held(), "and again, with counts of its own");
}

#[test]
fn what_cannot_work_is_refused() {
    let bench = bench();
    let point = FaultPoint::builder("queue").build().unwrap();
    let refused = |builder: ExperimentBuilder| -> ConfigError { builder.build().unwrap_err() };
    let steady = || bench.bare().steady_state("steady", healthy());
    let action = || bench.log.action("a");
    let fault = |fault| FaultAction::new(&point, fault, SECOND);
    let table = [
        (Experiment::builder(""), "name"),
        (steady().at_end("", healthy()), "checks.name"),
        (bench.bare().inject_at(SECOND, action()), "steady_state"),
        (steady(), "actions"),
        (steady().observe().inject_at(SECOND, action()), "actions"),
        (bench.builder().lasting(Duration::ZERO), "lasting"),
        (bench.builder().interval(Duration::ZERO), "interval"),
        (bench.builder().rollback_within(Duration::ZERO), "rollback_within"),
        (steady().inject_at(SECOND * 10, action()), "actions.a.offset"),
        (steady().inject_every(SECOND, 11, action()), "actions.a.offset"),
        (steady().inject_every(Duration::MAX, 3, action()), "actions.a.offset"),
        (steady().inject_every(SECOND, 0, action()), "inject_every.times"),
        (steady().inject_every(SECOND, u32::MAX, action()), "inject_every.times"),
        (steady().inject_every(Duration::ZERO, 2, action()), "inject_every.period"),
        (
            steady().inject_at(SECOND, fault(Fault::latency(Duration::ZERO)).named("f")),
            "actions.f.fault.effect.latency.delay",
        ),
        (steady().inject_at(SECOND, fault(Fault::outage()).named("f")), "actions.f.fault.effect"),
    ];
    for (builder, field) in table {
        assert_eq!(refused(builder).field(), field);
    }
    assert!(steady().inject_every(SECOND, 10, action()).build().is_ok());
}

#[test]
fn subscribers_hear_what_the_journal_says() {
    let bench = bench();
    let experiment = bench.builder().build().unwrap();
    let mut events = experiment.subscribe(NonZeroUsize::new(1_000).unwrap());
    let report = drive(experiment.run(), &bench.manual);
    let mut heard = Vec::new();
    while let Some(Delivery::Event(event)) = events.try_next() {
        heard.push((*event).clone());
    }
    assert_eq!(heard, report.journal);
    assert!(heard.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert_eq!(heard.last().unwrap().what, What::Concluded(Conclusion::Held));
}

#[cfg(feature = "serde")]
#[test]
fn a_report_is_written_and_read() {
    let bench = bench();
    let report = bench.run(bench.builder().at_end("end", script(&[(0, Level::Degraded)])));
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<ExperimentReport>(&text).unwrap(), report);
    assert!(
        text.contains(r#""conclusion":{"refuted":{"check":"end","reason":"scripted"}}"#),
        "{text}"
    );
}

#[test]
fn a_run_may_be_spawned() {
    fn assert_send<T: Send + 'static>(_: &T) {}
    let experiment = bench().builder().build().unwrap();
    assert_send(&experiment.run());
    assert_send(&experiment);
}

#[test]
fn signals_that_flap_do_not_fill_the_memory() {
    let bench = bench();
    let flaps = |now: Instant| {
        let even = now.as_nanos() / 1_000_000_000 % 2 == 0;
        Verdict::new(if even { Level::Healthy } else { Level::Degraded }, now)
    };
    let report = bench.run(bench.builder().lasting(SECOND * 20_000).throughout("flaps", flaps));
    assert!(report.held() && report.lost > 9_000, "{}", report.lost);
    assert!(report.journal.len() < 10_010);
    assert_eq!(report.journal.last().unwrap().what, What::Concluded(Conclusion::Held));
}
