//! Windows of calls.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::super::*;
use crate::Weight;

/// The last calls of the current epoch, kept one by one.
struct Naive {
    calls: usize,
    epoch: u16,
    ended: VecDeque<(u64, bool, bool)>,
    /// How many the epoch has taken in.
    number: u64,
    lifetime: Counts,
}

impl Naive {
    fn new(calls: u32) -> Self {
        let (ended, lifetime) = (VecDeque::new(), Counts::default());
        Self { calls: calls as usize, epoch: 0, ended, number: 0, lifetime }
    }

    fn record(&mut self, epoch: u16, weight: u64, bad: bool, slow: bool) -> Option<u64> {
        if epoch != self.epoch {
            return None;
        }
        self.lifetime.total += weight;
        self.lifetime.bad += if bad { weight } else { 0 };
        self.lifetime.slow += if slow { weight } else { 0 };
        self.ended.push_back((weight, bad, slow));
        if self.ended.len() > self.calls {
            self.ended.pop_front();
        }
        self.number += 1;
        Some(self.number)
    }

    fn reset(&mut self) {
        self.epoch = (self.epoch + 1) % tickets::EPOCHS;
        self.ended.clear();
        self.number = 0;
    }

    fn counts(&self) -> Counts {
        let sum = |f: &dyn Fn(&(u64, bool, bool)) -> bool| {
            self.ended.iter().filter(|call| f(call)).map(|call| call.0).sum()
        };
        Counts { total: sum(&|_| true), bad: sum(&|call| call.1), slow: sum(&|call| call.2) }
    }
}

/// The windows under test, each beside its model.
struct Pair {
    /// Told of every call in the same words.
    bits: CountWindow,
    /// Told of good calls in few.
    fast: CountWindow,
    words: WeightedWindow,
    model: Naive,
    weighted: Naive,
}

impl Pair {
    fn record(&mut self, stale: bool, weight: u16, bad: bool, slow: bool) {
        let epoch = self.model.epoch;
        let epoch = if stale { (epoch + tickets::EPOCHS - 1) % tickets::EPOCHS } else { epoch };
        let before = self.model.counts();
        let number = self.model.record(epoch, 1, bad, slow);
        self.weighted.record(epoch, u64::from(weight), bad, slow);
        assert_eq!(self.bits.record(epoch, bad, slow), number);
        assert_eq!(self.words.record(epoch, Weight::new(weight), bad, slow), number);
        if bad || slow {
            assert_eq!(self.fast.record(epoch, bad, slow), number);
            return;
        }
        let good = match number {
            None => Good::Late,
            Some(_) if before.bad + before.slow == 0 => Good::Clean,
            Some(number) => Good::Mixed(number),
        };
        assert_eq!(self.fast.record_good(epoch), good);
        let counts = self.model.counts();
        assert_eq!(self.fast.is_clean(), counts.bad + counts.slow == 0);
    }

    fn check(&self) {
        let Self { bits, fast, words, model, weighted } = self;
        for window in [bits, fast] {
            assert_eq!((window.counts(), window.lifetime()), (model.counts(), model.lifetime));
        }
        assert_eq!((words.counts(), words.lifetime()), (weighted.counts(), weighted.lifetime));
    }

    /// What the windows say of each call, and whether it makes the same windows anew.
    fn check_order(&self) {
        let ended =
            self.weighted.ended.iter().map(|(weight, bad, slow)| {
                (Weight::new(u16::try_from(*weight).unwrap()), *bad, *slow)
            });
        let words = self.words.calls_in_order();
        assert_eq!(words, ended.collect::<Vec<_>>());
        let bits = self.bits.calls_in_order();
        assert_eq!(bits, self.fast.calls_in_order());
        assert_eq!(bits, words.iter().map(|call| (call.1, call.2)).collect::<Vec<_>>());
        let size = u32::try_from(self.bits.calls()).unwrap();
        let again = CountWindow::new(size).unwrap().with_slow();
        bits.iter().for_each(|(bad, slow)| assert!(again.record(0, *bad, *slow).is_some()));
        assert_eq!((again.counts(), again.calls_in_order()), (self.bits.counts(), bits));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Record { stale: bool, weight: u16, bad: bool, slow: bool },
    Run { calls: u16, bad: bool, slow: bool },
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (prop::bool::weighted(0.1), 1..1000u16, any::<bool>(), any::<bool>())
            .prop_map(|(stale, weight, bad, slow)| Step::Record { stale, weight, bad, slow }),
        5 => (0..300u16, prop::bool::weighted(0.3), prop::bool::weighted(0.3))
            .prop_map(|(calls, bad, slow)| Step::Run { calls, bad, slow }),
        1 => Just(Step::Reset),
    ]
}

proptest! {
    #[test]
    fn count_windows_agree_with_a_list(
        calls in prop_oneof![1..8u32, 40..60u32, 90..200u32],
        keeps_slow in prop::bool::weighted(0.8),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let window = || {
            let window = CountWindow::new(calls).unwrap();
            if keeps_slow { window.with_slow() } else { window }
        };
        let mut pair = Pair {
            bits: window(),
            fast: window(),
            words: WeightedWindow::new(calls)?,
            model: Naive::new(calls),
            weighted: Naive::new(calls),
        };
        for step in steps {
            match step {
                Step::Record { stale, weight, bad, slow } => {
                    pair.record(stale, weight, bad, slow && keeps_slow);
                }
                Step::Run { calls, bad, slow } => {
                    (0..calls).for_each(|_| pair.record(false, 3, bad, slow && keeps_slow));
                }
                Step::Reset => {
                    pair.model.reset();
                    pair.weighted.reset();
                    let epoch = pair.model.epoch;
                    for reset in [pair.bits.reset(), pair.fast.reset(), pair.words.reset()] {
                        prop_assert_eq!(reset, epoch);
                    }
                }
            }
            pair.check();
        }
        pair.check_order();
    }
}

#[test]
fn a_count_window_really_slides() {
    let window = CountWindow::new(10).unwrap();
    for _ in 0..1_000 {
        window.record(0, false, false);
    }
    for bad in 1..=5 {
        window.record(0, true, false);
        assert_eq!(window.counts(), Counts { total: 10, bad, slow: 0 });
    }
}

#[test]
fn a_window_that_learns_to_keep_slow_calls_starts_empty() {
    let window = CountWindow::new(3).unwrap();
    window.record(0, true, true);
    let window = window.with_slow();
    assert_eq!(window.counts(), Counts::default());
    assert_eq!(window.record(0, true, true), Some(1));
    assert_eq!(window.counts(), Counts { total: 1, bad: 1, slow: 1 });
}
