//! Strings in quotes, and what they are.

use super::scan::byte_is;

/// Where the string ends that begins with the quote at `at`: its closing quote.
pub(super) fn closing_quote(line: &[u8], at: usize) -> Option<usize> {
    let quote = *line.get(at)?;
    let mut end = at + 1;
    loop {
        match *line.get(end)? {
            b'\\' => end += 1,
            byte if byte == quote => {
                let inside =
                    quote == b'\'' && byte_is(line, end + 1, |b| b.is_ascii_alphanumeric());
                if !inside {
                    return Some(end);
                }
            }
            _ => {}
        }
        end += 1;
    }
}

/// Whether the text is the first line of an HTTP request.
pub(super) fn is_request(text: &[u8]) -> bool {
    let method = text.iter().take_while(|b| b.is_ascii_uppercase()).count();
    (3..=7).contains(&method)
        && text.get(method) == Some(&b' ')
        && text.len() > 9
        && text.windows(6).any(|part| part == b" HTTP/")
}

/// Whether a field of that name holds what a line is about.
pub(super) fn names_message(name: &[u8]) -> bool {
    let trimmed = name.strip_prefix(b"\"").unwrap_or(name);
    let trimmed = trimmed.strip_suffix(b":").unwrap_or(trimmed);
    let trimmed = trimmed.strip_suffix(b"\"").unwrap_or(trimmed);
    [&b"msg"[..], b"message", b"event", b"level", b"lvl", b"severity", b"error", b"err", b"logger"]
        .iter()
        .any(|known| trimmed.eq_ignore_ascii_case(known))
}
