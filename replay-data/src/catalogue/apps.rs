//! What the identity provider logs, and the apps behind it.

use plumbline_schemas::event::{ActionClass, CredentialKind, EventKind};

/// What an Okta event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Nothing,
    App,
    Policy,
    Group,
}

/// A type of event in the System Log.
#[derive(Debug)]
pub(crate) struct OktaAct {
    /// `eventType`.
    pub name: &'static str,
    /// What Okta shows beside it.
    pub message: &'static str,
    pub kind: EventKind,
    pub class: ActionClass,
    pub target: Target,
    /// `debugData.factor`, where a factor was asked for.
    pub factor: Option<&'static str>,
    pub credential: Option<CredentialKind>,
}

const fn act(
    name: &'static str,
    message: &'static str,
    kind: EventKind,
    class: ActionClass,
    target: Target,
) -> OktaAct {
    OktaAct {
        name,
        message,
        kind,
        class,
        target,
        factor: None,
        credential: None,
    }
}

impl OktaAct {
    const fn factor(mut self, factor: &'static str, kind: Option<CredentialKind>) -> Self {
        self.factor = Some(factor);
        self.credential = kind;
        self
    }

    const fn password(mut self) -> Self {
        self.credential = Some(CredentialKind::Password);
        self
    }
}

use ActionClass as Class;
use EventKind as Kind;

pub(crate) static LOGIN: OktaAct = act(
    "user.session.start",
    "User login to Okta",
    Kind::Auth,
    Class::Login,
    Target::Nothing,
)
.password();
pub(crate) static LOGOUT: OktaAct = act(
    "user.session.end",
    "User logout from Okta",
    Kind::Auth,
    Class::Logout,
    Target::Nothing,
);
pub(crate) static MFA_PUSH: OktaAct = act(
    "user.authentication.auth_via_mfa",
    "Authentication of user via MFA",
    Kind::Auth,
    Class::Mfa,
    Target::Nothing,
)
.factor("OKTA_VERIFY_PUSH", None);
pub(crate) static MFA_KEY: OktaAct = act(
    "user.authentication.auth_via_mfa",
    "Authentication of user via MFA",
    Kind::Auth,
    Class::Mfa,
    Target::Nothing,
)
.factor("FIDO_WEBAUTHN", Some(CredentialKind::Passkey));
pub(crate) static SIGN_ON: OktaAct = act(
    "policy.evaluate_sign_on",
    "Evaluation of sign-on policy",
    Kind::Auth,
    Class::Other,
    Target::Policy,
);
pub(crate) static SSO: OktaAct = act(
    "user.authentication.sso",
    "User single sign on to app",
    Kind::Auth,
    Class::Other,
    Target::App,
);
pub(crate) static ADMIN_APP: OktaAct = act(
    "user.session.access_admin_app",
    "User accessing Okta admin app",
    Kind::Auth,
    Class::Admin,
    Target::App,
);
pub(crate) static ASSIGN_APP: OktaAct = act(
    "application.user_membership.add",
    "Add user to application membership",
    Kind::Admin,
    Class::Admin,
    Target::App,
);
pub(crate) static UNASSIGN_GROUP: OktaAct = act(
    "group.user_membership.remove",
    "Remove user from group membership",
    Kind::Admin,
    Class::Admin,
    Target::Group,
);
pub(crate) static CHANGE_RULE: OktaAct = act(
    "policy.rule.update",
    "Update policy rule",
    Kind::Admin,
    Class::Admin,
    Target::Policy,
);
pub(crate) static RESET_PASSWORD: OktaAct = act(
    "user.account.reset_password",
    "User reset password for Okta",
    Kind::Admin,
    Class::Write,
    Target::Nothing,
);
pub(crate) static ENROL_FACTOR: OktaAct = act(
    "user.mfa.factor.activate",
    "User set up MFA factor",
    Kind::Auth,
    Class::Write,
    Target::Nothing,
);

/// Apps behind the single sign-on, the most used ones first.
pub(crate) const APPS: &[&str] = &[
    "Mail",
    "Calendar",
    "Chat",
    "Wiki",
    "Tickets",
    "Code Forge",
    "Expenses",
    "Payroll",
    "CRM",
    "Billing",
    "Dashboards",
    "Video Calls",
    "Design Board",
    "Data Warehouse",
    "Learning",
    "Travel Desk",
    "Contracts",
    "Feature Flags",
    "On-Call",
    "Cloud Console",
];

/// Peer groups of people, each with apps of its own beside the first four.
pub(crate) const DEPARTMENTS: &[(&str, &[u8])] = &[
    ("engineering", &[5, 4, 10, 17, 18, 19]),
    ("finance", &[9, 7, 6, 13, 16]),
    ("sales", &[8, 11, 6, 16, 15]),
    ("support", &[4, 8, 11, 10]),
    ("product", &[12, 10, 4, 5, 17]),
    ("people", &[7, 14, 6, 16]),
    ("it", &[4, 18, 19, 10, 5]),
];
/// Index of engineering in [`DEPARTMENTS`].
pub(crate) const ENGINEERING: u8 = 0;
/// Index of the people who administer the identity provider in [`DEPARTMENTS`].
pub(crate) const IT: u8 = 6;
