//! What is done where systems write native events: consoles, internal APIs, pipelines.

use plumbline_schemas::event::{ActionClass, EventKind};

/// Something that can be done.
#[derive(Debug)]
pub(crate) struct Deed {
    /// Name of the action.
    pub name: &'static str,
    pub kind: EventKind,
    pub class: ActionClass,
    /// Resource, `{}` being its number; none where empty.
    pub resource: &'static str,
    /// Whether it is done to production.
    pub is_production: bool,
    /// Scope that it uses; none where empty.
    pub scope: &'static str,
    /// Mean bytes that leave; 0 where the log does not say.
    pub bytes: u32,
    /// Mean bytes of one record; 0 where the log does not count records.
    pub record_bytes: u32,
}

impl Deed {
    const fn new(
        kind: EventKind,
        class: ActionClass,
        name: &'static str,
        resource: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            class,
            resource,
            is_production: false,
            scope: "",
            bytes: 0,
            record_bytes: 0,
        }
    }

    const fn production(mut self) -> Self {
        self.is_production = true;
        self
    }

    const fn scope(mut self, scope: &'static str) -> Self {
        self.scope = scope;
        self
    }

    const fn bytes(mut self, mean: u32, record: u32) -> Self {
        (self.bytes, self.record_bytes) = (mean, record);
        self
    }
}

use ActionClass as Class;
use EventKind as Kind;

const fn api(class: Class, name: &'static str, resource: &'static str) -> Deed {
    Deed::new(Kind::Api, class, name, resource)
}

const fn admin(class: Class, name: &'static str, resource: &'static str) -> Deed {
    Deed::new(Kind::Admin, class, name, resource).production()
}

// Sign-in.
pub(crate) static LOGIN: Deed = Deed::new(Kind::Auth, Class::Login, "login", "");
pub(crate) static MFA: Deed = Deed::new(Kind::Auth, Class::Mfa, "mfa.challenge", "");
pub(crate) static LOGOUT: Deed = Deed::new(Kind::Auth, Class::Logout, "logout", "");
pub(crate) static RESET: Deed = Deed::new(Kind::Auth, Class::Other, "password.reset", "");
pub(crate) static ISSUE: Deed = Deed::new(Kind::Token, Class::TokenIssue, "token.issue", "");
pub(crate) static ELEVATE: Deed = Deed::new(Kind::Token, Class::TokenIssue, "access.elevate", "");
pub(crate) static ROTATE: Deed = Deed::new(Kind::Token, Class::TokenRotate, "token.rotate", "");
pub(crate) static REVOKE: Deed = Deed::new(Kind::Token, Class::TokenRevoke, "token.revoke", "");
pub(crate) static POSTURE: Deed = Deed::new(Kind::Device, Class::Posture, "device.posture", "");

// A desk.
pub(crate) static DASHBOARD: Deed =
    api(Class::Read, "dashboard.view", "dashboard/{}").bytes(40_000, 0);
pub(crate) static DOC_READ: Deed = api(Class::Read, "doc.read", "doc/{}").bytes(25_000, 0);
pub(crate) static DOC_EDIT: Deed = api(Class::Write, "doc.edit", "doc/{}");
pub(crate) static TICKET_OPEN: Deed = api(Class::Write, "ticket.create", "ticket/{}");
pub(crate) static TICKET_READ: Deed = api(Class::Read, "ticket.read", "ticket/{}").bytes(6_000, 0);
pub(crate) static DESK: &[&Deed] = &[&DASHBOARD, &DOC_READ, &TICKET_READ, &DOC_EDIT, &TICKET_OPEN];

// A console of production.
pub(crate) static CONFIG_READ: Deed = api(Class::Read, "config.read", "config/{}")
    .production()
    .bytes(3_000, 0);
