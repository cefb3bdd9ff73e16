//! JSON with every pair of an object, even if a key is there twice: the engines keep them all.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// The number's text.
    Number(String),
    String(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    /// The same value in native syntax, whose strings have the same escapes; null if it cannot be written.
    pub(super) fn in_native_syntax(&self) -> Option<String> {
        let quoted = |text: &str| serde_json::to_string(text).ok();
        match self {
            Self::Null => Some("null".to_owned()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(text) => Some(text.clone()),
            // An interpolation has its own quotes, which are no escapes of the string.
            Self::String(text) if text.starts_with("${") && text.ends_with('}') && text.matches("${").count() == 1 => {
                Some(format!("({})", &text[2..text.len() - 1]))
            }
            Self::String(text) if text.contains("${") && text.contains('"') => None,
            Self::String(text) => quoted(text),
            Self::Array(elements) => {
                let elements = elements.iter().map(Self::in_native_syntax).collect::<Option<Vec<_>>>()?;
                Some(format!("[{}]", elements.join(", ")))
            }
            Self::Object(pairs) => {
                let pairs =
                    pairs.iter().map(|(key, value)| Some(format!("{} = {}", quoted(key)?, value.in_native_syntax()?)));
                Some(format!("{{ {} }}", pairs.collect::<Option<Vec<_>>>()?.join(", ")))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element()? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(Json::Object(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_pair_of_an_object_in_order() {
        let json: Json = serde_json::from_str(r#"{"a": 1, "b": [true, null], "a": {"c": -1.5}}"#).unwrap();
        let number = |text: &str| Json::Number(text.to_owned());
        let expected = Json::Object(vec![
            ("a".to_owned(), number("1")),
            ("b".to_owned(), Json::Array(vec![Json::Bool(true), Json::Null])),
            ("a".to_owned(), Json::Object(vec![("c".to_owned(), number("-1.5"))])),
        ]);
        assert_eq!(json, expected);
    }
}
