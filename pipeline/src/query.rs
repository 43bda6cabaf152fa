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

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::analyst::{Audience, Database, Format, QueryError};
use crate::config::{AnswerFormat, QueryConfig};
use crate::partial::Partial;

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
    /// A query that is no text.
    #[error(
        "line {line} of stdin is not UTF-8 text: its query and those after it are not answered; convert the text, for example with `iconv -t utf-8`"
    )]
    NotText {
        /// Which, from 1.
        line: usize,
    },
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
            Self::ToTerminal | Self::NotText { .. } => 2,
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
pub fn answer_all(text: &[u8], config: &QueryConfig) -> Result<u64, AnswerError> {
    let holds_one = config.out.is_some() || config.format == AnswerFormat::Parquet;
    let (text, wrong) = match str::from_utf8(text) {
        Ok(text) => (text, None),
        Err(error) => {
            let known = str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default();
            let line = known.matches('\n').count() + 1;
            (
                statements::ended(known),
                Some(AnswerError::NotText { line }),
            )
        }
    };
    let queries = statements::statements(text);
    match (wrong, queries.len()) {
        (Some(wrong), count) if count == 0 || holds_one => Err(wrong),
        (Some(wrong), _) => answer_each(&queries, config).and(Err(wrong)),
        // What is wrong with none, or with several, is told as of a single query.
        (None, count) if count == 0 || count > 1 && holds_one => answer(text, config),
        (None, _) => answer_each(&queries, config),
    }
}

fn answer_each(queries: &[String], config: &QueryConfig) -> Result<u64, AnswerError> {
    let to_terminal = config.out.is_none() && io::stdout().is_terminal();
    if to_terminal && config.format == AnswerFormat::Parquet {
        return Err(AnswerError::ToTerminal);
    }
    let database = Database::open(&config.data)?;
    let format = format(config.format);
    let audience = match to_terminal {
        true => Audience::Terminal,
        false => Audience::Program,
    };
    let mut rows = 0;
    for sql in queries {
        rows += match &config.out {
            None => {
                let mut stdout = Stdout { gone: false };
                let answered = database.answer(sql, format, audience, &mut stdout);
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
    let mut file = BufWriter::new(Partial::begin(path).map_err(failed)?);
    let rows = database.answer(sql, format, Audience::Program, &mut file)?;
    let file = file
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.finish().map_err(failed)?;
    Ok(rows)
}

fn format(format: AnswerFormat) -> Format {
    match format {
        AnswerFormat::Table => Format::Table,
        AnswerFormat::Csv => Format::Csv,
        AnswerFormat::Json => Format::Json,
        AnswerFormat::Parquet => Format::Parquet,
    }
}