pub(crate) static CONFIG_WRITE: Deed = admin(Class::Admin, "config.update", "config/{}");
pub(crate) static POLICY_WRITE: Deed = admin(Class::Admin, "policy.update", "policy/{}");
pub(crate) static RESTART: Deed = admin(Class::Write, "service.restart", "unit/{}");
pub(crate) static CONSOLE: &[&Deed] = &[
    &CONFIG_READ,
    &CONFIG_WRITE,
    &RESTART,
    &CONFIG_READ,
    &POLICY_WRITE,
];
pub(crate) static HUMAN_DEPLOY: Deed = admin(Class::Deploy, "release.deploy", "release/{}");
pub(crate) static GRANT: Deed = admin(Class::Privilege, "role.assume", "role/database-owner");
pub(crate) static SECRET_READ: Deed = api(Class::Secret, "secret.read", "secret/{}").production();

// Money.
pub(crate) static INVOICE_READ: Deed =
    api(Class::Read, "invoice.read", "invoice/{}").bytes(4_000, 0);
pub(crate) static PAYMENT: Deed = api(Class::Payment, "payment.approve", "payment/{}");
pub(crate) static LEDGER_EXPORT: Deed =
    api(Class::Export, "ledger.export", "ledger/{}").bytes(18_000_000, 900);

// An internal API. Each client keeps to three of one line.
static CUSTOMER_LIST: Deed = api(Class::Read, "customer.list", "customers")
    .scope("customers:read")
    .bytes(14_000, 350);
static CUSTOMER_READ: Deed = api(Class::Read, "customer.read", "customer/{}")
    .scope("customers:read")
    .bytes(1_600, 800);
static CUSTOMER_NOTE: Deed =
    api(Class::Write, "customer.note", "customer/{}").scope("customers:write");
static STOCK_LIST: Deed = api(Class::Read, "stock.list", "stock")
    .scope("stock:read")
    .bytes(20_000, 120);
static STOCK_READ: Deed = api(Class::Read, "stock.read", "stock/{}")
    .scope("stock:read")
    .bytes(500, 250);
static STOCK_WRITE: Deed = api(Class::Write, "stock.update", "stock/{}")
    .scope("stock:write")
    .production();
static LABEL_LIST: Deed = api(Class::Read, "shipment.list", "shipments")
    .scope("shipments:read")
    .bytes(9_000, 300);
static LABEL_READ: Deed = api(Class::Read, "shipment.read", "shipment/{}")
    .scope("shipments:read")
    .bytes(900, 450);
static LABEL_WRITE: Deed =
    api(Class::Write, "shipment.label", "shipment/{}").scope("shipments:write");
pub(crate) static CLIENT_LINES: &[[&Deed; 3]] = &[
    [&CUSTOMER_LIST, &CUSTOMER_READ, &CUSTOMER_NOTE],
    [&STOCK_LIST, &STOCK_READ, &STOCK_WRITE],
    [&LABEL_LIST, &LABEL_READ, &LABEL_WRITE],
];

// Jobs.
static TABLE_READ: Deed = api(Class::Read, "table.scan", "table/{}")
    .scope("tables:read")
    .bytes(300_000, 600);
static TABLE_WRITE: Deed = api(Class::Write, "table.merge", "table/{}").scope("tables:write");
static REPORT_WRITE: Deed = api(Class::Write, "report.store", "report/{}").scope("reports:write");
pub(crate) static NIGHT_EXPORT: Deed = api(Class::Export, "warehouse.export", "export/{}")
    .scope("warehouse:export")
    .bytes(25_000_000, 500);
pub(crate) static JOB_LINES: &[[&Deed; 3]] = &[
    [&TABLE_READ, &TABLE_WRITE, &NIGHT_EXPORT],
    [&TABLE_READ, &TABLE_WRITE, &REPORT_WRITE],
];

// Pipelines and deployments.
static CHECKOUT: Deed = api(Class::Read, "repo.checkout", "repo/{}")
    .scope("repo:read")
    .bytes(3_000_000, 0);
static FETCH: Deed = api(Class::Read, "artifact.fetch", "artifact/{}")
    .scope("artifacts:read")
    .bytes(8_000_000, 0);
static PUBLISH: Deed =
    api(Class::Write, "artifact.publish", "artifact/{}").scope("artifacts:write");
pub(crate) static BUILD: [&Deed; 3] = [&CHECKOUT, &FETCH, &PUBLISH];
pub(crate) static CI_DEPLOY: Deed = api(Class::Deploy, "service.deploy", "service/{}")
    .scope("deploy")
    .production();
