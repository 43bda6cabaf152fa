//! SQL over what replays and services wrote: the tables `events`, `findings` and `commands`, and the view `sessions`.
//!
//! Columns are those of [`plumbline_schemas::arrow`]; [`SESSIONS`] says those of the view. Beside the
//! functions of DataFusion there are those of [`functions`]. Queries only read.

mod error;
pub mod functions;
mod output;
mod sources;

use std::io::Write;
use std::path::PathBuf;

use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use error::{Mistake, QueryError};
use output::Output;
pub use output::{Audience, Format};
use sources::Sources;

/// The view `sessions`: a row for each tenant, identity and session of the log.
///
/// `addresses`, `networks` (autonomous systems), `countries` and `devices` count different values that
/// are known. `risk_peak` is the highest risk of the session that a finding states, 0 without any. What partitions of
/// the log tell each other (`context`) is nothing that happened in a session.
pub const SESSIONS: &str = "\
SELECT e.tenant, e.identity_id, e.identity_kind, e.session_id, e.started_at, e.ended_at, e.events, \
       e.addresses, e.networks, e.countries, e.devices, \
       coalesce(f.risk_peak, 0) AS risk_peak, coalesce(f.findings, 0) AS findings, \
       coalesce(c.commands, 0) AS commands \
FROM (SELECT tenant, identity_id, session_id, min(identity_kind) AS identity_kind, \
             min(time) AS started_at, max(time) AS ended_at, count(*) AS events, \
             count(DISTINCT network_ip) AS addresses, count(DISTINCT network_asn) AS networks, \
             count(DISTINCT network_country) AS countries, count(DISTINCT device_id) AS devices \
      FROM events WHERE session_id IS NOT NULL AND kind <> 'context' \
      GROUP BY tenant, identity_id, session_id) e \
LEFT JOIN (SELECT tenant, identity_id, session_id, max(risk_session) AS risk_peak, \
                  count(DISTINCT id) AS findings \
           FROM findings GROUP BY tenant, identity_id, session_id) f \
  ON f.tenant = e.tenant AND f.identity_id = e.identity_id AND f.session_id = e.session_id \
LEFT JOIN (SELECT target_tenant, target_identity, target_session_id, count(DISTINCT id) AS commands \
           FROM commands GROUP BY target_tenant, target_identity, target_session_id) c \
  ON c.target_tenant = e.tenant AND c.target_identity = e.identity_id \
     AND c.target_session_id = e.session_id";

/// The name of that view.
const SESSIONS_NAME: &str = "sessions";

/// What does not fit, such as the rows of a large sort, is put into files of the temporary directory meanwhile.
const MOST_BYTES: usize = 4 << 30;

/// Unoptimised, the planner's frames are large.
const STACK_BYTES: usize = 8 << 20;

/// The names and types of a table's columns.
pub type Columns = Vec<(String, String)>;

/// The tables of one or several results.
pub struct Database {
    runtime: Runtime,
    context: SessionContext,
    sources: Sources,
}

/// The interrupts since it was made: also one between two queries ends what comes next.
pub struct Interrupts(Signal);

impl Database {
    /// Opens the directories that replays or services wrote; a table holds the rows of all of them.
    pub fn open(directories: &[PathBuf]) -> Result<Self, QueryError> {
        let sources = Sources::find(directories)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_stack_size(STACK_BYTES)
            // For the signal that ends a query, and for buckets.
            .enable_all()
            .build()
            .map_err(QueryError::Threads)?;
        let mut config = SessionConfig::new().with_information_schema(true);
        let options = config.options_mut();
        options.sql_parser.collect_spans = true;
        // Look-ups by identity and session decode no more than they must.
        options.execution.parquet.pushdown_filters = true;
        let memory = RuntimeEnvBuilder::new().with_memory_limit(MOST_BYTES, 1.0);
        let memory = memory.build_arc().map_err(QueryError::Engine)?;
        let context = SessionContext::new_with_config_rt(config, memory);
        functions::register(&context);
        let database = Self {
            runtime,
            context,
            sources,
        };
        database.runtime.block_on(database.register())?;
        Ok(database)
    }

    async fn register(&self) -> Result<(), QueryError> {
        self.sources.register(&self.context).await?;
        if self.sources.absent().next().is_none() {
            let defined = async {
                let view = self.context.sql(SESSIONS).await?.into_view();
                self.context.register_table(SESSIONS_NAME, view)
            };
            defined.await.map_err(QueryError::Engine)?;
        }
        Ok(())
    }

    /// Answers a query, and says how many rows the answer has.
    pub fn answer(
        &self,
        sql: &str,
        format: Format,
        audience: Audience,
        out: &mut (dyn Write + Send),
    ) -> Result<u64, QueryError> {
        self.runtime
            .block_on(self.stream(sql, format, audience, out))
    }

    /// Hears what interrupts (SIGINT, Ctrl-C) from now on.
    pub fn interrupts(&self) -> Result<Interrupts, QueryError> {
        let _signals_are_of = self.runtime.enter();
        let signal = signal(SignalKind::interrupt()).map_err(QueryError::Threads)?;
        Ok(Interrupts(signal))
    }

