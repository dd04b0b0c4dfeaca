use core::time::Duration;

use futures::FutureExt;
use proptest::prelude::*;
use rely_core::{Clock, Level, ManualClock, Meter, Outcome, Point, Ratio, RejectedBy, Signal};

use super::*;
use crate::share::Counts;

const SECOND: Duration = Duration::from_secs(1);

fn percent(percent: f64) -> Ratio {
    Ratio::percent(percent).unwrap()
}

fn rules(windows: &[BurnWindow], minimum_bad: u32) -> BurnRules {
    let windows = windows.to_vec();
    BurnRules::new(&SloConfig { windows, minimum_bad, ..SloConfig::default() }).unwrap()
}

fn counts(long: (u64, u64), short: (u64, u64)) -> WindowCounts {
    let of = |(bad, counted)| Counts::new(bad, counted);
    WindowCounts { long: of(long), short: of(short), covered: true, long_covered: true }
}

#[test]
fn a_factor_that_is_met_exactly_is_met_in_both_windows_or_not_at_all() {
    let page = BurnWindow::page(14.4, SECOND * 3600, SECOND * 300);
    let ticket = BurnWindow::ticket(1.0, SECOND * 3600 * 72, SECOND * 3600 * 6);
    let table = [
        // 14.4 times 0.1 % are 144 in 10 000.
        (page, (144, 10_000), (144, 10_000), Level::Unhealthy),
        (page, (143, 10_000), (144, 10_000), Level::Healthy),
        (page, (144, 10_000), (143, 10_000), Level::Healthy),
        (page, (144, 10_001), (144, 10_000), Level::Healthy),
        (page, (10_000, 10_000), (10_000, 10_000), Level::Unhealthy),
        (page, (3, 30), (3, 30), Level::Unhealthy),
        (page, (2, 30), (2, 30), Level::Unknown),
        (page, (1, 10), (1, 10), Level::Unknown),
        (page, (0, 1), (0, 1), Level::Healthy),
        (page, (500, 10_000), (0, 0), Level::Unknown),
        (page, (0, 0), (0, 0), Level::Unknown),
        (page, (u64::MAX, u64::MAX), (u64::MAX, u64::MAX), Level::Unhealthy),
        (ticket, (10, 10_000), (1, 1_000), Level::Degraded),
        (ticket, (9, 10_000), (1, 1_000), Level::Healthy),
    ];
    for (window, long, short, level) in table {
        let finding = judge(&[counts(long, short)], &rules(&[window], 3));
        assert_eq!(finding.level, level, "{window:?} {long:?} {short:?}: {finding:?}");
    }
}

#[test]
fn the_worst_pair_decides_and_ignorance_is_never_healthy() {
    let windows = SloConfig::default().windows;
    let rules = rules(&windows, 3);
    let (bad, calm) = (counts((900, 1_000), (90, 100)), counts((0, 1_000), (0, 100)));
    let unseen = WindowCounts { covered: false, ..bad };
    let idle = counts((0, 1_000), (0, 0));
    let few = counts((2, 10), (2, 10));
    let table = [
        ([calm, calm, calm], Level::Healthy),
        ([bad, calm, calm], Level::Unhealthy),
        ([calm, bad, calm], Level::Unhealthy),
        ([calm, calm, bad], Level::Degraded),
        ([few, calm, bad], Level::Degraded),
        ([unseen, calm, calm], Level::Unknown),
        ([unseen, bad, calm], Level::Unhealthy),
        // Hours are not waited for: what is seen is calm.
        ([calm, unseen, unseen], Level::Healthy),
        ([idle, calm, calm], Level::Unknown),
        ([few, calm, calm], Level::Unknown),
        ([calm, few, calm], Level::Unknown),
    ];
    for (n, (counts, level)) in table.into_iter().enumerate() {
        assert_eq!(judge(&counts, &rules).level, level, "row {n}");
    }
    assert_eq!(judge(&[], &rules).level, Level::Unknown);
    assert_eq!(judge(&[calm], &rules).burns.len(), 3);
}

