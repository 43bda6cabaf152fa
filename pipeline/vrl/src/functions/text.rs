//! Functions of text.

use plumbline_schemas::formats::secret::fingerprint as of_secret;
use vrl::compiler::conversion::Conversion;
use vrl::compiler::value::kind::{ANY, ARRAY, BYTES, INTEGER, OBJECT, REGEX, TIMESTAMP};
use vrl::compiler::{ExpressionError, Parameter, Resolved, TimeZone, TypeDef};
use vrl::value::kind::Collection;
use vrl::value::{Kind, ObjectMap, Value};

use super::pure::{Arguments, Pure, error};
use crate::bounds::json;

const TEXT: &[Parameter] = &[Parameter::required("value", BYTES, "")];
const PIECE: &[Parameter] = &[
    Parameter::required("value", BYTES, ""),
    Parameter::required("substring", BYTES, ""),
];

fn bytes(_: &TypeDef) -> TypeDef {
    TypeDef::bytes()
}

fn boolean(_: &TypeDef) -> TypeDef {
    TypeDef::boolean()
}

macro_rules! pure {
    ($name:literal, $parameters:expr, $gives:expr, $call:expr) => {
        Pure {
            name: $name,
            parameters: $parameters,
            gives: $gives,
            call: $call,
        }
    };
}

pub(super) const ALL: &[Pure] = &[
    pure!("downcase", TEXT, bytes, |mut given| Ok(given
        .text()?
        .to_lowercase()
        .into())),
    pure!("upcase", TEXT, bytes, |mut given| Ok(given
        .text()?
        .to_uppercase()
        .into())),
    pure!("strip_whitespace", TEXT, bytes, |mut given| {
        Ok(given.text()?.trim().to_owned().into())
    }),
    pure!("strlen", TEXT, |_| TypeDef::integer(), |mut given| {
        Ok(Value::from(given.text()?.chars().count()))
    }),
    pure!("contains", PIECE, boolean, |mut given| {
        Ok(given.text()?.contains(&given.text()?).into())
    }),
    pure!("starts_with", PIECE, boolean, |mut given| {
        Ok(given.text()?.starts_with(&given.text()?).into())
    }),
    pure!("ends_with", PIECE, boolean, |mut given| {
        Ok(given.text()?.ends_with(&given.text()?).into())
    }),
    pure!(
        "split",
        &[
            Parameter::required("value", BYTES, ""),
            Parameter::required("pattern", BYTES | REGEX, ""),
            Parameter::optional("limit", INTEGER, ""),
        ],
        |_| TypeDef::array(Collection::from_unknown(Kind::bytes())),
        split
    ),
    pure!(
        "join",
        &[
            Parameter::required("value", ARRAY, "").with_element_kind(BYTES),
            Parameter::optional("separator", BYTES, ""),
        ],
        bytes,
        join
    ),
    pure!(
        "replace",
        &[
            Parameter::required("value", BYTES, ""),
            Parameter::required("pattern", BYTES | REGEX, ""),
            Parameter::required("with", BYTES, ""),
        ],
        bytes,
        replace
    ),
    pure!(
        "slice",
        &[
            Parameter::required("value", BYTES, ""),
            Parameter::required("start", INTEGER, ""),
            Parameter::optional("end", INTEGER, ""),
        ],
        |_| TypeDef::bytes().fallible(),
        slice
    ),
    pure!(
        "match",
        &[
            Parameter::required("value", BYTES, ""),
            Parameter::required("pattern", REGEX, ""),
        ],
        boolean,
        |mut given| {
            let text = given.text()?;
            Ok(regex(given.value())?.is_match(&text).into())
        }
    ),
    pure!(
        "parse_regex",
        &[
            Parameter::required("value", BYTES, ""),
            Parameter::required("pattern", REGEX, ""),
        ],
        |_| {
            let group = Kind::bytes().or_null();
            TypeDef::object(Collection::from_unknown(group)).fallible()
        },
        parse_regex
    ),
    pure!(
        "parse_key_value",
        &[
            Parameter::required("value", BYTES, ""),
            Parameter::optional("key_value_delimiter", BYTES, ""),
            Parameter::optional("field_delimiter", BYTES, ""),
        ],
        |_| TypeDef::object(Collection::from_unknown(Kind::bytes())).fallible(),
        parse_key_value
    ),
    pure!(
        "parse_json",
        TEXT,
        |_| TypeDef::any().fallible(),
        parse_json
    ),
    pure!(
        "encode_json",
        &[Parameter::required("value", ANY, "")],
        bytes,
        |mut given| {
            let json = json(&given.value(), MOST_TEXT_BYTES);
            json.map(Value::from).ok_or_else(too_long)
        }
    ),
    pure!(
        "parse_timestamp",
        &[
            Parameter::required("value", BYTES, ""),
            Parameter::required("format", BYTES, ""),
        ],
        |_| TypeDef::timestamp().fallible(),
        |mut given| time(&given.text()?, &given.text()?)
    ),
    pure!(
        "from_unix_timestamp",
        &[
            Parameter::required("value", INTEGER, ""),
            Parameter::optional("unit", BYTES, ""),
        ],
        |_| TypeDef::timestamp().fallible(),
        from_unix
    ),
    pure!(
        "to_unix_timestamp",
        &[Parameter::required("value", TIMESTAMP, "")],
        |_| TypeDef::integer(),
        |mut given| match given.value() {
            Value::Timestamp(time) => Ok(time.timestamp().into()),
            _ => Err(error("expected a time")),
        }
    ),
    pure!("fingerprint", TEXT, bytes, |mut given| {
        Ok(of_secret(&given.text()?).into())
    }),
    pure!(
        "keys",
        &[Parameter::required("value", OBJECT, "")],
        |_| TypeDef::array(Collection::from_unknown(Kind::bytes())),
        |mut given| match given.value() {
            Value::Object(members) => {
                let names = members.into_keys().map(Value::from);
                Ok(Value::Array(names.collect()))
            }
            _ => Err(error("expected an object")),
        }
    ),
];

