use serde::{Deserialize, Deserializer};

use crate::ConfigError;

/// Reads a configuration, with errors that name the field.
///
/// The error holds the path of the field (`window.calls`, `targets[2].name`), the value where the
/// format tells it, and what is allowed. Meaning is checked later, by the type's `build()`, and
/// what follows the value in the input is for the format to check, as `serde_json` does in `end()`.
///
/// ```
/// # #[cfg(feature = "serde")] {
/// use rely_core::backoff::BackoffConfig;
/// use rely_core::config;
///
/// let mut json = serde_json::Deserializer::from_str(r#"{ "initial": 5 }"#);
/// let error = config::from_deserializer::<BackoffConfig, _>(&mut json).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"initial is 5, allowed: a duration such as "250ms", "30s" or "1h 30m""#,
/// );
/// # }
/// ```
///
/// # Errors
///
/// If the input is malformed, or a field is unknown, missing, given twice, or of the wrong form.
pub fn from_deserializer<'de, T, D>(deserializer: D) -> Result<T, ConfigError>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        explain(if path == "." { "" } else { &path }, &error.into_inner().to_string())
    })
}

/// Takes serde's own messages apart; they are the only thing that all formats have in common.
fn explain(path: &str, message: &str) -> ConfigError {
    let message = without_position(message);
    let here = if path.is_empty() { "configuration" } else { path };
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return unknown(here, "an unknown field", rest, "no field");
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let variant = rest.split_once('`').map_or(rest, |(variant, _)| variant);
        // The path already ends with the variant if the format had gone into it.
        let field = here.strip_suffix(variant).and_then(|left| left.strip_suffix('.'));
        return unknown(field.unwrap_or(here), variant, rest, "no variant");
    }
    let inside = |name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    if let Some(name) = quoted(message, "missing field `") {
        return ConfigError::new(inside(name), "missing", "a value, the field is required");
    }
    if let Some(name) = quoted(message, "duplicate field `") {
        return ConfigError::new(inside(name), "given twice", "once");
    }
    for prefix in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((value, expected)) =
            message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected "))
        {
            return ConfigError::new(here, bare(value), expected);
        }
    }
    ConfigError::new(here, format_args!("invalid ({message})"), "the documented form")
}

fn unknown(field: &str, value: &str, rest: &str, none: &str) -> ConfigError {
    let names: Vec<_> = match rest.split_once("`, expected ") {
        Some((_, list)) => list.split('`').skip(1).step_by(2).collect(),
        None => Vec::new(),
    };
    let allowed = if names.is_empty() { none.to_owned() } else { names.join(", ") };
    ConfigError::new(field, value, allowed)
}

fn quoted<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.strip_suffix('`')
}

/// The value itself where serde puts its kind in front: integer `5`, string "five".
fn bare(value: &str) -> &str {
    ["integer `", "floating point `", "boolean `", "character `"]
        .iter()
        .find_map(|kind| quoted(value, kind))
        .or_else(|| value.strip_prefix("string "))
        .unwrap_or(value)
}

/// The message without the position that `serde_json` appends: the path says where.
fn without_position(message: &str) -> &str {
    let Some((head, tail)) = message.rsplit_once(" at line ") else {
        return message;
    };
    let is_position = tail
        .split_once(" column ")
        .is_some_and(|(line, column)| line.parse::<u64>().is_ok() && column.parse::<u64>().is_ok());
    if is_position { head } else { message }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::Ratio;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read only by serde")]
    struct Outer {
        #[serde(default)]
        window: Window,
        #[serde(default)]
        targets: Vec<Target>,
        #[serde(default)]
        by_name: BTreeMap<String, Window>,
        #[serde(default)]
        share: Ratio,
        #[serde(default)]
        kind: Kind,
        #[serde(default)]
        one: Option<One>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Window {
        calls: u32,
        exact: bool,
        pair: (u8, u8),
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read only by serde")]
    struct Target {
        name: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct One {}

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        #[default]
        Count,
        Time,
    }

    fn read(json: &str) -> ConfigError {
        from_deserializer::<Outer, _>(&mut serde_json::Deserializer::from_str(json)).unwrap_err()
    }

    #[test]
    fn errors_name_field_value_and_what_is_allowed() {
        let cases = [
            (r#"{"window":{"calls":"ten"}}"#, "window.calls is \"ten\", allowed: u32"),
            (r#"{"window":{"calls":-1}}"#, "window.calls is -1, allowed: u32"),
            (r#"{"window":{"calls":1.5}}"#, "window.calls is 1.5, allowed: u32"),
            (r#"{"window":{"exact":1}}"#, "window.exact is 1, allowed: a boolean"),
            (r#"{"window":{"calls":true}}"#, "window.calls is true, allowed: u32"),
            (r#"{"window":{"calls":{}}}"#, "window.calls is map, allowed: u32"),
            (r#"{"window":{"pair":[1]}}"#, "window.pair is 1, allowed: a tuple of size 2"),
            (r#"{"window":null}"#, "window is null, allowed: struct Window"),
            (
                r#"{"window":{"cals":1}}"#,
                "window.cals is an unknown field, allowed: calls, exact, pair",
            ),
            (r#"{"targets":[{"nme":1}]}"#, "targets[0].nme is an unknown field, allowed: name"),
            (r#"{"one":{"a":1}}"#, "one.a is an unknown field, allowed: no field"),
            (
                r#"{"targets":[{"name":"a"},{}]}"#,
                "targets[1].name is missing, allowed: a value, the field is required",
            ),
            (r#"{"by_name":{"a b":{"calls":[]}}}"#, "by_name.a b.calls is sequence, allowed: u32"),
            (r#"{"kind":"size"}"#, "kind is size, allowed: count, time"),
            (r#"{"window":{"calls":1,"calls":2}}"#, "window.calls is given twice, allowed: once"),
            (
                r#"{"share":"x, expected y"}"#,
                "share is \"x, expected y\", allowed: a share such as \"50 %\", or a number from \
                 0 to 1",
            ),
            ("[1]", "[0] is 1, allowed: struct Window"),
            ("5", "configuration is 5, allowed: struct Outer"),
        ];
        for (json, expected) in cases {
            assert_eq!(read(json).to_string(), expected, "{json}");
        }
    }

    #[test]
    fn a_message_that_is_not_serdes_own_is_passed_on() {
        let error = read(r#"{"window":"#);
        assert!(error.value().starts_with("invalid (EOF while parsing"), "{error}");
        let error = explain("range", "start is after end at line x");
        assert_eq!(
            error.to_string(),
            "range is invalid (start is after end at line x), allowed: the documented form"
        );
    }
}
