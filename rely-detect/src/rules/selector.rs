//! Which counters of Prometheus hold the calls.

use core::time::Duration;

use rely_core::{ConfigError, config};

/// The counters that an objective is measured by, as selectors: a metric's name, and label matchers in
/// braces where they are needed.
///
/// ```
/// use core::time::Duration;
/// use rely_detect::rules::Indicator;
///
/// let availability = Indicator::bad_of_total(
///     r#"grpc_server_handled_total{grpc_code="Internal"}"#,
///     "grpc_server_handled_total",
/// );
/// let latency = Indicator::latency(
///     "http_request_duration_seconds",
///     r#"job="orders""#,
///     Duration::from_millis(300),
/// );
/// assert_ne!(availability, latency);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Indicator {
    /// Counters of bad calls and of all.
    BadOfTotal {
        /// The bad ones.
        bad: String,
        /// All.
        total: String,
    },
    /// Counters of good calls and of all.
    GoodOfTotal {
        /// The good ones.
        good: String,
        /// All.
        total: String,
    },
    /// A classic histogram of durations in seconds, one of whose buckets ends at the limit.
    Latency {
        /// Its name, without `_bucket`.
        histogram: String,
        /// Label matchers, without braces; may be empty.
        matchers: String,
        /// Calls that took longer are bad.
        limit: Duration,
    },
}

impl Indicator {
    /// Counters of bad calls and of all.
    #[must_use]
    pub fn bad_of_total(bad: impl Into<String>, total: impl Into<String>) -> Self {
        Self::BadOfTotal { bad: bad.into(), total: total.into() }
    }

    /// Counters of good calls and of all.
    #[must_use]
    pub fn good_of_total(good: impl Into<String>, total: impl Into<String>) -> Self {
        Self::GoodOfTotal { good: good.into(), total: total.into() }
    }

    /// A classic histogram of durations in seconds, one of whose buckets ends at `limit`; calls that
    /// took longer are bad.
    #[must_use]
    pub fn latency(
        histogram: impl Into<String>,
        matchers: impl Into<String>,
        limit: Duration,
    ) -> Self {
        Self::Latency { histogram: histogram.into(), matchers: matchers.into(), limit }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::BadOfTotal { bad, total } => {
                selector("indicator.bad", bad)?;
                selector("indicator.total", total)
            }
            Self::GoodOfTotal { good, total } => {
                selector("indicator.good", good)?;
                selector("indicator.total", total)
            }
            Self::Latency { histogram, matchers, limit } => {
                config::nonzero("indicator.limit", *limit)?;
                if !is_name(histogram) {
                    let allowed = "the name of a metric";
                    return Err(ConfigError::new("indicator.histogram", histogram, allowed));
                }
                if !are_matchers(matchers) {
                    return Err(ConfigError::new("indicator.matchers", matchers, MATCHERS));
                }
                Ok(())
            }
        }
    }

    /// How `function`, `rate` or `increase`, of all and of the bad calls in a window is written.
    pub(super) fn total(&self, function: &str, window: &str) -> String {
        match self {
            Self::BadOfTotal { total, .. } | Self::GoodOfTotal { total, .. } => {
                format!("sum({function}({total}[{window}]))")
            }
            Self::Latency { histogram, matchers, .. } => {
                format!("sum({function}({histogram}_count{}[{window}]))", braced(matchers))
            }
        }
    }

    pub(super) fn bad(&self, function: &str, window: &str) -> String {
        match self {
            // A counter that was never there counts as zero, as long as the others are.
            Self::BadOfTotal { bad, .. } => {
                let total = self.total(function, window);
                format!("(sum({function}({bad}[{window}])) or 0 * {total})")
            }
            Self::GoodOfTotal { good, .. } => {
                let total = self.total(function, window);
                let good = format!("sum({function}({good}[{window}]))");
                format!("clamp_min({total} - ({good} or 0 * {total}), 0)")
            }
            Self::Latency { histogram, matchers, limit } => {
                let total = self.total(function, window);
                let comma = if matchers.trim().is_empty() { "" } else { "," };
                let le = bound(*limit);
                let good = format!("{histogram}_bucket{{{matchers}{comma}le=~\"{le}\"}}");
                format!("clamp_min({total} - sum({function}({good}[{window}])), 0)")
            }
        }
    }
}

