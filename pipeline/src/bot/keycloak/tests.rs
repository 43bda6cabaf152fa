use super::*;
use crate::deliver::http::tests::{Asked, Server};

const MINUTE: Duration = Duration::from_secs(60);

/// A server that grants tokens, knows one client, and says 401 to the first that shows a token.
fn answer((method, path, ..): &Asked, before: usize) -> (u16, String) {
    match (method.as_str(), path.as_str()) {
        ("POST", "/realms/a%20b/protocol/openid-connect/token") => {
            let granted = json!({ "access_token": format!("t-{before}"), "expires_in": 60 });
            (200, granted.to_string())
        }
        (_, _) if before == 1 => (401, String::new()),
        ("GET", path) if path.contains("users/nobody") => (404, String::new()),
        ("GET", path) if path.contains("clientId=nobody") => (200, "[]".to_owned()),
        ("GET", path) if path.contains("clientId=plain") => {
            (200, r#"[{ "id": "9", "clientId": "plain" }]"#.to_owned())
        }
        // Whatever else is asked for: as Keycloak answers to a blank id.
        ("GET", _) => (
            200,
            r#"[{ "id": "1", "clientId": "account" }, { "id": "7", "clientId": "svc/billing",
                "authorizationServicesEnabled": true }]"#
                .to_owned(),
        ),
        ("PUT", "/admin/realms/a%20b/users/forbidden") => (403, String::new()),
        ("PUT", "/admin/realms/a%20b/users/read-only") => (400, String::new()),
        (_, path) if path.ends_with("nobody/logout") => (404, String::new()),
        ("DELETE", _) => (404, String::new()),
        _ => (204, String::new()),
    }
}

async fn keycloak() -> (Server, Keycloak) {
    let server = Server::start(answer).await;
    let http = Http::new(MINUTE).expect("a client");
    let url = format!("{}/", server.url);
    let keycloak = Keycloak::new(http, &url, "a b", "bot", "s & t".to_owned());
    (server, keycloak)
}

