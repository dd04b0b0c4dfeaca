//! Budgets, pages and policies over hours and months of simulated time.

use core::time::Duration;
use std::time::SystemTime;

use proptest::prelude::*;
use rely_core::rng::Rng;
use rely_core::{Clock, Instant, Level, ManualClock, Ratio, Signal};

use super::*;
use crate::share::Counts;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

struct Sim {
    clock: Clock,
    manual: ManualClock,
    ledger: Ledger,
}

impl Sim {
    fn new() -> Self {
        let (clock, manual) = Clock::manual();
        Self { clock, manual, ledger: Ledger::new() }
    }

    fn builder(&self) -> SloBuilder {
        Slo::builder("orders").clock(self.clock.clone()).ledger(&self.ledger)
    }

    /// `good` of `total` events in a step, and what is said at its end.
    fn step(&self, slo: &Slo, step: Duration, good: u64, total: u64) -> Level {
        self.ledger.record(good, total);
        self.manual.advance(step);
        slo.verdict(self.clock.now()).level
    }
}

/// How long an outage lasts before it pages: a call each tenth of a second, a reading each `step`, the
/// outage `phase` after a reading.
fn time_to_page(config: SloConfig, step: Duration, phase: Duration) -> Duration {
    let sim = Sim::new();
    let slo = sim.builder().config(config).build().unwrap();
    for _ in 0..7 * HOUR.as_secs() / step.as_secs() {
        let calls = step.as_secs() * 10;
        assert_ne!(sim.step(&slo, step, calls, calls), Level::Unhealthy);
    }
    let begun = sim.clock.now() + phase;
    let tenths = |time: Duration| u64::try_from(time.as_millis() / 100).unwrap();
    let mut level = sim.step(&slo, step, tenths(phase), tenths(step));
    while level != Level::Unhealthy {
        level = sim.step(&slo, step, 0, tenths(step));
    }
    sim.clock.now() - begun
}

#[test]
fn an_outage_pages_within_a_minute() {
    // As the driver reads, whenever it begins; 14.4 times 0.1 % of an hour are 51.84 s.
    for tenths in (0..50).step_by(7) {
        let phase = SECOND / 10 * tenths;
        let took = time_to_page(SloConfig::default(), SECOND * 5, phase);
        assert!(took > SECOND * 51 && took <= SECOND * 60, "{phase:?}: {took:?}");
    }
    let sim = Sim::new();
    let driver = format!("{:?}", sim.builder().build().unwrap().driver());
    assert!(driver.contains("every: 5s"), "{driver}");
    // At a reading every 15 s, if it begins with one; else up to a reading later.
    assert_eq!(time_to_page(SloConfig::default(), SECOND * 15, Duration::ZERO), SECOND * 60);
    // Another pair makes up for rare readings, or for a lower objective.
    let pair = BurnWindow::for_share(Severity::Page, 0.01, DAY * 30, SECOND * 300, SECOND * 60);
    let mut config = SloConfig::default();
    config.windows.push(pair);
    for seconds in (0..15).step_by(3) {
        let took = time_to_page(config.clone(), SECOND * 15, SECOND * seconds);
        assert!(took <= SECOND * 45, "{seconds}: {took:?}");
    }
}

#[test]
fn one_bad_call_in_ten_pages_nobody_and_a_lasting_failure_does() {
    let sim = Sim::new();
    let slo = sim.builder().build().unwrap();
    // Ten calls an hour, one of them bad.
    for call in 0..480_u64 {
        let level = sim.step(&slo, SECOND * 360, u64::from(call != 100), 1);
        assert_ne!(level, Level::Unhealthy, "{call}");
    }
    // A call a minute, and all of them fail from some time on.
    let sim = Sim::new();
    let slo = sim.builder().build().unwrap();
    let mut paged = None;
    for minute in 0..200_u64 {
        let good = u64::from(minute < 180);
        for quarter in 0..4 {
            let calls = u64::from(quarter == 0);
            let level = sim.step(&slo, SECOND * 15, good.min(calls), calls);
            if level == Level::Unhealthy && paged.is_none() {
                paged = Some(minute - 180);
            }
        }
    }
    // Three of sixty may be chance at 14.4 times 0.1 %, four are none.
    assert_eq!(paged, Some(3));
}

