use super::story;

/// An agent that works for a user calls a tool, and another agent that reads by MCP.
pub(super) const SPANS: &str = r#"{"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "support-desk"}}, {"key": "deployment.environment.name", "value": {"stringValue": "production"}}, {"key": "host.name", "value": {"stringValue": "node-7"}}]}, "scopeSpans": [{"scope": {"name": "opentelemetry.instrumentation.agents"}, "spans": [
  {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "parentSpanId": "eee19b7ec3c1b173", "name": "execute_tool ticket.search", "kind": 1, "startTimeUnixNano": "1795169730123456789", "endTimeUnixNano": "1795169730223456789", "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}}, {"key": "gen_ai.tool.name", "value": {"stringValue": "ticket.search"}}, {"key": "gen_ai.tool.call.id", "value": {"stringValue": "call_1"}}, {"key": "http.request.header.x-api-key", "value": {"arrayValue": {"values": [{"stringValue": "planted-api-key-77"}]}}}, {"key": "gen_ai.tool.call.arguments", "value": {"stringValue": "{\"password\": \"hunter2planted\"}"}}], "status": {}},
  {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b173", "parentSpanId": "", "name": "invoke_agent Triage", "kind": 1, "startTimeUnixNano": 1795169730000000000, "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}}, {"key": "gen_ai.agent.id", "value": {"stringValue": "agent-triage"}}, {"key": "gen_ai.agent.name", "value": {"stringValue": "Triage"}}, {"key": "gen_ai.conversation.id", "value": {"stringValue": "conv-5j66UpCpwteGg4YSxUnt7lPY"}}, {"key": "user.id", "value": {"stringValue": "ann"}}], "status": {"code": 1}},
  {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b176", "parentSpanId": "eee19b7ec3c1b175", "name": "tools/call deleteFile", "kind": "SPAN_KIND_CLIENT", "startTimeUnixNano": "1795169731000000000", "attributes": [{"key": "mcp.method.name", "value": {"stringValue": "tools/call"}}, {"key": "gen_ai.tool.name", "value": {"stringValue": "deleteFile"}}, {"key": "mcp.session.id", "value": {"stringValue": "191c4850af6c49e08843a3f6c80e5046"}}, {"key": "error.type", "value": {"stringValue": "permission_denied"}}], "status": {"code": "STATUS_CODE_ERROR"}},
  {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b175", "parentSpanId": "eee19b7ec3c1b173", "name": "invoke_agent Files", "kind": 1, "startTimeUnixNano": "1795169730900000000", "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}}, {"key": "gen_ai.agent.name", "value": {"stringValue": "Files"}}]},
  {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b177", "parentSpanId": "eee19b7ec3c1b173", "name": "GET", "kind": 3, "startTimeUnixNano": "1795169730900000000", "attributes": [{"key": "http.request.method", "value": {"stringValue": "GET"}}]}
]}]}]}"#;

/// What Claude Code exports.
pub(super) const CLAUDE: &str = r#"{"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "claude-code"}}, {"key": "service.version", "value": {"stringValue": "2.1.49"}}, {"key": "host.arch", "value": {"stringValue": "arm64"}}], "droppedAttributesCount": 0}, "scopeLogs": [{"scope": {"name": "com.anthropic.claude_code.events", "version": "2.1.49"}, "logRecords": [
  {"timeUnixNano": "1795169730000000000", "observedTimeUnixNano": "1795169730000000000", "body": {"stringValue": "claude_code.user_prompt"}, "attributes": [{"key": "session.id", "value": {"stringValue": "sess-1"}}, {"key": "organization.id", "value": {"stringValue": "org-1"}}, {"key": "user.account_uuid", "value": {"stringValue": "acc-1"}}, {"key": "user.email", "value": {"stringValue": "ann@example.com"}}, {"key": "event.name", "value": {"stringValue": "user_prompt"}}, {"key": "event.sequence", "value": {"intValue": "1"}}, {"key": "prompt.id", "value": {"stringValue": "p-1"}}, {"key": "prompt_length", "value": {"stringValue": "42"}}, {"key": "prompt", "value": {"stringValue": "<REDACTED>"}}]},
  {"timeUnixNano": "1795169731000000000", "body": {"stringValue": "claude_code.tool_decision"}, "attributes": [{"key": "session.id", "value": {"stringValue": "sess-1"}}, {"key": "user.account_uuid", "value": {"stringValue": "acc-1"}}, {"key": "event.name", "value": {"stringValue": "tool_decision"}}, {"key": "event.sequence", "value": {"intValue": 2}}, {"key": "prompt.id", "value": {"stringValue": "p-1"}}, {"key": "tool_name", "value": {"stringValue": "Bash"}}, {"key": "decision", "value": {"stringValue": "accept"}}, {"key": "source", "value": {"stringValue": "user_temporary"}}]},
  {"timeUnixNano": "0", "observedTimeUnixNano": "1795169732500000000", "body": {"stringValue": "claude_code.tool_result"}, "attributes": [{"key": "session.id", "value": {"stringValue": "sess-1"}}, {"key": "user.account_uuid", "value": {"stringValue": "acc-1"}}, {"key": "event.name", "value": {"stringValue": "tool_result"}}, {"key": "event.timestamp", "value": {"stringValue": "2026-11-20T10:15:32.000Z"}}, {"key": "event.sequence", "value": {"intValue": 3}}, {"key": "prompt.id", "value": {"stringValue": "p-1"}}, {"key": "tool_name", "value": {"stringValue": "mcp_tool"}}, {"key": "success", "value": {"stringValue": "false"}}, {"key": "tool_result_size_bytes", "value": {"stringValue": "1834"}}, {"key": "tool_parameters", "value": {"stringValue": "{\"mcp_server_name\":\"github\",\"mcp_tool_name\":\"create_issue\",\"full_command\":\"curl https://u:hunter2planted@example.com\"}"}}]},
  {"timeUnixNano": "1795169733000000000", "body": {"stringValue": "claude_code.tool_result"}, "attributes": [{"key": "session.id", "value": {"stringValue": "sess-1"}}, {"key": "user.id", "value": {"stringValue": "anon-1"}}, {"key": "event.sequence", "value": {"intValue": 4}}, {"key": "tool_name", "value": {"stringValue": "Read"}}, {"key": "success", "value": {"boolValue": true}}, {"key": "tool_parameters", "value": {"stringValue": "{\"file_path\":\"/srv/app/main.rs\"}"}}]},
  {"timeUnixNano": "1795169734000000000", "eventName": "claude_code.api_request", "attributes": {"session.id": "sess-1", "event.sequence": 5, "model": "claude-sonnet-4-5", "cost_usd": 0.01, "input_tokens": 12}},
  {"timeUnixNano": "1795169735000000000", "body": {"stringValue": "claude_code.api_error"}, "attributes": [{"key": "session.id", "value": {"stringValue": "sess-1"}}, {"key": "event.sequence", "value": {"intValue": 6}}, {"key": "status_code", "value": {"stringValue": "401"}}, {"key": "model", "value": {"stringValue": "claude-sonnet-4-5"}}]},
  {"timeUnixNano": "1795169736000000000", "body": {"stringValue": "claude_code.tool_decision"}, "attributes": [{"key": "session.id", "value": {"stringValue": "sess-1"}}, {"key": "event.sequence", "value": {"intValue": 7}}, {"key": "tool_name", "value": {"stringValue": "Write"}}, {"key": "decision", "value": {"stringValue": "reject"}}, {"key": "source", "value": {"stringValue": "config"}}]},
  {"timeUnixNano": "1795169737000000000", "body": {"stringValue": "claude_code.permission_mode_changed"}, "attributes": [{"key": "session.id", "value": {"stringValue": "sess-1"}}, {"key": "event.sequence", "value": {"intValue": 8}}, {"key": "to_mode", "value": {"stringValue": "bypassPermissions"}}]},
  {"body": {"stringValue": "claude_code.auth"}, "attributes": [{"key": "session.id", "value": {"stringValue": "sess-1"}}]}
]}]}]}"#;

