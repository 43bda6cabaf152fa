//! Objects in buckets of S3 and what speaks its protocol, by the names that they have everywhere:
//! `s3://bucket/key`.
//!
//! Credentials, region and endpoint are taken from where every program takes them: variables `AWS_…`, a web
//! identity token, the container's or the machine's role.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::datasource::listing::ListingTableUrl;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{
    ObjectStore, ObjectStoreExt, PutMode, PutPayload, Result as Stored, RetryConfig, UpdateVersion,
    WriteMultipart,
};
use plumbline_schemas::archive::BUCKET_SCHEME;
use tokio::runtime::Runtime;

/// Whoever waits at a terminal for a bucket that is not there is told so after half a minute.
const RETRIES: usize = 5;
const RETRY_FOR: Duration = Duration::from_secs(30);
/// What is large goes into a bucket in parts of this size, so many at once.
const PART_BYTES: usize = 8 << 20;
const PARTS_AT_ONCE: usize = 2;

/// What a bucket did not do.
#[derive(Debug, thiserror::Error)]
#[error(
    "the bucket does not answer as it should; credentials, region and endpoint are taken from AWS_ACCESS_KEY_ID, \
     AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL, or from what the machine is given"
)]
struct Unanswered(#[source] object_store::Error);

/// What became of a request.
pub(crate) fn failed(error: object_store::Error) -> io::Error {
    match error {
        object_store::Error::NotFound { .. } => io::ErrorKind::NotFound.into(),
        error => io::Error::other(Unanswered(error)),
    }
}

/// What is asked of buckets. Each is opened once.
pub struct Buckets {
    runtime: Arc<Runtime>,
    opened: Mutex<BTreeMap<String, Arc<dyn ObjectStore>>>,
}

impl Buckets {
    /// Opens none yet.
    pub fn new() -> io::Result<Self> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        // One thread receives while another decodes.
        runtime.worker_threads(1).thread_name("bucket").enable_all();
        Ok(Self {
            runtime: Arc::new(runtime.build()?),
            opened: Mutex::default(),
        })
    }

    /// With this in the place of a bucket.
    #[cfg(test)]
    pub(crate) fn with(bucket: &str, store: Arc<dyn ObjectStore>) -> Self {
        let buckets = Self::new().expect("threads");
        let opened = BTreeMap::from([(bucket.to_owned(), store)]);
        Self {
            opened: Mutex::new(opened),
            ..buckets
        }
    }

    /// The objects below this directory of a bucket with their sizes in bytes, in the order of their names. What is
    /// called as if hidden is passed over, and what lies in a directory that is.
    pub fn list(&self, directory: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        let (bucket, key) = parts(directory)?;
        let (store, prefix) = (
            self.store(bucket)?,
            Key::parse(key).map_err(io::Error::other)?,
        );
        let listed = store.list(Some(&prefix)).try_collect();
        let listed: Vec<_> = self.runtime.block_on(listed).map_err(failed)?;
        let mut files: Vec<(PathBuf, u64)> = listed
            .into_iter()
            .filter(|object| {
                let below = object.location.prefix_match(&prefix);
                below.is_some_and(|mut parts| parts.all(|part| !part.as_ref().starts_with('.')))
            })
            .map(|object| (url(bucket, &object.location), object.size))
            .collect();
        files.sort();
        Ok(files)
    }

    /// How many bytes an object has; nothing if it is not there.
    pub fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        let (_, key) = parts(path)?;
        if key.is_empty() {
            return Ok(None);
        }
        let (store, key) = self.object(path)?;
        match self.runtime.block_on(store.head(&key)) {
            Ok(object) => Ok(Some(object.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Reads an object from its beginning to its end, as it comes.
    pub fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let (store, key) = self.object(path)?;
        let object = self.runtime.block_on(store.get(&key)).map_err(failed)?;
        Ok(Box::new(Reading {
            runtime: Arc::clone(&self.runtime),
            // What is behind a mutex may go to another thread.
            coming: Mutex::new(object.into_stream()),
            chunk: io::Cursor::default(),
        }))
    }

    /// Some of its bytes.
    pub fn bytes(&self, path: &Path, range: Range<u64>) -> io::Result<Vec<u8>> {
        let (store, key) = self.object(path)?;
        let bytes = self.runtime.block_on(store.get_range(&key, range));
        let bytes = bytes.map_err(failed)?;
        Ok(bytes.to_vec())
    }

    /// A copy of an object in a file that goes when it is closed.
    pub fn fetch(&self, path: &Path) -> io::Result<File> {
        let mut file = tempfile::tempfile()?;
        io::copy(&mut self.read(path)?, &mut file)?;
        file.flush()?;
        file.rewind()?;
        Ok(file)
    }

    /// Writes a file of this machine into a bucket, in parts.
    pub fn upload(&self, file: &Path, path: &Path) -> io::Result<()> {
        let (store, key) = self.object(path)?;
        let mut file = File::open(file)?;
        self.runtime.block_on(async {
            let upload = store.put_multipart(&key).await.map_err(failed)?;
            let mut parts = WriteMultipart::new(upload);
            let mut part = vec![0; PART_BYTES];
            loop {
                match file.read(&mut part)? {
                    0 => break,
                    read => parts.write(&part[..read]),
                }
                parts
                    .wait_for_capacity(PARTS_AT_ONCE)
                    .await
                    .map_err(failed)?;
            }
            parts.finish().await.map_err(failed)?;
            Ok(())
        })
    }

    /// Writes an object whole.
    pub(crate) fn put(&self, path: &Path, bytes: Vec<u8>, mode: PutMode) -> Stored<UpdateVersion> {
        let (store, key) = self.object(path).map_err(generic)?;
        let payload = PutPayload::from(bytes);
        let put = store.put_opts(&key, payload, mode.into());
        let put = self.runtime.block_on(put)?;
        Ok(put.into())
    }

    /// An object with its version; nothing if it is not there.
    pub(crate) fn get(&self, path: &Path) -> Stored<Option<(Vec<u8>, UpdateVersion)>> {
        let (store, key) = self.object(path).map_err(generic)?;
        self.runtime.block_on(async {
            let object = match store.get(&key).await {
                Ok(object) => object,
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            let version = UpdateVersion {
                e_tag: object.meta.e_tag.clone(),
                version: object.meta.version.clone(),
            };
            Ok(Some((object.bytes().await?.to_vec(), version)))
        })
    }

    /// Removes an object, if it is there.
    pub(crate) fn remove(&self, path: &Path) -> Stored<()> {
        let (store, key) = self.object(path).map_err(generic)?;
        match self.runtime.block_on(store.delete(&key)) {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            removed => removed,
        }
    }

    /// The bucket of a path, as DataFusion knows it.
    pub(crate) fn store_of(
        &self,
        path: &Path,
    ) -> io::Result<(ListingTableUrl, Arc<dyn ObjectStore>)> {
        let (bucket, _) = parts(path)?;
        let url = ListingTableUrl::parse(format!("{BUCKET_SCHEME}{bucket}/"));
        Ok((url.map_err(io::Error::other)?, self.store(bucket)?))
    }

    fn object(&self, path: &Path) -> io::Result<(Arc<dyn ObjectStore>, Key)> {
        let (bucket, key) = parts(path)?;
        Ok((
            self.store(bucket)?,
            Key::parse(key).map_err(io::Error::other)?,
        ))
    }

    fn store(&self, bucket: &str) -> io::Result<Arc<dyn ObjectStore>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = opened.get(bucket) {
            return Ok(Arc::clone(store));
        }
        let retry = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRY_FOR,
            ..RetryConfig::default()
        };
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_retry(retry)
            .build()
            .map_err(failed)?;
        let store: Arc<dyn ObjectStore> = Arc::new(store);
        opened.insert(bucket.to_owned(), Arc::clone(&store));
        Ok(store)
    }
}

/// An object that is being read.
struct Reading {
    runtime: Arc<Runtime>,
    coming: Mutex<BoxStream<'static, Stored<bytes::Bytes>>>,
    chunk: io::Cursor<bytes::Bytes>,
}

impl Read for Reading {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.chunk.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            let coming = self
                .coming
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner);
            match self.runtime.block_on(coming.next()) {
                Some(chunk) => self.chunk = io::Cursor::new(chunk.map_err(failed)?),
                None => return Ok(0),
            }
        }
    }
}

