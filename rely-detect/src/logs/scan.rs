//! A line as a row of tokens, in one pass over its bytes.

use super::mask::{self, Mask};
use super::severity::Severity;
use super::{hash, measure, quote, time};

/// What a token is to the one who compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub(super) enum Kind {
    /// A word, which is probably part of the template.
    Word,
    /// A word with digits in it, such as `eth0`; its key holds for every number.
    Mixed,
    /// Something that varies by its form alone.
    Masked(Mask),
    /// What stands between words; templates with different ones are never joined.
    Mark,
    /// How bad the line says it is, which is never joined either.
    Level(Severity),
}

impl Kind {
    /// Whether it is part of the frame that all lines of a template share.
    pub(super) const fn is_frame(self) -> bool {
        matches!(self, Self::Mark | Self::Level(_))
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// Two tokens with the same key are the same.
    pub(super) key: u64,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) kind: Kind,
    /// Whether white space stands before it.
    pub(super) spaced: bool,
}

/// The level of a line is among so many first tokens: behind time, host, process and thread.
const LEVEL_WITHIN: usize = 16;

/// Takes lines apart; keeps its room from one line to the next.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    tokens: Vec<Token>,
    max_tokens: usize,
    /// Where the string ends whose text is scanned like that of the line.
    inner: usize,
}