struct Bench {
    manual: ManualClock,
    clock: Clock,
    point: Point,
}

impl Bench {
    fn new() -> Self {
        let (clock, manual) = Clock::manual();
        manual.advance(SECOND * 1000);
        let meter = Meter::builder("orders").clock(clock.clone()).window(SECOND * 8).build();
        Self { manual, clock, point: meter.unwrap().point("user") }
    }

    fn slo(&self) -> SloBuilder {
        let builder = Slo::builder("orders").period(SECOND * 1000).point(self.point.clone());
        builder.windows([
            BurnWindow::page(14.4, SECOND * 10, SECOND),
            BurnWindow::ticket(3.0, SECOND * 60, SECOND * 5),
        ])
    }

    /// A second of ten steps with a hundred calls, so many of them as `bad` says of another kind.
    fn second(&self, slo: &Slo, bad: u64, what: Outcome, latency: Duration) -> Level {
        for step in 0..10 {
            for call in 0..10 {
                let (outcome, latency) = if step * 10 + call < bad {
                    (what, latency)
                } else {
                    (Outcome::SUCCESS, Duration::from_millis(20))
                };
                self.point.record(outcome, latency);
            }
            self.manual.advance(SECOND / 10);
            let _ = slo.finding(self.clock.now());
        }
        slo.verdict(self.clock.now()).level
    }
}

#[test]
fn what_the_user_feels_is_bad_and_what_they_do_not_is_not_counted() {
    let ms = Duration::from_millis;
    let table = [
        (Outcome::FAILURE, ms(5), Level::Unhealthy, Level::Unhealthy),
        (Outcome::SOFT_FAILURE, ms(5), Level::Unhealthy, Level::Unhealthy),
        (Outcome::rejected(RejectedBy::Breaker), ms(0), Level::Unhealthy, Level::Unhealthy),
        (Outcome::SUCCESS, ms(900), Level::Healthy, Level::Unhealthy),
        (Outcome::SUCCESS, ms(290), Level::Healthy, Level::Healthy),
        (Outcome::CANCELLED, ms(900), Level::Healthy, Level::Healthy),
        (Outcome::IGNORED, ms(900), Level::Healthy, Level::Healthy),
    ];
    for (what, latency, available, in_time) in table {
        for (sli, level) in
            [(Sli::availability(), available), (Sli::latency_under(ms(300)), in_time)]
        {
            let bench = Bench::new();
            let slo = bench.slo().sli(sli).build().unwrap();
            for _ in 0..3 {
                bench.second(&slo, 50, what, latency);
            }
            assert_eq!(slo.verdict(bench.clock.now()).level, level, "{what:?} {latency:?} {sli:?}");
        }
    }
}

#[test]
fn a_budget_burns_and_recovers() {
    let bench = Bench::new();
    let slo = bench.slo().sli(Sli::latency_under(Duration::from_millis(300))).build().unwrap();
    let verdict = slo.verdict(bench.clock.now());
    assert_eq!(
        (verdict.level, &*verdict.reason),
        (Level::Unknown, "the last 1s have not been seen yet")
    );
    let good = |seconds| {
        (0..seconds).map(|_| bench.second(&slo, 0, Outcome::SUCCESS, SECOND)).collect::<Vec<_>>()
    };
    assert_eq!(good(70)[1..], [Level::Healthy; 69]);
    let slow = |bad| bench.second(&slo, bad, Outcome::SUCCESS, SECOND);
    // One percent in a second is ten times the budget there and once in ten.
    assert_eq!(slow(1), Level::Healthy);
    assert_eq!(slow(20), Level::Unhealthy);
    let verdict = slo.verdict(bench.clock.now());
    let names: Vec<_> = verdict.evidence.iter().map(|evidence| &*evidence.name).collect();
    let expected = [
        "page_10s_1s.burn_rate_long",
        "page_10s_1s.burn_rate_short",
        "ticket_1m_5s.burn_rate_long",
        "ticket_1m_5s.burn_rate_short",
        "budget_remaining",
    ];
    assert_eq!(names, expected);
    assert!(verdict.reason.starts_with("the budget burns 2"), "{}", verdict.reason);
    assert!(
        verdict.reason.ends_with("14.4 allowed; it lasts 37.6s at this rate"),
        "{}",
        verdict.reason
    );
    assert_eq!(verdict.score, Some(1.0));
    let since = bench.clock.now() - verdict.since;
    assert!(since > Duration::ZERO && since < SECOND, "{since:?}");
    // The short window ends the page, the ticket stays for as long as its own.
    let levels = good(8);
    assert_eq!(levels[..2], [Level::Degraded; 2]);
    assert_eq!(levels[6..], [Level::Healthy; 2]);
    // Asking again changes nothing.
    let now = bench.clock.now();
    assert_eq!(slo.verdict(now), slo.verdict(now));
    bench.manual.advance(SECOND * 2);
    assert_eq!(slo.verdict(bench.clock.now()).reason, "no calls in the last 1s");
}

