//! Where the rows of each table are: Parquet where a replay or a service wrote it, else its NDJSON.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SessionContext};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use plumbline_schemas::archive::{Segment, counted};
use serde::de::DeserializeOwned;

use super::QueryError;
use crate::batch::{self, Batch};
use crate::records;
use crate::table::Table;

/// The files of one table in one directory.
enum Source {
    Parquet(Vec<PathBuf>),
    Lines(PathBuf),
    Absent(PathBuf),
}

/// The files of every table.
pub(super) struct Sources(Vec<(Table, Vec<Source>)>);

impl Sources {
    pub(super) fn find(directories: &[PathBuf]) -> Result<Self, QueryError> {
        let mut tables = Table::ALL.map(|table| (table, Vec::new()));
        for directory in directories {
            if !directory.is_dir() {
                return Err(QueryError::NoDirectory(directory.clone()));
            }
            let mut any = false;
            for (table, sources) in &mut tables {
                let source = Source::find(directory, *table)?;
                any |= !matches!(source, Source::Absent(_));
                sources.push(source);
            }
            if !any {
                return Err(QueryError::NoResult(directory.clone()));
            }
        }
        Ok(Self(tables.into()))
    }

    /// Which table is missing, and where.
    pub(super) fn absent(&self) -> impl Iterator<Item = (Table, &Path)> {
        self.0.iter().flat_map(|(table, sources)| {
            sources.iter().filter_map(|source| match source {
                Source::Absent(directory) => Some((*table, directory.as_path())),
                _ => None,
            })
        })
    }

    /// Makes tables of all that every directory has.
    pub(super) async fn register(&self, context: &SessionContext) -> Result<(), QueryError> {
        for (table, sources) in &self.0 {
            let mut files = Vec::new();
            let mut batches = Vec::new();
            let mut complete = true;
            for source in sources {
                match source {
                    Source::Parquet(found) => files.extend(found),
                    Source::Lines(path) => read_lines(*table, path, &mut batches)?,
                    Source::Absent(_) => complete = false,
                }
            }
            if complete {
                register(context, *table, &files, batches).map_err(QueryError::Engine)?;
            }
        }
        Ok(())
    }
}

impl Source {
    fn find(directory: &Path, table: Table) -> Result<Self, QueryError> {
        let files = parquet_files(&directory.join(table.name()))?;
        if let Some(first) = files.first() {
            check(first, table)?;
            return Ok(Self::Parquet(files));
        }
        let lines = directory.join(format!("{table}.ndjson"));
        if table != Table::Events && lines.is_file() {
            return Ok(Self::Lines(lines));
        }
        Ok(Self::Absent(directory.to_owned()))
    }
}

fn parquet_files(directory: &Path) -> Result<Vec<PathBuf>, QueryError> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |source| QueryError::Read {
        path: directory.to_owned(),
        source,
    };
    let (mut files, mut segments) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        match Segment::of(&path) {
            Some(segment) => segments.push((segment, path)),
            None if path.extension().is_some_and(|end| end == "parquet") => files.push(path),
            None => {}
        }
    }
    files.sort();
    files.extend(counted(segments).into_iter().map(|(_, path)| path));
    Ok(files)
}

fn check(path: &Path, table: Table) -> Result<(), QueryError> {
    let file = File::open(path).map_err(|source| read_failed(path, source))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|source| QueryError::Parquet {
            path: path.to_owned(),
            source,
        })?;
    if Table::of(builder.metadata().file_metadata()) == Some(table) {
        return Ok(());
    }
    Err(QueryError::Foreign {
        path: path.to_owned(),
        table,
    })
}

/// A table of files, of rows in memory, or of both.
fn register(
    context: &SessionContext,
    table: Table,
    files: &[&PathBuf],
    batches: Vec<RecordBatch>,
) -> Result<(), DataFusionError> {
    let mut frame: Option<DataFrame> = None;
    if !files.is_empty() {
        let paths = files.iter().map(|path| file_url(path));
        let config = ListingTableConfig::new_with_multi_paths(paths.collect::<Result<_, _>>()?)
            .with_listing_options(
                ListingOptions::new(Arc::new(ParquetFormat::default()))
                    .with_file_extension(".parquet"),
            )
            .with_schema(table.schema());
        let listing = Arc::new(ListingTable::try_new(config)?);
        if batches.is_empty() {
            context.register_table(table.name(), listing)?;
            return Ok(());
        }
        frame = Some(context.read_table(listing)?);
    }
    let rows = Arc::new(MemTable::try_new(table.schema(), vec![batches])?);
    match frame {
        None => context.register_table(table.name(), rows)?,
        Some(frame) => {
            let all = frame.union(context.read_table(rows)?)?;
            context.register_table(table.name(), all.into_view())?
        }
    };
    Ok(())
}

/// A path is no pattern, whatever stands in it.
fn file_url(path: &Path) -> Result<ListingTableUrl, DataFusionError> {
    let path = fs::canonicalize(path)?;
    let unusable =
        || DataFusionError::Configuration(format!("{} is no path in UTF-8", path.display()));
    let segments: Option<Vec<&str>> = path.iter().skip(1).map(|part| part.to_str()).collect();
    let mut url = ListingTableUrl::parse("file:///")?.get_url().clone();
    // `%` too is only a character of a name.
    url.path_segments_mut()
        .map_err(|()| unusable())?
        .clear()
        .extend(segments.ok_or_else(unusable)?);
    ListingTableUrl::try_new(url, None)
}

/// Reads the findings or commands of a file.
fn read_lines(table: Table, path: &Path, batches: &mut Vec<RecordBatch>) -> Result<(), QueryError> {
    let mut batch = Batch::new(table.schema()).map_err(QueryError::Format)?;
    let mut file = BufReader::new(File::open(path).map_err(|source| read_failed(path, source))?);
    let (mut line, mut number) = (Vec::new(), 0);
    while file
        .read_until(b'\n', &mut line)
        .map_err(|source| read_failed(path, source))?
        > 0
    {
        number += 1;
        let not_understood = |source| QueryError::Line {
            path: path.to_owned(),
            line: number,
            source,
        };
        match table {
            Table::Commands => {
                let command = parse(&line).map_err(not_understood)?;
                records::append_command(&mut batch, &command);
            }
            _ => {
                let finding = parse(&line).map_err(not_understood)?;
                records::append_finding(&mut batch, &finding).map_err(not_understood)?;
            }
        }
        line.clear();
        if batch.rows() == batch::ROWS {
            batches.push(batch.finish().map_err(QueryError::Format)?);
        }
    }
    batches.push(batch.finish().map_err(QueryError::Format)?);
    Ok(())
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(line)
}

fn read_failed(path: &Path, source: std::io::Error) -> QueryError {
    QueryError::Read {
        path: path.to_owned(),
        source,
    }
}
