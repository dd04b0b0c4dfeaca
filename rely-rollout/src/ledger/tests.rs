use core::time::Duration;
use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn at(secs: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(secs)
}

fn release(number: u32) -> Release {
    Release::builder(format!("v{number}")).code(format!("build {number}")).build().unwrap()
}

fn reading(number: u32, schema: core::ops::RangeInclusive<u32>) -> Release {
    let builder = Release::builder(format!("v{number}")).code(format!("build {number}"));
    builder.schema_range(schema).build().unwrap()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Call {
    Adopt,
    Candidate,
    Bake,
    Good,
    Bad,
    Quarantine,
    Pardon,
}

const CALLS: [Call; 7] = [
    Call::Adopt,
    Call::Candidate,
    Call::Bake,
    Call::Good,
    Call::Bad,
    Call::Quarantine,
    Call::Pardon,
];

fn call(ledger: &mut Ledger, call: Call, release: &Release, now: Instant) -> Change {
    let digest = release.digest();
    match call {
        Call::Adopt => ledger.adopt(release, "why", now),
        Call::Candidate => ledger.candidate(release, "why", now),
        Call::Bake => ledger.bake(&digest, "why", now),
        Call::Good => ledger.good(&digest, "why", now),
        Call::Bad => ledger.bad(&digest, "why", now),
        Call::Quarantine => ledger.quarantine(&digest, "why", now),
        Call::Pardon => ledger.pardon(&digest, "why", now),
    }
}

/// What the module's table says: the new standing, `=` for no change, `!` for an error. In the
/// order of `CALLS`.
const TABLE: [(&str, [&str; 7]); 6] = [
    ("unknown", ["good", "candidate", "!", "!", "!", "!", "!"]),
    ("candidate", ["good", "=", "baking", "!", "bad", "quarantined", "!"]),
    ("baking", ["!", "=", "=", "good", "bad", "quarantined", "!"]),
    ("good", ["=", "=", "=", "good", "bad", "quarantined", "!"]),
    ("bad", ["!", "!", "!", "!", "=", "quarantined", "candidate"]),
    ("quarantined", ["!", "!", "!", "!", "=", "=", "candidate"]),
];

fn reach(standing: &str) -> Ledger {
    let calls: &[Call] = match standing {
        "candidate" => &[Call::Candidate],
        "baking" => &[Call::Candidate, Call::Bake],
        "good" => &[Call::Adopt],
        "bad" => &[Call::Candidate, Call::Bad],
        "quarantined" => &[Call::Candidate, Call::Quarantine],
        _ => &[],
    };
    let mut ledger = Ledger::new();
    for &step in calls {
        call(&mut ledger, step, &release(1), at(0)).unwrap().unwrap();
    }
    ledger
}

#[test]
fn every_change_is_as_the_table_says() {
    let v1 = release(1);
    let name = |ledger: &Ledger| {
        ledger.standing(&v1.digest()).map_or("unknown", Standing::as_str).to_owned()
    };
    for (from, row) in TABLE {
        for (step, expected) in CALLS.into_iter().zip(row) {
            let mut ledger = reach(from);
            assert_eq!(name(&ledger), from);
            let before = ledger.entries().len();
            let change = call(&mut ledger, step, &v1, at(5));
            let after = name(&ledger);
            let place = format!("{from}, {step:?}: {change:?}");
            match (expected, change) {
                ("!", Err(error)) => {
                    let unknown = matches!(error, LedgerError::Unknown { .. });
                    assert_eq!(unknown, from == "unknown", "{place}");
                    assert_eq!((after.as_str(), ledger.entries().len()), (from, before), "{place}");
                }
                ("=", Ok(None)) => {
                    assert_eq!((after.as_str(), ledger.entries().len()), (from, before), "{place}");
                }
                (to, Ok(Some(entry))) => {
                    assert_eq!(after, to, "{place}");
                    assert_eq!(entry.to.as_str(), to, "{place}");
                    let was = entry.from.as_ref().map_or("unknown", Standing::as_str);
                    assert_eq!(
                        (was, entry.at, entry.why.as_ref()),
                        (from, at(5), "why"),
                        "{place}"
                    );
                    assert_eq!(ledger.entries().next_back(), Some(&entry), "{place}");
                }
                _ => panic!("{place}, expected {expected}"),
            }
        }
    }
}

#[test]
fn one_goes_back_to_the_newest_good_that_reads_the_data_and_not_to_the_previous() {
    let mut ledger = Ledger::new();
    let (old, newer) = (reading(1, 0..=2), reading(2, 2..=3));
    let (bad, aside, hope) = (reading(3, 0..=9), reading(4, 0..=9), reading(5, 0..=9));
    assert_eq!(ledger.last_known_good(0), None);
    for (secs, release) in [&newer, &old].into_iter().enumerate() {
        ledger.adopt(release, "ran before", at(secs as u64)).unwrap();
    }
    ledger.candidate(&bad, "next", at(5)).unwrap();
    ledger.bake(&bad.digest(), "all calls", at(6)).unwrap();
    ledger.bad(&bad.digest(), "late errors", at(7)).unwrap();
    ledger.adopt(&aside, "ran elsewhere", at(8)).unwrap();
    ledger.quarantine(&aside.digest(), "a hole", at(9)).unwrap();
    ledger.candidate(&hope, "next", at(10)).unwrap();
    ledger.bake(&hope.digest(), "all calls", at(11)).unwrap();

    assert_eq!(ledger.last_known_good(1), Some(&old));
    assert_eq!(ledger.last_known_good(2), Some(&old), "good last, whatever its number");
    assert_eq!(ledger.last_known_good(3), Some(&newer));
    assert_eq!(ledger.last_known_good(4), None);
    assert_eq!(ledger.good_except(2, Some(&old.digest())), Some(&newer));
    ledger.good(&hope.digest(), "baked", at(12)).unwrap();
    assert_eq!(ledger.last_known_good(4), Some(&hope));
}

#[test]
fn an_entry_and_a_refusal_say_who_and_why() {
    let mut ledger = Ledger::new();
    let v1 = release(1);
    let entry = ledger.adopt(&v1, "ran before", at(0)).unwrap().unwrap();
    let short = v1.digest().short();
    assert_eq!(entry.to_string(), format!("v1 ({short}) unknown to good: ran before"));
    ledger.bad(&v1.digest(), "31 % fail", at(1)).unwrap();
    let error = ledger.adopt(&v1, "again", at(2)).unwrap_err();
    assert_eq!(error.to_string(), format!("v1 ({short}) is bad (31 % fail) and cannot be adopted"));
    let error = ledger.bad(&release(2).digest(), "no", at(2)).unwrap_err().to_string();
    assert_eq!(error, format!("no release {} is known", release(2).digest().short()));
}

#[test]
fn it_stays_bounded_and_forgets_neither_the_bad_nor_what_to_go_back_to() {
    let mut ledger = Ledger::new();
    let (bad, home) = (release(0), reading(1, 0..=0));
    ledger.candidate(&bad, "first", at(0)).unwrap();
    ledger.bad(&bad.digest(), "broken", at(0)).unwrap();
    ledger.adopt(&home, "home", at(0)).unwrap();
    for number in 2..2000 {
        ledger.adopt(&reading(number, 1..=1), "many", at(1)).unwrap();
    }
    assert_eq!(ledger.records().count(), MOST_RELEASES);
    assert_eq!(ledger.entries().len(), KEPT_ENTRIES);
    assert_eq!(ledger.entries().next_back().unwrap().number, 2000 + 1);
    assert!(ledger.standing(&bad.digest()).unwrap().is_barred());
    assert_eq!(ledger.last_known_good(0), Some(&home));
    assert_eq!(ledger.standing(&reading(2, 1..=1).digest()), None, "the oldest is forgotten");
    assert!(ledger.standing(&reading(1999, 1..=1).digest()).is_some());
    ledger.set_schema(1);
    ledger.adopt(&release(5000), "one more", at(2)).unwrap();
    assert_eq!(ledger.last_known_good(0), Some(&release(5000)));
}

#[test]
fn candidates_push_out_no_good_release() {
    let mut ledger = Ledger::new();
    for number in 0..2 {
        ledger.adopt(&release(number), "ran before", at(0)).unwrap();
    }
    for number in 2..2000 {
        ledger.candidate(&release(number), "built", at(1)).unwrap();
    }
    ledger.bad(&release(1).digest(), "late errors", at(2)).unwrap();
    assert_eq!(ledger.last_known_good(0), Some(&release(0)), "the one before the newest");
    assert_eq!(ledger.standing(&release(2).digest()), None, "the oldest is forgotten");
    assert_eq!(ledger.records().count(), MOST_RELEASES);
}

#[test]
fn a_ledger_full_of_the_bad_takes_no_more() {
    let mut ledger = Ledger::new();
    for number in 0..1000 {
        ledger.candidate(&release(number), "next", at(0)).unwrap();
        ledger.quarantine(&release(number).digest(), "no", at(0)).unwrap();
    }
    let full = ledger.candidate(&release(1000), "next", at(0)).unwrap_err();
    assert_eq!(full, LedgerError::Full { most: 1000 });
    assert_eq!(ledger.standing(&release(1000).digest()), None);
}

#[cfg(feature = "serde")]
#[test]
fn a_kept_ledger_goes_on_where_it_was_and_a_forged_one_is_refused() {
    let mut ledger = reach("bad");
    ledger.set_schema(3);
    ledger.adopt(&release(2), "ran before", at(9)).unwrap();
    let text = serde_json::to_string(&ledger).unwrap();
    let mut again: Ledger = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
    assert_eq!((again.schema(), again.last_known_good(3)), (3, Some(&release(2))));
    assert!(again.candidate(&release(1), "again", at(10)).is_err());
    let entry = again.pardon(&release(1).digest(), "by hand", at(0)).unwrap().unwrap();
    assert_eq!((entry.number, entry.at), (4, at(10)), "numbers and time go on");

    for (from, to, error) in [
        ("\"version\":1", "\"version\":2", "version is 2, allowed: 1"),
        (
            "\"number\":3,\"latest\"",
            "\"number\":4,\"latest\"",
            "the entries are not the newest of 4",
        ),
        ("\"changed\":3", "\"changed\":2", "two releases share a change"),
        ("build 2", "build 3", "the digest of v2 is"),
        (
            "\"standing\":{\"bad\"",
            "\"standing\":{\"quarantined\"",
            "the standing of v1 is quarantined, by its entry it is bad",
        ),
        ("{\"release\"", "{\"seal\":1,\"release\"", "unknown field `seal`"),
        ("{\"good\":{", "{\"good\":{\"seal\":1,", "unknown field `seal`"),
        ("\"why\":", "\"seal\":1,\"why\":", "unknown field `seal`"),
    ] {
        let forged = text.replace(from, to);
        assert_ne!(forged, text, "{from}");
        let refused = serde_json::from_str::<Ledger>(&forged).unwrap_err().to_string();
        assert!(refused.starts_with(error), "{refused}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_number_that_no_ledger_would_reach_is_refused() {
    let mut ledger = Ledger::new();
    ledger.adopt(&release(1), "ran before", at(0)).unwrap();
    let text = serde_json::to_string(&ledger).unwrap();
    let most = u64::MAX.to_string();
    let forged = text
        .replace("\"number\":1", &format!("\"number\":{most}"))
        .replace("\"changed\":1", &format!("\"changed\":{most}"));
    let refused = serde_json::from_str::<Ledger>(&forged).unwrap_err().to_string();
    assert!(refused.starts_with("number is 18446744073709551615, allowed: "), "{refused}");
}

proptest! {
    #[test]
    fn whatever_is_called_the_bad_stay_bad_and_the_newest_good_wins(
        calls in prop::collection::vec((0..7_usize, 0..4_u32, 0..4_u64), 0..60),
    ) {
        let mut ledger = Ledger::new();
        let mut standings: HashMap<u32, &str> = HashMap::new();
        let mut good: Vec<u32> = Vec::new();
        for (index, number, secs) in calls {
            let release = release(number);
            let was = standings.get(&number).copied().unwrap_or("unknown");
            let (_, row) = TABLE.iter().find(|(from, _)| *from == was).unwrap();
            let change = call(&mut ledger, CALLS[index], &release, at(secs));
            match row[index] {
                "!" => prop_assert!(change.is_err()),
                "=" => prop_assert_eq!(change, Ok(None)),
                to => {
                    standings.insert(number, to);
                    good.retain(|other| *other != number);
                    if to == "good" {
                        good.push(number);
                    }
                }
            }
            let expected = good.last().map(|number| self::release(*number));
            prop_assert_eq!(ledger.last_known_good(0), expected.as_ref());
        }
        let numbers: Vec<u64> = ledger.entries().map(|entry| entry.number).collect();
        prop_assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "without gaps");
        prop_assert!(ledger.entries().zip(ledger.entries().skip(1)).all(|(a, b)| a.at <= b.at));
    }
}
