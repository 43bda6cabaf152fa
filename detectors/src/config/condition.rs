//! Conditions of rules, in the Common Expression Language (CEL).
//!
//! An expression is read and checked once, with the configuration: what could never be true because
//! of a typing error is refused there, and never met again while events are judged.

mod check;
mod kind;

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ParseErrors, Program, Value};
use serde::de::{Deserialize, Deserializer, Error};

/// A longer expression is not a condition but a program.
const MOST_BYTES: usize = 4096;

/// The functions that expressions may use: those of the standard, all of them pure. Without regular
/// expressions, whose cost nobody sees, and without times, whose clock is not that of the log.
static ENVIRONMENT: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// When a rule applies.
#[derive(Clone)]
pub struct Condition {
    text: Box<str>,
    program: Arc<Program>,
}

impl Condition {
    /// Reads and checks an expression. The error has two halves: what is wrong, and after `; ` what
    /// would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let program = compile(text)?;
        let found = check::check(program.expression())?;
        if !found.uses_variables {
            constant(&program)?;
        }
        Ok(Self {
            text: text.into(),
            program: Arc::new(program),
        })
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it holds. What cannot be evaluated, since something is not known, does not.
    pub(crate) fn holds(&self, context: &Context<'_, '_>) -> bool {
        self.program.execute(context) == Ok(Value::Bool(true))
    }
}

/// Reads an expression. The error has two halves, like that of [`Condition::parse`].
pub fn compile(text: &str) -> Result<Program, String> {
    if text.len() > MOST_BYTES {
        return Err(format!(
            "the expression is too long; write at most {MOST_BYTES} bytes, or several of them"
        ));
    }
    ENVIRONMENT.compile(text).map_err(|errors| not_cel(&errors))
}

/// Where expressions are evaluated, with no variables yet.
pub fn context<'v>() -> Context<'static, 'v> {
    Context::with_env(Arc::clone(&ENVIRONMENT))
}

/// What is always the same can be looked at now.
fn constant(program: &Program) -> Result<(), String> {
    match program.execute(&context()) {
        Ok(Value::Bool(_)) => Ok(()),
        _ => Err(format!(
            "is no condition; {}",
            "write something that is true or false, such as identity.kind == \"ai_agent\""
        )),
    }
}

fn not_cel(errors: &ParseErrors) -> String {
    let first = errors.errors.first();
    let said = first.map_or("", |error| &error.msg);
    // What would have been possible is half of the grammar; and `; ` ends the half that is wrong.
    let said = said.split(" expecting ").next().unwrap_or_default();
    let said = said
        .trim_start_matches("Syntax error: ")
        .replace("; ", ", ");
    let place = match first.map_or(0, |error| error.pos.1) {
        column if column > 0 => format!(" at character {column}"),
        _ => String::new(),
    };
    format!("not CEL{place}: {said}; see https://cel.dev for the syntax")
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrong(text: &str) -> String {
        Condition::parse(text).expect_err(text)
    }

    #[test]
    fn what_asks_for_something_known_is_a_condition() {
        for text in [
            r#"identity.kind == "ai_agent" && action.class == "secret""#,
            r#"action.class in ["payment", "privilege"] && session.age_seconds > 3600"#,
            r#"findings.exists(f, f.detector == "scope_drift" && f.bits > 20)"#,
            r#"findings.filter(f, f.bits > 20.5).size() >= 2 || risk.session > 80"#,
            r#"!("admins" in identity.groups) && has(task.id)"#,
            r#"identity["id"].startsWith("ci-") ? workload.environment != "prod" : false"#,
            r#"size(credential.scopes) > 10 && session.privileged"#,
            "true",
            "1 + 1 == 2",
        ] {
            Condition::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
        }
    }

    #[test]
    fn what_can_never_hold_is_refused_with_what_would_be_right() {
        for (text, expected) in [
            ("", "not CEL"),
            ("identity.kind ==", "not CEL"),
            ("identity.kind = \"human\"", "not CEL"),
            (
                "identiti.kind == \"human\"",
                "there is no `identiti`; possible are identity, session",
            ),
            (
                "identity.knd == \"human\"",
                "there is no `knd` in identity; possible are id, kind, groups, tenant",
            ),
            ("has(identity.knd)", "there is no `knd` in identity"),
            (
                "identity['knd'] == 'human'",
                "there is no `knd` in identity",
            ),
            ("identity.id.first == 'a'", "there is no `first` in text"),
            (
                "findings.exists(f, f.name == 'x')",
                "there is no `name` in a finding",
            ),
            (
                "identity.kind == \"ai-agent\"",
                "`ai-agent` is never its value; possible are human",
            ),
            (
                "\"secrets\" == action.class",
                "`secrets` is never its value",
            ),
            (
                "action.class in ['secret', 'keys']",
                "`keys` is never its value",
            ),
            ("identity.kind", "is text and no condition"),
            ("session.age_seconds", "is a number and no condition"),
            (
                "session.age_seconds && true",
                "is a number and no condition",
            ),
            ("findings", "is a list and no condition"),
            ("1 + 1", "is a number and no condition"),
            ("\"yes\"", "is text and no condition"),
            ("null", "is no condition"),
            (
                "session.age_seconds > \"3600\"",
                "a number is compared with text",
            ),
            (
                "identity.groups == \"admins\"",
                "a list is compared with text",
            ),
            (
                "identity.groups.contains(\"admins\")",
                "`contains` is for text, not for a list",
            ),
            (
                "identity.id.matches(\"a\")",
                "there is no function `matches`",
            ),
            (
                "identity.map(k, k).size() > 1",
                "only a list can be gone through",
            ),
            (
                "{'a': 1}.exists(k, true)",
                "only a list can be gone through",
            ),
        ] {
            let wrong = wrong(text);
            assert!(wrong.contains(expected), "{text}: {wrong}");
            assert!(wrong.split("; ").count() == 2, "{text}: {wrong}");
        }
        assert!(wrong(&format!("{}true", " ".repeat(MOST_BYTES))).contains("too long"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(
            text in r#"(\PC{0,3}|identity|\.kind|action\.class|findings|\.exists\(f, |\(|\)|\[|\]|==|&&| in |!|"a"|'|\\u|`|[0-9]{1,30}|\?|:|-|\{|\}){0,20}"#,
        ) {
            if let Ok(condition) = Condition::parse(&text) {
                prop_assert!(!condition.holds(&context()) || condition.as_str() == text);
            }
        }
    }
}
