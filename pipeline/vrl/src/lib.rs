//! Log formats that users write in the Vector Remap Language (VRL).
//!
//! A program gets one raw record in `.`: the JSON that it is, or `{"message": "…"}` where it is none. It
//! leaves a native event, or an array of them, in `.`; `abort` skips the record. What it leaves goes
//! through the same reading as every native event: bounds, words and secrets.
//!
//! **Determinism is law.** Only the language is used, not VRL's library, which reads clocks, environment,
//! host and network: the [`functions`] are listed here, and each is a function of its arguments.
//! Times without an offset are UTC, never the machine's own.
//!
//! **Bounds.** There are no loops but over what is there, so that a program ends; [`MOST_STEPS`] says
//! when at the latest, and a call counts for more the more it is given. Text cannot be repeated by a number
//! that a record holds: `*` is not taken, numbers are multiplied by `multiply`. Values share what they are
//! made of until they are written, and are written one event at a time.

mod bounds;
mod format;
mod functions;
mod mistake;
mod operators;

use plumbline_schemas::formats::{Format, secret};
use plumbline_schemas::reject::{Reason, Reject};
use vrl::compiler::runtime::{Runtime, Terminate};
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{TargetValueRef, TimeZone};
use vrl::value::{ObjectMap, Secrets, Value};

pub use format::VrlFormat;
pub use mistake::Mistake;

/// The longest program, in bytes.
pub const MAX_PROGRAM_BYTES: usize = 64 * 1024;
/// The most expressions that are evaluated for one record.
pub const MOST_STEPS: u32 = 1_000_000;
/// The most events of one record.
pub const MOST_EVENTS: usize = 10_000;
/// The most bytes of all events of one record, as JSON.
pub const MOST_EVENT_BYTES: usize = 16 << 20;

/// A program that is right.
#[derive(Clone, Debug)]
pub struct Program {
    source: String,
    program: vrl::compiler::Program,
    utc: TimeZone,
}

/// What a program made of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Made {
    /// Events, each yet to be written as JSON and read.
    Events(Vec<Value>),
    /// Nothing, for the reason that its `abort` gives.
    Skipped(String),
}

/// The format that a program is, or everything that is wrong with the program.
pub fn format(source: &str) -> Result<Box<dyn Format + Send>, Vec<Mistake>> {
    Ok(Box::new(VrlFormat::new(Program::compile(source)?)))
}

impl Program {
    /// Compiles a program, and finds everything that is wrong with it.
    pub fn compile(source: &str) -> Result<Self, Vec<Mistake>> {
        if source.len() > MAX_PROGRAM_BYTES {
            let what = format!(
                "{} bytes, and a program has at most {MAX_PROGRAM_BYTES}",
                source.len()
            );
            return Err(vec![Mistake::at(source, 0, what)]);
        }
        let utc = TimeZone::parse("UTC")
            .ok_or_else(|| vec![Mistake::at(source, 0, "there is no UTC; please report it")])?;
        let compiled = vrl::compiler::compile(source, &functions::all())
            .map_err(|list| Mistake::all(source, &list))?;
        let mistakes: Vec<Mistake> = operators::times(source)
            .map(|at| {
                let what = "`*` is not taken, because it repeats text without a bound";
                Mistake::at(source, at, what).with("write multiply(a, b)")
            })
            .collect();
        if mistakes.is_empty() {
            let program = compiled.program;
            return Ok(Self {
                source: source.to_owned(),
                program,
                utc,
            });
        }
        Err(mistakes)
    }

    /// Runs it on a record.
    pub fn run(&self, raw: &[u8]) -> Result<Made, Reject> {
        let mut value = target(raw)?;
        let mut metadata = Value::Object(ObjectMap::new());
        let mut secrets = Secrets::default();
        let mut target = TargetValueRef {
            value: &mut value,
            metadata: &mut metadata,
            secrets: &mut secrets,
        };
        let mut steps = 0_u32;
        let mut budget = || {
            steps += 1;
            match steps > MOST_STEPS {
                true => std::ops::ControlFlow::Break(()),
                false => std::ops::ControlFlow::Continue(()),
            }
        };
        let ended = Runtime::new(RuntimeState::default()).resolve_with_control(
            &mut target,
            &self.program,
            &self.utc,
            &mut budget,
        );
        match ended {
            Ok(_) => events(value),
            Err(Terminate::Abort(why)) => Ok(Made::Skipped(why.to_string())),
            Err(Terminate::Interrupted) => Err(failed(&format!(
                "more than {MOST_STEPS} steps for one record"
            ))),
            Err(Terminate::Error(why)) => Err(failed(&self.placed(&why.to_string()))),
        }
    }

    /// A message in which the bytes of a call are its line and column.
    fn placed(&self, why: &str) -> String {
        let parts = why.split_once(" at (").and_then(|(before, rest)| {
            let (span, after) = rest.split_once("): ")?;
            let start = span.split_once(':')?.0.parse().ok()?;
            Some((before, Mistake::at(&self.source, start, after)))
        });
        match parts {
            Some((before, at)) => format!("{before} at {}:{}: {}", at.line, at.column, at.what),
            None => why.to_owned(),
        }
    }
}

/// What a program begins with.
fn target(raw: &[u8]) -> Result<Value, Reject> {
    let raw = plumbline_schemas::check_raw(raw)?;
    let text = std::str::from_utf8(raw).map_err(|error| {
        let detail = format!("record: not UTF-8 at byte {}", error.valid_up_to());
        Reject::new(Reason::NotUtf8, detail)
    })?;
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) => Ok(Value::from(json)),
        Err(_) => {
            let message = ("message".into(), Value::from(text));
            Ok(Value::Object(ObjectMap::from([message])))
        }
    }
}

fn events(made: Value) -> Result<Made, Reject> {
    let events = match made {
        Value::Array(events) => events,
        one @ Value::Object(_) => vec![one],
        _ => {
            return Err(failed(
                "it leaves neither an event nor a list of events in `.`",
            ));
        }
    };
    if events.len() > MOST_EVENTS {
        let count = events.len();
        return Err(failed(&format!(
            "{count} events of one record, at most {MOST_EVENTS}"
        )));
    }
    Ok(Made::Events(events))
}

/// A failure at run time. Messages name functions and types, and a value only where the program
/// puts it into one.
fn failed(why: &str) -> Reject {
    let why = secret::scrub(why.as_bytes());
    let why = String::from_utf8_lossy(&why);
    Reject::new(Reason::ProgramFailed, format!("program: {why}"))
}

#[cfg(test)]
mod tests;
