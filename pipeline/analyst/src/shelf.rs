//! Where the files of one partition lie: in a directory, or below a prefix of a bucket.
//!
//! **A directory** is kept from others by a lock, which the system takes back from a process that dies. One that
//! only sleeps keeps it, and nobody else begins where it may go on.
//!
//! **A bucket** has no locks, and who was thought dead may wake up and write. So each partition has an object that
//! says who archives it ([`Owner`]), and that changes only if nobody else has changed it. A file gets its name in two
//! steps: the owner says up to which offset it will go, then it is written. Whoever takes over reads what was said
//! last, and makes its first file go at least so far: should the other's come late, all of it lies within that one,
//! and does not count. No clock and no patience is needed for that.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::{Error as Stored, PutMode, UpdateVersion};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use plumbline_schemas::archive::{Segment, is_in_bucket};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::bucket::{self, Buckets};
use crate::file::ArchiveError;

/// So much of the end of a file is read to know what it holds; the first try.
const FOOTER_BYTES: u64 = 64 << 10;

/// Where an archive is.
#[derive(Clone)]
pub enum Location {
    /// A directory of this machine.
    Directory(PathBuf),
    /// Below this URL.
    Bucket(Arc<Buckets>, PathBuf),
}

impl Location {
    /// What a path or an URL `s3://bucket/prefix` names.
    pub fn at(path: &Path) -> Result<Self, ArchiveError> {
        if !is_in_bucket(path) {
            return Ok(Self::Directory(path.to_owned()));
        }
        let buckets = Buckets::new().map_err(|source| ArchiveError::write(path, source))?;
        Ok(Self::Bucket(Arc::new(buckets), path.to_owned()))
    }
}

/// The files of one partition.
pub(crate) enum Shelf {
    Directory(Directory),
    Bucket(Box<InBucket>),
}

/// A directory that is locked for one partition.
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

/// A prefix of a bucket of which one partition is ours.
pub(crate) struct InBucket {
    buckets: Arc<Buckets>,
    path: PathBuf,
    /// Where files are put together.
    spool: TempDir,
    owner_path: PathBuf,
    owner: Owner,
    version: UpdateVersion,
    /// How many rows the files have, as far as that was asked: they never change.
    rows: BTreeMap<String, usize>,
}

/// Who archives a partition.
#[derive(Serialize, Deserialize)]
struct Owner {
    /// A random number.
    owner: u64,
    /// Up to this offset there is a file, or may be one yet.
    until: Option<i64>,
}

impl Shelf {
    /// The files of this partition in that directory of the archive, which nobody else adds to from now on.
    pub(crate) fn open(
        location: &Location,
        table: &str,
        partition: i32,
    ) -> Result<Self, ArchiveError> {
        match location {
            Location::Directory(archive) => {
                let path = archive.join(table);
                let lock = lock(path.join(format!(".p{partition:03}.lock")))?;
                Ok(Self::Directory(Directory { path, _lock: lock }))
            }
            Location::Bucket(buckets, archive) => {
                let path = archive.join(table);
                let in_bucket = InBucket::open(buckets, path, partition)?;
                Ok(Self::Bucket(Box::new(in_bucket)))
            }
        }
    }

    /// Where a file is put together before it has a name.
    pub(crate) fn temporary(&self, name: &str) -> PathBuf {
        match self {
            Self::Directory(directory) => directory.path.join(name),
            Self::Bucket(bucket) => bucket.spool.path().join(name),
        }
    }

    /// Up to this offset somebody else may still put a file here: the first of ours must go as far.
    pub(crate) fn least(&self) -> Option<i64> {
        match self {
            Self::Directory(_) => None,
            Self::Bucket(bucket) => bucket.owner.until,
        }
    }

