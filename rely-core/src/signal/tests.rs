use core::time::Duration;

use proptest::prelude::*;

use super::{any, *};
use crate::Level;
use crate::Level::{Degraded, Healthy, Unhealthy, Unknown};

const NOW: Instant = Instant::from_nanos(1_000);

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn group(mut group: Group, verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    for (index, verdict) in verdicts.into_iter().enumerate() {
        group = group.member(format!("m{index}"), move |_: Instant| verdict.clone());
    }
    group.verdict(NOW)
}

fn levels(of: Group, levels: &[Level]) -> Level {
    group(of, levels.iter().map(|level| Verdict::new(*level, NOW))).level
}

#[test]
fn the_truth_table_of_all_and_any() {
    // members, all, any
    let table: &[(&[Level], Level, Level)] = &[
        (&[], Unknown, Unknown),
        (&[Healthy], Healthy, Healthy),
        (&[Degraded], Degraded, Degraded),
        (&[Unknown], Unknown, Unknown),
        (&[Unhealthy], Unhealthy, Unhealthy),
        (&[Healthy, Healthy], Healthy, Healthy),
        (&[Healthy, Degraded], Degraded, Healthy),
        (&[Healthy, Unknown], Unknown, Healthy),
        (&[Healthy, Unhealthy], Unhealthy, Healthy),
        (&[Degraded, Degraded], Degraded, Degraded),
        (&[Degraded, Unknown], Unknown, Degraded),
        (&[Degraded, Unhealthy], Unhealthy, Degraded),
        (&[Unknown, Unknown], Unknown, Unknown),
        (&[Unknown, Unhealthy], Unhealthy, Unknown),
        (&[Unhealthy, Unhealthy], Unhealthy, Unhealthy),
        (&[Healthy, Degraded, Unknown], Unknown, Healthy),
        (&[Degraded, Unknown, Unhealthy], Unhealthy, Degraded),
        (&[Healthy, Degraded, Unknown, Unhealthy], Unhealthy, Healthy),
    ];
    for (members, expect_all, expect_any) in table {
        assert_eq!(levels(all(), members), *expect_all, "all of {members:?}");
        assert_eq!(levels(any(), members), *expect_any, "any of {members:?}");
        let reversed: Vec<_> = members.iter().rev().copied().collect();
        assert_eq!(levels(all(), &reversed), *expect_all, "all of {reversed:?}");
        assert_eq!(levels(any(), &reversed), *expect_any, "any of {reversed:?}");
    }
}

#[test]
fn the_truth_table_of_a_quorum_of_two() {
    let table: &[(&[Level], Level)] = &[
        (&[], Unknown),
        (&[Healthy], Unknown),
        (&[Healthy, Healthy, Unhealthy], Healthy),
        (&[Healthy, Healthy, Unknown], Healthy),
        (&[Healthy, Degraded, Unhealthy], Degraded),
        (&[Healthy, Degraded, Unknown], Degraded),
        (&[Healthy, Unknown, Unhealthy], Unknown),
        (&[Healthy, Unhealthy, Unhealthy], Unhealthy),
        (&[Unknown, Unhealthy, Unhealthy], Unhealthy),
        (&[Unknown, Unknown, Unhealthy], Unknown),
    ];
    for (members, expected) in table {
        assert_eq!(levels(quorum(2), members), *expected, "{members:?}");
    }
    assert_eq!(levels(quorum(0), &[Unhealthy, Healthy]), Healthy);
    let short = group(quorum(3), [Verdict::new(Healthy, NOW)]);
    assert_eq!((short.level, &*short.reason), (Unknown, "3 needed of 1 members"));
}

#[test]
fn a_stale_member_is_unknown_and_does_not_end_the_verdict() {
    let stale = Verdict::new(Healthy, at(0)).valid_for(Duration::from_nanos(999));
    let verdict = group(all(), [Verdict::new(Healthy, NOW).since(at(10)), stale.clone()]);
    assert_eq!(verdict.level, Unknown);
    assert_eq!(verdict.valid_until, Instant::MAX);
    assert_eq!(verdict.since, at(999));
    assert!(verdict.reason.starts_with("1 of 2 healthy, 2 needed; m1: stale"), "{verdict:?}");

    let verdict = group(any(), [Verdict::new(Healthy, NOW), stale]);
    assert_eq!((verdict.level, verdict.level_at(at(5_000))), (Healthy, Healthy));

    let just_valid = Verdict::new(Healthy, at(0)).valid_for(Duration::from_nanos(1_000));
    assert_eq!(group(all(), [just_valid]).level, Healthy);
}

