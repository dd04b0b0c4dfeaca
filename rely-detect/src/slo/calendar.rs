//! Weeks, months and quarters by the calendar.

use rely_core::{ConfigError, config};

/// A period of the calendar, by which a budget begins anew. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CalendarUnit {
    /// From Monday to Sunday, as in ISO 8601.
    Week,
    /// From the first to the last of a month.
    Month,
    /// Three months, from January, April, July or October.
    Quarter,
}

/// Periods of the Gregorian calendar at a fixed distance from UTC. Daylight saving is left out: a
/// period that begins an hour off does no harm to a budget of weeks.
///
/// ```
/// use rely_detect::slo::{Calendar, CalendarUnit};
///
/// let months = Calendar::utc(CalendarUnit::Month);
/// // 29 February 2024, 12:00 UTC is in the month from the 1st to the 1st of March, 00:00 UTC.
/// assert_eq!(months.around(1_709_208_000), (1_709_251_200 - 29 * 86_400, 1_709_251_200));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "Periods of the calendar at a fixed distance from UTC.")
)]
pub struct Calendar {
    /// The kind of period.
    pub unit: CalendarUnit,
    /// How many minutes local time is ahead of UTC, from -1080 to 1080; none by default.
    #[cfg_attr(feature = "serde", serde(default))]
    pub utc_offset_minutes: i32,
}

const DAY: i64 = 86_400;

impl Calendar {
    /// Periods by UTC.
    #[must_use]
    pub const fn utc(unit: CalendarUnit) -> Self {
        Self { unit, utc_offset_minutes: 0 }
    }

    /// The period that holds a moment: where it begins and where the next one does, all three in
    /// seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn around(&self, unix_seconds: i64) -> (i64, i64) {
        // 35 million years are enough, and leave room to count in.
        let now = unix_seconds.clamp(-(1 << 50), 1 << 50);
        let offset = i64::from(self.utc_offset_minutes) * 60;
        let day = (now + offset).div_euclid(DAY);
        let (first, next) = match self.unit {
            CalendarUnit::Week => {
                // The first of January 1970 was a Thursday.
                let monday = day - (day + 3).rem_euclid(7);
                (monday, monday + 7)
            }
            CalendarUnit::Month => months(day, 1),
            CalendarUnit::Quarter => months(day, 3),
        };
        (first * DAY - offset, next * DAY - offset)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        config::in_range("utc_offset_minutes", self.utc_offset_minutes, -1080..=1080)?;
        Ok(())
    }
}

/// The first day of the `length` months around a day, and that of the next ones.
fn months(day: i64, length: i64) -> (i64, i64) {
    let month = month_of(day);
    let first = month - month.rem_euclid(length);
    (first_day(first), first_day(first + length))
}

/// Months since January of the year 0 to the one that holds a day, by days since 1970-01-01.
fn month_of(day: i64) -> i64 {
    // 400 years have 146 097 days: nearly right, and then right.
    let mut month = (day + 719_528) * 4_800 / 146_097;
    while first_day(month) > day {
        month -= 1;
    }
    while first_day(month + 1) <= day {
        month += 1;
    }
    month
}

/// Days from 1970-01-01 to the first day of a month, counted from January of the year 0.
fn first_day(month: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let (year, of_year) = (month.div_euclid(12), month.rem_euclid(12));
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    // Leap days of the years before this one; the year 0 was one.
    let last = year - 1;
    let leaps = last.div_euclid(4) - last.div_euclid(100) + last.div_euclid(400) + 1;
    let index = usize::try_from(of_year).unwrap_or(0);
    let this = BEFORE.get(index).copied().unwrap_or(0) + i64::from(leap && of_year > 1);
    year * 365 + leaps + this - 719_528
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn periods_are_those_of_known_dates() {
        use CalendarUnit::{Month, Quarter, Week};
        // By `date -ud … +%s`.
        let table = [
            (Month, 0, 0, (0, 2_678_400)),
            (Month, 0, 1_709_208_000, (1_706_745_600, 1_709_251_200)),
            (Month, 0, 1_709_251_199, (1_706_745_600, 1_709_251_200)),
            (Month, 0, 1_709_251_200, (1_709_251_200, 1_711_929_600)),
            (Month, 0, 951_782_400, (949_363_200, 951_868_800)), // 29 February 2000
            (Month, 0, 4_107_456_000, (4_105_123_200, 4_107_542_400)), // 28 February 2100
            (Quarter, 0, 1_709_208_000, (1_704_067_200, 1_711_929_600)),
            (Quarter, 0, 1_735_689_599, (1_727_740_800, 1_735_689_600)),
            (Week, 0, 0, (-259_200, 345_600)),
            (Week, 0, 1_709_208_000, (1_708_905_600, 1_709_510_400)),
            // In Kiritimati, UTC+14, March has begun by then.
            (Month, 840, 1_709_208_000, (1_709_251_200 - 50_400, 1_711_929_600 - 50_400)),
        ];
        for (unit, utc_offset_minutes, at, expected) in table {
            let calendar = Calendar { unit, utc_offset_minutes };
            assert_eq!(calendar.around(at), expected, "{calendar:?} {at}");
        }
    }

    #[test]
    fn months_are_those_of_a_calendar_that_counts_days() {
        // Day by day through 800 years, beside a calendar that knows how long a month is.
        let (mut day, mut year, mut month) = (-135_140_i64, 1600_i64, 0_usize);
        while year < 2400 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let february = if leap { 29 } else { 28 };
            let length = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month];
            for at in [day, day + length - 1] {
                assert_eq!(months(at, 1), (day, day + length), "{year} {month}");
            }
            day += length;
            (year, month) = if month == 11 { (year + 1, 0) } else { (year, month + 1) };
        }
    }

    proptest! {
        #[test]
        fn periods_hold_their_moment_and_join(
            at in -(1_i64 << 49)..1 << 49,
            any in any::<i64>(),
            offset in -1080..=1080,
        ) {
            for unit in [CalendarUnit::Week, CalendarUnit::Month, CalendarUnit::Quarter] {
                let calendar = Calendar { unit, utc_offset_minutes: offset };
                let (first, next) = calendar.around(at);
                prop_assert!(first <= at && at < next);
                prop_assert_eq!(calendar.around(next).0, next);
                prop_assert_eq!(calendar.around(first), (first, next));
                let (first, next) = calendar.around(any);
                prop_assert!(first < next);
            }
        }
    }
}
