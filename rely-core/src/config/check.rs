use core::fmt::Debug;
use core::ops::{Bound, RangeBounds};
use core::time::Duration;

use crate::ConfigError;

/// The duration, if it is longer than zero.
///
/// ```
/// use core::time::Duration;
/// use rely_core::config;
///
/// assert!(config::nonzero("timeout", Duration::from_millis(1)).is_ok());
/// let error = config::nonzero("timeout", Duration::ZERO).unwrap_err();
/// assert_eq!(error.to_string(), "timeout is 0ns, allowed: more than 0ns");
/// ```
///
/// # Errors
///
/// If the duration is zero.
pub fn nonzero(field: &str, value: Duration) -> Result<Duration, ConfigError> {
    in_range(field, value, (Bound::Excluded(Duration::ZERO), Bound::Unbounded))
}

/// The value, if the range contains it; not a number is in no range that has a bound.
///
/// ```
/// use rely_core::config;
///
/// assert_eq!(config::in_range("calls", 100, 1..=1000), Ok(100));
/// let error = config::in_range("factor", 0.5, 1.0..).unwrap_err();
/// assert_eq!(error.to_string(), "factor is 0.5, allowed: at least 1.0");
/// ```
///
/// # Errors
///
/// If the value is outside the range.
pub fn in_range<T: PartialOrd + Debug>(
    field: &str,
    value: T,
    range: impl RangeBounds<T>,
) -> Result<T, ConfigError> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(ConfigError::new(field, format_args!("{value:?}"), describe(&range)))
}

fn describe<T: Debug>(range: &impl RangeBounds<T>) -> String {
    match (range.start_bound(), range.end_bound()) {
        (Bound::Unbounded, Bound::Unbounded) => "anything".to_owned(),
        (Bound::Included(low), Bound::Unbounded) => format!("at least {low:?}"),
        (Bound::Excluded(low), Bound::Unbounded) => format!("more than {low:?}"),
        (Bound::Unbounded, Bound::Included(high)) => format!("at most {high:?}"),
        (Bound::Unbounded, Bound::Excluded(high)) => format!("less than {high:?}"),
        (Bound::Included(low), Bound::Included(high)) => format!("{low:?} to {high:?}"),
        (Bound::Included(low), Bound::Excluded(high)) => {
            format!("at least {low:?} and less than {high:?}")
        }
        (Bound::Excluded(low), Bound::Included(high)) => {
            format!("more than {low:?} and at most {high:?}")
        }
        (Bound::Excluded(low), Bound::Excluded(high)) => {
            format!("more than {low:?} and less than {high:?}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_range_says_what_it_allows() {
        use Bound::{Excluded, Included, Unbounded};
        let cases = [
            (Included(1), Included(5), 0, "1 to 5"),
            (Included(1), Excluded(5), 5, "at least 1 and less than 5"),
            (Excluded(1), Included(5), 1, "more than 1 and at most 5"),
            (Excluded(1), Excluded(5), 5, "more than 1 and less than 5"),
            (Included(1), Unbounded, 0, "at least 1"),
            (Excluded(1), Unbounded, 1, "more than 1"),
            (Unbounded, Included(5), 6, "at most 5"),
            (Unbounded, Excluded(5), 5, "less than 5"),
        ];
        for (low, high, value, allowed) in cases {
            let error = in_range("field", value, (low, high)).unwrap_err();
            assert_eq!(error.allowed(), allowed);
            assert_eq!(error.value(), value.to_string());
        }
    }

    #[test]
    fn bounds_belong_to_the_range_or_not() {
        assert_eq!(in_range("field", 1, 1..=5), Ok(1));
        assert_eq!(in_range("field", 5, 1..=5), Ok(5));
        assert!(in_range("field", 5, 1..5).is_err());
        assert_eq!(in_range("field", 5, ..), Ok(5));
    }

    #[test]
    fn not_a_number_is_out_of_range() {
        assert!(in_range("field", f64::NAN, 0.0..=1.0).is_err());
        assert!(in_range("field", f64::NAN, 1.0..).is_err());
    }

    #[test]
    fn durations_show_their_unit() {
        let range = Duration::from_millis(1)..=Duration::from_secs(60);
        let error = in_range("wait", Duration::ZERO, range).unwrap_err();
        assert_eq!(error.to_string(), "wait is 0ns, allowed: 1ms to 60s");
    }
}
