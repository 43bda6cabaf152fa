use super::story;

/// Azure Monitor's batch: a person with a key, a refresh, an application, a managed identity.
pub(super) const RECORDS: &str = r#"{"records": [
 {"time": "2026-11-20T10:16:02.1234567Z", "resourceId": "/tenants/9f0c7b2e-1111-4222-8333-444455556666/providers/Microsoft.aadiam", "operationName": "Sign-in activity", "operationVersion": "1.0", "category": "SignInLogs", "tenantId": "9f0c7b2e-1111-4222-8333-444455556666", "resultType": "0", "resultSignature": "SUCCESS", "durationMs": 0, "callerIpAddress": "203.0.113.9", "correlationId": "a75a10bd-c126-486b-9742-c03110d36262", "identity": "Ann Berg", "Level": 4, "location": "NO",
  "properties": {"id": "0231f922-93fa-4005-bb11-b344eca03c01", "createdDateTime": "2026-11-20T10:15:30.1234567+00:00", "userDisplayName": "Ann Berg", "userPrincipalName": "ann@example.com", "userId": "6b2c3d4e-aaaa-4bbb-8ccc-ddddeeeeffff", "appId": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "appDisplayName": "Azure Portal", "ipAddress": "203.0.113.9", "status": {"errorCode": 0, "additionalDetails": "MFA requirement satisfied by claim in the token"}, "clientAppUsed": "Browser", "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
    "deviceDetail": {"deviceId": "ab8c7d3e-1234-4abc-8def-001122334455", "displayName": "ANN-PC", "operatingSystem": "Windows 11", "browser": "Edge 131", "isCompliant": true, "isManaged": true, "trustType": "Azure AD joined"}, "location": {"city": "Oslo", "state": "Oslo", "countryOrRegion": "NO", "geoCoordinates": {"latitude": 59.9, "longitude": 10.75}}, "correlationId": "a75a10bd-c126-486b-9742-c03110d36262", "conditionalAccessStatus": "success", "isInteractive": true, "tokenIssuerType": "AzureAD", "authenticationProcessingDetails": [{"key": "Oauth Scope Info", "value": "[\"User.Read\",\"Mail.Read\"]"}],
    "riskLevelDuringSignIn": "none", "riskEventTypes_v2": [], "resourceDisplayName": "Microsoft Graph", "resourceId": "00000003-0000-0000-c000-000000000000", "resourceTenantId": "0aa0bbbb-2222-4333-8444-555566667777", "homeTenantId": "9f0c7b2e-1111-4222-8333-444455556666", "crossTenantAccessType": "b2bCollaboration", "authenticationDetails": [{"authenticationStepDateTime": "2026-11-20T10:15:30Z", "authenticationMethod": "FIDO2 security key", "succeeded": true, "authenticationStepRequirement": "Primary authentication"}], "authenticationRequirement": "singleFactorAuthentication", "autonomousSystemNumber": 64496, "signInTokenProtectionStatus": "bound", "uniqueTokenIdentifier": "IvkxAvqTBUC7EbNE7KA8AQ", "sessionId": "00aa11bb-1f1f-4e4e-9d9d-aabbccddeeff", "authenticationProtocol": "none", "originalRequestId": "0231f922-93fa-4005-bb11-b344eca03c01"}},
 {"time": "2026-11-20T10:17:00Z", "category": "NonInteractiveUserSignInLogs", "tenantId": "9f0c7b2e-1111-4222-8333-444455556666", "resultType": 50076, "callerIpAddress": "198.51.100.23",
  "properties": {"id": "0231f922-93fa-4005-bb11-b344eca03c02", "createdDateTime": "2026-11-20T10:16:30Z", "userPrincipalName": "ann@example.com", "userId": "6b2c3d4e-aaaa-4bbb-8ccc-ddddeeeeffff", "appId": "1950a258-227b-4e31-a9cf-717495945fc2", "ipAddress": "198.51.100.23", "status": {"errorCode": "50076", "failureReason": "Due to a configuration change, you must use multi-factor authentication"}, "clientAppUsed": "Mobile Apps and Desktop clients", "authenticationProtocol": "ropc", "incomingTokenType": "refreshToken", "deviceDetail": {"deviceId": "", "isCompliant": false, "isManaged": false}, "location": {"countryOrRegion": "NL", "geoCoordinates": {"latitude": 0.0, "longitude": 0}}, "riskEventTypes_v2": ["anonymizedIPAddress"], "authenticationRequirement": "multiFactorAuthentication", "isInteractive": false, "uniqueTokenIdentifier": "AvkxAvqTBUC7EbNE7KA8AQ", "sessionId": "00aa11bb-1f1f-4e4e-9d9d-aabbccddeeff"}},
 {"time": "2026-11-20T10:18:00Z", "category": "ServicePrincipalSignInLogs", "tenantId": "9f0c7b2e-1111-4222-8333-444455556666", "resultType": "7000222",
  "properties": {"id": "0231f922-93fa-4005-bb11-b344eca03c03", "createdDateTime": "2026-11-20T10:17:30Z", "userId": "", "servicePrincipalId": "5e5e5e5e-0000-4000-8000-000000000001", "servicePrincipalName": "billing exporter", "appId": "a0a0a0a0-0000-4000-8000-000000000001", "ipAddress": "2001:db8::17", "status": {"errorCode": 7000222}, "servicePrincipalCredentialKeyId": "c0c0c0c0-0000-4000-8000-000000000001", "servicePrincipalCredentialThumbprint": "", "clientCredentialType": "clientSecret", "resourceDisplayName": "Azure Key Vault", "location": {"city": "", "geoCoordinates": {}}}},
 {"time": "2026-11-20T10:19:00Z", "category": "ManagedIdentitySignInLogs", "tenantId": "9f0c7b2e-1111-4222-8333-444455556666", "resultType": "Success",
  "properties": {"id": "0231f922-93fa-4005-bb11-b344eca03c04", "createdDateTime": "2026-11-20T10:18:30Z", "servicePrincipalId": "5e5e5e5e-0000-4000-8000-000000000002", "servicePrincipalName": "vm-billing", "ipAddress": "", "location": {"city": "", "state": "", "countryOrRegion": "", "geoCoordinates": {"latitude": 0.0, "longitude": 0.0}}, "agent": {"agentType": "notAgentic"}, "resourceDisplayName": "Azure Storage", "uniqueTokenIdentifier": "x"}}
]}"#;