fn session(id: &str, user: Option<&str>) -> Step {
    Step::EndSession {
        id: id.to_owned(),
        user: user.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_token_is_used_until_it_is_refused() {
    let (server, keycloak) = keycloak().await;
    let steps = [session("s-1", None)];
    let ended = async || keycloak.clone().carry_out(steps.to_vec(), MINUTE).await;
    let first = ended().await;
    assert!(matches!(first, Answer::Later(..)), "{first:?}");
    assert_eq!(ended().await, Answer::Accepted);
    assert_eq!(ended().await, Answer::Accepted);
    insta::assert_snapshot!(server.lines().join("\n"));
    let shown = server.asked().into_iter();
    let shown = shown.filter_map(|(_, _, headers, _)| headers.get(AUTHORIZATION).cloned());
    let shown: Vec<_> = shown.collect();
    let expected = ["t-0", "t-2", "t-2", "t-2", "t-2"];
    assert_eq!(shown, expected.map(|token| format!("Bearer {token}")));
}

#[tokio::test]
async fn each_step_is_asked_for_as_keycloak_wants_it() {
    let (server, keycloak) = keycloak().await;
    let done = async |step: Step| keycloak.clone().carry_out(vec![step], MINUTE).await;
    let user = |id: &str, enabled| Step::User {
        id: id.to_owned(),
        enabled,
    };
    done(user("ann", true)).await;
    for step in [
        Step::LogOut("ann".to_owned()),
        user("ann", false),
        user("ann", true),
        Step::ExpireTokens("svc/billing".to_owned()),
        Step::DisableClient("svc/billing".to_owned()),
        Step::EnableClient("svc/billing".to_owned()),
        Step::EnableClient("plain".to_owned()),
        session("s-1", Some("ann")),
    ] {
        assert_eq!(done(step.clone()).await, Answer::Accepted, "{step}");
    }
    insta::with_settings!({ filters => vec![(r#""notBefore":\d{10}"#, r#""notBefore":SECONDS"#)] }, {
        insta::assert_snapshot!(server.lines().join("\n"));
    });
    for step in [
        Step::LogOut("nobody".to_owned()),
        Step::EnableClient("nobody".to_owned()),
        // Not there is not the same as gone.
        session("s-1", Some("nobody")),
    ] {
        let answer = done(step).await;
        assert!(
            matches!(&answer, Answer::Refused(why) if why.contains("nobody")),
            "{answer:?}"
        );
    }
    let forbidden = done(user("forbidden", false)).await;
    assert!(
        matches!(&forbidden, Answer::Later(why, _) if why.contains("manage-users")),
        "{forbidden:?}"
    );
}

#[tokio::test]
async fn another_client_than_the_one_that_is_meant_is_left_alone() {
    let (server, keycloak) = keycloak().await;
    for client in ["svc", "svc/billing ", "Account", " "] {
        let steps = vec![Step::DisableClient(client.to_owned())];
        keycloak.clone().carry_out(steps.clone(), MINUTE).await;
        let answer = keycloak.clone().carry_out(steps, MINUTE).await;
        assert!(matches!(answer, Answer::Refused(_)), "{client}: {answer:?}");
    }
    let asked = server.asked();
    assert!(asked.iter().all(|(method, ..)| method != "PUT"));
}

#[tokio::test]
async fn who_cannot_be_disabled_is_logged_out_all_the_same() {
    let (server, keycloak) = keycloak().await;
    let who = "read-only".to_owned();
    let disable = Step::User {
        id: who.clone(),
        enabled: false,
    };
    let steps = vec![disable, Step::LogOut(who)];
    keycloak.clone().carry_out(steps.clone(), MINUTE).await;
    let Answer::Refused(reason) = keycloak.carry_out(steps, MINUTE).await else {
        panic!("not refused");
    };
    let expected = "disable user read-only: Keycloak says 400; done: log out user read-only";
    assert_eq!(reason, expected);
    let asked = server.asked();
    let last = asked.last().map(|(_, path, ..)| path.as_str());
    assert_eq!(last, Some("/admin/realms/a%20b/users/read-only/logout"));
}

#[tokio::test]
async fn nothing_is_asked_for_once_a_command_has_expired() {
    let (server, keycloak) = keycloak().await;
    // The first log-out is in time, the one a second later is not.
    let steps = || vec![Step::LogOut("ann".to_owned())];
    keycloak.clone().carry_out(steps(), MINUTE).await;
    let before = server.asked().len();
    let answer = keycloak.carry_out(steps(), SECOND / 2).await;
    assert_eq!(answer, later("the command has expired".to_owned()));
    let log_outs = server.lines()[before..].to_vec();
    let log_outs = log_outs.iter().filter(|line| line.ends_with("/logout"));
    assert_eq!(log_outs.count(), 1);
}

#[tokio::test]
async fn a_token_that_is_good_for_ever_is_used() {
    let server = Server::start(|(_, path, ..), _| match path.ends_with("/token") {
        true => {
            let granted = json!({ "access_token": "t", "expires_in": u64::MAX });
            (200, granted.to_string())
        }
        false => (204, String::new()),
    });
    let server = server.await;
    let http = Http::new(MINUTE).expect("a client");
    let keycloak = Keycloak::new(http, &server.url, "a b", "bot", "s".to_owned());
    let steps = vec![session("s-1", None)];
    assert_eq!(keycloak.carry_out(steps, MINUTE).await, Answer::Accepted);
}

#[test]
fn an_id_leads_nowhere_else() {
    assert_eq!(part("s-1").expect("an id"), "s-1");
    assert_eq!(
        part("../users/x?y#z").expect("an id"),
        "..%2Fusers%2Fx%3Fy%23z"
    );
    assert_eq!(part("a b%2f/ü").expect("an id"), "a%20b%252f%2F%C3%BC");
    for id in ["", " ", ".", ".."] {
        assert!(matches!(part(id), Err(Answer::Refused(_))), "{id}");
    }
}