    /// The same for a terminal, until its user interrupts it: then there is no number.
    pub fn answer_unless_interrupted(
        &self,
        sql: &str,
        format: Format,
        interrupts: &mut Interrupts,
        out: &mut (dyn Write + Send),
    ) -> Result<Option<u64>, QueryError> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = interrupts.0.recv() => Ok(None),
                answered = self.stream(sql, format, Audience::Terminal, out) => answered.map(Some),
            }
        })
    }

    async fn stream(
        &self,
        sql: &str,
        format: Format,
        audience: Audience,
        out: &mut (dyn Write + Send),
    ) -> Result<u64, QueryError> {
        let answer = self.plan(sql).await?;
        let schema = answer.schema().as_arrow().clone().into();
        let mut output = Output::new(format, audience, schema, out)?;
        let mut rows = answer
            .execute_stream()
            .await
            .map_err(|error| QueryError::running(sql, error))?;
        while let Some(batch) = rows.next().await {
            output.take(&batch.map_err(|error| QueryError::running(sql, error))?)?;
        }
        output.finish()
    }

    /// Answers a query of few rows: the cells as text, `None` where they are null.
    pub fn rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, QueryError> {
        self.runtime.block_on(async {
            let mut rows = Vec::new();
            let batches = self.plan(sql).await?.collect().await;
            for batch in batches.map_err(|error| QueryError::running(sql, error))? {
                output::texts(&batch, &mut rows)?;
            }
            Ok(rows)
        })
    }

    async fn plan(&self, sql: &str) -> Result<DataFrame, QueryError> {
        self.check_tables(sql)?;
        let reading = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let planned = self.context.sql_with_options(sql, reading).await;
        planned.map_err(|error| QueryError::planning(sql, error))
    }

    /// A name that is no table is said with those that are, before anything else is looked at.
    fn check_tables(&self, sql: &str) -> Result<(), QueryError> {
        let state = self.context.state();
        let dialect = state.config_options().sql_parser.dialect;
        let named = state
            .sql_to_statement(sql, &dialect)
            .and_then(|statement| state.resolve_table_references(&statement))
            .map_err(|error| QueryError::planning(sql, error))?;
        for reference in named {
            if reference.schema().is_some_and(|schema| schema != "public") {
                continue;
            }
            let name = reference.table();
            let known = self
                .context
                .table_exist(reference.clone())
                .map_err(|error: DataFusionError| QueryError::planning(sql, error))?;
            let is_function = state.table_functions().contains_key(name);
            if !known && !is_function {
                return Err(self.no_table(name));
            }
        }
        Ok(())
    }

    fn no_table(&self, name: &str) -> QueryError {
        let missing = match name {
            SESSIONS_NAME => self.sources.absent().next(),
            name => self
                .sources
                .absent()
                .find(|(table, _)| table.name() == name),
        };
        match missing {
            Some((table, directory)) => QueryError::AbsentTable {
                name: name.to_owned(),
                table,
                directory: directory.to_owned(),
            },
            None => QueryError::NoTable {
                name: name.to_owned(),
                known: self.tables(),
            },
        }
    }

    /// The names of the tables and of the view, as far as they are there.
    pub fn tables(&self) -> Vec<String> {
        let catalog = &self.context.copied_config().options().catalog.clone();
        let schema = self
            .context
            .catalog(&catalog.default_catalog)
            .and_then(|found| found.schema(&catalog.default_schema));
        let mut names = schema.map_or_else(Vec::new, |schema| schema.table_names());
        names.sort_unstable();
        names
    }

    /// The tables with their columns, each with its type.
    pub fn columns(&self) -> Result<Vec<(String, Columns)>, QueryError> {
        let described = |table: String| {
            let rows = self.rows(&format!(
                "SELECT column_name, data_type FROM information_schema.columns \
                 WHERE table_name = '{table}' ORDER BY ordinal_position"
            ))?;
            let columns = rows.into_iter().map(|row| {
                let mut cells = row.into_iter().map(Option::unwrap_or_default);
                (
                    cells.next().unwrap_or_default(),
                    cells.next().unwrap_or_default(),
                )
            });
            Ok((table, columns.collect()))
        };
        self.tables().into_iter().map(described).collect()
    }

    /// The names of the functions.
    pub fn functions(&self) -> Vec<String> {
        let state = self.context.state();
        let scalar = state.scalar_functions().keys();
        let grouping = state.aggregate_functions().keys();
        let over = state.window_functions().keys();
        let mut names: Vec<String> = scalar.chain(grouping).chain(over).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use nix::sys::signal::{Signal, raise};

    use super::*;

    #[test]
    fn an_interrupt_between_two_queries_ends_the_second() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("findings.ndjson"), "").unwrap();
        let database = Database::open(&[place.path().to_path_buf()]).unwrap();
        let mut interrupts = database.interrupts().unwrap();
        let mut answer = |sql: &str| {
            let mut out = Vec::new();
            database
                .answer_unless_interrupted(sql, Format::Csv, &mut interrupts, &mut out)
                .unwrap()
        };
        assert_eq!(answer("SELECT 1"), Some(1));
        raise(Signal::SIGINT).unwrap();
        // As long as whoever hears of signals may take to tell of it.
        thread::sleep(Duration::from_millis(200));
        assert_eq!(answer("SELECT 2"), None);
        assert_eq!(answer("SELECT 3"), Some(1));
    }
}