/// Microsoft Graph's answer: a blocked sign-in, one of nobody, an agent for a user, an agent's own.
const GRAPH: &str = r#"{"@odata.context": "https://graph.microsoft.com/beta/$metadata#auditLogs/signIns", "value": [
 {"id": "66ea54eb-0001", "createdDateTime": "2026-11-20T10:20:00Z", "userId": "6b2c3d4e-aaaa-4bbb-8ccc-ddddeeeeffff", "userPrincipalName": "ann@example.com", "appId": "c44b4083", "appDisplayName": "Azure Portal", "ipAddress": "192.0.2.200", "clientAppUsed": "Browser", "authenticationProtocol": "deviceCode", "signInEventTypes": ["interactiveUser"], "isInteractive": true, "conditionalAccessStatus": "failure", "status": {"errorCode": 53003, "failureReason": "Access has been blocked by Conditional Access policies."}, "deviceDetail": null, "location": null},
 {"id": "66ea54eb-0002", "createdDateTime": "2026-11-20T10:21:00Z", "userId": "00000000-0000-0000-0000-000000000000", "userPrincipalName": "nobody@example.com", "appId": "c44b4083", "ipAddress": "192.0.2.200", "signInEventTypes": ["interactiveUser"], "status": {"errorCode": 50034}},
 {"id": "66ea54eb-0003", "createdDateTime": "2026-11-20T10:22:00Z", "userId": "6b2c3d4e-aaaa-4bbb-8ccc-ddddeeeeffff", "appId": "a9e17000-0000-4000-8000-000000000001", "servicePrincipalId": null, "signInEventTypes": ["nonInteractiveUser"], "agent": {"agentType": "agenticAppInstance", "agentSubjectType": "notAgentic"}, "status": {"errorCode": 0}, "authenticationProcessingDetails": [{"key": "Oauth Scope Info", "value": "[Mail.Read, Mail.Send]"}]},
 {"id": "66ea54eb-0004", "createdDateTime": "2026-11-20T10:23:00Z", "servicePrincipalId": "a9e17000-0000-4000-8000-000000000002", "appId": "a9e17000-0000-4000-8000-000000000002", "signInEventTypes": ["servicePrincipal"], "agent": {"agentType": "agenticAppInstance", "agentSubjectParentId": "a9e17000-0000-4000-8000-0000000000aa"}, "federatedCredentialId": "fc-1", "status": {"errorCode": 0}}
]}"#;

