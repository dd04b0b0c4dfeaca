//! How wide text will be, guessed on the safe side: the page cannot know the reader's font.

use super::super::words::one_line;

/// Width in units of a text set at 12 units.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(char_width).sum::<f64>() * 12.0
}

fn char_width(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.33,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '—' | '…' => 1.0,
        '<' | '>' | '=' | '+' | '~' | '^' | '#' | '&' | '−' | '→' => 0.84,
        'A'..='Z' => 0.7,
        '0'..='9' => 0.62,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' => 0.0,
        '\u{1100}'.. => 1.05,
        _ => 0.6,
    }
}

/// The text on one line and at most `room` wide, cut with an ellipsis; none if that leaves too
/// little to be read.
pub(super) fn fit(text: &str, room: f64) -> Option<String> {
    // No character that takes room is narrower than a third of an em.
    let line = one_line(text.trim(), 400);
    if line.is_empty() {
        return None;
    }
    if width(&line) <= room {
        return Some(line);
    }
    let mut short = String::new();
    let mut used = width("…");
    for c in line.chars() {
        used += width(c.encode_utf8(&mut [0; 4]));
        if used > room {
            break;
        }
        short.push(c);
    }
    let kept = short.trim_end();
    (kept.chars().count() >= 4).then(|| format!("{kept}…"))
}

/// How much wider bold text is.
const BOLD: f64 = 1.13;

/// As [`fit`], for bold text.
pub(super) fn fit_bold(text: &str, room: f64) -> Option<String> {
    fit(text, room / BOLD)
}

/// The text, set bold, in at most `most` lines, broken between words.
pub(super) fn wrap(text: &str, room: f64, most: usize) -> Vec<String> {
    let room = room / BOLD;
    let line = one_line(text.trim(), 400);
    let mut lines: Vec<String> = Vec::new();
    let mut words = line.split(' ').filter(|word| !word.is_empty()).peekable();
    while words.peek().is_some() && lines.len() + 1 < most {
        let mut current = String::new();
        while let Some(word) = words.next_if(|word| {
            current.is_empty() || width(&current) + width(" ") + width(word) <= room
        }) {
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.extend(fit(&current, room));
    }
    let rest: Vec<_> = words.collect();
    lines.extend(fit(&rest.join(" "), room));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_what_does_not_is_cut() {
        assert_eq!(fit("closed", 100.0).as_deref(), Some("closed"));
        let cut = fit("half-open and waiting", 60.0).unwrap();
        assert!(cut.ends_with('…') && width(&cut) <= 60.0, "{cut}");
        assert_eq!(fit("closed", 20.0), None);
        assert_eq!(fit("  ", 100.0), None);
        assert!(width(&fit(&"x".repeat(10_000), 200.0).unwrap()) <= 200.0);
    }

    #[test]
    fn words_wrap_and_the_last_line_is_cut() {
        assert_eq!(wrap("checkout to payment", 90.0, 2), ["checkout to", "payment"]);
        let lines = wrap("one two three four five six seven eight", 60.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| width(line) <= 60.0), "{lines:?}");
        assert!(wrap("", 60.0, 2).is_empty());
    }
}
