//! From TOML text to nodes with line numbers.

use super::{Node, Place, Value};
use crate::store::preset::Problem;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads TOML; `file` is the name that problems will carry.
pub fn parse(file: &str, text: &str) -> Result<Node, Problem> {
    let lines = Lines {
        file: file.into(),
        starts: starts(text),
    };
    let document = DeTable::parse(text).map_err(|error| {
        let message = error.message().replace('`', "\"").replace('\n', ", ");
        match error.span() {
            Some(span) => lines.at(span.start),
            None => lines.whole(),
        }
        .problem(message)
    })?;
    Ok(Node {
        place: lines.whole(),
        value: lines.table(document.into_inner()),
    })
}

/// Byte offsets at which lines begin.
fn starts(text: &str) -> Vec<usize> {
    let ends = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).collect()
}

struct Lines {
    file: Arc<str>,
    starts: Vec<usize>,
}

impl Lines {
    fn whole(&self) -> Place {
        Place {
            file: self.file.clone(),
            line: 0,
        }
    }

    fn at(&self, offset: usize) -> Place {
        Place {
            file: self.file.clone(),
            line: self.starts.partition_point(|&start| start <= offset),
        }
    }

    fn table(&self, table: DeTable<'_>) -> Value {
        let mut fields = BTreeMap::new();
        for (key, value) in table {
            // A key's own line: the value of `[a.b]` spans from wherever its parent first appeared.
            let place = self.at(key.span().start);
            let node = Node {
                place,
                value: self.value(value.into_inner()),
            };
            fields.insert(key.into_inner().into_owned(), node);
        }
        Value::Table(fields)
    }

    fn value(&self, value: DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Boolean(flag) => Value::Bool(flag),
            // An integer beyond 64 bits becomes a float, so that the reader of the field refuses it with its line.
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(
                    |_| Value::Float(number.as_str().parse().unwrap_or(f64::INFINITY)),
                    Value::Integer,
                ),
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Datetime(date) => Value::Text(date.to_string()),
            DeValue::Array(items) => {
                Value::List(items.into_iter().map(|item| self.item(item)).collect())
            }
            DeValue::Table(table) => self.table(table),
        }
    }

    fn item(&self, item: Spanned<DeValue<'_>>) -> Node {
        Node {
            place: self.at(item.span().start),
            value: self.value(item.into_inner()),
        }
    }
}
