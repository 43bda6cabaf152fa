//! What the programs are tested with that tell somebody of commands: commands, somebody who is told, and the
//! order in which he is.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::thread;

use axum::Router;
use plumbline_tests::cluster::Raw;
use serde_json::{Value, json};

/// Whom the commands are about.
pub(crate) const PEOPLE: u64 = 10;

/// The `number`th command about somebody, long before it expires.
pub(crate) fn command(identity: &str, number: u64, action: &str) -> Value {
    json!({
        "id": format!("{identity}-{number}"), "time": "2026-11-16T09:26:00Z",
        "expires_at": "2096-11-16T09:26:00Z", "action": action, "mode": "enforce",
        "target": { "tenant": "acme", "identity": identity, "kind": "human", "session_id": "s-1" },
        "reason": { "summary": "x", "risk": 82, "detectors": ["scope_drift"], "finding_ids": ["f-1"] },
    })
}

/// As the engine writes it.
pub(crate) fn raw(command: &Value) -> Raw {
    let identity = command["target"]["identity"].as_str().unwrap();
    Raw::new(&format!("acme/{identity}"), command.to_string())
}

/// Everybody in turn.
pub(crate) fn commands(numbers: Range<u64>, action: &str) -> Vec<Raw> {
    let of = |number: u64| command(&format!("p{}", number % PEOPLE), number / PEOPLE, action);
    numbers.map(|number| raw(&of(number))).collect()
}

/// Identity and number, as [`command`] makes an id of them.
pub(crate) fn parts(id: &str) -> (String, u64) {
    let (identity, number) = id.rsplit_once('-').unwrap();
    (identity.to_owned(), number.parse().unwrap())
}

/// Somebody who is told, at a port of this machine, for as long as the tests run.
pub(crate) fn serve(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, routes).await.unwrap();
        });
    });
    address
}

/// Fails unless of everybody `each` commands were taken, none before the one before it. `told`: identity, number,
/// and whether it was taken. Gives how many came again.
pub(crate) fn in_order(told: impl IntoIterator<Item = (String, u64, bool)>, each: u64) -> u64 {
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    let mut again = 0;
    for (identity, number, taken) in told {
        let next = next.entry(identity.clone()).or_default();
        assert!(
            number <= *next,
            "{identity}: {number} came before {next} was taken"
        );
        again += u64::from(number < *next);
        *next += u64::from(taken && number == *next);
    }
    assert_eq!(next.len() as u64, PEOPLE);
    assert!(next.values().all(|next| *next == each), "{next:?}");
    again
}
