//! What a service shows over HTTP, asked for as a monitor would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::{ports, wait};

/// Where a service shows itself.
pub(crate) struct Window(u16);

impl Window {
    /// At a port that was free a moment ago.
    pub(crate) fn new() -> Self {
        Self(ports::free().expect("a free port"))
    }

    pub(crate) fn port(&self) -> String {
        self.0.to_string()
    }

    /// The status and the body; nothing where nobody listens.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.0)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    pub(crate) fn await_ready(&self, status: u16) {
        let what = format!("/readyz to say {status}");
        wait::until(&what, WORK_LIMIT, || match self.get("/readyz") {
            Some((now, _)) if now == status => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    /// The sum of all series of a metric.
    pub(crate) fn sum(&self, metric: &str) -> f64 {
        let (status, text) = self.get("/metrics").expect("it listens");
        assert_eq!(status, 200);
        let of_metric = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let name = series.split('{').next()?;
            (name == metric).then(|| value.parse::<f64>().expect("a number"))
        });
        of_metric.sum()
    }
}