/// Directory audits: a role given, a secret added to an application, sessions revoked, and a call
/// of Microsoft Graph.
pub(super) const AUDITS: &str = r#"{"records": [
 {"time": "2026-11-20T11:00:01Z", "operationName": "Add member to role", "category": "AuditLogs", "tenantId": "9f0c7b2e-1111-4222-8333-444455556666", "resultSignature": "None", "callerIpAddress": "198.51.100.4", "properties": {"id": "Directory_1", "category": "RoleManagement", "result": "success", "activityDisplayName": "Add member to role", "activityDateTime": "2026-11-20T11:00:00.1+00:00", "loggedByService": "Core Directory", "operationType": "Assign", "initiatedBy": {"user": {"id": "00000001-aaaa-4bbb-8ccc-ddddeeeeffff", "displayName": null, "userPrincipalName": "root@example.com", "ipAddress": "198.51.100.4", "roles": []}},
   "targetResources": [{"id": "6b2c3d4e-aaaa-4bbb-8ccc-ddddeeeeffff", "displayName": null, "type": "User", "userPrincipalName": "ann@example.com", "modifiedProperties": [{"displayName": "Role.ObjectID", "oldValue": null, "newValue": "\"b2d2\""}, {"displayName": "Role.DisplayName", "oldValue": null, "newValue": "\"Global Administrator\""}]}, {"id": "b2d2", "displayName": null, "type": "Role"}], "additionalDetails": [{"key": "User-Agent", "value": "Mozilla/5.0"}]}},
 {"time": "2026-11-20T11:01:01Z", "operationName": "Add service principal credentials", "category": "AuditLogs", "properties": {"id": "Directory_2", "result": "success", "activityDisplayName": "Add service principal credentials", "activityDateTime": "2026-11-20T11:01:00Z", "initiatedBy": {"app": {"appId": null, "displayName": "provisioner", "servicePrincipalId": "5e5e5e5e-0000-4000-8000-000000000003"}}, "targetResources": [{"id": "5e5e5e5e-0000-4000-8000-000000000001", "displayName": "billing exporter", "type": "ServicePrincipal", "modifiedProperties": [{"displayName": "KeyDescription", "oldValue": "[]", "newValue": "[\"[KeyIdentifier=c0c0c0c0,KeyType=Password,KeyUsage=Verify]\"]"}]}]}},
 {"category": "AuditLogs", "properties": {"id": "Directory_3", "result": "failure", "activityDisplayName": "Revoke sign-in sessions", "activityDateTime": "2026-11-20T11:02:00Z", "initiatedBy": {"user": {"id": "00000001-aaaa-4bbb-8ccc-ddddeeeeffff"}}, "targetResources": [{"id": "6b2c3d4e-aaaa-4bbb-8ccc-ddddeeeeffff", "type": "User"}]}},
 {"category": "AuditLogs", "properties": {"id": "Directory_4", "activityDisplayName": "Update user", "activityDateTime": "2026-11-20T11:03:00Z", "initiatedBy": {}, "targetResources": []}},
 {"time": "2026-11-20T11:04:00Z", "category": "MicrosoftGraphActivityLogs", "tenantId": "9f0c7b2e-1111-4222-8333-444455556666", "properties": {"timeGenerated": "2026-11-20T11:03:59.5Z", "requestId": "8a8a8a8a-0000-4000-8000-000000000001", "apiVersion": "v1.0", "requestMethod": "GET", "responseStatusCode": 200, "responseSizeBytes": "18340", "signInActivityId": "IvkxAvqTBUC7EbNE7KA8AQ", "appId": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "userId": "6b2c3d4e-aaaa-4bbb-8ccc-ddddeeeeffff", "ipAddress": "203.0.113.9", "userAgent": "python-requests/2.32", "requestUri": "https://graph.microsoft.com/v1.0/users/ann%40example.com/messages/AAMkAGI2/$value?$top=10", "scopes": "Mail.Read User.Read", "sessionId": "00aa11bb-1f1f-4e4e-9d9d-aabbccddeeff"}},
 {"category": "AuditLogs", "properties": {"id": "Directory_5", "result": "success", "activityDisplayName": "Add app role assignment to service principal", "activityDateTime": "2026-11-20T11:05:00Z", "initiatedBy": {"user": {"id": "00000001-aaaa-4bbb-8ccc-ddddeeeeffff"}}, "targetResources": [{"id": "9e9e9e9e-0000-4000-8000-000000000001", "displayName": "Microsoft Graph", "type": "ServicePrincipal", "modifiedProperties": [{"displayName": "AppRole.Value", "oldValue": null, "newValue": "\"RoleManagement.ReadWrite.Directory\""}, {"displayName": "ServicePrincipal.ObjectID", "oldValue": null, "newValue": "\"5e5e5e5e-0000-4000-8000-000000000001\""}]}]}},
 {"category": "ProvisioningLogs", "properties": {"id": "p1"}}
]}"#;

