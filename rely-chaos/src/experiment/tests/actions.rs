use super::*;

#[test]
fn a_slow_injection_does_not_hold_up_the_abort() {
    let bench = bench();
    let clock = bench.clock.clone();
    let slow = FnAction::new("slow", move || clock.sleep(SECOND * 8).map(Ok), || async { Ok(()) });
    let builder = bench
        .builder()
        .inject_at(SECOND * 2, slow)
        .abort_if("abort", script(&[(4, Level::Unhealthy)]));
    let report = bench.run(builder);
    assert_eq!((report.conclusion.as_str(), report.ended), ("aborted", at(4)));
    assert_eq!(report.left_behind().count(), 0);
}

#[test]
fn an_action_that_takes_longer_than_its_period_follows_itself() {
    let bench = bench();
    let (clock, log) = (bench.clock.clone(), bench.log.clone());
    let slow = FnAction::new(
        "slow",
        move || {
            log.push(format!("{:?}", clock.now()));
            clock.sleep(SECOND * 3).map(Ok)
        },
        || async { Ok(()) },
    );
    let report = bench.run(bench.bare().steady_state("s", healthy()).inject_every(SECOND, 3, slow));
    assert!(report.held(), "{report}");
    assert_eq!(bench.log.take(), ["+0ns", "+3s", "+6s"]);
    assert_eq!(report.faults[0].injected, 3);
}

/// An hour with a caller every 100 ms: in no time, and the same again.
#[test]
fn an_hour_of_spikes_replays_exactly() {
    let play = || {
        let bench = bench();
        let queue = FaultPoint::builder("queue").clock(bench.clock.clone()).build().unwrap();
        let late = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&late);
        let enough = move |now: Instant| {
            let late = seen.load(Ordering::SeqCst);
            let level = if late >= 39 { Level::Healthy } else { Level::Unhealthy };
            Verdict::new(level, now).with_samples(late)
        };
        let spike = Fault::latency(Duration::from_millis(1_200));
        let spike = FaultAction::new(&queue, spike, Duration::from_millis(500)).at_least(39);
        let experiment = bench
            .bare()
            .steady_state("steady", healthy())
            .inject_every(SECOND * 90, 39, spike)
            .lasting(SECOND * 3_600)
            .at_end("calls were late", enough)
            .build()
            .unwrap();
        let callers = async {
            loop {
                let before = bench.clock.now();
                queue.call(async {}, |_| ()).await;
                late.fetch_add(u64::from(bench.clock.now() > before), Ordering::SeqCst);
                bench.clock.sleep(Duration::from_millis(100)).await;
            }
        };
        let both = futures::future::select(Box::pin(experiment.run()), Box::pin(callers));
        match drive(both, &bench.manual) {
            futures::future::Either::Left((report, _)) => report,
            futures::future::Either::Right(((), _)) => unreachable!(),
        }
    };
    let report = play();
    assert!(report.held(), "{report}");
    assert_eq!(report.ended, at(3_600));
    assert_eq!(report.faults[0].injected, 39);
    assert!((39..80).contains(&report.faults[0].fired), "{report}");
    assert_eq!(play(), report);
}

struct Server {
    alive: AtomicBool,
    immortal: bool,
}

#[async_trait]
impl Instance for Server {
    fn name(&self) -> &str {
        "store"
    }

    async fn kill(&self) -> Result<Killed, BoxError> {
        self.alive.fetch_and(self.immortal, Ordering::SeqCst);
        Ok(Killed { listeners: 1, connections: 7, tasks: 2 })
    }

    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::SeqCst)
    }
}

#[test]
fn a_kill_is_proved_and_restarted() {
    let server = |alive, immortal| Arc::new(Server { alive: AtomicBool::new(alive), immortal });
    let run = |server: &Arc<Server>| {
        let bench = bench();
        let instance: Arc<dyn Instance> = server.clone();
        let restart = Arc::clone(server);
        let restarts = bench.log.clone();
        let kill = KillAction::new(instance).restart_with(move || {
            restarts.push("restart");
            restart.alive.store(true, Ordering::SeqCst);
            async { Ok(()) }
        });
        let builder = bench.bare().steady_state("steady", healthy());
        let report = bench.run(builder.inject_at(SECOND, kill));
        (report, bench.log.take().len())
    };
    let living = server(true, false);
    let (report, restarts) = run(&living);
    assert!(report.held() && living.is_alive(), "{report}");
    assert_eq!((report.faults[0].fired, restarts), (1, 1));
    let evidence: Vec<_> = report.faults[0].evidence.iter().map(|e| (&*e.name, e.value)).collect();
    assert_eq!(
        evidence,
        [("killed_listeners", 1.0), ("killed_connections", 7.0), ("killed_tasks", 2.0)]
    );

    let (report, _) = run(&server(false, false));
    assert_eq!(report.conclusion.as_str(), "not_proven", "it was dead already: {report}");

    let (report, restarts) = run(&server(true, true));
    assert_eq!((report.conclusion.as_str(), restarts), ("failed", 0), "{report}");
}

