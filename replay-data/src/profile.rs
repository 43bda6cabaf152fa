//! Who an identity is: drawn once, and the same for ever.

use plumbline_schemas::event::IdentityKind;
use rand::RngExt as _;

use crate::catalogue::apps::DEPARTMENTS;
use crate::catalogue::aws::{DEPLOYMENT, JOBS, Job, SERVICES};
use crate::catalogue::gateway::{APIS, Api, PARTNERS, PIPELINES};
use crate::catalogue::names::okta_id;
use crate::catalogue::tools::{OBJECTIVES, Objective, VAULT};
use crate::clock::{HOUR, MINUTE, date_of};
use crate::native::{Native, Office};
use crate::places::{Access, PLACES};
use crate::random::{Purpose, Rng, chance, hash, lognormal, normal, pick, rng};
use crate::render::IPV6_HOST;
use crate::world::{ACCOUNTS, REGIONS};

/// Everybody's kinds, by index modulo the length: an organisation of any size has the same mix.
const MIX: [Sort; 20] = [
    Sort::Person,
    Sort::Cron,
    Sort::Person,
    Sort::Worker,
    Sort::Person,
    Sort::Pipeline,
    Sort::Person,
    Sort::Client,
    Sort::Person,
    Sort::Agent,
    Sort::Person,
    Sort::Cron,
    Sort::Person,
    Sort::Deployer,
    Sort::Person,
    Sort::Partner,
    Sort::Person,
    Sort::Client,
    Sort::Person,
    Sort::Person,
];

/// The same where the whole catalogue is played: every second twenty speak native events.
const NATIVE_MIX: [Sort; 20] = [
    Sort::Native(Office::Operator),
    Sort::Native(Office::Service),
    Sort::Native(Office::Finance),
    Sort::Native(Office::Pipeline),
    Sort::Native(Office::Operator),
    Sort::Agent,
    Sort::Native(Office::Deployer),
    Sort::Native(Office::Scheduled),
    Sort::Native(Office::OnCall),
    Sort::Native(Office::Assistant),
    Sort::Native(Office::Operator),
    Sort::Native(Office::Service),
    Sort::Native(Office::Finance),
    Sort::Native(Office::Pipeline),
    Sort::Native(Office::Operator),
    Sort::Agent,
    Sort::Native(Office::Service),
    Sort::Native(Office::Scheduled),
    Sort::Native(Office::Operator),
    Sort::Agent,
];

#[derive(Clone, Copy, Debug)]
enum Sort {
    Person,
    Cron,
    Worker,
    Deployer,
    Client,
    Pipeline,
    Partner,
    Agent,
    Native(Office),
}

/// Who somebody is.
#[derive(Debug)]
pub(crate) struct Profile {
    pub index: u32,
    pub seed: u64,
    /// How much more or less than others of its sort it does; heavy-tailed.
    pub activity: f64,
    /// First day.
    pub joined: i64,
    /// Last day, exclusive.
    pub left: i64,
    pub role: Role,
}

/// What somebody does.
#[derive(Debug)]
pub(crate) enum Role {
    Person(Person),
    /// A scheduled job.
    Cron(Cron),
    /// An autoscaled service.
    Worker(Worker),
    /// A pipeline that deploys with a federated role.
    Deployer,
    /// Something that calls an API.
    Client(Client),
    Agent(Agent),
    /// Somebody whose systems write native events.
    Native(Native),
}

/// A human.
#[derive(Debug)]
pub(crate) struct Person {
    pub home: u8,
    pub department: u8,
    /// Host address at home.
    pub home_host: u16,
    /// Monday is bit 0.
    pub workdays: u8,
    /// When the day begins, local milliseconds after midnight.
    pub begins: i64,
    /// Share of days in the office.
    pub in_office: f64,
    /// A VPN and the share of home days on which it is on.
    pub vpn: Option<(Access, f64)>,
    /// Chance of a business trip in a week.
    pub travels: f64,
    /// Weeks that browser updates come later than to others, and the operating system.
    pub updates_late: i64,
    pub system: u8,
    pub has_security_key: bool,
    pub is_admin: bool,
    pub forgets: f64,
}

