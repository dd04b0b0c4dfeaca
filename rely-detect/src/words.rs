//! Words that several rooms use.

use core::fmt;
use core::time::Duration;

/// A time as people say it: two digits and one unit.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let units = [(86_400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s")];
        let (size, unit) = units
            .into_iter()
            // Two of a unit before it is used: 36 h and 90 s say more than 2 days and 2 min.
            .find(|(size, _)| seconds >= 2.0 * size || *size <= 1.0 && seconds >= *size)
            .unwrap_or((0.001, "ms"));
        let count = seconds / size;
        if count >= 10.0 || (count - count.round()).abs() < 0.05 {
            write!(f, "{count:.0} {unit}")
        } else {
            write!(f, "{count:.1} {unit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_with_one_unit() {
        let table = [
            (Duration::ZERO, "0 ms"),
            (Duration::from_millis(250), "250 ms"),
            (Duration::from_secs(8), "8 s"),
            (Duration::from_millis(1500), "1.5 s"),
            (Duration::from_secs(90), "90 s"),
            (Duration::from_secs(150), "2.5 min"),
            (Duration::from_secs(5400), "90 min"),
            (Duration::from_secs(36 * 3600), "36 h"),
            (Duration::from_secs(3 * 86_400), "3 days"),
        ];
        for (time, words) in table {
            assert_eq!(Span(time).to_string(), words);
        }
    }
}
