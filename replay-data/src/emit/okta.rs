//! Okta's System Log, one event per record.

use plumbline_schemas::event::{ActionClass, CredentialKind, Event, Outcome, Posture};
use serde_json::{Value, json};

use crate::catalogue::apps::APPS;
use crate::catalogue::names::{display, mail, okta_id, uuid};
use crate::random::{hash, hash_text};

/// The record of an event.
pub fn record(event: &Event<'_>) -> String {
    let id = &*event.identity.id;
    let agent = event.device.user_agent.as_deref();
    let name = &*event.action.name;
    let session = event.session.id.as_deref().unwrap_or("unknown");
    let (result, reason) = outcome(event);
    json!({
        "uuid": event.id,
        "published": event.time,
        "eventType": name,
        "version": "0",
        "severity": if event.outcome() == Outcome::Success { "INFO" } else { "WARN" },
        "legacyEventType": null,
        "displayMessage": message(name),
        "actor": {
            "id": id,
            "type": "User",
            "alternateId": mail(id),
            "displayName": display(id),
            "detailEntry": null,
        },
        "client": {
            "userAgent": { "rawUserAgent": agent, "os": system(agent), "browser": browser(agent) },
            "zone": "null",
            "device": if agent.is_some_and(|it| it.contains("Mobile")) { "Mobile" } else { "Computer" },
            "id": null,
            "ipAddress": event.network.ip,
            "geographicalContext": place(event),
        },
        "device": device(event),
        "authenticationContext": {
            "authenticationProvider": null,
            "credentialProvider": null,
            "credentialType": credential(event),
            "issuer": null,
            "interface": null,
            "authenticationStep": 0,
            "externalSessionId": session,
            "rootSessionId": session,
        },
        "securityContext": {
            "asNumber": event.network.asn,
            "asOrg": event.network.as_org,
            "isp": event.network.as_org,
            "domain": null,
            "isProxy": false,
        },
        "outcome": { "result": result, "reason": reason },
        "target": targets(event),
        "transaction": { "type": "WEB", "id": request_id(event), "detail": {} },
        "debugContext": { "debugData": debug(event) },
        "request": {
            "ipChain": [{
                "ip": event.network.ip,
                "geographicalContext": place(event),
                "version": "V4",
                "source": null,
            }],
        },
    })
    .to_string()
}

/// The web request, which is also the transaction.
fn request_id(event: &Event<'_>) -> String {
    okta_id("", hash_text(&event.id))
}

fn outcome(event: &Event<'_>) -> (&'static str, Option<&'static str>) {
    let factor = event.action.class.known() == Some(ActionClass::Mfa);
    match event.outcome() {
        Outcome::Success if event.action.name == "policy.evaluate_sign_on" => ("ALLOW", None),
        Outcome::Success => ("SUCCESS", None),
        Outcome::Failure if factor => ("FAILURE", Some("INVALID_CREDENTIALS")),
        Outcome::Failure => ("FAILURE", Some("INVALID_CREDENTIALS")),
        Outcome::Denied => ("DENY", Some("Sign-on policy evaluation resulted in DENY")),
        Outcome::Challenged => ("CHALLENGE", None),
    }
}

fn message(name: &str) -> &'static str {
    use crate::catalogue::apps as table;
    [
        &table::LOGIN,
        &table::LOGOUT,
        &table::MFA_PUSH,
        &table::SIGN_ON,
        &table::SSO,
        &table::ADMIN_APP,
        &table::ASSIGN_APP,
        &table::UNASSIGN_GROUP,
        &table::CHANGE_RULE,
        &table::RESET_PASSWORD,
        &table::ENROL_FACTOR,
    ]
    .iter()
    .find(|act| act.name == name)
    .map_or("", |act| act.message)
}

fn place(event: &Event<'_>) -> Value {
    json!({
        "city": event.network.city,
        "state": null,
        "country": event.network.country.as_deref().map(country),
        "postalCode": null,
        "geolocation": { "lat": event.network.lat, "lon": event.network.lon },
    })
}

/// Okta writes names of countries, not codes.
fn country(code: &str) -> &str {
    const NAMES: &[(&str, &str)] = &[
        ("NO", "Norway"),
        ("GB", "United Kingdom"),
        ("FR", "France"),
        ("DE", "Germany"),
        ("ES", "Spain"),
        ("PL", "Poland"),
        ("SE", "Sweden"),
        ("IE", "Ireland"),
        ("US", "United States"),
        ("CA", "Canada"),
        ("BR", "Brazil"),
        ("PE", "Peru"),
        ("MX", "Mexico"),
        ("JP", "Japan"),
        ("SG", "Singapore"),
        ("AU", "Australia"),
        ("IN", "India"),
        ("NG", "Nigeria"),
        ("CH", "Switzerland"),
        ("AE", "United Arab Emirates"),
        ("FI", "Finland"),
        ("NL", "Netherlands"),
    ];
    NAMES
        .iter()
        .find(|(short, _)| *short == code)
        .map_or(code, |(_, name)| name)
}

