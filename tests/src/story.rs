//! What people and machines do on ordinary days, and on the day they are attacked.

use crate::cluster::Raw;
use crate::vendor::{ASHBURN, CloudTrail, Kong, LIMA, Okta, Place};

/// One minute in milliseconds.
pub const MINUTE: i64 = 60_000;
/// One hour.
pub const HOUR: i64 = 60 * MINUTE;
/// One day.
pub const DAY: i64 = 24 * HOUR;
/// Monday, 2026-03-02, midnight UTC: the first day of every story.
pub const MONDAY: i64 = 1_772_409_600_000;

/// A raw record in the making: of which format, when, and about whom.
#[derive(Clone, Debug)]
pub struct Told {
    /// Name of the log format.
    pub format: &'static str,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The record.
    pub raw: Raw,
}

fn told(format: &'static str, at: i64, identity: &str, record: &serde_json::Value) -> Told {
    // The key of the log: with it, records of one identity stay in order in the raw topic as well.
    Told {
        format,
        at,
        raw: Raw::new(&format!("acme/{identity}"), record.to_string()),
    }
}

/// A person with an office, a laptop, and a session a day.
#[derive(Clone, Debug)]
pub struct Person {
    /// Id of the user.
    pub id: String,
    /// Where the office is.
    pub home: Place,
}

impl Person {
    /// A person of this name in this place.
    pub fn new(id: &str, home: Place) -> Self {
        Self {
            id: id.to_owned(),
            home,
        }
    }

    fn event(&self, event: &str, at: i64, from: Place, device: &str, session: &str) -> Told {
        let record = Okta {
            user: &self.id,
            event,
            at,
            from,
            device,
            session,
        };
        told("okta", at, &self.id, &record.json())
    }

    /// Office days: a log-in at nine, and applications opened until five.
    pub fn days(&self, days: std::ops::Range<i64>, steps: i64) -> Vec<Told> {
        let device = format!("laptop-{}", self.id);
        let mut all = Vec::new();
        for day in days {
            let session = format!("{}-day-{day}", self.id);
            let start = MONDAY + day * DAY + 9 * HOUR;
            let mut tell =
                |event, at| all.push(self.event(event, at, self.home, &device, &session));
            tell("user.session.start", start);
            for step in 1..=steps {
                tell(
                    "user.authentication.sso",
                    start + step * 8 * HOUR / (steps + 1),
                );
            }
        }
        all
    }

    /// At noon of that day, eight minutes after an ordinary use, somebody signs in from Lima with a
    /// device that nobody has seen, and goes on.
    pub fn is_impersonated(&self, day: i64) -> Vec<Told> {
        let noon = MONDAY + day * DAY + 12 * HOUR;
        let device = format!("laptop-{}", self.id);
        let home = format!("{}-day-{day}", self.id);
        let away = format!("{}-stolen", self.id);
        let mut all = vec![
            self.event("user.session.start", noon, self.home, &device, &home),
            self.event(
                "user.session.start",
                noon + 8 * MINUTE,
                LIMA,
                "unseen",
                &away,
            ),
        ];
        for step in 1..=3 {
            let at = noon + (8 + step) * MINUTE;
            all.push(self.event("user.authentication.sso", at, LIMA, "unseen", &away));
        }
        all
    }
}

/// A machine that does the same calls every hour, around the clock.
#[derive(Clone, Debug)]
pub enum Machine {
    /// A role in AWS.
    Role(String),
    /// A service behind Kong, with its bearer token.
    Service(String, String),
}

impl Machine {
    /// As what it is known.
    pub fn identity(&self) -> String {
        match self {
            Self::Role(role) => CloudTrail::identity(role),
            Self::Service(consumer, _) => consumer.clone(),
        }
    }

    fn call(&self, call: &str, at: i64, from: Place) -> Told {
        let (format, record) = match self {
            Self::Role(role) => {
                let key = format!("ASIAEXAMPLE{}", role.to_uppercase().replace('-', ""));
                let key = key.as_str();
                let record = CloudTrail {
                    role,
                    call,
                    at,
                    from,
                    key,
                };
                ("cloudtrail", record.json())
            }
            Self::Service(consumer, bearer) => {
                let request = call;
                let record = Kong {
                    consumer,
                    request,
                    at,
                    from,
                    bearer,
                };
                ("kong", record.json())
            }
        };
        told(format, at, &self.identity(), &record)
    }

    fn usual(&self) -> [&'static str; 3] {
        match self {
            Self::Role(_) => ["s3:ListBucket", "s3:GetObject", "s3:PutObject"],
            Self::Service(..) => ["GET /v1/orders", "GET /v1/prices", "POST /v1/invoices"],
        }
    }

    /// Days of work.
    pub fn days(&self, days: std::ops::Range<i64>) -> Vec<Told> {
        let mut all = Vec::new();
        for hour in days.start * 24..days.end * 24 {
            for (step, call) in self.usual().into_iter().enumerate() {
                let at = MONDAY + hour * HOUR + step as i64 * 2_000;
                all.push(self.call(call, at, ASHBURN));
            }
        }
        all
    }

    /// At noon of that day its credential is used from elsewhere, for what it never did.
    pub fn is_stolen(&self, day: i64) -> Vec<Told> {
        let calls: &[&str] = match self {
            Self::Role(_) => &[
                "secretsmanager:ListSecrets",
                "secretsmanager:GetSecretValue",
                "kms:Decrypt",
                "iam:ListUsers",
                "iam:CreateAccessKey",
                "ssm:GetParameter",
            ],
            Self::Service(..) => &[
                "GET /v1/users",
                "DELETE /v1/users/keys",
                "DELETE /v1/tenants",
                "DELETE /v1/backups",
                "GET /v1/secrets",
            ],
        };
        let noon = MONDAY + day * DAY + 12 * HOUR;
        let steps = calls.iter().enumerate();
        steps
            .map(|(step, call)| self.call(call, noon + (30 + step as i64) * MINUTE, LIMA))
            .collect()
    }
}

/// Everything in the order of time; what happens at once stays in the order given.
pub fn in_order(stories: impl IntoIterator<Item = Vec<Told>>) -> Vec<Told> {
    let mut all: Vec<Told> = stories.into_iter().flatten().collect();
    all.sort_by_key(|told| told.at);
    all
}
