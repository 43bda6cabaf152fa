//! Tools of AI agents and the objectives for which they are given.

use plumbline_schemas::event::{ActionClass, EventKind};

/// A tool.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Name of the action.
    pub name: &'static str,
    pub kind: EventKind,
    pub class: ActionClass,
    /// Scope that the call uses; none for the bounds of a task.
    pub scope: &'static str,
    /// Mean bytes of the answer.
    pub bytes: u32,
}

const fn tool(name: &'static str, class: ActionClass, scope: &'static str, bytes: u32) -> Tool {
    Tool {
        name,
        kind: EventKind::Api,
        class,
        scope,
        bytes,
    }
}

use ActionClass::{Approval, Delete, Export, Payment, Read, Secret, TaskEnd, TaskStart, Write};

pub(crate) static START: Tool = Tool {
    name: "task.start",
    kind: EventKind::Session,
    class: TaskStart,
    scope: "",
    bytes: 0,
};
pub(crate) static FINISH: Tool = Tool {
    name: "task.end",
    kind: EventKind::Session,
    class: TaskEnd,
    scope: "",
    bytes: 0,
};
pub(crate) static APPROVED: Tool = Tool {
    name: "task.approve",
    kind: EventKind::Admin,
    class: Approval,
    scope: "",
    bytes: 0,
};

static TICKET_SEARCH: Tool = tool("tool:ticket.search", Read, "tickets:read", 6_000);
static TICKET_READ: Tool = tool("tool:ticket.read", Read, "tickets:read", 2_500);
static TICKET_COMMENT: Tool = tool("tool:ticket.comment", Write, "tickets:write", 200);
static TICKET_CLOSE: Tool = tool("tool:ticket.close", Write, "tickets:write", 150);
static WIKI_SEARCH: Tool = tool("tool:wiki.search", Read, "wiki:read", 8_000);
static REPO_READ: Tool = tool("tool:repo.read", Read, "code:read", 12_000);
static REPO_BRANCH: Tool = tool("tool:repo.branch", Write, "code:write", 200);
static REPO_PULL: Tool = tool("tool:repo.pull_request", Write, "code:write", 500);
static CI_STATUS: Tool = tool("tool:ci.status", Read, "ci:read", 900);
static INVOICE_SEARCH: Tool = tool("tool:invoice.search", Read, "invoices:read", 7_000);
static INVOICE_READ: Tool = tool("tool:invoice.read", Read, "invoices:read", 3_000);
static LEDGER_MATCH: Tool = tool("tool:ledger.match", Write, "ledger:write", 300);
static REFUND: Tool = tool("tool:payment.refund", Payment, "payments:write", 250);

/// A sort of task.
#[derive(Debug)]
pub(crate) struct Objective {
    /// Name of the agents that do it.
    pub agent: &'static str,
    pub words: &'static str,
    /// Globs over `action.name`.
    pub allowed: &'static [&'static str],
    /// Habitual order; the middle ones repeat.
    pub steps: &'static [&'static Tool],
    /// Called now and then at the end, after somebody approved it.
    pub approved: Option<&'static Tool>,
}

/// What agents are for.
pub(crate) static OBJECTIVES: &[Objective] = &[
    Objective {
        agent: "ticket-triage",
        words: "triage new support tickets",
        allowed: &["tool:ticket.*", "tool:wiki.search"],
        steps: &[
            &TICKET_SEARCH,
            &TICKET_READ,
            &WIKI_SEARCH,
            &TICKET_COMMENT,
            &TICKET_CLOSE,
        ],
        approved: None,
    },
    Objective {
        agent: "dependency-update",
        words: "update dependencies and open a pull request",
        allowed: &["tool:repo.*", "tool:ci.status"],
        steps: &[&REPO_READ, &REPO_BRANCH, &REPO_READ, &CI_STATUS, &REPO_PULL],
        approved: None,
    },
    Objective {
        agent: "invoice-match",
        words: "match invoices with the ledger",
        allowed: &["tool:invoice.*", "tool:ledger.match", "tool:payment.refund"],
        steps: &[&INVOICE_SEARCH, &INVOICE_READ, &LEDGER_MATCH],
        approved: Some(&REFUND),
    },
];

static VAULT_LIST: Tool = tool("tool:vault.list", Read, "vault:read", 3_000);
static VAULT_READ: Tool = tool("tool:vault.read", Secret, "vault:read", 600);
static CERT_STATUS: Tool = tool("tool:cert.status", Read, "certs:read", 900);

/// Agents whose work is in the vault; nobody stands behind them in a delegation.
pub(crate) static VAULT: Objective = Objective {
    agent: "secret-audit",
    words: "find secrets that are about to expire",
    allowed: &["tool:vault.*", "tool:cert.status"],
    steps: &[&VAULT_LIST, &VAULT_READ, &CERT_STATUS, &VAULT_READ],
    approved: None,
};

/// Tools outside every objective: where a hijacked agent goes.
pub(crate) static ELSEWHERE: &[Tool] = &[
    tool("tool:vault.list", Read, "vault:read", 3_000),
    tool("tool:vault.read", Secret, "vault:read", 600),
    tool("tool:iam.list_users", Read, "iam:read", 9_000),
    tool("tool:iam.list_roles", Read, "iam:read", 5_000),
    tool("tool:files.export", Export, "files:export", 4_000_000),
    tool("tool:repo.delete", Delete, "code:admin", 100),
];