/// Ids of enrolled devices begin so.
const ENROLLED: &str = "guo";

/// The hash of the cookie by which Okta knows a browser.
fn cookie_hash(event: &Event<'_>) -> String {
    match event.device.id.as_deref() {
        Some(id) if !id.starts_with(ENROLLED) => id.to_owned(),
        id => {
            let number = hash_text(id.unwrap_or_default());
            format!("{number:016x}{:016x}", hash([number]))
        }
    }
}

fn device(event: &Event<'_>) -> Value {
    let enrolled = event
        .device
        .id
        .as_deref()
        .filter(|id| id.starts_with(ENROLLED));
    let Some(id) = enrolled else {
        return Value::Null;
    };
    let managed = event.device.posture.known() == Some(Posture::Compliant);
    let agent = event.device.user_agent.as_deref();
    json!({
        "id": id,
        "name": format!("device-{:04x}", hash_text(id) & 0xffff),
        "os_platform": system(agent),
        "managed": managed,
        "registered": true,
        "device_integrator": null,
        "disk_encryption_type": "FULL",
        "screen_lock_type": "BIOMETRIC",
        "jailbreak": false,
        "secure_hardware_present": true,
    })
}

fn credential(event: &Event<'_>) -> Option<&'static str> {
    (event.credential.kind.known() == Some(CredentialKind::Password)).then_some("PASSWORD")
}

fn targets(event: &Event<'_>) -> Value {
    let Some(id) = event.action.resource.as_deref() else {
        return json!([]);
    };
    let entry = |kind: &str, name: &str| json!({ "id": id, "type": kind, "alternateId": name, "displayName": name, "detailEntry": null });
    let app = || {
        let number = (0..APPS.len()).find(|number| okta_id("0oa", *number as u64) == id);
        number.map_or("Okta Admin Console", |number| APPS[number])
    };
    // Whom it concerns stands beside it, and is nobody of the simulated organisation.
    let somebody = || {
        let user = okta_id("00u", hash([hash_text(&event.id), 1]));
        json!({ "id": user, "type": "User", "alternateId": mail(&user), "displayName": display(&user), "detailEntry": null })
    };
    match &*event.action.name {
        "user.authentication.sso" | "user.session.access_admin_app" => {
            json!([entry("AppInstance", app())])
        }
        "application.user_membership.add" => json!([somebody(), entry("AppInstance", app())]),
        "group.user_membership.remove" => json!([somebody(), entry("UserGroup", "Members")]),
        _ => json!([entry("PolicyEntity", "Default Policy")]),
    }
}

fn debug(event: &Event<'_>) -> Value {
    let mut data = json!({
        "requestId": request_id(event),
        "requestUri": match &*event.action.name {
            "user.authentication.sso" => "/app/saml/sso",
            "user.session.end" => "/login/signout",
            _ => "/idp/idx/identify",
        },
        "dtHash": cookie_hash(event),
        "origin": "https://acme.okta.example",
        "threatSuspected": "false",
    });
    if event.action.class.known() == Some(ActionClass::Mfa) {
        let is_key = event.credential.kind.known() == Some(CredentialKind::Passkey);
        data["factor"] = if is_key {
            "FIDO_WEBAUTHN"
        } else {
            "OKTA_VERIFY_PUSH"
        }
        .into();
    }
    if event.action.name == "policy.evaluate_sign_on" {
        data["traceId"] = uuid(hash_text(event.session.id.as_deref().unwrap_or_default())).into();
    }
    data
}

fn system(agent: Option<&str>) -> &'static str {
    let agent = agent.unwrap_or_default();
    let known = [
        ("iPhone", "iOS"),
        ("Android", "Android"),
        ("Mac OS X", "Mac OS X"),
        ("Windows", "Windows 10"),
        ("Linux", "Linux"),
    ];
    known
        .iter()
        .find(|(word, _)| agent.contains(word))
        .map_or("Unknown", |(_, name)| name)
}

fn browser(agent: Option<&str>) -> &'static str {
    let agent = agent.unwrap_or_default();
    let known = [
        ("Firefox", "FIREFOX"),
        ("Chrome", "CHROME"),
        ("Safari", "SAFARI"),
    ];
    known
        .iter()
        .find(|(word, _)| agent.contains(word))
        .map_or("UNKNOWN", |(_, name)| name)
}
