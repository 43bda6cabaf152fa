//! Answers as tables for people, CSV, JSON and Parquet. Rows are written as they come.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::csv::WriterBuilder as CsvBuilder;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use plumbline_schemas::shown::{is_hidden, plain};

use super::QueryError;

/// A table is as wide as its widest cell, so its rows must be known. After so many another begins.
const TABLE_ROWS: usize = 8192;

/// Times look as they do in the other results of a replay.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An aligned table.
    Table,
    /// Comma-separated values with a header; lists as `[a, b]`.
    Csv,
    /// A JSON object for each row, on a line of its own; what is null is left out.
    Json,
    /// A Parquet file (Zstandard).
    Parquet,
}

/// Who reads an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Takes every character as it is.
    Program,
    /// Obeys what moves a cursor, changes a colour or turns a line: such characters are written as escapes.
    Terminal,
}

/// The cells of an answer as text, row by row.
pub(super) fn texts(
    batch: &RecordBatch,
    rows: &mut Vec<Vec<Option<String>>>,
) -> Result<(), QueryError> {
    let columns = batch.columns().iter();
    let columns = columns.map(|column| as_text(column, &str::to_owned));
    let columns = columns
        .collect::<Result<Vec<_>, _>>()
        .map_err(QueryError::Format)?;
    rows.extend((0..batch.num_rows()).map(|row| {
        let cells = columns.iter().map(|column| {
            let column = column.as_string_opt::<i32>()?;
            (!column.is_null(row)).then(|| column.value(row).to_owned())
        });
        cells.collect()
    }));
    Ok(())
}

/// An answer that is being written.
pub(super) struct Output<'w> {
    schema: SchemaRef,
    writer: Writer<'w>,
    audience: Audience,
    rows: u64,
}

enum Writer<'w> {
    Table {
        out: &'w mut (dyn Write + Send),
        waiting: Vec<RecordBatch>,
    },
    Csv {
        out: &'w mut (dyn Write + Send),
    },
    Json {
        out: &'w mut (dyn Write + Send),
    },
    Parquet(Box<ArrowWriter<&'w mut (dyn Write + Send)>>),
}

impl<'w> Output<'w> {
    pub(super) fn new(
        format: Format,
        audience: Audience,
        schema: SchemaRef,
        out: &'w mut (dyn Write + Send),
    ) -> Result<Self, QueryError> {
        let writer = match format {
            Format::Table => Writer::Table {
                out,
                waiting: Vec::new(),
            },
            Format::Csv => Writer::Csv { out },
            Format::Json => Writer::Json { out },
            Format::Parquet => {
                let level = ZstdLevel::try_new(3).unwrap_or_default();
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(level))
                    .build();
                let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties));
                Writer::Parquet(Box::new(writer.map_err(parquet_failed)?))
            }
        };
        let mut output = Self {
            schema,
            writer,
            audience,
            rows: 0,
        };
        if let Writer::Csv { out } = &mut output.writer {
            let header = csv(
                &RecordBatch::new_empty(output.schema.clone()),
                audience,
                true,
            )?;
            out.write_all(&header).map_err(QueryError::Output)?;
        }
        Ok(output)
    }

    pub(super) fn take(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        self.rows += batch.num_rows() as u64;
        match &mut self.writer {
            Writer::Table { out, waiting } => {
                waiting.push(batch.clone());
                if waiting.iter().map(RecordBatch::num_rows).sum::<usize>() >= TABLE_ROWS {
                    write_table(*out, &self.schema, waiting)?;
                }
            }
            Writer::Csv { out } => {
                let text = csv(batch, self.audience, false)?;
                out.write_all(&text).map_err(QueryError::Output)?;
            }
            Writer::Json { out } => {
                let text = json(batch, self.audience)?;
                out.write_all(&text).map_err(QueryError::Output)?;
            }
            Writer::Parquet(writer) => writer.write(batch).map_err(parquet_failed)?,
        }
        Ok(())
    }

    /// Writes what is left, and says how many rows there were.
    pub(super) fn finish(self) -> Result<u64, QueryError> {
        match self.writer {
            Writer::Table { out, mut waiting } => {
                if !waiting.is_empty() || self.rows == 0 {
                    write_table(out, &self.schema, &mut waiting)?;
                }
                out.flush().map_err(QueryError::Output)?;
            }
            Writer::Csv { out } | Writer::Json { out } => {
                out.flush().map_err(QueryError::Output)?;
            }
            Writer::Parquet(writer) => {
                let out = writer.into_inner().map_err(parquet_failed)?;
                out.flush().map_err(QueryError::Output)?;
            }
        }
        Ok(self.rows)
    }
}