/// A scheduled job of a service account.
#[derive(Debug)]
pub(crate) struct Cron {
    pub job: &'static Job,
    pub period: i64,
    pub offset: i64,
    pub jitter: f64,
    /// A user with a long-lived key rather than a role.
    pub has_key: bool,
    pub rotates_on: i8,
    pub region: u8,
    pub second_region: u8,
}

/// A service of several replicas.
#[derive(Debug)]
pub(crate) struct Worker {
    pub job: &'static Job,
    pub replicas: u8,
    pub region: u8,
}

/// What sort of client calls the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientSort {
    /// A service account with a token, in two regions.
    Service,
    /// A pipeline with a key, on runners.
    Pipeline,
    /// A partner's integration with a key, from an office of theirs.
    Partner,
}

/// A caller of an API.
#[derive(Debug)]
pub(crate) struct Client {
    pub sort: ClientSort,
    pub api: &'static Api,
    pub period: i64,
    pub offset: i64,
    /// A fresh token each day rather than one for months.
    pub daily_token: bool,
    pub region: u8,
    pub second_region: u8,
    /// Place of a partner.
    pub place: u8,
    /// First of the tenants that it serves, and how many.
    pub tenants: (u32, u32),
    /// Its records are numbered from here.
    pub objects: u32,
    /// Day of the month on which its credential is rotated.
    pub rotates_on: i8,
}

/// An AI agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pub objective: &'static Objective,
    /// Index of the person for whom it works.
    pub owner: u32,
    pub region: u8,
    pub tasks: f64,
}

/// Cities with an office, by how many people work there.
pub(crate) const OFFICES: &[&str] = &[
    "London",
    "London",
    "London",
    "Berlin",
    "Berlin",
    "New York",
    "New York",
    "San Francisco",
    "Oslo",
    "Paris",
    "Singapore",
    "São Paulo",
    "Madrid",
    "Tokyo",
];

/// The index of a city in the table of places; the first place where there is none of that name.
pub(crate) fn place_index(city: &str) -> u8 {
    let index = PLACES.iter().position(|place| place.city == Some(city));
    index.unwrap_or(0) as u8
}

/// Counts rotations: one in three months, on that day of the month, not in the same month for all.
pub(crate) fn quarter(day: i64, rotates_on: i8) -> i64 {
    let date = date_of(day);
    let months = i64::from(date.year()) * 12 + i64::from(date.month());
    let since = months - i64::from(date.day() < rotates_on);
    (since + i64::from(rotates_on)).div_euclid(3)
}

impl Profile {
    pub(crate) fn new(seed: u64, index: u32, first_day: i64, catalogue: bool) -> Self {
        let mut rng = rng(seed, index.into(), Purpose::Profile, 0);
        let is_native = catalogue && (index as usize / MIX.len()) % 2 == 1;
        let mix = if is_native { &NATIVE_MIX } else { &MIX };
        let sort = mix[index as usize % mix.len()];
        let is_person = match sort {
            Sort::Person => true,
            Sort::Native(office) => office.is_human(),
            _ => false,
        };
        let sigma = if is_person { 0.4 } else { 0.55 };
        let activity = lognormal(&mut rng, 1.0, sigma).clamp(0.25, 6.0);
        let (joins, leaves) = if is_person {
            (0.05, 0.03)
        } else {
            (0.03, 0.01)
        };
        let late = chance(&mut rng, joins).then(|| rng.random_range(2..40));
        let early = chance(&mut rng, leaves).then(|| rng.random_range(9..90));
        let role = match sort {
            Sort::Person => Role::Person(person(&mut rng)),
            Sort::Cron => Role::Cron(cron(&mut rng, index)),
            Sort::Worker => Role::Worker(worker(&mut rng, index)),
            Sort::Deployer => Role::Deployer,
            Sort::Client => Role::Client(client(&mut rng, index, ClientSort::Service)),
            Sort::Pipeline => Role::Client(client(&mut rng, index, ClientSort::Pipeline)),
            Sort::Partner => Role::Client(client(&mut rng, index, ClientSort::Partner)),
            Sort::Agent if is_native => Role::Agent(vault_or_other(&mut rng, index)),
            Sort::Agent => Role::Agent(agent(&mut rng, index)),
            Sort::Native(office) => Role::Native(Native::new(&mut rng, office, index)),
        };
        Self {
            index,
            seed,
            activity,
            joined: late.map_or(i64::MIN, |days| first_day + days),
            left: early.map_or(i64::MAX, |days| first_day + days),
            role,
        }
    }

