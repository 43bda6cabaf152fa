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
use plumbline_schemas::archive::{BUCKET_SCHEME, Segment, counted, is_in_bucket};
use serde::de::DeserializeOwned;

use super::QueryError;
use crate::batch::{self, Batch};
use crate::bucket::{Buckets, bucket_of};
use crate::records;
use crate::shelf::footer;
use crate::table::Table;

/// The files of one table in one directory.
enum Source {
    Parquet(Vec<PathBuf>),
    Lines(PathBuf),
    Absent(PathBuf),
}

/// The files of every table.
pub(super) struct Sources {
    tables: Vec<(Table, Vec<Source>)>,
    /// Where some of them are in buckets.
    buckets: Option<Buckets>,
}

impl Sources {
    pub(super) fn find(directories: &[PathBuf]) -> Result<Self, QueryError> {
        let in_bucket = directories.iter().find(|path| is_in_bucket(path));
        let buckets =
            in_bucket.map(|path| Buckets::new().map_err(|error| read_failed(path, error)));
        let buckets = buckets.transpose()?;
        let mut tables = Table::ALL.map(|table| (table, Vec::new()));
        for directory in directories {
            let buckets = buckets.as_ref().filter(|_| is_in_bucket(directory));
            if buckets.is_none() && !directory.is_dir() {
                return Err(QueryError::NoDirectory(directory.clone()));
            }
            let mut any = false;
            for (table, sources) in &mut tables {
                let source = Source::find(buckets, directory, *table)?;
                any |= !matches!(source, Source::Absent(_));
                sources.push(source);
            }
            if !any {
                return Err(QueryError::NoResult(directory.clone()));
            }
        }
        Ok(Self {
            tables: tables.into(),
            buckets,
        })
    }

    /// Which table is missing, and where.
    pub(super) fn absent(&self) -> impl Iterator<Item = (Table, &Path)> {
        self.tables.iter().flat_map(|(table, sources)| {
            sources.iter().filter_map(|source| match source {
                Source::Absent(directory) => Some((*table, directory.as_path())),
                _ => None,
            })
        })
    }

    /// Makes tables of all that every directory has.
    pub(super) async fn register(&self, context: &SessionContext) -> Result<(), QueryError> {
        for (table, sources) in &self.tables {
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
                self.open_buckets(context, &files)?;
                register(context, *table, &files, batches).map_err(QueryError::Engine)?;
            }
        }
        Ok(())
    }
}

impl Sources {
    /// Tells DataFusion how the buckets of these files are asked.
    fn open_buckets(&self, context: &SessionContext, files: &[&PathBuf]) -> Result<(), QueryError> {
        let Some(buckets) = &self.buckets else {
            return Ok(());
        };
        for path in files.iter().filter(|path| is_in_bucket(path)) {
            let opened = buckets.store_of(path);
            let (url, store) = opened.map_err(|error| read_failed(path, error))?;
            context.register_object_store(url.object_store().as_ref(), store);
        }
        Ok(())
    }
}

impl Source {
    fn find(buckets: Option<&Buckets>, directory: &Path, table: Table) -> Result<Self, QueryError> {
        let files = parquet_files(buckets, &directory.join(table.name()))?;
        if let Some(first) = files.first() {
            check(buckets, first, table)?;
            return Ok(Self::Parquet(files));
        }
        let lines = directory.join(format!("{table}.ndjson"));
        if table != Table::Events && lines.is_file() {
            return Ok(Self::Lines(lines));
        }
        Ok(Self::Absent(directory.to_owned()))
    }
}

fn parquet_files(buckets: Option<&Buckets>, directory: &Path) -> Result<Vec<PathBuf>, QueryError> {
    let listed = match buckets {
        Some(buckets) => buckets
            .list(directory)
            .map(|files| files.into_iter().map(|(path, _)| path).collect()),
        None if !directory.is_dir() => return Ok(Vec::new()),
        None => fs::read_dir(directory)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()),
    };
    let listed: Vec<PathBuf> = listed.map_err(|source| read_failed(directory, source))?;
    let (mut files, mut segments) = (Vec::new(), Vec::new());
    for path in listed {
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

fn check(buckets: Option<&Buckets>, path: &Path, table: Table) -> Result<(), QueryError> {
    let failed = |source| QueryError::Parquet {
        path: path.to_owned(),
        source,
    };
    let found = match buckets {
        Some(buckets) => {
            let footer = footer(buckets, path).map_err(failed)?;
            Table::of(footer.file_metadata())
        }
        None => {
            let file = File::open(path).map_err(|source| read_failed(path, source))?;
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
            Table::of(builder.metadata().file_metadata())
        }
    };
    if found == Some(table) {
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
    let unusable =
        || DataFusionError::Configuration(format!("{} is no path in UTF-8", path.display()));
    let (root, path) = match bucket_of(path) {
        Some((bucket, key)) => (format!("{BUCKET_SCHEME}{bucket}/"), PathBuf::from(key)),
        None => {
            let path = fs::canonicalize(path)?;
            ("file:///".to_owned(), path.iter().skip(1).collect())
        }
    };
    let segments: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    let mut url = ListingTableUrl::parse(root)?.get_url().clone();
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