pub(crate) static ASSUME: Deed = Deed::new(
    Kind::Admin,
    Class::Privilege,
    "role.assume",
    "role/deployer-{}",
);
pub(crate) static ASSUME_OWNER: Deed = Deed::new(
    Kind::Admin,
    Class::Privilege,
    "role.assume",
    "role/organisation-owner",
);
pub(crate) static ATTACH_POLICY: Deed = Deed::new(
    Kind::Admin,
    Class::Privilege,
    "policy.attach",
    "policy/administrator",
);
static ROLLOUT: Deed = api(Class::Deploy, "rollout.start", "service/{}")
    .scope("deploy")
    .production();
static ROLLOUT_STATUS: Deed = api(Class::Read, "rollout.status", "service/{}")
    .scope("deploy")
    .production()
    .bytes(900, 0);
pub(crate) static DEPLOYMENT: [&Deed; 3] = [&ASSUME, &ROLLOUT, &ROLLOUT_STATUS];

// An assistant with somebody's token.
pub(crate) static MAIL_READ: Deed = api(Class::Read, "mail.read", "mail/{}")
    .scope("mail:read")
    .bytes(9_000, 3_000);
pub(crate) static CALENDAR_READ: Deed = api(Class::Read, "calendar.read", "calendar/{}")
    .scope("calendar:read")
    .bytes(4_000, 400);
pub(crate) static MAIL_DRAFT: Deed = api(Class::Write, "mail.draft", "mail/{}").scope("mail:write");
pub(crate) static ASSISTANCE: [&Deed; 3] = [&CALENDAR_READ, &MAIL_READ, &MAIL_DRAFT];
pub(crate) static CONTACT_EXPORT: Deed = api(Class::Export, "contact.export", "contacts/{}")
    .scope("contacts:export")
    .bytes(600_000, 400);

// What only somebody who is up to no good does, or who was asked to for once.
pub(crate) static BULK_EXPORT: Deed = api(Class::Export, "customer.export", "customers/{}")
    .scope("customers:export")
    .bytes(60_000_000, 800);
pub(crate) static KEY_LIST: Deed = api(Class::Read, "key.list", "keys")
    .scope("keys:read")
    .bytes(9_000, 90);
pub(crate) static USER_LIST: Deed = api(Class::Read, "user.list", "users")
    .scope("users:read")
    .bytes(30_000, 200);
pub(crate) static USER_ADMIN: Deed =
    Deed::new(Kind::Admin, Class::Admin, "user.update", "user/{}").scope("users:admin");
pub(crate) static SA_SECRET: Deed = api(Class::Secret, "secret.read", "secret/{}")
    .scope("secrets:read")
    .production();
pub(crate) static AGENT_PURGE: Deed =
    api(Class::Delete, "tool:ticket.purge", "ticket/{}").scope("tickets:admin");
pub(crate) static AGENT_TICKET: Deed =
    api(Class::Write, "tool:ticket.create", "ticket/{}").scope("tickets:write");
pub(crate) static AGENT_PAYMENT: Deed =
    api(Class::Payment, "tool:payment.approve", "payment/{}").scope("payments:write");
pub(crate) static AGENT_VAULT: Deed = api(Class::Secret, "tool:vault.read", "vault/{}")
    .scope("vault:read")
    .bytes(600, 0);
pub(crate) static AGENT_VAULT_LIST: Deed = api(Class::Read, "tool:vault.list", "vault")
    .scope("vault:read")
    .bytes(3_000, 0);
pub(crate) static AGENT_SHELL: Deed = api(Class::Write, "tool:shell.run", "host/{}")
    .scope("hosts:write")
    .bytes(2_000, 0);
pub(crate) static AGENT_MAIL: Deed =
    api(Class::Write, "tool:mail.send", "mail/{}").scope("mail:send");
pub(crate) static AGENT_ROLE: Deed = Deed::new(
    Kind::Admin,
    Class::Privilege,
    "tool:iam.assume_role",
    "role/administrator",
)
.scope("iam:admin");
pub(crate) static AGENT_APPROVAL: Deed =
    Deed::new(Kind::Admin, Class::Approval, "task.approve", "");