    pub(crate) fn kind(&self) -> IdentityKind {
        match &self.role {
            Role::Person(_) => IdentityKind::Human,
            Role::Cron(_) => IdentityKind::ServiceAccount,
            Role::Worker(_) | Role::Deployer => IdentityKind::Workload,
            Role::Client(Client {
                sort: ClientSort::Service,
                ..
            }) => IdentityKind::ServiceAccount,
            Role::Client(_) => IdentityKind::ApiKey,
            Role::Agent(_) => IdentityKind::AiAgent,
            Role::Native(native) => native.office.kind(),
        }
    }

    /// The id under which the source of its logs knows it.
    pub(crate) fn id(&self) -> String {
        let (own, index) = (ACCOUNTS[0], self.index);
        match &self.role {
            Role::Person(_) => okta_id("00u", hash([self.seed, index.into(), 1])),
            Role::Cron(Cron {
                job, has_key: true, ..
            }) => {
                format!("arn:aws:iam::{own}:user/{}-{index}", job.name)
            }
            Role::Cron(Cron { job, .. }) | Role::Worker(Worker { job, .. }) => {
                format!("arn:aws:iam::{own}:role/{}-{index}", job.name)
            }
            Role::Deployer => format!("arn:aws:iam::{own}:role/{}-{index}", DEPLOYMENT.name),
            Role::Client(Client {
                sort: ClientSort::Service,
                api,
                ..
            }) => {
                format!("svc-{}-{index}", api.name)
            }
            Role::Client(Client { api, .. }) => format!("{}-{index}", api.name),
            Role::Agent(agent) => format!("agent-{}-{index}", agent.objective.agent),
            Role::Native(native) => format!("{}-{index}", native.office.word()),
        }
    }

    /// Peer group.
    pub(crate) fn group(&self) -> &'static str {
        match &self.role {
            Role::Person(person) => DEPARTMENTS[usize::from(person.department)].0,
            Role::Cron(Cron { job, .. }) | Role::Worker(Worker { job, .. }) => job.name,
            Role::Deployer => DEPLOYMENT.name,
            Role::Client(client) => client.api.name,
            Role::Agent(agent) => agent.objective.agent,
            Role::Native(native) => native.office.word(),
        }
    }

    /// Number that all who run the same service share.
    pub(crate) fn service(&self) -> u64 {
        crate::random::hash_text(self.group())
    }

    pub(crate) fn is_there(&self, day: i64) -> bool {
        (self.joined..self.left).contains(&day)
    }
}

