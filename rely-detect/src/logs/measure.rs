//! Numbers with a unit.

use super::mask::Mask;
use super::scan::is_word;

/// A number with a unit that begins at `at`, with its end. The unit may stand apart.
pub(super) fn measure(line: &[u8], at: usize) -> Option<(Mask, usize)> {
    let rest = line.get(at..)?;
    let sign = usize::from(matches!(rest.first(), Some(b'-' | b'+')));
    let number = |b: &&u8| b.is_ascii_digit() || matches!(b, b'.' | b',');
    let mut length = sign + rest.get(sign..)?.iter().take_while(number).count();
    while length > sign && matches!(rest.get(length - 1), Some(b'.' | b',')) {
        length -= 1;
    }
    if length == sign {
        return None;
    }
    let apart = usize::from(rest.get(length) == Some(&b' '));
    let unit = rest.get(length + apart..)?;
    let letters = unit
        .iter()
        .take(13)
        .take_while(|b| b.is_ascii_alphabetic() || **b == b'%' || **b >= 0x80)
        .count();
    let word = unit.get(..letters)?;
    let whole = unit.get(letters).is_none_or(|b| !is_word(*b) || matches!(b, b'.' | b'/'));
    let mask = if whole { unit_of(word, apart == 1) } else { None };
    let length = length + apart + letters;
    // A rate is one too.
    let rate = rest.get(length..).is_some_and(|rest| rest.starts_with(b"/s"))
        && rest.get(length + 2).is_none_or(|b| !is_word(*b));
    mask.map(|mask| (mask, at + length + if rate { 2 } else { 0 }))
}

fn unit_of(word: &[u8], apart: bool) -> Option<Mask> {
    match word {
        b"ns" | b"us" | b"ms" | b"s" | b"sec" | b"secs" | b"second" | b"seconds" | b"min"
        | b"mins" | b"minute" | b"minutes" | b"hour" | b"hours" | b"hr" | b"hrs" | b"day"
        | b"days" | b"msec" | b"msecs" | b"usec" | b"milliseconds" | b"millisecond"
        | b"microseconds" => Some(Mask::Duration),
        b"m" | b"h" | b"d" if !apart => Some(Mask::Duration),
        b"B" | b"kB" | b"KB" | b"MB" | b"GB" | b"TB" | b"KiB" | b"MiB" | b"GiB" | b"TiB"
        | b"byte" | b"bytes" | b"kb" | b"mb" | b"gb" => Some(Mask::Size),
        b"k" | b"K" | b"M" | b"G" if !apart => Some(Mask::Size),
        b"%" => Some(Mask::Number),
        _ => None,
    }
}