#[test]
fn few_bad_calls_are_believed_where_chance_is_small() {
    let config =
        SloConfig { windows: vec![BurnWindow::page(14.4, HOUR, HOUR)], ..SloConfig::default() };
    let level = |bad, counted, confidence| {
        let rules = BurnRules::new(&SloConfig { confidence, ..config.clone() }).unwrap();
        let counts = Counts::new(bad, counted);
        let window =
            WindowCounts { long: counts, short: counts, covered: true, long_covered: true };
        judge(&[window], &rules).level
    };
    let percent = |share| Ratio::percent(share).unwrap();
    // With 1.44 % bad, at least 3 of 56 are bad in 4.8 % of cases, of 57 in 5.0 %, of 58 in 5.2 %.
    let table = [
        (3, 56, 95.0, Level::Unhealthy),
        (3, 58, 95.0, Level::Unknown),
        (3, 58, 90.0, Level::Unhealthy),
        (3, 200, 0.0, Level::Unhealthy),
        (9, 600, 95.0, Level::Unknown),
        (10, 690, 95.0, Level::Unhealthy),
        (3, 10_000, 95.0, Level::Healthy),
    ];
    for (bad, counted, share, expected) in table {
        assert_eq!(level(bad, counted, percent(share)), expected, "{bad} {counted} {share}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_fourth_pair_says_nothing_new_where_traffic_is_even(
        bad in prop::collection::vec(prop_oneof![Just(0_u64), 0..40_u64, 0..1_000_u64], 36),
    ) {
        // Twice an hour for three days, a thousand calls each.
        let sum = |last: usize| {
            let bad: u64 = bad[36 - last..].iter().sum();
            Counts::new(bad, 1_000 * last as u64)
        };
        let [_, _, third, fourth] = BurnWindow::four(DAY * 30);
        let windows = vec![third, fourth];
        let rules = BurnRules::new(&SloConfig { windows, ..SloConfig::default() }).unwrap();
        let counts = |long, short| {
            WindowCounts { long: sum(long), short: sum(short), covered: true, long_covered: true }
        };
        let burns = judge(&[counts(12, 1), counts(36, 3)], &rules).burns;
        let burning = |n: usize| burns[n].state == BurnState::Burning;
        prop_assert!(!burning(0) || burning(1), "{burns:?}");
    }

    #[test]
    fn a_budget_counts_what_a_naive_model_counts(
        days in prop::collection::vec((0..2_000_u64, 0..30_u64), 1..150),
    ) {
        let sim = Sim::new();
        let calendar = Calendar::utc(CalendarUnit::Month);
        let slo = sim.builder().calendar(calendar).build().unwrap();
        let rolling = sim.builder().build().unwrap();
        let mut log = Vec::new();
        for (good, bad) in days {
            // A day's events come at noon, so that no month's end cuts through.
            for part in 0..24 {
                if part == 12 {
                    log.push((sim.clock.wall(), good, bad));
                    sim.ledger.record(good, good + bad);
                }
                sim.manual.advance(HOUR);
                let _ = (slo.finding(sim.clock.now()), rolling.finding(sim.clock.now()));
            }
            let sum = |from: i64| {
                let unix = |wall: &SystemTime| super::signal::unix_seconds(*wall);
                let inside = log.iter().filter(|(wall, ..)| unix(wall) >= from);
                inside.fold((0, 0), |sum, (_, good, bad)| (sum.0 + bad, sum.1 + good + bad))
            };
            let now = super::signal::unix_seconds(sim.clock.wall());
            let seen = |slo: &Slo| {
                slo.budget(sim.clock.now()).map_or((0, 0), |budget| (budget.spent, budget.events))
            };
            prop_assert_eq!(seen(&slo), sum(calendar.around(now).0));
            prop_assert_eq!(seen(&rolling), sum(now - 30 * 86_400));
        }
    }
}

#[test]
fn months_follow_each_other_and_the_policy_follows_the_budget() {
    let sim = Sim::new();
    let calendar = Calendar::utc(CalendarUnit::Month);
    let slo = sim.builder().calendar(calendar).build().unwrap();
    let policy = BudgetPolicy::builder(slo.clone()).build().unwrap();
    let verdict = || policy.verdict(sim.clock.now());
    assert_eq!((verdict().level, &*verdict().reason), (Level::Unknown, "nothing counted yet"));
    let mut levels = Vec::new();
    for hour in 0..24 * 90 {
        // January has a bad day, its twentieth; all other days spend a tenth of their budget.
        let bad = if hour / 24 == 19 { 40 } else { 0 };
        sim.step(&slo, HOUR, 999 - bad, 1_000 - u64::from(hour % 10 != 0));
        let level = verdict().level;
        if levels.last().is_none_or(|(_, last)| *last != level) {
            levels.push(((hour + 1) / 24 + 1, level));
        }
    }
    // 744 bad of 744 000 are allowed.
    let expected =
        [(1, Level::Healthy), (20, Level::Degraded), (20, Level::Unhealthy), (32, Level::Healthy)];
    assert_eq!(levels, expected);
    let history = slo.history();
    let months: Vec<_> =
        history.iter().map(|month| (month.until_unix_seconds, month.bad)).collect();
    assert_eq!(months[0].0, 31 * 86_400);
    assert_eq!(months[1].0, 59 * 86_400);
    assert_eq!(months.len(), 3);
    assert!(history[0].share.unwrap() < 0.0 && history[1].share.unwrap() > 0.8);
    assert!(history.iter().all(|month| month.coverage > 0.99));
}

#[test]
fn a_freeze_does_not_flicker() {
    let sim = Sim::new();
    let slo = sim.builder().build().unwrap();
    let build = |low, margin| {
        let percent = |share| Ratio::percent(share).unwrap();
        BudgetPolicy::builder(slo.clone())
            .degraded_under(percent(low))
            .margin(percent(margin))
            .build()
    };
    let policy = build(25.0, 5.0).unwrap();
    assert_eq!(build(100.0, 0.0).unwrap_err().field(), "degraded_under");
    assert_eq!(build(95.0, 5.0).unwrap_err().field(), "margin");
    // A thousand calls an hour, 720 000 in 30 days: 720 may be bad.
    let run = |hours: u32, bad: u64| {
        let mut last = None;
        for _ in 0..hours {
            sim.step(&slo, HOUR, 1_000 - bad, 1_000);
            last = Some(policy.verdict(sim.clock.now()));
        }
        last.unwrap()
    };
    assert_eq!(run(24 * 30, 0).level, Level::Healthy);
    let low = run(1, 550);
    assert_eq!(low.level, Level::Degraded, "{}", low.reason);
    assert!(low.reason.starts_with("23.7 % of the budget is left: 550 bad"), "{}", low.reason);
    let spent = run(1, 175);
    assert_eq!(spent.level, Level::Unhealthy, "{}", spent.reason);
    assert_eq!(spent.reason, "the budget is spent: 725 bad events of 722 allowed; releases wait");
    assert_eq!(spent.score, Some(1.0));
    let at = spent.since;
    // Asked again and again, it says the same.
    assert_eq!(policy.verdict(sim.clock.now()), policy.verdict(sim.clock.now()));
    assert_eq!(policy.verdict(sim.clock.now()).since, at);
    let share = || slo.budget(sim.clock.now()).unwrap().share;
    // A little comes back as the hour with 550 falls out of the period: more than the margin.
    let back = run(24 * 31, 0);
    assert!(share() > 0.99, "{}", share());
    assert_eq!(back.level, Level::Healthy);
}

#[test]
fn the_margin_holds_a_level_until_more_is_back() {
    // Spent, then 4 % back, 5 % back, 29 % back, 30 % back, and down again.
    let table = [
        (0.5, Level::Healthy),
        (0.25, Level::Degraded),
        (0.29, Level::Degraded),
        (0.31, Level::Healthy),
        (0.26, Level::Healthy),
        (0.0, Level::Unhealthy),
        (0.04, Level::Unhealthy),
        (0.06, Level::Degraded),
        (0.29, Level::Degraded),
        (-0.5, Level::Unhealthy),
        (0.9, Level::Healthy),
    ];
    let mut standing = policy::Standing::new(Instant::ORIGIN);
    for (n, (share, level)) in table.into_iter().enumerate() {
        standing.step(Instant::from_nanos(n as u64), Some(share), 0.25, 0.05);
        assert_eq!(standing.level(), level, "row {n}");
    }
    standing.step(Instant::ORIGIN, None, 0.25, 0.05);
    assert_eq!(standing.level(), Level::Unknown);
}

#[test]
fn a_budget_says_when_it_will_be_spent() {
    let sim = Sim::new();
    let slo = sim.builder().build().unwrap();
    let mut rng = Rng::seeded(7);
    let mut budgets = Vec::new();
    for hour in 0..24 * 30 {
        // About three times the budget, from the tenth day on.
        let bad = if hour < 240 { 0 } else { rng.below(7) };
        for _ in 0..12 {
            sim.step(&slo, HOUR / 12, 84, 84);
        }
        sim.ledger.record(0, bad);
        let budget = slo.budget(sim.clock.now()).unwrap();
        budgets.push((sim.clock.now(), budget));
        if budget.remaining <= 0.0 {
            break;
        }
    }
    let (spent, last) = *budgets.last().unwrap();
    assert!(last.remaining <= 0.0 && last.exhausted_at == Some(spent), "{last:?}");
    assert!(spent.since_origin() > DAY * 18 && spent.since_origin() < DAY * 22, "{spent:?}");
    // Two days before, three days of burning have been seen.
    let (_, before) = budgets[budgets.len() - 48];
    let trend = before.trend.unwrap();
    let [earliest, at, latest] = [trend.earliest, trend.at, trend.latest].map(Option::unwrap);
    assert!(earliest < at && at < latest, "{trend:?}");
    assert!(earliest <= spent && spent <= latest, "{trend:?} {spent:?}");
    // A day before it began, nothing was spent, and nothing would have been.
    let (_, calm) = budgets[200];
    assert_eq!((calm.exhausted_at, calm.spent), (None, 0));
    assert_eq!(calm.trend.map(|trend| (trend.at, trend.latest)), Some((None, None)));
}

#[test]
fn what_was_scraped_too_rarely_is_not_judged() {
    let sim = Sim::new();
    let scrape = Scrape::new(SECOND * 60).unwrap();
    let slo = Slo::builder("scraped").clock(sim.clock.clone()).scrape(&scrape).build().unwrap();
    let (mut good, mut total) = (0.0, 0.0);
    let mut run = |seconds: u64, bad: f64, answers: bool| {
        let mut level = Level::Unknown;
        for second in 0..seconds {
            (good, total) = (good + 10.0 - bad, total + 10.0);
            sim.manual.advance(SECOND);
            if answers && second % 15 == 14 {
                let _ = scrape.observe(sim.clock.now(), good, total);
            }
            level = slo.verdict(sim.clock.now()).level;
        }
        level
    };
    assert_eq!(run(600, 0.0, true), Level::Healthy);
    // An outage of the scraper: what it would have told is lost, and not taken for calm.
    assert_eq!(run(120, 10.0, false), Level::Healthy);
    assert_eq!(run(60, 10.0, false), Level::Unknown);
    assert_eq!(run(300, 10.0, false), Level::Unknown);
    assert_eq!(run(30, 10.0, true), Level::Unknown);
    // Half of the short window is seen again.
    assert_eq!(run(150, 10.0, true), Level::Unhealthy);
    let coverage = slo.budget(sim.clock.now()).unwrap().coverage;
    assert!((coverage - 0.61).abs() < 0.02, "{coverage}");
}

#[test]
fn stale_data_is_an_outage_of_freshness() {
    let sim = Sim::new();
    let prices = Freshness::new(SECOND * 60, SECOND * 10).unwrap();
    let slo = Slo::builder("prices").clock(sim.clock.clone()).freshness(&prices).build().unwrap();
    let run = |seconds: u64, updates: bool| {
        for second in 0..seconds {
            if updates && second % 30 == 0 {
                prices.updated(sim.clock.now(), sim.clock.now());
            }
            sim.manual.advance(SECOND * 5);
            let _ = slo.verdict(sim.clock.now());
        }
        slo.verdict(sim.clock.now()).level
    };
    assert_eq!(run(5, false), Level::Unknown);
    let paged = run(720, true);
    assert_eq!(paged, Level::Unhealthy, "150 s between updates are too long");
    let bad = prices.bad(sim.clock.now());
    let all = bad + prices.good(sim.clock.now());
    assert!((bad as f64 / all as f64 - 0.6).abs() < 0.02, "{bad} of {all}");
}

#[test]
fn a_snapshot_goes_on_where_it_was_taken() {
    let sim = Sim::new();
    let config = SloConfig { windows: BurnWindow::four(DAY * 30).to_vec(), ..SloConfig::default() };
    let build = |sim: &Sim| sim.builder().config(config.clone());
    let slo = build(&sim).build().unwrap();
    let mut rng = Rng::seeded(3);
    let mut run = |sim: &Sim, slos: &[&Slo], steps: u32| {
        for _ in 0..steps {
            sim.ledger.record(99 + rng.below(2), 100);
            sim.manual.advance(SECOND * 300);
            let verdicts: Vec<_> = slos.iter().map(|slo| slo.finding(sim.clock.now())).collect();
            let budgets: Vec<_> = slos.iter().map(|slo| slo.budget(sim.clock.now())).collect();
            assert!(verdicts.windows(2).all(|pair| pair[0] == pair[1]));
            assert!(budgets.windows(2).all(|pair| pair[0] == pair[1]), "{budgets:?}");
        }
    };
    run(&sim, &[&slo], 10_000);
    let snapshot = slo.snapshot();
    #[cfg(feature = "serde")]
    let snapshot: SloSnapshot =
        serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
    let other = build(&sim).restore(snapshot.clone()).build().unwrap();
    run(&sim, &[&slo, &other], 10_000);
    assert_eq!(slo.history(), other.history());
    assert_eq!(slo.snapshot(), other.snapshot());
    // Another machine, an hour later by the wall, whose clock has just begun.
    let fresh = Sim::new();
    let wall = sim.clock.wall() + HOUR;
    fresh.manual.set_wall_origin(wall);
    let known = slo.budget(sim.clock.now()).unwrap();
    let later = build(&fresh).restore(slo.snapshot()).build().unwrap();
    let after = later.budget(fresh.clock.now()).unwrap();
    // An hour's worth of marks fell out at most, and the hour counts as not seen.
    assert!(known.spent - after.spent < known.spent / 40, "{known:?} {after:?}");
    assert!((after.coverage - (1.0 - 1.0 / 720.0)).abs() < 1e-3, "{after:?}");
    assert_eq!(later.finding(fresh.clock.now()).burns[0].state, BurnState::NotCovered);
    // What does not fit is refused.
    let field = |builder: SloBuilder| builder.build().unwrap_err().field().to_owned();
    let less = sim.builder().restore(snapshot.clone());
    assert_eq!(field(less), "snapshot.counters");
    #[cfg(feature = "serde")]
    {
        // A period that would never end.
        let mut text = serde_json::to_value(&snapshot).unwrap();
        *text.pointer_mut("/periods/current/ends").unwrap() = i64::MAX.into();
        let endless = serde_json::from_value(text).unwrap();
        assert_eq!(field(build(&sim).restore(endless)), "snapshot.periods");
    }
}

#[test]
fn the_longest_windows_are_no_harm() {
    let sim = Sim::new();
    let window = BurnWindow {
        factor: 1.0,
        severity: Severity::Page,
        long: Duration::MAX,
        short: Duration::MAX,
    };
    let config = SloConfig { windows: vec![window], period: Duration::MAX, ..SloConfig::default() };
    let Ok(slo) = sim.builder().config(config).build() else { return };
    sim.ledger.record(1, 2);
    sim.manual.advance(HOUR);
    assert_eq!(slo.finding(sim.clock.now()).burns[0].state, BurnState::NotCovered);
    assert!(slo.budget(sim.clock.now()).is_some());
}

#[test]
fn an_objective_stays_small() {
    let sim = Sim::new();
    let three = (BurnWindow::three(DAY * 30).to_vec(), 12 * 1024);
    let four = (BurnWindow::four(DAY * 30).to_vec(), 14 * 1024);
    for (windows, most) in [three, four] {
        let slo = sim.builder().windows(windows).build().unwrap();
        let before = slo.bytes();
        for _ in 0..40_000 {
            sim.step(&slo, SECOND * 97, 100, 101);
        }
        assert_eq!(slo.bytes(), before, "it grew");
        assert!(before <= most, "{before}");
    }
}

#[test]
fn presets_have_the_published_factors() {
    let factors = |config: SloConfig| {
        config.check().unwrap();
        config.windows.iter().map(|pair| format!("{:.3}", pair.factor)).collect::<Vec<_>>()
    };
    assert_eq!(factors(SloConfig::default()), ["14.400", "6.000", "1.000"]);
    assert_eq!(factors(SloConfig::over_28_days()), ["13.440", "5.600", "0.933"]);
    assert_eq!(factors(SloConfig::over_7_days()), ["13.440", "3.500", "0.980"]);
    let four = SloConfig { windows: BurnWindow::four(DAY * 30).to_vec(), ..SloConfig::default() };
    assert_eq!(factors(four), ["14.400", "6.000", "3.000", "1.000"]);
}

#[test]
fn sources_and_clocks_are_asked_for() {
    let sim = Sim::new();
    let refused = |builder: SloBuilder| builder.build().unwrap_err().field().to_owned();
    assert_eq!(refused(Slo::builder("a").clock(sim.clock.clone())), "point");
    assert_eq!(refused(Slo::builder("a").ledger(&sim.ledger)), "clock");
    assert_eq!(refused(sim.builder().confidence(Ratio::ONE)), "confidence");
    let calendar = Calendar { unit: CalendarUnit::Week, utc_offset_minutes: 1081 };
    assert_eq!(refused(sim.builder().calendar(calendar)), "calendar.utc_offset_minutes");
    assert_eq!(Scrape::new(Duration::ZERO).unwrap_err().field(), "max_gap");
}
