//! A server that speaks S3, over a directory: what is put into its buckets are the files there.

use std::net::TcpListener;
use std::path::PathBuf;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const KEY: &str = "AKIDTEST";
const SECRET: &str = "not-a-secret-of-anybody";

/// Serves until it is dropped.
pub(crate) struct Server {
    directory: TempDir,
    port: u16,
    _runtime: Runtime,
}

impl Server {
    /// With whatever bucket is asked for.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files = FileSystem::new(directory.path()).unwrap();
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let served = Builder::new(TokioExecutor::new());
                    // Who is killed breaks off.
                    let _ = served.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self {
            directory,
            port,
            _runtime: runtime,
        }
    }

    /// Where the objects of a bucket are files.
    pub(crate) fn path(&self, bucket: &str) -> PathBuf {
        self.directory.path().join(bucket)
    }

    /// What a program needs in its environment to use it.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let pairs = [
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "eu-north-1".to_owned()),
            (
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.port),
            ),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }
}
