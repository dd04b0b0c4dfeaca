//! A window as one would write it down: calls in a list, added up at each look.

use std::collections::VecDeque;

use rely_core::Instant;
use rely_core::window::Counts;

use super::Window;

/// So many calls in a row from before a window of time mean that the clock was set back.
const CLOCK_WAS_SET_BACK: u32 = 16;

#[derive(Clone)]
pub(crate) struct NaiveWindow {
    form: Window,
    calls: VecDeque<Call>,
    /// The newest bucket that something came into; a window of time never goes back behind it.
    newest: i128,
    /// What to add to the clock's bucket since it was set back.
    ahead: i128,
    too_old_in_a_row: u32,
}

#[derive(Clone, Copy)]
struct Call {
    bucket: i128,
    weight: u64,
    bad: bool,
    slow: bool,
}

impl NaiveWindow {
    pub(crate) fn new(form: Window) -> Self {
        Self { form, calls: VecDeque::new(), newest: 0, ahead: 0, too_old_in_a_row: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.calls.clear();
    }

    /// How many buckets there are, and how many nanoseconds each has.
    fn buckets(&self) -> Option<(i128, i128)> {
        let Window::Time(time) = self.form else { return None };
        let nanos = time.span.as_nanos() / u128::from(time.buckets);
        Some((time.buckets.into(), i128::try_from(nanos).unwrap()))
    }

    fn bucket_of(&self, now: Instant) -> i128 {
        self.buckets().map_or(0, |(_, nanos)| i128::from(now.as_nanos()) / nanos + self.ahead)
    }

    /// `false` if the call is older than the window.
    pub(crate) fn record(&mut self, now: Instant, weight: u64, bad: bool, slow: bool) -> bool {
        let weight = if matches!(self.form, Window::Calls(_)) { 1 } else { weight };
        let mut bucket = self.bucket_of(now);
        match (self.form, self.buckets()) {
            (_, Some((buckets, _))) => {
                if self.newest - bucket >= buckets {
                    self.too_old_in_a_row += 1;
                    if self.too_old_in_a_row < CLOCK_WAS_SET_BACK {
                        return false;
                    }
                    self.ahead += self.newest - bucket;
                    bucket = self.newest;
                }
                self.too_old_in_a_row = 0;
                self.newest = self.newest.max(bucket);
            }
            (Window::Calls(calls) | Window::WeightedCalls(calls), None) => {
                if self.calls.len() == calls as usize {
                    self.calls.pop_front();
                }
            }
            (other, None) => panic!("{other:?}"),
        }
        self.calls.push_back(Call { bucket, weight, bad, slow });
        true
    }

    pub(crate) fn counts(&self, now: Instant) -> Counts {
        let head = self.bucket_of(now).max(self.newest);
        let reach = self.buckets().map_or(i128::MAX, |(buckets, _)| buckets);
        let held = self.calls.iter().filter(|call| head - call.bucket < reach);
        held.fold(Counts::default(), |sum, call| Counts {
            total: sum.total + call.weight,
            bad: sum.bad + if call.bad { call.weight } else { 0 },
            slow: sum.slow + if call.slow { call.weight } else { 0 },
        })
    }

    /// Takes over what `other` holds, which knows no more than its own form does.
    pub(crate) fn adopt(&mut self, other: &Self, slow: bool, now: Instant) {
        let mut calls: Vec<_> = other.calls.iter().copied().collect();
        for call in &mut calls {
            call.slow &= slow;
        }
        match (self.buckets(), other.buckets()) {
            (None, None) => {
                for Call { weight, bad, slow, .. } in calls {
                    self.record(now, weight, bad, slow);
                }
            }
            (Some(_), Some((reach, nanos))) => {
                let head = other.bucket_of(now).max(other.newest);
                // A window of time has sums, and no calls any more.
                calls.sort_by_key(|call| (call.bucket, call.slow, call.bad));
                let sums = calls.chunk_by(|one, two| {
                    (one.bucket, one.slow, one.bad) == (two.bucket, two.slow, two.bad)
                });
                for sum in sums.filter(|sum| head - sum[0].bucket < reach) {
                    let Call { bucket, bad, slow, .. } = sum[0];
                    let at = (i128::from(now.as_nanos()) - (head - bucket) * nanos).max(0);
                    let at = Instant::from_nanos(u64::try_from(at).unwrap());
                    self.record(at, sum.iter().map(|call| call.weight).sum(), bad, slow);
                }
            }
            _ => {}
        }
    }
}
