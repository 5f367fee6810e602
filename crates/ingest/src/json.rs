//! JSON from strangers: borrowed where it can be, shallow, and without a schema, because trackers of all ages send it.
//!
//! A value deeper than [`DEPTH`] is refused while it is read, not after.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// Deepest nesting that is read; a beacon needs 2.
const DEPTH: u8 = 8;

/// Most items of a list that are kept where they are wanted; one more than any list may have.
const ITEMS: usize = crate::adapter::ITEMS + 1;

/// One value. What stands in a list is of no use to a beacon and is not kept, but by [`parse_lists`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// Reads one value that fills the whole of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value<'_>, serde_json::Error> {
    read(bytes, Seed { depth_left: DEPTH, lists: Lists::Emptied })
}

/// The same, and keeps what stands in its lists: for formats that carry several beacons at once.
pub(crate) fn parse_lists(bytes: &[u8]) -> Result<Value<'_>, serde_json::Error> {
    read(bytes, Seed { depth_left: DEPTH, lists: Lists::Kept })
}

fn read(bytes: &[u8], seed: Seed) -> Result<Value<'_>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

impl<'a> Value<'a> {
    /// Text as it stands, numbers and truth values in words; nothing for the rest.
    pub(crate) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(number) => Some(number.to_string().into()),
            Self::Float(number) => Some(number.to_string().into()),
            Self::Bool(true) => Some("true".into()),
            Self::Bool(false) => Some("false".into()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// A whole number, however it was written.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            // Milliseconds of `performance.now` come as floats.
            Self::Float(number) if number.abs() < 9e15 => Some(number.round() as i64),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Float(_) | Self::Null | Self::Bool(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// What a text holds if it holds JSON itself; the value as it stands otherwise.
    pub(crate) fn unquoted(self) -> Self {
        match self {
            Self::Text(text) => match parse(text.as_bytes()) {
                Ok(value) => value.into_owned(),
                Err(_) => Self::Text(text),
            },
            value => value,
        }
    }

    fn into_owned<'b>(self) -> Value<'b> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Float(value) => Value::Float(value),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Self::into_owned).collect()),
            Self::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }
}

#[derive(Clone, Copy)]
struct Seed {
    depth_left: u8,
    lists: Lists,
}

/// What becomes of what stands in a list.
#[derive(Clone, Copy)]
enum Lists {
    Emptied,
    Kept,
}

impl Seed {
    fn below<E: Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, ..self }),
            None => Err(E::custom("nested too deeply")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(value).map_or(Value::Text(value.to_string().into()), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let below = self.below()?;
        let mut kept = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            if matches!(self.lists, Lists::Kept) && kept.len() < ITEMS {
                kept.push(item);
            }
        }
        Ok(Value::List(kept))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value<'de>, A::Error> {
        let below = self.below()?;
        let mut map = Vec::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            map.push((key, entries.next_value_seed(below)?));
        }
        Ok(Value::Map(map))
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_to_the_depth_of_eight_and_no_deeper() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(parse(nested(8).as_bytes()).unwrap(), Value::List(Vec::new()));
        assert!(parse(nested(9).as_bytes()).is_err());
        assert!(parse(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn borrows_what_has_no_escapes() {
        let Value::Map(entries) = parse(br#"{"a":"b","c":"\u00e4"}"#).unwrap() else { panic!("a map") };
        assert!(matches!(&entries[0], (Cow::Borrowed("a"), Value::Text(Cow::Borrowed("b")))));
        assert!(matches!(&entries[1].1, Value::Text(Cow::Owned(text)) if text == "ä"));
    }

    #[test]
    fn keeps_what_stands_in_lists_only_where_it_is_wanted_and_never_more_than_a_bound() {
        assert_eq!(parse(b"[1,2]").unwrap(), Value::List(Vec::new()));
        let two = vec![Value::Integer(1), Value::List(vec![Value::Integer(2)])];
        assert_eq!(parse_lists(b"[1,[2]]").unwrap(), Value::List(two));
        let many = format!("[{}0]", "0,".repeat(10_000));
        let Value::List(kept) = parse_lists(many.as_bytes()).unwrap() else { panic!("a list") };
        assert_eq!(kept.len(), ITEMS);
    }

    #[test]
    fn refuses_what_follows_a_value() {
        assert!(parse(b"{} {}").is_err());
        assert!(parse(b"").is_err());
    }
}