impl Scanner {
    pub(super) fn new(max_tokens: usize) -> Self {
        Self { tokens: Vec::with_capacity(max_tokens), max_tokens, inner: 0 }
    }

    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.tokens.capacity() * size_of::<Token>()
    }

    /// Takes `line` apart. What comes after the last token that has room is left out.
    pub(super) fn scan(&mut self, line: &[u8]) {
        self.tokens.clear();
        self.inner = 0;
        let mut at = self.head(line);
        let mut spaced = at > 0;
        while let Some(&byte) = line.get(at) {
            if self.tokens.len() >= self.max_tokens {
                break;
            }
            if is_space(byte) {
                spaced = true;
                at += 1;
                continue;
            }
            at = self.token(line, at, spaced).max(at + 1);
            spaced = false;
        }
    }

    /// A timestamp at the start of the line, and where the rest begins.
    fn head(&mut self, line: &[u8]) -> usize {
        let end = time::leading_time(line);
        if end > 0 {
            self.push(Kind::Masked(Mask::Time), 0, 0, end, false);
        }
        end
    }

    /// Takes the token that starts at `at` and says where it ends.
    fn token(&mut self, line: &[u8], at: usize, spaced: bool) -> usize {
        let byte = byte(line, at);
        match byte {
            b'"' | b'\'' => {
                if let Some(end) = self.quoted(line, at, spaced) {
                    return end;
                }
            }
            // A bound such as `<1 sec` is a number.
            b'<' if byte_is(line, at + 1, |b| b.is_ascii_digit()) => {
                if let Some((mask, end)) = measure::measure(line, at + 1) {
                    self.push(Kind::Masked(mask), 0, at, end, spaced);
                    return end;
                }
            }
            // A size said once more for people: `18846 bytes (18.4 KB)`.
            b'(' if self.after_size() => {
                if let Some((Mask::Size, end)) = measure::measure(line, at + 1) {
                    if byte_is(line, end, |b| b == b')') {
                        return end + 1;
                    }
                }
            }
            _ => {}
        }
        if is_word(byte) { self.word(line, at, spaced) } else { self.mark(line, at, spaced) }
    }

    fn after_size(&self) -> bool {
        self.tokens.last().is_some_and(|token| token.kind == Kind::Masked(Mask::Size))
    }

    fn mark(&mut self, line: &[u8], at: usize, spaced: bool) -> usize {
        let first = byte(line, at);
        let same = line.iter().skip(at).take_while(|b| **b == first).count();
        self.push(Kind::Mark, hash::of(&[first]), at, at + same, spaced);
        at + same
    }

    fn word(&mut self, line: &[u8], at: usize, spaced: bool) -> usize {
        let plain = mask::plain(line, at);
        if plain.is_none() {
            if let Some((mask, end)) = mask::variable(line, at) {
                self.push(Kind::Masked(mask), 0, at, end, spaced);
                return end;
            }
        }
        let rest = line.get(at..).unwrap_or_default();
        let end = plain.unwrap_or_else(|| at + rest.iter().take_while(|b| is_word(**b)).count());
        // The full stop of a sentence is no part of its last word.
        let mut last = end;
        while last > at + 1 && matches!(byte(line, last - 1), b'.' | b'-' | b'?') {
            last -= 1;
        }
        let run = line.get(at..last).unwrap_or_default();
        if !run.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80) {
            return self.mark(line, at, spaced);
        }
        let digits = plain.is_none() && run.iter().any(u8::is_ascii_digit);
        let key = if digits { hash::shape(run) } else { hash::of(run) };
        let kind = match self.severity(line, run) {
            Some(severity) => Kind::Level(severity),
            None if digits => Kind::Mixed,
            None => Kind::Word,
        };
        self.push(kind, key, at, last, spaced);
        last
    }

    /// What the word says as the level of the line: in capitals, or in brackets, quotes or behind an
    /// equals sign, and near the start.
    fn severity(&self, line: &[u8], word: &[u8]) -> Option<Severity> {
        if self.tokens.len() >= LEVEL_WITHIN || !(3..=9).contains(&word.len()) {
            return None;
        }
        let before = self.tokens.last().filter(|token| token.kind == Kind::Mark);
        let before = before.map_or(b' ', |token| byte(line, token.start as usize));
        let marked = matches!(before, b'[' | b'=' | b'"' | b'<' | b'|');
        if !marked && !word.iter().all(u8::is_ascii_uppercase) {
            return None;
        }
        Severity::from_word(word)
    }

    /// A string in quotes, if one begins here.
    fn quoted(&mut self, line: &[u8], at: usize, spaced: bool) -> Option<usize> {
        let quote = byte(line, at);
        if self.inner > 0 && at <= self.inner {
            return None;
        }
        // An apostrophe is no quote.
        if quote == b'\'' && at > 0 && is_word(byte(line, at - 1)) {
            return None;
        }
        let end = quote::closing_quote(line, at)?;
        let text = line.get(at + 1..end).unwrap_or_default();
        let json = quote == b'"' && byte_is(line, end + 1, |b| b == b':');
        if json {
            self.push(Kind::Word, hash::of(text), at, end + 2, spaced);
            return Some(end + 2);
        }
        if self.speaks(line) || quote::is_request(text) {
            self.inner = end;
            return None;
        }
        self.push(Kind::Masked(Mask::Text), 0, at, end + 1, spaced);
        Some(end + 1)
    }

    /// Whether the text that follows is that of the line itself, by the name of its field.
    fn speaks(&self, line: &[u8]) -> bool {
        let tokens = self.tokens.as_slice();
        let name = match tokens {
            [.., name, equals] if byte(line, equals.start as usize) == b'=' => name,
            [.., name] if line.get((name.end as usize).wrapping_sub(1)) == Some(&b':') => name,
            _ => return false,
        };
        let name = line.get(name.start as usize..name.end as usize).unwrap_or_default();
        quote::names_message(name)
    }

    fn push(&mut self, kind: Kind, key: u64, start: usize, end: usize, spaced: bool) {
        let key = match kind {
            Kind::Masked(mask) => mask.key(),
            _ => key,
        };
        // A list of values of one kind is one value, however long it is.
        if let ([.., first, mark], Kind::Masked(_)) = (self.tokens.as_slice(), kind) {
            if first.key == key && mark.kind == Kind::Mark && mark.key == hash::of(b",") {
                self.tokens.pop();
                return;
            }
        }
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.tokens.push(Token { key, start: offset(start), end: offset(end), kind, spaced });
    }
}

fn byte(line: &[u8], at: usize) -> u8 {
    line.get(at).copied().unwrap_or(b' ')
}

pub(super) fn byte_is(line: &[u8], at: usize, test: impl Fn(u8) -> bool) -> bool {
    line.get(at).is_some_and(|byte| test(*byte))
}

pub(super) const fn is_space(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7F
}

/// Whether the byte can be part of a word; those of other scripts can.
pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(
            byte,
            b'_' | b'-'
                | b'.'
                | b'/'
                | b'\\'
                | b'@'
                | b'~'
                | b'$'
                | b'%'
                | b'&'
                | b'+'
                | b'*'
                | b'?'
        )
}