fn regex(value: Value) -> Result<vrl::value::ValueRegex, ExpressionError> {
    match value {
        Value::Regex(regex) => Ok(regex),
        _ => Err(error("expected a regular expression")),
    }
}

fn split(mut given: Arguments) -> Resolved {
    let text = given.text()?;
    let pattern = given.value();
    let limit = match given.optional() {
        Some(Value::Integer(limit)) => usize::try_from(limit).unwrap_or(0),
        _ => usize::MAX,
    };
    let parts: Vec<Value> = match &pattern {
        Value::Regex(regex) => regex.splitn(&text, limit).map(Value::from).collect(),
        pattern => {
            let pattern = pattern.to_str_lossy().unwrap_or_default();
            text.splitn(limit, &*pattern).map(Value::from).collect()
        }
    };
    Ok(Value::Array(parts))
}

fn join(mut given: Arguments) -> Resolved {
    let Value::Array(parts) = given.value() else {
        return Err(error("expected a list"));
    };
    let separator = given.optional();
    let separator = separator.as_ref().and_then(Value::to_str_lossy);
    let separator = separator.as_deref().unwrap_or_default();
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        let part = part.to_str_lossy();
        let part = part.ok_or_else(|| error("expected a list of text"))?;
        if text.len() + separator.len() + part.len() > MOST_TEXT_BYTES {
            return Err(too_long());
        }
        if at > 0 {
            text.push_str(separator);
        }
        text.push_str(&part);
    }
    Ok(text.into())
}

/// The longest text that is made of others.
const MOST_TEXT_BYTES: usize = 4 << 20;

fn too_long() -> ExpressionError {
    error("what would come of it is too long")
}

fn replace(mut given: Arguments) -> Resolved {
    let text = given.text()?;
    let pattern = given.value();
    let with = given.text()?;
    // Between any two characters something may be found, which is nothing itself.
    let most = text.len().saturating_add(1).saturating_mul(with.len());
    if most > MOST_TEXT_BYTES && with.len() > 1 {
        let found = match &pattern {
            Value::Regex(regex) => regex.find_iter(&text).count(),
            pattern => text
                .matches(&*pattern.to_str_lossy().unwrap_or_default())
                .count(),
        };
        if found.saturating_mul(with.len()) > MOST_TEXT_BYTES {
            return Err(too_long());
        }
    }
    let Value::Regex(regex) = &pattern else {
        let pattern = pattern.to_str_lossy().unwrap_or_default();
        return Ok(text.replace(&*pattern, &with).into());
    };
    // As it is: names of groups in it would multiply what was found.
    let (mut replaced, mut behind) = (String::new(), 0);
    for found in regex.find_iter(&text) {
        replaced.push_str(text.get(behind..found.start()).unwrap_or_default());
        replaced.push_str(&with);
        behind = found.end();
    }
    replaced.push_str(text.get(behind..).unwrap_or_default());
    Ok(replaced.into())
}

