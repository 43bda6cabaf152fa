//! How much there was: in all, over time, by detector and by kind of identity.

use plumbline_detectors::DetectorId;
use plumbline_schemas::finding::Severity;
use serde::Deserialize;

use super::ReportError;
use super::model::{DetectorRow, Figures, KindRow, Series, Span};
use super::read::{GIVES_BACK, Reader, shown};
use super::window::Buckets;

#[derive(Deserialize)]
struct Ends {
    first: Option<i64>,
    last: Option<i64>,
}

/// The first and the last of what is told.
pub(super) fn span(reader: &Reader<'_>) -> Result<Span, ReportError> {
    let mut tables = vec![reader.findings(), reader.commands()];
    tables.extend(reader.has_events.then(|| reader.events()));
    let ends = tables
        .iter()
        .map(|table| format!("SELECT min(time) AS first, max(time) AS last FROM {table}"));
    let ends: Vec<String> = ends.collect();
    let rows: Vec<Ends> = reader.rows(&format!(
        "SELECT CAST(min(first) AS BIGINT) AS first, CAST(max(last) AS BIGINT) AS last FROM ({})",
        ends.join(" UNION ALL ")
    ))?;
    let ends = rows.first();
    let first = ends.and_then(|ends| ends.first);
    Ok(Span {
        first: first
            .or(reader.window.from.map(|from| from.as_millis()))
            .unwrap_or(0),
        last: ends
            .and_then(|ends| ends.last)
            .or(first)
            .or(reader.window.from.map(|from| from.as_millis()))
            .unwrap_or(0),
        is_part: reader.window.is_part(),
    })
}

#[derive(Default, Deserialize)]
struct Totals {
    findings: u64,
    grave: u64,
    found: u64,
    enforced: u64,
    observed: u64,
    undone: u64,
    acted_on: u64,
    tenants: u64,
}

#[derive(Deserialize)]
struct Log {
    events: u64,
    identities: u64,
}

/// The headline.
pub(super) fn figures(reader: &Reader<'_>) -> Result<Figures, ReportError> {
    let (findings, commands) = (reader.findings(), reader.commands());
    let totals: Vec<Totals> = reader.rows(&format!(
        "SELECT (SELECT count(*) FROM {findings}) AS findings, \
         (SELECT count(*) FROM {findings} WHERE severity IN ('high', 'critical')) AS grave, \
         (SELECT count(*) FROM (SELECT DISTINCT tenant, identity_id FROM {findings})) AS found, \
         (SELECT count(*) FROM {commands} WHERE NOT {GIVES_BACK} AND mode = 'enforce') AS enforced, \
         (SELECT count(*) FROM {commands} WHERE NOT {GIVES_BACK} AND mode <> 'enforce') AS observed, \
         (SELECT count(*) FROM {commands} WHERE {GIVES_BACK} AND mode = 'enforce') AS undone, \
         (SELECT count(*) FROM (SELECT DISTINCT target_tenant, target_identity FROM {commands} \
                                WHERE NOT {GIVES_BACK} AND mode = 'enforce')) AS acted_on, \
         (SELECT count(*) FROM (SELECT tenant FROM {findings} \
                                UNION SELECT target_tenant FROM {commands})) AS tenants"
    ))?;
    let totals = totals.into_iter().next().unwrap_or_default();
    let log: Vec<Log> = match reader.has_events {
        false => Vec::new(),
        true => reader.rows(&format!(
            "SELECT sum(n) AS events, count(*) AS identities FROM (SELECT tenant, identity_id, \
             count(*) AS n FROM {} GROUP BY tenant, identity_id) HAVING count(*) > 0",
            reader.events()
        ))?,
    };
    let log = log.first();
    Ok(Figures {
        events: log.map(|log| log.events),
        identities: log.map(|log| log.identities),
        findings: totals.findings,
        found: totals.found,
        enforced: totals.enforced,
        observed: totals.observed,
        undone: totals.undone,
        acted_on: totals.acted_on,
        grave: totals.grave,
        tenants: totals.tenants,
    })
}

#[derive(Deserialize)]
struct Bucket {
    bucket: u64,
    severity: String,
    n: u64,
}

