use super::story;

/// A file of CloudTrail as S3 holds it: a role session on EC2, an SSO user, and what STS hands out.
pub(super) const FILE: &str = r#"{"Records": [
 {"eventVersion": "1.11", "userIdentity": {"type": "AssumedRole", "principalId": "AROAEXAMPLEID1234567:i-0abc123def4567890", "arn": "arn:aws:sts::111122223333:assumed-role/billing-exporter/i-0abc123def4567890", "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLEKEY000001",
    "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLEID1234567", "arn": "arn:aws:iam::111122223333:role/svc/billing-exporter", "accountId": "111122223333", "userName": "billing-exporter"}, "attributes": {"creationDate": "20261120T093000Z", "mfaAuthenticated": "false"}, "ec2RoleDelivery": "2.0"}},
  "eventTime": "2026-11-20T10:15:30Z", "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1", "sourceIPAddress": "203.0.113.20", "userAgent": "[aws-sdk-java/2.29.6 Linux/6.1]",
  "requestParameters": {"bucketName": "acme-invoices", "Host": "acme-invoices.s3.eu-west-1.amazonaws.com", "key": "2026/11/invoices.csv"}, "responseElements": null,
  "additionalEventData": {"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0, "AuthenticationMethod": "AuthHeader", "x-amz-id-2": "abc=", "bytesTransferredOut": 1834.0},
  "requestID": "5Y7S3M1QFZ0EXAMPLE", "eventID": "8f3a0c7e-1111-4a9b-9d0e-000000000001", "readOnly": true,
  "resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::acme-invoices/2026/11/invoices.csv"}, {"accountId": "111122223333", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::acme-invoices"}],
  "eventType": "AwsApiCall", "managementEvent": false, "recipientAccountId": "111122223333", "vpcEndpointId": "vpce-0a1b2c3d", "eventCategory": "Data", "tlsDetails": {"tlsVersion": "TLSv1.3"}},
 {"eventVersion": "1.11", "userIdentity": {"type": "AssumedRole", "principalId": "AROAEXAMPLESSO000000:ann@example.com", "arn": "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann@example.com", "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLEKEY000002",
    "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"}, "attributes": {"creationDate": "2026-11-20T09:00:00Z", "mfaAuthenticated": "true"}, "sourceIdentity": "ann"},
    "onBehalfOf": {"userId": "d2c5d4a4-0000-1111-2222-333344445555", "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-9067028cf5"}},
  "eventTime": "2026-11-20T10:16:00Z", "eventSource": "iam.amazonaws.com", "eventName": "AttachRolePolicy", "awsRegion": "us-east-1", "sourceIPAddress": "198.51.100.4", "userAgent": "AWS Internal",
  "errorCode": "AccessDenied", "errorMessage": "User is not authorized to perform iam:AttachRolePolicy",
  "requestParameters": {"roleName": "billing-exporter", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}, "responseElements": null,
  "eventID": "8f3a0c7e-1111-4a9b-9d0e-000000000002", "readOnly": false, "eventType": "AwsApiCall", "recipientAccountId": "111122223333"},
 {"eventVersion": "1.11", "userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, "eventTime": "2026-11-20T09:30:00Z", "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "awsRegion": "eu-west-1", "sourceIPAddress": "ec2.amazonaws.com", "userAgent": "ec2.amazonaws.com",
  "requestParameters": {"roleArn": "arn:aws:iam::111122223333:role/svc/billing-exporter", "roleSessionName": "i-0abc123def4567890"},
  "responseElements": {"credentials": {"accessKeyId": "ASIAEXAMPLEKEY000001", "secretAccessKey": "wJalrXUtnFEMIplantedSECRETKEYEXAMPLE", "sessionToken": "IQoJb3JpZ2luX2VjEPlantedSessionToken", "expiration": "Nov 20, 2026, 3:30:00 PM"}},
  "eventID": "8f3a0c7e-1111-4a9b-9d0e-000000000003", "readOnly": true, "eventType": "AwsApiCall", "recipientAccountId": "111122223333"}
]}"#;

