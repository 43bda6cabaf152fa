//! What a value costs, and how long it may become as text.

use std::io::{self, Write};

use vrl::compiler::{Context, ExpressionError};
use vrl::value::Value;

/// So much of a value counts as one step: a copy of it takes about as long as an expression.
const BYTES_PER_STEP: usize = 4096;
const VALUES_PER_STEP: usize = 64;

/// Counts what a call was given: it has been copied for it.
pub(crate) fn charge(value: &Value, context: &mut Context) -> Result<(), ExpressionError> {
    let (bytes, values) = weight(value);
    for _ in 0..bytes / BYTES_PER_STEP + values / VALUES_PER_STEP {
        context.checkpoint()?;
    }
    Ok(())
}

fn weight(value: &Value) -> (usize, usize) {
    let sum = |(bytes, values): (usize, usize), of: (usize, usize)| (bytes + of.0, values + of.1);
    match value {
        Value::Array(items) => items.iter().map(weight).fold((0, 1), sum),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, member)| sum((name.len(), 0), weight(member)));
            members.fold((0, 1), sum)
        }
        value => (value.as_bytes().map_or(0, |bytes| bytes.len()), 1),
    }
}

/// A value as JSON; nothing where that has more than so many bytes.
pub(crate) fn json(value: &Value, most: usize) -> Option<String> {
    let mut text = Bounded {
        bytes: Vec::new(),
        most,
    };
    serde_json::to_writer(&mut text, value).ok()?;
    String::from_utf8(text.bytes).ok()
}

struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