#[test]
fn a_time_without_readings_is_no_calm() {
    let bench = Bench::new();
    let slo = bench.slo().sli(Sli::latency_under(Duration::from_millis(300))).build().unwrap();
    for _ in 0..3 {
        bench.second(&slo, 50, Outcome::SUCCESS, SECOND);
    }
    // Longer than the meter holds latencies.
    bench.manual.advance(SECOND * 7);
    assert_eq!(slo.verdict(bench.clock.now()).level, Level::Unknown);
    assert_eq!(bench.second(&slo, 0, Outcome::SUCCESS, SECOND), Level::Healthy);
    // A reading from the past says what is known.
    let _ = slo.verdict(bench.clock.now() - SECOND * 5);
    assert_eq!(slo.verdict(bench.clock.now()).level, Level::Healthy);
}

#[test]
fn the_driver_reads_for_those_who_ask_rarely() {
    let bench = Bench::new();
    let slo = bench.slo().build().unwrap();
    let mut driver = Box::pin(slo.driver());
    for _ in 0..100 {
        bench.point.record(Outcome::FAILURE, SECOND);
        assert!(driver.as_mut().now_or_never().is_none());
        bench.manual.advance(SECOND / 10);
    }
    assert_eq!(slo.clone().verdict(bench.clock.now()).level, Level::Unhealthy);
    drop(slo);
    assert!(driver.as_mut().now_or_never().is_some());
}

#[test]
fn the_driver_reads_before_the_meter_forgets() {
    // Latencies are held for six seconds, and a tenth of the shortest window is half a minute.
    let bench = Bench::new();
    let windows = SloConfig::default().windows;
    let sli = Sli::latency_under(Duration::from_millis(300));
    let slo = bench.slo().sli(sli).windows(windows).period(SECOND * 86_400 * 30).build().unwrap();
    let mut driver = Box::pin(slo.driver());
    for _ in 0..600 {
        bench.point.record(Outcome::SUCCESS, SECOND);
        assert!(driver.as_mut().now_or_never().is_none());
        bench.manual.advance(SECOND);
    }
    let verdict = slo.verdict(bench.clock.now());
    assert_eq!(verdict.level, Level::Unhealthy, "{}", verdict.reason);
}

#[test]
fn one_who_asks_for_a_time_to_come_stops_nobody_else() {
    let bench = Bench::new();
    let slo = bench.slo().build().unwrap();
    bench.second(&slo, 0, Outcome::SUCCESS, SECOND);
    let ahead = slo.verdict(bench.clock.now() + SECOND * 3600);
    assert_eq!(ahead.level, Level::Unknown, "{}", ahead.reason);
    for _ in 0..3 {
        bench.second(&slo, 50, Outcome::FAILURE, SECOND);
    }
    let verdict = slo.verdict(bench.clock.now());
    assert_eq!((verdict.level, verdict.as_of), (Level::Unhealthy, bench.clock.now()));
}

