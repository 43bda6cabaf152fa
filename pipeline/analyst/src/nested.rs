//! The flat columns of `events` as the nested objects of the event schema: `action_bytes_out` is
//! `action.bytes_out` again. No value is copied.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow::datatypes::{Field, FieldRef, Schema};
use arrow::error::ArrowError;

/// The objects of an event. A column belongs to the one whose name and `_` it begins with.
const OBJECTS: [&str; 10] = [
    "identity",
    "session",
    "credential",
    "network",
    "device",
    "workload",
    "action",
    "task",
    "feedback",
    "labels",
];
/// Where the record stood in its log, which is no part of it.
const OUTSIDE: [&str; 3] = ["partition", "offset", "broker_time"];

/// The events of a batch of the archive, in the shape of their JSON.
pub(crate) fn events(flat: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = flat.schema();
    let mut fields: Vec<FieldRef> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    let own = schema.fields().iter().zip(flat.columns());
    for (field, column) in own.filter(|(field, _)| {
        let name = field.name().as_str();
        object(name).is_none() && !OUTSIDE.contains(&name)
    }) {
        fields.push(field.clone());
        columns.push(column.clone());
    }
    for name in OBJECTS {
        let members: Vec<(FieldRef, ArrayRef)> = schema
            .fields()
            .iter()
            .zip(flat.columns())
            .filter_map(|(field, column)| {
                let (object, member) = object(field.name())?;
                let field = field.as_ref().clone().with_name(member);
                (object == name).then(|| (Arc::new(field), column.clone()))
            })
            .collect();
        if !members.is_empty() {
            let column = StructArray::from(members);
            fields.push(Arc::new(Field::new(
                name,
                column.data_type().clone(),
                false,
            )));
            columns.push(Arc::new(column));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The object that a column belongs to, and its name there.
fn object(column: &str) -> Option<(&'static str, &str)> {
    OBJECTS.into_iter().find_map(|object| {
        let member = column.strip_prefix(object)?.strip_prefix('_')?;
        Some((object, member))
    })
}
