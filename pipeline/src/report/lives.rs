//! The lives of the identities that come first: when something was found and decided, where they were,
//! and what they called.

use serde::Deserialize;

use super::ReportError;
use super::identities::names;
use super::model::{Cut, Lane, Lanes, Life, Mark, Span, Timelines};
use super::read::{GIVES_BACK, Reader, Subject, shown};
use super::window::Buckets;

/// So many lives are in the page.
const MOST: usize = 24;
/// Of each so many findings and so many commands.
const MOST_MARKS: u64 = 40;
/// Of the values of a kind so many that were seen most, and so many that were seen first last.
const MOST_USED: u64 = 4;
const NEWEST: u64 = 4;

const PLACE: &str = "CASE WHEN network_city IS NOT NULL AND network_country IS NOT NULL \
                     THEN concat(network_city, ', ', network_country) \
                     ELSE coalesce(network_city, network_country) END";
const ENDPOINT: &str = "action_name";

/// The lives of the first of these.
pub(super) fn timelines(
    reader: &Reader<'_>,
    span: &Span,
    subjects: &[Subject],
) -> Result<Timelines, ReportError> {
    let buckets = Buckets::of_life(span.first, span.last);
    let subjects = &subjects[..subjects.len().min(MOST)];
    let mut lives: Vec<Life> = subjects
        .iter()
        .map(|subject| Life {
            who: subject.shown(),
            ..Life::default()
        })
        .collect();
    if !subjects.is_empty() {
        let reading = Reading {
            reader,
            subjects,
            names: names(subjects),
        };
        reading.marks(&mut lives)?;
        if reader.has_events {
            reading.lanes(PLACE, buckets, &mut lives, |life| &mut life.places)?;
            reading.lanes(ENDPOINT, buckets, &mut lives, |life| &mut life.endpoints)?;
        }
    }
    Ok(Timelines {
        start: buckets.start,
        step: buckets.step,
        buckets: buckets.count,
        has_events: reader.has_events,
        lives,
    })
}

struct Reading<'r> {
    reader: &'r Reader<'r>,
    subjects: &'r [Subject],
    /// Their ids, as a list of SQL.
    names: String,
}

#[derive(Deserialize)]
struct Moment {
    #[serde(flatten)]
    subject: Subject,
    id: String,
    time: i64,
    name: String,
    weight: String,
    risk: u64,
    bits: Option<f64>,
    text: String,
    total: u64,
}

#[derive(Deserialize)]
struct Seen {
    #[serde(flatten)]
    subject: Subject,
    lane: String,
    total: u64,
    first: i64,
    lanes: u64,
    bucket: u64,
    n: u64,
}

