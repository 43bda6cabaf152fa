//! Machines as they are run: many hosts and tenants, keys on several machines, releases, updates, failovers.

mod story;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, CredentialKind, IdentityKind};
use story::*;

const SA: IdentityKind = IdentityKind::ServiceAccount;
const WL: IdentityKind = IdentityKind::Workload;

fn at(day: i64, hour: i64, minute: i64) -> plumbline_schemas::time::EventTime {
    monday(day * DAY + hour * HOUR + minute * MINUTE)
}

/// A call of an account on one of its hosts, where only that, its address and its region are stated.
fn on_host(kind: IdentityKind, host: &str, ip: &str) -> Tell {
    let mut call = call("svc", JOB[0]).kind(kind).credential("sha256:key");
    call.0.network.ip = Some(ip.to_owned().into());
    call.0.workload.host = Some(host.to_owned().into());
    call.0.workload.region = Some("eu-west-1".into());
    call.session("run")
}

fn thief(kind: IdentityKind) -> Tell {
    on_host(kind, "vps", SYDNEY.ip).from(&SYDNEY)
}

#[test]
fn a_key_of_a_fleet_that_is_used_elsewhere() {
    for hosts in [3, 12, 20] {
        let mut story = Story::new();
        let host = |nth: i64| on_host(SA, &format!("web-{nth}"), &format!("10.0.{nth}.9"));
        for hour in 0..6 * 24 {
            (0..hosts).for_each(|nth| {
                story.tell(host(nth).at(at(0, hour, nth)));
            });
        }
        for turn in 0..3 {
            story.tell(host(0).at(at(6, 0, turn * 10)));
            story.tell(thief(SA).at(at(6, 0, turn * 10 + 5)));
        }
        let actions = story.actions();
        assert!(
            actions.contains(&Action::RevokeCredential),
            "{hosts}: {actions:?}"
        );
    }
}

#[test]
fn a_token_of_pods_that_come_and_go_is_told_when_it_leaves_the_cluster() {
    let mut story = Story::new();
    for nth in 0..40 {
        let pod = on_host(WL, &format!("pod-{nth}"), &format!("10.0.{}.7", nth * 3));
        story.tell(pod.session(&format!("s-{nth}")).at(at(0, nth * 6, 0)));
    }
    let outside = thief(WL).session("s-39").at(at(9, 18, 30));
    story.tell(outside);
    assert!(story.found("new_network"), "{:?}", story.findings());
}

/// A call that a service makes for a tenant.
fn for_tenant(tenant: &str) -> Tell {
    let mut call = on_host(SA, "web", "10.0.0.1");
    call.0.action.target_tenant = Some(tenant.to_owned().into());
    call
}

#[test]
fn tenants_of_a_service_that_has_many() {
    for tenants in [10, 14, 40] {
        let mut story = Story::new();
        for day in 0..20 {
            (0..tenants).for_each(|nth| {
                let tenant = format!("cust-{nth}");
                story.tell(for_tenant(&tenant).at(at(day, 9, nth)));
            });
        }
        assert!(
            story.outputs.is_empty(),
            "{tenants}: {:?}",
            story.findings()
        );
        (0..8).for_each(|nth| {
            let tenant = format!("victim-{nth}");
            story.tell(for_tenant(&tenant).at(at(20, 9, nth)));
        });
        assert!(story.actions().contains(&Action::StepUp), "{tenants}");
    }
}

#[test]
fn a_key_that_no_record_calls_bound_in_a_second_region() {
    let kinds = [
        (CredentialKind::ApiKey, Action::StepUp),
        (CredentialKind::AccessToken, Action::RevokeCredential),
    ];
    for (kind, action) in kinds {
        let mut story = Story::new();
        let in_region = |region: &'static str| {
            let mut call = on_host(WL, "web", "10.0.0.1");
            call.0.credential.kind = kind.into();
            call.0.workload.region = Some(region.into());
            call
        };
        story.tell(in_region("eu-west-1").at(at(0, 9, 0)));
        story.tell(in_region("eu-central-1").at(at(1, 9, 0)));
        assert_eq!(story.actions(), [action], "{kind:?}");
        let told = &story.findings()[0].summary;
        assert!(
            told.ends_with("10.0.0.1, host web, region eu-central-1"),
            "{told}"
        );
    }
}

#[test]
fn another_fingerprint_of_a_bound_token_after_a_redeployment() {
    let mut story = Story::new();
    let with = |fingerprint: &'static str, city: &City| {
        let mut call = job_call("svc", WL, JOB[0]).from(city);
        call.0.credential.bound_to = Some("spiffe://acme/svc".into());
        call.0.device.tls_fingerprint = Some(fingerprint.into());
        call
    };
    (0..9).for_each(|hour| {
        story.tell(with("t13-old", &FRANKFURT).at(at(0, hour, 0)));
    });
    story.tell(with("t13-new", &FRANKFURT).at(at(0, 9, 0)));
    assert!(story.commands().is_empty(), "{:?}", story.findings());
    story.tell(with("t13-other", &SYDNEY).at(at(0, 20, 0)));
    assert!(story.found("binding_change"));
}

#[test]
fn a_second_runner_behind_the_same_address_where_no_region_is_stated() {
    let runner = |host: &str| {
        let mut call = job_call("ci", IdentityKind::ApiKey, JOB[0]);
        call.0.session.id = None;
        call.0.device.id = None;
        call.0.workload.host = Some(host.to_owned().into());
        call.0.workload.environment = Some("ci-runners".into());
        call
    };
    let mut story = Story::new();
    (0..10 * 24).for_each(|hour| {
        story.tell(runner("runner-1").at(at(0, hour, 0)));
    });
    for minute in (0..50).step_by(10) {
        story.tell(runner("runner-2").at(at(10, 0, minute)));
        story.tell(runner("runner-1").at(at(10, 0, minute + 5)));
    }
    assert!(story.commands().is_empty(), "{:?}", story.commands());
}

#[test]
fn a_new_address_of_a_cloud_that_is_located_elsewhere() {
    let address = |ip: &'static str, city: &'static City| City {
        ip,
        asn: FRANKFURT.asn,
        ..*city
    };
    let mut story = Story::new();
    let call = |city: &City| {
        let mut call = job_call("svc", SA, JOB[0]).from(city);
        call.0.workload.region = Some("eu-central-1".into());
        call
    };
    for hour in 0..10 * 24 {
        story.tell(call(&FRANKFURT).at(at(0, hour, 0)));
    }
    for hour in 0..6 {
        story.tell(call(&FRANKFURT).at(at(10, hour, 0)));
        story.tell(call(&address("198.51.100.200", &SYDNEY)).at(at(10, hour, 30)));
    }
    assert!(story.commands().is_empty(), "{:?}", story.commands());
}

#[test]
fn a_release_that_brings_something_to_delete_and_a_key_that_is_rotated_by_day() {
    let mut story = Story::new();
    for day in 0..25 {
        for step in 0..3 {
            story.tell(job_call("job", SA, JOB[0]).at(at(day, 2, step * 10)));
        }
        for hour in 0..24 {
            story.tell(job_call("svc", SA, JOB[0]).at(at(day, hour, 5)));
        }
    }
    let delete = job_call("svc", SA, "DELETE /orders/{id}").class(ActionClass::Delete);
    story.tell(delete.at(at(25, 9, 5)));
    let mut rotated = job_call("job", SA, "keys.rotate").class(ActionClass::TokenRotate);
    rotated.0.action.resource = Some("sha256:new".into());
    story.tell(rotated.at(at(25, 14, 0)));
    assert!(story.commands().is_empty(), "{:?}", story.commands());
}