#[test]
fn a_verdict_ends_where_staleness_changes_the_level() {
    let bad = |end| Verdict { valid_until: at(end), ..Verdict::new(Unhealthy, NOW) };
    let good = |end| Verdict { valid_until: at(end), ..Verdict::new(Healthy, NOW) };
    let end = |of, members: Vec<Verdict>| group(of, members).valid_until;
    // One bad member is enough, so the last one to go stale ends it.
    assert_eq!(end(all(), vec![bad(2_000), bad(3_000), good(1_500)]), at(3_000));
    assert_eq!(end(all(), vec![good(2_000), good(3_000)]), at(2_000));
    assert_eq!(end(any(), vec![good(2_000), good(3_000), bad(1_500)]), at(3_000));
    assert_eq!(end(any(), vec![bad(2_000), bad(3_000)]), at(2_000));
    assert_eq!(end(quorum(2), vec![good(2_000), good(3_000), good(4_000)]), at(3_000));
    assert_eq!(end(quorum(2), vec![good(2_000), good(2_000), good(2_000)]), at(2_000));
}

#[test]
fn since_is_no_earlier_than_the_members_prove() {
    let v = |level, since| Verdict::new(level, NOW).since(at(since));
    let since = |of, members: Vec<Verdict>| group(of, members).since;
    // Any bad member made `all` bad, whatever the rest was.
    assert_eq!(since(all(), vec![v(Unhealthy, 50), v(Unhealthy, 10), v(Healthy, 90)]), at(10));
    assert_eq!(since(all(), vec![v(Healthy, 50), v(Healthy, 10)]), at(50));
    // Before 90 the second may have been unhealthy.
    assert_eq!(since(all(), vec![v(Degraded, 50), v(Healthy, 90)]), at(90));
    assert_eq!(since(any(), vec![v(Healthy, 50), v(Healthy, 10), v(Unhealthy, 90)]), at(10));
    assert_eq!(since(any(), vec![v(Unhealthy, 50), v(Unhealthy, 10)]), at(50));
    assert_eq!(since(quorum(2), vec![v(Healthy, 5), v(Healthy, 10), v(Healthy, 90)]), at(10));
}

#[test]
fn the_fields_come_from_what_the_level_rests_on() {
    let bad = |as_of, score, samples| {
        Verdict::new(Unhealthy, at(as_of))
            .because("too many failures")
            .with_score(score)
            .with_samples(samples)
            .with_evidence("failure_share", score)
    };
    let good = Verdict::new(Healthy, at(1)).with_samples(1_000).with_evidence("failure_share", 0.0);
    let verdict = group(all(), [bad(700, 0.5, 10), good, bad(800, 0.9, 20)]);
    assert_eq!((verdict.level, verdict.as_of), (Unhealthy, at(700)));
    assert_eq!((verdict.samples, verdict.score), (30, Some(0.9)));
    assert_eq!(verdict.reason, "1 of 3 healthy, 3 needed; m2: too many failures");
    let names: Vec<_> = verdict.evidence.iter().map(|evidence| &*evidence.name).collect();
    assert_eq!(names, ["m2.failure_share", "m0.failure_share"]);

    let samples = u64::MAX;
    let many = (0..100).map(|_| bad(1, 0.1, samples));
    let verdict = group(all(), many);
    assert_eq!((verdict.evidence.len(), verdict.samples), (32, u64::MAX));
}

#[test]
fn groups_nest_and_say_the_way() {
    let inner = any().member("b", |now: Instant| {
        Verdict::new(Unhealthy, now).because("down").with_evidence("up", 0.0)
    });
    let outer = all().member("a", inner);
    assert_eq!((outer.len(), outer.is_empty(), all().is_empty()), (1, false, true));
    let verdict = outer.verdict(NOW);
    let reason = "0 of 1 healthy, 1 needed; a: 0 of 1 healthy, 1 needed; b: down";
    assert_eq!(verdict.reason, reason);
    assert_eq!(verdict.evidence[0].name, "a.b.up");
    assert!(format!("{outer:?}").contains("\"a\""));
}