#[test]
fn a_batch_of_azure_monitor_has_users_applications_and_managed_identities() {
    insta::assert_snapshot!(story("entra", RECORDS.as_bytes()));
}

#[test]
fn microsoft_graph_returns_the_same_fields_and_agents_act_for_users() {
    insta::assert_snapshot!(story("entra", GRAPH.as_bytes()));
}

#[test]
fn an_agent_is_one_whether_it_signs_in_itself_or_for_a_user() {
    let own = r#"{"id": "66ea54eb-0005", "createdDateTime": "2026-11-20T10:24:00.1234567Z", "userId": "", "servicePrincipalId": "5e5e5e5e-0000-4000-8000-000000000009", "servicePrincipalName": "copilot-agent", "appId": "a9e17000-0000-4000-8000-000000000003", "ipAddress": "192.0.2.14", "signInEventTypes": ["servicePrincipal"], "agent": {"agentType": "agenticAppInstance", "agentSubjectType": "notAgentic", "parentAppId": "b1e0"}, "status": {"errorCode": 0}}"#;
    let for_a_user = r#"{"id": "66ea54eb-0006", "createdDateTime": "2026-11-20T10:25:00.1234567Z", "userId": "6b2c3d4e-aaaa-4bbb-8ccc-ddddeeeeffff", "userPrincipalName": "ann@example.com", "appId": "a9e17000-0000-4000-8000-000000000003", "ipAddress": "192.0.2.14", "isInteractive": false, "signInEventTypes": ["nonInteractiveUser"], "agent": {"agentType": "agenticAppInstance", "agentSubjectType": "notAgentic"}, "status": {"errorCode": 0}}"#;
    for record in [own, for_a_user] {
        let told = story("entra", record.as_bytes());
        let identity = "\"identity\": {\n    \"id\": \"a9e17000-0000-4000-8000-000000000003\",\n    \"kind\": \"ai_agent\"";
        assert!(told.contains(identity), "{told}");
    }
}

