//! Strings from outside: made harmless here, and nowhere else.

use core::fmt::Write as _;

use maud::Render;

/// A string from outside, as it goes into the page: escaped, and without characters that HTML
/// forbids or that reorder the text around them.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Render for Text<'_> {
    fn render_to(&self, buffer: &mut String) {
        let mut escaper = maud::Escaper::new(buffer);
        for c in visible(self.0) {
            // Writing into a String cannot fail.
            let _ = escaper.write_char(c);
        }
    }
}

/// The characters of `text`, with what must not stand in a page replaced by what shows it.
pub(super) fn visible(text: &str) -> impl Iterator<Item = char> + '_ {
    let mut chars = text.chars().peekable();
    core::iter::from_fn(move || {
        let c = chars.next()?;
        if c == '\r' && chars.peek() == Some(&'\n') { chars.next() } else { Some(replace(c)) }
    })
}

fn replace(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{fdd0}'..='\u{fdef}' => '\u{fffd}',
        _ if u32::from(c) & 0xfffe == 0xfffe => '\u{fffd}',
        _ => c,
    }
}

/// The text on one line, cut after `limit` characters.
pub(super) fn one_line(text: &str, limit: usize) -> String {
    let mut chars = visible(text).map(|c| if c == '\n' || c == '\t' { ' ' } else { c });
    let mut line: String = chars.by_ref().take(limit).collect();
    if chars.next().is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        let html = Text("</script><b title=\"x\">&amp;").render().into_string();
        assert_eq!(html, "&lt;/script&gt;&lt;b title=&quot;x&quot;&gt;&amp;amp;");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        let shown: String = visible("a\0\x1b[31m\u{202e}\u{7f}\u{85}\u{fffe}\u{1ffff}").collect();
        assert_eq!(shown, "a␀␛[31m\u{fffd}␡\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(visible("a\r\nb\rc\td").collect::<String>(), "a\nb␍c\td");
    }

    #[test]
    fn a_line_is_cut_with_a_mark() {
        assert_eq!(one_line("a\nb", 3), "a b");
        assert_eq!(one_line("abcd", 3), "abc…");
    }
}
