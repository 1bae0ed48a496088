//! From nodes to a type: serde with line numbers, and unknown fields as warnings.

use super::{Node, Place, Value};
use crate::store::preset::Problem;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};
use std::cell::RefCell;
use std::collections::btree_map;
use std::fmt;
use std::slice;

/// Reads a type from merged nodes. The second part names fields that the type does not know, in order of their lines.
pub fn read<T: DeserializeOwned>(node: &Node) -> (Result<T, Problem>, Vec<Problem>) {
    let unknown = RefCell::new(Vec::new());
    let read = T::deserialize(Reader {
        node,
        unknown: &unknown,
    });
    let mut warnings = unknown.into_inner();
    warnings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    let read = read.map_err(|error| {
        error
            .place
            .as_ref()
            .unwrap_or(&node.place)
            .problem(error.message)
    });
    (read, warnings)
}

/// What serde found wrong, and where, once that is known.
#[derive(Debug)]
struct Wrong {
    message: String,
    place: Option<Place>,
}

impl Wrong {
    /// The innermost place that learns of an error is the one to tell.
    fn at(mut self, key: &str, node: &Node) -> Self {
        if self.place.is_none() {
            self.place = Some(node.place.clone());
            if !key.is_empty() {
                self.message = format!("{key}: {}", self.message);
            }
        }
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string().replace('`', "\""),
            place: None,
        }
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    unknown: &'a RefCell<Vec<Problem>>,
}

impl<'a> Reader<'a> {
    fn inner(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Wrong;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items {
                items: items.iter(),
                reader: self,
            }),
            Value::Table(fields) => visitor.visit_map(Fields {
                fields: fields.iter(),
                known: None,
                value: None,
                reader: self,
            }),
        }
    }

    fn deserialize_struct<V: de::Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Table(fields) => visitor.visit_map(Fields {
                fields: fields.iter(),
                known: Some(known),
                value: None,
                reader: self,
            }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: de::Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: de::Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Table(fields) => visitor.visit_enum(MapAccessDeserializer::new(Fields {
                fields: fields.iter(),
                known: None,
                value: None,
                reader: self,
            })),
            _ => Err(de::Error::custom("expected one of the named choices")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Items<'a> {
    items: slice::Iter<'a, Node>,
    reader: Reader<'a>,
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some(node) = self.items.next() else {
            return Ok(None);
        };
        let value = seed.deserialize(self.reader.inner(node));
        value.map(Some).map_err(|wrong| wrong.at("", node))
    }
}

struct Fields<'a> {
    fields: btree_map::Iter<'a, String, Node>,
    /// The field names of a struct; others are warned of and left out.
    known: Option<&'static [&'static str]>,
    value: Option<(&'a str, &'a Node)>,
    reader: Reader<'a>,
}

impl<'a> MapAccess<'a> for Fields<'a> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        for (key, node) in self.fields.by_ref() {
            if let Some(known) = self.known.filter(|known| !known.contains(&key.as_str())) {
                let message = format!(
                    "unknown field \"{key}\" is ignored; known: {}",
                    known.join(", ")
                );
                let problem = node.place.problem(message);
                self.reader.unknown.borrow_mut().push(problem);
                continue;
            }
            self.value = Some((key, node));
            let key = seed.deserialize(BorrowedStrDeserializer::new(key));
            return key.map(Some).map_err(|wrong: Wrong| wrong.at("", node));
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((key, node)) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let value = seed.deserialize(self.reader.inner(node));
        value.map_err(|wrong| wrong.at(key, node))
    }
}