/// The bucket and the key of a path, if it is an URL of one.
pub(crate) fn bucket_of(path: &Path) -> Option<(&str, &str)> {
    let rest = path.to_str()?.strip_prefix(BUCKET_SCHEME)?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then(|| (bucket, key.trim_end_matches('/')))
}

fn parts(path: &Path) -> io::Result<(&str, &str)> {
    bucket_of(path)
        .ok_or_else(|| io::Error::other("it names no bucket: s3://bucket/path is what does"))
}

fn url(bucket: &str, key: &Key) -> PathBuf {
    PathBuf::from(format!("{BUCKET_SCHEME}{bucket}/{key}"))
}

fn generic(error: io::Error) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_and_its_keys_are_named_by_urls() {
        let split = |text: &str| {
            let path = PathBuf::from(text);
            bucket_of(&path).map(|(bucket, key)| (bucket.to_owned(), key.to_owned()))
        };
        let pair = |bucket: &str, key: &str| Some((bucket.to_owned(), key.to_owned()));
        assert_eq!(split("s3://logs"), pair("logs", ""));
        assert_eq!(split("s3://logs/"), pair("logs", ""));
        assert_eq!(split("s3://logs/2026/11/"), pair("logs", "2026/11"));
        assert_eq!(split("s3:///2026"), None);
        assert_eq!(split("logs/2026"), None);
        // Names of tables and files are put behind it as behind any other.
        let path = Path::new("s3://logs/a").join("events").join("x.parquet");
        assert_eq!(path, Path::new("s3://logs/a/events/x.parquet"));
        assert_eq!(path.parent(), Some(Path::new("s3://logs/a/events")));
    }
}
