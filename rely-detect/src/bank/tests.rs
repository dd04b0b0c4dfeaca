use core::time::Duration;
use std::collections::VecDeque;

use proptest::prelude::*;
use rely_core::{Instant, Level};

use super::*;
use crate::Why;

/// Takes up what its last value says.
struct Heavy(u64);

impl Detector for Heavy {
    fn observe(&mut self, sample: Sample) -> Reading {
        self.0 = sample.count;
        Reading::plain(sample, Level::Healthy, sample.at, 1, Why::Ordinary)
    }

    fn is_warm(&self) -> bool {
        true
    }

    fn bytes(&self) -> usize {
        usize::try_from(self.0).unwrap()
    }
}

fn sample(bytes: u64) -> Sample {
    Sample::of(Instant::from_nanos(1), 0.0, bytes)
}

fn overhead() -> usize {
    Bank::<u32, Heavy>::overhead(&0, |_| 0)
}

#[test]
fn ten_thousand_series_stay_under_their_cap_and_the_silent_ones_go() {
    use crate::families::EwmaBand;
    let fresh = EwmaBand::detector("").build().unwrap();
    let each = fresh.bytes() + Bank::<u32, crate::Calibrated<EwmaBand>>::overhead(&0, |_| 0);
    let cap = 8_000 * each;
    let mut bank = Bank::new(cap, move |_: &u32| fresh.clone());
    let mut at = Instant::ORIGIN;
    for round in 0..3 {
        at += Duration::from_secs(60);
        for key in 0..10_000 {
            let reading = bank.observe(&key, Sample::new(at, f64::from(key + round)));
            assert!(reading.is_some() && bank.bytes() <= cap);
        }
    }
    assert_eq!((bank.len(), bank.evicted(), bank.refused()), (8_000, 22_000, 0));
    assert!(bank.get(&1_999).is_none() && bank.get(&2_000).is_some());
    let kept: Vec<u32> = bank.iter().map(|(key, _)| *key).collect();
    assert_eq!(kept, (2_000..10_000).rev().collect::<Vec<_>>());
}

#[test]
fn a_detector_that_grows_drives_out_others_and_one_too_large_itself_alone() {
    let mut bank = Bank::new(1000 + 3 * overhead(), |_: &u32| Heavy(0));
    for key in 0..3 {
        bank.observe(&key, sample(300));
    }
    assert_eq!((bank.len(), bank.bytes()), (3, 900 + 3 * overhead()));
    assert!(bank.observe(&1, sample(500)).is_some());
    assert_eq!((bank.len(), bank.evicted()), (2, 1));
    assert!(bank.get(&0).is_none() && bank.get(&1).is_some() && bank.get(&2).is_some());
    assert!(bank.observe(&2, sample(1_000_000)).is_none());
    assert_eq!((bank.len(), bank.evicted(), bank.refused()), (1, 1, 1));
    assert_eq!(bank.bytes(), 500 + overhead());
    assert!(bank.observe(&2, sample(10)).is_some() && bank.forget(&2) && !bank.forget(&2));
    assert!(bank.forget(&1) && bank.bytes() == 0);
    assert!(bank.is_empty());
}

proptest! {
    #[test]
    fn the_bank_is_a_row_by_last_update(
        samples in prop::collection::vec((0..20_u32, 0..400_u32), 0..200),
        cap in 0..2000_usize,
    ) {
        let mut bank = Bank::new(cap, |_: &u32| Heavy(0));
        let mut row: VecDeque<(u32, usize)> = VecDeque::new();
        for (key, size) in samples {
            let taken = bank.observe(&key, sample(size.into())).is_some();
            row.retain(|(held, _)| *held != key);
            let bytes = size as usize + overhead();
            // One that does not fit alone drives out nobody.
            if bytes <= cap {
                row.push_front((key, bytes));
            }
            while row.iter().map(|(_, bytes)| bytes).sum::<usize>() > cap {
                row.pop_back();
            }
            prop_assert_eq!(taken, row.front().is_some_and(|(held, _)| *held == key));
            prop_assert!(bank.iter().map(|(key, _)| *key).eq(row.iter().map(|(key, _)| *key)));
            prop_assert_eq!(bank.bytes(), row.iter().map(|(_, bytes)| bytes).sum::<usize>());
            prop_assert_eq!(bank.len(), row.len());
        }
    }
}
