//! Rows of a table, column by column, until there are enough for a batch.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, ListBuilder, RecordBatch,
    StringBuilder, StringDictionaryBuilder, StructBuilder, TimestampMillisecondBuilder,
    UInt8Builder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Int32Type, SchemaRef};
use arrow::error::ArrowError;
use plumbline_schemas::time::EventTime;

/// So many rows are put together before they are written.
pub(crate) const ROWS: usize = 8192;

/// A column that grows.
enum Column {
    Text(StringBuilder),
    Word(StringDictionaryBuilder<Int32Type>),
    Time(TimestampMillisecondBuilder),
    Truth(BooleanBuilder),
    Float(Float64Builder),
    Count(UInt64Builder),
    Byte(UInt8Builder),
    Narrow(Int32Builder),
    Wide(Int64Builder),
    Texts(ListBuilder<StringBuilder>),
    Links(ListBuilder<StructBuilder>),
}

impl Column {
    fn new(field: &Field) -> Result<Self, ArrowError> {
        Ok(match field.data_type() {
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Dictionary(..) => Self::Word(StringDictionaryBuilder::new()),
            time @ DataType::Timestamp(..) => {
                Self::Time(TimestampMillisecondBuilder::new().with_data_type(time.clone()))
            }
            DataType::Boolean => Self::Truth(BooleanBuilder::new()),
            DataType::Float64 => Self::Float(Float64Builder::new()),
            DataType::UInt64 => Self::Count(UInt64Builder::new()),
            DataType::UInt8 => Self::Byte(UInt8Builder::new()),
            DataType::Int32 => Self::Narrow(Int32Builder::new()),
            DataType::Int64 => Self::Wide(Int64Builder::new()),
            DataType::List(entry) => match entry.data_type() {
                DataType::Struct(fields) => {
                    let links = StructBuilder::from_fields(fields.clone(), 0);
                    Self::Links(ListBuilder::new(links).with_field(entry.clone()))
                }
                _ => Self::Texts(ListBuilder::new(StringBuilder::new()).with_field(entry.clone())),
            },
            other => {
                let problem = format!("column {} of type {other}", field.name());
                return Err(ArrowError::NotYetImplemented(problem));
            }
        })
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Word(column) => Arc::new(column.finish()),
            Self::Time(column) => Arc::new(column.finish()),
            Self::Truth(column) => Arc::new(column.finish()),
            Self::Float(column) => Arc::new(column.finish()),
            Self::Count(column) => Arc::new(column.finish()),
            Self::Byte(column) => Arc::new(column.finish()),
            Self::Narrow(column) => Arc::new(column.finish()),
            Self::Wide(column) => Arc::new(column.finish()),
            Self::Texts(column) => Arc::new(column.finish()),
            Self::Links(column) => Arc::new(column.finish()),
        }
    }
}

/// A batch that grows.
pub(crate) struct Batch {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
}

impl Batch {
    pub(crate) fn new(schema: SchemaRef) -> Result<Self, ArrowError> {
        let columns = schema.fields().iter().map(|field| Column::new(field));
        Ok(Self {
            columns: columns.collect::<Result<_, _>>()?,
            schema,
            rows: 0,
        })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The next row, whose cells are given from left to right.
    pub(crate) fn row(&mut self) -> Row<'_> {
        self.rows += 1;
        Row {
            columns: self.columns.iter_mut(),
        }
    }

    /// What has been put together; afterwards it is empty again. A row whose cells were not those of
    /// the schema is an error here.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}

/// A row that grows. A cell of the wrong type leaves its column short, which [`Batch::finish`] says.
pub(crate) struct Row<'b> {
    columns: std::slice::IterMut<'b, Column>,
}

impl Row<'_> {
    /// Text, or a word of a vocabulary.
    pub(crate) fn text<'t>(&mut self, value: impl Into<Option<&'t str>>) -> &mut Self {
        match self.columns.next() {
            Some(Column::Text(column)) => column.append_option(value.into()),
            Some(Column::Word(column)) => column.append_option(value.into()),
            _ => {}
        }
        self
    }

    pub(crate) fn time(&mut self, value: impl Into<Option<EventTime>>) -> &mut Self {
        if let Some(Column::Time(column)) = self.columns.next() {
            column.append_option(value.into().map(EventTime::as_millis));
        }
        self
    }

    pub(crate) fn truth(&mut self, value: Option<bool>) -> &mut Self {
        if let Some(Column::Truth(column)) = self.columns.next() {
            column.append_option(value);
        }
        self
    }

    pub(crate) fn float(&mut self, value: impl Into<Option<f64>>) -> &mut Self {
        if let Some(Column::Float(column)) = self.columns.next() {
            column.append_option(value.into());
        }
        self
    }

    pub(crate) fn count(&mut self, value: Option<u64>) -> &mut Self {
        if let Some(Column::Count(column)) = self.columns.next() {
            column.append_option(value);
        }
        self
    }

    pub(crate) fn byte(&mut self, value: u8) -> &mut Self {
        if let Some(Column::Byte(column)) = self.columns.next() {
            column.append_value(value);
        }
        self
    }

    pub(crate) fn narrow(&mut self, value: Option<i32>) -> &mut Self {
        if let Some(Column::Narrow(column)) = self.columns.next() {
            column.append_option(value);
        }
        self
    }

    pub(crate) fn wide(&mut self, value: i64) -> &mut Self {
        if let Some(Column::Wide(column)) = self.columns.next() {
            column.append_value(value);
        }
        self
    }

    pub(crate) fn texts(&mut self, values: &[impl AsRef<str>]) -> &mut Self {
        if let Some(Column::Texts(column)) = self.columns.next() {
            for value in values {
                column.values().append_value(value);
            }
            column.append(true);
        }
        self
    }

    /// Identities with what they are.
    pub(crate) fn links<'t>(
        &mut self,
        links: impl Iterator<Item = (&'t str, Option<&'t str>)>,
    ) -> &mut Self {
        if let Some(Column::Links(column)) = self.columns.next() {
            for (id, kind) in links {
                let link = column.values();
                if let Some(ids) = link.field_builder::<StringBuilder>(0) {
                    ids.append_value(id);
                }
                if let Some(kinds) = link.field_builder::<StringDictionaryBuilder<Int32Type>>(1) {
                    kinds.append_option(kind);
                }
                link.append(true);
            }
            column.append(true);
        }
        self
    }
}
