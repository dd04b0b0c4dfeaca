use core::time::Duration;

use proptest::prelude::*;
use rely_core::{Instant, Level};

use super::*;

fn at(second: u64) -> Instant {
    Instant::from_nanos(second * 1_000_000_000)
}

fn template(line: &str) -> String {
    let mut miner = Miner::builder("test").build().unwrap();
    let id = miner.observe(at(0), line).template;
    miner.template(id).unwrap().text()
}

#[test]
fn the_end_of_time_and_the_longest_step_are_no_harm() {
    for step in [Duration::from_secs(1), Duration::MAX] {
        let miner = Miner::builder("test").build().unwrap();
        let second = Duration::from_secs(1);
        let judge = crate::Seasonal::builder("any").without_season(second).build().unwrap();
        let watch = LogWatch::builder(miner).step(step).detectors(judge.clone(), judge);
        let mut watch = watch.build().unwrap();
        watch.observe(Instant::from_nanos(u64::MAX - 1_500_000_000), "up");
        watch.observe(Instant::MAX, "up");
        watch.tick(Instant::MAX);
        assert_eq!(watch.verdict().level, Level::Unknown);
    }
}

#[test]
fn a_watch_goes_on_on_another_clock() {
    let watch = |snapshot: Option<LogWatchSnapshot<_>>, miner: Miner| {
        let builder = LogWatch::builder(miner).step(Duration::from_secs(10));
        match snapshot {
            Some(snapshot) => {
                let rate = |kept| {
                    crate::Seasonal::builder("rate")
                        .without_season(Duration::from_secs(10))
                        .restore(kept)
                };
                builder.restore(snapshot, rate).unwrap()
            }
            None => builder.build().unwrap(),
        }
    };
    let mut first = watch(None, Miner::builder("test").build().unwrap());
    for second in 1_000..1_303 {
        first.observe(at(second), "up");
    }
    let (from, to) = (at(1_302), at(502));
    let kept = first.snapshot(crate::Seasonal::snapshot);
    let kept = kept.rebase(from, to, |detector| detector.rebase(from, to));
    let miner = Miner::builder("test").restore(first.miner().snapshot().rebase(from, to)).unwrap();
    let mut second = watch(Some(kept), miner);
    // The step that was begun ends when it would have, and one event is told at the same moment.
    let vanished = |watch: &mut LogWatch, now: u64, by: u64| {
        (now..now + 2_000)
            .find(|second| {
                watch.tick(at(*second));
                core::iter::from_fn(|| watch.next_event())
                    .any(|event| matches!(event, LogEvent::Vanished { .. }))
            })
            .map(|second| second - by)
    };
    let expected = vanished(&mut first, 1_303, 800);
    assert!(expected.is_some());
    assert_eq!(vanished(&mut second, 503, 0), expected);
}

