//! A program as a log format.

use std::borrow::Cow;

use plumbline_schemas::drift;
use plumbline_schemas::event::DEFAULT_TENANT;
use plumbline_schemas::formats::{Decoded, Format, Sink, Source, read_event};
use plumbline_schemas::json::Json;
use plumbline_schemas::reject::Reject;

use crate::bounds::json;
use crate::{MOST_EVENT_BYTES, Made, Program, failed};

/// The name of every such format.
const NAME: &str = "vrl";

/// What a program makes of records.
#[derive(Clone, Debug)]
pub struct VrlFormat {
    program: Program,
}

impl VrlFormat {
    /// The format that this program is.
    pub fn new(program: Program) -> Self {
        Self { program }
    }
}

impl Format for VrlFormat {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Only the configuration says what is for a program.
    fn recognises(&self, _record: &Json<'_>) -> bool {
        false
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        let events = match self.program.run(raw) {
            Ok(Made::Events(events)) => events,
            Ok(Made::Skipped(why)) => return sink(Decoded::Skipped(why.into())),
            Err(reject) => return sink(Decoded::Rejected(reject)),
        };
        if events.is_empty() {
            return sink(Decoded::Skipped("the program leaves no event".into()));
        }
        let is_one = events.len() == 1;
        let mut left = MOST_EVENT_BYTES;
        for (index, event) in events.iter().enumerate() {
            let Some(json) = json(event, left) else {
                let why = format!(
                    "events of one record have at most {MOST_EVENT_BYTES} bytes; event {index} and those after it have more"
                );
                return sink(Decoded::Rejected(failed(&why)));
            };
            left -= json.len();
            let place = match is_one {
                true => String::new(),
                false => format!("event {index} of the program: "),
            };
            read(&json, &place, source, sink);
        }
    }
}

/// Reads what a program has left as any native event is read.
fn read(json: &str, place: &str, source: Source<'_>, sink: &mut Sink<'_>) {
    let mut tell = |mut drift: drift::Drift| {
        drift.format = NAME;
        sink(Decoded::Drift(drift));
    };
    match read_event(json.as_bytes()) {
        Ok(mut event) => {
            drift::of_event(&event, tell);
            event.source.get_or_insert(Cow::Borrowed(NAME));
            let tenant = source.tenant.unwrap_or(DEFAULT_TENANT);
            event.tenant.get_or_insert(Cow::Borrowed(tenant));
            sink(Decoded::Event(Box::new(event)));
        }
        Err(reject) => {
            drift::of_refusal(&reject, &mut tell);
            let detail = format!("{place}{}", reject.detail);
            sink(Decoded::Rejected(Reject::new(reject.reason, detail)));
        }
    }
}
