//! Arguments against a tool's JSON Schema, before the call.
//!
//! The keywords tools use: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, `anyOf`/`oneOf`,
//! bounds of numbers, lengths, `$ref` into the same schema. Keywords it does not know allow everything: the tool or its server
//! checks again.

use super::error::{ErrorKind, ToolError};
use serde_json::{Map, Value};

/// How deep schemas may refer to each other.
const DEPTH: usize = 32;

/// Checks arguments; the first class of errors that is found is reported whole: missing, then ill-typed, then unknown ones.
///
/// # Errors
///
/// In words that name the arguments and what the schema asks for.
pub fn check(schema: &Value, arguments: &Value) -> Result<(), ToolError> {
    let Some(given) = arguments.as_object() else {
        return Err(ToolError::new(
            ErrorKind::ArgsNotObject,
            "the arguments are not a JSON object; send one JSON object",
        ));
    };
    let Some((kind, keys)) = faults(schema, given) else {
        return Ok(());
    };
    let message = match kind {
        ErrorKind::MissingRequired => {
            let asked: Vec<String> = keys
                .iter()
                .map(|key| format!("{key} ({})", type_words(property(schema, key))))
                .collect();
            format!("missing: {}; send them too", asked.join(", "))
        }
        ErrorKind::WrongType => {
            let why: Vec<String> = keys
                .iter()
                .filter_map(|key| {
                    let why = mismatch(schema, property(schema, key)?, given.get(*key)?, 0)?;
                    Some(format!("{key}: {why}"))
                })
                .collect();
            format!("{}; correct them", why.join("; "))
        }
        _ => format!(
            "not known: {}; known: {}",
            keys.join(", "),
            properties(schema).join(", ")
        ),
    };
    Err(ToolError::new(kind, message))
}

/// The first class of errors that the arguments have, and the names it concerns.
#[must_use]
pub fn faults<'a>(
    schema: &'a Value,
    given: &'a Map<String, Value>,
) -> Option<(ErrorKind, Vec<&'a str>)> {
    let classes = [
        (ErrorKind::MissingRequired, missing(schema, given)),
        (ErrorKind::WrongType, wrong(schema, given)),
        (ErrorKind::UnknownArgument, unknown(schema, given)),
    ];
    classes.into_iter().find(|(_, keys)| !keys.is_empty())
}

/// The names of a schema's properties.
#[must_use]
pub fn properties(schema: &Value) -> Vec<&str> {
    let table = schema.get("properties").and_then(Value::as_object);
    table
        .into_iter()
        .flat_map(|table| table.keys().map(String::as_str))
        .collect()
}

/// The names that must be given.
#[must_use]
pub fn required(schema: &Value) -> Vec<&str> {
    let list = schema.get("required").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// What a property must be.
#[must_use]
pub fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(key)
}

/// The first type of a schema that is not null: `string`, `integer`, …; none where any is allowed.
#[must_use]
pub fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null"),
        _ => None,
    }
}

fn missing<'a>(schema: &'a Value, given: &Map<String, Value>) -> Vec<&'a str> {
    let mut keys = required(schema);
    keys.retain(|key| !given.contains_key(*key));
    keys
}

fn wrong<'a>(schema: &Value, given: &'a Map<String, Value>) -> Vec<&'a str> {
    let is_wrong = |key: &str, value: &Value| {
        property(schema, key).is_some_and(|asked| mismatch(schema, asked, value, 0).is_some())
    };
    given
        .iter()
        .filter(|(key, value)| is_wrong(key, value))
        .map(|(key, _)| key.as_str())
        .collect()
}

fn unknown<'a>(schema: &Value, given: &'a Map<String, Value>) -> Vec<&'a str> {
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Vec::new();
    }
    given
        .keys()
        .map(String::as_str)
        .filter(|key| property(schema, key).is_none())
        .collect()
}

/// Why a value does not fit; none when it does.
fn mismatch(root: &Value, schema: &Value, value: &Value, depth: usize) -> Option<String> {
    if depth > DEPTH {
        return None;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(target.strip_prefix('#')?)?;
        return mismatch(root, target, value, depth + 1);
    }
    if !has_type(schema, value) {
        return Some(format!("must be {}, is {value}", type_words(Some(schema))));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        return Some(format!("must be one of {}, is {value}", allowed.join(", ")));
    }
    if let Some(only) = schema.get("const")
        && only != value
    {
        return Some(format!("must be {only}, is {value}"));
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema.get(key).and_then(Value::as_array)
            && !choices
                .iter()
                .any(|choice| mismatch(root, choice, value, depth + 1).is_none())
        {
            return Some(format!("fits none of its allowed forms, is {value}"));
        }
    }
    match value {
        Value::Object(given) => inside_object(root, schema, given, depth),
        Value::Array(items) => inside_array(root, schema, items, depth),
        Value::Number(number) => bounds(schema, number.as_f64()?),
        Value::String(text) => length(schema, text.chars().count(), ["minLength", "maxLength"]),
        Value::Null | Value::Bool(_) => None,
    }
}

