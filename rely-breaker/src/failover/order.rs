//! The order in which one call asks the endpoints, as plain data.

/// The endpoints that a call has not asked yet; an endpoint is a bit, the preferred one the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    count: usize,
    start: usize,
    /// Those that come after all others.
    last: u64,
    asked: u64,
}

/// The most endpoints that there may be.
pub(super) const MAX: usize = 64;

pub(super) const fn bit(index: usize) -> u64 {
    1 << index
}

impl Order {
    /// The order of attempt `attempt` at `count` endpoints, from 1 to [`MAX`], of which some come
    /// `last` and some were `refusing` when they were last asked.
    pub(super) fn new(count: usize, last: u64, refusing: u64, attempt: u32) -> Self {
        let all = u64::MAX >> (MAX - count);
        let last = last & all;
        let start = match attempt {
            0 => 0,
            _ => {
                let choices = [all & !last & !refusing, all & !last, all];
                skip(choices.into_iter().find(|&some| some != 0).unwrap_or(all), attempt)
            }
        };
        Self { count, start, last, asked: 0 }
    }

    /// Those still to ask, the next one first.
    pub(super) fn left(self) -> impl Iterator<Item = usize> {
        let ring = move |among: u64| {
            let places = (self.start..self.count).chain(0..self.start);
            places.filter(move |&index| among & !self.asked & bit(index) != 0)
        };
        ring(!self.last).chain(ring(self.last))
    }

    pub(super) const fn ask(&mut self, index: usize) {
        self.asked |= bit(index);
    }

    pub(super) const fn is_over(self) -> bool {
        self.asked.count_ones() as usize == self.count
    }
}

/// The index of the bit of `among` that comes after `n` others, around the ring.
fn skip(mut among: u64, n: u32) -> usize {
    for _ in 0..n % among.count_ones() {
        among &= among - 1;
    }
    among.trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(count: usize, last: u64, refusing: u64, attempt: u32) -> Vec<usize> {
        Order::new(count, last, refusing, attempt).left().collect()
    }

    #[test]
    fn each_attempt_starts_after_as_many_endpoints_as_were_tried() {
        for (count, last, refusing, attempt, expected) in [
            (1, 0, 0, 0, &[0][..]),
            (1, 0, 0, 5, &[0]),
            (3, 0, 0, 0, &[0, 1, 2]),
            (3, 0, 0, 1, &[1, 2, 0]),
            (3, 0, 0, 2, &[2, 0, 1]),
            (3, 0, 0, 3, &[0, 1, 2]),
            (3, 0, 0, u32::MAX, &[0, 1, 2]),
            // The first attempt asks a refusing endpoint, which is how it comes back.
            (3, 0, 0b001, 0, &[0, 1, 2]),
            (3, 0, 0b001, 1, &[2, 0, 1]),
            (3, 0, 0b001, 2, &[1, 2, 0]),
            (3, 0, 0b111, 1, &[1, 2, 0]),
            (3, 0b001, 0, 0, &[1, 2, 0]),
            (3, 0b001, 0, 1, &[2, 1, 0]),
            (3, 0b010, 0b001, 1, &[2, 0, 1]),
            (3, 0b010, 0b101, 1, &[2, 0, 1]),
            (3, 0b111, 0, 0, &[0, 1, 2]),
            (3, 0b111, 0b111, 1, &[1, 2, 0]),
        ] {
            let case = format!("{count} {last:b} {refusing:b} {attempt}");
            assert_eq!(order(count, last, refusing, attempt), expected, "{case}");
        }
    }

    proptest! {
        #[test]
        fn every_endpoint_is_asked_once_and_those_set_back_last(
            count in 1..=MAX, last: u64, refusing: u64, attempt: u32,
        ) {
            let mut order = Order::new(count, last, refusing, attempt);
            let planned: Vec<_> = order.left().collect();
            let mut sorted = planned.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..count).collect::<Vec<_>>());
            prop_assert!(planned.is_sorted_by_key(|&index| last & bit(index) != 0));
            // The naive way to the same start.
            let among = |skip: &dyn Fn(usize) -> bool| {
                (0..count).filter(|&index| !skip(index)).collect::<Vec<_>>()
            };
            let is_last = |index| last & bit(index) != 0;
            let choices = [
                among(&|index| is_last(index) || refusing & bit(index) != 0),
                among(&is_last),
                among(&|_| false),
            ];
            let choice = choices.into_iter().find(|some| !some.is_empty()).unwrap();
            if attempt > 0 {
                prop_assert_eq!(planned[0], choice[attempt as usize % choice.len()]);
            }
            for (done, &index) in planned.iter().enumerate() {
                prop_assert!(!order.is_over());
                prop_assert_eq!(order.left().collect::<Vec<_>>(), &planned[done..]);
                order.ask(index);
            }
            prop_assert!(order.is_over());
        }
    }
}
