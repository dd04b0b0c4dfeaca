//! Times as people write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rely_core::Instant;

/// What is understood, for messages.
pub(super) const FORMS: &str =
    "a time such as 2024-05-01T10:00:00Z, 2024-05-01 10:00:00 (taken as UTC) or 1714557600";

/// A time as an instant whose origin is the beginning of 1970, if it can be read as one.
///
/// RFC 3339 with `T` or a space; the same without a zone, which is taken as UTC; a date alone; seconds
/// since 1970 with or without a fraction, and whole milli-, micro- and nanoseconds, told apart by their
/// size: as seconds they would lie beyond the year 5000.
pub(crate) fn instant(text: &str) -> Option<Instant> {
    let text = text.trim();
    let nanos = epoch(text).or_else(|| calendar(text))?;
    u64::try_from(nanos).ok().map(Instant::from_nanos)
}

fn epoch(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let unit: i128 = match whole.len() {
        // Four digits are a year, eight a date, to most who write them.
        ..=8 if whole != "0" => return None,
        ..=11 => 1_000_000_000,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        18..=19 => 1,
        _ => return None,
    };
    let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
    Some(whole.parse::<i128>().ok()? * unit + fraction * unit / 1_000_000_000)
}

fn calendar(text: &str) -> Option<i128> {
    let with_slashes;
    let is_slashed = text.get(..10).is_some_and(|date| date.matches('/').count() == 2);
    let text = if is_slashed {
        with_slashes = text.replacen('/', "-", 2);
        &with_slashes
    } else {
        text
    };
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_nanosecond());
    }
    let civil: DateTime = text.parse().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_nanosecond())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::instant;

    #[test]
    fn usual_forms_are_read_and_others_are_not() {
        let at = 1_714_557_600_000_000_000; // 2024-05-01 10:00:00 UTC
        for (text, nanos) in [
            ("2024-05-01T10:00:00Z", Some(at)),
            ("2024-05-01 10:00:00", Some(at)),
            ("2024-05-01 10:00", Some(at)),
            ("2024-05-01 10:00:00 UTC", Some(at)),
            ("2024-05-01T12:00:00+02:00", Some(at)),
            ("2024-05-01 10:00:00.250000", Some(at + 250_000_000)),
            ("2024/05/01 10:00:00", Some(at)),
            (" 2024-05-01 ", Some(at - 36_000_000_000_000)),
            ("1714557600", Some(at)),
            ("1714557600.5", Some(at + 500_000_000)),
            ("1714557600000", Some(at)),
            ("1714557600000000", Some(at)),
            ("1714557600000000000", Some(at)),
            ("0", Some(0)),
            ("1969-12-31", None),
            ("20240501", Some(at - 36_000_000_000_000)),
            ("2024-13-01", None),
            ("10:00:00", None),
            ("3.5", None),
            ("-1714557600", None),
            ("timestamp", None),
            ("", None),
        ] {
            assert_eq!(instant(text).map(rely_core::Instant::as_nanos), nanos, "{text:?}");
        }
    }
}
