//! Delays that may be off, which is a word: not every format has a null, and one that leaves it out
//! would read the default.

use core::fmt;

use rely_core::backoff::BackoffConfig;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const OFF: &str = "off";

pub(super) fn serialize<S: Serializer>(
    backoff: &Option<BackoffConfig>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if backoff.is_none() && serializer.is_human_readable() {
        return serializer.serialize_str(OFF);
    }
    backoff.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BackoffConfig>, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_any(Human)
    } else {
        Option::deserialize(deserializer)
    }
}

struct Human;

impl<'de> Visitor<'de> for Human {
    type Value = Option<BackoffConfig>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the delays before retries, or \"off\"")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.trim() == OFF {
            return Ok(None);
        }
        Err(E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        BackoffConfig::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

/// The JSON Schema of delays that may be off.
#[cfg(feature = "schema")]
pub(super) enum Schema {}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Schema {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BackoffOrOff".into()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        "rely_breaker::BackoffOrOff".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let backoff = generator.subschema_for::<BackoffConfig>();
        schemars::json_schema!({
            "description": "The delays before retries, or none.",
            "oneOf": [backoff, { "const": OFF }, { "type": "null" }],
        })
    }
}
