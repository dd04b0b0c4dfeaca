//! A setting that may be off, which is a word: not every format has a null, and one that leaves it out
//! would read the default.

use core::fmt;
use core::marker::PhantomData;

use rely_core::Ratio;
#[cfg(feature = "retry")]
use rely_core::backoff::BackoffConfig;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IntoDeserializer, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const OFF: &str = "off";

/// What may be off.
pub(crate) trait MayBeOff: Serialize + for<'de> Deserialize<'de> {
    /// What it is when it is on.
    const IS: &str;
}

impl MayBeOff for Ratio {
    const IS: &str = "a share such as \"50 %\", a number from 0 to 1";
}

#[cfg(feature = "retry")]
impl MayBeOff for BackoffConfig {
    const IS: &str = "the delays before retries";
}

pub(crate) fn serialize<T: MayBeOff, S: Serializer>(
    setting: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if setting.is_none() && serializer.is_human_readable() {
        return serializer.serialize_str(OFF);
    }
    setting.serialize(serializer)
}

pub(crate) fn deserialize<'de, T: MayBeOff, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_any(Human(PhantomData))
    } else {
        Option::deserialize(deserializer)
    }
}

struct Human<T>(PhantomData<T>);

impl<'de, T: MayBeOff> Visitor<'de> for Human<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or \"{OFF}\"", T::IS)
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
        let wrong = |_: E| E::invalid_value(Unexpected::Str(text), &self);
        T::deserialize(text.into_deserializer()).map(Some).map_err(wrong)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        T::deserialize(number.into_deserializer()).map(Some)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        T::deserialize(number.into_deserializer()).map(Some)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        T::deserialize(number.into_deserializer()).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

/// The JSON Schema of a setting that may be off.
#[cfg(feature = "schema")]
pub(crate) struct OrOff<T>(PhantomData<T>);

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> schemars::JsonSchema for OrOff<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}OrOff", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let on = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [on, { "enum": [OFF, null] }] })
    }
}
