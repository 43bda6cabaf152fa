//! What a record of at most a mebibyte may cost: how many events it becomes, and how long that takes.

use std::sync::mpsc;
use std::time::Duration;

use super::story;

/// As many elements as asked for, separated by commas.
fn list(count: usize, element: impl Fn(usize) -> String) -> String {
    let elements: Vec<String> = (0..count).map(element).collect();
    elements.join(",")
}

fn binding(user: &str, subjects: usize) -> String {
    let subjects = list(subjects, |n| format!(r#"{{"kind":"User","name":"u{n}"}}"#));
    format!(
        r#"{{"auditID":"1","stage":"ResponseComplete","verb":"create","user":{{"username":"{user}"}},"objectRef":{{"resource":"rolebindings","name":"r"}},"responseStatus":{{"code":201}},"requestReceivedTimestamp":"2026-11-20T10:00:00Z","requestObject":{{"roleRef":{{"name":"admin"}},"subjects":[{subjects}]}}}}"#
    )
}

#[test]
fn what_is_too_large_in_the_actors_event_is_refused_once_and_not_once_for_each_who_gains() {
    let told = story("kubernetes", binding(&"a".repeat(100_000), 1000).as_bytes());
    assert!(
        told.starts_with("rejected: too_long: identity.id"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1);

    let (words, users) = ("s ".repeat(2000), list(1000, |n| format!(r#""auth0|{n}""#)));
    let call = format!(
        r#"{{"log_id":"1","date":"2026-11-20T10:00:00Z","type":"sapi","user_id":"auth0|root","scope":"{words}","details":{{"request":{{"method":"post","path":"/api/v2/roles/r1/users","body":{{"users":[{users}]}}}}}}}}"#
    );
    let told = story("auth0", call.as_bytes());
    assert!(
        told.starts_with("rejected: too_long: action.scopes"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1);
}

#[test]
fn more_who_gain_than_a_list_may_hold_are_refused_and_not_left_out() {
    let most = story("kubernetes", binding("root", 1024).as_bytes());
    assert_eq!(most.matches(r#""class": "privilege""#).count(), 1024);
    let told = story("kubernetes", binding("root", 30_000).as_bytes());
    assert_eq!(
        told,
        "rejected: too_long: more than 1024 identities gain by it"
    );
}

#[test]
fn what_the_actor_may_do_is_not_copied_to_those_who_gain() {
    let permissions = list(600, |n| {
        format!(r#"{{"permission":"p.{n}","granted":true}}"#)
    });
    let deltas = list(1000, |n| {
        format!(r#"{{"action":"ADD","role":"roles/owner","member":"user:u{n}@example.com"}}"#)
    });
    let entry = format!(
        r#"{{"insertId":"1","timestamp":"2026-11-20T10:00:00Z","protoPayload":{{"methodName":"SetIamPolicy","serviceName":"cloudresourcemanager.googleapis.com","authenticationInfo":{{"principalEmail":"root@example.com"}},"authorizationInfo":[{permissions}],"serviceData":{{"policyDelta":{{"bindingDeltas":[{deltas}]}}}}}}}}"#
    );
    let told = story("gcp", entry.as_bytes());
    assert_eq!(told.matches("roles/owner").count(), 1000);
    assert_eq!(told.matches(r#""p.599""#).count(), 1);
}

/// The story of a record, given up where it takes minutes, as what is quadratic in a mebibyte does. What is
/// linear takes a second, in a debug build on a busy machine.
fn story_in_time(format: &'static str, record: String) -> String {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(story(format, record.as_bytes())));
    told.recv_timeout(Duration::from_secs(30))
        .expect("read in half a minute")
}

#[test]
fn quotes_that_nothing_closes_and_commas_without_keys_are_looked_through_once() {
    let start = "2026-11-20 10:15:30,123 WARN type=LOGIN, realmId=y, userId=u, ";
    for (repeated, ends) in [(r#"a="b, "#, ""), ("a='b, b=\"", ""), (", a", "=c")] {
        let line = format!(
            "{start}z=1{}{ends}",
            repeated.repeat((1 << 20) / repeated.len() - 40)
        );
        let told = story_in_time("keycloak", line);
        assert!(told.contains(r#""id": "u""#), "{repeated}");
    }
}

#[test]
fn attributes_are_looked_through_once_and_not_for_each_span() {
    let attributes = list(20_000, |n| format!(r#"{{"key":"k{n}"}}"#));
    let span = |n: usize| {
        format!(
            r#"{{"spanId":"{n}","parentSpanId":"{}","startTimeUnixNano":"1795169730000000000","attributes":[{{"key":"gen_ai.tool.name","value":{{"stringValue":"t"}}}}]}}"#,
            n.saturating_sub(1)
        )
    };
    let payload = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{attributes},{{"key":"service.name","value":{{"stringValue":"s"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        list(3500, span)
    );
    let told = story_in_time("otel", payload);
    assert_eq!(told.matches(r#""name": "tool:t""#).count(), 3500);
}