#[test]
fn a_prompt_that_was_declined_is_a_factor_denied() {
    let of = |details: &str, steps: &str| {
        let record = format!(
            r#"{{"id": "66ea54eb-0007", "createdDateTime": "2026-11-20T10:26:00.1234567Z", "userId": "6b2c3d4e-aaaa-4bbb-8ccc-ddddeeeeffff", "userPrincipalName": "ann@example.com", "appId": "c44b4083", "ipAddress": "198.51.100.23", "isInteractive": true, "signInEventTypes": ["interactiveUser"], "authenticationRequirement": "multiFactorAuthentication",
              "status": {{"errorCode": 500121, "failureReason": "Authentication failed during strong authentication request.", "additionalDetails": {details}}},
              "authenticationDetails": [{{"authenticationMethod": "Password", "succeeded": true, "authenticationStepResultDetail": "Correct password"}}, {{"authenticationMethod": "Mobile app notification", "succeeded": false, "authenticationStepResultDetail": "{steps}"}}]}}"#
        );
        story("entra", record.as_bytes())
    };
    for (told, expected) in [
        (
            of(r#""MFA denied; user declined the authentication""#, ""),
            "denied",
        ),
        (
            of("null", "MFA denied; user declined the authentication"),
            "denied",
        ),
        (of("null", "MFA denied; Phone App Reported Fraud"), "denied"),
        (
            of(
                "null",
                "MFA denied; user did not respond to mobile app notification",
            ),
            "failure",
        ),
    ] {
        assert!(told.contains(r#""class": "mfa""#), "{told}");
        let outcome = format!(r#""outcome": "{expected}""#);
        assert!(told.contains(&outcome), "{told}");
    }
}

#[test]
fn rights_and_revocations_stand_under_the_target_and_calls_under_the_caller() {
    insta::assert_snapshot!(story("entra", AUDITS.as_bytes()));
}

#[test]
fn lower_cased_keys_and_json_in_strings_read_the_same() {
    fn lower(value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(members) => members
                .iter()
                .map(|(key, value)| (key.to_lowercase(), lower(value)))
                .collect(),
            serde_json::Value::Array(items) => items.iter().map(lower).collect(),
            other => other.clone(),
        }
    }
    fn flatten(record: &mut serde_json::Value) {
        for value in record["properties"].as_object_mut().unwrap().values_mut() {
            if value.is_object() || value.is_array() {
                *value = value.to_string().into();
            }
        }
        record["properties"] = record["properties"].to_string().into();
    }
    for records in [RECORDS, AUDITS] {
        let expected = story("entra", records.as_bytes());
        let parsed: serde_json::Value = serde_json::from_str(records).unwrap();
        assert_eq!(
            story("entra", lower(&parsed).to_string().as_bytes()),
            expected
        );
        let mut strings = parsed;
        for record in strings["records"].as_array_mut().unwrap() {
            flatten(record);
        }
        assert_eq!(story("entra", strings.to_string().as_bytes()), expected);
    }
}

#[test]
fn a_row_of_log_analytics_is_read_and_its_workspace_is_no_tenant() {
    let row = br#"{"TimeGenerated": "2026-11-20T10:30:02.1Z", "TenantId": "the-workspace", "AADTenantId": "9f0c7b2e", "Type": "SigninLogs", "Category": "SignInLogs", "ResultType": "50126", "Id": "row-1", "CreatedDateTime": "2026-11-20T10:30:00.1Z", "UserId": "6b2c3d4e", "UserPrincipalName": "ann@example.com", "AppId": "c44b4083", "IPAddress": "203.0.113.9", "Location": "NO", "LocationDetails": "{\"city\":\"Oslo\",\"countryOrRegion\":\"NO\",\"geoCoordinates\":{\"latitude\":59.9,\"longitude\":10.75}}", "DeviceDetail": "{\"deviceId\":\"\"}", "AutonomousSystemNumber": "64496", "UserAgent": "Mozilla/5.0", "AuthenticationDetails": "[{\"authenticationMethod\":\"Password\",\"succeeded\":false}]", "ResourceId": "/tenants/9f0c7b2e/providers/Microsoft.aadiam", "ResourceDisplayName": "Office 365"}"#;
    insta::assert_snapshot!(story("entra", row));
    let unnamed = crate::formats::Source { tenant: None };
    crate::formats::by_name("entra")
        .unwrap()
        .decode(row, unnamed, &mut |decoded| {
            let crate::formats::Decoded::Event(event) = decoded else {
                panic!("no event: {decoded:?}");
            };
            assert_eq!(event.tenant(), "9f0c7b2e");
        });
}

#[test]
fn what_has_no_id_or_no_time_is_refused_alone() {
    insta::assert_snapshot!(story("entra", br#"{"value": [
      {"createdDateTime": "2026-11-20T10:00:00Z", "userId": "1", "appId": "x"},
      {"id": "2", "userId": "1", "appId": "x"},
      {"id": "3", "createdDateTime": "today", "userId": "1", "appId": "x"},
      {"id": "4", "createdDateTime": "2026-11-20T10:00:00Z", "userId": "", "userPrincipalName": "typo@example.com", "appId": "x"},
      {"id": "5", "createdDateTime": "2026-11-20T10:00:00Z", "userId": null, "userPrincipalName": "ann@example.com", "appId": "x", "status": {"errorCode": true}},
      {"id": "6", "initiatedBy": {"user": {"id": "1"}}, "activityDisplayName": "Add user"}, 7
    ]}"#));
}

#[test]
fn a_session_that_is_used_is_no_new_authentication() {
    let of = |methods: &str| {
        let raw = format!(
            r#"{{"id": "1", "createdDateTime": "2026-11-20T10:00:00Z", "userId": "6b2c3d4e-aaaa-4bbb-8ccc-ddddeeeeffff", "appId": "c44b4083", "signInEventTypes": ["interactiveUser"], "status": {{"errorCode": 0}}, "authenticationRequirement": "multiFactorAuthentication", "authenticationDetails": [{methods}], "sessionId": "s1"}}"#
        );
        story("entra", raw.as_bytes())
    };
    let earlier = r#"{"authenticationMethod": "Previously satisfied", "succeeded": true}"#;
    let used = of(&format!("{earlier}, {earlier}"));
    assert!(used.contains(r#""class": "other""#), "{used}");
    assert!(!used.contains("mfa") && !used.contains("aal"), "{used}");
    let factor = r#"{"authenticationMethod": "Mobile app notification", "succeeded": true}"#;
    for shown in [format!("{earlier}, {factor}"), String::new()] {
        let fresh = of(&shown);
        assert!(fresh.contains(r#""class": "login""#), "{fresh}");
        assert!(fresh.contains(r#""mfa": true"#), "{fresh}");
    }
}

#[test]
fn an_approval_is_never_of_who_approved() {
    let raw = br#"{"category": "AuditLogs", "properties": {"id": "1", "result": "failure", "activityDisplayName": "Add member to role request denied (PIM activation)", "activityDateTime": "2026-11-20T11:00:00Z", "initiatedBy": {"user": {"id": "00000001-aaaa-4bbb-8ccc-ddddeeeeffff"}}, "targetResources": [{"id": "b2d2", "type": "Role"}]}}"#;
    let told = story("entra", raw);
    assert!(told.contains(r#""class": "admin""#), "{told}");
    assert!(!told.contains("approval"), "{told}");
}
