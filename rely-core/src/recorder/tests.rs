use core::num::NonZeroUsize;

use proptest::prelude::*;

use super::{NotConsecutive, Recorder, Recording};
use crate::Instant;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn recorder(capacity: usize, inputs: u64) -> Recorder<u64> {
    let mut recorder = Recorder::new(NonZeroUsize::new(capacity).unwrap());
    (0..inputs).for_each(|n| recorder.record(at(10 * n), n));
    recorder
}

fn replayed(recording: &Recording<u64>) -> Result<Vec<u64>, String> {
    let mut seen = Vec::new();
    recording
        .replay(|time, input| {
            assert_eq!(time, at(10 * input));
            seen.push(*input);
        })
        .map_err(|error| error.to_string())?;
    Ok(seen)
}

#[test]
fn a_full_recorder_keeps_its_beginning_and_counts_the_rest() {
    let mut full = recorder(3, 3);
    assert_eq!(replayed(full.recording()), Ok(vec![0, 1, 2]));
    full.record(at(30), 3);
    full.record(at(40), 4);
    let recording = full.take();
    assert_eq!(replayed(&recording), Err("recording lacks input 3 to 4".into()));
    assert_eq!(recording.check().unwrap_err().missing().first(), Some(&(3..5)));
    assert_eq!(replayed(&recording.complete_prefix()), Ok(vec![0, 1, 2]));
}

#[test]
fn nothing_is_replayed_of_an_incomplete_recording() {
    let mut calls = 0;
    assert!(recorder(1, 2).recording().replay(|_, _| calls += 1).is_err());
    assert_eq!(calls, 0);
}

#[test]
fn an_empty_recording_is_whole() {
    let empty = recorder(1, 0);
    assert_eq!(replayed(empty.recording()), Ok(vec![]));
    assert_eq!(empty.recording().clone().complete_prefix(), *empty.recording());
}

#[test]
fn taken_pieces_join_to_a_whole() {
    let mut recorder = recorder(4, 4);
    let mut first = recorder.take();
    (4..7).for_each(|n| recorder.record(at(10 * n), n));
    let mut second = recorder.take();
    assert_eq!((second.start(), second.end()), (4, 7));
    let copy = second.clone();
    first.append(&mut second).unwrap();
    assert_eq!(replayed(&first), Ok((0..7).collect()));
    assert!(second.entries().is_empty());

    let overlap = NotConsecutive { expected: 7, found: 4 };
    let mut again = copy.clone();
    assert_eq!(first.append(&mut again), Err(overlap));
    assert_eq!(again, copy);
    assert!(overlap.to_string().contains("4 instead of 7: they overlap"));

    let mut later = recorder.take();
    let mut earlier = Recording::<u64>::starting_at(0);
    let error = earlier.append(&mut later).unwrap_err();
    assert!(error.to_string().contains("7 instead of 0: there is a gap"));
}

#[test]
fn every_missing_stretch_is_named() {
    let mut recorder = recorder(1, 3);
    let mut all = recorder.take();
    for n in 1..12 {
        (0..2).for_each(|_| recorder.record(at(0), n));
        all.append(&mut recorder.take()).unwrap();
    }
    let error = all.check().unwrap_err();
    assert_eq!(error.missing().len(), 12);
    assert_eq!(error.missing()[..2], [1..3, 4..5]);
    let text = error.to_string();
    assert!(text.starts_with("recording lacks input 1 to 2, 4, 6,"), "{text}");
    assert!(text.ends_with("and 4 more stretches"), "{text}");
}

proptest! {
    #[test]
    fn what_is_held_and_what_is_missing_make_the_whole(
        capacity in 1..8_usize,
        // How many inputs come before each take.
        pieces in proptest::collection::vec(0..12_u64, 1..10),
    ) {
        let mut recorder = recorder(capacity, 0);
        let mut all = recorder.take();
        let mut next = 0;
        for inputs in pieces {
            for _ in 0..inputs {
                recorder.record(at(10 * next), next);
                next += 1;
            }
            all.append(&mut recorder.take()).unwrap();
        }
        let missing = all.check().err().map_or_else(Vec::new, |e| e.missing().to_vec());
        let mut seen: Vec<_> = missing.iter().cloned().flatten().collect();
        seen.extend(all.entries().iter().map(|entry| entry.input));
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..next).collect::<Vec<_>>());
        prop_assert_eq!(all.end(), next);

        let prefix = all.complete_prefix();
        let first_gap = missing.first().map_or(next, |gap| gap.start);
        prop_assert_eq!(replayed(&prefix), Ok((0..first_gap).collect()));
    }
}

#[cfg(feature = "serde")]
mod with_serde {
    use super::*;

    fn read(json: &str) -> Result<Recording<u64>, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_recording_reads_back_with_its_gaps() {
        let recording = recorder(2, 3).take();
        let text = serde_json::to_string(&recording).unwrap();
        assert_eq!(
            text,
            "{\"version\":1,\"start\":0,\"end\":3,\"entries\":[{\"seq\":0,\"at\":0,\"input\":0},\
             {\"seq\":1,\"at\":10,\"input\":1}]}"
        );
        assert_eq!(read(&text), Ok(recording));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let entry = |seq: u64| format!("{{\"seq\":{seq},\"at\":0,\"input\":0}}");
        let stored = |start, end, seqs: &[u64]| {
            let entries: Vec<_> = seqs.iter().copied().map(entry).collect();
            let entries = entries.join(",");
            read(&format!(
                "{{\"version\":1,\"start\":{start},\"end\":{end},\"entries\":[{entries}]}}"
            ))
        };
        assert!(stored(2, 5, &[2, 4]).is_ok());
        let cases: [(u64, u64, &[u64], &str); 6] = [
            (2, 5, &[3, 3], "input 3 repeats, steps back, or lies outside of"),
            (2, 5, &[4, 3], "input 3 repeats, steps back, or lies outside of"),
            (2, 5, &[1], "input 1 repeats, steps back, or lies outside of"),
            (2, 5, &[5], "input 5 repeats, steps back, or lies outside of"),
            (5, 2, &[], "input 2 repeats, steps back, or lies outside of"),
            (0, 0, &[0], "input 0 repeats, steps back, or lies outside of"),
        ];
        for (start, end, seqs, expected) in cases {
            let error = stored(start, end, seqs).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let error = read("{\"version\":2,\"epoch\":7}").unwrap_err();
        assert!(error.contains("version 2, this build reads version 1"), "{error}");
        assert!(read("{\"start\":0,\"end\":0,\"entries\":[]}").unwrap_err().contains("version"));
    }
}