#[test]
fn a_file_is_exploded_and_roles_are_known_by_what_they_are() {
    insta::assert_snapshot!(story("cloudtrail", FILE.as_bytes()));
}

#[test]
fn a_sign_in_is_a_humans_and_a_hidden_name_is_nobodys() {
    insta::assert_snapshot!(story("cloudtrail", br#"[
     {"eventVersion": "1.09", "userIdentity": {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/ann", "accountId": "111122223333", "userName": "ann"}, "eventTime": "2026-11-20T08:00:00Z", "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "awsRegion": "us-east-1", "sourceIPAddress": "2001:db8::5", "userAgent": "Mozilla/5.0", "requestParameters": null, "responseElements": {"ConsoleLogin": "Success"}, "additionalEventData": {"LoginTo": "https://console.aws.amazon.com/", "MobileVersion": "No", "MFAUsed": "Yes"}, "eventID": "1", "recipientAccountId": "111122223333"},
     {"userIdentity": {"type": "IAMUser", "accountId": "111122223333", "accessKeyId": "", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}, "eventTime": "2026-11-20T08:01:00Z", "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "sourceIPAddress": "198.51.100.9", "errorMessage": "No username found in supplied account", "responseElements": {"ConsoleLogin": "Failure"}, "eventID": "2"},
     {"userIdentity": {"type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"}, "eventTime": "2026-11-20T08:02:00Z", "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "sourceIPAddress": "198.51.100.9", "errorMessage": "Failed authentication", "responseElements": {"ConsoleLogin": "Failure"}, "additionalEventData": {"MFAUsed": "No"}, "eventID": "3"}
    ]"#));
}

#[test]
fn every_type_of_user_identity_has_its_identity() {
    let types = [
        (
            "IAMUser",
            r#""arn": "arn:aws:iam::111122223333:user/ci", "accessKeyId": "AKIAEXAMPLEKEY000003""#,
        ),
        (
            "FederatedUser",
            r#""arn": "arn:aws:sts::111122223333:federated-user/bob", "accessKeyId": "ASIAEXAMPLEKEY000004", "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:user/broker"}}"#,
        ),
        (
            "IdentityCenterUser",
            r#""accountId": "111122223333", "onBehalfOf": {"userId": "d2c5d4a4-0000"}, "credentialId": "EXAMPLEVHULjJdTUdPJfofVa1sufHDoj7aYcOYcxFVllWR_Whr1fEXAMPLE""#,
        ),
        (
            "SAMLUser",
            r#""principalId": "SampleUkh1i4+ExamplexL/jEvs=:SamlExample", "userName": "SamlExample", "identityProvider": "SampleUkh1i4+ExamplexL/jEvs=""#,
        ),
        (
            "WebIdentityUser",
            r#""principalId": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:repo:acme/app:ref:refs/heads/main", "userName": "repo:acme/app:ref:refs/heads/main", "identityProvider": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com""#,
        ),
        (
            "AWSAccount",
            r#""principalId": "AROAEXAMPLEOTHER0000:session", "accountId": "444455556666""#,
        ),
        (
            "AWSService",
            r#""invokedBy": "cloudformation.amazonaws.com""#,
        ),
        ("Unknown", r#""principalId": "x""#),
    ];
    let stories: Vec<String> = types
        .iter()
        .map(|(kind, fields)| {
            let record = format!(
                r#"{{"userIdentity": {{"type": "{kind}", {fields}}}, "eventTime": "2026-11-20T08:00:00Z", "eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue", "awsRegion": "eu-west-1", "sourceIPAddress": "AWS Internal", "requestParameters": {{"secretId": "prod/db"}}, "eventID": "{kind}", "recipientAccountId": "111122223333"}}"#
            );
            story("cloudtrail", record.as_bytes())
        })
        .collect();
    insta::assert_snapshot!(stories.join("\n"));
}

/// A federated sign-in to the console and what is done in it, with and without the session's context.
fn in_console(record: &str, context: &str) -> serde_json::Value {
    let raw = format!(
        r#"{{"eventVersion": "1.11", "userIdentity": {{"type": "AssumedRole", "principalId": "AROAEXAMPLEFED000000:bob@example.com", "arn": "arn:aws:sts::111122223333:assumed-role/Fed/bob@example.com", "accountId": "111122223333"{context}}}, "eventTime": "2026-11-20T08:03:00Z", "awsRegion": "us-east-1", "sourceIPAddress": "198.51.100.9", "userAgent": "Mozilla/5.0", "requestParameters": null, "recipientAccountId": "111122223333", {record}}}"#
    );
    serde_json::from_str(&story("cloudtrail", raw.as_bytes())).expect("an event")
}

#[test]
fn a_federated_sign_in_to_the_console_is_one_persons() {
    let sign_in = r#""eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Success"}, "additionalEventData": {"LoginTo": "https://console.aws.amazon.com", "MobileVersion": "No", "MFAUsed": "No"}, "eventID": "1", "eventType": "AwsConsoleSignIn""#;
    let call = r#""eventSource": "s3.amazonaws.com", "eventName": "ListBuckets", "sessionCredentialFromConsole": "true", "readOnly": true, "eventID": "2", "eventType": "AwsApiCall""#;
    let context = r#", "accessKeyId": "", "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLEFED000000", "arn": "arn:aws:iam::111122223333:role/corp/Fed", "accountId": "111122223333", "userName": "Fed"}, "attributes": {"creationDate": "2026-11-20T08:03:00Z", "mfaAuthenticated": "false"}}"#;
    let of_call = context.replace(
        r#""accessKeyId": """#,
        r#""accessKeyId": "ASIAEXAMPLEKEY000005""#,
    );
    for (record, context) in [(sign_in, ""), (sign_in, context), (call, &of_call)] {
        let told = in_console(record, context);
        assert_eq!(
            told["identity"],
            serde_json::json!({ "id": "arn:aws:sts::111122223333:assumed-role/Fed/bob@example.com", "kind": "human" })
        );
        if record == sign_in {
            assert_eq!(told["credential"]["kind"], "federated");
        }
    }
    // Outside the console it is the role that works, whether or not the record says more of its session.
    let call = call.replace(r#""sessionCredentialFromConsole": "true", "#, "");
    let told = in_console(&call, &of_call.replace("/corp", ""));
    assert_eq!(told["identity"]["kind"], "service_account");
    assert_eq!(
        told["identity"]["id"],
        in_console(&call, "")["identity"]["id"]
    );
}

#[test]
fn a_key_that_is_taken_away_is_revoked_of_its_owner() {
    let of = |name: &str, asked: &str| {
        format!(
            r#"{{"eventVersion": "1.11", "userIdentity": {{"type": "IAMUser", "principalId": "AIDAEXAMPLEROOT00000", "arn": "arn:aws:iam::111122223333:user/ops/root", "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLEKEY000003", "userName": "root"}}, "eventTime": "2026-11-20T08:04:00Z", "eventSource": "iam.amazonaws.com", "eventName": "{name}", "awsRegion": "us-east-1", "sourceIPAddress": "198.51.100.9", "requestParameters": {asked}, "responseElements": null, "eventID": "8f3a0c7e-{name}", "recipientAccountId": "111122223333"}}"#
        )
    };
    let batch = [
        of(
            "DeleteAccessKey",
            r#"{"userName": "victim", "accessKeyId": "AKIAEXAMPLEKEY000009"}"#,
        ),
        of(
            "DeleteAccessKey",
            r#"{"userName": "root", "accessKeyId": "AKIAEXAMPLEKEY000008"}"#,
        ),
        of(
            "UpdateAccessKey",
            r#"{"accessKeyId": "AKIAEXAMPLEKEY000008", "status": "Inactive"}"#,
        ),
        of(
            "UpdateAccessKey",
            r#"{"userName": "victim", "accessKeyId": "AKIAEXAMPLEKEY000009", "status": "Active"}"#,
        ),
        of(
            "AddUserToGroup",
            r#"{"userName": "victim", "groupName": "admins"}"#,
        ),
    ];
    insta::assert_snapshot!(story(
        "cloudtrail",
        format!("[{}]", batch.join(",")).as_bytes()
    ));
}

#[test]
fn whoever_reads_a_public_bucket_is_nobody() {
    let raw = br#"{"eventVersion": "1.11", "userIdentity": {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}, "eventTime": "2026-11-20T08:05:00Z", "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1", "sourceIPAddress": "198.51.100.9", "requestParameters": {"bucketName": "acme-site", "key": "index.html"}, "eventID": "8f3a0c7e-9", "recipientAccountId": "111122223333"}"#;
    assert_eq!(story("cloudtrail", raw), "skipped: names nobody");
}

#[test]
fn one_bad_record_of_a_file_is_refused_alone() {
    insta::assert_snapshot!(story("cloudtrail", br#"{"Records": [
      {"eventTime": "2026-11-20T08:00:00Z"}, null,
      {"userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root"}, "eventTime": "soon", "eventSource": "s3.amazonaws.com", "eventName": "ListBuckets", "eventID": "a"},
      {"userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root"}, "eventTime": "2026-11-20T08:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "ListBuckets", "eventID": "b"}
    ]}"#));
}

#[test]
fn the_class_of_a_call_is_told_by_service_and_verb() {
    use crate::formats::{aws_actions::class, read::Node};
    use crate::json::{Arena, Json};

    let arena = Arena::new();
    let record = r#"{ "requestParameters": { "withDecryption": "true" } }"#;
    let record = Json::parse(record, &arena).expect("JSON");
    for (call, expected) in [
        ("s3:GetObject", "read"),
        ("s3:PutObject", "write"),
        ("s3:DeleteObject", "delete"),
        ("iam:CreateUser", "admin"),
        ("iam:DeleteUser", "admin"),
        ("iam:ListUsers", "read"),
        ("kms:Decrypt", "secret"),
        ("ssm:GetParameter", "secret"),
        ("ssm:GetParametersByPath", "secret"),
        ("secretsmanager:GetSecretValue", "secret"),
        ("sts:AssumeRoleWithWebIdentity", "token_issue"),
        ("sts:GetCallerIdentity", "read"),
        ("lambda:UpdateFunctionCode20150331v2", "deploy"),
        ("dynamodb:ExportTableToPointInTime", "export"),
        ("organizations:LeaveOrganization", "admin"),
        ("signin:ConsoleLogin", "login"),
        ("s3:PutBucketPolicy", "admin"),
        ("s3:PutBucketAcl", "admin"),
        ("kms:PutKeyPolicy", "admin"),
        ("kms:CreateGrant", "admin"),
        ("secretsmanager:PutResourcePolicy", "admin"),
        ("lambda:AddPermission20150331v2", "admin"),
        ("eks:CreateAccessEntry", "admin"),
        ("ec2:AuthorizeSecurityGroupIngress", "admin"),
        ("cloudtrail:StopLogging", "admin"),
        ("cloudtrail:DeleteTrail", "admin"),
        ("config:StopConfigurationRecorder", "admin"),
        ("guardduty:DeleteDetector", "admin"),
        ("guardduty:UpdateDetector", "admin"),
        ("ec2:GetPasswordData", "secret"),
        ("redshift:GetClusterCredentials", "secret"),
        ("lightsail:DownloadDefaultKeyPair", "secret"),
    ] {
        let (service, name) = call.split_once(':').expect("service:Name");
        assert_eq!(
            class(service, name, Node::from(&record)).as_str(),
            expected,
            "{call}"
        );
    }
}