#[test]
fn a_bad_level_counts_from_its_duration_on() {
    let table = [
        (Unhealthy, 901, 100, Healthy),
        (Unhealthy, 900, 100, Unhealthy),
        (Unhealthy, 0, 100, Unhealthy),
        (Degraded, 901, 100, Healthy),
        (Degraded, 900, 100, Degraded),
        (Unhealthy, 1_000, 0, Unhealthy),
        (Unhealthy, 2_000, 0, Unhealthy),
        (Unhealthy, 2_000, 1, Healthy),
        (Healthy, 999, 100, Healthy),
        (Unknown, 999, 100, Unknown),
    ];
    for (level, since, nanos, expected) in table {
        let signal = move |now: Instant| Verdict::new(level, now).since(at(since)).because("x");
        let verdict = signal.for_at_least(Duration::from_nanos(nanos)).verdict(NOW);
        assert_eq!(verdict.level, expected, "{level} since {since} for {nanos}");
        let pending = level != expected;
        assert_eq!(verdict.reason.starts_with("pending: "), pending, "{}", verdict.reason);
        if pending {
            assert_eq!(verdict.valid_until, at(since + nanos - 1));
        }
    }
    let stale = |_: Instant| Verdict::new(Healthy, at(0)).valid_for(Duration::from_nanos(1));
    assert_eq!(stale.for_at_least(Duration::from_secs(1)).verdict(NOW).level, Unknown);
    let bad = |now: Instant| Verdict::new(Unhealthy, now);
    let verdict = bad.for_at_least(Duration::MAX).verdict(NOW);
    assert_eq!(verdict.level, Healthy);
}

#[test]
fn adapters_bend_only_what_they_say() {
    for (level, expected) in
        [(Healthy, Healthy), (Degraded, Degraded), (Unhealthy, Degraded), (Unknown, Unknown)]
    {
        let signal = (move |now: Instant| Verdict::new(level, now)).degraded_at_worst();
        assert_eq!(signal.verdict(NOW).level, expected);
    }

    let aged = |as_of: u64, age: u64| {
        let signal = move |_: Instant| Verdict::new(Healthy, at(as_of));
        signal.max_age(Duration::from_nanos(age)).verdict(NOW)
    };
    assert_eq!((aged(900, 100).level, aged(900, 100).valid_until), (Healthy, NOW));
    assert_eq!(aged(900, 99).level, Unknown);
    assert_eq!(aged(9_000, 100).valid_until, at(1_100));
}

#[test]
fn saying_the_same_again_does_not_begin_anew() {
    let signal = ManualSignal::default();
    assert_eq!(&*signal.verdict(NOW).reason, "never set");
    let say = |level, nanos| {
        signal.set(Verdict::new(level, at(nanos)).valid_for(Duration::from_nanos(10)));
        signal.verdict(at(nanos)).since
    };
    assert_eq!(say(Unhealthy, 10), at(10));
    assert_eq!(say(Unhealthy, 20), at(10));
    assert_eq!(say(Healthy, 21), at(21));
    assert_eq!(say(Unhealthy, 22), at(22));
    // The former verdict had gone stale in between.
    assert_eq!(say(Unhealthy, 33), at(33));
    assert_eq!(signal.clone().verdict(at(44)).level, Unknown);
}

#[test]
fn whatever_holds_a_signal_is_one() {
    let closure = |now: Instant| Verdict::new(Degraded, now);
    let manual = ManualSignal::new(Verdict::new(Degraded, NOW));
    let borrowed: &dyn Signal = &manual;
    let boxed: Box<dyn Signal> = Box::new(closure);
    let shared: Arc<dyn Signal> = Arc::new(closure);
    // Wrapped in an adapter each, so that it is the holder that has to be a signal.
    assert_eq!(closure.degraded_at_worst().verdict(NOW).level, Degraded);
    assert_eq!(borrowed.degraded_at_worst().verdict(NOW).level, Degraded);
    assert_eq!(boxed.degraded_at_worst().verdict(NOW).level, Degraded);
    assert_eq!(shared.degraded_at_worst().verdict(NOW).level, Degraded);
    assert_eq!(Arc::new(manual.clone()).degraded_at_worst().verdict(NOW).level, Degraded);
}