/// Findings and enforced commands over time.
pub(super) fn series(reader: &Reader<'_>, span: &Span) -> Result<Series, ReportError> {
    let buckets = Buckets::of_chart(span.first, span.last);
    let number = buckets.number();
    let count = usize::try_from(buckets.count).unwrap_or(0);
    let mut findings = vec![[0; 5]; count];
    let rows: Vec<Bucket> = reader.rows(&format!(
        "SELECT {number} AS bucket, severity, count(*) AS n FROM {} GROUP BY 1, 2",
        reader.findings()
    ))?;
    for row in rows {
        let severity = Severity::ALL
            .iter()
            .position(|severity| severity.as_str() == row.severity);
        let bucket = usize::try_from(row.bucket).ok();
        let place = bucket.and_then(|bucket| findings.get_mut(bucket)?.get_mut(severity?));
        if let Some(place) = place {
            *place += row.n;
        }
    }
    let rows: Vec<Bucket> = reader.rows(&format!(
        "SELECT {number} AS bucket, '' AS severity, count(*) AS n FROM {} \
         WHERE NOT {GIVES_BACK} AND mode = 'enforce' GROUP BY 1",
        reader.commands()
    ))?;
    let mut enforced = vec![0; count];
    for row in rows {
        let bucket = usize::try_from(row.bucket).ok();
        if let Some(place) = bucket.and_then(|bucket| enforced.get_mut(bucket)) {
            *place += row.n;
        }
    }
    Ok(Series {
        start: buckets.start,
        step: buckets.step,
        findings,
        enforced,
    })
}

#[derive(Deserialize)]
struct Detector {
    detector: String,
    findings: u64,
    identities: u64,
    acted: u64,
    bits: f64,
}

/// By detector, those with the most findings first.
pub(super) fn detectors(reader: &Reader<'_>) -> Result<Vec<DetectorRow>, ReportError> {
    let rows: Vec<Detector> = reader.rows(&format!(
        "WITH acted AS (SELECT DISTINCT unnest(reason_finding_ids) AS id FROM {commands} \
                        WHERE NOT {GIVES_BACK} AND mode = 'enforce'), \
              each AS (SELECT f.detector, f.tenant, f.identity_id, count(*) AS n, \
                              count(a.id) AS acted, max(f.surprise_bits) AS bits \
                       FROM {findings} f LEFT JOIN acted a ON a.id = f.id \
                       GROUP BY f.detector, f.tenant, f.identity_id) \
         SELECT detector, sum(n) AS findings, count(*) AS identities, sum(acted) AS acted, \
                max(bits) AS bits \
         FROM each GROUP BY detector ORDER BY findings DESC, detector",
        findings = reader.findings(),
        commands = reader.commands(),
    ))?;
    let told = rows.into_iter().map(|row| {
        let known = DetectorId::ALL.iter().find(|id| id.name() == row.detector);
        DetectorRow {
            notices: known.map_or("", |id| id.notices()).to_owned(),
            name: shown(&row.detector),
            findings: row.findings,
            identities: row.identities,
            acted: row.acted,
            bits: row.bits,
        }
    });
    Ok(told.collect())
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
    known: u64,
    found: u64,
    findings: u64,
    enforced: u64,
}

/// By kind of identity, those with the most findings first.
pub(super) fn kinds(reader: &Reader<'_>) -> Result<Vec<KindRow>, ReportError> {
    let mut parts = vec![
        format!(
            "SELECT tenant, identity_id AS identity, identity_kind AS kind, 0 AS known, 1 AS found, \
             0 AS enforced FROM {}",
            reader.findings()
        ),
        format!(
            "SELECT target_tenant AS tenant, target_identity AS identity, target_kind AS kind, 0 AS known, \
             0 AS found, 1 AS enforced FROM {} \
             WHERE NOT {GIVES_BACK} AND mode = 'enforce'",
            reader.commands()
        ),
    ];
    if reader.has_events {
        parts.push(format!(
            "SELECT tenant, identity_id AS identity, identity_kind AS kind, 1 AS known, 0 AS found, \
             0 AS enforced FROM {} \
             GROUP BY tenant, identity_id, identity_kind",
            reader.events()
        ));
    }
    let rows: Vec<Kind> = reader.rows(&format!(
        "WITH each AS (SELECT tenant, identity, kind, max(known) AS known, sum(found) AS findings, \
                              sum(enforced) AS enforced \
                       FROM ({}) GROUP BY tenant, identity, kind) \
         SELECT kind, sum(known) AS known, sum(CASE WHEN findings > 0 THEN 1 ELSE 0 END) AS found, \
                sum(findings) AS findings, sum(enforced) AS enforced \
         FROM each GROUP BY kind ORDER BY findings DESC, kind",
        parts.join(" UNION ALL ")
    ))?;
    let told = rows.into_iter().map(|row| KindRow {
        kind: shown(&row.kind),
        known: reader.has_events.then_some(row.known),
        found: row.found,
        findings: row.findings,
        enforced: row.enforced,
    });
    Ok(told.collect())
}