#[test]
fn a_tool_is_called_by_the_agent_above_it_for_its_user() {
    insta::assert_snapshot!(story("otel", SPANS.as_bytes()));
}

#[test]
fn claude_code_is_an_agent_of_each_user() {
    insta::assert_snapshot!(story("otel", CLAUDE.as_bytes()));
}

#[test]
fn the_server_of_a_tool_is_not_who_called_it() {
    let span = |attributes: &str| {
        format!(
            r#"{{"resource": {{"attributes": {{"service.name": "mcp-weather"}}}}, "scopeSpans": [{{"spans": [{{"traceId": "t", "spanId": "s", "kind": 2, "startTimeUnixNano": "1795169731000000000", "attributes": {{"mcp.method.name": "resources/read", "mcp.resource.uri": "file:///a", "client.address": "192.0.2.7"{attributes}}}}}]}}]}}"#
        )
    };
    let nobody = story("otel", span("").as_bytes());
    assert_eq!(nobody, "skipped: neither agent nor user is named");
    insta::assert_snapshot!(story("otel", span(r#", "enduser.id": "ann""#).as_bytes()));
}

#[test]
fn what_is_broken_is_refused_at_its_place_and_circles_end() {
    insta::assert_snapshot!(story("otel", br#"[
      {"resourceSpans": [{"scopeSpans": [{"spans": [
        {"spanId": "a", "parentSpanId": "b", "traceId": "t", "startTimeUnixNano": "1795169731000000000", "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]},
        {"spanId": "b", "parentSpanId": "a", "traceId": "t", "startTimeUnixNano": "soon", "attributes": [{"key": "gen_ai.agent.id", "value": {"stringValue": "x"}}, {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]},
        {"traceId": "t", "attributes": [{"key": "gen_ai.agent.id", "value": {"stringValue": "x"}}]},
        7
      ]}]}]},
      {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "claude_code.cost.usage"}]}]}]},
      {"resourceLogs": []},
      {"spans": []},
      "text"
    ]"#));
}

#[test]
fn what_a_person_refuses_is_no_refused_approval_and_a_resumed_session_may_count_anew() {
    let of = |decision: &str, nanos: &str| {
        let raw = format!(
            r#"{{"resourceLogs": [{{"scopeLogs": [{{"logRecords": [{{"timeUnixNano": "{nanos}", "eventName": "claude_code.tool_decision", "attributes": {{"session.id": "s", "event.sequence": 1, "tool_name": "Bash", "decision": "{decision}", "source": "user_{decision}"}}}}]}}]}}]}}"#
        );
        let event: serde_json::Value =
            serde_json::from_str(&story("otel", raw.as_bytes())).expect("an event");
        event
    };
    let refused = of("reject", "1795169731000000000");
    assert_eq!(refused["action"]["class"], "other");
    assert_eq!(refused["action"]["outcome"], "denied");
    let first = of("accept", "1795169731000000000");
    assert_eq!(first["action"]["class"], "approval");
    assert_ne!(first["id"], of("accept", "1795169732000000000")["id"]);
}
