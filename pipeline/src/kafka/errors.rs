//! What librdkafka reports by the way: told once in a while, and remembered for who waits in vain.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

/// The same trouble is told again after this long.
const REPEAT_AFTER: Duration = Duration::from_secs(30);

/// The errors of all clients of this process.
///
/// A broker that is away makes every client report it several times a second. One line says as
/// much.
#[derive(Debug, Default)]
pub(crate) struct ErrorLog {
    reports: Mutex<Vec<Report>>,
}

#[derive(Clone, Debug)]
struct Report {
    code: RDKafkaErrorCode,
    reason: String,
    told: Instant,
}

impl ErrorLog {
    /// Takes one report.
    pub(crate) fn report(&self, code: RDKafkaErrorCode, reason: &str) {
        let now = Instant::now();
        let mut reports = lock(&self.reports);
        let known = reports.iter_mut().find(|report| report.code == code);
        let tell = match known {
            Some(report) => {
                report.reason.clear();
                report.reason.push_str(reason);
                let due = now.duration_since(report.told) >= REPEAT_AFTER;
                if due {
                    report.told = now;
                }
                due
            }
            None => {
                reports.push(Report {
                    code,
                    reason: reason.to_owned(),
                    told: now,
                });
                true
            }
        };
        drop(reports);
        if tell {
            tracing::warn!(target: "librdkafka", code = ?code, "{reason}");
        }
    }

    /// The last reason reported under one of these codes.
    pub(crate) fn reason(&self, codes: &[RDKafkaErrorCode]) -> Option<String> {
        let reports = lock(&self.reports);
        let mut found = codes
            .iter()
            .filter_map(|code| reports.iter().find(|report| report.code == *code));
        found.next().map(|report| report.reason.clone())
    }
}

/// Locks, also where another thread has panicked: what is behind these locks is valid at any time.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_reason_is_found_first() {
        let log = ErrorLog::default();
        log.report(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        log.report(RDKafkaErrorCode::Authentication, "bad password for bob");
        log.report(RDKafkaErrorCode::Authentication, "bad password");
        let codes = [
            RDKafkaErrorCode::Authentication,
            RDKafkaErrorCode::AllBrokersDown,
        ];
        assert_eq!(log.reason(&codes).as_deref(), Some("bad password"));
        assert_eq!(log.reason(&[RDKafkaErrorCode::SSL]), None);
    }
}
