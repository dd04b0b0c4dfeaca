use serde::de::Error;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Entry, Recording};

const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "Recording")]
struct Stored<I> {
    // Stored first, so that a newer form is refused for its version and not for what it changed.
    #[serde(rename = "version")]
    _version: Version,
    start: u64,
    end: u64,
    entries: Vec<Entry<I>>,
}

struct Version;

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            VERSION => Ok(Self),
            other => Err(D::Error::custom(format_args!(
                "recording has version {other}, this build reads version {VERSION}"
            ))),
        }
    }
}

impl<I: Serialize> Serialize for Recording<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut stored = serializer.serialize_struct("Recording", 4)?;
        stored.serialize_field("version", &VERSION)?;
        stored.serialize_field("start", &self.start)?;
        stored.serialize_field("end", &self.end)?;
        stored.serialize_field("entries", &self.entries)?;
        stored.end()
    }
}

impl<'de, I: Deserialize<'de>> Deserialize<'de> for Recording<I> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { start, end, entries, .. } = Stored::deserialize(deserializer)?;
        Self::from_parts(start, end, entries).map_err(D::Error::custom)
    }
}

impl<I> Recording<I> {
    fn from_parts(start: u64, end: u64, entries: Vec<Entry<I>>) -> Result<Self, String> {
        let misplaced =
            |seq| format!("input {seq} repeats, steps back, or lies outside of {start}..{end}");
        if end < start {
            return Err(misplaced(end));
        }
        let mut lowest = start;
        for entry in &entries {
            if !(lowest..end).contains(&entry.seq) {
                return Err(misplaced(entry.seq));
            }
            lowest = entry.seq.saturating_add(1);
        }
        Ok(Self { start, end, entries })
    }
}