fn write_table(
    out: &mut (dyn Write + Send),
    schema: &SchemaRef,
    waiting: &mut Vec<RecordBatch>,
) -> Result<(), QueryError> {
    let empty = RecordBatch::new_empty(schema.clone());
    let shown = |batch| as_texts(batch, |_| true, plain);
    let shown = waiting.iter().chain([&empty]).map(shown);
    let table = shown
        .collect::<Result<Vec<_>, _>>()
        .and_then(|batches| pretty_format_batches(&batches).map(|table| table.to_string()))
        .map_err(QueryError::Format)?;
    waiting.clear();
    writeln!(out, "{table}").map_err(QueryError::Output)
}

/// CSV knows no lists and objects: they are written as text.
fn csv(batch: &RecordBatch, audience: Audience, with_header: bool) -> Result<Vec<u8>, QueryError> {
    let mut text = Vec::new();
    let otherwise =
        |column: &DataType| column.is_nested() || matches!(column, DataType::Timestamp(_, Some(_)));
    let flat = match audience {
        Audience::Program => as_texts(batch, otherwise, str::to_owned),
        Audience::Terminal => {
            let which = |column: &DataType| otherwise(column) || !column.is_primitive();
            as_texts(batch, which, plain)
        }
    };
    let written = flat.and_then(|flat| {
        let mut writer = CsvBuilder::new().with_header(with_header).build(&mut text);
        writer.write(&flat)
    });
    written.map_err(QueryError::Format)?;
    Ok(text)
}

/// On a terminal an escape of JSON stands for what [`plain`] would change, so that it is the same text.
fn json(batch: &RecordBatch, audience: Audience) -> Result<Vec<u8>, QueryError> {
    let mut lines = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut lines);
    let written = writer.write(batch).and_then(|()| writer.finish());
    written.map_err(QueryError::Format)?;
    if audience == Audience::Program {
        return Ok(lines);
    }
    let lines = String::from_utf8_lossy(&lines);
    let mut shown = String::with_capacity(lines.len());
    for c in lines.chars() {
        match c != '\n' && is_hidden(c) {
            // All of these are of the first plane, so that one escape is enough.
            true => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => shown.push(c),
        }
    }
    Ok(shown.into_bytes())
}

/// The batch with the columns of certain types as text, and all names shown like it.
fn as_texts(
    batch: &RecordBatch,
    which: impl Fn(&DataType) -> bool,
    shown: impl Fn(&str) -> String,
) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let name = shown(field.name());
        if which(column.data_type()) {
            fields.push(Field::new(name, DataType::Utf8, true));
            columns.push(as_text(column, &shown)?);
        } else {
            fields.push(field.as_ref().clone().with_name(name));
            columns.push(column.clone());
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn as_text(column: &ArrayRef, shown: &impl Fn(&str) -> String) -> Result<ArrayRef, ArrowError> {
    let mut options = FormatOptions::default();
    if let DataType::Timestamp(TimeUnit::Millisecond, Some(zone)) = column.data_type()
        && zone.as_ref() == "UTC"
    {
        options = options.with_timestamp_tz_format(Some(TIME));
    }
    let formatter = ArrayFormatter::try_new(column, &options)?;
    let texts = (0..column.len()).map(|row| {
        let text = || Ok(shown(&formatter.value(row).try_to_string()?));
        (!column.is_null(row)).then(text).transpose()
    });
    Ok(Arc::new(
        texts.collect::<Result<StringArray, ArrowError>>()?,
    ))
}

fn parquet_failed(error: ParquetError) -> QueryError {
    QueryError::Format(ArrowError::from(error))
}