#[test]
fn a_burn_rate_of_one_uses_up_the_budget_by_the_end_of_the_period_and_not_before() {
    let bench = Bench::new();
    let slo = bench.slo().period(SECOND * 100).objective(percent(99.0));
    let slo = slo.windows([BurnWindow::page(14.4, SECOND * 10, SECOND)]).build().unwrap();
    let remaining = || {
        let verdict = slo.verdict(bench.clock.now());
        verdict.evidence.iter().find(|one| one.name == "budget_remaining").map(|one| one.value)
    };
    assert_eq!(remaining(), None);
    for second in 1..=150 {
        bench.second(&slo, 1, Outcome::FAILURE, SECOND);
        let left = 1.0 - f64::from(second.min(100)) / 100.0;
        assert!((remaining().unwrap() - left).abs() < 0.02, "{second}: {:?}", remaining());
    }
}

#[test]
fn no_slow_call_is_lost_while_many_ask() {
    let bench = Bench::new();
    let sli = Sli::latency_under(Duration::from_millis(300));
    let slo = bench.slo().sli(sli).build().unwrap();
    let (threads, calls) = (2, 50_000_u64);
    bench.manual.advance(SECOND / 10);
    std::thread::scope(|scope| {
        let record = || {
            for call in 0..calls {
                let latency = if call % 2 == 0 { SECOND } else { SECOND / 50 };
                bench.point.record(Outcome::SUCCESS, latency);
            }
        };
        for _ in 0..threads {
            scope.spawn(record);
            scope.spawn(|| {
                while bench.point.lifetime().total() < threads * calls {
                    let _ = slo.verdict(bench.clock.now());
                }
            });
        }
    });
    bench.manual.advance(SECOND / 10);
    let long = slo.finding(bench.clock.now()).burns[0].counts.long;
    assert_eq!((long.bad(), long.counted()), (threads * calls / 2, threads * calls));
}

#[test]
fn several_points_share_a_budget() {
    let (one, other) = (Bench::new(), Bench::new());
    let slo = one.slo().point(other.point.clone()).build().unwrap();
    for _ in 0..3 {
        (0..100).for_each(|_| other.point.record(Outcome::FAILURE, SECOND));
        one.second(&slo, 0, Outcome::SUCCESS, SECOND);
    }
    assert_eq!(slo.verdict(one.clock.now()).level, Level::Unhealthy);
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let bench = Bench::new();
    let refused = |builder: SloBuilder| builder.build().unwrap_err().field().to_owned();
    let with = |window| bench.slo().windows([window]);
    let page = BurnWindow::page;
    assert_eq!(refused(bench.slo().objective(Ratio::ONE)), "objective");
    assert_eq!(refused(bench.slo().objective(Ratio::ZERO)), "objective");
    assert_eq!(refused(bench.slo().windows([])), "windows");
    assert_eq!(refused(with(page(14.4, SECOND, SECOND * 2))), "windows.0.long");
    assert_eq!(refused(with(page(14.4, SECOND, Duration::ZERO))), "windows.0.short");
    assert_eq!(refused(with(page(f64::NAN, SECOND, SECOND))), "windows.0.factor");
    assert_eq!(refused(with(page(1000.1, SECOND, SECOND))), "windows.0.factor");
    assert!(with(page(1000.0, SECOND, SECOND)).build().is_ok());
    // A page at 14.4 times a budget of 10 % could never come.
    assert_eq!(refused(bench.slo().objective(percent(90.0))), "windows.0.factor");
    assert_eq!(refused(bench.slo().period(SECOND)), "windows.0.long");
    assert_eq!(refused(bench.slo().minimum_bad(0)), "minimum_bad");
    assert_eq!(refused(bench.slo().valid_for(Duration::ZERO)), "valid_for");
    assert_eq!(refused(bench.slo().scaled(0.0)), "windows.0.short");
    assert_eq!(refused(bench.slo().scaled(f64::NAN)), "windows.0.short");
    assert_eq!(refused(bench.slo().sli(Sli::latency_under(Duration::ZERO))), "sli.latency_under");
    assert_eq!(refused(bench.slo().sli(Sli::latency_under(SECOND * 600))), "sli.latency_under");
    assert_eq!(refused(Slo::builder("none")), "point");
    let meter = Meter::builder("orders").buckets(1).build().unwrap();
    let forgetful = || Slo::builder("orders").point(meter.point("user"));
    assert_eq!(refused(forgetful().sli(Sli::latency_under(SECOND))), "point");
    assert!(forgetful().build().is_ok());
    let scaled = SloConfig::default().scaled(1.0 / 3600.0);
    assert_eq!((scaled.windows[0].long, scaled.period), (SECOND, SECOND * 720));
}

