//! The tables have a column for every field of the JSON types, and no other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use arrow_schema::{DataType, Schema};
use plumbline_schemas::{arrow, json_schema};

/// One line per column, as golden text.
fn text(schema: &Schema) -> String {
    let lines = schema.fields().iter().map(|field| {
        let null = if field.is_nullable() { "" } else { " NOT NULL" };
        format!("{}: {}{null}", field.name(), field.data_type())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_tables_are_what_saved_queries_rely_on() {
    insta::assert_snapshot!("events", text(&arrow::events()));
    insta::assert_snapshot!("findings", text(&arrow::findings()));
    insta::assert_snapshot!("commands", text(&arrow::commands()));
}

#[test]
fn every_field_has_its_column_and_every_column_its_field() {
    let position = ["partition", "offset", "broker_time"].map(str::to_owned);
    for (schema, table, beside) in [
        (json_schema::event(), arrow::events(), &position[..]),
        (json_schema::finding(), arrow::findings(), &[]),
        (json_schema::command(), arrow::commands(), &[]),
    ] {
        let mut fields: Vec<String> = support::leaves(&schema)
            .iter()
            .map(|path| path.replace('.', "_"))
            .chain(beside.iter().cloned())
            .collect();
        let mut columns: Vec<String> = Vec::new();
        for column in table.fields() {
            // A list of objects stays one column; its entries have the fields.
            match column.data_type() {
                DataType::List(item) => match item.data_type() {
                    DataType::Struct(entry) => columns.extend(
                        entry
                            .iter()
                            .map(|field| format!("{}[]_{}", column.name(), field.name())),
                    ),
                    _ => columns.push(column.name().clone()),
                },
                _ => columns.push(column.name().clone()),
            }
        }
        fields.sort();
        columns.sort();
        assert_eq!(columns, fields);
    }
}

#[test]
fn the_list_of_fields_that_the_bounds_are_tested_with_is_complete() {
    let mut listed: Vec<String> = support::FIELDS
        .iter()
        .filter(|(_, shape)| {
            use support::Shape::{Delegates, Object, RequiredObject};
            !matches!(shape, Object | RequiredObject | Delegates)
        })
        .map(|(path, _)| (*path).to_owned())
        .chain(["delegation[].id", "delegation[].kind"].map(str::to_owned))
        .collect();
    let mut leaves = support::leaves(&json_schema::event());
    listed.sort();
    leaves.sort();
    assert_eq!(listed, leaves);
}