fn any_level() -> impl Strategy<Value = Level> {
    prop::sample::select(vec![Healthy, Degraded, Unhealthy, Unknown])
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    (any_level(), 0..1_200_u64, 0..1_000_u64, 0..3_000_u64, 0..3_u64).prop_map(
        |(level, as_of, since, valid, samples)| Verdict {
            valid_until: at(valid),
            ..Verdict::new(level, at(as_of)).since(at(since)).with_samples(samples)
        },
    )
}

/// As bad as `all` takes it.
fn badness(level: Level) -> usize {
    [Healthy, Degraded, Unknown, Unhealthy].iter().position(|other| *other == level).unwrap()
}

proptest! {
    #[test]
    fn a_worse_member_never_makes_a_group_better(
        members in prop::collection::vec(any_level(), 1..7),
        which in proptest::arbitrary::any::<prop::sample::Index>(),
        worse in any_level(),
        k in 1..7_usize,
    ) {
        let which = which.index(members.len());
        prop_assume!(badness(worse) >= badness(members[which]));
        let mut after = members.clone();
        after[which] = worse;
        for of in [all(), any(), quorum(k.min(members.len()))] {
            let (before, after) = (levels(of.clone(), &members), levels(of, &after));
            prop_assert!(badness(after) >= badness(before), "{before} became {after}");
        }
    }

    #[test]
    fn order_does_not_matter_and_asking_changes_nothing(
        (verdicts, shuffled) in prop::collection::vec(any_verdict(), 0..7)
            .prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
        k in 1..7_usize,
    ) {
        for of in [all(), any(), quorum(k)] {
            let one = group(of.clone(), verdicts.clone());
            prop_assert_eq!(&one, &group(of.clone(), verdicts.clone()));
            let other = group(of, shuffled.clone());
            prop_assert_eq!(
                (one.level, one.as_of, one.valid_until, one.since, one.samples),
                (other.level, other.as_of, other.valid_until, other.since, other.samples)
            );
        }
    }

    /// The verdict promises its level until `valid_until`, and not an instant longer.
    #[test]
    fn valid_until_is_exact(
        verdicts in prop::collection::vec(any_verdict(), 1..7),
        k in 1..7_usize,
    ) {
        let k = k.min(verdicts.len());
        let mut of = quorum(k);
        let ends = verdicts.iter().map(|verdict| verdict.valid_until.as_nanos().max(1_000));
        let mut instants: Vec<_> = ends.flat_map(|end| [end, end + 1]).collect();
        instants.sort_unstable();
        for (index, verdict) in verdicts.into_iter().enumerate() {
            of = of.member(index.to_string(), move |_: Instant| verdict.clone());
        }
        let now = of.verdict(NOW);
        prop_assert!(now.valid_until >= NOW);
        for later in instants {
            let level = of.verdict(at(later)).level;
            if at(later) <= now.valid_until {
                prop_assert_eq!(level, now.level);
            } else {
                prop_assert_ne!(level, now.level);
                break;
            }
        }
    }

    /// With members that never lied about `since`, neither does the group.
    #[test]
    fn since_is_proven(
        histories in prop::collection::vec(prop::collection::vec(any_level(), 8), 1..5),
        k in 1..5_usize,
    ) {
        let k = k.min(histories.len());
        let level_at = |instant: usize| {
            let members: Vec<_> = histories.iter().map(|history| history[instant]).collect();
            levels(quorum(k), &members)
        };
        let verdicts = histories.iter().map(|history| {
            let last = history[7];
            let since = (0..8).rev().take_while(|i| history[*i] == last).last().unwrap();
            Verdict::new(last, NOW).since(at(since as u64))
        });
        let verdict = group(quorum(k), verdicts);
        let since = usize::try_from(verdict.since.as_nanos()).unwrap();
        prop_assert!(since <= 7);
        for instant in since..8 {
            prop_assert_eq!(level_at(instant), verdict.level);
        }
    }
}
