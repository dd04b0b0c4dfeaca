//! Dates and times of day.

use super::scan::byte_is;

/// Where the timestamp ends with which the line begins; zero if there is none.
pub(super) fn leading_time(line: &[u8]) -> usize {
    let mut at = usize::from(byte_is(line, 0, |b| b == b'['));
    let (mut end, mut digits) = (0, 0);
    let (mut parts, mut clock) = (0, false);
    while parts < 6 {
        let rest = line.get(at..).unwrap_or_default();
        let length = rest
            .iter()
            .take(40)
            .take_while(|b| {
                b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'/' | b'.' | b',' | b'+')
            })
            .count();
        let part = rest.get(..length).unwrap_or_default();
        if !is_time_part(part) {
            break;
        }
        digits += part.iter().filter(|b| b.is_ascii_digit()).count();
        clock |= part.iter().filter(|b| **b == b':').count() >= 2 || part.len() >= 14;
        at += length;
        (end, parts) = (at, parts + 1);
        while byte_is(line, at, |b| b == b' ') {
            at += 1;
        }
        if clock
            && parts >= 2
            && byte_is(line, end, |b| b == b' ')
            && !byte_is(line, 0, |b| b == b'[')
        {
            break;
        }
    }
    if byte_is(line, 0, |b| b == b'[') && byte_is(line, end, |b| b == b']') {
        end += 1;
    }
    if clock && digits >= 6 { end } else { 0 }
}

fn is_time_part(part: &[u8]) -> bool {
    const NAMES: [&[u8]; 21] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun", b"UTC", b"GMT",
    ];
    if NAMES.contains(&part) {
        return true;
    }
    let digits = part.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = part.iter().filter(|b| b.is_ascii_alphabetic()).count();
    if !part.iter().all(|b| !b.is_ascii_alphabetic() || matches!(b, b'T' | b'Z')) {
        return false;
    }
    let marks = |test: fn(u8) -> bool| part.iter().filter(|b| test(**b)).count();
    // So is one of hardware, of six parts.
    if marks(|b| b == b':') > 4 {
        return false;
    }
    if marks(|b| b == b'.') == 3 && marks(|b| matches!(b, b':' | b'-' | b'/')) < 2 {
        // An address of a network.
        return false;
    }
    digits > 0 && (letters == 0 || (letters <= 2 && digits >= 8 && part.len() >= 11))
}
