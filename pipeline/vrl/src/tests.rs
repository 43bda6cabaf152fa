use proptest::prelude::*;

use super::*;

/// What is wrong with a program, a mistake a line.
fn mistakes(source: &str) -> String {
    let found = Program::compile(source).expect_err("mistakes");
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn run(source: &str, raw: &str) -> String {
    let program = Program::compile(source).unwrap_or_else(|found| panic!("{found:?}"));
    match program.run(raw.as_bytes()) {
        Ok(Made::Events(events)) => {
            let events = events.iter().map(|event| bounds::json(event, usize::MAX));
            let events: Vec<String> = events.map(Option::unwrap_or_default).collect();
            format!("[{}]", events.join(","))
        }
        Ok(Made::Skipped(why)) => format!("skipped: {why}"),
        Err(reject) => format!("rejected: {reject}"),
    }
}

#[test]
fn mistakes_are_told_with_line_and_column() {
    let told: Vec<String> = [
        ".a = 1\n.b = upcase(.x",
        ".a = downcase(.x)",
        ".a = 1\n\n.b = no_such_function(.x)",
        ".a = upcase(1)",
        ".a = undefined_variable",
        ".größe = 1; .b = 2 * .c ?? 0",
        "if .a { .b = 1 }",
    ]
    .into_iter()
    .map(mistakes)
    .collect();
    insta::assert_snapshot!(told.join("\n---\n"));
}

#[test]
fn what_is_not_a_function_of_the_record_does_not_compile() {
    for call in [
        "now()",
        "random_int(0, 9)",
        "random_bool()",
        "random_float(0.0, 1.0)",
        "random_bytes(8)",
        "uuid_v4()",
        "uuid_v7()",
        "get_env_var!(\"HOME\")",
        "get_hostname!()",
        "get_timezone_name!()",
        "http_request!(\"http://localhost\")",
        "dns_lookup!(\"localhost\")",
        "reverse_dns!(\"127.0.0.1\")",
        "log(\"x\")",
        "parse_proto!(\"a\", \"b\", \"c\")",
        "validate_json_schema!(\"{}\", \"/etc/passwd\")",
    ] {
        let told = mistakes(&format!(".id = {call}"));
        assert!(told.contains("undefined function"), "{call}: {told}");
    }
}

#[test]
fn a_record_is_json_or_a_message_and_what_is_left_is_the_event() {
    let told = [
        run(".", r#"{"a": 1}"#),
        run(".", "GET /v1 by ann"),
        run(
            ". = parse_regex!(.message, r'(?P<who>\\w+)$')",
            "GET /v1 by ann",
        ),
        run(". = [{\"id\": 1}, {\"id\": 2}]", "{}"),
        run("if !exists(.a) { abort \"no a\" }", "{}"),
        run("abort", "{}"),
        run(". = 7", "{}"),
        run(". = {\"a\": to_int!(.a)}", r#"{"a": "hunter2"}"#),
        run(
            "for_each(array!(.a)) -> |_i, v| { .sum = to_int!(.sum) + to_int!(v) }",
            r#"{"a": [1, 2, 3]}"#,
        ),
        run(
            ". = {\"t\": parse_timestamp!(.t, \"%Y-%m-%d %H:%M:%S\")}",
            r#"{"t": "2026-11-20 10:15:30"}"#,
        ),
        run(
            ". = {\"t\": parse_timestamp!(.t, \"%d/%b/%Y:%T %z\"), \"u\": parse_timestamp!(.u, \"%+\")}",
            r#"{"t": "20/Nov/2026:10:15:30 +0200", "u": "2026-11-20T10:15:30-05:00"}"#,
        ),
        run(
            ". = {\"t\": from_unix_timestamp!(int!(.t), \"milliseconds\")}",
            r#"{"t": 1795169730123}"#,
        ),
        run(
            ". = {\"k\": fingerprint(string!(.k)), \"m\": multiply!(3, 4)}",
            r#"{"k": "hunter2"}"#,
        ),
        run(
            ". = parse_key_value!(.message)",
            r#"user=ann path="/a b" ok=1"#,
        ),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_program_is_stopped() {
    let list = vec!["1"; 2000].join(",");
    let raw = format!(r#"{{"a": [{list}]}}"#);
    let source = "for_each(array!(.a)) -> |_i, _v| { for_each(array!(.a)) -> |_j, w| { .x = w } }";
    let told = run(source, &raw);
    assert!(
        told.starts_with("rejected: program_failed: program: more than"),
        "{told}"
    );
}

#[test]
fn text_cannot_be_repeated_without_a_bound() {
    insta::assert_snapshot!(mistakes(".a = string!(.a) * int!(.n)"), @"1:18: `*` is not taken, because it repeats text without a bound; write multiply(a, b)");
    let long = "a".repeat(100_000);
    let raw = format!(r#"{{"a": "{long}", "b": "{long}"}}"#);
    let told = run(".c = replace!(string!(.a), \"a\", string!(.b))", &raw);
    assert!(told.starts_with("rejected: program_failed"), "{told}");
}

/// What a hostile record of a mebibyte could be made into by programs that nobody wrote for that.
#[test]
fn what_values_share_is_not_written_out_without_a_bound() {
    let (long, many) = ("a".repeat(100_000), vec!["{}"; 9_000].join(","));
    let raw = format!(r#"{{"a": "{long}", "events": [{many}]}}"#);
    let each = "map_values(array!(.events)) -> |_e| { {\"id\": \"1\", \"agent\": .a} }";
    for made in [
        "encode_json(.x)",
        "join!(map_values(array!(.x)) -> |_e| { \"\" }, string!(.a))",
    ] {
        let told = run(&format!(".x = {each}\n.y = {made}"), &raw);
        assert!(told.contains("too long"), "{made}: {told}");
    }
    let format = format(&format!(". = {each}")).unwrap_or_else(|found| panic!("{found:?}"));
    let (mut events, mut last) = (0, String::new());
    let source = plumbline_schemas::formats::Source::default();
    format.decode(raw.as_bytes(), source, &mut |decoded| {
        if let plumbline_schemas::formats::Decoded::Rejected(reject) = decoded {
            events += 1;
            last = reject.to_string();
        }
    });
    assert!(events < 200, "{events}");
    assert!(last.contains("at most 16777216 bytes"), "{last}");
}

#[test]
fn a_call_counts_for_more_the_more_it_is_given() {
    let list = vec!["1"; 300_000].join(",");
    let raw = format!(r#"{{"a": [{list}]}}"#);
    let told = run(
        "for_each(array!(.a)) -> |_i, v| { .n = includes(array!(.a), v) }",
        &raw,
    );
    assert!(told.contains("more than 1000000 steps"), "{told}");
}

proptest! {
    /// No record panics a program, and the same gives the same.
    #[test]
    fn the_same_record_gives_the_same(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let program = Program::compile(". = {\"id\": to_string(.message) ?? \"x\"}").expect("right");
        prop_assert_eq!(program.run(&raw), program.run(&raw));
    }
}

/// The program of the documentation, as it stands there.
fn example() -> &'static str {
    let page = include_str!("../../../schemas/README.md");
    let (_, rest) = page.split_once("```vrl\n").expect("an example");
    rest.split("```").next().expect("its end")
}

#[test]
fn the_example_of_the_documentation_does_what_it_says() {
    let format = format(example()).unwrap_or_else(|found| panic!("{found:?}"));
    let mut told = Vec::new();
    for raw in [
        r#"{"when": 1795169730, "ref": "r-1", "who": "svc-billing", "call": "GET /v1/invoices/17", "code": "200", "from": "203.0.113.7", "token": "hunter2"}"#,
        r#"{"when": 1795169731, "ref": "r-2", "call": "GET /health", "code": 200}"#,
        r#"{"when": 1795169732, "ref": "r-3", "who": "svc", "call": "DELETE /v1/a/1?token=x", "code": "never", "token": "t"}"#,
        r#"{"when": 1795169733, "who": "svc", "call": "DELETE /v1/a/1?token=x", "code": 403, "token": "t"}"#,
        "no JSON",
    ] {
        let source = plumbline_schemas::formats::Source {
            tenant: Some("acme"),
        };
        format.decode(raw.as_bytes(), source, &mut |decoded| {
            use plumbline_schemas::formats::Decoded;
            told.push(match decoded {
                Decoded::Event(event) => serde_json::to_string(&event).expect("JSON"),
                Decoded::Skipped(why) => format!("skipped: {why}"),
                Decoded::Rejected(reject) => format!("rejected: {reject}"),
                Decoded::Drift(drift) => format!("drift: {} {}", drift.field, drift.kind),
            });
        });
    }
    insta::assert_snapshot!(told.join("\n"));
}
