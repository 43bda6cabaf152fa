//! AWS CloudTrail: single records; [`super::Emitter`] puts some into `{"Records":[…]}`.

use plumbline_schemas::event::{ActionClass, Event, IdentityKind, Outcome};
use plumbline_schemas::time::EventTime;
use serde_json::{Value, json};

use crate::catalogue::names::aws_id;
use crate::random::{hash, hash_text};

/// The record of an event.
pub fn record(event: &Event<'_>) -> String {
    let (service, name) = event
        .action
        .name
        .split_once(':')
        .unwrap_or(("sts", &event.action.name));
    let account = account(&event.identity.id);
    let recipient = event.action.target_tenant.as_deref().unwrap_or(account);
    let read_only = event.action.class.known() == Some(ActionClass::Read);
    let number = hash_text(&event.id);
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": identity(event, account),
        "eventTime": seconds(event.time),
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": name,
        "awsRegion": event.workload.region.as_deref().unwrap_or("us-east-1"),
        "sourceIPAddress": event.network.ip,
        "userAgent": event.device.user_agent,
        "requestParameters": null,
        "responseElements": null,
        "requestID": format!("{:016X}", hash([number, 1])),
        "eventID": event.id,
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "managementEvent": !is_data_event(service),
        "recipientAccountId": recipient,
        "eventCategory": if is_data_event(service) { "Data" } else { "Management" },
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": format!("{service}.amazonaws.com"),
        },
    });
    describe_resource(event, service, account, &mut record);
    if let Some(bytes) = event.action.bytes_out {
        record["additionalEventData"] = json!({
            "SignatureVersion": "SigV4",
            "bytesTransferredIn": 0,
            "bytesTransferredOut": bytes,
        });
    }
    match event.outcome() {
        Outcome::Success => {}
        Outcome::Denied => {
            record["errorCode"] = "AccessDenied".into();
            let message = format!("User is not authorized to perform: {}", event.action.name);
            record["errorMessage"] = message.into();
        }
        Outcome::Failure | Outcome::Challenged => {
            record["errorCode"] = "ThrottlingException".into();
            record["errorMessage"] = "Rate exceeded".into();
        }
    }
    record.to_string()
}

/// Calls on objects rather than on the account; they are logged where somebody asked for it.
fn is_data_event(service: &str) -> bool {
    matches!(service, "s3" | "dynamodb" | "lambda" | "sqs" | "sns")
}

/// CloudTrail writes whole seconds.
fn seconds(time: EventTime) -> String {
    let mut text = time.to_string();
    if let Some(dot) = text.find('.') {
        text.truncate(dot);
        text.push('Z');
    }
    text
}

fn account(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

fn identity(event: &Event<'_>, account: &str) -> Value {
    let arn = &*event.identity.id;
    let key = event.credential.id.as_deref();
    let name = arn.rsplit('/').next().unwrap_or_default();
    let Some(session) = event.session.id.as_deref() else {
        return json!({
            "type": "IAMUser",
            "principalId": aws_id("AIDA", hash_text(arn)),
            "arn": arn,
            "accountId": account,
            "accessKeyId": key,
            "userName": name,
        });
    };
    let session_name = session.split('/').next().unwrap_or_default();
    // Of a person the id is the session's ARN already, and the role's name is in the middle.
    let is_person = event.identity_kind() == IdentityKind::Human;
    let role = if is_person {
        arn.split('/').nth(1).unwrap_or_default()
    } else {
        name
    };
    let folder = if is_person {
        "aws-reserved/sso.amazonaws.com/"
    } else {
        ""
    };
    let role_id = aws_id("AROA", hash_text(role));
    let mut context = json!({
        "sessionIssuer": {
            "type": "Role",
            "principalId": role_id,
            "arn": format!("arn:aws:iam::{account}:role/{folder}{role}"),
            "accountId": account,
            "userName": role,
        },
        "attributes": {
            "creationDate": event.session.started_at.map(seconds),
            "mfaAuthenticated": "false",
        },
    });
    if session_name.starts_with("i-") {
        context["ec2RoleDelivery"] = "2.0".into();
    }
    if event.workload.runtime.as_deref() == Some("github-actions") {
        context["webIdFederationData"] = json!({
            "federatedProvider":
                format!("arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com"),
            "attributes": {},
        });
    }
    json!({
        "type": "AssumedRole",
        "principalId": format!("{role_id}:{session_name}"),
        "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{session_name}"),
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": context,
    })
}

/// What the request names, in the words of its service.
fn describe_resource(event: &Event<'_>, service: &str, account: &str, record: &mut Value) {
    let Some(resource) = event.action.resource.as_deref() else {
        return;
    };
    let asked = match service {
        "s3" => match resource
            .strip_prefix("arn:aws:s3:::")
            .and_then(|it| it.split_once('/'))
        {
            Some((bucket, key)) => {
                record["resources"] = json!([
                    { "type": "AWS::S3::Object", "ARN": resource },
                    { "accountId": account, "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{bucket}") },
                ]);
                json!({ "bucketName": bucket, "key": key, "Host": format!("{bucket}.s3.amazonaws.com") })
            }
            None => {
                json!({ "bucketName": resource, "Host": format!("{resource}.s3.amazonaws.com") })
            }
        },
        "kms" => {
            record["resources"] =
                json!([{ "accountId": account, "type": "AWS::KMS::Key", "ARN": resource }]);
            json!({ "encryptionAlgorithm": "SYMMETRIC_DEFAULT" })
        }
        "dynamodb" => json!({ "tableName": resource }),
        "secretsmanager" => json!({ "secretId": resource }),
        "lambda" => json!({ "functionName": resource }),
        "iam" if event.action.name.contains("Role") => json!({ "roleName": resource }),
        "iam" => json!({ "userName": resource }),
        _ => json!({ "name": resource }),
    };
    record["requestParameters"] = asked;
}
