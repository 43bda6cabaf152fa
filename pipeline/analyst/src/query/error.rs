//! Why a query has no answer, in words that say what to change.

use std::fmt;
use std::io;
use std::path::PathBuf;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use parquet::errors::ParquetError;
use plumbline_schemas::shown::plain;

use crate::table::Table;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no such directory.
    #[error(
        "there is no directory {0}; make one with `plumbline replay --input LOG --out {0}`, or name that of an earlier replay"
    )]
    NoDirectory(PathBuf),
    /// The directory does not hold what a replay writes.
    #[error(
        "{0} holds neither tables nor findings.ndjson and commands.ndjson; --data names the directory that `plumbline replay --out DIR` wrote"
    )]
    NoResult(PathBuf),
    /// A table's directory that holds other Parquet files.
    #[error("{path} is no file of the table `{table}` that `plumbline replay` wrote")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The table whose directory it is in.
        table: Table,
    },
    /// A file that cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A damaged Parquet file.
    #[error("{path} cannot be read as Parquet")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
    /// A line that no replay of this release wrote.
    #[error("{path}, line {line} cannot be understood; replay the log again to write it anew")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// A name that is no table.
    #[error("there is no table `{name}`; there are {}", known.join(", "))]
    NoTable {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// A table that this result does not have.
    #[error(
        "there is no `{name}` here, because {directory} has no Parquet of the table `{table}`; `plumbline replay --parquet` writes it"
    )]
    AbsentTable {
        /// The table or view that was asked for.
        name: String,
        /// The table that is missing.
        table: Table,
        /// Where.
        directory: PathBuf,
    },
    /// A query that cannot be understood or carried out.
    #[error("{0}")]
    Wrong(Box<Mistake>),
    /// A query that failed on the way, through no fault of its own.
    #[error("the query failed")]
    Engine(#[source] DataFusionError),
    /// Rows that cannot be written in that format.
    #[error("the answer cannot be written in this format")]
    Format(#[source] ArrowError),
    /// An answer that cannot be written.
    #[error("the answer cannot be written")]
    Output(#[source] io::Error),
    /// No threads to work with.
    #[error("the query cannot be started")]
    Threads(#[source] io::Error),
}

/// What is wrong with a query, and where.
#[derive(Debug)]
pub struct Mistake {
    message: String,
    sql: String,
    /// Line and column, each from 1.
    place: Option<(usize, usize)>,
}

impl QueryError {
    /// The exit status for it: 2 for a wrong query or directory, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoDirectory(_)
            | Self::NoResult(_)
            | Self::Foreign { .. }
            | Self::NoTable { .. }
            | Self::AbsentTable { .. }
            | Self::Wrong(_) => 2,
            _ => 1,
        }
    }

    /// An error before the first row: the query's own, unless a file cannot be read.
    pub(super) fn planning(sql: &str, error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::IoError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::ParquetError(_)
            | DataFusionError::ResourcesExhausted(_)
            | DataFusionError::Internal(_) => Self::Engine(error),
            _ => Self::Wrong(Box::new(Mistake::new(sql, &error))),
        }
    }

    /// An error among the rows: a value that a function or a cast refuses is the query's own.
    pub(super) fn running(sql: &str, error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::ArrowError(arrow, _) => match **arrow {
                ArrowError::DivideByZero
                | ArrowError::CastError(_)
                | ArrowError::ParseError(_)
                | ArrowError::ArithmeticOverflow(_)
                | ArrowError::ComputeError(_)
                | ArrowError::InvalidArgumentError(_) => Self::planning(sql, error),
                _ => Self::Engine(error),
            },
            DataFusionError::External(_) | DataFusionError::ExecutionJoin(_) => Self::Engine(error),
            _ => Self::planning(sql, error),
        }
    }
}

impl Mistake {
    fn new(sql: &str, error: &DataFusionError) -> Self {
        let root = error.find_root();
        let span = error
            .diagnostic()
            .and_then(|diagnostic| diagnostic.span)
            .map(|span| (span.start.line as usize, span.start.column as usize));
        let (message, written_place) = match root {
            DataFusionError::SchemaError(schema, _) => (schema_message(schema), None),
            DataFusionError::SQL(parser, _) => {
                let text = parser.to_string();
                let text = text
                    .strip_prefix("sql parser error: ")
                    .unwrap_or(&text)
                    .to_owned();
                cut_place(text)
            }
            DataFusionError::ArrowError(arrow, _) => (arrow.to_string(), None),
            other => (told(&other.message()), None),
        };
        Self {
            message,
            sql: sql.to_owned(),
            place: span.or(written_place),
        }
    }
}

/// The engine's own words, where they say less than they could.
fn told(message: &str) -> String {
    if message.starts_with("DDL not supported")
        || message.starts_with("DML not supported")
        || message.starts_with("Statement not supported")
    {
        return "a query only reads: SELECT, WITH, SHOW TABLES, DESCRIBE or EXPLAIN".to_owned();
    }
    if message.contains("only supports a single SQL statement") {
        return "there is more than one statement; ask one at a time".to_owned();
    }
    if message.starts_with("No SQL statements were provided") {
        return "the query is empty".to_owned();
    }
    message.to_owned()
}

fn schema_message(error: &SchemaError) -> String {
    let SchemaError::FieldNotFound {
        field,
        valid_fields,
    } = error
    else {
        return error.to_string();
    };
    let mut names: Vec<&str> = valid_fields.iter().map(Column::name).collect();
    names.sort_unstable();
    names.dedup();
    let named = field.name();
    if names.is_empty() {
        return format!("there is no column `{named}`");
    }
    format!(
        "there is no column `{named}`; there are {}",
        names.join(", ")
    )
}

/// Takes ` at Line: 1, Column: 8` off the end of a parser's message.
fn cut_place(text: String) -> (String, Option<(usize, usize)>) {
    let place = text.rsplit_once(" at Line: ").and_then(|(before, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        let digits: String = column.chars().take_while(char::is_ascii_digit).collect();
        let place = (line.parse().ok()?, digits.parse().ok()?);
        Some((before.to_owned(), Some(place)))
    });
    place.unwrap_or((text, None))
}

impl fmt::Display for Mistake {
    /// The message, and the line with a mark under the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is in it may be of a log.
        for (number, line) in self.message.lines().enumerate() {
            let gap = if number > 0 { "\n" } else { "" };
            write!(f, "{gap}{}", plain(line))?;
        }
        let Some((line, column)) = self.place else {
            return Ok(());
        };
        let Some(text) = self.sql.lines().nth(line.saturating_sub(1)) else {
            return Ok(());
        };
        let number = line.to_string();
        let (margin, indent) = (number.len(), column.saturating_sub(1));
        write!(
            f,
            "\n  {number} | {text}\n  {:margin$} | {:indent$}^",
            "", ""
        )
    }
}
