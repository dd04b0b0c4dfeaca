//! The user's code panics, wherever it may.

use super::*;

fn panics(second: u64) -> impl Signal + 'static {
    move |now: Instant| {
        assert!(now < at(second), "boom");
        Verdict::new(Level::Healthy, now)
    }
}

fn assert_failed(report: &ExperimentReport, what: &str) {
    let Conclusion::Failed { action, error } = &report.conclusion else { panic!("{report}") };
    assert_eq!((action.as_str(), error.as_str()), (what, "panicked: boom"));
}

#[test]
fn a_signal_that_panics_ends_the_run_after_its_rollback() {
    type Ask = fn(ExperimentBuilder) -> ExperimentBuilder;
    let cases: [(Ask, u64); 7] = [
        (|builder| builder.steady_state("s", panics(0)), 0),
        (|builder| builder.abort_if("s", panics(3)), 3),
        (|builder| builder.throughout("s", panics(3)), 3),
        (|builder| builder.until("s", panics(1)), 1),
        (|builder| builder.at_end("s", panics(10)), 10),
        (|builder| builder.steady_state("s", panics(10)), 10),
        (|builder| builder.after_rollback("s", panics(10)), 10),
    ];
    for (ask, ended) in cases {
        let bench = bench();
        let report =
            bench.run(ask(bench.builder().inject_at(Duration::ZERO, bench.log.action("b"))));
        assert_failed(&report, "s");
        assert_eq!(report.ended, at(ended));
        assert_eq!(report.left_behind().count(), 0);
        let log = bench.log.take();
        let (there, back): (Vec<_>, Vec<_>) = log.iter().partition(|deed| deed.starts_with('+'));
        assert_eq!(there.len(), back.len(), "{log:?}");
    }
}

#[test]
fn an_action_that_panics_fails_like_any_other() {
    async fn boom() -> Result<(), BoxError> {
        panic!("boom")
    }
    let idle = || async { Ok(()) };
    let cases = [
        (FnAction::new("b", boom, idle), 0),
        (FnAction::new("b", || -> core::future::Ready<_> { panic!("boom") }, idle), 0),
        (FnAction::new("b", idle, boom), 1),
        (FnAction::new("b", idle, idle).fired_by(|| panic!("boom")), 0),
    ];
    for (action, left) in cases {
        let bench = bench();
        let report = bench.run(bench.builder().inject_at(SECOND * 2, action));
        assert_failed(&report, "b");
        assert_eq!(bench.log.take(), ["+a", "-a"]);
        assert_eq!(report.left_behind().count(), left);
    }
}

#[test]
fn a_drop_takes_everything_back_though_one_panics_at_it() {
    let bench = bench();
    let bad = FnAction::new("bad", || async { Ok(()) }, || async { Ok(()) })
        .on_abandon(|| panic!("boom"));
    let experiment = bench.builder().inject_at(SECOND, bad).build().unwrap();
    let mut run = Box::pin(experiment.run());
    while bench.clock.now() < at(4) {
        assert!(run.as_mut().now_or_never().is_none());
        bench.manual.advance_to_next_timer();
    }
    drop(run);
    assert_eq!(bench.log.take(), ["+a", "!a"]);
    assert!(!experiment.status().running);
    assert!(drive(experiment.run(), &bench.manual).held(), "and it can be run again");
}