#[test]
fn a_point_that_is_taken_fails_the_experiment() {
    let bench = bench();
    let point = FaultPoint::builder("queue").clock(bench.clock.clone()).build().unwrap();
    let mine = point.arm(Fault::hang(), SECOND * 60).unwrap();
    let fault = FaultAction::new(&point, Fault::error(), SECOND);
    let report = bench.run(bench.builder().inject_at(SECOND, fault));
    let Conclusion::Failed { action, error } = &report.conclusion else { panic!("{report}") };
    assert_eq!(action, "errors at queue");
    assert!(error.contains("armed already"), "{error}");
    assert!(mine.is_live(), "the other's fault is not ours to end");
}

#[test]
fn a_rollback_that_hangs_is_given_up_for_what_needs_no_waiting() {
    let bench = bench();
    let log = bench.log.clone();
    let hangs = FnAction::new("b", || async { Ok(()) }, core::future::pending)
        .on_abandon(move || log.push("!b"));
    let report = bench.run(bench.builder().inject_at(SECOND * 2, hangs));
    assert_eq!(bench.log.take(), ["+a", "!b", "-a"]);
    let left: Vec<_> = report.left_behind().map(|proof| proof.action.as_str()).collect();
    assert_eq!(left, ["b"]);
}

#[test]
fn a_second_run_has_the_evidence_of_its_own() {
    let bench = bench();
    let server = Arc::new(Server { alive: AtomicBool::new(true), immortal: false });
    let restart = Arc::clone(&server);
    let kill = KillAction::new(Arc::clone(&server)).restart_with(move || {
        restart.alive.store(true, Ordering::SeqCst);
        async { Ok(()) }
    });
    let builder = bench.bare().steady_state("steady", healthy()).inject_at(SECOND, kill);
    let experiment = builder.build().unwrap();
    for _ in 0..2 {
        let report = drive(experiment.run(), &bench.manual);
        let evidence: Vec<_> = report.faults[0].evidence.iter().map(|e| e.value).collect();
        assert_eq!((report.faults[0].fired, &evidence[..]), (1, &[1.0, 7.0, 2.0][..]));
    }
}

#[test]
fn a_restart_that_leaves_it_dead_has_failed() {
    let bench = bench();
    let server = Arc::new(Server { alive: AtomicBool::new(true), immortal: false });
    let kill = KillAction::new(server).restart_with(|| async { Ok(()) });
    let report = bench.run(bench.bare().steady_state("steady", healthy()).inject_at(SECOND, kill));
    assert_eq!(report.conclusion.as_str(), "failed", "{report}");
    assert_eq!(report.left_behind().count(), 1);
}

/// Alive, and nothing to end.
struct Shell(AtomicBool);

#[async_trait]
impl Instance for Shell {
    fn name(&self) -> &str {
        "shell"
    }

    async fn kill(&self) -> Result<Killed, BoxError> {
        self.0.store(false, Ordering::SeqCst);
        Ok(Killed::default())
    }

    fn is_alive(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_kill_that_ended_nothing_proves_nothing() {
    let bench = bench();
    let kill = KillAction::new(Shell(AtomicBool::new(true)));
    let report = bench.run(bench.bare().steady_state("steady", healthy()).inject_at(SECOND, kill));
    assert_eq!(report.conclusion.as_str(), "not_proven", "{report}");
}

#[test]
fn a_rollback_that_fails_is_made_up_for_by_what_needs_no_waiting() {
    let bench = bench();
    let log = bench.log.clone();
    let fails = FnAction::new("b", || async { Ok(()) }, || async { Err("no".into()) })
        .on_abandon(move || log.push("!b"));
    let report = bench.run(bench.builder().inject_at(SECOND * 2, fails));
    assert_eq!(bench.log.take(), ["+a", "!b", "-a"]);
    assert_eq!(report.conclusion.as_str(), "failed");
}

/// A deadline that is met exactly is met.
#[test]
fn what_ends_with_its_time_is_in_time() {
    let bench = bench();
    let (there, back) = (bench.clock.clone(), bench.clock.clone());
    let slow = FnAction::new(
        "slow",
        move || there.sleep(SECOND * 9).map(Ok),
        move || back.sleep(SECOND * 30).map(Ok),
    );
    let report = bench.run(bench.bare().steady_state("s", healthy()).inject_at(SECOND, slow));
    assert!(report.held(), "{report}");
    assert_eq!(report.ended, at(40));
}

/// A signal that takes longer than the time between two questions.
#[test]
fn slow_signals_starve_neither_injections_nor_the_executor() {
    let bench = bench();
    let manual = bench.manual.clone();
    let slow = move |now: Instant| {
        manual.advance(SECOND / 2);
        Verdict::new(Level::Healthy, now)
    };
    let log = bench.log.clone();
    let action = FnAction::new(
        "a",
        move || {
            log.push("+a");
            async { Ok(()) }
        },
        || async { Ok(()) },
    );
    let experiment = bench
        .bare()
        .steady_state("steady", healthy())
        .abort_if("slow", slow)
        .inject_at(SECOND, action)
        .lasting(SECOND * 100)
        .build()
        .unwrap();
    let mut run = tokio_test::task::spawn(Box::pin(experiment.run()));
    assert!(run.poll().is_pending());
    assert!(run.is_woken() && bench.clock.now() < at(30), "it gives way");
    assert_eq!(bench.log.take(), ["+a"]);
    assert!(futures::executor::block_on(run.into_inner()).held());
}
