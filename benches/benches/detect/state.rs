//! What a detector of a series takes up.

use allocation_counter::measure;
use rely_benches::Row;

use crate::{peers, rely};

/// A row for each, after two weeks. What `bytes_said` a detector of ours is held to by what was
/// allocated.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, make) in rely::DETECTORS {
        let mut kept = None;
        let info = measure(|| kept = Some(rely::warm(make).0));
        let mut row = row(name, info.bytes_current);
        row.set("bytes_said", kept.map_or(0.0, |detector| detector.bytes() as f64));
        rows.push(row);
    }
    for (name, make) in peers::PEERS {
        let mut kept = None;
        let info = measure(|| kept = Some(peers::warm(make).0));
        rows.push(row(name, info.bytes_current));
        drop(kept);
    }
    rows
}

fn row(name: &str, bytes: i64) -> Row {
    let mut row = Row::new(format!("{name}/state"));
    row.set("bytes", bytes as f64);
    row
}
