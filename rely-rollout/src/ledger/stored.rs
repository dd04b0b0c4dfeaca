use std::collections::{BTreeSet, HashMap, VecDeque};

use rely_core::Instant;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{Entry, KEPT_ENTRIES, Ledger, MOST_RELEASES, Record};
use crate::Digest;

#[derive(Serialize, Deserialize)]
#[serde(rename = "Ledger", deny_unknown_fields)]
struct Stored {
    version: u32,
    schema: u32,
    number: u64,
    latest: Instant,
    records: Vec<Record>,
    entries: VecDeque<Entry>,
}

const VERSION: u32 = 1;
/// Far beyond what any ledger gives, and far from where counting on would overflow.
const MOST_CHANGES: u64 = u64::MAX / 2;

/// Settings are stored as they are. Instants are those of the clock that gave them: in another
/// process they tell an order and not a time.
impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut records: Vec<_> = self.records.values().cloned().collect();
        records.sort_by_key(|record| record.changed);
        let (number, schema, latest) = (self.number, self.schema, self.latest);
        let entries = self.entries.clone();
        Stored { version: VERSION, schema, number, latest, records, entries }.serialize(serializer)
    }
}

/// Refuses another version, releases whose digest is not that of their content, standings that the
/// entries contradict, and numbers that no ledger would have given.
impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let Stored { version, schema, number, latest, records, entries } = stored;
        let error = |text: String| Err(D::Error::custom(text));
        if version != VERSION {
            return error(format!("version is {version}, allowed: {VERSION}"));
        }
        if records.len() > MOST_RELEASES || entries.len() > KEPT_ENTRIES {
            return error(format!("more than {MOST_RELEASES} releases or {KEPT_ENTRIES} entries"));
        }
        if number > MOST_CHANGES {
            return error(format!("number is {number}, allowed: up to {MOST_CHANGES}"));
        }
        let numbers = entries.iter().map(|entry| entry.number);
        let first = number.saturating_sub(entries.len() as u64);
        if !numbers.eq(first.saturating_add(1)..=number) {
            return error(format!("the entries are not the newest of {number}"));
        }
        let changes: BTreeSet<u64> = records.iter().map(|record| record.changed).collect();
        let given = changes.iter().all(|change| (1..=number).contains(change));
        if changes.len() != records.len() || !given {
            return error(format!("two releases share a change, or one is not of the {number}"));
        }
        let entry = |record: &Record| {
            let index = usize::try_from(record.changed.checked_sub(first + 1)?).ok()?;
            entries.get(index)
        };
        for record in &records {
            let digest = record.release.digest();
            match entry(record) {
                Some(entry) if entry.digest != digest || entry.to != record.standing => {
                    let (name, is) = (record.release.name(), record.standing.as_str());
                    let was = entry.to.as_str();
                    return error(format!(
                        "the standing of {name} is {is}, by its entry it is {was}"
                    ));
                }
                _ => {}
            }
        }
        let count = records.len();
        let records: HashMap<Digest, Record> =
            records.into_iter().map(|record| (record.release.digest(), record)).collect();
        if records.len() != count {
            return error("a release is there twice".to_owned());
        }
        Ok(Self { records, entries, number, schema, latest })
    }
}