#[cfg(feature = "serde")]
#[test]
fn the_configuration_is_read_in_human_words() {
    let text = r#"{"objective": "99.5 %", "sli": {"latency_under": "300ms"}, "windows":
        [{"severity": "page", "factor": 14.4, "long": "1h", "short": "5m"}]}"#;
    let mut text = serde_json::Deserializer::from_str(text);
    let config: SloConfig = rely_core::config::from_deserializer(&mut text).unwrap();
    assert_eq!(config.sli, Sli::latency_under(Duration::from_millis(300)));
    config.check().unwrap();
}

/// How likely at least `bad` of `all` are bad, by summing up the chances of fewer.
fn tail(bad: u64, all: u64, p: f64) -> f64 {
    let (mut chance, mut below) = ((1.0 - p).powf(all as f64), 0.0);
    for n in 0..bad {
        below += chance;
        chance *= (all - n) as f64 / (n + 1) as f64 * p / (1.0 - p);
    }
    1.0 - below
}

proptest! {
    #[test]
    fn burn_rates_are_those_of_a_naive_model(
        seconds in prop::collection::vec((0..40_u64, 0..20_u64), 1..60),
        factor in 1..200_u32,
    ) {
        let (clock, manual) = Clock::manual();
        manual.advance(SECOND * 1000);
        let point = Meter::builder("orders").clock(clock.clone()).build().unwrap().point("user");
        let factor = f64::from(factor) / 10.0;
        let slo = Slo::builder("model")
            .objective(percent(97.0))
            .windows([BurnWindow::page(factor, SECOND * 10, SECOND * 2)])
            .point(point.clone())
            .build()
            .unwrap();
        for (n, (good, bad)) in seconds.iter().enumerate() {
            (0..*good).for_each(|_| point.record(Outcome::SUCCESS, SECOND));
            (0..*bad).for_each(|_| point.record(Outcome::FAILURE, SECOND));
            manual.advance(SECOND);
            let finding = slo.finding(clock.now());
            let sum = |length: usize| {
                let last = &seconds[(n + 1).saturating_sub(length)..=n];
                last.iter().fold((0, 0), |sum, (good, bad)| (sum.0 + bad, sum.1 + good + bad))
            };
            let burn = finding.burns[0];
            let seen = |counts: Counts| (counts.bad(), counts.counted());
            prop_assert_eq!(seen(burn.counts.long), sum(10));
            prop_assert_eq!(seen(burn.counts.short), sum(2));
            // Fewer than ten are believed if chance has at most one in twenty.
            let believed = |(bad, all): (u64, u64), p: f64| bad >= 10 || tail(bad, all, p) <= 0.05;
            let met = |(bad, all): (u64, u64)| all > 0 && (bad * 10_000) as f64 >= factor * 300.0 * all as f64 - 1e-6;
            let burns = n >= 1 && met(sum(10)) && met(sum(2)) && sum(10).0 >= 3 && believed(sum(10), factor * 0.03);
            prop_assert_eq!(finding.level == Level::Unhealthy, burns, "{:?}", finding);
        }
    }
}
