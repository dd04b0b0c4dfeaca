//! Compares a JSON Schema with the one in the `schemas/` of the crate that is tested.

use std::path::Path;

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

pub(crate) fn check<T: JsonSchema>(name: &str) {
    let fresh = serde_json::to_value(schema_for!(T)).unwrap();
    described(name, &fresh);
    let text = serde_json::to_string_pretty(&fresh).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(format!("{name}.json"));
    if std::env::var_os("RELY_UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, text, "{} is out of date", path.display());
}

/// Every field says what it is, and objects take no other.
fn described(path: &str, schema: &Value) {
    let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    assert!(!about.is_empty() && !about.contains("```"), "{path} is described by: {about}");
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        assert_eq!(
            schema["additionalProperties"],
            Value::Bool(false),
            "{path} takes unknown fields"
        );
        for (name, property) in properties {
            assert!(property.get("description").is_some(), "{path}.{name} has no description");
        }
    }
    let nested = schema.get("$defs").and_then(Value::as_object);
    for (name, schema) in nested.into_iter().flatten() {
        described(&format!("{path}/{name}"), schema);
    }
}