impl Reading<'_> {
    fn life<'l>(&self, lives: &'l mut [Life], subject: &Subject) -> Option<&'l mut Life> {
        let at = self.subjects.iter().position(|other| other.is(subject))?;
        lives.get_mut(at)
    }

    /// What was found and decided: of much, what weighs most.
    fn marks(&self, lives: &mut [Life]) -> Result<(), ReportError> {
        let Self { reader, names, .. } = self;
        let findings: Vec<Moment> = reader.rows(&format!(
            "SELECT * FROM (SELECT tenant, identity_id AS identity, identity_kind AS kind, id, \
               CAST(time AS BIGINT) AS time, detector AS name, severity AS weight, \
               risk_identity AS risk, surprise_bits AS bits, summary AS text, \
               count(*) OVER (PARTITION BY tenant, identity_id) AS total, \
               row_number() OVER (PARTITION BY tenant, identity_id \
                                  ORDER BY surprise_bits DESC, time, id) AS place \
               FROM {} WHERE identity_id IN ({names})) \
             WHERE place <= {MOST_MARKS} ORDER BY time, id",
            reader.findings()
        ))?;
        for row in findings {
            if let Some(life) = self.life(lives, &row.subject) {
                row.add(&mut life.findings);
            }
        }
        let commands: Vec<Moment> = reader.rows(&format!(
            "SELECT * FROM (SELECT target_tenant AS tenant, target_identity AS identity, \
               target_kind AS kind, id, CAST(time AS BIGINT) AS time, action AS name, mode AS weight, \
               reason_risk AS risk, reason_summary AS text, \
               count(*) OVER (PARTITION BY target_tenant, target_identity) AS total, \
               row_number() OVER (PARTITION BY target_tenant, target_identity \
                                  ORDER BY CASE WHEN {GIVES_BACK} THEN 0 ELSE 1 END DESC, mode, \
                                           reason_risk DESC, time, id) AS place \
               FROM {} WHERE target_identity IN ({names})) \
             WHERE place <= {MOST_MARKS} ORDER BY time, id",
            reader.commands()
        ))?;
        for row in commands {
            if let Some(life) = self.life(lives, &row.subject) {
                row.add(&mut life.commands);
            }
        }
        Ok(())
    }

    /// How often each value of a column was seen when, of the values that were seen most and of the newest.
    fn lanes(
        &self,
        value: &str,
        buckets: Buckets,
        lives: &mut [Life],
        lanes: fn(&mut Life) -> &mut Lanes,
    ) -> Result<(), ReportError> {
        let Self { reader, names, .. } = self;
        let rows: Vec<Seen> = reader.rows(&format!(
            "WITH seen AS (SELECT tenant, identity_id, {value} AS lane, {number} AS bucket, \
                                  count(*) AS n, min(time) AS began \
                           FROM {events} WHERE identity_id IN ({names}) AND {value} IS NOT NULL \
                           GROUP BY 1, 2, 3, 4), \
                  all_lanes AS (SELECT tenant, identity_id, lane, sum(n) AS total, min(began) AS began \
                                FROM seen GROUP BY tenant, identity_id, lane), \
                  ranked AS (SELECT *, \
                    count(*) OVER (PARTITION BY tenant, identity_id) AS lanes, \
                    row_number() OVER (PARTITION BY tenant, identity_id \
                                       ORDER BY total DESC, began, lane) AS used, \
                    row_number() OVER (PARTITION BY tenant, identity_id \
                                       ORDER BY began DESC, lane) AS newest FROM all_lanes) \
             SELECT s.tenant, s.identity_id AS identity, '' AS kind, s.lane, r.total, \
                    CAST(r.began AS BIGINT) AS first, r.lanes, s.bucket, s.n \
             FROM seen s JOIN ranked r ON r.tenant = s.tenant AND r.identity_id = s.identity_id \
                                          AND r.lane = s.lane \
             WHERE r.used <= {MOST_USED} OR r.newest <= {NEWEST} \
             ORDER BY s.tenant, s.identity_id, r.began, s.lane, s.bucket",
            number = buckets.number(),
            events = reader.events(),
        ))?;
        for row in rows {
            if let Some(life) = self.life(lives, &row.subject) {
                row.add(lanes(life));
            }
        }
        Ok(())
    }
}

impl Moment {
    fn add(self, marks: &mut Cut<Mark>) {
        marks.rows.push(Mark {
            id: shown(&self.id),
            time: self.time,
            name: shown(&self.name),
            weight: shown(&self.weight),
            risk: self.risk,
            bits: self.bits,
            text: shown(&self.text),
        });
        marks.left_out = self.total.saturating_sub(marks.rows.len() as u64);
    }
}

impl Seen {
    fn add(self, lanes: &mut Lanes) {
        let name = shown(&self.lane);
        let is_last = lanes
            .rows
            .last()
            .is_some_and(|lane| lane.name == name && lane.first == self.first);
        if !is_last {
            lanes.rows.push(Lane {
                name,
                total: self.total,
                first: self.first,
                seen: Vec::new(),
            });
            lanes.left_out = self.lanes.saturating_sub(lanes.rows.len() as u64);
        }
        if let Some(lane) = lanes.rows.last_mut() {
            lane.seen.push((self.bucket, self.n));
        }
    }
}