fn slice(mut given: Arguments) -> Resolved {
    let text = given.text()?;
    let start = given.integer()?;
    let count = text.chars().count();
    let place = |at: i64| {
        let at = if at < 0 {
            at.saturating_add_unsigned(count as u64)
        } else {
            at
        };
        usize::try_from(at).unwrap_or(0).min(count)
    };
    let start = place(start);
    let end = match given.optional() {
        Some(Value::Integer(end)) => place(end),
        _ => count,
    };
    let part: String = text
        .chars()
        .skip(start)
        .take(end.saturating_sub(start))
        .collect();
    Ok(part.into())
}

fn parse_regex(mut given: Arguments) -> Resolved {
    let text = given.text()?;
    let regex = regex(given.value())?;
    let found = regex.captures(&text);
    let found = found.ok_or_else(|| error("the text does not match"))?;
    let named = regex.capture_names().flatten().map(|name| {
        let value = found
            .name(name)
            .map_or(Value::Null, |it| it.as_str().into());
        (name.into(), value)
    });
    Ok(Value::Object(named.collect()))
}

/// `a=1 b="two words"`.
fn parse_key_value(mut given: Arguments) -> Resolved {
    let text = given.text()?;
    let mut delimiter = |or: &str| {
        let given = given.optional();
        let given = given.as_ref().and_then(Value::to_str_lossy);
        given.map_or_else(|| or.to_owned(), |text| text.into_owned())
    };
    let (between, behind) = (delimiter("="), delimiter(" "));
    if between.is_empty() || behind.is_empty() {
        return Err(error("a delimiter is empty"));
    }
    let mut members = ObjectMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Some((name, after)) = rest.split_once(&*between) else {
            return Err(error("a key has no value"));
        };
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted
                .split_once('"')
                .ok_or_else(|| error("a quote is not closed"))?,
            None => after.split_once(&*behind).unwrap_or((after, "")),
        };
        members.insert(name.trim().into(), value.into());
        rest = after.trim_start();
        while let Some(after) = rest.strip_prefix(&*behind) {
            rest = after.trim_start();
        }
    }
    Ok(Value::Object(members))
}

fn parse_json(mut given: Arguments) -> Resolved {
    let text = given.text()?;
    plumbline_schemas::check_raw(text.as_bytes())
        .map_err(|_| error("too long, or nested too deep"))?;
    let json: Result<serde_json::Value, _> = serde_json::from_str(&text);
    let json = json.map_err(|problem| {
        let (line, column) = (problem.line(), problem.column());
        error(&format!("not JSON at line {line}, column {column}"))
    })?;
    Ok(json.into())
}

/// A time by a format of `strftime`; one without an offset is UTC.
fn time(text: &str, format: &str) -> Resolved {
    let utc = TimeZone::parse("UTC").ok_or_else(|| error("there is no UTC"))?;
    let time = Conversion::timestamp(format, utc).convert(text.to_owned().into());
    // Its own words quote the text.
    time.map_err(|_| error("the text is no time of that format"))
}

fn from_unix(mut given: Arguments) -> Resolved {
    let number = given.integer()?;
    let unit = given.optional();
    let unit = unit.as_ref().and_then(Value::to_str_lossy);
    let millis = match unit.as_deref().unwrap_or("seconds") {
        "seconds" => number.checked_mul(1000),
        "milliseconds" => Some(number),
        "microseconds" => Some(number.div_euclid(1000)),
        "nanoseconds" => Some(number.div_euclid(1_000_000)),
        _ => {
            return Err(error(
                "the unit is seconds, milliseconds, microseconds or nanoseconds",
            ));
        }
    };
    // Up to the year 9999.
    let millis = millis.filter(|millis| (0..253_402_300_800_000).contains(millis));
    let millis = millis.ok_or_else(|| error("no time, or one that is too far away"))?;
    let text = plumbline_schemas::time::EventTime::from_millis(millis).to_string();
    time(&text, "%+")
}