fn inside_object(
    root: &Value,
    schema: &Value,
    given: &Map<String, Value>,
    depth: usize,
) -> Option<String> {
    if let Some(key) = missing(schema, given).first() {
        return Some(format!("lacks {key}"));
    }
    if let Some(key) = unknown(schema, given).first() {
        return Some(format!("does not know {key}"));
    }
    given.iter().find_map(|(key, value)| {
        let why = mismatch(root, property(schema, key)?, value, depth + 1)?;
        Some(format!("{key}: {why}"))
    })
}

fn inside_array(root: &Value, schema: &Value, items: &[Value], depth: usize) -> Option<String> {
    if let Some(why) = length(schema, items.len(), ["minItems", "maxItems"]) {
        return Some(why);
    }
    let each = schema.get("items")?;
    items.iter().enumerate().find_map(|(index, item)| {
        let why = mismatch(root, each, item, depth + 1)?;
        Some(format!("item {index}: {why}"))
    })
}

fn bounds(schema: &Value, number: f64) -> Option<String> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    if let Some(least) = bound("minimum").filter(|least| number < *least) {
        return Some(format!("must be at least {least}, is {number}"));
    }
    if let Some(most) = bound("maximum").filter(|most| number > *most) {
        return Some(format!("must be at most {most}, is {number}"));
    }
    None
}

fn length(schema: &Value, long: usize, [least, most]: [&str; 2]) -> Option<String> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    let long = long as u64;
    if bound(least).is_some_and(|least| long < least) {
        return Some(format!("is too short ({long})"));
    }
    if bound(most).is_some_and(|most| long > most) {
        return Some(format!("is too long ({long})"));
    }
    None
}

fn has_type(schema: &Value, value: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => is_of(name, value),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .any(|name| is_of(name, value)),
        _ => true,
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => {
            value.is_i64()
                || value.is_u64()
                || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn type_words(schema: Option<&Value>) -> String {
    match schema.and_then(|schema| schema.get("type")) {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            names.join(" or ")
        }
        _ => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn why(schema: &Value, arguments: Value) -> Option<(ErrorKind, String)> {
        check(schema, &arguments)
            .err()
            .map(|error| (error.kind, error.message))
    }

    #[test]
    fn classes_are_reported_in_order() {
        let schema = json!({"type": "object", "additionalProperties": false, "required": ["path"],
            "properties": {"path": {"type": "string"}, "most": {"type": "integer", "maximum": 9}}});
        assert_eq!(why(&schema, json!({"path": "a", "most": 9})), None);
        let (kind, message) = why(&schema, json!({"most": "x", "odd": 1})).unwrap();
        assert_eq!(kind, ErrorKind::MissingRequired);
        assert!(message.contains("path (string)"), "{message}");
        let (kind, message) = why(&schema, json!({"path": ["x"], "odd": 1})).unwrap();
        assert_eq!(kind, ErrorKind::WrongType);
        assert!(message.contains("path: must be string"), "{message}");
        let (kind, message) = why(&schema, json!({"path": "a", "odd": 1})).unwrap();
        assert_eq!(kind, ErrorKind::UnknownArgument);
        assert!(
            message.contains("odd") && message.contains("most"),
            "{message}"
        );
        assert!(why(&schema, json!({"path": "a", "most": 10})).is_some());
        assert_eq!(why(&schema, json!([])).unwrap().0, ErrorKind::ArgsNotObject);
    }

    #[test]
    fn nested_values_are_checked_too() {
        let schema = json!({"type": "object",
            "$defs": {"mood": {"enum": ["calm", "cross"]}},
            "properties": {
                "who": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
                "moods": {"type": "array", "items": {"$ref": "#/$defs/mood"}},
                "when": {"anyOf": [{"type": "string"}, {"type": "null"}]}}});
        assert_eq!(
            why(
                &schema,
                json!({"who": {"name": "A"}, "moods": ["calm"], "when": null})
            ),
            None
        );
        for wrong in [
            json!({"who": {}}),
            json!({"who": {"name": 1}}),
            json!({"moods": ["calm", "wild"]}),
            json!({"when": 3}),
        ] {
            assert!(why(&schema, wrong.clone()).is_some(), "{wrong}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"$defs": {"a": {"$ref": "#/$defs/a"}}, "properties": {"x": {"$ref": "#/$defs/a"}}});
        assert_eq!(why(&schema, json!({"x": 1})), None);
    }
}
