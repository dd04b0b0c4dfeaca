//! What varies by its form alone, found byte by byte.

use super::hash;
use super::measure::measure;
use super::scan::{byte_is, is_word};
use super::time::leading_time;

/// Something that stands for itself in no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Mask {
    /// A date, a time of day, or both.
    Time,
    /// A number, hexadecimal ones included.
    Number,
    /// A number with a unit of time.
    Duration,
    /// A number with a unit of size.
    Size,
    /// An address of a network, with or without a port.
    Address,
    /// A UUID, a digest or another long hexadecimal number.
    Id,
    /// A path of a file or a URL.
    Path,
    /// A string in quotes.
    Text,
}

impl Mask {
    /// How it is written in a template.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "<time>",
            Self::Number => "<num>",
            Self::Duration => "<duration>",
            Self::Size => "<size>",
            Self::Address => "<addr>",
            Self::Id => "<id>",
            Self::Path => "<path>",
            Self::Text => "<text>",
        }
    }

    pub(super) const fn key(self) -> u64 {
        hash::step(0, 1 + self as u64)
    }
}

/// What begins at `at` and varies, with its end.
pub(super) fn variable(line: &[u8], at: usize) -> Option<(Mask, usize)> {
    let first = *line.get(at)?;
    if first.is_ascii_digit() || matches!(first, b'-' | b'+') {
        if let Some(found) = measure(line, at) {
            return Some(found);
        }
    }
    let run = Run::of(line, at);
    // The shortest that a time begins with: a name, or a date or time of day in digits.
    let name = run.end - at == 3 && run.digits == 0 && first.is_ascii_uppercase();
    if name
        || (first.is_ascii_digit()
            && run.digits >= 5
            && run.digits + run.dots + run.dashes + run.slashes > 5)
    {
        let time = leading_time(line.get(at..)?);
        if time > 0 {
            return Some((Mask::Time, at + time));
        }
    }
    let root = byte_is(line, run.end, |b| b == b':')
        && byte_is(line, run.end + 1, |b| matches!(b, b'/' | b'\\'));
    if root || run.slashes > 0 {
        if let Some(end) = path(line, at) {
            return Some((Mask::Path, end));
        }
    }
    run.mask(line, at).map(|mask| (mask, run.end))
}

/// The end of a word of letters alone, by which nothing varies; none if it has to be looked at.
pub(super) fn plain(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    let letters = rest.iter().take_while(|b| CLASS[usize::from(**b)] == LETTER).count();
    let next = |n: usize| rest.get(letters + n).copied().unwrap_or(b' ');
    let ends = CLASS[usize::from(next(0))] == END;
    let port = next(0) == b':' && (next(1).is_ascii_digit() || matches!(next(1), b'/' | b'\\'));
    // A day or a month may begin a time.
    let name = letters == 3 && next(0) == b' ' && rest.first().is_some_and(u8::is_ascii_uppercase);
    (letters > 0 && ends && !port && !name).then_some(at + letters)
}

const END: u8 = 0;
const LETTER: u8 = 1;
const OTHER: u8 = 2;

/// What a byte can be in a word.
const CLASS: [u8; 256] = {
    let mut class = [END; 256];
    let mut byte = 0_u8;
    loop {
        class[byte as usize] = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' | b'-' | b'$' | 0x80.. => LETTER,
            b if is_word(b) => OTHER,
            _ => END,
        };
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    class
};

/// What a run of bytes that belong together is made of.
struct Run {
    end: usize,
    digits: usize,
    hex: usize,
    other: usize,
    dots: usize,
    colons: usize,
    dashes: usize,
    slashes: usize,
    ats: usize,
}

impl Run {
    /// The run at `at`; a colon is part of it between digits of whatever base, such as in a time.
    fn of(line: &[u8], at: usize) -> Self {
        let mut run = Self {
            end: at,
            digits: 0,
            hex: 0,
            other: 0,
            dots: 0,
            colons: 0,
            dashes: 0,
            slashes: 0,
            ats: 0,
        };
        while let Some(&byte) = line.get(run.end) {
            match byte {
                b'0'..=b'9' => run.digits += 1,
                b'a'..=b'f' | b'A'..=b'F' => run.hex += 1,
                b'.' => run.dots += 1,
                b'-' => run.dashes += 1,
                b'/' | b'\\' => run.slashes += 1,
                b'@' => run.ats += 1,
                b':' if run.takes_colon(line) => run.colons += 1,
                b if is_word(b) => run.other += 1,
                _ => break,
            }
            run.end += 1;
        }
        // What ends a sentence is no part of a value.
        while run.end > at + 1 && byte_is(line, run.end - 1, |b| matches!(b, b'.' | b'-' | b':')) {
            match line.get(run.end - 1) {
                Some(b'.') => run.dots -= 1,
                Some(b':') => run.colons -= 1,
                _ => run.dashes -= 1,
            }
            run.end -= 1;
        }
        run
    }