fn person(rng: &mut Rng) -> Person {
    let home = place_index(pick(rng, OFFICES));
    let department = rng.random_range(0..DEPARTMENTS.len()) as u8;
    let part_time = chance(rng, 0.12);
    let draw: f64 = rng.random();
    let vpn = match draw {
        ..0.28 => Some((Access::CorporateVpn, 0.5)),
        ..0.33 => Some((Access::CommercialVpn, 0.85)),
        _ => None,
    };
    Person {
        home,
        department,
        // Some homes are on IPv6.
        home_host: rng.random_range(4..26) | if chance(rng, 0.2) { IPV6_HOST } else { 0 },
        workdays: if part_time { 0b0_0111 } else { 0b1_1111 },
        begins: normal(rng, 8.8 * HOUR as f64, 40.0 * MINUTE as f64) as i64,
        in_office: pick(rng, &[0.0, 0.4, 0.6, 0.6, 0.9]),
        vpn,
        travels: pick(rng, &[0.0, 0.0, 0.03, 0.05, 0.25]),
        updates_late: rng.random_range(0..14),
        system: rng.random_range(0..10),
        has_security_key: chance(rng, 0.3),
        is_admin: chance(rng, 0.5),
        forgets: pick(rng, &[0.01, 0.03, 0.03, 0.1]),
    }
}

pub(crate) fn regions(rng: &mut Rng) -> (u8, u8) {
    let first = rng.random_range(0..REGIONS.len());
    let second = (first + rng.random_range(1..REGIONS.len())) % REGIONS.len();
    (first as u8, second as u8)
}

fn cron(rng: &mut Rng, index: u32) -> Cron {
    let (region, second_region) = regions(rng);
    let period = pick(
        rng,
        &[
            HOUR / 2,
            HOUR,
            HOUR,
            2 * HOUR,
            4 * HOUR,
            4 * HOUR,
            24 * HOUR,
        ],
    );
    Cron {
        job: &JOBS[index as usize / 10 % JOBS.len()],
        period,
        // On the minute, as people write crontabs.
        offset: rng.random_range(0..period / MINUTE) * MINUTE,
        jitter: pick(rng, &[3_000.0, 15_000.0, 90_000.0]),
        has_key: chance(rng, 0.3),
        rotates_on: rng.random_range(1..29),
        region,
        second_region,
    }
}

fn worker(rng: &mut Rng, index: u32) -> Worker {
    Worker {
        job: &SERVICES[index as usize / 20 % SERVICES.len()],
        replicas: rng.random_range(1..5),
        region: regions(rng).0,
    }
}

fn client(rng: &mut Rng, index: u32, sort: ClientSort) -> Client {
    let apis = match sort {
        ClientSort::Service => APIS,
        ClientSort::Pipeline => PIPELINES,
        ClientSort::Partner => PARTNERS,
    };
    let period = pick(rng, &[HOUR / 2, HOUR, HOUR, 2 * HOUR]);
    let (region, second_region) = regions(rng);
    let offices = [
        "Zurich",
        "Warsaw",
        "Chicago",
        "Toronto",
        "Mumbai",
        "Stockholm",
        "Mexico City",
    ];
    // Zurich's range is a commercial VPN's; a partner does not sit there.
    let place = place_index(pick(rng, &offices[1..]));
    Client {
        sort,
        api: &apis[index as usize / 10 % apis.len()],
        period,
        offset: rng.random_range(0..period),
        daily_token: chance(rng, 0.5),
        region,
        second_region,
        place,
        tenants: (4000 + index % 1000 * 4, rng.random_range(1..4)),
        objects: 100_000 + hash([index.into(), 3]) as u32 % 800_000,
        rotates_on: rng.random_range(1..29),
    }
}

fn agent(rng: &mut Rng, index: u32) -> Agent {
    Agent {
        objective: &OBJECTIVES[index as usize / 20 % OBJECTIVES.len()],
        // The identity before an agent in the mix is a person.
        owner: index.saturating_sub(1),
        region: regions(rng).0,
        tasks: rng.random_range(3.0..8.0),
    }
}

/// Of the agents among those that speak native events, every fourth rotates secrets.
fn vault_or_other(rng: &mut Rng, index: u32) -> Agent {
    let mut agent = agent(rng, index);
    let slot = index % 20 + index / 40;
    agent.objective = match slot % 4 {
        0 => &VAULT,
        other => &OBJECTIVES[other as usize - 1],
    };
    agent
}