fn braced(matchers: &str) -> String {
    if matchers.trim().is_empty() { String::new() } else { format!("{{{matchers}}}") }
}

/// The end of a bucket as a pattern: whole numbers are written with and without a fraction.
fn bound(limit: Duration) -> String {
    let seconds = limit.as_secs_f64();
    let plain = |text: String| match text.split_once('.') {
        Some((whole, fraction)) => format!("{whole}\\\\.{fraction}"),
        None => text,
    };
    let text = plain(seconds.to_string());
    if limit.subsec_nanos() == 0 {
        return format!("{text}(\\\\.0)?");
    }
    if seconds >= 1e-4 {
        return text;
    }
    // What is as small as that Prometheus' own libraries write with an exponent of two digits.
    let short = format!("{seconds:e}");
    let Some((digits, exponent)) = short.split_once("e-") else { return text };
    format!("{text}|{}e-{exponent:0>2}", plain(digits.to_owned()))
}

const MATCHERS: &str = "label matchers, like job=\"orders\",zone!=\"test\"";

fn selector(field: &str, text: &str) -> Result<(), ConfigError> {
    let (name, matchers) = match text.strip_suffix('}').and_then(|text| text.split_once('{')) {
        Some((name, matchers)) => (name, matchers),
        None => (text, ""),
    };
    if is_name(name) && are_matchers(matchers) {
        return Ok(());
    }
    let allowed = format!("the name of a metric, and in braces {MATCHERS}");
    Err(ConfigError::new(field, text, allowed))
}

fn is_name(name: &str) -> bool {
    let begins = |first: char| first.is_ascii_alphabetic() || matches!(first, '_' | ':');
    name.starts_with(begins) && name.chars().all(|letter| begins(letter) || letter.is_ascii_digit())
}

/// Whether the text is a list of matchers whose values are in double quotes.
fn are_matchers(text: &str) -> bool {
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let (label, after) = rest.split_at(end.unwrap_or(rest.len()));
        let after = after.trim_start();
        let operator =
            ["=~", "!~", "!=", "="].into_iter().find_map(|sign| after.strip_prefix(sign));
        let value = operator.and_then(|after| after.trim_start().strip_prefix('"'));
        let Some(after) = value.and_then(closed) else { return false };
        if !label.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            return false;
        }
        rest = match after.trim_start().strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.trim().is_empty() => "",
            None => return false,
        };
    }
    true
}

/// What follows the quote that ends a value.
fn closed(text: &str) -> Option<&str> {
    let mut escaped = false;
    for (n, letter) in text.char_indices() {
        match letter {
            '\n' | '\r' => return None,
            '"' if !escaped => return text.get(n + 1..),
            _ => escaped = letter == '\\' && !escaped,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_names_with_matchers_and_nothing_else() {
        let good = [
            "up",
            ":a_1",
            r#"a{b="c"}"#,
            r#"a{b=~"c|d", e!="}{\"", f!~"",}"#,
            r#"a{ b = "c" }"#,
            "a{}",
        ];
        for text in good {
            assert!(selector("x", text).is_ok(), "{text}");
        }
        let bad = [
            "",
            "1a",
            "a b",
            "a[5m]",
            "rate(a)",
            "a{b=c}",
            r#"a{b="c"} or a"#,
            r#"a{b="c"#,
            r#"a{b="c"d="e"}"#,
            "a{b='c'}",
            "{b=\"c\"}",
            "a{1b=\"c\"}",
            "a{b=\"c\nb\"}",
            r#"a{b="c\"}"#,
            "a{,}",
        ];
        for text in bad {
            assert_eq!(selector("x", text).unwrap_err().field(), "x", "{text}");
        }
    }

    #[test]
    fn the_end_of_a_bucket_is_met_however_it_is_written() {
        let bound = |millis| bound(Duration::from_millis(millis));
        assert_eq!(bound(300), r"0\\.3");
        assert_eq!(bound(2_000), r"2(\\.0)?");
        assert_eq!(bound(2_500), r"2\\.5");
        let micros = |micros| super::bound(Duration::from_micros(micros));
        assert_eq!((micros(100), micros(50)), (r"0\\.0001".into(), r"0\\.00005|5e-05".into()));
        assert_eq!(micros(25), r"0\\.000025|2\\.5e-05");
    }
}
