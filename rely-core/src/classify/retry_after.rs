//! `Retry-After`, RFC 9110 §10.2.3.

use core::time::Duration;
use std::time::SystemTime;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName};

use super::MAX_RETRY_AFTER;

/// How long a response asks callers to wait, at most [`MAX_RETRY_AFTER`]; zero where the moment has
/// passed.
///
/// Takes whole seconds, or an HTTP date. A date is measured from the response's own `Date`, which
/// needs no agreement between clocks; where that is missing, from `wall_time`, if there is one.
/// A header that is repeated or garbled says nothing.
///
/// ```
/// use core::time::Duration;
/// use http::{HeaderMap, HeaderValue, header};
/// use rely_core::classify::retry_after;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(header::RETRY_AFTER, HeaderValue::from_static("Fri, 31 Dec 1999 23:59:59 GMT"));
/// assert_eq!(retry_after(&headers, || None), None);
/// headers.insert(header::DATE, HeaderValue::from_static("Fri, 31 Dec 1999 23:59:29 GMT"));
/// assert_eq!(retry_after(&headers, || None), Some(Duration::from_secs(30)));
/// ```
pub fn retry_after(
    headers: &HeaderMap,
    wall_time: impl FnOnce() -> Option<SystemTime>,
) -> Option<Duration> {
    let value = single(headers, &RETRY_AFTER)?;
    let wait = if value.bytes().all(|byte| byte.is_ascii_digit()) {
        // RFC 9111 §1.2.2: more seconds than fit mean as many as fit.
        Duration::from_secs(if value.is_empty() { return None } else { saturating(value) })
    } else {
        let until = httpdate::parse_http_date(value).ok()?;
        let date = single(headers, &DATE).and_then(|date| httpdate::parse_http_date(date).ok());
        until.duration_since(date.or_else(wall_time)?).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The value of a header that occurs once, in visible ASCII, without the space around it.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok().map(|text| text.trim_matches([' ', '\t']))
}

/// Digits as a number, `u64::MAX` where they are too many.
fn saturating(digits: &str) -> u64 {
    digits.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const THEN: u64 = 946_684_799;
    const THEN_TEXT: &str = "Fri, 31 Dec 1999 23:59:59 GMT";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn headers(retry_after: &[&str], date: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, values) in [(RETRY_AFTER, retry_after), (DATE, date)] {
            for value in values {
                headers.append(&name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
        }
        headers
    }

    fn seconds(retry_after: &str) -> Option<u64> {
        super::retry_after(&headers(&[retry_after], &[]), || None).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_are_digits_and_nothing_else() {
        let max = MAX_RETRY_AFTER.as_secs();
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(1)),
            ("007", Some(7)),
            (" 120\t", Some(120)),
            ("86399", Some(86_399)),
            ("86400", Some(max)),
            ("86401", Some(max)),
            ("18446744073709551615", Some(max)),
            ("18446744073709551616", Some(max)),
            ("99999999999999999999999999999", Some(max)),
            ("", None),
            (" ", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1e3", None),
            ("1 2", None),
            ("1, 2", None),
            ("12s", None),
            ("soon", None),
            ("\u{0661}\u{0662}", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }

    #[test]
    fn dates_are_measured_from_the_response_first() {
        let before = "Fri, 31 Dec 1999 23:59:57 GMT";
        let wall = || Some(at(THEN - 9));
        let wait = |values: &[&str], date: &[&str], wall: fn() -> Option<SystemTime>| {
            super::retry_after(&headers(values, date), wall).map(|wait| wait.as_secs())
        };
        assert_eq!(wait(&[THEN_TEXT], &[before], wall), Some(2));
        assert_eq!(wait(&[THEN_TEXT], &[before], || None), Some(2));
        assert_eq!(wait(&[THEN_TEXT], &[], wall), Some(9));
        assert_eq!(wait(&[THEN_TEXT], &[], || None), None);
        assert_eq!(wait(&[THEN_TEXT], &["yesterday"], wall), Some(9), "a garbled date");
        assert_eq!(wait(&[THEN_TEXT], &[before, before], wall), Some(9), "two dates");
        assert_eq!(wait(&[before], &[THEN_TEXT], wall), Some(0), "never negative");
        assert_eq!(wait(&[THEN_TEXT], &[THEN_TEXT], wall), Some(0));
        let far = "Fri, 31 Dec 9999 23:59:59 GMT";
        assert_eq!(wait(&[far], &[before], wall), Some(MAX_RETRY_AFTER.as_secs()));
    }

    #[test]
    fn all_three_date_formats_are_read() {
        let date = ["Sun, 06 Nov 1994 08:49:30 GMT"];
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            let wait = super::retry_after(&headers(&[text], &date), || None);
            assert_eq!(wait, Some(Duration::from_secs(7)), "{text}");
        }
        let monday = headers(&["Mon, 06 Nov 1994 08:49:37 GMT"], &date);
        assert_eq!(super::retry_after(&monday, || None), None, "that was a Sunday");
    }

    #[test]
    fn a_repeated_header_says_nothing() {
        assert_eq!(super::retry_after(&headers(&["1", "2"], &[]), || None), None);
        assert_eq!(super::retry_after(&headers(&["1", "1"], &[]), || None), None);
        assert_eq!(super::retry_after(&HeaderMap::new(), || None), None);
    }

    #[test]
    fn the_wall_is_not_asked_without_need() {
        let asked = || -> Option<SystemTime> { unreachable!("no clock is needed") };
        assert!(super::retry_after(&headers(&["5"], &[]), asked).is_some());
        assert!(super::retry_after(&headers(&[THEN_TEXT], &[THEN_TEXT]), asked).is_some());
        assert!(super::retry_after(&headers(&["soon"], &[]), asked).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(
            value in prop::collection::vec(any::<u8>(), 0..40),
            date in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in [(RETRY_AFTER, &value), (DATE, &date)] {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.insert(name, value);
                }
            }
            if let Some(wait) = super::retry_after(&headers, || Some(UNIX_EPOCH)) {
                prop_assert!(wait <= MAX_RETRY_AFTER);
            }
        }

        #[test]
        fn any_number_is_itself_up_to_the_cap(number in "[0-9]{1,30}") {
            let expected = number.parse::<u128>().unwrap().min(86_400) as u64;
            prop_assert_eq!(seconds(&number), Some(expected));
        }

        #[test]
        fn a_written_date_reads_back(until in 0_u64..253_402_300_800, from in 0_u64..253_402_300_800) {
            let text = httpdate::fmt_http_date(at(until));
            let date = httpdate::fmt_http_date(at(from));
            let expected = until.saturating_sub(from).min(86_400);
            let by_date = super::retry_after(&headers(&[&text], &[&date]), || None);
            prop_assert_eq!(by_date, Some(Duration::from_secs(expected)));
            let by_wall = super::retry_after(&headers(&[&text], &[]), || Some(at(from)));
            prop_assert_eq!(by_wall, Some(Duration::from_secs(expected)));
        }
    }
}
