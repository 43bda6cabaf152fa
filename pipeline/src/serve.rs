//! What a service shows over HTTP: `/metrics`, `/healthz` and `/readyz`.

pub(crate) mod answer;

use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::run::Tally;

/// The content type of OpenMetrics, which Prometheus asks for.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A server that answers until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens there, and answers from a thread of its own. `what` is served, for the log.
    pub(crate) fn start(
        address: SocketAddr,
        what: &'static str,
        routes: Router,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("serve".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        served = axum::serve(listener, routes).into_future() => {
                            if let Err(error) = served {
                                tracing::error!(%error, "{what} are not served any more");
                            }
                        }
                        _ = stopped => {}
                    }
                });
            })?;
        tracing::info!(%address, "serving {what}");
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(address = %self.address, "the thread that served has failed");
        }
    }
}

/// What is served of a service.
pub(crate) const PAGES: &str = "/metrics, /healthz and /readyz";

/// The pages of a service that counts there.
pub(crate) fn pages(tally: Tally) -> Router {
    let (alive, ready) = (tally.clone(), tally.clone());
    Router::new()
        .route("/healthz", get(async move || state(alive.is_alive())))
        .route("/readyz", get(async move || state(ready.is_ready())))
        .route("/metrics", get(async move || metrics(tally.metrics())))
}

pub(crate) fn state(state: Result<(), String>) -> Response {
    match state {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason).into_response(),
    }
}

pub(crate) fn metrics(encoded: Result<String, fmt::Error>) -> Response {
    match encoded {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }

    #[test]
    fn what_is_asked_for_is_answered_until_the_end() {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::start(free, PAGES, pages(Tally::default())).expect("a free port");
        let address = server.address;
        assert!(get(address, "/healthz").starts_with("HTTP/1.0 200"));
        let ready = get(address, "/readyz");
        assert!(ready.starts_with("HTTP/1.0 503") && ready.ends_with("it is starting\n"));
        let metrics = get(address, "/metrics");
        assert!(metrics.contains(OPENMETRICS) && metrics.ends_with("# EOF\n"));
        assert!(get(address, "/").starts_with("HTTP/1.0 404"));
        let taken = Server::start(address, PAGES, pages(Tally::default()));
        assert_eq!(
            taken.expect_err("the port is taken").kind(),
            io::ErrorKind::AddrInUse
        );
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }
}
