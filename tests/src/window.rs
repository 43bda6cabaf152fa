//! What a service shows over HTTP, asked for as a monitor would.

use crate::line::WORK_LIMIT;
use crate::{http, ports, wait};

/// Where a service shows itself.
pub struct Window(u16);

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}

impl Window {
    /// At a port that was free a moment ago.
    pub fn new() -> Self {
        Self(ports::free().expect("a free port"))
    }

    /// Where to listen, for `--listen`.
    pub fn port(&self) -> String {
        self.0.to_string()
    }

    /// The status and the body; nothing where nobody listens.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let reply = http::ask(self.0, "GET", path, &[], "").ok()?;
        Some((reply.status, reply.body))
    }

    /// Waits until it is ready, or is not.
    pub fn await_ready(&self, status: u16) {
        let what = format!("/readyz to say {status}");
        wait::until(&what, WORK_LIMIT, || match self.get("/readyz") {
            Some((now, _)) if now == status => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    /// Waits until it owns some of so many partitions, and has read the state of all others.
    pub fn await_standby(&self, partitions: u32) {
        wait::until("the state of the others to be followed", WORK_LIMIT, || {
            let (own, others) = (
                self.sum("plumbline_partitions"),
                self.sum("plumbline_standby_partitions"),
            );
            match own > 0.0 && own + others == f64::from(partitions) {
                true => Ok(()),
                false => Err(format!("{own} own, {others} of others")),
            }
        });
    }

    /// The sum of all series of a metric.
    pub fn sum(&self, metric: &str) -> f64 {
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
