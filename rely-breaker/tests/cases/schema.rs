//! As much of JSON Schema as the file of cases is described with; other keywords are refused.

use serde_json::Value;

pub(crate) struct Schema(pub(crate) Value);

impl Schema {
    /// Panics where `value` is not as described.
    pub(crate) fn check(&self, value: &Value) {
        self.value(&self.0, value).unwrap_or_else(|error| panic!("{error}"));
    }

    fn value(&self, schema: &Value, value: &Value) -> Result<(), String> {
        for (keyword, told) in schema.as_object().unwrap() {
            let met = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "properties" => true,
                "$ref" => {
                    let at = told.as_str().unwrap().strip_prefix('#').unwrap();
                    self.value(self.0.pointer(at).unwrap(), value)?;
                    true
                }
                "const" => value == told,
                "enum" => told.as_array().unwrap().contains(value),
                "type" => match told {
                    Value::Array(types) => types.iter().any(|name| is_a(value, name)),
                    name => is_a(value, name),
                },
                "required" => {
                    let names = told.as_array().unwrap();
                    names.iter().all(|name| value.get(name.as_str().unwrap()).is_some())
                }
                "items" => {
                    value.as_array().unwrap().iter().try_for_each(|item| self.value(told, item))?;
                    true
                }
                "additionalProperties" => {
                    self.fields(schema, told, value)?;
                    true
                }
                "anyOf" => {
                    let mut ways = told.as_array().unwrap().iter();
                    ways.any(|way| self.value(way, value).is_ok())
                }
                other => panic!("nobody looks at {other}"),
            };
            if !met {
                return Err(format!("{value} is not as {keyword} says: {told}"));
            }
        }
        Ok(())
    }

    fn fields(&self, schema: &Value, others: &Value, value: &Value) -> Result<(), String> {
        for (name, field) in value.as_object().into_iter().flatten() {
            match schema.get("properties").and_then(|known| known.get(name)) {
                Some(known) => self.value(known, field)?,
                None if *others == Value::Bool(false) => {
                    return Err(format!("no field is called {name}"));
                }
                None => self.value(others, field)?,
            }
        }
        Ok(())
    }
}

fn is_a(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "null" => value.is_null(),
        other => panic!("nobody knows the type {other}"),
    }
}
