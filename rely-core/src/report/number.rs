//! Numbers and times as people read them, the same on every machine.

/// Space between groups of digits that neither breaks a line nor looks like a word gap.
const GROUP: char = '\u{202f}';

/// `value` with `decimals` digits after the point, trailing zeros and a negative zero removed.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let mut text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if text == "-0" { "0".to_owned() } else { text }
}

/// A coordinate of a drawing: a tenth of a unit is finer than a pixel.
pub(super) fn coordinate(value: f64) -> String {
    fixed(value, 1)
}

/// A measured value, with about four digits that count.
pub(super) fn value(value: f64) -> String {
    let size = value.abs();
    if size < 1e-4 && size > 0.0 || size >= 1e9 {
        return scientific(value, 2);
    }
    let decimals = match size {
        _ if size >= 1000.0 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 0.1 => 3,
        _ => 6,
    };
    grouped(&fixed(value, decimals))
}

/// A label of an axis whose neighbouring ticks are `step` apart.
pub(super) fn tick(value: f64, step: f64) -> String {
    let size = value.abs();
    if size < step / 1e6 {
        return "0".to_owned();
    }
    if !(1e-4..1e9).contains(&size) {
        return scientific(value, 2);
    }
    let decimals = (0..9).find(|&d| step * 10_f64.powi(d) >= 0.999).unwrap_or(9);
    grouped(&fixed(value, usize::try_from(decimals).unwrap_or(0)))
}

fn scientific(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => {
            format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

fn grouped(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("−", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    let mut out = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && whole.len() > 4 && (whole.len() - i) % 3 == 0 {
            out.push(GROUP);
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A count.
pub(super) fn count(n: usize) -> String {
    grouped(&n.to_string())
}

/// A time or duration in seconds, in the unit that suits its size.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 0.0 {
        return format!("−{}", self::seconds(-seconds));
    }
    let two = |whole: f64, unit: &str, part: f64, part_unit: &str| {
        let rest = fixed(part, 1);
        let whole = grouped(&fixed(whole, 0));
        if rest == "0" {
            format!("{whole} {unit}")
        } else {
            format!("{whole} {unit} {rest} {part_unit}")
        }
    };
    // Rounded first, so that 59.9999 minutes never read as "59 min 60 s".
    let tenths = (seconds * 10.0).round() / 10.0;
    match seconds {
        s if s <= 0.0 => "0 s".to_owned(),
        s if s < 0.000_999_5 => format!("{} µs", fixed(s * 1e6, 1)),
        s if s < 0.9995 => format!("{} ms", fixed(s * 1e3, 1)),
        s if s < 120.0 => format!("{} s", fixed(s, 2)),
        s if s < 7199.5 => two((tenths / 60.0).floor(), "min", tenths % 60.0, "s"),
        s if s < 172_770.0 => {
            let minutes = (s / 60.0).round();
            two((minutes / 60.0).floor(), "h", minutes % 60.0, "min")
        }
        s => {
            let hours = (s / 3600.0).round();
            two((hours / 24.0).floor(), "d", hours % 24.0, "h")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_the_digits_that_count() {
        for (given, shown) in [
            (0.0, "0"),
            (-0.0, "0"),
            (12.0, "12"),
            (12.346, "12.35"),
            (0.001_234, "0.001234"),
            (1234.5, "1234"),
            (12_345.0, "12\u{202f}345"),
            (-1_234_567.0, "−1\u{202f}234\u{202f}567"),
            (1e300, "1e300"),
            (1.25e-7, "1.25e-7"),
        ] {
            assert_eq!(value(given), shown, "{given}");
        }
    }

    #[test]
    fn times_take_the_unit_that_suits_them() {
        for (given, shown) in [
            (0.0, "0 s"),
            (0.000_25, "250 µs"),
            (0.25, "250 ms"),
            (0.9999, "1 s"),
            (17.1, "17.1 s"),
            (119.999, "120 s"),
            (125.44, "2 min 5.4 s"),
            (3599.97, "60 min"),
            (7199.9, "2 h"),
            (7384.0, "2 h 3 min"),
            (180_000.0, "2 d 2 h"),
            (-90.0, "−90 s"),
            (1e12, "11\u{202f}574\u{202f}074 d 2 h"),
        ] {
            assert_eq!(seconds(given), shown, "{given}");
        }
    }

    #[test]
    fn ticks_differ_from_their_neighbours() {
        assert_eq!(tick(0.25, 0.05), "0.25");
        assert_eq!(tick(150.0, 50.0), "150");
        assert_eq!(tick(1e-17, 0.1), "0");
        assert_eq!(tick(2.5e12, 5e11), "2.5e12");
    }
}
