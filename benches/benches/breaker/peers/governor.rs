//! governor: no breaker, but the measure for anything that is looked up by key.

use governor::{Quota, RateLimiter};
use rely_benches::{Case, repeat};

use crate::HOSTS;

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("governor/keyed", || {
        let limiter = RateLimiter::keyed(Quota::per_second(std::num::NonZeroU32::MAX));
        repeat(move |n| limiter.check_key(&(n % HOSTS)).is_ok())
    })]
}