    /// Gives a file its name once it is complete, and sees to it that it keeps it.
    pub(crate) fn publish(
        &mut self,
        file: &File,
        temporary: &Path,
        segment: Segment,
    ) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => {
                publish(file, temporary, &directory.path.join(segment.to_string()))
            }
            Self::Bucket(bucket) => {
                bucket.announce(segment.last)?;
                bucket.send(temporary, segment)
            }
        }
    }

    /// Every file of any partition, in no order.
    pub(crate) fn files(&self) -> Result<Vec<(Segment, PathBuf)>, ArchiveError> {
        let paths: Vec<PathBuf> = match self {
            Self::Directory(directory) => {
                let failed = |source| ArchiveError::write(&directory.path, source);
                let entries = fs::read_dir(&directory.path).map_err(failed)?;
                let paths = entries.map(|entry| Ok(entry?.path()));
                paths.collect::<io::Result<_>>().map_err(failed)?
            }
            Self::Bucket(bucket) => bucket.list()?,
        };
        let files = paths.into_iter();
        Ok(files
            .filter_map(|path| Some((Segment::of(&path)?, path)))
            .collect())
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&mut self, path: &Path) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(_) => remove(path),
            Self::Bucket(bucket) => {
                let removed = bucket.buckets.remove(path);
                removed.map_err(|error| ArchiveError::write(path, bucket::failed(error)))
            }
        }
    }

    /// How many rows a file has.
    pub(crate) fn rows(&mut self, path: &Path) -> Result<usize, ArchiveError> {
        let count = |metadata: &ParquetMetaData| {
            usize::try_from(metadata.file_metadata().num_rows()).unwrap_or(0)
        };
        match self {
            Self::Directory(_) => Ok(count(open(path)?.metadata())),
            Self::Bucket(bucket) => {
                let name = path.to_string_lossy().into_owned();
                if let Some(rows) = bucket.rows.get(&name) {
                    return Ok(*rows);
                }
                let footer = footer(&bucket.buckets, path);
                let rows = count(&footer.map_err(|source| read_failed(path, source))?);
                bucket.rows.insert(name, rows);
                Ok(rows)
            }
        }
    }

    /// Reads a file.
    pub(crate) fn read(&self, path: &Path) -> Result<ParquetRecordBatchReader, ArchiveError> {
        let failed = |source| read_failed(path, source);
        let builder = match self {
            Self::Directory(_) => open(path)?,
            Self::Bucket(bucket) => {
                let file = bucket.buckets.fetch(path);
                let file = file.map_err(|source| failed(source.into()))?;
                ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?
            }
        };
        builder.build().map_err(failed)
    }
}

impl InBucket {
    /// Takes a partition over, from whomever it may have been.
    fn open(buckets: &Arc<Buckets>, path: PathBuf, partition: i32) -> Result<Self, ArchiveError> {
        let owner_path = path.join(format!(".p{partition:03}.owner"));
        let failed = |source| ArchiveError::write(&owner_path, source);
        let found = buckets
            .get(&owner_path)
            .map_err(|error| failed(bucket::failed(error)))?;
        let (until, mode) = match found {
            None => (None, PutMode::Create),
            Some((bytes, version)) => {
                let before: Owner =
                    serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
                (before.until, PutMode::Update(version))
            }
        };
        let owner = Owner {
            owner: RandomState::new().hash_one(&owner_path),
            until,
        };
        let version = put_owner(buckets, &owner_path, &owner, mode)?;
        let spool = tempfile::tempdir().map_err(failed)?;
        Ok(Self {
            buckets: Arc::clone(buckets),
            path,
            spool,
            owner_path,
            owner,
            version,
            rows: BTreeMap::new(),
        })
    }

    /// Says how far the next file goes, if the partition is still ours.
    pub(crate) fn announce(&mut self, last: i64) -> Result<(), ArchiveError> {
        self.owner.until = self.owner.until.max(Some(last));
        let mode = PutMode::Update(self.version.clone());
        self.version = put_owner(&self.buckets, &self.owner_path, &self.owner, mode)?;
        Ok(())
    }

    pub(crate) fn send(&self, temporary: &Path, segment: Segment) -> Result<(), ArchiveError> {
        let path = self.path.join(segment.to_string());
        let failed = |source| ArchiveError::write(&path, source);
        let bytes = fs::read(temporary).map_err(failed)?;
        match self.buckets.put(&path, bytes, PutMode::Create) {
            // The same rows: who owned the partition before had come as far.
            Ok(_) | Err(Stored::AlreadyExists { .. }) => remove(temporary),
            Err(error) => Err(failed(bucket::failed(error))),
        }
    }

