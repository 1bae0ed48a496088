//! TOML in layers: the user's file over the built-in one, field by field, every value remembering its line.
//!
//! A table is merged key by key, anything else (lists too) is replaced as a whole. Unknown fields are warnings, a wrong value is
//! one [`Problem`] with its line; nothing here is fatal and nothing here knows what the fields mean.

mod parse;
mod read;

pub use parse::parse;
pub use read::read;

use super::preset::Problem;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as a person would name it.
    pub file: Arc<str>,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
}

impl Place {
    /// A problem here.
    #[must_use]
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.to_string(),
            line: (self.line > 0).then_some(self.line),
            message: message.into(),
        }
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

/// A TOML value; dates are kept as text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

impl Node {
    /// The value under a key, if this is a table that has it.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&Node> {
        self.table()?.get(key)
    }

    #[must_use]
    pub fn table(&self) -> Option<&BTreeMap<String, Node>> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// This node's fields over those of `base`.
    #[must_use]
    pub fn over(self, base: Node) -> Node {
        match (self.value, base.value) {
            (Value::Table(upper), Value::Table(mut lower)) => {
                for (key, node) in upper {
                    let merged = match lower.remove(&key) {
                        Some(under) => node.over(under),
                        None => node,
                    };
                    lower.insert(key, merged);
                }
                Node {
                    place: self.place,
                    value: Value::Table(lower),
                }
            }
            (value, _) => Node {
                place: self.place,
                value,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Shape {
        name: String,
        #[serde(default)]
        size: Size,
        #[serde(default)]
        parts: Vec<Size>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Size {
        width: f32,
        height: u8,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Round,
        Sided(u8),
    }

    fn shape(text: &str) -> (Result<Shape, Problem>, Vec<Problem>) {
        read(&parse("shape.toml", text).unwrap())
    }

    #[test]
    fn fields_are_merged_and_lists_replaced() {
        let base = parse(
            "base",
            "name = \"a\"\n[size]\nwidth = 1\nheight = 2\n[[parts]]\nwidth = 9",
        );
        let user = parse(
            "user",
            "parts = []\nkind = { sided = 3 }\n[size]\nheight = 7",
        );
        let (shape, warnings) = read::<Shape>(&user.unwrap().over(base.unwrap()));
        let expected = Shape {
            name: "a".into(),
            size: Size {
                width: 1.0,
                height: 7,
            },
            parts: vec![],
            kind: Some(Kind::Sided(3)),
        };
        assert_eq!((shape.unwrap(), warnings), (expected, vec![]));
    }

    #[test]
    fn an_unknown_field_is_a_warning_with_its_line() {
        let (shape, warnings) =
            shape("name = \"a\"\nkind = \"round\"\n[size]\nwidht = 2 # typo\n[[parts]]\nx = 1");
        assert_eq!(shape.unwrap().kind, Some(Kind::Round));
        let lines: Vec<_> = warnings.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [Some(4), Some(6)]);
        assert_eq!(
            warnings[0].to_string(),
            "shape.toml, line 4: unknown field \"widht\" is ignored; known: width, height"
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line() {
        for (text, line, words) in [
            ("name = \"a\"\n[size]\nheight = 300", Some(3), "height"),
            ("name = 3", Some(1), "name: invalid type"),
            ("\n[size]\nwidth = 1", None, "missing field \"name\""),
            (
                "name = \"a\"\n\n[[parts]]\nwidth = 1\n[[parts]]\nwidth = \"x\"",
                Some(6),
                "width",
            ),
            (
                "name = \"a\"\nkind = \"square\"",
                Some(2),
                "unknown variant \"square\"",
            ),
        ] {
            let problem = shape(text).0.unwrap_err();
            assert_eq!(problem.line, line, "{problem}");
            assert!(problem.message.contains(words), "{problem}");
        }
    }

    #[test]
    fn what_is_not_toml_is_named_with_its_line() {
        for (text, line) in [
            ("a = 1\nb = \n", 2),
            ("a = 1\n\n[x\n", 3),
            ("a = 1\na = 2", 2),
            ("s = \"never closed\nb = 1", 1),
        ] {
            assert_eq!(
                parse("f.toml", text).unwrap_err().line,
                Some(line),
                "{text:?}"
            );
        }
    }
}
