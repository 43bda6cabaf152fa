//! JSON Schemas (draft 2020-12) of the event, the finding and the command, made from the types.
//!
//! They are checked in under `schemas/json/`, and a test keeps the files current.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::command::Command;
use crate::event::{Event, MAX_LIST_ITEMS, MAX_TEXT_BYTES};
use crate::finding::Finding;

/// Name of the definition of what stands for *not known*.
const NOT_KNOWN: &str = "NotKnown";

/// Every schema with the name of its file.
pub fn all() -> [(&'static str, Value); 3] {
    [
        ("event.schema.json", event()),
        ("finding.schema.json", finding()),
        ("command.schema.json", command()),
    ]
}

/// The schema of an event: what [`Event::parse`] takes.
///
/// A link of a delegation chain without an id is against the schema, though it is only left out
/// when it is read. Lengths are counted in characters there and in bytes here, so text outside ASCII can keep to
/// the schema and still be too long.
pub fn event() -> Value {
    let mut schema = generate::<Event<'_>>("event", SchemaSettings::draft2020_12());
    each_object(&mut schema, &mut |object| {
        let required: Vec<Value> = match object.get("required") {
            Some(Value::Array(names)) => names.clone(),
            _ => Vec::new(),
        };
        let Some(Value::Object(properties)) = object.get_mut("properties") else {
            return;
        };
        for (name, property) in properties.iter_mut() {
            if let Value::Object(property) = property {
                bound(property);
                if !required.contains(&json!(name)) {
                    allow_not_known(property);
                }
            }
        }
    });
    let definition = json!({
        "description": "What stands for a value that is not known; the same as leaving the field out.",
        "enum": [null, "", "unknown", "null"],
    });
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        definitions.insert(NOT_KNOWN.to_owned(), definition);
    }
    schema
}

/// The schema of a finding, as it is written.
pub fn finding() -> Value {
    written::<Finding>("finding")
}

/// The schema of a command, as it is written.
pub fn command() -> Value {
    written::<Command>("command")
}

fn written<T: JsonSchema>(name: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = generate::<T>(name, settings);
    each_object(&mut schema, &mut |object| {
        // What is absent from a finding or command is left out, never null.
        if let Some(Value::Array(types)) = object.get("type")
            && let [only, Value::String(null)] = types.as_slice()
            && null == "null"
        {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    });
    schema
}

fn generate<T: JsonSchema>(name: &str, settings: SchemaSettings) -> Value {
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert(
        "$id".to_owned(),
        format!("urn:plumbline:schema:{name}").into(),
    );
    let mut schema = schema.to_value();
    each_object(&mut schema, &mut |object| {
        // The sizes of Rust's integers say nothing to anyone else.
        if object.get("format").and_then(Value::as_str) != Some("date-time") {
            object.remove("format");
        }
    });
    schema
}

/// Gives text and lists the bounds that the reader enforces, where their type has no narrower one.
fn bound(property: &mut Map<String, Value>) {
    if is_type(property, "array") {
        property.insert("maxItems".to_owned(), MAX_LIST_ITEMS.into());
        if let Some(Value::Object(items)) = property.get_mut("items") {
            bound(items);
            allow_not_known(items);
        }
    }
    let free = !property.contains_key("format") && !property.contains_key("maxLength");
    if is_type(property, "string") && free {
        property.insert("maxLength".to_owned(), MAX_TEXT_BYTES.into());
    }
}

/// Lets an optional field hold what stands for *not known*, whatever its type. Free text and words
/// hold it anyway.
fn allow_not_known(property: &mut Map<String, Value>) {
    if let Some(Value::Array(any)) = property.get_mut("anyOf") {
        // A word outside its vocabulary is read, and counted; so it is not against the schema.
        any.retain(|branch| *branch != json!({ "type": "null" }));
        if any
            .iter()
            .all(|branch| branch.get("type") != Some(&json!(["string", "null"])))
        {
            any.push(reference());
        }
        return;
    }
    if is_type(property, "string") && !property.contains_key("format") {
        property.insert("type".to_owned(), json!(["string", "null"]));
        property.remove("minLength");
        return;
    }
    let described = property.remove("description");
    property.remove("default");
    let mut only = std::mem::take(property);
    if let Some(Value::Array(types)) = only.get("type")
        && let Some(first) = types.first().cloned()
    {
        only.insert("type".to_owned(), first);
    }
    property.extend(described.map(|text| ("description".to_owned(), text)));
    property.insert("anyOf".to_owned(), json!([only, reference()]));
}

fn reference() -> Value {
    json!({ "$ref": format!("#/$defs/{NOT_KNOWN}") })
}

fn is_type(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(types)) => types.iter().any(|one| one == name),
        _ => false,
    }
}

/// Visits every JSON object in a schema, the innermost first.
fn each_object(schema: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match schema {
        Value::Object(object) => {
            object
                .values_mut()
                .for_each(|value| each_object(value, visit));
            visit(object);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, visit)),
        _ => {}
    }
}
