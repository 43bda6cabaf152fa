//! `plumbline report`: one page that tells people what a replay found, with nothing to fetch.
//!
//! The results are counted in SQL ([`figures`], [`identities`], [`findings`], [`commands`], [`travel`],
//! [`lives`]) into a [`model::Model`], which [`page`] writes into the page as JSON; the script of the page
//! shows it. There is no clock in it: the same results give the same bytes.

mod advice;
mod commands;
mod figures;
mod file;
mod findings;
mod identities;
mod lives;
mod model;
mod page;
mod read;
mod travel;
mod window;
mod world;

use std::io;
use std::path::{Path, PathBuf};

use plumbline_schemas::shown::plain;

use crate::analyst::{Database, QueryError};
use crate::config::ReportConfig;
use model::Model;
use read::Reader;
use window::Window;
pub(crate) use window::read_time;
use world::World;

/// What a page is called that nobody has named.
const TITLE: &str = "Plumbline report";

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The results.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A file that this program has not written.
    #[error(
        "{0} would be replaced, and `plumbline report` has not written it; name another --out, or give --overwrite"
    )]
    Foreign(PathBuf),
    /// A page that cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A defect of this program.
    #[error("an answer to a query of the report cannot be read; please report it")]
    Row(#[source] serde_json::Error),
    /// A defect of this program.
    #[error("the report cannot be written as JSON; please report it")]
    Encode(#[source] serde_json::Error),
}

impl ReportError {
    /// The exit status for it: 2 for wrong usage, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Query(error) => error.exit_code(),
            Self::Foreign(_) => 2,
            Self::Write { .. } | Self::Row(_) | Self::Encode(_) => 1,
        }
    }
}

/// What the page says, in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Findings in the time it tells of.
    pub findings: u64,
    /// Identities with one.
    pub identities: u64,
    /// Enforced commands.
    pub enforced: u64,
    /// Length of the page.
    pub bytes: usize,
}

/// Writes the page about the results in these directories.
pub fn report(data: &[PathBuf], config: &ReportConfig, out: &Path) -> Result<Told, ReportError> {
    file::check(out, config.overwrite)?;
    let database = Database::open(data)?;
    let model = model(&database, config)?;
    let page = page::page(&model)?;
    file::write(out, &page)?;
    Ok(Told {
        findings: model.figures.findings,
        identities: model.figures.found,
        enforced: model.figures.enforced,
        bytes: page.len(),
    })
}

/// What the page about the results in these directories says, as JSON: a stable value for tests.
pub fn model_json(data: &[PathBuf], config: &ReportConfig) -> Result<String, ReportError> {
    let model = model(&Database::open(data)?, config)?;
    serde_json::to_string_pretty(&model).map_err(ReportError::Encode)
}

fn model(database: &Database, config: &ReportConfig) -> Result<Model, ReportError> {
    let window = Window {
        from: config.from,
        to: config.to,
    };
    let reader = Reader::new(database, window)?;
    let span = figures::span(&reader)?;
    let identities = identities::identities(&reader)?;
    Ok(Model {
        title: config
            .title
            .as_deref()
            .map_or_else(|| TITLE.to_owned(), plain),
        figures: figures::figures(&reader)?,
        series: figures::series(&reader, &span)?,
        detectors: figures::detectors(&reader)?,
        kinds: figures::kinds(&reader)?,
        timelines: lives::timelines(&reader, &span, &identities.subjects)?,
        urgent: identities.urgent,
        identities: identities.cut,
        findings: findings::findings(&reader)?,
        commands: commands::commands(&reader)?,
        travels: travel::travels(&reader)?,
        world: World::draw(),
        span,
    })
}
