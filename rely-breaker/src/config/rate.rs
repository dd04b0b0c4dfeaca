//! A rate that may be off, which is a word: not every format has a null, and one that leaves it out
//! would read the default.

use core::fmt;

use rely_core::Ratio;
use serde::de::{Error, IntoDeserializer, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const OFF: &str = "off";

pub(crate) fn serialize<S: Serializer>(
    rate: &Option<Ratio>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if rate.is_none() && serializer.is_human_readable() {
        return serializer.serialize_str(OFF);
    }
    rate.serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Ratio>, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_any(Human)
    } else {
        Option::deserialize(deserializer)
    }
}

struct Human;

impl<'de> Visitor<'de> for Human {
    type Value = Option<Ratio>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a share such as \"50 %\", a number from 0 to 1, or \"off\"")
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
        let rate = text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
        Ok(Some(rate))
    }

    fn visit_f64<E: Error>(self, share: f64) -> Result<Self::Value, E> {
        Ratio::deserialize(share.into_deserializer()).map(Some)
    }

    fn visit_u64<E: Error>(self, share: u64) -> Result<Self::Value, E> {
        Ratio::deserialize(share.into_deserializer()).map(Some)
    }

    fn visit_i64<E: Error>(self, share: i64) -> Result<Self::Value, E> {
        Ratio::deserialize(share.into_deserializer()).map(Some)
    }
}

#[cfg(feature = "schema")]
pub(crate) enum RateSchema {}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for RateSchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RatioOrOff".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let ratio = generator.subschema_for::<Ratio>();
        schemars::json_schema!({ "anyOf": [ratio, { "enum": [OFF, null] }] })
    }
}
