//! The part of YAML that a rule file needs: maps and lists in block style, and text.

use std::borrow::Cow;

/// A value to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Yaml {
    Text(String),
    Map(Vec<(Cow<'static, str>, Self)>),
    List(Vec<Self>),
}

impl Yaml {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn map<const N: usize>(entries: [(&'static str, Self); N]) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The document, ended by a new line. A map or a list in it is not empty.
    pub(super) fn document(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0, false);
        out
    }

    /// Writes the value at an indent; `inline` where the first line is begun.
    fn write(&self, out: &mut String, indent: usize, mut inline: bool) {
        match self {
            Self::Text(text) => {
                out.push_str(&scalar(text));
                out.push('\n');
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    begin(out, indent, &mut inline);
                    out.push_str(&scalar(key));
                    out.push(':');
                    value.nest(out, indent);
                }
            }
            Self::List(items) => {
                for item in items {
                    begin(out, indent, &mut inline);
                    out.push_str("- ");
                    item.write(out, indent + 2, true);
                }
            }
        }
    }

    fn nest(&self, out: &mut String, indent: usize) {
        if let Self::Text(_) = self {
            out.push(' ');
            self.write(out, indent, true);
        } else {
            out.push('\n');
            self.write(out, indent + 2, false);
        }
    }
}

fn begin(out: &mut String, indent: usize, inline: &mut bool) {
    if !core::mem::take(inline) {
        out.extend(core::iter::repeat_n(' ', indent));
    }
}

/// Text as a scalar that no reader of YAML 1.1 or 1.2 takes for anything else: as it is where it is a
/// plain word, in single quotes where one line of printable ASCII does, else in double quotes.
fn scalar(text: &str) -> String {
    let word = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':'))
        && !text.ends_with(':');
    let reserved = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    if word && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    if text.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic()) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            ' '..='~' => quoted.push(letter),
            _ => quoted.push_str(&format!("\\U{:08x}", u32::from(letter))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_where_it_could_be_taken_for_something_else() {
        let table = [
            ("slo:a:rate5m", "slo:a:rate5m"),
            ("5m", "'5m'"),
            ("no", "'no'"),
            ("Off", "'Off'"),
            ("", "''"),
            ("a:", "'a:'"),
            ("a: b # c", "'a: b # c'"),
            ("it's", "'it''s'"),
            ("{{ $value }}", "'{{ $value }}'"),
            ("a\nb\"\\", "\"a\\U0000000ab\\\"\\\\\""),
            ("é", "\"\\U000000e9\""),
        ];
        for (text, expected) in table {
            assert_eq!(scalar(text), expected);
        }
    }

    #[test]
    fn maps_and_lists_are_indented() {
        let leaf = || Yaml::text("x");
        let map = || Yaml::map([("a", leaf()), ("b", Yaml::map([("c", leaf())]))]);
        let document = Yaml::map([("list", Yaml::List(vec![map(), map()]))]).document();
        let item = "  - a: x\n    b:\n      c: x\n";
        assert_eq!(document, format!("list:\n{item}{item}"));
    }
}