    fn list(&self) -> Result<Vec<PathBuf>, ArchiveError> {
        let listed = self.buckets.list(&self.path);
        let listed = listed.map_err(|source| ArchiveError::write(&self.path, source))?;
        Ok(listed.into_iter().map(|(path, _)| path).collect())
    }
}

/// Says who owns a partition, if nobody else has said so since.
fn put_owner(
    buckets: &Buckets,
    path: &Path,
    owner: &Owner,
    mode: PutMode,
) -> Result<UpdateVersion, ArchiveError> {
    let failed = |source| ArchiveError::write(path, source);
    let bytes = serde_json::to_vec(owner).map_err(|error| failed(error.into()))?;
    match buckets.put(path, bytes, mode) {
        Ok(version) => Ok(version),
        Err(Stored::Precondition { .. } | Stored::AlreadyExists { .. }) => {
            Err(ArchiveError::Locked {
                path: path.to_owned(),
            })
        }
        Err(error) => Err(failed(bucket::failed(error))),
    }
}

/// What the end of a file in a bucket says of it.
pub(crate) fn footer(buckets: &Buckets, path: &Path) -> Result<ParquetMetaData, ParquetError> {
    let size = buckets.size(path)?;
    let size = size.ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
    let mut reader = ParquetMetaDataReader::new();
    let mut wanted = FOOTER_BYTES.min(size);
    loop {
        let bytes = buckets.bytes(path, size - wanted..size)?;
        match reader.try_parse_sized(&Bytes::from(bytes), size) {
            Ok(()) => return reader.finish(),
            Err(ParquetError::NeedMoreData(more)) if more as u64 > wanted && wanted < size => {
                wanted = size.min(more as u64);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Sees to it that an archive has this file, which nobody looks into, be it written by somebody else.
pub(crate) fn ensure(
    location: &Location,
    name: &Path,
    write: impl FnOnce(PathBuf) -> Result<File, ArchiveError>,
) -> Result<(), ArchiveError> {
    match location {
        Location::Directory(archive) => {
            let path = archive.join(name);
            if path.exists() {
                return Ok(());
            }
            // Who does not get it need not do anything: somebody else is at it.
            let Ok(_lock) = lock(hidden(&path, "lock")) else {
                return Ok(());
            };
            let temporary = hidden(&path, "partial");
            publish(&write(temporary.clone())?, &temporary, &path)
        }
        Location::Bucket(buckets, archive) => {
            let path = archive.join(name);
            let failed = |source| ArchiveError::write(&path, source);
            if buckets.size(&path).map_err(failed)?.is_some() {
                return Ok(());
            }
            let spool = tempfile::tempdir().map_err(failed)?;
            let temporary = spool.path().join("file");
            write(temporary.clone())?;
            let bytes = fs::read(&temporary).map_err(failed)?;
            match buckets.put(&path, bytes, PutMode::Create) {
                Ok(_) | Err(Stored::AlreadyExists { .. }) => Ok(()),
                Err(error) => Err(failed(bucket::failed(error))),
            }
        }
    }
}

fn hidden(path: &Path, end: &str) -> PathBuf {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{end}"))
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, ArchiveError> {
    let file = File::open(path).map_err(|source| read_failed(path, source.into()))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|source| read_failed(path, source))
}

fn lock(path: PathBuf) -> Result<File, ArchiveError> {
    let file = File::create(&path).map_err(|source| ArchiveError::write(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ArchiveError::Locked { path }),
        Err(TryLockError::Error(source)) => Err(ArchiveError::write(&path, source)),
    }
}

/// Gives a file its name once it is on the disk, and sees to it that the name is too.
fn publish(file: &File, temporary: &Path, path: &Path) -> Result<(), ArchiveError> {
    let directory = path.parent().unwrap_or(path);
    let published = file
        .sync_all()
        .and_then(|()| fs::rename(temporary, path))
        .and_then(|()| File::open(directory)?.sync_all());
    published.map_err(|source| ArchiveError::write(path, source))
}

fn remove(path: &Path) -> Result<(), ArchiveError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(ArchiveError::write(path, source))
        }
        _ => Ok(()),
    }
}

fn read_failed(path: &Path, source: ParquetError) -> ArchiveError {
    ArchiveError::Read {
        path: path.to_owned(),
        source,
    }
}