#[test]
fn what_varies_by_its_form_is_masked() {
    let cases = [
        ("took 12 of 0x1F with -3.5 left", "took <num> of <num> with <num> left"),
        ("1,234 rows", "<num> rows"),
        ("in 12ms and 1.5 s", "in <duration> and <duration>"),
        ("wrote 18846 bytes (18.4 KB) at 3 MiB/s", "wrote <size> at <size>"),
        ("from 10.0.0.1 to 10.0.0.2:80", "from <addr> to <addr>"),
        ("from fe80::1ff:fe23:4567:890a port 22", "from <addr> port <num>"),
        ("mac 52:54:00:12:34:56", "mac <addr>"),
        ("db.example.com:5432 gone", "<addr> gone"),
        ("id 123e4567-e89b-12d3-a456-426614174000 done", "id <id> done"),
        ("commit 9fceb02d0ae598e9 built", "commit <id> built"),
        ("open /var/log/a.log failed", "open <path> failed"),
        ("GET https://example.com/a?b=c now", "GET <path> now"),
        (r"in C:\Windows\a.dll", "in <path>"),
        ("name \"a b c\" taken", "name <text> taken"),
        ("name 'a b c' can't", "name <text> can't"),
        ("user=bob uid=17", "user=bob uid=<num>"),
        ("eth0 on node-17", "eth<num> on node-<num>"),
        ("at 2024-03-01 12:00:00.123 sharp", "at <time> sharp"),
        ("2024-03-01T12:00:00.123Z up", "<time> up"),
        ("Mar  1 12:00:00 host up", "<time> host up"),
        ("[Sun Dec 04 04:47:44 2005] [error] down", "<time> [error] down"),
        ("[1, 2, 3]", "[<num>]"),
        ("(Foo.java:12)", "(Foo.java:<num>)"),
        (
            "{\"level\":\"info\",\"msg\":\"all well\",\"who\":\"bob\"}",
            "{\"level\":\"info\",\"msg\":\"all well\",\"who\":<text>}",
        ),
        ("", ""),
        ("   ", ""),
        ("plain words only", "plain words only"),
    ];
    let wrong = cases.map(|(line, expected)| (line, template(line), expected));
    let wrong: Vec<_> = wrong.iter().filter(|(_, found, expected)| found != expected).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn levels_are_read_where_they_are_meant() {
    let cases = [
        ("ERROR disk full", Some(Severity::Error)),
        ("2024-03-01 12:00:00 [main] WARN low", Some(Severity::Warn)),
        ("level=debug msg=\"x\"", Some(Severity::Debug)),
        ("{\"level\":\"fatal\",\"msg\":\"x\"}", Some(Severity::Error)),
        ("<notice> x", Some(Severity::Info)),
        ("an error in the text", None),
        ("all well", None),
    ];
    for (line, severity) in cases {
        let mut miner = Miner::builder("test").build().unwrap();
        assert_eq!(miner.observe(at(0), line).severity, severity, "{line}");
    }
}

#[test]
fn words_vary_when_enough_lines_say_so_and_the_oldest_id_stays() {
    let mut miner = Miner::builder("test").variants(4).build().unwrap();
    let mut see = |who: &str| miner.observe(at(1), &format!("session opened for user {who}"));
    let (a, b, c) = (see("a"), see("b"), see("c"));
    assert!(a.is_new() && b.is_new() && c.is_new());
    let d = see("d");
    assert_eq!(d.change, Change::Generalised { merged: 2 });
    assert_eq!(d.template, a.template);
    assert_eq!(see("e").change, Change::None);
    for line in [a, b, c, d] {
        assert_eq!(miner.resolve(line.template), a.template);
        assert_eq!(miner.template(line.template).unwrap().text(), "session opened for user <*>");
    }
    let view = miner.template(a.template).unwrap();
    assert_eq!((view.count(), view.example().as_ref()), (5, "session opened for user a"));
    assert_eq!((view.first_seen(), view.share()), (at(1), 1.0));
    // Another word is another template, however alike.
    assert!(miner.observe(at(2), "session closed for user a").is_new());
}

#[test]
fn a_remembered_line_goes_to_the_oldest_that_covers_it_now() {
    let mut miner = Miner::builder("test").variants(3).build().unwrap();
    let mut see = |line: &str| miner.observe(at(0), line).template;
    let oldest = see("a b c d x");
    let younger = ["f g c d e", "h i c d e", "j k c d e"].map(&mut see)[2];
    assert_eq!(see("a b c d e"), younger);
    for line in ["a b c d y", "a b c d z"] {
        see(line);
    }
    assert_eq!(see("a b c d e"), oldest);
}

#[test]
fn the_template_that_rested_longest_gives_way() {
    let mut miner = Miner::builder("test").max_templates(16).build().unwrap();
    let words = |n: usize| ["a ", "b( ", "c[ ", "d{ "][n % 4].repeat(1 + n / 4) + "x";
    let first = miner.observe(at(0), &words(0)).template;
    let second = miner.observe(at(0), &words(1)).template;
    for (n, second) in (2..40).zip(2..) {
        miner.observe(at(second), &words(0));
        assert!(miner.observe(at(second), &words(n)).is_new());
    }
    assert!(miner.template(first).is_some());
    assert!(miner.template(second).is_none());
    assert_eq!(miner.templates().count(), 16);
    let again = miner.observe(at(50), &words(1));
    assert!(again.is_new() && again.template != second);
}

#[test]
fn new_templates_are_as_rare_as_they_were_of_late() {
    let mut miner = Miner::builder("test").memory(Duration::from_secs(1000)).build().unwrap();
    assert!(miner.observe(at(0), "first").novelty > 0.4);
    for n in 0..2000 {
        miner.observe(at(n / 2), "first");
    }
    let (rare, again) =
        (miner.observe(at(1000), "second (2)"), miner.observe(at(1000), "third {3}"));
    assert!(rare.novelty < 0.001, "{}", rare.novelty);
    assert!(again.novelty > rare.novelty);
    // A template that comes again is no longer one that was seen once.
    miner.observe(at(1000), "second (2)");
    miner.observe(at(1000), "third {3}");
    assert!(miner.observe(at(1000), "first").novelty <= rare.novelty * 1.01);
    // Old lines fade.
    assert!(miner.observe(at(20_000), "first").novelty < 0.001);
    assert!(miner.observe(at(20_000), "first").novelty > 0.1);
}

fn watch(variants: u32) -> LogWatch {
    let miner = Miner::builder("test").variants(variants).build().unwrap();
    LogWatch::builder(miner).step(Duration::from_secs(10)).build().unwrap()
}

fn events<D: crate::Detector + Clone>(watch: &mut LogWatch<D>) -> Vec<LogEvent> {
    core::iter::from_fn(|| watch.next_event()).collect()
}

/// A log in its ordinary course: in each second a few lines of three templates.
fn ordinary(watch: &mut LogWatch, seconds: core::ops::Range<u64>, without: Option<&str>) {
    for second in seconds {
        let beat = format!("INFO heartbeat {second} ok");
        let wave = 5 + second * 7 % 3;
        let orders = (0..wave).map(|n| format!("INFO order {n} took {} ms", second % 50));
        for line in orders.chain([beat]) {
            if without.is_none_or(|word| !line.contains(word)) {
                watch.observe(at(second), &line);
            }
        }
    }
}

#[test]
fn an_ordinary_log_tells_nothing_but_its_beginning() {
    let mut watch = watch(5);
    ordinary(&mut watch, 0..4000, None);
    assert_eq!(events(&mut watch), []);
    assert_eq!(watch.verdict().level, Level::Healthy);
}

#[test]
fn a_new_error_is_told_and_a_flood_of_them_is_summed_up() {
    let mut watch = watch(64);
    ordinary(&mut watch, 0..2000, None);
    let words = ["ash", "bay", "cod", "dew", "elm", "fig", "gem", "hay", "ivy", "jam"];
    let lines = (0..400)
        .map(|n| format!("ERROR {} {} {}", words[n % 10], words[n / 10 % 10], words[n / 100]));
    for line in lines {
        watch.observe(at(2001), &line);
    }
    assert_eq!(watch.verdict().level, Level::Degraded);
    ordinary(&mut watch, 2010..2030, None);
    let events = events(&mut watch);
    let new = events.iter().filter(|event| matches!(event, LogEvent::New { .. })).count();
    assert!((1..=10).contains(&new), "{new} of {events:?}");
    let LogEvent::New { text, severity, p_value, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!((text.as_str(), *severity), ("ERROR ash ash ash", Some(Severity::Error)));
    assert!(*p_value <= 0.001);
}

#[test]
fn a_regular_template_is_missed_and_comes_back() {
    let mut watch = watch(5);
    ordinary(&mut watch, 0..4000, None);
    ordinary(&mut watch, 4000..4500, Some("heartbeat"));
    let missed = events(&mut watch);
    let vanished = missed.iter().filter_map(|event| match event {
        LogEvent::Vanished { template, last_seen, p_value, .. } => {
            Some((*template, *last_seen, *p_value))
        }
        _ => None,
    });
    let vanished: Vec<_> = vanished.collect();
    let [(template, last_seen, p_value)] = vanished.as_slice() else { panic!("{missed:?}") };
    assert_eq!(watch.miner().template(*template).unwrap().text(), "INFO heartbeat <num> ok");
    assert_eq!(*last_seen, at(3999));
    assert!(*p_value < 0.001);
    assert_eq!(watch.verdict().level, Level::Degraded);
    ordinary(&mut watch, 4500..4600, None);
    let back = events(&mut watch);
    assert!(back.iter().any(|event| matches!(event, LogEvent::Returned { .. })), "{back:?}");
}

#[test]
fn silence_is_an_absence_but_not_being_asked_is_none() {
    for (step, missed) in [(10, true), (100_000, false)] {
        let mut watch = watch(5);
        ordinary(&mut watch, 0..4000, None);
        for now in (4000..=104_000).step_by(step) {
            watch.tick(at(now));
        }
        let vanished =
            events(&mut watch).iter().any(|event| matches!(event, LogEvent::Vanished { .. }));
        assert_eq!(vanished, missed, "each {step} s");
    }
}

#[test]
fn a_rate_far_above_the_usual_is_an_alarm() {
    let mut watch = watch(5);
    ordinary(&mut watch, 0..4000, None);
    for second in 4000..4200 {
        ordinary(&mut watch, second..second + 1, None);
        for n in 0..60 {
            watch.observe(at(second), &format!("INFO order {n} took 3 ms"));
        }
    }
    let told = events(&mut watch);
    let rate = told.iter().any(|event| match event {
        LogEvent::Rate { reading, .. } => {
            reading.level == Level::Unhealthy && reading.sample.value > 500.0
        }
        _ => false,
    });
    assert!(rate, "{told:?}");
}

#[test]
fn more_errors_than_usual_are_an_alarm() {
    let mut watch = watch(5);
    for second in 0..6000 {
        ordinary(&mut watch, second..second + 1, None);
        let errors = if second >= 4000 || second % 10 == 3 { 5 } else { 0 };
        for n in 0..errors {
            watch.observe(at(second), &format!("ERROR order {n} failed"));
        }
        if second == 3999 {
            let before = events(&mut watch);
            assert!(
                !before.iter().any(|event| matches!(event, LogEvent::Errors { .. })),
                "{before:?}"
            );
        }
        if second == 4200 {
            assert_eq!(watch.verdict().level, Level::Unhealthy);
        }
    }
    let told = events(&mut watch);
    assert!(told.iter().any(|event| matches!(event, LogEvent::Errors { .. })), "{told:?}");
}

#[test]
fn events_that_are_not_fetched_give_way() {
    let miner = Miner::builder("test").build().unwrap();
    let mut watch = LogWatch::builder(miner).max_events(2).alpha(0.03).build().unwrap();
    ordinary_lines(&mut watch);
    assert_eq!((watch.events.len(), watch.lost_events()), (2, 3));
}

fn ordinary_lines(watch: &mut LogWatch) {
    for n in 0..1000 {
        watch.observe(at(n), "INFO all well");
    }
    for n in 1..=5 {
        watch.observe(at(1000), &"x(".repeat(n));
        watch.observe(at(1000), &"x(".repeat(n));
    }
}

#[test]
fn fields_out_of_range_are_named() {
    let miner = || Miner::builder("test");
    let cases = [
        ("similarity", miner().similarity(0.0).build().err()),
        ("similarity", miner().similarity(f64::NAN).build().err()),
        ("variants", miner().variants(1).build().err()),
        ("max_templates", miner().max_templates(0).build().err()),
        ("max_siblings", miner().max_siblings(0).build().err()),
        ("max_tokens", miner().max_tokens(129).build().err()),
        ("max_line_bytes", miner().max_line_bytes(1).build().err()),
        ("max_template_bytes", miner().max_template_bytes(1).build().err()),
        ("memory", miner().memory(Duration::ZERO).build().err()),
    ];
    for (field, error) in cases {
        assert_eq!(error.unwrap().field(), field);
    }
    let watch = || LogWatch::builder(miner().build().unwrap());
    let cases = [
        ("step", watch().step(Duration::ZERO).build().err()),
        ("alpha", watch().alpha(0.5).build().err()),
        ("max_new", watch().max_new(0).build().err()),
        ("regular_after", watch().regular_after(0).build().err()),
        ("max_events", watch().max_events(0).build().err()),
    ];
    for (field, error) in cases {
        assert_eq!(error.unwrap().field(), field);
    }
}

#[cfg(feature = "serde")]
#[test]
fn configurations_are_read_and_unknown_fields_refused() {
    let read = serde_json::from_str::<MinerConfig>;
    let expected =
        MinerConfig { variants: 3, memory: Duration::from_secs(3600), ..MinerConfig::default() };
    assert_eq!(read(r#"{ "variants": 3, "memory": "1h" }"#).unwrap(), expected);
    assert!(read(r#"{ "variant": 3 }"#).is_err());
    let read = serde_json::from_str::<LogWatchConfig>;
    let expected = LogWatchConfig { step: Duration::from_secs(10), ..LogWatchConfig::default() };
    assert_eq!(read(r#"{ "step": "10s" }"#).unwrap(), expected);
    assert!(read(r#"{ "steps": "10s" }"#).is_err());
}

#[test]
fn snapshots_that_do_not_fit_are_refused() {
    let mut miner = Miner::builder("test").build().unwrap();
    for (n, second) in (0..20).zip(0..) {
        miner.observe(at(second), &"x(".repeat(n));
    }
    let snapshot = miner.snapshot();
    let smaller = Miner::builder("test").max_templates(16).restore(snapshot.clone()).unwrap();
    assert_eq!(smaller.templates().count(), 16);
    assert!(smaller.templates().all(|view| view.last_seen() >= at(4)));
    let moved = snapshot.clone().rebase(at(0), at(100));
    let moved = Miner::builder("test").restore(moved).unwrap();
    assert!(moved.templates().all(|view| view.last_seen() >= at(100)));
    #[cfg(feature = "serde")]
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("\"next\":20", "\"next\":3"),
        ("\"lines\":20", "\"lines\":3"),
        ("\"end\":1,", "\"end\":900,"),
        ("\"once\":", "\"once\":-"),
    ] {
        let text = serde_json::to_string(&snapshot).unwrap();
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        let bad: MinerSnapshot = serde_json::from_str(&bad).unwrap();
        assert!(Miner::builder("test").restore(bad).is_err(), "{from}");
    }
}

/// Lines of a few words, so that templates meet, grow and give way.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        8 => proptest::sample::select(vec!["up", "down", "user", "ERROR", "a", "b", "c", "d", "e"]),
        2 => proptest::sample::select(vec!["17", "eth0", "10.0.0.1", "(x)", "k=v", "\"q\"", "/a/b"]),
    ];
    proptest::collection::vec(proptest::collection::vec(word, 0..6), 0..200)
        .prop_map(|lines| lines.into_iter().map(|words| words.join(" ")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_restored_one_goes_on_as_if_nothing_had_been(lines in lines(), cut in 0_usize..200) {
        let build = || Miner::builder("test").variants(3).max_templates(20).max_siblings(8);
        let mut whole = LogWatch::builder(build().build().unwrap()).regular_after(2).build().unwrap();
        let mut parts = whole.clone();
        for (n, line) in lines.iter().enumerate() {
            if n == cut {
                let (miner, watch) = (parts.miner().snapshot(), parts.snapshot(crate::Seasonal::snapshot));
                #[cfg(feature = "serde")]
                let miner = serde_json::from_str(&serde_json::to_string(&miner).unwrap()).unwrap();
                #[cfg(feature = "serde")]
                let watch: LogWatchSnapshot<_> =
                    serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
                let miner = build().restore(miner).unwrap();
                let step = Duration::from_secs(60);
                let detector = |snapshot| {
                    crate::Seasonal::builder("rate").without_season(step).restore(snapshot)
                };
                parts = LogWatch::builder(miner).regular_after(2).restore(watch, detector).unwrap();
                (0..).map_while(|_| whole.next_event()).for_each(drop);
            }
            let at = at(n as u64 * 13);
            prop_assert_eq!(whole.observe(at, line), parts.observe(at, line));
        }
        prop_assert_eq!(whole.miner().snapshot(), parts.miner().snapshot());
        let tracks = |watch: &LogWatch| watch.snapshot(|_| ());
        prop_assert_eq!(tracks(&whole), tracks(&parts));
        prop_assert!(whole.miner().templates().count() <= 20);
    }

    #[test]
    fn the_memory_of_known_lines_changes_nothing(lines in lines()) {
        let build = || Miner::builder("test").variants(3).max_templates(20).build().unwrap();
        let (mut miner, mut forgetful) = (build(), build());
        for (n, line) in lines.iter().enumerate() {
            forgetful = Miner::builder("test").variants(3).max_templates(20)
                .restore(forgetful.snapshot()).unwrap();
            let at = at(n as u64);
            prop_assert_eq!(miner.observe(at, line), forgetful.observe(at, line));
        }
    }

    #[test]
    fn no_bytes_are_too_strange(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..30)) {
        let mut miner = Miner::builder("test").max_tokens(16).build().unwrap();
        for line in &lines {
            let seen = miner.observe_bytes(at(0), line);
            prop_assert!(miner.template(seen.template).is_some());
            prop_assert_eq!(miner.observe_bytes(at(0), line).template, miner.resolve(seen.template));
        }
        let text: Vec<String> = miner.templates().map(|view| view.text()).collect();
        prop_assert!(text.len() <= lines.len());
        prop_assert!(miner.bytes() <= miner.max_bytes());
    }
}
