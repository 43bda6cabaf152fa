//! `plumbline query`

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};

use super::failure::Failure;
use crate::config::{AnswerFormat, Config};
use crate::query::{self, AnswerError};

/// Ask in SQL what happened, what was found and what was decided
///
/// Tables: events, findings and commands; the view sessions has a row for each session. DESCRIBE events
/// names the columns of one: a field of the schema with its object in front, such as identity_id.
/// Besides the functions of DataFusion there are geo_distance_km, is_reserved_ip, cidr_match, surprise
/// and json_get. Without a query a terminal becomes a shell, with history and completion; \? says what it
/// takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumbline query --data result 'SELECT detector, count(*) FROM findings GROUP BY detector'\n  plumbline query --data result --format csv \"SELECT * FROM sessions WHERE countries > 1\"\n  plumbline query --data result \"SELECT time, network_ip, action_name FROM events WHERE identity_id = 'ann' ORDER BY time\"\n  plumbline query --data march --data april - < question.sql\n  plumbline query --data result"
)]
pub(super) struct QueryArgs {
    /// The query, or - to read it from stdin, where several end with ;
    #[arg(value_name = "SQL")]
    sql: Option<String>,
    /// Where replays wrote their results; a table holds the rows of all [file: query.data]
    #[arg(
        long,
        value_name = "DIR",
        num_args = 1,
        env = "PLUMBLINE_DATA",
        hide_env_values = true
    )]
    data: Vec<PathBuf>,
    /// How the answer is written [file: query.format] [default: table]
    #[arg(
        long,
        value_enum,
        env = "PLUMBLINE_QUERY_FORMAT",
        hide_env_values = true
    )]
    format: Option<AnswerFormat>,
    /// Write the answer to a file [file: query.out]
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_QUERY_OUT",
        hide_env_values = true
    )]
    out: Option<PathBuf>,
    /// The configuration; without one, the defaults
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
}

impl QueryArgs {
    pub(super) fn execute(mut self) -> Result<(), Failure> {
        let given = self.sql.take();
        let is_shell = given.is_none() && io::stdin().is_terminal();
        if is_shell && !io::stdout().is_terminal() {
            return Err(missing("a query: SQL, or - to read it from stdin"));
        }
        let mut config = Config::load(self.config.as_deref())?;
        self.apply(&mut config);
        if config.query.data.is_empty() {
            return Err(missing(
                "--data <DIR>, or its entry in [query] of the configuration",
            ));
        }
        let config = super::start(config)?;
        if is_shell {
            return Ok(query::converse(&config.query)?);
        }
        let rows = match given.filter(|sql| sql != "-") {
            Some(sql) => query::answer(&sql, &config.query)?,
            None => {
                let mut text = Vec::new();
                let read = io::stdin().read_to_end(&mut text);
                read.map_err(AnswerError::Stdin)?;
                query::answer_all(&text, &config.query)?
            }
        };
        if config.query.out.is_some() || io::stdout().is_terminal() {
            let _ = writeln!(io::stderr(), "{}", query::rows_text(rows));
        }
        Ok(())
    }

    fn apply(self, config: &mut Config) {
        let query = &mut config.query;
        if !self.data.is_empty() {
            query.data = self.data;
        }
        query.format = self.format.unwrap_or(query.format);
        query.out = self.out.or(query.out.take());
    }
}

/// What neither the arguments nor a variable nor the file says.
fn missing(what: &str) -> Failure {
    let mut command = super::Cli::command();
    let message = format!("query needs {what}");
    Failure::Usage(command.error(ErrorKind::MissingRequiredArgument, message))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Query {
        #[command(flatten)]
        query: QueryArgs,
    }

    #[test]
    fn flags_are_set_over_the_file() {
        let mut file = Config::default();
        file.query.data = vec![PathBuf::from("file")];
        file.query.out = Some(PathBuf::from("file"));
        let applied = |flags: &[&str], mut config: Config| {
            let arguments = ["query"].iter().chain(flags);
            let query = Query::try_parse_from(arguments).expect("accepted").query;
            query.apply(&mut config);
            config
        };
        assert_eq!(applied(&[], file.clone()), file);
        let flags = ["--data", "a", "SELECT 1", "--data", "b", "--format", "csv"];
        let config = applied(&flags, file);
        assert_eq!(config.query.data, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(config.query.format, AnswerFormat::Csv);
        assert_eq!(config.query.out, Some(PathBuf::from("file")));
    }
}