    fn takes_colon(&self, line: &[u8]) -> bool {
        let next = |n: usize, test: fn(u8) -> bool| byte_is(line, self.end + n, test);
        let hex = next(1, |b| b.is_ascii_hexdigit())
            || (next(1, |b| b == b':') && next(2, |b| b.is_ascii_hexdigit()));
        let port = self.dots > 0 && next(1, |b| b.is_ascii_digit());
        let base = self.other == 0 && (self.digits > 0 || self.colons > 0);
        (base && hex) || (self.other + self.hex > 0 && port)
    }

    fn mask(&self, line: &[u8], at: usize) -> Option<Mask> {
        let text = line.get(at..self.end)?;
        let letters = self.hex + self.other;
        let marks = self.dots + self.dashes + self.colons + self.slashes;
        if self.ats == 1 && self.dots > 0 && self.slashes == 0 && letters > 0 {
            return Some(Mask::Address);
        }
        if self.digits == 0 {
            return None;
        }
        if letters == 0 && self.ats == 0 {
            return Some(match (self.dots, self.colons, self.dashes + self.slashes) {
                (3, 0 | 1, 0) => Mask::Address,
                (3, _, _) if self.slashes == 1 => Mask::Address,
                (_, 0, 0) => Mask::Number,
                // Of hardware.
                (0, 5, 0) => Mask::Address,
                (_, 1.., _) => Mask::Time,
                (_, 0, 2..) => Mask::Time,
                _ => Mask::Number,
            });
        }
        if self.other == 0 && self.ats == 0 {
            let plain = marks == 0;
            if self.colons >= 2 {
                return Some(Mask::Address);
            }
            if plain && text.len() >= 8 || self.dashes == 4 && text.len() == 36 {
                return Some(Mask::Id);
            }
        }
        if let [b'0', b'x' | b'X', rest @ ..] = text {
            if rest.iter().all(u8::is_ascii_hexdigit) {
                return Some(Mask::Number);
            }
        }
        // 2024-05-06T07:08:09Z
        if self.other <= 3 && self.digits >= 8 && self.dashes >= 2 && self.colons >= 1 {
            return Some(Mask::Time);
        }
        // A host with a port, but not a place in source text.
        if self.colons == 1 && self.dots > 0 && !is_source(text) {
            return Some(Mask::Address);
        }
        None
    }
}

/// Whether it is a file of source text and a line.
fn is_source(text: &[u8]) -> bool {
    let file = text.split(|b| *b == b':').next().unwrap_or_default();
    let ending = file.rsplit(|b| *b == b'.').next().unwrap_or_default();
    matches!(
        ending,
        b"c" | b"cc"
            | b"cpp"
            | b"cs"
            | b"go"
            | b"h"
            | b"java"
            | b"js"
            | b"kt"
            | b"php"
            | b"py"
            | b"rb"
            | b"rs"
            | b"scala"
            | b"swift"
            | b"ts"
    )
}

/// A path or a URL that begins at `at`, with its end.
fn path(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    let scheme = rest.iter().take(12).take_while(|b| b.is_ascii_alphanumeric()).count();
    let url = scheme > 0 && rest.get(scheme..)?.starts_with(b"://");
    let drive = scheme == 1 && rest.get(1..)?.starts_with(b":\\");
    let mut query = url || drive;
    let mut ends = |b: u8| {
        query |= b == b'?';
        b <= b' '
            || matches!(
                b,
                b'"' | b'\''
                    | b'<'
                    | b'>'
                    | b'('
                    | b')'
                    | b'['
                    | b']'
                    | b'{'
                    | b'}'
                    | b','
                    | b';'
                    | b'|'
            )
            || (!query && matches!(b, b':' | b'='))
    };
    let mut length = rest.iter().take_while(|b| !ends(**b)).count();
    while length > 1 && matches!(rest.get(length - 1), Some(b'.' | b':')) {
        length -= 1;
    }
    let text = rest.get(..length)?;
    let slashes = text.iter().filter(|b| matches!(b, b'/' | b'\\')).count();
    let rooted = matches!(text, [b'/' | b'~', next, ..] if next.is_ascii_alphanumeric() || matches!(next, b'/' | b'.' | b'_'));
    let letters = text.iter().any(u8::is_ascii_alphabetic);
    (url || drive || (letters && rooted && slashes >= 1) || (letters && slashes >= 3))
        .then_some(at + length)
}
