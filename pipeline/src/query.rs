//! `plumbline query`: SQL over what replays wrote: one query, several from stdin, or one after another on a
//! terminal.

// There is nothing to complete and nobody to ask in a build without SQL.
#[cfg(feature = "analyst")]
mod completion;
#[cfg(feature = "analyst")]
mod shell;
#[cfg_attr(
    not(feature = "analyst"),
    allow(dead_code, reason = "only the shell asks whether a text has ended")
)]
mod statements;

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::analyst::{Database, Format, QueryError};
use crate::config::{AnswerFormat, QueryConfig};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The query or the data.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Parquet is nothing to look at.
    #[error("Parquet is no text for a terminal; name a file with --out FILE")]
    ToTerminal,
    /// A query that cannot be read.
    #[error("the query cannot be read from stdin")]
    Stdin(#[source] io::Error),
    /// A terminal that cannot be used.
    #[error("the terminal cannot be used; give the query as an argument")]
    Terminal(#[source] io::Error),
    /// A file that cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl AnswerError {
    /// The exit status for it: 2 for a wrong query or usage, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Query(error) => error.exit_code(),
            Self::ToTerminal => 2,
            Self::Stdin(_) | Self::Terminal(_) | Self::Write { .. } => 1,
        }
    }
}

/// Answers a query to where the configuration says, and gives the number of rows.
pub fn answer(sql: &str, config: &QueryConfig) -> Result<u64, AnswerError> {
    answer_each(&[sql.to_owned()], config)
}

/// Answers the queries of a text one after another, up to the first that cannot be answered, and gives the
/// number of rows of all. A file, and Parquet, holds one answer.
pub fn answer_all(text: &str, config: &QueryConfig) -> Result<u64, AnswerError> {
    let queries = statements::statements(text);
    let holds_one = config.out.is_some() || config.format == AnswerFormat::Parquet;
    match queries.is_empty() || holds_one {
        // What is wrong with none, or with several, is told as of a single query.
        true => answer(text, config),
        false => answer_each(&queries, config),
    }
}

fn answer_each(queries: &[String], config: &QueryConfig) -> Result<u64, AnswerError> {
    let to_terminal = config.out.is_none() && io::stdout().is_terminal();
    if to_terminal && config.format == AnswerFormat::Parquet {
        return Err(AnswerError::ToTerminal);
    }
    let database = Database::open(&config.data)?;
    let format = format(config.format);
    let mut rows = 0;
    for sql in queries {
        rows += match &config.out {
            None => {
                let mut stdout = Stdout { gone: false };
                let answered = database.answer(sql, format, &mut stdout);
                // A reader that has gone away wants no more, and that is no failure.
                if stdout.gone {
                    break;
                }
                answered?
            }
            Some(path) => to_file(&database, sql, format, path)?,
        };
    }
    Ok(rows)
}

/// Answers one question after another from the terminal.
pub fn converse(config: &QueryConfig) -> Result<(), AnswerError> {
    if config.format == AnswerFormat::Parquet {
        return Err(AnswerError::ToTerminal);
    }
    let database = Database::open(&config.data)?;
    #[cfg(feature = "analyst")]
    return shell::run(&database, config.format);
    #[cfg(not(feature = "analyst"))]
    match database {}
}

/// How many rows an answer has, in words.
pub fn rows_text(rows: u64) -> String {
    match rows {
        1 => "1 row".to_owned(),
        rows => format!("{rows} rows"),
    }
}

/// Stdout, and whether its reader has gone away.
struct Stdout {
    gone: bool,
}

impl Stdout {
    fn noted<T>(&mut self, written: io::Result<T>) -> io::Result<T> {
        self.gone |= matches!(&written, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
        written
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = io::stdout().write(bytes);
        self.noted(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = io::stdout().flush();
        self.noted(flushed)
    }
}

/// The file has its name when it is complete.
fn to_file(
    database: &Database,
    sql: &str,
    format: Format,
    path: &Path,
) -> Result<u64, AnswerError> {
    let failed = |source| AnswerError::Write {
        path: path.to_owned(),
        source,
    };
    let Some(name) = path.file_name() else {
        return Err(failed(io::ErrorKind::InvalidFilename.into()));
    };
    let temporary = path.with_file_name(format!(".{}.partial", name.display()));
    let mut file = BufWriter::new(File::create(&temporary).map_err(failed)?);
    let answered = database
        .answer(sql, format, &mut file)
        .map_err(AnswerError::Query)
        .and_then(|rows| {
            file.flush().map_err(failed)?;
            fs::rename(&temporary, path).map_err(failed)?;
            Ok(rows)
        });
    if answered.is_err() {
        // Nothing that looks like an answer is left; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&temporary);
    }
    answered
}

fn format(format: AnswerFormat) -> Format {
    match format {
        AnswerFormat::Table => Format::Table,
        AnswerFormat::Csv => Format::Csv,
        AnswerFormat::Json => Format::Json,
        AnswerFormat::Parquet => Format::Parquet,
    }
}
